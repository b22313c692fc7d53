//! Paints a scene with `plotters`: the same function draws the SVG and the PNG.
//!
//! Both are drawn at twice their size: `plotters` places on whole pixels, and half pixels look even.

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};

use super::font;
use super::scene::{Anchor, Ink, Scene, Shape};

/// Pixels of a drawing for each px of its scene.
pub const SCALE: f64 = 2.0;

/// An ink with its class in SVG and its colours on light and dark paper.
struct Paint {
    ink: Ink,
    class: &'static str,
    light: (u8, u8, u8),
    dark: &'static str,
}

const fn paint(ink: Ink, class: &'static str, light: (u8, u8, u8), dark: &'static str) -> Paint {
    Paint { ink, class, light, dark }
}

/// Roles, then modes: colours of Okabe and Ito (2008) and Tol (2021) that stay apart for colour-blind
/// readers, darkened for white paper and lightened for black. No two light colours are equal: classes are told by them.
const PAINTS: [Paint; 13] = [
    paint(Ink::Text, "ink-text", (0x1b, 0x1f, 0x24), "#e6e8eb"),
    paint(Ink::Muted, "ink-muted", (0x5b, 0x64, 0x6e), "#9aa4af"),
    paint(Ink::Grid, "ink-grid", (0xe2, 0xe5, 0xe9), "#31363d"),
    paint(Ink::Stripe, "ink-stripe", (0xf3, 0xf5, 0xf7), "#22272d"),
    paint(Ink::Paper, "ink-paper", (0xff, 0xff, 0xff), "#1a1e23"),
    paint(Ink::Series(0), "ink-mode-1", (0x00, 0x72, 0xb2), "#4fb0e8"),
    paint(Ink::Series(1), "ink-mode-2", (0xd5, 0x5e, 0x00), "#ff8f3f"),
    paint(Ink::Series(2), "ink-mode-3", (0x00, 0x8a, 0x66), "#2fc79a"),
    paint(Ink::Series(3), "ink-mode-4", (0xaa, 0x44, 0x99), "#dd86cc"),
    paint(Ink::Series(4), "ink-mode-5", (0xb0, 0x80, 0x00), "#e6c229"),
    paint(Ink::Series(5), "ink-mode-6", (0x33, 0x22, 0x88), "#9c8cf0"),
    paint(Ink::Series(6), "ink-mode-7", (0x88, 0x22, 0x55), "#e0709c"),
    paint(Ink::Series(7), "ink-mode-8", (0x66, 0x66, 0x33), "#b8b878"),
];

fn paint_of(ink: Ink) -> &'static Paint {
    let ink = match ink {
        Ink::Series(k) => Ink::Series(k % 8),
        ink => ink,
    };
    PAINTS.iter().find(|paint| paint.ink == ink).unwrap_or(&PAINTS[0])
}

fn colour(ink: Ink) -> RGBColor {
    let (red, green, blue) = paint_of(ink).light;
    RGBColor(red, green, blue)
}

/// The class of an ink, for legends in HTML.
pub fn class_of(ink: Ink) -> &'static str {
    paint_of(ink).class
}

/// CSS that gives every class its colour on dark paper; without it the light colours of the SVG apply.
pub fn dark_css() -> String {
    let rule = |paint: &Paint| {
        format!(
            ".{c}{{color:{d}}}.f.{c}{{fill:{d}}}.s.{c}{{stroke:{d}}}",
            c = paint.class,
            d = paint.dark
        )
    };
    PAINTS.iter().map(rule).collect()
}

/// CSS for text in HTML that has the colour of an ink, on light paper.
pub fn light_css() -> String {
    let rule = |paint: &Paint| {
        let (red, green, blue) = paint.light;
        format!(".{}{{color:#{red:02x}{green:02x}{blue:02x}}}", paint.class)
    };
    PAINTS.iter().map(rule).collect()
}

