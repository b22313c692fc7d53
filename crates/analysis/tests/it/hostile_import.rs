//! Files that are no traces, or want to be too much: a clear error, exit 2, no run folder, bounded memory.

use std::io::Write as _;

use super::trtexec::{Keys, file, gzip, inferences, json};
use crate::analysis;

fn refuse(bytes: &[u8], what: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "t.json", bytes);
    let run = folder.path().join("run");
    let mode = format!("base={}", path.display());
    let (code, out, err) =
        analysis(&["import", "trtexec", "--mode", &mode, "--run", run.to_str().unwrap()]);
    assert_eq!(code, 2, "{what}: {err}");
    assert!(err.contains(what), "{what}: {err}");
    assert!(err.contains("t.json") && !err.contains("panicked"), "{err}");
    assert_eq!(out, "");
    assert!(!run.join("cases.parquet").exists() && !run.join("samples").exists());
}

#[test]
fn what_is_no_trace_is_refused() {
    let good = json(Keys::Ten, &inferences(50, 500.0));
    let with = |from: &str, to: &str| good.replacen(from, to, 1).into_bytes();
    let zipped = gzip(good.as_bytes());
    let mut flipped = zipped.clone();
    let middle = flipped.len() - 20;
    flipped[middle] ^= 0xff;
    let deep = format!("[{{\"x\": {}", "[{\"y\":".repeat(200_000));
    let long_key = format!("[{{\"{}\": 1}}]", "k".repeat(400_000));
    let many_keys = format!("[{{{}}}]", "\"k\": 1, ".repeat(100_000));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "has no rows: cut off at byte 0"),
        (b"   \n".to_vec(), "has no rows"),
        (b"[]".to_vec(), "an empty array"),
        (b"[".to_vec(), "has no rows: cut off"),
        (b"[{\"computeMs\": 1".to_vec(), "has no rows: cut off at byte 16, within a row"),
        (b"{\"Layers\": []}".to_vec(), "expected `[`"),
        (b"&&&& RUNNING TensorRT.trtexec [TensorRT v100300]".to_vec(), "found `&&&&`"),
        (b"[ { \"count\" : 128 }, { \"name\" : \"x\" } ]".to_vec(), "neither computeMs nor"),
        (b"[{\"computeMs\": 1}]".to_vec(), "no stamp tells when it began"),
        (b"\x7fELF\x02\x01\x01\x00".to_vec(), "the byte 0x7f"),
        (b"PAR1\x15\x04".to_vec(), "found `PAR1`"),
        (b"\xff\xfe[\x00".to_vec(), "the byte 0xff"),
        ((0..=255).cycle().take(100_000).collect(), "expected `[`"),
        (vec![0; 100_000], "the byte 0x00"),
        (
            with("\"computeMs\" : 2", "\"computeMs\" : nan, \"x\" : 2"),
            "a number for computeMs, found `nan",
        ),
        (with("\"computeMs\" : 2", "\"computeMs\" : -inf, \"x\" : 2"), "found `-inf"),
        (with("\"computeMs\" : 2", "\"computeMs\" : -2"), "negative time"),
        (with("\"computeMs\" : 2", "\"computeMs\" : 1e309, \"x\" : 2"), "above 115 days"),
        (
            with("\"computeMs\" : 2", "\"computeMs\" : 99999999999999999999999999, \"x\" : 2"),
            "above 115 days",
        ),
        (with("\"endD2hMs\" : ", "\"endD2hMs\" : 0, \"x\" : "), "it ends before it begins"),
        (deep.into_bytes(), "at most 32 values within each other"),
        (long_key.into_bytes(), "a row of more than 256 KiB"),
        (many_keys.into_bytes(), "a row of more than 256 KiB"),
        (b"\x1f\x8b".to_vec(), "has no rows"),
        (b"\x1f\x8bnot gzip at all".to_vec(), "cannot read"),
        (zipped[..30].to_vec(), "has no rows"),
        (gzip(b"not JSON"), "found `not`"),
        (gzip(&zipped), "the byte 0x1f"),
        (flipped, "t.json"),
    ];
    for (bytes, what) in cases {
        refuse(&bytes, what);
    }
}

