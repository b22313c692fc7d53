//! Finding the shared library beside a test, and copies of it that look like a real installation.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::io;
use std::path::{Path, PathBuf};

use libloading::Library;
use serde_json::Value;

use crate::settings::Version;

/// The shared library that cargo built beside the test that is running.
///
/// # Errors
/// It is not there: the package is no dependency of the test.
pub fn library_path() -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folders = test.ancestors().skip(1).take(2);
    let places = folders.flat_map(|folder| [folder.to_owned(), folder.join("deps")]);
    let found = places.map(|folder| folder.join("libtensorrt_fake.so")).find(|path| path.is_file());
    found.ok_or_else(|| {
        let test = test.display();
        io::Error::new(io::ErrorKind::NotFound, format!("no libtensorrt_fake.so beside {test}"))
    })
}

/// Puts a copy into `folder` under the name that a library of `version` (`10.3.0`, `rtx-1.6.1`) has, with
/// the name of its parser beside it. Two copies in one process share nothing: each has its own version,
/// settings and counts.
///
/// # Errors
/// The version is none, or the copy fails.
pub fn install(folder: &Path, version: &str) -> io::Result<PathBuf> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, format!("no version: {version}"));
    let known = Version::parse(version).ok_or_else(wrong)?;
    let numbers = version.strip_prefix("rtx-").unwrap_or(version);
    let (library, parser) = if known.rtx {
        ("libtensorrt_rtx.so", "libtensorrt_onnxparser_rtx.so")
    } else {
        ("libnvinfer.so", "libnvonnxparser.so")
    };
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{library}.{numbers}"));
    // a copy that is there already may be mapped: it is replaced, never written over
    let part = folder.join(format!(".{library}.{numbers}.{}", std::process::id()));
    std::fs::copy(library_path()?, &part)?;
    std::fs::rename(&part, &path)?;
    for link in [
        folder.join(format!("{library}.{}", known.major)),
        folder.join(format!("{parser}.{}", known.major)),
        folder.join(format!("{parser}.{numbers}")),
    ] {
        let _ = std::fs::remove_file(&link); // there from an earlier call, or not at all
        std::os::unix::fs::symlink(&path, &link)?;
    }
    Ok(path)
}

/// The fake as a test sees it behind the back of the crate under test: a copy that is loaded, by its file.
pub struct Loaded(Library);

impl Loaded {
    /// The copy that was, or is hereby, loaded from `path`.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub fn open(path: &Path) -> io::Result<Self> {
        // SAFETY: the file is a copy of this crate, whose start code does nothing.
        let library = unsafe { Library::new(path) };
        library.map(Self).map_err(io::Error::other)
    }

    /// Overrides an environment variable of the fake, for this copy alone.
    ///
    /// # Errors
    /// A zero byte, or not the fake.
    pub fn set(&self, variable: &str, value: &str) -> io::Result<()> {
        type Set = unsafe extern "C" fn(*const c_char, *const c_char);
        let (variable, value) = (CString::new(variable)?, CString::new(value)?);
        // SAFETY: the symbol is ours and has this type; both texts live during the call.
        unsafe {
            let set = self.0.get::<Set>("tensorrtFakeSet").map_err(io::Error::other)?;
            set(variable.as_ptr(), value.as_ptr());
        }
        Ok(())
    }

    fn report(&self) -> io::Result<BTreeMap<String, Value>> {
        type Report = unsafe extern "C" fn() -> *const c_char;
        // SAFETY: the symbol is ours and has this type; its text is never freed.
        let text = unsafe {
            let report = self.0.get::<Report>("tensorrtFakeReport").map_err(io::Error::other)?;
            CStr::from_ptr(report())
        };
        serde_json::from_slice(text.to_bytes()).map_err(io::Error::other)
    }

    /// How many objects of each class live; classes without one are left out.
    ///
    /// # Errors
    /// Not the fake.
    pub fn live(&self) -> io::Result<BTreeMap<String, u64>> {
        let live = |value: &Value| value.get("live").and_then(Value::as_u64).filter(|n| *n > 0);
        let report = self.report()?;
        Ok(report.iter().filter_map(|(class, value)| Some((class.clone(), live(value)?))).collect())
    }

    /// How many objects of a class were made.
    ///
    /// # Errors
    /// Not the fake.
    pub fn made(&self, class: &str) -> io::Result<u64> {
        let report = self.report()?;
        Ok(report.get(class).and_then(|value| value["made"].as_u64()).unwrap_or(0))
    }

    /// How many executions there were.
    ///
    /// # Errors
    /// Not the fake.
    pub fn executions(&self) -> io::Result<u64> {
        Ok(self.report()?.get("executions").and_then(Value::as_u64).unwrap_or(0))
    }
}
