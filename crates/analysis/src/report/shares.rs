//! Data of the figures that tell how something is shared out: the distribution of times, and what streams got.

use std::collections::BTreeMap;

use stats::ecdf::Band;
use stats::fairness::jain;
use stats::{Estimator, Share};

use super::figures::{doubts, drawn, label, with_doubts};
use crate::analyse::Analysis;
use crate::format::percent;
use crate::load::Case;
use crate::metric::{Metric, Quantity, Statistic};
use crate::plot::Figure;
use crate::plot::ecdf::{self, Curve};
use crate::plot::fairness::{self, Row, Stream};
use crate::series::{Completions, StreamWindow, over_rounds};
use crate::summarize::CaseSummary;

/// Percentiles above it say little about the bulk, which the band is about.
const BULK: f64 = 95.0;

/// The distribution of the response of all modes.
pub fn ecdf(analysis: &Analysis) -> Option<Figure> {
    let confidence = analysis.config.confidence.0;
    let labels: Vec<String> =
        (0..analysis.verdicts.len()).map(|place| label(analysis, place)).collect();
    let curves: Vec<Curve<'_>> = drawn(analysis)
        .filter_map(|(place, _, summary)| {
            Some(Curve {
                case: &labels[place],
                place,
                sorted: &summary.series(Quantity::Response)?.sorted,
                band: effective(analysis, summary).and_then(|n| Band::new(n, confidence)),
            })
        })
        .collect();
    let figure = ecdf::figure(&curves, Quantity::Response.name(), &percent(confidence.get()))?;
    let places = curves.iter().map(|curve| curve.place);
    Some(with_doubts(figure, &doubts(analysis, places)))
}

/// The smallest effective number of samples of the percentiles of the bulk.
fn effective(analysis: &Analysis, summary: &CaseSummary) -> Option<f64> {
    let shares = analysis.config.percentiles.0.iter().copied();
    let bulk = shares.filter(|share| share.as_f64() * 100.0 < BULK);
    let n = bulk.filter_map(|share| {
        summary.row(Metric::Time(Quantity::Response, Statistic::Percentile(share)))?.n_effective
    });
    n.reduce(f64::min)
}

/// What each stream got, of modes with several.
pub fn streams(analysis: &Analysis) -> Option<Figure> {
    let (middle, tail) = (analysis.middle(), analysis.tail());
    let rows: Vec<Row> = drawn(analysis)
        .filter(|(_, case, _)| case.streams() > 1)
        .filter_map(|(place, case, _)| {
            let streams = per_stream(case, middle, tail);
            let rates: Vec<f64> = streams.iter().map(|stream| stream.rate).collect();
            let jain = jain(&rates)?;
            Some(Row { case: label(analysis, place), place, jain, streams })
        })
        .collect();
    let figure = fairness::figure(&rows, &middle.to_string(), &tail.to_string())?;
    let places = rows.iter().map(|row| row.place);
    Some(with_doubts(figure, &doubts(analysis, places)))
}

fn per_stream(case: &Case, middle: Share, tail: Share) -> Vec<Stream> {
    let rounds: Vec<Completions> = case.rounds.iter().filter_map(Completions::of).collect();
    let mut times: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for sample in case.rounds.iter().flat_map(|round| &round.steady) {
        times.entry(sample.stream).or_default().extend(Quantity::Response.of(sample));
    }
    for times in times.values_mut() {
        times.sort_unstable();
    }
    let of = |window: StreamWindow| {
        let times = times.get(&window.stream)?;
        let at = |share| Estimator::InverseCdf.of_sorted(times, share).map(|ns| ns as f64);
        let (stream, rate) = (window.stream, window.rate()?);
        Some(Stream { stream, rate, middle: at(middle)?, tail: at(tail)? })
    };
    over_rounds(&rounds.iter().collect::<Vec<_>>()).into_iter().filter_map(of).collect()
}
