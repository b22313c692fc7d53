//! Percentiles of all modes on an axis that stretches the tail: 90 %, 99 % and 99.9 % stand equally far apart.

use super::axis::Axis;
use super::curve::{self, axis_of, extend};
use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, TITLE};
use super::{Figure, draw_y, font, time_ticks};
use crate::format::{count, duration, percent, unit_of};
use crate::plot::comparison::{Point, point_in_words};
use stats::Share;

/// One mode.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    /// Name of the mode.
    pub case: &'a str,
    /// Its place in the run, for its colour.
    pub place: usize,
    /// Values in ns, ascending.
    pub sorted: &'a [i64],
    /// The percentiles that were asked for.
    pub points: Vec<(Share, Point)>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 58.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = HEIGHT - 48.0;
/// Least distance of two labels at the right end.
const LABEL_ROW: f64 = 15.0;
/// Pixels between two points of a curve that say their value.
const MARK_STEP: usize = 8;

/// Draws the curves; `None` without samples. `quantity` names what is drawn.
pub fn figure(curves: &[Curve<'_>], quantity: &str) -> Option<Figure> {
    let curves: Vec<&Curve<'_>> = curves.iter().filter(|curve| !curve.sorted.is_empty()).collect();
    let highest =
        curves.iter().flat_map(|curve| curve.points.iter().map(|(share, _)| *share)).max()?;
    let words: Vec<String> = curves
        .iter()
        .map(|curve| {
            let points: Vec<String> = curve
                .points
                .iter()
                .map(|(share, point)| format!("{share} {}", duration(point.estimate)))
                .collect();
            format!(
                "{} ({} inferences): {}",
                curve.case,
                count(curve.sorted.len() as u64),
                points.join(", ")
            )
        })
        .collect();
    let (logarithmic, label) = axis_of(extent(&curves, highest));
    let figure = Figure {
        file: "percentiles".to_owned(),
        title: format!("Percentiles of the {quantity} time"),
        alt: format!("Percentiles of the {quantity} time. {}.", words.join(". ")),
        caption: "Read up from a share of inferences to the time within which they were done. Dots with whiskers: percentiles that were asked for, with their intervals; rings: percentiles that these samples do not resolve. A line ends where its samples end.".to_owned(),
        scene: draw(&curves, highest, quantity, logarithmic),
        alternative: None,
        mode: None,
    };
    Some(figure.or(label, draw(&curves, highest, quantity, !logarithmic)))
}

/// Decades of the share above: 0 at p0, 1 at p90, 2 at p99.
fn decades(share_above: f64) -> f64 {
    -libm::log10(share_above)
}

fn draw(curves: &[&Curve<'_>], highest: Share, quantity: &str, logarithmic: bool) -> Scene {
    let mut scene = Scene::new(WIDTH, HEIGHT);
    let names = curves.iter().map(|curve| font::roomy(curve.case, LABEL)).fold(0.0, f64::max);
    let right = WIDTH - 14.0 - names;
    let x = Axis::linear((0.0, decades(highest.above()).max(1.0) * 1.02), (LEFT, right));
    let y = y_axis(extent(curves, highest), logarithmic);
    scene.rect([0.0, 0.0, WIDTH, HEIGHT], Ink::Paper, 1.0);
    let (ticks, words, unit) = time_ticks(&y, 8);
    let title = format!("{quantity} time ({unit}) by share of inferences");
    scene.text((12.0, 16.0), title, TITLE, Ink::Text, Anchor::Start);
    draw_y(&mut scene, &y, &ticks, &words, LEFT, right);
    draw_shares(&mut scene, &x, highest, right);
    for curve in curves {
        draw_curve(&mut scene, &x, &y, curve, highest);
    }
    for curve in curves {
        draw_points(&mut scene, &x, &y, curve);
    }
    let ends = curves.iter().map(|curve| end(&y, curve)).collect();
    draw_names(&mut scene, ends, right, (TOP, BOTTOM));
    scene
}

/// The fastest, and the slowest value that is drawn, in ns.
fn extent(curves: &[&Curve<'_>], highest: Share) -> (f64, f64) {
    let low = curves.iter().map(|curve| curve.sorted[0]).min().unwrap_or(0).max(1) as f64;
    let high = curves
        .iter()
        .map(|curve| {
            let last = value_at(curve.sorted, decades(highest.above()));
            let reach = curve.points.iter().filter_map(|(_, point)| point.upper);
            reach.fold(last, f64::max)
        })
        .fold(low, f64::max);
    (low, high)
}

fn y_axis((low, high): (f64, f64), logarithmic: bool) -> Axis {
    let room = 1.02;
    if logarithmic {
        Axis::log((low / room, high * room), (BOTTOM, TOP))
    } else {
        let span = (high - low).max(low * 0.001);
        Axis::linear((low - span * 0.04, high + span * 0.04), (BOTTOM, TOP))
    }
}

/// The value at a place on the axis of shares.
fn value_at(sorted: &[i64], decades: f64) -> f64 {
    curve::value_at(sorted, 1.0 - libm::pow(10.0, -decades))
}

fn draw_shares(scene: &mut Scene, x: &Axis, highest: Share, right: f64) {
    let ticks = [0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999];
    let mut last = f64::NEG_INFINITY;
    for percent in ticks {
        let place = Share::from_percent(percent).map_or(0.0, |share| decades(share.above()));
        if percent > 0.0
            && Share::from_percent(percent).is_none_or(|share| share > highest.max(Share::MEDIAN))
        {
            break;
        }
        let at = x.at(place);
        scene.line((at, TOP), (at, BOTTOM), Ink::Grid, 1.0);
        let word = format!("{percent} %");
        let half = font::width(&word, SMALL) / 2.0;
        if at - half > last + 6.0 && at + half < right + 30.0 {
            scene.text((at, BOTTOM + 12.0), word, SMALL, Ink::Muted, Anchor::Middle);
            last = at + half;
        }
    }
    scene.line((LEFT, BOTTOM), (right, BOTTOM), Ink::Muted, 1.0);
    let middle = f64::midpoint(LEFT, right);
    scene.text(
        (middle, HEIGHT - 14.0),
        "share of inferences done within the time",
        SMALL,
        Ink::Muted,
        Anchor::Middle,
    );
}

/// The end of a curve: where its samples end, or the axis does.
fn reach(curve: &Curve<'_>, highest: Share) -> f64 {
    decades(highest.above()).max(1.0).min(decades(1.0 / curve.sorted.len().max(2) as f64))
}

fn draw_curve(scene: &mut Scene, x: &Axis, y: &Axis, curve: &Curve<'_>, highest: Share) {
    let end = reach(curve, highest);
    let steps = (x.at(end) - LEFT).max(1.0) as usize;
    let mut points: Vec<(f64, f64)> = Vec::new();
    for step in 0..=steps {
        let place = end * step as f64 / steps as f64;
        let point = (x.at(place), y.at(value_at(curve.sorted, place)));
        extend(&mut points, point);
        if step % MARK_STEP == 0 {
            let share = percent(1.0 - libm::pow(10.0, -place));
            let said = format!(
                "{}: {share} within {}",
                curve.case,
                duration(value_at(curve.sorted, place))
            );
            scene.mark(point, curve.place, said);
        }
    }
    scene.path(points, Ink::Series(curve.place), 2.0);
}

fn draw_points(scene: &mut Scene, x: &Axis, y: &Axis, curve: &Curve<'_>) {
    let ink = Ink::Series(curve.place);
    for (share, point) in &curve.points {
        let at = (x.at(decades(share.above())), y.at(point.estimate));
        let (scale, unit) = unit_of(point.estimate);
        let said = format!("{}: {share} {} {unit}", curve.case, point_in_words(*point, scale));
        scene.mark(at, curve.place, said);
        if let (Some(lower), Some(upper)) = (point.lower, point.upper) {
            let (low, high) = (y.at(lower), y.at(upper));
            scene.line((at.0, low), (at.0, high), ink, 1.0);
            for end in [low, high] {
                scene.line((at.0 - 4.0, end), (at.0 + 4.0, end), ink, 1.0);
            }
            scene.dot(at, 4.0, ink, 1.0);
        } else {
            scene.dot(at, 4.0, ink, 1.0);
            scene.dot(at, 2.5, Ink::Paper, 1.0);
        }
    }
}

/// Where the line of a mode ends, its name, and its place in the run.
fn end<'a>(y: &Axis, curve: &Curve<'a>) -> (f64, &'a str, usize) {
    let last = curve.points.last().map_or(0.0, |(_, point)| point.estimate);
    let end = y.at(last.max(value_at(curve.sorted, reach(curve, Share::MEDIAN))));
    (end, curve.case, curve.place)
}

/// Names at the right end of lines, pushed apart where lines end close to each other.
pub(super) fn draw_names(
    scene: &mut Scene,
    mut ends: Vec<(f64, &str, usize)>,
    right: f64,
    (top, bottom): (f64, f64),
) {
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut lowest = top - LABEL_ROW;
    for end in &mut ends {
        end.0 = end.0.max(lowest + LABEL_ROW);
        lowest = end.0;
    }
    let mut limit = bottom;
    for end in ends.iter_mut().rev() {
        end.0 = end.0.min(limit);
        limit = end.0 - LABEL_ROW;
    }
    for (at, case, place) in ends {
        scene.text((right + 10.0, at), case, LABEL, Ink::Series(place), Anchor::Start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::plot::scene::assert_legible;

    #[test]
    fn the_axis_stretches_the_tail() {
        assert!((decades(Share::from_percent(99.9).unwrap().above()) - 3.0).abs() < 1e-12);
        let sorted: Vec<i64> = (1..=1000).collect();
        assert!((value_at(&sorted, 3.0) - 999.0).abs() < 1e-9);
        assert!((value_at(&sorted, 0.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn labels_stay_apart() {
        let shares = [50.0, 90.0, 95.0, 99.0, 99.9].map(|p| Share::from_percent(p).unwrap());
        for scales in [[1, 1, 2, 4], [100, 100, 100, 100], [1, 1000, 1000, 1001]] {
            let columns: Vec<Vec<i64>> = scales
                .iter()
                .map(|scale| (0..800).map(|k| scale * (20_000 + k)).collect())
                .collect();
            let curves: Vec<Curve<'_>> = columns
                .iter()
                .enumerate()
                .map(|(k, sorted)| Curve {
                    case: ["base", "cuda-graph", "streams-2", "streams-4-graph"][k],
                    place: k,
                    sorted,
                    points: shares
                        .map(|share| {
                            let estimate = value_at(sorted, decades(share.above()));
                            (share, Point { estimate, lower: Some(estimate), upper: None })
                        })
                        .to_vec(),
                })
                .collect();
            assert_legible(&figure(&curves, "response").unwrap().scene);
            assert_legible(&figure(&curves[..1], "response").unwrap().scene);
        }
        assert!(figure(&[], "response").is_none());
    }
}
