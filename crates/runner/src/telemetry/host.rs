//! What a Linux host offers without privileges: processor time, clocks, temperature, throttle counts, power.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pipeline::artifact::TelemetryRow;
use procfs::{Current as _, CurrentSI as _};

/// Files that exist here, found once, and the last readings of counters.
pub struct Sensors {
    clocks: Vec<PathBuf>,
    temperatures: Vec<PathBuf>,
    throttles: Vec<PathBuf>,
    energy: Option<Energy>,
    last_cpu: Option<CpuTime>,
    last_process: Option<(Instant, u64)>,
    last_throttles: Option<i64>,
}

struct Energy {
    counter: PathBuf,
    range_uj: u64,
    last: Option<(Instant, u64)>,
}

#[derive(Clone, Copy)]
struct CpuTime {
    busy: u64,
    steal: u64,
    total: u64,
}

impl Sensors {
    /// Looks for the sensors of this host.
    pub fn find() -> Self {
        let cpus = entries(Path::new("/sys/devices/system/cpu"), |name| {
            name.strip_prefix("cpu")
                .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
        });
        let readable = |path: PathBuf| fs::read_to_string(&path).is_ok().then_some(path);
        let clocks =
            cpus.iter().filter_map(|cpu| readable(cpu.join("cpufreq/scaling_cur_freq"))).collect();
        let counts =
            ["thermal_throttle/core_throttle_count", "thermal_throttle/package_throttle_count"];
        let throttles = cpus
            .iter()
            .flat_map(|cpu| counts.map(|name| cpu.join(name)))
            .filter_map(readable)
            .collect();
        let zones =
            entries(Path::new("/sys/class/thermal"), |name| name.starts_with("thermal_zone"));
        let temperatures = zones
            .iter()
            .filter(|zone| is_processor(zone))
            .filter_map(|zone| readable(zone.join("temp")));
        Self {
            clocks,
            temperatures: temperatures.collect(),
            throttles,
            energy: find_energy(),
            last_cpu: None,
            last_process: None,
            last_throttles: None,
        }
    }

    /// One reading; `at_ns`, `case` and `round` are left to the caller.
    pub fn read(&mut self) -> TelemetryRow {
        let clocks: Vec<i64> = self.clocks.iter().filter_map(|path| number(path)).collect();
        let mean = |values: &[i64]| {
            (!values.is_empty()).then(|| values.iter().sum::<i64>() / values.len() as i64)
        };
        let (cpu_utilisation, cpu_steal) = self.processor_time().unzip();
        let (process_cores, process_memory_bytes) = self.process().unzip();
        TelemetryRow {
            cpu_clock_khz: mean(&clocks),
            cpu_clock_min_khz: clocks.iter().copied().min(),
            cpu_utilisation,
            process_cores: process_cores.flatten(),
            cpu_steal,
            load_1m: load(),
            cpu_pressure: procfs::CpuPressure::current()
                .ok()
                .map(|pressure| f64::from(pressure.some.avg10) / 100.0),
            cpu_temperature_mc: self.temperatures.iter().filter_map(|path| number(path)).max(),
            cpu_throttle_events: self.throttle_events(),
            cpu_power_mw: self.energy.as_mut().and_then(Energy::power_mw),
            process_memory_bytes,
            ..TelemetryRow::default()
        }
    }

    /// Shares of busy and stolen time since the last reading; unknown at the first.
    fn processor_time(&mut self) -> Option<(f64, f64)> {
        let total = procfs::KernelStats::current().ok()?.total;
        let steal = total.steal.unwrap_or(0);
        let idle = total.idle + total.iowait.unwrap_or(0);
        let busy = total.user
            + total.nice
            + total.system
            + total.irq.unwrap_or(0)
            + total.softirq.unwrap_or(0);
        let now = CpuTime { busy, steal, total: busy + steal + idle };
        let last = self.last_cpu.replace(now)?;
        let elapsed = now.total.checked_sub(last.total).filter(|&ticks| ticks > 0)? as f64;
        let share = |now: u64, last: u64| now.saturating_sub(last) as f64 / elapsed;
        Some((share(now.busy, last.busy), share(now.steal, last.steal)))
    }

