//! The runtime's side: engines, inspectors, contexts, runtime configurations and caches.

use std::ffi::c_void;
use std::sync::{Arc, Mutex};

use tensorrt::{
    DataType, Engine, EngineInspector, Error, LayerInformationFormat, ProfileSelector,
    ProfilingVerbosity, Runtime, Table, TensorIoMode, TensorLocation,
};

use crate::model;
use crate::support::Fake;

/// A stream as the fake sees one: any address.
fn stream() -> *mut c_void {
    std::ptr::without_provenance_mut(0x1000)
}

/// Memory as the fake sees it: it only looks at the address.
fn memory() -> *mut c_void {
    std::ptr::without_provenance_mut(0x7000_0000)
}

fn dynamic(fake: &Fake) -> Engine {
    let plan = fake.plan(&model::dynamic(), |builder, config| {
        config.set_profiling_verbosity(ProfilingVerbosity::Detailed).unwrap();
        for (min, max) in [(1, 16), (32, 64)] {
            let mut profile = builder.create_optimization_profile().unwrap();
            let shape = |batch| [batch, 3, 8, 8];
            profile.set_shapes("input", &shape(min), &shape(max), &shape(max)).unwrap();
            config.add_optimization_profile(profile).unwrap();
        }
    });
    Runtime::new(&fake.library).unwrap().deserialize(&plan).unwrap()
}

#[test]
fn an_engine_says_what_it_is() {
    Fake::each(|fake| {
        let engine = dynamic(fake);
        assert_eq!((engine.name().as_str(), engine.num_layers()), ("dynamic", 3));
        assert_eq!((engine.num_optimization_profiles(), engine.num_aux_streams()), (2, 0));
        assert_eq!(engine.device_memory_size(), 3 * 4096);
        assert_eq!(engine.profiling_verbosity(), Some(ProfilingVerbosity::Detailed));
        let tensors = engine.io_tensors().unwrap();
        assert_eq!((tensors[0].name.as_str(), tensors[1].name.as_str()), ("input", "output"));
        assert_eq!((tensors[0].mode, tensors[1].mode), (TensorIoMode::INPUT, TensorIoMode::OUTPUT));
        assert_eq!(tensors[0].dims, [-1, 3, 8, 8]);
        assert_eq!(tensors[0].data_type, DataType::FLOAT);
        assert_eq!(tensors[0].location, TensorLocation::DEVICE);
        assert!(tensors[0].format.contains("FP32"), "{}", tensors[0].format);
        let shape = engine.profile_shape("input", 1, ProfileSelector::Min).unwrap();
        assert_eq!(shape, [32, 3, 8, 8]);
        let error = engine.profile_shape("nothing", 0, ProfileSelector::Min).unwrap_err();
        assert!(error.to_string().contains("there is no tensor nothing"), "{error}");
        assert!(engine.profile_shape("input", 2, ProfileSelector::Min).is_err());
        let again = engine.serialize().unwrap();
        assert_eq!(engine.runtime().deserialize(&again).unwrap().num_layers(), 3);
    });
}

#[test]
fn a_runtime_passes_its_settings_on_and_refuses_foreign_plans() {
    Fake::each(|fake| {
        let runtime = Runtime::new(&fake.library).unwrap();
        runtime.set_max_threads(3).unwrap();
        assert!(runtime.set_max_threads(0).is_err());
        assert!(!runtime.engine_host_code_allowed());
        runtime.set_engine_host_code_allowed(true);
        assert!(runtime.engine_host_code_allowed());
        let plan = fake.plan(&model::fixed(), |_, _| {});
        for (bytes, reason) in [
            (b"no plan".to_vec(), "magicTagRead"),
            (plan[..plan.len() / 2].to_vec(), "magicTagRead"),
            (String::from_utf8_lossy(&plan).replace("fake-sm87", "other").into(), "incompatible"),
        ] {
            let error = runtime.deserialize(&bytes).unwrap_err();
            let Error::Call { call: "deserializeCudaEngine", reason: told } = &error else {
                panic!("{error}")
            };
            assert!(told.contains(reason), "{told}");
        }
        assert_eq!(runtime.last_errors().len(), 3);
        runtime.deserialize(&plan).unwrap();
        fake.fault("deserialize");
        runtime.deserialize(&plan).unwrap_err();
    });
}

