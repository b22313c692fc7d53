//! Claims of a pipeline file, judged on whole run folders.

use std::fs;

use pipeline::artifact::{self, CaseRow, ClaimRow};
use pipeline::{RunDir, Verdict};

use crate::it::fixture::{self, Spec};
use crate::{Folder, run, verify};

fn judged(folder: &Folder) -> Vec<ClaimRow> {
    let (code, out, err) = run(folder, &[]);
    assert_eq!(code, 0, "{out}{err}");
    artifact::read(&RunDir::new(folder.path())).unwrap()
}

fn words(rows: &[ClaimRow]) -> Vec<&str> {
    rows.iter().map(|row| row.verdict.as_str()).collect()
}

/// The claims of pipelines/resnet50.toml, as they are committed.
fn committed() -> &'static str {
    let text = include_str!("../../../../pipelines/resnet50.toml");
    &text[text.find("claims = [").unwrap()..]
}

#[test]
fn the_committed_claims_are_judged_on_a_gpu_and_on_a_processor() {
    let gpu = Folder::of(&Spec { analysis: committed(), ..fixture::gpu() });
    let rows = judged(&gpu);
    // streams of this fixture bring 4 % and 6 % throughput for twice and four times the wait
    assert_eq!(words(&rows), ["HOLDS", "HOLDS", "HOLDS", "HOLDS", "HOLDS", "HOLDS"]);
    let constant = &rows[0];
    assert_eq!(constant.condition.as_deref(), Some("cuda"));
    assert_eq!(constant.right, Some(3e6));
    assert_eq!(constant.ratio, Some(constant.left.unwrap() / 3e6));
    assert!(constant.lower < constant.ratio && constant.ratio < constant.upper);

    let cpu = Folder::of(&Spec { analysis: committed(), ..fixture::cpu() });
    let rows = judged(&cpu);
    let expected =
        ["NOT-APPLICABLE", "NOT-APPLICABLE", "HOLDS", "HOLDS", "HOLDS", "NOT-APPLICABLE"];
    assert_eq!(words(&rows), expected, "{rows:#?}");
    assert!(rows[0].reasons[0].contains("asked when cuda only; `base` ran on onnxruntime-cpu"));
    assert!(rows[1].reasons[0].contains("`cuda-graph` was skipped"), "{:?}", rows[1]);
    assert!(rows[5].reasons[0].contains("`base` has no build/"), "{:?}", rows[5]);
    assert_eq!(rows[0].left, None);
    assert_eq!(verify(&cpu).0, 0);
}

#[test]
fn claims_stand_in_words_at_the_head() {
    let analysis = "claims = [\"base compute/p50 < 2ms\", \"base compute/p99 < 3ms\", \"base throughput > 448/s\"]";
    let folder = Folder::of(&Spec { analysis, ..fixture::gpu() });
    let rows = judged(&folder);
    assert_eq!(words(&rows)[..2], ["FAILS", "HOLDS"]);
    let (_, out, _) = run(&folder, &[]);
    assert!(out.starts_with("claim FAILS: base compute/p50 < 2ms. It is 2.2"), "{out}");
    let markdown = fs::read_to_string(folder.file("report.md")).unwrap();
    let html = fs::read_to_string(folder.file("report.html")).unwrap();
    let head = markdown.split("## ").next().unwrap();
    assert!(head.contains("- ✗ Claim FAILS: `base compute/p50 < 2ms`. It is 2.2"), "{head}");
    assert!(head.contains("Claim HOLDS: `base compute/p99 < 3ms`"), "{head}");
    let first = html.find("Claim FAILS").unwrap();
    assert!(first < html.find("<nav").unwrap());
    // only --strict changes the exit code
    let (code, _, _) = run(&folder, &["--strict"]);
    assert_eq!(code, 5);
}

#[test]
fn an_interval_across_the_edge_is_undecided_and_says_what_to_do() {
    let base = Folder::of(&fixture::gpu());
    assert_eq!(run(&base, &[]).0, 0);
    let find = |rows: Vec<artifact::SummaryRow>| {
        rows.into_iter().find(|r| r.case == "base" && r.metric == "throughput").unwrap()
    };
    let estimate = find(base.summary()).estimate.unwrap();
    let set = format!("analysis.claims=[\"base throughput > {estimate:.6}/s\"]");
    let (code, out, err) = run(&base, &["--set", &set, "--strict"]);
    assert_eq!(code, 0, "UNDECIDED is no failure: {out}{err}");
    assert!(out.contains("claim UNDECIDED") && out.contains("take more or longer rounds"), "{out}");
}

#[test]
fn what_cannot_be_believed_decides_nothing() {
    let analysis = "claims = [\"base compute/p99.9 < 9s\", \"streams-2 compute/p50 > base compute/p50\", \"bsae throughput > 1/s\"]";
    let mut spec = Spec { analysis, ..fixture::cpu() };
    let rows = judged(&Folder::of(&spec));
    assert_eq!(words(&rows), ["UNDECIDED", "UNDECIDED", "NOT-APPLICABLE"]);
    assert!(rows[0].reasons.iter().any(|why| why.contains("TOO-SHORT") && why.contains("3,687")));
    assert!(rows[1].reasons.iter().any(|why| why.contains("claim throughput or response")));
    assert!(rows[2].reasons[0].contains("did you mean \"base\""));

    spec.analysis = "claims = [\"base throughput > 1/s\"]";
    let folder = Folder::of(&spec);
    let mut cases: Vec<CaseRow> = artifact::read(&folder.dir()).unwrap();
    cases[0].verdict = Verdict::Failed;
    cases[0].reasons = vec!["output differs by 3.1 from the reference".to_owned()];
    artifact::write(&folder.dir(), &cases, &fixture::provenance()).unwrap();
    let (code, out, _) = run(&folder, &[]);
    assert_eq!(code, 5);
    assert!(
        out.contains("claim UNDECIDED") && out.contains("base FAILED, so its numbers"),
        "{out}"
    );
}

#[test]
fn a_doubtful_case_and_a_single_round_are_said() {
    let analysis = "claims = [\"base throughput > 1/s\", \"base compute/p50 < 9s\"]";
    let spec = Spec { analysis, drift: 0.04, rounds: 2, ..fixture::cpu() };
    let rows = judged(&Folder::of(&spec));
    assert_eq!(words(&rows), ["HOLDS", "HOLDS"]);
    let said = rows[0].reasons.join("; ");
    assert!(said.contains("`base` is UNSTABLE") && said.contains("fewer than 3 rounds"), "{said}");
}
