//! What the report says of builds, cold against warm.

use super::model::{Cell, Line, Table, Tone};
use crate::analyse::Analysis;
use crate::builds::{self, Saved, Times};
use crate::format::{duration, number, percent, with_bounds};

/// What a warm build costs of a cold one, for every engine that was built both ways.
pub fn lines(analysis: &Analysis) -> Vec<Line> {
    let line = |saved: &Saved<'_>| {
        let means = saved.warm.plain_mean().zip(saved.cold.plain_mean())?;
        let (ratio, bounds) = match saved.ratio {
            Some(ratio) => {
                let written = with_bounds(ratio.ratio, Some(ratio.lower), Some(ratio.upper), 1.0);
                (written.estimate, format!("{}, {} rounds", written.bounds, ratio.rounds))
            }
            None => (number(means.0 / means.1), "an interval needs 3 rounds".to_owned()),
        };
        let how = if saved.warm.from_store {
            "comes from the engine store in"
        } else {
            "is built with the timing cache in"
        };
        let (warm, cold) = (duration(means.0), duration(means.1));
        let name = format!("{} {}", saved.row.backend, saved.row.precision_requested);
        let text =
            format!("`{name}` {how} {warm}, is built cold in {cold}: {ratio} of it ({bounds}).");
        Some(Line { tone: Tone::Plain, text })
    };
    let saved = builds::saved(&analysis.run.engines, analysis.config.confidence.0);
    saved.iter().filter_map(line).collect()
}

/// One row an engine that was built cold and warm.
pub fn table(analysis: &Analysis) -> Table {
    let titles = [
        "Engine",
        "Rounds#",
        "Cold build (ms)#",
        "Warm build (ms)#",
        "Warm ÷ cold#",
        "Warm is",
        "Timings from the cache#",
    ];
    let confidence = analysis.config.confidence.0;
    let caption = format!(
        "Builds, cold against warm; below each number its {} interval over rounds",
        percent(confidence.get())
    );
    let mut table = Table::new(caption, &titles);
    for saved in builds::saved(&analysis.run.engines, confidence) {
        let time = |times: &Times| {
            times.mean(confidence).map_or_else(Cell::none, |(mean, interval)| {
                let written = with_bounds(mean, interval.lower, interval.upper, 1e-6);
                Cell::plain(written.estimate).with_detail(written.bounds)
            })
        };
        table.rows.push(vec![
            Cell::plain(format!("{} {}", saved.row.backend, saved.row.precision_requested)),
            Cell::plain(saved.cold.by_round().len().to_string()),
            time(&saved.cold),
            time(&saved.warm),
            ratio(&saved),
            Cell::plain(if saved.warm.from_store {
                "served from the engine store"
            } else {
                "built with the timing cache"
            }),
            hits(analysis, &saved),
        ]);
    }
    table
}

/// Warm ÷ cold with its interval, or what the interval needs.
fn ratio(saved: &Saved<'_>) -> Cell {
    if let Some(ratio) = saved.ratio {
        let written = with_bounds(ratio.ratio, Some(ratio.lower), Some(ratio.upper), 1.0);
        return Cell::plain(written.estimate).with_detail(written.bounds);
    }
    let plain = saved.warm.plain_mean().zip(saved.cold.plain_mean());
    plain.map_or_else(Cell::none, |(warm, cold)| {
        Cell::plain(number(warm / cold)).with_detail("an interval needs 3 rounds")
    })
}

/// What share of the timings the warm builds found in the cache, where the library tells.
fn hits(analysis: &Analysis, saved: &Saved<'_>) -> Cell {
    let warm = analysis.run.engines.iter().filter(|row| {
        row.engine_key == saved.row.engine_key && row.cache == "warm" && row.error.is_none()
    });
    let counts: Vec<(i64, i64)> =
        warm.filter_map(|row| Some((row.cache_hits?, row.cache_misses?))).collect();
    if counts.is_empty() {
        return Cell::plain("not told");
    }
    let hits: i64 = counts.iter().map(|(hits, _)| hits).sum();
    let all: i64 = counts.iter().map(|(hits, misses)| hits + misses).sum();
    Cell::plain(format!("{hits} of {all}"))
}

/// What the table of builds means; `None` when no engine was built cold and warm.
pub fn words(analysis: &Analysis) -> Option<String> {
    let saved = builds::saved(&analysis.run.engines, analysis.config.confidence.0);
    let any_from_store = saved.iter().any(|saved| saved.warm.from_store);
    let first = saved.first()?;
    let rounds = first.cold.by_round().len();
    let mut text = format!(
        "Cold is a build as if nothing had been built before, warm one that starts from the timings of an earlier one. The two of a round are a pair, and the order alternates between rounds ({rounds} here)."
    );
    if any_from_store {
        text.push_str(
            " Builds of this backend have no timing cache: warm is the engine served from the engine store.",
        );
    }
    Some(text)
}
