//! The time axis of a timeline, and what the sensors saw below the samples.

use super::axis::{Axis, labels, nice_step};
use super::draw_y;
use super::scene::{Anchor, Ink, SMALL, Scene};
use super::timeline::RoundLine;

/// Width of a timeline.
pub(super) const WIDTH: f64 = 860.0;
/// Where its axis of time begins.
pub(super) const LEFT: f64 = 58.0;
/// Where it ends.
pub(super) const RIGHT: f64 = WIDTH - 14.0;
/// Height of a strip.
pub(super) const STRIP: f64 = 34.0;
/// Space above a strip, for its name.
pub(super) const STRIP_GAP: f64 = 26.0;
const ROUND_GAP: f64 = 5.0;

/// The readings of one sensor.
#[derive(Clone, Debug)]
pub struct Strip {
    /// Name and unit.
    pub name: String,
    /// Host stamp in ns and reading.
    pub readings: Vec<(i64, f64)>,
    /// Least length of the axis, in units.
    pub least_span: f64,
    /// Whether the axis begins at zero.
    pub from_zero: bool,
}

/// Where a host stamp lies: rounds stand side by side, as long as they took.
pub(super) struct Time {
    /// First and last stamp of each round.
    pub(super) spans: Vec<(i64, i64)>,
    lefts: Vec<f64>,
    px_per_ns: f64,
}

impl Time {
    pub(super) fn new(rounds: &[RoundLine]) -> Self {
        let spans: Vec<(i64, i64)> = rounds.iter().map(RoundLine::span).collect();
        let total: i64 = spans.iter().map(|(start, end)| end - start).sum();
        let gap = ROUND_GAP.min((RIGHT - LEFT) / 3.0 / rounds.len().max(1) as f64);
        let gaps = gap * (rounds.len().max(1) - 1) as f64;
        let px_per_ns = (RIGHT - LEFT - gaps) / total.max(1) as f64;
        let mut left = LEFT;
        let mut lefts = Vec::with_capacity(spans.len());
        for (start, end) in &spans {
            lefts.push(left);
            left += (end - start) as f64 * px_per_ns + gap;
        }
        Self { spans, lefts, px_per_ns }
    }

    /// Left and right end of a round.
    pub(super) fn ends(&self, round: usize) -> (f64, f64) {
        (self.lefts[round], self.at(round, self.spans[round].1))
    }

    /// Where a stamp of a round lies.
    pub(super) fn at(&self, round: usize, stamp: i64) -> f64 {
        self.lefts[round] + (stamp - self.spans[round].0) as f64 * self.px_per_ns
    }
}

/// Draws the readings of a sensor as a strip.
pub(super) fn draw_strip(scene: &mut Scene, time: &Time, strip: &Strip, top: f64) {
    let bottom = top + STRIP;
    let values = || strip.readings.iter().map(|&(_, value)| value);
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if strip.from_zero {
        (0.0, high.max(strip.least_span))
    } else {
        let room = ((strip.least_span - (high - low)) / 2.0).max((high - low) * 0.1);
        ((low - room).max(0.0), high + room)
    };
    let axis = Axis::linear((low, high), (bottom, top));
    scene.text((LEFT, top - 9.0), &strip.name, SMALL, Ink::Muted, Anchor::Start);
    let ticks = axis.ticks(2);
    let ends: Vec<f64> = match ticks.as_slice() {
        [first, .., last] => vec![*first, *last],
        _ => ticks.clone(),
    };
    let words = labels(&ends);
    draw_y(scene, &axis, &ends, &words, LEFT, RIGHT);
    for (round, &(start, end)) in time.spans.iter().enumerate() {
        let points: Vec<(f64, f64)> = strip
            .readings
            .iter()
            .filter(|(stamp, _)| (start..=end).contains(stamp))
            .map(|&(stamp, value)| (time.at(round, stamp), axis.at(value)))
            .collect();
        if let [only] = points.as_slice() {
            scene.dot(*only, 1.5, Ink::Text, 1.0);
        } else if !points.is_empty() {
            scene.path(points, Ink::Text, 1.0);
        }
    }
}

/// Ticks in seconds of the time that the rounds took together.
pub(super) fn draw_seconds(scene: &mut Scene, time: &Time, top: f64) {
    let total = time.spans.iter().map(|(start, end)| end - start).sum::<i64>() as f64 / 1e9;
    if total <= 0.0 {
        return;
    }
    let step = nice_step(total / 12.0);
    let ticks: Vec<f64> = (0..=(total / step + 1e-9) as usize).map(|k| k as f64 * step).collect();
    let words = labels(&ticks);
    for (tick, word) in ticks.iter().zip(&words) {
        let mut rest = (tick * 1e9) as i64;
        for (round, (start, end)) in time.spans.iter().enumerate() {
            let last = round + 1 == time.spans.len();
            if rest <= end - start || last {
                let x = time.at(round, start + rest.min(end - start));
                scene.line((x, top), (x, top + 4.0), Ink::Muted, 1.0);
                scene.text((x, top + 12.0), word, SMALL, Ink::Muted, Anchor::Middle);
                break;
            }
            rest -= end - start;
        }
    }
    let caption = "seconds in this mode, rounds joined; other modes ran between them";
    let plain = "seconds in this mode";
    let text = if time.spans.len() > 1 { caption } else { plain };
    scene.text((f64::midpoint(LEFT, RIGHT), top + 29.0), text, SMALL, Ink::Muted, Anchor::Middle);
}
