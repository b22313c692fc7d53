//! Opens sessions, runs the plan, writes the artifacts; what was measured is never lost.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use backend::{Backend, BackendId};
use pipeline::artifact::{self, CaseRow};
use pipeline::{Fault, Provenance, RunDir, Verdict, samples};

use crate::clock::Clock;
use crate::config::{Config, Mode, OnUnsupported};
use crate::engines::{self, Engine, Expected};
use crate::interrupt;
use crate::plan::{self, Visit};
use crate::progress::Progress;
use crate::round::{self, Shared};
use crate::sessions::{Kind, Pool};
use crate::telemetry::{Sampler, host};

/// One mode with the engine that it drives.
pub struct Case {
    /// The mode.
    pub mode: Mode,
    /// Its engine.
    pub engine: Engine,
    /// What the engine must answer.
    pub expected: Expected,
}

/// A run that is ready to start.
pub struct Job<'a> {
    /// The run folder.
    pub run: &'a RunDir,
    /// The `[runner]` table.
    pub config: &'a Config,
    /// Seeds the order of visits.
    pub seed: u64,
    /// The cases.
    pub cases: Vec<Case>,
    /// Every backend that a case needs.
    pub backends: BTreeMap<BackendId, Box<dyn Backend>>,
    /// For the footers.
    pub provenance: Provenance,
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct End {
    /// One row a visit.
    pub rows: Vec<CaseRow>,
    /// The user asked to stop.
    pub interrupted: bool,
}

