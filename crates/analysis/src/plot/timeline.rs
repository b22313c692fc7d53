//! Latency over time, rounds side by side, with what the sensors saw below it.

use super::axis::Axis;
use super::scene::{Anchor, Ink, SMALL, Scene, TITLE};
use super::strip::{LEFT, RIGHT, STRIP, STRIP_GAP, Strip, Time, WIDTH, draw_seconds, draw_strip};
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

const TOP: f64 = 50.0;
const PLOT: f64 = 190.0;
/// Samples up to which each is a dot of its own.
const MOST_DOTS: usize = 1500;
/// Warm-up samples of a round up to which each is a dot of its own.
const MOST_WARM_UP: usize = 60;

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
    let rank = |percent: usize| data.sorted[(data.sorted.len() - 1) * percent / 100];
    let (median, slow) = (rank(50), rank(99));
    let end = last.min(slow.saturating_add((slow - median).max(1).saturating_mul(2)));
    let drawn = if data.sorted.len() > MOST_DOTS {
        "Line: median; band: the middle 80 % of each moment; dots: the slowest 1 % of all."
    } else {
        "Each dot is an inference."
    };
    let rounds = data.rounds.len();
    let range = Range { first, slow, end, last };
    let figure = Figure {
        file: format!("timeline-{}", data.case),
        title: format!("{}: {} time over the run", data.case, data.quantity),
        alt: format!(
            "{} time of {} over {rounds} {}: {} inferences between {} and {}, median {}. {}",
            capital(data.quantity),
            data.case,
            if rounds == 1 { "round" } else { "rounds" },
            count(data.sorted.len() as u64),
            duration(first as f64),
            duration(last as f64),
            duration(median as f64),
            sensors_in_words(&data.strips),
        ),
        caption: format!("{drawn} Grey: warm-up, which does not count."),
        scene: draw(data, &range, false),
        alternative: None,
        mode: Some(data.place),
    };
    // nothing is beyond a logarithmic axis
    let whole = Range { end: last, ..range };
    Some(figure.or("logarithmic time", draw(data, &whole, true)))
}

/// Values that shape the drawing, in ns.
struct Range {
    /// Fastest.
    first: i64,
    /// 99 % are at or below it.
    slow: i64,
    /// Upper end of the axis.
    end: i64,
    /// Slowest.
    last: i64,
}

