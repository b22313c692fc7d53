//! Labels for samples that stand far from the rest. Nothing is ever deleted for having one.

/// Fences beyond which samples get a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fences {
    /// Q1 − 3 IQR.
    pub far_below: f64,
    /// Q1 − 1.5 IQR.
    pub below: f64,
    /// Q3 + 1.5 IQR.
    pub above: f64,
    /// Q3 + 3 IQR.
    pub far_above: f64,
}

/// How far out a sample lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// Between the inner fences.
    Usual,
    /// Between an inner and an outer fence: usual in skewed distributions.
    Mild,
    /// Beyond an outer fence.
    Severe,
}

impl Fences {
    /// Tukey's fences (*Exploratory Data Analysis*, 1977) from samples in ascending order; quartiles are the
    /// samples of rank ⌈n/4⌉ and ⌈3n/4⌉, and a spread below `quantum` counts as that.
    ///
    /// Of normal samples 0.7 % lie beyond the inner and 2 in a million beyond the outer fences, dependent or not;
    /// of skewed ones more. `None` below four samples.
    pub fn of_sorted(sorted: &[i64], quantum: f64) -> Option<Self> {
        if sorted.len() < 4 {
            return None;
        }
        let quartile = |k: usize| sorted[(k * sorted.len()).div_ceil(4) - 1] as f64;
        let (low, high) = (quartile(1), quartile(3));
        let range = (high - low).max(quantum);
        Some(Self {
            far_below: low - 3.0 * range,
            below: low - 1.5 * range,
            above: high + 1.5 * range,
            far_above: high + 3.0 * range,
        })
    }

    /// The label of one sample.
    pub fn label(&self, value: i64) -> Label {
        let value = value as f64;
        if value < self.far_below || value > self.far_above {
            Label::Severe
        } else if value < self.below || value > self.above {
            Label::Mild
        } else {
            Label::Usual
        }
    }

    /// How many of the samples have a label.
    pub fn count(&self, values: &[i64], label: Label) -> usize {
        values.iter().filter(|&&value| self.label(value) == label).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_of_a_worked_example() {
        let sorted: Vec<i64> = (1..=100).collect();
        let fences = Fences::of_sorted(&sorted, 0.0).unwrap();
        // quartiles 25 and 75
        assert_eq!((fences.below, fences.far_above), (-50.0, 225.0));
        assert_eq!(fences.label(100), Label::Usual);
        assert_eq!(fences.label(151), Label::Mild);
        assert_eq!(fences.label(226), Label::Severe);
        assert_eq!(fences.label(-126), Label::Severe);
    }

    #[test]
    fn one_stall_among_equal_samples_is_severe() {
        let mut values = vec![1000_i64; 200];
        values[17] = 20_000;
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let fences = Fences::of_sorted(&sorted, 1.0).unwrap();
        assert_eq!(fences.count(&values, Label::Severe), 1);
        assert_eq!(fences.count(&values, Label::Usual), 199);
    }

    #[test]
    fn too_few() {
        assert_eq!(Fences::of_sorted(&[1, 2, 3], 0.0), None);
    }
}
