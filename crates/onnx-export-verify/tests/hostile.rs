//! Hostile files: seeded mutations of models, checkpoints and expected answers into the readers.
//!
//! A reader may refuse a file or take it. It may not panic, overflow the stack, ask for more memory than a
//! small file can need, read outside the model's folder, or take longer than [`supervise::CASE_LIMIT`].
//! Each reader runs in a process of its own with an allocator that refuses beyond a cap; this one watches it, names
//! seed and case of what went wrong, and keeps the input. A case depends on reader, seed and number alone.
//!
//! `TAILMARK_HOSTILE_CASES`, `_SEED` and `_FIRST` choose the cases; `cargo xtask measure hostile` runs many.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, helpers included")]

#[path = "hostile/archive.rs"]
mod archive;
#[path = "hostile/bombs.rs"]
mod bombs;
#[path = "hostile/bytes.rs"]
mod bytes;
#[path = "hostile/checkpoint.rs"]
mod checkpoint;
#[path = "hostile/dice.rs"]
mod dice;
#[path = "hostile/expected.rs"]
mod expected;
#[path = "hostile/graph.rs"]
mod graph;
#[path = "hostile/onnx.rs"]
mod onnx;
#[path = "hostile/pickle.rs"]
mod pickle;
#[path = "hostile/safetensors.rs"]
mod safetensors;
#[path = "hostile/supervise.rs"]
mod supervise;
#[path = "hostile/words.rs"]
mod words;
#[path = "hostile/worker.rs"]
mod worker;

use std::alloc::System;
use std::path::Path;

use cap::Cap;
use dice::Dice;

/// Bytes that the readers have; beyond the worker's cap an allocation fails.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// A kind of file and what reads it.
struct Reader {
    name: &'static str,
    /// Prepares the folder once.
    prepare: fn(&Path),
    /// Writes the file of a case.
    write: fn(&mut Dice, &Path),
    /// Reads it as the program would; `true` when it was taken.
    read: fn(&Path) -> bool,
}

const READERS: [Reader; 4] = [
    Reader { name: "onnx", prepare: onnx::prepare, write: onnx::write, read: onnx::read },
    Reader { name: "pth", prepare: |_| {}, write: checkpoint::write_pth, read: checkpoint::read },
    Reader {
        name: "safetensors",
        prepare: |_| {},
        write: safetensors::write,
        read: checkpoint::read,
    },
    Reader { name: "answers", prepare: |_| {}, write: expected::write, read: expected::read },
];

#[test]
fn onnx_models() {
    supervise::run("onnx");
}

#[test]
fn pth_checkpoints() {
    supervise::run("pth");
}

#[test]
fn safetensors_checkpoints() {
    supervise::run("safetensors");
}

#[test]
fn answers_expected() {
    supervise::run("answers");
}

#[test]
#[ignore = "the process that the other tests start and watch"]
fn worker_process() {
    worker::run();
}
