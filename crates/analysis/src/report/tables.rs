//! The tables of the report, row by row from the analysis.

use pipeline::Verdict;
use pipeline::artifact::{CaseRow, ComparisonRow, EngineRow, SummaryRow, VerifyRow};

use super::model::{Cell, Table, Tone};
use crate::analyse::Analysis;
use crate::claims::NOT_TESTED;
use crate::format::{bytes, change, change_range, count, duration, number, percent, with_bounds};
use crate::load::Case;
use crate::metric::{Metric, Quantity, Statistic};

/// One row a mode: throughput, mean and percentiles of a time, verdict.
pub fn results(analysis: &Analysis, quantity: Quantity) -> Table {
    let shares = &analysis.config.percentiles.0;
    let mut titles =
        vec!["Mode".to_owned(), "Throughput (1/s)#".to_owned(), "Mean (ms)#".to_owned()];
    titles.extend(shares.iter().map(|share| format!("{share} (ms)#")));
    titles.push("Verdict".to_owned());
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let confidence = percent(analysis.config.confidence.0.get());
    let caption = format!(
        "Throughput and {} time of each mode; below each number its {confidence} interval",
        quantity.name()
    );
    let mut table = Table::new(caption, &titles);
    let time = |statistic| Metric::Time(quantity, statistic);
    let mut metrics = vec![Metric::Throughput, time(Statistic::Mean)];
    metrics.extend(shares.iter().map(|&share| time(Statistic::Percentile(share))));
    for (place, (case, summary)) in analysis.run.cases.iter().zip(&analysis.summaries).enumerate() {
        let several = case.streams() > 1 && !case.rounds.is_empty();
        let mark = if several && !quantity.compares_across_streams() { " †" } else { "" };
        let mut row = vec![Cell {
            text: format!("{}{mark}", case.name),
            mode: Some(place),
            ..Cell::default()
        }];
        row.extend(metrics.iter().map(|&metric| {
            summary.row(metric).map_or_else(Cell::none, |row| estimate(row, metric))
        }));
        row.push(verdict(analysis, place));
        table.rows.push(row);
    }
    table
}

/// An estimate with its bounds, marked when they cannot be had.
fn estimate(row: &SummaryRow, metric: Metric) -> Cell {
    let Some(value) = row.estimate else { return Cell::none() };
    let scale = if metric == Metric::Throughput { 1.0 } else { 1e-6 };
    let written = with_bounds(value, row.lower, row.upper, scale);
    let short = row.verdict == Verdict::TooShort;
    Cell {
        text: written.estimate,
        tag: short.then(|| (row.verdict.to_string(), Tone::Warn)),
        detail: written.bounds,
        mode: None,
    }
}

/// The verdict of a case; of a skipped one with the reason.
fn verdict(analysis: &Analysis, place: usize) -> Cell {
    let judged = &analysis.verdicts[place];
    let cell = Cell::tag(judged.verdict.to_string(), Tone::of(judged.verdict));
    if judged.verdict == Verdict::Skipped {
        cell.with_detail(judged.reasons.first().map_or("", String::as_str))
    } else {
        cell
    }
}

/// One row a mode, one column a metric: change against the baseline and the word on it.
pub fn comparison(analysis: &Analysis) -> Table {
    let (middle, tail) = (analysis.middle(), analysis.tail());
    let percentile = |quantity, share| Metric::Time(quantity, Statistic::Percentile(share));
    let mut metrics = vec![
        Metric::Throughput,
        Metric::Time(Quantity::Response, Statistic::Mean),
        percentile(Quantity::Response, middle),
        percentile(Quantity::Response, tail),
        percentile(Quantity::Compute, middle),
        percentile(Quantity::Enqueue, middle),
    ];
    metrics.dedup();
    metrics.retain(|metric| {
        let name = metric.to_string();
        analysis.comparison.iter().any(|row| row.metric == name)
    });
    let names: Vec<String> = metrics.iter().map(|metric| format!("{metric}#")).collect();
    let titles: Vec<&str> =
        std::iter::once("Mode").chain(names.iter().map(String::as_str)).collect();
    let baseline = analysis.config.baseline.as_str();
    let mut table = Table::new(
        format!("Change of each mode against `{baseline}`, paired round by round"),
        &titles,
    );
    for (place, case) in analysis.run.cases.iter().enumerate() {
        if !analysis.comparison.iter().any(|row| row.case == case.name) {
            continue;
        }
        let mut row = vec![Cell { text: case.name.clone(), mode: Some(place), ..Cell::default() }];
        row.extend(metrics.iter().map(|metric| {
            let found = analysis.comparison_of(&case.name, &metric.to_string());
            found.map_or_else(Cell::none, judged)
        }));
        table.rows.push(row);
    }
    table
}

fn judged(row: &ComparisonRow) -> Cell {
    let detail = match (row.lower, row.upper) {
        (Some(lower), Some(upper)) => change_range(lower, upper),
        _ => row.reasons.first().cloned().unwrap_or_default(),
    };
    Cell {
        text: row.ratio.map_or_else(|| "–".to_owned(), change),
        tag: Some((row.verdict.clone(), Tone::of_word(&row.verdict))),
        detail,
        mode: None,
    }
}

