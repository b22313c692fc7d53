//! Which builds a pipeline asks for: once from the store, or cold against warm over rounds. Pure.
//!
//! With `timing-cache = "cold"` each round builds twice: cold, as if nothing were stored, and warm. The order
//! alternates, so that what drifts in one direction hits both alike: cold first in rounds 0, 2, 4, … and warm
//! first in rounds 1, 3, 5, …; round 0 must begin cold, since the warm build needs what it leaves.
//!
//! | the backend's builds | warm means | `cache` |
//! |---|---|---|
//! | have a timing cache | built again with the stored cache, past the engine store | `warm` |
//! | have none | served from the engine store | `engine-store` |

use crate::config::TimingCache;

/// One build or one look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Round that it belongs to, from 0.
    pub round: u32,
    /// Whether a stored engine will do.
    pub look_up: bool,
    /// The timing cache that the build starts from.
    pub cache: StartFrom,
    /// What becomes of the engine.
    pub keep: Keep,
    /// Whether a timing that the cache lacks is an error.
    pub require_cached: bool,
}

/// The timing cache that a build starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFrom {
    /// None: nothing is cached, nothing is kept.
    Nothing,
    /// An empty one; what it holds afterwards is kept.
    Empty,
    /// The stored one; what it holds afterwards is kept.
    Stored,
}

/// What becomes of a new engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is kept and found again.
    Indexed,
    /// It is kept for this run alone.
    File,
    /// Only its time was of interest.
    Time,
}

/// The steps for one engine.
pub fn steps(mode: TimingCache, rounds: u32, has_cache: bool, require_cached: bool) -> Vec<Step> {
    let reuse = Step {
        round: 0,
        look_up: true,
        cache: StartFrom::Stored,
        keep: Keep::Indexed,
        require_cached,
    };
    match mode {
        TimingCache::Reuse => vec![reuse],
        TimingCache::Off => vec![Step {
            look_up: false,
            cache: StartFrom::Nothing,
            keep: Keep::File,
            require_cached: false,
            ..reuse
        }],
        TimingCache::Cold => {
            let round = |round| {
                let keep = if round == 0 { Keep::Indexed } else { Keep::Time };
                let cold = Step {
                    round,
                    look_up: false,
                    cache: StartFrom::Empty,
                    keep,
                    require_cached: false,
                };
                let warm = if has_cache {
                    Step { round, look_up: false, keep: Keep::Time, ..reuse }
                } else {
                    Step { round, ..reuse }
                };
                if round % 2 == 0 { [cold, warm] } else { [warm, cold] }
            };
            (0..rounds).flat_map(round).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_and_warm_take_turns() {
        let steps = steps(TimingCache::Cold, 3, true, true);
        let is_cold: Vec<bool> = steps.iter().map(|step| step.cache == StartFrom::Empty).collect();
        assert_eq!(is_cold, [true, false, false, true, true, false]);
        let rounds: Vec<u32> = steps.iter().map(|step| step.round).collect();
        assert_eq!(rounds, [0, 0, 1, 1, 2, 2]);
        assert!(steps.iter().all(|step| !step.look_up), "a warm build is a build");
        assert!(steps.iter().all(|step| step.require_cached == (step.cache == StartFrom::Stored)));
        let kept = steps.iter().filter(|step| step.keep == Keep::Indexed);
        assert_eq!(kept.count(), 1, "one engine is kept");
    }

    #[test]
    fn without_a_timing_cache_warm_is_the_engine_store() {
        let steps = steps(TimingCache::Cold, 2, false, false);
        let look_up: Vec<bool> = steps.iter().map(|step| step.look_up).collect();
        assert_eq!(look_up, [false, true, true, false]);
    }

    #[test]
    fn rounds_are_for_cold_against_warm() {
        for mode in [TimingCache::Reuse, TimingCache::Off] {
            assert_eq!(steps(mode, 7, true, true).len(), 1);
        }
        let off = steps(TimingCache::Off, 1, true, true)[0];
        assert!(!off.look_up && off.cache == StartFrom::Nothing && !off.require_cached);
    }
}
