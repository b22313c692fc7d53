//! How often an inference took how long: one histogram a mode, with mean, median and p99 marked.

use stats::{Estimator, Moments, Share};

use super::axis::{Axis, nice_step};
use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, TITLE};
use super::{Figure, TimeUnit, draw_y, time_ticks};
use crate::format::{count, duration, number, percent, short_duration};

/// What a histogram shows.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Name of the mode.
    pub case: &'a str,
    /// Its place in the run, for its colour.
    pub place: usize,
    /// Name of the quantity.
    pub quantity: &'a str,
    /// Values in ns, ascending.
    pub sorted: &'a [i64],
    /// Smallest step of the clock; no bin is narrower.
    pub quantum_ns: i64,
    /// Streams whose intervals overlap.
    pub streams: i64,
}

/// Equal bins of whole nanoseconds, and what lies beyond the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bins {
    /// Left edge of the first bin.
    pub start: i64,
    /// Width of a bin.
    pub width: i64,
    /// Samples in each bin.
    pub counts: Vec<usize>,
    /// Samples beyond the last bin.
    pub beyond: usize,
}

impl Bins {
    /// Right edge of the last bin.
    fn end(&self) -> i64 {
        self.start + self.width * self.counts.len() as i64
    }

    /// The marks that lie before the right edge.
    fn inside<'a>(&self, marks: &[(&'a str, f64)]) -> Vec<(&'a str, f64)> {
        marks.iter().copied().filter(|(_, value)| *value < self.end() as f64).collect()
    }

    /// What lies beyond the right edge, in words; `None` when nothing does.
    fn beyond_in_words(&self, marks: &[(&str, f64)], slowest: f64) -> Option<String> {
        let outside = marks.iter().filter(|(_, value)| *value >= self.end() as f64);
        let mut words: Vec<String> =
            outside.map(|(name, value)| format!("{name} {}", duration(*value))).collect();
        words.push(format!("slowest {}", duration(slowest)));
        let count = count(self.beyond as u64);
        (self.beyond > 0).then(|| format!("{count} beyond: {}", words.join(", ")))
    }
}

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 82.0;
const BOTTOM: f64 = HEIGHT - 42.0;
/// Room for the label of a mark.
const LABEL_ROOM: f64 = 84.0;
/// Most bins that stay readable.
const MOST_BINS: i64 = 72;

/// Bins by the rule of Freedman and Diaconis (1981), rounded to a round width of whole quanta.
///
/// A long tail is cut, so that the bulk keeps its shape: one and a half times the distance from median
/// to p99 beyond p99, or twelve times that from median to p90 beyond p90, whichever comes first.
pub fn bins(sorted: &[i64], quantum_ns: i64) -> Option<Bins> {
    let quantile =
        |percent: f64| Estimator::InverseCdf.of_sorted(sorted, Share::from_percent(percent)?);
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let (median, high, tail) = (quantile(50.0)?, quantile(90.0)?, quantile(99.0)?);
    let beyond_tail = tail.saturating_add((tail - median).max(1).saturating_mul(3) / 2);
    let beyond_bulk = high.saturating_add((high - median).max(quantum_ns).saturating_mul(12));
    let end = last.min(beyond_tail).min(beyond_bulk);
    let spread = (quantile(75.0)? - quantile(25.0)?) as f64;
    let rule = 2.0 * spread / libm::cbrt(sorted.len() as f64);
    let least = (end - first) as f64 / MOST_BINS as f64;
    let quantum = quantum_ns.max(1);
    let round = nice_step(rule.max(least).max(1.0)).round() as i64;
    let width = (round.max(quantum) + quantum - 1) / quantum * quantum;
    let start = first.div_euclid(width) * width;
    let n = usize::try_from((end - start) / width + 1).ok()?;
    let mut counts = vec![0; n];
    let mut beyond = 0;
    for value in sorted {
        let bin = usize::try_from((value - start) / width).ok()?;
        match counts.get_mut(bin) {
            Some(count) => *count += 1,
            None => beyond += 1,
        }
    }
    Some(Bins { start, width, counts, beyond })
}

