//! The builder's side: networks, configurations, the parser, timing caches.

use crate::model;
use crate::support::{Fake, read};
use tensorrt::{
    Builder, BuilderFlag, ComputeCapability, DataType, Error, HardwareCompatibility, MemoryPool,
    OnnxParser, PreviewFeature, ProfileSelector, ProfilingVerbosity, Table, TacticSource,
    TilingLevel, Typing,
};

#[test]
fn a_model_becomes_a_network_and_a_plan() {
    Fake::each(|fake| {
        assert_eq!(fake.library.note().as_deref(), Some("fake library, for tests"));
        assert_eq!(fake.library.warning(), None);
        assert!(fake.library.can_build());
        let look = |_: &Builder, network: &tensorrt::Network<'_>| {
            assert_eq!(network.name(), "fixed");
            assert_eq!(network.num_layers(), 4);
            let (inputs, outputs) = (network.inputs(), network.outputs());
            assert_eq!((inputs.len(), outputs.len()), (1, 1));
            assert_eq!((inputs[0].name.as_str(), outputs[0].name.as_str()), ("input", "output"));
            assert_eq!(inputs[0].dims, [1, 3, 8, 8]);
            assert_eq!(inputs[0].data_type, DataType::FLOAT);
        };
        let plan = fake.try_plan(&model::fixed(), look, |_, _| {}).unwrap();
        let plan = read(&plan);
        let names: Vec<&str> = plan.layers.iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(names, ["conv + relu", "pool", "flatten"]);
    });
}

#[test]
fn settings_arrive_as_they_were_set() {
    Fake::each(|fake| {
        let plan = fake.plan(&model::fixed(), |builder, config| {
            builder.set_max_threads(2).unwrap();
            config.set_memory_pool_limit(MemoryPool::Workspace, 1 << 30).unwrap();
            assert_eq!(config.memory_pool_limit(MemoryPool::Workspace), 1 << 30);
            config.set_builder_optimization_level(5).unwrap();
            assert_eq!(config.builder_optimization_level(), 5);
            config.set_profiling_verbosity(ProfilingVerbosity::None).unwrap();
            assert_eq!(config.profiling_verbosity(), Some(ProfilingVerbosity::None));
            config.set_hardware_compatibility(HardwareCompatibility::AmperePlus).unwrap();
            config.set_avg_timing_iterations(4).unwrap();
            config.set_tactic_sources(&[TacticSource::JitConvolutions]).unwrap();
        });
        let (plan, v10) = (read(&plan), fake.library.table() == Table::V10);
        assert_eq!(plan.verbosity, ProfilingVerbosity::None.value());
        assert_eq!(plan.options["workspace"], 1 << 30);
        assert_eq!(plan.options["optimization_level"], 5);
        assert_eq!(plan.options["hardware_compatibility"], 1);
        assert_eq!(plan.options["timing_iterations"], 4);
        assert_eq!(plan.options["tactic_sources"], if v10 { 1 << 4 } else { 1 << 1 });
    });
}

#[test]
fn settings_that_a_version_lacks_are_unsupported() {
    Fake::each(|fake| {
        let (version, table) = (fake.library.version(), fake.library.table());
        let since = |minor: u16| table != Table::V10 || version.minor >= minor;
        let plan = fake.plan(&model::fixed(), |_, config| {
            let lacks = |result: tensorrt::Result<()>, has: bool| match result {
                Ok(()) => assert!(has, "{version}"),
                Err(Error::Unsupported { version: told, .. }) => {
                    assert!(!has && told == version, "{version}");
                }
                Err(error) => panic!("{error}"),
            };
            lacks(config.set_max_tactics(7), since(4));
            lacks(config.set_tiling_level(TilingLevel::Fast), since(8));
            let same = HardwareCompatibility::SameComputeCapability;
            lacks(config.set_hardware_compatibility(same), since(9));
            let devices = [ComputeCapability::Sm86, ComputeCapability::Sm120];
            lacks(config.set_compute_capabilities(&devices), table == Table::Rtx);
            let (old, new) =
                (PreviewFeature::ProfileSharing0806, PreviewFeature::AliasedPluginIo1003);
            lacks(config.set_preview_feature(old, true), table == Table::V10);
            lacks(config.set_preview_feature(new, true), since(3));
        });
        let options = read(&plan).options;
        assert_eq!(options["tactics"], if since(4) { 7 } else { -1 });
        assert_eq!(options["tiling"], i32::from(since(8)));
        let capabilities = if table == Table::Rtx { vec![86, 120] } else { Vec::new() };
        assert_eq!(options["compute_capabilities"], serde_json::json!(capabilities));
        let preview = if table == Table::V10 { if since(3) { 3 } else { 1 } } else { 1 };
        assert_eq!(options["preview"], preview);
    });
}

