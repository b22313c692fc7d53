//! Which files of a dataset have the columns that are asked for, and in how many row groups.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use pipeline::Fault;
use pipeline::config::did_you_mean;

use super::Query;
use crate::workers::each;

/// Columns that tell series of one file apart: rounds follow each other, streams of a round run side by side.
pub(super) const SERIES: [&str; 2] = ["round", "stream"];

/// What the column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Integers.
    Int,
    /// Floats.
    Real,
}

/// A file that has every column that is asked for.
#[derive(Clone, Debug)]
pub(super) struct DataFile {
    pub(super) path: PathBuf,
    /// Rows of each row group.
    pub(super) row_groups: Vec<u64>,
    /// Those of [`SERIES`] that it has.
    pub(super) series: Vec<String>,
    kind: Kind,
}

/// A row group: what one thread reads at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// Index of the file.
    pub(super) file: usize,
    /// Index of the row group in it.
    pub(super) row_group: usize,
}

/// The files that will be read.
#[derive(Clone, Debug)]
pub(super) struct Dataset {
    /// In the order of their paths.
    pub(super) files: Vec<DataFile>,
    /// In the order of the files.
    pub(super) units: Vec<Unit>,
    /// What the column holds in all of them.
    pub(super) kind: Kind,
}

/// What a look at a footer tells.
enum Seen {
    Fits(DataFile),
    /// It lacks a column; these are there.
    Lacks(Vec<String>),
}

impl Dataset {
    /// Looks at the footer of every file.
    ///
    /// # Errors
    /// Exit 2 when there is no such file or column, when a file is no Parquet, or when the column holds no numbers.
    pub(super) fn find(query: &Query) -> anyhow::Result<Self> {
        let paths = paths(&query.dataset)?;
        let mut files: Vec<DataFile> = Vec::new();
        let mut known = BTreeSet::new();
        for seen in each(paths.len(), |k| look(&paths[k], query))? {
            match seen {
                Seen::Fits(file) => files.push(file),
                Seen::Lacks(names) => known.extend(names),
            }
        }
        let Some(first) = files.first() else { return Err(no_column(query, &known).into()) };
        let kind = first.kind;
        if let Some(other) = files.iter().find(|file| file.kind != kind) {
            return Err(Fault::config(format!(
                "column {} holds integers and floats: {} and {} differ",
                query.column,
                first.path.display(),
                other.path.display()
            ))
            .hint("name files or a folder of one kind")
            .into());
        }
        let groups = |(file, data): (usize, &DataFile)| {
            (0..data.row_groups.len()).map(move |row_group| Unit { file, row_group })
        };
        let units = files.iter().enumerate().flat_map(groups).collect();
        Ok(Self { files, units, kind })
    }

    /// Rows of a row group.
    pub(super) fn rows(&self, unit: Unit) -> u64 {
        self.files[unit.file].row_groups[unit.row_group]
    }
}

fn no_column(query: &Query, known: &BTreeSet<String>) -> Fault {
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let wanted = std::iter::once(&query.column).chain(&query.by);
    let wanted: Vec<&String> = wanted.chain(query.filters.iter().map(|(name, _)| name)).collect();
    let missing = wanted.iter().find(|name| !known.contains(**name)).unwrap_or(&wanted[0]);
    let at = query.dataset.display();
    if names.is_empty() {
        return Fault::config(format!("there is no Parquet file at {at}"))
            .hint("name a Parquet file or a folder that holds some");
    }
    Fault::config(format!(
        "no Parquet file at {at} has the column {missing}{}",
        did_you_mean(missing, &names)
    ))
    .hint(format!("columns there are: {}", names.join(", ")))
}

/// The Parquet files of a dataset, sorted.
fn paths(dataset: &Path) -> anyhow::Result<Vec<PathBuf>> {
    // `results/runs/**`, as other engines write it
    let dataset = if dataset.ends_with("**") {
        dataset.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    } else {
        dataset
    };
    if dataset.is_file() {
        return Ok(vec![dataset.to_owned()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![dataset.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| {
            Fault::config(format!("cannot read {}", folder.display()))
                .hint("name a Parquet file or a folder that holds some")
                .because(error)
        })?;
        for entry in entries.flatten() {
            let path = entry.path();
            let is_folder = match entry.file_type() {
                Ok(kind) if !kind.is_symlink() => kind.is_dir(),
                _ => path.is_dir(),
            };
            if is_folder {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn look(path: &Path, query: &Query) -> anyhow::Result<Seen> {
    let (_, metadata) = open(path, &[])?;
    let fields = metadata.schema().fields();
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let has = |name: &str| names.contains(&name) || in_path(path, name).is_some();
    let columns = query.by.iter().chain(query.filters.iter().map(|(name, _)| name));
    let column = fields.iter().find(|field| *field.name() == query.column);
    let (Some(column), true) = (column, columns.into_iter().all(|name| has(name))) else {
        return Ok(Seen::Lacks(names.into_iter().map(str::to_owned).collect()));
    };
    let kind = if column.data_type().is_integer() {
        Kind::Int
    } else if column.data_type().is_floating() {
        Kind::Real
    } else {
        let message = format!("column {} of {} holds no numbers", query.column, path.display());
        return Err(Fault::config(message).into());
    };
    let row_groups = metadata.metadata().row_groups().iter();
    let series = SERIES.into_iter().filter(|name| names.contains(name));
    Ok(Seen::Fits(DataFile {
        path: path.to_owned(),
        row_groups: row_groups.map(|group| group.num_rows().max(0) as u64).collect(),
        series: series.map(str::to_owned).collect(),
        kind,
    }))
}

/// Opens a file and reads its footer; the texts of `coded` columns will come as numbers with a dictionary.
pub(super) fn open(path: &Path, coded: &[&str]) -> anyhow::Result<(File, ArrowReaderMetadata)> {
    let file = File::open(path)
        .map_err(|error| Fault::config(format!("cannot read {}", path.display())).because(error))?;
    let incomplete = |error| {
        Fault::config(format!("{} is not a complete Parquet file", path.display())).because(error)
    };
    // the types of Parquet are enough, and what Arrow adds to them costs more than the rest of the footer
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(&file, options);
    let metadata = metadata.map_err(incomplete)?;
    let is_coded = |field: &Field| {
        *field.data_type() == DataType::Utf8 && coded.contains(&field.name().as_str())
    };
    if !metadata.schema().fields().iter().any(|field| is_coded(field)) {
        return Ok((file, metadata));
    }
    let field = |field: &Field| {
        if is_coded(field) {
            let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            field.clone().with_data_type(coded)
        } else {
            field.clone()
        }
    };
    let fields: Vec<Field> = metadata.schema().fields().iter().map(|f| field(f)).collect();
    let options = ArrowReaderOptions::new().with_schema(Schema::new(fields).into());
    let metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options);
    Ok((file, metadata.map_err(incomplete)?))
}

/// What a folder `name=value` above a file says: `run` of `pipeline=resnet50/run=20261124T101500Z-0a1b/samples`.
pub(super) fn in_path<'a>(path: &'a Path, name: &str) -> Option<&'a str> {
    let parts = path.parent()?.components().rev();
    parts
        .filter_map(|part| part.as_os_str().to_str()?.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}
