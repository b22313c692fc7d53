//! `analysis quantiles` against sorting, on files and folders of every kind.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use pipeline::RunDir;
use pipeline::artifact::{self, SummaryRow};
use pipeline::samples::{self, Phase};
use serde_json::Value;

use crate::it::fixture::{self, Random};
use crate::{Folder, analysis, run};

/// The groups that the command prints as JSON.
fn ask(dataset: &Path, more: &[&str]) -> Value {
    let args = [&["quantiles", dataset.to_str().unwrap(), "--json"], more].concat();
    let (code, out, err) = analysis(&args);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

/// A file with small row groups.
fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(700)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The value of rank ⌈n p⌉.
fn by_sorting<T: Copy>(values: &[T], percent: f64, compare: fn(&T, &T) -> std::cmp::Ordering) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(compare);
    let rank = (values.len() as f64 * percent / 100.0 - 1e-9).ceil() as usize;
    sorted[rank.max(1) - 1]
}

#[test]
fn quantiles_of_any_column() {
    let folder = Folder::of(&fixture::gpu());
    let samples = folder.file("samples");
    let path = samples.to_str().unwrap();
    let args =
        ["quantiles", path, "--column", "compute_ns", "--by", "case", "--where", "phase=steady"];
    let (code, out, err) = analysis(&[&args[..], &["--percentiles", "50", "--json"][..]].concat());
    assert_eq!(code, 0, "{err}");
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
    let base = &rows[0];
    assert_eq!((base["case"].as_str(), base["n"].as_u64()), (Some("base"), Some(13_000)));
    let mut values: Vec<i64> = samples::read(&folder.dir(), "base")
        .unwrap()
        .iter()
        .filter(|sample| sample.phase == Phase::Steady)
        .map(|sample| sample.compute_ns)
        .collect();
    values.sort_unstable();
    assert_eq!(base["p50"].as_i64(), Some(values[6_499]));
    let (code, _, err) = analysis(&["quantiles", path, "--column", "compute"]);
    assert_eq!(code, 2);
    assert!(err.contains("did you mean \"compute_ns\""), "{err}");
    assert_eq!(analysis(&["quantiles", path, "--column", "phase"]).0, 2);
    assert_eq!(analysis(&["quantiles", "nowhere", "--column", "x"]).0, 2);
}

#[test]
fn intervals_are_those_of_the_summary() {
    let folder = Folder::of(&fixture::gpu());
    assert_eq!(run(&folder, &[]).0, 0);
    let rows: Vec<SummaryRow> = artifact::read(&folder.dir()).unwrap();
    let more = ["--column", "compute_ns", "--where", "phase=steady", "--intervals"];
    let found = ask(&folder.dir().samples_of("base"), &more);
    for share in ["p50", "p90", "p95", "p99"] {
        let metric = format!("compute/{share}");
        let row = rows.iter().find(|row| row.case == "base" && row.metric == metric).unwrap();
        let interval = &found[0]["intervals"][share];
        assert_eq!(found[0][share].as_f64(), row.estimate);
        let n = interval["n_effective"].as_f64().unwrap();
        assert!((n / row.n_effective.unwrap() - 1.0).abs() < 1e-6, "{share}: {n} {row:?}");
        // the summary takes the wider of this and the interval over rounds
        assert!(interval["lower"].as_f64() >= row.lower, "{share}: {interval} {row:?}");
        assert!(interval["upper"].as_f64() <= row.upper, "{share}: {interval} {row:?}");
    }
}

#[test]
fn folders_are_columns_and_runs_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for seed in 0..4 {
        let mut spec = fixture::cpu();
        spec.seed = seed;
        spec.rounds = 2;
        let path = dir.path().join("pipeline=resnet50").join(format!("run=s{seed}"));
        fixture::write(&path, &spec);
        let samples = samples::read(&RunDir::new(path), "base").unwrap();
        all.push(samples.iter().map(|sample| sample.compute_ns).collect::<Vec<i64>>());
    }
    let more = ["--column", "compute_ns", "--where", "case=base"];
    let by_run = ask(dir.path(), &[&more[..], &["--by", "pipeline", "--by", "run"]].concat());
    assert_eq!(by_run.as_array().unwrap().len(), 4);
    for (group, values) in by_run.as_array().unwrap().iter().zip(&all) {
        assert_eq!(group["pipeline"], "resnet50");
        assert_eq!(group["n"].as_u64(), Some(values.len() as u64));
        assert_eq!(group["p99"].as_i64(), Some(by_sorting(values, 99.0, i64::cmp)));
    }
    let whole = all.concat();
    let together = ask(&dir.path().join("**"), &more);
    assert_eq!(together[0]["p95"].as_i64(), Some(by_sorting(&whole, 95.0, i64::cmp)));
    let mean = whole.iter().sum::<i64>() as f64 / whole.len() as f64;
    assert_eq!(together[0]["mean"].as_f64(), Some(mean));
}

