//! Which version of `trtexec` knows which flag.
//!
//! Source: `getAndDelOption` calls in samples/common/sampleOptions.cpp of NVIDIA/TensorRT, read at the
//! tags 8.0.1, 8.2.0-EA, 8.2.1, 8.4.1, 8.5.1, v8.6.0, v8.6.1, release/9.0, v9.1.0, v10.0.0 … v10.16, v11.0 and v11.1.
//! There is no tag for 8.3, so what is first seen at 8.4.1 counts from 8.4 on. A flag that a version
//! does not know ends it with `Unknown option`; one it should get and does not leaves a default to
//! whoever released it, and 11.0 reversed three of them (transfers, spin wait, CUDA graph).

use trtexec_format::Version;

/// A flag, the first version that knows it and the first that no longer does, as (major, minor).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    since: (u32, u32),
    until: (u32, u32),
}

const FOREVER: (u32, u32) = (u32::MAX, 0);

const fn since(name: &'static str, since: (u32, u32)) -> Flag {
    Flag { name, since, until: FOREVER }
}

const fn until(name: &'static str, until: (u32, u32)) -> Flag {
    Flag { name, since: (0, 0), until }
}

impl Flag {
    /// Whether this version takes it.
    pub(crate) fn known_to(self, version: Version) -> bool {
        version.since(self.since) && !version.since(self.until)
    }
}

/// Ends after the build; was `--buildOnly` before 8.6.
pub(crate) const SKIP_INFERENCE: Flag = since("--skipInference", (8, 6));
/// The older name of [`SKIP_INFERENCE`]; gone in 10.
pub(crate) const BUILD_ONLY: Flag = until("--buildOnly", (10, 0));
/// 0 to 5.
pub(crate) const BUILDER_OPTIMIZATION_LEVEL: Flag = since("--builderOptimizationLevel", (8, 6));
/// `workspace:N` with N in MiB.
pub(crate) const MEM_POOL_SIZE: Flag = since("--memPoolSize", (8, 4));
/// MiB, whole; its default was 16 MiB in 8.0 to 8.2 (sampleOptions.h, `defaultWorkspace`).
pub(crate) const WORKSPACE: Flag = until("--workspace", (10, 0));
/// Every network is strongly typed from 11 on, where the flag is accepted and does nothing.
pub(crate) const STRONGLY_TYPED: Flag = since("--stronglyTyped", (9, 0));
/// Weak typing went away in 11, and with it the precision flags.
pub(crate) const FP16: Flag = until("--fp16", (11, 0));
/// A tactic that is not in the cache is an error.
pub(crate) const ERROR_ON_TIMING_CACHE_MISS: Flag = since("--errorOnTimingCacheMiss", (9, 0));
/// `detailed`, so that layers are told as objects.
pub(crate) const PROFILING_VERBOSITY: Flag = since("--profilingVerbosity", (8, 2));
/// JSON of the engine inspector.
pub(crate) const EXPORT_LAYER_INFO: Flag = since("--exportLayerInfo", (8, 2));
/// Inferences in parallel; was `--streams`.
pub(crate) const INF_STREAMS: Flag = since("--infStreams", (8, 6));
/// Undoes the new default of 11.
pub(crate) const INCLUDE_DATA_TRANSFERS: Flag = since("--includeDataTransfers", (11, 0));
/// Undoes the new default of 11.
pub(crate) const NO_SPIN_WAIT: Flag = since("--noSpinWait", (11, 0));
/// Undoes the new default of 11.
pub(crate) const NO_CUDA_GRAPH: Flag = since("--noCudaGraph", (11, 0));

/// From 8.5 on `--percentile` takes a list; before, one number.
pub(crate) const PERCENTILE_LIST: (u32, u32) = (8, 5);
/// From 8.4 on `--warmUp` and `--duration` take fractions (sampleOptions.h, `float warmup`).
pub(crate) const FRACTIONAL_TIMES: (u32, u32) = (8, 4);
/// From 8.5 on `--exportTimes` leaves the warm-up out (sampleReporting.cpp, `exportJSONTrace`).
pub(crate) const TIMES_WITHOUT_WARM_UP: (u32, u32) = (8, 5);
/// A separate run for the profile is always made from 11 on.
pub(crate) const ALWAYS_SEPARATE_PROFILE: (u32, u32) = (11, 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_has_a_first_and_a_last_version() {
        let at = |flag: Flag, major, minor| flag.known_to(Version::new(major, minor, 0));
        assert!(!at(SKIP_INFERENCE, 8, 5) && at(SKIP_INFERENCE, 8, 6) && at(SKIP_INFERENCE, 11, 1));
        assert!(at(BUILD_ONLY, 8, 2) && at(BUILD_ONLY, 9, 3) && !at(BUILD_ONLY, 10, 0));
        assert!(at(FP16, 10, 16) && !at(FP16, 11, 0));
        assert!(!at(NO_CUDA_GRAPH, 10, 16) && at(NO_CUDA_GRAPH, 11, 0));
    }
}
