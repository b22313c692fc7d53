//! A drawing as data: shapes in px with inks by role. One painter makes SVG and PNG of it.

/// A colour by what it is for; a theme gives it a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Text that matters.
    Text,
    /// Text and marks that explain.
    Muted,
    /// Grid lines.
    Grid,
    /// Stripes behind data.
    Stripe,
    /// The background.
    Paper,
    /// A mode, by its place in the run.
    Series(usize),
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The point is at the left end.
    Start,
    /// The point is in the middle.
    Middle,
    /// The point is at the right end.
    End,
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Connected line segments.
    Line {
        /// Points.
        points: Vec<(f64, f64)>,
        /// Colour.
        ink: Ink,
        /// Stroke width.
        width: f64,
        /// Opacity.
        alpha: f64,
    },
    /// A filled polygon.
    Area {
        /// Corners.
        points: Vec<(f64, f64)>,
        /// Colour.
        ink: Ink,
        /// Opacity.
        alpha: f64,
    },
    /// A filled rectangle.
    Rect {
        /// Left, top, right, bottom.
        bounds: [f64; 4],
        /// Colour.
        ink: Ink,
        /// Opacity.
        alpha: f64,
    },
    /// A filled disc.
    Dot {
        /// Centre.
        at: (f64, f64),
        /// Radius.
        radius: f64,
        /// Colour.
        ink: Ink,
        /// Opacity.
        alpha: f64,
    },
    /// A line of text, centred vertically on its point.
    Text {
        /// Where.
        at: (f64, f64),
        /// What.
        text: String,
        /// Font size.
        size: f64,
        /// Colour.
        ink: Ink,
        /// Horizontal alignment.
        anchor: Anchor,
    },
}

/// A point of a drawing that has more to say: a page with scripts says it where the pointer is.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where, in px of the scene.
    pub at: (f64, f64),
    /// The mode that it belongs to, by its place in the run.
    pub mode: Option<usize>,
    /// What it says.
    pub text: String,
}

/// A drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Width in px.
    pub width: f64,
    /// Height in px.
    pub height: f64,
    /// In the order of drawing.
    pub shapes: Vec<Shape>,
    /// What its points say; not drawn.
    pub marks: Vec<Mark>,
}

/// Font size of titles.
pub const TITLE: f64 = 14.0;
/// Font size of labels.
pub const LABEL: f64 = 12.0;
/// Font size of notes and tick labels.
pub const SMALL: f64 = 11.0;

impl Scene {
    /// An empty drawing.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: Vec::new(), marks: Vec::new() }
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink, width: f64) {
        self.path(vec![from, to], ink, width);
    }

    /// Connected lines.
    pub fn path(&mut self, points: Vec<(f64, f64)>, ink: Ink, width: f64) {
        self.shapes.push(Shape::Line { points, ink, width, alpha: 1.0 });
    }

    /// A filled polygon.
    pub fn area(&mut self, points: Vec<(f64, f64)>, ink: Ink, alpha: f64) {
        self.shapes.push(Shape::Area { points, ink, alpha });
    }

    /// A filled rectangle: left, top, right, bottom.
    pub fn rect(&mut self, bounds: [f64; 4], ink: Ink, alpha: f64) {
        self.shapes.push(Shape::Rect { bounds, ink, alpha });
    }

    /// A filled disc.
    pub fn dot(&mut self, at: (f64, f64), radius: f64, ink: Ink, alpha: f64) {
        self.shapes.push(Shape::Dot { at, radius, ink, alpha });
    }

    /// A line of text.
    pub fn text(
        &mut self,
        at: (f64, f64),
        text: impl Into<String>,
        size: f64,
        ink: Ink,
        anchor: Anchor,
    ) {
        self.shapes.push(Shape::Text { at, text: text.into(), size, ink, anchor });
    }

    /// A point that says something, of a mode by its place in the run.
    pub fn mark(
        &mut self,
        at: (f64, f64),
        mode: impl Into<Option<usize>>,
        text: impl Into<String>,
    ) {
        self.marks.push(Mark { at, mode: mode.into(), text: text.into() });
    }

    /// The boxes of all texts: left, top, right, bottom, text.
    pub fn text_boxes(&self) -> Vec<([f64; 4], &str)> {
        let boxes = self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text { at, text, size, anchor, .. } => {
                let (left, right) = extent(at.0, super::font::width(text, *size), *anchor);
                Some(([left, at.1 - size * 0.45, right, at.1 + size * 0.45], text.as_str()))
            }
            _ => None,
        });
        boxes.collect()
    }
}

/// Left and right end of something of a width that is anchored at x.
pub fn extent(x: f64, width: f64, anchor: Anchor) -> (f64, f64) {
    match anchor {
        Anchor::Start => (x, x + width),
        Anchor::Middle => (x - width / 2.0, x + width / 2.0),
        Anchor::End => (x - width, x),
    }
}

/// Panics when texts of a drawing leave it or lie upon each other; for tests of every figure.
///
/// # Panics
/// As it says.
pub fn assert_legible(scene: &Scene) {
    let boxes = scene.text_boxes();
    for (k, (a, text)) in boxes.iter().enumerate() {
        let inside = a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= scene.width && a[3] <= scene.height;
        assert!(inside, "\"{text}\" at {a:?} leaves {} × {}", scene.width, scene.height);
        for (b, other) in &boxes[k + 1..] {
            let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
            assert!(apart, "\"{text}\" at {a:?} lies upon \"{other}\" at {b:?}");
        }
    }
}
