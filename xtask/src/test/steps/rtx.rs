//! Real engines in CI: TensorRT-RTX builds them on a machine without a GPU.
//!
//! The first two stages run over ResNet-50 in both precisions, as a user would start them; what they wrote, and
//! engines from the architectures of the ONNX package, are judged by `crates/engine-build/tests/it/rtx.rs`.

use std::fs;
use std::path::PathBuf;

use super::{Outcome, State, judged, program};
use crate::{binaries, setup, ui};

const PIPELINE: &str = r#"[pipeline]
name = "rtx"
[onnx-export-verify]
architecture = "resnet50"
weights = "synthetic"
precision = ["fp32", "fp16"]
[engine-build]
backend = "tensorrt-rtx"
timing-cache = "cold"
"#;

/// What the builds need, after it was fetched.
pub(super) struct Fetched {
    libraries: PathBuf,
    models: PathBuf,
}

/// Fetches library and models, unless they are there.
pub(super) fn fetch(state: &mut State) -> Outcome {
    let fetched = setup::rtx(&state.project)
        .and_then(|libraries| Ok(Fetched { libraries, models: setup::models(&state.project)? }));
    match fetched {
        Ok(fetched) => {
            state.rtx = Some(fetched);
            Outcome::Passed
        }
        Err(error) => {
            Outcome::LeftOut(format!("{error:#}; no real TensorRT engine is built in this run"))
        }
    }
}

/// Builds engines and looks at what was written.
pub(super) fn build(state: &mut State) -> anyhow::Result<Outcome> {
    if state.rtx.is_none()
        && let Outcome::LeftOut(reason) = fetch(state)
    {
        return Ok(Outcome::LeftOut(reason));
    }
    let Some(Fetched { libraries, models }) = &state.rtx else {
        anyhow::bail!("nothing was fetched");
    };
    // a project of its own: 300 MB of models and engines that nobody will ask for again
    let root = state.scratch.path().join("rtx");
    let (file, run) = (root.join("pipelines").join("rtx.toml"), root.join("run"));
    for folder in ["pipelines", "data"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::write(&file, PIPELINE)?;
    let mut pipeline = program(state, "xtask")?;
    pipeline.arg("pipeline").arg(&file).arg("--run").arg(&run).current_dir(&root);
    pipeline.env("TAILMARK_ROOT", &root).env("TENSORRT_RTX_LIB", libraries);
    if let Some(library) = state.project.onnxruntime() {
        pipeline.env("ORT_DYLIB_PATH", library);
    }
    let status = pipeline.status()?;
    if !status.success() {
        return Ok(Outcome::Failed(format!("the pipeline ended with {status}")));
    }
    // of the whole workspace, so that nothing is compiled again with other features
    let status = binaries::cargo(&state.project)
        .args(["test", "--release", "--workspace", "--quiet", "--test", "it", "rtx::"])
        .env("TENSORRT_RTX_LIB", libraries)
        .env("TAILMARK_TEST_MODELS", models)
        .env("TAILMARK_TEST_RUN", &run)
        .status()?;
    ui::note("engines of ResNet-50 in both precisions and of nine architectures were looked at");
    Ok(judged(status.success(), || format!("the look at the engines ended with {status}")))
}
