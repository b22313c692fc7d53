//! Finding and loading ONNX Runtime's shared library, with a reason when that fails.
//!
//! Order: `ORT_DYLIB_PATH` (alone, when it is set), the newest below `data/runtime/onnxruntime-*/`,
//! the system's library folders.
#![expect(unsafe_code, reason = "asks a foreign library for its version before it is used")]

use std::ffi::CStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ::ort::logging::LogLevel;
use libloading::os::unix::{Library as Handle, RTLD_LAZY, RTLD_LOCAL};

use super::ID;
use crate::error::{Error, Result};
use crate::traits::Environment;

const HINT: &str = "run `cargo xtask setup cpu`, or name the library in ORT_DYLIB_PATH";
/// The oldest API that the bindings speak.
const OLDEST_MINOR: u32 = 17;

/// The loaded library.
#[derive(Clone)]
pub(super) struct Library {
    pub(super) path: PathBuf,
    pub(super) version: String,
    pub(super) environment: ::ort::environment::Environment,
}

/// One library a process: the bindings keep it until the process ends.
static LOADED: Mutex<Option<Library>> = Mutex::new(None);

impl Library {
    /// Loads the library at `path`, or gives the one that this process already has.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let mut slot = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = slot.as_ref() {
            return Ok(loaded.clone());
        }
        let wrong = |reason: String| unavailable(format!("{}: {reason}", path.display()));
        check_elf(path).map_err(wrong)?;
        let version = version_of(path).map_err(wrong)?;
        let minor = version.split('.').nth(1).and_then(|part| part.parse::<u32>().ok());
        if minor.is_some_and(|minor| minor < OLDEST_MINOR) {
            let reason =
                format!("version {version} is too old: 1.{OLDEST_MINOR} or newer is needed");
            return Err(wrong(reason));
        }
        let environment = ::ort::init_from(path)
            .map_err(|error| wrong(error.to_string()))?
            .with_name("tailmark")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let loaded = Self { path: path.to_owned(), version, environment };
        *slot = Some(loaded.clone());
        Ok(loaded)
    }
}

/// What ONNX Runtime says goes to our log, where errors come back as errors anyway.
fn log(level: LogLevel, category: &str, _id: &str, place: &str, message: &str) {
    match level {
        LogLevel::Fatal | LogLevel::Error => tracing::info!(category, place, "{message}"),
        LogLevel::Warning => tracing::debug!(category, place, "{message}"),
        LogLevel::Info | LogLevel::Verbose => tracing::trace!(category, place, "{message}"),
    }
}

/// The library that would be loaded.
pub(super) fn find(environment: &Environment) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        if path.is_file() {
            return Ok(path);
        }
        let reason = format!("ORT_DYLIB_PATH names {}, which is no file", path.display());
        return Err(unavailable(reason));
    }
    let runtime = environment.data.join("runtime");
    let own = entries(&runtime)
        .into_iter()
        .filter(|folder| {
            let version = name_of(folder).strip_prefix("onnxruntime-").map(str::to_owned);
            version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
        })
        .flat_map(|folder| entries(&folder))
        .filter(|path| is_library(path))
        .max_by_key(|path| version_key(path));
    if let Some(path) = own {
        return Ok(path);
    }
    let triple = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let system = ["/usr/local/lib", triple.as_str(), "/usr/lib64", "/usr/lib"];
    let found = system.iter().find_map(|folder| {
        entries(Path::new(folder))
            .into_iter()
            .filter(|p| is_library(p))
            .max_by_key(|p| version_key(p))
    });
    found.ok_or_else(|| {
        unavailable(format!(
            "ONNX Runtime's shared library was not found; looked for libonnxruntime.so* in {}/onnxruntime-*, {}",
            runtime.display(),
            system.join(", ")
        ))
    })
}

