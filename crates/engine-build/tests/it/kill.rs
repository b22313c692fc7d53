//! Builders that are killed: what others had stored stays, what they had not stored themselves is all that goes.
//!
//! Real processes and SIGKILL, with a TensorRT of Rust functions for tests in the place of NVIDIA's: the
//! entries are counted in its format.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::project::{Project, chain, files};

/// Rounds, in each of which one of two builders is killed.
const ROUNDS: usize = 100;
/// Layers of each model.
const LAYERS: usize = 4;
/// Time of each layer in a build.
const LAYER_MS: u32 = 5;

/// A generator whose stream never changes (Steele, Lea and Flood, 2014: SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        limit.mul_f64(((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// A project on the fake TensorRT.
fn project() -> Project {
    let project = Project::new("tensorrt");
    project.configure("backend = \"tensorrt\"");
    project
}

/// Starts a builder of the chain with this number.
fn start(project: &Project, number: usize, layer_ms: u32) -> Child {
    let run = format!("run-{number}");
    project.export_to(&run, &[("fp32", chain(number, LAYERS))]);
    project.build(&run, layer_ms).spawn().unwrap()
}

/// Waits for a builder that nobody kills.
fn finish(child: Child) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("warning"), "nothing is torn, nothing is set aside: {said}");
}

/// The entries of a builder by its number.
fn of(number: usize, stored: &BTreeSet<String>) -> usize {
    let prefix = format!("run-{number}-");
    stored.iter().filter(|layer| layer.starts_with(&prefix)).count()
}

/// Every entry of every builder that committed is there, and no other.
fn check(project: &Project, committed: &BTreeSet<usize>) {
    let stored = project.cached_layers();
    let lost: Vec<&usize> = committed.iter().filter(|&&n| of(n, &stored) != LAYERS).collect();
    assert!(lost.is_empty(), "entries of the builders {lost:?} are gone");
    assert_eq!(stored.len(), committed.len() * LAYERS);
}

/// Waits until the builder has an engine, after which it goes on to the store; false when it never does.
fn has_engine(project: &Project, child: &mut Child, limit: Duration) -> bool {
    let engines = project.path("data/engines");
    let prefix = format!(".building-{}-", child.id());
    let end = Instant::now() + limit;
    while Instant::now() < end && child.try_wait().unwrap().is_none() {
        let written = |path: &Path| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
        let own = files(&engines).into_iter().filter(|name| name.starts_with(&prefix));
        if own.into_iter().any(|name| written(&engines.join(name))) {
            return true;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    false
}

#[test]
fn a_killed_builder_loses_only_its_own() {
    let project = project();
    let begin = Instant::now();
    finish(start(&project, 0, LAYER_MS));
    let whole = begin.elapsed();
    let mut committed = BTreeSet::from([0]);
    check(&project, &committed);
    let mut random = Random(4);
    let (mut before, mut after, mut aimed) = (0, 0, 0);
    for round in 0..ROUNDS {
        let number = 1 + 2 * round;
        let mut victim = start(&project, number, LAYER_MS);
        let survivor = start(&project, number + 1, LAYER_MS);
        // every other kill is aimed at the store: it comes when the engine is there
        if round % 2 == 1 && has_engine(&project, &mut victim, 20 * whole) {
            aimed += 1;
            std::thread::sleep(random.below(Duration::from_millis(20)));
        } else {
            std::thread::sleep(random.below(whole));
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        finish(survivor);
        committed.insert(number + 1);
        let own = of(number, &project.cached_layers());
        assert!(own == 0 || own == LAYERS, "round {round}: {own} of {LAYERS}: a merge is one step");
        if own == 0 {
            before += 1;
        } else {
            after += 1;
            committed.insert(number);
        }
        check(&project, &committed);
    }
    // the next build works, and takes what is there
    finish(start(&project, 1_000_000, LAYER_MS));
    committed.insert(1_000_000);
    check(&project, &committed);
    let aside =
        project.cache_files().into_iter().filter(|path| path.to_string_lossy().contains(".aside"));
    assert_eq!(aside.count(), 0);
    println!(
        "{ROUNDS} rounds, one of two builders killed in each ({aimed} of them when its engine was there): {before} before they had stored anything, {after} after; all {} entries of the {} others are there, counted in the format of the fake library; {:.1} s",
        committed.len() * LAYERS,
        committed.len(),
        begin.elapsed().as_secs_f64()
    );
}
