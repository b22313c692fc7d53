//! The settings of a build that are needed less often.

use crate::abi::Table;
use crate::abi::call::call;
use crate::abi::enums::{
    ComputeCapability, HardwareCompatibility, PreviewFeature, TacticSource, TilingLevel,
};
use crate::config::BuilderConfig;
use crate::error::Result;

impl BuilderConfig<'_> {
    /// Turns a preview feature on or off.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) where this version has no such feature.
    pub fn set_preview_feature(&mut self, feature: PreviewFeature, on: bool) -> Result<()> {
        let value = feature.value(self.owned().table(), self.owned().number());
        let value = self.known(value, "preview feature", feature.name())?;
        let slot = self.slots().set_preview_feature;
        // SAFETY: a living `IBuilderConfig`, and a value that this version knows.
        let set = || unsafe { call!(self.owned().this(), slot, value, on) };
        self.owned().checked("setPreviewFeature", set)
    }

    /// Where kernels may come from.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) where this version has no such source, and where it is not there.
    pub fn set_tactic_sources(&mut self, sources: &[TacticSource]) -> Result<()> {
        let mut bits = 0_u32;
        for source in sources {
            let value = source.value(self.owned().table(), self.owned().number());
            bits |= 1 << self.known(value, "tactic source", source.name())?;
        }
        let slot = self.slots().set_tactic_sources;
        // SAFETY: a living `IBuilderConfig`, and bits that this version knows.
        let set = || unsafe { call!(self.owned().this(), slot, bits) };
        self.owned().confirmed("setTacticSources", set)
    }

    /// On which devices the engine must run, beyond the one that builds it.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for a level that this version does not have.
    pub fn set_hardware_compatibility(&mut self, level: HardwareCompatibility) -> Result<()> {
        let newer = level == HardwareCompatibility::SameComputeCapability;
        if newer && self.owned().table() == Table::V10 && self.owned().number() < 10_09_00 {
            return Err(self.owned().library().unsupported("kSAME_COMPUTE_CAPABILITY"));
        }
        let slot = self.slots().set_hardware_compatibility_level;
        // SAFETY: a living `IBuilderConfig`, and a level that this version knows.
        let set = || unsafe { call!(self.owned().this(), slot, level.value()) };
        self.owned().checked("setHardwareCompatibilityLevel", set)
    }

    /// For which devices TensorRT for RTX builds; by default for all that it supports.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for TensorRT, and where the library refuses one.
    pub fn set_compute_capabilities(&mut self, devices: &[ComputeCapability]) -> Result<()> {
        let slots = self.slots();
        let (Some(count), Some(set)) =
            (slots.set_nb_compute_capabilities, slots.set_compute_capability)
        else {
            return Err(self.owned().library().unsupported("setComputeCapability"));
        };
        let number = |index| i32::try_from(index).unwrap_or(i32::MAX);
        let this = self.owned().this();
        // SAFETY: a living `IBuilderConfig`.
        let counted = || unsafe { call!(this, count, number(devices.len())) };
        self.owned().confirmed("setNbComputeCapabilities", counted)?;
        for (index, device) in devices.iter().enumerate() {
            // SAFETY: a living `IBuilderConfig`; the index is below the count that was just set.
            let one = || unsafe { call!(this, set, device.value(), number(index)) };
            self.owned().confirmed("setComputeCapability", one)?;
        }
        Ok(())
    }

    /// How many times a kernel is timed; the mean counts.
    ///
    /// # Errors
    /// Where the library refuses the number.
    pub fn set_avg_timing_iterations(&mut self, iterations: u16) -> Result<()> {
        let slot = self.slots().set_avg_timing_iterations;
        // SAFETY: a living `IBuilderConfig`.
        let set = || unsafe { call!(self.owned().this(), slot, i32::from(iterations)) };
        self.owned().checked("setAvgTimingIterations", set)
    }

    /// How many kernels are timed for one layer at most.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) before TensorRT 10.4.
    pub fn set_max_tactics(&mut self, tactics: u32) -> Result<()> {
        let slot = self.slots().set_max_nb_tactics;
        let slot = slot.ok_or_else(|| self.owned().library().unsupported("setMaxNbTactics"))?;
        let tactics = i32::try_from(tactics).unwrap_or(i32::MAX);
        // SAFETY: a living `IBuilderConfig`.
        let set = || unsafe { call!(self.owned().this(), slot, tactics) };
        self.owned().checked("setMaxNbTactics", set)
    }

    /// How hard to look for tilings.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) before TensorRT 10.8, and where the library refuses it.
    pub fn set_tiling_level(&mut self, level: TilingLevel) -> Result<()> {
        let slot = self.slots().set_tiling_optimization_level;
        let slot =
            slot.ok_or_else(|| self.owned().library().unsupported("setTilingOptimizationLevel"))?;
        // SAFETY: a living `IBuilderConfig`.
        let set = || unsafe { call!(self.owned().this(), slot, level.value()) };
        self.owned().confirmed("setTilingOptimizationLevel", set)
    }
}
