//! What curves over all inferences of a mode have in common.

/// Ratio of slowest to fastest from which a logarithmic axis of time is the first choice.
const WIDE: f64 = 3.0;

/// The smallest value with at least this share at or below it.
pub(super) fn value_at(sorted: &[i64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share - 1e-9).ceil().max(1.0) as usize;
    sorted[rank.min(sorted.len()) - 1] as f64
}

/// Adds a point to a line; a level run keeps its ends only.
pub(super) fn extend(points: &mut Vec<(f64, f64)>, point: (f64, f64)) {
    if let [.., before, last] = points.as_slice()
        && (before.1 - last.1).abs() < 1e-9
        && (last.1 - point.1).abs() < 1e-9
    {
        points.pop();
    }
    points.push(point);
}

/// Whether the axis of times from `low` to `high` is logarithmic at first, and what the other choice is called.
pub(super) fn axis_of((low, high): (f64, f64)) -> (bool, &'static str) {
    let logarithmic = high / low > WIDE;
    (logarithmic, if logarithmic { "plain time" } else { "logarithmic time" })
}
