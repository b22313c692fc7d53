//! A loaded library: its version, the table of slots that fits it, and its factory functions.

use std::ffi::{CStr, c_char, c_int};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};

use crate::abi::call::good;
use crate::abi::{Ptr, Slots, Table};
use crate::error::{Error, Result};
use crate::logger::Log;
use crate::relay::Relay;
use crate::version::{Product, Version};
use crate::{cuda, find};

/// `createInferBuilder_INTERNAL` and its like: a logger and the version that the caller was made for.
type Factory = unsafe extern "C" fn(Ptr, c_int) -> Ptr;
/// `createNvOnnxParser_INTERNAL`: network, logger, version of the parser's interface.
type ParserFactory = unsafe extern "C" fn(Ptr, Ptr, c_int) -> Ptr;

/// A loaded TensorRT or TensorRT for RTX. Clones are the same library.
///
/// A library stays loaded until the process ends: it has threads and thread-local state that
/// outlive its objects, so unloading it is never safe.
#[derive(Clone)]
pub struct Library(Arc<Inner>);

struct Inner {
    /// Where one of its functions lies: tells whether two loads gave the same library.
    identity: usize,
    handle: ManuallyDrop<Handle>,
    path: PathBuf,
    version: Version,
    table: Table,
    slots: Slots,
    warning: Option<String>,
    relay: &'static Relay,
    parser: OnceLock<Result<Parser>>,
    parser_path: Option<PathBuf>,
}

/// The parser's factory, from a library of its own or from the same one.
#[derive(Clone, Copy)]
struct Parser {
    factory: ParserFactory,
    version: c_int,
}

impl Library {
    /// Loads the library at `path`. The ONNX parser is looked for beside it when it is needed.
    ///
    /// Loading runs code of the file: name only files that you trust as much as your own program.
    /// One that exports TensorRT's symbols and is something else cannot be told from TensorRT.
    ///
    /// # Errors
    /// Where the file cannot be loaded, is no TensorRT, or is a version that is not bound.
    pub fn load(path: &Path) -> Result<Self> {
        Self::open(path, None)
    }

    /// Loads the library at `path`, and later the ONNX parser at `parser`.
    ///
    /// # Errors
    /// As [`Library::load`]; a parser that cannot be loaded is told when it is needed.
    pub fn load_with_parser(path: &Path, parser: &Path) -> Result<Self> {
        Self::open(path, Some(parser.to_owned()))
    }

    fn open(path: &Path, parser_path: Option<PathBuf>) -> Result<Self> {
        type Any = unsafe extern "C" fn() -> c_int;
        let handle = open(path)?;
        // SAFETY: the version functions take nothing and return an int in all versions.
        let version = unsafe { symbol::<Any>(&handle, c"getInferLibVersion") };
        let version = version.ok_or_else(|| Error::Load {
            path: path.to_owned(),
            reason: "it is no TensorRT library: no getInferLibVersion in it".to_owned(),
        })?;
        let identity = version as usize;
        // SAFETY: as above.
        let number = unsafe { version() };
        let mut version = Version::from_number(number);
        let build = self::number(&handle, c"getInferLibBuildVersion").unwrap_or(0);
        version.build = u32::try_from(build).unwrap_or(0);
        let table = Table::of_version(number)
            .ok_or_else(|| Error::UnsupportedVersion { version, path: path.to_owned() })?;
        let warning = version.warning(table);
        if let Some(warning) = &warning {
            tracing::warn!(target: "tensorrt", "{warning}");
        }
        Ok(Self(Arc::new(Inner {
            identity,
            relay: Relay::of(identity, table),
            handle,
            path: path.to_owned(),
            version,
            table,
            slots: Slots::for_version(table, number),
            warning,
            parser: OnceLock::new(),
            parser_path,
        })))
    }

    /// The version, as the library says.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// The table of slots and enum values in use.
    pub fn table(&self) -> Table {
        self.0.table
    }

    /// Which of the two products it is.
    pub fn product(&self) -> Product {
        self.0.table.product()
    }

    /// The file, as it was given.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// A warning where the library is newer than what was verified.
    pub fn warning(&self) -> Option<&str> {
        self.0.warning.as_deref()
    }

    /// What the library says about itself through the optional symbol `getTensorRtNote`, which
    /// NVIDIA's libraries do not have: a stand-in for tests says there that it is one.
    pub fn note(&self) -> Option<String> {
        type Note = unsafe extern "C" fn() -> *const c_char;
        // SAFETY: the symbol is ours and has this type wherever it exists.
        let note = unsafe { symbol::<Note>(&self.0.handle, c"getTensorRtNote")? };
        // SAFETY: it takes nothing and returns a static string or null.
        unsafe { text(note()) }
    }

    /// Whether engines can be built with it; a lean or dispatch runtime cannot.
    pub fn can_build(&self) -> bool {
        has(&self.0.handle, c"createInferBuilder_INTERNAL")
    }

    /// Where each virtual method lies in this version.
    pub(crate) fn slots(&self) -> &Slots {
        &self.0.slots
    }

