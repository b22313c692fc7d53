//! Artifacts: named, versioned tables that stages exchange as Parquet.
//!
//! | artifact | written by | one row per |
//! |---|---|---|
//! | [`ModelRow`] `models` | onnx-export-verify | model × precision |
//! | [`VerifyRow`] `verify` | onnx-export-verify | model × precision × reference × output × input set |
//! | [`ReferenceRow`] `references` | onnx-export-verify | model × output × input set: the expected values |
//! | [`OperatorRow`] `operators` | onnx-export-verify | model × operator |
//! | [`LayerErrorRow`] `layer-errors` | onnx-export-verify | model × engine × inner value: where float16 departs |
//! | [`EngineRow`] `engines` | engine-build | build |
//! | [`LayerRow`] `layers` | engine-build | engine × layer |
//! | [`CaseRow`] `cases` | runner | mode × round |
//! | [`TelemetryRow`] `telemetry/host` | runner | tick |
//! | [`SummaryRow`] `summary` | analysis | case × metric |
//! | [`VerdictRow`] `verdicts` | analysis | case |
//! | [`ComparisonRow`] `comparison` | analysis | pair × metric |
//! | [`ClaimRow`] `claims` | analysis | claim |
//! | [`PhaseRow`] `phases` | analysis | label on samples of a case |
//! | [`ValidationRow`] `validation` | analysis | line of the method's proof |
//!
//! Samples are columns, not rows: see [`crate::samples`]. Every file carries its schema version and
//! its provenance in the Parquet key–value metadata; a reader refuses a newer version.

mod build;
mod judge;
mod layers;
mod measure;
mod model;
mod store;

pub use build::{EngineRow, LayerRow};
pub use judge::{ClaimRow, ComparisonRow, PhaseRow, SummaryRow, ValidationRow, VerdictRow};
pub use layers::LayerErrorRow;
pub use measure::{CaseRow, TelemetryRow};
pub use model::{ModelRow, OperatorRow, ReferenceRow, VerifyRow};
pub use store::{
    check_version, footer, key_values, provenance_of, read, read_file, write, write_file,
};

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use serde::{Serialize, de::DeserializeOwned};

/// A table with a name, a schema and a version.
pub trait Artifact: Serialize + DeserializeOwned {
    /// File name without `.parquet`; may hold a folder.
    const NAME: &'static str;
    /// Raised when a column changes its meaning or goes; a new column does not raise it.
    const VERSION: u32 = 1;
    /// The stage that writes it, for "run this first" hints.
    const WRITER: &'static str;
    /// Column names and types, in order.
    const COLUMNS: &'static [(&'static str, Column)];

    /// The Arrow fields of [`Self::COLUMNS`].
    fn fields() -> Vec<FieldRef> {
        Self::COLUMNS.iter().map(|(name, column)| column.field(name)).collect()
    }
}

/// The few column types that artifacts are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// UTF-8 text.
    Text,
    /// UTF-8 text or null.
    TextOrNull,
    /// 64-bit integer; times in ns, sizes in bytes.
    Int,
    /// 64-bit integer or null.
    IntOrNull,
    /// float64.
    Real,
    /// float64 or null.
    RealOrNull,
    /// Boolean.
    Flag,
    /// Boolean or null.
    FlagOrNull,
    /// List of texts.
    Texts,
    /// List of integers.
    Ints,
    /// List of float32, for tensors.
    Floats,
}

impl Column {
    fn field(self, name: &str) -> FieldRef {
        let list = |item: DataType| DataType::List(Arc::new(Field::new("element", item, false)));
        let (data_type, nullable) = match self {
            Self::Text => (DataType::Utf8, false),
            Self::TextOrNull => (DataType::Utf8, true),
            Self::Int => (DataType::Int64, false),
            Self::IntOrNull => (DataType::Int64, true),
            Self::Real => (DataType::Float64, false),
            Self::RealOrNull => (DataType::Float64, true),
            Self::Flag => (DataType::Boolean, false),
            Self::FlagOrNull => (DataType::Boolean, true),
            Self::Texts => (list(DataType::Utf8), false),
            Self::Ints => (list(DataType::Int64), false),
            Self::Floats => (list(DataType::Float32), false),
        };
        Arc::new(Field::new(name, data_type, nullable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema<A: Artifact>() -> String {
        let columns: Vec<String> =
            A::COLUMNS.iter().map(|(name, column)| format!("{name}: {column:?}")).collect();
        format!("{} v{} by {}\n  {}", A::NAME, A::VERSION, A::WRITER, columns.join("\n  "))
    }

    #[test]
    fn schemas_are_a_promise() {
        let all = [
            schema::<ModelRow>(),
            schema::<VerifyRow>(),
            schema::<ReferenceRow>(),
            schema::<OperatorRow>(),
            schema::<LayerErrorRow>(),
            schema::<EngineRow>(),
            schema::<LayerRow>(),
            schema::<CaseRow>(),
            schema::<TelemetryRow>(),
            schema::<SummaryRow>(),
            schema::<VerdictRow>(),
            schema::<ComparisonRow>(),
            schema::<ClaimRow>(),
            schema::<PhaseRow>(),
            schema::<ValidationRow>(),
        ];
        insta::assert_snapshot!(all.join("\n\n"));
    }
}
