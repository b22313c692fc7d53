//! Finding the shared library beside a test, and copies of it that look like a real installation.

use std::io;
use std::path::{Path, PathBuf};

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
    std::fs::copy(library_path()?, &path)?;
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