/// Draws the histogram; `None` without samples.
pub fn figure(data: &Data<'_>) -> Option<Figure> {
    let bins = bins(data.sorted, data.quantum_ns)?;
    let moments = Moments::of(data.sorted)?;
    let at =
        |percent: f64| Estimator::InverseCdf.of_sorted(data.sorted, Share::from_percent(percent)?);
    let (median, p99) = (at(50.0)? as f64, at(99.0)? as f64);
    let marks = [("mean", moments.mean), ("p50", median), ("p99", p99)];
    let scene = draw(data, &bins, &marks, Counts::Plain);
    let slowest = moments.max as f64;
    let beyond = bins
        .beyond_in_words(&marks, slowest)
        .unwrap_or_else(|| format!("slowest {}", duration(slowest)));
    let overlapped = if data.streams > 1 {
        format!(" of {} overlapping streams", data.streams)
    } else {
        String::new()
    };
    let figure = Figure {
        file: format!("histogram-{}", data.case),
        title: format!("{}: {} time of each inference", data.case, data.quantity),
        alt: format!(
            "Histogram of the {} time of {}{overlapped}: {} inferences, mean {}, p50 {}, p99 {}, fastest {}, {beyond}.",
            data.quantity,
            data.case,
            count(moments.n as u64),
            duration(moments.mean),
            duration(median),
            duration(p99),
            duration(moments.min as f64),
        ),
        caption: String::new(),
        scene,
        alternative: None,
        mode: Some(data.place),
    };
    Some(figure.or("logarithmic counts", draw(data, &bins, &marks, Counts::Logarithmic)))
}

/// How the axis of counts goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Plain,
    /// From a half up, so that one inference is seen.
    Logarithmic,
}

impl Counts {
    fn axis(self, highest: f64) -> Axis {
        match self {
            Self::Plain => Axis::linear((0.0, highest * 1.05), (BOTTOM, TOP)),
            Self::Logarithmic => Axis::log((0.5, highest * 1.5), (BOTTOM, TOP)),
        }
    }
}

fn draw(data: &Data<'_>, bins: &Bins, all_marks: &[(&str, f64)], counts: Counts) -> Scene {
    let mut scene = Scene::new(WIDTH, HEIGHT);
    let ink = Ink::Series(data.place);
    let end = bins.end();
    let room = (end - bins.start) as f64 * 0.02;
    let low = bins.start as f64 - room;
    let marks = bins.inside(all_marks);
    // the label of the last mark stands to its right and needs its place
    let last = marks.iter().map(|(_, value)| *value).fold(low, f64::max);
    let labelled = low + (last - low) * (RIGHT - LEFT) / (RIGHT - LEFT - LABEL_ROOM);
    let x = Axis::linear((low, labelled.max(end as f64 + room)), (LEFT, RIGHT));
    let highest = bins.counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let y = counts.axis(highest);
    scene.rect([0.0, 0.0, WIDTH, HEIGHT], Ink::Paper, 1.0);
    scene.text((12.0, 15.0), data.case, TITLE, ink, Anchor::Start);
    let overlapped = if data.streams > 1 { ", overlapped" } else { "" };
    let note = format!("{} inferences{overlapped}", count(data.sorted.len() as u64));
    scene.text((RIGHT, 15.0), note, SMALL, Ink::Muted, Anchor::End);
    // half an inference is no tick
    let whole: Vec<f64> = y.ticks(4).into_iter().filter(|tick| tick.fract() == 0.0).collect();
    let words: Vec<String> = whole.iter().map(|&tick| count(tick as u64)).collect();
    draw_y(&mut scene, &y, &whole, &words, LEFT, RIGHT);
    for (k, &count) in bins.counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
        let left = x.at((bins.start + bins.width * k as i64) as f64);
        let right = x.at((bins.start + bins.width * (k as i64 + 1)) as f64);
        let gap = if right - left > 4.0 { 0.5 } else { 0.0 };
        scene.rect([left + gap, y.at(count as f64), right - gap, BOTTOM], ink, 0.75);
        let from = bins.start + bins.width * k as i64;
        let said = bar_in_words(from, bins.width, count, data.sorted.len());
        scene.mark((f64::midpoint(left, right), y.at(count as f64)), data.place, said);
    }
    draw_time(&mut scene, &x, data.quantity, bins.width);
    draw_marks(&mut scene, &x, &marks);
    let slowest = data.sorted.last().copied().unwrap_or_default() as f64;
    if let Some(note) = bins.beyond_in_words(all_marks, slowest) {
        scene.text((RIGHT, 31.0), note, SMALL, Ink::Muted, Anchor::End);
    }
    scene
}

