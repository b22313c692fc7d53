//! Figures as files, SVG or PNG: what `--plot FILE` asks for.

use std::path::Path;

use anyhow::{Context as _, Result};
use pipeline::Fault;
use plot::{Figure, paint};

/// A file that a figure goes to. Made before anything slow runs, so that a wrong name costs nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawing<'a> {
    path: &'a Path,
    format: Format,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Svg,
    Png,
}

impl<'a> Drawing<'a> {
    /// The format is what the ending of the name says.
    ///
    /// # Errors
    /// Exit 2 for an ending that is neither.
    pub(crate) fn of(path: &'a Path) -> Result<Self, Fault> {
        let format = match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => Format::Svg,
            Some("png") => Format::Png,
            _ => {
                let path = path.display();
                return Err(Fault::config(format!(
                    "--plot {path}: a name that ends in .svg or .png"
                )));
            }
        };
        Ok(Self { path, format })
    }

    /// Writes a figure.
    ///
    /// # Errors
    /// The file cannot be written (exit 4).
    pub(crate) fn write(&self, figure: &Figure) -> Result<()> {
        let Figure { scene, title, alt, .. } = figure;
        let bytes = match self.format {
            Format::Svg => paint::svg_file(scene, title, alt).into_bytes(),
            Format::Png => paint::png(scene)?,
        };
        let failed = || format!("cannot write {}", self.path.display());
        pipeline::files::write_atomic(self.path, &bytes).with_context(failed)
    }
}
