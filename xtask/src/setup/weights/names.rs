//! Which files there are, and what their names promise.

use crate::fault::{Fault, did_you_mean};

/// Architecture, file with its first ImageNet weights, size in MB.
const FILES: [(&str, &str, u64); 10] = [
    ("resnet18", "resnet18-f37072fd.pth", 47),
    ("resnet34", "resnet34-b627a593.pth", 87),
    ("resnet50", "resnet50-0676ba61.pth", 103),
    ("resnet101", "resnet101-63fe2227.pth", 179),
    ("resnet152", "resnet152-394f9c45.pth", 242),
    ("resnext50_32x4d", "resnext50_32x4d-7cdf4587.pth", 100),
    ("wide_resnet50_2", "wide_resnet50_2-95faca4d.pth", 138),
    ("mobilenet_v2", "mobilenet_v2-b0353104.pth", 14),
    ("mobilenet_v3_small", "mobilenet_v3_small-047dcff4.pth", 10),
    ("mobilenet_v3_large", "mobilenet_v3_large-8738ca79.pth", 22),
];

/// One file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The name of the file.
    pub(super) file: String,
    /// The digits of the SHA-256 that the name states.
    pub(super) prefix: String,
    /// Its size, where it is known.
    pub(super) megabytes: Option<u64>,
}

impl Wanted {
    /// By architecture, or by the name of any file that carries its digest.
    pub(super) fn named(name: &str) -> anyhow::Result<Self> {
        let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_'], "");
        let known = FILES
            .iter()
            .find(|(architecture, file, _)| plain(architecture) == plain(name) || *file == name);
        let (file, megabytes) = known.map_or((name, None), |(_, file, mb)| (*file, Some(*mb)));
        if let Some(prefix) = prefix_of(file) {
            let (file, prefix) = (file.to_owned(), prefix.to_owned());
            return Ok(Self { file, prefix, megabytes });
        }
        let names: Vec<&str> = FILES.iter().map(|(architecture, ..)| *architecture).collect();
        let near = did_you_mean(name, names.iter().copied());
        let hint = format!(
            "known are {}; or a file name that ends in the first digits of its SHA-256, as {}",
            names.join(", "),
            FILES[2].1
        );
        Err(Fault::config(format!("no weights are known for \"{name}\"{near}")).hint(hint).into())
    }
}

/// The digits in `name-0123abcd.pth`; `None` for a name without them, or one that is a path.
pub(super) fn prefix_of(file: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let (name, prefix) = file.strip_suffix(".pth")?.rsplit_once('-')?;
    let digits = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let fits = !name.is_empty()
        && file.chars().all(plain)
        && (8..=64).contains(&prefix.len())
        && prefix.chars().all(digits);
    fits.then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn names_carry_the_digest() {
        assert_eq!(prefix_of("resnet50-0676ba61.pth"), Some("0676ba61"));
        for wrong in [
            "resnet50.pth",
            "a-12345.pth",
            "a-0676BA61.pth",
            "../a-0676ba61.pth",
            "-0676ba61.pth",
            "a-0676ba61",
        ] {
            assert_eq!(prefix_of(wrong), None, "{wrong}");
        }
        assert_eq!(Wanted::named("resnet50").unwrap().file, "resnet50-0676ba61.pth");
        assert_eq!(Wanted::named("Wide-ResNet50-2").unwrap().prefix, "95faca4d");
        assert_eq!(Wanted::named("resnet50-11ad3fa6.pth").unwrap().megabytes, None);
        assert!(Wanted::named("resnet51").unwrap_err().to_string().contains("did you mean"));
    }

    /// The architectures name their own checkpoints; both lists are the same.
    #[test]
    fn every_checkpoint_of_an_architecture_can_be_fetched() {
        let sources =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/onnx-export-verify/src");
        let mut named = BTreeSet::new();
        let mut files = vec![sources.join("architecture.rs")];
        files.extend(crate::project::files_of(&sources.join("architecture"), |name| {
            crate::project::has_extension(name, "rs")
        }));
        for file in files {
            let text = fs::read_to_string(file).unwrap_or_default();
            named.extend(
                text.split('"').filter(|word| prefix_of(word).is_some()).map(str::to_owned),
            );
        }
        assert!(named.len() >= 5, "{named:?}");
        let known: BTreeSet<String> = FILES.iter().map(|(_, file, _)| (*file).to_owned()).collect();
        assert_eq!(named, known);
    }
}
