//! Rows → Parquet: delta-coded integers, atomic files; traces that memory does not hold come batch by batch.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::{INTEGERS, NAME, Sample, VERSION, schema};
use crate::artifact::key_values;
use crate::files;
use crate::provenance::Provenance;

/// Writes samples of one case atomically. They are sorted in place first.
pub fn write(
    path: &Path,
    case: &str,
    samples: &mut [Sample],
    provenance: &Provenance,
) -> anyhow::Result<()> {
    samples.sort_unstable_by_key(|s| (s.round, s.stream, s.seq));
    let batch = batch(case, samples)?;
    files::write_atomic_with::<anyhow::Error>(path, |file| write_batch(file, &batch, provenance))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes samples of one case atomically, batch by batch as `fill` gives them: for traces that memory does not hold.
///
/// # Errors
/// What `fill` says; rows that are not in the order of round, stream and seq.
pub fn write_stream(
    path: &Path,
    case: &str,
    provenance: &Provenance,
    fill: impl FnOnce(&mut Sink<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    files::write_atomic_with::<anyhow::Error>(path, |file| {
        let writer = ArrowWriter::try_new(file, schema(), Some(properties(provenance)))?;
        let mut sink = Sink { case, writer, last: None };
        fill(&mut sink)?;
        sink.writer.close()?;
        Ok(())
    })
    .with_context(|| format!("cannot write {}", path.display()))
}

/// Where [`write_stream`] takes rows.
pub struct Sink<'a> {
    case: &'a str,
    writer: ArrowWriter<&'a mut File>,
    last: Option<(i64, i64, i64)>,
}

impl Sink<'_> {
    /// Adds rows that follow those before in the order of round, stream and seq.
    pub fn add(&mut self, samples: &[Sample]) -> anyhow::Result<()> {
        for sample in samples {
            let place = (sample.round, sample.stream, sample.seq);
            anyhow::ensure!(self.last < Some(place), "{place:?} does not follow {:?}", self.last);
            self.last = Some(place);
        }
        Ok(self.writer.write(&batch(self.case, samples)?)?)
    }
}

pub(super) fn write_batch(
    file: &mut File,
    batch: &RecordBatch,
    provenance: &Provenance,
) -> anyhow::Result<()> {
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties(provenance)))?;
    writer.write(batch)?;
    writer.close()?;
    Ok(())
}

pub(super) fn batch(case: &str, samples: &[Sample]) -> anyhow::Result<RecordBatch> {
    let required = |get: fn(&Sample) -> i64| -> Arc<dyn Array> {
        Arc::new(Int64Array::from_iter_values(samples.iter().map(get)))
    };
    let optional = |get: fn(&Sample) -> Option<i64>| -> Arc<dyn Array> {
        Arc::new(samples.iter().map(get).collect::<Int64Array>())
    };
    let text = |get: &dyn Fn(&Sample) -> &'static str| -> Arc<dyn Array> {
        Arc::new(StringArray::from_iter_values(samples.iter().map(get)))
    };
    let cases: Arc<dyn Array> =
        Arc::new(StringArray::from_iter_values(samples.iter().map(|_| case)));
    let columns = vec![
        cases,
        required(|s| s.round),
        required(|s| s.stream),
        required(|s| s.seq),
        text(&|s| s.phase.as_str()),
        required(|s| s.issue_ns),
        optional(|s| s.enqueue_ns),
        optional(|s| s.h2d_ns),
        required(|s| s.compute_ns),
        optional(|s| s.d2h_ns),
        optional(|s| s.start_ns),
        required(|s| s.done_ns),
        optional(|s| s.scheduled_ns),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

fn properties(provenance: &Provenance) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(key_values(NAME, VERSION, provenance)));
    for (name, _) in INTEGERS {
        let column = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    builder.build()
}
