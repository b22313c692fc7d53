//! The binary as a user runs it, on synthetic run folders.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod it {
    mod builds;
    mod claims;
    mod compare;
    pub(crate) mod fixture;
    mod hostile_import;
    mod import;
    mod phases;
    mod quantiles;
    mod seed;
    pub(crate) mod trtexec;
}

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use assert_cmd::Command;
use it::fixture::{self, Spec};
use pipeline::artifact::{self, CaseRow, ClaimRow, ComparisonRow, SummaryRow};
use pipeline::samples::{self, Phase, Sample};
use pipeline::{RunDir, Verdict};

/// A run folder that goes when it is dropped.
struct Folder(tempfile::TempDir);

impl Folder {
    fn of(spec: &Spec) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fixture::write(folder.path(), spec);
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn dir(&self) -> RunDir {
        RunDir::new(self.path())
    }

    fn summary(&self) -> Vec<SummaryRow> {
        artifact::read(&self.dir()).unwrap()
    }
}

/// Runs the binary; gives exit code, stdout and stderr.
fn analysis(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("analysis"))
        .args(args)
        .env("TAILMARK_REVISION", "0123456789ab")
        .env_remove("TAILMARK_LOG")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn run(folder: &Folder, more: &[&str]) -> (i32, String, String) {
    let path = folder.path().to_str().unwrap();
    let args: Vec<&str> = ["run", "--run", path].iter().chain(more).copied().collect();
    analysis(&args)
}

fn verify(folder: &Folder) -> (i32, String, String) {
    analysis(&["verify", folder.path().to_str().unwrap()])
}

/// A shorter run for tests that do not look at the numbers.
fn short() -> Spec {
    let mut spec = fixture::cpu();
    spec.rounds = 3;
    for mode in &mut spec.modes {
        mode.per_round /= 4;
    }
    spec
}

#[test]
fn a_cpu_run_gives_every_file_and_a_table() {
    let folder = Folder::of(&fixture::cpu());
    let (code, out, err) = run(&folder, &[]);
    assert_eq!(code, 0, "{err}");
    for name in [
        "summary.parquet",
        "comparison.parquet",
        "claims.parquet",
        "report.html",
        "report.md",
        "manifest.json",
        "plots/comparison.svg",
        "plots/percentiles.png",
        "plots/histogram-base.svg",
        "plots/timeline-streams-4.png",
    ] {
        assert!(folder.file(name).exists(), "{name}");
    }
    assert!(!folder.file("plots/histogram-cuda-graph.svg").exists(), "a skipped mode is not drawn");
    for part in
        ["Throughput (1/s)", "p99.9 (ms)", "TOO-SHORT", "SKIPPED: onnxruntime-cpu", "report.html"]
    {
        assert!(out.contains(part), "{part} in {out}");
    }
    assert!(!out.contains('\x1b'), "no colours in a pipe");
    assert!(out.contains("fp16 asked, fp32 achieved"));
    assert!(err.contains("4 cases"), "{err}");
}

#[test]
fn the_summary_is_what_a_naive_reader_finds() {
    let folder = Folder::of(&fixture::gpu());
    assert_eq!(run(&folder, &[]).0, 0);
    let rows = folder.summary();
    for case in ["base", "streams-2"] {
        let samples: Vec<Sample> = samples::read(&folder.dir(), case)
            .unwrap()
            .into_iter()
            .filter(|sample| sample.phase == Phase::Steady)
            .collect();
        let find = |metric: &str| {
            rows.iter().find(|row| row.case == case && row.metric == metric).unwrap()
        };
        let check = |metric: &str, expected: f64| {
            let found = find(metric).estimate.unwrap();
            assert!((found / expected - 1.0).abs() < 1e-9, "{case} {metric}: {found} {expected}");
        };
        let mut latency: Vec<i64> =
            samples.iter().map(|s| s.h2d_ns.unwrap() + s.compute_ns + s.d2h_ns.unwrap()).collect();
        latency.sort_unstable();
        let n = latency.len();
        let mean = latency.iter().map(|&value| value as f64).sum::<f64>() / n as f64;
        let variance =
            latency.iter().map(|&v| (v as f64 - mean).powi(2)).sum::<f64>() / (n as f64 - 1.0);
        check("latency/mean", mean);
        check("latency/cv", variance.sqrt() / mean);
        check("latency/min", latency[0] as f64);
        check("latency/max", latency[n - 1] as f64);
        for (metric, per_mille) in
            [("latency/p50", 500), ("latency/p99", 990), ("latency/p99.9", 999)]
        {
            check(metric, latency[(n * per_mille).div_ceil(1000) - 1] as f64);
        }
        check("throughput", naive_throughput(&samples));
        assert_eq!(find("latency/p50").n, n as i64);
        assert_eq!(find("throughput").scope, "rounds");
        assert_eq!(find("latency/p99").estimator, "inverse-cdf");
    }
    assert!(rows.iter().all(|row| row.unit != "ns" || row.estimate.unwrap() > 0.0));
    assert!(rows.iter().any(|row| row.metric == "build/warm" && row.lower.is_some()));
}