fn unavailable(reason: String) -> Error {
    Error::Unavailable { backend: ID, reason, hint: HINT.to_owned() }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = listed.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn is_library(path: &Path) -> bool {
    let name = name_of(path);
    let tail = name.strip_prefix("libonnxruntime.so");
    tail.is_some_and(|tail| tail.is_empty() || tail.starts_with('.')) && path.is_file()
}

/// The numbers in a file's folder and name, so that 1.9 comes before 1.32.
fn version_key(path: &Path) -> Vec<u32> {
    let folder = path.parent().map(name_of).unwrap_or_default();
    let numbers = |text: &str| {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
    };
    let mut key: Vec<u32> = numbers(&folder);
    key.extend::<Vec<u32>>(numbers(&name_of(path)));
    key
}

/// Whether the file is a 64-bit shared library for this processor; loading alone would not say why not.
fn check_elf(path: &Path) -> Result<(), String> {
    let mut head = [0_u8; 20];
    fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut head))
        .map_err(|error| format!("cannot be read as a shared library: {error}"))?;
    if &head[..4] != b"\x7fELF" {
        return Err("is not an ELF shared library".to_owned());
    }
    let machine = u16::from_le_bytes([head[18], head[19]]);
    let expected = match std::env::consts::ARCH {
        "x86_64" => 62,
        "aarch64" => 183,
        _ => return Ok(()),
    };
    if machine == expected && head[4] == 2 {
        return Ok(());
    }
    let name = match machine {
        3 => "x86",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        _ => "another processor",
    };
    Err(format!("is built for {name}, but this machine is {}", std::env::consts::ARCH))
}

/// The one function that every ONNX Runtime exports.
type Base = unsafe extern "C" fn() -> *const ::ort::sys::OrtApiBase;

/// Loads the library and asks for its version; the dynamic linker's own reason comes with an error.
fn version_of(path: &Path) -> Result<String, String> {
    // SAFETY: the initialisers of a shared library that the user chose are run, as for any plug-in.
    let handle = unsafe { Handle::open(Some(path), RTLD_LAZY | RTLD_LOCAL) }
        .map_err(|error| format!("cannot be loaded: {}", with_cause(&error)))?;
    // SAFETY: every ONNX Runtime exports this function with this signature.
    let base = unsafe { handle.get::<Base>(b"OrtGetApiBase\0") }
        .map_err(|error| format!("is not ONNX Runtime: {}", with_cause(&error)))?;
    // SAFETY: the function takes nothing and returns a static table or null.
    let table = unsafe { base().as_ref() };
    let table = table.ok_or("gave no API table")?;
    // SAFETY: the table is static and its function returns a static, zero-terminated text.
    let version = unsafe { CStr::from_ptr((table.GetVersionString)()) };
    let version = version.to_string_lossy().into_owned();
    // the bindings load the library again and keep it: unloading it in between gains nothing
    std::mem::forget(handle);
    Ok(version)
}

/// The dynamic linker's own words, which the error keeps as its cause.
fn with_cause(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_wins() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["1.9.0", "1.32.0", "1.20.1"] {
            let place = folder.path().join(format!("runtime/onnxruntime-{version}"));
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join(format!("libonnxruntime.so.{version}")), b"").unwrap();
            fs::write(place.join("libonnxruntime_providers_shared.so"), b"").unwrap();
        }
        if std::env::var_os("ORT_DYLIB_PATH").is_some() {
            return;
        }
        let found = find(&Environment { data: folder.path().to_owned() }).unwrap();
        assert!(found.ends_with("onnxruntime-1.32.0/libonnxruntime.so.1.32.0"), "{found:?}");
    }

    #[test]
    fn a_wrong_file_has_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        let mut elf = [0_u8; 64];
        elf[..5].copy_from_slice(b"\x7fELF\x02");
        let cases: [(&[u8], &str); 3] = [
            (b"", "cannot be read as a shared library"),
            (b"not a library, whatever its name says", "is not an ELF"),
            (&elf, "is built for another processor"),
        ];
        for (bytes, reason) in cases {
            fs::write(&path, bytes).unwrap();
            let error = check_elf(&path).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let this = std::env::current_exe().unwrap();
        check_elf(&this).unwrap();
        let error = version_of(&this).unwrap_err();
        assert!(
            error.contains("cannot be loaded") || error.contains("not ONNX Runtime"),
            "{error}"
        );
    }
}
