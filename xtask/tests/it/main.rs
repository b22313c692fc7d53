//! Tests through the command line, as a user and CI see it.
//!
//! `chain` and `setup` use stand-in programs, so that exit codes and order can be chosen; everything
//! else runs the real stages, which must have been built (`cargo build --release --workspace --bins`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bad_files;
mod bad_values;
mod bundle;
mod chain;
mod commands;
mod environment;
mod interrupt;
mod mutate;
mod setup;
mod support;
mod weights;
