//! How the stand-in fails.
//!
//! | fault | what happens |
//! |---|---|
//! | `no-library` | the loader finds no libnvinfer: exit code 127, no banner |
//! | `no-banner` | another program of the same name |
//! | `no-gpu` | the version is told, the device is not |
//! | `fail` | the build fails with the library's error and `FAILED` |
//! | `model` | the parser refuses the model |
//! | `crash`, `abort` | SIGSEGV, SIGABRT in the middle of a build |
//! | `hang` | stands still; ends on SIGTERM |
//! | `hang-hard` | stands still and ignores SIGTERM |
//! | `children` | starts a program that ignores SIGTERM and keeps the pipe open, then stands still |
//! | `orphan` | the same, but builds to the end |
//! | `garbage` | prints bytes that are no text, then ends well without a word |
//! | `flood` | prints 100 MB while it builds |
//! | `silent` | says `PASSED` and writes no engine |
//! | `no-graph` | cannot capture a CUDA graph |
//! | `other-defaults` | takes the opposite of what it was told of CUDA graphs |

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::config::Config;
use crate::say::Say;

/// Before the banner.
pub(crate) fn at_start(config: &Config, say: &mut Say) -> Option<ExitCode> {
    match config.fault.as_str() {
        "no-library" => {
            let text = "trtexec: error while loading shared libraries: libnvinfer.so.8: cannot open shared object file";
            let _ = writeln!(io::stderr(), "{text}: No such file or directory");
            Some(ExitCode::from(127))
        }
        "no-banner" => {
            say.raw("usage: trtexec FILE");
            Some(ExitCode::from(2))
        }
        _ => None,
    }
}

/// After the arguments, before the device.
pub(crate) fn before_device(config: &Config, _say: &mut Say) -> Option<i32> {
    config.is("no-gpu").then(|| {
        let _ = writeln!(io::stderr(), "Cuda failure: no CUDA-capable device is detected");
        1
    })
}

/// In the middle of the work; returns when the work goes on.
pub(crate) fn in_the_middle(config: &Config, say: &mut Say) {
    match config.fault.as_str() {
        // the first is swallowed by Rust's own handler, which looks for a stack overflow
        "crash" => loop {
            let _ = kill_process(getpid(), Signal::SEGV);
        },
        "abort" => {
            let _ = writeln!(
                io::stderr(),
                "terminate called after throwing an instance of 'std::bad_alloc'"
            );
            std::process::abort();
        }
        "hang" => stand_still(),
        "hang-hard" => {
            let error =
                Command::new("sh").args(["-c", "trap '' TERM; while :; do sleep 1; done"]).exec();
            say.line('E', &error.to_string());
        }
        "children" => {
            child();
            stand_still();
        }
        "orphan" => child(),
        "garbage" => {
            let bytes: Vec<u8> =
                (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let _ = io::stdout().write_all(&bytes);
            std::process::exit(0);
        }
        "flood" => {
            let line = format!("[01/02/2026-03:04:05] [V] [TRT] {}\n", "tactic ".repeat(20));
            let block = line.repeat(1000);
            let mut out = io::stdout().lock();
            for _ in 0..100_000_000 / block.len() {
                let _ = out.write_all(block.as_bytes());
            }
        }
        _ => {}
    }
}

fn stand_still() {
    loop {
        std::thread::sleep(Duration::from_hours(1));
    }
}

/// A program that outlives us unless somebody ends it; its process id goes into the log.
fn child() {
    let script = "trap '' TERM; echo \"child $$\"; while :; do sleep 1; done";
    let started = Command::new("sh").args(["-c", script]).spawn();
    // the test looks for its name
    drop(started);
    std::thread::sleep(Duration::from_millis(100));
}