/// Σ over streams of inferences ÷ own window.
fn naive_throughput(samples: &[Sample]) -> f64 {
    let mut windows: BTreeMap<(i64, i64), (i64, i64, usize)> = BTreeMap::new();
    for s in samples {
        let window = windows.entry((s.stream, s.round)).or_insert((i64::MAX, 0, 0));
        *window = (window.0.min(s.issue_ns), window.1.max(s.done_ns), window.2 + 1);
    }
    let streams: Vec<i64> = windows.keys().map(|key| key.0).collect();
    let last = streams.iter().max().unwrap();
    (0..=*last)
        .map(|stream| {
            let own = windows.iter().filter(|(key, _)| key.0 == stream).map(|(_, window)| window);
            let (time, n) = own.fold((0, 0), |sum, w| (sum.0 + w.1 - w.0, sum.1 + w.2));
            n as f64 * 1e9 / time as f64
        })
        .sum()
}

#[test]
fn intervals_hold_the_estimate_and_percentiles_resolve_in_order() {
    let folder = Folder::of(&fixture::cpu());
    assert_eq!(run(&folder, &[]).0, 0);
    for row in folder.summary() {
        let estimate = row.estimate.unwrap();
        assert!(row.lower.is_none_or(|lower| lower <= estimate), "{row:?}");
        assert!(row.upper.is_none_or(|upper| upper >= estimate), "{row:?}");
        assert!(row.n_effective.is_none_or(|n| n <= row.n as f64), "{row:?}");
        if row.metric.ends_with("/p99.9") {
            assert_eq!((row.verdict, row.upper), (Verdict::TooShort, None));
            assert!(row.reasons[0].contains("3,687"), "{:?}", row.reasons);
        }
        if row.metric.ends_with("/p50") {
            assert_eq!(row.verdict, Verdict::Valid);
        }
    }
    let rows: Vec<ComparisonRow> = artifact::read(&folder.dir()).unwrap();
    assert!(
        rows.iter().all(|row| row.metric == "throughput" || row.metric.starts_with("response/"))
    );
    let find = |case: &str, metric: &str| {
        rows.iter().find(|row| row.case == case && row.metric == metric).unwrap().verdict.clone()
    };
    assert_eq!(find("streams-2", "throughput"), "FASTER");
    assert_eq!(find("streams-2", "response/p50"), "SLOWER");
    assert_eq!(find("streams-2", "response/p99.9"), "UNDECIDED");
    let claims: Vec<ClaimRow> = artifact::read(&folder.dir()).unwrap();
    let verdicts: Vec<&str> = claims.iter().map(|claim| claim.verdict.as_str()).collect();
    assert_eq!(verdicts, ["NOT-APPLICABLE", "HOLDS", "FAILS"]);
}

