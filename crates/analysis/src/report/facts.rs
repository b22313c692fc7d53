//! The tables of what stood behind the measurement: modes, engines, verification, environment.

use pipeline::Verdict;
use pipeline::artifact::{CaseRow, EngineRow, VerifyRow};

use super::model::{Cell, Table, Tone};
use super::tables;
use crate::analyse::Analysis;
use crate::format::{bytes, count, duration, number, percent};
use crate::load::Case;

/// One row a case that ran: what was asked and what happened.
pub fn setup(analysis: &Analysis) -> Table {
    let titles = [
        "Mode",
        "Streams",
        "Graph",
        "Precision",
        "Threads",
        "Depth",
        "Copies",
        "Inferences#",
        "Warm-up#",
        "At once#",
        "Outputs checked",
    ];
    let mut table =
        Table::new("What each mode asked for → what happened, when it differs", &titles);
    for (place, case) in analysis.run.cases.iter().enumerate() {
        let Some(row) = case.setup().filter(|_| case.skipped().is_none()) else { continue };
        let mut cells = vec![tables::mode(analysis, place)];
        cells.extend(asked_and_achieved(row).map(Cell::plain));
        cells.extend(counted(case));
        table.rows.push(cells);
    }
    table
}

/// Streams, graph, precision, threads, depth and copies of a case.
fn asked_and_achieved(row: &CaseRow) -> [String; 6] {
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let threads = |n: Option<i64>| n.map_or_else(|| "–".to_owned(), |n| n.to_string());
    let pair = |asked: String, got: String| {
        if asked == got { asked } else { format!("{asked} → {got}") }
    };
    [
        pair(row.requested_streams.to_string(), row.achieved_streams.to_string()),
        pair(yes(row.requested_graph), yes(row.achieved_graph)),
        pair(row.requested_precision.clone(), row.achieved_precision.clone()),
        pair(threads(row.requested_threads), threads(row.achieved_threads)),
        row.depth.to_string(),
        if row.transfers { "inside" } else { "none" }.to_owned(),
    ]
}

/// Inferences, warm-up, mean number under way at once, and whether every round was checked.
fn counted(case: &Case) -> [Cell; 4] {
    let steady: usize = case.rounds.iter().map(|round| round.steady.len()).sum();
    let warm_up: usize = case.rounds.iter().map(|round| round.warm_up.len()).sum();
    let at_once: Vec<f64> = case.rows.iter().filter_map(|row| row.concurrency).collect();
    let mean = at_once.iter().sum::<f64>() / at_once.len().max(1) as f64;
    let checked = case.rows.iter().filter(|row| row.n > 0).all(|row| row.outputs_checked);
    [
        Cell::plain(count(steady as u64)),
        Cell::plain(count(warm_up as u64)),
        if at_once.is_empty() { Cell::none() } else { Cell::plain(number(mean)) },
        Cell::plain(if checked { "yes" } else { "no" }),
    ]
}

/// One row a build.
pub fn engines(analysis: &Analysis) -> Table {
    let titles = [
        "Engine",
        "Backend",
        "Precision",
        "Share at it#",
        "Cache",
        "Time here#",
        "Time of the build#",
        "Size#",
    ];
    let mut table =
        Table::new("Engines: precision asked → achieved, and where the engine came from", &titles);
    for row in &analysis.run.engines {
        table.rows.push(engine(row));
    }
    table
}

fn engine(row: &EngineRow) -> Vec<Cell> {
    let digest: String = row.engine_digest.chars().take(12).collect();
    let name = match &row.error {
        Some(error) => Cell::tag("FAILED", Tone::Bad).with_detail(error.clone()),
        None => Cell::plain(format!("`{digest}`")),
    };
    let precision = if row.precision_requested == row.precision_achieved {
        row.precision_requested.clone()
    } else {
        format!("{} → {}", row.precision_requested, row.precision_achieved)
    };
    let hits = match (row.cache_hits, row.cache_misses) {
        (Some(hits), Some(misses)) => format!("{hits} hits, {misses} misses"),
        _ => String::new(),
    };
    vec![
        name,
        Cell::plain(format!("{} {}", row.backend, row.backend_version)),
        Cell::plain(precision),
        row.precision_share.map_or_else(Cell::none, |share| Cell::plain(percent(share))),
        Cell::plain(row.cache.clone()).with_detail(hits),
        Cell::plain(duration(row.build_ns as f64)),
        Cell::plain(duration(row.original_build_ns as f64)),
        Cell::plain(bytes(row.bytes)),
    ]
}

