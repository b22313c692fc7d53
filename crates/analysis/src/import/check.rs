//! The performance summary of a log against the rows: is it of the same run? Pure.
//!
//! trtexec computes its summary from the rows that it exports, before they are printed, so the two must agree
//! within the rounding of both: six digits, means summed in float32, and a percentile whose rank float32 may
//! put one place aside.

use stats::{Estimator, Moments, Share};
use trtexec_format::{Metric, Summary};

use crate::format::{count, ms, number};
use crate::import::trace::Trace;
use crate::metric::Quantity;

/// Half a unit of the sixth digit, and the float32 below it.
const DIGITS: f64 = 1e-5;
/// A mean of tens of thousands of values, summed in float32.
const MEAN: f64 = 1e-3;

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Figures of the log that were compared.
    pub(crate) figures: usize,
    /// Those that do not follow from the rows, in words.
    pub(crate) differences: Vec<String>,
}

impl Checked {
    fn compare(&mut self, what: &str, told: f64, (low, high): (f64, f64), unit: &str) {
        self.figures += 1;
        if !(low..=high).contains(&told) {
            let middle = number(f64::midpoint(low, high));
            self.differences.push(format!(
                "{what} is {} {unit} in the log, {middle} {unit} in the rows",
                number(told)
            ));
        }
    }
}

/// Compares every figure that both have.
pub(crate) fn check(summary: &Summary, trace: &Trace) -> Checked {
    let mut checked = Checked::default();
    let n = trace.steady().count();
    if let Some(queries) = summary.queries {
        checked.figures += 1;
        if queries != n as u64 {
            checked.differences.push(format!(
                "the log tells of {} inferences, the rows are {}",
                count(queries),
                count(n as u64)
            ));
        }
    }
    if let (Some(told), Some((start, end))) = (summary.throughput, trace.window()) {
        let seconds = (end - start) as f64 / 1e9;
        let rounding = trace.stamp_step_ns as f64 / 1e9;
        let rate = |seconds: f64| n as f64 / seconds;
        // several streams: trtexec ends with the last row, which need not be the last to end
        let slack = rounding + 1e-3 * seconds.min(30.0);
        let bounds = (rate(seconds + slack), rate((seconds - slack).max(1e-9)));
        checked.compare("throughput", told, bounds, "1/s");
    }
    for metric in &summary.metrics {
        let quantity = match metric.name.as_str() {
            "Latency" => Quantity::Latency,
            "Enqueue Time" => Quantity::Enqueue,
            "H2D Latency" => Quantity::H2d,
            "GPU Compute Time" => Quantity::Compute,
            "D2H Latency" => Quantity::D2h,
            _ => continue,
        };
        compare_metric(metric, quantity, trace, &mut checked);
    }
    checked
}

fn compare_metric(metric: &Metric, quantity: Quantity, trace: &Trace, checked: &mut Checked) {
    let mut values: Vec<i64> = trace.steady().filter_map(|sample| quantity.of(sample)).collect();
    values.sort_unstable();
    let Some(moments) = Moments::of(&values) else { return };
    // differences of rounded stamps, and nanoseconds of three parts
    let of_stamps = quantity == Quantity::Enqueue || trace.of_stamps;
    let rounding = if of_stamps { trace.stamp_step_ns as f64 } else { 2.0 };
    let around = |low: f64, high: f64, share: f64| {
        let slack = |value: f64| value.abs() * share + rounding;
        ((low - slack(low)) / 1e6, (high + slack(high)) / 1e6)
    };
    let mut compare = |what: &str, told: f64, bounds: (f64, f64)| {
        checked.compare(&format!("{} {what}", metric.name), told, bounds, "ms");
    };
    let (min, max) = (moments.min as f64, moments.max as f64);
    compare("min", metric.min, around(min, min, DIGITS));
    compare("max", metric.max, around(max, max, DIGITS));
    compare("mean", metric.mean, around(moments.mean, moments.mean, MEAN));
    let last = values.len() - 1;
    let at = |index: usize| values[index.min(last)] as f64;
    let middle = values.len() / 2;
    compare("median", metric.median, around(at(middle.saturating_sub(1)), at(middle), DIGITS));
    for &(percent, told) in &metric.percentiles {
        let Some(share) = Share::from_percent(percent) else { continue };
        let Some(index) = Estimator::Trtexec.index(values.len(), share) else { continue };
        let bounds = around(at(index.saturating_sub(1)), at(index + 1), DIGITS);
        compare(&format!("p{percent}"), told, bounds);
    }
}

/// The first differences as one line.
pub(crate) fn words(differences: &[String]) -> String {
    let shown = differences.len().min(3);
    let more = differences.len() - shown;
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{rest}", differences[..shown].join("; "))
}

/// Throughput, mean, median and p99 of compute and mean and p99 of latency: what a reader compares with
/// trtexec's own summary. Times in milliseconds; `–` for what is not there.
pub(crate) fn figures(trace: &Trace) -> [String; 6] {
    let none = || "–".to_owned();
    let n = trace.steady().count();
    let window = trace.window().map_or(0, |(start, end)| end - start);
    let rate = if window > 0 { number(n as f64 * 1e9 / window as f64) } else { none() };
    let of = |quantity: Quantity| {
        let mut values: Vec<i64> =
            trace.steady().filter_map(|sample| quantity.of(sample)).collect();
        values.sort_unstable();
        let moments = Moments::of(&values)?;
        let share = |ppm| Estimator::Trtexec.of_sorted(&values, Share::from_ppm(ppm)?);
        let percentile = |ppm| share(ppm).map_or_else(none, |ns: i64| ms(ns as f64));
        Some([ms(moments.mean), percentile(500_000), percentile(990_000)])
    };
    let [mean, median, p99] = of(Quantity::Compute).unwrap_or_else(|| [none(), none(), none()]);
    let [latency, _, tail] = of(Quantity::Latency).unwrap_or_else(|| [none(), none(), none()]);
    [rate, mean, median, p99, latency, tail]
}
