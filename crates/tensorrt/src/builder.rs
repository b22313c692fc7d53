//! The builder: makes networks and configurations, and from them plans.

use std::cell::RefCell;
use std::fmt;

use crate::abi::Table;
use crate::abi::call::call;
use crate::abi::enums::NetworkDefinitionCreationFlag;
use crate::config::BuilderConfig;
use crate::error::{Error, Result};
use crate::host_memory::HostMemory;
use crate::library::Library;
use crate::logger::{Log, LogOptions};
use crate::network::Network;
use crate::owned::Owned;
use crate::profile::OptimizationProfile;
use crate::timing_cache::TimingCache;

/// Who decides the types of a network's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Typing {
    /// The model: tensors have the types that its operators give them. The only one of TensorRT 11
    /// and of RTX.
    Strong,
    /// The builder, which may take another type where a flag allows it. TensorRT 10 only.
    Weak,
}

/// Builds plans (`IBuilder`). It stays on the thread that made it.
pub struct Builder {
    owned: Owned,
    /// Every cache that was set on a configuration of this builder: they outlive it.
    caches: RefCell<Vec<TimingCache>>,
}

impl Builder {
    /// A builder whose log goes to `tracing`.
    ///
    /// # Errors
    /// Where the library has no builder, or cannot make one (TensorRT 10 and 11 need a GPU).
    pub fn new(library: &Library) -> Result<Self> {
        Self::with_log(library, LogOptions::default())
    }

    /// A builder whose log goes to `tracing` and where `options` say.
    ///
    /// # Errors
    /// As [`Builder::new`].
    pub fn with_log(library: &Library, options: LogOptions) -> Result<Self> {
        let logger = Log::new(library.relay(), options);
        let owned = Owned::from_factory(library, &logger, c"createInferBuilder_INTERNAL")?;
        Ok(Self { owned, caches: RefCell::default() })
    }

    /// An empty network.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for weak typing where the library only has strong.
    pub fn create_network(&self, typing: Typing) -> Result<Network<'_>> {
        let flags = match (self.owned.table(), typing) {
            (Table::V10, Typing::Weak) | (Table::V11 | Table::Rtx, Typing::Strong) => 0,
            (Table::V10, Typing::Strong) => self.strong()?,
            (Table::V11 | Table::Rtx, Typing::Weak) => {
                let what =
                    "a weakly typed network (use a model with the types that it should have)";
                return Err(self.owned.library().unsupported(what));
            }
        };
        let (this, slot) = (self.owned.this(), self.owned.slots().builder.create_network_v2);
        // SAFETY: `this` is a living `IBuilder`; a new `INetworkDefinition` is ours to delete.
        let owned = unsafe { self.owned.child("createNetworkV2", || call!(this, slot, flags))? };
        // SAFETY: it is a network of this builder.
        Ok(unsafe { Network::new(self, owned) })
    }

    fn strong(&self) -> Result<u32> {
        let flag = NetworkDefinitionCreationFlag::StronglyTyped;
        let bit = flag.value(self.owned.table(), self.owned.number());
        let bit = bit.ok_or_else(|| self.owned.library().unsupported(flag.name()))?;
        Ok(1 << bit)
    }

    /// A configuration with the library's defaults.
    ///
    /// # Errors
    /// Where the library cannot make one.
    pub fn create_config(&self) -> Result<BuilderConfig<'_>> {
        let (this, slot) = (self.owned.this(), self.owned.slots().builder.create_builder_config);
        // SAFETY: `this` is a living `IBuilder`; a new `IBuilderConfig` is ours to delete.
        let owned = unsafe { self.owned.child("createBuilderConfig", || call!(this, slot))? };
        // SAFETY: it is a configuration of this builder.
        Ok(unsafe { BuilderConfig::new(self, owned) })
    }

    /// An optimisation profile: the shapes that a dynamic model is built for. It is used once it is
    /// added to a configuration.
    ///
    /// # Errors
    /// Where the library cannot make one.
    pub fn create_optimization_profile(&self) -> Result<OptimizationProfile<'_>> {
        let slot = self.owned.slots().builder.create_optimization_profile;
        // SAFETY: the builder lives, and owns the profile that it makes.
        unsafe { OptimizationProfile::new(self, || call!(self.owned.this(), slot)) }
    }

    /// Builds the plan of a network. This takes seconds to many minutes.
    ///
    /// # Errors
    /// Where the network has no outputs or did not parse, where network or configuration belong to
    /// another builder, [`Error::Cancelled`] and [`Error::Panicked`] by the progress monitor, and
    /// [`Error::Call`] with what the library logged.
    pub fn build_serialized_network(
        &self,
        network: &mut Network<'_>,
        config: &mut BuilderConfig<'_>,
    ) -> Result<HostMemory> {
        network.ready(self)?;
        config.ready(self)?;
        let (this, slot) = (self.owned.this(), self.owned.slots().builder.build_serialized_network);
        let (network, settings) = (network.object(), config.object());
        // SAFETY: all three objects live and belong together (`ready`); nothing else uses them
        // meanwhile; new `IHostMemory` is ours to delete.
        let built = unsafe {
            self.owned.child("buildSerializedNetwork", || call!(this, slot, network, settings))
        };
        config.monitored()?;
        // SAFETY: `buildSerializedNetwork` gives an `IHostMemory`.
        Ok(unsafe { HostMemory::new(built?) })
    }

    /// How many threads the builder may use, itself included.
    ///
    /// # Errors
    /// Where the library refuses the number.
    pub fn set_max_threads(&self, threads: u16) -> Result<()> {
        let (this, slot) = (self.owned.this(), self.owned.slots().builder.set_max_threads);
        // SAFETY: `this` is a living `IBuilder`.
        self.owned.confirmed("setMaxThreads", || unsafe { call!(this, slot, i32::from(threads)) })
    }

    /// The last error lines that the library logged, at most 64.
    pub fn last_errors(&self) -> Vec<String> {
        self.owned.logger().errors()
    }

    /// The library that it belongs to.
    pub fn library(&self) -> &Library {
        self.owned.library()
    }

    pub(crate) fn owned(&self) -> &Owned {
        &self.owned
    }

    /// Keeps a cache until the builder is gone.
    pub(crate) fn keep(&self, cache: &TimingCache) {
        let mut caches = self.caches.borrow_mut();
        if !caches.iter().any(|kept| kept.is(cache)) {
            caches.push(cache.another());
        }
    }

    /// Whether something made by `other` is this builder's.
    pub(crate) fn is(&self, other: &Self, what: &str) -> Result<()> {
        if std::ptr::eq(self, other) {
            return Ok(());
        }
        Err(Error::Argument { what: format!("the {what} belongs to another builder") })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "builder of {:?}", self.library())
    }
}
