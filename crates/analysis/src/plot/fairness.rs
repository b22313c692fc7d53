//! What each stream of a mode got: its part of the throughput, and how long its callers waited.

use super::axis::Axis;
use super::comparison::heading;
use super::scene::{Anchor, Ink, LABEL, SMALL, Scene};
use super::{Figure, draw_x, font, plain_ticks, time_ticks};
use crate::format::{duration, number};

/// One mode of several streams.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name of the mode.
    pub case: String,
    /// Its place in the run, for its colour.
    pub place: usize,
    /// Jain's index of the streams' throughput.
    pub jain: f64,
    /// The streams.
    pub streams: Vec<Stream>,
}

/// One stream, over all rounds.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// Its number.
    pub stream: i64,
    /// Inferences a second in its own window.
    pub rate: f64,
    /// A middle percentile of the response, ns.
    pub middle: f64,
    /// A high percentile of the response, ns.
    pub tail: f64,
}

const WIDTH: f64 = 860.0;
const TOP: f64 = 58.0;
const ROW: f64 = 50.0;
const GAP: f64 = 36.0;
const RIGHT: f64 = WIDTH - 16.0;
/// Least distance from 1 that the axis of parts reaches.
const LEAST: f64 = 0.01;

/// Draws the streams; `None` without a mode of several. `middle` and `tail` name the percentiles.
pub fn figure(rows: &[Row], middle: &str, tail: &str) -> Option<Figure> {
    if rows.is_empty() {
        return None;
    }
    let words: Vec<String> = rows.iter().map(|row| in_words(row, tail)).collect();
    Some(Figure {
        file: "streams".to_owned(),
        title: "What each stream got".to_owned(),
        alt: format!("{}.", words.join(". ")),
        caption: format!(
            "Each dot is a stream over all rounds. Left: its throughput over the mean of its mode's streams; Jain's index is 1 when all have the same. Right: {middle} of its response above, {tail} below it."
        ),
        scene: draw(rows, middle, tail),
        alternative: None,
        mode: None,
    })
}

fn in_words(row: &Row, tail: &str) -> String {
    let ends = |of: fn(&Stream) -> f64| {
        let values = || row.streams.iter().map(of);
        (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max))
    };
    let (slow, fast) = ends(|stream| stream.rate);
    let (short, long) = ends(|stream| stream.tail);
    format!(
        "{}, {} streams: {} to {} inferences/s each, Jain's index {:.4}, {tail} of the response {} to {}",
        row.case,
        row.streams.len(),
        number(slow),
        number(fast),
        row.jain,
        duration(short),
        duration(long)
    )
}

fn mean(row: &Row) -> f64 {
    row.streams.iter().map(|stream| stream.rate).sum::<f64>() / row.streams.len().max(1) as f64
}

fn draw(rows: &[Row], middle: &str, tail: &str) -> Scene {
    let bottom = TOP + ROW * rows.len() as f64;
    let mut scene = Scene::new(WIDTH, bottom + 30.0);
    scene.rect([0.0, 0.0, WIDTH, scene.height], Ink::Paper, 1.0);
    let jain = |row: &Row| format!("Jain {:.4}", row.jain);
    let widest = rows
        .iter()
        .map(|row| font::roomy(&row.case, LABEL).max(font::roomy(&jain(row), SMALL)))
        .fold(0.0, f64::max);
    let left = 16.0 + widest + 10.0;
    let from = f64::midpoint(left, RIGHT) + GAP / 2.0;
    let parts = rows.iter().flat_map(|row| row.streams.iter().map(|s| s.rate / mean(row)));
    let reach = parts.map(|part| (part - 1.0).abs()).fold(LEAST, f64::max) * 1.1;
    let part = Axis::linear((1.0 - reach, 1.0 + reach), (left, from - GAP));
    let longest = rows.iter().flat_map(|row| row.streams.iter().map(|s| s.tail.max(s.middle)));
    let time = Axis::linear((0.0, longest.fold(0.0, f64::max) * 1.04), (from, RIGHT));
    let (part_ticks, part_words) = plain_ticks(&part, 5);
    let (ticks, words, unit) = time_ticks(&time, 5);
    heading(&mut scene, left, "Throughput of a stream", "over the mean of its mode's streams");
    heading(&mut scene, from, "Response", &format!("{unit}, {middle} above, {tail} below"));
    draw_x(&mut scene, &part, &part_ticks, &part_words, TOP, bottom);
    draw_x(&mut scene, &time, &ticks, &words, TOP, bottom);
    for (k, row) in rows.iter().enumerate() {
        let y = TOP + ROW * (k as f64 + 0.5);
        let ink = Ink::Series(row.place);
        scene.text((16.0, y - 8.0), &row.case, LABEL, ink, Anchor::Start);
        scene.text((16.0, y + 9.0), jain(row), SMALL, Ink::Muted, Anchor::Start);
        for stream in &row.streams {
            dots(&mut scene, row, stream, (&part, &time), y);
        }
    }
    for x in [part.at(1.0), from] {
        scene.line((x, TOP), (x, bottom), Ink::Muted, 1.0);
    }
    scene
}

fn dots(scene: &mut Scene, row: &Row, stream: &Stream, (part, time): (&Axis, &Axis), y: f64) {
    let ink = Ink::Series(row.place);
    let Stream { stream: name, rate, middle, tail } = *stream;
    let said = format!(
        "{}, stream {name}: {} inferences/s, response {} and {}",
        row.case,
        number(rate),
        duration(middle),
        duration(tail)
    );
    for at in [(part.at(rate / mean(row)), y), (time.at(middle), y - 8.0), (time.at(tail), y + 8.0)]
    {
        scene.dot(at, 4.0, ink, 0.6);
        scene.mark(at, row.place, said.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::plot::scene::assert_legible;

    #[test]
    fn labels_stay_apart() {
        let row = |place: usize, case: &str, streams: usize, spread: f64| Row {
            case: case.to_owned(),
            place,
            jain: 0.998_7,
            streams: (0..streams)
                .map(|k| Stream {
                    stream: k as i64,
                    rate: 10.0 + spread * k as f64,
                    middle: 2e6,
                    tail: 3e6 + k as f64 * 1e5,
                })
                .collect(),
        };
        let rows = [row(1, "streams-2", 2, 0.0), row(2, "streams-32-graph", 32, 1.0)];
        let figure = figure(&rows, "p50", "p99").unwrap();
        assert_legible(&figure.scene);
        assert!(figure.alt.contains("Jain's index 0.9987"), "{}", figure.alt);
        assert_eq!(figure.scene.marks.len(), 34 * 3);
        assert!(super::figure(&[], "p50", "p99").is_none());
    }
}
