//! How to build: flags, memory, optimisation level, profiles, cache and progress.

use std::ffi::c_int;
use std::fmt;

use crate::abi::Ptr;
use crate::abi::call::call;
use crate::abi::enums::{BuilderFlag, MemoryPool, ProfilingVerbosity};
use crate::abi::slots::BuilderConfigSlots;
use crate::builder::Builder;
use crate::error::{Error, Result};
use crate::owned::Owned;
use crate::profile::OptimizationProfile;
use crate::progress::{Monitor, ProgressMonitor};
use crate::timing_cache::{DeviceMismatch, TimingCache};

/// The settings of a build (`IBuilderConfig`).
pub struct BuilderConfig<'b> {
    // first: the library may call the monitor and read the cache until it is deleted
    owned: Owned,
    monitor: Option<Monitor<'b>>,
    cache: Option<TimingCache>,
    builder: &'b Builder,
}

impl<'b> BuilderConfig<'b> {
    /// # Safety
    /// `owned` is an `IBuilderConfig` of `builder`.
    pub(crate) unsafe fn new(builder: &'b Builder, owned: Owned) -> Self {
        Self { owned, monitor: None, cache: None, builder }
    }

    /// Turns a flag on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where this version has no such flag.
    pub fn set_flag(&mut self, flag: BuilderFlag) -> Result<()> {
        let (value, slot) = (self.flag_value(flag)?, self.slots().set_flag);
        // SAFETY: a living `IBuilderConfig`, and a value that this version knows.
        self.owned.checked("setFlag", || unsafe { call!(self.owned.this(), slot, value) })
    }

    /// Turns a flag off.
    ///
    /// # Errors
    /// As [`BuilderConfig::set_flag`].
    pub fn clear_flag(&mut self, flag: BuilderFlag) -> Result<()> {
        let (value, slot) = (self.flag_value(flag)?, self.slots().clear_flag);
        // SAFETY: as in `set_flag`.
        self.owned.checked("clearFlag", || unsafe { call!(self.owned.this(), slot, value) })
    }

    /// Whether a flag is on.
    ///
    /// # Errors
    /// As [`BuilderConfig::set_flag`].
    pub fn flag(&self, flag: BuilderFlag) -> Result<bool> {
        let (value, slot) = (self.flag_value(flag)?, self.slots().get_flag);
        // SAFETY: as in `set_flag`.
        Ok(unsafe { call!(self.owned.this(), slot, value) }.is_true())
    }

    fn flag_value(&self, flag: BuilderFlag) -> Result<c_int> {
        let value = flag.value(self.owned.table(), self.owned.number());
        self.known(value, "builder flag", flag.name())
    }

    pub(crate) fn known(&self, value: Option<c_int>, kind: &str, name: &str) -> Result<c_int> {
        value.ok_or_else(|| self.owned.library().unsupported(format!("{kind} {name}")))
    }

    /// Limits one of the pools of memory that a build may use, in bytes.
    ///
    /// # Errors
    /// Where the library refuses the limit.
    pub fn set_memory_pool_limit(&mut self, pool: MemoryPool, bytes: u64) -> Result<()> {
        let slot = self.slots().set_memory_pool_limit;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        // SAFETY: a living `IBuilderConfig`.
        let set = || unsafe { call!(self.owned.this(), slot, pool.value(), bytes) };
        self.owned.checked("setMemoryPoolLimit", set)
    }

    /// The limit of a pool in bytes.
    pub fn memory_pool_limit(&self, pool: MemoryPool) -> u64 {
        let slot = self.slots().get_memory_pool_limit;
        // SAFETY: a living `IBuilderConfig`.
        unsafe { call!(self.owned.this(), slot, pool.value()) as u64 }
    }

    /// How long the builder may look for faster kernels: 0 to 5; the library's default is 3.
    ///
    /// # Errors
    /// Where the library refuses the level, or takes another one instead.
    pub fn set_builder_optimization_level(&mut self, level: u8) -> Result<()> {
        let slot = self.slots().set_builder_optimization_level;
        // SAFETY: a living `IBuilderConfig`.
        let set = || unsafe { call!(self.owned.this(), slot, i32::from(level)) };
        self.owned.checked("setBuilderOptimizationLevel", set)?;
        match self.builder_optimization_level() {
            taken if taken == i32::from(level) => Ok(()),
            taken => Err(Error::Argument {
                what: format!("optimisation level {level}: the library takes {taken} instead"),
            }),
        }
    }

    /// The level that is set.
    pub fn builder_optimization_level(&self) -> i32 {
        // SAFETY: a living `IBuilderConfig`.
        unsafe { call!(self.owned.this(), self.slots().get_builder_optimization_level) }
    }

    /// What an engine inspector will be able to tell.
    ///
    /// # Errors
    /// Where the library refuses it.
    pub fn set_profiling_verbosity(&mut self, verbosity: ProfilingVerbosity) -> Result<()> {
        let slot = self.slots().set_profiling_verbosity;
        // SAFETY: a living `IBuilderConfig`.
        let set = || unsafe { call!(self.owned.this(), slot, verbosity.value()) };
        self.owned.checked("setProfilingVerbosity", set)
    }

