//! The machine's own trtexec, where there is one and a GPU: `cargo test -p backend --test trtexec -- --ignored`.

use std::time::Duration;

use backend::trtexec::{BenchSpec, Limits, Trtexec};
use backend::{Backend, BuildOptions, BuildRequest, Precision};

use crate::fixture::model;

#[test]
#[ignore = "needs NVIDIA's trtexec and a GPU"]
fn the_machines_own_trtexec_builds_and_measures() {
    let tool = Trtexec::open().unwrap();
    println!("{} {} on {}", tool.program().display(), tool.version(), tool.device());
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (model(folder.path(), true, false), folder.path().join("engine.plan"));
    let request =
        BuildRequest { timing_cache: Some(&[]), ..BuildRequest::new(&path, Precision::Fp16) };
    let cold = tool.build(&request, &out).unwrap();
    println!(
        "{} {:?}\n{:#?}\n{:#?}",
        cold.precision_achieved, cold.precision_share, cold.flags, cold.warnings
    );
    assert!(!cold.layers.is_empty() && cold.precision_achieved == "fp16");
    let blob = cold.timing_cache.unwrap();
    let major = tool.version().split('.').next().and_then(|major| major.parse::<u32>().ok());
    let options = BuildOptions { require_cached: major >= Some(9), ..BuildOptions::default() };
    tool.build(&BuildRequest { timing_cache: Some(&blob), options, ..request }, &out).unwrap();
    let base = BenchSpec {
        warm_up: Duration::from_millis(200),
        duration: Duration::from_secs(1),
        profile: true,
        ..BenchSpec::new(&out)
    };
    let cases = [
        base.clone(),
        BenchSpec { graph: true, ..base.clone() },
        BenchSpec { streams: 2, transfers: false, ..base },
    ];
    for spec in cases {
        let outcome =
            tool.bench(&spec, Limits::default(), &folder.path().join("bench.log")).unwrap();
        println!("{}\n{:#?}\n{:#?}", outcome.command, outcome.summary, outcome.warnings);
        assert_eq!(outcome.graph, spec.graph);
        assert!(outcome.times.len() > outcome.warm_up_rows + 100);
        assert!(outcome.profile.is_some_and(|profile| !profile.layers.is_empty()));
    }
}
