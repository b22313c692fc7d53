//! The `[runner]` table: as it is written, checked while it is read.

use std::fmt;

use pipeline::Span;
use pipeline::config::{Bounded, Name, named_mode};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Most streams of a mode.
pub const MAX_STREAMS: u32 = 32;

/// The `[runner]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Modes to measure, by name or as tables.
    #[serde(default = "default_modes", deserialize_with = "modes")]
    pub modes: Vec<Mode>,
    /// The least that is dropped before each measured part.
    #[serde(default = "default_warm_up")]
    pub warm_up: Span,
    /// Measured time of each mode, in all rounds together.
    #[serde(default = "default_duration")]
    pub duration: Span,
    /// Modes are interleaved round by round.
    #[serde(default = "default_rounds")]
    pub rounds: Bounded<1, 1000>,
    /// Copies in and out inside the measured path, on backends that have a device.
    #[serde(default = "yes")]
    pub transfers: bool,
    /// What to do with a mode that the backend cannot do.
    #[serde(default)]
    pub on_unsupported: OnUnsupported,
    /// Time between two readings of the sensors.
    #[serde(default = "default_telemetry")]
    pub telemetry: Span,
    /// Threads that share one inference on CPU backends; left out: cores ÷ streams.
    #[serde(default)]
    pub threads: Option<Bounded<1, 1024>>,
}

/// What to do with a mode that the backend cannot do, or a request that was not achieved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnsupported {
    /// Record it and go on.
    #[default]
    Record,
    /// End with exit 3.
    Fail,
}

/// One mode: how an engine is driven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mode {
    /// The name in every table.
    pub name: Name,
    /// Streams at once, each with its own session and host thread.
    pub streams: u32,
    /// Replay of a CUDA graph.
    pub graph: bool,
    /// Inferences in flight a stream.
    pub depth: u32,
    /// Threads a stream; overrides the table's.
    pub threads: Option<u32>,
    /// Precision of the engine, when several were built.
    pub precision: Option<String>,
    /// Digest (or its beginning) of the engine, when several were built.
    pub engine: Option<String>,
    /// Batch size, for engines with an open batch dimension.
    pub batch: Option<u32>,
}

impl Config {
    /// Problems that no single value shows: two modes of one name, a round too short to name.
    pub fn check(&self) -> anyhow::Result<()> {
        let mut names: Vec<&str> = self.modes.iter().map(|mode| mode.name.as_str()).collect();
        names.sort_unstable();
        if let Some([twice, _]) = names.array_windows().find(|[a, b]| a == b) {
            return Err(pipeline::Fault::config(format!(
                "[runner] modes: \"{twice}\" stands twice"
            ))
            .hint("give one of them a name of its own: { name = \"base-again\", streams = 1 }")
            .into());
        }
        let round = self.duration.get() / self.rounds.get();
        if round < std::time::Duration::from_millis(1) {
            return Err(pipeline::Fault::config(format!(
                "[runner] duration ÷ rounds is {round:?}: too short to measure anything"
            ))
            .hint("measure at least 1 ms a round; p99 needs hundreds of inferences")
            .into());
        }
        Ok(())
    }
}

fn default_modes() -> Vec<Mode> {
    ["base", "cuda-graph", "streams-2", "streams-4"]
        .into_iter()
        .filter_map(|name| name.parse().ok())
        .collect()
}

fn span(text: &str) -> Span {
    text.parse().expect("a default that is written in this file")
}

fn default_warm_up() -> Span {
    span("500ms")
}

fn default_duration() -> Span {
    span("30s")
}

fn default_telemetry() -> Span {
    span("100ms")
}

fn default_rounds() -> Bounded<1, 1000> {
    Bounded::new(5).expect("a default that is in range")
}

fn yes() -> bool {
    true
}

fn modes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Mode>, D::Error> {
    let modes = Vec::<Mode>::deserialize(deserializer)?;
    if modes.is_empty() {
        return Err(de::Error::custom("no mode: name at least one, for example \"base\""));
    }
    Ok(modes)
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "unknown mode `{text}`, expected one of `base`, `cuda-graph`, `streams-2`, `streams-4`, `streams-2-graph`, `streams-4-graph`"
            )
        };
        let (streams, graph) = named_mode(text).ok_or_else(unknown)?;
        Self::new(text, streams, graph)
    }
}

impl Mode {
    /// A mode with the defaults of a name.
    fn new(name: &str, streams: u32, graph: bool) -> Result<Self, String> {
        if !(1..=MAX_STREAMS).contains(&streams) {
            return Err(format!("{streams} streams are out of range: expected 1 to {MAX_STREAMS}"));
        }
        let name = Name::new(name)?;
        Ok(Self {
            name,
            streams,
            graph,
            depth: 1,
            threads: None,
            precision: None,
            engine: None,
            batch: None,
        })
    }
}

/// A mode as a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireMode {
    name: Name,
    #[serde(default)]
    streams: Option<Bounded<1, MAX_STREAMS>>,
    #[serde(default)]
    graph: Option<bool>,
    #[serde(default)]
    depth: Option<Bounded<1, 2>>,
    #[serde(default)]
    threads: Option<Bounded<1, 1024>>,
    #[serde(default)]
    precision: Option<backend::Precision>,
    #[serde(default)]
    engine: Option<String>,
    #[serde(default)]
    batch: Option<Bounded<1, 65536>>,
}

impl TryFrom<WireMode> for Mode {
    type Error = String;

    fn try_from(wire: WireMode) -> Result<Self, String> {
        let named: Option<Self> = wire.name.as_str().parse().ok();
        let streams =
            wire.streams.map(Bounded::get).or(named.as_ref().map(|mode| mode.streams)).unwrap_or(1);
        let graph = wire.graph.or(named.as_ref().map(|mode| mode.graph)).unwrap_or(false);
        if named.is_some_and(|mode| (mode.streams, mode.graph) != (streams, graph)) {
            return Err(format!(
                "the mode \"{}\" has a name that says something else than its keys",
                wire.name
            ));
        }
        Ok(Self {
            depth: wire.depth.map_or(1, Bounded::get),
            threads: wire.threads.map(Bounded::get),
            precision: wire.precision.map(|precision| precision.to_string()),
            engine: wire.engine,
            batch: wire.batch.map(Bounded::get),
            ..Self::new(wire.name.as_str(), streams, graph)?
        })
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ModeVisitor;
        impl<'de> Visitor<'de> for ModeVisitor {
            type Value = Mode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a mode, or a table with its name, streams, graph, …")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Mode, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Mode, A::Error> {
                let wire = WireMode::deserialize(de::value::MapAccessDeserializer::new(map))?;
                wire.try_into().map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(ModeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(name: &str) -> Result<Mode, String> {
        name.parse()
    }

    #[test]
    fn names_say_streams_and_graph() {
        let facts = |name: &str| mode(name).map(|mode| (mode.streams, mode.graph));
        assert_eq!(facts("base"), Ok((1, false)));
        assert_eq!(facts("cuda-graph"), Ok((1, true)));
        assert_eq!(facts("streams-4"), Ok((4, false)));
        assert_eq!(facts("streams-16-graph"), Ok((16, true)));
    }

    #[test]
    fn absurd_modes_are_refused() {
        for name in
            ["streams-0", "streams-33", "streams--1", "streams-x", "bass", "", "streams-9999999999"]
        {
            assert!(mode(name).is_err(), "{name}");
        }
        assert!(mode("bass").unwrap_err().contains("unknown mode `bass`"));
    }
}
