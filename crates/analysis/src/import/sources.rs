//! `NAME=FILE` arguments → what is read for each trace.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use pipeline::config::Name;
use pipeline::{Fault, Span};
use trtexec_format::{Log, Version, lines};

use super::case::{self, Given};
use super::trace::{self, Limits};
use super::{Arguments, Imported, check, layers, unknown_mode};
use crate::load::case_of_part;

/// In ns.
const SECOND: i64 = 1_000_000_000;
/// The first version that leaves warm-up rows out of its exported times.
const WITHOUT_WARM_UP: Version = Version::new(8, 5, 0);

/// A mode and a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = text
            .split_once('=')
            .filter(|(_, file)| !file.is_empty())
            .ok_or("expected NAME=FILE, such as base=times.json")?;
        let name = Name::new(name)?.to_string();
        if case_of_part(&name).is_some() {
            return Err(format!(
                "\"{name}\" is the name of a part of a measurement; choose another"
            ));
        }
        Ok(Self { name, file: PathBuf::from(file) })
    }
}

/// The files of one trace.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    times: &'a Path,
    round: usize,
    log: Option<&'a Path>,
    profile: Option<&'a Path>,
    layers: Option<&'a Path>,
}

impl<'a> Source<'a> {
    /// One entry a trace, in the order of the command line.
    pub(crate) fn all(args: &'a Arguments) -> anyhow::Result<Vec<Self>> {
        let stdin = args.modes.iter().filter(|mode| mode.file == Path::new("-")).count();
        if stdin > 1 {
            let fault = Fault::config(format!("{stdin} modes are to be read from standard input"));
            return Err(fault.hint("give files, or import one mode at a time").into());
        }
        for (option, given) in
            [("log", &args.logs), ("profile", &args.profiles), ("layers", &args.layers)]
        {
            for one in given {
                let traces = args.modes.iter().filter(|mode| mode.name == one.name).count();
                let files = given.iter().filter(|other| other.name == one.name).count();
                if traces == 0 {
                    return Err(unknown_mode(option, &one.name, &args.modes).into());
                }
                if files > traces {
                    return Err(Fault::config(format!(
                        "--{option} is given {files} times for {}, --mode {traces} times",
                        one.name
                    ))
                    .into());
                }
            }
        }
        let nth = |given: &'a [Named], name: &str, round: usize| {
            let mut own = given.iter().filter(|one| one.name == name);
            own.nth(round).map(|one| one.file.as_path())
        };
        let source = |(place, mode): (usize, &'a Named)| {
            let round = args.modes[..place].iter().filter(|one| one.name == mode.name).count();
            Self {
                name: &mode.name,
                times: &mode.file,
                round,
                log: nth(&args.logs, &mode.name, round),
                profile: nth(&args.profiles, &mode.name, round),
                layers: nth(&args.layers, &mode.name, round),
            }
        };
        Ok(args.modes.iter().enumerate().map(source).collect())
    }

    /// Reads and describes the trace.
    pub(crate) fn read(&self, args: &Arguments, position: usize) -> anyhow::Result<Imported> {
        let log = self.log.map(read_log).transpose()?;
        let engine_layers = self.layers.map(layers::read_layers).transpose()?.unwrap_or_default();
        let profile = self.profile.map(layers::read_profile).transpose()?;
        let warm_up = args.warm_up.map(Span::get).or_else(|| log.as_ref().and_then(warm_up_of));
        let limits = Limits {
            rows: args.max_rows as usize,
            warm_up_ns: warm_up.map_or(i64::MIN, |span| span.as_nanos() as i64),
        };
        let mut trace = trace::read_file(self.times, limits)?;
        trace.samples.iter_mut().for_each(|sample| sample.round = self.round as i64);
        let told = !engine_layers.is_empty() || profile.is_some();
        let engine = if told { format!("imported-{}", self.name) } else { String::new() };
        let file = file_name(self.times);
        let given = Given {
            name: self.name,
            file: &file,
            round: self.round as i64,
            position: position as i64,
            device: args.device.as_deref(),
            precision: args.precision.as_deref(),
            achieved: layers::precision(&engine_layers),
            engine: &engine,
            batch: i64::from(args.batch),
            log: log.as_ref(),
        };
        let checked = log.as_ref().map(|log| check::check(&log.summary, &trace));
        let checked = checked.unwrap_or_default();
        let row = case::row(&trace, &given, &checked);
        if let Some(path) = self.log.filter(|_| !checked.differences.is_empty()) {
            return Err(Fault::verification(format!(
                "{} is not the log of {}: {}",
                path.display(),
                self.times.display(),
                check::words(&checked.differences)
            ))
            .hint("give the log of the same call of trtexec, or import without --log")
            .into());
        }
        let layers = layers::rows(&engine, &engine_layers, profile.as_ref());
        Ok(Imported {
            figures: check::figures(&trace),
            rows: trace.samples.len(),
            file,
            trace,
            row,
            layers,
        })
    }
}

/// The last part of a path: folders of one machine are nobody else's matter.
fn file_name(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".to_owned();
    }
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn read_log(path: &Path) -> anyhow::Result<Log> {
    let file = std::fs::File::open(path)
        .map_err(|error| Fault::config(format!("cannot read {}", path.display())).because(error))?;
    let mut log = Log::default();
    lines::read(file, |line| {
        log.line(&line);
        true
    });
    if log.version.is_none() && log.settings.is_empty() && log.summary.queries.is_none() {
        return Err(Fault::config(format!("{} is not a log of trtexec", path.display()))
            .hint("--log takes what trtexec prints, with its first line `&&&& RUNNING …`")
            .into());
    }
    Ok(log)
}

/// The warm-up of versions that export its rows too, from `Duration: 30s (+ 500ms warm up)`.
fn warm_up_of(log: &Log) -> Option<Duration> {
    if log.version.is_none_or(|version| version >= WITHOUT_WARM_UP) {
        return None;
    }
    let (_, rest) = log.setting(&["Duration"])?.split_once("(+ ")?;
    let milliseconds = rest.split_once("ms warm up")?.0.trim().parse::<u32>().ok()?;
    Some(Duration::from_millis(u64::from(milliseconds)))
}

/// Rounds of one mode must not lie upon each other: every trace has its own zero, so a round that does not begin
/// after the one before is moved there, by whole seconds.
pub(crate) fn apart(imported: &mut [Imported]) {
    for place in 1..imported.len() {
        let (before, rest) = imported.split_at_mut(place);
        let one = &mut rest[0];
        let ends = before.iter().filter(|other| other.row.case == one.row.case);
        let Some(end) = ends.flat_map(|other| &other.trace.samples).map(|s| s.done_ns).max() else {
            continue;
        };
        let start = one.trace.samples.iter().map(|sample| sample.issue_ns).min().unwrap_or(end);
        let behind = ((end - start).max(0) + SECOND - 1) / SECOND * SECOND;
        for sample in &mut one.trace.samples {
            sample.issue_ns += behind;
            sample.done_ns += behind;
            sample.start_ns = sample.start_ns.map(|ns| ns + behind);
        }
        one.row.start_ns += behind;
    }
}
