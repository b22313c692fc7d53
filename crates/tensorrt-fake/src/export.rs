//! What the shared library exports: the factories of TensorRT, and three symbols of our own.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::{Mutex, PoisonError};

use tensorrt::abi::Ptr;

use crate::builder::Builder;
use crate::callback::Log;
use crate::object::{counts, create, executions};
use crate::parser::create_parser;
use crate::runtime::Runtime;
use crate::settings::{self, version};

/// What a factory gives when there is no driver.
const NO_DRIVER: usize = 0x228;

#[unsafe(no_mangle)]
extern "C" fn getInferLibVersion() -> c_int {
    version().number()
}

#[unsafe(no_mangle)]
extern "C" fn getInferLibMajorVersion() -> c_int {
    version().major
}

#[unsafe(no_mangle)]
extern "C" fn getInferLibMinorVersion() -> c_int {
    version().minor
}

#[unsafe(no_mangle)]
extern "C" fn getInferLibPatchVersion() -> c_int {
    version().patch
}

#[unsafe(no_mangle)]
extern "C" fn getInferLibBuildVersion() -> c_int {
    0
}

#[unsafe(no_mangle)]
extern "C" fn getNvOnnxParserVersion() -> c_int {
    let version = version();
    if version.rtx && version.number() >= 10600 { 200 } else { 100 }
}

/// What this library is.
#[unsafe(no_mangle)]
extern "C" fn getTensorRtNote() -> *const c_char {
    c"fake library, for tests".as_ptr()
}

/// The logger that the library writes to: the first one, while a builder or a runtime lives. Seen of
/// TensorRT-RTX 1.7.1 on a machine with a GPU.
static REGISTERED: Mutex<Option<Log>> = Mutex::new(None);

/// The registered logger, which becomes this one when nothing lives.
fn registered(log: Log) -> Log {
    let lives = counts()
        .iter()
        .any(|(class, (_, live))| matches!(*class, "VBuilder" | "VRuntime") && *live > 0);
    let mut registered = REGISTERED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match *registered {
        Some(first) if lives => {
            if !first.is(log) {
                first.warning("the logger differs from one already registered and is ignored");
            }
            first
        }
        _ => *registered.insert(log),
    }
}

/// The logger, if the call is one that a library of this version answers.
fn accept(logger: Ptr, asked: c_int) -> Option<Log> {
    let log = registered(Log::new(logger)?);
    let number = version().number();
    if asked != number {
        log.error(&format!("this is version {number}, and {asked} was asked for"));
        return None;
    }
    log.info(&format!("tensorrt-fake {}: fake library, for tests", version()));
    Some(log)
}

/// Makes an object, unless the fault `no-driver` is there.
fn make(logger: Ptr, asked: c_int, object: fn(Log) -> Ptr) -> Ptr {
    if settings::fault("no-driver") {
        if let Some(log) = Log::new(logger) {
            log.error("CUDA initialization failure with error: 35");
        }
        return std::ptr::without_provenance_mut(NO_DRIVER);
    }
    accept(logger, asked).map_or(std::ptr::null_mut(), object)
}

#[unsafe(no_mangle)]
extern "C" fn createInferBuilder_INTERNAL(logger: Ptr, asked: c_int) -> Ptr {
    make(logger, asked, |log| create(Builder::new(log), None))
}

#[unsafe(no_mangle)]
extern "C" fn createInferRuntime_INTERNAL(logger: Ptr, asked: c_int) -> Ptr {
    make(logger, asked, |log| create(Runtime::new(log), None))
}

#[unsafe(no_mangle)]
extern "C" fn createNvOnnxParser_INTERNAL(network: Ptr, logger: Ptr, asked: c_int) -> Ptr {
    let Some(log) = Log::new(logger) else { return std::ptr::null_mut() };
    if asked != getNvOnnxParserVersion() {
        log.error(&format!("this is not version {asked} of the parser"));
        return std::ptr::null_mut();
    }
    create_parser(network, log)
}

/// Reports that were given out: whoever asked may still read them.
static REPORTS: Mutex<Vec<CString>> = Mutex::new(Vec::new());

/// What lives in this copy of the library, as JSON: `{"class": {"made": n, "live": n}, "executions": n}`.
/// The text is never freed.
#[unsafe(no_mangle)]
extern "C" fn tensorrtFakeReport() -> *const c_char {
    let mut counts: BTreeMap<&str, serde_json::Value> = counts()
        .into_iter()
        .map(|(class, (made, live))| (class, serde_json::json!({ "made": made, "live": live })))
        .collect();
    counts.insert("executions", executions().into());
    let text = CString::new(serde_json::json!(counts).to_string()).unwrap_or_default();
    let mut reports = REPORTS.lock().unwrap_or_else(PoisonError::into_inner);
    reports.push(text);
    reports.last().map_or(std::ptr::null(), |text| text.as_ptr())
}

/// Overrides an environment variable of the fake for this copy of the library.
///
/// # Safety
/// Both are texts that end with a zero byte.
#[unsafe(no_mangle)]
unsafe extern "C" fn tensorrtFakeSet(name: *const c_char, value: *const c_char) {
    // SAFETY: the caller promises two texts.
    let (name, value) = unsafe { (CStr::from_ptr(name), CStr::from_ptr(value)) };
    settings::set(&name.to_string_lossy(), &value.to_string_lossy());
}
