//! Levels of the latency: a processor that runs at two clocks has a distribution with two peaks, and what
//! a run says of the mean depends on how often it visited each.
//!
//! Two steps: peaks of the distribution that a deep valley parts, then the path of the samples between them.
//! Samples that hop between peaks from one to the next are a mixture and visit the rarer peak often; a machine that
//! changes its clock stays there, and a run may have seen the rarer level a few times only.

/// A valley is at most this part of the lower of its peaks.
const VALLEY: f64 = 0.5;
/// Share of the samples below which a peak is not a level of its own.
const SMALLEST_SHARE: f64 = 0.005;
/// Standard errors of counts by which a peak stands above its valley.
const BELIEVED: f64 = 5.0;
/// Bins of the histogram on each kernel width.
const BINS: f64 = 4.0;
/// Most bins; what lies further out has no part in peaks.
const MOST_BINS: usize = 40_000;
/// Most evidence that one sample gives for another level, as a log-likelihood ratio: one stall is no visit.
const EVIDENCE: f64 = 8.0;
/// Shortest visit, relative to the length of the stretch in which a sample of the level usually lies.
const SHORTEST_VISIT: f64 = 0.05;
/// Rounds of assigning samples and counting changes.
const ROUNDS: usize = 8;

/// One level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Median of its samples.
    pub value: f64,
    /// Spread of its samples: 1.4826 × median absolute deviation, at least the quantum.
    pub spread: f64,
    /// Share of all samples.
    pub share: f64,
    /// Stretches of samples at this level; one that lasts over two segments counts twice. A stretch shorter than a
    /// twentieth of where its samples usually are (the mean length, weighted by length) is no visit: outliers that
    /// happen to lie there do not make one long visit many.
    pub visits: usize,
    /// Samples of the shortest stretch that is a visit.
    pub shortest: usize,
}

/// Levels in ascending order, and the level of each sample of each segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    /// At least one.
    pub levels: Vec<Level>,
    /// For each segment, an index into `levels` for each sample.
    pub path: Vec<Vec<u8>>,
}

impl Levels {
    /// The level that was visited least, of equals the one with fewer samples; `None` with one level.
    pub fn fewest_visits(&self) -> Option<Level> {
        let fewer =
            |a: &Level, b: &Level| a.visits.cmp(&b.visits).then(a.share.total_cmp(&b.share));
        let rarest = self.levels.iter().copied().min_by(fewer);
        rarest.filter(|_| self.levels.len() > 1)
    }
}

/// Finds the levels of segments that are each in order of time; `sorted` holds all their samples, ascending.
///
/// Peaks: the density by a normal kernel of half the spread of the densest fifth of the samples, at least the
/// `quantum` of the clock and the spread of the segments' medians (rounds differ a little and are no levels; they
/// are judged by their own rule). A peak is a level if the valley to every higher one is at most half as high
/// (Silverman, 1981, takes the kernel's width as the question of how many peaks there are; here it is fixed by the
/// densest part), if the difference is five standard errors of counts, if it lies at least `least_gap` away
/// relative to the higher one, and if it holds half a percent of the samples.
///
/// Path: the most likely sequence of levels of a Markov chain (Viterbi, 1967), each level normal with its own spread,
/// evidence of one sample limited; changes are counted and the path found again until it stands still
/// (segmental k-means: Juang and Rabiner, 1990).
///
/// Assumes levels that last, or hop, but do not glide: a drift is judged by [`crate::drift`].
pub fn levels(segments: &[&[i64]], sorted: &[i64], quantum: f64, least_gap: f64) -> Levels {
    let peaks = if sorted.len() < 100 {
        Vec::new()
    } else {
        peaks(sorted, width(segments, sorted, quantum), least_gap)
    };
    if peaks.len() < 2 {
        return single(segments, sorted, quantum);
    }
    let mut levels: Vec<Level> = peaks
        .iter()
        .map(|&value| Level { value, spread: quantum, share: 0.0, visits: 0, shortest: 1 })
        .collect();
    let mut path: Vec<Vec<u8>> = segments
        .iter()
        .map(|segment| segment.iter().map(|&v| nearest(&peaks, v)).collect())
        .collect();
    describe(&mut levels, segments, &path, quantum);
    for _ in 0..ROUNDS {
        let changes = changes(levels.len(), &path);
        let found: Vec<Vec<u8>> =
            segments.iter().map(|segment| viterbi(segment, &levels, &changes)).collect();
        let still = found == path;
        path = found;
        describe(&mut levels, segments, &path, quantum);
        if still {
            break;
        }
    }
    // a peak of samples that the path gives to another level is the tail of that
    if levels.iter().any(|level| level.share < SMALLEST_SHARE) {
        return single(segments, sorted, quantum);
    }
    Levels { levels, path }
}

