//! Locks between processes: the standard library's file lock on a handle that a child never inherits.
//!
//! A lock file is empty, stays where it is and is locked while its handle is open: the system opens the
//! lock when a process dies, however it dies. Lock files are never removed, since a process that waits on
//! a removed one would hold a lock that nobody else sees.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

/// A lock, held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    _file: File,
}

/// Waits for the lock; `waiting` is called once when another process holds it.
pub(super) fn wait(path: &Path, waiting: impl FnOnce()) -> io::Result<Held> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            waiting();
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(Held { _file: file })
}

/// Takes the lock when nobody holds it; `None` when somebody does.
pub(super) fn attempt(path: &Path) -> io::Result<Option<Held>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Held { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The standard library opens every file close-on-exec.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::options().create(true).truncate(false).write(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/.lock");
        let held = wait(&path, || panic!("nobody else")).unwrap();
        assert!(attempt(&path).unwrap().is_none());
        drop(held);
        assert!(attempt(&path).unwrap().is_some());
    }

    #[test]
    fn a_program_that_was_started_does_not_hold_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let held = wait(&path, || panic!("nobody else")).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        drop(held);
        // a program that another test starts has the handle too, until it is the program
        let free = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            attempt(&path).unwrap().is_some()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(free, "the child inherited the lock");
    }
}
