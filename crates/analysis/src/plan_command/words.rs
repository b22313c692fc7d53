//! A plan as text and as JSON.

use super::pilot::Pilot;
use super::{Arguments, Plan, Way};
use crate::format::{number, percent};
use crate::report::model::{Cell, Table};
use crate::report::terminal;

/// The plan as a user reads it.
pub(super) fn text(args: &Arguments, pilot: &Pilot, plan: &Plan) -> String {
    let resolve = format!(
        "To know {} to ±{} (95 %, in nine of ten runs):\n{}",
        args.metric,
        percent(args.resolve.get()),
        table(&plan.resolve)
    );
    let one = plan.resolve.iter().any(|way| way.rounds == 1);
    let of_one = if one {
        "One round speaks of that run only: what rounds differ by is not in it.\n"
    } else {
        ""
    };
    let find = format!(
        "To find a regression of {} beyond a margin of {} with a power of {} (two cases, interleaved):\n{}",
        percent(args.find.get()),
        percent(args.margin.get()),
        percent(args.power),
        table(&plan.find)
    );
    format!("{}: {}\n\n{resolve}{of_one}\n{find}", args.metric, pilot.source.join("; "))
}

fn table(ways: &[Way]) -> String {
    if ways.is_empty() {
        return "  no plan is long enough: rounds differ by too much; fix the clocks first\n"
            .to_owned();
    }
    let cheapest = cheapest(ways);
    let mut table = Table::new("", &["Rounds#", "s a round#", "s in all#", ""]);
    for way in ways {
        let mark = if Some(way) == cheapest { "← shortest" } else { "" };
        let cells = [way.rounds.to_string(), number(way.seconds), number(way.total)];
        let mut row: Vec<Cell> = cells.into_iter().map(Cell::plain).collect();
        row.push(Cell::plain(mark));
        table.rows.push(row);
    }
    terminal::table(&table)
}

/// The shortest way that says something of the machine, not of one run only.
fn cheapest(ways: &[Way]) -> Option<&Way> {
    let several = ways.iter().filter(|way| way.rounds > 1);
    several.min_by(|a, b| a.total.total_cmp(&b.total))
}

/// The plan as a machine reads it.
pub(super) fn json(args: &Arguments, pilot: &Pilot, plan: &Plan) -> serde_json::Value {
    let ways = |ways: &[Way]| -> Vec<serde_json::Value> {
        ways.iter()
            .map(|way| {
                serde_json::json!({
                    "rounds": way.rounds,
                    "seconds_a_round": way.seconds,
                    "seconds_in_all": way.total,
                    "shortest": Some(way) == cheapest(ways),
                })
            })
            .collect()
    };
    serde_json::json!({
        "metric": args.metric.to_string(),
        "source": pilot.source,
        "rate": pilot.rate,
        "autocorrelation_time": pilot.time,
        "noise_within": pilot.noise.within,
        "round_sd": pilot.noise.between,
        "resolve": { "half_width": args.resolve.get(), "ways": ways(&plan.resolve) },
        "find": {
            "regression": args.find.get(),
            "margin": args.margin.get(),
            "power": args.power,
            "ways": ways(&plan.find),
        },
    })
}
