//! The flags that each version takes: an own copy of the facts, so that a mistake of the backend is found.
//!
//! Source: samples/common/sampleOptions.cpp of NVIDIA/TensorRT at 8.2.1, v8.6.1, v10.3.0, v10.16 and v11.1; flags of
//! accelerators, plugins and calibration are left out.

use std::ffi::OsString;

use crate::config::Config;
use crate::say::Say;

const ALL: &str = "--avgRuns --avgTiming --device --dumpLayerInfo --dumpOutput --dumpProfile --duration \
    --exportLayerInfo --exportOutput --exportProfile --exportTimes --exposeDMA --help --idleTime \
    --inputIOFormats --iterations --loadEngine --loadInputs --maxShapes --minShapes --noBuilderCache \
    --noDataTransfers --noTF32 --onnx --optShapes --outputIOFormats --percentile --profilingVerbosity \
    --refit --saveEngine --separateProfileRun --shapes --sleepTime --sparsity --streams --tacticSources \
    --threads --timeDeserialize --timeRefit --timingCacheFile --useCudaGraph --useManagedMemory \
    --useSpinWait --verbose --warmUp";
const UNTIL_10: &str = "--buildOnly --workspace --batch --explicitBatch --minTiming";
const UNTIL_11: &str = "--fp16 --best --precisionConstraints --calib --restricted";
const SINCE_8_6: &str = "--skipInference --memPoolSize --builderOptimizationLevel --infStreams \
    --maxAuxStreams --persistentCacheRatio --hardwareCompatibilityLevel --versionCompatible --tempdir";
const SINCE_10: &str = "--errorOnTimingCacheMiss --stronglyTyped --noCompilationCache --useProfile \
    --allocationStrategy --getPlanVersionOnly";
const SINCE_10_16: &str =
    "--tilingOptimizationLevel --maxTactics --monitorMemory --asyncFileReader";
const SINCE_11: &str = "--includeDataTransfers --noCudaGraph --noSpinWait";

/// The words of a command line.
pub(crate) struct Arguments(Vec<(String, String)>);

impl Arguments {
    pub(crate) fn of(words: &[OsString]) -> Self {
        let split = |word: &OsString| {
            let word = word.to_string_lossy().into_owned();
            match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (word, String::new()),
            }
        };
        Self(words.iter().map(split).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A number, or what the program takes without one.
    pub(crate) fn number(&self, name: &str, default: f64) -> f64 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }
}

/// The words that this version does not take.
pub(crate) fn unknown(config: &Config, arguments: &Arguments) -> Vec<(String, String)> {
    let mut known = vec![ALL];
    known.extend((config.major < 10).then_some(UNTIL_10));
    known.extend((config.major < 11).then_some(UNTIL_11));
    known.extend(config.since(8, 6).then_some(SINCE_8_6));
    known.extend(config.since(10, 0).then_some(SINCE_10));
    known.extend(config.since(10, 16).then_some(SINCE_10_16));
    known.extend(config.since(11, 0).then_some(SINCE_11));
    let is_known = |name: &str| known.iter().any(|list| list.split_whitespace().any(|k| k == name));
    arguments.0.iter().filter(|(name, _)| !is_known(name)).cloned().collect()
}

/// What the parser says to values that it cannot read.
pub(crate) fn check_values(config: &Config, arguments: &Arguments) -> Result<(), String> {
    if arguments.get("--percentile").is_some_and(|list| list.contains(',')) && !config.since(8, 5) {
        return Err("stof: 50,90,95,99,99.9".to_owned());
    }
    let whole = ["--duration", "--warmUp"].map(|name| arguments.get(name).unwrap_or("0"));
    if !config.since(8, 4) && whole.iter().any(|value| value.parse::<u32>().is_err()) {
        return Err("stoi: not a whole number".to_owned());
    }
    if !arguments.has("--onnx") && !arguments.has("--loadEngine") {
        return Err("Model missing or format not recognized".to_owned());
    }
    if arguments.has("--saveEngine") && arguments.has("--loadEngine") {
        return Err("Incompatible load and save engine options selected".to_owned());
    }
    Ok(())
}

/// The first lines of the help, which has hundreds.
pub(crate) fn help(config: &Config, say: &mut Say) {
    say.raw("=== Model Options ===");
    say.raw("  --onnx=<file>               ONNX model");
    say.raw("=== Build Options ===");
    for name in ALL.split_whitespace() {
        say.raw(&format!("  {name}             (of TensorRT {})", config.major));
    }
    say.raw("=== Inference Options ===");
    say.raw("  --duration=N: seconds       Run performance measurements for at least N seconds");
}
