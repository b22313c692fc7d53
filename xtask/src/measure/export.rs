//! A checkpoint of ResNet-50 → ONNX in float32 and float16: our `export` against PyTorch's exporters, the older one
//! by TorchScript and today's, each with `onnxconverter-common`.
//!
//! Compared are whole processes from start to both files on disk, and, for the peer, the work without Python's
//! imports; our start counts in both. Goals: at least 10 times faster; peak memory at most 2.5 times the size of the
//! float32 model. Both sides' files must agree, or the exit code is 3.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::paired::{self, asked, must, number};
use super::process::{self, Cost, figures, line};
use crate::binaries::Binaries;
use crate::fault::Fault;
use crate::project::Project;
use crate::{setup, ui};

const PEER: &str = include_str!("export_peer.py");
/// Times faster.
const FASTER: f64 = 10.0;
/// Sizes of the model.
const MEMORY: f64 = 2.5;
/// Largest difference of the float32 files, relative to the largest logit.
const AGREE_FP32: f64 = 2e-4;

/// Arguments of `measure export`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pairs of exports with each of PyTorch's exporters
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(10..=1000))]
    pairs: u32,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// `onnx-export-verify export`.
    Ours,
    /// `torch.onnx.export(dynamo=False)`.
    TorchScript,
    /// `torch.onnx.export(dynamo=True)`.
    Dynamo,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::TorchScript => "torchscript",
            Self::Dynamo => "dynamo",
        }
    }
}

/// Measures and prints; exit 0 whether or not the goals are met, since the machine may be busy.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let bench = Bench::prepare(&project)?;
    ui::note("each side once, so that its files are in memory, and what they answer");
    for side in [Side::Ours, Side::TorchScript, Side::Dynamo] {
        bench.cost(side)?;
    }
    for side in [Side::TorchScript, Side::Dynamo] {
        bench.agree(side)?;
    }
    let size = fs::metadata(bench.folder(Side::Ours).join("fp32.onnx"))?.len() as f64 / 1e6;
    let (mut whole, mut work, mut memory) = (f64::INFINITY, f64::INFINITY, 0.0_f64);
    for side in [Side::TorchScript, Side::Dynamo] {
        let found = paired::interleave(
            args.pairs,
            || bench.cost(side),
            || bench.cost(Side::Ours),
            |n, theirs, ours| {
                let name = side.name();
                ui::note(&format!(
                    "pair {n}: {name} {:.2} s, ours {:.2} s",
                    theirs.whole, ours.whole
                ));
            },
        )?;
        let name = side.name();
        let ratio = line(&format!("{name} ÷ ours, whole process, s"), &found, |cost| cost.whole);
        whole = whole.min(ratio.lower);
        let ratio = line(&format!("{name} ÷ ours, without imports, s"), &found, |cost| cost.work);
        work = work.min(ratio.lower);
        line(&format!("{name} ÷ ours, processor time, s"), &found, |cost| cost.processor);
        line(&format!("{name} ÷ ours, peak memory, MB"), &found, |cost| cost.memory);
        memory = found.iter().map(|(_, ours)| ours.memory).fold(memory, f64::max);
    }
    let met = |met: bool| if met { "met" } else { "NOT met here" };
    for (what, lower) in [("whole processes", whole), ("the peer's imports left out", work)] {
        ui::data(&format!(
            "goal, at least {FASTER} × faster, {what}: lower bound {lower:.1}: {}",
            met(lower >= FASTER)
        ));
    }
    let sizes = memory / size;
    ui::data(&format!(
        "goal, peak memory at most {MEMORY} × the float32 model of {size:.1} MB: {memory:.1} MB, {sizes:.2} ×: {}",
        met(sizes <= MEMORY)
    ));
    Ok(0)
}

/// Everything that the sides share.
struct Bench {
    scratch: tempfile::TempDir,
    checkpoint: PathBuf,
    python: PathBuf,
    stage: PathBuf,
}

impl Bench {
    fn prepare(project: &Project) -> anyhow::Result<Self> {
        let binaries = Binaries::ready(project)?;
        let python = setup::torch(project)?;
        // beside the project's data: a folder of temporary files may be memory, which would be too fast a disk
        fs::create_dir_all(project.data().join("tmp"))?;
        let scratch = tempfile::tempdir_in(project.data().join("tmp"))?;
        fs::write(scratch.path().join("export_peer.py"), PEER)?;
        let checkpoint = scratch.path().join("resnet50.pth");
        let stage = binaries.program("onnx-export-verify");
        let bench = Self { scratch, checkpoint, python, stage };
        for side in [Side::Ours, Side::TorchScript, Side::Dynamo] {
            fs::create_dir_all(bench.folder(side))?;
        }
        ui::note("a checkpoint of ResNet-50 with random weights");
        must(bench.peer().arg("checkpoint").arg(&bench.checkpoint))?;
        Ok(bench)
    }

    fn folder(&self, side: Side) -> PathBuf {
        self.scratch.path().join(side.name())
    }

    fn peer(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.scratch.path().join("export_peer.py")).env("CUDA_VISIBLE_DEVICES", "");
        command
    }

    /// Lets one side export both precisions.
    fn cost(&self, side: Side) -> anyhow::Result<Cost> {
        let folder = self.folder(side);
        if side != Side::Ours {
            let script = self.scratch.path().join("export_peer.py");
            let words = [self.python.as_os_str(), script.as_os_str(), side.name().as_ref()];
            let words = [&words[..], &[self.checkpoint.as_os_str(), folder.as_os_str()]].concat();
            let mut cost = self.process(&words, &folder)?;
            cost.work = number(&figures(&cost.said)?, "work_ns")? / 1e9;
            return Ok(cost);
        }
        // a project of its own: nothing may be served from the store
        let root = folder.join("root");
        fs::remove_dir_all(&root).or_else(missing_is_fine)?;
        fs::create_dir_all(root.join("data"))?;
        let outs = ["fp32.onnx", "fp16.onnx"].map(|name| folder.join(name));
        let words = ["export", "--architecture", "resnet50", "--precision", "fp32,fp16"];
        let mut words: Vec<&OsStr> = words.into_iter().map(OsStr::new).collect();
        words.insert(0, self.stage.as_os_str());
        words.extend(["--weights".as_ref(), self.checkpoint.as_os_str()]);
        for out in &outs {
            words.extend(["--out".as_ref(), out.as_os_str()]);
        }
        self.process(&words, &root)
    }

    fn process(&self, words: &[&OsStr], root: &Path) -> anyhow::Result<Cost> {
        process::run(&self.python, words, |command| {
            command.env("TAILMARK_ROOT", root).env("CUDA_VISIBLE_DEVICES", "");
        })
    }

    /// Fails unless our files answer as those of a peer do.
    fn agree(&self, side: Side) -> anyhow::Result<()> {
        let (ours, theirs) = (self.folder(Side::Ours), self.folder(side));
        let found = asked(self.peer().arg("compare").arg(ours).arg(theirs))?;
        let (full, half) = (number(&found, "fp32")?, number(&found, "fp16")?);
        let rounding = number(&found, "rounding")?;
        let text = format!(
            "ours against {}: fp32 {full:.1e} of the largest logit, fp16 {half:.1e} (float16 itself costs the peer {rounding:.1e})",
            side.name()
        );
        ui::data(&text);
        if full <= AGREE_FP32 && half <= rounding {
            return Ok(());
        }
        Err(Fault::new(crate::fault::VERIFICATION, format!("the exports disagree: {text}")).into())
    }
}

fn missing_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
