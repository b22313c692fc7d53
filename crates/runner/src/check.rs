//! After each timed part: a fast wrong answer must not win.
//!
//! 1. The outputs that the timed part left must be the answer to its input.
//! 2. Every output buffer is filled with NaN, a second input is loaded, and one inference must give
//!    the second answer. A launch that does not happen leaves NaN; a stale buffer leaves the first answer.
//!
//! NaN never passes. Comparisons are element by element against the verified reference.

use backend::input::fill;
use backend::{Session, TensorSpec};

use crate::engines::Expected;

/// What the check of one stream found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finding {
    /// Largest absolute difference from the reference; null when there was none to compare with.
    pub max_abs: Option<f64>,
    /// What is wrong, in words with figures; empty when all is well.
    pub wrong: Vec<String>,
}

/// Loads the seeded input number `which` (0: the one that is timed) into every input of a session.
///
/// A session whose batch is larger than that of the reference is given the reference's images again and again.
///
/// # Errors
/// [`backend::Error::Input`] for a fixed value that does not fit, [`backend::Error::Shape`] for sizes that are
/// neither those of the reference nor a multiple of its batch.
pub fn load(session: &mut dyn Session, expected: &Expected, which: usize) -> backend::Result<()> {
    expected.feeds.check(session.inputs())?;
    for index in 0..session.inputs().len() {
        let spec = session.inputs()[index].clone();
        let length = spec.len();
        let part = TensorSpec { dims: expected.dims_of(&spec)?, ..spec };
        let images = fill(&expected.feeds, expected.seeds[which], index, &part);
        let values: Vec<f32> = images.iter().copied().cycle().take(length).collect();
        session.set_input(index, &values)?;
    }
    Ok(())
}

/// Checks one stream after its timed part, and loads the timed input again.
pub fn check(session: &mut dyn Session, expected: &Expected) -> backend::Result<Finding> {
    let mut finding = Finding::default();
    compare(session, expected, 0, "after the timed part", &mut finding)?;
    session.poison_outputs()?;
    load(session, expected, 1)?;
    session.infer()?;
    compare(session, expected, 1, "on a second input", &mut finding)?;
    load(session, expected, 0)?;
    Ok(finding)
}

fn compare(
    session: &dyn Session,
    expected: &Expected,
    which: usize,
    when: &str,
    finding: &mut Finding,
) -> backend::Result<()> {
    for (index, spec) in session.outputs().iter().enumerate() {
        let values = session.output(index)?;
        let nan = values.iter().filter(|value| value.is_nan()).count();
        if nan > 0 {
            finding.wrong.push(format!(
                "{}: {nan} of {} elements are NaN {when}",
                spec.name,
                values.len()
            ));
            continue;
        }
        let Some(reference) = expected.output(which, &spec.name) else { continue };
        if reference.values.is_empty() || values.len() % reference.values.len() != 0 {
            let (have, want) = (values.len(), reference.values.len());
            finding.wrong.push(format!("{}: {have} elements, the reference has {want}", spec.name));
            continue;
        }
        let pairs = values.iter().zip(reference.values.iter().cycle());
        let max_abs = pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        finding.max_abs = Some(finding.max_abs.unwrap_or(0.0).max(max_abs));
        if max_abs > reference.tolerance {
            finding.wrong.push(format!(
                "{}: differs from the verified reference by {max_abs:.3e} {when}, tolerance {:.3e}",
                spec.name, reference.tolerance
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::Reference;
    use backend::{ElementType, Result};

    /// Answers each input by its sum; can be told to forget to run.
    struct Fake {
        inputs: Vec<TensorSpec>,
        outputs: Vec<TensorSpec>,
        input: f32,
        output: f32,
        runs: bool,
    }

    impl Fake {
        fn new(runs: bool) -> Self {
            let spec = |name: &str, dims: Vec<usize>| TensorSpec {
                name: name.into(),
                element: ElementType::F32,
                dims,
            };
            let mut fake = Self {
                inputs: vec![spec("input", vec![1, 4])],
                outputs: vec![spec("output", vec![1, 1])],
                input: 0.0,
                output: 0.0,
                runs,
            };
            load(&mut fake, &expected(), 0).unwrap();
            fake.output = fake.input;
            fake
        }
    }

    impl Session for Fake {
        fn inputs(&self) -> &[TensorSpec] {
            &self.inputs
        }
        fn outputs(&self) -> &[TensorSpec] {
            &self.outputs
        }
        fn threads(&self) -> Option<usize> {
            None
        }
        fn set_input(&mut self, _index: usize, values: &[f32]) -> Result<()> {
            self.input = values.iter().sum();
            Ok(())
        }
        fn infer(&mut self) -> Result<()> {
            if self.runs {
                self.output = self.input;
            }
            Ok(())
        }
        fn poison_outputs(&mut self) -> Result<()> {
            self.output = f32::NAN;
            Ok(())
        }
        fn output(&self, _index: usize) -> Result<Vec<f32>> {
            Ok(vec![self.output])
        }
    }

    fn expected() -> Expected {
        let answer = |seed: u64| {
            let values = vec![backend::input::image_like(seed, &[1, 4]).iter().sum()];
            vec![Reference { output: "output".into(), values, tolerance: 1e-6 }]
        };
        let answers = [answer(1), answer(2)];
        let sizes = vec![("input".to_owned(), vec![1, 4])];
        Expected { seeds: [1, 2], sizes, answers, ..Expected::default() }
    }

    #[test]
    fn a_session_that_runs_passes() {
        let finding = check(&mut Fake::new(true), &expected()).unwrap();
        assert_eq!(finding.wrong, Vec::<String>::new());
        assert_eq!(finding.max_abs, Some(0.0));
    }

    #[test]
    fn a_session_that_skips_the_run_fails() {
        let finding = check(&mut Fake::new(false), &expected()).unwrap();
        assert!(finding.wrong[0].contains("NaN on a second input"), "{finding:?}");
    }

    #[test]
    fn a_stale_answer_fails() {
        let mut stale = expected();
        stale.answers[1] = stale.answers[0].clone();
        let finding = check(&mut Fake::new(true), &stale).unwrap();
        assert!(finding.wrong[0].contains("differs from the verified reference"), "{finding:?}");
    }
}
