//! `--exportLayerInfo` and `--exportProfile` → rows of `layers`. Pure, apart from reading the two files.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use pipeline::Fault;
use pipeline::artifact::LayerRow;
use trtexec_format::layers::{EngineLayer, of_json};
use trtexec_format::profile::{self, Profile};

/// Largest file that is taken: engines of tens of thousands of layers stay below.
const MOST: u64 = 256 << 20;

/// Reads the layers of an engine.
///
/// # Errors
/// Exit 2 when the file is missing, too long or something else.
pub(crate) fn read_layers(path: &Path) -> anyhow::Result<Vec<EngineLayer>> {
    of_json(&text(path)?).map_err(|why| {
        Fault::config(format!("{} is not what --exportLayerInfo writes: {why}", path.display()))
            .into()
    })
}

/// Reads the times of layers.
///
/// # Errors
/// Exit 2 when the file is missing, too long, cut off or something else.
pub(crate) fn read_profile(path: &Path) -> anyhow::Result<Profile> {
    profile::parse(&text(path)?)
        .map_err(|why| Fault::config(format!("{}: {why}", path.display())).into())
}

fn text(path: &Path) -> anyhow::Result<String> {
    let unreadable =
        |error| Fault::config(format!("cannot read {}", path.display())).because(error);
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST {
        return Err(
            Fault::config(format!("{} has more than {} MiB", path.display(), MOST >> 20)).into()
        );
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The layers in the engine's order, with their times where a profile tells them; layers that only the profile
/// names come last.
pub(crate) fn rows(
    engine: &str,
    layers: &[EngineLayer],
    profile: Option<&Profile>,
) -> Vec<LayerRow> {
    let mut times: HashMap<&str, VecDeque<i64>> = HashMap::new();
    for layer in profile.iter().flat_map(|profile| &profile.layers) {
        times.entry(&layer.name).or_default().push_back((layer.average_ms * 1e6).round() as i64);
    }
    let mut rows: Vec<LayerRow> = layers
        .iter()
        .map(|layer| LayerRow {
            engine_digest: engine.to_owned(),
            index: 0,
            name: layer.name.clone(),
            layer_type: layer.layer_type.clone(),
            precision_in: layer.precision_in().to_owned(),
            precision_out: layer.precision_out().to_owned(),
            format: layer.format(),
            tactic: Some(layer.tactic.clone()).filter(|tactic| !tactic.is_empty()),
            time_ns: times.get_mut(layer.name.as_str()).and_then(VecDeque::pop_front),
        })
        .collect();
    for layer in profile.iter().flat_map(|profile| &profile.layers) {
        if let Some(time_ns) = times.get_mut(layer.name.as_str()).and_then(VecDeque::pop_front) {
            rows.push(LayerRow {
                engine_digest: engine.to_owned(),
                index: 0,
                name: layer.name.clone(),
                layer_type: String::new(),
                precision_in: String::new(),
                precision_out: String::new(),
                format: None,
                tactic: None,
                time_ns: Some(time_ns),
            });
        }
    }
    for (index, row) in rows.iter_mut().enumerate() {
        row.index = index as i64;
    }
    rows
}

/// The precision of more than half of the layers that multiply weights or matrices, else `mixed`; `None` where
/// the layers do not tell.
pub(crate) fn precision(layers: &[EngineLayer]) -> Option<&'static str> {
    let told: Vec<&'static str> = layers
        .iter()
        .filter(|layer| layer.multiplies())
        .map(EngineLayer::precision)
        .filter(|precision| !precision.is_empty())
        .collect();
    let count = |one: &str| told.iter().filter(|other| **other == one).count();
    let most = told.iter().copied().max_by_key(|precision| count(precision))?;
    Some(if 2 * count(most) > told.len() { most } else { "mixed" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: &str = r#"{"Layers": [
        {"Name": "in", "LayerType": "Reformat", "Inputs": [{"Format/Datatype": "Float"}], "Outputs": [{"Format/Datatype": "Half"}]},
        {"Name": "conv", "LayerType": "CaskConvolution", "TacticName": "sm80_x", "Inputs": [{"Format/Datatype": "Half"}], "Outputs": [{"Format/Datatype": "Half"}]}
    ], "Bindings": []}"#;
    const TIMES: &str = r#"[{"count": 10}, {"name": "conv", "timeMs": 10, "averageMs": 1.5, "percentage": 75},
        {"name": "only here", "timeMs": 5, "averageMs": 0.5, "percentage": 25}]"#;

    #[test]
    fn layers_have_their_times_and_a_precision() {
        let (layers, profile) = (of_json(LAYERS).unwrap(), profile::parse(TIMES).unwrap());
        let rows = rows("e", &layers, Some(&profile));
        let facts: Vec<(i64, &str, Option<i64>)> =
            rows.iter().map(|row| (row.index, row.name.as_str(), row.time_ns)).collect();
        assert_eq!(
            facts,
            [(0, "in", None), (1, "conv", Some(1_500_000)), (2, "only here", Some(500_000))]
        );
        assert_eq!(
            (rows[1].precision_in.as_str(), rows[1].tactic.as_deref()),
            ("fp16", Some("sm80_x"))
        );
        assert_eq!(precision(&layers), Some("fp16"));
        assert_eq!(precision(&[]), None);
    }
}
