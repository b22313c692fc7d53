//! Reads a run folder, as far as it can be read: a killed run has samples that no row of `cases` tells of.

use std::collections::BTreeMap;
use std::fs;

use pipeline::artifact::{
    self, Artifact, CaseRow, EngineRow, LayerErrorRow, ModelRow, TelemetryRow, VerifyRow,
    provenance_of,
};
use pipeline::samples::{self, Phase, Sample};
use pipeline::{Fault, PipelineFile, Provenance, RunDir, Verdict};

use crate::import::BACKEND;
use crate::memory;
use crate::workers::each;

/// Everything that was measured.
#[derive(Debug)]
pub struct Run {
    /// The folder.
    pub dir: RunDir,
    /// Cases, the baseline first, then by streams, graph and name.
    pub cases: Vec<Case>,
    /// Sensors; `None` when there is no file.
    pub telemetry: Option<Vec<TelemetryRow>>,
    /// Builds; empty when there is no file.
    pub engines: Vec<EngineRow>,
    /// Models; empty when there is no file.
    pub models: Vec<ModelRow>,
    /// Verification; empty when there is no file.
    pub verify: Vec<VerifyRow>,
    /// Comparison layer by layer; empty when there is no file.
    pub layer_errors: Vec<LayerErrorRow>,
    /// Footer of `cases.parquet`, or of `engines.parquet` in a run that measured nothing.
    pub provenance: Provenance,
    /// Why the run is not whole; empty when it is.
    pub interrupted: Vec<String>,
}

/// One mode in all its rounds.
#[derive(Debug)]
pub struct Case {
    /// Name of the mode.
    pub name: String,
    /// Rows of `cases`, by round; empty when the runner was killed before it wrote one.
    pub rows: Vec<CaseRow>,
    /// Rounds that have samples.
    pub rounds: Vec<Round>,
}

/// The samples of one round.
#[derive(Debug)]
pub struct Round {
    /// From 0.
    pub index: i64,
    /// Whether `cases` has a row for it that tells of no interruption.
    pub complete: bool,
    /// Samples that count, in order of completion.
    pub steady: Vec<Sample>,
    /// Samples before them, in order of completion.
    pub warm_up: Vec<Sample>,
}

impl Case {
    /// What was asked and achieved; the same in every round.
    pub fn setup(&self) -> Option<&CaseRow> {
        self.rows.iter().find(|row| row.verdict != Verdict::Skipped).or(self.rows.first())
    }

    /// Streams that ran.
    pub fn streams(&self) -> i64 {
        let seen = self.samples().map(|sample| sample.stream + 1).max();
        // imported rows do not tell their stream
        let told = self.setup().map(|row| row.achieved_streams).filter(|&streams| streams > 0);
        let asked = || self.setup().map(|row| row.requested_streams);
        seen.max(told).or_else(asked).unwrap_or(1)
    }

    /// Whether trtexec measured it: its quantiles are then estimated as trtexec does.
    pub fn is_of_trtexec(&self) -> bool {
        self.setup().is_some_and(|row| row.backend == BACKEND)
    }

    /// Whether the backend could not do the mode in any round, and why.
    pub fn skipped(&self) -> Option<String> {
        let all = !self.rows.is_empty()
            && self.rounds.is_empty()
            && self.rows.iter().all(|row| row.verdict == Verdict::Skipped);
        all.then(|| {
            let row = &self.rows[0];
            row.reasons.first().or(row.error.as_ref()).cloned().unwrap_or_default()
        })
    }

    /// Samples that count, round by round, in order of completion.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.rounds.iter().flat_map(|round| &round.steady)
    }
}

/// Reads a run folder.
///
/// # Errors
/// Exit 2 when there is neither `cases.parquet` nor a sample, unless the pipeline builds engines and runs none;
/// and when a file is damaged or newer; exit 4 when memory is too small for its samples.
pub fn load(dir: &RunDir, baseline: &str) -> anyhow::Result<Run> {
    let names = names_of_samples(dir);
    let cases_path = dir.artifact(CaseRow::NAME);
    let mut interrupted = Vec::new();
    let (rows, provenance) = if cases_path.exists() {
        (artifact::read::<CaseRow>(dir)?, provenance_of(&cases_path)?)
    } else if names.is_empty() && builds_alone(dir) {
        (Vec::new(), provenance_of(&dir.artifact(EngineRow::NAME))?)
    } else if names.is_empty() {
        return Err(Fault::config(format!("{} does not exist", cases_path.display()))
            .hint("run the stage runner on this run folder first")
            .into());
    } else {
        interrupted.push("cases.parquet was never written: the runner was killed".to_owned());
        (Vec::new(), Provenance::default())
    };
    let mut grouped: BTreeMap<String, Vec<CaseRow>> =
        names.iter().map(|name| (name.clone(), Vec::new())).collect();
    for row in rows {
        grouped.entry(row.case.clone()).or_default().push(row);
    }
    let rounds = grouped.values().map(Vec::len).max().unwrap_or(0);
    let grouped: Vec<(String, Vec<CaseRow>)> = grouped.into_iter().collect();
    memory::enough_for(dir, &names)?;
    let loaded = each(grouped.len(), |k| {
        let (name, rows) = &grouped[k];
        load_case(dir, name.clone(), names.contains(name), rows.clone())
    })?;
    let mut cases = Vec::new();
    for case in loaded {
        interrupted.extend(interruptions(&case, rounds));
        cases.push(case);
    }
    cases.sort_by_key(|case| {
        let setup = case.setup();
        (
            case.name != baseline,
            setup.map_or_else(|| case.streams(), |row| row.requested_streams),
            setup.is_some_and(|row| row.requested_graph),
            case.name.clone(),
        )
    });
    Ok(Run {
        dir: dir.clone(),
        cases,
        telemetry: read_optional(dir)?,
        engines: read_optional(dir)?.unwrap_or_default(),
        models: read_optional(dir)?.unwrap_or_default(),
        verify: read_optional(dir)?.unwrap_or_default(),
        layer_errors: read_optional(dir)?.unwrap_or_default(),
        provenance,
        interrupted,
    })
}

