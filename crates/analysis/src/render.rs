//! An analysis → every file of the report, in memory. Pure; the same analysis gives the same bytes.

use pipeline::Provenance;

use crate::analyse::Analysis;
use crate::plot::{Figure, paint_all};
use crate::report::{html, markdown, model};

/// A file of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Path within the run folder, with `/` between folders.
    pub path: String,
    /// Contents.
    pub bytes: Vec<u8>,
}

/// Renders the report; `provenance` is that of `summary.parquet`.
///
/// # Errors
/// A plot that cannot be encoded, which is a bug.
pub fn render(analysis: &Analysis, provenance: &Provenance) -> anyhow::Result<Vec<Rendered>> {
    let report = model::report(analysis, provenance);
    let figures: Vec<&Figure> = report.figures.iter().collect();
    let painted = paint_all(&figures)?;
    let page = html::write(&report, &painted);
    let mut files = vec![
        Rendered { path: "report.html".to_owned(), bytes: page.into_bytes() },
        Rendered { path: "report.md".to_owned(), bytes: markdown::write(&report).into_bytes() },
    ];
    for figure in painted {
        files.push(Rendered {
            path: format!("plots/{}.svg", figure.file),
            bytes: figure.svg.into_bytes(),
        });
        files.push(Rendered { path: format!("plots/{}.png", figure.file), bytes: figure.png });
    }
    Ok(files)
}
