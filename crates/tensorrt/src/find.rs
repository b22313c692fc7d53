//! Where the libraries are.
//!
//! Order: the variable `TENSORRT_LIB` (or `TENSORRT_RTX_LIB`) with a file or a folder, folders that
//! the caller names, `LD_LIBRARY_PATH`, the folders of JetPack, of Debian packages and of NGC
//! containers, those that the dynamic loader is configured for, unpacked archives of NVIDIA, and
//! last the wheels of Python environments. No program
//! is started for it: Python's folders follow from where `python3` lies in `PATH`.
//! The first folder with a library that is bound wins, and in it the newest one.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::version::Product;

/// Finds the library of a product.
///
/// # Errors
/// [`Error::NotAvailable`] with every place that was searched.
pub fn find(product: Product) -> Result<PathBuf> {
    find_in(product, &[])
}

/// Like [`find`], with folders that are searched right after the variable.
///
/// # Errors
/// [`Error::NotAvailable`] with every place that was searched.
pub fn find_in(product: Product, extra: &[PathBuf]) -> Result<PathBuf> {
    Search { variable: &|name| std::env::var_os(name), root: Path::new("/") }.find(product, extra)
}

/// The variable that names a product's library or its folder.
pub(crate) fn variable(product: Product) -> &'static str {
    match product {
        Product::TensorRt => "TENSORRT_LIB",
        Product::TensorRtRtx => "TENSORRT_RTX_LIB",
    }
}

/// What is looked for, in words.
pub(crate) fn names(product: Product) -> &'static str {
    match product {
        Product::TensorRt => "libnvinfer.so.11, libnvinfer.so.10 or libnvinfer_lean.so",
        Product::TensorRtRtx => "libtensorrt_rtx.so",
    }
}

/// How names of library files begin, by preference: the last ones are found only where none of the
/// others is in any place. An old series is found so that loading it can say why it will not do.
fn stems(product: Product) -> &'static [&'static [&'static str]] {
    match product {
        Product::TensorRt => &[
            &["libnvinfer.so.11", "libnvinfer.so.10"],
            &["libnvinfer_lean.so.11", "libnvinfer_lean.so.10"],
            &["libnvinfer.so"],
        ],
        Product::TensorRtRtx => &[&["libtensorrt_rtx.so"]],
    }
}

/// The surroundings of a search, so that tests can have their own.
struct Search<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    root: &'a Path,
}

