//! Which cache of timings grew out of which: all that is known of two blobs without a library.
//!
//! trtexec adds to the cache that it is given and cannot combine two. A cache that a build began with is
//! contained in the one that it ended with, so the new one may take the place of exactly that old one.

use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// Builds that are remembered; a process makes few.
const MOST: usize = 256;

type Digest = [u8; 32];

/// Shared by all copies of one backend.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lineage(Arc<Mutex<Vec<(Digest, Digest)>>>);

impl Lineage {
    /// A build began with `start` and ended with `end`.
    pub(crate) fn remember(&self, start: &[u8], end: &[u8]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == MOST {
            known.remove(0);
        }
        known.push((digest(start), digest(end)));
    }

    /// The one of two caches that contains the other; `None` when that is not known.
    pub(crate) fn wider<'a>(&self, ours: &'a [u8], theirs: &'a [u8]) -> Option<&'a [u8]> {
        if theirs.is_empty() || ours == theirs {
            return Some(ours);
        }
        if ours.is_empty() {
            return Some(theirs);
        }
        let pair = (digest(ours), digest(theirs));
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(&pair).then_some(theirs)
    }
}

fn digest(blob: &[u8]) -> Digest {
    Sha256::digest(blob).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_grew_out_of_a_cache_takes_its_place() {
        let lineage = Lineage::default();
        lineage.remember(b"old", b"old and new");
        assert_eq!(lineage.wider(b"old", b"old and new"), Some(&b"old and new"[..]));
        assert_eq!(lineage.clone().wider(b"other", b"old and new"), None);
        assert_eq!(lineage.wider(b"old and new", b"old"), None);
        assert_eq!(lineage.wider(b"same", b"same"), Some(&b"same"[..]));
        assert_eq!(lineage.wider(b"ours", b""), Some(&b"ours"[..]));
        assert_eq!(lineage.wider(b"", b"theirs"), Some(&b"theirs"[..]));
    }
}
