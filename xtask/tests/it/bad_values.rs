//! Pipeline files that are wrong: exit 2, before anything is written, with place and remedy.

use crate::support::{Ended, Project, run};

/// Checks the smoke pipeline with overrides.
fn check(project: &Project, sets: &[&str]) -> Ended {
    let mut command = project.xtask(&["pipeline", "pipelines/smoke.toml", "--check"]);
    for set in [&["engine-build.backend=sim"], sets].concat() {
        command.args(["--set", set]);
    }
    run(&mut command)
}

#[test]
fn the_committed_files_are_accepted() {
    let project = Project::real();
    check(&project, &[]).with_exit(0);
    for file in ["resnet50", "resnet18-quick"] {
        let file = format!("pipelines/{file}.toml");
        let backend = ["--set", "engine-build.backend=rten"];
        let args = [&["pipeline", file.as_str(), "--check"], backend.as_slice()].concat();
        run(&mut project.xtask(&args)).with_exit(0);
    }
}

#[test]
fn every_key_of_the_reference_is_known_also_those_in_comments() {
    let project = Project::real();
    let text = project.read("pipelines/resnet50.toml");
    for key in ["threads = 2", "onnx       = ", "shapes     = "] {
        assert!(text.contains(&format!("# {key}")), "{key} is not in the reference");
    }
    let model = "onnx-export-verify.onnx=pipelines/models/tiny.onnx";
    let shapes = "onnx-export-verify.shapes={ input = [1, 3, 64, 64] }";
    check(&project, &[model, shapes, "runner.threads=2"]).with_exit(0);
    let mode = "runner.modes=[{ name = \"base-again\", streams = 1, graph = false, depth = 1, threads = 2, precision = \"fp32\", batch = 1 }]";
    check(&project, &[mode]).with_exit(0);
}

#[test]
fn unknown_words_get_a_suggestion() {
    let project = Project::real();
    for (set, parts) in [
        ("runner.durration=3s", ["durration", "did you mean \"duration\""]),
        ("engine-build.bakend=sim", ["bakend", "did you mean \"backend\""]),
        ("onnx-export-verify.precison=[\"fp32\"]", ["precison", "did you mean \"precision\""]),
        ("analysis.percentile=[50]", ["percentile", "did you mean \"percentiles\""]),
        ("pipeline.sed=3", ["sed", "did you mean \"seed\""]),
        ("runer.duration=3s", ["[runer]", "did you mean \"runner\""]),
        ("engine-build.backend=tensort", ["tensort", "did you mean \"tensorrt\""]),
        ("runner.modes=[\"bass\"]", ["bass", "did you mean \"base\""]),
        ("engine-build.precision=[\"fp61\"]", ["fp61", "did you mean \"fp16\""]),
        ("onnx-export-verify.precision=[\"fp23\"]", ["fp23", "did you mean \"fp32\""]),
        ("runner.on-unsupported=recrd", ["recrd", "did you mean \"record\""]),
        ("engine-build.timing-cache=rescue", ["rescue", "did you mean \"reuse\""]),
    ] {
        check(&project, &[set]).with_exit(2).saying(&parts).saying(&["smoke.toml:", "hint:"]);
    }
}

#[test]
fn zero_negative_and_absurd_numbers_are_refused() {
    let project = Project::real();
    for (set, part) in [
        ("runner.duration=0s", "above zero"),
        ("runner.duration=-1s", "-1s"),
        ("runner.duration=9999h", "at most 24h"),
        ("runner.duration=soon", "not a duration"),
        ("runner.duration=30", "string"),
        ("runner.warm-up=0s", "above zero"),
        ("runner.rounds=0", "expected 1 to 1000"),
        ("runner.rounds=-3", "expected 1 to 1000"),
        ("runner.rounds=1000000", "expected 1 to 1000"),
        ("runner.rounds=2.5", "`2.5`"),
        ("runner.modes=[\"streams-0\"]", "expected 1 to 32"),
        ("runner.modes=[\"streams-99999\"]", "expected 1 to 32"),
        ("runner.modes=[{ name = \"x\", streams = 0 }]", "expected 1 to 32"),
        ("runner.modes=[{ name = \"x\", streams = -1 }]", "expected 1 to 32"),
        ("runner.modes=[{ name = \"x\", depth = 9 }]", "expected 1 to 2"),
        ("runner.modes=[]", "no mode"),
        ("engine-build.precision=[]", "at least one"),
        ("engine-build.optimization-level=6", "expected 0 to 5"),
        ("onnx-export-verify.batch=0", "batch"),
        ("analysis.percentiles=[100]", "percentile"),
        ("analysis.margin=5", "string"),
        ("pipeline.name=../../x", "is not a name"),
        ("pipeline.seed=-1", "seed"),
    ] {
        check(&project, &[set]).with_exit(2).saying(&[part, "smoke.toml:"]);
    }
    assert!(!project.root().join("results").exists());
}

#[test]
fn an_override_without_a_table_or_a_value_is_explained() {
    let project = Project::real();
    for set in ["duration=3s", "runner.duration", "=", "runner.=3"] {
        check(&project, &[set]).with_exit(2).saying(&["table.key=value"]);
    }
}

#[test]
fn a_broken_file_shows_the_line() {
    let project = Project::real();
    for (text, part) in [
        ("[pipeline\nname = \"x\"\n", "line 1"),
        ("[pipeline]\nname = \"x\"\n[runner]\nrounds = \n", "line 4"),
        ("", "no stage to run"),
        ("[runner]\n", "name"),
        ("\u{0}\u{1}", "line 1"),
    ] {
        project.write("pipelines/bad.toml", text);
        run(&mut project.xtask(&["pipeline", "pipelines/bad.toml", "--check"]))
            .with_exit(2)
            .saying(&["bad.toml", part]);
    }
    std::fs::write(project.root().join("pipelines/bytes.toml"), [0xff, 0xfe, 0x00]).unwrap();
    run(&mut project.xtask(&["pipeline", "pipelines/bytes.toml", "--check"]))
        .with_exit(2)
        .saying(&["cannot read the pipeline file pipelines/bytes.toml"]);
}