#[test]
fn every_flag_is_set_under_its_own_number_or_refused_by_name() {
    Fake::each(|fake| {
        let builder = Builder::new(&fake.library).unwrap();
        let mut config = builder.create_config().unwrap();
        let mut known = 0;
        for flag in BuilderFlag::ALL {
            match config.set_flag(*flag) {
                Ok(()) => {
                    known += 1;
                    assert!(config.flag(*flag).unwrap());
                    config.clear_flag(*flag).unwrap();
                    assert!(!config.flag(*flag).unwrap());
                }
                Err(Error::Unsupported { what, .. }) => assert!(what.contains(flag.name())),
                Err(error) => panic!("{error}"),
            }
        }
        let expected = match (fake.library.table(), fake.library.version().minor) {
            (Table::V10, 1) => 23,
            (Table::V10, 3) => 24,
            (Table::V10, _) => 29,
            (Table::V11, _) => 20,
            (Table::Rtx, _) => 21,
        };
        assert_eq!(known, expected, "{:?}", fake.library);
        drop(config);
        drop(builder);
    });
}

#[test]
fn half_precision_comes_from_the_model_or_from_the_flag() {
    Fake::each(|fake| {
        let plan = read(&fake.plan(&model::half(), |_, _| {}));
        assert!(plan.layers.iter().all(|layer| layer.outputs[0].data_type == DataType::HALF.0));
        let builder = Builder::new(&fake.library).unwrap();
        if fake.library.table() != Table::V10 {
            let error = builder.create_network(Typing::Weak).unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            return;
        }
        let mut network = builder.create_network(Typing::Weak).unwrap();
        let mut config = builder.create_config().unwrap();
        config.set_flag(BuilderFlag::Fp16).unwrap();
        OnnxParser::new(&mut network).unwrap().parse(&model::fixed(), None).unwrap();
        let plan = builder.build_serialized_network(&mut network, &mut config).unwrap();
        let operators: Vec<String> =
            read(&plan).layers.into_iter().map(|layer| layer.operator).collect();
        assert_eq!(operators, ["Reformat", "Conv", "GlobalAveragePool", "Flatten", "Reformat"]);
    });
}

#[test]
fn a_failed_build_tells_what_the_library_logged() {
    Fake::each(|fake| {
        let error = fake.try_plan(&model::dynamic(), |_, _| {}, |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("no optimization profile has been defined"), "{error}");
        fake.fault("build");
        let error = fake.try_plan(&model::fixed(), |_, _| {}, |_, _| {}).unwrap_err();
        let Error::Call { call, reason } = error else { panic!("{error}") };
        assert_eq!(call, "buildSerializedNetwork");
        assert!(reason.contains("the fault `build` was asked for"), "{reason}");
    });
}

#[test]
fn a_factory_that_fails_is_an_error_and_not_a_pointer() {
    Fake::each(|fake| {
        fake.fault("no-driver");
        let error = Builder::new(&fake.library).unwrap_err();
        assert!(error.to_string().contains("error: 35"), "{error}");
        let error = tensorrt::Runtime::new(&fake.library).unwrap_err();
        assert!(error.to_string().contains("createInferRuntime_INTERNAL"), "{error}");
    });
}