/// CSS that takes a mode out of the drawings of a page: those in an element of the class `by-mode`, while the body has
/// the class `without-ink-mode-N`. In other drawings the same colours mean something else.
pub fn without_css() -> String {
    let rule =
        |paint: &Paint| format!(".without-{c} .by-mode svg .{c}{{display:none}}", c = paint.class);
    PAINTS.iter().filter(|paint| matches!(paint.ink, Ink::Series(_))).map(rule).collect()
}

/// The scene as an SVG element for a page that has [`dark_css`]; `label` says what it shows.
pub fn svg_inline(scene: &Scene, title: &str, label: &str) -> String {
    font::register();
    let mut raw = String::new();
    let size = ((scene.width * SCALE) as u32, (scene.height * SCALE) as u32);
    {
        let area = SVGBackend::with_string(&mut raw, size).into_drawing_area();
        draw(scene, &area, SVG_TEXT);
    }
    dress(&raw, scene, title, label)
}

/// The scene as an SVG file that follows the reader's choice of light or dark.
pub fn svg_file(scene: &Scene, title: &str, label: &str) -> String {
    let inline = svg_inline(scene, title, label);
    let style = format!("<style>@media (prefers-color-scheme:dark){{{}}}</style>", dark_css());
    let head_end = inline.find('>').map_or(0, |at| at + 1);
    let (head, body) = inline.split_at(head_end);
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{head}{style}{body}\n")
}

/// The scene as a PNG file on white paper.
pub fn png(scene: &Scene) -> Result<Vec<u8>, png::EncodingError> {
    font::register();
    let (width, height) = ((scene.width * SCALE) as u32, (scene.height * SCALE) as u32);
    let mut pixels = vec![0xff; width as usize * height as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        draw(scene, &area, BITMAP_TEXT);
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // flat colours: filters only stand in the way, and the best compression takes twice the time for 5 % of the size
    encoder.set_filter(png::FilterType::NoFilter);
    encoder.set_compression(png::Compression::Default);
    // twice the pixels on twice the inches: 144 dpi
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: 5669,
        yppu: 5669,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file)
}

/// How a backend treats text.
#[derive(Clone, Copy)]
struct TextRules {
    /// What it divides a font size by.
    line_per_em: f64,
    /// How far below its point it must be told to centre text, in font sizes.
    lower: f64,
}

const SVG_TEXT: TextRules = TextRules { line_per_em: 1.24, lower: 0.0 };
const BITMAP_TEXT: TextRules = TextRules { line_per_em: font::LINE_PER_EM, lower: 0.13 };

/// Draws every shape.
///
/// The two backends in use write into memory and cannot fail once the font is registered.
fn draw<DB: DrawingBackend>(scene: &Scene, area: &DrawingArea<DB, Shift>, rules: TextRules) {
    let px = |(x, y): (f64, f64)| ((x * SCALE).round() as i32, (y * SCALE).round() as i32);
    let stroke = |ink: Ink, width: f64, alpha: f64| ShapeStyle {
        color: colour(ink).mix(alpha),
        filled: false,
        stroke_width: (width * SCALE).round().max(1.0) as u32,
    };
    let fill = |ink: Ink, alpha: f64| colour(ink).mix(alpha).filled();
    let all = |points: &[(f64, f64)]| points.iter().copied().map(px).collect::<Vec<_>>();
    for shape in &scene.shapes {
        let drawn = match shape {
            Shape::Line { points, ink, width, alpha } => {
                area.draw(&PathElement::new(all(points), stroke(*ink, *width, *alpha)))
            }
            Shape::Area { points, ink, alpha } => {
                area.draw(&Polygon::new(all(points), fill(*ink, *alpha)))
            }
            Shape::Rect { bounds: [left, top, right, bottom], ink, alpha } => {
                let corners = [px((*left, *top)), px((*right, *bottom))];
                area.draw(&Rectangle::new(corners, fill(*ink, *alpha)))
            }
            Shape::Dot { at, radius, ink, alpha } => {
                let radius = (radius * SCALE).round() as i32;
                area.draw(&Circle::new(px(*at), radius, fill(*ink, *alpha)))
            }
            Shape::Text { at, text, size, ink, anchor } => {
                let line = size * SCALE * rules.line_per_em;
                let font = FontDesc::new(FontFamily::SansSerif, line, FontStyle::Normal);
                let position = match anchor {
                    Anchor::Start => HPos::Left,
                    Anchor::Middle => HPos::Center,
                    Anchor::End => HPos::Right,
                };
                let style = TextStyle::from(font).pos(Pos::new(position, VPos::Center));
                let at = (at.0, at.1 + size * rules.lower);
                area.draw_text(text, &style.color(&colour(*ink)), px(at))
            }
        };
        debug_assert!(drawn.is_ok(), "drawing into memory failed");
    }
}

