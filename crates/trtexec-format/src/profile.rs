//! The times of layers from `--exportProfile`.
//!
//! `[ { "count" : N }, { "name" : "…", "timeMs" : …, "averageMs" : …, "medianMs" : …, "percentage" : … }, … ]`,
//! one object a line; `medianMs` from 8.4 on. trtexec does not escape the name, so a quote or a backslash in
//! it breaks the JSON: such a file is then read line by line.

use serde::Deserialize;

/// Times of layers over the runs of a profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Inferences that were profiled.
    pub count: u64,
    /// Layers in the order of execution.
    pub layers: Vec<LayerTime>,
}

/// One layer; milliseconds as printed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerTime {
    /// The engine's name for it.
    pub name: String,
    /// Sum over all inferences.
    pub time_ms: f64,
    /// Mean of one inference.
    pub average_ms: f64,
    /// Median of one inference, where the version tells.
    pub median_ms: Option<f64>,
    /// Share of all layers' time, in percent.
    pub percentage: f64,
}

/// An object of the file: the count, or a layer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    count: Option<u64>,
    name: Option<String>,
    time_ms: Option<f64>,
    average_ms: Option<f64>,
    median_ms: Option<f64>,
    percentage: Option<f64>,
}

impl Item {
    fn layer(self) -> Option<LayerTime> {
        Some(LayerTime {
            name: self.name?,
            time_ms: self.time_ms?,
            average_ms: self.average_ms?,
            median_ms: self.median_ms,
            percentage: self.percentage?,
        })
    }
}

/// Reads the text of an exported profile.
///
/// # Errors
/// When it is cut off or not such a file.
pub fn parse(text: &str) -> Result<Profile, String> {
    let wrong = |why: &str| format!("not a profile of trtexec, or cut off: {why}");
    let items: Vec<Item> = match serde_json::from_str(text) {
        Ok(items) => items,
        Err(error) => return by_line(text).ok_or_else(|| wrong(&error.to_string())),
    };
    let mut profile = Profile::default();
    for item in items {
        match item.count {
            Some(count) => profile.count = count,
            None => profile.layers.push(item.layer().ok_or_else(|| wrong("a layer lacks a key"))?),
        }
    }
    Ok(profile)
}

/// The same without trusting the names.
fn by_line(text: &str) -> Option<Profile> {
    let mut profile = Profile::default();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines.next()? != "[" || text.trim_end().lines().next_back()?.trim() != "]" {
        return None;
    }
    for line in lines.take_while(|line| *line != "]") {
        let line = line.trim_start_matches([',', ' ']);
        if line.contains("\"count\"") && !line.contains("\"timeMs\"") {
            let number: String = line.chars().filter(char::is_ascii_digit).collect();
            profile.count = number.parse().ok()?;
            continue;
        }
        let rest = line.split_once("\"name\" : \"")?.1;
        let (name, numbers) = rest.rsplit_once("\", \"timeMs\"")?;
        let object =
            format!("{{\"name\": {}, \"timeMs\"{numbers}", serde_json::to_string(name).ok()?);
        profile.layers.push(serde_json::from_str::<Item>(&object).ok()?.layer()?);
    }
    Some(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[\n  { \"count\" : 128 }\n, { \"name\" : \"conv1 + relu\", \"timeMs\" : 12.5, \"averageMs\" : 0.0976, \"medianMs\" : 0.097, \"percentage\" : 62.5 }\n, { \"name\" : \"fc\", \"timeMs\" : 7.5, \"averageMs\" : 1e-05, \"percentage\" : 37.5 }\n]\n";

    #[test]
    fn layers_and_their_count_are_read() {
        let profile = parse(GOOD).unwrap();
        assert_eq!((profile.count, profile.layers.len()), (128, 2));
        assert_eq!(profile.layers[0].median_ms, Some(0.097));
        assert_eq!((profile.layers[1].median_ms, profile.layers[1].average_ms), (None, 1e-5));
        assert_eq!(by_line(GOOD), Some(profile));
    }

    #[test]
    fn names_that_are_not_escaped_are_read() {
        let odd = GOOD.replace("conv1 + relu", r#"{ForeignNode["a"...\b]}", "timeMs" : 1 "#);
        assert!(serde_json::from_str::<serde_json::Value>(&odd).is_err());
        let profile = parse(&odd).unwrap();
        assert_eq!(profile.layers[0].name, r#"{ForeignNode["a"...\b]}", "timeMs" : 1 "#);
        assert!((profile.layers[0].time_ms - 12.5).abs() < 1e-12);
    }

    #[test]
    fn a_file_that_was_cut_off_is_an_error() {
        let error = parse(&GOOD[..GOOD.len() - 40]).unwrap_err();
        assert!(error.contains("cut off"), "{error}");
        assert!(parse("").is_err() && parse("{}").is_err());
    }
}
