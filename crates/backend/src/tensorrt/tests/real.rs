//! Real builds where TensorRT for RTX is installed.

use super::*;

/// The real library, where it is: `cargo xtask setup rtx`, or `TENSORRT_RTX_LIB`.
fn real() -> Option<TensorRt> {
    match TensorRt::load(BackendId::TensorrtRtx, &crate::contract::environment()) {
        Ok(backend) if backend.library.note().is_none() => Some(backend),
        Ok(_) => None,
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

#[test]
fn real_rtx_builds_and_tells_its_layers() {
    let Some(backend) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tiny.engine");
    for (tiny, precision) in [(Tiny::fp32(), Precision::Fp32), (Tiny::fp16(), Precision::Fp16)] {
        let model = tiny.write(folder.path());
        let built = backend.build(&BuildRequest::new(&model, precision), &out).unwrap();
        let found = (built.precision_achieved.as_str(), built.precision_share);
        assert_eq!(found, (precision.as_str(), Some(1.0)), "{:#?}", built.layers);
        assert!(matches!(built.layers_from.as_str(), "build log" | "inspector"));
        assert_eq!(&std::fs::read(&out).unwrap()[..4], b"vtrt");
    }
    let wide = Tiny::fp32().write(folder.path());
    let built = backend.build(&fp16(&wide), &out).unwrap();
    assert_eq!((built.precision_achieved.as_str(), built.precision_share), ("fp32", Some(0.0)));
    let early = steps(2);
    let request = BuildRequest { progress: Some(&early), ..fp16(&wide) };
    let error = backend.build(&request, &out).unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    let inspected = crate::inspect(&out, &crate::contract::environment());
    if device::gpu().is_err() {
        let error = inspected.unwrap_err();
        assert!(error.to_string().contains("on the GPU that it is for"), "{error}");
    }
    let open = Tiny { batch: None, ..Tiny::fp16() }.write(folder.path());
    let shapes = vec![("input".to_owned(), vec![4, Tiny::CHANNELS, Tiny::SIZE, Tiny::SIZE])];
    let built = backend.build(&BuildRequest { shapes: &shapes, ..fp16(&open) }, &out).unwrap();
    assert_eq!(built.precision_achieved, "fp16", "{:?}", built.warnings);
    let odd = Tiny { activation: "Frobnicate", ..Tiny::fp32() }.write(folder.path());
    let error = backend.build(&fp16(&odd), &out).unwrap_err();
    assert!(error.to_string().contains("Frobnicate"), "{error}");
}
