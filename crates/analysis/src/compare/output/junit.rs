//! For a CI server: JUnit's XML, one test case a metric. SLOWER is a failure; UNDECIDED, and what cannot be
//! compared, is an error, since the question was not answered.

use pipeline::Exit;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use stats::Judgement;

use super::{bounds, case, figure, ratio, terms, title};
use crate::compare::gate::{Gate, Row};

/// Name of the whole report.
const NAME: &str = "tailmark compare";

/// The report of a gate.
///
/// # Errors
/// Text that XML cannot hold, which is a bug.
pub fn junit(gate: &Gate) -> anyhow::Result<String> {
    let mut suite = TestSuite::new(title(gate));
    suite.add_property(("terms", terms(gate).as_str()));
    suite.add_test_cases(gate.rows.iter().map(|row| test_case(gate, row)));
    if gate.exit == Exit::Incomplete {
        let why = gate.warnings.join("\n");
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("FAILED").set_message("a case is not to be trusted").set_description(why);
        suite.add_test_case(TestCase::new("verdicts of the cases", status));
    }
    if !gate.warnings.is_empty() {
        suite.set_system_err(gate.warnings.join("\n"));
    }
    written(suite)
}

/// The report of a comparison that was refused.
///
/// # Errors
/// Text that XML cannot hold, which is a bug.
pub fn junit_of_error(error: &anyhow::Error) -> anyhow::Result<String> {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("REFUSED").set_message(format!("{error:#}"));
    let mut suite = TestSuite::new(NAME);
    suite.add_test_case(TestCase::new("comparison", status));
    written(suite)
}

fn written(suite: TestSuite) -> anyhow::Result<String> {
    let mut report = Report::new(NAME);
    report.add_test_suite(suite);
    Ok(report.to_string()?)
}

fn test_case(gate: &Gate, row: &Row) -> TestCase {
    let line = format!(
        "{}: {} → {}, {} ({}), {}",
        row.verdict.as_str(),
        figure(row, row.reference_estimate),
        figure(row, row.estimate),
        ratio(row),
        bounds(row),
        row.basis
    );
    let status = match row.verdict {
        Judgement::Same | Judgement::Faster => TestCaseStatus::success(),
        Judgement::Slower => bad(NonSuccessKind::Failure, row, &line),
        Judgement::Undecided => bad(NonSuccessKind::Error, row, &line),
    };
    let mut made = TestCase::new(row.metric.to_string(), status);
    made.set_classname(case(gate, row)).set_system_out(line);
    made
}

fn bad(kind: NonSuccessKind, row: &Row, line: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(row.verdict.as_str()).set_message(line);
    if !row.reasons.is_empty() {
        status.set_description(row.reasons.join("\n"));
    }
    status
}
