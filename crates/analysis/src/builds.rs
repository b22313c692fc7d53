//! Times to build an engine: cold, warm, from the store, and what warm saves. Pure.
//!
//! Warm is a build that starts from the timings of earlier ones. Backends whose builds have no timing cache
//! have no such build: beside cold rows of the same run, an engine served from the engine store counts as
//! warm there, and the estimator's name says so.

use pipeline::artifact::EngineRow;
use stats::compare::Ratio;
use stats::interval::of_mean;
use stats::{Confidence, Interval, Moments};

use crate::compare::paired;
use crate::load::Case;
use crate::metric::{Build, Metric};
use crate::summarize::{Asked, CaseSummary, Draft, ROUNDS_FOR_SCOPE};

/// Times of one kind for one engine, at least one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Times {
    pub(crate) kind: Build,
    /// Whether they are times of the engine store, although the kind is [`Build::Warm`].
    pub(crate) from_store: bool,
    /// Round and time in ns, in the order of the rows.
    pub(crate) rounds: Vec<(i64, i64)>,
}

impl Times {
    fn moments(&self) -> Option<Moments> {
        let times: Vec<i64> = self.rounds.iter().map(|&(_, time)| time).collect();
        Moments::of(&times)
    }

    /// Mean time and its interval, which needs three rounds.
    pub(crate) fn mean(&self, confidence: Confidence) -> Option<(f64, Interval)> {
        let moments = self.moments()?;
        let interval = if moments.n >= ROUNDS_FOR_SCOPE {
            let interval = of_mean(moments.mean, moments.sd, moments.n as f64, confidence);
            // a time is never negative
            Interval { lower: interval.lower.map(|lower| lower.max(0.0)), ..interval }
        } else {
            Interval::default()
        };
        Some((moments.mean, interval))
    }

    /// Mean time without an interval.
    pub(crate) fn plain_mean(&self) -> Option<f64> {
        self.moments().map(|moments| moments.mean)
    }

    /// Mean time of each round.
    pub(crate) fn by_round(&self) -> Vec<(i64, f64)> {
        let mut indices: Vec<i64> = self.rounds.iter().map(|&(round, _)| round).collect();
        indices.sort_unstable();
        indices.dedup();
        let mean = |round: i64| {
            let own = self.rounds.iter().filter(|&&(other, _)| other == round);
            let times: Vec<i64> = own.map(|&(_, time)| time).collect();
            Moments::of(&times).map(|moments| (round, moments.mean))
        };
        indices.into_iter().filter_map(mean).collect()
    }
}

/// The times of the engine with this key by kind; kinds without times are left out.
pub(crate) fn times(key: &str, engines: &[EngineRow]) -> Vec<Times> {
    let own = || engines.iter().filter(|row| row.engine_key == key && row.error.is_none());
    let of = |kind: Build, as_kind: Build| {
        let rows = own().filter(|row| Build::of_cache(&row.cache) == kind);
        let rounds: Vec<(i64, i64)> = rows.map(|row| (row.build_round, row.build_ns)).collect();
        let from_store = kind == Build::Store && as_kind == Build::Warm;
        (!rounds.is_empty()).then_some(Times { kind: as_kind, from_store, rounds })
    };
    let (cold, store) = (of(Build::Cold, Build::Cold), of(Build::Store, Build::Store));
    let stands_in = || cold.is_some().then(|| of(Build::Store, Build::Warm)).flatten();
    let warm = of(Build::Warm, Build::Warm).or_else(stands_in);
    [cold, warm, store].into_iter().flatten().collect()
}

/// Cold against warm for one engine.
#[derive(Clone, Debug)]
pub(crate) struct Saved<'a> {
    /// The first row of the engine.
    pub(crate) row: &'a EngineRow,
    pub(crate) cold: Times,
    pub(crate) warm: Times,
    /// Warm ÷ cold, paired over rounds, which needs three.
    pub(crate) ratio: Option<Ratio>,
}

