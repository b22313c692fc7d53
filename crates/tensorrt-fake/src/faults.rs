//! Faults that can be asked for: what a library may do to the process that loaded it.

use std::time::Duration;

use tensorrt::abi::enums::Severity;

use crate::callback::Log;
use crate::settings::{self, fault};

/// Ends the process by a bad memory access, as a bug in a kernel selection would.
pub(crate) fn crash() -> ! {
    let nothing: *mut u8 = std::ptr::without_provenance_mut(8);
    // SAFETY: none; the point of this fault is a signal. It is asked for by name, in tests only.
    unsafe { nothing.write_volatile(1) };
    std::process::abort();
}

/// The faults of a build, in its middle. `Err`: the build fails with an error in the log.
pub(crate) fn in_build(log: Log) -> Result<(), &'static str> {
    if fault("panic-log") {
        log.error("tensorrt-fake: panic-log: a line at which the logger of a test panics");
        log.send(Severity::WARNING, c"tensorrt-fake: panic-log: no text: \xff\xfe");
    }
    if fault("crash") {
        crash();
    }
    if fault("abort") {
        std::process::abort();
    }
    if fault("hang") {
        loop {
            std::thread::sleep(Duration::from_hours(1));
        }
    }
    if fault("leak") {
        std::mem::forget(take(settings::number(settings::MEGABYTES).unwrap_or(64)));
    }
    if fault("oom") {
        let limit = settings::number(settings::MEGABYTES).unwrap_or(2048);
        let taken = take(limit).len() as u64;
        log.error(&format!("Error Code 2: OutOfMemory (Requested size was {taken} MB more)"));
        return Err("out of memory");
    }
    if fault("build") {
        return Err("the fault `build` was asked for");
    }
    Ok(())
}

/// Takes that many megabytes and writes to each page; stops where the system has no more.
fn take(megabytes: u64) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    for _ in 0..megabytes {
        let mut block: Vec<u8> = Vec::new();
        if block.try_reserve_exact(1 << 20).is_err() {
            break;
        }
        block.resize(1 << 20, 1);
        taken.push(block);
    }
    taken
}
