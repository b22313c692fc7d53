//! The fixed words of the report: explanations, commands, glossary.

use pipeline::Provenance;

use super::model::Block;
use crate::analyse::Analysis;
use crate::format::percent;
use crate::metric::Quantity;

/// Opens the section on response times.
pub const RESPONSE: &str = "From the moment an inference was due to the moment its answer was seen, queueing included. Modes with different numbers of streams compare by this and by throughput, not by compute time.";

/// Says that the table of results holds for the response too; `None` when the two times differ.
pub fn response_is_compute(analysis: &Analysis) -> Option<String> {
    let same = analysis.summaries.iter().all(|summary| {
        let compute = summary.series(Quantity::Compute).map(|series| &series.sorted);
        compute == summary.series(Quantity::Response).map(|series| &series.sorted)
    });
    same.then(|| {
        "On this backend the call returns with the answer: response and compute are the same interval, and the table above holds for both.".to_owned()
    })
}

/// The footnote on overlapping streams; `None` when no mode has several.
pub fn overlapped(analysis: &Analysis) -> Option<String> {
    let any = analysis.run.cases.iter().any(|case| case.streams() > 1 && !case.rounds.is_empty());
    any.then(|| {
        "† Overlapped: several streams share the device, so their compute intervals overlap in time. Compare such a mode by throughput and response only.".to_owned()
    })
}

/// How the comparison was judged; `None` when there is none.
pub fn comparison(analysis: &Analysis) -> Option<String> {
    let row = analysis.comparison.first()?;
    Some(format!(
        "Paired over {} rounds, {} confidence. SAME: within ± {}, by two one-sided tests. FASTER or SLOWER: the whole interval lies beyond that margin. All metrics are in `comparison.parquet`.",
        row.rounds,
        percent(row.confidence),
        percent(row.margin),
    ))
}

/// Commands that make the run and this report again; `measured` is the provenance of the samples.
pub fn reproduce(measured: &Provenance, provenance: &Provenance) -> Vec<Block> {
    let files = imported(measured);
    if !files.is_empty() {
        return vec![
            Block::Text("RUN is the folder of this report. Its samples were imported; what the files were is in the environment above, and `pipeline.toml` is what the analysis was asked.".to_owned()),
            Block::Code(format!(
                "analysis import trtexec{files} --run RUN\nanalysis run --run RUN        # this report again\nanalysis verify RUN           # every number again, compared bit for bit"
            )),
        ];
    }
    let revision = provenance.get("git.revision").unwrap_or("unknown");
    let commit = revision.trim_end_matches("-dirty");
    let checkout =
        if commit == "unknown" { String::new() } else { format!("git checkout {commit}\n") };
    let commands = format!(
        "{checkout}cargo xtask pipeline RUN/pipeline.toml\nanalysis run --run RUN        # this report again\nanalysis verify RUN           # every number again, compared bit for bit"
    );
    let mut text = "RUN is the folder of this report; `pipeline.toml` in it is what was run, overrides included.".to_owned();
    if revision.ends_with("-dirty") {
        text.push_str(" The working tree had changes that the revision does not hold.");
    }
    vec![Block::Text(text), Block::Code(commands)]
}

/// ` --mode NAME=FILE …` of an imported run; empty for any other.
fn imported(measured: &Provenance) -> String {
    let mode = |(key, value): (&str, &str)| {
        let (mode, round) = key.strip_prefix("import.")?.rsplit_once('.')?;
        round.parse::<u32>().ok()?;
        Some(format!(" --mode {mode}={}", value.split(", SHA-256 ").next()?))
    };
    measured.iter().filter_map(mode).collect()
}

/// Columns and verdicts, in the order in which a reader meets them.
const TERMS: [(&str, &str); 19] = [
    (
        "mode",
        "How inferences are issued: `base` is one stream, `streams-N` N streams with a host thread each, `cuda-graph` replays a captured graph.",
    ),
    (
        "throughput",
        "Inferences a second: for each stream what it completed, divided by its own window, added up.",
    ),
    (
        "compute",
        "Time of the inference itself: between GPU events around it, or the wall time of the call on a CPU backend.",
    ),
    ("response", "Completion minus the moment the inference was due (closed loop: minus issue)."),
    ("latency", "Copy in + compute + copy out, as trtexec adds them."),
    ("enqueue", "Host time inside the call that hands the inference to the device."),
    (
        "p50, p90, p99, p99.9",
        "The smallest time within which at least that share of inferences was done.",
    ),
    (
        "small print below a number",
        "Its interval: where the true value lies, at the stated confidence. With three rounds or more it also covers how rounds differ.",
    ),
    (
        "n",
        "Inferences behind a number. Effective n: independent ones that would tell as much, since neighbours resemble each other.",
    ),
    ("round", "One visit to a mode. Modes take turns, so a drift of the machine hits all alike."),
    ("VALID", "Nothing below applies."),
    (
        "TOO-SHORT",
        "There are too few inferences for a bound on this number. The number stands; how sure it is does not.",
    ),
    ("UNSTABLE", "Rounds differ by more than 1 %, or the steady part still drifts."),
    ("THROTTLED", "The clock was held down while samples were taken."),
    ("UNCERTIFIED", "Clocks or throttling could not be observed where the platform offers them."),
    ("FAILED", "A wrong answer, an error, or numbers that contradict each other."),
    ("SKIPPED", "The backend cannot do this mode."),
    (
        "SAME, FASTER, SLOWER, UNDECIDED",
        "The answer of a comparison at its margin; UNDECIDED when the data show none of the others.",
    ),
    (
        "HOLDS, FAILS, UNDECIDED, NOT-APPLICABLE",
        "The answer to a claim: the whole interval says so, or the opposite, or neither; NOT-APPLICABLE when a side of it was not measured, or its condition does not hold here.",
    ),
];

/// Columns and verdicts.
pub fn glossary() -> Vec<(String, String)> {
    TERMS.iter().map(|(term, meaning)| ((*term).to_owned(), (*meaning).to_owned())).collect()
}