    /// The verbosity that is set; `None` for one that is not known here.
    pub fn profiling_verbosity(&self) -> Option<ProfilingVerbosity> {
        // SAFETY: a living `IBuilderConfig`.
        let value = unsafe { call!(self.owned.this(), self.slots().get_profiling_verbosity) };
        ProfilingVerbosity::of(value)
    }

    /// Adds an optimisation profile and gives its index.
    ///
    /// # Errors
    /// Where it is another builder's, or incomplete.
    #[expect(clippy::needless_pass_by_value, reason = "a profile that was added must not change")]
    pub fn add_optimization_profile(&mut self, profile: OptimizationProfile<'b>) -> Result<usize> {
        let object = profile.object(self.builder)?;
        let slot = self.slots().add_optimization_profile;
        let mark = self.owned.logger().mark();
        // SAFETY: a living `IBuilderConfig`, and a profile that its builder owns.
        let index = unsafe { call!(self.owned.this(), slot, object) };
        usize::try_from(index).ok().ok_or_else(|| Error::Call {
            call: "addOptimizationProfile",
            reason: self.owned.logger().reason(mark),
        })
    }

    /// How many optimisation profiles were added.
    pub fn num_optimization_profiles(&self) -> usize {
        // SAFETY: a living `IBuilderConfig`.
        let count = unsafe { call!(self.owned.this(), self.slots().get_nb_optimization_profiles) };
        usize::try_from(count).unwrap_or(0)
    }

    /// A timing cache from what [`TimingCache::serialize`] gave; from no bytes, an empty one.
    ///
    /// From bytes that it cannot use the library makes an empty cache, and
    /// [`TimingCache::warning`] says so.
    ///
    /// # Errors
    /// Where the library makes none at all.
    pub fn create_timing_cache(&self, bytes: &[u8]) -> Result<TimingCache> {
        let (this, slot) = (self.owned.this(), self.slots().create_timing_cache);
        let mark = self.owned.logger().mark();
        let data = if bytes.is_empty() { std::ptr::null() } else { bytes.as_ptr().cast() };
        // SAFETY: a living `IBuilderConfig`, which copies the bytes; a new `ITimingCache` is ours to
        // delete.
        let owned = unsafe {
            let make = || call!(this, slot, data, bytes.len());
            self.owned.child("createTimingCache", make)?
        };
        // SAFETY: `createTimingCache` gives an `ITimingCache`.
        Ok(unsafe { TimingCache::new(owned, self.owned.logger().warnings_since(mark)) })
    }

    /// Lets builds use and extend a cache. `false` where the library refuses it, which it does for a
    /// cache of another device. The cache lives at least as long as the builder.
    ///
    /// # Errors
    /// Where the cache belongs to another library.
    pub fn set_timing_cache(
        &mut self,
        cache: &TimingCache,
        mismatch: DeviceMismatch,
    ) -> Result<bool> {
        cache.belongs_to(&self.owned)?;
        // before the call: whatever it answers, the library may have kept the pointer
        self.builder.keep(cache);
        let (this, slot) = (self.owned.this(), self.slots().set_timing_cache);
        // SAFETY: a living `IBuilderConfig` and a living `ITimingCache` of the same library, which
        // the builder now keeps.
        let set = unsafe { call!(this, slot, cache.object(), mismatch.ignored()) }.is_true();
        if set {
            self.cache = Some(cache.another());
        }
        Ok(set)
    }

    /// The cache that was set.
    pub fn timing_cache(&self) -> Option<&TimingCache> {
        self.cache.as_ref()
    }

    /// Tells `monitor` how far builds with this configuration are; it may end them.
    ///
    /// # Errors
    /// Where the library refuses it.
    pub fn set_progress_monitor(&mut self, monitor: Box<dyn ProgressMonitor + 'b>) -> Result<()> {
        let monitor = Monitor::new(monitor);
        let slot = self.slots().set_progress_monitor;
        // SAFETY: a living `IBuilderConfig`; the monitor is kept until it is deleted, or until
        // another took its place.
        let set = || unsafe { call!(self.owned.this(), slot, monitor.as_ptr()) };
        let done = self.owned.checked("setProgressMonitor", set);
        self.monitor = Some(monitor);
        done
    }

    pub(crate) fn slots(&self) -> &BuilderConfigSlots {
        &self.owned.slots().builder_config
    }

    pub(crate) fn owned(&self) -> &Owned {
        &self.owned
    }

    pub(crate) fn object(&self) -> Ptr {
        self.owned.object()
    }

    /// Whether `builder` can build with it; the monitor forgets the last build.
    pub(crate) fn ready(&self, builder: &Builder) -> Result<()> {
        builder.is(self.builder, "configuration")?;
        if let Some(monitor) = &self.monitor {
            monitor.begin();
        }
        Ok(())
    }

    /// An error where the monitor ended the build.
    pub(crate) fn monitored(&self) -> Result<()> {
        self.monitor.as_ref().map_or(Ok(()), Monitor::end)
    }
}

impl fmt::Debug for BuilderConfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuilderConfig")
            .field("builder_optimization_level", &self.builder_optimization_level())
            .field("workspace", &self.memory_pool_limit(MemoryPool::Workspace))
            .field("timing_cache", &self.cache)
            .finish_non_exhaustive()
    }
}
