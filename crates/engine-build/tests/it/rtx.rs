//! Real engines: TensorRT-RTX builds them on a machine without a GPU.
//!
//! `cargo xtask test` says where things are: `TENSORRT_RTX_LIB` the library, `TAILMARK_TEST_MODELS` the folder
//! of `cargo xtask setup models`, `TAILMARK_TEST_RUN` a run of the first two stages over ResNet-50 in both
//! precisions. A test whose variable is not set is left out and says so.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pipeline::RunDir;
use pipeline::artifact::{self, EngineRow, LayerRow};
use predicates::str::contains;

use super::project::Project;

/// Convolutions and the fully connected layer of ResNet-50.
const WEIGHTED: usize = 54;

/// The folder that a variable names; says so when there is none.
fn given(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    if folder.is_none() {
        anstream::eprintln!("LEFT OUT: {variable} is not set; see `cargo xtask test`");
    }
    folder
}

/// An architecture of the ONNX package.
fn light(name: &str) -> Option<Vec<u8>> {
    let file = given("TAILMARK_TEST_MODELS")?.join(format!("light_{name}.onnx"));
    Some(std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

/// The layers of an engine, after a look at what must hold for every one.
#[track_caller]
fn layers_of(engine: &EngineRow, layers: &[LayerRow]) -> Vec<LayerRow> {
    const TYPES: [&str; 7] = ["fp32", "fp16", "int64", "int32", "int8", "bool", "uint8"];
    let own = layers.iter().filter(|layer| layer.engine_digest == engine.engine_digest);
    let own: Vec<LayerRow> = own.cloned().collect();
    assert!(!own.is_empty(), "no layer of {}", engine.engine_digest);
    for (index, layer) in own.iter().enumerate() {
        assert_eq!(layer.index, index as i64, "{layer:?}");
        assert!(!layer.name.is_empty() && !layer.layer_type.is_empty(), "{layer:?}");
        let kind = layer.layer_type.as_str();
        if ["signal", "wait"].contains(&kind) {
            // two streams of the engine wait for each other: no tensor, no kernel
            continue;
        }
        assert!(TYPES.contains(&layer.precision_out.as_str()), "{layer:?}");
        assert!(layer.format.is_some(), "{layer:?}");
        // what makes constants has no input; a runtime fusion chooses its kernel on the GPU
        let has_input = TYPES.contains(&layer.precision_in.as_str());
        assert!(has_input || (kind == "kgen" && layer.precision_in.is_empty()), "{layer:?}");
        assert!(layer.tactic.is_some() || kind == "runtime_fusion", "{layer:?}");
    }
    let names: BTreeSet<&str> = own.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names.len(), own.len(), "names are the engine's own, each once");
    own
}

/// What must hold for every engine that TensorRT-RTX has built.
#[track_caller]
fn is_real(engine: &EngineRow) {
    assert_eq!(engine.error, None);
    assert_eq!(engine.backend, "tensorrt-rtx");
    assert!(engine.backend_version.starts_with("1."), "{engine:?}");
    assert!(!engine.device.is_empty() && engine.build_ns > 0 && engine.bytes > 100_000);
}

#[test]
fn resnet50_has_the_precision_that_was_asked_for() {
    let Some(run) = given("TAILMARK_TEST_RUN") else { return };
    let run = RunDir::new(run);
    let engines: Vec<EngineRow> = artifact::read(&run).unwrap();
    let layers: Vec<LayerRow> = artifact::read(&run).unwrap();
    let rows: Vec<_> = engines.iter().map(|row| (&*row.precision_requested, &*row.cache)).collect();
    let served = "engine-store";
    assert_eq!(rows, [("fp32", "cold"), ("fp32", served), ("fp16", "cold"), ("fp16", served)]);
    for engine in &engines {
        is_real(engine);
        let precision = &engine.precision_requested;
        assert_eq!(engine.precision_achieved, *precision, "{engine:?}");
        assert!(engine.precision_share.unwrap() > 0.99, "{engine:?}");
        let own = layers_of(engine, &layers);
        let such = own.iter().filter(|layer| layer.precision_out == *precision).count();
        assert!(such >= WEIGHTED, "{such} of {} layers in {precision}", own.len());
    }
    for pair in engines.chunks(2) {
        assert_eq!(pair[0].engine_digest, pair[1].engine_digest);
    }
    // 25.6 million weights of 2 bytes and of 4
    let [single, half] = [engines[0].bytes, engines[2].bytes];
    assert!(half > 51_000_000 && single > 3 * half / 2, "{half} and {single} bytes");
}

#[test]
fn architectures_of_the_onnx_package_become_engines() {
    const NAMES: [&str; 9] = [
        "bvlc_alexnet",
        "densenet121",
        "inception_v1",
        "inception_v2",
        "resnet50",
        "shufflenet",
        "squeezenet",
        "vgg19",
        "zfnet512",
    ];
    let models: Option<Vec<_>> = NAMES.iter().map(|name| Some(("fp32", light(name)?))).collect();
    let Some(models) = models else { return };
    let project = Project::new("tensorrt-rtx");
    project.export(&models);
    project.stage(&[]).assert().success();
    let engines = project.engines();
    let layers: Vec<LayerRow> = artifact::read(&project.run_dir()).unwrap();
    assert_eq!(engines.len(), NAMES.len());
    for (name, engine) in NAMES.iter().zip(&engines) {
        is_real(engine);
        assert_eq!(engine.precision_achieved, "fp32", "{name}");
        assert_eq!(engine.cache, "cold", "{name}");
        assert!(project.path(&engine.path).is_file(), "{name}");
        let own = layers_of(engine, &layers);
        assert!(own.iter().all(|layer| layer.precision_out != "fp16"), "{name}");
    }
    project.stage(&[]).assert().success();
    assert!(project.engines().iter().all(|engine| engine.cache == "engine-store"));
}

#[test]
fn float16_asked_of_a_float32_model_is_not_achieved() {
    let Some(model) = light("squeezenet") else { return };
    let project = Project::new("tensorrt-rtx");
    project.export(&[("fp16", model)]);
    project.stage(&[]).assert().code(3).stderr(contains("fp16 was asked for"));
    let engines = project.engines();
    assert_eq!(engines[0].precision_requested, "fp16");
    assert_eq!(engines[0].precision_achieved, "fp32");
    assert!(engines[0].error.as_ref().unwrap().contains("stayed fp32"), "{engines:?}");
}

#[test]
fn one_engine_by_the_command_line() {
    let Some(model) = light("squeezenet") else { return };
    let project = Project::new("tensorrt-rtx");
    std::fs::write(project.path("m.onnx"), model).unwrap();
    let args = ["build", "m.onnx", "--backend", "tensorrt-rtx", "--out", "e.plan", "--json"];
    let ended = project.command(&args).assert().success();
    let line: serde_json::Value = serde_json::from_slice(&ended.get_output().stdout).unwrap();
    assert_eq!(line["precision-achieved"], "fp32");
    assert!(line["layers"].as_u64().unwrap() > 10, "{line}");
    assert!(project.path("e.plan").is_file());
}
