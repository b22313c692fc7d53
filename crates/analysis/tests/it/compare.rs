//! `analysis compare` on whole run folders: every design, every exit code, every form.

use std::fs;
use std::path::Path;

use pipeline::Verdict;
use pipeline::artifact::{self, CaseRow};
use serde_json::Value;

use crate::it::fixture::{self, Spec};
use crate::{Folder, analysis};

/// One mode of a thousand inferences a round, `factor` times as slow, in a run whose level is off by `shift`.
fn one_mode(factor: f64, shift: f64, seed: u64) -> Spec {
    let mut spec = fixture::gpu();
    spec.modes.truncate(1);
    spec.modes[0].per_round = 1_000;
    spec.modes[0].base_ns *= factor * (1.0 + shift);
    spec.analysis = "";
    spec.seed = seed;
    spec
}

fn run_of(factor: f64, shift: f64, seed: u64) -> Folder {
    Folder::of(&one_mode(factor, shift, seed))
}

/// A change of a row of `cases`.
type Change = fn(&mut CaseRow);

fn path(folder: &Folder) -> &str {
    folder.path().to_str().unwrap()
}

fn compare(args: &[&str]) -> (i32, String, String) {
    analysis(&[&["compare"], args].concat())
}

fn json(args: &[&str]) -> Value {
    let (code, out, err) = compare(&[args, &["--json"]].concat());
    let line = out.lines().last().unwrap_or_else(|| panic!("{code} {err}"));
    let found: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {out}"));
    assert_eq!(found["exit"], code);
    found
}

fn change_rows(folder: &Folder, change: impl Fn(&mut CaseRow)) {
    let mut rows: Vec<CaseRow> = artifact::read(&folder.dir()).unwrap();
    rows.iter_mut().for_each(change);
    artifact::write(&folder.dir(), &rows, &fixture::provenance()).unwrap();
}

#[test]
fn one_run_a_side_needs_margin_and_spread() {
    let (old, slow, near) = (run_of(1.0, 0.0, 7), run_of(1.05, 0.0, 8), run_of(1.01, 0.0, 9));
    let found = json(&[path(&old), path(&slow)]);
    assert_eq!((&found["exit"], &found["verdict"]), (&6.into(), &"SLOWER".into()), "{found}");
    assert_eq!(found["design"], "one-run-a-side");
    assert_eq!(found["assumed_spread"], 0.02);
    for row in found["metrics"].as_array().unwrap() {
        assert_eq!(row["rests_on"], "one run a side");
    }
    assert_eq!(json(&[path(&slow), path(&old)])["verdict"], "FASTER");
    // within the spread nothing is known, and what to do is said
    let (code, out, _) = compare(&[path(&old), path(&near)]);
    assert_eq!(code, 7, "{out}");
    assert!(out.contains("interleave both in one run") && out.contains("one run a side"), "{out}");
    // with a margin above the spread it is known to be the same
    assert_eq!(json(&[path(&old), path(&near), "--margin", "5%"])["verdict"], "SAME");
    // and a spread of nothing leaves the margin
    assert_eq!(
        json(&[path(&old), path(&near), "--assume-spread", "0%", "--margin", "0.1%"])["exit"],
        6
    );
    // the same with --baseline
    assert_eq!(json(&[path(&slow), "--baseline", path(&old)])["exit"], 6);
}

#[test]
fn several_runs_a_side_measure_the_spread() {
    let shifts = [-0.006, 0.004, 0.001];
    let old: Vec<Folder> = (0..3).map(|k| run_of(1.0, shifts[k], 20 + k as u64)).collect();
    let slow: Vec<Folder> = (0..3).map(|k| run_of(1.06, shifts[2 - k], 30 + k as u64)).collect();
    let same: Vec<Folder> = (0..3).map(|k| run_of(1.0, shifts[2 - k], 40 + k as u64)).collect();
    let gate = |new: &[Folder], more: &[&str]| {
        let new: Vec<&str> = new.iter().map(path).collect();
        let old: Vec<&str> = old.iter().map(path).collect();
        json(&[&new[..], &["--baseline"], &old, more].concat())
    };
    let found = gate(&slow, &[]);
    assert_eq!(found["verdict"], "SLOWER", "{found}");
    assert_eq!(
        (&found["design"], &found["assumed_spread"]),
        (&"several-runs".into(), &Value::Null)
    );
    assert_eq!(found["metrics"][0]["rests_on"], "3 and 3 runs");
    assert_eq!(gate(&same, &["--margin", "3%"])["verdict"], "SAME");
    let open = gate(&same, &["--margin", "0.1%"]);
    assert_eq!(open["exit"], 7);
    assert!(open["metrics"][0]["reasons"][0].as_str().unwrap().contains("more runs a side"));
    // one run against several borrows their scatter
    assert_eq!(gate(&slow[..1], &["--margin", "0%"])["metrics"][0]["rests_on"], "3 and 1 runs");
    let all: Vec<&str> = old.iter().map(path).collect();
    let (code, _, err) = compare(&all);
    assert!(code == 2 && err.contains("which are the old ones"), "{err}");
    let (code, _, err) = compare(&[all[0], all[0]]);
    assert!(code == 2 && err.contains("named twice"), "{err}");
}

