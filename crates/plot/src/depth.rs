//! Error by depth: one dot a layer, the tolerance as a line, and the first layer that departs by name.

use super::axis::{Axis, power_of_ten, whole_decades};
use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, TITLE};
use super::{Figure, draw_x, draw_y, font, plain_ticks};

/// One layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// Its place in the order of the graph, from 0.
    pub place: u32,
    /// Name of its value.
    pub name: String,
    /// Operator type.
    pub op_type: String,
    /// Error relative to the layer's scale.
    pub error: f64,
    /// Largest error that roundings explain.
    pub tolerance: f64,
    /// Whether all its values are finite.
    pub finite: bool,
    /// Whether it departs.
    pub departs: bool,
}

/// What to draw.
#[derive(Clone, Debug)]
pub struct Data<'a> {
    /// File name without extension.
    pub file: String,
    /// Short title.
    pub title: String,
    /// What was compared with what.
    pub what: String,
    /// The layers, by place.
    pub layers: &'a [Layer],
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 372.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = WIDTH - 20.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = HEIGHT - 42.0;
/// Where layers stand that are not finite: above every number.
const BEYOND: f64 = TOP - 10.0;
/// Errors below this are drawn as this.
const LEAST: f64 = 1e-9;
const MOST: f64 = 1e6;

const PLAIN: Ink = Ink::Series(0);
const DEPARTS: Ink = Ink::Series(1);
const TOLERANCE: Ink = Ink::Series(2);

/// Draws the layers; `None` without any.
pub fn figure(data: &Data<'_>) -> Option<Figure> {
    let last = data.layers.last()?;
    let first = data.layers.iter().find(|layer| layer.departs);
    let verdict = first.map_or_else(
        || "No layer departs.".to_owned(),
        |first| {
            let many = data.layers.iter().filter(|layer| layer.departs).count();
            let name = &first.name;
            format!("The first of {many} departing layers is {name} ({}).", first.op_type)
        },
    );
    Some(Figure {
        file: data.file.clone(),
        title: data.title.clone(),
        alt: format!(
            "{}: {} layers. {verdict} Error of the last one {:.1e}, tolerance {:.1e}.",
            data.what,
            data.layers.len(),
            last.error,
            last.tolerance
        ),
        caption: "Each dot is a layer: the larger of the rms of its differences and a quarter of the largest one, relative to its scale. The line is what roundings up to there explain. Dots above the frame are not finite; those at its lower edge are exact.".to_owned(),
        scene: draw(data, first),
        alternative: None,
        mode: None,
    })
}

fn draw(data: &Data<'_>, first: Option<&Layer>) -> Scene {
    let mut scene = Scene::new(WIDTH, HEIGHT);
    scene.rect([0.0, 0.0, WIDTH, HEIGHT], Ink::Paper, 1.0);
    scene.text(
        (16.0, 16.0),
        fitted(&data.title, TITLE, WIDTH - 32.0),
        TITLE,
        Ink::Text,
        Anchor::Start,
    );
    let depth = data.layers.iter().map(|layer| layer.place).max().unwrap_or(0);
    let x = Axis::linear((-0.5, f64::from(depth) + 0.5), (LEFT, RIGHT));
    let y = Axis::log(span(data.layers), (BOTTOM, TOP));
    legend(&mut scene, data);
    let (ticks, words) = plain_ticks(&x, 10);
    // a layer is whole, and so is its tick
    let whole =
        ticks.into_iter().zip(words).filter(|(tick, _)| tick.fract() == 0.0 && *tick >= 0.0);
    let (ticks, words): (Vec<f64>, Vec<String>) = whole.unzip();
    draw_x(&mut scene, &x, &ticks, &words, TOP, BOTTOM);
    let (ticks, words) = decades(&y);
    draw_y(&mut scene, &y, &ticks, &words, LEFT, RIGHT);
    scene.line((LEFT, BOTTOM), (RIGHT, BOTTOM), Ink::Muted, 1.0);
    scene.text(
        (f64::midpoint(LEFT, RIGHT), HEIGHT - 12.0),
        "layer, in the order of the graph",
        SMALL,
        Ink::Muted,
        Anchor::Middle,
    );
    tolerance(&mut scene, &x, &y, data.layers);
    if let Some(first) = first {
        mark(&mut scene, x.at(f64::from(first.place)), first);
    }
    dots(&mut scene, &x, &y, data.layers);
    scene
}

/// What was compared, on the left; what the marks mean, on the right.
fn legend(scene: &mut Scene, data: &Data<'_>) {
    let mut right = RIGHT;
    let departs = data.layers.iter().any(|layer| layer.departs);
    let words = [("tolerance", TOLERANCE), ("departs", DEPARTS), ("layer", PLAIN)];
    for (word, ink) in words.into_iter().filter(|(word, _)| departs || *word != "departs") {
        scene.text((right, 36.0), word, SMALL, Ink::Muted, Anchor::End);
        let x = right - font::roomy(word, SMALL) - 10.0;
        if ink == TOLERANCE {
            scene.line((x - 8.0, 36.0), (x + 4.0, 36.0), ink, 2.0);
        } else {
            scene.dot((x, 36.0), 3.5, ink, 1.0);
        }
        right = x - 22.0;
    }
    let what = fitted(&data.what, SMALL, right - 40.0);
    scene.text((16.0, 36.0), what, SMALL, Ink::Muted, Anchor::Start);
}

