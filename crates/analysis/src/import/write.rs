//! Imported traces → the files of a run folder.

use std::path::Path;

use anyhow::Context as _;
use pipeline::artifact::{self, Artifact, CaseRow, LayerRow};
use pipeline::samples::{self, Sample};
use pipeline::stage::project_root;
use pipeline::{Fault, PipelineFile, Provenance, RunDir, files};

use super::sources::Source;
use super::{Arguments, Imported};

/// Refuses a folder that cannot be written or that holds a run already.
pub(crate) fn check_folder(run: &RunDir) -> anyhow::Result<()> {
    run.check_writable()?;
    if run.artifact(CaseRow::NAME).exists() || run.samples().exists() {
        return Err(Fault::config(format!("{} holds a run already", run.path().display()))
            .hint("name another folder with --run: an import never mixes with what was measured")
            .into());
    }
    Ok(())
}

/// The pipeline file of the run: what the analysis is asked, and nothing of stages that did not run.
pub(crate) fn pipeline_text(
    given: Option<&Path>,
    sources: &[Source<'_>],
) -> anyhow::Result<String> {
    if let Some(path) = given {
        let file = PipelineFile::load(path, &[])?;
        file.header()?;
        file.section::<crate::config::Config>("analysis")?;
        return file.only(&["pipeline", "analysis"]);
    }
    let names = || sources.iter().map(|source| source.name);
    let baseline =
        names().find(|name| *name == "base").or_else(|| names().next()).unwrap_or("base");
    Ok(format!(
        "# Made by `analysis import trtexec`; every key is explained in pipelines/resnet50.toml.\n[pipeline]\nname = \"imported\"\n\n[analysis]\nbaseline = \"{baseline}\"\n"
    ))
}

/// Writes everything, and takes the samples for it; `cases`, which makes a folder a run, comes last.
pub(crate) fn write(
    run: &RunDir,
    text: &str,
    args: &Arguments,
    imported: &mut [Imported],
) -> anyhow::Result<()> {
    let _lock = run.lock()?;
    let path = run.pipeline_toml();
    files::write_atomic(&path, text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    let provenance = provenance(&PipelineFile::load(&path, &[])?, args, imported);
    let rows: Vec<CaseRow> = imported.iter().map(|one| one.row.clone()).collect();
    let layers: Vec<LayerRow> = imported.iter().flat_map(|one| one.layers.clone()).collect();
    let mut names: Vec<&str> = rows.iter().map(|row| row.case.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let own = imported.iter_mut().filter(|one| one.row.case == name);
        let mut all: Vec<Sample> =
            own.flat_map(|one| std::mem::take(&mut one.trace.samples)).collect();
        samples::write(&run.samples_of(name), name, &mut all, &provenance)?;
    }
    if !layers.is_empty() {
        artifact::write(run, &layers, &provenance)?;
    }
    artifact::write(run, &rows, &provenance)
}

/// Where the numbers come from: the files, not this machine, which measured nothing.
fn provenance(file: &PipelineFile, args: &Arguments, imported: &[Imported]) -> Provenance {
    let root = project_root(Path::new("."));
    let prefix = format!("{}/", root.display());
    let own = Provenance::collect(&root, Some(file));
    let mut facts: Provenance = own
        .iter()
        .filter(|(key, _)| !key.starts_with("host."))
        .map(|(key, value)| (key.to_owned(), value.replace(&prefix, "")))
        .collect();
    if let Some(source) = &args.source {
        facts = facts.with("import.source", source);
    }
    for one in imported {
        let key = format!("import.{}.{}", one.row.case, one.row.round + 1);
        let value = format!("{}, SHA-256 {}", one.file, one.trace.digest);
        facts = facts.with(&key, value);
    }
    facts
}
