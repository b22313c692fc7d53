//! Where the libraries are.
//!
//! Order: the variable `TENSORRT_LIB` (or `TENSORRT_RTX_LIB`) with a file or a folder, folders that
//! the caller names, `LD_LIBRARY_PATH`, the folders of JetPack, of Debian packages and of NGC
//! containers, unpacked archives of NVIDIA, and last the wheels of Python environments. No program
//! is started for it: Python's folders follow from where `python3` lies in `PATH`.
//! The first folder with a library that is bound wins, and in it the newest one.

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
        for parent in ["opt", "usr/local", "usr/src"] {
            let archives = folders(&self.root.join(parent), |name| name.starts_with("TensorRT-"));
            places.extend(archives.into_iter().map(|folder| folder.join("lib")));
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
        places.retain(|place| place.is_dir());
        let mut seen: Vec<PathBuf> = Vec::new();
        for place in places {
            if !seen.contains(&place) {
                seen.push(place);
            }
        }
        seen.into_iter().flat_map(|site| wheels_of(&site)).collect()
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
mod tests {
    use super::*;
    use std::fs;

    /// A folder of its own that stands for `/`.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("tensorrt-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, path: &str) -> PathBuf {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, b"").unwrap();
            path
        }

        fn find(&self, product: Product, variables: &[(&str, PathBuf)]) -> Result<PathBuf> {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.clone().into_os_string())
            };
            Search { variable: &variable, root: &self.0 }.find(product, &[self.0.join("extra")])
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn nothing_found_tells_the_places() {
        let root = Root::new("nothing");
        root.file("usr/lib/python3.11/site-packages/x.py");
        let error = root.find(Product::TensorRt, &[("LD_LIBRARY_PATH", "/a:/b".into())]);
        let text = error.unwrap_err().to_string();
        for place in ["extra", "/a, /b", "-linux-gnu", "site-packages/tensorrt*_libs"] {
            assert!(text.contains(place), "{place} in {text}");
        }
        assert!(text.starts_with("TensorRT was not found: no libnvinfer.so.11"), "{text}");
    }

    #[test]
    fn the_first_folder_wins_and_in_it_the_newest() {
        let root = Root::new("order");
        let system = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
        let old = root.file(&format!("{system}/libnvinfer.so.8.6.1"));
        assert_eq!(root.find(Product::TensorRt, &[]).unwrap(), old, "to say why it will not do");
        let wheel = "usr/lib/python3.10/dist-packages/tensorrt_lean_libs/libnvinfer_lean.so.10";
        let lean = root.file(wheel);
        assert_eq!(root.find(Product::TensorRt, &[]).unwrap(), lean);
        root.file(&format!("{system}/libnvinfer.so.10"));
        root.file(&format!("{system}/libnvinfer.so.10.3.0"));
        let ten = root.file(&format!("{system}/libnvinfer.so.10.13.2"));
        root.file(&format!("{system}/libnvinfer.so.10.99.broken"));
        root.file("opt/TensorRT-11.1.0/lib/libnvinfer.so.11");
        assert_eq!(root.find(Product::TensorRt, &[]).unwrap(), ten);
        let extra = root.file("extra/libnvinfer.so.10");
        assert_eq!(root.find(Product::TensorRt, &[]).unwrap(), extra);
        assert!(root.find(Product::TensorRtRtx, &[]).is_err());
    }

    #[test]
    fn wheels_are_found_without_starting_python() {
        let root = Root::new("wheels");
        root.file("env/bin/python3");
        let wheel = "env/lib/python3.12/site-packages/tensorrt_rtx_libs/libtensorrt_rtx.so.1";
        let wheel = root.file(wheel);
        let path = [("PATH", root.0.join("env/bin"))];
        assert_eq!(root.find(Product::TensorRtRtx, &path).unwrap(), wheel);
        let active = [("VIRTUAL_ENV", root.0.join("env"))];
        assert_eq!(root.find(Product::TensorRtRtx, &active).unwrap(), wheel);
        root.file("manager/shims/python3");
        let inner = "manager/versions/3.11.7/lib/python3.11/site-packages/tensorrt_rtx_libs";
        let managed = root.file(&format!("{inner}/libtensorrt_rtx.so.1"));
        let path = [("PATH", root.0.join("manager/shims"))];
        assert_eq!(root.find(Product::TensorRtRtx, &path).unwrap(), managed);
    }

    #[test]
    fn the_variable_is_the_last_word() {
        let root = Root::new("variable");
        root.file("extra/libtensorrt_rtx.so.1");
        let any = root.file("mine/any_name.so");
        let by_file = [("TENSORRT_RTX_LIB", any.clone())];
        assert_eq!(root.find(Product::TensorRtRtx, &by_file).unwrap(), any);
        let folder = [("TENSORRT_RTX_LIB", root.0.join("mine"))];
        let error = root.find(Product::TensorRtRtx, &folder).unwrap_err();
        assert!(error.to_string().ends_with("/mine"), "{error}");
        assert!(error.hint().unwrap().contains("TENSORRT_RTX_LIB"));
        let chosen = root.file("mine/libtensorrt_rtx.so.1.6.0");
        assert_eq!(root.find(Product::TensorRtRtx, &folder).unwrap(), chosen);
        let empty = [("TENSORRT_RTX_LIB", PathBuf::new())];
        assert!(root.find(Product::TensorRtRtx, &empty).unwrap().starts_with(root.0.join("extra")));
    }
}
