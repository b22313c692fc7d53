//! Intervals of quantiles of any number of rows: one bit a row and percentile, in the order of the rows.
//!
//! Rows of a file that agree in `round` and `stream` (as far as it has these columns) are a series; the order in
//! the file is the order of time, as it is in samples. Which rows lie above the percentile makes a series of
//! bits, and its correlation gives the effective n ([`stats::indicator`]); ranks of the bounds follow from that as
//! everywhere else ([`stats::order`]).

use std::collections::BTreeMap;

use stats::indicator::{Bits, effective_n_of_bits};
use stats::{Confidence, Estimator, Share, order};

use super::scan::{Rows, Scan};
use super::select::{Found, Groups, settle};
use crate::workers::each;

/// The interval of one quantile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds<T = super::Number> {
    /// Lower bound; `None` when it cannot be had.
    pub lower: Option<T>,
    /// Upper bound; `None` when it cannot be had.
    pub upper: Option<T>,
    /// Independent values that tell as much about the share as these.
    pub n_effective: f64,
}

impl<T> Bounds<T> {
    /// The same with other values.
    pub(super) fn map<U>(self, to: impl Fn(T) -> U) -> Bounds<U>
    where
        T: Copy,
    {
        Bounds {
            lower: self.lower.map(&to),
            upper: self.upper.map(&to),
            n_effective: self.n_effective,
        }
    }
}

/// Neighbouring rows of one series within a row group.
struct Piece {
    unit: usize,
    file: usize,
    series: Vec<String>,
    /// One a share.
    bits: Vec<Bits>,
}

/// Rounds, each with its streams.
type Rounds = Vec<Vec<Bits>>;

/// Intervals of the quantiles of all groups; `groups` know the quantiles, and afterwards the bounds.
pub(super) fn bounds(
    scan: &Scan<'_>,
    groups: &mut Groups<Found>,
    shares: &[Share],
    confidence: Confidence,
) -> anyhow::Result<Groups<Vec<Bounds<i64>>>> {
    let effective = effective(scan, groups, shares)?;
    let ranks = |key: &[String], found: &Found| -> Vec<(Option<usize>, Option<usize>)> {
        let effective = effective.get(key).map_or(&[][..], Vec::as_slice);
        let pairs = shares.iter().zip(effective);
        pairs.map(|(&share, &n)| order::bounds(found.n() as usize, n, share, confidence)).collect()
    };
    settle(scan, groups, &|key, found| {
        let all = ranks(key, found).into_iter().flat_map(|(lower, upper)| [lower, upper]);
        all.flatten().map(|rank| rank as u64).collect()
    })?;
    let of_group = |(key, found): (&Vec<String>, &Found)| {
        let value = |rank: Option<usize>| found.at(rank? as u64);
        let effective = effective.get(key).map_or(&[][..], Vec::as_slice);
        let bounds = ranks(key, found).into_iter().zip(effective).map(|((lower, upper), &n)| {
            Bounds { lower: value(lower), upper: value(upper), n_effective: n }
        });
        (key.clone(), bounds.collect())
    };
    Ok(groups.iter().map(of_group).collect())
}

/// Effective n of every share of every group.
fn effective(
    scan: &Scan<'_>,
    groups: &Groups<Found>,
    shares: &[Share],
) -> anyhow::Result<Groups<Vec<f64>>> {
    let threshold = |found: &Found, share| {
        let rank = Estimator::InverseCdf.index(found.n() as usize, share)? as u64;
        found.at(rank)
    };
    let thresholds: Groups<Vec<i64>> = groups
        .iter()
        .map(|(key, found)| {
            (key.clone(), shares.iter().filter_map(|&share| threshold(found, share)).collect())
        })
        .collect();
    let scan = Scan { series: true, ..*scan };
    let parts = scan.all(Groups::<Vec<Piece>>::new, |own, rows| {
        let Some(thresholds) = thresholds.get(rows.group) else { return Ok(()) };
        if !own.contains_key(rows.group) {
            own.insert(rows.group.to_vec(), Vec::new());
        }
        if let Some(pieces) = own.get_mut(rows.group) {
            push(pieces, scan.dataset.units[rows.unit].file, rows, thresholds);
        }
        Ok(())
    })?;
    let mut all: Groups<Vec<Piece>> = Groups::new();
    for (key, mut pieces) in parts.into_iter().flatten() {
        all.entry(key).or_default().append(&mut pieces);
    }
    let joined: Vec<(Vec<String>, Vec<Rounds>)> =
        all.into_iter().map(|(key, pieces)| (key, rounds(pieces, shares.len()))).collect();
    let work: Vec<(usize, usize)> = (0..joined.len())
        .flat_map(|k| (0..joined[k].1.len()).map(move |share| (k, share)))
        .collect();
    let found = each(work.len(), |k| {
        let (group, share) = work[k];
        Ok(effective_n_of_bits(&joined[group].1[share]).n_effective)
    })?;
    let mut effective: Groups<Vec<f64>> = Groups::new();
    for ((group, _), n) in work.into_iter().zip(found) {
        effective.entry(joined[group].0.clone()).or_default().push(n);
    }
    Ok(effective)
}

fn push(pieces: &mut Vec<Piece>, file: usize, rows: &Rows<'_>, thresholds: &[i64]) {
    let fits = |piece: &Piece| piece.unit == rows.unit && piece.series == rows.series;
    if !pieces.last().is_some_and(fits) {
        let bits = vec![Bits::default(); thresholds.len()];
        pieces.push(Piece { unit: rows.unit, file, series: rows.series.to_vec(), bits });
    }
    if let Some(piece) = pieces.last_mut() {
        for (bits, &threshold) in piece.bits.iter_mut().zip(thresholds) {
            bits.push_above(rows.values, threshold);
        }
    }
}

/// For each share the rounds, each with its streams, joined from pieces in the order of the rows.
fn rounds(mut pieces: Vec<Piece>, shares: usize) -> Vec<Rounds> {
    // stable: pieces of one row group come from one thread, in order
    pieces.sort_by_key(|piece| piece.unit);
    let mut joined: BTreeMap<(usize, Vec<String>), Vec<Bits>> = BTreeMap::new();
    for piece in pieces {
        match joined.get_mut(&(piece.file, piece.series.clone())) {
            Some(all) => all.iter_mut().zip(&piece.bits).for_each(|(all, bits)| all.append(bits)),
            None => drop(joined.insert((piece.file, piece.series), piece.bits)),
        }
    }
    // the stream is the last word of a series: what agrees before it ran side by side
    let mut by_round: BTreeMap<(usize, Vec<String>), Vec<Vec<Bits>>> = BTreeMap::new();
    for ((file, mut series), bits) in joined {
        series.pop();
        by_round.entry((file, series)).or_default().push(bits);
    }
    let of_share = |share: usize| {
        let rounds = by_round.values();
        rounds.map(|streams| streams.iter().map(|bits| bits[share].clone()).collect()).collect()
    };
    (0..shares).map(of_share).collect()
}
