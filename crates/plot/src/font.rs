//! The font of all plots: Ubuntu Light, which a crate ships, so that the machine needs none.
//!
//! A browser that has no Ubuntu shows its own sans-serif instead: every SVG names that as well.

use std::sync::OnceLock;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// The name under which the font is registered.
pub const FAMILY: &str = "sans-serif";
/// What an SVG names: the registered font first, then what browsers have.
pub const SVG_FAMILY: &str = "Ubuntu, system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
/// Height of the font's line ÷ its em: what `ab_glyph` calls size is the line, what CSS calls size is the em.
pub const LINE_PER_EM: f64 = 1.121;

/// Registers the font once; a later call does nothing.
pub fn register() {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(|| {
        let font = epaint_default_fonts::UBUNTU_LIGHT;
        let registered = register_font(FAMILY, FontStyle::Normal, font);
        assert!(registered.is_ok(), "the font of epaint_default_fonts is a font");
    });
}

/// Width of a text at a font size, both in px.
pub fn width(text: &str, size: f64) -> f64 {
    // measured large, since widths come back as whole pixels
    const LARGE: f64 = 200.0;
    register();
    let font = FontDesc::new(FontFamily::SansSerif, LARGE * LINE_PER_EM, FontStyle::Normal);
    let measured = font.box_size(text).map_or(0, |(width, _)| width);
    f64::from(measured) * size / LARGE
}

/// Room for a text in any font that a browser may take instead.
pub fn roomy(text: &str, size: f64) -> f64 {
    width(text, size) * 1.15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_grow_with_text_and_size() {
        assert!(width("mm", 12.0) > width("m", 12.0));
        let ratio = width("p99.9", 24.0) / width("p99.9", 12.0);
        assert!((ratio - 2.0).abs() < 1e-9);
        assert!((20.0..40.0).contains(&width("p99.9", 12.0)), "{}", width("p99.9", 12.0));
    }
}
