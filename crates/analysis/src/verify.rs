//! `analysis verify RUN`: are the numbers of a run folder those of its samples?
//!
//! Three questions: does every file have the digest that the manifest gives it; do the tables follow from
//! the samples bit for bit; does the report follow from the tables byte for byte.

use std::fs;

use pipeline::artifact::{
    self, ClaimRow, ComparisonRow, PhaseRow, SummaryRow, VerdictRow, provenance_of,
};
use pipeline::{Exit, Fault, PipelineFile, RunDir};

use crate::analyse::Analysis;
use crate::config::Config;
use crate::load::load;
use crate::manifest::{Answer, Manifest, entry};
use crate::render::render;

/// Differences that are named; more are counted.
const MOST_NAMED: usize = 10;

/// What was checked and what was wrong.
#[derive(Debug, Default)]
pub struct Verified {
    /// Files whose digest was compared.
    pub digests: usize,
    /// Numbers that were derived again.
    pub numbers: usize,
    /// Bytes of reports and plots that were made again.
    pub bytes: usize,
    /// Differences, in words.
    pub differences: Vec<String>,
}

impl Verified {
    fn compare<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: impl FnOnce() -> String,
        found: &T,
        derived: &T,
    ) {
        self.numbers += 1;
        if found != derived {
            self.differences.push(format!("{}: {found:?} is written, {derived:?} follows", what()));
        }
    }

    fn compare_real(
        &mut self,
        what: impl FnOnce() -> String,
        found: Option<f64>,
        derived: Option<f64>,
    ) {
        self.numbers += 1;
        if found.map(f64::to_bits) != derived.map(f64::to_bits) {
            self.differences.push(format!("{}: {found:?} is written, {derived:?} follows", what()));
        }
    }
}

/// Verifies a run folder.
///
/// # Errors
/// Exit 2 when there is nothing to verify; exit 3 with the first differences when something disagrees.
pub fn verify(run: &RunDir) -> anyhow::Result<Verified> {
    let manifest = Manifest::read(run)?;
    let mut verified = Verified::default();
    check_digests(run, &manifest, &mut verified)?;
    let derived = derive(run);
    match derived {
        Ok(analysis) => {
            check_tables(run, &manifest, &analysis, &mut verified)?;
            check_report(run, &analysis, &mut verified)?;
        }
        // a broken file has been named by its digest
        Err(error) if verified.differences.is_empty() => return Err(error),
        Err(error) => verified.differences.push(format!("cannot derive anything: {error:#}")),
    }
    if verified.differences.is_empty() {
        return Ok(verified);
    }
    let total = verified.differences.len();
    let mut named = verified.differences;
    named.truncate(MOST_NAMED);
    let more = if total > MOST_NAMED {
        format!("\n  and {} more", total - MOST_NAMED)
    } else {
        String::new()
    };
    let version = manifest.provenance.get("tailmark.version").map_or("unknown", String::as_str);
    let own = env!("CARGO_PKG_VERSION");
    let hint = if version == own {
        "restore the files, or run the stage analysis again to derive everything from the samples"
            .to_owned()
    } else {
        format!(
            "the report was made by Tailmark {version}, this is {own}: verify with that version"
        )
    };
    Err(Fault::new(
        Exit::Verification,
        format!(
            "{} disagrees with itself in {total} places:\n  {}{more}",
            run.path().display(),
            named.join("\n  ")
        ),
    )
    .hint(hint)
    .into())
}

fn derive(run: &RunDir) -> anyhow::Result<Analysis> {
    let pipeline = PipelineFile::load(&run.pipeline_toml(), &[])?;
    let config: Config = pipeline.section("analysis")?;
    let loaded = load(run, config.baseline.as_str())?;
    Ok(Analysis::new(pipeline.header()?.name.to_string(), loaded, config))
}

fn check_digests(run: &RunDir, manifest: &Manifest, verified: &mut Verified) -> anyhow::Result<()> {
    for (name, expected) in &manifest.files {
        let path = run.path().join(name);
        verified.digests += 1;
        if !path.exists() {
            verified.differences.push(format!("{name} is missing"));
        } else if entry(&path)? != *expected {
            verified
                .differences
                .push(format!("{name} is not the file that the manifest describes"));
        }
    }
    Ok(())
}