impl Job<'_> {
    /// Why the backend of a case cannot do its mode.
    fn unsupported(&self, case: &Case) -> Option<String> {
        let backend = self.backends.get(&case.engine.backend)?;
        let can = backend.capabilities();
        let mode = &case.mode;
        if mode.graph && !can.graph {
            return Some(format!("{} has no CUDA graphs", backend.id()));
        }
        if mode.streams > can.max_streams {
            return Some(format!("{} runs at most {} streams", backend.id(), can.max_streams));
        }
        (mode.depth > can.max_depth).then(|| {
            format!(
                "{} keeps at most {} inferences in flight a stream",
                backend.id(),
                can.max_depth
            )
        })
    }

    /// Threads that share one inference, on backends where the host does the work.
    fn threads(&self, mode: &Mode) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let asked = mode.threads.or(self.config.threads.map(pipeline::config::Bounded::get));
        asked.map_or_else(
            || plan::threads_per_stream(cores, mode.streams),
            |threads| threads as usize,
        )
    }

    fn kind(&self, case: &Case) -> Kind {
        Kind {
            engine: case.engine.digest.clone(),
            threads: self.threads(&case.mode),
            spinning: case.mode.streams == 1,
            batch: case.mode.batch,
        }
    }

    fn blank_row(&self, case: &Case, visit: Visit, position: usize) -> CaseRow {
        let backend = &self.backends[&case.engine.backend];
        let can = backend.capabilities();
        let mode = &case.mode;
        let engine = &case.engine;
        let other = engine.other_precision();
        let reasons = other.map(|other| format!("note: {other}: {} computes so", engine.backend));
        CaseRow {
            device: backend.device(),
            case: mode.name.to_string(),
            round: i64::from(visit.round),
            position: position as i64,
            engine_digest: engine.digest.clone(),
            model_digest: engine.model_digest.clone(),
            backend: engine.backend.to_string(),
            requested_streams: i64::from(mode.streams),
            achieved_streams: 0,
            requested_graph: mode.graph,
            achieved_graph: false,
            requested_precision: engine.precision_requested.clone(),
            achieved_precision: engine.precision_achieved.clone(),
            requested_threads: can.host_threads.then(|| self.threads(mode) as i64),
            achieved_threads: None,
            spinning: can.host_threads.then_some(mode.streams == 1),
            batch: 1,
            transfers: self.config.transfers && can.transfers,
            depth: i64::from(mode.depth),
            wait: "call".to_owned(),
            clock_error_ns: None,
            clock_quantum_ns: 1,
            n: 0,
            n_warm_up: 0,
            start_ns: 0,
            wall_ns: 0,
            concurrency: None,
            recorder_waits: 0,
            host_load: host::load(),
            outputs_checked: false,
            output_max_abs: None,
            verdict: Verdict::Valid,
            reasons: reasons.into_iter().collect(),
            error: None,
        }
    }

    /// Ends with exit 3 before anything is measured when the pipeline asks for that.
    fn check_requests(&self) -> anyhow::Result<()> {
        if self.config.on_unsupported != OnUnsupported::Fail {
            return Ok(());
        }
        for case in &self.cases {
            let missing = self.unsupported(case).or_else(|| case.engine.other_precision());
            if let Some(what) = missing {
                return Err(Fault::verification(format!("mode \"{}\": {what}", case.mode.name))
                    .hint("on-unsupported = \"record\" measures what can be measured and says so")
                    .into());
            }
        }
        Ok(())
    }

    /// Runs every visit and writes samples, telemetry and `cases.parquet`.
    ///
    /// # Errors
    /// Exit 3 when a request cannot be met and the pipeline asks for failure; exit 4 when files cannot
    /// be written: the rows so far are written first where that is possible.
    pub fn execute(&self) -> anyhow::Result<End> {
        self.check_requests()?;
        let clock = Clock::start();
        let quantum_ns = clock.quantum_ns();
        let rounds = self.config.rounds.get();
        let warm_up = self.config.warm_up.get();
        let duration = self.config.duration.get() / rounds;
        let runnable =
            self.cases.iter().filter(|case| self.unsupported(case).is_none()).count() as u32;
        let mut progress = Progress::new((warm_up + duration) * runnable * rounds);
        let mut pool = Pool::default();
        self.open_sessions(&mut pool, &progress);
        let sampler = Sampler::start(clock, self.config.telemetry.get());
        let shared = Shared {
            run: self.run,
            clock,
            provenance: &self.provenance,
            sampler: &sampler,
            interrupted: interrupt::flag(),
            warm_up,
            duration,
        };
        let mut end = End::default();
        let mut parts: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (position, visit) in
            plan::interleave(self.cases.len(), rounds, self.seed).into_iter().enumerate()
        {
            if interrupt::asked() {
                break;
            }
            let case = &self.cases[visit.mode];
            let mut row = self.blank_row(case, visit, position);
            row.clock_quantum_ns = quantum_ns;
            let mut write_error = None;
            if let Some(why) = self.unsupported(case) {
                row.verdict = Verdict::Skipped;
                row.reasons.insert(0, why);
            } else {
                let visited = self.visit(&shared, case, &mut row, &mut pool, &mut progress);
                parts.entry(row.case.clone()).or_default().extend(visited.parts);
                write_error = visited.write_error;
            }
            end.rows.push(row);
            let written = self.write_rows(&end.rows, &sampler);
            if let Some(error) = write_error {
                progress.finish();
                return Err(
                    error.context("the measurement stopped; what was written before is kept")
                );
            }
            written?;
        }
        progress.finish();
        end.interrupted = interrupt::asked();
        for (case, parts) in &parts {
            samples::compact(self.run, case, parts, &self.provenance)?;
        }
        Ok(end)
    }

    /// Opens all sessions before the first visit; one that cannot be opened fails its own visits later.
    fn open_sessions(&self, pool: &mut Pool, progress: &Progress) {
        for case in self.cases.iter().filter(|case| self.unsupported(case).is_none()) {
            let backend = self.backends[&case.engine.backend].as_ref();
            let streams = case.mode.streams as usize;
            if let Err(error) =
                pool.prepare(&self.kind(case), streams, &case.engine, &case.expected, backend)
            {
                progress.line(&format!("runner: {}: {error}", case.mode.name));
            }
        }
    }

    fn visit(
        &self,
        shared: &Shared<'_>,
        case: &Case,
        row: &mut CaseRow,
        pool: &mut Pool,
        progress: &mut Progress,
    ) -> round::Visited {
        let backend = self.backends[&case.engine.backend].as_ref();
        let kind = self.kind(case);
        let streams = case.mode.streams as usize;
        if let Err(error) = pool.prepare(&kind, streams, &case.engine, &case.expected, backend) {
            row.verdict = Verdict::Failed;
            row.reasons.insert(0, format!("no session could be opened: {error}"));
            row.error = Some(error.to_string());
            return round::Visited { parts: Vec::new(), write_error: None };
        }
        let sessions = pool.take(&kind, streams);
        if let Some(session) = sessions.first() {
            row.achieved_threads = session.threads().map(|threads| threads as i64);
            let batch = session
                .inputs()
                .first()
                .filter(|spec| spec.dims.len() > 1)
                .map_or(1, |spec| spec.dims[0]);
            row.batch = batch as i64;
        }
        round::run(shared, row, sessions, &case.expected, progress)
    }

    fn write_rows(&self, rows: &[CaseRow], sampler: &Sampler) -> anyhow::Result<()> {
        artifact::write(self.run, rows, &self.provenance)?;
        artifact::write(self.run, &sampler.rows(), &self.provenance)
    }
}

/// Removes samples of an earlier run of this stage, so that old rows do not mix with new ones.
pub fn clear(run: &RunDir) -> anyhow::Result<()> {
    for folder in [run.samples(), run.path().join("telemetry")] {
        match std::fs::remove_dir_all(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Fault::environment(format!("cannot clear {}", folder.display()))
                    .because(error)
                    .into());
            }
        }
    }
    Ok(())
}

/// Opens the backends that engines need and adds their versions to the provenance.
pub fn open_backends<'a>(
    needed: impl IntoIterator<Item = &'a Engine>,
    root: &std::path::Path,
    provenance: &mut Provenance,
) -> anyhow::Result<BTreeMap<BackendId, Box<dyn Backend>>> {
    let environment = engines::environment(root);
    let mut backends: BTreeMap<BackendId, Box<dyn Backend>> = BTreeMap::new();
    for engine in needed {
        if let Entry::Vacant(place) = backends.entry(engine.backend) {
            let backend = backend::open_backend(engine.backend, &environment)
                .map_err(|error| engines::fault(&error))?;
            *provenance = std::mem::take(provenance)
                .with(&format!("{}.version", backend.id()), backend.version())
                .with(&format!("{}.device", backend.id()), backend.device());
            place.insert(backend);
        }
    }
    Ok(backends)
}