#[test]
fn the_report_loads_nothing_and_speaks() {
    let folder = Folder::of(&short());
    assert_eq!(run(&folder, &[]).0, 0);
    let html = fs::read_to_string(folder.file("report.html")).unwrap();
    // its script stands in it
    for loader in ["src=", "<link", "@import", "url(", "<iframe"] {
        assert!(!html.contains(loader), "{loader}");
    }
    let addresses: Vec<&str> = html.split("http").skip(1).collect();
    assert!(
        addresses.iter().all(|rest| rest.starts_with("://www.w3.org/2000/svg")),
        "a namespace only"
    );
    for part in [
        "name=\"viewport\"",
        "prefers-color-scheme:dark",
        "@media print",
        "<title>resnet50: how fast, and how sure</title>",
        "was skipped and is not drawn",
        "The weights are synthetic",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let all = html.matches("<svg ").count();
    assert_eq!(html.matches("role=\"img\" aria-label=\"").count(), all);
    // a template is shown by scripts only: the other axis of a figure
    let others = html.matches("<template ").count();
    let drawings = all - others;
    assert_eq!((drawings, others), (10, 8));
    let markdown = fs::read_to_string(folder.file("report.md")).unwrap();
    for link in markdown.split("](").skip(1) {
        let target = link.split(')').next().unwrap();
        assert!(folder.file(target).exists(), "{target}");
    }
    assert_eq!(markdown.matches("![").count(), drawings);
    for text in [&html, &markdown] {
        assert!(!text.contains(folder.path().to_str().unwrap()), "no path of this machine");
    }
}

#[test]
fn plots_are_whole_files() {
    let folder = Folder::of(&short());
    assert_eq!(run(&folder, &[]).0, 0);
    let mut seen = 0;
    for entry in fs::read_dir(folder.file("plots")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        if path.extension().is_some_and(|extension| extension == "png") {
            let mut reader = png::Decoder::new(bytes.as_slice()).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size()];
            reader.next_frame(&mut pixels).unwrap();
            assert!(reader.info().width >= 1000, "{}", path.display());
            let white = pixels.chunks(3).filter(|pixel| *pixel == [0xff; 3]).count();
            assert!(white > pixels.len() / 9 && white < pixels.len() / 3 * 99 / 100);
        } else {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.trim_end().ends_with("</svg>") && text.contains("sans-serif"));
            assert_eq!(text.matches("<text").count(), text.matches("</text>").count());
        }
        seen += 1;
    }
    assert_eq!(seen, 20);
}

#[test]
fn verify_passes_and_says_what_it_checked() {
    let folder = Folder::of(&short());
    assert_eq!(run(&folder, &[]).0, 0);
    let (code, out, err) = verify(&folder);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("numbers follow from the samples bit for bit"), "{out}");
    // a second analysis of the same folder is as good
    assert_eq!(run(&folder, &[]).0, 0);
    assert_eq!(verify(&folder).0, 0);
}

#[test]
fn verify_names_a_changed_sample() {
    let folder = Folder::of(&short());
    assert_eq!(run(&folder, &[]).0, 0);
    let path = folder.dir().samples_of("base");
    let mut samples = samples::read(&folder.dir(), "base").unwrap();
    samples[20].compute_ns += 40;
    samples[20].done_ns += 40;
    samples::write(&path, "base", &mut samples, &fixture::provenance()).unwrap();
    let (code, _, err) = verify(&folder);
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("samples/base.parquet is not the file"), "{err}");
    assert!(err.contains("summary.parquet, base"), "{err}");
}

#[test]
fn verify_names_a_changed_byte() {
    let folder = Folder::of(&short());
    assert_eq!(run(&folder, &[]).0, 0);
    let flip = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(folder.file(name)).unwrap();
        assert!(text.contains(from));
        fs::write(folder.file(name), text.replacen(from, to, 1)).unwrap();
        let (code, _, err) = verify(&folder);
        assert_eq!(code, 3, "{err}");
        assert!(err.contains(&format!("{name} at byte")), "{err}");
        fs::write(folder.file(name), text).unwrap();
    };
    flip("report.md", "VALID", "VALIX");
    flip("report.html", "p50 (ms)", "p51 (ms)");
    assert_eq!(verify(&folder).0, 0);
    let path = folder.dir().samples_of("streams-2");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0x10;
    fs::write(&path, bytes).unwrap();
    let (code, _, err) = verify(&folder);
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("samples/streams-2.parquet"), "{err}");
}

#[test]
fn missing_and_newer_inputs_are_refused() {
    let empty = Folder(tempfile::tempdir().unwrap());
    fs::write(empty.file("pipeline.toml"), "[pipeline]\nname = \"x\"\n").unwrap();
    let (code, _, err) = run(&empty, &[]);
    assert_eq!(code, 2);
    assert!(err.contains("cases.parquet does not exist") && err.contains("runner"), "{err}");
    assert_eq!(verify(&empty).0, 2);

    let folder = Folder::of(&short());
    let rows: Vec<CaseRow> = artifact::read(&folder.dir()).unwrap();
    let newer = fixture::provenance().with("tailmark.version-of-artifact", "99");
    artifact::write(&folder.dir(), &rows, &newer).unwrap();
    rewrite_version(&folder.dir().artifact("cases"));
    for more in [&[][..], &["--check"][..]] {
        let (code, _, err) = run(&folder, more);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("version 99"), "{err}");
    }
}

