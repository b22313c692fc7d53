//! `import trtexec` and `export trtexec` as a user calls them, on files of our own writer.

use std::path::{Path, PathBuf};

use pipeline::artifact::{self, CaseRow, LayerRow, SummaryRow};
use pipeline::samples::{self, Phase, Sample};
use pipeline::{RunDir, Verdict};

use super::trtexec::{Keys, file, gzip, inferences, json, log};
use crate::analysis;

/// A folder for files and runs.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        file(self.path(), name, bytes)
    }

    fn run(&self) -> RunDir {
        RunDir::new(self.path().join("run"))
    }

    /// Imports; `args` name files of the desk after `=`.
    fn import(&self, args: &[&str]) -> (i32, String, String) {
        let here = self.path().to_str().unwrap();
        let args: Vec<String> = args
            .iter()
            .map(|arg| match arg.split_once('=') {
                Some((name, file)) if file != "-" => format!("{name}={here}/{file}"),
                _ => (*arg).to_owned(),
            })
            .collect();
        let run = format!("{here}/run");
        let mut all = vec!["import", "trtexec", "--run", &run];
        all.extend(args.iter().map(String::as_str));
        analysis(&all)
    }

    fn analyse(&self) -> (i32, String, String) {
        analysis(&["run", "--run", self.run().path().to_str().unwrap()])
    }

    fn samples(&self, case: &str) -> Vec<Sample> {
        samples::read(&self.run(), case).unwrap()
    }

    fn cases(&self) -> Vec<CaseRow> {
        artifact::read(&self.run()).unwrap()
    }
}

#[test]
fn every_version_becomes_a_run_that_is_analysed_and_verified() {
    for keys in [Keys::Seven, Keys::SevenTwo, Keys::Eight, Keys::Ten] {
        let desk = Desk::new();
        let rows = inferences(3_000, 500.0);
        desk.file("base.json", json(keys, &rows));
        desk.file("again.json.gz", gzip(json(keys, &rows).as_bytes()));
        let (code, out, err) =
            desk.import(&["--mode", "base=base.json", "--mode", "other=again.json.gz"]);
        assert_eq!(code, 0, "{keys:?}: {err}");
        assert!(out.contains("base") && err.contains("stamps have steps of 10 µs"), "{err}");
        let samples = desk.samples("base");
        assert_eq!(samples.len(), 3_000);
        assert_eq!(samples, desk.samples("other"), "gzip or not");
        let (first, last) = (samples[0], samples[2_999]);
        assert_eq!(first.issue_ns, (rows[0].h2d.0 * 1e6).round() as i64, "{keys:?}");
        assert_eq!(first.enqueue_ns.is_some(), keys != Keys::Seven);
        let row = &desk.cases()[0];
        assert_eq!(
            (row.n, row.depth, row.transfers, row.backend.as_str()),
            (3_000, 2, true, "trtexec")
        );
        assert_eq!(row.wall_ns, last.done_ns - first.issue_ns);
        let (code, out, err) = desk.analyse();
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("UNCERTIFIED"), "clocks were not seen: {out}");
        let summary: Vec<SummaryRow> = artifact::read(&desk.run()).unwrap();
        let find = |metric: &str| summary.iter().find(|row| row.metric == metric).unwrap();
        assert_eq!(find("compute/p99").estimator, "trtexec");
        let rate = 3_000.0 * 1e9 / row.wall_ns as f64;
        assert!((find("throughput").estimate.unwrap() / rate - 1.0).abs() < 1e-12);
        let response = find("response/p50");
        assert!(response.upper.unwrap() - response.lower.unwrap() >= 20_000.0, "two steps wide");
        assert!(response.reasons.iter().any(|why| why.contains("steps of 10 µs")));
        let (code, _, err) = analysis(&["verify", desk.run().path().to_str().unwrap()]);
        assert_eq!(code, 0, "{err}");
        let report = std::fs::read_to_string(desk.run().report_md()).unwrap();
        assert!(report.contains("analysis import trtexec --mode base=base.json"), "{report}");
    }
}