fn single(segments: &[&[i64]], sorted: &[i64], quantum: f64) -> Levels {
    let path: Vec<Vec<u8>> = segments.iter().map(|segment| vec![0; segment.len()]).collect();
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0) as f64;
    let mut levels =
        vec![Level { value: middle, spread: quantum, share: 1.0, visits: 0, shortest: 1 }];
    describe(&mut levels, segments, &path, quantum);
    Levels { levels, path }
}

/// Width of the kernel.
fn width(segments: &[&[i64]], sorted: &[i64], quantum: f64) -> f64 {
    let fifth = (sorted.len() / 5).max(1);
    let densest = sorted.windows(fifth + 1).map(|part| part[fifth] - part[0]).min().unwrap_or(0);
    // the densest fifth of a normal distribution is 0.5067 σ wide
    let spread = densest as f64 / 0.506_7;
    let mut medians: Vec<f64> = segments
        .iter()
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let mut values = segment.to_vec();
            let middle = values.len() / 2;
            *values.select_nth_unstable(middle).1 as f64
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let mean = medians.iter().sum::<f64>() / medians.len().max(1) as f64;
    let squares: f64 = medians.iter().map(|median| (median - mean) * (median - mean)).sum();
    let of_rounds = (squares / medians.len().saturating_sub(1).max(1) as f64).sqrt();
    (0.5 * spread).max(quantum).max(of_rounds).max(1.0)
}

/// Centres of the peaks, ascending.
fn peaks(sorted: &[i64], width: f64, least_gap: f64) -> Vec<f64> {
    let bin = width / BINS;
    let origin = sorted[0] as f64 - 4.0 * width;
    let last = ((sorted[sorted.len() - 1] as f64 + 4.0 * width - origin) / bin) as usize;
    let bins = last.min(MOST_BINS) + 1;
    let mut counts = vec![0.0; bins];
    for &value in sorted {
        if let Some(count) = counts.get_mut(((value as f64 - origin) / bin) as usize) {
            *count += 1.0;
        }
    }
    let density = smooth(&counts);
    let mut tops: Vec<usize> = (1..bins - 1)
        .filter(|&at| density[at] > density[at - 1] && density[at] >= density[at + 1])
        .collect();
    tops.sort_by(|&a, &b| density[b].total_cmp(&density[a]));
    let value = |at: usize| origin + (at as f64 + 0.5) * bin;
    let mut kept: Vec<usize> = Vec::new();
    for top in tops {
        let apart = kept.iter().all(|&other| {
            let valley = density[top.min(other)..=top.max(other)]
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min);
            let (peak, valley) = (density[top], valley);
            let gap = (value(top) - value(other)).abs() / value(top.max(other));
            valley <= VALLEY * peak
                && peak - valley / VALLEY > BELIEVED * (peak + valley / VALLEY).sqrt()
                && gap >= least_gap
        });
        if apart {
            kept.push(top);
        }
        if kept.len() > 7 {
            break;
        }
    }
    kept.sort_unstable();
    kept.into_iter().map(value).collect()
}

/// Counts within the kernel around each bin: a normal one of [`BINS`] bins, scaled to one at its centre.
fn smooth(counts: &[f64]) -> Vec<f64> {
    let reach = (3.0 * BINS) as usize;
    let kernel: Vec<f64> =
        (0..=reach).map(|k| libm::exp(-0.5 * (k as f64 / BINS) * (k as f64 / BINS))).collect();
    let mut density = vec![0.0; counts.len()];
    for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
        for to in at.saturating_sub(reach)..=(at + reach).min(counts.len() - 1) {
            density[to] += count * kernel[at.abs_diff(to)];
        }
    }
    density
}

