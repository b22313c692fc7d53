//! A simulated session: it really waits, and answers with a function of its input.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

use super::ID;
use super::spec::{Fault, Spec};
use crate::border;
use crate::error::{Error, Result};
use crate::traits::Session;
use crate::types::TensorSpec;

/// Below this much time to go the wait spins without giving the processor away.
const SPIN: Duration = Duration::from_micros(50);

/// Counts the sessions of the process, so that streams do not draw the same noise.
static SESSIONS: AtomicU64 = AtomicU64::new(0);

pub(super) struct SimSession {
    spec: Spec,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    /// Digest of each input's values.
    digests: Vec<u64>,
    /// Output buffers as bytes of their element types.
    buffers: Vec<Vec<u8>>,
    model: u64,
    rng: ChaCha8Rng,
    /// The correlated part of the noise.
    state: f64,
    index: u64,
}

impl SimSession {
    pub(super) fn new(
        model: &str,
        inputs: Vec<TensorSpec>,
        outputs: Vec<TensorSpec>,
        spec: Spec,
    ) -> Self {
        let stream = SESSIONS.fetch_add(1, Ordering::Relaxed);
        let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
        rng.set_stream(stream);
        let bytes = |spec: &TensorSpec| vec![0; spec.len() * border::element_size(spec.element)];
        let mut session = Self {
            digests: vec![0; inputs.len()],
            buffers: outputs.iter().map(bytes).collect(),
            model: model.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte))),
            state: StandardNormal.sample(&mut rng),
            index: 0,
            spec,
            inputs,
            outputs,
            rng,
        };
        session.poison();
        session
    }

    fn poison(&mut self) {
        for (spec, buffer) in self.outputs.iter().zip(&mut self.buffers) {
            border::poison(spec.element, buffer);
        }
    }

    fn next_latency(&mut self) -> Duration {
        let fresh: f64 = StandardNormal.sample(&mut self.rng);
        let phi = self.spec.correlation;
        self.state = phi * self.state + (1.0 - phi * phi).sqrt() * fresh;
        Duration::from_nanos(self.spec.latency_ns(self.index, self.state))
    }

    fn answer(&mut self) {
        let faulty = self.index >= self.spec.fault_after;
        let fault = if faulty { self.spec.fault } else { Fault::None };
        if fault == Fault::Stale {
            return;
        }
        let input = self.digests.iter().fold(self.model, |hash, digest| mix(hash ^ digest));
        let input = if fault == Fault::Wrong { mix(!input) } else { input };
        for (number, (spec, buffer)) in self.outputs.iter().zip(&mut self.buffers).enumerate() {
            let seed = mix(input ^ number as u64);
            for (element, slot) in
                buffer.chunks_exact_mut(border::element_size(spec.element)).enumerate()
            {
                let bits = mix(seed.wrapping_add(element as u64)) >> 40;
                let value = bits as f32 / (1_u64 << 23) as f32 * 5.0 - 5.0; // -5 to 5
                border::write(spec.element, slot, &[value]);
            }
            if fault == Fault::Nan {
                let size = border::element_size(spec.element).min(buffer.len());
                border::poison(spec.element, &mut buffer[..size]);
            }
        }
    }
}

impl Session for SimSession {
    fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    fn threads(&self) -> Option<usize> {
        None
    }

    fn set_input(&mut self, index: usize, values: &[f32]) -> Result<()> {
        let expected = self.inputs[index].len();
        if values.len() != expected {
            let reason = format!("expected {expected} values, got {}", values.len());
            return Err(Error::Engine { backend: ID, what: "set_input", reason });
        }
        let hash = |hash: u64, value: &f32| mix(hash ^ u64::from(value.to_bits()));
        self.digests[index] = values.iter().fold(0, hash);
        Ok(())
    }

    fn infer(&mut self) -> Result<()> {
        let start = Instant::now();
        if self.spec.crash_after > 0 && self.index >= self.spec.crash_after {
            let reason = format!("simulated crash after {} inferences", self.spec.crash_after);
            return Err(Error::Engine { backend: ID, what: "infer", reason });
        }
        let latency = self.next_latency();
        self.answer();
        self.index += 1;
        while let Some(left) = latency.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
            if left > SPIN { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
        Ok(())
    }

    fn poison_outputs(&mut self) -> Result<()> {
        self.poison();
        Ok(())
    }

    fn output(&self, index: usize) -> Result<Vec<f32>> {
        Ok(border::read(self.outputs[index].element, &self.buffers[index]))
    }
}

/// Scrambles 64 bits so that neighbours look unrelated (the finaliser of SplitMix64).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
