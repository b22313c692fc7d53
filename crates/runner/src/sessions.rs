//! Sessions that stay open between rounds: one a stream, shared by the modes that need the same kind.

use std::collections::BTreeMap;

use backend::{Backend, OpenOptions, Session};

use crate::check;
use crate::engines::{Engine, Expected};

/// What makes two sessions interchangeable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The engine.
    pub engine: String,
    /// Threads of one inference.
    pub threads: usize,
    /// Whether idle threads spin.
    pub spinning: bool,
    /// Batch size for engines that leave it open.
    pub batch: Option<u32>,
}

/// All open sessions of a run.
#[derive(Default)]
pub struct Pool {
    sessions: BTreeMap<Kind, Vec<Box<dyn Session>>>,
}

impl Pool {
    /// Opens sessions of a kind until there are `streams` of them; each is given the timed input and run once.
    pub fn prepare(
        &mut self,
        kind: &Kind,
        streams: usize,
        engine: &Engine,
        expected: &Expected,
        backend: &dyn Backend,
    ) -> backend::Result<()> {
        let open = self.sessions.entry(kind.clone()).or_default();
        let mut options = OpenOptions {
            threads: kind.threads,
            spinning: kind.spinning,
            shapes: engine.shapes.clone(),
            optimise: true,
            feeds: expected.feeds.clone(),
        };
        if options.shapes.is_empty() {
            options.shapes.clone_from(&expected.sizes);
        }
        if let Some(batch) = kind.batch
            && open.len() < streams
        {
            options.shapes = batch_shapes(backend.open(&engine.path, &options)?.as_ref(), batch);
        }
        while open.len() < streams {
            let mut session = backend.open(&engine.path, &options)?;
            check::load(session.as_mut(), expected, 0)?;
            session.infer()?;
            open.push(session);
        }
        Ok(())
    }

    /// The first `streams` sessions of a kind that was prepared.
    pub fn take(&mut self, kind: &Kind, streams: usize) -> &mut [Box<dyn Session>] {
        let open = self.sessions.get_mut(kind).map(Vec::as_mut_slice).unwrap_or_default();
        let n = streams.min(open.len());
        &mut open[..n]
    }
}

/// Sizes for a batch: every input keeps its other dimensions, which a session at the default batch tells.
fn batch_shapes(session: &dyn Session, batch: u32) -> Vec<(String, Vec<usize>)> {
    let with_batch = |dims: &[usize]| {
        let mut dims = dims.to_vec();
        if let Some(first) = dims.first_mut() {
            *first = batch as usize;
        }
        dims
    };
    session.inputs().iter().map(|spec| (spec.name.clone(), with_batch(&spec.dims))).collect()
}
