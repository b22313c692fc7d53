//! The curated run of imported Jetson traces: its known answers, from the committed Parquet and from files that our
//! own writer makes of it.

use std::path::{Path, PathBuf};

use pipeline::RunDir;
use pipeline::artifact::{self, CaseRow, ClaimRow, SummaryRow};
use pipeline::samples::{self, Sample};

use crate::analysis;

fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("results/curated/jetson-orin-nano-seed/resnet50")
}

/// Case, n, throughput, compute mean, median and p99, latency mean and p99; times in ms as they were recomputed
/// from trtexec's JSON by another program; 0 for what was not.
const KNOWN: [(&str, i64, [f64; 6]); 4] = [
    ("base", 12_379, [412.5, 2.4185, 2.4106, 2.8944, 2.4792, 2.9810]),
    ("cuda-graph", 14_609, [486.9, 2.0512, 2.0508, 2.0723, 2.1147, 2.1426]),
    ("streams-2", 13_998, [466.4, 4.275, 0.0, 4.430, 4.342, 0.0]),
    ("streams-4", 14_192, [472.7, 8.432, 0.0, 8.906, 8.516, 0.0]),
];

const METRICS: [&str; 6] =
    ["throughput", "compute/mean", "compute/p50", "compute/p99", "latency/mean", "latency/p99"];

fn check(run: &RunDir) {
    let summary: Vec<SummaryRow> = artifact::read(run).unwrap();
    for (case, n, figures) in KNOWN {
        for (metric, known) in METRICS.into_iter().zip(figures).filter(|(_, known)| *known > 0.0) {
            let row = summary.iter().find(|row| row.case == case && row.metric == metric).unwrap();
            let scale = if metric == "throughput" { 1.0 } else { 1e6 };
            // half a unit of the last digit that is known
            let digit = if metric == "throughput" {
                0.05
            } else if case.starts_with("streams") {
                0.0005
            } else {
                0.000_05
            };
            let found = row.estimate.unwrap() / scale;
            assert!(
                (found - known).abs() <= digit * 1.000_1,
                "{case} {metric}: {found}, known {known}"
            );
            assert_eq!(row.n, n);
        }
    }
}

