//! Binaries and tests share one build of every dependency.
//!
//! Cargo compiles a dependency again when tests turn on one more of its features, and with it everything
//! that stands on it. The features that only tests need are therefore asked for by the workspace table too.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

/// Dependencies that `cargo test` would build otherwise than `cargo build --bins`, in words.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let binaries = tree(root, "normal,build")?;
    let tests = tree(root, "normal,build,dev")?;
    Ok(differences(&binaries, &tests))
}

fn tree(root: &Path, edges: &str) -> anyhow::Result<String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "tree",
            "--workspace",
            "--prefix",
            "none",
            "--format",
            "{p} [{f}]",
            "--edges",
            edges,
        ])
        .current_dir(root)
        .output()
        .context("cargo tree could not be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "cargo tree failed: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn differences(binaries: &str, tests: &str) -> Vec<String> {
    let line = |text: &str| text.trim_end_matches(" (*)").to_owned();
    let tests: Vec<String> = tests.lines().map(line).collect();
    let mut missing: Vec<String> =
        binaries.lines().map(line).filter(|built| !tests.contains(built)).collect();
    missing.sort();
    missing.dedup();
    missing
        .into_iter()
        .map(|built| {
            let name = built.split(' ').next().unwrap_or_default();
            let start = format!("{} ", built.split(" [").next().unwrap_or_default());
            let other = tests.iter().find(|test| test.starts_with(&start));
            let other = other.map_or("nothing", |test| test.trim_start_matches(start.as_str()));
            format!("{name} is built twice: as {built} for programs, with {other} for tests; name the feature in [workspace.dependencies]")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_builds_nothing_twice() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(check(root).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_feature_of_tests_alone_is_found() {
        let binaries = "a v1.0.0 [std]\nb v1.0.0 []\nb v1.0.0 [] (*)\n";
        let tests = "a v1.0.0 [std,extra]\nb v1.0.0 []\nc v2.0.0 []\n";
        let found = differences(binaries, tests);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("a is built twice") && found[0].contains("[std,extra]"),
            "{found:?}"
        );
    }
}
