//! `analysis quantiles`: exact quantiles of one column of a Parquet file or of a folder of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipeline::Fault;
use pipeline::config::did_you_mean;
use stats::{Estimator, Share};

/// What to read.
#[derive(Clone, Debug)]
pub struct Query {
    /// A Parquet file, or a folder that is searched for them.
    pub dataset: PathBuf,
    /// The column.
    pub column: String,
    /// Columns whose values make groups.
    pub by: Vec<String>,
    /// Only rows in which these columns have these values.
    pub filters: Vec<(String, String)>,
}

/// The quantiles of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Values of the `by` columns.
    pub key: Vec<String>,
    /// Values that were there.
    pub n: usize,
    /// Nulls that were not counted.
    pub nulls: usize,
    /// One value a share, in the order asked.
    pub values: Vec<Number>,
}

/// A value of an integer or a float column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Of an integer column, exact.
    Int(i64),
    /// Of a float column.
    Real(f64),
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Real(value) => value.fmt(f),
        }
    }
}

#[derive(Default)]
struct Values {
    ints: Vec<i64>,
    reals: Vec<f64>,
    nulls: usize,
}

/// Reads the column and sorts it: 8 bytes of memory a row.
///
/// # Errors
/// Exit 2 when there is no such file or column, or when it holds no numbers.
pub fn quantiles(query: &Query, shares: &[Share]) -> anyhow::Result<Vec<Group>> {
    let mut groups: BTreeMap<Vec<String>, Values> = BTreeMap::new();
    let mut known: Vec<String> = Vec::new();
    let mut read = 0;
    for file in files(&query.dataset)? {
        if read_file(&file, query, &mut groups, &mut known)? {
            read += 1;
        }
    }
    if read == 0 {
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        return Err(Fault::config(format!(
            "no Parquet file at {} has the column {}{}",
            query.dataset.display(),
            query.column,
            did_you_mean(&query.column, &names)
        ))
        .hint(format!("columns there are: {}", names.join(", ")))
        .into());
    }
    let estimator = Estimator::InverseCdf;
    let group = |(key, mut values): (Vec<String>, Values)| {
        values.ints.sort_unstable();
        values.reals.sort_unstable_by(f64::total_cmp);
        let pick = |&share: &Share| {
            let int = estimator.of_sorted(&values.ints, share).map(Number::Int);
            int.or_else(|| estimator.of_sorted(&values.reals, share).map(Number::Real))
        };
        Group {
            key,
            n: values.ints.len() + values.reals.len(),
            nulls: values.nulls,
            values: shares.iter().filter_map(pick).collect(),
        }
    };
    Ok(groups.into_iter().map(group).collect())
}

fn files(dataset: &Path) -> anyhow::Result<Vec<PathBuf>> {
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
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Adds the rows of one file; false when it lacks a column that is asked for.
fn read_file(
    path: &Path,
    query: &Query,
    groups: &mut BTreeMap<Vec<String>, Values>,
    known: &mut Vec<String>,
) -> anyhow::Result<bool> {
    let what = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(what)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| {
        Fault::config(format!("{} is not a complete Parquet file", path.display())).because(error)
    })?;
    let schema = builder.schema().clone();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let wanted: Vec<&str> = std::iter::once(query.column.as_str())
        .chain(query.by.iter().map(String::as_str))
        .chain(query.filters.iter().map(|(column, _)| column.as_str()))
        .collect();
    if !wanted.iter().all(|column| names.contains(column)) {
        for name in names {
            if !known.iter().any(|other| other == name) {
                known.push(name.to_owned());
            }
        }
        return Ok(false);
    }
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted.iter().copied());
    let reader =
        builder.with_projection(mask).with_batch_size(1 << 16).build().with_context(what)?;
    for batch in reader {
        add_batch(&batch.with_context(what)?, query, groups).with_context(what)?;
    }
    Ok(true)
}

fn add_batch(
    batch: &RecordBatch,
    query: &Query,
    groups: &mut BTreeMap<Vec<String>, Values>,
) -> anyhow::Result<()> {
    let column = |name: &str| -> anyhow::Result<ArrayRef> {
        Ok(batch.column_by_name(name).with_context(|| format!("no column {name}"))?.clone())
    };
    let text = |name: &str| Ok::<_, anyhow::Error>(cast(&column(name)?, &DataType::Utf8)?);
    let values = column(&query.column)?;
    let is_int = values.data_type().is_integer();
    if !is_int && !values.data_type().is_floating() {
        return Err(Fault::config(format!("column {} holds no numbers", query.column)).into());
    }
    let target = if is_int { DataType::Int64 } else { DataType::Float64 };
    let values = cast(&values, &target)?;
    let keys = query.by.iter().map(|name| text(name)).collect::<anyhow::Result<Vec<_>>>()?;
    let filters = query
        .filters
        .iter()
        .map(|(name, value)| Ok((text(name)?, value)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let word = |array: &ArrayRef, row: usize| {
        if array.is_valid(row) {
            array.as_string::<i32>().value(row).to_owned()
        } else {
            "null".to_owned()
        }
    };
    for row in 0..batch.num_rows() {
        if !filters.iter().all(|(array, value)| word(array, row) == **value) {
            continue;
        }
        let key: Vec<String> = keys.iter().map(|array| word(array, row)).collect();
        let group = groups.entry(key).or_default();
        if values.is_null(row) {
            group.nulls += 1;
        } else if is_int {
            group.ints.push(values.as_primitive::<Int64Type>().value(row));
        } else {
            group.reals.push(values.as_primitive::<Float64Type>().value(row));
        }
    }
    Ok(())
}
