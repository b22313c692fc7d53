//! The child's side: `engine-build build-one`, started by `parent` and by nobody else.
//!
//! It ends with its parent: the kernel is asked for SIGKILL at the parent's death first of all. A parent
//! that died before that request would not be noticed by it; that gap is closed by comparing the parent's
//! number in the request with the parent that the process now has.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backend::{Built, Environment, Flow, Progress};
use pipeline::fault::{exit_of, hints_of};
use pipeline::{Exit, Fault};
use rustix::process::Signal;

use super::wire::{CANCEL, Done, Failed, Message, Request};
use crate::text::fault_of;

/// Progress is told at most this often, except for the beginning of a phase.
const PAUSE: Duration = Duration::from_millis(50);

/// Builds what stdin asks for; all answers, errors of the build included, go to stdout.
///
/// # Errors
/// Exit 2 when there is no request, exit 4 when the process cannot be prepared.
pub fn run() -> anyhow::Result<Exit> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .context(Fault::environment("the builder cannot be bound to its parent"))?;
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(not_by_hand());
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).context("no request on stdin")?;
    let request: Request = serde_json::from_str(&line).map_err(|error| {
        tracing::debug!("the request: {error}");
        not_by_hand()
    })?;
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().cast_unsigned());
    if parent != Some(request.parent) {
        return Err(Fault::incomplete("whoever asked for this build is gone").into());
    }
    let voice = Voice::new(take_stdout()?);
    offer_to_the_kernel();
    let message = match build(&request, &voice) {
        Ok(done) => Message::Done(done),
        Err(error) => Message::Failed(Failed {
            error: format!("{error:#}"),
            exit: exit_of(&error) as u8,
            hint: hints_of(&error).first().map(|&hint| hint.to_owned()),
        }),
    };
    voice.say(&message).context("the answer did not reach the parent")?;
    Ok(Exit::Ok)
}

fn not_by_hand() -> anyhow::Error {
    Fault::config("`build-one` is started by engine-build itself")
        .hint("engine-build build MODEL --out FILE builds one engine")
        .into()
}

/// Gives the protocol a descriptor of its own and makes stdout another name for stderr: what a library
/// prints is log.
fn take_stdout() -> anyhow::Result<File> {
    let what = || Fault::environment("the builder cannot arrange its output");
    let own = rustix::io::fcntl_dupfd_cloexec(std::io::stdout(), 3).with_context(what)?;
    rustix::stdio::dup2_stdout(std::io::stderr()).with_context(what)?;
    Ok(File::from(own))
}

/// When memory runs out the kernel shall take the builder, not the process that waits for it.
fn offer_to_the_kernel() {
    if let Err(error) = fs::write("/proc/self/oom_score_adj", "500") {
        tracing::debug!("oom_score_adj: {error}");
    }
}

fn build(request: &Request, voice: &Voice) -> anyhow::Result<Done> {
    let environment = Environment { data: request.data.clone() };
    let backend = backend::open_backend(request.backend, &environment).map_err(fault_of)?;
    if backend.version() != request.version {
        let message = format!(
            "the library of {} changed under this build: it is {}, and was {}",
            request.backend,
            backend.version(),
            request.version
        );
        return Err(Fault::environment(message).hint("start it again").into());
    }
    let before = match &request.cache_in {
        Some(path) => Some(fs::read(path).with_context(|| format!("{}", path.display()))?),
        None => None,
    };
    let mut asked = request.of_backend(before.as_deref());
    asked.progress = Some(voice);
    let start = Instant::now();
    let mut built = backend.build(&asked, &request.out).map_err(fault_of)?;
    let build_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let cache = store_cache(&mut built, &request.cache_out)?;
    Ok(Done { built, cache, build_ns, peak_memory: peak_memory() })
}

/// Moves the blob from the answer into its file.
fn store_cache(built: &mut Built, path: &Path) -> anyhow::Result<bool> {
    let Some(blob) = built.timing_cache.take() else { return Ok(false) };
    fs::write(path, blob)
        .with_context(|| format!("cannot hand the timing cache over: {}", path.display()))?;
    Ok(true)
}

/// Most resident memory of this process so far, in bytes.
fn peak_memory() -> Option<u64> {
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    status.ok()?.vmhwm.map(|kib| kib * 1024)
}

/// The way to the parent, and the parent's word to cancel.
struct Voice {
    out: Mutex<File>,
    /// The phases that were told, and when the last word was said.
    told: Mutex<(Vec<String>, Instant)>,
    cancelled: Arc<AtomicBool>,
}

impl Voice {
    /// Listens on stdin from now on; its end is a word to cancel too.
    fn new(out: File) -> Self {
        let cancelled = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&cancelled);
        std::thread::spawn(move || {
            let lines = BufReader::new(std::io::stdin()).lines();
            for line in lines.map_while(Result::ok) {
                if line == CANCEL {
                    break;
                }
            }
            heard.store(true, Ordering::SeqCst);
        });
        Self { out: Mutex::new(out), told: Mutex::new((Vec::new(), Instant::now())), cancelled }
    }

    fn say(&self, message: &Message) -> anyhow::Result<()> {
        let line = message.to_line()?;
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(line.as_bytes())?;
        Ok(())
    }
}

impl Progress for Voice {
    fn update(&self, phase: &str, done: u32, total: u32) -> Flow {
        if self.cancelled.load(Ordering::SeqCst) {
            return Flow::Cancel;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = !told.0.iter().any(|known| known == phase);
        if !begins && told.1.elapsed() < PAUSE {
            return Flow::Continue;
        }
        if begins {
            told.0.push(phase.to_owned());
        }
        told.1 = Instant::now();
        drop(told);
        let message = Message::Progress { phase: phase.to_owned(), done, total };
        // nobody listens any more: nobody wants the engine
        if self.say(&message).is_ok() { Flow::Continue } else { Flow::Cancel }
    }
}
