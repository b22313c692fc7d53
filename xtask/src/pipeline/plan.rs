//! What xtask must know of a pipeline file: its name, its tables, its backend. Pure.
//!
//! Everything else is the stages' business: each reads its own table and reports what is wrong in it.

use std::path::Path;

use toml::{Table, Value};

use crate::fault::{self, Fault};
use crate::project::STAGES;

/// The part of a pipeline file that decides how the chain is started.
#[derive(Debug)]
pub(crate) struct Plan {
    name: Option<String>,
    stages: Vec<&'static str>,
    backend: String,
    effective: String,
}

impl Plan {
    /// Reads the text with its overrides; an override that cannot be applied is left for the stages to report.
    pub(crate) fn new(file: &Path, text: &str, overrides: &[String]) -> anyhow::Result<Self> {
        let mut document: Table = text.parse().map_err(|error: toml::de::Error| {
            let message = format!("{}: {}", file.display(), error.to_string().trim());
            Fault::config(message).hint("every key is explained in pipelines/resnet50.toml")
        })?;
        for entry in overrides {
            apply(&mut document, entry);
        }
        let stages: Vec<&'static str> =
            STAGES.into_iter().filter(|stage| document.contains_key(*stage)).collect();
        if stages.is_empty() {
            let message = format!("{}: no stage to run", file.display());
            let hint =
                format!("a pipeline has one or more of the tables [{}]", STAGES.join("], ["));
            return Err(Fault::config(message).hint(hint).into());
        }
        let text_of = |table: &str, key: &str| {
            Some(document.get(table)?.as_table()?.get(key)?.as_str()?.to_owned())
        };
        Ok(Self {
            name: text_of("pipeline", "name").filter(|name| is_name(name)),
            backend: text_of("engine-build", "backend").unwrap_or_else(|| "auto".to_owned()),
            stages,
            effective: format!("{text}\n{}", overrides.join("\n")),
        })
    }

    /// The name of the pipeline, safe as a part of a path; a name that is not safe is refused by the first stage's check.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("unnamed")
    }

    /// The text that decides the result, overrides included.
    pub(crate) fn effective(&self) -> &str {
        &self.effective
    }

    /// The stages to run, in the order of the chain.
    pub(crate) fn stages_from(&self, from: Option<&str>) -> anyhow::Result<Vec<&'static str>> {
        let Some(from) = from else { return Ok(self.stages.clone()) };
        if !STAGES.contains(&from) {
            let guess = fault::did_you_mean(from, STAGES);
            let message = format!("--from {from}: no such stage{guess}");
            let hint = format!("the stages are: {}", STAGES.join(", "));
            return Err(Fault::config(message).hint(hint).into());
        }
        let start = self.stages.iter().position(|stage| *stage == from).ok_or_else(|| {
            Fault::config(format!("--from {from}: the pipeline file has no table [{from}]"))
                .hint(format!("it has: {}", self.stages.join(", ")))
        })?;
        Ok(self.stages[start..].to_vec())
    }

    /// Whether the stages may load ONNX Runtime.
    pub(crate) fn wants_onnxruntime(&self, stages: &[&str]) -> bool {
        let loads = stages.iter().any(|stage| *stage != "analysis");
        loads && ["auto", "onnxruntime-cpu"].contains(&self.backend.as_str())
    }

    /// Whether a stage will load TensorRT-RTX.
    pub(crate) fn wants_rtx(&self, stages: &[&str]) -> bool {
        let loads = stages.iter().any(|stage| ["engine-build", "runner"].contains(stage));
        loads && self.backend == "tensorrt-rtx"
    }

    /// Whether nothing else will do.
    pub(crate) fn needs_onnxruntime(&self) -> bool {
        self.backend == "onnxruntime-cpu"
    }
}

fn apply(document: &mut Table, entry: &str) -> Option<()> {
    let (key, value) = entry.split_once('=')?;
    let (table, key) = key.trim().split_once('.')?;
    let value = value.trim();
    // what is not TOML by itself is text, as in the stages
    let value = format!("v = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    document
        .entry(table)
        .or_insert_with(|| Value::Table(Table::new()))
        .as_table_mut()?
        .insert(key.to_owned(), value);
    Some(())
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[pipeline]\nname = \"x\"\n[runner]\n[engine-build]\nbackend = \"sim\"\n";

    fn plan(text: &str, overrides: &[&str]) -> anyhow::Result<Plan> {
        let overrides: Vec<String> = overrides.iter().map(|&entry| entry.to_owned()).collect();
        Plan::new(Path::new("p.toml"), text, &overrides)
    }

    #[test]
    fn only_tables_that_are_present_run_and_in_chain_order() {
        let plan = plan(TEXT, &[]).unwrap();
        assert_eq!(plan.name(), "x");
        assert_eq!(plan.stages_from(None).unwrap(), ["engine-build", "runner"]);
        assert_eq!(plan.stages_from(Some("runner")).unwrap(), ["runner"]);
        assert!(!plan.wants_onnxruntime(&["runner"]));
    }

    #[test]
    fn overrides_count() {
        let plan = plan(TEXT, &["engine-build.backend=auto", "analysis.baseline=base"]).unwrap();
        assert!(plan.wants_onnxruntime(&["runner"]) && !plan.needs_onnxruntime());
        assert!(!plan.wants_onnxruntime(&["analysis"]));
        assert!(!plan.wants_rtx(&["engine-build"]));
        assert_eq!(plan.stages_from(None).unwrap(), ["engine-build", "runner", "analysis"]);
    }

    #[test]
    fn rtx_is_wanted_where_it_is_named() {
        let plan = plan(TEXT, &["engine-build.backend=tensorrt-rtx"]).unwrap();
        assert!(plan.wants_rtx(&["engine-build"]) && plan.wants_rtx(&["runner", "analysis"]));
        assert!(!plan.wants_rtx(&["onnx-export-verify"]) && !plan.wants_onnxruntime(&["runner"]));
    }

    #[test]
    fn bad_starts_are_explained() {
        let plan = plan(TEXT, &[]).unwrap();
        let error = plan.stages_from(Some("runer")).unwrap_err();
        assert!(error.to_string().contains("did you mean \"runner\""), "{error}");
        let error = plan.stages_from(Some("analysis")).unwrap_err();
        assert!(error.to_string().contains("no table [analysis]"), "{error}");
    }

    #[test]
    fn a_file_without_stages_or_with_broken_syntax_is_refused() {
        for (text, part) in [("[pipeline]\nname = \"x\"\n", "no stage"), ("[runner\n", "line 1")] {
            let error = plan(text, &[]).unwrap_err();
            assert_eq!(fault::exit_of(&error), fault::CONFIG);
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let plan = plan("[pipeline]\nname = \"../../x\"\n[runner]\n", &[]).unwrap();
        assert_eq!(plan.name(), "unnamed");
    }
}
