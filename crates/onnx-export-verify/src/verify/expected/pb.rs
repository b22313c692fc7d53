//! `TensorProto` files in the layout of the ONNX project's test data.

use std::path::{Path, PathBuf};

use backend::onnx::proto::TensorProto;
use backend::onnx::tensor::{byte_len, values_f32};
use prost::Message as _;

use super::{ExpectedSet, LARGEST, Named, Wrong, elements};
use crate::small_file;

/// Most folders of one set each.
const MOST_SETS: usize = 100;

/// A folder of one set, or of folders.
pub(super) fn folder(path: &Path) -> Result<Vec<ExpectedSet>, Wrong> {
    let wrong = |reason: String| (path.to_owned(), reason);
    if !numbered(path, "output_")?.is_empty() {
        return Ok(vec![set(path, None)?]);
    }
    let mut folders: Vec<PathBuf> = list(path)?;
    folders.retain(|entry| entry.is_dir() && name_of(entry).starts_with("test_data_set_"));
    folders.sort_by_key(|folder| (number(&name_of(folder), "test_data_set_"), folder.clone()));
    if folders.is_empty() {
        return Err(wrong("holds neither output_K.pb nor folders test_data_set_N".to_owned()));
    }
    if folders.len() > MOST_SETS {
        return Err(wrong(format!("holds {} sets, more than {MOST_SETS}", folders.len())));
    }
    folders.iter().map(|folder| set(folder, None)).collect()
}

/// One file of an output, with the inputs beside it.
pub(super) fn one(path: &Path) -> Result<ExpectedSet, Wrong> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    set(folder, Some(path))
}

fn set(folder: &Path, only: Option<&Path>) -> Result<ExpectedSet, Wrong> {
    let read = |files: Vec<(Option<usize>, PathBuf)>| -> Result<Vec<Named>, Wrong> {
        files.into_iter().map(|(place, file)| tensor(&file, place)).collect()
    };
    let outputs = match only {
        Some(file) => vec![tensor(file, number(&stem_of(file), "output_"))?],
        None => read(numbered(folder, "output_")?)?,
    };
    if outputs.is_empty() {
        return Err((folder.to_owned(), "holds no output_K.pb".to_owned()));
    }
    let label = only.unwrap_or(folder);
    Ok(ExpectedSet { label: name_of(label), inputs: read(numbered(folder, "input_")?)?, outputs })
}

/// The `prefix`K.pb files of a folder with their numbers, in that order.
fn numbered(folder: &Path, prefix: &str) -> Result<Vec<(Option<usize>, PathBuf)>, Wrong> {
    let mut files: Vec<(Option<usize>, PathBuf)> = list(folder)?
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == "pb"))
        .map(|file| (number(&stem_of(&file), prefix), file))
        .filter(|(place, _)| place.is_some())
        .collect();
    files.sort();
    Ok(files)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Wrong> {
    let entries = std::fs::read_dir(folder).map_err(|why| (folder.to_owned(), why.to_string()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn number(name: &str, prefix: &str) -> Option<usize> {
    name.strip_prefix(prefix)?.parse().ok()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn stem_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn tensor(path: &Path, place: Option<usize>) -> Result<Named, Wrong> {
    let wrong = |reason: String| (path.to_owned(), reason);
    let bytes = small_file(path, LARGEST).map_err(wrong)?;
    let tensor = TensorProto::decode(bytes.as_slice())
        .map_err(|why| wrong(format!("is no TensorProto, or a truncated one: {why}")))?;
    // an empty message decodes too
    if tensor.data_type == 0 {
        return Err(wrong("is no TensorProto: it has no element type".to_owned()));
    }
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let possible = dims.filter(|dims| elements(dims, 4).is_some() && byte_len(&tensor).is_some());
    let dims = possible.ok_or_else(|| {
        wrong(format!("impossible dimensions {:?}, or elements without a size", tensor.dims))
    })?;
    let values = values_f32(&tensor).map_err(|why| wrong(why.to_string()))?;
    Ok(Named { name: tensor.name, place, dims, values })
}
