//! Series for tests, the same on every run.

/// Uniform noise from a linear congruential generator (Knuth's MMIX constants), centred: variance 1/12.
pub(crate) fn noise(seed: u64, n: usize) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..n).map(|_| next()).collect()
}

/// x(t) = φ x(t − 1) + noise.
pub(crate) fn autoregressive(seed: u64, n: usize, phi: f64) -> Vec<f64> {
    let mut last = 0.0;
    noise(seed, n)
        .into_iter()
        .map(|noise| {
            last = phi * last + noise;
            last
        })
        .collect()
}
