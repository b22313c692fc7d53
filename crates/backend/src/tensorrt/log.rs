//! What a builder's log tells beyond lines for people: warnings, the report of layers, use of the cache.

use std::sync::{Arc, Mutex, PoisonError};

use ::tensorrt::{LogOptions, Severity};

/// How many different warnings are kept; a model that is warned about in every layer says it often enough.
const KEPT: usize = 50;

/// Collects during one build.
#[derive(Clone, Default)]
pub(super) struct BuildLog(Arc<Mutex<Told>>);

/// What was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Each once, in the order in which they first came.
    pub(super) warnings: Vec<String>,
    /// The builder's report of its layers.
    pub(super) report: Option<String>,
    /// Hits and misses of the timing cache.
    pub(super) cache: Option<(u64, u64)>,
}

impl BuildLog {
    /// For the builder whose log it collects. Verbose: the report comes at that level only.
    pub(super) fn options(&self) -> LogOptions {
        let told = Arc::clone(&self.0);
        let sink = move |severity: Severity, line: &str| {
            told.lock().unwrap_or_else(PoisonError::into_inner).hear(severity, line);
        };
        LogOptions { verbose: true, sink: Some(Arc::new(sink)) }
    }

    /// What was told so far.
    pub(super) fn told(&self) -> Told {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Told {
    fn hear(&mut self, severity: Severity, line: &str) {
        if severity == Severity::WARNING {
            if self.warnings.len() < KEPT && self.warnings.iter().all(|known| known != line) {
                self.warnings.push(line.to_owned());
            }
        } else if severity > Severity::WARNING {
            if line.starts_with("Layers:\n") || line.starts_with("Engine Layer Information:\n") {
                self.report = Some(line.to_owned());
            } else if let Some(counts) = counts(line) {
                self.cache = Some(counts);
            }
        }
    }
}

/// `timing cache: 3 hits, 2 misses`. So far only the stand-in of the tests was seen to say it: NVIDIA's
/// libraries keep the number to themselves, and then there is none.
fn counts(line: &str) -> Option<(u64, u64)> {
    let (hits, misses) = line.strip_prefix("timing cache: ")?.split_once(" hits, ")?;
    Some((hits.parse().ok()?, misses.strip_suffix(" misses")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_useful_is_kept() {
        let log = BuildLog::default();
        let sink = log.options().sink.unwrap();
        sink(Severity::WARNING, "old driver");
        sink(Severity::WARNING, "old driver");
        sink(Severity::VERBOSE, "Layers:\nName: x");
        sink(Severity::VERBOSE, "timing cache: 3 hits, 2 misses");
        sink(Severity::VERBOSE, "timing cache: many hits, 2 misses");
        sink(Severity::INFO, "Graph construction completed");
        let told = log.told();
        assert_eq!(told.warnings, ["old driver"]);
        assert_eq!((told.report.as_deref(), told.cache), (Some("Layers:\nName: x"), Some((3, 2))));
        for n in 0..100 {
            sink(Severity::WARNING, &n.to_string());
        }
        assert_eq!(log.told().warnings.len(), KEPT);
    }
}
