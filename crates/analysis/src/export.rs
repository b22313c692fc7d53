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
use crate::import::BACKEND;
use crate::load::{Case, Round, load};

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

fn rows(case: &Case, round: &Round) -> Vec<Row> {
    let imported = case.setup().is_some_and(|row| row.backend == BACKEND);
    let mut steady: Vec<&Sample> = round.steady.iter().collect();
    steady.sort_by_key(|sample| (sample.issue_ns, sample.stream, sample.seq));
    steady.into_iter().map(|sample| row(sample, imported)).collect()
}

/// A sample as a row. What was not imported has the start of its computation, for tools that want one.
pub(crate) fn row(sample: &Sample, imported: bool) -> Row {
    let copied = sample.h2d_ns.unwrap_or(0);
    let start = sample.start_ns.or_else(|| (!imported).then_some(sample.issue_ns + copied));
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
        compute_ns: Some(sample.compute_ns),
        d2h_ns: sample.d2h_ns,
        latency_ns: Some(copied + sample.compute_ns + sample.d2h_ns.unwrap_or(0)),
        end_to_end_ns: None,
    }
}
