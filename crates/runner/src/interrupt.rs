//! Ctrl-C and termination: the first asks the measurement to end and close its files, the second ends at once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);
static HANDLER: OnceLock<()> = OnceLock::new();

/// Installs the handler once and gives the flag that it sets.
pub fn flag() -> &'static AtomicBool {
    HANDLER.get_or_init(|| {
        let installed = ctrlc::set_handler(|| {
            if ASKED.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(pipeline::Exit::Incomplete as u8));
            }
            anstream::eprintln!("\ninterrupted: closing files; press Ctrl-C again to end at once");
        });
        if let Err(error) = installed {
            tracing::warn!("Ctrl-C will not be handled: {error}");
        }
    });
    &ASKED
}

/// Whether the user asked to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
