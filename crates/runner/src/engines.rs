//! Which engine a mode runs, and what its outputs must be: read from the artifacts of earlier stages.

use std::path::PathBuf;

use anyhow::Context as _;
use backend::input::{Feeds, parse_input};
use backend::{Backend, BackendId, Environment, OpenOptions, TensorSpec};
use pipeline::artifact::{self, EngineRow, ModelRow, ReferenceRow};
use pipeline::{Fault, RunDir};

use crate::check;
use crate::config::Mode;

/// An engine as a mode needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Engine {
    /// SHA-256 of the engine.
    pub digest: String,
    /// SHA-256 of the model it was built from; empty when unknown.
    pub model_digest: String,
    /// The file.
    pub path: PathBuf,
    /// The backend that built it and runs it.
    pub backend: BackendId,
    /// Sizes that it was built for, where its model leaves them open.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Precision that was asked for; empty when unknown.
    pub precision_requested: String,
    /// Precision found in the engine.
    pub precision_achieved: String,
}

impl Engine {
    /// In words, when the engine does not compute in the precision that was asked for.
    pub fn other_precision(&self) -> Option<String> {
        (self.precision_requested != self.precision_achieved).then(|| {
            format!("{} asked, {} achieved", self.precision_requested, self.precision_achieved)
        })
    }
}

/// Expected values of one output.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Name of the output.
    pub output: String,
    /// Elements in row-major order.
    pub values: Vec<f32>,
    /// Largest absolute difference that passes.
    pub tolerance: f64,
}

/// What an engine must answer to two inputs; without a reference only NaN is looked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Seeds of the two inputs; the first is the one that is timed.
    pub seeds: [u64; 2],
    /// How the inputs are filled.
    pub feeds: Feeds,
    /// Sizes of the inputs of the reference; those of the session where an input is not among them.
    pub sizes: Vec<(String, Vec<usize>)>,
    /// Answers to the two inputs.
    pub answers: [Vec<Reference>; 2],
}

impl Expected {
    /// Nothing to compare with: two inputs and the search for NaN.
    pub fn nothing(seed: u64, feeds: Feeds) -> Self {
        Self { seeds: [seed, seed.wrapping_add(1)], feeds, ..Self::default() }
    }

    /// Sizes for which an input is filled: a session with a larger batch repeats them.
    ///
    /// # Errors
    /// [`backend::Error::Shape`] when the session's sizes are no such multiple.
    pub fn dims_of(&self, spec: &TensorSpec) -> backend::Result<Vec<usize>> {
        let own = |(name, dims): &&(String, Vec<usize>)| *name == spec.name && *dims != spec.dims;
        let Some((_, dims)) = self.sizes.iter().find(own) else { return Ok(spec.dims.clone()) };
        let repeats = match (dims.as_slice(), spec.dims.as_slice()) {
            ([batch, rest @ ..], [larger, others @ ..]) => {
                rest == others && *batch > 0 && larger % batch == 0
            }
            _ => false,
        };
        if repeats {
            return Ok(dims.clone());
        }
        let reference = backend::shape_text(&spec.name, dims);
        let found = backend::shape_text(&spec.name, &spec.dims);
        let reason = format!("the engine has {found}, the model was verified at {reference}");
        Err(backend::Error::Shape { input: spec.name.clone(), reason })
    }

    /// The reference of an output for input number `which`.
    pub fn output(&self, which: usize, name: &str) -> Option<&Reference> {
        self.answers[which].iter().find(|reference| reference.output == name)
    }

    /// Whether there are answers to compare with.
    pub fn is_known(&self) -> bool {
        self.answers.iter().all(|answers| !answers.is_empty())
    }

    /// Whether the two answers of some output differ by more than the tolerances, so that a stale one shows.
    pub fn tells_apart(&self) -> bool {
        self.answers[0].iter().any(|first| {
            self.output(1, &first.output).is_some_and(|second| {
                let pairs = first.values.iter().zip(&second.values);
                pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
                    > 2.0 * first.tolerance
            })
        })
    }
}

/// The engines of a run folder that were built and kept, in the order of their rows.
pub fn read(run: &RunDir, root: &std::path::Path) -> anyhow::Result<Vec<Engine>> {
    let rows: Vec<EngineRow> = artifact::read(run)?;
    let mut engines: Vec<Engine> = Vec::new();
    let kept = |row: &EngineRow| row.error.is_none() && !row.path.is_empty();
    for row in rows.into_iter().filter(kept) {
        let backend = row.backend.parse().map_err(Fault::config).context("engines.parquet")?;
        let known = engines.iter().any(|engine| {
            engine.digest == row.engine_digest && engine.model_digest == row.model_digest
        });
        if !known {
            engines.push(Engine {
                digest: row.engine_digest,
                model_digest: row.model_digest,
                path: root.join(row.path),
                backend,
                shapes: row
                    .flags
                    .iter()
                    .filter_map(|flag| flag.strip_prefix("shape="))
                    .map(|text| backend::read_shape(text).map_err(Fault::config))
                    .collect::<Result<_, _>>()
                    .context("engines.parquet: flags")?,
                precision_requested: row.precision_requested,
                precision_achieved: row.precision_achieved,
            });
        }
    }
    if engines.is_empty() {
        return Err(Fault::config("engines.parquet has no engine that was built")
            .hint("run the stage engine-build on this run folder and look at its errors")
            .into());
    }
    Ok(engines)
}

