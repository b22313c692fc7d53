//! One `setup` at a time on a file or folder.

use std::fs::{File, TryLockError};
use std::thread;
use std::time::Duration;

use crate::ui;

/// Keeps other commands from an open file or folder until it is closed; while another command has it, waits until
/// `stop` says otherwise. Whether it is held: not where the disk has no locks, nor after `stop`.
pub(super) fn hold(place: &File, command: &str, stop: impl Fn() -> bool) -> bool {
    const TICK: Duration = Duration::from_millis(50);
    let mut told = false;
    loop {
        match place.try_lock() {
            Ok(()) => return true,
            Err(TryLockError::Error(_)) => return false,
            Err(TryLockError::WouldBlock) if stop() => return false,
            Err(TryLockError::WouldBlock) => {}
        }
        if !told {
            ui::note(&format!("waiting for another `{command}`"));
            told = true;
        }
        thread::sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_place_is_held_until_it_is_closed_and_nobody_waits_who_was_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let open = || File::open(dir.path()).unwrap();
        let first = open();
        assert!(hold(&first, "setup", || false));
        assert!(!hold(&open(), "setup", || true), "held by the first");
        let started = Instant::now();
        thread::scope(|scope| {
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(120));
                drop(first);
            });
            assert!(hold(&open(), "setup", || false));
        });
        assert!(started.elapsed() >= Duration::from_millis(120));
    }
}
