//! The device as `trtexec` prints it under `=== Device Information ===`.

/// What was told of the device; empty where nothing was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Device {
    /// Name, such as `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Compute capability, such as `8.7`.
    pub compute_capability: String,
    /// Streaming multiprocessors.
    pub multiprocessors: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Nominal memory clock as printed, such as `3.199 GHz`.
    pub memory_clock: String,
}

impl Device {
    /// Takes a line of the section.
    pub fn line(&mut self, text: &str) {
        let Some((key, value)) = text.split_once(": ") else { return };
        let value = value.trim();
        match key.trim() {
            "Selected Device" => value.clone_into(&mut self.name),
            "Compute Capability" => value.clone_into(&mut self.compute_capability),
            "SMs" => self.multiprocessors = value.parse().ok(),
            "Device Global Memory" => {
                self.memory_mib = value.split(' ').next().and_then(|number| number.parse().ok());
            }
            // before 8.6, and after
            "Memory Clock Rate" | "Application Memory Clock Rate" => {
                value.clone_into(&mut self.memory_clock);
            }
            _ => {}
        }
    }

    /// Whether a device was told at all.
    pub fn is_known(&self) -> bool {
        !self.name.is_empty() && !self.compute_capability.is_empty()
    }

    /// What an engine for it is keyed by: engines and timings of one device are not used on another.
    pub fn identity(&self) -> String {
        let mut parts = vec![self.name.clone(), format!("sm {}", self.compute_capability)];
        parts.extend(self.multiprocessors.map(|count| format!("{count} SMs")));
        if !self.memory_clock.is_empty() {
            parts.push(format!("memory {}", self.memory_clock));
        }
        parts.join(", ")
    }
}
