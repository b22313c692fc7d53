//! `analysis export trtexec RUN`: samples → files in the format of `--exportTimes`, for tools that read it.
//!
//! One file a mode and round, with the rows that count in order of their start. The format has no stream, no
//! round and no phase, so those are lost; every nanosecond is printed. A run that was imported gives the same
//! samples when what was exported is imported again.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use pipeline::samples::Sample;
use pipeline::{Exit, Fault, RunDir, files};
use trtexec_format::times::{self, Row};

use crate::format::count;
use crate::load::{Case, Round, load};
use crate::metric::Quantity;
use crate::rounding;

/// In ns.
const SECOND: i64 = 1_000_000_000;

/// Formats that are written.
#[derive(Debug, Subcommand)]
pub enum To {
    /// The format of trtexec's --exportTimes, 8.4 to 11
    Trtexec(Arguments),
}

/// Arguments of `analysis export trtexec`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Run folder
    run: PathBuf,
    /// Folder for the files, NAME.json (NAME-round-N.json of several rounds); `-` writes one to standard output
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this mode; may be given several times
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Only this round, from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    round: Option<i64>,
}

/// Writes the files and prints their names.
///
/// # Errors
/// Exit 2 when there is no such run, mode or round, or several files for standard output.
pub fn execute(to: &To) -> anyhow::Result<Exit> {
    let To::Trtexec(args) = to;
    let run = load(&RunDir::new(&args.run), "base")?;
    if let Some(name) = args.cases.iter().find(|name| run.cases.iter().all(|c| c.name != **name)) {
        let names: Vec<&str> = run.cases.iter().map(|case| case.name.as_str()).collect();
        let guess = pipeline::config::did_you_mean(name, &names);
        return Err(Fault::config(format!("the run has no case {name}{guess}"))
            .hint(format!("its cases are: {}", names.join(", ")))
            .into());
    }
    let wanted = |case: &&Case| args.cases.is_empty() || args.cases.contains(&case.name);
    let chosen: Vec<(&Case, &Round)> = run
        .cases
        .iter()
        .filter(wanted)
        .flat_map(|case| case.rounds.iter().map(move |round| (case, round)))
        .filter(|(_, round)| args.round.is_none_or(|index| round.index + 1 == index))
        .filter(|(_, round)| !round.steady.is_empty())
        .collect();
    if chosen.is_empty() {
        return Err(Fault::config("no samples to export: no mode or round fits").into());
    }
    if args.out == Path::new("-") {
        let [(case, round)] = chosen.as_slice() else {
            let many = format!("{} files do not fit into standard output", chosen.len());
            return Err(Fault::config(many).hint("choose with --case NAME and --round N").into());
        };
        times::write(std::io::stdout().lock(), rows(case, round))?;
        return Ok(Exit::Ok);
    }
    for (case, round) in chosen {
        let name = if case.rounds.len() > 1 {
            format!("{}-round-{}.json", case.name, round.index + 1)
        } else {
            format!("{}.json", case.name)
        };
        let path = args.out.join(name);
        files::write_atomic_with(&path, |file| {
            times::write(std::io::BufWriter::new(file), rows(case, round))
        })
        .with_context(|| format!("cannot write {}", path.display()))?;
        anstream::println!("{}: {} rows", path.display(), count(round.steady.len() as u64));
    }
    Ok(Exit::Ok)
}

/// Where samples come from, as far as their rows depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Measured here: rows get the start of their computation, for tools that want one.
    Measured,
    /// Imported: what the file did not tell stays untold.
    Imported,
    /// Imported from rows without a `computeMs`, which they shall not have now.
    ImportedStamps,
}

impl Origin {
    fn of(case: &Case) -> Self {
        if !case.is_of_trtexec() {
            Self::Measured
        } else if rounding::step_ns(case, Quantity::Compute) > 0.0 {
            Self::ImportedStamps
        } else {
            Self::Imported
        }
    }
}

fn rows(case: &Case, round: &Round) -> Vec<Row> {
    let origin = Origin::of(case);
    let moved = if origin == Origin::Measured { 0 } else { moved_ns(case, round) };
    let mut steady: Vec<Sample> = round.steady.clone();
    steady.sort_by_key(|sample| (sample.issue_ns, sample.stream, sample.seq));
    for sample in &mut steady {
        sample.issue_ns -= moved;
        sample.done_ns -= moved;
        sample.start_ns = sample.start_ns.map(|ns| ns - moved);
    }
    steady.iter().map(|sample| row(sample, origin)).collect()
}

/// Whole seconds by which the import put a further round behind the one before. It goes back to where its first
/// round is, so that its stamps stand on their own grid again; an import of both puts it to the same place.
fn moved_ns(case: &Case, round: &Round) -> i64 {
    let all =
        |round: &Round| round.warm_up.iter().chain(&round.steady).copied().collect::<Vec<_>>();
    let start = |round: &Round| all(round).iter().map(|sample| sample.issue_ns).min();
    let before = case.rounds.iter().take_while(|other| other.index != round.index);
    let end = before.flat_map(all).map(|sample| sample.done_ns).max();
    let first = case.rounds.first().and_then(start);
    let (Some(start), Some(end), Some(first)) = (start(round), end, first) else { return 0 };
    let is_behind = (0..SECOND).contains(&(start - end));
    if is_behind { ((start - first) / SECOND).max(0) * SECOND } else { 0 }
}

/// A sample as a row.
pub(crate) fn row(sample: &Sample, origin: Origin) -> Row {
    let copied = sample.h2d_ns.unwrap_or(0);
    let measured = (origin == Origin::Measured).then_some(sample.issue_ns + copied);
    let start = sample.start_ns.or(measured);
    let own = origin != Origin::ImportedStamps || start.is_none();
    Row {
        start_enqueue_ns: sample.enqueue_ns.map(|_| sample.issue_ns),
        end_enqueue_ns: sample.enqueue_ns.map(|ns| sample.issue_ns + ns),
        start_h2d_ns: Some(sample.issue_ns),
        end_h2d_ns: sample.h2d_ns.map(|ns| sample.issue_ns + ns),
        start_compute_ns: start,
        end_compute_ns: start.map(|ns| ns + sample.compute_ns),
        start_d2h_ns: sample.d2h_ns.map(|ns| sample.done_ns - ns),
        end_d2h_ns: Some(sample.done_ns),
        h2d_ns: sample.h2d_ns,
        compute_ns: own.then_some(sample.compute_ns),
        d2h_ns: sample.d2h_ns,
        latency_ns: Some(copied + sample.compute_ns + sample.d2h_ns.unwrap_or(0)),
        end_to_end_ns: None,
    }
}
