//! Builds through the trait, in every version.

use backend::trtexec::Trtexec;
use backend::{Backend, BuildOptions, BuildRequest, CacheKind, Fp16Route, OpenOptions, Precision};

use crate::fixture::{Machine, VERSIONS, model};

#[test]
fn every_version_builds_and_tells_what_it_did() {
    for version in VERSIONS {
        let machine = Machine::new(version);
        let tool = machine.open();
        assert_eq!(tool.version(), version);
        assert_eq!(tool.device(), "Stand-in GPU, sm 8.7, 8 SMs, memory 1.02 GHz");
        let (path, out) = (model(machine.folder.path(), true, false), machine.file("engine.plan"));
        let built = tool.build(&BuildRequest::new(&path, Precision::Fp16), &out).unwrap();
        assert!(std::fs::read_to_string(&out).unwrap().contains("5 layers, half true"));
        let command = built.flags.iter().find(|flag| flag.starts_with("command=")).unwrap();
        assert!(command.contains("--onnx=") && command.contains("--noBuilderCache"), "{command}");
        assert_eq!(built.timing_cache, None);
        assert_eq!((built.layers.len(), built.layers_from.as_str()), (5, "layer export"));
        assert_eq!((built.precision_achieved.as_str(), built.precision_share), ("fp16", Some(1.0)));
        assert_eq!(built.layers[0].tactic.as_deref(), Some("stand_in_tactic"));
        let once = built.warnings.iter().filter(|w| w.contains("the stand-in warns once")).count();
        assert_eq!(once, 1, "{:?}", built.warnings);
        let old = version.starts_with("8.2");
        assert_eq!(built.warnings.iter().any(|w| w.contains("no optimisation levels")), old);
        assert!(
            !machine.file("engine.plan.part").exists() && !machine.file("engine.plan.log").exists()
        );
    }
}

#[test]
fn a_cache_goes_in_and_comes_out() {
    for version in VERSIONS {
        let machine = Machine::with(version, "layer-ms=20");
        let tool = machine.open();
        let (path, out) = (model(machine.folder.path(), true, false), machine.file("engine.plan"));
        let request =
            BuildRequest { timing_cache: Some(&[]), ..BuildRequest::new(&path, Precision::Fp16) };
        let cold = tool.build(&request, &out).unwrap();
        let blob = cold.timing_cache.unwrap();
        let text = String::from_utf8(blob.clone()).unwrap();
        assert!(
            text.starts_with("trtexec stand-in timing cache") && text.contains("Conv:half:conv")
        );
        assert!(!cold.warnings.iter().any(|w| w.contains("Could not read")), "{:?}", cold.warnings);
        let options = BuildOptions { require_cached: true, ..BuildOptions::default() };
        let proof =
            BuildRequest { timing_cache: Some(&blob), options: options.clone(), ..request.clone() };
        match tool.build(&proof, &out) {
            Ok(warm) => assert_eq!(warm.timing_cache, Some(blob)),
            Err(error) => {
                assert!(version.starts_with('8') && error.exit_code() == 2, "{error}");
                continue;
            }
        }
        let missing = BuildRequest { options, ..request };
        let error = tool.build(&missing, &out).unwrap_err();
        assert!(error.to_string().contains("timing cache miss: Conv"), "{error}");
    }
}

#[test]
fn a_cache_of_another_device_costs_time_and_no_engine() {
    let machine = Machine::new("10.3.0");
    let tool = machine.open();
    assert_eq!(tool.cache_kind(), CacheKind::Timing);
    let (path, out) = (model(machine.folder.path(), true, false), machine.file("engine.plan"));
    let foreign = b"trtexec stand-in timing cache 100300 Another GPU\n";
    let mut request =
        BuildRequest { timing_cache: Some(foreign), ..BuildRequest::new(&path, Precision::Fp16) };
    let built = tool.build(&request, &out).unwrap();
    let warned = |w: &String| w.starts_with("the timing cache was not used: TimingCache creation");
    assert!(built.warnings.iter().any(warned), "{:?}", built.warnings);
    let blob = String::from_utf8(built.timing_cache.unwrap()).unwrap();
    assert!(blob.contains("Stand-in GPU") && !blob.contains("Another"), "{blob}");
    assert!(!machine.file("engine.plan.log").exists());
    let scope = tool.cache_scope(&request);
    assert!(scope.contains(&"version=10.3.0".to_owned()), "{scope:?}");
    assert!(scope.iter().any(|pair| pair.starts_with("device=Stand-in GPU")), "{scope:?}");
    std::fs::remove_file(&out).unwrap();
    request.options.require_cached = true;
    let error = tool.build(&request, &out).unwrap_err();
    assert!(error.to_string().contains("Magic tag does not match"), "{error}");
    assert!(!out.exists());
}