fn bar_in_words(from: i64, width: i64, n: usize, all: usize) -> String {
    let (from, to) = (duration(from as f64), duration((from + width) as f64));
    let share = percent(n as f64 / all as f64);
    format!("{from} to {to}: {} inferences, {share}", count(n as u64))
}

/// The axis of time, with the width of a bar.
fn draw_time(scene: &mut Scene, x: &Axis, quantity: &str, width: i64) {
    scene.line((LEFT, BOTTOM), (RIGHT, BOTTOM), Ink::Muted, 1.0);
    let (ticks, words, unit) = time_ticks(x, 7);
    for (tick, word) in ticks.iter().zip(&words) {
        let at = x.at(*tick);
        scene.line((at, BOTTOM), (at, BOTTOM + 4.0), Ink::Muted, 1.0);
        scene.text((at, BOTTOM + 12.0), word, SMALL, Ink::Muted, Anchor::Middle);
    }
    let bin = short_duration(width as f64);
    let caption = format!("{quantity} time ({unit}); bars: inferences per {bin}");
    scene.text(
        (f64::midpoint(LEFT, RIGHT), HEIGHT - 12.0),
        caption,
        SMALL,
        Ink::Muted,
        Anchor::Middle,
    );
}

/// Vertical lines with labels above the bars, in falling steps: each label stands to the right of its
/// line, where every other line is shorter, so none is crossed.
fn draw_marks(scene: &mut Scene, x: &Axis, marks: &[(&str, f64)]) {
    const ROW: f64 = 15.0;
    let unit = TimeUnit::of(x.high());
    let mut sorted = marks.to_vec();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    for (k, (name, value)) in sorted.iter().enumerate() {
        let at = x.at(*value);
        let y = TOP - 8.0 - ROW * (sorted.len() - 1 - k) as f64;
        let ink = if *name == "mean" { Ink::Muted } else { Ink::Text };
        let text = format!("{name} {}", number(value / unit.scale));
        scene.line((at, y - 6.0), (at, BOTTOM), ink, 1.0);
        scene.text((at + 5.0, y), text, LABEL, ink, Anchor::Start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::plot::scene::assert_legible;

    fn sorted(n: usize, base: i64, spread: i64) -> Vec<i64> {
        let mut values: Vec<i64> =
            (0..n).map(|k| base + ((k * 7919) % 1009) as i64 * spread / 1009).collect();
        values.sort_unstable();
        values
    }

    #[test]
    fn every_sample_is_in_a_bin_or_beyond() {
        for (n, base, spread) in [(1, 40, 0), (10, 40_000_000, 1), (13_000, 2_000_000, 100_000)] {
            let values = sorted(n, base, spread);
            let bins = bins(&values, 500).unwrap();
            assert_eq!(bins.counts.iter().sum::<usize>() + bins.beyond, n);
            assert!(bins.width >= 500 && bins.width % 500 == 0);
            assert!(bins.counts.len() <= 100, "{}", bins.counts.len());
        }
        assert_eq!(bins(&[], 1), None);
    }

    #[test]
    fn one_stall_does_not_flatten_the_rest() {
        let mut values = sorted(1000, 40_000_000, 1_000_000);
        values.push(800_000_000);
        let bins = bins(&values, 1).unwrap();
        assert_eq!(bins.beyond, 1);
        assert!(bins.counts.iter().filter(|&&count| count > 0).count() > 8);
    }

    #[test]
    fn labels_stay_apart() {
        for (n, base, spread, stall) in [
            (750, 40_000_000, 4_000_000, 0),
            (13_000, 2_000_000, 9_000, 1),
            (1, 900, 0, 0),
            (40, 150_000_000, 3, 1),
        ] {
            let mut values = sorted(n, base, spread);
            if stall == 1 {
                values.push(base * 20);
            }
            let data = Data {
                case: "streams-2-graph",
                place: 2,
                quantity: "compute",
                sorted: &values,
                quantum_ns: 31,
                streams: 2,
            };
            assert_legible(&figure(&data).unwrap().scene);
        }
    }
}
