//! Who may depend on whom: the table of ARCHITECTURE.md as a constant, compared with `cargo metadata`.

use std::path::Path;

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};
use toml::{Table, Value};

use crate::fault::Fault;

/// Every member and the members it may depend on, in any way: normal, build or dev.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("stats", &[]),
    ("pipeline", &[]),
    ("plot", &[]),
    ("trtexec-format", &[]),
    ("tensorrt", &[]),
    ("tensorrt-fake", &["tensorrt"]),
    ("backend", &["tensorrt", "trtexec-format"]),
    ("onnx-export-verify", &["pipeline", "backend", "plot"]),
    ("engine-build", &["pipeline", "backend"]),
    ("runner", &["pipeline", "backend", "stats"]),
    ("analysis", &["pipeline", "stats", "plot", "trtexec-format"]),
    ("xtask", &[]),
];

/// What only tests may use, and whose.
const IN_TESTS: (&str, &[&str]) = ("tensorrt-fake", &["tensorrt", "backend", "engine-build"]);

/// Every breach of the layering, in words.
pub(crate) fn check(metadata: &Metadata) -> Vec<String> {
    let members = metadata.workspace_packages();
    let mut problems: Vec<String> = Vec::new();
    for (name, _) in ALLOWED {
        if !members.iter().any(|package| package.name.as_str() == name) {
            problems.push(format!("the crate {name} is gone, but the table of edges names it"));
        }
    }
    for package in &members {
        problems.extend(local_edges(package, &members));
        problems.extend(manifest(package, metadata.workspace_root.as_std_path()));
    }
    problems
}

fn local_edges(package: &Package, members: &[&Package]) -> Vec<String> {
    let name = package.name.as_str();
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{name}: a new crate needs a row in the table of edges")];
    };
    package
        .dependencies
        .iter()
        .filter(|dependency| !only_in_tests(name, dependency))
        .map(|dependency| dependency.name.as_str())
        .filter(|dependency| members.iter().any(|member| member.name.as_str() == *dependency))
        .filter(|dependency| !allowed.contains(dependency))
        .map(|dependency| {
            let may = if allowed.is_empty() { "nothing local".into() } else { allowed.join(", ") };
            format!("{name} must not depend on {dependency}: it may depend on {may}")
        })
        .collect()
}

/// Whether the edge is one that tests may have and nothing else.
fn only_in_tests(name: &str, dependency: &Dependency) -> bool {
    let (used, users) = IN_TESTS;
    dependency.kind == DependencyKind::Development
        && dependency.name == used
        && users.contains(&name)
}

/// Folder = package name, and lints come from the workspace.
fn manifest(package: &Package, root: &Path) -> Vec<String> {
    let name = package.name.as_str();
    let path = package.manifest_path.as_std_path();
    let folder = if name == "xtask" { root.join("xtask") } else { root.join("crates").join(name) };
    let mut problems = Vec::new();
    if path.parent() != Some(folder.as_path()) {
        problems.push(format!("{name}: the folder of a crate bears its name"));
    }
    match read(path) {
        Ok(table) if lints_of_workspace(&table) => {}
        Ok(_) => problems.push(format!("{name}: Cargo.toml lacks [lints] workspace = true")),
        Err(error) => problems.push(format!("{name}: {error}")),
    }
    problems
}

fn read(path: &Path) -> anyhow::Result<Table> {
    let text = std::fs::read_to_string(path)?;
    text.parse().map_err(|error: toml::de::Error| Fault::config(error.to_string()).into())
}

fn lints_of_workspace(manifest: &Table) -> bool {
    let lints = manifest.get("lints").and_then(Value::as_table);
    lints.and_then(|lints| lints.get("workspace")).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::metadata;
    use cargo_metadata::MetadataCommand;
    use serde_json::{Value as Json, json};

    fn here() -> Metadata {
        metadata(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap()
    }

    /// This workspace's metadata with one more dependency.
    fn with_edge(from: &str, to: &str, kind: &Json) -> Metadata {
        let mut json = serde_json::to_value(here()).unwrap();
        let packages = json["packages"].as_array_mut().unwrap();
        let package = packages.iter_mut().find(|p| p["name"] == from).unwrap();
        package["dependencies"].as_array_mut().unwrap().push(json!({
            "name": to, "req": "*", "kind": kind, "optional": false,
            "uses_default_features": true, "features": [], "source": null,
        }));
        MetadataCommand::parse(json.to_string()).unwrap()
    }

    #[test]
    fn the_workspace_keeps_its_edges() {
        assert_eq!(check(&here()), Vec::<String>::new());
    }

    #[test]
    fn an_added_edge_is_found() {
        for (from, to) in [
            ("runner", "analysis"),
            ("analysis", "backend"),
            ("xtask", "pipeline"),
            ("stats", "pipeline"),
            ("backend", "pipeline"),
        ] {
            for kind in [Json::Null, json!("dev"), json!("build")] {
                let problems = check(&with_edge(from, to, &kind));
                let expected = format!("{from} must not depend on {to}");
                assert!(problems.iter().any(|p| p.starts_with(&expected)), "{kind} {problems:?}");
            }
        }
    }

    #[test]
    fn an_edge_of_the_table_is_no_problem() {
        assert_eq!(check(&with_edge("backend", "tensorrt", &Json::Null)), Vec::<String>::new());
    }

    #[test]
    fn the_fake_library_is_for_tests_only() {
        let check = |from: &str, kind: &Json| check(&with_edge(from, "tensorrt-fake", kind));
        assert_eq!(check("backend", &json!("dev")), Vec::<String>::new());
        for (from, kind) in [("backend", Json::Null), ("runner", json!("dev"))] {
            let problems = check(from, &kind);
            let expected = format!("{from} must not depend on tensorrt-fake");
            assert!(problems.iter().any(|p| p.starts_with(&expected)), "{kind} {problems:?}");
        }
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let text = serde_json::to_string(&here())
            .unwrap()
            .replace("\"name\":\"stats\"", "\"name\":\"statz\"");
        let problems = check(&MetadataCommand::parse(text).unwrap());
        assert!(problems.iter().any(|p| p.starts_with("statz: a new crate")), "{problems:?}");
        assert!(problems.iter().any(|p| p.starts_with("the crate stats is gone")), "{problems:?}");
    }

    #[test]
    fn lints_must_come_from_the_workspace() {
        let table = |text: &str| text.parse::<Table>().unwrap();
        assert!(lints_of_workspace(&table("[lints]\nworkspace = true\n")));
        assert!(!lints_of_workspace(&table("[lints.rust]\nunsafe_code = \"allow\"\n")));
        assert!(!lints_of_workspace(&table("[package]\nname = \"x\"\n")));
    }
}
