//! `analysis run`: the stage of the chain. The only place that writes.

use anyhow::Context as _;
use pipeline::artifact::{self, Artifact, CaseRow, provenance_of};
use pipeline::stage::{Context, Outcome, Stage};
use pipeline::{Exit, Fault, Provenance, Verdict, files};

use crate::analyse::Analysis;
use crate::config::Config;
use crate::load::load;
use crate::manifest::Manifest;
use crate::render::render;
use crate::report::terminal;
use crate::workers;

/// Stage 4.
#[derive(Debug)]
pub struct AnalysisStage;

impl Stage for AnalysisStage {
    const NAME: &'static str = "analysis";
    type Config = Config;

    fn check(context: &Context, config: &Config) -> anyhow::Result<Vec<String>> {
        config.check().map_err(|error| in_file(context, &error))?;
        let cases = context.run.artifact(CaseRow::NAME);
        if cases.exists() {
            // the footer tells the version; rows are not needed for that
            let pairs = artifact::footer(&cases).map_err(|error| {
                Fault::config(format!("{} is not a complete Parquet file", cases.display()))
                    .hint("run the stage runner again")
                    .because(error)
            })?;
            let pairs: Vec<_> = pairs
                .into_iter()
                .map(|(key, value)| parquet::file::metadata::KeyValue::new(key, value))
                .collect();
            artifact::check_version(&cases, &pairs, CaseRow::NAME, CaseRow::VERSION)?;
        }
        let shares: Vec<String> = config.percentiles.0.iter().map(ToString::to_string).collect();
        Ok(vec![format!(
            "{} against {}, {} claims",
            shares.join(", "),
            config.baseline,
            config.claims.len()
        )])
    }

    fn run(context: &Context, config: &Config) -> anyhow::Result<Outcome> {
        config.check().map_err(|error| in_file(context, &error))?;
        let run = load(&context.run, config.baseline.as_str())?;
        let analysis = Analysis::new(context.header.name.to_string(), run, config.clone());
        let exit = if analysis.is_incomplete() || (context.strict && analysis.fails_strictly()) {
            Exit::Incomplete
        } else {
            Exit::Ok
        };
        write(context, &analysis, exit)?;
        let report = context.run.report_html();
        anstream::print!("{}", terminal::results(&analysis));
        anstream::println!("report: {}", report.display());
        let details = serde_json::json!({
            "verdicts": analysis.verdict_rows(),
            "claims": analysis.claims,
            "too_short": too_short(&analysis),
            "interrupted": analysis.run.interrupted,
        });
        Ok(Outcome { details, ..Outcome::new(exit, summary(&analysis)) })
    }
}

fn in_file(context: &Context, error: &str) -> Fault {
    Fault::config(format!("{}: {error} in [analysis]", context.pipeline.path().display()))
        .hint("every key is explained in pipelines/resnet50.toml")
}

fn summary(analysis: &Analysis) -> String {
    let metrics = analysis.summary_rows().len();
    let cases = analysis.run.cases.len();
    let mut text = format!(
        "{cases} {}, {metrics} metrics, {} comparisons, {} claims",
        if cases == 1 { "case" } else { "cases" },
        analysis.comparison.len(),
        analysis.claims.len()
    );
    if !analysis.run.interrupted.is_empty() {
        text.push_str("; the run was interrupted");
    }
    text
}

/// Metrics that are not resolved, for `--json`.
fn too_short(analysis: &Analysis) -> Vec<serde_json::Value> {
    let rows = analysis.summary_rows().into_iter();
    rows.filter(|row| row.verdict == Verdict::TooShort)
        .map(|row| {
            serde_json::json!({ "case": row.case, "metric": row.metric, "reasons": row.reasons })
        })
        .collect()
}

/// Writes tables, report, plots and manifest, in this order: the manifest describes what is there.
fn write(context: &Context, analysis: &Analysis, exit: Exit) -> anyhow::Result<()> {
    let run = &context.run;
    let provenance = relative(context, &context.provenance());
    workers::waiting(5, |k| match k {
        0 => artifact::write(run, &analysis.summary_rows(), &provenance),
        1 => artifact::write(run, &analysis.verdict_rows(), &provenance),
        2 => artifact::write(run, &analysis.comparison, &provenance),
        3 => artifact::write(run, &analysis.claims, &provenance),
        _ => artifact::write(run, &analysis.phase_rows(), &provenance),
    })?;
    // what the file says, so that a later reader makes the same report of it
    let stored = provenance_of(&run.artifact("summary"))?;
    remove_old_plots(context)?;
    let rendered = render(analysis, &stored)?;
    workers::waiting(rendered.len(), |k| {
        let path = run.path().join(&rendered[k].path);
        files::write_atomic(&path, &rendered[k].bytes)
            .with_context(|| format!("cannot write {}", path.display()))
    })?;
    let manifest = Manifest::of(run, analysis, exit, &provenance)?;
    let path = run.manifest();
    files::write_atomic(&path, manifest.to_json()?.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Plots of an earlier analysis, whose modes may have had other names.
fn remove_old_plots(context: &Context) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(context.run.plots()) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours =
            path.extension().is_some_and(|extension| extension == "svg" || extension == "png");
        if ours {
            std::fs::remove_file(&path)
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Provenance whose paths do not name the machine's own folders.
fn relative(context: &Context, provenance: &Provenance) -> Provenance {
    let root = format!("{}/", context.root.display());
    provenance.iter().map(|(key, value)| (key.to_owned(), value.replace(&root, ""))).collect()
}
