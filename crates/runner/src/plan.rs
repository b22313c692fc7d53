//! What is run in which order: modes × rounds, interleaved, seeded; pure.
//!
//! Every round runs every mode once, in an order of its own, so that a drift of the machine hits all
//! modes alike and no mode always stands first or behind the same neighbour.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// One visit of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Index of the mode in the pipeline file.
    pub mode: usize,
    /// Round, from 0.
    pub round: u32,
}

/// The order of all visits.
pub fn interleave(modes: usize, rounds: u32, seed: u64) -> Vec<Visit> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..rounds)
        .flat_map(|round| {
            let mut order: Vec<usize> = (0..modes).collect();
            order.shuffle(&mut rng);
            order.into_iter().map(move |mode| Visit { mode, round })
        })
        .collect()
}

/// Threads that share one inference when `streams` of them run on `cores`.
pub fn threads_per_stream(cores: usize, streams: u32) -> usize {
    (cores / streams as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_round_visits_every_mode_once(modes in 1_usize..9, rounds in 1_u32..9, seed: u64) {
            let visits = interleave(modes, rounds, seed);
            proptest::prop_assert_eq!(&visits, &interleave(modes, rounds, seed));
            for (round, chunk) in visits.chunks(modes).enumerate() {
                let mut seen: Vec<usize> = chunk.iter().map(|visit| visit.mode).collect();
                seen.sort_unstable();
                proptest::prop_assert_eq!(seen, (0..modes).collect::<Vec<_>>());
                proptest::prop_assert!(chunk.iter().all(|visit| visit.round as usize == round));
            }
        }
    }

    #[test]
    fn rounds_have_orders_of_their_own() {
        let visits = interleave(4, 20, 1);
        let orders: Vec<Vec<usize>> =
            visits.chunks(4).map(|c| c.iter().map(|v| v.mode).collect()).collect();
        assert!(orders.iter().any(|order| *order != orders[0]));
    }

    #[test]
    fn cores_are_shared_but_never_zero() {
        assert_eq!([1, 2, 4, 32].map(|streams| threads_per_stream(2, streams)), [2, 1, 1, 1]);
    }
}