    /// Cores that this process used since the last reading, and its resident memory.
    fn process(&mut self) -> Option<(Option<f64>, i64)> {
        let stat = procfs::process::Process::myself().and_then(|process| process.stat()).ok()?;
        let now = (Instant::now(), stat.utime + stat.stime);
        let memory = stat.rss * procfs::page_size();
        let cores = self.last_process.replace(now).and_then(|last| {
            let elapsed = now.0.duration_since(last.0).as_secs_f64();
            let ticks = now.1.saturating_sub(last.1) as f64;
            (elapsed > 0.0).then(|| ticks / procfs::ticks_per_second() as f64 / elapsed)
        });
        Some((cores, memory as i64))
    }

    fn throttle_events(&mut self) -> Option<i64> {
        if self.throttles.is_empty() {
            return None;
        }
        let now = self.throttles.iter().filter_map(|path| number(path)).sum();
        self.last_throttles.replace(now).map(|last| now - last)
    }
}

impl Energy {
    /// Mean power since the last reading; the counter starts again at its range.
    fn power_mw(&mut self) -> Option<i64> {
        let now = (Instant::now(), u64::try_from(number(&self.counter)?).ok()?);
        let last = self.last.replace(now)?;
        let seconds = now.0.duration_since(last.0).as_secs_f64();
        let energy_uj = if now.1 >= last.1 {
            now.1 - last.1
        } else {
            now.1 + self.range_uj.saturating_sub(last.1)
        };
        (seconds > 0.0).then(|| (energy_uj as f64 / 1000.0 / seconds).round() as i64)
    }
}

/// Load average over a minute.
pub fn load() -> Option<f64> {
    procfs::LoadAverage::current().ok().map(|load| f64::from(load.one))
}

fn find_energy() -> Option<Energy> {
    let packages = entries(Path::new("/sys/class/powercap"), |name| {
        // `intel-rapl:0` is a package; `intel-rapl:0:1` is a part of one
        name.strip_prefix("intel-rapl:")
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
    });
    let package = packages.first()?;
    let counter = package.join("energy_uj");
    number(&counter)?;
    let range_uj =
        number(&package.join("max_energy_range_uj")).and_then(|range| u64::try_from(range).ok())?;
    Some(Energy { counter, range_uj, last: None })
}

/// Thermal zones of a processor, by the names that drivers give them.
fn is_processor(zone: &Path) -> bool {
    let kind = fs::read_to_string(zone.join("type")).unwrap_or_default().to_lowercase();
    ["cpu", "pkg", "soc", "acpitz", "k10temp"].iter().any(|word| kind.contains(word))
}

fn entries(folder: &Path, fits: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(&fits))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

fn number(path: &Path) -> Option<i64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_shares() {
        let mut sensors = Sensors::find();
        sensors.read();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let row = sensors.read();
        assert!(row.cpu_utilisation.is_none_or(|share| (0.0..=1.0).contains(&share)), "{row:?}");
        assert!(row.process_memory_bytes.is_some_and(|bytes| bytes > 0), "{row:?}");
    }

    #[test]
    fn the_energy_counter_may_start_again() {
        let dir = tempfile::tempdir().unwrap();
        let counter = dir.path().join("energy_uj");
        fs::write(&counter, "500").unwrap();
        let second = Instant::now().checked_sub(std::time::Duration::from_secs(1)).unwrap();
        let mut energy = Energy { counter, range_uj: 1_000_000, last: Some((second, 999_500)) };
        let power = energy.power_mw().unwrap();
        assert!((0..=1).contains(&power), "{power}");
    }
}
