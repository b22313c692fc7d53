//! Two plots: how often intervals hold the truth, and how small a fault is still seen.

use pipeline::artifact::ValidationRow;
use plot::axis::Axis;
use plot::scene::{Anchor, Ink, SMALL, Scene, TITLE};
use plot::{Figure, draw_x, draw_y, plain_ticks};

const WIDTH: f64 = 860.0;
const ROW: f64 = 17.0;
const LEFT: f64 = 330.0;

/// The plots that the rows have data for.
pub(super) fn all(rows: &[ValidationRow]) -> Vec<Figure> {
    [coverage(rows), detection(rows)].into_iter().flatten().collect()
}

/// Coverage of every interval, ours and that for independent samples, one line a metric.
fn coverage(rows: &[ValidationRow]) -> Option<Figure> {
    let own: Vec<&ValidationRow> =
        rows.iter().filter(|row| row.claim.starts_with("coverage of")).collect();
    let last = own.last()?;
    let (top, right) = (56.0, WIDTH - 30.0);
    let bottom = top + ROW * own.len() as f64;
    let mut scene = Scene::new(WIDTH, bottom + 44.0);
    let axis = Axis::linear((0.2, 1.0), (LEFT, right));
    let ticks: Vec<f64> = (2..=10).map(|k| f64::from(k) / 10.0).collect();
    let words: Vec<String> = ticks.iter().map(|tick| format!("{:.0} %", tick * 100.0)).collect();
    draw_x(&mut scene, &axis, &ticks, &words, top, bottom);
    scene.line((axis.at(0.95), top), (axis.at(0.95), bottom), Ink::Muted, 1.0);
    scene.text((14.0, 16.0), "Do 95 % intervals hold the truth?", TITLE, Ink::Text, Anchor::Start);
    scene.dot((20.0, 36.0), 4.0, Ink::Series(0), 1.0);
    scene.text(
        (30.0, 36.0),
        "this method; bar: where it must be",
        SMALL,
        Ink::Muted,
        Anchor::Start,
    );
    scene.dot((290.0, 36.0), 4.0, Ink::Series(1), 1.0);
    scene.text((300.0, 36.0), "samples taken for independent", SMALL, Ink::Muted, Anchor::Start);
    for (place, row) in own.iter().enumerate() {
        let y = top + ROW * (place as f64 + 0.5);
        let setting = row.setting.trim_start_matches("n = 13,000, ");
        let name = format!("{}, {}", shorten(setting), row.metric.trim_start_matches("compute/"));
        scene.text((LEFT - 8.0, y), name, SMALL, Ink::Text, Anchor::End);
        if let (Some(low), Some(high)) = (row.low, row.high) {
            let bounds = [axis.at(low), y - 3.0, axis.at(high), y + 3.0];
            scene.rect(bounds, Ink::Series(0), 0.2);
        }
        let naive = rows.iter().find(|other| {
            other.claim.starts_with("coverage if")
                && other.setting == row.setting
                && other.metric == row.metric
        });
        if let Some(naive) = naive {
            scene.dot((axis.at(naive.figure), y), 4.0, Ink::Series(1), 1.0);
        }
        scene.dot((axis.at(row.figure), y), 4.0, Ink::Series(0), 1.0);
    }
    let middle = f64::midpoint(LEFT, right);
    let what = format!("share of {} simulated runs whose interval holds the truth", last.trials);
    scene.text((middle, bottom + 32.0), what, SMALL, Ink::Muted, Anchor::Middle);
    let lowest = own.iter().map(|row| row.figure).fold(1.0, f64::min);
    Some(Figure {
        file: "coverage".to_owned(),
        title: "Coverage of intervals".to_owned(),
        alt: format!("The lowest of {} coverages is {:.1} %.", own.len(), lowest * 100.0),
        caption: "Each line is a simulated machine and a metric.".to_owned(),
        scene,
        alternative: None,
        mode: None,
    })
}