impl Search<'_> {
    fn find(&self, product: Product, extra: &[PathBuf]) -> Result<PathBuf> {
        let chosen = self.path(variable(product));
        if let Some(path) = chosen {
            // an explicit choice that is wrong is an error, not a reason to take another library
            return match &path {
                file if file.is_file() => Ok(path),
                folder => pick(product, std::slice::from_ref(folder)),
            };
        }
        let mut places = extra.to_vec();
        places.extend(self.paths("LD_LIBRARY_PATH"));
        places.extend(self.system());
        places.extend(self.wheels());
        let mut seen = HashSet::new();
        places.retain(|place| seen.insert(place.clone()));
        pick(product, &places)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn paths(&self, name: &str) -> Vec<PathBuf> {
        let value = (self.variable)(name).unwrap_or_default();
        std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect()
    }

    /// Folders of packages, containers and unpacked archives.
    fn system(&self) -> Vec<PathBuf> {
        let arch = std::env::consts::ARCH;
        let mut places: Vec<PathBuf> = [
            &format!("usr/lib/{arch}-linux-gnu"), // JetPack, Debian, NGC
            "usr/lib64",
            "usr/local/lib",
            "usr/local/tensorrt/lib", // NGC
            "usr/local/TensorRT/lib",
            "opt/tensorrt/lib",
            "usr/local/cuda/lib64",
        ]
        .into_iter()
        .map(|folder| self.root.join(folder))
        .collect();
        places.extend(self.configured());
        for parent in ["opt", "usr/local", "usr/src"] {
            let archives = folders(&self.root.join(parent), |name| name.starts_with("TensorRT-"));
            places.extend(archives.into_iter().map(|folder| folder.join("lib")));
        }
        places
    }

    /// The folders that the dynamic loader is configured for.
    fn configured(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.root.join("etc/ld.so.conf.d")).into_iter().flatten();
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
        let mut places: Vec<PathBuf> = Vec::new();
        for text in texts {
            let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
            places.extend(lines.filter_map(|line| Some(self.root.join(line.strip_prefix('/')?))));
        }
        places
    }

    /// The folders that NVIDIA's wheels put their libraries into, in every Python environment that
    /// is active, on `PATH`, of this user or of the system.
    fn wheels(&self) -> Vec<PathBuf> {
        let mut places = self.paths("PYTHONPATH");
        let mut prefixes: Vec<PathBuf> =
            ["VIRTUAL_ENV", "CONDA_PREFIX"].iter().filter_map(|name| self.path(name)).collect();
        for bin in self.paths("PATH").iter().filter(|bin| bin.join("python3").exists()) {
            let Some(prefix) = bin.parent() else { continue };
            if bin.ends_with("shims") {
                // a version manager's: its interpreters lie in a folder beside
                prefixes.extend(folders(&prefix.join("versions"), |_| true));
            } else {
                prefixes.push(prefix.to_owned());
            }
        }
        prefixes.extend(self.path("HOME").map(|home| home.join(".local")));
        prefixes.push(self.root.join("usr/local"));
        prefixes.push(self.root.join("usr"));
        for prefix in prefixes {
            let lib = prefix.join("lib");
            for python in folders(&lib, |name| name.starts_with("python3")) {
                places.extend(["site-packages", "dist-packages"].map(|name| python.join(name)));
            }
        }
        // without those that are not there, and each once, by whatever links it is reached
        let mut seen = HashSet::new();
        places.retain(|place| place.canonicalize().is_ok_and(|real| seen.insert(real)));
        places.iter().flat_map(|site| wheels_of(site)).collect()
    }
}

/// The library folders of wheels in one folder of packages, or a pattern that tells where they
/// would be.
fn wheels_of(site: &Path) -> Vec<PathBuf> {
    let found = folders(site, |name| name.starts_with("tensorrt") && name.ends_with("_libs"));
    if found.is_empty() { vec![site.join("tensorrt*_libs")] } else { found }
}

/// Subfolders with a name that will do, sorted, newest version last name first.
fn folders(parent: &Path, will_do: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&will_do))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort_by_key(|path| std::cmp::Reverse(numbers(path.file_name())));
    found
}

fn pick(product: Product, places: &[PathBuf]) -> Result<PathBuf> {
    for stems in stems(product) {
        for place in places {
            if let Some(path) = stems.iter().find_map(|stem| newest(place, stem)) {
                return Ok(path);
            }
        }
    }
    Err(Error::NotAvailable { product, looked_in: places.to_vec() })
}

/// The file in `folder` whose name is `stem`, or `stem` and more numbers, with the largest numbers.
pub(crate) fn newest(folder: &Path, stem: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let found = entries.filter_map(|entry| {
        let file = entry.file_name().into_string().ok()?;
        let tail = file.strip_prefix(stem)?;
        let parts =
            tail.split('.').skip(1).map(str::parse).collect::<Result<Vec<u32>, _>>().ok()?;
        (tail.is_empty() || tail.starts_with('.')).then(|| (parts, entry.path()))
    });
    found.max().map(|(_, path)| path)
}

/// The numbers in a name, for an order in which 10 comes after 9; then the name itself.
fn numbers(name: Option<&OsStr>) -> (Vec<u32>, OsString) {
    let text = name.unwrap_or_default().to_string_lossy().into_owned();
    let parts = text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok());
    (parts.collect(), text.into())
}

#[cfg(test)]
mod tests;
