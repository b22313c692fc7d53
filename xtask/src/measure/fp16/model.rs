//! One model through both converters.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::measure::paired::{asked, must, number};

/// Ours may be larger by this share: what rounding another tensor differently does to a maximum.
const SLACK: f64 = 1.05;
/// Errors below one unit of float16 in relation to the output are equal.
const FLOOR: f64 = 1e-6;

/// What both sides are run with.
#[derive(Debug)]
pub(super) struct Tools {
    /// `onnx-export-verify`.
    pub(super) program: PathBuf,
    /// Root of the project.
    pub(super) root: PathBuf,
    /// Where files go.
    pub(super) scratch: PathBuf,
    /// Python with the other converter.
    pub(super) python: PathBuf,
    /// The script of the other side.
    pub(super) peer: PathBuf,
}

/// One converter's model.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// What is wrong with it; empty when it is valid and runs.
    pub(super) wrong: String,
    /// Its casts.
    pub(super) casts: u64,
    /// Its size.
    pub(super) bytes: u64,
    /// Largest error over the largest number of an output, as ONNX Runtime runs it.
    pub(super) error: Option<f64>,
    /// The same with every activation rounded to float16.
    pub(super) rounded: Option<f64>,
}

/// Both sides.
#[derive(Debug)]
pub(super) struct Finding {
    /// Ours.
    pub(super) ours: Side,
    /// Theirs.
    pub(super) theirs: Side,
    /// Operators that ours works in float16.
    pub(super) half: u64,
    /// Operators that ours leaves in float32.
    pub(super) left: usize,
    /// Operators that only theirs works in float16, with our reason.
    pub(super) fewer: Vec<(String, String)>,
    /// Whether all outputs are constant.
    pub(super) constant: bool,
}

impl Finding {
    /// Whether ours is valid, has no operator less in float16 than a valid other, and no larger error.
    pub(super) fn met(&self) -> bool {
        let larger = |ours: Option<f64>, theirs: Option<f64>| match (ours, theirs) {
            (Some(ours), Some(theirs)) => ours > SLACK * theirs + FLOOR,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        // a model that is not valid has no numbers to be compared with, nor operators that work
        let invalid = !self.theirs.wrong.is_empty();
        let behind = !self.fewer.is_empty()
            || larger(self.ours.error, self.theirs.error)
            || larger(self.ours.rounded, self.theirs.rounded);
        self.ours.wrong.is_empty() && (invalid || !behind)
    }
}

impl Tools {
    fn file(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    fn ours(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("TAILMARK_ROOT", &self.root);
        command
    }

    fn peer(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.peer);
        command
    }

    /// Converts with both and judges both.
    pub(super) fn compare(&self, model: &Path, seeds: u32) -> anyhow::Result<Finding> {
        let named = self.file("named.onnx");
        must(self.peer().arg("name").arg(model).arg(&named))?;
        let (ours, theirs) = (self.file("ours.onnx"), self.file("theirs.onnx"));
        // the other clamps without a word
        let report =
            asked(self.convert(&named, &ours).args(["--on-overflow", "saturate", "--json"]))?;
        let other = asked(self.peer().arg("convert").arg(&named).arg(&theirs))?;
        let mut candidates = vec![format!("ours={}", ours.display())];
        candidates.push(format!("ours twin={}", self.twin(&ours)?.display()));
        if other["failed"].is_null() {
            candidates.push(format!("theirs={}", theirs.display()));
            if let Ok(twin) = self.twin(&theirs) {
                candidates.push(format!("theirs twin={}", twin.display()));
            }
        }
        let stem = model.file_stem().unwrap_or_default().to_string_lossy();
        let mut command = self.peer();
        command.arg("judge").arg(shapes(&stem).to_string()).arg(seeds.to_string());
        let judged = asked(command.arg(&named).args(&candidates))?;
        let (left, fewer) = fewer(&report, &other["blocked"]);
        let mut sides = [side(&judged, "ours"), side(&judged, "theirs")];
        if let Some(failed) = other["failed"].as_str() {
            failed.clone_into(&mut sides[1].wrong);
        }
        let [ours, theirs] = sides;
        Ok(Finding {
            ours,
            theirs,
            half: report["half_operators"].as_u64().unwrap_or(0),
            left,
            fewer,
            constant: judged["constant"] == true,
        })
    }

