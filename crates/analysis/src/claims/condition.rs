//! Where a claim is asked: `when` names a kind of device or a backend. Pure.

use serde::{Deserialize, Deserializer, de};

use pipeline::config::did_you_mean;

/// Kinds of devices, and the backends by name.
const NAMES: [&str; 11] = [
    "cpu",
    "cuda",
    "jetson",
    "sim",
    "tensorrt",
    "tensorrt-rtx",
    "trtexec",
    "onnxruntime-cuda",
    "onnxruntime-cpu",
    "rten",
    "measured",
];

/// Words in the names of NVIDIA's embedded devices, as libraries and boards give them.
const JETSON: [&str; 5] = ["jetson", "orin", "xavier", "tegra", "thor"];

/// A condition of a claim: any of the names that it lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition(Vec<&'static str>);

impl Condition {
    /// Whether it holds for a case that ran on this backend and device.
    pub fn holds(&self, backend: &str, device: &str) -> bool {
        self.0.iter().any(|name| applies(name, backend, device))
    }

    /// The names, for tables: `cuda` or `cpu or sim`.
    pub fn words(&self) -> String {
        self.0.join(" or ")
    }
}

fn applies(name: &str, backend: &str, device: &str) -> bool {
    let simulated = backend == "sim";
    let cuda =
        backend.starts_with("tensorrt") || backend == "trtexec" || backend.ends_with("-cuda");
    match name {
        "cuda" => cuda,
        "jetson" => {
            let device = device.to_ascii_lowercase();
            cuda && JETSON.iter().any(|word| device.contains(word))
        }
        "cpu" => !cuda && !simulated,
        "measured" => !simulated,
        _ => backend == name,
    }
}

fn named(text: &str) -> Result<&'static str, String> {
    NAMES.into_iter().find(|name| *name == text).ok_or_else(|| {
        format!(
            "unknown condition `{text}` in `when`{}; expected one of: {}",
            did_you_mean(text, &NAMES),
            NAMES.join(", ")
        )
    })
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> de::Visitor<'de> for Names {
            type Value = Vec<&'static str>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a condition such as \"cuda\", or a list of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                named(text).map(|name| vec![name]).map_err(E::custom)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut names = Vec::new();
                while let Some(text) = seq.next_element::<String>()? {
                    names.push(named(&text).map_err(de::Error::custom)?);
                }
                if names.is_empty() {
                    return Err(de::Error::custom("`when` is empty: a claim that is never asked"));
                }
                Ok(names)
            }
        }
        deserializer.deserialize_any(Names).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_from_backend_and_device() {
        for (name, backend, device, expected) in [
            ("cuda", "tensorrt", "NVIDIA H100", true),
            ("cuda", "onnxruntime-cuda", "", true),
            ("cuda", "trtexec", "", true),
            ("cuda", "onnxruntime-cpu", "AMD EPYC", false),
            ("cuda", "sim", "sim", false),
            ("cpu", "rten", "AMD EPYC", true),
            ("cpu", "sim", "sim", false),
            ("sim", "sim", "sim", true),
            ("measured", "rten", "AMD EPYC", true),
            ("measured", "sim", "sim", false),
            ("jetson", "trtexec", "Orin (nvgpu)", true),
            ("jetson", "tensorrt", "NVIDIA H100", false),
            ("jetson", "rten", "an Orin's processor", false),
            ("rten", "rten", "", true),
            ("tensorrt", "tensorrt-rtx", "", false),
        ] {
            let condition = Condition(vec![named(name).unwrap()]);
            assert_eq!(condition.holds(backend, device), expected, "{name} {backend} {device}");
        }
        let either = Condition(vec!["cpu", "sim"]);
        assert!(
            either.holds("sim", "") && either.holds("rten", "") && !either.holds("trtexec", "")
        );
        assert_eq!(either.words(), "cpu or sim");
    }

    #[test]
    fn an_unknown_name_is_explained() {
        assert!(named("cdua").unwrap_err().contains("did you mean \"cuda\""));
        assert!(named("gpu").unwrap_err().contains("expected one of: cpu, cuda"));
    }
}
