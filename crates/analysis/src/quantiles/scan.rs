//! One pass over the rows of a dataset: each row group in batches, each batch in runs of rows that belong together.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::Context as _;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::compute::{CastOptions, cast, cast_with_options, partition};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use pipeline::Fault;

use super::Query;
use super::dataset::{DataFile, Dataset, Kind, SERIES, Unit, in_path, open};
use super::number::key_of;
use crate::workers::spread;

/// Rows of a batch: its values stay in the second cache.
const BATCH: usize = 1 << 15;

/// Neighbouring rows of one group.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    /// Place of the row group among all.
    pub(super) unit: usize,
    /// Values of the `by` columns.
    pub(super) group: &'a [String],
    /// Values of [`SERIES`]; empty unless they were asked for.
    pub(super) series: &'a [String],
    /// Values that are there, in order; floats as keys that sort like them.
    pub(super) values: &'a [i64],
    /// The same before they became keys; empty in a column of integers.
    pub(super) reals: &'a [f64],
    /// Rows without a value.
    pub(super) nulls: usize,
}

/// What to read, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) query: &'a Query,
    /// Also tells series apart.
    pub(super) series: bool,
}

/// The file that a thread has open.
#[derive(Default)]
struct Opened(Option<(usize, File, ArrowReaderMetadata)>);

