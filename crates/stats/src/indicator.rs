//! Effective number of samples of a share, from one bit a sample: a hundred million of them take 12.5 MB.
//!
//! Whether samples exceed a threshold is a series of zeros and ones. Its autocovariance at a lag is a count of
//! positions where two shifted series are both one, so it is exact, and 64 samples are looked at at once.

use crate::correlation::{Correlation, effective_n, initial_monotone, most_lags};

/// A series of zeros and ones in order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    /// The k-th sample is bit k mod 64 of word k ÷ 64; bits beyond `len` are zero.
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// Samples.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a one for each value above the threshold and a zero for each other.
    pub fn push_above(&mut self, values: &[i64], threshold: i64) {
        let filled = self.len % 64;
        let (head, rest) =
            values.split_at(if filled == 0 { 0 } else { (64 - filled).min(values.len()) });
        if let Some(word) = self.words.last_mut().filter(|_| filled > 0) {
            *word |= word_above(head, threshold) << filled;
        }
        self.words.extend(rest.chunks(64).map(|chunk| word_above(chunk, threshold)));
        self.len += values.len();
    }

    /// Adds the samples of another series, which came later.
    pub fn append(&mut self, other: &Self) {
        let filled = self.len % 64;
        if filled == 0 {
            self.words.extend_from_slice(&other.words);
        } else {
            for &word in &other.words {
                if let Some(last) = self.words.last_mut() {
                    *last |= word << filled;
                }
                self.words.push(word >> (64 - filled));
            }
        }
        self.len += other.len;
        self.words.truncate(self.len.div_ceil(64));
    }

    /// Ones among the samples `from..to`.
    fn ones(&self, from: usize, to: usize) -> u64 {
        let word = |at: usize| self.word_at(at) & mask((to - at).min(64));
        (from..to).step_by(64).map(|at| u64::from(word(at).count_ones())).sum()
    }

    /// The word that begins at a sample; zeros beyond the end.
    fn word_at(&self, sample: usize) -> u64 {
        let (word, shift) = (sample / 64, sample % 64);
        let get = |k: usize| self.words.get(k).copied().unwrap_or(0);
        if shift == 0 { get(word) } else { get(word) >> shift | get(word + 1) << (64 - shift) }
    }

    /// Positions t below `len − lag` where this series is one at t and the other one at t + lag.
    fn both(&self, other: &Self, lag: usize, len: usize) -> u64 {
        let count = len - lag;
        let (skip, shift) = (lag / 64, lag % 64);
        // whole words whose shifted partner needs nothing beyond the other series
        let whole = (count / 64).min(other.words.len().saturating_sub(skip + 1));
        let left = &self.words[..whole];
        let right = &other.words[skip..];
        let ones: u64 = if shift == 0 {
            left.iter().zip(right).map(|(a, b)| u64::from((a & b).count_ones())).sum()
        } else {
            let pairs = right.iter().zip(&right[1.min(right.len())..]);
            let shifted = pairs.map(|(low, high)| low >> shift | high << (64 - shift));
            left.iter().zip(shifted).map(|(a, b)| u64::from((a & b).count_ones())).sum()
        };
        let rest = (whole * 64..count).step_by(64).map(|at| {
            let word = self.word_at(at) & other.word_at(at + lag) & mask((count - at).min(64));
            u64::from(word.count_ones())
        });
        ones + rest.sum::<u64>()
    }
}

fn mask(bits: usize) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}

fn word_above(values: &[i64], threshold: i64) -> u64 {
    let bits = values.iter().enumerate();
    bits.fold(0, |word, (k, &value)| word | u64::from(value > threshold) << k)
}

/// Words that are looked at for autocovariances, all lags together, before time is counted in blocks: about a second.
const MOST_WORDS: usize = 1 << 29;
/// Blocks of a round, at most, when time is counted in blocks.
const BLOCKS: usize = 1 << 16;

/// The streams of one round.
struct Round<'a> {
    streams: Vec<&'a Bits>,
    /// Samples of the shortest stream.
    len: usize,
    /// Ones in that length, all streams together.
    ones: i128,
}

