//! Which file it is: its SHA-256, compared with the beginning of it that torchvision puts into a file's name
//! (`resnet50-0676ba61.pth`).

use std::path::Path;

use anyhow::{Context as _, Result};
use pipeline::{Digest, Fault};

use crate::architecture::Architecture;

/// The digest of a file whose name, as far as it states a digest, is true.
pub(super) fn digest(path: &Path, shown: &Path) -> Result<Digest> {
    let digest =
        Digest::of_file(path).with_context(|| format!("cannot read {}", shown.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(stated) = stated(&name).filter(|stated| !digest.as_str().starts_with(stated)) else {
        return Ok(digest);
    };
    if !is_certain(&name, stated) {
        return Ok(digest);
    }
    let message = format!(
        "{} is not what its name says: SHA-256 {digest}, but the name says {stated}…",
        shown.display()
    );
    let known = Architecture::all().iter().find(|known| known.checkpoint() == name);
    let fetch = known.map_or_else(String::new, |known| {
        format!(" (`cargo xtask setup weights {}`)", known.as_str())
    });
    Err(Fault::config(message)
        .hint(format!(
            "the file is damaged or was changed: fetch it again{fetch}; if it is yours, give it a name that does not end in such digits"
        ))
        .into())
}

/// The beginning of a digest in a file's name: eight or more hexadecimal digits after the last hyphen.
fn stated(name: &str) -> Option<&str> {
    let (stem, _extension) = name.split_once('.')?;
    let (_, last) = stem.rsplit_once('-')?;
    let digits = last.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (digits && (8..=64).contains(&last.len())).then_some(last)
}

/// Whether the digits are meant as a digest: `run-20250131.pth` and `step-00100000.pth` are not.
fn is_certain(name: &str, stated: &str) -> bool {
    let known = Architecture::all().iter().any(|known| known.checkpoint() == name);
    known || stated.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_in_names() {
        assert_eq!(stated("resnet50-0676ba61.pth"), Some("0676ba61"));
        assert_eq!(stated("resnet50-0676ba61.pth.tar"), Some("0676ba61"));
        assert_eq!(stated("resnet50.pth"), None);
        assert_eq!(stated("resnet50-best.pth"), None);
        assert_eq!(stated("resnet50-ba61.pth"), None);
        assert!(is_certain("x-0676ba61.pth", "0676ba61"));
        assert!(!is_certain("run-20250131.pth", "20250131"));
    }

    #[test]
    fn a_file_must_be_what_its_name_says() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, b"").unwrap();
            digest(&path, Path::new(name))
        };
        assert!(check("x-e3b0c442.pth").is_ok());
        assert!(check("x-20250131.pth").is_ok());
        let error = check("resnet50-0676ba61.pth").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("SHA-256 e3b0c442") && text.contains("says 0676ba61"), "{text}");
        assert_eq!(pipeline::fault::exit_of(&error), pipeline::Exit::Config);
        assert!(check("x-0676ba61.pth").is_err());
    }
}
