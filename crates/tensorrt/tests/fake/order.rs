//! Objects go in the right order, whatever order their owners are dropped in. The fake ends the process
//! where a parent goes before its child; what these tests add is that each order is tried, and that what
//! the library points to (logger, cache, monitor, profiler) goes last.

use std::sync::{Arc, Mutex};

use tensorrt::{
    Builder, DeviceMismatch, Flow, LogOptions, OnnxParser, Profiler, ProgressMonitor, Runtime,
    Severity, Typing,
};

use crate::model;
use crate::support::Fake;

/// Notes, when it is dropped, what lived then.
struct Last {
    path: std::path::PathBuf,
    seen: Arc<Mutex<Option<Vec<String>>>>,
}

impl Last {
    fn new(fake: &Fake) -> (Self, Arc<Mutex<Option<Vec<String>>>>) {
        let seen: Arc<Mutex<Option<Vec<String>>>> = Arc::default();
        (Self { path: fake.path.clone(), seen: Arc::clone(&seen) }, seen)
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        let loaded = tensorrt_fake::Loaded::open(&self.path).unwrap();
        *self.seen.lock().unwrap() = Some(loaded.live().unwrap().into_keys().collect());
    }
}

impl ProgressMonitor for Last {
    fn phase_start(&self, _: &str, _: Option<&str>, _: i32) {}
    fn step_complete(&self, _: &str, _: i32) -> Flow {
        Flow::Continue
    }
    fn phase_finish(&self, _: &str) {}
}

impl Profiler for Last {
    fn report_layer_time(&mut self, _: &str, _: f32) {}
}

fn logging(last: Last) -> LogOptions {
    let sink = move |_: Severity, _: &str| {
        let _ = &last.path;
    };
    LogOptions { verbose: true, sink: Some(Arc::new(sink)) }
}

#[test]
fn the_builders_logger_outlives_all_that_it_made() {
    Fake::each(|fake| {
        let (last, seen) = Last::new(fake);
        let builder = Builder::with_log(&fake.library, logging(last)).unwrap();
        let mut network = builder.create_network(Typing::Strong).unwrap();
        let mut config = builder.create_config().unwrap();
        let cache = config.create_timing_cache(b"").unwrap();
        assert!(config.set_timing_cache(&cache, DeviceMismatch::Refuse).unwrap());
        OnnxParser::new(&mut network).unwrap().parse(&model::fixed(), None).unwrap();
        let plan = builder.build_serialized_network(&mut network, &mut config).unwrap();
        let blob = cache.serialize().unwrap();
        drop(config);
        drop(network);
        drop(cache);
        assert_eq!(fake.live("VTimingCache"), 1, "the builder keeps it");
        drop(builder);
        assert_eq!(fake.live("VTimingCache"), 0);
        assert!(!plan.is_empty() && !blob.is_empty(), "bytes outlive their builder");
        assert_eq!(*seen.lock().unwrap(), None);
        drop(plan);
        drop(blob);
        assert_eq!(seen.lock().unwrap().take(), Some(Vec::new()));
    });
}

#[test]
fn a_network_goes_before_or_after_its_configuration() {
    Fake::each(|fake| {
        for network_first in [true, false] {
            let builder = Builder::new(&fake.library).unwrap();
            let mut network = builder.create_network(Typing::Strong).unwrap();
            let config = builder.create_config().unwrap();
            for _ in 0..2 {
                let mut parser = OnnxParser::new(&mut network).unwrap();
                parser.parse(&model::fixed(), None).unwrap();
            }
            let second = builder.create_network(Typing::Strong).unwrap();
            assert_eq!((fake.live("IParser"), fake.live("VNetworkDefinition")), (2, 2));
            if network_first {
                drop(network);
                drop(config);
            } else {
                drop(config);
                drop(network);
            }
            drop(second);
            assert_eq!((fake.live("IParser"), fake.live("VTensor")), (0, 0));
        }
    });
}

#[test]
fn a_cache_that_is_shared_by_two_builders_outlives_both() {
    Fake::each(|fake| {
        let first = Builder::new(&fake.library).unwrap();
        let second = Builder::new(&fake.library).unwrap();
        let mut config = first.create_config().unwrap();
        let mut other = second.create_config().unwrap();
        let cache = config.create_timing_cache(b"").unwrap();
        let another = config.create_timing_cache(b"").unwrap();
        assert!(config.set_timing_cache(&cache, DeviceMismatch::Refuse).unwrap());
        assert!(other.set_timing_cache(&cache, DeviceMismatch::Refuse).unwrap());
        assert!(config.set_timing_cache(&another, DeviceMismatch::Refuse).unwrap());
        drop((cache, another));
        drop(config);
        drop(first);
        assert_eq!(fake.live("VTimingCache"), 1);
        drop(other);
        drop(second);
    });
}

#[test]
fn a_monitor_goes_after_its_configuration() {
    Fake::each(|fake| {
        let builder = Builder::new(&fake.library).unwrap();
        let (last, seen) = Last::new(fake);
        let (next, seen_next) = Last::new(fake);
        let mut config = builder.create_config().unwrap();
        config.set_progress_monitor(Box::new(last)).unwrap();
        config.set_progress_monitor(Box::new(next)).unwrap();
        assert!(seen.lock().unwrap().is_some(), "the first one is no longer needed");
        drop(config);
        assert_eq!(seen_next.lock().unwrap().take(), Some(vec!["VBuilder".to_owned()]));
    });
}

#[test]
fn a_profiler_goes_after_its_context() {
    Fake::each(|fake| {
        let engine = fake.engine(&model::fixed());
        let (last, seen) = Last::new(fake);
        let mut context = engine.create_execution_context().unwrap();
        context.set_profiler(Some(Box::new(last)));
        drop(context);
        let left = ["VCudaEngine", "VRuntime"].map(str::to_owned).to_vec();
        assert_eq!(seen.lock().unwrap().take(), Some(left));
    });
}

#[test]
fn children_keep_their_parents_alive() {
    Fake::each(|fake| {
        let (last, seen) = Last::new(fake);
        let plan = fake.plan(&model::fixed(), |_, _| {});
        let runtime = Runtime::with_log(&fake.library, logging(last)).unwrap();
        let engine = runtime.deserialize(&plan).unwrap();
        drop(runtime);
        let context = engine.create_execution_context().unwrap();
        let inspector = engine.create_inspector().unwrap();
        let config = engine.create_runtime_config().ok();
        drop(engine);
        assert_eq!((fake.live("VRuntime"), fake.live("VCudaEngine")), (1, 1));
        drop(context);
        drop(config);
        assert_eq!(fake.live("VCudaEngine"), 1);
        drop(inspector);
        assert_eq!(seen.lock().unwrap().take(), Some(Vec::new()));
    });
}

#[test]
fn an_error_on_the_way_leaves_nothing_behind() {
    Fake::each(|fake| {
        fake.fault("build");
        assert!(fake.try_plan(&model::fixed(), |_, _| {}, |_, _| {}).is_err());
        assert!(fake.try_plan(&model::broken(), |_, _| {}, |_, _| {}).is_err());
        assert!(Runtime::new(&fake.library).unwrap().deserialize(b"no plan").is_err());
    });
}

#[test]
fn nothing_grows_over_many_builds() {
    let fake = Fake::new("10.3.0");
    for _ in 0..100 {
        let engine = fake.engine(&model::fixed());
        engine.create_execution_context().unwrap();
    }
    assert_eq!(fake.loaded.made("VBuilder").unwrap(), 100);
    fake.finish();
}
