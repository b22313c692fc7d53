//! The timed loop: one stream, closed loop, nothing in it but the inference and two stamps.
//!
//! Inside the timed region: [`Session::infer`]. Outside it, in the loop: a check of the clock and of
//! two flags, and a push into a wait-free ring whose memory was touched before. No allocation, no
//! lock, no system call of ours.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Barrier, OnceLock};

use backend::Session;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::clock::Clock;

/// Marks that fit between a stream and the recorder: 50 ms of a million inferences a second.
pub const RING: usize = 1 << 16;

/// One inference as the loop sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Counts the inferences of the stream, from 0.
    pub seq: u32,
    /// Before the call.
    pub issue_ns: i64,
    /// After the call.
    pub done_ns: i64,
}

/// When to label and when to end, on the clock of the marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Inferences issued before are warm-up.
    pub start_ns: i64,
    /// None is issued after, except that every stream completes at least one.
    pub end_ns: i64,
}

/// Lets all streams of a case begin together and agree on the window.
pub struct Start {
    barrier: Barrier,
    window: OnceLock<Window>,
    warm_up_ns: i64,
    duration_ns: i64,
}

impl Start {
    /// For `streams` threads.
    pub fn new(streams: usize, warm_up_ns: i64, duration_ns: i64) -> Self {
        Self { barrier: Barrier::new(streams), window: OnceLock::new(), warm_up_ns, duration_ns }
    }

    /// Waits for all streams; the last one there sets the window for all.
    pub fn wait(&self, clock: &Clock) -> Window {
        if self.barrier.wait().is_leader() {
            let start_ns = clock.now_ns() + self.warm_up_ns;
            // only the leader sets it, so it is still empty
            let _ = self.window.set(Window { start_ns, end_ns: start_ns + self.duration_ns });
        }
        self.barrier.wait();
        *self.window.get().expect("set by the leader before the second barrier")
    }

    /// The window, once it is known.
    pub fn window(&self) -> Option<Window> {
        self.window.get().copied()
    }
}

/// Flags that end a loop early.
pub struct Halt<'a> {
    /// The user asked to stop.
    pub interrupted: &'a AtomicBool,
    /// Another stream or the recorder failed.
    pub failed: &'a AtomicBool,
}

impl Halt<'_> {
    #[inline]
    fn now(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }
}

/// How a stream ended.
#[derive(Debug)]
pub struct StreamEnd {
    /// Inferences that returned, warm-up included.
    pub completed: u64,
    /// Times that the ring was full; the loop waited outside the timed region.
    pub recorder_waits: u64,
    /// The engine's error, when there was one.
    pub error: Option<backend::Error>,
}

/// A ring between a stream and the recorder with every page touched.
pub fn touched_ring() -> (Producer<Mark>, Consumer<Mark>) {
    let (mut producer, mut consumer) = RingBuffer::new(RING);
    while producer.push(Mark::default()).is_ok() {}
    while consumer.pop().is_ok() {}
    (producer, consumer)
}

/// Drives one stream through warm-up and window.
pub fn drive(
    session: &mut dyn Session,
    clock: &Clock,
    window: Window,
    halt: &Halt<'_>,
    ring: &mut Producer<Mark>,
) -> StreamEnd {
    let mut end = StreamEnd { completed: 0, recorder_waits: 0, error: None };
    let mut steady = false;
    loop {
        let issue_ns = clock.now_ns();
        if (issue_ns >= window.end_ns && steady) || halt.now() {
            return end;
        }
        let result = session.infer();
        let done_ns = clock.now_ns();
        if let Err(error) = result {
            end.error = Some(error);
            halt.failed.store(true, Ordering::Relaxed);
            return end;
        }
        let mark = Mark { seq: end.completed as u32, issue_ns, done_ns };
        while ring.push(mark).is_err() {
            end.recorder_waits += 1;
            std::thread::yield_now();
        }
        end.completed += 1;
        steady |= issue_ns >= window.start_ns;
    }
}

/// Inferences recorded so far, for the progress bar: written by the recorder, read by the main thread.
#[derive(Debug, Default)]
pub struct Live {
    /// Completed inferences of the current visit.
    pub completed: AtomicI64,
}
