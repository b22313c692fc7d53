//! How the simulator behaves: latencies and faults, all seeded.

use serde::{Deserialize, Serialize};

use super::ID;
use crate::error::{Error, Result};

/// The environment variable that holds a [`Spec`] as JSON when an engine is built.
const VARIABLE: &str = "TAILMARK_SIM";

/// Behaviour of a simulated engine. Every latency is
/// `base × noise × warm-up × drift × throttle + stall`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Spec {
    /// Seeds the noise; each session of a process draws its own stream.
    pub seed: u64,
    /// Median latency of an inference once warm, in ns; the time of the simulator's own work is a part of it.
    pub base_ns: u64,
    /// Standard deviation of the logarithm of a latency.
    pub noise: f64,
    /// Correlation of the noise from one inference to the next, from 0 to below 1.
    pub correlation: f64,
    /// Number of inferences that are slower because nothing is warm.
    pub warm_up: u64,
    /// How much slower the very first one is; falls to 1 over `warm_up` inferences.
    pub warm_up_factor: f64,
    /// Growth of the latency per inference, relative to the base.
    pub drift: f64,
    /// Inferences until the device slows down; 0 = never.
    pub throttle_after: u64,
    /// How much slower it then is.
    pub throttle_factor: f64,
    /// Inferences from one stall to the next; 0 = none.
    pub stall_every: u64,
    /// Length of a stall in ns.
    pub stall_ns: u64,
    /// Inferences until every call fails; 0 = never.
    pub crash_after: u64,
    /// What is wrong with the outputs.
    pub fault: Fault,
    /// Inferences before the outputs go wrong.
    pub fault_after: u64,
}

/// A fault of the outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// None.
    #[default]
    None,
    /// The outputs are not those of the input.
    Wrong,
    /// The outputs hold a NaN.
    Nan,
    /// The outputs are not written: what the buffers held before stays.
    Stale,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            seed: 1,
            base_ns: 200_000,
            noise: 0.01,
            correlation: 0.0,
            warm_up: 50,
            warm_up_factor: 1.5,
            drift: 0.0,
            throttle_after: 0,
            throttle_factor: 1.2,
            stall_every: 0,
            stall_ns: 4_000_000,
            crash_after: 0,
            fault: Fault::None,
            fault_after: 0,
        }
    }
}

impl Spec {
    /// The behaviour in `TAILMARK_SIM`, or the default.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the variable is not such a behaviour.
    pub fn from_environment() -> Result<Self> {
        match std::env::var(VARIABLE) {
            Ok(text) if !text.trim().is_empty() => Self::parse(&text),
            _ => Ok(Self::default()),
        }
    }

    /// Reads JSON; keys that are left out have their defaults.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| Error::Unsupported {
            backend: ID,
            what: format!("behave as {VARIABLE} says: {what}"),
        };
        let spec: Self = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let longest = 10_000_000_000;
        let factors = [spec.warm_up_factor, spec.throttle_factor];
        if spec.base_ns > longest || spec.stall_ns > longest {
            return Err(wrong("a latency is at most 10 s".to_owned()));
        }
        if !(0.0..=2.0).contains(&spec.noise) || !(0.0..1.0).contains(&spec.correlation) {
            return Err(wrong("noise is from 0 to 2, correlation from 0 to below 1".to_owned()));
        }
        if factors.iter().any(|factor| !(0.01..=1000.0).contains(factor)) || spec.drift.abs() > 1.0
        {
            return Err(wrong("factors are from 0.01 to 1000, drift from -1 to 1".to_owned()));
        }
        Ok(spec)
    }

    /// No latency, no noise, no fault.
    pub(super) fn silent() -> Self {
        Self { base_ns: 0, noise: 0.0, warm_up: 0, ..Self::default() }
    }

    /// One line of JSON.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Latency of inference number `index` in ns, for a standard normal draw `z`.
    pub(super) fn latency_ns(&self, index: u64, z: f64) -> u64 {
        let noise = (self.noise * z).exp();
        let cold = if index < self.warm_up {
            let left = 1.0 - index as f64 / self.warm_up as f64;
            1.0 + (self.warm_up_factor - 1.0) * left
        } else {
            1.0
        };
        let drift = (1.0 + self.drift * index as f64).max(0.0);
        let throttled = self.throttle_after > 0 && index >= self.throttle_after;
        let throttle = if throttled { self.throttle_factor } else { 1.0 };
        let stalls = self.stall_every > 0 && index % self.stall_every == self.stall_every - 1;
        let stall = if stalls { self.stall_ns } else { 0 };
        (self.base_ns as f64 * noise * cold * drift * throttle) as u64 + stall
    }
}