#[test]
fn an_inspector_tells_layers_in_the_words_of_its_version() {
    Fake::each(|fake| {
        let engine = fake.engine(&model::half());
        let inspector = engine.create_inspector().unwrap();
        let json = inspector.engine_information(LayerInformationFormat::Json).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let layer = &json["Layers"][0];
        assert_eq!(layer["Name"], "conv + relu");
        assert_eq!(layer["Metadata"], "[ONNX Layer: conv]\u{1f}[ONNX Layer: relu]");
        if fake.library.table() == Table::V10 {
            assert_eq!(layer["Inputs"][0]["Format/Datatype"], "Row major linear FP16 format");
            assert_eq!(json["Bindings"], serde_json::json!(["input", "output"]));
        } else {
            assert_eq!(layer["Inputs"][0]["Datatype"], "Half");
            assert_eq!(json["I/O Tensors"][0]["IOMode"], "Input");
        }
        let line = inspector.layer_information(0, LayerInformationFormat::Oneline).unwrap();
        assert!(line.starts_with("Name: conv + relu, LayerType: "), "{line}");
        let lines = inspector.engine_information(LayerInformationFormat::Oneline).unwrap();
        assert!(lines.starts_with("Layers:\nName: conv + relu"), "{lines}");
        let one = inspector.layer_information(1, LayerInformationFormat::Json).unwrap();
        assert!(one.contains("\"pool\""), "{one}");
        let error = inspector.layer_information(3, LayerInformationFormat::Json).unwrap_err();
        assert!(error.to_string().contains("nothing to tell"), "{error}");
    });
}

#[test]
fn an_inspector_sees_the_shapes_of_a_context() {
    Fake::each(|fake| {
        let (engine, other) = (dynamic(fake), dynamic(fake));
        let mut context = engine.create_execution_context().unwrap();
        context.set_input_shape("input", &[5, 3, 8, 8]).unwrap();
        let mut inspector = engine.create_inspector().unwrap();
        let open = inspector.engine_information(LayerInformationFormat::Json).unwrap();
        let ask = |seen: &EngineInspector| seen.engine_information(LayerInformationFormat::Json);
        let set = inspector.with_execution_context(&context, ask).unwrap().unwrap();
        assert!(open.contains("-1,3,8,8") && set.contains("5,3,8,8"), "{open}\n{set}");
        assert_eq!(inspector.engine_information(LayerInformationFormat::Json).unwrap(), open);
        let mut foreign = other.create_inspector().unwrap();
        assert!(foreign.with_execution_context(&context, |_| ()).is_err());
        drop(context); // the inspector forgot it
        drop(inspector);
    });
}

#[test]
fn shapes_are_checked_and_inferred() {
    Fake::each(|fake| {
        let engine = dynamic(fake);
        let mut context = engine.create_execution_context().unwrap();
        assert_eq!(context.optimization_profile(), Some(0));
        assert!(!context.all_input_dimensions_specified());
        assert_eq!(context.infer_shapes().unwrap(), ["input"]);
        assert_eq!(context.tensor_shape("output").unwrap(), [-1, 8]);
        assert!(context.max_output_size("output").is_err());
        for wrong in [&[17, 3, 8, 8][..], &[1, 3, 8], &[1, 4, 8, 8], &[1; 9]] {
            assert!(context.set_input_shape("input", wrong).is_err(), "{wrong:?}");
        }
        context.set_input_shape("input", &[2, 3, 8, 8]).unwrap();
        assert!(context.all_input_dimensions_specified());
        assert!(context.infer_shapes().unwrap().is_empty());
        assert_eq!(context.tensor_shape("output").unwrap(), [2, 8]);
        assert_eq!(context.max_output_size("output").unwrap(), 2 * 8 * 4);
        let error = context.tensor_shape("nothing").unwrap_err();
        assert!(error.to_string().contains("there is no tensor nothing"), "{error}");
        assert!(context.tensor_shape("a\0b").is_err());
        // SAFETY: the fake takes any address for a stream.
        unsafe { context.set_optimization_profile(1, stream()).unwrap() };
        assert_eq!(context.optimization_profile(), Some(1));
        context.set_input_shape("input", &[33, 3, 8, 8]).unwrap();
        // SAFETY: as above.
        assert!(unsafe { context.set_optimization_profile(2, stream()) }.is_err());
    });
}