    fn convert(&self, from: &Path, to: &Path) -> Command {
        let mut command = self.ours();
        command.arg("convert").arg(from).args(["--precision", "fp16", "--out"]).arg(to);
        command
    }

    /// The twin of a float16 model in which every activation is rounded.
    fn twin(&self, model: &Path) -> anyhow::Result<PathBuf> {
        let twin = model.with_extension("twin.onnx");
        must(self.convert(model, &twin).arg("--twin"))?;
        Ok(twin)
    }

    /// The same graph with seeded weights; `None` when our program cannot do that.
    pub(super) fn reweighted(&self, model: &Path, stem: &str) -> anyhow::Result<Option<PathBuf>> {
        let help = must(self.ours().arg("--help"))?;
        if !help.contains("reweight") {
            return Ok(None);
        }
        let seeded = self.file(&format!("{stem}.seeded.onnx"));
        must(self.ours().arg("reweight").arg(model).args(["--seed", "1", "--out"]).arg(&seeded))?;
        Ok(Some(seeded))
    }

    /// An architecture of ours in float32, with synthetic weights.
    pub(super) fn exported(&self, architecture: &str) -> anyhow::Result<PathBuf> {
        let model = self.file(&format!("{architecture}.onnx"));
        let mut command = self.ours();
        command.args(["export", "--architecture", architecture, "--weights", "synthetic", "--out"]);
        must(command.arg(&model))?;
        Ok(model)
    }

    /// Seconds of our whole process.
    pub(super) fn our_seconds(&self, model: &Path) -> anyhow::Result<f64> {
        let started = Instant::now();
        must(&mut self.convert(model, &self.file("timed.onnx")))?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// Seconds that the other takes to load, convert and save.
    pub(super) fn their_seconds(&self, model: &Path) -> anyhow::Result<f64> {
        let said = asked(self.peer().arg("convert").arg(model).arg(self.file("timed.onnx")))?;
        number(&said, "seconds")
    }
}

fn side(judged: &Value, who: &str) -> Side {
    let own = &judged[who];
    let text = |key: &str| own[key].as_str().unwrap_or_default().to_owned();
    let (check, failed) = (text("check"), text("failed"));
    Side {
        wrong: if check.is_empty() { failed } else { check },
        casts: own["casts"].as_u64().unwrap_or(0),
        bytes: own["bytes"].as_u64().unwrap_or(0),
        error: own["error"].as_f64(),
        rounded: judged[format!("{who} twin")]["error"].as_f64(),
    }
}

/// How many operators ours leaves in float32, and those of them that the other would convert.
fn fewer(report: &Value, blocked: &Value) -> (usize, Vec<(String, String)>) {
    let empty = Vec::new();
    let mut left = 0;
    let mut fewer = Vec::new();
    for group in report["left_in_float32"].as_array().unwrap_or(&empty) {
        for operator in group["operators"].as_array().unwrap_or(&empty) {
            left += 1;
            let known = blocked.as_array().unwrap_or(&empty).contains(&operator["operator"]);
            if !known {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let name = format!("{} {}", text(&operator["operator"]), text(&operator["name"]));
                fewer.push((name, text(&group["reason"])));
            }
        }
    }
    (left, fewer)
}

/// Sizes for open dimensions and fixed inputs of trained models, by the name of their file.
fn shapes(stem: &str) -> Value {
    match stem {
        stem if stem.contains("_det_") => json!({ "x": [1, 3, 320, 320] }),
        stem if stem.contains("_rec_") => json!({ "x": [1, 3, 48, 320] }),
        stem if stem.contains("_cls_") => json!({ "x": [1, 3, 48, 192] }),
        stem if stem.contains("_sequence") => {
            json!({ "input": [4, 576], "h": [1, 1, 128], "c": [1, 1, 128] })
        }
        stem if stem.contains("silero") => {
            json!({ "input": [1, 576], "state": [2, 1, 128], "sr": 16000 })
        }
        _ => json!({}),
    }
}