/// A label that fits beside the axis.
fn shorten(text: &str) -> String {
    let text =
        text.replace(" expected, 50 or more made", "").replace("a fifth of the time slow, ", "");
    text.replace("5 rounds of 500, round sd 0.3 %, cv 0.5 %, φ = 0.5", "5 rounds")
}

/// Small panels of detection by size, one line a memory.
fn detection(rows: &[ValidationRow]) -> Option<Figure> {
    let curve: Vec<&ValidationRow> = rows.iter().filter(|row| row.x.is_some()).collect();
    let mut names: Vec<&str> = Vec::new();
    for row in &curve {
        if !names.contains(&row.metric.as_str()) {
            names.push(&row.metric);
        }
    }
    if names.is_empty() {
        return None;
    }
    let mut settings: Vec<&str> = Vec::new();
    for row in &curve {
        if !settings.contains(&row.setting.as_str()) {
            settings.push(&row.setting);
        }
    }
    let lines = names.len().div_ceil(2) as f64;
    let mut scene = Scene::new(WIDTH, 66.0 + 180.0 * lines);
    scene.text(
        (14.0, 16.0),
        "How small a fault gets its verdict?",
        TITLE,
        Ink::Text,
        Anchor::Start,
    );
    for (place, setting) in settings.iter().enumerate() {
        let x = 20.0 + 110.0 * place as f64;
        let phi = setting.rsplit(", ").next().unwrap_or(setting);
        scene.dot((x, 38.0), 4.0, Ink::Series(place), 1.0);
        scene.text((x + 10.0, 38.0), phi, SMALL, Ink::Muted, Anchor::Start);
    }
    for (place, name) in names.iter().enumerate() {
        let corner = ((place % 2) as f64 * 425.0, 56.0 + (place / 2) as f64 * 180.0);
        let own: Vec<&ValidationRow> =
            curve.iter().copied().filter(|row| row.metric == *name).collect();
        panel(&mut scene, corner, name, &own, &settings);
    }
    Some(Figure {
        file: "detection".to_owned(),
        title: "Detection of planted faults".to_owned(),
        alt: format!("{} kinds of faults by their size.", names.len()),
        caption: "Share of simulated runs that get the verdict which the fault deserves."
            .to_owned(),
        scene,
        alternative: None,
        mode: None,
    })
}

fn panel(
    scene: &mut Scene,
    (x, y): (f64, f64),
    name: &str,
    rows: &[&ValidationRow],
    settings: &[&str],
) {
    let places: Vec<f64> = rows.iter().filter_map(|row| row.x).collect();
    let low = places.iter().copied().fold(f64::INFINITY, f64::min);
    let high = places.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (left, right, top, bottom) = (x + 56.0, x + 410.0, y + 24.0, y + 140.0);
    let across = if high / low > 8.0 {
        Axis::log((low, high), (left, right))
    } else {
        Axis::linear((low, high), (left, right))
    };
    let up = Axis::linear((0.0, 1.0), (bottom, top));
    let (ticks, words) = plain_ticks(&across, 6);
    draw_x(scene, &across, &ticks, &words, top, bottom);
    let shares = [0.0, 0.5, 1.0];
    let percents = ["0 %", "50 %", "100 %"].map(str::to_owned);
    draw_y(scene, &up, &shares, &percents, left, right);
    scene.text((left, y + 10.0), name, SMALL, Ink::Text, Anchor::Start);
    for (place, setting) in settings.iter().enumerate() {
        let points: Vec<(f64, f64)> = rows
            .iter()
            .filter(|row| row.setting == *setting)
            .filter_map(|row| Some((across.at(row.x?), up.at(row.figure))))
            .collect();
        for &point in &points {
            scene.dot(point, 3.0, Ink::Series(place), 1.0);
        }
        scene.path(points, Ink::Series(place), 1.5);
    }
}
