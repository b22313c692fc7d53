//! Verifications that passed before, kept so that the same question is not asked of the engines again.
//!
//! `data/caches/v1/verify/<key>.verify.parquet` and `<key>.references.parquet`; the key is made of the digests of
//! all models, the engines with version and device, the inputs (seeds, distributions, fixed values, digests of
//! photographs), the sizes, a given tolerance and the version of the tolerances.
//! Failures are not kept.

use std::path::PathBuf;

use pipeline::artifact::{Artifact, ReferenceRow, VerifyRow, read_file, write_file};
use pipeline::{Digest, Provenance, Verdict};

use super::engines::Engines;
use super::judge::{Request, Verification};
use super::tolerance::TOLERANCE_VERSION;
use crate::say;
use crate::store::{Store, set_aside};

/// Raised when rows change their meaning.
const VERSION: u32 = 3;

/// The key of a verification.
pub fn key(request: &Request<'_>, engines: &Engines) -> Digest {
    let models = request.subjects.iter().chain([request.base]);
    let models = models.map(|model| format!("{} {}", model.digest, model.precision));
    let identities = engines.list.iter().map(|engine| engine.identity.clone());
    Digest::of_fields([
        ("version", format!("{VERSION} {TOLERANCE_VERSION}")),
        ("models", models.collect::<Vec<_>>().join("\n")),
        ("engines", identities.collect::<Vec<_>>().join("\n")),
        ("inputs", request.inputs.identity()),
        ("shapes", format!("{:?}", request.shapes)),
        ("tolerance", format!("{:?}", request.tolerance)),
        ("as-written", request.as_written.to_string()),
    ])
}

/// A verification that passed before.
pub fn get(store: &Store, key: &Digest) -> Option<Verification> {
    let (verify, references) = paths(store, key);
    if !verify.exists() || !references.exists() {
        return None;
    }
    let rows = read(&verify);
    let references = read(&references);
    match (rows, references) {
        (Some(rows), Some(references)) => Some(Verification { rows, references }),
        _ => None,
    }
}

fn read<A: Artifact>(path: &std::path::Path) -> Option<Vec<A>> {
    match read_file(path) {
        Ok(rows) => Some(rows),
        Err(why) => {
            set_aside(path);
            say::warning(&format!("{why:#}; set aside, verifying again"));
            None
        }
    }
}

/// Keeps a verification unless something failed. What cannot be kept is asked again next time.
pub fn put(store: &Store, key: &Digest, verification: &Verification, provenance: &Provenance) {
    if verification.rows.iter().any(|row| row.verdict == Verdict::Failed) {
        return;
    }
    let (verify, references) = paths(store, key);
    let written = write_file::<VerifyRow>(&verify, &verification.rows, provenance).and_then(|()| {
        write_file::<ReferenceRow>(&references, &verification.references, provenance)
    });
    if let Err(why) = written {
        say::warning(&format!("the verification is not kept: {why:#}"));
    }
}

fn paths(store: &Store, key: &Digest) -> (PathBuf, PathBuf) {
    let file = |what: &str| store.cache("verify").join(format!("{key}.{what}.parquet"));
    (file("verify"), file("references"))
}