#[test]
fn a_cache_takes_the_place_of_the_one_it_grew_out_of() {
    let machine = Machine::new("10.3.0");
    let tool = machine.open();
    let (path, out) = (model(machine.folder.path(), true, false), machine.file("engine.plan"));
    let build = |cache: &[u8], precision| {
        let request =
            BuildRequest { timing_cache: Some(cache), ..BuildRequest::new(&path, precision) };
        tool.build(&request, &out).unwrap().timing_cache.unwrap()
    };
    let first = build(b"", Precision::Fp16);
    model(machine.folder.path(), false, false);
    let second = build(&first, Precision::Fp32);
    assert!(second.len() > first.len());
    assert_eq!(tool.combine_caches(&first, &second).unwrap(), second);
    assert_eq!(tool.combine_caches(&second, &[]).unwrap(), second);
    let apart = build(b"", Precision::Fp32);
    let error = tool.combine_caches(&second, &apart).unwrap_err();
    assert!(error.to_string().contains("trtexec only adds"), "{error}");
}

#[test]
fn the_precision_is_that_of_the_engine() {
    let machine = Machine::new("8.6.1");
    let tool = machine.open();
    let (path, out) = (model(machine.folder.path(), false, false), machine.file("engine.plan"));
    let built = tool.build(&BuildRequest::new(&path, Precision::Fp32), &out).unwrap();
    assert_eq!((built.precision_achieved.as_str(), built.precision_share), ("fp32", Some(1.0)));
    let flags = ["typing=weak", "tf32=allowed", "profiling-verbosity=detailed"];
    assert!(
        flags.iter().all(|flag| built.flags.contains(&(*flag).to_owned())),
        "{:?}",
        built.flags
    );
}

#[test]
fn float16_has_two_routes_and_eleven_has_one() {
    let options = BuildOptions { fp16_route: Fp16Route::Flag, ..BuildOptions::default() };
    for version in VERSIONS {
        let machine = Machine::new(version);
        let (path, out) = (model(machine.folder.path(), false, false), machine.file("engine.plan"));
        let request =
            BuildRequest { options: options.clone(), ..BuildRequest::new(&path, Precision::Fp16) };
        let tool = machine.open();
        if version.starts_with("11") {
            let error = tool.build(&request, &out).unwrap_err();
            assert!(error.to_string().contains("trtexec 11.1.0 has none"), "{error}");
            assert_eq!(error.exit_code(), 2);
        } else {
            let built = tool.build(&request, &out).unwrap();
            assert!(built.flags.contains(&"builder-flag=fp16".to_owned()), "{:?}", built.flags);
            assert!(std::fs::read_to_string(&out).unwrap().contains("half true"));
        }
    }
}

#[test]
fn open_sizes_are_given_on_the_command_line() {
    let machine = Machine::new("10.3.0");
    let tool = machine.open();
    let (path, out) = (model(machine.folder.path(), true, true), machine.file("engine.plan"));
    let command = |shapes: &[(String, Vec<usize>)]| {
        let request = BuildRequest { shapes, ..BuildRequest::new(&path, Precision::Fp16) };
        tool.build(&request, &out).map(|built| built.flags.last().unwrap().clone())
    };
    assert!(command(&[]).unwrap().contains("--optShapes=input:1x3x8x8"));
    let eight = [("input".to_owned(), vec![8, 3, 8, 8])];
    assert!(command(&eight).unwrap().contains("--maxShapes=input:8x3x8x8"));
    assert_eq!(command(&[("other".to_owned(), vec![1])]).unwrap_err().exit_code(), 2);
}

#[test]
fn what_it_cannot_do_is_a_typed_answer() {
    let machine = Machine::new("10.3.0");
    let tool: Box<dyn Backend> = Box::new(machine.open());
    let options = OpenOptions::default();
    for error in [
        tool.open(&machine.file("x"), &options).err().unwrap(),
        tool.open_model(&machine.file("x"), &options).err().unwrap(),
        tool.combine_caches(b"a", b"b").err().unwrap(),
    ] {
        assert_eq!(error.exit_code(), 2, "{error}");
        assert!(error.to_string().starts_with("the backend trtexec cannot do this"), "{error}");
    }
}

#[test]
fn a_program_that_cannot_be_used_is_refused_with_a_hint() {
    for (version, fault, words) in [
        ("7.2.3", "", "is of TensorRT 7.2.3; 8.0 to 11.x are known here"),
        ("12.0.1", "", "is of TensorRT 12.0.1"),
        ("10.3.0", "fault=no-banner", "does not tell its version: it says `usage: trtexec FILE`"),
        (
            "8.2.1",
            "fault=no-library",
            "lacks a library: trtexec: error while loading shared libraries: libnvinfer",
        ),
        ("8.6.1", "fault=no-gpu", "finds no GPU: Cuda failure: no CUDA-capable device"),
        ("11.1.0", "fault=no-gpu", "finds no GPU"),
    ] {
        let machine = Machine::with(version, fault);
        let error = Trtexec::at(&machine.program()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.exit_code(), 4);
        assert!(error.hint().is_some(), "{error}");
    }
    let error = Trtexec::at(std::path::Path::new("/nowhere/trtexec")).unwrap_err();
    assert!(error.to_string().contains("could not be run"), "{error}");
}
