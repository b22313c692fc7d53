//! What parent and child say to each other: one JSON object a line.

use std::path::PathBuf;
use std::time::Duration;

use backend::{BackendId, BuildOptions, BuildRequest, Built, Fp16Route, Precision};
use serde::{Deserialize, Serialize};

/// The second line on the child's stdin, if there is one: end the build in good order.
pub(super) const CANCEL: &str = "cancel";

/// The first line on the child's stdin.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Request {
    /// Process that asks; the child ends with it.
    pub(super) parent: u32,
    pub(super) backend: BackendId,
    /// The version that the parent found: the child must find the same.
    pub(super) version: String,
    pub(super) data: PathBuf,
    pub(super) model: PathBuf,
    /// The engine's file.
    pub(super) out: PathBuf,
    pub(super) precision: Precision,
    pub(super) optimization_level: u8,
    pub(super) shapes: Vec<(String, Vec<usize>)>,
    pub(super) workspace: Option<u64>,
    pub(super) fp16_route: Fp16Route,
    pub(super) require_cached: bool,
    pub(super) time_limit: Option<Duration>,
    /// The blob to begin with, possibly an empty one; left out: no cache.
    pub(super) cache_in: Option<PathBuf>,
    /// Where the blob after the build goes.
    pub(super) cache_out: PathBuf,
}

impl Request {
    /// The options of the build.
    pub(super) fn options(&self) -> BuildOptions {
        BuildOptions {
            workspace: self.workspace,
            fp16_route: self.fp16_route,
            require_cached: self.require_cached,
            time_limit: self.time_limit,
        }
    }

    /// The request as the backend takes it.
    pub(super) fn of_backend<'a>(&'a self, timing_cache: Option<&'a [u8]>) -> BuildRequest<'a> {
        BuildRequest {
            optimization_level: self.optimization_level,
            shapes: &self.shapes,
            options: self.options(),
            timing_cache,
            ..BuildRequest::new(&self.model, self.precision)
        }
    }
}

/// A line on the child's stdout.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "say")]
pub(super) enum Message {
    /// How far the build is.
    Progress { phase: String, done: u32, total: u32 },
    /// The engine is in its file.
    Done(Done),
    /// There is no engine.
    Failed(Failed),
}

/// A build that ended well; the blob of the timing cache is in its file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Done {
    pub(super) built: Built,
    /// Whether there is a blob.
    pub(super) cache: bool,
    /// Time of the build alone, in ns.
    pub(super) build_ns: u64,
    /// Most resident memory, in bytes.
    pub(super) peak_memory: Option<u64>,
}

/// A build that the backend refused, or that failed in good order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Failed {
    /// The whole chain of causes.
    pub(super) error: String,
    /// The code of the innermost.
    pub(super) exit: u8,
    pub(super) hint: Option<String>,
}

impl Message {
    /// One line.
    pub(super) fn to_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|text| text + "\n")
    }
}