/// Leaves only the entry that says 99 of the two that the writer made.
fn rewrite_version(path: &Path) {
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::metadata::KeyValue;
    use parquet::file::properties::WriterProperties;
    let file = fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    let pairs = [("tailmark.artifact", "cases"), ("tailmark.version-of-artifact", "99")];
    let pairs = pairs.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()));
    let properties =
        WriterProperties::builder().set_key_value_metadata(Some(pairs.to_vec())).build();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), Some(properties)).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn a_killed_run_is_read_as_far_as_it_goes() {
    let folder = Folder::of(&short());
    let dir = folder.dir();
    // rows of the first two rounds only, and streams-4 still in parts
    let rows: Vec<CaseRow> = artifact::read(&dir).unwrap();
    let kept: Vec<CaseRow> = rows.into_iter().filter(|row| row.round < 2).collect();
    artifact::write(&dir, &kept, &fixture::provenance()).unwrap();
    let samples = samples::read(&dir, "streams-4").unwrap();
    fs::remove_file(dir.samples_of("streams-4")).unwrap();
    for round in 0..3 {
        let mut part: Vec<Sample> =
            samples.iter().copied().filter(|sample| sample.round == round).collect();
        let path = samples::part_path(&dir, "streams-4", round as u32, 0);
        samples::write(&path, "streams-4", &mut part, &fixture::provenance()).unwrap();
    }
    let (code, out, err) = run(&folder, &[]);
    assert_eq!(code, 5, "{err}");
    assert!(out.contains("interrupted: `base`: round 3 has samples but no row"), "{out}");
    let html = fs::read_to_string(folder.file("report.html")).unwrap();
    assert!(html.contains("The run was interrupted"));
    assert_eq!(verify(&folder).0, 0);
    // even with no row at all
    fs::remove_file(dir.artifact("cases")).unwrap();
    let (code, out, err) = run(&folder, &[]);
    assert_eq!(code, 5, "{err}");
    assert!(out.contains("cases.parquet was never written"), "{out}");
    let rows = folder.summary();
    let n = |case: &str| {
        rows.iter().find(|row| row.case == case && row.metric == "throughput").unwrap().n
    };
    assert_eq!(n("streams-4"), samples.iter().filter(|s| s.phase == Phase::Steady).count() as i64);
}

#[test]
fn a_failed_case_ends_with_5_and_a_report() {
    let folder = Folder::of(&short());
    let mut rows: Vec<CaseRow> = artifact::read(&folder.dir()).unwrap();
    let row = rows.iter_mut().find(|row| row.case == "streams-2").unwrap();
    row.verdict = Verdict::Failed;
    row.reasons = vec!["stream 1: output differs by 3.1 from the reference".to_owned()];
    artifact::write(&folder.dir(), &rows, &fixture::provenance()).unwrap();
    let (code, out, err) = run(&folder, &[]);
    assert_eq!(code, 5, "{err}");
    assert!(out.contains("FAILED") && out.contains("output differs by 3.1"), "{out}");
    let html = fs::read_to_string(folder.file("report.html")).unwrap();
    assert!(html.contains("FAILED: round 1: stream 1: output differs"));
    assert_eq!(verify(&folder).0, 0);
}

#[test]
fn samples_that_contradict_the_rows_fail_the_case() {
    let folder = Folder::of(&short());
    let mut samples = samples::read(&folder.dir(), "base").unwrap();
    samples.pop();
    let path = folder.dir().samples_of("base");
    samples::write(&path, "base", &mut samples, &fixture::provenance()).unwrap();
    let (code, out, _) = run(&folder, &[]);
    assert_eq!(code, 5);
    assert!(out.contains("the samples hold"), "{out}");
}

#[test]
fn strict_asks_for_more() {
    // fewer samples than p99 needs do not lower a case, a drift does, and a failing claim ends a strict run
    let mut spec = fixture::cpu();
    spec.analysis = "";
    spec.rounds = 3;
    spec.modes.truncate(2);
    let folder = Folder::of(&spec);
    let (code, out, err) = run(&folder, &["--strict"]);
    assert_eq!(code, 0, "{out}{err}");
    spec.drift = 0.04;
    let folder = Folder::of(&spec);
    assert_eq!(run(&folder, &[]).0, 0);
    let (code, out, _) = run(&folder, &["--strict"]);
    assert_eq!(code, 5);
    assert!(out.contains("UNSTABLE") && out.contains("longer warm-up"), "{out}");
    spec.drift = 0.0;
    spec.analysis = "claims = [\"base throughput > base throughput * 2\"]";
    let folder = Folder::of(&spec);
    assert_eq!(run(&folder, &["--strict"]).0, 5);
    assert_eq!(run(&folder, &[]).0, 0);
}