#[test]
fn standard_input_minimal_rows_and_any_order_are_read() {
    let desk = Desk::new();
    let mut rows = inferences(400, 11_000.0);
    let sorted = json(Keys::Minimal, &rows);
    rows.reverse();
    desk.file("reversed.json", json(Keys::Minimal, &rows));
    let path = desk.run().path().to_str().unwrap().to_owned();
    let output = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("analysis"))
        .args(["import", "trtexec", "--mode", "base=-", "--run", &path])
        .write_stdin(gzip(sorted.as_bytes()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let straight = desk.samples("base");
    std::fs::remove_dir_all(&path).unwrap();
    let (code, _, err) = desk.import(&["--mode", "base=reversed.json"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("were sorted") && err.contains("whether copies took place"), "{err}");
    let found = desk.samples("base");
    let key = |s: &Sample| (s.issue_ns, s.compute_ns, s.done_ns);
    let ordered = |samples: &[Sample]| {
        let mut keys: Vec<_> = samples.iter().map(key).collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(ordered(&found), ordered(&straight));
    assert!(found.is_sorted_by_key(|sample| sample.issue_ns));
    assert_eq!(found[0].h2d_ns, None);
    let row = &desk.cases()[0];
    assert_eq!((row.clock_quantum_ns, row.clock_error_ns), (100_000, Some(50_000)));
    desk.analyse();
    let summary: Vec<SummaryRow> = artifact::read(&desk.run()).unwrap();
    let compute = summary.iter().find(|row| row.metric == "compute/p50").unwrap();
    assert!(compute.upper.unwrap() - compute.lower.unwrap() >= 200_000.0, "{compute:?}");
}

#[test]
fn a_file_that_was_cut_off_keeps_what_is_complete() {
    let rows = inferences(1_000, 500.0);
    let text = json(Keys::Ten, &rows);
    let whole = gzip(text.as_bytes());
    for (name, bytes) in
        [("t.json", &text.as_bytes()[..text.len() / 2]), ("t.gz", &whole[..whole.len() / 2])]
    {
        let desk = Desk::new();
        desk.file(name, bytes);
        let (code, _, err) = desk.import(&["--mode", &format!("base={name}")]);
        assert_eq!(code, 5, "{err}");
        assert!(err.contains("interrupted: the file is cut off at byte"), "{err}");
        let kept = desk.samples("base").len();
        assert!(err.contains(&format!("after {kept} complete rows")), "{err}");
        assert!((300..700).contains(&kept), "{kept}");
        let (code, out, err) = desk.analyse();
        assert_eq!(code, 5, "{err}");
        assert!(out.contains("interrupted"), "{out}");
    }
}

#[test]
fn a_log_must_be_of_the_same_run() {
    let desk = Desk::new();
    let rows = inferences(2_000, 500.0);
    desk.file("t.json", json(Keys::Ten, &rows));
    let told = log(100_300, 1, 500, &rows);
    desk.file("good.log", &told);
    desk.file("bad.log", told.replace("mean = 2.1", "mean = 2.2"));
    desk.file("other.log", log(100_300, 1, 500, &rows[..1_500]));
    desk.file("two.log", log(100_300, 2, 500, &rows));
    desk.file("no.log", "hello\n");
    for (name, code, what) in [
        ("bad.log", 3, "GPU Compute Time mean is 2.2"),
        ("other.log", 3, "the log tells of 1,500 inferences, the rows are 2,000"),
        ("no.log", 2, "is not a log of trtexec"),
        ("missing.log", 2, "cannot read"),
    ] {
        let (found, _, err) =
            desk.import(&["--mode", "base=t.json", "--log", &format!("base={name}")]);
        assert_eq!(found, code, "{err}");
        assert!(err.contains(what), "{err}");
        assert!(!desk.run().artifact("cases").exists(), "nothing is written");
    }
    let (code, _, err) = desk.import(&["--mode", "base=t.json", "--log", "base=good.log"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("17 figures of the log's summary follow from the rows"), "{err}");
    let row = &desk.cases()[0];
    assert_eq!((row.device.as_str(), row.wait.as_str()), ("Orin", "spin"));
    assert_eq!(row.requested_precision, "fp32+fp16");
    std::fs::remove_dir_all(desk.run().path()).unwrap();
    let (code, _, err) = desk.import(&["--mode", "base=t.json", "--log", "base=two.log"]);
    assert_eq!(code, 5, "{err}");
    assert!(
        err.contains("FAILED: the mode is called base, but its log tells of 2 streams"),
        "{err}"
    );
}

#[test]
fn rows_of_the_warm_up_are_labelled() {
    let desk = Desk::new();
    let rows = inferences(1_000, 2.5);
    let counted: Vec<_> = rows.iter().copied().filter(|row| row.compute.0 >= 500.0).collect();
    desk.file("t.json", json(Keys::Eight, &rows));
    desk.file("t.log", log(8_205, 1, 500, &counted));
    let (code, _, err) = desk.import(&["--mode", "base=t.json", "--log", "base=t.log"]);
    assert_eq!(code, 0, "8.2 exports them, and its log says how long they last: {err}");
    let labelled = |desk: &Desk| {
        let samples = desk.samples("base");
        samples.iter().filter(|sample| sample.phase == Phase::WarmUp).count()
    };
    assert_eq!(labelled(&desk), 1_000 - counted.len());
    std::fs::remove_dir_all(desk.run().path()).unwrap();
    assert_eq!(desk.import(&["--mode", "base=t.json", "--warm-up", "500ms"]).0, 0);
    assert_eq!(labelled(&desk), 1_000 - counted.len());
    std::fs::remove_dir_all(desk.run().path()).unwrap();
    let (code, _, err) = desk.import(&["--mode", "base=t.json", "--warm-up", "20s"]);
    assert_eq!(code, 5);
    assert!(err.contains("every row belongs to the warm-up"), "{err}");
}

#[test]
fn layers_and_profiles_come_along() {
    let desk = Desk::new();
    desk.file("t.json", json(Keys::Ten, &inferences(100, 500.0)));
    desk.file(
        "layers.json",
        r#"{"Layers": [{"Name": "conv \u0031", "LayerType": "CaskConvolution", "Inputs": [{"Format/Datatype": "Half"}], "Outputs": [{"Format/Datatype": "Half"}]}], "Bindings": []}"#,
    );
    desk.file(
        "profile.json",
        "[\n  { \"count\" : 128 }\n, { \"name\" : \"conv 1\", \"timeMs\" : 12.5, \"averageMs\" : 0.0976, \"medianMs\" : 0.097, \"percentage\" : 100 }\n]\n",
    );
    let arguments = [
        "--mode",
        "base=t.json",
        "--layers",
        "base=layers.json",
        "--profile",
        "base=profile.json",
        "--precision",
        "fp16",
    ];
    let (code, _, err) = desk.import(&arguments);
    assert_eq!(code, 0, "{err}");
    let layers: Vec<LayerRow> = artifact::read(&desk.run()).unwrap();
    assert_eq!((layers.len(), layers[0].time_ns), (1, Some(97_600)));
    let row = &desk.cases()[0];
    assert_eq!(
        (row.requested_precision.as_str(), row.achieved_precision.as_str()),
        ("fp16", "fp16")
    );
    assert_eq!(row.engine_digest, layers[0].engine_digest);
    std::fs::remove_dir_all(desk.run().path()).unwrap();
    let (code, _, err) = desk.import(&["--mode", "base=t.json", "--layers", "base=profile.json"]);
    assert_eq!(code, 2);
    assert!(err.contains("is not what --exportLayerInfo writes"), "{err}");
}

#[test]
fn the_name_of_a_mode_is_held_against_its_rows() {
    let desk = Desk::new();
    let mut rows = inferences(500, 500.0);
    // a second stream in the same time
    rows = rows.iter().flat_map(|row| [*row, *row]).collect();
    desk.file("t.json", json(Keys::Ten, &rows));
    let (code, _, err) = desk.import(&["--mode", "base=t.json"]);
    assert_eq!(code, 5);
    assert!(err.contains("Σ compute is 1.99") && err.contains("streams-N"), "{err}");
    assert_eq!(desk.cases()[0].verdict, Verdict::Failed);
    std::fs::remove_dir_all(desk.run().path()).unwrap();
    let (code, _, err) = desk.import(&["--mode", "streams-2=t.json"]);
    assert_eq!(code, 0, "{err}");
    desk.analyse();
    let report = std::fs::read_to_string(desk.run().report_md()).unwrap();
    assert!(report.contains("streams-2 †"), "overlapped, although rows tell no stream");
}

#[test]
fn traces_of_one_name_are_its_rounds() {
    let desk = Desk::new();
    for round in 0..3 {
        desk.file(&format!("{round}.json"), json(Keys::Ten, &inferences(500 + round, 500.0)));
    }
    let (code, _, err) =
        desk.import(&["--mode", "base=0.json", "--mode", "base=1.json", "--mode", "base=2.json"]);
    assert_eq!(code, 0, "{err}");
    let rounds: Vec<(i64, i64)> = desk.cases().iter().map(|row| (row.round, row.n)).collect();
    assert_eq!(rounds, [(0, 500), (1, 501), (2, 502)]);
    let samples = desk.samples("base");
    assert!(
        samples.windows(2).all(|pair| pair[0].issue_ns <= pair[1].issue_ns),
        "one after the other"
    );
    let (code, _, err) = desk.analyse();
    assert_eq!(code, 0, "{err}");
    let summary: Vec<SummaryRow> = artifact::read(&desk.run()).unwrap();
    assert!(summary.iter().all(|row| row.scope == "rounds"));
}

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let desk = Desk::new();
    for round in 0..2 {
        desk.file(
            &format!("{round}.json"),
            json(Keys::Ten, &inferences(700, 500.0 + f64::from(round))),
        );
    }
    desk.file("minimal.json", json(Keys::Minimal, &inferences(300, 500.0)));
    let arguments =
        ["--mode", "base=0.json", "--mode", "base=1.json", "--mode", "small=minimal.json"];
    assert_eq!(desk.import(&arguments).0, 0);
    let before = (desk.samples("base"), desk.samples("small"));
    let rows = desk.cases();
    let run = desk.run().path().to_str().unwrap().to_owned();
    let out = desk.path().to_str().unwrap().to_owned();
    let (code, said, err) = analysis(&["export", "trtexec", &run, "--out", &out]);
    assert_eq!(code, 0, "{err}");
    assert!(said.contains("base-round-2.json: 700 rows"), "{said}");
    std::fs::remove_dir_all(&run).unwrap();
    let arguments = [
        "--mode",
        "base=base-round-1.json",
        "--mode",
        "base=base-round-2.json",
        "--mode",
        "small=small.json",
    ];
    let (code, _, err) = desk.import(&arguments);
    assert_eq!(code, 0, "{err}");
    assert_eq!((desk.samples("base"), desk.samples("small")), before);
    let grids = |row: &CaseRow| (row.clock_quantum_ns, row.clock_error_ns, row.depth, row.wall_ns);
    let found: Vec<_> = desk.cases().iter().map(grids).collect();
    assert_eq!(found, rows.iter().map(grids).collect::<Vec<_>>(), "what was rounded still says so");
    let (code, text, _) = analysis(&["export", "trtexec", &run, "--out", "-", "--case", "small"]);
    assert_eq!(code, 0);
    assert_eq!(text, std::fs::read_to_string(desk.path().join("small.json")).unwrap());
    for (more, what) in [
        (vec!["--out", "-"], "3 files do not fit into standard output"),
        (vec!["--out", "x", "--case", "smal"], "did you mean \"small\""),
        (vec!["--out", "x", "--round", "9"], "no mode or round fits"),
    ] {
        let mut arguments = vec!["export", "trtexec", &run];
        arguments.extend(more);
        let (code, _, err) = analysis(&arguments);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains(what), "{err}");
    }
}

#[test]
fn a_run_of_our_own_is_exported_round_by_round() {
    let folder = tempfile::tempdir().unwrap();
    super::fixture::write(folder.path(), &super::fixture::cpu());
    let (run, out) = (folder.path().to_str().unwrap(), folder.path().join("out"));
    let (code, said, err) = analysis(&[
        "export",
        "trtexec",
        run,
        "--out",
        out.to_str().unwrap(),
        "--case",
        "streams-2",
    ]);
    assert_eq!(code, 0, "{err}");
    assert!(said.contains("streams-2-round-5.json: 160 rows"), "{said}");
    let text = std::fs::read_to_string(out.join("streams-2-round-1.json")).unwrap();
    assert!(
        text.contains("\"startComputeMs\"") && text.contains("\"latencyMs\""),
        "{}",
        &text[..200]
    );
    assert!(!text.contains("Enq"), "a CPU backend has no such stamps");
}
