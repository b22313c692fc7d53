//! One line of the proof: a share of trials, its Monte Carlo error, and what it must be.

use pipeline::artifact::ValidationRow;

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A promise of the method: it holds or the proof fails.
    Claim,
    /// What another rule does on the same simulated runs.
    Peer,
    /// A point of a curve.
    Curve,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Peer => "peer",
            Self::Curve => "curve",
        }
    }
}

/// What a share of trials must lie between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds(pub(super) f64, pub(super) f64);

impl Bounds {
    /// At least this share.
    pub(super) fn at_least(share: f64) -> Self {
        Self(share, 1.0)
    }

    /// At most this share.
    pub(super) fn at_most(share: f64) -> Self {
        Self(0.0, share)
    }
}

/// Where a share was seen: claim, setting and metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'a>(pub(super) &'a str, pub(super) &'a str, pub(super) &'a str);

/// A share of trials that must lie between bounds.
pub(super) fn claim(of: Of<'_>, (hits, trials): (u64, u64), bounds: Bounds) -> ValidationRow {
    ValidationRow {
        low: Some(bounds.0),
        high: Some(bounds.1),
        verdict: judged(hits, trials, bounds).to_owned(),
        ..line(of, Kind::Claim, (hits, trials))
    }
}

/// A share of trials that is only told.
pub(super) fn line(of: Of<'_>, kind: Kind, (hits, trials): (u64, u64)) -> ValidationRow {
    let figure = hits as f64 / trials.max(1) as f64;
    ValidationRow {
        claim: of.0.to_owned(),
        setting: of.1.to_owned(),
        metric: of.2.to_owned(),
        kind: kind.as_str().to_owned(),
        x: None,
        figure,
        error: error(figure, trials),
        trials: trials as i64,
        low: None,
        high: None,
        verdict: String::new(),
    }
}

/// A point of a curve at `x`.
pub(super) fn point(of: Of<'_>, x: f64, counts: (u64, u64)) -> ValidationRow {
    ValidationRow { x: Some(x), ..line(of, Kind::Curve, counts) }
}

/// Standard error of a share of trials; of none or all of them, that of half a trial.
fn error(share: f64, trials: u64) -> f64 {
    let n = trials.max(1) as f64;
    let share = share.clamp(0.5 / n, 1.0 - 0.5 / n);
    (share * (1.0 - share) / n).sqrt()
}

/// With the 2,000 trials of the proof a share must lie between the bounds itself; with fewer, three standard
/// errors at the bound are allowed for.
fn judged(hits: u64, trials: u64, bounds: Bounds) -> &'static str {
    let share = hits as f64 / trials.max(1) as f64;
    let room = |bound: f64| {
        if trials >= PROOF { 0.0 } else { 3.0 * error(bound, trials) }
    };
    let within = share >= bounds.0 - room(bounds.0) && share <= bounds.1 + room(bounds.1);
    if trials > 0 && within { "HOLDS" } else { "FAILS" }
}

/// Trials of a proof.
pub(super) const PROOF: u64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_has_no_room_and_a_check_has() {
        let judge = |hits, trials| judged(hits, trials, Bounds(0.93, 0.97));
        assert_eq!(judge(1_900, 2_000), "HOLDS");
        assert_eq!(judge(1_859, 2_000), "FAILS");
        assert_eq!(judge(182, 200), "HOLDS");
        assert_eq!(judge(160, 200), "FAILS");
        assert_eq!(judge(0, 0), "FAILS");
    }

    #[test]
    fn errors_of_shares() {
        let row = line(Of("", "", ""), Kind::Peer, (1_900, 2_000));
        assert!((row.error - (0.95_f64 * 0.05 / 2_000.0).sqrt()).abs() < 1e-12);
        assert!(line(Of("", "", ""), Kind::Peer, (0, 2_000)).error > 0.0);
    }
}
