//! Throughput and latency side by side, one row a mode, with the intervals as whiskers.

use super::axis::Axis;
use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, TITLE};
use super::{Figure, draw_x, font, plain_ticks, time_ticks};
use crate::format::{duration, number, unit_of, with_bounds};

/// An estimate with its bounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Point {
    /// Estimate.
    pub estimate: f64,
    /// Lower bound.
    pub lower: Option<f64>,
    /// Upper bound.
    pub upper: Option<f64>,
}

/// One mode.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name of the mode.
    pub case: String,
    /// Its place in the run, for its colour.
    pub place: usize,
    /// Inferences a second.
    pub throughput: Point,
    /// A middle percentile of the response, ns.
    pub middle: Point,
    /// A high percentile of the response, ns.
    pub tail: Point,
}

const WIDTH: f64 = 860.0;
const TOP: f64 = 58.0;
const ROW: f64 = 44.0;
const GAP: f64 = 36.0;
const RIGHT: f64 = WIDTH - 16.0;

/// Draws the comparison; `None` without rows. `middle` and `tail` name the percentiles, such as `p50` and `p99`.
pub fn figure(rows: &[Row], middle: &str, tail: &str) -> Option<Figure> {
    let fastest =
        rows.iter().max_by(|a, b| a.throughput.estimate.total_cmp(&b.throughput.estimate))?;
    let soonest = rows.iter().min_by(|a, b| a.middle.estimate.total_cmp(&b.middle.estimate))?;
    let words: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{}: {} inferences/s, response {middle} {}, {tail} {}",
                row.case,
                number(row.throughput.estimate),
                duration(row.middle.estimate),
                duration(row.tail.estimate)
            )
        })
        .collect();
    Some(Figure {
        file: "comparison".to_owned(),
        title: "Throughput and latency of each mode".to_owned(),
        alt: format!(
            "{}. Most throughput: {}; shortest response: {}.",
            words.join(". "),
            fastest.case,
            soonest.case
        ),
        caption: format!(
            "Response: {middle} above, {tail} below it. Whiskers: the interval of each estimate, where there is one. Axes begin at zero."
        ),
        scene: draw(rows, middle, tail),
        alternative: None,
        mode: None,
    })
}

fn draw(rows: &[Row], middle: &str, tail: &str) -> Scene {
    let bottom = TOP + ROW * rows.len() as f64;
    let mut scene = Scene::new(WIDTH, bottom + 30.0);
    scene.rect([0.0, 0.0, WIDTH, scene.height], Ink::Paper, 1.0);
    let widest = rows.iter().map(|row| font::roomy(&row.case, LABEL)).fold(0.0, f64::max);
    let left = 16.0 + widest + 10.0;
    let from = f64::midpoint(left, RIGHT) + GAP / 2.0;
    let reach = |points: &dyn Fn(&Row) -> Point| {
        rows.iter().map(|row| extent_of(points(row))).fold(0.0, f64::max)
    };
    let most = reach(&|row| row.throughput);
    let longest = reach(&|row| row.tail).max(reach(&|row| row.middle));
    // room on the right for the values that stand there
    let rate = Axis::linear((0.0, most * 1.25), (left, from - GAP));
    let time = Axis::linear((0.0, longest * 1.34), (from, RIGHT));
    let (rate_ticks, rate_words) = plain_ticks(&rate, 5);
    let (time_ticks, time_words, unit) = time_ticks(&time, 5);
    heading(&mut scene, left, "Throughput", "inferences/s, more is better");
    heading(&mut scene, from, "Response", &format!("{unit}, less is better"));
    draw_x(&mut scene, &rate, &rate_ticks, &rate_words, TOP, bottom);
    draw_x(&mut scene, &time, &time_ticks, &time_words, TOP, bottom);
    for (k, row) in rows.iter().enumerate() {
        let y = TOP + ROW * (k as f64 + 0.5);
        let ink = Ink::Series(row.place);
        scene.text((16.0, y), &row.case, LABEL, ink, Anchor::Start);
        bar(&mut scene, &rate, row.throughput, (y, 11.0), (ink, 0.75));
        label(&mut scene, &rate, row.throughput, y, number(row.throughput.estimate));
        let said = point_in_words(row.throughput, 1.0);
        let tip = (rate.at(row.throughput.estimate), y);
        scene.mark(tip, row.place, format!("{}: {said} inferences/s", row.case));
        let (scale, _) = unit_of(time.high());
        for (name, point, y, alpha) in
            [(middle, row.middle, y - 8.0, 0.75), (tail, row.tail, y + 8.0, 0.45)]
        {
            bar(&mut scene, &time, point, (y, 6.5), (ink, alpha));
            let text = format!("{name} {}", number(point.estimate / scale));
            label(&mut scene, &time, point, y, text);
            let said = point_in_words(point, scale);
            let tip = (time.at(point.estimate), y);
            scene.mark(tip, row.place, format!("{}: response {name} {said} {unit}", row.case));
        }
    }
    scene.line((left, TOP), (left, bottom), Ink::Muted, 1.0);
    scene.line((from, TOP), (from, bottom), Ink::Muted, 1.0);
    scene
}

