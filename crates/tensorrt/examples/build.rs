//! ONNX → plan: `cargo run --example build -- model.onnx out.plan [options]`.
//!
//! Options: `--rtx` takes TensorRT for RTX, and not TensorRT if that is there, `--level N`,
//! `--workspace MIB`, `--flag fp16` (TensorRT 10 only; else the model says the types), `--verbose`
//! prints the library's log, `--layers` the builder's report of layers, `--cache FILE` keeps a
//! timing cache, `--cancel N` ends the build at its N-th step.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tensorrt::{
    Builder, BuilderConfig, BuilderFlag, DeviceMismatch, Flow, Library, LogOptions, MemoryPool,
    OnnxParser, Product, ProfilingVerbosity, ProgressMonitor, Severity, TimingCache, Typing, find,
};

#[derive(Default)]
struct Options {
    files: Vec<PathBuf>,
    rtx: bool,
    level: Option<u8>,
    workspace: Option<u64>,
    fp16: bool,
    verbose: bool,
    layers: bool,
    cache: Option<PathBuf>,
    cancel: Option<i64>,
}

fn main() {
    if let Err(error) = run(&options()) {
        tell(&format!("error: {error}"));
        if let Some(hint) = error.downcast_ref::<tensorrt::Error>().and_then(tensorrt::Error::hint)
        {
            tell(&format!("hint: {hint}"));
        }
        std::process::exit(1);
    }
}

fn options() -> Options {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|value| value.parse::<i64>().ok());
        match argument.as_str() {
            "--rtx" => options.rtx = true,
            "--level" => options.level = number().and_then(|level| level.try_into().ok()),
            "--workspace" => options.workspace = number().map(|mib| mib.unsigned_abs() << 20),
            "--cancel" => options.cancel = number(),
            "--flag" => options.fp16 = arguments.next().is_some_and(|flag| flag == "fp16"),
            "--verbose" => options.verbose = true,
            "--layers" => options.layers = true,
            "--cache" => options.cache = arguments.next().map(PathBuf::from),
            _ => options.files.push(argument.into()),
        }
    }
    options
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let [model, out] = options.files.as_slice() else {
        return Err("usage: build MODEL.onnx OUT.plan [--rtx] [--level N] [--layers] …".into());
    };
    let library = Library::load(&library(options.rtx)?)?;
    tell(&format!("{library:?}, table {}", library.table()));
    tell(&library.note().map(|note| format!("note: {note}")).unwrap_or_default());
    tell(library.warning().unwrap_or_default());

    let report = Arc::new(Mutex::new(String::new()));
    let builder = Builder::with_log(&library, log(options, &report))?;
    let typing = if options.fp16 { Typing::Weak } else { Typing::Strong };
    let mut network = builder.create_network(typing)?;
    OnnxParser::new(&mut network)?.parse_from_file(model)?;
    tell(&format!("{network:?}: {:?} → {:?}", network.inputs(), network.outputs()));

    let mut config = builder.create_config()?;
    let cache = configure(&mut config, options)?;
    let started = SystemTime::now();
    let plan = builder.build_serialized_network(&mut network, &mut config)?;
    tell(&format!("{plan:?} in {:.1?}", started.elapsed().unwrap_or(Duration::ZERO)));
    std::fs::File::create(out)?.write_all(&plan)?;
    if let (Some(path), Some(cache)) = (&options.cache, cache) {
        std::fs::File::create(path)?.write_all(&cache.serialize()?)?;
        tell(&format!("{cache:?} in {}", path.display()));
    }
    if options.layers {
        let report = report.lock().map_err(|error| error.to_string())?;
        writeln!(std::io::stdout(), "{report}")?;
    }
    Ok(())
}

fn library(rtx: bool) -> tensorrt::Result<PathBuf> {
    let found = if rtx { None } else { find(Product::TensorRt).ok() };
    found.map_or_else(|| find(Product::TensorRtRtx), Ok)
}

fn configure(
    config: &mut BuilderConfig<'_>,
    options: &Options,
) -> Result<Option<TimingCache>, Box<dyn Error>> {
    if let Some(level) = options.level {
        config.set_builder_optimization_level(level)?;
    }
    if let Some(bytes) = options.workspace {
        config.set_memory_pool_limit(MemoryPool::Workspace, bytes)?;
    }
    if options.fp16 {
        config.set_flag(BuilderFlag::Fp16)?;
    }
    if options.layers {
        config.set_profiling_verbosity(ProfilingVerbosity::Detailed)?;
    }
    let steps = AtomicI64::new(0);
    config.set_progress_monitor(Box::new(Bar { cancel: options.cancel, steps }))?;
    tell(&format!("{config:?}"));
    let Some(path) = &options.cache else { return Ok(None) };
    let cache = config.create_timing_cache(&read_or_empty(path))?;
    tell(&cache.warning().map(|text| format!("{}: {text}", path.display())).unwrap_or_default());
    if !config.set_timing_cache(&cache, DeviceMismatch::Refuse)? {
        tell("the timing cache is another device's; going on without it");
    }
    Ok(Some(cache))
}

fn read_or_empty(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

/// Prints the log where asked, and keeps the builder's report of its layers.
fn log(options: &Options, report: &Arc<Mutex<String>>) -> LogOptions {
    let (print, report) = (options.verbose, Arc::clone(report));
    LogOptions {
        verbose: options.verbose || options.layers,
        sink: Some(Arc::new(move |severity, line| {
            if print || severity <= Severity::WARNING {
                tell(&format!("[{severity}] {line}"));
            }
            if line.starts_with("Layers:")
                && let Ok(mut report) = report.lock()
            {
                line.clone_into(&mut report);
            }
        })),
    }
}

/// Phases and steps, one line each.
struct Bar {
    cancel: Option<i64>,
    steps: AtomicI64,
}

impl ProgressMonitor for Bar {
    fn phase_start(&self, phase: &str, parent: Option<&str>, steps: i32) {
        let parent = parent.map(|parent| format!(" of {parent:?}")).unwrap_or_default();
        tell(&format!("{phase:?}{parent}: {steps} steps"));
    }

    fn step_complete(&self, _: &str, _: i32) -> Flow {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        if self.cancel.is_some_and(|last| step >= last) { Flow::Cancel } else { Flow::Continue }
    }

    fn phase_finish(&self, phase: &str) {
        tell(&format!("{phase:?} ends, {} steps so far", self.steps.load(Ordering::Relaxed)));
    }
}

/// Messages go to standard error; without a reader nothing can be told.
fn tell(line: &str) {
    if !line.is_empty() {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}
