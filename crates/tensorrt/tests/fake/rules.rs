//! The fake notices what it is there to notice: each rule is broken on purpose, without the safe interface
//! and in a process of its own, which must end with the right words.

use std::ffi::{c_int, c_void};
use std::process::Command;

use tensorrt::abi::call::{Bool, Text, delete, implementation};
use tensorrt::abi::callback::{Callback, Method, logger_info, profiler_info};
use tensorrt::abi::types::InterfaceInfo;
use tensorrt::abi::{Ptr, Slots, Table};

const VERSION: &str = "11.1.0";
const NUMBER: c_int = 110_100;
const RULE: &str = "TENSORRT_TEST_RULE";

extern "C" fn silent(_: Ptr, _: c_int, _: Text) {}

/// The fake without any safety.
struct Raw {
    _library: libloading::Library,
    _logger: Callback<()>,
    builder: Ptr,
    runtime: Ptr,
    slots: Slots,
}

fn raw(info: extern "C" fn(Ptr) -> InterfaceInfo, number: c_int) -> Raw {
    type Factory = unsafe extern "C" fn(Ptr, c_int) -> Ptr;
    let method = silent as extern "C" fn(Ptr, c_int, Text) as Method;
    let logger = Callback::new(Table::V11.logger_layout(), info, &[method], ());
    let path = tensorrt_fake::library_path().unwrap();
    // SAFETY: the factories have this type, and the logger lives in the result.
    unsafe {
        let library = libloading::Library::new(path).unwrap();
        let make = |name| library.get::<Factory>(name).unwrap()(logger.as_ptr(), number);
        let builder = make("createInferBuilder_INTERNAL");
        let runtime = make("createInferRuntime_INTERNAL");
        let slots = Slots::for_version(Table::V11, NUMBER);
        Raw { _library: library, _logger: logger, builder, runtime, slots }
    }
}

impl Raw {
    fn config(&self) -> Ptr {
        // SAFETY: the builder is alive.
        unsafe {
            let this = implementation(self.builder);
            self.slots.builder.create_builder_config.of(this)(this)
        }
    }

    fn timing_cache(&self, config: Ptr) -> Ptr {
        // SAFETY: the configuration is alive.
        unsafe {
            let this = implementation(config);
            self.slots.builder_config.create_timing_cache.of(this)(this, std::ptr::null(), 0)
        }
    }
}

/// Not a test of its own: breaks the rule that the environment names.
#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn break_a_rule() {
    let Ok(rule) = std::env::var(RULE) else { return };
    let info = if rule == "logger" { profiler_info } else { logger_info };
    let raw = raw(info, NUMBER);
    let config = raw.config();
    // SAFETY: none; that is the point, and the fake stops before anything happens.
    unsafe {
        match rule.as_str() {
            "twice" => {
                delete(config);
                delete(config);
            }
            "after" => {
                let this = implementation(config);
                delete(config);
                raw.slots.builder_config.set_flag.of(this)(this, 2);
            }
            "parent" => delete(raw.builder),
            "owned" => {
                let this = implementation(raw.builder);
                delete(raw.slots.builder.create_optimization_profile.of(this)(this));
            }
            "cache" => {
                let cache = raw.timing_cache(config);
                let this = implementation(config);
                raw.slots.builder_config.set_timing_cache.of(this)(this, cache, false);
                delete(config);
                delete(cache);
            }
            "class" => {
                let this = implementation(raw.builder);
                raw.slots.builder.build_serialized_network.of(this)(this, config, config);
            }
            "slot" => {
                type Any = unsafe extern "C" fn(Ptr) -> Bool;
                let this = implementation(raw.runtime);
                let table = *this.cast::<*const *const c_void>();
                let entry: Any = std::mem::transmute(*table.add(22));
                entry(this);
            }
            _ => {}
        }
    }
}

/// The words with which the process ends.
fn ends(rule: &str) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "rules::break_a_rule", "--ignored", "--nocapture"]);
    let output = command.env(RULE, rule).env(tensorrt_fake::VERSION, VERSION).output().unwrap();
    assert!(!output.status.success(), "{rule}: nothing was noticed");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_broken_rule_ends_the_process_and_says_which() {
    for (rule, words) in [
        ("twice", "a VBuilderConfig was deleted twice"),
        ("after", "a VBuilderConfig was used after its deletion"),
        ("parent", "a VBuilder was deleted before the VBuilderConfig that needs it"),
        ("owned", "a VOptimizationProfile was deleted by the caller: the library owns it"),
        ("cache", "a VTimingCache was deleted before the VBuilder that needs it"),
        ("class", "a VBuilderConfig was passed where a VNetworkDefinition belongs"),
        ("slot", "slot 22 of VRuntime was called"),
        ("logger", "a callback says \"IProfiler\" 1.0, not \"ILogger\""),
    ] {
        let told = ends(rule);
        assert!(told.contains(words), "{rule}: {told}");
    }
}

/// Every method of every table is called by some test: without it, one of them fails.
#[test]
#[ignore = "runs all tests once per method, which takes minutes"]
fn no_method_is_left_out() {
    let tables = [(Table::V10, 10_16_00), (Table::V11, 11_01_00), (Table::Rtx, 1_06_01)];
    let mut left_out = Vec::new();
    let folder = std::env::temp_dir().join(format!("tensorrt-left-out-{}", std::process::id()));
    for (table, version) in tables {
        for (class, method, slot) in Slots::for_version(table, version).rows() {
            std::fs::create_dir_all(&folder).unwrap(); // what ends by a signal cleans up nothing
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--skip", "rules::"]).env_remove(RULE).env("TMPDIR", &folder);
            command.env(tensorrt_fake::WITHOUT, format!("{table:?}:{class}:{slot}"));
            if command.output().unwrap().status.success() {
                left_out.push(format!("{table:?} {class}::{method}"));
            }
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
    assert_eq!(left_out, Vec::<String>::new());
}