#[test]
fn an_execution_needs_shapes_and_addresses() {
    Fake::each(|fake| {
        let engine = dynamic(fake);
        let mut context = engine.create_execution_context().unwrap();
        // SAFETY: the fake reads and writes no tensor and takes any address for a stream.
        unsafe {
            let error = context.enqueue(stream()).unwrap_err();
            assert!(error.to_string().contains("shapes of inputs are missing"), "{error}");
            context.set_input_shape("input", &[2, 3, 8, 8]).unwrap();
            context.set_tensor_address("input", memory()).unwrap();
            let error = context.enqueue(stream()).unwrap_err().to_string();
            assert!(error.contains("output has no address"), "{error}");
            assert!(!error.contains("shapes"), "only what is new is told: {error}");
            context.set_tensor_address("output", memory()).unwrap();
            assert!(context.set_tensor_address("nothing", memory()).is_err());
            assert_eq!(context.tensor_address("output"), memory());
            assert!(context.tensor_address("nothing").is_null());
            context.enqueue(stream()).unwrap();
            context.enqueue(stream()).unwrap();
            let capturable = context.is_stream_capturable(stream());
            assert_eq!(capturable.is_ok(), fake.library.table() == Table::Rtx);
        }
        assert_eq!(fake.loaded.executions().unwrap(), 2);
    });
}

#[test]
fn a_context_runs_on_another_thread() {
    Fake::each(|fake| {
        let engine = fake.engine(&model::fixed());
        let run = |engine: &Engine| {
            let mut context = engine.create_execution_context().unwrap();
            std::thread::spawn(move || {
                // SAFETY: as above.
                unsafe {
                    context.set_tensor_address("input", memory()).unwrap();
                    context.set_tensor_address("output", memory()).unwrap();
                    (0..50).for_each(|_| context.enqueue(stream()).unwrap());
                }
                context.engine().num_layers()
            })
        };
        let threads: Vec<_> = (0..4).map(|_| run(&engine)).collect();
        drop(engine); // the contexts keep it
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 3);
        }
        assert_eq!(fake.loaded.executions().unwrap(), 200);
    });
}

#[test]
fn a_profiler_hears_every_layer() {
    Fake::each(|fake| {
        let engine = fake.engine(&model::fixed());
        let mut context = engine.create_execution_context().unwrap();
        let heard: Arc<Mutex<Vec<(String, f32)>>> = Arc::default();
        let ear = Arc::clone(&heard);
        context.set_profiler(Some(Box::new(move |layer: &str, ms: f32| {
            ear.lock().unwrap().push((layer.to_owned(), ms));
        })));
        // SAFETY: as above.
        let run = |context: &mut tensorrt::ExecutionContext| unsafe {
            context.set_tensor_address("input", memory()).unwrap();
            context.set_tensor_address("output", memory()).unwrap();
            context.enqueue(stream()).unwrap();
        };
        assert!(context.report_to_profiler().is_err());
        run(&mut context);
        let names = |heard: &[(String, f32)]| heard.iter().map(|h| h.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(&heard.lock().unwrap()), ["conv + relu", "pool", "flatten"]);
        assert!(heard.lock().unwrap().iter().all(|(_, ms)| *ms > 0.0 && *ms <= 1.0));
        assert!(context.enqueue_emits_profile());
        context.set_enqueue_emits_profile(false);
        run(&mut context);
        assert_eq!(heard.lock().unwrap().len(), 3);
        context.report_to_profiler().unwrap();
        assert_eq!(heard.lock().unwrap().len(), 6);
        context.set_profiler(None);
        assert_eq!(Arc::strong_count(&heard), 1, "the profiler is gone");
        run(&mut context);
    });
}
