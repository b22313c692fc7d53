//! In what the surroundings of two measurements differ: program, host, libraries, settings, sensors. Pure.
//!
//! A difference here forbids nothing; it stands beside the verdict, because it may be what the verdict found.

use std::collections::BTreeSet;

use pipeline::artifact::{CaseRow, TelemetryRow};

use super::alike::Difference;
use crate::format::number;
use crate::judge::ticks;
use crate::load::{Case, Run};

/// Facts that differ between any two runs and explain nothing.
const OF_THE_CALL: [&str; 4] =
    ["argv", "created_utc", "tailmark.artifact", "tailmark.version-of-artifact"];

/// A case in the run that it was measured in.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The run.
    pub run: &'a Run,
    /// One of its cases.
    pub case: &'a Case,
}

/// Every difference between the places of the reference and those of the judged side.
pub fn differences(reference: &[Place<'_>], judged: &[Place<'_>]) -> Vec<Difference> {
    let mut found = facts(reference, judged);
    found.extend(settings(reference, judged));
    found.extend(readings(reference, judged));
    found
}

/// Facts of the footers: program, host, libraries, pipeline.
fn facts(reference: &[Place<'_>], judged: &[Place<'_>]) -> Vec<Difference> {
    let all = reference.iter().chain(judged);
    let keys: BTreeSet<&str> =
        all.flat_map(|place| place.run.provenance.iter().map(|(key, _)| key)).collect();
    let told = keys.into_iter().filter(|key| !OF_THE_CALL.contains(key));
    told.filter_map(|key| {
        let value = |place: &Place<'_>| place.run.provenance.get(key).unwrap_or("").to_owned();
        Difference::of(key, &values(reference, value), &values(judged, value))
    })
    .collect()
}

/// What a case was set to, beside what must agree.
fn settings(reference: &[Place<'_>], judged: &[Place<'_>]) -> Vec<Difference> {
    type Read = fn(&CaseRow) -> String;
    let read: [(&str, Read); 11] = [
        ("device", |row| row.device.clone()),
        ("backend", |row| row.backend.clone()),
        ("engine", |row| row.engine_digest.chars().take(12).collect()),
        ("model", |row| row.model_digest.chars().take(12).collect()),
        ("precision achieved", |row| row.achieved_precision.clone()),
        ("streams", |row| row.achieved_streams.to_string()),
        ("graph", |row| yes(row.achieved_graph)),
        ("threads a stream", |row| optional(row.achieved_threads)),
        ("idle threads spin", |row| row.spinning.map_or_else(String::new, yes)),
        ("completion seen by", |row| row.wait.clone()),
        ("batch, depth, copies", |row| {
            format!("{}, {}, {}", row.batch, row.depth, yes(row.transfers))
        }),
    ];
    let setting =
        |read: Read| move |place: &Place<'_>| place.case.setup().map_or_else(String::new, read);
    let mut found: Vec<Difference> = read
        .into_iter()
        .filter_map(|(what, read)| {
            Difference::of(what, &values(reference, setting(read)), &values(judged, setting(read)))
        })
        .collect();
    let rounds = |place: &Place<'_>| place.case.rounds.len().to_string();
    found.extend(Difference::of("rounds", &values(reference, rounds), &values(judged, rounds)));
    let beside = |place: &Place<'_>| {
        let others = place.run.cases.iter().filter(|case| !case.rounds.is_empty());
        others.map(|case| case.name.as_str()).collect::<Vec<_>>().join(" ")
    };
    found.extend(Difference::of(
        "modes that took turns",
        &values(reference, beside),
        &values(judged, beside),
    ));
    found
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn optional(value: Option<i64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The distinct values of a side, in order.
fn values(places: &[Place<'_>], read: impl Fn(&Place<'_>) -> String) -> String {
    let distinct: BTreeSet<String> = places.iter().map(read).collect();
    distinct.into_iter().collect::<Vec<_>>().join(", ")
}

/// A sensor, and the least difference of its means that is told.
struct Sensor {
    name: &'static str,
    read: fn(&TelemetryRow) -> Option<f64>,
    unit: &'static str,
    absolute: f64,
    relative: f64,
}

const SENSORS: [Sensor; 7] = [
    Sensor {
        name: "GPU clock",
        read: |row| row.sm_clock_mhz.map(|mhz| mhz as f64),
        unit: "MHz",
        absolute: 0.0,
        relative: 0.01,
    },
    Sensor {
        name: "GPU memory clock",
        read: |row| row.memory_clock_mhz.map(|mhz| mhz as f64),
        unit: "MHz",
        absolute: 0.0,
        relative: 0.01,
    },
    Sensor {
        name: "GPU temperature",
        read: |row| row.temperature_mc.map(|mc| mc as f64 / 1e3),
        unit: "°C",
        absolute: 5.0,
        relative: 0.0,
    },
    Sensor {
        name: "CPU clock",
        read: |row| row.cpu_clock_khz.map(|khz| khz as f64 / 1e6),
        unit: "GHz",
        absolute: 0.0,
        relative: 0.01,
    },
    Sensor {
        name: "CPU temperature",
        read: |row| row.cpu_temperature_mc.map(|mc| mc as f64 / 1e3),
        unit: "°C",
        absolute: 5.0,
        relative: 0.0,
    },
    Sensor {
        name: "load average",
        read: |row| row.load_1m,
        unit: "",
        absolute: 0.5,
        relative: 0.0,
    },
    Sensor {
        name: "processor time taken by the hypervisor",
        read: |row| row.cpu_steal.map(|share| share * 100.0),
        unit: "%",
        absolute: 1.0,
        relative: 0.0,
    },
];

/// Means of sensors during the samples that differ by more than they do by chance.
fn readings(reference: &[Place<'_>], judged: &[Place<'_>]) -> Vec<Difference> {
    let told = |sensor: &Sensor| {
        let (one, two) = (mean(reference, sensor.read), mean(judged, sensor.read));
        let text = |value: Option<f64>| {
            value.map_or_else(
                || "not observed".to_owned(),
                |value| format!("{} {}", number(value), sensor.unit).trim_end().to_owned(),
            )
        };
        let far = match (one, two) {
            (Some(one), Some(two)) => {
                (one - two).abs() > sensor.absolute + sensor.relative * one.abs().max(two.abs())
            }
            (one, two) => one.is_some() != two.is_some(),
        };
        let name = format!("mean {}", sensor.name);
        far.then(|| Difference::of(&name, &text(one), &text(two))).flatten()
    };
    SENSORS.iter().filter_map(told).collect()
}

/// Mean of a sensor over the readings of all places; `None` when it was read nowhere.
fn mean(places: &[Place<'_>], read: fn(&TelemetryRow) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = places
        .iter()
        .flat_map(|place| ticks(place.case, place.run.telemetry.as_deref().unwrap_or_default()))
        .filter_map(read)
        .collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
