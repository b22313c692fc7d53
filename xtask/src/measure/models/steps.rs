//! The steps that a model takes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::list::{Model, Weights};
use super::row::{Kind, Outcome, Row};
use super::tools::{Ended, Tools};

/// Runs all steps of a model with one kind of weights.
pub(super) fn row(
    tools: &Tools<'_>,
    model: &Model,
    weights: Weights,
    seed: u32,
) -> anyhow::Result<Row> {
    let mut row = Row::new(model, weights);
    let mut file = tools.model.clone();
    if weights == Weights::Seeded {
        let (outcome, written) = reweight(tools, model, seed)?;
        let passed = outcome.kind == Kind::Passed;
        row.push("reweight", outcome);
        if !passed {
            return Ok(row);
        }
        file = written;
    }
    let half = tools.path("models/half.onnx");
    row.push("fp32", agreement(&verify(tools, model, &file, None)?));
    let converted = convert(tools, &file, &half)?;
    let is_half = converted.ok();
    let halved = if is_half {
        agreement(&verify(tools, model, &half, Some(&file))?)
    } else {
        converted.outcome()
    };
    row.push("fp16", halved);
    for backend in ["onnxruntime-cpu", "rten"] {
        let here = backend == "rten" || tools.onnxruntime.is_some();
        let outcome = match (here, weights) {
            (false, _) => Outcome::left_out("cargo xtask setup cpu fetches it"),
            // verification refuses constant answers, so that the chain would end there
            (true, Weights::Own) => direct(tools, model, &file, is_half.then_some(&half), backend)?,
            (true, Weights::Seeded) => chain(tools, model, &file, backend)?,
        };
        row.push(backend, outcome);
    }
    let outcome = match tools.rtx {
        Some(_) => build_rtx(tools, model, &file, is_half.then_some(&half))?,
        None => Outcome::left_out("cargo xtask setup rtx fetches it"),
    };
    row.push("tensorrt-rtx", outcome);
    Ok(row)
}

fn reweight(tools: &Tools<'_>, model: &Model, seed: u32) -> anyhow::Result<(Outcome, PathBuf)> {
    let out = tools.path("models/seeded.onnx");
    let mut args = vec!["reweight".to_owned(), text(&tools.model), "--out".to_owned(), text(&out)];
    args.extend(["--seed".to_owned(), seed.to_string()]);
    args.extend(shapes(model));
    let ended = tools.call("onnx-export-verify", args)?;
    let outcome = if ended.ok() { Outcome::passed("") } else { ended.outcome() };
    Ok((outcome, out))
}

fn verify(
    tools: &Tools<'_>,
    model: &Model,
    file: &Path,
    against: Option<&Path>,
) -> anyhow::Result<Ended> {
    let mut args = vec!["verify".to_owned(), text(file), "--json".to_owned()];
    args.extend(against.into_iter().flat_map(|base| ["--against".to_owned(), text(base)]));
    args.extend(shapes(model).chain(inputs(model)));
    args.extend(["--input-sets", "2"].map(str::to_owned));
    tools.call("onnx-export-verify", args)
}

fn convert(tools: &Tools<'_>, file: &Path, out: &Path) -> anyhow::Result<Ended> {
    let args = ["convert", &text(file), "--precision", "fp16", "--out", &text(out)];
    tools.call("onnx-export-verify", args)
}

/// Error and tolerance over the scale of the output, of the row that has the least room.
fn agreement(ended: &Ended) -> Outcome {
    let rows = ended.rows();
    if !ended.ok() || rows.is_empty() {
        return ended.outcome();
    }
    let alone = rows.iter().find(|row| row["verdict"] != "VALID");
    if let Some(row) = alone {
        let why = row["reasons"][0].as_str().unwrap_or("no second opinion");
        return Outcome { kind: Kind::Refused, note: format!("{}: {why}", row["verdict"]) };
    }
    let over_scale = |row: &Value| {
        let of = |key: &str| row[key].as_f64();
        let scale = of("scale").filter(|scale| *scale > 0.0)?;
        Some((of("max_abs")? / scale, of("tolerance")? / scale))
    };
    let used = |(error, tolerance): &(f64, f64)| error / tolerance;
    let least = rows.iter().filter_map(over_scale).max_by(|a, b| used(a).total_cmp(&used(b)));
    Outcome::passed(
        least.map_or_else(String::new, |(error, tolerance)| {
            format!("{error:.1e} of {tolerance:.1e}")
        }),
    )
}

