//! Bounds of what was computed from rounded stamps. Pure.
//!
//! A stamp that was rounded to steps of s is off by at most s ÷ 2, so a difference of two is off by at most s.
//! Moving every value by at most s moves the mean and every quantile by at most s: whatever the rounding did, the
//! value without it lies within bounds that are s wider on each side.

use crate::format::short_duration;
use crate::load::Case;
use crate::metric::Quantity;
use crate::summarize::CaseSummary;

/// How far every value of a time may be off because it is the difference of two stamps that were rounded when
/// they were printed, in ns; 0 for what was not imported.
pub(crate) fn step_ns(case: &Case, quantity: Quantity) -> f64 {
    let Some(row) = case.setup().filter(|_| case.is_of_trtexec()) else { return 0.0 };
    let step = 2 * row.clock_error_ns.unwrap_or(0);
    let of_stamps = match quantity {
        Quantity::Enqueue | Quantity::Response => true,
        // minimal rows have nothing but stamps
        _ => row.clock_quantum_ns == step,
    };
    if of_stamps && step > 1 { step as f64 } else { 0.0 }
}

/// Widens the bounds of times that are differences of stamps which a file has rounded.
pub(crate) fn widen(summary: &mut CaseSummary, case: &Case) {
    for quantity in Quantity::ALL {
        let step = step_ns(case, quantity);
        if step == 0.0 {
            continue;
        }
        let prefix = format!("{}/", quantity.name());
        let own = |metric: &str| metric.starts_with(&prefix);
        for row in summary.rows.iter_mut().filter(|row| row.unit == "ns" && own(&row.metric)) {
            row.lower = row.lower.map(|lower| (lower - step).max(0.0));
            row.upper = row.upper.map(|upper| upper + step);
            row.reasons.push(format!(
                "from stamps in steps of {}, by which the bounds are widened",
                short_duration(step)
            ));
        }
    }
}
