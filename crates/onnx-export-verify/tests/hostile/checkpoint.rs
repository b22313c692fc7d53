//! PyTorch's checkpoints in both forms, from files that torch wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use onnx_export_verify::checkpoint::Checkpoint;

use super::dice::Dice;
use super::{archive, bytes, pickle};

/// The files of an extension that the reader's own tests use, sorted.
pub(super) fn seeds(extension: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Writes a `.pth` file.
pub(super) fn write_pth(dice: &mut Dice, folder: &Path) {
    static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| seeds("pth"));
    let mut bytes = dice.pick(&SEEDS).clone();
    let mut members = archive::members(&bytes);
    if members.is_empty() {
        if dice.one_in(2) {
            pickle::mutate(dice, &mut bytes);
        }
        if dice.one_in(2) {
            bytes::mutate(dice, &mut bytes);
        }
    } else if dice.one_in(4) {
        bytes::mutate(dice, &mut bytes);
    } else {
        if dice.one_in(2)
            && let Some(member) =
                members.iter_mut().find(|member| member.name.ends_with("data.pkl"))
        {
            pickle::mutate(dice, &mut member.content);
        }
        if dice.one_in(2) {
            archive::mutate(dice, &mut members);
        }
        let lies = dice.one_in(2);
        bytes = archive::write(dice, &members, lies);
    }
    fs::write(folder.join("weights.bin"), bytes).unwrap();
}

/// Opens a checkpoint and reads all its tensors.
pub(super) fn read(folder: &Path) -> bool {
    let Ok(checkpoint) = Checkpoint::open(&folder.join("weights.bin")) else { return false };
    for entry in checkpoint.entries() {
        if let Ok(values) = checkpoint.tensor(&entry.name) {
            let count: usize = entry.shape.iter().product();
            assert_eq!(values.len(), count, "`{}` has another size than its shape", entry.name);
        }
    }
    true
}
