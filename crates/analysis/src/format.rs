//! How numbers are written: four significant digits, one unit in a column, the same in every output.

/// Decimals that show `digits` significant digits of `value`.
fn decimals(value: f64, digits: i32) -> usize {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    // from the decimal form, which is the same on every platform; a logarithm need not be
    let scientific = format!("{value:e}");
    let magnitude: i32 =
        scientific.rsplit_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    (digits - 1 - magnitude).clamp(0, 9) as usize
}

/// A number with four significant digits: `39.87`, `150.2`, `0.5054`.
pub fn number(value: f64) -> String {
    format!("{value:.*}", decimals(value, 4))
}

/// A length of time without zeros at its end: `200 µs`, `5.024 µs`.
pub fn short_duration(ns: f64) -> String {
    let (scale, unit) = unit_of(ns.abs());
    format!("{} {unit}", short_number(ns / scale))
}

/// A number with at most four significant digits and no zeros at its end: `0.2`, `12.5`.
fn short_number(value: f64) -> String {
    let text = number(value);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Nanoseconds as milliseconds, without the unit.
pub fn ms(ns: f64) -> String {
    number(ns / 1e6)
}

/// An estimate with its bounds, all with as many decimals as the interval's width deserves.
/// `None` bounds read as `?`.
pub struct WithBounds {
    /// The estimate.
    pub estimate: String,
    /// `39.80–39.95`; empty when both bounds are missing.
    pub bounds: String,
}

/// Writes an estimate and its bounds, each multiplied by `scale`.
pub fn with_bounds(
    estimate: f64,
    lower: Option<f64>,
    upper: Option<f64>,
    scale: f64,
) -> WithBounds {
    let estimate = estimate * scale;
    let bounds = [lower.map(|bound| bound * scale), upper.map(|bound| bound * scale)];
    let base = decimals(estimate, 4);
    let places = match bounds {
        // the width is at least three units of the last digit, but digits are no parade
        [Some(lower), Some(upper)] if upper > lower => {
            decimals((upper - lower) / 3.0, 1).clamp(base, base + 2)
        }
        _ => base,
    };
    let write = |bound: Option<f64>| {
        bound.map_or_else(|| "?".to_owned(), |bound| format!("{bound:.places$}"))
    };
    WithBounds {
        estimate: format!("{estimate:.places$}"),
        bounds: match bounds {
            [None, None] => String::new(),
            [lower, upper] => format!("{}–{}", write(lower), write(upper)),
        },
    }
}

/// A length of time with a unit that suits it: `83 ns`, `12.34 µs`, `39.87 ms`, `2.001 s`.
pub fn duration(ns: f64) -> String {
    let (scale, unit) = unit_of(ns.abs());
    format!("{} {unit}", number(ns / scale))
}

/// The unit in which a time of this size is written, in ns and by name.
pub fn unit_of(ns: f64) -> (f64, &'static str) {
    if ns >= 1e9 {
        (1e9, "s")
    } else if ns >= 1e6 {
        (1e6, "ms")
    } else if ns >= 1e3 {
        (1e3, "µs")
    } else {
        (1.0, "ns")
    }
}

/// A share as a percentage: `95 %`, `0.31 %`.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let digits = if value > 90.0 { 3 } else { 2 };
    let text = format!("{value:.*}", decimals(value, digits).min(3));
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// A ratio as a change: `+6.1 %`, `−0.4 %`.
pub fn change(ratio: f64) -> String {
    let value = (ratio - 1.0) * 100.0;
    let places = usize::from(value.abs() < 10.0);
    let text = format!("{:.places$}", value.abs());
    let sign = if text.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        "±"
    } else if value < 0.0 {
        "−"
    } else {
        "+"
    };
    format!("{sign}{text} %")
}

/// Two ratios as changes: `+7.8 to +8.6 %`.
pub fn change_range(lower: f64, upper: f64) -> String {
    format!("{} to {}", change(lower).trim_end_matches(" %"), change(upper))
}

/// A count with its thousands apart: `13,000`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size: `97.7 MiB`.
pub fn bytes(value: i64) -> String {
    let value = value as f64;
    for (scale, unit) in [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if value >= scale as f64 {
            return format!("{:.1} {unit}", value / scale as f64);
        }
    }
    format!("{value} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits() {
        assert_eq!(ms(39_871_234.0), "39.87");
        assert_eq!(ms(150_239_999.0), "150.2");
        assert_eq!(ms(505_412.0), "0.5054");
        assert_eq!(number(0.0), "0");
        assert_eq!(short_number(0.2), "0.2");
        assert_eq!(short_number(200.0), "200");
    }

    #[test]
    fn narrow_intervals_show_their_width() {
        let wide = with_bounds(39.87, Some(39.1), Some(40.5), 1.0);
        assert_eq!((wide.estimate.as_str(), wide.bounds.as_str()), ("39.87", "39.10–40.50"));
        let narrow = with_bounds(2.0512, Some(2.05108), Some(2.05131), 1.0);
        assert_eq!(
            (narrow.estimate.as_str(), narrow.bounds.as_str()),
            ("2.05120", "2.05108–2.05131")
        );
        assert_eq!(with_bounds(5.0, Some(4.0), None, 1.0).bounds, "4.000–?");
        assert_eq!(with_bounds(5.0, None, None, 1.0).bounds, "");
    }

    #[test]
    fn units_follow_the_size() {
        assert_eq!(duration(83.0), "83.00 ns");
        assert_eq!(duration(12_340.0), "12.34 µs");
        assert_eq!(duration(2.0012e9), "2.001 s");
    }

    #[test]
    fn small_words() {
        assert_eq!(percent(0.95), "95 %");
        assert_eq!(percent(0.999), "99.9 %");
        assert_eq!(percent(0.0031), "0.31 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(change(1.061), "+6.1 %");
        assert_eq!(change(0.28), "−72 %");
        assert_eq!(change(1.0001), "±0.0 %");
        assert_eq!(change_range(0.98, 1.5), "−2.0 to +50 %");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(count(999), "999");
        assert_eq!(bytes(102_400_000), "97.7 MiB");
    }
}
