//! What to do next about a verdict, in one sentence; the reasons beside it hold the figures. Pure.

use pipeline::Verdict;

/// The next step; `None` where there is nothing to do.
pub fn next(verdict: Verdict) -> Option<&'static str> {
    Some(match verdict {
        Verdict::Valid => return None,
        Verdict::Skipped => {
            "take a backend that can do it (`cargo xtask doctor` lists them), or leave the mode out"
        }
        Verdict::TooShort => "measure longer; `analysis plan` says how long",
        Verdict::Unstable => {
            "close other programs, fix the clocks, give it a longer warm-up or more rounds, and measure again"
        }
        Verdict::Uncertified => {
            "let the runner read clocks and throttling (rights, drivers), and measure again"
        }
        Verdict::Throttled => {
            "cool the machine, lower its power limit or lock its clocks, and measure again"
        }
        Verdict::Failed => {
            "use none of its numbers: remove what the reason names, and measure again"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_valid_has_a_next_step() {
        let all = [
            Verdict::Skipped,
            Verdict::TooShort,
            Verdict::Unstable,
            Verdict::Uncertified,
            Verdict::Throttled,
            Verdict::Failed,
        ];
        assert!(all.into_iter().all(|verdict| next(verdict).is_some()));
        assert_eq!(next(Verdict::Valid), None);
    }
}
