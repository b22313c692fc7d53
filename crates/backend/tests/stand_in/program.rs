//! A stand-in for NVIDIA's `trtexec`, for tests: it takes the same flags, says the same lines and writes the
//! same files as 8.2, 8.6, 10.3, 10.16 or 11.1. There is no TensorRT in it, every number is made up, and its log says so.
//!
//! It is an example, so that `cargo test` builds it and `cargo build --bins` does not ship it. What it plays is
//! in `stand-in.txt` in the folder that it is called from (a test links it there as `trtexec`), one `key=value`
//! a line:
//!
//! | key | meaning |
//! |---|---|
//! | `version` | `8.2.1`, `8.6.1`, `10.3.0` (default), `10.16.0`, `11.1.0`, or any other to be refused |
//! | `fault` | how it fails; see `faults.rs` |
//! | `layer-ms` | time that each layer takes whose timing is not in the cache |
//! | `device` | name of the device |

mod bench;
mod build;
mod config;
mod faults;
mod flags;
mod say;

use std::ffi::OsString;
use std::process::ExitCode;

use config::Config;
use flags::Arguments;
use say::Say;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let config = Config::read(&words[0]);
    let mut say = Say::new(&config);
    if let Some(code) = faults::at_start(&config, &mut say) {
        return code;
    }
    say.banner("RUNNING", &words);
    say.line('I', "stand-in of trtexec, for tests: no TensorRT here, every number is made up");
    let passed = run(&config, &words, &mut say);
    match passed {
        // from 11 on nothing more is said after a wrong flag
        Some(passed) => {
            say.banner(if passed { "PASSED" } else { "FAILED" }, &words);
            if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        None => ExitCode::FAILURE,
    }
}

/// Whether it passed; `None` ends without a word.
fn run(config: &Config, words: &[OsString], say: &mut Say) -> Option<bool> {
    let arguments = Arguments::of(&words[1..]);
    if arguments.has("--help") || words.len() == 1 {
        flags::help(config, say);
        return Some(true);
    }
    let unknown = flags::unknown(config, &arguments);
    if !unknown.is_empty() {
        for (name, value) in unknown {
            say.line('E', &format!("Unknown option: {name} {value}"));
        }
        flags::help(config, say);
        return (config.major < 11).then_some(false);
    }
    if let Err(error) = flags::check_values(config, &arguments) {
        say.line('E', &error);
        flags::help(config, say);
        return (config.major < 11).then_some(false);
    }
    if let Some(code) = faults::before_device(config, say) {
        std::process::exit(code);
    }
    say::options(config, &arguments, say);
    say::device(config, say);
    if arguments.has("--loadEngine") {
        Some(bench::run(config, &arguments, say))
    } else {
        Some(build::run(config, &arguments, say))
    }
}
