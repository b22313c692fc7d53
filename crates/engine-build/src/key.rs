//! What an engine depends on, as a digest: two engines with one key may stand for each other.
//!
//! | field | why |
//! |---|---|
//! | model digest | other weights or another graph give another engine |
//! | backend, version | an optimiser's next version decides otherwise |
//! | device | kernels and layouts are chosen for it |
//! | precision, shapes | they are what was asked for |
//! | optimisation level, flags | they change the result |

use backend::{Backend, BuildRequest};
use pipeline::Digest;
use serde::{Deserialize, Serialize};

/// The fields of a key; they stand in the store's index too, so that a reader sees what made an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// SHA-256 of the model.
    pub model: String,
    /// Backend by its name.
    pub backend: String,
    /// Exact version of its library.
    pub version: String,
    /// What the engine is built for.
    pub device: String,
    /// `fp32` or `fp16`, as asked for.
    pub precision: String,
    /// `NAME=1x3x224x224`, sorted.
    pub shapes: Vec<String>,
    /// 0 to 5.
    pub optimization_level: u8,
    /// `key=value`, as the backend gives them.
    pub flags: Vec<String>,
}

impl Recipe {
    /// The recipe of a request for the model with this digest.
    pub fn new(backend: &dyn Backend, model: &str, request: &BuildRequest<'_>) -> Self {
        let shape = |(name, dims): &(String, Vec<usize>)| backend::shape_text(name, dims);
        let mut shapes: Vec<String> = request.shapes.iter().map(shape).collect();
        shapes.sort();
        Self {
            model: model.to_owned(),
            backend: backend.id().to_string(),
            version: backend.version(),
            device: backend.device(),
            precision: request.precision.to_string(),
            shapes,
            optimization_level: request.optimization_level,
            flags: backend.build_flags(request),
        }
    }

    /// The key.
    pub fn key(&self) -> Digest {
        let list = |items: &[String]| {
            Digest::of_fields(items.iter().map(|item| ("item", item.clone()))).to_string()
        };
        Digest::of_fields([
            ("model", self.model.clone()),
            ("backend", self.backend.clone()),
            ("version", self.version.clone()),
            ("device", self.device.clone()),
            ("precision", self.precision.clone()),
            ("shapes", list(&self.shapes)),
            ("optimization-level", self.optimization_level.to_string()),
            ("flags", list(&self.flags)),
        ])
    }

    /// The folder of the index for this backend, device and version: `engine-<backend>-<device>-<version>`.
    pub fn folder(&self) -> String {
        format!("engine-{}-{}-{}", self.backend, slug(&self.device), slug(&self.version))
    }
}

/// Lower-case letters and digits, everything else as one `-`; at most 60 characters.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        let within = slug.ends_with(|last: char| last.is_ascii_alphanumeric());
        if c.is_ascii_alphanumeric() || (c == '.' && within) {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() && c != '.' {
            slug.push('-');
        }
    }
    slug.truncate(60);
    slug.trim_end_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            model: "m".into(),
            backend: "rten".into(),
            version: "0.27.0".into(),
            device: "AMD EPYC 7B13 [avx2 fma]".into(),
            precision: "fp32".into(),
            shapes: vec!["x=1x3".into()],
            optimization_level: 5,
            flags: vec!["a=b".into(), "c=d".into()],
        }
    }

    #[test]
    fn every_field_changes_the_key() {
        let changes: [fn(&mut Recipe); 8] = [
            |r| r.model.push('x'),
            |r| r.backend.push('x'),
            |r| r.version.push('x'),
            |r| r.device.push('x'),
            |r| r.precision.push('x'),
            |r| r.shapes.clear(),
            |r| r.optimization_level = 4,
            |r| r.flags = vec!["a=bc=d".into()],
        ];
        let mut keys = vec![recipe().key()];
        for change in changes {
            let mut changed = recipe();
            change(&mut changed);
            keys.push(changed.key());
        }
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 9);
        assert_eq!(recipe().key(), recipe().key());
    }

    #[test]
    fn folders_are_safe_names() {
        assert_eq!(recipe().folder(), "engine-rten-amd-epyc-7b13-avx2-fma-0.27.0");
        assert_eq!([slug("../../etc"), slug("a..b/./c")], ["etc", "a.b-c"]);
    }
}
