//! The view of an analysis that all writers share: sections of tables, figures and words.
//!
//! In every text, what stands between backticks is code.

use pipeline::{Provenance, Verdict};

use super::{answer, builds, facts, figures, shares, tables, words};
use crate::analyse::Analysis;
use crate::metric::Quantity;
use crate::plot::Figure;

/// How a line or a cell should strike the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// As hoped.
    Good,
    /// To be read with care.
    Warn,
    /// Wrong.
    Bad,
}

impl Tone {
    /// The tone of a verdict.
    pub fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Valid => Self::Good,
            Verdict::Skipped => Self::Plain,
            Verdict::TooShort | Verdict::Unstable | Verdict::Uncertified | Verdict::Throttled => {
                Self::Warn
            }
            Verdict::Failed => Self::Bad,
        }
    }

    /// The tone of a judgement of a comparison or a claim.
    pub fn of_word(word: &str) -> Self {
        match word {
            "FASTER" | "HOLDS" => Self::Good,
            "SLOWER" | "FAILS" => Self::Bad,
            "UNDECIDED" => Self::Warn,
            _ => Self::Plain,
        }
    }
}

/// One cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The value.
    pub text: String,
    /// A word on it: TOO-SHORT, FASTER, …
    pub tag: Option<(String, Tone)>,
    /// What belongs to it: bounds, a reason.
    pub detail: String,
    /// The place of the mode that it names.
    pub mode: Option<usize>,
}

impl Cell {
    /// A cell with nothing but a text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A cell for a value that does not exist.
    pub fn none() -> Self {
        Self::plain("–")
    }

    /// A cell that is a word.
    pub fn tag(word: impl Into<String>, tone: Tone) -> Self {
        Self { tag: Some((word.into(), tone)), ..Self::default() }
    }

    /// The cell with a detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub title: String,
    /// Whether its cells are numbers, which stand at the right.
    pub numeric: bool,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows with one cell a column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows: a column whose title ends in `#` holds numbers.
    pub fn new(caption: impl Into<String>, titles: &[&str]) -> Self {
        let columns = titles
            .iter()
            .map(|title| Column {
                title: title.trim_end_matches('#').to_owned(),
                numeric: title.ends_with('#'),
            })
            .collect();
        Self { caption: caption.into(), columns, rows: Vec::new() }
    }
}

/// One piece of a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A table.
    Table(Table),
    /// Figures by their index in the report; small ones stand side by side.
    Figures {
        /// Indices into [`Report::figures`].
        indices: Vec<usize>,
        /// Whether two of them fit beside each other.
        small: bool,
    },
    /// A list of points.
    List(Vec<String>),
    /// Commands.
    Code(String),
    /// Words and what they mean.
    Terms(Vec<(String, String)>),
}

/// A part of the report with a heading.
#[derive(Clone, Debug)]
pub struct Section {
    /// Anchor.
    pub id: &'static str,
    /// Heading.
    pub title: String,
    /// Contents.
    pub blocks: Vec<Block>,
}

/// A line of the answer at the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its tone.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

/// The whole report.
#[derive(Clone, Debug)]
pub struct Report {
    /// Heading.
    pub title: String,
    /// One line below it.
    pub subtitle: String,
    /// The answer, most important first.
    pub answer: Vec<Line>,
    /// Everything else.
    pub sections: Vec<Section>,
    /// The figures that sections refer to.
    pub figures: Vec<Figure>,
    /// Small print.
    pub footer: String,
}

/// Makes the view. `provenance` is that of `summary.parquet`: a report of the same files is the same.
pub fn report(analysis: &Analysis, provenance: &Provenance) -> Report {
    let mut draft = Draft::default();
    add_measured(analysis, &mut draft);
    add_background(analysis, provenance, &mut draft);
    let fact = |key: &str| provenance.get(key).unwrap_or("unknown");
    Report {
        title: format!("{}: how fast, and how sure", analysis.name),
        subtitle: subtitle(analysis),
        answer: answer::answer(analysis),
        sections: draft.sections,
        figures: draft.figures,
        footer: format!(
            "Made by Tailmark {} at revision {}, {}. Every number here can be derived again from the Parquet files beside this report: `analysis verify` does it.",
            fact("tailmark.version"),
            fact("git.revision"),
            fact("created_utc"),
        ),
    }
}

