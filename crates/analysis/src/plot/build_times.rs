//! Time to build each engine, cold and warm, with intervals over rounds.

use super::axis::Axis;
use super::comparison::{Point, bar, heading, point_in_words};
use super::scene::{Anchor, Ink, LABEL, Scene};
use super::{Figure, draw_x, font, time_ticks};
use crate::format::{duration, number, unit_of};

/// One engine.
#[derive(Clone, Debug)]
pub struct Row {
    /// Backend and precision.
    pub name: String,
    /// From no timings, ns.
    pub cold: Point,
    /// From stored timings, or out of the engine store, ns.
    pub warm: Point,
    /// What warm is.
    pub warm_is: String,
}

const WIDTH: f64 = 860.0;
const TOP: f64 = 58.0;
const ROW: f64 = 48.0;
const RIGHT: f64 = WIDTH - 16.0;

/// Draws the builds; `None` without any.
pub fn figure(rows: &[Row]) -> Option<Figure> {
    if rows.is_empty() {
        return None;
    }
    let words: Vec<String> = rows
        .iter()
        .map(|row| {
            let (cold, warm) = (duration(row.cold.estimate), duration(row.warm.estimate));
            format!("{}: cold {cold}, {} {warm}", row.name, row.warm_is)
        })
        .collect();
    Some(Figure {
        file: "builds".to_owned(),
        title: "Time to build each engine".to_owned(),
        alt: format!("{}.", words.join(". ")),
        caption:
            "Mean of the rounds; whiskers: its interval over rounds, where there are three or more."
                .to_owned(),
        scene: draw(rows),
        alternative: None,
        mode: None,
    })
}

fn draw(rows: &[Row]) -> Scene {
    let bottom = TOP + ROW * rows.len() as f64;
    let mut scene = Scene::new(WIDTH, bottom + 30.0);
    scene.rect([0.0, 0.0, WIDTH, scene.height], Ink::Paper, 1.0);
    let widest = rows.iter().map(|row| font::roomy(&row.name, LABEL)).fold(0.0, f64::max);
    let left = 16.0 + widest + 10.0;
    let reach = |point: Point| point.upper.unwrap_or(point.estimate).max(point.estimate);
    let longest = rows.iter().map(|row| reach(row.cold).max(reach(row.warm))).fold(0.0, f64::max);
    // room on the right for the words that stand there
    let time = Axis::linear((0.0, longest * 1.45), (left, RIGHT));
    let (ticks, words, unit) = time_ticks(&time, 6);
    heading(&mut scene, left, "Build", &format!("{unit}, less is better"));
    draw_x(&mut scene, &time, &ticks, &words, TOP, bottom);
    let (scale, _) = unit_of(time.high());
    for (k, row) in rows.iter().enumerate() {
        let y = TOP + ROW * (k as f64 + 0.5);
        scene.text((16.0, y), &row.name, LABEL, Ink::Text, Anchor::Start);
        let bars = [("cold", row.cold, y - 9.0, 0), (row.warm_is.as_str(), row.warm, y + 9.0, 1)];
        for (name, point, y, place) in bars {
            bar(&mut scene, &time, point, (y, 7.0), (Ink::Series(place), 0.7));
            let text = format!("{name} {}", number(point.estimate / scale));
            scene.text((time.at(reach(point)) + 7.0, y), text, LABEL, Ink::Text, Anchor::Start);
            let said = point_in_words(point, scale);
            let at = (time.at(point.estimate), y);
            scene.mark(at, None, format!("{}, {name}: {said} {unit}", row.name));
        }
    }
    scene.line((left, TOP), (left, bottom), Ink::Muted, 1.0);
    scene
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::plot::scene::assert_legible;

    #[test]
    fn labels_stay_apart() {
        let row = |name: &str, cold: f64, warm: f64| Row {
            name: name.to_owned(),
            cold: Point { estimate: cold, lower: Some(cold * 0.9), upper: Some(cold * 1.1) },
            warm: Point { estimate: warm, lower: None, upper: None },
            warm_is: "engine store".to_owned(),
        };
        let rows = [row("tensorrt-rtx fp16", 637e6, 63e6), row("tensorrt fp32", 5e9, 4.9e9)];
        for rows in [&rows[..], &rows[..1]] {
            assert_legible(&figure(rows).unwrap().scene);
        }
        assert!(figure(&[]).is_none());
    }
}
