//! Whether the samples of a run fit into memory, asked before they are read.
//!
//! A report needs every sample at hand: its plots, rounds and comparisons go over them in several orders. That takes
//! 265 bytes a sample (measured: 2.17 million take 571 MB), so a run of 30 s takes some MB and one trace of a month
//! 27 GB. What does not fit is refused at once; `analysis quantiles` sums up any size.

use pipeline::{Fault, RunDir, samples};

/// Bytes that a sample takes while its run is analysed, with some room.
const BYTES_A_SAMPLE: u64 = 300;

/// Refuses a run that is larger than the memory that the machine has to give.
///
/// # Errors
/// Exit 4 with the sizes and what to do.
pub(crate) fn enough_for(dir: &RunDir, cases: &[String]) -> anyhow::Result<()> {
    let mut n = 0;
    for case in cases {
        n += samples::rows(dir, case)?;
    }
    match available() {
        Some(available) => Ok(fits(n, available)?),
        None => Ok(()),
    }
}

fn fits(n: u64, available: u64) -> Result<(), Fault> {
    let needed = n.saturating_mul(BYTES_A_SAMPLE);
    if needed <= available {
        return Ok(());
    }
    let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    Err(Fault::environment(format!(
        "a report of {} samples takes {} of memory, and {} are free",
        crate::format::count(n),
        gigabytes(needed),
        gigabytes(available)
    ))
    .hint("`analysis quantiles RUN/samples --column compute_ns --by case --where phase=steady --intervals` sums up a run of any size"))
}

/// Memory that can be had without swapping; `None` where the system does not say.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::fault::{Exit, exit_of};

    #[test]
    fn a_month_of_a_camera_is_refused_and_a_run_is_not() {
        assert!(fits(240_000, 1 << 30).is_ok());
        let error = anyhow::Error::from(fits(100_000_000, 16 << 30).unwrap_err());
        assert_eq!(exit_of(&error), Exit::Environment);
        assert!(error.to_string().contains("100,000,000 samples takes 30.0 GB"), "{error}");
    }
}