#[test]
fn unlike_runs_are_refused_unless_it_is_meant() {
    let (old, new) = (run_of(1.0, 0.0, 7), run_of(1.0, 0.0, 8));
    let changes: [(&str, Change); 5] = [
        ("model", |row| row.model_digest = "f".repeat(64)),
        ("precision", |row| row.achieved_precision = "fp32".to_owned()),
        ("batch", |row| row.batch = 8),
        ("transfers", |row| row.transfers = false),
        ("depth", |row| row.depth = 2),
    ];
    let rows: Vec<CaseRow> = artifact::read(&new.dir()).unwrap();
    for (what, change) in changes {
        artifact::write(&new.dir(), &rows, &fixture::provenance()).unwrap();
        change_rows(&new, change);
        let (code, _, err) = compare(&[path(&old), path(&new)]);
        assert_eq!(code, 2, "{what}");
        assert!(err.contains(&format!("unlike: {what}")) && err.contains("--allow"), "{err}");
        let found = json(&[path(&old), path(&new), "--allow", what]);
        assert!([0, 7].contains(&found["exit"].as_i64().unwrap()));
        let said = found["warnings"].to_string();
        assert!(said.contains("unlike, as allowed") && said.contains(what), "{said}");
        assert!(!found["differences"].as_array().unwrap().is_empty());
    }
    // what is not known is a warning
    change_rows(&new, |row| {
        row.model_digest = String::new();
        row.batch = 1;
        row.depth = 1;
        row.transfers = true;
        row.achieved_precision = "unknown".to_owned();
    });
    let found = json(&[path(&old), path(&new)]);
    assert!(found["warnings"].to_string().contains("model, precision not known"), "{found}");
    let (code, _, err) = compare(&[path(&old), path(&new), "--allow", "modle"]);
    assert!(code == 2 && err.contains("did you mean \"model\""), "{err}");
}

#[test]
fn differences_of_environment_stand_beside_the_verdict() {
    let (old, new) = (run_of(1.0, 0.0, 7), run_of(1.0, 0.0, 8));
    let mut rows: Vec<CaseRow> = artifact::read(&new.dir()).unwrap();
    for row in &mut rows {
        row.wait = "block".to_owned();
    }
    let elsewhere = fixture::provenance()
        .with("host.cpu", "another processor")
        .with("tensorrt.version", "10.9.0")
        .with("argv", "runner run --run there")
        .with("created_utc", "2027-01-01T00:00:00Z");
    artifact::write(&new.dir(), &rows, &elsewhere).unwrap();
    let mut readings: Vec<artifact::TelemetryRow> = artifact::read(&new.dir()).unwrap();
    for row in &mut readings {
        row.sm_clock_mhz = Some(918);
    }
    artifact::write(&new.dir(), &readings, &elsewhere).unwrap();
    let (_, out, _) = compare(&[path(&old), path(&new)]);
    for line in [
        "differs: host.cpu a processor of two cores and another processor",
        "differs: tensorrt.version – and 10.9.0",
        "differs: completion seen by spin and block",
        "differs: mean GPU clock 1020 MHz and 918.0 MHz",
    ] {
        assert!(out.contains(line), "{line} in {out}");
    }
    assert!(!out.contains("argv") && !out.contains("created_utc"), "{out}");
}

