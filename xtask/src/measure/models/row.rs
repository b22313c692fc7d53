//! What came of the steps of one model, as a row of the table.

use super::list::{Model, Weights};

/// The columns, in the order of the steps.
pub(super) const COLUMNS: [&str; 6] =
    ["reweight", "fp32", "fp16", "onnxruntime-cpu", "rten", "tensorrt-rtx"];

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As it should.
    Passed,
    /// With exit 2, 3 or 4 and a reason.
    Refused,
    /// By a crash, a bug, or without a reason.
    Broken,
    /// It was not run.
    LeftOut,
}

/// How a step ended, and what there is to say.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) kind: Kind,
    /// Figures, or the reason.
    pub(super) note: String,
}

impl Outcome {
    pub(super) fn passed(note: impl Into<String>) -> Self {
        Self { kind: Kind::Passed, note: note.into() }
    }

    pub(super) fn left_out(note: impl Into<String>) -> Self {
        Self { kind: Kind::LeftOut, note: note.into() }
    }

    fn cell(&self) -> String {
        match self.kind {
            Kind::Passed if self.note.is_empty() => "ok".to_owned(),
            Kind::Passed => format!("ok {}", self.note),
            Kind::Refused => "refused".to_owned(),
            Kind::Broken => "FAILED".to_owned(),
            Kind::LeftOut => "-".to_owned(),
        }
    }
}

/// One model with one kind of weights.
pub(super) struct Row {
    model: &'static str,
    pub(super) weights: Weights,
    outcomes: Vec<(&'static str, Outcome)>,
    expected: Vec<(&'static str, &'static [Kind])>,
}

impl Row {
    pub(super) fn new(model: &Model, weights: Weights) -> Self {
        let own = model.expected.iter().filter(|expected| expected.weights == weights);
        let expected = own.map(|expected| (expected.column, expected.kinds)).collect();
        Self { model: model.name, weights, outcomes: Vec::new(), expected }
    }

    pub(super) fn push(&mut self, column: &'static str, outcome: Outcome) {
        self.outcomes.push((column, outcome));
    }

    fn of(&self, column: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|(name, _)| *name == column).map(|(_, outcome)| outcome)
    }

    /// The steps in one line.
    pub(super) fn short(&self) -> String {
        let told = self.outcomes.iter().filter(|(_, outcome)| outcome.kind != Kind::LeftOut);
        let told: Vec<String> =
            told.map(|(column, outcome)| format!("{column} {}", outcome.cell())).collect();
        told.join(", ")
    }

    fn title(&self) -> String {
        format!("{}, {} weights", self.model, self.weights.as_str())
    }

    /// Why steps were refused, broken or left out.
    pub(super) fn reasons(&self) -> Vec<String> {
        let told =
            self.outcomes.iter().filter(|(_, o)| o.kind != Kind::Passed && !o.note.is_empty());
        told.map(|(column, outcome)| {
            format!("{}: {column} {}: {}", self.title(), word(outcome.kind), outcome.note)
        })
        .collect()
    }

    /// Steps that ended otherwise than expected.
    pub(super) fn unexpected(&self) -> Vec<String> {
        let wanted = |column: &str| {
            let stated = self.expected.iter().find(|(name, _)| *name == column);
            stated.map_or(&[Kind::Passed][..], |(_, kinds)| *kinds)
        };
        let odd = self.outcomes.iter().filter(|(column, outcome)| {
            outcome.kind != Kind::LeftOut && !wanted(column).contains(&outcome.kind)
        });
        odd.map(|(column, outcome)| {
            let wanted: Vec<&str> = wanted(column).iter().map(|kind| word(*kind)).collect();
            let (found, wanted) = (word(outcome.kind), wanted.join(" or "));
            format!("{}: {column} {found}, expected {wanted}: {}", self.title(), outcome.note)
        })
        .collect()
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Passed => "ok",
        Kind::Refused => "refused",
        Kind::Broken => "FAILED",
        Kind::LeftOut => "left out",
    }
}

/// The rows under their heads, in columns.
pub(super) fn table(rows: &[Row]) -> Vec<String> {
    let head = ["model", "weights"].into_iter().chain(COLUMNS).map(str::to_owned).collect();
    let mut lines: Vec<Vec<String>> = vec![head];
    for row in rows {
        let mut line = vec![row.model.to_owned(), row.weights.as_str().to_owned()];
        line.extend(COLUMNS.map(|column| row.of(column).map_or("-".to_owned(), Outcome::cell)));
        lines.push(line);
    }
    let width = |column: usize| lines.iter().map(|l| l[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let text = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::super::list::MODELS;
    use super::*;

    #[test]
    fn what_differs_from_what_was_expected_is_told() {
        let refused = || Outcome { kind: Kind::Refused, note: "all alike".into() };
        let mut row = Row::new(&MODELS[0], Weights::Own);
        row.push("fp32", refused());
        row.push("rten", Outcome::left_out("not here"));
        assert!(row.unexpected().is_empty(), "constant weights are to be refused");
        let mut row = Row::new(&MODELS[0], Weights::Seeded);
        row.push("fp32", refused());
        row.push("fp16", Outcome::passed("1e-3 of 1e-2"));
        let expected = "squeezenet, seeded weights: fp32 refused, expected ok: all alike";
        assert_eq!(row.unexpected(), [expected]);
        let lines = table(&[row]);
        assert!(lines[1].starts_with("squeezenet  seeded   -         refused  ok 1e-3 of 1e-2  -"));
    }
}
