//! Command lines, as snapshots: one a version, every flag that matters in them.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use backend::trtexec::Version;
use backend::trtexec::command::{self, BenchSpec, BuildSpec, Command, Exports, TimingCache, Wait};
use backend::{Fp16Route, Precision, Result};

use crate::fixture::VERSIONS;

fn versions() -> impl Iterator<Item = Version> {
    VERSIONS.iter().map(|text| text.parse().unwrap())
}

fn plain<'a>() -> BuildSpec<'a> {
    BuildSpec {
        model: Path::new("/m/model.onnx"),
        engine: Path::new("/e/model.plan"),
        layers: Path::new("/t/layers.json"),
        timing_cache: TimingCache::File(Path::new("/t/timing.cache")),
        require_cached: false,
        precision: Precision::Fp16,
        fp16_route: Fp16Route::Typed,
        optimization_level: 5,
        workspace: None,
        device_memory: Some(7620),
        shapes: &[],
        device: 0,
    }
}

/// One flag a line, so that a difference shows.
fn show(text: &mut String, title: &str, command: Result<Command>) {
    let _ = writeln!(text, "--- {title}");
    match command {
        Ok(command) => {
            for argument in &command.arguments {
                let _ = writeln!(text, "{}", argument.display());
            }
            for note in &command.notes {
                let _ = writeln!(text, "note: {note}");
            }
        }
        Err(error) => {
            let _ = writeln!(text, "error: {error}");
        }
    }
}

#[test]
fn builds() {
    let shapes = [("input:0".to_owned(), vec![8, 3, 224, 224]), ("scale".to_owned(), vec![1])];
    for version in versions() {
        let mut text = String::new();
        let mut case = |title: &str, spec: &BuildSpec<'_>| {
            show(&mut text, title, command::build(version, spec));
        };
        case("float16 model", &plain());
        case("float16 by a flag", &BuildSpec { fp16_route: Fp16Route::Flag, ..plain() });
        case(
            "float32, no cache, fast, a workspace, shapes",
            &BuildSpec {
                precision: Precision::Fp32,
                timing_cache: TimingCache::Off,
                optimization_level: 0,
                workspace: Some((64 << 20) + 1),
                shapes: &shapes,
                ..plain()
            },
        );
        case("cached only", &BuildSpec { require_cached: true, ..plain() });
        insta::assert_snapshot!(format!("build-{version}"), text);
    }
}

#[test]
fn benchmarks() {
    let engine = Path::new("/e/model.plan");
    let exports = Exports { times: Path::new("/t/times.json"), profile: Path::new("/t/p.json") };
    let base = BenchSpec::new(engine);
    for version in versions() {
        let mut text = String::new();
        let mut case = |title: &str, spec: &BenchSpec<'_>| {
            show(&mut text, title, command::bench(version, spec, &exports));
        };
        case("base", &base);
        case("cuda-graph", &BenchSpec { graph: true, ..base.clone() });
        case("streams-4-graph", &BenchSpec { streams: 4, graph: true, ..base.clone() });
        case(
            "no transfers, spin, depth 1, a thread a stream, short, profile",
            &BenchSpec {
                transfers: false,
                wait: Wait::Spin,
                depth: 1,
                threads: true,
                warm_up: Duration::from_micros(1500),
                duration: Duration::from_millis(2500),
                profile: true,
                inputs: &[("input".to_owned(), Path::new("/i/input.bin"))],
                ..base.clone()
            },
        );
        case("depth 3", &BenchSpec { depth: 3, ..base.clone() });
        insta::assert_snapshot!(format!("bench-{version}"), text);
    }
}

#[test]
fn what_the_command_line_cannot_carry_is_refused() {
    for (name, dims) in [("a,b", vec![1]), ("it's", vec![1]), ("", vec![1]), ("scalar", vec![])] {
        let shapes = [(name.to_owned(), dims)];
        let spec = BuildSpec { shapes: &shapes, ..plain() };
        let error = command::build(Version::new(10, 3, 0), &spec).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
    }
}

#[test]
fn a_line_can_be_pasted_into_a_shell() {
    let spec = BuildSpec { model: Path::new("/my models/it's.onnx"), ..plain() };
    let line =
        command::build(Version::new(8, 2, 1), &spec).unwrap().line(Path::new("/bin/trtexec"));
    assert!(
        line.starts_with(r"/bin/trtexec '--onnx=/my models/it'\''s.onnx' --saveEngine=/e/"),
        "{line}"
    );
}