#[test]
fn cases_of_runs_are_matched_by_name_or_as_told() {
    let (old, new) = (Folder::of(&fixture::gpu()), Folder::of(&fixture::gpu()));
    let found = json(&[path(&old), path(&new), "--margin", "5%"]);
    let rows = found["metrics"].as_array().unwrap();
    assert_eq!(rows.len(), 8, "two metrics of four modes");
    assert_eq!(found["exit"], 0, "{found}");
    let told = json(&[path(&old), path(&new), "--cases", "base:cuda-graph"]);
    let row = &told["metrics"][0];
    assert_eq!((&row["reference"], &row["case"]), (&"base".into(), &"cuda-graph".into()));
    assert_eq!(told["verdict"], "FASTER", "{told}");
    let (code, _, err) = compare(&[path(&old), path(&new), "--cases", "bsae"]);
    assert!(code == 2 && err.contains("did you mean \"base\""), "{err}");
    let other = run_of(1.0, 0.0, 3);
    fs::rename(other.dir().samples_of("base"), other.dir().samples_of("other")).unwrap();
    change_rows(&other, |row| row.case = "other".to_owned());
    let (code, _, err) = compare(&[path(&old), path(&other)]);
    assert!(code == 2 && err.contains("share no case"), "{err}");
}

#[test]
fn several_cases_of_one_run_gate_together() {
    let folder = Folder::of(&fixture::gpu());
    let found = json(&[path(&folder), "--cases", "base,cuda-graph,streams-2"]);
    assert_eq!(found["exit"], 6, "streams-2 answers later: {found}");
    assert_eq!(found["metrics"].as_array().unwrap().len(), 4);
    let (code, out, _) =
        compare(&[path(&folder), "--cases", "base,cuda-graph", "--metric", "response/p75"]);
    assert_eq!(code, 0, "a percentile that the report does not have: {out}");
    let (code, _, err) = compare(&[path(&folder)]);
    assert!(code == 2 && err.contains("the run has: base, cuda-graph"), "{err}");
    let (code, _, err) = compare(&[path(&folder), "--cases", "base"]);
    assert!(code == 2 && err.contains("needs two or more"), "{err}");
    let (code, _, err) = compare(&["nowhere", "--cases", "base,x"]);
    assert!(code == 2 && err.contains("nowhere"), "{err}");
}

#[test]
fn a_failed_case_wins_nothing() {
    let folder = Folder::of(&fixture::gpu());
    change_rows(&folder, |row| {
        if row.case == "cuda-graph" && row.round == 1 {
            row.verdict = Verdict::Failed;
            row.reasons = vec!["stream 0: output differs by 3.1 from the reference".to_owned()];
        }
    });
    let junit = folder.file("gate.xml");
    let found =
        json(&[path(&folder), "--cases", "base,cuda-graph", "--junit", junit.to_str().unwrap()]);
    assert_eq!((&found["exit"], &found["verdict"]), (&5.into(), &"FAILED".into()), "{found}");
    assert_eq!(found["metrics"][0]["verdict"], "UNDECIDED");
    assert!(fs::read_to_string(junit).unwrap().contains("output differs by 3.1"));
}

#[test]
fn strict_takes_valid_cases_only() {
    let folder = Folder::of(&Spec { drift: 0.04, ..fixture::gpu() });
    let args = [path(&folder), "--cases", "base,cuda-graph"];
    let found = json(&args);
    assert_eq!(found["exit"], 0, "{found}");
    assert!(found["warnings"].to_string().contains("base is UNSTABLE"), "{found}");
    assert_eq!(json(&[&args[..], &["--strict"]].concat())["exit"], 5);
}

#[test]
fn the_comment_for_a_pull_request_says_the_answer_first() {
    let (old, new) = (run_of(1.0, 0.0, 7), run_of(1.06, 0.0, 8));
    let (code, out, _) = compare(&[path(&old), path(&new), "--markdown", "-"]);
    assert_eq!(code, 6);
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("<!-- tailmark compare -->"));
    assert!(lines.next().unwrap().starts_with("### ✗ SLOWER: "), "{out}");
    assert!(out.contains("| base | throughput | ") && out.contains("✗ **SLOWER** |"), "{out}");
    assert!(out.contains("**Read with care**") && out.contains("one run a side"), "{out}");
    // every row of a table has the cells of its head
    for table in out.split("\n\n").filter(|part| part.starts_with('|')) {
        let cells: Vec<usize> = table.lines().map(|line| line.matches(" | ").count()).collect();
        let body = [&cells[..1], &cells[2..]].concat();
        assert!(body.iter().all(|n| *n == body[0]), "{table}");
    }
    let file = new.file("comment.md");
    let (_, shown, _) = compare(&[path(&old), path(&new), "--markdown", file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(file).unwrap(), out);
    assert!(shown.starts_with("SLOWER: "), "{shown}");
    let nowhere = new.file("cases.parquet/x.md");
    let (code, _, err) =
        compare(&[path(&old), path(&new), "--markdown", nowhere.to_str().unwrap()]);
    assert!(code == 4 && err.contains("cannot write"), "{err}");
}

