//! The roofline as a drawing: one dot an operator, as large as its share of the time.

use std::collections::BTreeMap;

use backend::onnx::cost::Cost;
use backend::onnx::tensor::element_name;
use plot::axis::{Axis, power_of_ten, whole_decades};
use plot::scene::{Anchor, Ink, LABEL, SMALL, Scene, TITLE};
use plot::{Figure, draw_x, draw_y};

use super::Inspection;
use super::device::Device;
use super::roofline::{Layer, Roofline};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 20.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = HEIGHT - 46.0;

/// Radius of an operator that takes all the time.
const LARGEST: f64 = 60.0;

/// One operator with products.
struct Dot<'a> {
    cost: &'a Cost,
    intensity: f64,
    /// Operations a second that its floor allows.
    rate: f64,
    /// Share of the time.
    share: f64,
}

/// Draws the roofline; `None` without a device or without a product.
pub(super) fn figure(inspection: &Inspection) -> Option<Figure> {
    let (device, roofline) = inspection.roofline.as_ref()?;
    let dots = dots(&inspection.layers, roofline);
    if dots.is_empty() {
        return None;
    }
    let share: f64 = dots.iter().map(|dot| dot.share).sum();
    let (left_out, rest) = (inspection.layers.len() - dots.len(), (1.0 - share).max(0.0) * 100.0);
    Some(Figure {
        file: "roofline".to_owned(),
        title: format!("Roofline on {}", device.name),
        alt: format!(
            "{} operators with products on {}: {:.4} ms without fusion, {:.4} ms fused. {left_out} operators without products take {rest:.0} % of the time without fusion.",
            dots.len(), device.name, roofline.unfused * 1e3, roofline.fused() * 1e3
        ),
        caption: "Each dot is an operator at its highest rate; its area is its share of the time without fusion. Left of the ridge memory holds it back, right of it the peak of its type.".to_owned(),
        scene: draw(device, roofline, &dots, inspection.tf32, (left_out, rest)),
        alternative: None,
        mode: None,
    })
}

fn dots<'a>(costs: &'a [Cost], roofline: &Roofline) -> Vec<Dot<'a>> {
    let dot = |(cost, layer): (&'a Cost, &Option<Layer>)| {
        let (floor, flops) = (layer.as_ref()?.floor(), cost.flops? as f64);
        let intensity = cost.intensity()?;
        let share = floor / roofline.unfused;
        (flops > 0.0 && floor > 0.0).then_some(Dot { cost, intensity, rate: flops / floor, share })
    };
    costs.iter().zip(&roofline.layers).filter_map(dot).collect()
}

fn draw(
    device: &Device,
    roofline: &Roofline,
    dots: &[Dot<'_>],
    tf32: bool,
    (left_out, rest): (usize, f64),
) -> Scene {
    let mut scene = Scene::new(WIDTH, HEIGHT);
    scene.rect([0.0, 0.0, WIDTH, HEIGHT], Ink::Paper, 1.0);
    let title = format!("Roofline on {}", device.name);
    scene.text((16.0, 16.0), title, TITLE, Ink::Text, Anchor::Start);
    let words = format!(
        "no fusion {:.4} ms, fused {:.4} ms; {left_out} operators without products ({rest:.0} % of the time) are not drawn",
        roofline.unfused * 1e3,
        roofline.fused() * 1e3
    );
    scene.text((16.0, 38.0), words, SMALL, Ink::Muted, Anchor::Start);
    let roofs = roofs(device, dots, tf32);
    let (x, y) = axes(device, dots, &roofs);
    let (ticks, words) = decades(&x);
    draw_x(&mut scene, &x, &ticks, &words, TOP, BOTTOM);
    let (ticks, words) = decades(&y);
    draw_y(&mut scene, &y, &ticks, &words, LEFT, RIGHT);
    let middle = f64::midpoint(LEFT, RIGHT);
    let words = "FLOP a byte (across), FLOP a second (up)";
    scene.text((middle, HEIGHT - 14.0), words, SMALL, Ink::Muted, Anchor::Middle);
    for (place, (name, peak)) in roofs.iter().enumerate() {
        let ridge = peak / device.bandwidth;
        let corner = (x.at(ridge), y.at(*peak));
        let start = slope_start(&x, &y, device.bandwidth);
        scene.path(vec![start, corner, (RIGHT, y.at(*peak))], Ink::Series(place), 2.0);
        let words = format!("{name}: {:.1} TFLOP/s", peak / 1e12);
        scene.text((RIGHT, y.at(*peak) - 9.0), words, LABEL, Ink::Series(place), Anchor::End);
    }
    for dot in dots {
        let kind = element_name(dot.cost.element);
        let place = roofs.keys().position(|name| *name == kind).unwrap_or(0);
        let radius = (LARGEST * dot.share.sqrt()).max(2.0);
        scene.dot((x.at(dot.intensity), y.at(dot.rate)), radius, Ink::Series(place), 0.5);
    }
    scene
}

/// Where the roof of memory enters the frame, from below or from the left.
fn slope_start(x: &Axis, y: &Axis, bandwidth: f64) -> (f64, f64) {
    let intensity = x.low().max(y.low() / bandwidth);
    (x.at(intensity), y.at(intensity * bandwidth))
}

/// The peak of each element type that is at work.
fn roofs(device: &Device, dots: &[Dot<'_>], tf32: bool) -> BTreeMap<&'static str, f64> {
    let peak = |dot: &Dot<'_>| device.peak(dot.cost.element, tf32);
    dots.iter().map(|dot| (element_name(dot.cost.element), peak(dot))).collect()
}

/// Whole decades around dots, ridges and roofs.
fn axes(device: &Device, dots: &[Dot<'_>], roofs: &BTreeMap<&str, f64>) -> (Axis, Axis) {
    let ridges = roofs.values().map(|peak| peak / device.bandwidth);
    let across = span(dots.iter().map(|dot| dot.intensity).chain(ridges));
    let up = span(dots.iter().map(|dot| dot.rate).chain(roofs.values().copied()));
    (Axis::log(across, (LEFT, RIGHT)), Axis::log(up, (BOTTOM, TOP)))
}

fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let fold = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
    let (low, high) = values.fold((f64::INFINITY, f64::MIN_POSITIVE), fold);
    whole_decades(low, high)
}

fn decades(axis: &Axis) -> (Vec<f64>, Vec<String>) {
    let word = |exponent: i32| {
        if (0..4).contains(&exponent) {
            power_of_ten(exponent).to_string()
        } else {
            format!("1e{exponent}")
        }
    };
    axis.exponents().map(|exponent| (power_of_ten(exponent), word(exponent))).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roof_of_memory_has_the_slope_of_the_bandwidth() {
        let bandwidth = 102.4e9;
        for (low, across) in [(1e11, 0.1), (1e9, 0.1)] {
            let x = Axis::log((across, 1000.0), (LEFT, RIGHT));
            let y = Axis::log((low, 1e14), (BOTTOM, TOP));
            let (left, down) = slope_start(&x, &y, bandwidth);
            assert!((y.value(down) / x.value(left) / bandwidth - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn axes_hold_whole_decades() {
        assert_eq!(span([0.5, 163.0].into_iter()), (0.1, 1000.0));
        let axis = Axis::log((0.1, 1000.0), (0.0, 1.0));
        assert_eq!(decades(&axis).1, ["1e-1", "1", "10", "100", "1000"]);
    }
}