    /// The logger that every object of it is made with.
    pub(crate) fn relay(&self) -> &'static Relay {
        self.0.relay
    }

    /// Whether both are the same loaded library.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.identity == other.0.identity
    }

    /// The error for what this version cannot do.
    pub(crate) fn unsupported(&self, what: impl Into<String>) -> Error {
        Error::Unsupported { what: what.into(), version: self.version() }
    }

    /// Calls one of the factories that take a logger; `name` is `createInfer…_INTERNAL`.
    pub(crate) fn make(&self, name: &'static CStr, logger: &Log) -> Result<Ptr> {
        let call = name.to_str().unwrap_or("a factory of the library");
        // SAFETY: NvInferRuntime.h declares these factories with this type in all bound versions.
        let factory = unsafe { symbol::<Factory>(&self.0.handle, name) }.ok_or_else(|| {
            let file = self.path().display();
            self.unsupported(format!("{file} has no {call}, like every lean runtime"))
        })?;
        let driver = match self.product() {
            Product::TensorRt => cuda::init(),
            // builds without a driver, and starts one itself where it needs one
            Product::TensorRtRtx => Ok(()),
        };
        let mark = logger.mark();
        // SAFETY: the relay has the layout of this table and is never freed; the version is what the
        // library itself says.
        let object = unsafe { factory(self.0.relay.as_ptr(), self.version().number()) };
        good(object).ok_or_else(|| {
            let reason = logger.reason(mark);
            let driver = driver.err().map(|error| format!(" ({error})")).unwrap_or_default();
            Error::Call { call, reason: format!("{reason}{driver}") }
        })
    }

    /// Makes an ONNX parser that fills `network`.
    ///
    /// # Safety
    /// `network` is a living `INetworkDefinition` of this library, and outlives the parser.
    pub(crate) unsafe fn make_parser(&self, network: Ptr, logger: &Log) -> Result<Ptr> {
        let parser = self.0.parser.get_or_init(|| self.parser()).clone()?;
        let mark = logger.mark();
        // SAFETY: the caller says what the network is; the relay as in `make`; the version is what
        // the parser itself says.
        let object = unsafe { (parser.factory)(network, self.0.relay.as_ptr(), parser.version) };
        good(object).ok_or_else(|| Error::Call {
            call: "createNvOnnxParser_INTERNAL",
            reason: logger.reason(mark),
        })
    }

    /// The parser: what the caller or `TENSORRT_ONNXPARSER_LIB` names, the library itself where it
    /// has one, or the file beside it, and last wherever the loader finds it.
    fn parser(&self) -> Result<Parser> {
        let named = std::env::var_os("TENSORRT_ONNXPARSER_LIB").filter(|path| !path.is_empty());
        if let Some(path) = self.0.parser_path.clone().or_else(|| named.map(PathBuf::from)) {
            let handle = open(&path)?;
            return self.parser_of(&handle, &path);
        }
        if has(&self.0.handle, c"createNvOnnxParser_INTERNAL") {
            return self.parser_of(&self.0.handle, self.path());
        }
        let name = self.parser_name();
        let short = name.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
        // beside the name that was given, or beside the file that it links to
        let real = self.path().canonicalize().unwrap_or_default();
        let folders = [self.path(), &real].map(|file| file.parent().unwrap_or(Path::new("")));
        let beside = |folder| find::newest(folder, &name).or_else(|| find::newest(folder, short));
        let path = folders.into_iter().find_map(beside).unwrap_or_else(|| PathBuf::from(&name));
        let handle = open(&path)?;
        self.parser_of(&handle, &path)
    }

    fn parser_name(&self) -> String {
        let major = self.version().major;
        match self.product() {
            Product::TensorRt => format!("libnvonnxparser.so.{major}"),
            Product::TensorRtRtx => format!("libtensorrt_onnxparser_rtx.so.{major}"),
        }
    }

    fn parser_of(&self, handle: &Handle, path: &Path) -> Result<Parser> {
        // SAFETY: NvOnnxParser.h declares it with this type in all bound versions.
        let factory = unsafe { symbol::<ParserFactory>(handle, c"createNvOnnxParser_INTERNAL") }
            .ok_or_else(|| Error::Load {
                path: path.to_owned(),
                reason: "it is no ONNX parser: no createNvOnnxParser_INTERNAL in it".to_owned(),
            })?;
        // interface 0.1.0, and 0.2.0 from RTX 1.6 on, for a parser that does not say
        let usual = if self.table() == Table::Rtx && self.version().minor >= 6 { 200 } else { 100 };
        let version = number(handle, c"getNvOnnxParserVersion").unwrap_or(usual);
        Ok(Parser { factory, version })
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.product(), self.version(), self.path().display())
    }
}

/// Loads a file for the rest of the process.
fn open(path: &Path) -> Result<ManuallyDrop<Handle>> {
    // SAFETY: loading runs the library's start code; it is NVIDIA's or what the user named.
    let handle = unsafe { Handle::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    let handle =
        handle.map_err(|error| Error::Load { path: path.to_owned(), reason: reason(&error) })?;
    Ok(ManuallyDrop::new(handle))
}

/// What the dynamic loader says.
pub(crate) fn reason(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// A function of a library that stays loaded.
///
/// # Safety
/// `F` is the function's pointer type.
unsafe fn symbol<F: Copy>(handle: &Handle, name: &CStr) -> Option<F> {
    // SAFETY: the caller knows the type; the library is never unloaded (see `Library`).
    unsafe { handle.get::<F>(name.to_bytes_with_nul()).ok().map(|found| *found) }
}

fn has(handle: &Handle, name: &CStr) -> bool {
    // SAFETY: nothing is called through it.
    unsafe { symbol::<unsafe extern "C" fn()>(handle, name) }.is_some()
}

/// What a function `int name()` returns.
fn number(handle: &Handle, name: &CStr) -> Option<c_int> {
    // SAFETY: the version functions take nothing and return an int in all versions.
    unsafe { symbol::<unsafe extern "C" fn() -> c_int>(handle, name).map(|function| function()) }
}

/// A copy of a C string, `None` for null.
///
/// # Safety
/// `text` is null or a string that ends with NUL.
pub(crate) unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: the caller says so.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