#[test]
fn many_rows_nulls_and_groups_are_selected_as_sorted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mixed.parquet");
    let mut random = Random(3);
    let n = 200_000;
    // three scales, a tail, nulls, and two groups in turn
    let values: Vec<Option<i64>> = (0..n)
        .map(|_| match random.next() {
            u if u < 0.01 => None,
            u if u < 0.02 => Some((random.next() * 1e15) as i64),
            u if u < 0.03 => Some(-5),
            _ => Some(2_000_000 + (random.normal() * 9e4) as i64),
        })
        .collect();
    let reals: Vec<Option<f64>> =
        values.iter().map(|value| value.map(|value| value as f64 / 3.0 - 1e5)).collect();
    let names: Vec<&str> = (0..n).map(|k| if k / 7 % 2 == 0 { "even" } else { "odd" }).collect();
    write(
        &path,
        vec![
            ("name", Arc::new(StringArray::from(names.clone()))),
            ("int", Arc::new(Int64Array::from(values.clone()))),
            ("real", Arc::new(Float64Array::from(reals.clone()))),
        ],
    );
    let ints = ask(&path, &["--column", "int", "--by", "name", "--percentiles", "1,50,99,99.9"]);
    for (group, name) in ints.as_array().unwrap().iter().zip(["even", "odd"]) {
        let of_name = || values.iter().zip(&names).filter(|(_, other)| **other == name);
        let there: Vec<i64> = of_name().filter_map(|(value, _)| *value).collect();
        assert_eq!(group["n"].as_u64(), Some(there.len() as u64));
        assert_eq!(group["nulls"].as_u64(), Some((of_name().count() - there.len()) as u64));
        for percent in [1.0, 50.0, 99.0, 99.9] {
            let expected = by_sorting(&there, percent, i64::cmp);
            assert_eq!(group[format!("p{percent}")].as_i64(), Some(expected), "{name} p{percent}");
        }
    }
    let found = ask(&path, &["--column", "real", "--percentiles", "1,50,99,99.9"]);
    let there: Vec<f64> = reals.iter().filter_map(|value| *value).collect();
    for percent in [1.0, 50.0, 99.0, 99.9] {
        let expected = by_sorting(&there, percent, f64::total_cmp);
        // reading a float from JSON may miss its last digit
        let value = found[0][format!("p{percent}")].as_f64().unwrap();
        assert!((value / expected - 1.0).abs() < 1e-15, "p{percent}: {value} {expected}");
    }
    let mean = there.iter().sum::<f64>() / there.len() as f64;
    assert!((found[0]["mean"].as_f64().unwrap() / mean - 1.0).abs() < 1e-12);
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = Folder::of(&fixture::gpu());
    let samples = folder.file("samples");
    let path = samples.to_str().unwrap();
    let refuse = |more: &[&str], words: &str| {
        let (code, _, err) = analysis(&[&["quantiles", path, "--column"], more].concat());
        assert_eq!(code, 2, "{err}");
        assert!(err.contains(words), "{words} in {err}");
    };
    refuse(&["compute_ns", "--by", "cas"], "has the column cas; did you mean \"case\"");
    refuse(&["compute_ns", "--confidence", "0.9"], "--intervals");
    refuse(&["compute_ns", "--intervals", "--confidence", "95"], "between 0.5 and 1");
    let file = samples.join("base.parquet");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle - 2000..middle + 2000].fill(0xff);
    std::fs::write(&file, &bytes).unwrap();
    let (code, _, err) = analysis(&["quantiles", path, "--column", "compute_ns"]);
    // the damage may hit another column, or a value that is as good as any
    assert!(code == 0 || (code == 2 && err.contains("base.parquet")), "{code} {err}");
    std::fs::write(&file, &bytes[..middle]).unwrap();
    refuse(&["compute_ns"], "base.parquet is not a complete Parquet file");
}