/// Effective n of the share of ones. Each round is a list of streams that ran side by side.
///
/// Formula: the streams of a round are added up, the k-th samples of all together, over the length of the
/// shortest; the sum's autocovariances, pooled over rounds, give its autocorrelation time τ by Geyer's initial
/// monotone sequence as in [`crate::correlation::effective_n`]. With V the squares of the streams about their
/// means and D those of the sum, n_effective = n V ÷ (D τ): streams that are slow together count once, streams
/// that have nothing to do with each other count each (variance of a sum; Geyer, 1992).
/// Where correlation reaches so far that this would take longer than reading (more than about 340 lags in a hundred million
/// samples), D and τ are those of the ones in blocks, 65,536 of them a round: the same variance of the share, with
/// the sequence cut between blocks instead of between samples.
/// Assumes that streams keep step: a stream that is faster than another drifts out of line with it, and its
/// samples beyond the shortest one's length count by the same ratio.
pub fn effective_n_of_bits(rounds: &[Vec<Bits>]) -> Correlation {
    let n: usize = rounds.iter().flatten().map(Bits::len).sum();
    let rounds: Vec<Round<'_>> = rounds.iter().filter_map(|streams| Round::of(streams)).collect();
    let cycles: usize = rounds.iter().map(|round| round.len).sum();
    let longest = rounds.iter().map(|round| round.len).max().unwrap_or(0);
    let alone: f64 = rounds
        .iter()
        .flat_map(|round| round.streams.iter().map(|bits| Round::one(bits, round.len)))
        .map(|stream| stream.covariance(0))
        .sum();
    let covariance = |lag: usize| rounds.iter().map(|round| round.covariance(lag)).sum();
    let together: f64 = covariance(0);
    let words: usize = rounds.iter().map(|r| r.streams.len().pow(2) * r.len.div_ceil(64)).sum();
    let (most, exact) = (most_lags(longest), MOST_WORDS / words.max(1));
    let mut found = initial_monotone(cycles, most.min(exact), covariance);
    let mut squares = together;
    if exact < most && found.lags >= exact {
        let size = longest.div_ceil(BLOCKS);
        let blocks: Vec<Vec<f64>> = rounds.iter().map(|round| round.blocks(size)).collect();
        let blocks: Vec<&[f64]> = blocks.iter().map(Vec::as_slice).collect();
        let by_block = effective_n(&blocks);
        squares = blocks.iter().map(|block| squares_about_mean(block)).sum();
        found = Correlation { time: by_block.time, lags: by_block.lags * size, ..found };
    }
    let ratio = if squares > 0.0 { alone / squares } else { 1.0 };
    let n_effective = (n as f64 / found.time * ratio).clamp(1.0_f64.min(n as f64), n as f64);
    Correlation { n, n_effective, ..found }
}

fn squares_about_mean(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter().map(|value| (value - mean) * (value - mean)).sum()
}

impl<'a> Round<'a> {
    fn of(streams: &'a [Bits]) -> Option<Self> {
        let streams: Vec<&Bits> = streams.iter().filter(|bits| !bits.is_empty()).collect();
        let len = streams.iter().map(|bits| bits.len()).min()?;
        let ones = streams.iter().map(|bits| i128::from(bits.ones(0, len))).sum();
        Some(Self { streams, len, ones })
    }

    fn one(bits: &'a Bits, len: usize) -> Self {
        Self { streams: vec![bits], len, ones: i128::from(bits.ones(0, len)) }
    }

    /// Σ (y(t) − ȳ)(y(t + lag) − ȳ) of the sum y of the streams.
    ///
    /// Formula: N² × that sum = N² Σ y y' − N S (A + B) + (N − lag) S² in exact integers, with S the sum of all N
    /// values, A that of the first and B that of the last N − lag.
    fn covariance(&self, lag: usize) -> f64 {
        let Self { streams, len, ones } = self;
        if lag >= *len {
            return 0.0;
        }
        let ones_in = |from: usize, to: usize| -> i128 {
            streams.iter().map(|bits| i128::from(bits.ones(from, to))).sum()
        };
        let pairs = streams.iter().flat_map(|a| streams.iter().map(move |b| (a, b)));
        let products: i128 = pairs.map(|(a, b)| i128::from(a.both(b, lag, *len))).sum();
        let n = *len as i128;
        let ends = 2 * ones - ones_in(len - lag, *len) - ones_in(0, lag);
        let exact = n * n * products - n * ones * ends + (n - lag as i128) * ones * ones;
        exact as f64 / (n * n) as f64
    }

