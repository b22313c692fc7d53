//! Searches in folders of their own.

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

#[test]
fn the_loaders_own_folders_are_searched() {
    let root = Root::new("loader");
    fs::create_dir_all(root.0.join("etc/ld.so.conf.d")).unwrap();
    fs::write(root.0.join("etc/ld.so.conf.d/x.conf"), "# folders\n/odd/place # here\n\n").unwrap();
    let found = root.file("odd/place/libnvinfer.so.10");
    assert_eq!(root.find(Product::TensorRt, &[]).unwrap(), found);
}