#[test]
fn the_parser_reports_every_error_with_its_node() {
    Fake::each(|fake| {
        let builder = Builder::new(&fake.library).unwrap();
        let mut network = builder.create_network(Typing::Strong).unwrap();
        let mut parser = OnnxParser::new(&mut network).unwrap();
        assert!(parser.supports_operator("Conv").unwrap());
        assert!(!parser.supports_operator("UnsupportedThing").unwrap());
        let Err(Error::Parse(errors)) = parser.parse(&model::broken(), None) else { panic!() };
        assert_eq!(errors.len(), 2);
        assert_eq!((errors[0].code, errors[0].node), (8, 0));
        assert_eq!((errors[1].code, errors[1].node), (5, 1));
        assert_eq!(
            (errors[0].node_name.as_str(), errors[0].operator.as_str()),
            ("odd", "UnsupportedThing")
        );
        assert!(errors[1].description.contains("nothing"), "{}", errors[1]);
        assert_eq!((errors[0].file.as_str(), errors[0].function.as_str()), ("fake.rs", "parse"));
        let mut config = builder.create_config().unwrap();
        assert!(builder.build_serialized_network(&mut network, &mut config).is_err());
    });
}

#[test]
fn files_are_parsed_and_empty_or_torn_models_refused() {
    Fake::each(|fake| {
        let builder = Builder::new(&fake.library).unwrap();
        let parse = |model: &[u8]| {
            let mut network = builder.create_network(Typing::Strong).unwrap();
            OnnxParser::new(&mut network).unwrap().parse(model, None)
        };
        let torn = model::fixed();
        assert!(matches!(parse(&torn[..torn.len() / 2]), Err(Error::Parse(_))));
        assert!(matches!(parse(b""), Err(Error::EmptyModel { .. })));
        let mut network = builder.create_network(Typing::Strong).unwrap();
        OnnxParser::new(&mut network).unwrap().parse_from_file(&model::tiny()).unwrap();
        assert_eq!(network.name(), "tiny");
        let mut network = builder.create_network(Typing::Strong).unwrap();
        let mut parser = OnnxParser::new(&mut network).unwrap();
        let missing = parser.parse_from_file("missing.onnx".as_ref());
        assert!(missing.unwrap_err().to_string().contains("missing.onnx"));
    });
}

#[test]
fn profiles_open_the_batch_size() {
    Fake::each(|fake| {
        let plan = fake.plan(&model::dynamic(), |builder, config| {
            let mut profile = builder.create_optimization_profile().unwrap();
            let shape = |batch| [batch, 3, 8, 8];
            profile.set_shape("input", ProfileSelector::Min, &shape(1)).unwrap();
            assert!(!profile.is_valid());
            assert!(profile.set_shape("input", ProfileSelector::Max, &shape(-1)).is_err());
            assert!(profile.set_shape("input", ProfileSelector::Max, &[1; 9]).is_err());
            profile.set_shapes("input", &shape(1), &shape(4), &shape(16)).unwrap();
            assert!(profile.is_valid());
            assert!(profile.set_shape_values("input", ProfileSelector::Min, &[1]).is_err());
            assert_eq!(config.add_optimization_profile(profile).unwrap(), 0);
            let mut second = builder.create_optimization_profile().unwrap();
            second.set_shapes("input", &shape(32), &shape(32), &shape(64)).unwrap();
            assert_eq!(config.add_optimization_profile(second).unwrap(), 1);
            assert_eq!(config.num_optimization_profiles(), 2);
        });
        let plan = read(&plan);
        assert_eq!(plan.profiles, 2);
        assert_eq!(plan.io[0].shapes[0].each_ref().map(|shape| shape[0]), [1, 4, 16]);
    });
}
