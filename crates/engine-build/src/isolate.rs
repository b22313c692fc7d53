//! Where a build runs: in this process, or in a child of its own that may crash, hang or eat the memory.
//!
//! A builder library is a few hundred megabytes of somebody else's code. A crash inside it must cost one
//! engine and not the pipeline, so `tensorrt` and `tensorrt-rtx` build in a child process by default: this
//! same program, as `engine-build build-one`.
//!
//! ```text
//! parent                                      child (build-one)
//!   request, one line of JSON ──── stdin ───▶   opens the backend, builds into the part file
//!   "cancel"                  ──── stdin ───▶   the progress of the build answers: cancel
//!   bar, debug lines          ◀─── stdout ───   progress, a JSON object a line ([`wire`])
//!   Built, or the error       ◀─── stdout ───   the result, last line
//!   passed on, last lines kept ◀── stderr ───   log of the program and of the library
//!   timing cache              ◀─── files ───▶   in a private folder under data/tmp ([`scratch`])
//! ```
//!
//! The child's descriptor 1 is made a copy of its stderr before any library is loaded, so that what a
//! library prints is log and never protocol. The child is killed by the kernel when its parent dies
//! ([`child`]); it holds no lock, since the standard library's handles are closed on exec.
//!
//! The limits of a child ([`limits`]) are kept by the parent, which looks at the resident memory of the
//! child some twenty times a second. A limit on the address space (`ulimit -v`) would be exact, but CUDA
//! reserves address space far beyond what it uses, and nothing would start.

mod builder;
pub mod child;
mod display;
mod interrupt;
mod judge;
pub mod limits;
mod lines;
mod parent;
mod scratch;
mod wire;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backend::{Backend, BuildRequest, Built};
use pipeline::Fault;

pub use interrupt::asked as interrupted;
pub use limits::{ByteSize, Isolation, Limits, Place};

use crate::text::fault_of;
use display::Display;

/// A build that ended well.
#[derive(Debug)]
pub struct Finished {
    /// What the backend says of the engine.
    pub built: Built,
    /// Time of the backend's build alone: neither the start of a process nor loading a library is in it.
    pub took: Duration,
    /// Most resident memory of the process that built, in bytes, where that process was a child.
    pub peak_memory: Option<u64>,
}

/// Builds into the file `out`, with a progress bar on a terminal. After an error `out` does not exist.
///
/// # Errors
/// Errors of the backend as faults. For a child process also: its crash, its end by a limit, anything it
/// says that is not the protocol (exit 4 each), and an interruption of this process (exit 5).
pub fn build(
    place: &Place,
    backend: &dyn Backend,
    request: &BuildRequest<'_>,
    out: &Path,
) -> anyhow::Result<Finished> {
    let display = Display::new(&format!("building with {} ({})", backend.id(), request.precision));
    let finished = match place {
        Place::Here { time } => build_here(*time, backend, request, out, &display),
        Place::Child(settings) => parent::build(settings, backend, request, out, &display),
    };
    display.finish();
    if finished.is_err() {
        // nothing may be left that looks like an engine; the first error is the one that matters
        let _ = std::fs::remove_file(out);
    }
    finished
}

/// This program, also when its file was replaced while it runs.
///
/// # Errors
/// Exit 4 when the system does not know.
pub fn own_program() -> anyhow::Result<PathBuf> {
    let own = PathBuf::from("/proc/self/exe");
    if own.exists() {
        return Ok(own);
    }
    std::env::current_exe().context(Fault::environment("the path of this program is not known"))
}

fn build_here(
    time: Option<Duration>,
    backend: &dyn Backend,
    request: &BuildRequest<'_>,
    out: &Path,
    display: &Display,
) -> anyhow::Result<Finished> {
    let mut request = BuildRequest { progress: Some(display), ..request.clone() };
    request.options.time_limit = time.or(request.options.time_limit);
    let start = Instant::now();
    let built = backend.build(&request, out).map_err(fault_of)?;
    Ok(Finished { built, took: start.elapsed(), peak_memory: None })
}

#[cfg(test)]
mod tests;