#[test]
fn a_sampler_that_dies_leaves_the_case_uncertified() {
    let folder = Folder::of(&fixture::gpu());
    let mut rows: Vec<artifact::TelemetryRow> = artifact::read(&folder.dir()).unwrap();
    let end = rows.iter().filter(|row| row.case.as_deref() == Some("base")).map(|row| row.at_ns);
    let first = end.min().unwrap();
    rows.retain(|row| !(first + 1_000_000_000..first + 4_000_000_000).contains(&row.at_ns));
    rows.iter_mut()
        .filter(|row| row.case.as_deref() == Some("streams-2"))
        .for_each(|row| row.throttle_reasons = Some(0x40));
    artifact::write(&folder.dir(), &rows, &fixture::provenance()).unwrap();
    let (code, out, _) = run(&folder, &[]);
    assert_eq!(code, 0);
    assert!(out.contains("base UNCERTIFIED: no sensor was read for 3.100 s"), "{out}");
    assert!(out.contains("streams-2 THROTTLED: the device gave throttle reasons 0x40"), "{out}");
}

#[test]
fn bad_configuration_is_refused_at_once() {
    let folder = Folder::of(&short());
    let start = Instant::now();
    let (code, _, err) = run(&folder, &["--check"]);
    assert_eq!(code, 0, "{err}");
    assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
    assert!(!folder.file("report.html").exists());
    for (set, what) in [
        ("analysis.percentiles=[0]", "not a percentile"),
        ("analysis.percentile=[50]", "did you mean \"percentiles\""),
        ("analysis.claims=[\"base throughput\"]", "not a claim"),
        (
            "analysis.claims=[\"base compute/p75 < base compute/p50\"]",
            "`percentiles` does not list",
        ),
        ("analysis.margin=1", "expected a string"),
    ] {
        for more in [&["--check", "--set", set][..], &["--set", set][..]] {
            let (code, _, err) = run(&folder, more);
            assert_eq!(code, 2, "{err}");
            assert!(err.contains(what), "{err}");
        }
    }
}

#[test]
fn a_baseline_without_samples_is_said() {
    let folder = Folder::of(&short());
    let (code, _, err) = run(&folder, &["--set", "analysis.baseline=cuda-graph"]);
    assert_eq!(code, 0, "{err}");
    let html = fs::read_to_string(folder.file("report.html")).unwrap();
    assert!(html.contains("has no samples in this run"));
    assert_eq!(artifact::read::<ComparisonRow>(&folder.dir()).unwrap(), []);
    assert_eq!(verify(&folder).0, 0);
}

#[test]
fn compare_gates() {
    let folder = Folder::of(&fixture::gpu());
    let path = folder.path().to_str().unwrap();
    let compare = |more: &[&str]| {
        let args: Vec<&str> = ["compare", path].iter().chain(more).copied().collect();
        analysis(&args)
    };
    let (code, out, _) = compare(&["--cases", "base,cuda-graph", "--json"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("FASTER") && out.contains("\"exit\":0"), "{out}");
    assert_eq!(compare(&["--cases", "cuda-graph,base", "--metric", "compute/p50"]).0, 6);
    assert_eq!(compare(&["--cases", "base,base", "--metric", "throughput"]).0, 0);
    let (code, _, err) = compare(&["--cases", "base,streams-2", "--metric", "compute/p50"]);
    assert_eq!(code, 2);
    assert!(err.contains("only throughput and response"), "{err}");
}

#[test]
fn two_short_rounds_are_undecided() {
    let mut spec = short();
    spec.rounds = 2;
    let folder = Folder::of(&spec);
    let path = folder.path().to_str().unwrap();
    let (code, out, _) =
        analysis(&["compare", path, "--cases", "base,streams-2", "--metric", "throughput"]);
    assert_eq!(code, 7, "{out}");
}

#[test]
fn four_modes_of_thirteen_thousand_take_little() {
    let folder = Folder::of(&fixture::gpu());
    let start = Instant::now();
    assert_eq!(run(&folder, &[]).0, 0);
    let elapsed = start.elapsed();
    // 0.4 s alone on two cores; the bound leaves room for a busy machine
    assert!(elapsed.as_secs_f64() < 10.0, "{elapsed:?}");
}