    /// Ones in blocks of `size` samples, all streams together; an incomplete block at the end is left out.
    fn blocks(&self, size: usize) -> Vec<f64> {
        let block = |k: usize| -> u64 {
            self.streams.iter().map(|bits| bits.ones(k * size, (k + 1) * size)).sum()
        };
        (0..self.len / size).map(|k| block(k) as f64).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::correlation::effective_n_above;

    fn bits_of(values: &[i64], threshold: i64) -> Bits {
        let mut bits = Bits::default();
        for chunk in values.chunks(29) {
            bits.push_above(chunk, threshold);
        }
        bits
    }

    /// A chain that stays where it is with probability `stay` ÷ 100, from SplitMix64 (Steele, Lea and Flood, 2014).
    fn chain(seed: u64, n: usize, stay: u64) -> Vec<i64> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) >> 1
        };
        let mut level = 0;
        (0..n)
            .map(|_| {
                if next() % 100 >= stay {
                    level = (next() % 10) as i64;
                }
                level
            })
            .collect()
    }

    proptest! {
        #[test]
        fn bits_tell_what_floats_tell(
            seed in any::<u64>(),
            lengths in prop::collection::vec(0_usize..700, 1..4),
            stay in 0_u64..100,
            threshold in 0_i64..9,
        ) {
            let rounds: Vec<Vec<i64>> =
                lengths.iter().enumerate().map(|(k, &n)| chain(seed ^ k as u64, n, stay)).collect();
            let slices: Vec<&[i64]> = rounds.iter().map(Vec::as_slice).collect();
            let expected = effective_n_above(&slices, threshold);
            let bits: Vec<Vec<Bits>> =
                rounds.iter().map(|values| vec![bits_of(values, threshold)]).collect();
            let found = effective_n_of_bits(&bits);
            prop_assert_eq!(found.n, expected.n);
            prop_assert!((found.n_effective - expected.n_effective).abs() < 1e-6 * (1.0 + expected.n_effective),
                "{:?} {:?}", found, expected);
        }

        #[test]
        fn appending_is_pushing(seed in any::<u64>(), n in 0_usize..400, cut in 0.0_f64..1.0) {
            let values = chain(seed, n, 50);
            let (left, right) = values.split_at((cut * n as f64) as usize);
            let mut joined = bits_of(left, 4);
            joined.append(&bits_of(right, 4));
            prop_assert_eq!(&joined, &bits_of(&values, 4));
            prop_assert_eq!(joined.ones(0, n), values.iter().filter(|&&value| value > 4).count() as u64);
        }
    }

    #[test]
    fn streams_that_are_slow_together_count_once() {
        let one = bits_of(&chain(1, 20_000, 50), 6);
        let alone = effective_n_of_bits(&[vec![one.clone()]]).n_effective;
        let twice = effective_n_of_bits(&[vec![one.clone(), one.clone()]]).n_effective;
        assert!((twice / alone - 1.0).abs() < 1e-9, "{twice} {alone}");
        let other = bits_of(&chain(2, 20_000, 50), 6);
        let apart = effective_n_of_bits(&[vec![one, other]]).n_effective;
        assert!((apart / alone - 2.0).abs() < 0.3, "{apart} {alone}");
    }

    #[test]
    fn degenerate_series() {
        assert_eq!(effective_n_of_bits(&[]).n, 0);
        assert_eq!(effective_n_of_bits(&[Vec::new(), vec![Bits::default()]]).n, 0);
        let still = bits_of(&[1; 50], 5);
        assert!((effective_n_of_bits(&[vec![still]]).n_effective - 50.0).abs() < 1e-12);
    }
}
