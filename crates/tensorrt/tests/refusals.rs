//! What is refused at run time, with words that say why: against the fake library.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tensorrt::{
    Builder, BuilderFlag, ComputeCapability, DeviceMismatch, Error, Flow, HardwareCompatibility,
    Library, LogOptions, OnnxParser, ProgressMonitor, Severity, TacticSource, Typing,
};

const MODEL: &[u8] = include_bytes!("../../../pipelines/models/tiny.onnx");

/// A folder of its own with a copy of the fake as each version. Each is written once: a file must
/// not change while it is loaded.
struct Copies(PathBuf, RefCell<BTreeMap<String, PathBuf>>);

#[expect(clippy::unwrap_used, reason = "part of a test")]
impl Copies {
    fn new(test: &str) -> Self {
        let name = format!("tensorrt-refusals-{test}-{}", std::process::id());
        Self(std::env::temp_dir().join(name), RefCell::default())
    }

    fn load(&self, version: &str) -> Library {
        Library::load(&self.path(version)).unwrap()
    }

    fn path(&self, version: &str) -> PathBuf {
        let install = || tensorrt_fake::install(&self.0, version).unwrap();
        self.1.borrow_mut().entry(version.to_owned()).or_insert_with(install).clone()
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The text of what went wrong.
#[expect(clippy::unwrap_used, reason = "part of a test")]
fn why<T: std::fmt::Debug>(result: tensorrt::Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_network_and_a_configuration_belong_to_their_builder() {
    let copies = Copies::new("builders");
    let library = copies.load("10.3.0");
    let (ours, theirs) = (Builder::new(&library).unwrap(), Builder::new(&library).unwrap());
    let mut network = ours.create_network(Typing::Strong).unwrap();
    OnnxParser::new(&mut network).unwrap().parse(MODEL, None).unwrap();
    let mut config = ours.create_config().unwrap();
    let mut other = theirs.create_config().unwrap();
    assert_eq!(
        why(ours.build_serialized_network(&mut network, &mut other)),
        "the configuration belongs to another builder"
    );
    assert_eq!(
        why(theirs.build_serialized_network(&mut network, &mut other)),
        "the network belongs to another builder"
    );
    let profile = theirs.create_optimization_profile().unwrap();
    assert_eq!(
        why(config.add_optimization_profile(profile)),
        "the optimisation profile belongs to another builder"
    );
    ours.build_serialized_network(&mut network, &mut config).unwrap();
}

#[test]
fn a_network_whose_model_was_refused_is_not_built() {
    let copies = Copies::new("broken");
    for version in ["10.3.0", "11.1.0", "rtx-1.6.1"] {
        let library = copies.load(version);
        let builder = Builder::new(&library).unwrap();
        let mut config = builder.create_config().unwrap();
        let mut network = builder.create_network(Typing::Strong).unwrap();
        let build = |network: &mut _, config: &mut _| {
            why(builder.build_serialized_network(network, config))
        };
        assert!(build(&mut network, &mut config).starts_with("the model is empty: 0 layers"));
        let refused = OnnxParser::new(&mut network).unwrap().parse(&MODEL[..MODEL.len() / 2], None);
        assert!(
            matches!(refused, Err(Error::Parse(ref errors)) if errors[0].code == 3),
            "{refused:?}"
        );
        assert!(build(&mut network, &mut config).starts_with("the network is incomplete"));
        let empty = OnnxParser::new(&mut network).unwrap().parse(b"", None).unwrap_err();
        assert!(matches!(empty, Error::EmptyModel { .. }), "{empty}");
        assert!(empty.hint().unwrap().contains("ONNX"));
    }
}

#[test]
fn what_a_version_does_not_have_is_named_with_the_version() {
    let copies = Copies::new("versions");
    let cases = [
        ("10.3.0", "setMaxNbTactics"),
        ("10.3.0", "setTilingOptimizationLevel"),
        ("10.3.0", "setComputeCapability"),
        ("10.3.0", "kSAME_COMPUTE_CAPABILITY"),
        ("10.3.0", "builder flag kEDITABLE_TIMING_CACHE"),
        ("11.1.0", "builder flag kFP16"),
        ("11.1.0", "tactic source kCUDNN"),
        ("11.1.0", "a weakly typed network"),
        ("rtx-1.6.1", "builder flag kFP16"),
        ("rtx-1.6.1", "a weakly typed network"),
    ];
    for (version, what) in cases {
        let library = copies.load(version);
        let builder = Builder::new(&library).unwrap();
        let mut config = builder.create_config().unwrap();
        let error = match what.rsplit(' ').next().unwrap() {
            "setMaxNbTactics" => config.set_max_tactics(1).unwrap_err(),
            "setTilingOptimizationLevel" => {
                config.set_tiling_level(tensorrt::TilingLevel::Fast).unwrap_err()
            }
            "setComputeCapability" => {
                config.set_compute_capabilities(&[ComputeCapability::Sm86]).unwrap_err()
            }
            "kSAME_COMPUTE_CAPABILITY" => config
                .set_hardware_compatibility(HardwareCompatibility::SameComputeCapability)
                .unwrap_err(),
            "kEDITABLE_TIMING_CACHE" => {
                config.set_flag(BuilderFlag::EditableTimingCache).unwrap_err()
            }
            "kFP16" => config.set_flag(BuilderFlag::Fp16).unwrap_err(),
            "kCUDNN" => config.set_tactic_sources(&[TacticSource::Cudnn]).unwrap_err(),
            _ => builder.create_network(Typing::Weak).unwrap_err(),
        };
        let number = version.trim_start_matches("rtx-");
        let text = error.to_string();
        assert!(text.starts_with(what), "{text}");
        assert!(text.ends_with(&format!("not possible with version {number}")), "{text}");
    }
}

#[test]
fn a_cache_of_another_library_is_refused_and_one_of_another_load_is_not() {
    let copies = Copies::new("caches");
    let (ten, eleven) = (copies.load("10.3.0"), copies.load("11.1.0"));
    let again = copies.load("10.3.0");
    let builder = |library| Builder::new(library).unwrap();
    let (ten, eleven, again) = (builder(&ten), builder(&eleven), builder(&again));
    let cache = ten.create_config().unwrap().create_timing_cache(&[]).unwrap();
    let other = eleven.create_config().unwrap().create_timing_cache(&[]).unwrap();
    let foreign = "the timing cache belongs to another library";
    let mut config = eleven.create_config().unwrap();
    assert_eq!(why(config.set_timing_cache(&cache, DeviceMismatch::Ignore)), foreign);
    assert_eq!(why(cache.combine(&other, DeviceMismatch::Ignore)), foreign);
    assert!(cache.combine(&cache, DeviceMismatch::Refuse).unwrap());
    let mut config = again.create_config().unwrap();
    assert!(config.set_timing_cache(&cache, DeviceMismatch::Refuse).unwrap());
}

#[test]
fn a_cache_outlives_the_builder_that_uses_it_in_whatever_order_they_go() {
    let copies = Copies::new("order");
    for version in ["10.3.0", "11.1.0", "rtx-1.6.1"] {
        let library = copies.load(version);
        let builder = Builder::new(&library).unwrap();
        let mut network = builder.create_network(Typing::Strong).unwrap();
        OnnxParser::new(&mut network).unwrap().parse(MODEL, None).unwrap();
        let mut config = builder.create_config().unwrap();
        let cache = config.create_timing_cache(&[]).unwrap();
        assert!(config.set_timing_cache(&cache, DeviceMismatch::Refuse).unwrap());
        drop(cache);
        let plan = builder.build_serialized_network(&mut network, &mut config).unwrap();
        let bytes = config.timing_cache().unwrap().serialize().unwrap();
        drop((network, config));
        drop(builder);
        drop(library);
        assert!(!plan.is_empty() && !bytes.is_empty(), "bytes live on alone");
    }
}

/// A monitor that does what its name says at its first step.
struct Monitor(&'static str);

impl ProgressMonitor for Monitor {
    fn phase_start(&self, _: &str, _: Option<&str>, _: i32) {}

    fn step_complete(&self, _: &str, _: i32) -> Flow {
        match self.0 {
            "cancel" => Flow::Cancel,
            "panic" => panic!("the bar broke"),
            _ => Flow::Continue,
        }
    }

    fn phase_finish(&self, _: &str) {}
}

#[test]
fn a_monitor_ends_a_build_and_the_next_one_is_whole() {
    let copies = Copies::new("monitor");
    for version in ["10.3.0", "11.1.0", "rtx-1.6.1"] {
        let library = copies.load(version);
        let log = LogOptions { verbose: true, sink: Some(std::sync::Arc::new(sink)) };
        let builder = Builder::with_log(&library, log).unwrap();
        let mut network = builder.create_network(Typing::Strong).unwrap();
        OnnxParser::new(&mut network).unwrap().parse(MODEL, None).unwrap();
        let mut config = builder.create_config().unwrap();
        let mut build = |what| {
            config.set_progress_monitor(Box::new(Monitor(what))).unwrap();
            builder.build_serialized_network(&mut network, &mut config).map(|plan| plan.len())
        };
        assert_eq!(build("cancel"), Err(Error::Cancelled));
        assert_eq!(why(build("panic")), "the progress monitor panicked: the bar broke");
        assert!(build("nothing").unwrap() > 0, "and a log sink that panics does not matter");
    }
}

fn sink(severity: Severity, line: &str) {
    assert!(severity < Severity::VERBOSE, "{line}");
}

#[test]
fn other_versions_and_other_files_are_refused_with_a_way_out() {
    let copies = Copies::new("other");
    for version in ["8.6.1", "10.0.1", "12.0.0", "rtx-1.4.0"] {
        let error = Library::load(&copies.path(version)).unwrap_err();
        let number = version.trim_start_matches("rtx-");
        assert!(
            error.to_string().ends_with(&format!("version {number}, which is not bound")),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("trtexec"));
    }
    let warned = copies.load("10.17.0");
    assert!(warned.warning().unwrap().contains("10.17.0 is newer than 10.16.0"));
    assert_eq!(copies.load("11.1.0").warning(), None);
    let no_library = Library::load(Path::new(file!())).unwrap_err().to_string();
    assert!(
        no_library.starts_with("cannot load ") && !no_library.ends_with("dlopen failed"),
        "{no_library}"
    );
}