impl<'a> Scan<'a> {
    /// Visits every row.
    pub(super) fn all<S: Send>(
        &self,
        state: impl Fn() -> S + Sync,
        visit: impl Fn(&mut S, &Rows<'_>) -> anyhow::Result<()> + Sync,
    ) -> anyhow::Result<Vec<S>> {
        let units: Vec<usize> = (0..self.dataset.units.len()).collect();
        self.some(&units, usize::MAX, state, visit)
    }

    /// Visits the first `limit` rows of some row groups.
    pub(super) fn some<S: Send>(
        &self,
        units: &[usize],
        limit: usize,
        state: impl Fn() -> S + Sync,
        visit: impl Fn(&mut S, &Rows<'_>) -> anyhow::Result<()> + Sync,
    ) -> anyhow::Result<Vec<S>> {
        let states = spread(
            units.len(),
            || (Opened::default(), state()),
            |(opened, state), k| self.unit(opened, units[k], limit, &mut |rows| visit(state, rows)),
        )?;
        Ok(states.into_iter().map(|(_, state)| state).collect())
    }

    fn unit(
        &self,
        opened: &mut Opened,
        unit: usize,
        limit: usize,
        visit: &mut dyn FnMut(&Rows<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Unit { file: index, row_group } = self.dataset.units[unit];
        let data = &self.dataset.files[index];
        let what = || format!("cannot read {}", data.path.display());
        let wanted = self.wanted(data);
        if opened.0.as_ref().is_none_or(|(open, ..)| *open != index) {
            let (file, metadata) = open(&data.path, &wanted)?;
            opened.0 = Some((index, file, metadata));
        }
        let Some((_, file, metadata)) = &opened.0 else { return Ok(()) };
        let file = file.try_clone().with_context(what)?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
        let mask = ProjectionMask::columns(builder.parquet_schema(), wanted.iter().copied());
        let mut builder = builder.with_row_groups(vec![row_group]).with_projection(mask);
        if limit < usize::MAX {
            builder = builder.with_limit(limit);
        }
        let names = self.names(data);
        // room is made for a whole batch, which thousands of small files do not need
        let rows = usize::try_from(self.dataset.rows(self.dataset.units[unit])).unwrap_or(BATCH);
        let size = BATCH.min(limit).min(rows.max(1));
        let mut reader = builder.with_batch_size(size).build().with_context(what)?;
        while let Some(batch) = guarded(|| reader.next(), &data.path)? {
            self.batch(&batch, &names, unit, visit)?;
        }
        Ok(())
    }

    /// Columns that are read from a file.
    fn wanted(&self, data: &'a DataFile) -> Vec<&'a str> {
        let query = self.query;
        let mut names = vec![query.column.as_str()];
        names.extend(query.by.iter().map(String::as_str));
        names.extend(query.filters.iter().map(|(name, _)| name.as_str()));
        if self.series {
            names.extend(data.series.iter().map(String::as_str));
        }
        names
    }

    fn names(&self, data: &'a DataFile) -> Names<'a> {
        let source = |name: &'a str| Source { name, constant: in_path(&data.path, name) };
        let query = self.query;
        Names {
            by: query.by.iter().map(|name| source(name)).collect(),
            filters: query
                .filters
                .iter()
                .map(|(name, value)| (source(name), value.as_str()))
                .collect(),
            series: if self.series { SERIES.map(source).into() } else { Vec::new() },
        }
    }

    fn batch(
        &self,
        batch: &RecordBatch,
        names: &Names<'_>,
        unit: usize,
        visit: &mut dyn FnMut(&Rows<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let column = batch.column_by_name(&self.query.column);
        let column = Numbers::new(column.context("the column is gone")?, self.dataset.kind)?;
        let keys = names.columns(batch);
        let runs = if keys.is_empty() {
            std::iter::once(0..batch.num_rows()).collect()
        } else {
            partition(&keys)?.ranges()
        };
        let mut scratch = Scratch::default();
        for run in runs {
            let words = names.words(batch, run.start)?;
            let Some((group, series)) = words else { continue };
            let (values, reals) = column.slice(run.clone(), &mut scratch);
            visit(&Rows {
                unit,
                group: &group,
                series: &series,
                values,
                reals,
                nulls: run.len() - values.len(),
            })?;
        }
        Ok(())
    }
}

/// The next batch. A page whose bytes are wrong makes the decoder fail or panic (it is built with checks of
/// overflow), and both are the file's fault.
fn guarded(
    next: impl FnOnce() -> Option<Result<RecordBatch, ArrowError>>,
    path: &Path,
) -> anyhow::Result<Option<RecordBatch>> {
    let damaged = || {
        Fault::config(format!("{} is damaged", path.display()))
            .hint("copy it again, or name other files")
    };
    // the reader is dropped when it panicked
    match catch_unwind(AssertUnwindSafe(next)) {
        Ok(batch) => Ok(batch.transpose().map_err(|error| damaged().because(error))?),
        Err(_) => Err(damaged().into()),
    }
}

/// A column that makes groups, chooses rows or tells series apart.
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    name: &'a str,
    /// What the path of the file says; a column of the file goes before it.
    constant: Option<&'a str>,
}

impl Source<'_> {
    fn word(&self, batch: &RecordBatch, row: usize) -> anyhow::Result<String> {
        let Some(column) = batch.column_by_name(self.name) else {
            return Ok(self.constant.unwrap_or("null").to_owned());
        };
        let one = cast(&column.slice(row, 1), &DataType::Utf8)?;
        Ok(if one.is_valid(0) {
            one.as_string::<i32>().value(0).to_owned()
        } else {
            "null".to_owned()
        })
    }
}

/// The columns beside the one of numbers.
struct Names<'a> {
    by: Vec<Source<'a>>,
    filters: Vec<(Source<'a>, &'a str)>,
    series: Vec<Source<'a>>,
}

impl Names<'_> {
    fn columns(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        let filters = self.filters.iter().map(|(source, _)| source);
        let all = self.by.iter().chain(filters).chain(&self.series);
        all.filter_map(|source| batch.column_by_name(source.name).cloned()).collect()
    }

    /// Group and series of a row; `None` when it is filtered out.
    fn words(
        &self,
        batch: &RecordBatch,
        row: usize,
    ) -> anyhow::Result<Option<(Vec<String>, Vec<String>)>> {
        for (source, value) in &self.filters {
            if source.word(batch, row)? != *value {
                return Ok(None);
            }
        }
        let words = |sources: &[Source<'_>]| {
            sources.iter().map(|source| source.word(batch, row)).collect::<anyhow::Result<Vec<_>>>()
        };
        Ok(Some((words(&self.by)?, words(&self.series)?)))
    }
}

/// The column of numbers in one batch.
enum Numbers {
    Ints(Int64Array),
    Reals(Float64Array),
}

/// Room for values that do not stand side by side in the column.
#[derive(Default)]
struct Scratch {
    keys: Vec<i64>,
    reals: Vec<f64>,
}

impl Numbers {
    fn new(column: &ArrayRef, kind: Kind) -> anyhow::Result<Self> {
        // an unsigned value beyond 2^63 is an error, not a null
        let options = CastOptions { safe: false, ..CastOptions::default() };
        Ok(match kind {
            Kind::Int => {
                let ints = cast_with_options(column, &DataType::Int64, &options)?;
                Self::Ints(ints.as_primitive::<Int64Type>().clone())
            }
            Kind::Real => {
                let reals = cast_with_options(column, &DataType::Float64, &options)?;
                Self::Reals(reals.as_primitive::<Float64Type>().clone())
            }
        })
    }

    /// Values of some rows, as keys and, of floats, as they are.
    fn slice<'a>(
        &'a self,
        rows: std::ops::Range<usize>,
        scratch: &'a mut Scratch,
    ) -> (&'a [i64], &'a [f64]) {
        match self {
            Self::Ints(column) if column.null_count() == 0 => (&column.values()[rows], &[]),
            Self::Ints(column) => {
                scratch.keys.clear();
                let there = rows.filter(|&row| column.is_valid(row));
                scratch.keys.extend(there.map(|row| column.value(row)));
                (&scratch.keys, &[])
            }
            Self::Reals(column) => {
                scratch.reals.clear();
                let there = rows.filter(|&row| column.is_valid(row));
                scratch.reals.extend(there.map(|row| column.value(row)));
                scratch.keys.clear();
                scratch.keys.extend(scratch.reals.iter().map(|&real| key_of(real)));
                (&scratch.keys, &scratch.reals)
            }
        }
    }
}
