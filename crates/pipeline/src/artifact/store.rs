//! Reading and writing artifacts: atomic, versioned, with provenance in the footer.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use arrow::datatypes::Schema;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::Artifact;
use crate::fault::Fault;
use crate::files;
use crate::provenance::Provenance;
use crate::run_dir::RunDir;

const NAME_KEY: &str = "tailmark.artifact";
const VERSION_KEY: &str = "tailmark.version-of-artifact";

/// Writes an artifact into its place in the run folder.
pub fn write<A: Artifact>(run: &RunDir, rows: &[A], provenance: &Provenance) -> anyhow::Result<()> {
    write_file(&run.artifact(A::NAME), rows, provenance)
}

/// Writes an artifact to any path, atomically.
pub fn write_file<A: Artifact>(
    path: &Path,
    rows: &[A],
    provenance: &Provenance,
) -> anyhow::Result<()> {
    let fields = A::fields();
    let schema = Arc::new(Schema::new(fields.clone()));
    let batch = serde_arrow::to_record_batch(&fields, &rows)
        .with_context(|| format!("rows of {} do not fit its schema", A::NAME))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(key_values(A::NAME, A::VERSION, provenance)))
        .build();
    files::write_atomic_with::<anyhow::Error>(path, |file| {
        let mut writer = ArrowWriter::try_new(file, schema, Some(properties))?;
        writer.write(&batch)?;
        writer.close()?;
        Ok(())
    })
    .with_context(|| format!("cannot write {}", path.display()))
}

/// Reads an artifact from its place in the run folder.
///
/// # Errors
/// Exit 2 with the stage to run first when it is missing, or when a newer Tailmark wrote it.
pub fn read<A: Artifact>(run: &RunDir) -> anyhow::Result<Vec<A>> {
    let path = run.artifact(A::NAME);
    if !path.exists() {
        return Err(Fault::config(format!("{} does not exist", path.display()))
            .hint(format!("run the stage {} on this run folder first", A::WRITER))
            .into());
    }
    read_file(&path)
}

/// Reads an artifact from any path.
pub fn read_file<A: Artifact>(path: &Path) -> anyhow::Result<Vec<A>> {
    let what = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(what)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| {
        Fault::config(format!("{} is not a complete Parquet file", path.display()))
            .hint(format!("run the stage {} again", A::WRITER))
            .because(error)
    })?;
    let metadata =
        builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    check_version(path, &metadata, A::NAME, A::VERSION)?;
    let mut rows = Vec::new();
    for batch in builder.build().with_context(what)? {
        let batch = batch.with_context(what)?;
        let mut part: Vec<A> = serde_arrow::from_record_batch(&batch).map_err(|error| {
            Fault::config(format!("{} does not have the columns of {}", path.display(), A::NAME))
                .because(error)
        })?;
        rows.append(&mut part);
    }
    Ok(rows)
}

/// The footer entries of an artifact: name, version, provenance.
pub fn key_values(name: &str, version: u32, provenance: &Provenance) -> Vec<KeyValue> {
    let own = [(NAME_KEY, name.to_owned()), (VERSION_KEY, version.to_string())];
    own.into_iter()
        .chain(provenance.iter().map(|(key, value)| (key, value.to_owned())))
        .map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .collect()
}

/// Refuses a file that is another artifact or that a newer Tailmark wrote (exit 2).
pub fn check_version(
    path: &Path,
    metadata: &[KeyValue],
    name: &str,
    version: u32,
) -> anyhow::Result<()> {
    let get = |key: &str| {
        metadata.iter().find(|entry| entry.key == key).and_then(|entry| entry.value.as_deref())
    };
    let found = get(NAME_KEY);
    if found != Some(name) {
        let what = found.map_or_else(
            || "not a Tailmark artifact".to_owned(),
            |found| format!("the artifact {found}"),
        );
        return Err(Fault::config(format!("{} is {what}, expected {name}", path.display())).into());
    }
    let found: u32 = get(VERSION_KEY).and_then(|text| text.parse().ok()).unwrap_or(0);
    if found > version {
        return Err(Fault::config(format!(
            "{} has version {found} of the artifact {name}; this Tailmark reads up to version {version}",
            path.display()
        ))
        .hint("update Tailmark, or use the version that wrote the run folder")
        .into());
    }
    Ok(())
}

/// All key–value pairs in the footer of a Parquet file.
pub fn footer(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let metadata =
        builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    Ok(metadata.into_iter().filter_map(|entry| Some((entry.key, entry.value?))).collect())
}

/// The provenance in the footer of an artifact.
pub fn provenance_of(path: &Path) -> anyhow::Result<Provenance> {
    Ok(footer(path)?.into_iter().filter(|(key, _)| key != "ARROW:schema").collect())
}

#[cfg(test)]
mod tests {
    use super::super::{ClaimRow, SummaryRow};
    use super::*;
    use crate::fault::{Exit, exit_of};
    use crate::verdict::Verdict;

    fn row() -> SummaryRow {
        SummaryRow {
            case: "base".into(),
            metric: "compute/p99".into(),
            estimate: Some(2.5e6),
            lower: None,
            upper: Some(3e6),
            confidence: 0.95,
            n: 770,
            n_effective: Some(103.0),
            unit: "ns".into(),
            estimator: "inverse-cdf".into(),
            scope: "rounds".into(),
            verdict: Verdict::TooShort,
            reasons: vec!["needs 367".into()],
        }
    }

    #[test]
    fn rows_come_back_as_they_went() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::new(dir.path());
        let provenance = Provenance::default().with("host.cpu", "test");
        write(&run, &[row(), row()], &provenance).unwrap();
        assert_eq!(read::<SummaryRow>(&run).unwrap(), [row(), row()]);
        let path = run.artifact("summary");
        assert_eq!(provenance_of(&path).unwrap().get("host.cpu"), Some("test"));
    }

    #[test]
    fn an_empty_artifact_has_its_schema() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::new(dir.path());
        write::<ClaimRow>(&run, &[], &Provenance::default()).unwrap();
        assert_eq!(read::<ClaimRow>(&run).unwrap(), []);
    }

    #[test]
    fn newer_foreign_missing_and_truncated_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::new(dir.path());
        let refuse = |what: &str| {
            let error = read::<SummaryRow>(&run).unwrap_err();
            assert_eq!(exit_of(&error), Exit::Config);
            assert!(format!("{error:#}").contains(what), "{error:#}");
        };
        refuse("does not exist");
        let properties = WriterProperties::builder()
            .set_key_value_metadata(Some(key_values("summary", 99, &Provenance::default())))
            .build();
        let fields = SummaryRow::fields();
        let batch = serde_arrow::to_record_batch(&fields, &[row()]).unwrap();
        let path = run.artifact("summary");
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        refuse("version 99");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        refuse("not a complete Parquet file");
        write_file::<ClaimRow>(&path, &[], &Provenance::default()).unwrap();
        refuse("the artifact claims");
    }
}