/// One row a claim.
pub fn claims(analysis: &Analysis) -> Table {
    let titles = ["Claim", "Answer", "Left ÷ right#", "Why"];
    let mut table = Table::new("Claims of the pipeline file, asked of this run", &titles);
    for row in &analysis.claims {
        let ratio = match row.ratio {
            Some(ratio) if row.verdict != NOT_TESTED => {
                let written = with_bounds(ratio, row.lower, row.upper, 1.0);
                Cell::plain(written.estimate).with_detail(written.bounds)
            }
            _ => Cell::none(),
        };
        table.rows.push(vec![
            Cell::plain(format!("`{}`", row.claim)),
            Cell::tag(row.verdict.clone(), Tone::of_word(&row.verdict)),
            ratio,
            Cell::plain(row.reasons.join("; ")),
        ]);
    }
    table
}

/// One row a case: verdict, reasons, notes.
pub fn verdicts(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "How far each mode may be trusted",
        &["Mode", "Verdict", "Why, and what to do", "Notes"],
    );
    for (place, judged) in analysis.verdicts.iter().enumerate() {
        let why = if judged.reasons.is_empty() {
            "nothing to object".to_owned()
        } else {
            judged.reasons.join("; ")
        };
        table.rows.push(vec![
            Cell { text: judged.case.clone(), mode: Some(place), ..Cell::default() },
            Cell::tag(judged.verdict.to_string(), Tone::of(judged.verdict)),
            Cell::plain(why),
            Cell::plain(judged.notes.join("; ")),
        ]);
    }
    table
}

/// What is TOO-SHORT and what it needs; of compute and response, which the tables show. `None` when nothing is.
pub fn too_short(analysis: &Analysis) -> Option<Vec<String>> {
    let shown = |row: &&SummaryRow| {
        row.metric == "throughput"
            || row.metric.starts_with("compute/p")
            || row.metric.starts_with("response/p")
    };
    let rows = analysis.summaries.iter().flat_map(|summary| &summary.rows);
    let mut points: Vec<(String, String, Vec<String>)> = Vec::new();
    for row in rows.filter(|row| row.verdict == Verdict::TooShort).filter(shown) {
        let why = row.reasons.join("; ");
        match points.iter_mut().find(|(case, reason, _)| *case == row.case && *reason == why) {
            Some((_, _, metrics)) => metrics.push(row.metric.clone()),
            None => points.push((row.case.clone(), why, vec![row.metric.clone()])),
        }
    }
    let written: Vec<String> = points
        .into_iter()
        .map(|(case, why, metrics)| {
            format!("`{case}`, {}: TOO-SHORT: {why}.", metrics.join(" and "))
        })
        .collect();
    (!written.is_empty()).then_some(written)
}

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
        let mut cells =
            vec![Cell { text: case.name.clone(), mode: Some(place), ..Cell::default() }];
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
        "Tolerance#",
        "Least cosine#",
        "Top-1 agree#",
        "NaN#",
        "Verdict",
    ];
    let mut table = Table::new("The model's answers against an independent reference", &titles);
    let mut groups: Vec<Vec<&VerifyRow>> = Vec::new();
    for row in &analysis.run.verify {
        let same = |other: &VerifyRow| {
            (&other.model_digest, &other.engine, &other.reference, &other.output)
                == (&row.model_digest, &row.engine, &row.reference, &row.output)
        };
        match groups.iter_mut().find(|group| same(group[0])) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    for group in groups {
        let first = group[0];
        let worst = group.iter().map(|row| row.verdict).max().unwrap_or(Verdict::Valid);
        let agree: Vec<bool> = group.iter().filter_map(|row| row.top1_agree).collect();
        let cosine = group.iter().filter_map(|row| row.cosine).reduce(f64::min);
        let nan: i64 = group.iter().map(|row| row.nan_count + row.inf_count).sum();
        let why: Vec<&str> =
            group.iter().flat_map(|row| &row.reasons).map(String::as_str).take(1).collect();
        table.rows.push(vec![
            Cell::plain(model_name(analysis, first)),
            Cell::plain(first.engine.clone()),
            Cell::plain(first.reference.clone()),
            Cell::plain(format!("`{}`", first.output)),
            Cell::plain(group.len().to_string()),
            Cell::plain(scientific(group.iter().map(|row| row.max_abs).fold(0.0, f64::max))),
            Cell::plain(scientific(
                group.iter().map(|row| row.tolerance).fold(f64::INFINITY, f64::min),
            )),
            cosine.map_or_else(Cell::none, |cosine| Cell::plain(format!("{cosine:.8}"))),
            if agree.is_empty() {
                Cell::none()
            } else {
                let yes = agree.iter().filter(|&&agree| agree).count();
                Cell::plain(format!("{yes} of {}", agree.len()))
            },
            Cell::plain(nan.to_string()),
            Cell::tag(worst.to_string(), Tone::of(worst)).with_detail(why.join("")),
        ]);
    }
    table
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