/// A title with a note below it.
pub(super) fn heading(scene: &mut Scene, x: f64, title: &str, note: &str) {
    scene.text((x, 16.0), title, TITLE, Ink::Text, Anchor::Start);
    scene.text((x, 34.0), note, SMALL, Ink::Muted, Anchor::Start);
}

/// An estimate with its bounds, in a unit of `scale`.
pub(super) fn point_in_words(point: Point, scale: f64) -> String {
    let written = with_bounds(point.estimate, point.lower, point.upper, 1.0 / scale);
    if written.bounds.is_empty() {
        return format!("{} without an interval", written.estimate);
    }
    format!("{} ({})", written.estimate, written.bounds)
}

/// The largest value that a point reaches.
fn extent_of(point: Point) -> f64 {
    point.upper.unwrap_or(point.estimate).max(point.estimate)
}

/// A bar from zero to the estimate, half as high as told, with a whisker from bound to bound.
pub(super) fn bar(
    scene: &mut Scene,
    axis: &Axis,
    point: Point,
    (y, half): (f64, f64),
    (ink, alpha): (Ink, f64),
) {
    scene.rect([axis.at(0.0), y - half, axis.at(point.estimate), y + half], ink, alpha);
    let (Some(lower), Some(upper)) = (point.lower, point.upper) else { return };
    let (left, right) = (axis.at(lower), axis.at(upper));
    let cap = half * 0.6;
    scene.line((left, y), (right, y), Ink::Text, 1.0);
    for x in [left, right] {
        scene.line((x, y - cap), (x, y + cap), Ink::Text, 1.0);
    }
}

fn label(scene: &mut Scene, axis: &Axis, point: Point, y: f64, text: String) {
    let x = axis.at(extent_of(point)) + 7.0;
    scene.text((x, y), text, LABEL, Ink::Text, Anchor::Start);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::plot::scene::assert_legible;

    #[test]
    fn labels_stay_apart() {
        let point = |estimate: f64| Point {
            estimate,
            lower: Some(estimate * 0.97),
            upper: Some(estimate * 1.04),
        };
        for scale in [1.0, 0.01] {
            let row = |k: usize, case: &str, rate: f64, ms: f64| Row {
                case: case.to_owned(),
                place: k,
                throughput: point(rate / scale),
                middle: point(ms * scale * 1e6),
                tail: point(ms * 1.2 * scale * 1e6),
            };
            let rows = [
                row(0, "base", 25.0, 40.0),
                row(1, "cuda-graph", 25.2, 39.0),
                row(2, "streams-2", 26.1, 76.0),
                row(3, "streams-4-graph", 26.0, 151.0),
            ];
            assert_legible(&figure(&rows, "p50", "p99").unwrap().scene);
            assert_legible(&figure(&rows[..1], "p50", "p99.9").unwrap().scene);
        }
        assert!(figure(&[], "p50", "p99").is_none());
    }
}
