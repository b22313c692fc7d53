//! Cold against warm builds in the tables and in the report.

use std::fs;

use pipeline::artifact::{self, ClaimRow};

use crate::it::fixture;
use crate::{Folder, run, verify};

#[test]
fn warm_stands_beside_cold_with_its_ratio() {
    let folder = Folder::of(&fixture::gpu());
    let (code, out, err) = run(&folder, &[]);
    assert_eq!(code, 0, "{err}");
    let line = "tensorrt fp16 is built with the timing cache in 41.30 s, is built cold in 312.9 s: 0.1320 of it (";
    assert!(out.contains(line) && out.contains(", 3 rounds)."), "{out}");
    let markdown = fs::read_to_string(folder.file("report.md")).unwrap();
    assert!(markdown.contains("Warm ÷ cold") && markdown.contains("480 of 480"), "{markdown}");
    let claims: Vec<ClaimRow> = artifact::read(&folder.dir()).unwrap();
    let claim = claims.iter().find(|claim| claim.claim.contains("build/warm")).unwrap();
    assert_eq!(claim.verdict, "HOLDS");
    assert_eq!(claim.reasons, ["paired over 3 rounds"]);
    assert!(claim.lower.is_some_and(|lower| lower > 0.12));
}

#[test]
fn builds_that_nothing_runs_are_a_report_of_their_own() {
    let spec = fixture::Spec {
        analysis: "claims = [\"build-fp16 build/warm < build-fp16 build/cold * 0.5\"]",
        ..fixture::gpu()
    };
    let folder = Folder::of(&spec);
    fs::remove_file(folder.file("cases.parquet")).unwrap();
    fs::remove_dir_all(folder.file("samples")).unwrap();
    let (code, out, err) = run(&folder, &[]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("0.1320 of it") && out.contains("claim HOLDS"), "{out}");
    let rows = folder.summary();
    let names: Vec<(&str, &str)> =
        rows.iter().map(|row| (row.case.as_str(), row.metric.as_str())).collect();
    assert_eq!(names, [("build-fp16", "build/cold"), ("build-fp16", "build/warm")]);
    assert!(rows.iter().all(|row| row.scope == "rounds" && row.n == 3 && row.upper.is_some()));
    assert_eq!(verify(&folder).0, 0);

    // a pipeline that asks for modes still needs them
    let file = folder.file("pipeline.toml");
    let text = fs::read_to_string(&file).unwrap() + "\n[runner]\nmodes = [\"base\"]\n";
    fs::write(&file, text).unwrap();
    let (code, _, err) = run(&folder, &[]);
    assert!(code == 2 && err.contains("cases.parquet does not exist"), "{err}");
}
