//! Devices whose peaks are known: dense, no sparsity, as their makers state them.
//!
//! Tensor cores are meant wherever a type has them: an engine may use them, so they belong to a lower bound.
//! Figures of Jetson boards follow from SMs × 2048 float16 operations a clock × the highest clock of the
//! named power mode (twice that in int8, half in TF32); the marketing figure of a board is its sparse int8 rate.

use backend::onnx::proto::DataType;
use pipeline::Fault;

/// What a device can do at most.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// The name to call it by.
    pub name: String,
    /// Operations a second in float32 outside tensor cores.
    pub fp32: f64,
    /// In float32 with operands rounded to TF32; that of `fp32` where there is no such thing.
    pub tf32: f64,
    /// In float16 (and bfloat16).
    pub fp16: f64,
    /// In int8.
    pub int8: f64,
    /// Bytes a second between memory and chip.
    pub bandwidth: f64,
    /// Where the figures are from.
    pub source: String,
}

/// Name; float32, TF32, float16, int8 in T(FL)OP/s; memory in GB/s; source.
type Row = (&'static str, [f64; 4], f64, &'static str);

const DEVICES: [Row; 16] = [
    (
        "jetson-orin-nano",
        [1.28, 5.12, 10.24, 20.48],
        68.3,
        "8 SMs at 625 MHz, 15 W; Jetson Orin Nano 8GB data sheet",
    ),
    (
        "jetson-orin-nano-25w",
        [1.88, 7.52, 15.04, 30.08],
        102.4,
        "8 SMs at 918 MHz, the 25 W mode of JetPack 6.2",
    ),
    (
        "jetson-orin-nano-super",
        [2.09, 8.36, 16.71, 33.42],
        102.4,
        "8 SMs at 1020 MHz, MAXN_SUPER of JetPack 6.2",
    ),
    (
        "jetson-orin-nx-8gb",
        [1.57, 6.27, 12.53, 25.07],
        102.4,
        "8 SMs at 765 MHz; Jetson Orin NX data sheet, GPU without DLA",
    ),
    (
        "jetson-orin-nx-16gb",
        [1.88, 7.52, 15.04, 30.08],
        102.4,
        "8 SMs at 918 MHz; Jetson Orin NX data sheet, GPU without DLA",
    ),
    (
        "jetson-agx-orin-32gb",
        [3.33, 13.33, 26.67, 53.33],
        204.8,
        "14 SMs at 930 MHz; Jetson AGX Orin data sheet, GPU without DLA",
    ),
    (
        "jetson-agx-orin-64gb",
        [5.33, 21.3, 42.6, 85.2],
        204.8,
        "16 SMs at 1300 MHz, MAXN; Jetson AGX Orin data sheet, GPU without DLA",
    ),
    (
        "rtx-4090",
        [82.6, 82.6, 330.3, 660.6],
        1008.0,
        "NVIDIA Ada architecture paper, float16 with float16 accumulation",
    ),
    ("l4", [30.3, 60.0, 121.0, 242.0], 300.0, "NVIDIA L4 data sheet, half of the sparse rates"),
    ("a100-40gb", [19.5, 156.0, 312.0, 624.0], 1555.0, "NVIDIA A100 data sheet"),
    ("a100-80gb-pcie", [19.5, 156.0, 312.0, 624.0], 1935.0, "NVIDIA A100 data sheet"),
    ("a100-80gb-sxm", [19.5, 156.0, 312.0, 624.0], 2039.0, "NVIDIA A100 data sheet"),
    (
        "h100-pcie",
        [51.2, 378.0, 756.0, 1513.0],
        2000.0,
        "NVIDIA H100 data sheet, half of the sparse rates",
    ),
    (
        "h100-sxm",
        [66.9, 494.7, 989.4, 1978.9],
        3350.0,
        "NVIDIA H100 data sheet, half of the sparse rates",
    ),
    (
        "h200",
        [66.9, 494.7, 989.4, 1978.9],
        4800.0,
        "NVIDIA H200 data sheet, half of the sparse rates",
    ),
    (
        "h200-nvl",
        [60.0, 417.5, 835.5, 1670.5],
        4800.0,
        "NVIDIA H200 data sheet, half of the sparse rates",
    ),
];

impl Device {
    /// The device of a name; capitals, blanks and hyphens do not matter.
    ///
    /// # Errors
    /// Exit 2, with the names that are known.
    pub fn named(name: &str) -> Result<Self, Fault> {
        let plain = |text: &str| -> String {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .map(|c| c.to_ascii_lowercase())
                .collect()
        };
        let known = DEVICES.iter().find(|row| plain(row.0) == plain(name));
        let unknown = || {
            let names: Vec<&str> = DEVICES.iter().map(|row| row.0).collect();
            Fault::config(format!("--device: no figures for \"{name}\"")).hint(format!(
                "known are {}; or give your own: --peak-tflops X --bandwidth-gbs Y",
                names.join(", ")
            ))
        };
        known.map(Self::of).ok_or_else(unknown)
    }

