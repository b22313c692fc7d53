//! Seeded choices.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The choices of one case.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Each case of each reader has a stream of its own.
    pub(super) fn new(seed: u64, reader: &str, case: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(
            reader
                .bytes()
                .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        );
        rng.set_stream(case);
        Self(rng)
    }

    /// A number below `n`, which is not 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    /// True once in `n` times.
    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of a list, which is not empty.
    pub(super) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// Any byte.
    pub(super) fn byte(&mut self) -> u8 {
        self.0.random()
    }

    /// Any 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.random()
    }

    /// A number that is often at the edge of something.
    pub(super) fn number(&mut self) -> i64 {
        const EDGES: [i64; 22] = [
            0,
            1,
            -1,
            2,
            3,
            -2,
            7,
            16,
            64,
            65,
            255,
            65_536,
            -65_536,
            1 << 31,
            (1 << 31) - 1,
            1 << 32,
            1 << 40,
            1 << 62,
            i64::MAX,
            i64::MIN,
            i64::MAX - 1,
            i64::MIN + 1,
        ];
        match self.below(4) {
            0 | 1 => *self.pick(&EDGES),
            2 => self.below(12) as i64 - 2,
            _ => self.bits() as i64 >> self.below(64),
        }
    }

    /// A list of such numbers, mostly short.
    pub(super) fn numbers(&mut self) -> Vec<i64> {
        let length = if self.one_in(20) { self.below(200) } else { self.below(6) };
        (0..length).map(|_| self.number()).collect()
    }

    /// Bytes without a pattern.
    pub(super) fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }
}
