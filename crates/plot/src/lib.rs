//! Data → drawings: what all plots of Tailmark have in common, and the one plot that two stages draw.
//!
//! | module | what it holds |
//! |---|---|
//! | [`scene`] | a drawing as data |
//! | [`mod@axis`] | where a value lies, and which values are worth a tick |
//! | [`font`] | the font, out of a crate |
//! | [`paint`] | a scene as SVG and PNG |
//! | [`depth`] | error by depth: drawn where a model is verified and again in the report |
//!
//! Every figure is a pure function of numbers. Knows no run, no artifact and no statistic.

pub mod axis;
pub mod depth;
pub mod font;
pub mod paint;
pub mod scene;

use axis::{Axis, labels};
use scene::{Anchor, Ink, SMALL, Scene};

/// A drawing with the words that stand for it.
#[derive(Clone, Debug)]
pub struct Figure {
    /// File name without extension.
    pub file: String,
    /// Short title.
    pub title: String,
    /// The main figures in words, for whoever does not see the drawing.
    pub alt: String,
    /// How to read it.
    pub caption: String,
    /// The drawing.
    pub scene: Scene,
    /// The same with another axis, for a page with scripts.
    pub alternative: Option<Alternative>,
    /// The one mode that it shows, by its place in the run.
    pub mode: Option<usize>,
}

/// The same figure with another axis.
#[derive(Clone, Debug)]
pub struct Alternative {
    /// What is other: `logarithmic time`.
    pub label: String,
    /// The drawing.
    pub scene: Scene,
}

impl Figure {
    /// The same figure, with another axis to choose.
    #[must_use]
    pub fn or(mut self, label: &str, scene: Scene) -> Self {
        self.alternative = Some(Alternative { label: label.to_owned(), scene });
        self
    }

    /// The same figure, said to show one mode alone.
    #[must_use]
    pub fn of_mode(mut self, place: usize) -> Self {
        self.mode = Some(place);
        self
    }
}

/// A figure in its two forms.
#[derive(Clone, Debug)]
pub struct Painted {
    /// File name without extension.
    pub file: String,
    /// SVG for the report's page.
    pub inline: String,
    /// The same of the figure's alternative.
    pub alternative: Option<String>,
    /// SVG file.
    pub svg: String,
    /// PNG file.
    pub png: Vec<u8>,
}

/// Paints figures on as many threads as the machine has, in the order given.
///
/// # Errors
/// A PNG that cannot be encoded, which is a bug.
pub fn paint_all(figures: &[&Figure]) -> anyhow::Result<Vec<Painted>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = figures.len().div_ceil(threads).max(1);
    let parts: Vec<anyhow::Result<Vec<Painted>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = figures
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(|figure| paint_one(figure)).collect()))
            .collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    });
    let mut painted = Vec::with_capacity(figures.len());
    for part in parts {
        painted.extend(part?);
    }
    Ok(painted)
}

fn paint_one(figure: &Figure) -> anyhow::Result<Painted> {
    let inline = |scene| paint::svg_inline(scene, &figure.title, &figure.alt);
    Ok(Painted {
        file: figure.file.clone(),
        inline: inline(&figure.scene),
        alternative: figure.alternative.as_ref().map(|other| inline(&other.scene)),
        svg: paint::svg_file(&figure.scene, &figure.title, &figure.alt),
        png: paint::png(&figure.scene)?,
    })
}

/// Ticks and labels of a horizontal axis below `bottom`, with grid lines up from there.
pub fn draw_x(
    scene: &mut Scene,
    axis: &Axis,
    ticks: &[f64],
    words: &[String],
    top: f64,
    bottom: f64,
) {
    for (tick, word) in ticks.iter().zip(words) {
        let x = axis.at(*tick);
        scene.line((x, top), (x, bottom), Ink::Grid, 1.0);
        scene.text((x, bottom + 11.0), word, SMALL, Ink::Muted, Anchor::Middle);
    }
}

/// Ticks and labels of a vertical axis left of `left`, with grid lines to the right from there.
pub fn draw_y(
    scene: &mut Scene,
    axis: &Axis,
    ticks: &[f64],
    words: &[String],
    left: f64,
    right: f64,
) {
    for (tick, word) in ticks.iter().zip(words) {
        let y = axis.at(*tick);
        scene.line((left, y), (right, y), Ink::Grid, 1.0);
        scene.text((left - 6.0, y), word, SMALL, Ink::Muted, Anchor::End);
    }
}

/// Ticks of a plain axis with their labels.
pub fn plain_ticks(axis: &Axis, count: usize) -> (Vec<f64>, Vec<String>) {
    let ticks = axis.ticks(count);
    let words = labels(&ticks);
    (ticks, words)
}
