//! Logger, progress monitor and profiler: what they hear, and that their panics stay with us.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tensorrt::{
    Builder, Error, Flow, LogOptions, OnnxParser, ProfilingVerbosity, ProgressMonitor, Runtime,
    Severity, Table, Typing,
};

use crate::model;
use crate::support::{Fake, listener};

/// Notes what it hears, and answers as it was told to.
#[derive(Default)]
struct Ear {
    heard: Arc<Mutex<Vec<String>>>,
    cancel: bool,
    panic: bool,
}

impl ProgressMonitor for Ear {
    fn phase_start(&self, phase: &str, parent: Option<&str>, steps: i32) {
        let parent = parent.unwrap_or("nothing");
        self.heard.lock().unwrap().push(format!("{phase} in {parent}, {steps} steps"));
    }

    fn step_complete(&self, phase: &str, step: i32) -> Flow {
        self.heard.lock().unwrap().push(format!("{phase}: {step}"));
        assert!(!self.panic, "a monitor that panics");
        if self.cancel { Flow::Cancel } else { Flow::Continue }
    }

    fn phase_finish(&self, phase: &str) {
        self.heard.lock().unwrap().push(format!("{phase} is done"));
    }
}

fn build(fake: &Fake, ear: Ear) -> (tensorrt::Result<()>, Vec<String>) {
    let heard = Arc::clone(&ear.heard);
    let ear = Mutex::new(Some(ear));
    let built = fake.try_plan(
        &model::fixed(),
        |_, _| {},
        |_, config| {
            let ear = ear.lock().unwrap().take().unwrap();
            config.set_progress_monitor(Box::new(ear)).unwrap();
        },
    );
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    (built.map(drop), heard)
}

/// A library writes to the first logger for as long as anything lives that was made with one.
#[test]
fn the_log_outlives_the_object_that_came_first() {
    Fake::each(|fake| {
        let (first, _) = listener();
        let (second, heard) = listener();
        let builder = Builder::with_log(&fake.library, first).unwrap();
        let runtime = Runtime::with_log(&fake.library, second).unwrap();
        drop(builder);
        let error = runtime.deserialize(b"no plan").unwrap_err().to_string();
        let heard = heard.lock().unwrap();
        let errors: Vec<&String> = heard
            .iter()
            .filter(|(severity, _)| *severity == Severity::ERROR)
            .map(|(_, line)| line)
            .collect();
        assert!(!errors.is_empty() && error.contains(errors[0].as_str()), "{error}: {heard:?}");
        assert!(heard.iter().all(|(_, line)| !line.contains("is ignored")), "{heard:?}");
    });
}

#[test]
fn progress_is_told_phase_by_phase() {
    Fake::each(|fake| {
        let (built, heard) = build(fake, Ear::default());
        built.unwrap();
        assert_eq!(
            heard[..3],
            [
                "Building engine in nothing, 2 steps",
                "Timing tactics in Building engine, 3 steps",
                "Timing tactics: 0",
            ]
        );
        assert_eq!(heard.last().unwrap(), "Building engine is done");
        assert_eq!(heard.len(), 9);
    });
}

#[test]
fn a_build_is_cancelled_by_its_monitor() {
    Fake::each(|fake| {
        let (built, heard) = build(fake, Ear { cancel: true, ..Ear::default() });
        assert_eq!(built.unwrap_err(), Error::Cancelled);
        assert_eq!(heard[3..], ["Timing tactics is done", "Building engine is done"]);
    });
}

#[test]
fn a_monitor_that_panics_ends_the_build_and_nothing_else() {
    Fake::each(|fake| {
        let (built, _) = build(fake, Ear { panic: true, ..Ear::default() });
        let Error::Panicked { callback, message } = built.unwrap_err() else { panic!() };
        assert_eq!((callback, message.as_str()), ("progress monitor", "a monitor that panics"));
        build(fake, Ear::default()).0.unwrap();
    });
}