/// Whether the pipeline has no runner and its engines were built.
fn builds_alone(dir: &RunDir) -> bool {
    let pipeline = PipelineFile::load(&dir.pipeline_toml(), &[]);
    let has_runner = pipeline.and_then(|file| file.has("runner")).unwrap_or(true);
    !has_runner && dir.artifact(EngineRow::NAME).exists()
}

fn read_optional<A: Artifact>(dir: &RunDir) -> anyhow::Result<Option<Vec<A>>> {
    if dir.artifact(A::NAME).exists() { artifact::read(dir).map(Some) } else { Ok(None) }
}

/// Cases that have sample files: `<case>.parquet`, `<case>.parquet.part` of a joining that was cut off,
/// or `<case>-r<round>-<k>.parquet` of a measurement that was. A part that was never finished holds nothing.
fn names_of_samples(dir: &RunDir) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir.samples()) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|file| case_of_file(&file).map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn case_of_file(file: &str) -> Option<&str> {
    let (name, finished) = match file.strip_suffix(".part") {
        Some(name) => (name, false),
        None => (file, true),
    };
    let stem = name.strip_suffix(".parquet")?;
    match case_of_part(stem) {
        Some(case) => finished.then_some(case),
        None => Some(stem),
    }
}

/// `base` for `base-r0-0003`.
pub(crate) fn case_of_part(stem: &str) -> Option<&str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (rest, part) = stem.rsplit_once('-')?;
    let (case, round) = rest.rsplit_once("-r")?;
    (digits(part) && digits(round)).then_some(case)
}

fn load_case(
    dir: &RunDir,
    name: String,
    has_file: bool,
    mut rows: Vec<CaseRow>,
) -> anyhow::Result<Case> {
    rows.sort_by_key(|row| row.round);
    let measured = rows.iter().any(|row| row.n > 0 || row.n_warm_up > 0);
    let samples = if has_file {
        samples::read(dir, &name)?
    } else if measured {
        return Err(Fault::config(format!(
            "cases.parquet tells of samples of {name}, but {} does not exist",
            dir.samples_of(&name).display()
        ))
        .hint("the run folder was copied in part; copy it again, or run the stage runner again")
        .into());
    } else {
        Vec::new()
    };
    let mut rounds: Vec<Round> = Vec::new();
    for sample in samples {
        if rounds.last().is_none_or(|round| round.index != sample.round) {
            rounds.push(Round {
                index: sample.round,
                complete: rows.iter().any(|row| row.round == sample.round && !cut_off(row)),
                steady: Vec::new(),
                warm_up: Vec::new(),
            });
        }
        if let Some(round) = rounds.last_mut() {
            match sample.phase {
                Phase::Steady => round.steady.push(sample),
                Phase::WarmUp => round.warm_up.push(sample),
            }
        }
    }
    for round in &mut rounds {
        let order = |sample: &Sample| (sample.done_ns, sample.stream, sample.seq);
        round.steady.sort_unstable_by_key(order);
        round.warm_up.sort_unstable_by_key(order);
    }
    Ok(Case { name, rows, rounds })
}

/// Whether the runner says that it was stopped in this round.
fn cut_off(row: &CaseRow) -> bool {
    row.reasons.iter().chain(&row.error).any(|reason| reason.contains("interrupted"))
}

/// Rounds that were cut off or never begun, in words.
fn interruptions(case: &Case, rounds: usize) -> Vec<String> {
    let orphans =
        case.rounds.iter().filter(|round| !case.rows.iter().any(|row| row.round == round.index));
    let mut found: Vec<String> = orphans
        .map(|round| {
            format!(
                "`{}`: round {} has samples but no row in cases.parquet",
                case.name,
                round.index + 1
            )
        })
        .collect();
    for row in &case.rows {
        let reasons = row.reasons.iter().chain(&row.error);
        let told = reasons.filter(|reason| reason.contains("interrupted"));
        found.extend(
            told.map(|reason| format!("`{}`, round {}: {reason}", case.name, row.round + 1)),
        );
    }
    if found.is_empty() && case.rows.len() < rounds {
        found.push(format!("`{}` has {} of {rounds} rounds", case.name, case.rows.len()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_name_their_case() {
        assert_eq!(case_of_part("base-r0-0003"), Some("base"));
        assert_eq!(case_of_part("streams-2-r12-0000"), Some("streams-2"));
        assert_eq!(case_of_part("streams-2"), None);
        assert_eq!(case_of_part("camera-r-3"), None);
        assert_eq!(case_of_part("base-r-r1-1"), Some("base-r"));
        assert_eq!(case_of_file("base-r0-0003.parquet"), Some("base"));
        assert_eq!(case_of_file("base-r0-0003.parquet.part"), None);
        assert_eq!(case_of_file("base.parquet.part"), Some("base"));
        assert_eq!(case_of_file("notes.txt"), None);
    }
}
