//! The trtexec backend against the stand-in: command lines, builds, benchmarks, failures, and processes that
//! must be gone. The stand-in is the example `trtexec-stand-in`, which `cargo test -p backend` builds.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "trtexec/bench.rs"]
mod bench;
#[path = "trtexec/build.rs"]
mod build;
#[path = "trtexec/commands.rs"]
mod commands;
#[path = "trtexec/ends.rs"]
mod ends;
#[path = "trtexec/fixture.rs"]
mod fixture;
#[path = "trtexec/real.rs"]
mod real;