/// Verification, the input sets of one output together: the worst of each.
pub fn verification(analysis: &Analysis) -> Table {
    let titles = [
        "Model",
        "Engine",
        "Against",
        "Output",
        "Inputs#",
        "Largest error#",
        "ULP#",
        "Passes at#",
        "Allowed#",
        "Least cosine#",
        "Top-1 agree#",
        "NaN#",
        "Verdict",
    ];
    let mut table = Table::new(
        "The model's answers against an independent reference; what it passes at and what is allowed are relative to the output's scale",
        &titles,
    );
    let groups = VerifyRow::by_output(&analysis.run.verify);
    table.rows.extend(groups.iter().map(|group| verified(analysis, group)));
    table
}

fn verified(analysis: &Analysis, group: &[&VerifyRow]) -> Vec<Cell> {
    let tightest = VerifyRow::tightest(group).unwrap_or(group[0]);
    let rows = || group.iter();
    let worst = rows().map(|row| row.verdict).max().unwrap_or(Verdict::Valid);
    let agree: Vec<bool> = rows().filter_map(|row| row.top1_agree).collect();
    let agreed = agree.iter().filter(|&&agree| agree).count();
    let cosine = rows().filter_map(|row| row.cosine).reduce(f64::min);
    let nan: i64 = rows().map(|row| row.nan_count + row.inf_count).sum();
    let ulp = rows().filter_map(|row| row.ulp).reduce(f64::max);
    let why = rows().flat_map(|row| &row.reasons).next().cloned().unwrap_or_default();
    let [passes, allowed] = tolerances(tightest);
    vec![
        Cell::plain(model_name(analysis, tightest)),
        Cell::plain(tightest.engine.clone()),
        Cell::plain(tightest.reference.clone()),
        Cell::plain(format!("`{}`", tightest.output)),
        Cell::plain(group.len().to_string()),
        Cell::plain(scientific(rows().map(|row| row.max_abs).fold(0.0, f64::max))),
        ulp.map_or_else(Cell::none, |ulp| Cell::plain(format!("{ulp:.1}"))),
        passes,
        allowed,
        cosine.map_or_else(Cell::none, |cosine| Cell::plain(format!("{cosine:.8}"))),
        if agree.is_empty() {
            Cell::none()
        } else {
            Cell::plain(format!("{agreed} of {}", agree.len()))
        },
        Cell::plain(nan.to_string()),
        Cell::tag(worst.to_string(), Tone::of(worst)).with_detail(why),
    ]
}

/// What a group passes at and what it is allowed, both of its tightest row: what is allowed may differ by input set.
fn tolerances(tightest: &VerifyRow) -> [Cell; 2] {
    let given = if tightest.tolerance_from == "given" { "given by the user" } else { "" };
    let least = tightest.minimum_tolerance;
    [
        least.map_or_else(Cell::none, |least| Cell::plain(scientific(least))),
        Cell::plain(scientific(tightest.relative_tolerance)).with_detail(given),
    ]
}

fn model_name(analysis: &Analysis, row: &VerifyRow) -> String {
    let model = analysis.run.models.iter().find(|model| model.model_digest == row.model_digest);
    let name = model.map_or_else(
        || row.model_digest.chars().take(12).collect::<String>(),
        |model| model.name.clone(),
    );
    format!("{name} {}", row.precision)
}

/// `1.8e-5`
fn scientific(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

/// What the run's footer says of program, host and libraries.
pub fn environment(analysis: &Analysis) -> Table {
    let mut table = Table::new("Where the samples were taken", &["Fact", "Value"]);
    let setup = analysis.run.cases.iter().find_map(|case| case.setup());
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            table.rows.push(vec![Cell::plain(name), Cell::plain(value)]);
        }
    };
    if let Some(row) = setup {
        add("device", &row.device);
        add("backend", &row.backend);
        add("completion seen by", &row.wait);
        add("step of the clock", &duration(row.clock_quantum_ns as f64));
        add("model", &row.model_digest.chars().take(12).collect::<String>());
    }
    let loads: Vec<f64> = analysis
        .run
        .cases
        .iter()
        .flat_map(|case| case.rows.iter().filter_map(|row| row.host_load))
        .collect();
    if let (Some(low), Some(high)) =
        (loads.iter().copied().reduce(f64::min), loads.iter().copied().reduce(f64::max))
    {
        add("load average at the start of rounds", &format!("{} to {}", number(low), number(high)));
    }
    // the command line holds paths of the machine; the way to repeat the run stands in its own section
    let hidden = |key: &str| {
        key == "argv"
            || key.starts_with("tailmark.artifact")
            || key == "tailmark.version-of-artifact"
    };
    for (key, value) in analysis.run.provenance.iter().filter(|(key, _)| !hidden(key)) {
        add(key, value);
    }
    table
}