#[test]
fn the_committed_run_has_the_known_answers_and_follows_from_its_samples() {
    let run = RunDir::new(folder());
    check(&run);
    let (code, said, err) = analysis(&["verify", run.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{said}{err}");
    let summary: Vec<SummaryRow> = artifact::read(&run).unwrap();
    let row = |case: &str, metric: &str| {
        summary.iter().find(|row| row.case == case && row.metric == metric).unwrap()
    };
    let tail = row("base", "compute/p99");
    assert_eq!((tail.estimator.as_str(), tail.verdict.as_str()), ("trtexec", "TOO-SHORT"));
    assert!((50.0..200.0).contains(&tail.n_effective.unwrap()), "{:?}", tail.n_effective);
    // streams queue: compute × 1.77 and × 3.49 at +13 % and +15 % throughput, −4 % and −3 % against the graph
    let ratio = |a: &str, b: &str, metric: &str| {
        row(a, metric).estimate.unwrap() / row(b, metric).estimate.unwrap()
    };
    for (a, b, metric, known, digit) in [
        ("streams-2", "base", "compute/mean", 1.77, 0.005),
        ("streams-4", "base", "compute/mean", 3.49, 0.005),
        ("streams-2", "base", "throughput", 1.13, 0.005),
        ("streams-4", "base", "throughput", 1.15, 0.005),
        ("streams-2", "cuda-graph", "throughput", 0.96, 0.005),
        ("streams-4", "cuda-graph", "throughput", 0.97, 0.005),
    ] {
        let found = ratio(a, b, metric);
        assert!((found - known).abs() <= digit, "{a} ÷ {b} {metric}: {found}");
    }
    let claims: Vec<ClaimRow> = artifact::read(&run).unwrap();
    assert!(
        claims
            .iter()
            .any(|claim| claim.claim.contains("build/warm") && claim.verdict == "NOT-APPLICABLE")
    );
    assert!(
        claims.iter().any(|claim| claim.claim.contains("enqueue/p50") && claim.verdict == "HOLDS")
    );
}

/// What stands in words beside the run follows from it.
#[test]
fn the_findings_are_those_of_the_samples() {
    let run = RunDir::new(folder());
    let text = std::fs::read_to_string(folder().join("../README.md")).unwrap();
    let summary: Vec<SummaryRow> = artifact::read(&run).unwrap();
    let row = |case: &str, metric: &str| {
        summary.iter().find(|row| row.case == case && row.metric == metric).unwrap()
    };
    let said = |words: String| assert!(text.contains(&words), "{words}");
    for (a, b, metric) in [
        ("streams-2", "base", "compute/mean"),
        ("streams-4", "base", "compute/mean"),
        ("streams-2", "base", "throughput"),
        ("streams-4", "base", "throughput"),
        ("streams-2", "cuda-graph", "throughput"),
        ("streams-4", "cuda-graph", "throughput"),
    ] {
        let (a, b) = (row(a, metric), row(b, metric));
        let ratio = a.estimate.unwrap() / b.estimate.unwrap();
        let lower = a.lower.unwrap() / b.upper.unwrap();
        let upper = a.upper.unwrap() / b.lower.unwrap();
        said(format!("{ratio:.3} ({lower:.3}–{upper:.3})"));
    }
    for case in ["base", "cuda-graph"] {
        said(format!("{:.3} ms", row(case, "enqueue/mean").estimate.unwrap() / 1e6));
    }
    said(format!("worth {:.0} independent", row("base", "compute/p99").n_effective.unwrap()));
    burst(&samples::read(&run, "base").unwrap(), said);
}

/// The slow beginning of base.
fn burst(samples: &[Sample], said: impl Fn(String)) {
    let slow = |sample: &&Sample| sample.compute_ns > 2_600_000;
    let first = samples.iter().take_while(slow).count();
    let until = samples[first].start_ns.unwrap() as f64 / 1e9;
    said(format!("The first {first} inferences, until {until:.2} s"));
    let rest = &samples[first..];
    let others = rest.iter().filter(slow).count();
    said(format!("{others} of the other {},{:03}", rest.len() / 1000, rest.len() % 1000));
    let mut sorted: Vec<i64> = rest.iter().map(|sample| sample.compute_ns).collect();
    sorted.sort_unstable();
    let p99 = sorted[sorted.len() - 1 - sorted.len() / 100];
    said(format!("Without that burst p99 is {:.3} ms", p99 as f64 / 1e6));
    let mean = |part: &[Sample]| {
        part.iter().map(|sample| sample.compute_ns as f64).sum::<f64>() / part.len() as f64 / 1e6
    };
    let (tenth, rest) = samples.split_at(samples.len() / 10);
    said(format!("first tenth has a mean of {:.3} ms, the rest {:.3} ms", mean(tenth), mean(rest)));
}

#[test]
fn files_of_our_own_writer_give_the_same_answers() {
    let folder_of_files = tempfile::tempdir().unwrap();
    let (committed, files) = (folder(), folder_of_files.path());
    let (code, _, err) = analysis(&[
        "export",
        "trtexec",
        committed.to_str().unwrap(),
        "--out",
        files.to_str().unwrap(),
    ]);
    assert_eq!(code, 0, "{err}");
    let mode =
        |(case, ..): &(&str, i64, [f64; 6])| format!("{case}={}/{case}.json", files.display());
    let modes: Vec<String> = KNOWN.iter().map(mode).collect();
    let run = files.join("run");
    let mut arguments = vec!["import", "trtexec", "--run", run.to_str().unwrap()];
    for mode in &modes {
        arguments.extend(["--mode", mode]);
    }
    let (code, _, err) = analysis(&arguments);
    assert_eq!(code, 0, "{err}");
    let (before, after) = (RunDir::new(&committed), RunDir::new(&run));
    for (case, ..) in KNOWN {
        assert_eq!(samples::read(&after, case).unwrap(), samples::read(&before, case).unwrap());
    }
    let rows = |run: &RunDir| -> Vec<CaseRow> { artifact::read(run).unwrap() };
    for (found, committed) in rows(&after).iter().zip(&rows(&before)) {
        assert_eq!((found.n, found.wall_ns), (committed.n, committed.wall_ns));
        assert_eq!((found.depth, found.transfers), (committed.depth, committed.transfers));
        assert_eq!(
            found.clock_error_ns, committed.clock_error_ns,
            "the grid of the stamps is found again"
        );
    }
    let (code, _, err) = analysis(&["run", "--run", run.to_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    check(&after);
}
