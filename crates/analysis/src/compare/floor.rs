//! The noise floor of a run: how far the same thing, measured twice in one interleave, differs from itself (A/A).
//! No difference below it is claimed. Pure.

use pipeline::artifact::CaseRow;
use stats::Confidence;

use super::{Side, ratio};
use crate::format::change;
use crate::metric::Metric;

/// What an A/A pair of cases shows for one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    /// The cases that are the same thing.
    pub cases: [String; 2],
    /// Their ratio.
    pub ratio: f64,
}

impl Floor {
    /// Whether a ratio is no further from 1 than that of the pair.
    pub fn hides(&self, ratio: f64) -> bool {
        libm::log(ratio).abs() <= libm::log(self.ratio).abs()
    }

    /// Why nothing is claimed, and what to do.
    pub fn words(&self) -> String {
        let [one, two] = &self.cases;
        format!(
            "not beyond the noise floor: {one} and {two} are the same thing and differ by {}; steady the machine, or take longer rounds",
            change(self.ratio)
        )
    }
}

/// Pairs of cases that run the same engine in the same way; the two that are being compared are no pair.
pub fn twins<'a>(all: &[Side<'a>], compared: [&str; 2]) -> Vec<(Side<'a>, Side<'a>)> {
    let mut pairs = Vec::new();
    for (k, &one) in all.iter().enumerate() {
        for &two in &all[k + 1..] {
            let own = [one, two].iter().all(|side| compared.contains(&side.case.name.as_str()));
            if !own && same(one.case.setup(), two.case.setup()) {
                pairs.push((one, two));
            }
        }
    }
    pairs
}

fn same(one: Option<&CaseRow>, two: Option<&CaseRow>) -> bool {
    let way = |row: &CaseRow| {
        let counts = (row.achieved_streams, row.batch, row.depth, row.achieved_threads);
        let flags = (row.achieved_graph, row.transfers, row.spinning);
        (row.engine_digest.clone(), row.backend.clone(), row.wait.clone(), counts, flags)
    };
    let (Some(one), Some(two)) = (one, two) else { return false };
    !one.engine_digest.is_empty() && way(one) == way(two)
}

/// The largest difference between twins; `None` without twins.
pub fn of(twins: &[(Side<'_>, Side<'_>)], metric: Metric, confidence: Confidence) -> Option<Floor> {
    let floors = twins.iter().filter_map(|(one, two)| {
        let ratio = ratio(two.summary, one.summary, metric, confidence)?.ratio;
        Some(Floor { cases: [one.case.name.clone(), two.case.name.clone()], ratio })
    });
    floors.max_by(|a, b| libm::log(a.ratio).abs().total_cmp(&libm::log(b.ratio).abs()))
}