fn nearest(peaks: &[f64], value: i64) -> u8 {
    let distance = |peak: f64| (value as f64 - peak).abs();
    let best = (0..peaks.len()).min_by(|&a, &b| distance(peaks[a]).total_cmp(&distance(peaks[b])));
    best.unwrap_or(0) as u8
}

/// Median, spread, share and visits of each level along a path.
fn describe(levels: &mut [Level], segments: &[&[i64]], path: &[Vec<u8>], quantum: f64) {
    let n: usize = segments.iter().map(|segment| segment.len()).sum();
    for (index, level) in levels.iter_mut().enumerate() {
        let own = |at: &u8| usize::from(*at) == index;
        let pairs = segments.iter().zip(path).flat_map(|(values, path)| values.iter().zip(path));
        let mut values: Vec<i64> =
            pairs.filter(|(_, at)| own(at)).map(|(&value, _)| value).collect();
        level.share = values.len() as f64 / n.max(1) as f64;
        let runs = path.iter().flat_map(|path| path.chunk_by(|a, b| a == b));
        let lengths: Vec<usize> = runs.filter(|run| own(&run[0])).map(<[u8]>::len).collect();
        let squares: usize = lengths.iter().map(|length| length * length).sum();
        let usual = squares as f64 / values.len().max(1) as f64;
        level.shortest = (SHORTEST_VISIT * usual).ceil().max(1.0) as usize;
        level.visits = lengths.iter().filter(|&&length| length >= level.shortest).count();
        if let Some(middle) = median(&mut values) {
            level.value = middle as f64;
            let mut away: Vec<i64> = values.iter().map(|value| (value - middle).abs()).collect();
            let deviation = median(&mut away).unwrap_or(0) as f64;
            level.spread = (1.4826 * deviation).max(quantum).max(1.0);
        }
    }
}

fn median(values: &mut [i64]) -> Option<i64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable(middle).1)
}

/// ln of the probability of going from one level to another, from counts along a path; one is added to each.
fn changes(k: usize, path: &[Vec<u8>]) -> Vec<f64> {
    let mut counts = vec![1.0; k * k];
    for pair in path.iter().flat_map(|path| path.windows(2)) {
        counts[usize::from(pair[0]) * k + usize::from(pair[1])] += 1.0;
    }
    for row in counts.chunks_mut(k) {
        let total: f64 = row.iter().sum();
        for count in row {
            *count = libm::log(*count / total);
        }
    }
    counts
}

/// The most likely levels of a segment.
fn viterbi(segment: &[i64], levels: &[Level], changes: &[f64]) -> Vec<u8> {
    let k = levels.len();
    let mut best = vec![0.0; k];
    let mut came_from: Vec<u8> = Vec::with_capacity(segment.len() * k);
    let mut next = vec![0.0; k];
    for &value in segment {
        let most = levels.iter().map(|level| likelihood(level, value)).fold(f64::MIN, f64::max);
        for (to, level) in levels.iter().enumerate() {
            let path = |from: usize| best[from] + changes[from * k + to];
            let from = (0..k).fold(0, |a, b| if path(b) > path(a) { b } else { a });
            came_from.push(from as u8);
            next[to] = path(from) + likelihood(level, value).max(most - EVIDENCE);
        }
        std::mem::swap(&mut best, &mut next);
    }
    let mut at = (0..k).fold(0, |a, b| if best[b] > best[a] { b } else { a }) as u8;
    let mut path = vec![0; segment.len()];
    for place in (0..segment.len()).rev() {
        path[place] = at;
        at = came_from[place * k + usize::from(at)];
    }
    path
}

/// ln of the normal density.
fn likelihood(level: &Level, value: i64) -> f64 {
    let away = (value as f64 - level.value) / level.spread;
    -0.5 * away * away - libm::log(level.spread)
}

#[cfg(test)]
mod tests;
