//! What must agree for a cache to be offered to a build.

use backend::{Backend, BuildRequest, CacheKind};
use pipeline::Digest;
use serde::{Deserialize, Serialize};

use crate::key::slug;

/// What must agree for two builds to share a cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scope {
    /// Kind of cache.
    pub kind: CacheKind,
    /// Backend by its name.
    pub backend: String,
    /// Exact version of its library.
    pub version: String,
    /// The device that was timed.
    pub device: String,
    /// What else must agree, `key=value`, as the backend gives it.
    pub agree: Vec<String>,
}

impl Scope {
    /// The scope of a request; `None` for a backend whose builds use no cache.
    pub fn new(backend: &dyn Backend, request: &BuildRequest<'_>) -> Option<Self> {
        (backend.cache_kind() == CacheKind::Timing).then(|| Self {
            kind: CacheKind::Timing,
            backend: backend.id().to_string(),
            version: backend.version(),
            device: backend.device(),
            agree: backend.cache_scope(request),
        })
    }

    /// The key.
    pub fn key(&self) -> Digest {
        let agree = self.agree.iter().map(|item| ("item", item.clone()));
        Digest::of_fields([
            ("kind", self.kind.as_str().to_owned()),
            ("backend", self.backend.clone()),
            ("version", self.version.clone()),
            ("device", self.device.clone()),
            ("agree", Digest::of_fields(agree).to_string()),
        ])
    }

    /// The folder: `<kind>-<backend>-<device>-<version>`.
    pub fn folder(&self) -> String {
        let (kind, device, version) = (self.kind.as_str(), slug(&self.device), slug(&self.version));
        format!("{kind}-{}-{device}-{version}", self.backend)
    }
}
