//! Planted faults get the right verdict, clean runs get VALID, and curves show what smaller faults get.

use pipeline::Verdict;
use pipeline::artifact::ValidationRow;

use super::check::{Bounds, Of, claim, point};
use super::machine::{Fault, Machine, Shape, verdict};
use super::random::Plan;

/// Checks faults, clean runs and curves.
pub(super) fn rows(plan: &Plan) -> Vec<ValidationRow> {
    let mut rows = Vec::new();
    for phi in [0.0, 0.5, 0.9] {
        for (name, fault) in faults() {
            let hits = tally(plan, name, plan.of_verdicts, Machine::usual(phi), fault);
            let setting = format!("5 rounds of 2,600 in 30 s, cv 0.5 %, φ = {phi}");
            let of = Of("a planted fault gets its verdict", &setting, name);
            rows.push(claim(of, (hits, plan.of_verdicts), Bounds::at_least(0.99)));
        }
    }
    for (setting, machine) in clean() {
        let hits = tally(plan, setting, plan.of_verdicts, machine, Fault::None);
        let wrong = (plan.of_verdicts - hits, plan.of_verdicts);
        let of = Of("a clean run gets another verdict than VALID", setting, "the case");
        rows.push(claim(of, wrong, Bounds::at_most(0.01)));
    }
    rows.extend(curves(plan));
    rows
}

fn faults() -> [(&'static str, Fault); 5] {
    [
        ("drift of 1 % over the window: UNSTABLE", Fault::Drift(0.01)),
        (
            "clock −5 % for 1 s, seen by the sensors: THROTTLED",
            Fault::Clock { share: 0.05, seconds: 1.0, told: true },
        ),
        (
            "clock −5 % for 1 s, not seen by the sensors: UNSTABLE",
            Fault::Clock { share: 0.05, seconds: 1.0, told: false },
        ),
        ("one stall of 20 ×: VALID, and labelled", Fault::Stall(20.0)),
        ("sampler dead for 2 s: UNCERTIFIED", Fault::Silence(2.0)),
    ]
}

fn clean() -> Vec<(&'static str, Machine)> {
    let usual = Machine::usual;
    vec![
        ("5 rounds of 2,600, cv 0.5 %, φ = 0", usual(0.0)),
        ("5 rounds of 2,600, cv 0.5 %, φ = 0.5", usual(0.5)),
        ("5 rounds of 2,600, cv 0.5 %, φ = 0.9", usual(0.9)),
        (
            "5 rounds of 2,600, cv 0.5 %, φ = 0.9, round sd 0.3 %",
            Machine { round_sd: 0.003, ..usual(0.9) },
        ),
        (
            "3 rounds of 4,333, cv 0.5 %, φ = 0.9, round sd 0.3 %",
            Machine { rounds: 3, per_round: 4_333, round_sd: 0.003, ..usual(0.9) },
        ),
        ("one block of 13,000, cv 0.5 %, φ = 0.9", Machine::block(0.9, Shape::Normal(0.005))),
        (
            "5 rounds of 2,600, log-normal with sd 2 %, φ = 0.5, round sd 0.3 %",
            Machine { shape: Shape::LogNormal(0.02), round_sd: 0.003, ..usual(0.5) },
        ),
        ("one block of 13,000, Pareto 5, φ = 0", Machine::block(0.0, Shape::Pareto(5.0))),
    ]
}

/// Runs that get the verdict which their fault deserves.
fn tally(plan: &Plan, name: &str, trials: u64, machine: Machine, fault: Fault) -> u64 {
    let name = format!("{name} {} {}", machine.phi, machine.round_sd);
    let [hits] = plan.tally(&name, trials, |dice| {
        let run = machine.run(dice, fault);
        let (judged, phases) = verdict(&run);
        let right = match fault {
            Fault::None => judged.verdict == Verdict::Valid,
            Fault::Drift(_) | Fault::Clock { told: false, .. } => {
                judged.verdict == Verdict::Unstable
            }
            Fault::Clock { .. } => judged.verdict == Verdict::Throttled,
            Fault::Stall(size) => {
                let seen = phases.severe > 0 && phases.slowest > 0.9 * size;
                judged.verdict == Verdict::Valid && seen
            }
            Fault::Silence(_) => judged.verdict == Verdict::Uncertified,
        };
        [u64::from(right)]
    });
    hits
}

/// Smaller faults, for each memory of the series.
fn curves(plan: &Plan) -> Vec<ValidationRow> {
    let clock = |share, seconds| Fault::Clock { share, seconds, told: false };
    let mut points: Vec<(&str, f64, Fault)> = Vec::new();
    for percent in [0.2, 0.4, 0.5, 0.6, 0.8, 1.0] {
        points.push(("drift over the window, in %", percent, Fault::Drift(percent / 100.0)));
    }
    for percent in [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0] {
        points.push(("clock lower for 1 s, not seen, in %", percent, clock(percent / 100.0, 1.0)));
    }
    for tenths in [1.0, 2.0, 4.0, 6.0, 8.0, 10.0] {
        let seconds = tenths / 10.0;
        points.push(("clock −5 %, not seen, in s", seconds, clock(0.05, seconds)));
    }
    for size in [1.02, 1.05, 1.2, 2.0, 5.0, 20.0] {
        points.push(("one stall, times as long", size, Fault::Stall(size)));
    }
    for seconds in [1.0, 1.4, 1.6, 2.0] {
        points.push(("sampler dead, in s", seconds, Fault::Silence(seconds)));
    }
    if plan.of_curve == 0 {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for (name, x, fault) in points {
        for phi in [0.0, 0.5, 0.9] {
            let hits =
                tally(plan, &format!("{name} {x}"), plan.of_curve, Machine::usual(phi), fault);
            let setting = format!("5 rounds of 2,600 in 30 s, cv 0.5 %, φ = {phi}");
            rows.push(point(Of("detection", &setting, name), x, (hits, plan.of_curve)));
        }
    }
    rows
}
