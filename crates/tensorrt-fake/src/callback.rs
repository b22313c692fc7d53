//! Calls into the objects that the caller gave: logger, progress monitor, profiler.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use tensorrt::abi::Ptr;
use tensorrt::abi::call::{Bool, Text};
use tensorrt::abi::enums::Severity;
use tensorrt::abi::types::{CallbackLayout, InterfaceInfo};

use crate::settings;
use crate::table::stop;

/// The entry of a callback object's table.
///
/// # Safety
/// `this` is a live callback object whose table has that entry.
unsafe fn entry(this: Ptr, index: usize) -> *const c_void {
    // SAFETY: the first word of the object is its table, as the caller promises.
    unsafe { *(*this.cast::<*const *const c_void>()).add(index) }
}

/// The first method's index, after checking what a versioned object says about itself.
fn first_method(this: Ptr, layout: CallbackLayout, kind: &CStr) -> usize {
    if layout == CallbackLayout::Plain {
        return 0;
    }
    // SAFETY: the versioned layout begins with these two methods; the object is alive, because the
    // caller must keep it so while the library may use it.
    let (language, info) = unsafe {
        let language: extern "C" fn(Ptr) -> c_int = std::mem::transmute(entry(this, 0));
        let info: extern "C" fn(Ptr) -> InterfaceInfo = std::mem::transmute(entry(this, 1));
        (language(this), info(this))
    };
    // SAFETY: the name is a static text of the object.
    let name = unsafe { CStr::from_ptr(info.kind) };
    if language != 0 || name != kind || (info.major, info.minor) != (1, 0) {
        stop(&format!("a callback says {name:?} {}.{}, not {kind:?}", info.major, info.minor));
    }
    4
}

fn text(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}

/// The logger of a builder, runtime or parser.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    this: usize,
    method: usize,
}

impl Log {
    /// A logger that was passed to a factory; `None` for null.
    pub(crate) fn new(this: Ptr) -> Option<Self> {
        if this.is_null() {
            return None;
        }
        let method = first_method(this, settings::table().logger_layout(), c"ILogger");
        Some(Self { this: this.expose_provenance(), method })
    }

    /// Whether both are one object.
    pub(crate) fn is(self, other: Self) -> bool {
        self.this == other.this
    }

    /// Sends one line.
    pub(crate) fn say(self, severity: Severity, line: &str) {
        self.send(severity, &text(line));
    }

    /// Sends bytes that need not be text.
    pub(crate) fn send(self, severity: Severity, line: &CStr) {
        let this: Ptr = std::ptr::with_exposed_provenance_mut(self.this);
        // SAFETY: a logger outlives every object that was made with it, and its method lies there.
        unsafe {
            let log: extern "C" fn(Ptr, c_int, *const c_char) =
                std::mem::transmute(entry(this, self.method));
            log(this, severity.0, line.as_ptr());
        }
    }

    pub(crate) fn error(self, line: &str) {
        self.say(Severity::ERROR, line);
    }

    pub(crate) fn warning(self, line: &str) {
        self.say(Severity::WARNING, line);
    }

    pub(crate) fn info(self, line: &str) {
        self.say(Severity::INFO, line);
    }

    pub(crate) fn verbose(self, line: &str) {
        self.say(Severity::VERBOSE, line);
    }
}

/// The progress monitor of a configuration.
#[derive(Clone, Copy)]
pub(crate) struct Monitor {
    this: usize,
}

impl Monitor {
    pub(crate) fn new(this: Ptr) -> Option<Self> {
        if this.is_null() {
            return None;
        }
        first_method(this, CallbackLayout::Versioned, c"IProgressMonitor");
        Some(Self { this: this.expose_provenance() })
    }

    /// The object that the caller gave.
    pub(crate) fn pointer(self) -> Ptr {
        std::ptr::with_exposed_provenance_mut(self.this)
    }

    pub(crate) fn start(self, phase: &str, parent: Option<&str>, steps: i32) {
        let (phase, parent) = (text(phase), parent.map(text));
        let parent = parent.as_ref().map_or(std::ptr::null(), |parent| parent.as_ptr());
        // SAFETY: a monitor outlives the build, and its first method lies there.
        unsafe {
            let start: extern "C" fn(Ptr, Text, Text, i32) =
                std::mem::transmute(entry(self.pointer(), 4));
            start(self.pointer(), phase.as_ptr(), parent, steps);
        }
    }

    /// Whether the build goes on.
    pub(crate) fn step(self, phase: &str, step: i32) -> bool {
        let phase = text(phase);
        // SAFETY: as above, the second method.
        unsafe {
            let step_complete: extern "C" fn(Ptr, Text, i32) -> Bool =
                std::mem::transmute(entry(self.pointer(), 5));
            step_complete(self.pointer(), phase.as_ptr(), step).is_true()
        }
    }

    pub(crate) fn finish(self, phase: &str) {
        let phase = text(phase);
        // SAFETY: as above, the third method.
        unsafe {
            let finish: extern "C" fn(Ptr, Text) = std::mem::transmute(entry(self.pointer(), 6));
            finish(self.pointer(), phase.as_ptr());
        }
    }
}

/// The profiler of a context.
#[derive(Clone, Copy)]
pub(crate) struct Profiler {
    this: usize,
    method: usize,
}

impl Profiler {
    pub(crate) fn new(this: Ptr) -> Option<Self> {
        if this.is_null() {
            return None;
        }
        let method = first_method(this, settings::table().logger_layout(), c"IProfiler");
        Some(Self { this: this.expose_provenance(), method })
    }

    pub(crate) fn report(self, layer: &str, ms: f32) {
        let this: Ptr = std::ptr::with_exposed_provenance_mut(self.this);
        let layer = text(layer);
        // SAFETY: a profiler outlives its context, and its method lies there.
        unsafe {
            let report: extern "C" fn(Ptr, Text, f32) =
                std::mem::transmute(entry(this, self.method));
            report(this, layer.as_ptr(), ms);
        }
    }
}

/// A text that the caller passed; `None` for null.
pub(crate) fn read(text: Text) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller passes texts that end with a zero byte.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Bytes that the caller passed.
pub(crate) fn bytes<'a>(data: *const c_void, size: usize) -> &'a [u8] {
    if data.is_null() || size == 0 {
        return &[];
    }
    // SAFETY: the caller passes a buffer of that size, which lives during the call.
    unsafe { std::slice::from_raw_parts(data.cast(), size) }
}
