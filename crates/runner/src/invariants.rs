//! What must hold of any honest measurement; a broken invariant fails the case.
//!
//! Pure: a tally of the marks goes in, reasons come out (METHODOLOGY.md, "Invariants").

/// What the recorder counted of one stream in one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Inferences in the warm-up phase.
    pub warm_up: i64,
    /// Inferences in the steady phase.
    pub steady: i64,
    /// Σ compute of the steady phase.
    pub compute_ns: i128,
    /// First steady issue.
    pub first_issue_ns: Option<i64>,
    /// Last steady completion.
    pub last_done_ns: Option<i64>,
    /// Places where `seq` did not go up by one.
    pub gaps: i64,
    /// Inferences that were done before they were issued.
    pub backwards: i64,
}

impl Tally {
    /// Inferences of both phases.
    pub fn recorded(&self) -> i64 {
        self.warm_up + self.steady
    }
}

/// The measured window of a round: from the first steady issue to the last steady completion.
pub fn window(tallies: &[Tally]) -> Option<(i64, i64)> {
    let start = tallies.iter().filter_map(|tally| tally.first_issue_ns).min()?;
    let end = tallies.iter().filter_map(|tally| tally.last_done_ns).max()?;
    Some((start, end))
}

/// Mean number of inferences under way at once: Σ compute ÷ wall.
pub fn concurrency(tallies: &[Tally]) -> Option<f64> {
    let (start, end) = window(tallies)?;
    let compute: i128 = tallies.iter().map(|tally| tally.compute_ns).sum();
    (end > start).then(|| compute as f64 / (end - start) as f64)
}

/// The broken invariants of one round, in words with their figures; empty when all hold.
///
/// `completed` are the inferences that the streams themselves counted.
pub fn broken(tallies: &[Tally], completed: &[u64], depth: u32) -> Vec<String> {
    let mut reasons = Vec::new();
    for (stream, (tally, &completed)) in tallies.iter().zip(completed).enumerate() {
        if tally.recorded() != completed as i64 {
            let recorded = tally.recorded();
            reasons.push(format!(
                "stream {stream}: {recorded} rows for {completed} completed inferences"
            ));
        }
        if tally.gaps > 0 {
            reasons.push(format!("stream {stream}: {} gaps in seq", tally.gaps));
        }
        if tally.backwards > 0 {
            reasons.push(format!(
                "stream {stream}: {} inferences done before they were issued",
                tally.backwards
            ));
        }
    }
    if let Some(concurrency) = concurrency(tallies) {
        let most = f64::from(depth) * tallies.len() as f64;
        // one part in a thousand for the resolution of two clocks; on one clock it is never needed
        if concurrency > most * 1.001 {
            reasons.push(format!(
                "Σ compute ÷ wall is {concurrency:.4}, above streams × depth = {most}: more work than time"
            ));
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn honest() -> Tally {
        Tally {
            warm_up: 2,
            steady: 10,
            compute_ns: 900,
            first_issue_ns: Some(1000),
            last_done_ns: Some(2000),
            gaps: 0,
            backwards: 0,
        }
    }

    #[test]
    fn an_honest_round_breaks_nothing() {
        assert_eq!(broken(&[honest()], &[12], 1), Vec::<String>::new());
        assert_eq!(concurrency(&[honest(), honest()]), Some(1.8));
    }

    #[test]
    fn each_invariant_is_noticed() {
        let more_work_than_time = Tally { compute_ns: 1002, ..honest() };
        assert!(broken(&[more_work_than_time], &[12], 1)[0].contains("more work than time"));
        assert!(broken(&[honest()], &[13], 1)[0].contains("12 rows for 13"));
        assert!(broken(&[Tally { gaps: 1, ..honest() }], &[12], 1)[0].contains("gaps in seq"));
        assert!(broken(&[Tally { backwards: 3, ..honest() }], &[12], 1)[0].contains("done before"));
    }

    #[test]
    fn nothing_measured_is_no_division_by_zero() {
        assert_eq!(concurrency(&[Tally::default()]), None);
        assert_eq!(broken(&[Tally::default()], &[0], 1), Vec::<String>::new());
    }
}