#[test]
fn junit_counts_slower_as_failure_and_open_or_refused_as_error() {
    let folder = Folder::of(&fixture::gpu());
    let file = folder.file("gate.xml");
    let file = file.to_str().unwrap();
    let read = || fs::read_to_string(file).unwrap();
    let (code, _, _) = compare(&[path(&folder), "--cases", "cuda-graph,base", "--junit", file]);
    assert_eq!(code, 6);
    let xml = read();
    assert!(xml.contains("tests=\"2\" skipped=\"0\" failures=\"2\" errors=\"0\""), "{xml}");
    assert!(xml.contains("<testcase name=\"throughput\" classname=\"base\""), "{xml}");
    assert!(
        xml.contains("<failure message=\"SLOWER: ") && xml.contains("type=\"SLOWER\""),
        "{xml}"
    );
    let (code, _, _) = compare(&[path(&folder), "--cases", "base,cuda-graph", "--junit", file]);
    assert!(code == 0 && read().contains("failures=\"0\" errors=\"0\""), "{}", read());
    let (code, _, _) = compare(&[path(&folder), "--cases", "base,nothing<&>", "--junit", file]);
    let xml = read();
    assert!(
        code == 2 && xml.contains("type=\"REFUSED\"") && xml.contains("nothing&lt;&amp;&gt;"),
        "{xml}"
    );
    let short = Folder::of(&Spec { rounds: 2, ..fixture::gpu() });
    let args =
        ["--cases", "base,streams-2", "--metric", "throughput", "--margin", "5%", "--junit", file];
    let (code, _, _) = compare(&[&[path(&short)], &args[..]].concat());
    assert!(code == 7 && read().contains("<error message=\"UNDECIDED: "), "{}", read());
}

#[test]
fn nothing_below_the_noise_floor_is_claimed() {
    // the same mode twice, the second 3 % slower: the run differs from itself by that
    let mut spec = fixture::gpu();
    spec.modes.truncate(2);
    let mut again = spec.modes[0].clone();
    again.name = "base-again";
    again.base_ns *= 1.03;
    spec.modes[1] =
        fixture::Mode { base_ns: spec.modes[0].base_ns * 1.025, ..spec.modes[1].clone() };
    spec.modes.push(again);
    spec.analysis = "";
    let folder = Folder::of(&spec);
    let found = json(&[path(&folder), "--cases", "base,cuda-graph"]);
    assert_eq!(found["exit"], 7, "{found}");
    let why = found["metrics"][0]["reasons"][0].as_str().unwrap();
    assert!(why.contains("noise floor: base and base-again are the same thing"), "{why}");
    // the floor itself can be asked for
    assert_eq!(json(&[path(&folder), "--cases", "base,base-again"])["exit"], 6);
    spec.modes[2].base_ns = spec.modes[0].base_ns;
    let steady = Folder::of(&spec);
    assert_eq!(json(&[path(&steady), "--cases", "base,cuda-graph"])["exit"], 6);
}

#[test]
fn a_run_that_was_cut_off_says_so() {
    let folder = Folder::of(&fixture::gpu());
    let mut rows: Vec<CaseRow> = artifact::read(&folder.dir()).unwrap();
    rows.retain(|row| row.round < 4);
    artifact::write(&folder.dir(), &rows, &fixture::provenance()).unwrap();
    let found = json(&[path(&folder), "--cases", "base,cuda-graph"]);
    assert_eq!(found["exit"], 5, "{found}");
    assert!(found["warnings"].to_string().contains("was interrupted"), "{found}");
    assert!(Path::new(path(&folder)).exists());
}
