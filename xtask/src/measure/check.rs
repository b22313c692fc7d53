//! How long `pipeline --check` takes. Goal: below 100 ms with the programs called directly.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::binaries::{self, Binaries};
use crate::fault::Fault;
use crate::project::Project;
use crate::ui;

/// Arguments of `measure check`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pipeline file to check
    #[arg(default_value = "pipelines/resnet50.toml")]
    file: PathBuf,
    /// Times that each way is measured
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
}

/// Measures both ways, interleaved, and prints one line each.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(Some(&args.file))?;
    let binaries = Binaries::ready(&project)?;
    let mut direct = Command::new(binaries.program("xtask"));
    direct.env_remove("CARGO");
    let mut through_cargo = binaries::cargo(&project);
    through_cargo.args(["xtask"]);
    let mut ways = [("programs called directly", direct), ("through cargo", through_cargo)];
    for (_, command) in &mut ways {
        command.arg("pipeline").arg(std::path::absolute(&args.file)?).arg("--check");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    // the first call of each fills the page cache, and through cargo it builds
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=args.repeat {
        for ((name, command), times) in ways.iter_mut().zip(&mut times) {
            let started = Instant::now();
            let status = command.status()?;
            if !status.success() {
                let message = format!("{name}: `pipeline --check` ended with {status}");
                return Err(Fault::environment(message)
                    .hint(format!("see why: cargo xtask pipeline {} --check", args.file.display()))
                    .into());
            }
            if round > 0 {
                times.push(started.elapsed());
            }
        }
    }
    for ((name, _), times) in ways.iter().zip(&mut times) {
        times.sort();
        ui::data(&line(name, times));
    }
    Ok(0)
}

fn line(name: &str, sorted: &[Duration]) -> String {
    let ms = |share: f64| {
        let index = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len());
        sorted[index - 1].as_secs_f64() * 1e3
    };
    let (median, p90, max) = (ms(0.5), ms(0.9), ms(1.0));
    format!("{name}: median {median:.1} ms, p90 {p90:.1} ms, max {max:.1} ms, n = {}", sorted.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_states_order_statistics() {
        let sorted: Vec<Duration> = (1..=10).map(Duration::from_millis).collect();
        assert_eq!(line("x", &sorted), "x: median 5.0 ms, p90 9.0 ms, max 10.0 ms, n = 10");
    }
}
