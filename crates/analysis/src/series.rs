//! Columns of numbers that estimators need, taken from the samples of a case. Pure.

use crate::load::{Case, Round};
use crate::metric::Quantity;

/// One time of all samples that count.
#[derive(Clone, Debug)]
pub struct Series {
    /// The time.
    pub quantity: Quantity,
    /// Its values in ns, one list a round, in order of completion; rounds without values left out.
    pub rounds: Vec<RoundValues>,
    /// All values, ascending.
    pub sorted: Vec<i64>,
}

/// The values of one round.
#[derive(Clone, Debug)]
pub struct RoundValues {
    /// From 0.
    pub index: i64,
    /// Whether the round was measured to its end.
    pub complete: bool,
    /// In order of completion.
    pub values: Vec<i64>,
}

impl Series {
    /// The series of a quantity; `None` where the backend has no such stamp.
    pub fn of(case: &Case, quantity: Quantity) -> Option<Self> {
        let rounds: Vec<RoundValues> = case
            .rounds
            .iter()
            .map(|round| RoundValues {
                index: round.index,
                complete: round.complete,
                values: round.steady.iter().filter_map(|sample| quantity.of(sample)).collect(),
            })
            .filter(|round| !round.values.is_empty())
            .collect();
        let mut sorted: Vec<i64> =
            rounds.iter().flat_map(|round| round.values.iter().copied()).collect();
        sorted.sort_unstable();
        (!sorted.is_empty()).then_some(Self { quantity, rounds, sorted })
    }

    /// The rounds as slices.
    pub fn segments(&self) -> Vec<&[i64]> {
        self.rounds.iter().map(|round| round.values.as_slice()).collect()
    }
}

/// What the streams of one round completed.
#[derive(Clone, Debug)]
pub struct Completions {
    /// From 0.
    pub index: i64,
    /// Whether the round was measured to its end.
    pub complete: bool,
    /// One entry a stream that completed something.
    pub streams: Vec<StreamWindow>,
    /// Mean over streams of the time between the k-th completion and the one before, in ns: what all
    /// streams suffer together stays in it, and their taking turns does not.
    pub gaps: Vec<f64>,
}

/// A stream's own window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamWindow {
    /// The stream.
    pub stream: i64,
    /// Inferences that it completed.
    pub n: usize,
    /// From its first issue that counts to its last completion.
    pub window_ns: i64,
}

impl StreamWindow {
    /// Inferences a second; `None` when the window has no length.
    pub fn rate(&self) -> Option<f64> {
        (self.window_ns > 0).then(|| self.n as f64 * 1e9 / self.window_ns as f64)
    }
}

impl Completions {
    /// The completions of a round; `None` when there are none.
    pub fn of(round: &Round) -> Option<Self> {
        let mut ids: Vec<i64> = round.steady.iter().map(|sample| sample.stream).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut streams = Vec::new();
        let mut gaps_of_streams: Vec<Vec<i64>> = Vec::new();
        for stream in ids {
            let samples = || round.steady.iter().filter(|sample| sample.stream == stream);
            let first = samples().map(|sample| sample.issue_ns).min()?;
            let mut last = first;
            let mut gaps = Vec::new();
            for sample in samples() {
                gaps.push(sample.done_ns - last);
                last = sample.done_ns;
            }
            streams.push(StreamWindow { stream, n: gaps.len(), window_ns: last - first });
            gaps_of_streams.push(gaps);
        }
        let shortest = gaps_of_streams.iter().map(Vec::len).min()?;
        let gaps = (0..shortest)
            .map(|k| {
                let sum: i64 = gaps_of_streams.iter().map(|gaps| gaps[k]).sum();
                sum as f64 / gaps_of_streams.len() as f64
            })
            .collect();
        Some(Self { index: round.index, complete: round.complete, streams, gaps })
    }
}

/// Inferences a second: the sum over streams of inferences ÷ own windows, rounds added up for each stream.
/// Also how many inferences that were. `None` when no window has a length.
pub fn throughput(rounds: &[&Completions]) -> Option<(f64, usize)> {
    let streams = over_rounds(rounds);
    let total: f64 = streams.iter().filter_map(StreamWindow::rate).sum();
    let count = streams.iter().map(|stream| stream.n).sum();
    (total > 0.0).then_some((total, count))
}

/// The windows of each stream added up over rounds, by stream.
pub fn over_rounds(rounds: &[&Completions]) -> Vec<StreamWindow> {
    let mut windows: Vec<StreamWindow> =
        rounds.iter().flat_map(|round| round.streams.iter().copied()).collect();
    windows.sort_by_key(|window| window.stream);
    let sum = |group: &[StreamWindow]| StreamWindow {
        stream: group[0].stream,
        n: group.iter().map(|window| window.n).sum(),
        window_ns: group.iter().map(|window| window.window_ns).sum(),
    };
    windows.chunk_by(|a, b| a.stream == b.stream).map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::samples::{Phase, Sample};

    fn sample(stream: i64, seq: i64, issue_ns: i64, done_ns: i64) -> Sample {
        Sample {
            round: 0,
            stream,
            seq,
            phase: Phase::Steady,
            issue_ns,
            enqueue_ns: None,
            h2d_ns: None,
            compute_ns: done_ns - issue_ns,
            d2h_ns: None,
            start_ns: None,
            done_ns,
            scheduled_ns: None,
        }
    }

    #[test]
    fn each_stream_has_its_own_window() {
        // stream 0: 3 in 30 ns, stream 1: 2 in 40 ns
        let mut steady = vec![
            sample(0, 0, 100, 110),
            sample(0, 1, 110, 120),
            sample(0, 2, 120, 130),
            sample(1, 0, 100, 120),
            sample(1, 1, 120, 140),
        ];
        steady.sort_by_key(|sample| sample.done_ns);
        let round = Round { index: 0, complete: true, steady, warm_up: Vec::new() };
        let completions = Completions::of(&round).unwrap();
        let (rate, n) = throughput(&[&completions]).unwrap();
        assert_eq!(n, 5);
        assert!((rate - (3e9 / 30.0 + 2e9 / 40.0)).abs() < 1e-3);
        assert_eq!(completions.gaps, [15.0, 15.0]);
    }

    #[test]
    fn nothing_completed_has_no_throughput() {
        let round = Round { index: 0, complete: true, steady: Vec::new(), warm_up: Vec::new() };
        assert!(Completions::of(&round).is_none());
        assert_eq!(throughput(&[]), None);
    }
}
