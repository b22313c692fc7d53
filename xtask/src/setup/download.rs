//! One transfer with the machine's own `curl` or `wget`, watched from outside.
//!
//! The client writes into a file that may hold a beginning. Whether anything arrives, and for how long, is seen
//! in the size of that file, so that both clients are watched alike and no certificate or proxy is our concern.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::SIGXFSZ;

use crate::fault::Fault;
use crate::interrupt::{ASKS_TO_END, Interrupt};
use crate::ui;

/// How long a transfer may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Longest time in which nothing arrives.
    pub(crate) stall: Duration,
    /// Longest time altogether.
    pub(crate) total: Duration,
}

/// What to fetch, and into which file.
pub(crate) struct Transfer<'a> {
    pub(crate) url: String,
    pub(crate) part: &'a Path,
    /// What the progress bar shows.
    pub(crate) title: &'a str,
    pub(crate) megabytes: Option<u64>,
    pub(crate) deadline: Instant,
    pub(crate) stall: Duration,
}

/// How a transfer ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The client says that the file is whole.
    Whole,
    /// The server does not send what follows a given byte.
    CannotResume,
    /// The connection ended or stood still; trying again may help.
    Broken(String),
    /// Trying again would not help.
    Failed(String),
    /// Somebody asked the command to end.
    Interrupted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Curl,
    Wget,
}

impl Client {
    const ALL: [Self; 2] = [Self::Curl, Self::Wget];

    fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Wget => "wget",
        }
    }

    fn command(self, transfer: &Transfer<'_>) -> Command {
        let mut command = Command::new(self.name());
        // the outside watch is the one that counts; the client's own limits only free its connection
        let stall = (transfer.stall.as_secs() + 5).to_string();
        match self {
            Self::Curl => command
                .args(["--fail", "--location", "--silent", "--show-error"])
                .args(["--no-buffer", "--connect-timeout", &stall, "--continue-at", "-"])
                .arg("--output"),
            Self::Wget => command.args(["--no-verbose", "--tries=1", "--continue"]).args([
                "--timeout",
                &stall,
                "-O",
            ]),
        };
        command.arg(transfer.part).arg(&transfer.url);
        // messages are read, so they are asked for in English
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// What the end of the client means; `resumed` when the file held a beginning.
    fn ended(self, status: ExitStatus, said: &str, resumed: bool) -> Ended {
        let reason =
            last_words(said).unwrap_or_else(|| format!("{} ended with {status}", self.name()));
        match (self, status.code()) {
            (_, Some(0)) => Ended::Whole,
            // 33: the server ignored the range; 416: it has nothing after what is here
            (Self::Curl, Some(33)) => Ended::CannotResume,
            (Self::Curl, Some(22)) | (Self::Wget, Some(8)) if resumed && said.contains("416") => {
                Ended::CannotResume
            }
            (Self::Curl, Some(22)) | (Self::Wget, Some(8)) => Ended::Failed(reason),
            (Self::Curl, Some(23)) | (Self::Wget, Some(3)) => {
                Ended::Failed(format!("it could not be written, is the disk full? ({reason})"))
            }
            (_, None) if status.signal() == Some(SIGXFSZ) => {
                Ended::Failed("it is larger than files may be here (see ulimit -f)".to_owned())
            }
            (_, None) if status.signal().is_some_and(|signal| ASKS_TO_END.contains(&signal)) => {
                Ended::Interrupted
            }
            _ => Ended::Broken(reason),
        }
    }
}

/// Fetches with the first client that is here.
///
/// # Errors
/// Exit 4 when there is neither `curl` nor `wget`.
pub(crate) fn fetch(transfer: &Transfer<'_>, interrupt: &Interrupt) -> anyhow::Result<Ended> {
    let resumed = size(transfer.part) > 0;
    for client in Client::ALL {
        let mut errors = tempfile::tempfile()?;
        let mut command = client.command(transfer);
        command.stderr(errors.try_clone()?);
        match command.spawn() {
            Ok(child) => {
                let ended = watch(child, transfer, interrupt)?;
                return Ok(match ended {
                    Watched::Ended(status) => client.ended(status, &text(&mut errors), resumed),
                    Watched::Stopped(ended) => ended,
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::environment("neither curl nor wget is on this machine")
        .hint(format!(
            "install one of them, or fetch {} with a browser into data/models/",
            transfer.url
        ))
        .into())
}

enum Watched {
    Ended(ExitStatus),
    Stopped(Ended),
}

/// Waits for the client, shows how much has arrived, and ends it when the limits or the user say so.
fn watch(
    mut child: Child,
    transfer: &Transfer<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<Watched> {
    const TICK: Duration = Duration::from_millis(50);
    let bar = ui::download(transfer.title, transfer.megabytes.unwrap_or(0) * 1_000_000);
    if bar.is_hidden() {
        let about = transfer.megabytes.map_or_else(String::new, |mb| format!(" about {mb} MB"));
        ui::note(&format!("{}: fetching{about}", transfer.title));
    }
    let (mut last, mut since) = (size(transfer.part), Instant::now());
    let ended = loop {
        if let Some(status) = child.try_wait()? {
            break Watched::Ended(status);
        }
        let now = size(transfer.part);
        if now != last {
            (last, since) = (now, Instant::now());
            bar.set_position(now);
        }
        let stop = if interrupt.seen() {
            Some(Ended::Interrupted)
        } else if since.elapsed() > transfer.stall {
            let seconds = transfer.stall.as_secs();
            Some(Ended::Broken(format!("nothing arrived for {seconds} s")))
        } else if Instant::now() > transfer.deadline {
            Some(Ended::Failed("the time limit is over".to_owned()))
        } else {
            None
        };
        if let Some(stop) = stop {
            // it may have ended by itself just now
            let _ = child.kill();
            child.wait()?;
            break Watched::Stopped(stop);
        }
        thread::sleep(TICK);
    };
    bar.finish_and_clear();
    if interrupt.seen() {
        return Ok(Watched::Stopped(Ended::Interrupted));
    }
    Ok(ended)
}

/// Bytes of a file; 0 when there is none.
pub(crate) fn size(file: &Path) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

fn text(file: &mut File) -> String {
    let mut text = String::new();
    // what cannot be read is not shown
    let _ = file.rewind().and_then(|()| file.take(1 << 16).read_to_string(&mut text));
    text
}

/// The last line that says something, without the client's own name.
fn last_words(said: &str) -> Option<String> {
    let line = said.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let line = line.strip_prefix("curl: ").or_else(|| line.strip_prefix("wget: ")).unwrap_or(line);
    Some(line.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_apart() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        let curl = |code, said, resumed| Client::Curl.ended(exit(code), said, resumed);
        assert_eq!(curl(0, "", false), Ended::Whole);
        assert_eq!(curl(33, "", true), Ended::CannotResume);
        assert_eq!(
            curl(22, "curl: (22) The requested URL returned error: 416", true),
            Ended::CannotResume
        );
        assert_eq!(
            curl(22, "curl: (22) The requested URL returned error: 404", true),
            Ended::Failed("(22) The requested URL returned error: 404".to_owned())
        );
        assert!(matches!(curl(23, "", false), Ended::Failed(reason) if reason.contains("disk")));
        assert!(matches!(curl(18, "", true), Ended::Broken(_)));
        for signal in ASKS_TO_END {
            let ended = Client::Wget.ended(ExitStatus::from_raw(signal), "", false);
            assert_eq!(ended, Ended::Interrupted);
        }
    }
}
