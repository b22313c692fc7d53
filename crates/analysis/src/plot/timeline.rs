//! Latency over time, rounds side by side, with what the sensors saw below it.

use super::axis::{Axis, labels, nice_step};
use super::scene::{Anchor, Ink, SMALL, Scene, TITLE};
use super::{Figure, draw_y, font, time_ticks};
use crate::format::{count, duration, number};

/// What a timeline shows.
#[derive(Clone, Debug)]
pub struct Data<'a> {
    /// Name of the mode.
    pub case: &'a str,
    /// Its place in the run, for its colour.
    pub place: usize,
    /// Name of the quantity.
    pub quantity: &'a str,
    /// Streams whose intervals overlap.
    pub streams: i64,
    /// The rounds, in order.
    pub rounds: Vec<RoundLine>,
    /// Values that count, ascending.
    pub sorted: &'a [i64],
    /// What the sensors saw.
    pub strips: Vec<Strip>,
}

/// The samples of one round as (host stamp, value), both in ns, in order of time.
#[derive(Clone, Debug, Default)]
pub struct RoundLine {
    /// From 0.
    pub index: i64,
    /// Samples before those that count.
    pub warm_up: Vec<(i64, i64)>,
    /// Samples that count.
    pub steady: Vec<(i64, i64)>,
}

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

const WIDTH: f64 = 860.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 50.0;
const PLOT: f64 = 190.0;
const STRIP: f64 = 34.0;
const STRIP_GAP: f64 = 26.0;
const ROUND_GAP: f64 = 5.0;
/// Samples up to which each is a dot of its own.
const MOST_DOTS: usize = 1500;
/// Warm-up samples of a round up to which each is a dot of its own.
const MOST_WARM_UP: usize = 60;

/// Where a host stamp lies: rounds stand side by side, as long as they took.
struct Time {
    spans: Vec<(i64, i64)>,
    px_per_ns: f64,
}

impl Time {
    fn new(rounds: &[RoundLine]) -> Self {
        let spans: Vec<(i64, i64)> = rounds.iter().map(RoundLine::span).collect();
        let total: i64 = spans.iter().map(|(start, end)| end - start).sum();
        let gaps = ROUND_GAP * (rounds.len().max(1) - 1) as f64;
        Self { spans, px_per_ns: (RIGHT - LEFT - gaps) / total.max(1) as f64 }
    }

    /// Left and right end of a round.
    fn ends(&self, round: usize) -> (f64, f64) {
        let before: i64 = self.spans[..round].iter().map(|(start, end)| end - start).sum();
        let left = LEFT + before as f64 * self.px_per_ns + ROUND_GAP * round as f64;
        let (start, end) = self.spans[round];
        (left, left + (end - start) as f64 * self.px_per_ns)
    }

    fn at(&self, round: usize, stamp: i64) -> f64 {
        self.ends(round).0 + (stamp - self.spans[round].0) as f64 * self.px_per_ns
    }
}

impl RoundLine {
    /// First and last stamp, warm-up included.
    pub fn span(&self) -> (i64, i64) {
        let stamps = || self.warm_up.iter().chain(&self.steady).map(|&(stamp, _)| stamp);
        (stamps().min().unwrap_or(0), stamps().max().unwrap_or(0))
    }
}

