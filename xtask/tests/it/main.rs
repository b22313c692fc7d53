//! Tests through the command line, as a user and CI see it.
//!
//! `chain` and `setup` use stand-in programs, so that exit codes and order can be chosen; everything
//! else runs the real stages, which must have been built (`cargo build --release --workspace --bins`).

mod chain;
mod setup;
mod support;
