//! Seeded draws, and trials on every core that add up to the same counts on any number of them.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

/// Draws of one trial.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// A standard normal value.
    pub(super) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// A value between 0 and 1, 1 excluded.
    pub(super) fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// A whole number from 1 with this mean: geometric.
    pub(super) fn stay(&mut self, mean: f64) -> usize {
        let leave = 1.0 / mean.max(1.0);
        if leave >= 1.0 {
            return 1;
        }
        (libm::log1p(-self.uniform()) / libm::log1p(-leave)) as usize + 1
    }

    /// An autoregressive series of variance 1 with coefficient `phi`, begun in its steady state.
    pub(super) fn autoregressive(&mut self, n: usize, phi: f64) -> Vec<f64> {
        let innovation = (1.0 - phi * phi).sqrt();
        let mut state = self.normal();
        (0..n)
            .map(|_| {
                let value = state;
                state = phi * state + innovation * self.normal();
                value
            })
            .collect()
    }
}

/// How many trials, and from which seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Trials of a claim.
    pub(super) trials: u64,
    /// Trials of a promise about verdicts, which costs most.
    pub(super) of_verdicts: u64,
    /// Trials of one point of a curve.
    pub(super) of_curve: u64,
    /// Seed of the proof.
    pub(super) seed: u64,
}

impl Plan {
    /// Runs trials and adds up what they count. `name` gives each experiment draws of its own.
    pub(super) fn tally<const N: usize>(
        &self,
        name: &str,
        trials: u64,
        trial: impl Fn(&mut Dice) -> [u64; N] + Sync,
    ) -> [u64; N] {
        let next = AtomicU64::new(0);
        let work = || {
            let mut counts = [0; N];
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= trials {
                    return counts;
                }
                let seen = trial(&mut self.dice(name, index));
                counts.iter_mut().zip(seen).for_each(|(count, seen)| *count += seen);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().fold([0; N], |mut counts, worker| {
                let part = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                counts.iter_mut().zip(part).for_each(|(count, part)| *count += part);
                counts
            })
        })
    }

    /// FNV-1a (Fowler, Noll and Vo) over seed, name and trial: neighbours share no draws.
    fn dice(&self, name: &str, index: u64) -> Dice {
        let bytes = self.seed.to_le_bytes().into_iter().chain(index.to_le_bytes());
        let hash = name.bytes().chain(bytes).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Dice(ChaCha8Rng::seed_from_u64(hash))
    }
}
