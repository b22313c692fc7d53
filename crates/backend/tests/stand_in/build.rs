//! A build: times each layer that the cache does not know, and writes engine, cache and layers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use backend::onnx;
use serde_json::{Value, json};

use crate::config::Config;
use crate::faults;
use crate::flags::Arguments;
use crate::say::{Say, float};

/// First line of a cache of timings.
fn header(config: &Config) -> String {
    format!("trtexec stand-in timing cache {} {}", config.number(), config.device)
}

/// Whether it passed.
pub(crate) fn run(config: &Config, arguments: &Arguments, say: &mut Say) -> bool {
    say.info("Start parsing network model.");
    let model = arguments.get("--onnx").unwrap_or("");
    let graph = match onnx::load(Path::new(model)) {
        Ok(model) if !config.is("model") => model.graph.unwrap_or_default(),
        Ok(_) => return refuse_model(say, "In node 1 with name: act and operator: Frobnicate"),
        Err(error) => return refuse_model(say, &error.to_string()),
    };
    say.info("Finished parsing network model. Parse time: 0.0012");
    faults::in_the_middle(config, say);
    if config.is("fail") {
        say.line('E', "Error[10]: [optimizer.cpp::computeCosts::3728] Error Code 10: Internal Error (Could not find any implementation for node conv.)");
        say.line('E', "Engine could not be created from network");
        say.line('E', "Building engine failed");
        say.line('E', "Failed to create engine from model or file.");
        say.line('E', "Engine set up failed");
        return false;
    }
    let half = graph.initializer.iter().any(|weight| weight.data_type == 10);
    let half = half || arguments.has("--fp16");
    let names: Vec<(String, String)> =
        graph.node.iter().map(|node| (node.name.clone(), node.op_type.clone())).collect();
    let Ok(mut cache) = read_cache(config, arguments, say) else { return false };
    if !time(config, arguments, say, &names, half, &mut cache) {
        return false;
    }
    write(config, arguments, say, &names, half, &cache)
}

fn refuse_model(say: &mut Say, why: &str) -> bool {
    say.line('E', &format!("[TRT] ModelImporter.cpp:836: While parsing node number 1: {why}"));
    say.line('E', "Failed to parse onnx file");
    say.info("Finished parsing network model. Parse time: 0.0012");
    say.line('E', "Parsing model failed");
    say.line('E', "Engine set up failed");
    false
}

/// Timings by key. `Err` ends the build, as a cache of another device or version does.
fn read_cache(
    config: &Config,
    arguments: &Arguments,
    say: &mut Say,
) -> Result<BTreeMap<String, u64>, ()> {
    let Some(file) = arguments.get("--timingCacheFile") else { return Ok(BTreeMap::new()) };
    let word = if config.major >= 11 { "cache" } else { "timing cache" };
    let Ok(text) = fs::read_to_string(file) else {
        say.line(
            'W',
            &format!(
                "Could not read {word} from: {file}. A new {word} will be generated and written."
            ),
        );
        return Ok(BTreeMap::new());
    };
    let from = if config.major >= 11 { "from file:" } else { "from" };
    say.info(&format!("Loaded {} bytes of {word} {from} {file}", text.len()));
    let mut lines = text.lines();
    if lines.next() != Some(header(config).as_str()) {
        say.line('E', "[TRT] Error Code 6: API Usage Error (Magic tag does not match)");
        say.line('E', "TimingCache creation failed");
        say.line('E', "Engine set up failed");
        return Err(());
    }
    let entry = |line: &str| {
        let (key, time) = line.rsplit_once(' ')?;
        Some((key.to_owned(), time.parse().ok()?))
    };
    Ok(lines.filter_map(entry).collect())
}

fn time(
    config: &Config,
    arguments: &Arguments,
    say: &mut Say,
    names: &[(String, String)],
    half: bool,
    cache: &mut BTreeMap<String, u64>,
) -> bool {
    let precision = if half { "half" } else { "float" };
    for (name, op) in names {
        let key = format!("{op}:{precision}:{name}");
        if cache.contains_key(&key) {
            continue;
        }
        if arguments.has("--errorOnTimingCacheMiss") {
            say.line(
                'E',
                &format!("[TRT] Error Code 2: Internal Error (timing cache miss: {key})"),
            );
            say.line('E', "Engine could not be created from network");
            say.line('E', "Engine set up failed");
            return false;
        }
        std::thread::sleep(config.layer_time);
        cache.insert(key, 1000 + name.len() as u64);
    }
    true
}

fn write(
    config: &Config,
    arguments: &Arguments,
    say: &mut Say,
    names: &[(String, String)],
    half: bool,
    cache: &BTreeMap<String, u64>,
) -> bool {
    say.line('W', "[TRT] the stand-in warns once");
    say.line('W', "[TRT] the stand-in warns once");
    say.info("[TRT] Engine generation completed in 0.0345 seconds.");
    let engine = arguments.get("--saveEngine").unwrap_or("");
    let plan = format!(
        "engine of the trtexec stand-in {}, {} layers, half {half}\n",
        config.number(),
        names.len()
    );
    if !config.is("silent") && fs::write(engine, &plan).is_err() {
        say.line('E', &format!("Cannot open engine file: {engine}"));
        return false;
    }
    say.info("Engine built in 0.0456 sec.");
    if config.major >= 10 {
        say.info(&format!(
            "Created engine with size: {} MiB",
            float(plan.len() as f64 / 1_048_576.0)
        ));
    }
    if let Some(file) = arguments.get("--timingCacheFile") {
        let mut text = header(config) + "\n";
        text.extend(cache.iter().map(|(key, time)| format!("{key} {time}\n")));
        if fs::write(file, &text).is_ok() {
            say.info(&format!("Saved {} bytes of timing cache to {file}", text.len()));
        }
    }
    if let Some(file) = arguments.get("--exportLayerInfo") {
        let detailed = arguments.get("--profilingVerbosity") == Some("detailed");
        let _ = fs::write(file, layers(config, names, half, detailed).to_string());
    }
    say.info("Skipped inference phase since --skipInference is added.");
    true
}

/// The layers as each generation writes them.
fn layers(config: &Config, names: &[(String, String)], half: bool, detailed: bool) -> Value {
    let tensor = |name: &str| {
        let words = match (config.major, half) {
            (..=8, true) => "Channel major FP16 format where channel % 8 == 0",
            (..=8, false) => "Row major linear FP32",
            (_, true) => "Half",
            (_, false) => "Float",
        };
        if config.major >= 11 {
            json!({"Name": name, "Dimensions": [1, 4, 8, 8], "Format": "Row major linear", "Datatype": words})
        } else {
            json!({"Name": name, "Location": "Device", "Dimensions": [1, 4, 8, 8], "Format/Datatype": words})
        }
    };
    let layer = |(name, op): &(String, String)| {
        if !detailed {
            return json!(name);
        }
        let parameter = match op.as_str() {
            "Conv" => "Convolution",
            "Gemm" | "MatMul" => "MatrixMultiply",
            other => other,
        };
        json!({
            "Name": name, "LayerType": "CaskConvolution", "ParameterType": parameter,
            "Inputs": [tensor("in")], "Outputs": [tensor("out")],
            "TacticName": "stand_in_tactic", "TacticValue": "0x0000000000000001", "StreamId": 0,
            "Metadata": format!("[ONNX Layer: {name}]"),
        })
    };
    let border = if config.major >= 11 { "I/O Tensors" } else { "Bindings" };
    json!({"Layers": names.iter().map(layer).collect::<Vec<_>>(), border: ["input", "output"]})
}
