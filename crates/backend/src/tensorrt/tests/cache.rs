//! Timing caches: filled, used, required, refused, combined.

use super::*;

#[test]
fn a_timing_cache_is_filled_used_and_required() {
    for (version, id) in &VERSIONS[..2] {
        let fake = Fake::new(version, *id);
        let model = fake.model(Tiny::fp16());
        let cold = BuildRequest { timing_cache: Some(&[]), ..fp16(&model) };
        let first = fake.build(&cold).unwrap();
        let (hits, misses) = first.cache.unwrap();
        assert!(hits == 0 && misses > 0, "{version}: {hits} hits, {misses} misses");
        let blob = first.timing_cache.unwrap();
        let options = BuildOptions { require_cached: true, ..BuildOptions::default() };
        let warm =
            BuildRequest { timing_cache: Some(&blob), options: options.clone(), ..fp16(&model) };
        let second = fake.build(&warm).unwrap();
        assert_eq!(second.cache, Some((misses, 0)), "{version}");
        assert_eq!(second.timing_cache.as_deref(), Some(blob.as_slice()));
        assert!(second.warnings.is_empty(), "{:?}", second.warnings);
        let error = fake.build(&BuildRequest { options: options.clone(), ..cold }).unwrap_err();
        assert!(error.to_string().contains("cache miss"), "{error}");
        assert_eq!(error.exit_code(), 4);
        let error = fake.build(&BuildRequest { options, ..fp16(&model) }).unwrap_err();
        assert!(error.to_string().contains("without a timing cache"), "{error}");
    }
}

#[test]
fn a_foreign_cache_is_not_used_and_a_warning_says_so() {
    let fake = Fake::ten();
    let model = fake.model(Tiny::fp16());
    let cold = BuildRequest { timing_cache: Some(&[]), ..fp16(&model) };
    let blob = fake.build(&cold).unwrap().timing_cache.unwrap();
    fake.set("TENSORRT_FAKE_DEVICE", "fake-sm90");
    let other = BuildRequest { timing_cache: Some(&blob), ..fp16(&model) };
    let built = fake.build(&other).unwrap();
    assert!(!built.warnings.is_empty());
    assert!(built.cache.is_none_or(|(hits, _)| hits == 0), "{:?}", built.cache);
    let torn = BuildRequest { timing_cache: Some(b"torn"), ..fp16(&model) };
    assert!(!fake.build(&torn).unwrap().warnings.is_empty());
}

#[test]
fn caches_are_combined_by_the_library() {
    let fake = Fake::ten();
    let model = fake.model(Tiny::fp16());
    let cold = BuildRequest { timing_cache: Some(&[]), ..fp16(&model) };
    let ours = fake.build(&cold).unwrap().timing_cache.unwrap();
    fake.set("TENSORRT_FAKE_KEY", "other-");
    let theirs = fake.build(&cold).unwrap().timing_cache.unwrap();
    let lines = |blob: &[u8]| String::from_utf8_lossy(blob).lines().count() - 1;
    let both = fake.backend.combine_caches(&ours, &theirs).unwrap();
    assert_eq!(lines(&both), lines(&ours) + lines(&theirs));
    assert_eq!(fake.backend.combine_caches(&both, &ours).unwrap(), both);
    assert_eq!(fake.backend.combine_caches(&[], &ours).unwrap(), ours);
    for torn in [&b"torn"[..], &ours[..10]] {
        assert!(fake.backend.combine_caches(&ours, torn).is_err());
    }
}

#[test]
fn rtx_says_that_it_ignores_timing_caches() {
    let fake = Fake::new("rtx-1.6.1", BackendId::TensorrtRtx);
    let model = fake.model(Tiny::fp16());
    let built = fake.build(&BuildRequest { timing_cache: Some(&[]), ..fp16(&model) }).unwrap();
    assert_eq!((built.cache, built.timing_cache), (None, None));
    assert!(built.warnings[0].contains("ignores timing caches"), "{:?}", built.warnings);
    assert_eq!(fake.backend.cache_kind(), CacheKind::Runtime);
    assert!(fake.backend.combine_caches(&[], &[]).is_err());
    assert_eq!(fake.backend.device(), PORTABLE);
    let options = BuildOptions { require_cached: true, ..BuildOptions::default() };
    assert!(fake.build(&BuildRequest { options, ..fp16(&model) }).is_err());
}

#[test]
fn the_scope_of_a_cache_says_what_must_agree() {
    let fake = Fake::ten();
    let model = fake.model(Tiny::fp32());
    let scope = |request: &BuildRequest<'_>| fake.backend.cache_scope(request);
    let plain = scope(&BuildRequest::new(&model, Precision::Fp32));
    for key in ["device=", "version=10.3.0", "cuda=", "typing=strong"] {
        assert!(plain.iter().any(|item| item.starts_with(key)), "{key} in {plain:?}");
    }
    let other = BuildRequest { optimization_level: 1, ..fp16(&model) };
    assert_eq!(scope(&other), plain);
    assert_ne!(scope(&by_flag(&model)), plain);
}