fn subtitle(analysis: &Analysis) -> String {
    let row = analysis.run.cases.iter().find_map(|case| case.setup());
    let Some(row) = row else {
        return "engines that were built; no mode was run".to_owned();
    };
    let model = analysis.run.models.iter().find(|model| model.model_digest == row.model_digest);
    let model = model.map_or_else(String::new, |model| format!("{}, ", model.name));
    let rounds = analysis.run.cases.iter().map(|case| case.rounds.len()).max().unwrap_or(0);
    format!(
        "{model}batch {}, {} on {}, {rounds} {}",
        row.batch,
        row.backend,
        row.device,
        if rounds == 1 { "round" } else { "rounds" }
    )
}

/// Sections in the making, with the figures that they refer to.
#[derive(Default)]
struct Draft {
    sections: Vec<Section>,
    figures: Vec<Figure>,
}

impl Draft {
    /// Adds a section unless nothing stands in it.
    fn add(&mut self, id: &'static str, title: &str, blocks: Vec<Option<Block>>) {
        let blocks: Vec<Block> = blocks.into_iter().flatten().collect();
        if !blocks.is_empty() {
            self.sections.push(Section { id, title: title.to_owned(), blocks });
        }
    }

    /// Keeps figures and refers to them.
    fn draw(&mut self, made: impl IntoIterator<Item = Figure>, small: bool) -> Option<Block> {
        let first = self.figures.len();
        self.figures.extend(made);
        let indices: Vec<usize> = (first..self.figures.len()).collect();
        (!indices.is_empty()).then_some(Block::Figures { indices, small })
    }
}

/// A table as a block, unless it has no rows.
fn filled(table: Table) -> Option<Block> {
    (!table.rows.is_empty()).then_some(Block::Table(table))
}

/// What was measured.
fn add_measured(analysis: &Analysis, draft: &mut Draft) {
    let comparison = draft.draw(figures::comparison(analysis), false);
    draft.add(
        "results",
        "Results",
        vec![
            filled(tables::results(analysis, Quantity::Compute)),
            words::overlapped(analysis).map(Block::Text),
            comparison,
            figures::skipped(analysis).map(Block::Text),
        ],
    );
    let measured = !analysis.run.cases.is_empty();
    let same = words::response_is_compute(analysis).filter(|_| measured);
    let response = same.is_none().then(|| filled(tables::results(analysis, Quantity::Response)));
    let ecdf = draft.draw(shares::ecdf(analysis), false);
    let percentiles = draft.draw(figures::percentiles(analysis), false);
    let streams = draft.draw(shares::streams(analysis), false);
    draft.add(
        "response",
        "What a caller waits",
        vec![
            measured.then(|| Block::Text(words::RESPONSE.to_owned())),
            same.map(Block::Text),
            response.flatten(),
            ecdf,
            percentiles,
            streams,
        ],
    );
    draft.add(
        "comparison",
        "Against the baseline",
        vec![filled(tables::comparison(analysis)), words::comparison(analysis).map(Block::Text)],
    );
    draft.add("claims", "Claims", vec![filled(tables::claims(analysis))]);
    let histograms = draft.draw(figures::histograms(analysis), true);
    draft.add("histograms", "Each inference", vec![histograms]);
    let timelines = draft.draw(figures::timelines(analysis), false);
    draft.add("timelines", "Over time", vec![timelines]);
}

/// Why to believe it, and how to do it again.
fn add_background(analysis: &Analysis, provenance: &Provenance, draft: &mut Draft) {
    draft.add(
        "verdicts",
        "Verdicts, and what to do next",
        vec![filled(tables::verdicts(analysis)), tables::too_short(analysis).map(Block::List)],
    );
    draft.add("setup", "Asked and achieved", vec![filled(facts::setup(analysis))]);
    let times = draft.draw(figures::builds(analysis), false);
    draft.add(
        "engines",
        "Engines",
        vec![
            filled(facts::engines(analysis)),
            filled(builds::table(analysis)),
            times,
            builds::words(analysis).map(Block::Text),
        ],
    );
    let depth = draft.draw(figures::depth(analysis), false);
    draft.add(
        "verification",
        "Verification of the model",
        vec![filled(facts::verification(analysis)), depth],
    );
    draft.add("environment", "Environment", vec![filled(facts::environment(analysis))]);
    let commands =
        words::reproduce(&analysis.run.provenance, provenance).into_iter().map(Some).collect();
    draft.add("reproduce", "Do it again", commands);
    draft.add("glossary", "What the words mean", vec![Some(Block::Terms(words::glossary()))]);
}
