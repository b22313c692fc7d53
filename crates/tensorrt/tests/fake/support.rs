//! A copy of the fake library per test, so that each has its own version, settings and counts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tensorrt::{
    Builder, BuilderConfig, Engine, HostMemory, Library, LogOptions, Network, OnnxParser, Runtime,
    Severity, Typing,
};
use tensorrt_fake::{Loaded, Plan};

/// One version of each table, and of 10 one before and one after each method that came later.
pub(crate) const VERSIONS: [&str; 6] =
    ["10.1.0", "10.3.0", "10.13.2", "11.1.0", "rtx-1.5.0", "rtx-1.6.1"];

/// A loaded copy.
pub(crate) struct Fake {
    folder: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) loaded: Loaded,
    pub(crate) library: Library,
}

impl Fake {
    pub(crate) fn new(version: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("tensorrt-fake-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let path = tensorrt_fake::install(&folder, version).unwrap();
        let library = Library::load(&path).unwrap();
        let loaded = Loaded::open(&path).unwrap();
        Self { folder, path, loaded, library }
    }

    /// The same for every version.
    pub(crate) fn each(check: impl Fn(&Self)) {
        for version in VERSIONS {
            let fake = Self::new(version);
            check(&fake);
            fake.finish();
        }
    }

    /// Turns a fault on.
    pub(crate) fn fault(&self, fault: &str) {
        self.loaded.set(tensorrt_fake::FAULT, fault).unwrap();
    }

    /// How many objects of a class live.
    pub(crate) fn live(&self, class: &str) -> u64 {
        self.loaded.live().unwrap().get(class).copied().unwrap_or(0)
    }

    /// Everything that was made was deleted once.
    pub(crate) fn finish(&self) {
        assert_eq!(self.loaded.live().unwrap(), BTreeMap::new(), "{:?}", self.library);
        let version = self.library.version();
        let table = self.library.table();
        assert!(self.path.to_string_lossy().ends_with(&version.to_string()), "{version} {table}");
    }

    /// A plan of `model`, built as `options` say.
    pub(crate) fn plan(
        &self,
        model: &[u8],
        options: impl for<'b> Fn(&'b Builder, &mut BuilderConfig<'b>),
    ) -> Vec<u8> {
        self.try_plan(model, |_, _| {}, |builder, config| options(builder, config))
            .unwrap()
            .to_vec()
    }

    /// The same, as it ends; `network` sees the network before the build.
    pub(crate) fn try_plan(
        &self,
        model: &[u8],
        network: impl Fn(&Builder, &Network<'_>),
        options: impl for<'b> Fn(&'b Builder, &mut BuilderConfig<'b>),
    ) -> tensorrt::Result<HostMemory> {
        let builder = Builder::new(&self.library)?;
        let mut net = builder.create_network(Typing::Strong)?;
        let mut config = builder.create_config()?;
        OnnxParser::new(&mut net)?.parse(model, None)?;
        network(&builder, &net);
        options(&builder, &mut config);
        builder.build_serialized_network(&mut net, &mut config)
    }

    /// An engine from `model`.
    pub(crate) fn engine(&self, model: &[u8]) -> Engine {
        let plan = self.plan(model, |_, config| {
            config.set_profiling_verbosity(tensorrt::ProfilingVerbosity::Detailed).unwrap();
        });
        Runtime::new(&self.library).unwrap().deserialize(&plan).unwrap()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What a plan says.
pub(crate) fn read(plan: &[u8]) -> Plan {
    Plan::parse(plan).unwrap()
}

/// What a log sink heard.
pub(crate) type Heard = Arc<Mutex<Vec<(Severity, String)>>>;

/// A log sink, and what it hears.
pub(crate) fn listener() -> (LogOptions, Heard) {
    let heard = Heard::default();
    let ear = Arc::clone(&heard);
    let sink = move |severity: Severity, line: &str| {
        ear.lock().unwrap().push((severity, line.to_owned()));
    };
    (LogOptions { verbose: true, sink: Some(Arc::new(sink)) }, heard)
}