/// Turns what `plotters` wrote into an element that scales, speaks and has a dark side.
fn dress(raw: &str, scene: &Scene, title: &str, label: &str) -> String {
    let (width, height) = (scene.width, scene.height);
    let head = format!(
        "<svg viewBox=\"0 0 {} {}\" width=\"{width}\" height=\"{height}\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{}\" font-family=\"{}\">",
        width * SCALE,
        height * SCALE,
        escape(label),
        font::SVG_FAMILY,
    );
    let mut body = raw.split_once('>').map_or("", |(_, body)| body).trim().to_owned();
    let family = format!(" font-family=\"{}\"", font::FAMILY);
    for noise in [&family, " opacity=\"1\"", " stroke=\"none\"", " dy=\"0.5ex\""] {
        let with = if noise.contains("dy") { " dy=\".36em\"" } else { "" };
        body = body.replace(noise, with);
    }
    body = body.replace("\">\n", "\">").replace("\n</text>", "</text>");
    for paint in &PAINTS {
        let (red, green, blue) = paint.light;
        for (attribute, kind) in [("fill", 'f'), ("stroke", 's')] {
            let plain = format!("{attribute}=\"#{red:02X}{green:02X}{blue:02X}\"");
            body = body.replace(&plain, &format!("{plain} class=\"{kind} {}\"", paint.class));
        }
    }
    format!("{head}<title>{}</title>\n{body}", escape(title))
}

/// Text as it may stand in XML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Scene {
        let mut scene = Scene::new(120.0, 40.0);
        scene.rect([0.0, 0.0, 60.0, 40.0], Ink::Series(1), 0.5);
        scene.line((0.0, 20.0), (120.0, 20.0), Ink::Grid, 1.0);
        scene.dot((20.0, 20.0), 3.0, Ink::Series(0), 1.0);
        scene.text((60.0, 20.0), "a < b", 12.0, Ink::Text, Anchor::Middle);
        scene
    }

    #[test]
    fn svg_has_classes_and_a_label() {
        let svg = svg_inline(&scene(), "t", "x & y");
        for part in
            ["role=\"img\"", "aria-label=\"x &amp; y\"", "f ink-mode-2", "s ink-grid", "a &lt; b"]
        {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(svg.ends_with("</svg>"));
        assert!(svg_file(&scene(), "t", "l").contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn png_has_the_pixels() {
        let file = png(&scene()).unwrap();
        let mut reader = png::Decoder::new(file.as_slice()).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (240, 80));
        let mut pixels = vec![0; reader.output_buffer_size()];
        reader.next_frame(&mut pixels).unwrap();
        assert!(pixels.chunks(3).any(|pixel| pixel == [0x00, 0x72, 0xb2]));
    }

    #[test]
    fn every_colour_has_one_meaning() {
        for (k, paint) in PAINTS.iter().enumerate() {
            assert!(PAINTS[k + 1..].iter().all(|other| other.light != paint.light));
        }
    }
}