/// Draws the timeline; `None` without samples.
pub fn figure(data: &Data<'_>) -> Option<Figure> {
    let (first, last) = (*data.sorted.first()?, *data.sorted.last()?);
    let rank =
        |ppm: usize| data.sorted[(data.sorted.len() * ppm / 1_000_000).min(data.sorted.len() - 1)];
    let (median, tail) = (rank(500_000), rank(990_000));
    let end = last.min(tail.saturating_add((tail - median).max(1).saturating_mul(2)));
    let beyond = data.sorted.iter().filter(|&&value| value > end).count();
    let drawn = if data.sorted.len() > MOST_DOTS {
        "Line: median; band: the middle 80 % of each moment; dots: the slowest 1 % of all."
    } else {
        "Each dot is an inference."
    };
    let strips: Vec<String> = data
        .strips
        .iter()
        .filter_map(|strip| {
            let values = || strip.readings.iter().map(|&(_, value)| value);
            let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
            Some(format!("{} {} to {}", strip.name, number(low), number(high)))
        })
        .collect();
    let rounds = data.rounds.len();
    let sensors = if strips.is_empty() {
        String::from(" No sensor readings.")
    } else {
        format!(" Sensors: {}.", strips.join("; "))
    };
    Some(Figure {
        file: format!("timeline-{}", data.case),
        title: format!("{}: {} time over the run", data.case, data.quantity),
        alt: format!(
            "{} time of {} over {rounds} {}: {} inferences between {} and {}, median {}.{sensors}",
            capital(data.quantity),
            data.case,
            if rounds == 1 { "round" } else { "rounds" },
            count(data.sorted.len() as u64),
            duration(first as f64),
            duration(last as f64),
            duration(median as f64),
        ),
        caption: format!("{drawn} Grey: warm-up, which does not count."),
        scene: draw(data, first, end, last, beyond),
    })
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn draw(data: &Data<'_>, first: i64, end: i64, slowest: i64, beyond: usize) -> Scene {
    let strips = data.strips.len() as f64;
    let bottom = TOP + PLOT;
    let height = bottom + strips * (STRIP + STRIP_GAP) + 40.0;
    let mut scene = Scene::new(WIDTH, height);
    let time = Time::new(&data.rounds);
    let room = ((end - first) as f64 * 0.06).max(1.0);
    let y = Axis::linear((first as f64 - room, end as f64 + room), (bottom, TOP));
    scene.rect([0.0, 0.0, WIDTH, height], Ink::Paper, 1.0);
    scene.text((12.0, 15.0), data.case, TITLE, Ink::Series(data.place), Anchor::Start);
    for round in 0..data.rounds.len() {
        let (left, right) = time.ends(round);
        scene.rect([left, TOP, right, bottom], Ink::Stripe, 1.0);
        let long = format!("round {}", data.rounds[round].index + 1);
        let short = (data.rounds[round].index + 1).to_string();
        let text = if font::width(&long, SMALL) + 6.0 < right - left { long } else { short };
        if font::width(&text, SMALL) + 3.0 < right - left {
            let middle = f64::midpoint(left, right);
            scene.text((middle, TOP - 9.0), text, SMALL, Ink::Muted, Anchor::Middle);
        }
    }
    let (ticks, words, unit) = time_ticks(&y, 5);
    draw_y(&mut scene, &y, &ticks, &words, LEFT, RIGHT);
    let overlapped = if data.streams > 1 { ", overlapped" } else { "" };
    let mut note = format!("{} time ({unit}){overlapped}", data.quantity);
    if beyond > 0 {
        note = format!(
            "{note}; triangles: {} beyond, up to {}",
            count(beyond as u64),
            duration(slowest as f64)
        );
    }
    scene.text((RIGHT, 15.0), note, SMALL, Ink::Muted, Anchor::End);
    let ink = Ink::Series(data.place);
    let many = data.sorted.len() > MOST_DOTS;
    let slow = data.sorted[data.sorted.len() * 99 / 100];
    for (k, round) in data.rounds.iter().enumerate() {
        let place = |stamp: i64| time.at(k, stamp);
        let dot = |scene: &mut Scene, &(stamp, value): &(i64, i64), ink: Ink| {
            if value <= end {
                scene.dot((place(stamp), y.at(value as f64)), 1.5, ink, 0.7);
            } else {
                let x = place(stamp);
                let tip = vec![(x - 3.0, TOP + 6.0), (x, TOP + 1.0), (x + 3.0, TOP + 6.0)];
                scene.area(tip, ink, 1.0);
            }
        };
        if many && round.warm_up.len() > MOST_WARM_UP {
            draw_bands(&mut scene, &time, &y, k, &round.warm_up, Ink::Muted);
        } else {
            round.warm_up.iter().for_each(|sample| dot(&mut scene, sample, Ink::Muted));
        }
        if many {
            draw_bands(&mut scene, &time, &y, k, &round.steady, ink);
            let tail = round.steady.iter().filter(|(_, value)| *value > slow);
            tail.for_each(|sample| dot(&mut scene, sample, ink));
        } else {
            round.steady.iter().for_each(|sample| dot(&mut scene, sample, ink));
        }
    }
    for (k, strip) in data.strips.iter().enumerate() {
        let top = bottom + STRIP_GAP + k as f64 * (STRIP + STRIP_GAP);
        draw_strip(&mut scene, &time, data.rounds.len(), strip, top);
    }
    draw_seconds(&mut scene, &time, height - 40.0);
    scene
}

/// The median of every moment as a line, the middle 80 % as a band.
fn draw_bands(
    scene: &mut Scene,
    time: &Time,
    y: &Axis,
    round: usize,
    samples: &[(i64, i64)],
    ink: Ink,
) {
    let right = time.ends(round).1;
    let mut columns: Vec<(f64, Vec<i64>)> = Vec::new();
    for &(stamp, value) in samples {
        let x = ((time.at(round, stamp) / 2.0).floor() * 2.0 + 1.0).min(right);
        match columns.last_mut() {
            Some((last, values)) if (*last - x).abs() < 1.0 => values.push(value),
            _ => columns.push((x, vec![value])),
        }
    }
    for (_, values) in &mut columns {
        values.sort_unstable();
    }
    let rank = |values: &[i64], percent: usize| {
        y.at(values[((values.len() - 1) * percent + 50) / 100] as f64)
    };
    let upper = columns.iter().map(|(x, values)| (*x, rank(values, 90)));
    let lower = columns.iter().rev().map(|(x, values)| (*x, rank(values, 10)));
    scene.area(upper.chain(lower).collect(), ink, 0.3);
    let medians = columns.iter().map(|(x, values)| (*x, rank(values, 50))).collect();
    scene.path(medians, ink, 1.5);
}

fn draw_strip(scene: &mut Scene, time: &Time, rounds: usize, strip: &Strip, top: f64) {
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
    for round in 0..rounds {
        let (start, end) = time.spans[round];
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
fn draw_seconds(scene: &mut Scene, time: &Time, top: f64) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::scene::{Shape, assert_legible};

    fn data(sorted: &[i64], per_round: usize, rounds: usize, strips: Vec<Strip>) -> Data<'_> {
        let base = sorted[0];
        let line = |round: usize| RoundLine {
            index: round as i64,
            warm_up: (0..3)
                .map(|k| (round as i64 * 1_000_000_000_000 + k * base, base + 1))
                .collect(),
            steady: (0..per_round)
                .map(|k| {
                    let stamp = round as i64 * 1_000_000_000_000 + (k as i64 + 3) * base;
                    (stamp, sorted[(k * 31) % sorted.len()])
                })
                .collect(),
        };
        Data {
            case: "streams-2",
            place: 1,
            quantity: "compute",
            streams: 2,
            rounds: (0..rounds).map(line).collect(),
            sorted,
            strips,
        }
    }

    fn sorted(n: usize, base: i64) -> Vec<i64> {
        (0..n).map(|k| base + base * k as i64 / n as i64 / 20).collect()
    }

    #[test]
    fn labels_stay_apart() {
        let strip = |name: &str, from_zero| Strip {
            name: name.to_owned(),
            readings: (0..50).map(|k| (k * 200_000_000, 2.4 + k as f64 * 0.001)).collect(),
            least_span: 0.5,
            from_zero,
        };
        for (n, base, rounds) in [
            (750, 40_000_000, 5),
            (13_000, 2_000_000, 5),
            (30, 150_000_000, 1),
            (900, 2_000_000, 40),
        ] {
            let values = sorted(n, base);
            let strips = vec![strip("CPU clock (GHz)", false), strip("host busy (%)", true)];
            let scene = figure(&data(&values, n / rounds, rounds, strips)).unwrap().scene;
            assert_legible(&scene);
        }
    }

    #[test]
    fn many_samples_become_bands() {
        let values = sorted(13_000, 2_000_000);
        let scene = figure(&data(&values, 2_600, 5, Vec::new())).unwrap().scene;
        let dots = scene.shapes.iter().filter(|shape| matches!(shape, Shape::Dot { .. })).count();
        assert!((100..160).contains(&dots), "{dots}");
        assert!(scene.shapes.len() < 250, "{}", scene.shapes.len());
    }
}
