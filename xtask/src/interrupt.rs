//! Signals that ask xtask to end: taken note of, so that what is under way is closed first.
//!
//! Ctrl-C reaches a child and xtask alike, since a terminal signals the whole group. SIGTERM and SIGHUP often
//! reach xtask alone, from a supervisor. Once installed this stays to the end of the process: the default action
//! of these signals does not come back, so whoever installs it must ask it wherever something may take long.

use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::ui;

/// Somebody wants the program to end; nothing went wrong in it.
pub(crate) const ASKS_TO_END: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

/// Whether somebody asked xtask to end since this was installed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    seen: Arc<AtomicBool>,
    /// Asked of xtask alone, as a supervisor does; the child has not heard of it.
    untold: Arc<AtomicBool>,
}

impl Interrupt {
    /// From here on these signals do not end xtask.
    pub(crate) fn install() -> Self {
        let interrupt = Self::default();
        let both = [&interrupt.seen, &interrupt.untold];
        let wanted = [(SIGINT, &both[..1]), (SIGTERM, &both[..]), (SIGHUP, &both[..])];
        for (signal, flags) in wanted {
            for flag in flags {
                if let Err(error) = signal_hook::flag::register(signal, Arc::clone(flag)) {
                    ui::warn(&format!("signal {signal} will end the command at once: {error}"));
                }
            }
        }
        interrupt
    }

    /// Whether one of the signals came.
    pub(crate) fn seen(&self) -> bool {
        self.seen.load(Ordering::SeqCst)
    }

    /// Waits for a child, and passes on what it has not heard of.
    pub(crate) fn wait(&self, child: &mut Child) -> std::io::Result<ExitStatus> {
        const TICK: Duration = Duration::from_millis(5);
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if self.untold.swap(false, Ordering::SeqCst) {
                // without unsafe code of our own, the tool that every Unix has sends it
                let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
                if !told.is_ok_and(|status| status.success()) {
                    ui::warn("the stage could not be told to end");
                }
            }
            std::thread::sleep(TICK);
        }
    }
}