#[test]
fn damage_anywhere_is_an_error_or_rows() {
    let good = json(Keys::Ten, &inferences(4, 9_999.0));
    let folder = tempfile::tempdir().unwrap();
    let mut state = 7_u64;
    for k in 0..60 {
        // Steele, Lea and Flood (2014): SplitMix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^= z >> 27;
        let mut bytes = good.clone().into_bytes();
        let at = z as usize % bytes.len();
        match k % 3 {
            0 => bytes[at] = (z >> 32) as u8,
            1 => drop(bytes.drain(at..(at + 9).min(good.len()))),
            _ => drop(bytes.splice(at..at, (z >> 16).to_le_bytes())),
        }
        let path = file(folder.path(), "t.json", &bytes);
        let run = folder.path().join(format!("run-{k}"));
        let mode = format!("base={}", path.display());
        let (code, _, err) =
            analysis(&["import", "trtexec", "--mode", &mode, "--run", run.to_str().unwrap()]);
        assert!(matches!(code, 0 | 2 | 5), "{k}: {code} {err}");
        assert!(!err.contains("panicked"), "{err}");
        assert_eq!(run.join("cases.parquet").exists(), code != 2);
    }
}

#[test]
fn wrong_arguments_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    file(folder.path(), "t.json", json(Keys::Ten, &inferences(50, 500.0)));
    let run = format!("{here}/run");
    let mode = format!("base={here}/t.json");
    let import = |more: &[&str]| {
        let mut arguments = vec!["import", "trtexec", "--run", &run];
        arguments.extend(more);
        analysis(&arguments)
    };
    for (more, what) in [
        (vec![], "--mode"),
        (vec!["--mode", "t.json"], "expected NAME=FILE"),
        (vec!["--mode", "a/b=t.json"], "is not a name"),
        (vec!["--mode", "base-r0-0001=t.json"], "part of a measurement"),
        (vec!["--mode", "base=nowhere.json"], "cannot read nowhere.json"),
        (vec!["--mode", &format!("base={here}")], "cannot read"),
        (vec!["--mode", "a=-", "--mode", "b=-"], "2 modes are to be read from standard input"),
        (vec!["--mode", &mode, "--log", "bas=x"], "did you mean \"base\""),
        (vec!["--mode", &mode, "--log", "base=x", "--log", "base=y"], "--log is given 2 times"),
        (vec!["--mode", &mode, "--max-rows", "49"], "has more than 49 rows"),
        (vec!["--mode", &mode, "--pipeline", "nowhere.toml"], "cannot read the pipeline file"),
        (vec!["--mode", &mode, "--batch", "0"], "--batch"),
    ] {
        let (code, _, err) = import(&more);
        assert_eq!(code, 2, "{what}: {err}");
        assert!(err.contains(what), "{what}: {err}");
    }
    assert_eq!(import(&["--mode", &mode, "--max-rows", "50"]).0, 0);
    let (code, _, err) = import(&["--mode", &mode]);
    assert_eq!(code, 2);
    assert!(err.contains("holds a run already"), "{err}");
}

/// 400 MB of text in a few hundred KB of gzip, read with less address space than the text has.
#[cfg(target_os = "linux")]
#[test]
fn a_bomb_fills_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let blanks = vec![b' '; 1 << 20];
    let rows = b", {\"startComputeMs\":1,\"computeMs\":1}".repeat(1 << 15);
    for (name, first, filler, times, what) in [
        ("blanks.gz", &b"["[..], &blanks[..], 400, "has no rows"),
        (
            "rows.gz",
            &b"[{\"startComputeMs\":1,\"computeMs\":1}"[..],
            &rows[..],
            340,
            "has more than 100000 rows",
        ),
    ] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(first).unwrap();
        for _ in 0..times {
            encoder.write_all(filler).unwrap();
        }
        let path = file(folder.path(), name, encoder.finish().unwrap());
        let binary = assert_cmd::cargo::cargo_bin!("analysis");
        let script = format!(
            "ulimit -v 300000; exec {} import trtexec --mode base={} --max-rows 100000 --run {}",
            binary.display(),
            path.display(),
            folder.path().join("run").display()
        );
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains(what), "{err}");
    }
}
