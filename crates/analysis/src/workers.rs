//! Work on as many threads as the machine gives this process: results in the order of the work, first error wins.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Files that are synced at the same time: a journal commits them together, and one by one each waits its turn.
const WRITERS: usize = 16;

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// What `work` makes of each item, in their order.
pub(crate) fn map<T: Sync, U: Send>(items: &[T], work: impl Fn(&T) -> U + Sync) -> Vec<U> {
    // work that cannot fail gives a state for each thread
    each(items.len(), |k| Ok(work(&items[k]))).unwrap_or_default()
}

/// Does work that waits for a disk and not for a processor.
pub(crate) fn waiting(
    n: usize,
    work: impl Fn(usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    spread_over(WRITERS, n, || (), |(), k| work(k)).map(drop)
}

/// Does `work(0..n)` and returns what each gave.
pub(crate) fn each<T: Send>(
    n: usize,
    work: impl Fn(usize) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let parts = spread(n, Vec::new, |done: &mut Vec<(usize, T)>, k| {
        done.push((k, work(k)?));
        Ok(())
    })?;
    let mut all: Vec<(usize, T)> = parts.into_iter().flatten().collect();
    all.sort_by_key(|(k, _)| *k);
    Ok(all.into_iter().map(|(_, value)| value).collect())
}

/// Does `work` on `0..n`, each thread with a state of its own, and returns the states.
///
/// # Errors
/// The error of the first piece that failed; later pieces are not begun then.
pub(crate) fn spread<S: Send>(
    n: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Vec<S>> {
    spread_over(processors(), n, state, work)
}

fn spread_over<S: Send>(
    threads: usize,
    n: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Vec<S>> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let failed: Mutex<Option<(usize, anyhow::Error)>> = Mutex::new(None);
    let run = || {
        let mut own = state();
        while !stop.load(Ordering::Relaxed) {
            let k = next.fetch_add(1, Ordering::Relaxed);
            if k >= n {
                break;
            }
            if let Err(error) = work(&mut own, k) {
                stop.store(true, Ordering::Relaxed);
                let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(other, _)| k < *other) {
                    *failed = Some((k, error));
                }
            }
        }
        own
    };
    let states = thread::scope(|scope| {
        let workers: Vec<_> = (1..threads.min(n)).map(|_| scope.spawn(run)).collect();
        let mut states = vec![run()];
        for worker in workers {
            states.push(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        states
    });
    match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(states),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        let squares = each(1000, |k| Ok(k * k)).unwrap();
        assert_eq!(squares, (0..1000).map(|k| k * k).collect::<Vec<_>>());
        assert!(each(0, |_| Ok(())).unwrap().is_empty());
    }

    #[test]
    fn an_error_ends_the_work() {
        let error = each(1000, |k| if k == 7 { anyhow::bail!("piece {k}") } else { Ok(()) });
        assert_eq!(error.unwrap_err().to_string(), "piece 7");
    }
}
