//! What was set on a configuration.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::sync::Arc;

use tensorrt::abi::enums::{BuilderFlag, MemoryPool, ProfilingVerbosity};

use crate::builder::Profile;
use crate::cache::TimingCache;
use crate::callback::Monitor;
use crate::object::argument;
use crate::settings;

/// What was set.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) flags: u32,
    pub(crate) pools: BTreeMap<c_int, usize>,
    pub(crate) verbosity: c_int,
    pub(crate) tactic_sources: u32,
    pub(crate) preview: u32,
    pub(crate) level: i32,
    pub(crate) hardware: c_int,
    pub(crate) average: i32,
    pub(crate) tactics: i32,
    pub(crate) tiling: c_int,
    pub(crate) capabilities: Vec<c_int>,
    pub(crate) profiles: Vec<Arc<Profile>>,
    pub(crate) cache: Option<usize>,
    pub(crate) monitor: Option<Monitor>,
}

impl Options {
    /// Whether the flag is set, by its number in this version.
    pub(crate) fn flag(&self, flag: BuilderFlag) -> bool {
        let value = flag.value(settings::table(), settings::version().number());
        value.is_some_and(|bit| self.flags & 1 << bit != 0)
    }

    pub(crate) fn verbosity(&self) -> ProfilingVerbosity {
        ProfilingVerbosity::of(self.verbosity).unwrap_or(ProfilingVerbosity::LayerNamesOnly)
    }

    /// The timing cache that was set.
    pub(crate) fn cache(&self) -> Option<Arc<TimingCache>> {
        let pointer = self.cache.map(std::ptr::with_exposed_provenance_mut);
        pointer.map(argument::<TimingCache>)
    }

    /// What was set, in words, for the plan.
    pub(crate) fn summary(&self) -> serde_json::Value {
        let known = BuilderFlag::ALL.iter().copied().filter(|flag| self.flag(*flag));
        serde_json::json!({
            "flags": known.map(BuilderFlag::name).collect::<Vec<_>>(),
            "optimization_level": self.level,
            "workspace": self.pools.get(&MemoryPool::Workspace.value()),
            "profiles": self.profiles.len(),
            "preview": self.preview,
            "tactic_sources": self.tactic_sources,
            "hardware_compatibility": self.hardware,
            "timing_iterations": self.average,
            "tactics": self.tactics,
            "tiling": self.tiling,
            "compute_capabilities": self.capabilities,
        })
    }
}