/// Every engine that was built cold and warm, in the order of the rows.
pub(crate) fn saved(engines: &[EngineRow], confidence: Confidence) -> Vec<Saved<'_>> {
    let mut found: Vec<Saved<'_>> = Vec::new();
    for row in engines.iter().filter(|row| row.error.is_none()) {
        if found.iter().any(|saved| saved.row.engine_key == row.engine_key) {
            continue;
        }
        let times = times(&row.engine_key, engines);
        let of = |kind| times.iter().find(|times| times.kind == kind).cloned();
        let (Some(cold), Some(warm)) = (of(Build::Cold), of(Build::Warm)) else { continue };
        let ratio = paired(&warm.by_round(), &cold.by_round(), confidence);
        let ratio = ratio.filter(|ratio| ratio.rounds >= ROUNDS_FOR_SCOPE);
        found.push(Saved { row, cold, warm, ratio });
    }
    found
}

/// Times to build the engine of a case, from every build with the same key.
pub(crate) fn add(summary: &mut CaseSummary, case: &Case, engines: &[EngineRow], asked: &Asked) {
    let own = case.setup().and_then(|setup| {
        let built = |row: &&EngineRow| row.engine_digest == setup.engine_digest;
        engines.iter().filter(|row| !row.engine_digest.is_empty()).find(built)
    });
    if let Some(own) = own {
        add_times(summary, &times(&own.engine_key, engines), asked);
    }
}

/// Engines that were built cold and warm and that no case runs, each as a case without samples: `build-fp16`,
/// or `build-fp16-<digits of its key>` when there are several. Of a run without cases, every engine.
pub(crate) fn alone(cases: &[Case], engines: &[EngineRow], asked: &Asked) -> Vec<CaseSummary> {
    let built = || engines.iter().filter(|row| row.error.is_none());
    let runs = |key: &str| {
        let digests = engines.iter().filter(|row| row.engine_key == key);
        let mut digests = digests.map(|row| row.engine_digest.as_str());
        digests.any(|digest| {
            let setups = cases.iter().filter_map(Case::setup);
            setups.into_iter().any(|setup| setup.engine_digest == digest)
        })
    };
    let compared = |key: &str| {
        let times = times(key, engines);
        [Build::Cold, Build::Warm].iter().all(|kind| times.iter().any(|t| t.kind == *kind))
    };
    let mut firsts: Vec<&EngineRow> = Vec::new();
    for row in built().filter(|row| cases.is_empty() || compared(&row.engine_key)) {
        let known = firsts.iter().any(|first| first.engine_key == row.engine_key);
        if !known && !runs(&row.engine_key) {
            firsts.push(row);
        }
    }
    let name = |row: &EngineRow| {
        let same = |other: &&&EngineRow| other.precision_requested == row.precision_requested;
        let key: String = row.engine_key.chars().take(12).collect();
        let several = firsts.iter().filter(same).count() > 1;
        let key = if several { format!("-{key}") } else { String::new() };
        format!("build-{}{key}", row.precision_requested)
    };
    let summarize = |row: &&EngineRow| {
        let mut summary = CaseSummary::empty(name(row));
        add_times(&mut summary, &times(&row.engine_key, engines), asked);
        summary
    };
    firsts.iter().map(summarize).collect()
}

fn add_times(summary: &mut CaseSummary, times: &[Times], asked: &Asked) {
    for times in times {
        let Some((estimate, within)) = times.mean(asked.confidence) else { continue };
        let n = times.rounds.len();
        let draft = Draft {
            estimate,
            within,
            n,
            n_effective: Some(n as f64),
            estimator: if times.from_store { "mean, engine store" } else { "mean" }.to_owned(),
            missing: "an interval of a build time needs 3 builds".to_owned(),
        };
        summary.push(Metric::Build(times.kind), draft, times.by_round(), asked);
    }
}

#[cfg(test)]
mod tests;