/// The engine that a mode asks for: by digest or precision, else the first that was built.
pub fn select<'a>(mode: &Mode, engines: &'a [Engine]) -> anyhow::Result<&'a Engine> {
    let fits = |engine: &&Engine| {
        let precision = mode
            .precision
            .as_deref()
            .is_none_or(|precision| precision == engine.precision_requested);
        let digest = mode.engine.as_deref().is_none_or(|digest| engine.digest.starts_with(digest));
        precision && digest
    };
    engines.iter().find(fits).ok_or_else(|| {
        let have: Vec<String> = engines
            .iter()
            .map(|engine| {
                format!(
                    "{} {}",
                    engine.precision_requested,
                    &engine.digest[..engine.digest.len().min(12)]
                )
            })
            .collect();
        Fault::config(format!("mode \"{}\": no engine fits its precision or engine key", mode.name))
            .hint(format!("engines in this run folder: {}", have.join(", ")))
            .into()
    })
}

/// What the engine must answer, from `references.parquet`; the simulator answers for itself, to the same inputs.
pub fn expected(
    run: &RunDir,
    root: &std::path::Path,
    engine: &Engine,
    backend: &dyn Backend,
    seed: u64,
) -> anyhow::Result<Expected> {
    let rows: Vec<ReferenceRow> = artifact::read(run)?;
    let rows: Vec<ReferenceRow> =
        rows.into_iter().filter(|row| row.model_digest == engine.model_digest).collect();
    let feeds = rows.first().map_or_else(|| Ok(Feeds::default()), feeds_of)?;
    if engine.backend == BackendId::Sim {
        return simulated(run, root, engine, backend, Expected::nothing(seed, feeds));
    }
    let mut seeds: Vec<i64> = rows.iter().map(|row| row.input_seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let ([first, second, ..], Some(row)) = (&seeds[..], rows.first()) else {
        return Ok(Expected::nothing(seed, feeds));
    };
    let answers = [*first, *second].map(|seed| {
        let rows = rows.iter().filter(|row| row.input_seed == seed);
        rows.map(|row| Reference {
            output: row.output.clone(),
            values: row.values.clone(),
            tolerance: row.tolerance,
        })
        .collect()
    });
    let seeds = [*first as u64, *second as u64];
    Ok(Expected { seeds, feeds, sizes: sizes_of(row)?, answers })
}

/// How the inputs of a reference were filled.
fn feeds_of(row: &ReferenceRow) -> anyhow::Result<Feeds> {
    let fixed: Result<_, String> = row.fixed_inputs.iter().map(|t| parse_input(t)).collect();
    let broken = |reason: String| Fault::config(format!("references.parquet: {reason}"));
    let distribution = row.distribution.parse().map_err(broken)?;
    Ok(Feeds { distribution, fixed: fixed.map_err(broken)? })
}

/// Sizes of the inputs of a reference.
fn sizes_of(row: &ReferenceRow) -> anyhow::Result<Vec<(String, Vec<usize>)>> {
    let sizes: Result<_, String> =
        row.input_sizes.iter().map(|text| backend::read_shape(text)).collect();
    Ok(sizes.map_err(|reason| Fault::config(format!("references.parquet: {reason}")))?)
}

/// The simulator is compared with itself on the model, never with a real engine.
fn simulated(
    run: &RunDir,
    root: &std::path::Path,
    engine: &Engine,
    backend: &dyn Backend,
    mut expected: Expected,
) -> anyhow::Result<Expected> {
    let models: Vec<ModelRow> = artifact::read(run)?;
    let Some(model) = models.iter().find(|model| model.model_digest == engine.model_digest) else {
        return Ok(expected);
    };
    // at the sizes of the engine, where the model leaves them open
    let options = OpenOptions { shapes: engine.shapes.clone(), ..OpenOptions::default() };
    let mut session = backend.open_model(&root.join(&model.path), &options)?;
    for which in 0..2 {
        check::load(session.as_mut(), &expected, which)?;
        session.infer()?;
        for (index, spec) in session.outputs().iter().enumerate() {
            let values = session.output(index)?;
            expected.answers[which].push(Reference {
                output: spec.name.clone(),
                values,
                tolerance: 1e-6,
            });
        }
    }
    Ok(expected)
}

/// The place where backends look for optional libraries and blobs.
pub fn environment(root: &std::path::Path) -> Environment {
    Environment { data: root.join("data") }
}

/// Gives a backend's error its exit code and hint.
pub fn fault(error: &backend::Error) -> Fault {
    Fault::of(error, backend::Error::exit_code, backend::Error::hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(digest: &str, precision: &str) -> Engine {
        Engine {
            digest: digest.into(),
            model_digest: String::new(),
            path: PathBuf::new(),
            backend: BackendId::Rten,
            shapes: Vec::new(),
            precision_requested: precision.into(),
            precision_achieved: precision.into(),
        }
    }

    #[test]
    fn a_mode_finds_its_engine() {
        let engines = [engine("aa11", "fp32"), engine("bb22", "fp16")];
        let mut mode: Mode = "base".parse().unwrap();
        assert_eq!(select(&mode, &engines).unwrap().digest, "aa11");
        mode.precision = Some("fp16".into());
        assert_eq!(select(&mode, &engines).unwrap().digest, "bb22");
        mode.engine = Some("aa".into());
        assert!(select(&mode, &engines).is_err());
    }
}
