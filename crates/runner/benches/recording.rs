//! What recording costs: the runner's loop against the bare call, paired, in one run.
//!
//! `cargo bench -p runner` prints the median difference per inference and its spread over pairs.
//! Two sessions are timed: one that does a fixed amount of arithmetic for about 2 µs (the cost itself,
//! with little noise; with no work at all the loop would outrun any recorder) and rten on a model of
//! three operators (what a user's fast model would see). Goal: below 200 ns.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use backend::{BackendId, OpenOptions, Session, TensorSpec};
use pipeline::{Provenance, RunDir};
use runner::clock::Clock;
use runner::measure::{self, Halt, Live, Start};
use runner::recorder::{self, Target};

#[path = "../tests/support/tiny.rs"]
mod tiny;

const PAIRS: usize = 21;
const SLICE_NS: i64 = 40_000_000;

struct Arithmetic;

impl Session for Arithmetic {
    fn inputs(&self) -> &[TensorSpec] {
        &[]
    }
    fn outputs(&self) -> &[TensorSpec] {
        &[]
    }
    fn threads(&self) -> Option<usize> {
        None
    }
    fn set_input(&mut self, _index: usize, _values: &[f32]) -> backend::Result<()> {
        Ok(())
    }
    fn infer(&mut self) -> backend::Result<()> {
        let mut state = std::hint::black_box(1_u64);
        for _ in 0..2000 {
            state = state.rotate_left(5) ^ 0x9e37_79b9_7f4a_7c15;
        }
        std::hint::black_box(state);
        Ok(())
    }
    fn poison_outputs(&mut self) -> backend::Result<()> {
        Ok(())
    }
    fn output(&self, _index: usize) -> backend::Result<Vec<f32>> {
        Ok(Vec::new())
    }
}

fn main() -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("tailmark-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    anstream::println!(
        "recording cost per inference, {PAIRS} pairs of {} ms each",
        SLICE_NS / 1_000_000
    );
    report("fixed arithmetic", &mut Arithmetic, &folder)?;
    let mut rten = open_tiny(&folder)?;
    report("rten, three operators", rten.as_mut(), &folder)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn report(name: &str, session: &mut dyn Session, folder: &std::path::Path) -> anyhow::Result<()> {
    let mut costs = Vec::new();
    let mut bare = Vec::new();
    for pair in 0..PAIRS {
        // the order changes from pair to pair, so that a drift of the clock hits both alike
        let (without, with) = if pair % 2 == 0 {
            let without = bare_ns(session)?;
            (without, recorded_ns(session, folder))
        } else {
            let with = recorded_ns(session, folder);
            (bare_ns(session)?, with)
        };
        bare.push(without);
        costs.push(with - without);
    }
    costs.sort_by(f64::total_cmp);
    bare.sort_by(f64::total_cmp);
    let at = |share: f64| costs[(share * (PAIRS - 1) as f64).round() as usize];
    anstream::println!(
        "{name}: median {:.0} ns (quartiles {:.0} to {:.0}); the bare call takes {:.0} ns",
        at(0.5),
        at(0.25),
        at(0.75),
        bare[PAIRS / 2]
    );
    Ok(())
}

/// Time of one bare call.
fn bare_ns(session: &mut dyn Session) -> backend::Result<f64> {
    let begun = Instant::now();
    let mut n = 0_u64;
    loop {
        for _ in 0..64 {
            session.infer()?;
        }
        n += 64;
        let elapsed = begun.elapsed().as_nanos();
        if elapsed as i64 >= SLICE_NS {
            return Ok(elapsed as f64 / n as f64);
        }
    }
}

/// Time of one turn of the runner's loop, with the recorder at work on another thread.
fn recorded_ns(session: &mut dyn Session, folder: &std::path::Path) -> f64 {
    let clock = Clock::start();
    let (interrupted, failed) = (AtomicBool::new(false), AtomicBool::new(false));
    let halt = Halt { interrupted: &interrupted, failed: &failed };
    let start = Start::new(1, 0, SLICE_NS);
    let (mut producer, consumer) = measure::touched_ring();
    let run = RunDir::new(folder);
    let provenance = Provenance::default();
    let target = Target { run: &run, case: "bench", round: 0, provenance: &provenance };
    let live = Live::default();
    std::thread::scope(|scope| {
        scope.spawn(|| recorder::record(vec![consumer], &target, &start, &clock, &failed, &live));
        let window = start.wait(&clock);
        let begun = Instant::now();
        let end = measure::drive(session, &clock, window, &halt, &mut producer);
        let elapsed = begun.elapsed().as_nanos() as f64;
        drop(producer);
        elapsed / end.completed as f64
    })
}

/// rten on Relu → Flatten → Gemm.
fn open_tiny(folder: &std::path::Path) -> anyhow::Result<Box<dyn Session>> {
    let path = folder.join("tiny.onnx");
    backend::onnx::save(&path, &tiny::model())?;
    let environment = backend::Environment { data: folder.to_owned() };
    let backend = backend::open_backend(BackendId::Rten, &environment)?;
    let options = OpenOptions::default();
    Ok(backend.open_model(&path, &options)?)
}