#[test]
fn the_log_arrives_with_its_severity_and_the_layers() {
    Fake::each(|fake| {
        let (options, heard) = listener();
        let builder = Builder::with_log(&fake.library, options).unwrap();
        let mut network = builder.create_network(Typing::Strong).unwrap();
        let mut config = builder.create_config().unwrap();
        config.set_profiling_verbosity(ProfilingVerbosity::Detailed).unwrap();
        OnnxParser::new(&mut network).unwrap().parse(&model::fixed(), None).unwrap();
        builder.build_serialized_network(&mut network, &mut config).unwrap();
        assert!(builder.last_errors().is_empty());
        let heard = heard.lock().unwrap();
        let first = &heard[0];
        assert_eq!(first.0, Severity::INFO);
        assert!(first.1.contains("fake library, for tests"), "{}", first.1);
        let title = if fake.library.table() == Table::V10 {
            "Engine Layer Information:\nLayer("
        } else {
            "Layers:\nName: "
        };
        let report = heard.iter().find(|(_, line)| line.starts_with(title)).unwrap();
        assert_eq!(report.0, Severity::VERBOSE);
        assert!(report.1.contains("conv + relu"), "{}", report.1);
    });
}

#[test]
fn a_log_sink_that_panics_does_not_end_the_build() {
    Fake::each(|fake| {
        fake.fault("panic-log");
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let sink = move |_: Severity, line: &str| {
            count.fetch_add(1, Ordering::Relaxed);
            assert!(!line.contains("panic-log"), "a sink that panics");
        };
        let options = LogOptions { verbose: false, sink: Some(Arc::new(sink)) };
        let builder = Builder::with_log(&fake.library, options).unwrap();
        let mut network = builder.create_network(Typing::Strong).unwrap();
        let mut config = builder.create_config().unwrap();
        OnnxParser::new(&mut network).unwrap().parse(&model::fixed(), None).unwrap();
        builder.build_serialized_network(&mut network, &mut config).unwrap();
        let told = calls.load(Ordering::Relaxed);
        assert!(told > 0);
        assert!(!builder.last_errors().is_empty(), "lines are still kept");
        builder.build_serialized_network(&mut network, &mut config).unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), told, "the sink hears no more");
    });
}

#[test]
fn a_line_that_is_no_text_is_made_one() {
    Fake::each(|fake| {
        fake.fault("panic-log");
        let (options, heard) = listener();
        let builder = Builder::with_log(&fake.library, options).unwrap();
        let mut network = builder.create_network(Typing::Strong).unwrap();
        let mut config = builder.create_config().unwrap();
        OnnxParser::new(&mut network).unwrap().parse(&model::fixed(), None).unwrap();
        builder.build_serialized_network(&mut network, &mut config).unwrap();
        let heard = heard.lock().unwrap();
        let line = heard.iter().find(|(_, line)| line.contains("no text")).unwrap();
        assert_eq!(line.0, Severity::WARNING);
        assert!(line.1.ends_with("\u{fffd}\u{fffd}"), "{}", line.1);
    });
}

#[test]
fn a_profiler_that_panics_is_told_by_the_execution_and_hears_no_more() {
    Fake::each(|fake| {
        let engine = fake.engine(&model::fixed());
        let mut context = engine.create_execution_context().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        context.set_profiler(Some(Box::new(move |_: &str, _: f32| {
            count.fetch_add(1, Ordering::Relaxed);
            panic!("a profiler that panics");
        })));
        let memory = std::ptr::without_provenance_mut(0x7000_0000);
        // SAFETY: the fake reads and writes no tensor and takes any address for a stream.
        unsafe {
            context.set_tensor_address("input", memory).unwrap();
            context.set_tensor_address("output", memory).unwrap();
            let error = context.enqueue(memory).unwrap_err();
            let Error::Panicked { callback, message } = error else { panic!("{error}") };
            assert_eq!((callback, message.as_str()), ("profiler", "a profiler that panics"));
            context.enqueue(memory).unwrap();
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    });
}
