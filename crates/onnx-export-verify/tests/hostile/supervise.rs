//! Watches a worker process: its progress, its end, what it left behind.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::worker::{Order, PREFIX};

/// Longest time of one case on a processor: the readers need a millisecond, the worst some seconds.
pub(super) const CASE_LIMIT: Duration = Duration::from_secs(20);

/// Longest time of a case that waits, or of one on a machine that does not tell processor time.
const PATIENCE: Duration = Duration::from_mins(2);

/// Cases of a run that nobody asked to be longer: a few seconds for all readers.
const FEW: u64 = 400;

/// So many failures of one reader end the run.
const ENOUGH: usize = 10;

struct Failure {
    case: u64,
    what: String,
}

/// Runs all cases of a reader and fails with a list of what went wrong.
pub(super) fn run(reader: &'static str) {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number"))
        })
    };
    let seed = number("TAILMARK_HOSTILE_SEED", 1);
    let first = number("TAILMARK_HOSTILE_FIRST", 0);
    let end = first + number("TAILMARK_HOSTILE_CASES", FEW);
    let started = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let mut order = Order {
        reader: reader.to_owned(),
        seed,
        from: first,
        to: end,
        folder: folder.path().to_owned(),
        keep: keep_folder(),
    };
    let (mut failures, mut taken, mut peak) = (Vec::new(), 0, 0);
    while order.from < end && failures.len() < ENOUGH {
        let ended = watch(&order);
        taken += ended.taken;
        peak = peak.max(ended.peak);
        failures.extend(ended.failures);
        order.from = ended.next;
    }
    let cases = order.from - first;
    let line = format!(
        "{reader}: {cases} cases of seed {seed} in {:.1} s, {taken} taken, {} refused, {} failed, at most {:.1} MB\n",
        started.elapsed().as_secs_f64(),
        (cases).saturating_sub(taken + failures.len() as u64),
        failures.len(),
        peak as f64 / 1e6
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert!(failures.is_empty(), "{}", told(&order, &failures));
}

/// Where inputs of failed cases go.
fn keep_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile")
}

fn told(order: &Order, failures: &[Failure]) -> String {
    let one = |Failure { case, what }: &Failure| {
        let (reader, seed) = (&order.reader, order.seed);
        let again = format!(
            "TAILMARK_HOSTILE_SEED={seed} TAILMARK_HOSTILE_FIRST={case} TAILMARK_HOSTILE_CASES=1 cargo test --release -p onnx-export-verify --test hostile {reader}_"
        );
        let input = order.kept(*case);
        format!("\n{reader} case {case}: {what}\n  input: {}\n  again: {again}", input.display())
    };
    failures.iter().map(one).collect::<Vec<_>>().concat()
}

/// How one worker ended.
struct Ended {
    failures: Vec<Failure>,
    taken: u64,
    peak: u64,
    /// The first case that it did not reach.
    next: u64,
}

fn watch(order: &Order) -> Ended {
    let mut child = start(order);
    let lines = lines(&mut child);
    let mut ended = Ended { failures: Vec::new(), taken: 0, peak: 0, next: order.from };
    let mut current = order.from;
    let (mut since, mut used) = (Instant::now(), processor_time(child.id()));
    let reason = loop {
        match lines.recv_timeout(Duration::from_secs(2)) {
            Ok(line) => {
                let mut words = line.splitn(3, ' ');
                let (kind, number) = (
                    words.next().unwrap_or(""),
                    words.next().and_then(|n| n.parse().ok()).unwrap_or(0),
                );
                match kind {
                    "case" => {
                        (current, since) = (number, Instant::now());
                        // asked for now and then only: a case is shorter than the question
                        if number % 64 == 0 {
                            used = processor_time(child.id());
                        }
                    }
                    "taken" => ended.taken += 1,
                    "panic" => ended.failures.push(Failure {
                        case: number,
                        what: words.next().unwrap_or("").to_owned(),
                    }),
                    "peak" => ended.peak = number,
                    "done" => break None,
                    _ => {}
                }
                if ended.failures.len() >= ENOUGH {
                    break None;
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let busy = processor_time(child.id())
                    .zip(used)
                    .map(|(now, then)| now.saturating_sub(then));
                if busy.is_some_and(|busy| busy > CASE_LIMIT) || since.elapsed() > PATIENCE {
                    break Some(format!(
                        "still at it after {:.0} s",
                        since.elapsed().as_secs_f64()
                    ));
                }
            }
            Err(RecvTimeoutError::Disconnected) => break Some("the process ended".to_owned()),
        }
    };
    let _ = child.kill();
    let status = child.wait().unwrap();
    ended.next = order.to;
    if let Some(reason) = reason {
        let mut said = String::new();
        if let Some(mut errors) = child.stderr.take() {
            let _ = errors.read_to_string(&mut said);
        }
        let said =
            said.lines().filter(|line| !line.is_empty()).take(3).collect::<Vec<_>>().join(" / ");
        super::worker::keep(&order.folder, &order.kept(current));
        ended
            .failures
            .push(Failure { case: current, what: format!("{reason} ({status}): {said}") });
        ended.next = current + 1;
    } else if ended.failures.len() >= ENOUGH {
        ended.next = current + 1;
    }
    ended
}

/// What a process has used of processors, where the system tells.
fn processor_time(process: u32) -> Option<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // user and system time are the 12th and 13th after the name, in hundredths
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (next()? + next()?)))
}

fn start(order: &Order) -> Child {
    let _ = fs::remove_dir_all(&order.folder);
    fs::create_dir_all(&order.folder).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["worker_process", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("TAILMARK_HOSTILE_ORDER", serde_json::to_string(order).unwrap());
    command.env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What the worker reports, without what its test harness says.
fn lines(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if let Some((_, line)) = line.split_once(PREFIX)
                && sender.send(line.to_owned()).is_err()
            {
                break;
            }
        }
    });
    receiver
}
