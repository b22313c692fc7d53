//! The performance summary that closes the log of a benchmark.
//!
//! `Throughput: 458.8 qps` (or `1.24304e+08 qps`), then lines such as `GPU Compute Time: min = 2.1 ms,
//! max = 2.3 ms, mean = 2.2 ms, median = 2.2 ms, percentile(99%) = 2.2 ms`. These are trtexec's own
//! figures, rounded to six digits, kept as printed; what is reported is computed from the rows.

/// trtexec's own figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Inferences a second.
    pub throughput: Option<f64>,
    /// One entry a line: `Latency`, `Enqueue Time`, `H2D Latency`, `GPU Compute Time`, `D2H Latency`, and
    /// until 8.2 `End-to-End Host Latency`.
    pub metrics: Vec<Metric>,
    /// `Total Host Walltime`, seconds.
    pub host_walltime_s: Option<f64>,
    /// `Total GPU Compute Time`, seconds.
    pub gpu_compute_s: Option<f64>,
    /// Inferences before the measured part.
    pub warm_up_queries: Option<u64>,
    /// Inferences of the measured part.
    pub queries: Option<u64>,
}

/// One line of the summary; milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric {
    /// The words before the colon.
    pub name: String,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Mean, summed in float32.
    pub mean: f64,
    /// Mean of the two middle values.
    pub median: f64,
    /// Percentile and value.
    pub percentiles: Vec<(f64, f64)>,
}

impl Summary {
    /// Takes a line of the section.
    pub fn line(&mut self, text: &str) {
        let Some((name, value)) = text.split_once(": ") else { return };
        match name {
            "Throughput" => self.throughput = first_number(value),
            "Total Host Walltime" => self.host_walltime_s = first_number(value),
            "Total GPU Compute Time" => self.gpu_compute_s = first_number(value),
            _ => self.metrics.extend(Metric::parse(name, value)),
        }
    }

    /// Takes a line that may be one of the two before the summary.
    pub fn prolog(&mut self, text: &str) {
        if let Some(rest) = text.strip_prefix("Warmup completed ") {
            self.warm_up_queries = count(rest);
        } else if let Some(rest) = text.strip_prefix("Timing trace has ") {
            self.queries = count(rest);
        }
    }

    /// One metric by its name.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }
}

impl Metric {
    fn parse(name: &str, value: &str) -> Option<Self> {
        let mut metric = Self { name: name.to_owned(), ..Self::default() };
        let mut seen = 0;
        for part in value.split(", ") {
            let (key, value) = part.split_once(" = ")?;
            let value = first_number(value)?;
            match key.trim() {
                "min" => metric.min = value,
                "max" => metric.max = value,
                "mean" => metric.mean = value,
                "median" => metric.median = value,
                key => {
                    let share = key.strip_prefix("percentile(")?.strip_suffix("%)")?;
                    metric.percentiles.push((share.parse().ok()?, value));
                    continue;
                }
            }
            seen += 1;
        }
        (seen == 4).then_some(metric)
    }
}

fn first_number(text: &str) -> Option<f64> {
    text.trim_start().split(' ').next()?.parse().ok()
}

fn count(text: &str) -> Option<u64> {
    text.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_summary_are_read() {
        let mut summary = Summary::default();
        summary.prolog("Warmup completed 229 queries over 500 ms");
        summary.prolog("Timing trace has 6885 queries over 15.0053 s");
        for line in [
            "Throughput: 1.24304e+08 qps",
            "Latency: min = 2.21 ms, max = 2.3 ms, mean = 2.2266 ms, median = 2.22 ms, percentile(90%) = 2.23 ms, percentile(99.9%) = 2.29 ms",
            "End-to-End Host Latency: min = 4 ms, max = 5 ms, mean = 4.5 ms, median = 4.4 ms, percentile(99%) = 5e-05 ms",
            "Total Host Walltime: 15.0053 s",
            "Total GPU Compute Time: 14.99 s",
            "something else: entirely",
        ] {
            summary.line(line);
        }
        assert_eq!(summary.throughput, Some(1.24304e8));
        assert_eq!((summary.warm_up_queries, summary.queries), (Some(229), Some(6885)));
        assert_eq!((summary.host_walltime_s, summary.gpu_compute_s), (Some(15.0053), Some(14.99)));
        let latency = summary.metric("Latency").unwrap();
        assert_eq!((latency.min, latency.mean), (2.21, 2.2266));
        assert_eq!(latency.percentiles, [(90.0, 2.23), (99.9, 2.29)]);
        let end = summary.metric("End-to-End Host Latency").unwrap();
        assert_eq!(end.percentiles, [(99.0, 5e-5)]);
        assert_eq!(summary.metrics.len(), 2);
    }
}
