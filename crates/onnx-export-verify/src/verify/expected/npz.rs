//! `.npz`: a zip archive of `.npy` files, as `numpy.savez` writes it.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use super::{ExpectedSet, LARGEST, Named, Wrong, npy};

/// Most arrays of one archive.
const MOST_ARRAYS: usize = 10_000;

/// All arrays of an archive: the model tells which of them are inputs and which outputs.
pub(super) fn file(path: &Path) -> Result<ExpectedSet, Wrong> {
    let wrong = |reason: String| (path.to_owned(), reason);
    // a pipe would be waited for
    let regular = std::fs::metadata(path).map_err(|why| wrong(why.to_string()))?.is_file();
    if !regular {
        return Err(wrong("is no regular file".to_owned()));
    }
    let file = File::open(path).map_err(|why| wrong(why.to_string()))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file))
        .map_err(|why| wrong(format!("is no .npz archive: {why}")))?;
    if archive.len() > MOST_ARRAYS {
        return Err(wrong(format!("holds {} arrays, more than {MOST_ARRAYS}", archive.len())));
    }
    let mut left = LARGEST;
    let mut arrays: Vec<Named> = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(|why| wrong(why.to_string()))?;
        let name = member.name().map_err(|why| wrong(why.to_string()))?.into_owned();
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else {
            return Err(wrong(format!("holds `{name}`, which is no array")));
        };
        if arrays.iter().any(|array| array.name == name) {
            return Err(wrong(format!("holds `{name}` twice")));
        }
        // what the archive says of its size may be a lie: no more than what is left is unpacked
        let mut bytes = Vec::new();
        let read = member.take(left + 1).read_to_end(&mut bytes);
        read.map_err(|why| wrong(format!("`{name}`: {why}")))?;
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| wrong("holds more than 1 GiB of values".to_owned()))?;
        let (dims, values) = npy::parse(&bytes).map_err(|why| wrong(format!("`{name}`: {why}")))?;
        arrays.push(Named { name, place: None, dims, values });
    }
    if arrays.is_empty() {
        return Err(wrong("holds no array".to_owned()));
    }
    let label = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(ExpectedSet { label, inputs: arrays.clone(), outputs: arrays })
}
