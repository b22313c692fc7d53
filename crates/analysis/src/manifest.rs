//! `manifest.json`: every file of the run folder with its digest, and what made it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pipeline::artifact::{ClaimRow, VerdictRow, footer};
use pipeline::{Digest, Exit, Fault, Provenance, RunDir};
use serde::{Deserialize, Serialize};

use crate::analyse::Analysis;

/// Version of the manifest itself.
const VERSION: u32 = 1;

/// The manifest of a run folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file.
    pub manifest_version: u32,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Exit code of the analysis.
    pub exit: u8,
    /// How far each case may be trusted, why, and what to do next.
    #[serde(default)]
    pub verdicts: Vec<VerdictRow>,
    /// Each claim of the pipeline file with its answer; its numbers are in `claims.parquet`.
    #[serde(default)]
    pub claims: Vec<Answer>,
    /// Program, host, call.
    pub provenance: BTreeMap<String, String>,
    /// Version of each artifact's schema.
    pub schemas: BTreeMap<String, String>,
    /// SHA-256 and size of every file, by path within the run folder.
    pub files: BTreeMap<String, Entry>,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The claim as it is written.
    pub claim: String,
    /// `HOLDS`, `FAILS`, `UNDECIDED` or `NOT-APPLICABLE`.
    pub verdict: String,
    /// Why.
    pub reasons: Vec<String>,
}

impl Answer {
    /// The words of every claim.
    pub fn all(rows: &[ClaimRow]) -> Vec<Self> {
        let answer = |row: &ClaimRow| Self {
            claim: row.claim.clone(),
            verdict: row.verdict.clone(),
            reasons: row.reasons.clone(),
        };
        rows.iter().map(answer).collect()
    }
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// SHA-256.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
}

impl Manifest {
    /// Describes a run folder as it is.
    pub fn of(
        run: &RunDir,
        analysis: &Analysis,
        exit: Exit,
        provenance: &Provenance,
    ) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        let mut schemas = BTreeMap::new();
        for (name, path) in list(run)? {
            if path.extension().is_some_and(|extension| extension == "parquet")
                && let Some((artifact, version)) = schema_of(&path)
            {
                schemas.insert(artifact, version);
            }
            files.insert(name, entry(&path)?);
        }
        Ok(Self {
            manifest_version: VERSION,
            pipeline: analysis.name.clone(),
            exit: exit as u8,
            verdicts: analysis.verdict_rows(),
            claims: Answer::all(&analysis.claims),
            provenance: provenance
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            schemas,
            files,
        })
    }

    /// The manifest as it is written.
    pub fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the manifest of a run folder.
    ///
    /// # Errors
    /// Exit 2 when it is missing, malformed or newer.
    pub fn read(run: &RunDir) -> anyhow::Result<Self> {
        let path = run.manifest();
        let text = fs::read_to_string(&path).map_err(|error| {
            Fault::config(format!("cannot read {}", path.display()))
                .hint("run the stage analysis on this run folder first")
                .because(error)
        })?;
        let manifest: Self = serde_json::from_str(&text).map_err(|error| {
            Fault::config(format!("{} is not a manifest", path.display())).because(error)
        })?;
        if manifest.manifest_version > VERSION {
            return Err(Fault::config(format!(
                "{} has version {}; this Tailmark reads up to version {VERSION}",
                path.display(),
                manifest.manifest_version
            ))
            .hint("update Tailmark, or use the version that wrote the run folder")
            .into());
        }
        Ok(manifest)
    }
}

/// Digest and size of a file.
pub fn entry(path: &Path) -> anyhow::Result<Entry> {
    let what = || format!("cannot read {}", path.display());
    let bytes = fs::metadata(path).with_context(what)?.len();
    Ok(Entry { sha256: Digest::of_file(path).with_context(what)?.into(), bytes })
}

fn schema_of(path: &Path) -> Option<(String, String)> {
    let pairs = footer(path).ok()?;
    let get =
        |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
    Some((get("tailmark.artifact")?, get("tailmark.version-of-artifact")?))
}

/// Files of a run folder by name, without the manifest, locks and unfinished files.
fn list(run: &RunDir) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(String::new(), run.path().to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        let what = || format!("cannot list {}", folder.display());
        let unfinished =
            |path: &Path| path.extension().is_some_and(|extension| extension == "part");
        for entry in fs::read_dir(&folder).with_context(what)? {
            let entry = entry.with_context(what)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().with_context(what)?;
            if kind.is_dir() {
                folders.push((format!("{prefix}{name}/"), entry.path()));
            } else if name != "manifest.json"
                && !name.starts_with('.')
                && !unfinished(&entry.path())
            {
                found.insert(format!("{prefix}{name}"), entry.path());
            }
        }
    }
    Ok(found)
}
