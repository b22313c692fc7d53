//! Labels and what follows from them: settling, clock levels, plans, and the proof's own command.

use pipeline::artifact::{self, PhaseRow, SummaryRow};
use pipeline::samples::{self, Phase, Sample};

use crate::it::fixture;
use crate::{Folder, analysis, run, verify};

/// A run of a GPU whose base case has times that are changed by place: round and share of its round.
fn changed(change: impl Fn(i64, f64) -> f64) -> Folder {
    let mut spec = fixture::gpu();
    spec.modes.truncate(1);
    spec.rounds = 3;
    let folder = Folder::of(&spec);
    let mut samples: Vec<Sample> = samples::read(&folder.dir(), "base").unwrap();
    for round in 0..spec.rounds {
        let n = samples.iter().filter(|s| s.round == round && s.phase == Phase::Steady).count();
        let own = samples.iter_mut().filter(|s| s.round == round && s.phase == Phase::Steady);
        let mut shift = 0;
        for (place, sample) in own.enumerate() {
            let more = sample.compute_ns as f64 * (change(round, place as f64 / n as f64) - 1.0);
            sample.issue_ns += shift;
            sample.compute_ns += more as i64;
            shift += more as i64;
            sample.done_ns += shift;
        }
    }
    let path = folder.dir().samples_of("base");
    samples::write(&path, "base", &mut samples, &fixture::provenance()).unwrap();
    folder
}

fn phases(folder: &Folder) -> Vec<PhaseRow> {
    artifact::read(&folder.dir()).unwrap()
}

fn bounds(folder: &Folder, metric: &str) -> (Option<f64>, Option<f64>) {
    let rows = folder.summary();
    let row: &SummaryRow = rows.iter().find(|row| row.metric == metric).unwrap();
    (row.lower, row.upper)
}

#[test]
fn a_slow_start_is_labelled_and_told_with_what_it_moves() {
    let folder = changed(|_, share| if share < 0.04 { 1.3 } else { 1.0 });
    let (code, out, err) = run(&folder, &[]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("base UNSTABLE: steady only after"), "{out}");
    assert!(out.contains("in round 1, 2, 3") && out.contains("would be"), "{out}");
    let settling: Vec<PhaseRow> =
        phases(&folder).into_iter().filter(|row| row.label == "settling").collect();
    assert_eq!(settling.len(), 3);
    for row in &settling {
        assert!((row.share - 0.04).abs() < 0.01 && row.value > 2.7e6, "{row:?}");
    }
    // nothing is left out of the figures
    let rows = folder.summary();
    let mean = rows.iter().find(|row| row.metric == "compute/mean").unwrap();
    assert_eq!(mean.n, 3 * 2_600);
    assert!(mean.lower.is_some());
    assert_eq!(verify(&folder).0, 0);
}

#[test]
fn a_clock_that_was_visited_rarely_takes_the_intervals() {
    let slow = |round, share: f64| round == 1 && (0.3..0.6).contains(&share);
    let folder = changed(|round, share| if slow(round, share) { 1.15 } else { 1.0 });
    let (code, out, err) = run(&folder, &[]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("compute has 2 levels") && out.contains("was visited once"), "{out}");
    assert_eq!(bounds(&folder, "compute/p50"), (None, None));
    assert_eq!(bounds(&folder, "throughput"), (None, None));
    assert!(bounds(&folder, "h2d/mean").0.is_some(), "copies have their own clock");
    let rows = phases(&folder);
    let visits: Vec<&PhaseRow> = rows.iter().filter(|row| row.label == "visit").collect();
    assert_eq!(visits.len(), 1);
    assert!(visits[0].round == Some(1) && (visits[0].share - 0.3).abs() < 0.01, "{visits:?}");
    assert_eq!(verify(&folder).0, 0);
}

#[test]
fn a_quiet_run_has_one_steady_phase_a_round() {
    let folder = changed(|_, _| 1.0);
    let (code, out, err) = run(&folder, &[]);
    assert_eq!(code, 0, "{err}");
    assert!(!out.contains("UNSTABLE"), "{out}");
    let rows = phases(&folder);
    let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, ["steady", "steady", "steady", "severe-outlier"]);
}

#[test]
fn a_pilot_run_makes_a_plan() {
    let folder = changed(|_, _| 1.0);
    let path = folder.path().to_str().unwrap();
    let (code, out, err) = analysis(&["plan", path, "--metric", "response/p99", "--resolve", "1%"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("To know response/p99 to ±1 %") && out.contains("← shortest"), "{out}");
    let (code, out, _) = analysis(&["plan", path, "--metric", "throughput", "--json"]);
    let plan: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!(code, 0);
    assert!(plan["rate"].as_f64().unwrap() > 300.0, "{plan}");
    let (code, _, err) = analysis(&["plan", path, "--case", "bas"]);
    assert!(code == 2 && err.contains("has no case `bas`") && err.contains("base"), "{err}");
}

#[test]
fn figures_that_are_given_make_a_plan() {
    let given = ["plan", "--cv", "0.5%", "--latency", "2.3ms"];
    let with = |more: &[&str]| analysis(&[given.as_slice(), more].concat());
    let (code, out, _) = with(&["--autocorrelation", "0.5", "--resolve", "0.2%"]);
    assert!(code == 0 && out.contains("as given"), "{out}");
    let (code, _, err) = with(&["--find", "1%", "--margin", "1%"]);
    assert!(code == 2 && err.contains("never beyond a margin"), "{err}");
    let (code, _, err) = with(&["--metric", "compute/max"]);
    assert!(code == 2 && err.contains("no plan can be made"), "{err}");
    assert_eq!(analysis(&["plan", "--cv", "0.5%"]).0, 2);
    assert_eq!(analysis(&["plan"]).0, 2);
}

#[test]
fn the_proof_counts_the_same_on_any_number_of_threads() {
    let args = ["validate", "--trials", "40", "--only", "planning"];
    let (first, second) = (analysis(&args), analysis(&args));
    let lines =
        |out: &str| out.lines().filter(|l| l.contains("planned")).map(str::to_owned).collect();
    let (a, b): (Vec<String>, Vec<String>) = (lines(&first.1), lines(&second.1));
    assert!(!a.is_empty() && a == b, "{a:?} {b:?}");
}