fn check_tables(
    run: &RunDir,
    manifest: &Manifest,
    analysis: &Analysis,
    verified: &mut Verified,
) -> anyhow::Result<()> {
    let derived = analysis.verdict_rows();
    let verdicts: Vec<VerdictRow> = artifact::read(run)?;
    verified.compare(|| "verdicts.parquet".to_owned(), &verdicts, &derived);
    verified.compare(|| "manifest.json, verdicts".to_owned(), &manifest.verdicts, &derived);
    verified.compare(
        || "manifest.json, claims".to_owned(),
        &manifest.claims,
        &Answer::all(&analysis.claims),
    );
    check_summary(&artifact::read(run)?, &analysis.summary_rows(), verified);
    check_comparison(&artifact::read(run)?, &analysis.comparison, verified);
    let phases: Vec<PhaseRow> = artifact::read(run)?;
    verified.compare(|| "phases.parquet".to_owned(), &phases, &analysis.phase_rows());
    let claims: Vec<ClaimRow> = artifact::read(run)?;
    verified.compare(|| "claims.parquet, rows".to_owned(), &claims.len(), &analysis.claims.len());
    for (found, derived) in claims.iter().zip(&analysis.claims) {
        verified.compare(|| format!("claims.parquet, {}", found.claim), found, derived);
    }
    Ok(())
}

fn check_summary(found: &[SummaryRow], derived: &[SummaryRow], verified: &mut Verified) {
    verified.compare(|| "summary.parquet, rows".to_owned(), &found.len(), &derived.len());
    for (found, derived) in found.iter().zip(derived) {
        let at =
            |column: &str| format!("summary.parquet, {} {} {column}", derived.case, derived.metric);
        verified.compare_real(|| at("estimate"), found.estimate, derived.estimate);
        verified.compare_real(|| at("lower"), found.lower, derived.lower);
        verified.compare_real(|| at("upper"), found.upper, derived.upper);
        verified.compare_real(|| at("n_effective"), found.n_effective, derived.n_effective);
        verified.compare_real(
            || at("confidence"),
            Some(found.confidence),
            Some(derived.confidence),
        );
        verified.compare(|| at("n"), &found.n, &derived.n);
        let words = |row: &SummaryRow| {
            let names =
                [&row.case, &row.metric, &row.unit, &row.estimator, &row.scope].map(String::clone);
            (names, row.verdict, row.reasons.clone())
        };
        verified.compare(|| at("words"), &words(found), &words(derived));
    }
}

fn check_comparison(found: &[ComparisonRow], derived: &[ComparisonRow], verified: &mut Verified) {
    verified.compare(|| "comparison.parquet, rows".to_owned(), &found.len(), &derived.len());
    for (found, derived) in found.iter().zip(derived) {
        let at = |column: &str| {
            format!("comparison.parquet, {} {} {column}", derived.case, derived.metric)
        };
        verified.compare_real(|| at("ratio"), found.ratio, derived.ratio);
        verified.compare_real(|| at("lower"), found.lower, derived.lower);
        verified.compare_real(|| at("upper"), found.upper, derived.upper);
        verified.compare(|| at("row"), found, derived);
    }
}

fn check_report(run: &RunDir, analysis: &Analysis, verified: &mut Verified) -> anyhow::Result<()> {
    let provenance = provenance_of(&run.artifact("summary"))?;
    for file in render(analysis, &provenance)? {
        verified.bytes += file.bytes.len();
        let Ok(found) = fs::read(run.path().join(&file.path)) else {
            verified.differences.push(format!("{} is missing", file.path));
            continue;
        };
        if found != file.bytes {
            let at = found.iter().zip(&file.bytes).position(|(a, b)| a != b);
            let at = at.unwrap_or(found.len().min(file.bytes.len()));
            verified.differences.push(format!(
                "{} at byte {at}: {:?} is written, {:?} follows",
                file.path,
                excerpt(&found, at),
                excerpt(&file.bytes, at)
            ));
        }
    }
    Ok(())
}

/// Some text around a place in a file.
fn excerpt(bytes: &[u8], at: usize) -> String {
    let window = &bytes[at.saturating_sub(12).min(bytes.len())..(at + 20).min(bytes.len())];
    String::from_utf8_lossy(window).into_owned()
}
