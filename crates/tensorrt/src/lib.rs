//! TensorRT from Rust, loaded at run time: a skeleton that finds the library and nothing more.
//!
//! What it will bind: builder, network from ONNX, timing cache, engine and execution context of
//! TensorRT 10.x and 11.x (`libnvinfer`), and the same of TensorRT for RTX (`libtensorrt_rtx`), by
//! `dlopen` and without a C++ shim. Today [`find`] tells whether a library is there and where it was
//! looked for; nothing is loaded.

#![expect(unsafe_code, reason = "calls a C++ library that is loaded at run time")]

pub mod abi;

use std::fmt;
use std::path::{Path, PathBuf};

/// One of the two libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// TensorRT, `libnvinfer`.
    TensorRt,
    /// TensorRT for RTX, `libtensorrt_rtx`.
    TensorRtRtx,
}

impl Product {
    /// How the names of its library files begin; a version that is bound follows.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::TensorRt => &["libnvinfer.so.11", "libnvinfer.so.10"],
            Self::TensorRtRtx => &["libtensorrt_rtx.so"],
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TensorRt => "TensorRT",
            Self::TensorRtRtx => "TensorRT for RTX",
        })
    }
}

/// An error of the bindings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The library is not on this machine.
    NotAvailable {
        /// Which library.
        product: Product,
        /// The folders that were searched.
        looked_in: Vec<PathBuf>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::NotAvailable { product, looked_in } = self;
        let folders: Vec<String> = looked_in.iter().map(|p| p.display().to_string()).collect();
        let names = product.names().join(" or ");
        write!(f, "{product} was not found: no {names} in {}", folders.join(", "))
    }
}

impl std::error::Error for Error {}

/// Result of the bindings.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Finds the library of a product: in `LD_LIBRARY_PATH`, then where the system's packages and
/// NVIDIA's archives put it. The newest version of the newest known series wins.
///
/// # Errors
/// [`Error::NotAvailable`] with every folder that was searched.
pub fn find(product: Product) -> Result<PathBuf> {
    find_in(product, folders())
}

fn find_in(product: Product, folders: Vec<PathBuf>) -> Result<PathBuf> {
    for name in product.names() {
        for folder in &folders {
            if let Some(path) = newest(folder, name) {
                return Ok(path);
            }
        }
    }
    Err(Error::NotAvailable { product, looked_in: folders })
}

fn folders() -> Vec<PathBuf> {
    let chosen = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let arch = std::env::consts::ARCH;
    let system = [
        format!("/usr/lib/{arch}-linux-gnu"),
        "/usr/lib64".to_owned(),
        "/usr/local/lib".to_owned(),
        "/usr/local/tensorrt/lib".to_owned(),
        "/usr/local/TensorRT/lib".to_owned(),
        "/opt/tensorrt/lib".to_owned(),
        "/usr/local/cuda/lib64".to_owned(),
    ];
    let chosen: Vec<PathBuf> =
        std::env::split_paths(&chosen).filter(|path| !path.as_os_str().is_empty()).collect();
    chosen.into_iter().chain(system.map(PathBuf::from)).collect()
}

/// The file in `folder` whose name is `name` or `name` and more numbers, with the largest numbers.
fn newest(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(std::result::Result::ok);
    let found = entries.filter_map(|entry| {
        let file = entry.file_name().into_string().ok()?;
        let tail = file.strip_prefix(name)?;
        let numbers: Vec<u32> = tail.split('.').filter_map(|part| part.parse().ok()).collect();
        (tail.is_empty() || tail.starts_with('.')).then(|| (numbers, entry.path()))
    });
    found.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_library_is_found_or_the_search_is_told() {
        let root = std::env::temp_dir().join(format!("tensorrt-find-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        let find = |product| find_in(product, vec![root.clone()]);
        let error = find(Product::TensorRt).unwrap_err();
        assert!(error.to_string().contains("libnvinfer.so.10"), "{error}");
        assert!(error.to_string().contains(&root.display().to_string()), "{error}");
        for name in ["libnvinfer.so.10.3.0", "libnvinfer.so.10.13.2", "libnvinfer.so.8.6.1"] {
            std::fs::write(root.join(name), b"").unwrap();
        }
        assert!(find(Product::TensorRt).unwrap().ends_with("libnvinfer.so.10.13.2"));
        std::fs::write(root.join("libnvinfer.so.11"), b"").unwrap();
        assert!(find(Product::TensorRt).unwrap().ends_with("libnvinfer.so.11"));
        assert!(find(Product::TensorRtRtx).is_err());
        std::fs::remove_dir_all(&root).unwrap();
    }
}