/// Where the line of the first departing layer stands, with its name beside it.
fn mark(scene: &mut Scene, x: f64, first: &Layer) {
    scene.line((x, 64.0), (x, BOTTOM), DEPARTS, 1.0);
    let (anchor, at) = if x < f64::midpoint(LEFT, RIGHT) {
        (Anchor::Start, x + 5.0)
    } else {
        (Anchor::End, x - 5.0)
    };
    let room = if anchor == Anchor::Start { RIGHT - at } else { at - 16.0 };
    let text = format!("first: {} ({})", first.name, first.op_type);
    scene.text((at, 58.0), fitted(&text, LABEL, room), LABEL, DEPARTS, anchor);
}

fn tolerance(scene: &mut Scene, x: &Axis, y: &Axis, layers: &[Layer]) {
    let points = layers.iter().map(|layer| (x.at(f64::from(layer.place)), y.at(layer.tolerance)));
    let mut points: Vec<(f64, f64)> = points.collect();
    if let [only] = points.as_slice() {
        points = vec![(LEFT, only.1), (RIGHT, only.1)];
    }
    scene.path(points, TOLERANCE, 2.0);
}

fn dots(scene: &mut Scene, x: &Axis, y: &Axis, layers: &[Layer]) {
    let radius = match layers.len() {
        0..=120 => 3.5,
        121..=400 => 2.5,
        _ => 1.5,
    };
    // those that depart lie upon the others
    for departs in [false, true] {
        for layer in layers.iter().filter(|layer| layer.departs == departs) {
            let beyond = !layer.finite || !layer.error.is_finite();
            let height = if beyond { BEYOND } else { y.at(layer.error) };
            let ink = if departs { DEPARTS } else { PLAIN };
            let at = (x.at(f64::from(layer.place)), height);
            scene.dot(at, radius, ink, 0.85);
            let Layer { name, op_type, error, tolerance, .. } = layer;
            scene.mark(
                at,
                None,
                format!("{name} ({op_type}): {error:.1e}, tolerance {tolerance:.1e}"),
            );
        }
    }
}

/// Whole decades around all errors and tolerances.
fn span(layers: &[Layer]) -> (f64, f64) {
    let errors = layers.iter().filter(|layer| layer.finite).map(|layer| layer.error);
    let all = errors.chain(layers.iter().map(|layer| layer.tolerance));
    let seen: Vec<f64> = all.filter(|v| v.is_finite() && *v > 0.0).collect();
    let low = seen.iter().copied().fold(f64::INFINITY, f64::min).clamp(LEAST, 1.0);
    let high = seen.iter().copied().fold(0.0, f64::max).clamp(low, MOST);
    whole_decades(low, high)
}

/// Powers of ten on an axis, every second one when there are many.
fn decades(y: &Axis) -> (Vec<f64>, Vec<String>) {
    let exponents = y.exponents();
    let step = if exponents.end() - exponents.start() > 8 { 2 } else { 1 };
    let every = exponents.step_by(step);
    every.map(|exponent| (power_of_ten(exponent), format!("1e{exponent}"))).unzip()
}

/// A text cut at its front until it fits: names of layers differ at their end.
fn fitted(text: &str, size: f64, room: f64) -> String {
    if font::roomy(text, size) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let cut = |k: usize| format!("…{}", letters[k..].iter().collect::<String>());
    (1..letters.len()).map(cut).find(|text| font::roomy(text, size) <= room).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Shape, assert_legible};

    fn layers(n: u32, departs_from: u32) -> Vec<Layer> {
        let layer = |place: u32| {
            let share = f64::from(place) / f64::from(n.max(1));
            Layer {
                place,
                name: format!("/model/block{place}/conv/Conv_output_0"),
                op_type: "Conv".to_owned(),
                error: if place == 2 { 0.0 } else { 1e-4 * (1.0 + 9.0 * share) },
                tolerance: 2e-3 * (1.0 + share),
                finite: place < n - 2,
                departs: place >= departs_from,
            }
        };
        (0..n).map(layer).collect()
    }

    fn draw(layers: &[Layer], title: &str) -> Figure {
        let what = "onnxruntime-cpu 1.32.0, float16 activations, against fp32";
        figure(&Data { file: "f".into(), title: title.into(), what: what.into(), layers }).unwrap()
    }

    #[test]
    fn texts_stay_apart_wherever_the_first_departing_layer_is() {
        for n in [3, 10, 160, 1500] {
            for from in [0, n / 2, n - 1, n] {
                let figure = draw(&layers(n, from), "Error by depth of resnet50");
                assert_legible(&figure.scene);
                assert_eq!(figure.alt.contains("No layer departs"), from == n, "{}", figure.alt);
            }
        }
        assert!(
            figure(&Data {
                file: String::new(),
                title: String::new(),
                what: String::new(),
                layers: &[]
            })
            .is_none()
        );
    }

    #[test]
    fn long_names_are_cut_at_their_front() {
        let mut layers = layers(10, 5);
        layers[5].name = format!("{}/last", "/encoder/layer".repeat(20));
        let figure = draw(&layers, &"a very long title ".repeat(20));
        assert_legible(&figure.scene);
        let cut = |shape: &Shape| matches!(shape, Shape::Text { text, .. } if text.starts_with('…') && text.ends_with("/last (Conv)"));
        assert!(figure.scene.shapes.iter().any(cut));
    }

    #[test]
    fn a_layer_that_is_not_finite_stands_above_the_frame() {
        let figure = draw(&layers(10, 8), "t");
        let beyond =
            |shape: &&Shape| matches!(shape, Shape::Dot { at, .. } if at.1 < TOP && at.1 > 40.0);
        assert_eq!(figure.scene.shapes.iter().filter(beyond).count(), 2);
    }
}
