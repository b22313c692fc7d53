//! The one reviewed place of ABI facts: what the C++ side of TensorRT looks like from outside.
//!
//! Every number here was read from NVIDIA's headers (18 releases of 10.x, three of 11.x and three of RTX)
//! and compared with what a C++ compiler makes of them; nothing was copied but names and numbers.
//! Nothing outside this module knows a slot, an enum value or a layout.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`slots`] | class → method → place in the virtual table and signature, per [`Table`] |
//! | [`enums`] | enum values; those that differ between tables are asked for by name |
//! | [`types`] | plain structs that cross the boundary |
//! | [`callback`] | layout of the objects of ours that the library calls |
//! | [`call`] | how a slot becomes a call, and what a result pointer may be |
//!
//! The rules, for Linux on a 64-bit machine (Itanium C++ ABI):
//!
//! - An `I…` object is two words: its virtual table, and a pointer to its `V…` implementation. A method
//!   is called on the implementation, through the implementation's table ([`call::implementation`]).
//!   Deleting goes through the object's own table, slot 1 ([`call::delete`]).
//! - `IParser` and `IParserError` have no implementation word: they are called, and the parser is
//!   deleted, through their own table.
//! - A result struct above 16 bytes (`Dims`) comes by a hidden pointer, which `extern "C"` on a
//!   `repr(C)` struct does as well. Sixteen bytes (`InterfaceInfo`) come in registers.
//! - A callback object that we implement has a plain or a versioned layout ([`callback`]).
//! - Within a table releases only append, so a newer minor version works with the newest table; a row
//!   that is younger than the loaded version lies past the end of its table and is `None`.
#![doc(hidden)]

pub mod call;
pub mod callback;
pub mod enums;
mod fixed;
pub mod slots;
pub mod types;

pub use call::{Ptr, Slot};
pub use slots::Slots;

/// Which of the three sets of slots and enum values a library follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// TensorRT 10.1 to 10.x.
    V10,
    /// TensorRT 11.x.
    V11,
    /// TensorRT for RTX 1.5 to 1.x: a table of its own, close to 11.
    Rtx,
}

impl Table {
    /// The table of a library that reports `version` through `getInferLibVersion`
    /// (`major · 10000 + minor · 100 + patch`); `None` where no table was verified.
    pub const fn of_version(version: i32) -> Option<Self> {
        match version {
            10_01_00..11_00_00 => Some(Self::V10),
            11_00_00..12_00_00 => Some(Self::V11),
            1_05_00..2_00_00 => Some(Self::Rtx),
            _ => None,
        }
    }

    /// The newest release whose headers were read, as [`Table::of_version`] counts. A library with a
    /// larger minor number is used with a warning.
    pub const fn newest_verified(self) -> i32 {
        match self {
            Self::V10 => 10_16_00,
            Self::V11 => 11_04_00,
            Self::Rtx => 1_07_01,
        }
    }

    /// The layout of `ILogger` and `IProfiler`, the only callbacks whose layout differs.
    pub const fn logger_layout(self) -> types::CallbackLayout {
        match self {
            Self::V10 => types::CallbackLayout::Plain,
            Self::V11 | Self::Rtx => types::CallbackLayout::Versioned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_chooses_the_table_on_both_sides_of_every_limit() {
        for (version, table) in [
            (8_06_01, None),
            (10_00_01, None),
            (10_01_00, Some(Table::V10)),
            (10_99_99, Some(Table::V10)),
            (11_00_00, Some(Table::V11)),
            (11_99_99, Some(Table::V11)),
            (12_00_00, None),
            (1_04_99, None),
            (1_05_00, Some(Table::Rtx)),
            (1_99_99, Some(Table::Rtx)),
            (2_00_00, None),
            (0, None),
            (-1, None),
        ] {
            assert_eq!(Table::of_version(version), table, "{version}");
        }
    }

    #[test]
    fn a_row_that_is_younger_than_the_library_is_missing() {
        let old = Slots::for_version(Table::V10, 10_03_00);
        let new = Slots::for_version(Table::V10, 10_11_00);
        assert!(old.engine.create_runtime_config.is_none());
        assert_eq!(new.engine.create_runtime_config.unwrap().index(), 56);
        assert!(slots::V11.runtime_config.set_cuda_graph_strategy.is_none());
        assert!(slots::V10.runtime_config.create_runtime_cache.is_none());
        assert_eq!(slots::RTX.runtime_config.create_runtime_cache.unwrap().index(), 5);
    }

    #[test]
    fn no_row_points_past_the_end_of_its_table() {
        for (table, slots) in
            [(Table::V10, slots::V10), (Table::V11, slots::V11), (Table::Rtx, slots::RTX)]
        {
            for (class, method, slot) in slots.rows() {
                let length = slots::length(table, class);
                assert!(slot < length, "{table:?} {class}.{method}: {slot} of {length}");
            }
        }
    }

    #[test]
    fn no_two_rows_of_a_class_share_a_slot() {
        for slots in [slots::V10, slots::V11, slots::RTX] {
            let mut seen = std::collections::BTreeSet::new();
            for (class, method, slot) in slots.rows() {
                assert!(seen.insert((class, slot)), "{class}.{method}: {slot} twice");
            }
        }
    }
}
