//! The share of inferences that were done within a time, of all modes, with a band that holds the whole curve.

use stats::ecdf::Band;

use super::axis::Axis;
use super::curve::{axis_of, extend, value_at};
use super::percentiles::draw_names;
use super::scene::{Anchor, Ink, SMALL, Scene, TITLE};
use super::{Figure, draw_x, draw_y, font, time_ticks};
use crate::format::{count, duration, percent};

/// One mode.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    /// Name of the mode.
    pub case: &'a str,
    /// Its place in the run, for its colour.
    pub place: usize,
    /// Values in ns, ascending.
    pub sorted: &'a [i64],
    /// How far the curve may be from that of the mode, where that is known.
    pub band: Option<Band>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 58.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = HEIGHT - 48.0;
/// Part of the inferences up to which the axis of time reaches; the tail has a figure of its own.
const SHOWN: f64 = 0.995;
/// Pixels between two points of a curve that say their value.
const MARK_STEP: usize = 8;

/// Draws the curves; `None` without samples. `quantity` names what is drawn, `confidence` that of the bands.
pub fn figure(curves: &[Curve<'_>], quantity: &str, confidence: &str) -> Option<Figure> {
    let curves: Vec<&Curve<'_>> = curves.iter().filter(|curve| !curve.sorted.is_empty()).collect();
    let words: Vec<String> = curves.iter().map(|curve| in_words(curve)).collect();
    let (logarithmic, label) = axis_of(extent(&curves)?);
    let figure = Figure {
        file: "ecdf".to_owned(),
        title: format!("Share of inferences by {quantity} time"),
        alt: format!("Share of inferences done within a {quantity} time. {}.", words.join(". ")),
        caption: format!(
            "Empirical distribution. Band: the {confidence} band for the whole curve at once (inequality of Dvoretzky, Kiefer and Wolfowitz), with the smallest effective number of samples of the percentiles below p95; left out where there are too few. Reaches to {} of the inferences of the slowest mode.",
            percent(SHOWN)
        ),
        scene: draw(&curves, quantity, logarithmic),
        alternative: None,
        mode: None,
    };
    Some(figure.or(label, draw(&curves, quantity, !logarithmic)))
}

fn in_words(curve: &Curve<'_>) -> String {
    let at = |share: f64| duration(value_at(curve.sorted, share));
    format!(
        "{} ({} inferences): half within {}, 90 % within {}",
        curve.case,
        count(curve.sorted.len() as u64),
        at(0.5),
        at(0.9)
    )
}

/// The fastest of all, and the slowest that is drawn, in ns.
fn extent(curves: &[&Curve<'_>]) -> Option<(f64, f64)> {
    let low = curves.iter().map(|curve| curve.sorted[0]).min()?.max(1) as f64;
    let high = curves.iter().map(|curve| value_at(curve.sorted, SHOWN)).fold(low, f64::max);
    Some((low, high))
}

fn draw(curves: &[&Curve<'_>], quantity: &str, logarithmic: bool) -> Scene {
    let mut scene = Scene::new(WIDTH, HEIGHT);
    let names = curves.iter().map(|curve| font::roomy(curve.case, super::scene::LABEL));
    let right = WIDTH - 14.0 - names.fold(0.0, f64::max);
    let (low, high) = extent(curves).unwrap_or((1.0, 2.0));
    let room = ((high - low) * 0.03).max(low * 1e-4);
    let x = if logarithmic {
        Axis::log((low * 0.99, high * 1.01), (LEFT, right))
    } else {
        Axis::linear((low - room, high + room), (LEFT, right))
    };
    let y = Axis::linear((0.0, 1.0), (BOTTOM, TOP));
    scene.rect([0.0, 0.0, WIDTH, HEIGHT], Ink::Paper, 1.0);
    let (ticks, words, unit) = time_ticks(&x, 8);
    let title = format!("share of inferences done within a {quantity} time");
    scene.text((12.0, 16.0), title, TITLE, Ink::Text, Anchor::Start);
    draw_x(&mut scene, &x, &ticks, &words, TOP, BOTTOM);
    let shares = [0.0, 0.25, 0.5, 0.75, 1.0];
    draw_y(&mut scene, &y, &shares, &shares.map(percent), LEFT, right);
    scene.line((LEFT, BOTTOM), (right, BOTTOM), Ink::Muted, 1.0);
    let middle = f64::midpoint(LEFT, right);
    let words = format!("{quantity} time ({unit})");
    scene.text((middle, HEIGHT - 14.0), words, SMALL, Ink::Muted, Anchor::Middle);
    for curve in curves {
        draw_band(&mut scene, &x, &y, curve);
    }
    for curve in curves {
        draw_curve(&mut scene, &x, &y, curve);
    }
    // above each other in the order of their medians, where curves are steepest
    let ends = curves
        .iter()
        .map(|curve| {
            let share = share_within(curve.sorted, high);
            (y.at(share), curve.case, curve.place)
        })
        .collect();
    draw_names(&mut scene, ends, right, (TOP, BOTTOM));
    scene
}

fn share_within(sorted: &[i64], time: f64) -> f64 {
    sorted.partition_point(|&value| value as f64 <= time) as f64 / sorted.len() as f64
}

/// The curve at every pixel of the axis, as (x, share).
fn steps(x: &Axis, sorted: &[i64]) -> Vec<(f64, f64)> {
    let (from, to) = (x.at(x.low()), x.at(x.high()));
    let pixels = (to - from).max(1.0) as usize;
    let at = |pixel: usize| from + (to - from) * pixel as f64 / pixels as f64;
    (0..=pixels).map(|pixel| (at(pixel), share_within(sorted, x.value(at(pixel))))).collect()
}

fn draw_band(scene: &mut Scene, x: &Axis, y: &Axis, curve: &Curve<'_>) {
    let Some(band) = curve.band else { return };
    let steps = steps(x, curve.sorted);
    let upper = steps.iter().map(|&(at, share)| (at, y.at(band.around(share).1)));
    let lower = steps.iter().rev().map(|&(at, share)| (at, y.at(band.around(share).0)));
    scene.area(upper.chain(lower).collect(), Ink::Series(curve.place), 0.18);
}

fn draw_curve(scene: &mut Scene, x: &Axis, y: &Axis, curve: &Curve<'_>) {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (step, (at, share)) in steps(x, curve.sorted).into_iter().enumerate() {
        let point = (at, y.at(share));
        extend(&mut points, point);
        if step % MARK_STEP == 0 {
            let said =
                format!("{}: {} within {}", curve.case, percent(share), duration(x.value(at)));
            scene.mark(point, curve.place, said);
        }
    }
    scene.path(points, Ink::Series(curve.place), 2.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::plot::scene::assert_legible;
    use stats::Confidence;

    #[test]
    fn labels_stay_apart() {
        for scales in [[1, 1, 2, 4], [100, 100, 100, 100], [1, 1000, 1000, 1001]] {
            let columns: Vec<Vec<i64>> = scales
                .iter()
                .map(|scale| (0..800).map(|k| scale * (20_000 + k)).collect())
                .collect();
            let names = ["base", "cuda-graph", "streams-2", "streams-4-graph"];
            let curve = |(k, sorted): (usize, &'static Vec<i64>)| Curve {
                case: names[k],
                place: k,
                sorted,
                band: Band::new(400.0, Confidence::default()),
            };
            // leaked, so that the closure may lend them
            let columns: &'static Vec<Vec<i64>> = Box::leak(Box::new(columns));
            let curves: Vec<Curve<'_>> = columns.iter().enumerate().map(curve).collect();
            for curves in [&curves[..], &curves[..1]] {
                let figure = figure(curves, "response", "95 %").unwrap();
                assert_legible(&figure.scene);
                assert_legible(&figure.alternative.unwrap().scene);
            }
        }
        assert!(figure(&[], "response", "95 %").is_none());
    }

    #[test]
    fn a_curve_counts_what_is_done() {
        let sorted = [10, 20, 20, 40];
        assert!((share_within(&sorted, 20.0) - 0.75).abs() < 1e-12);
        assert!((share_within(&sorted, 9.9)).abs() < 1e-12);
        assert!((value_at(&sorted, 0.5) - 20.0).abs() < 1e-12);
    }
}
