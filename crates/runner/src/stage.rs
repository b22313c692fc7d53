//! The stage: reads `engines.parquet` and `references.parquet`, measures, writes `cases`, `samples` and `telemetry`.

use anyhow::Context as _;
use pipeline::artifact::{Artifact, CaseRow, EngineRow};
use pipeline::stage::{Context, Outcome, Stage};
use pipeline::{Exit, Verdict};

use crate::config::Config;
use crate::engines;
use crate::execute::{self, Case, End, Job};

/// Stage 3 of the chain.
pub struct Runner;

impl Stage for Runner {
    const NAME: &'static str = "runner";
    type Config = Config;

    fn check(context: &Context, config: &Config) -> anyhow::Result<Vec<String>> {
        config.check()?;
        if context.run.artifact(EngineRow::NAME).exists() {
            let engines = engines::read(&context.run, &context.root)?;
            for mode in &config.modes {
                engines::select(mode, &engines)?;
            }
        }
        Ok(vec![describe(config)])
    }

    fn run(context: &Context, config: &Config) -> anyhow::Result<Outcome> {
        config.check()?;
        let engines = engines::read(&context.run, &context.root)?;
        let selected = config
            .modes
            .iter()
            .map(|mode| Ok((mode.clone(), engines::select(mode, &engines)?.clone())))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut provenance = context.provenance();
        let backends = execute::open_backends(
            selected.iter().map(|(_, engine)| engine),
            &context.root,
            &mut provenance,
        )?;
        let seed = u64::from(context.header.seed);
        let cases = selected
            .into_iter()
            .map(|(mode, engine)| {
                let backend =
                    backends.get(&engine.backend).context("every engine's backend was opened")?;
                let expected = engines::expected(
                    &context.run,
                    &context.root,
                    &engine,
                    backend.as_ref(),
                    seed,
                )?;
                Ok(Case { mode, engine, expected })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        execute::clear(&context.run)?;
        anstream::eprintln!("runner: {}", describe(config));
        let job = Job { run: &context.run, config, seed, cases, backends, provenance };
        Ok(outcome(&job.execute()?, context.strict))
    }
}

/// The plan in one line.
pub fn describe(config: &Config) -> String {
    let names: Vec<&str> = config.modes.iter().map(|mode| mode.name.as_str()).collect();
    let rounds = config.rounds.get();
    format!(
        "{}: {:?} each in {rounds} round{}, warm-up {:?} before each",
        names.join(", "),
        config.duration.get(),
        if rounds == 1 { "" } else { "s, interleaved" },
        config.warm_up.get(),
    )
}

/// Exit code and last line of a run; every row that is not VALID or SKIPPED is named on stderr.
pub fn outcome(end: &End, strict: bool) -> Outcome {
    let bad: Vec<&CaseRow> = end
        .rows
        .iter()
        .filter(|row| !matches!(row.verdict, Verdict::Valid | Verdict::Skipped))
        .collect();
    for row in &bad {
        anstream::eprintln!(
            "runner: {} round {}: {}: {}",
            row.case,
            row.round + 1,
            row.verdict,
            row.reasons.join("; ")
        );
    }
    let failed = bad.iter().any(|row| row.verdict == Verdict::Failed);
    let n: i64 = end.rows.iter().map(|row| row.n).sum();
    let mut summary = format!("{n} inferences in {} visits", end.rows.len());
    if end.interrupted {
        summary.push_str("; interrupted, what was measured is kept");
    }
    let incomplete = failed || end.interrupted || (strict && !bad.is_empty());
    let cases: Vec<serde_json::Value> = end.rows.iter().map(case_in_json).collect();
    let exit = if incomplete { Exit::Incomplete } else { Exit::Ok };
    Outcome { details: serde_json::json!({ "cases": cases }), ..Outcome::new(exit, summary) }
}

/// A visit in the last line of `--json`.
fn case_in_json(row: &CaseRow) -> serde_json::Value {
    serde_json::json!({
        "case": row.case,
        "round": row.round,
        "n": row.n,
        "verdict": row.verdict,
        "reasons": row.reasons,
        "error": row.error,
    })
}