impl Range {
    /// An axis for it with room at both ends.
    fn axis(&self, logarithmic: bool, px: (f64, f64)) -> Axis {
        let (low, high) = (self.first as f64, self.end as f64);
        if logarithmic && low > 0.0 {
            return Axis::log((low * 0.98, high * 1.02), px);
        }
        let room = ((high - low) * 0.06).max(1.0);
        Axis::linear((low - room, high + room), px)
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn sensors_in_words(strips: &[Strip]) -> String {
    let words: Vec<String> = strips
        .iter()
        .filter_map(|strip| {
            let values = || strip.readings.iter().map(|&(_, value)| value);
            let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
            Some(format!("{} {} to {}", strip.name, number(low), number(high)))
        })
        .collect();
    if words.is_empty() {
        "No sensor readings.".to_owned()
    } else {
        format!("Sensors: {}.", words.join("; "))
    }
}

fn draw(data: &Data<'_>, range: &Range, logarithmic: bool) -> Scene {
    let bottom = TOP + PLOT;
    let height = bottom + data.strips.len() as f64 * (STRIP + STRIP_GAP) + 40.0;
    let mut scene = Scene::new(WIDTH, height);
    let time = Time::new(&data.rounds);
    let y = range.axis(logarithmic, (bottom, TOP));
    scene.rect([0.0, 0.0, WIDTH, height], Ink::Paper, 1.0);
    scene.text((12.0, 15.0), data.case, TITLE, Ink::Series(data.place), Anchor::Start);
    for (k, round) in data.rounds.iter().enumerate() {
        let (left, right) = time.ends(k);
        scene.rect([left, TOP, right, bottom], Ink::Stripe, 1.0);
        draw_round_name(&mut scene, (left, right), round.index + 1);
    }
    let (ticks, words, unit) = time_ticks(&y, 5);
    draw_y(&mut scene, &y, &ticks, &words, LEFT, RIGHT);
    let overlapped = if data.streams > 1 { ", overlapped" } else { "" };
    let beyond = data.sorted.iter().filter(|&&value| value > range.end).count();
    let cut = if beyond > 0 {
        let slowest = duration(range.last as f64);
        format!("; triangles: {} beyond, up to {slowest}", count(beyond as u64))
    } else {
        String::new()
    };
    let note = format!("{} time ({unit}){overlapped}{cut}", data.quantity);
    scene.text((RIGHT, 15.0), note, SMALL, Ink::Muted, Anchor::End);
    for round in 0..data.rounds.len() {
        draw_round(&mut scene, data, range, &time, &y, round);
    }
    for (k, strip) in data.strips.iter().enumerate() {
        let top = bottom + STRIP_GAP + k as f64 * (STRIP + STRIP_GAP);
        draw_strip(&mut scene, &time, strip, top);
    }
    draw_seconds(&mut scene, &time, height - 40.0);
    scene
}

/// `round 3`, or `3`, or nothing, as there is room.
fn draw_round_name(scene: &mut Scene, (left, right): (f64, f64), number: i64) {
    let fits = |text: &String| font::roomy(text, SMALL) + 4.0 < right - left;
    let name = [format!("round {number}"), number.to_string()].into_iter().find(fits);
    if let Some(name) = name {
        let middle = f64::midpoint(left, right);
        scene.text((middle, TOP - 9.0), name, SMALL, Ink::Muted, Anchor::Middle);
    }
}

/// Dots while there are few samples; else bands, with dots for the slowest.
fn draw_round(
    scene: &mut Scene,
    data: &Data<'_>,
    range: &Range,
    time: &Time,
    y: &Axis,
    round: usize,
) {
    let dot = |scene: &mut Scene, &(stamp, value): &(i64, i64), ink: Ink| {
        let x = time.at(round, stamp);
        scene.mark((x, y.at(value as f64)), data.place, duration(value as f64));
        if value <= range.end {
            scene.dot((x, y.at(value as f64)), 1.5, ink, 0.7);
        } else {
            let tip = vec![(x - 3.0, TOP + 6.0), (x, TOP + 1.0), (x + 3.0, TOP + 6.0)];
            scene.area(tip, ink, 1.0);
        }
    };
    let RoundLine { warm_up, steady, .. } = &data.rounds[round];
    let ink = Ink::Series(data.place);
    let many = data.sorted.len() > MOST_DOTS;
    if many && warm_up.len() > MOST_WARM_UP {
        draw_bands(scene, time, y, round, warm_up, Ink::Muted);
    } else {
        for sample in warm_up {
            dot(scene, sample, Ink::Muted);
        }
    }
    if many {
        draw_bands(scene, time, y, round, steady, ink);
    }
    let shown = |value: i64| !many || value > range.slow;
    for sample in steady.iter().filter(|(_, value)| shown(*value)) {
        dot(scene, sample, ink);
    }
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
    let value =
        |values: &[i64], percent: usize| values[((values.len() - 1) * percent + 50) / 100] as f64;
    let rank = |values: &[i64], percent: usize| y.at(value(values, percent));
    for (x, values) in &columns {
        let [low, middle, high] = [10, 50, 90].map(|percent| duration(value(values, percent)));
        let said = format!("median {middle}, 80 % within {low} and {high}");
        let mode = if let Ink::Series(place) = ink { Some(place) } else { None };
        scene.mark((*x, rank(values, 50)), mode, said);
    }
    let upper = columns.iter().map(|(x, values)| (*x, rank(values, 90)));
    let lower = columns.iter().rev().map(|(x, values)| (*x, rank(values, 10)));
    scene.area(upper.chain(lower).collect(), ink, 0.3);
    let medians = columns.iter().map(|(x, values)| (*x, rank(values, 50))).collect();
    scene.path(medians, ink, 1.5);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::plot::scene::{Shape, assert_legible};

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