    fn of(&(name, tera, gigabytes, source): &Row) -> Self {
        let [fp32, tf32, fp16, int8] = tera.map(|rate| rate * 1e12);
        let (name, source) = (name.to_owned(), source.to_owned());
        Self { name, fp32, tf32, fp16, int8, bandwidth: gigabytes * 1e9, source }
    }

    /// A device of the user's own figures: one peak for every type, in TFLOP/s, and memory in GB/s.
    pub fn of_user(tera: f64, gigabytes: f64) -> Self {
        let peak = tera * 1e12;
        Self {
            name: "as given".to_owned(),
            fp32: peak,
            tf32: peak,
            fp16: peak,
            int8: peak,
            bandwidth: gigabytes * 1e9,
            source: "--peak-tflops and --bandwidth-gbs".to_owned(),
        }
    }

    /// The same device with the user's own peak for every type, in TFLOP/s; its source says so.
    #[must_use]
    pub fn with_peak(mut self, tera: f64) -> Self {
        let peak = tera * 1e12;
        (self.fp32, self.tf32, self.fp16, self.int8) = (peak, peak, peak, peak);
        self.replaced("--peak-tflops")
    }

    /// The same device with the user's own bandwidth of its memory, in GB/s; its source says so.
    #[must_use]
    pub fn with_bandwidth(mut self, gigabytes: f64) -> Self {
        self.bandwidth = gigabytes * 1e9;
        self.replaced("--bandwidth-gbs")
    }

    fn replaced(mut self, flag: &str) -> Self {
        let word = if self.source.contains(" with --") { "and" } else { "with" };
        self.source = format!("{} {word} {flag}", self.source);
        self
    }

    /// Operations a second on elements of a type; what is not known counts as float32.
    pub fn peak(&self, element: i32, tf32: bool) -> f64 {
        match DataType::try_from(element) {
            Ok(DataType::Float16 | DataType::Bfloat16) => self.fp16,
            Ok(DataType::Int8 | DataType::Uint8) => self.int8,
            _ if tf32 => self.tf32,
            _ => self.fp32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_forgiving_and_unknown_ones_list_the_known() {
        let nano = Device::named("Jetson Orin Nano Super").unwrap();
        assert_eq!((nano.fp16, nano.bandwidth), (16.71e12, 102.4e9));
        let error = Device::named("gtx-9999").unwrap_err();
        assert_eq!(error.to_string(), "--device: no figures for \"gtx-9999\"");
        assert!(Device::named("h200").unwrap().peak(DataType::Float16 as i32, true) > 9e14);
    }

    #[test]
    fn figures_of_the_user_stand_beside_the_source_of_the_others() {
        let l4 = || Device::named("l4").unwrap();
        let peak = l4().with_peak(5.0);
        assert_eq!((peak.name.as_str(), peak.bandwidth), ("l4", 300e9));
        let all = [peak.fp32, peak.tf32, peak.fp16, peak.int8];
        assert!(all.iter().all(|rate| (rate / 5e12 - 1.0).abs() < 1e-12), "{all:?}");
        let sheet = "NVIDIA L4 data sheet, half of the sparse rates";
        assert_eq!(peak.source, format!("{sheet} with --peak-tflops"));
        let memory = l4().with_bandwidth(200.0);
        assert_eq!((memory.fp16, memory.bandwidth), (121e12, 200e9));
        assert_eq!(memory.source, format!("{sheet} with --bandwidth-gbs"));
        let both = peak.with_bandwidth(200.0);
        assert_eq!((both.fp16, both.bandwidth), (5e12, 200e9));
        assert_eq!(both.source, format!("{sheet} with --peak-tflops and --bandwidth-gbs"));
    }

    #[test]
    fn jetson_figures_follow_from_clocks_and_rates_are_ordered() {
        let clocks = [
            (8.0, 625.0),
            (8.0, 918.0),
            (8.0, 1020.0),
            (8.0, 765.0),
            (8.0, 918.0),
            (14.0, 930.0),
            (16.0, 1300.0),
        ];
        for (row, (sms, mhz)) in DEVICES.iter().zip(clocks) {
            let [fp32, tf32, fp16, int8] = Device::of(row).into_rates();
            let expected = sms * 2048.0 * mhz * 1e6;
            for (rate, share) in [(fp32, 0.125), (tf32, 0.5), (fp16, 1.0), (int8, 2.0)] {
                assert!((rate / (expected * share) - 1.0).abs() < 0.005, "{row:?}");
            }
        }
        for row in &DEVICES {
            let [fp32, tf32, fp16, int8] = Device::of(row).into_rates();
            assert!(fp32 <= tf32 && tf32 < fp16 && fp16 < int8, "{row:?}");
        }
    }

    impl Device {
        fn into_rates(self) -> [f64; 4] {
            [self.fp32, self.tf32, self.fp16, self.int8]
        }
    }
}
