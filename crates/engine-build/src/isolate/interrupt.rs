//! Ctrl-C while a child builds: the child is ended, its leftovers are removed, and the stage stops with exit 5.
//! At all other times a signal ends this process at once, as if nothing were installed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

struct Flags {
    /// A signal came while somebody was listening.
    asked: Arc<AtomicBool>,
    /// A signal ends the process.
    fatal: Arc<AtomicBool>,
}

static FLAGS: OnceLock<Flags> = OnceLock::new();

fn flags() -> &'static Flags {
    FLAGS.get_or_init(|| {
        let flags = Flags { asked: Arc::default(), fatal: Arc::new(AtomicBool::new(true)) };
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // in this order: the first signal is heard, and makes the second one fatal
            let installed = flag::register_conditional_default(signal, Arc::clone(&flags.fatal))
                .and_then(|_| flag::register(signal, Arc::clone(&flags.asked)))
                .and_then(|_| flag::register(signal, Arc::clone(&flags.fatal)));
            if let Err(error) = installed {
                crate::make::warn(&format!(
                    "signal {signal} will end the program at once: {error}"
                ));
            }
        }
        flags
    })
}

/// Whether the user asked to stop; nothing further is to be begun then.
pub fn asked() -> bool {
    FLAGS.get().is_some_and(|flags| flags.asked.load(Ordering::SeqCst))
}

/// As long as it lives, the first signal only makes [`asked`] true.
pub(super) struct Listening(());

impl Listening {
    /// Starts to listen.
    pub(super) fn start() -> Self {
        let flags = flags();
        if !flags.asked.load(Ordering::SeqCst) {
            flags.fatal.store(false, Ordering::SeqCst);
        }
        Self(())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        flags().fatal.store(true, Ordering::SeqCst);
    }
}