/// Builds and runs without a pipeline, in both precisions.
fn direct(
    tools: &Tools<'_>,
    model: &Model,
    single: &Path,
    half: Option<&PathBuf>,
    backend: &str,
) -> anyhow::Result<Outcome> {
    for file in [Some(single), half.map(PathBuf::as_path)].into_iter().flatten() {
        let engine = tools.path("engine.onnx");
        let built = build(tools, model, file, backend, &engine)?;
        if !built.ok() {
            return Ok(built.outcome());
        }
        let run = tools.path("run-direct");
        let mut args = vec!["bench".to_owned(), text(&engine), "--backend".to_owned()];
        args.extend(
            [backend, "--duration", "300ms", "--warm-up", "50ms", "--rounds", "1", "--run"]
                .map(str::to_owned),
        );
        args.push(text(&run));
        args.extend(shapes(model).chain(inputs(model)));
        let ran = tools.call("runner", args)?;
        if !ran.ok() {
            return Ok(ran.outcome());
        }
        fs::remove_dir_all(&run)?;
        fs::remove_file(&engine)?;
    }
    Ok(Outcome::passed(""))
}

fn build(
    tools: &Tools<'_>,
    model: &Model,
    file: &Path,
    backend: &str,
    out: &Path,
) -> anyhow::Result<Ended> {
    let mut args = vec!["build".to_owned(), text(file), "--backend".to_owned(), backend.to_owned()];
    args.extend(["--out".to_owned(), text(out), "--time-limit".to_owned(), "10m".to_owned()]);
    args.extend(shapes(model));
    tools.call("engine-build", args)
}

/// The whole chain, in both precisions.
fn chain(tools: &Tools<'_>, model: &Model, file: &Path, backend: &str) -> anyhow::Result<Outcome> {
    let pipeline = tools.path("pipelines/model.toml");
    fs::write(&pipeline, chain_file(model, file, backend))?;
    let run = tools.path(&format!("run-{backend}"));
    let args = ["pipeline", &text(&pipeline), "--run", &text(&run)];
    let ended = tools.call("xtask", args)?;
    if !ended.ok() {
        return Ok(ended.outcome());
    }
    let made = ["engines.parquet", "cases.parquet", "summary.parquet", "report.md"];
    let missing: Vec<&str> = made.into_iter().filter(|name| !run.join(name).is_file()).collect();
    fs::remove_dir_all(&run)?;
    if missing.is_empty() {
        return Ok(Outcome::passed(""));
    }
    Ok(Outcome { kind: Kind::Broken, note: format!("the run has no {}", missing.join(", ")) })
}

fn chain_file(model: &Model, file: &Path, backend: &str) -> String {
    let mut text = format!(
        "[pipeline]\nname = \"models\"\n\n[onnx-export-verify]\nonnx = {:?}\ninput-sets = 2\n",
        file.display().to_string()
    );
    for (key, pairs) in [("shapes", model.shapes), ("inputs", model.inputs)] {
        if pairs.is_empty() {
            continue;
        }
        let value = |given: &str| match (key, given) {
            ("shapes", sizes) => format!("[{}]", sizes.replace('x', ", ")),
            (_, "zeros") => "\"zeros\"".to_owned(),
            (_, number) => number.to_owned(),
        };
        let entries: Vec<String> =
            pairs.iter().map(|(name, given)| format!("{name:?} = {}", value(given))).collect();
        // writing to a String cannot fail
        let _ = writeln!(text, "{key} = {{ {} }}", entries.join(", "));
    }
    let _ = write!(
        text,
        "\n[engine-build]\nbackend = \"{backend}\"\n\n[runner]\nmodes = [\"base\"]\n\
         duration = \"300ms\"\nwarm-up = \"50ms\"\nrounds = 1\n\n[analysis]\n"
    );
    text
}

/// Engines of TensorRT-RTX in both precisions; they are built without a GPU and cannot be run here.
fn build_rtx(
    tools: &Tools<'_>,
    model: &Model,
    single: &Path,
    half: Option<&PathBuf>,
) -> anyhow::Result<Outcome> {
    for file in [Some(single), half.map(PathBuf::as_path)].into_iter().flatten() {
        let engine = tools.path("model.engine");
        let built = build(tools, model, file, "tensorrt-rtx", &engine)?;
        if !built.ok() {
            return Ok(built.outcome());
        }
        fs::remove_file(&engine)?;
    }
    Ok(Outcome::passed(if half.is_some() { "" } else { "fp32 only" }))
}

fn shapes(model: &Model) -> impl Iterator<Item = String> + use<> {
    flags("--shape", model.shapes)
}

fn inputs(model: &Model) -> impl Iterator<Item = String> + use<> {
    flags("--input", model.inputs)
}

fn flags(
    flag: &'static str,
    pairs: &'static [(&'static str, &'static str)],
) -> impl Iterator<Item = String> {
    pairs.iter().flat_map(move |(name, value)| [flag.to_owned(), format!("{name}={value}")])
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
