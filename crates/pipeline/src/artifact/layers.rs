//! Rows of a comparison layer by layer.

use serde::{Deserialize, Serialize};

use super::{Artifact, Column};

/// One inner value of a model, compared with the same value of a reference: in float32 (does float16 depart?) or
/// on another engine (do the engines agree?).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerErrorRow {
    /// The model that was run.
    pub model_digest: String,
    /// What the tolerance is for: `fp32` or `fp16`.
    pub precision: String,
    /// The engine that ran the model, with its version; `, float16 activations` when it ran the twin that rounds.
    pub engine: String,
    /// What it was compared with: engine, version and model.
    pub reference: String,
    /// Inputs that were run; the figures are the worst of them.
    pub input_sets: i64,
    /// Place in the order of the graph, from 0.
    pub layer: i64,
    /// Name of the value.
    pub name: String,
    /// Name of the node that makes it.
    pub node: String,
    /// ONNX operator type of that node.
    pub op_type: String,
    /// Elements of the value in one inference.
    pub elements: i64,
    /// Largest absolute difference over pairs of finite elements.
    pub max_abs: f64,
    /// Root mean square of the differences ÷ `scale`.
    pub rms_rel: f64,
    /// What is judged: the larger of `rms_rel` and a quarter of `max_abs` ÷ `scale`.
    pub error: f64,
    /// Magnitude of the reference: the larger of its root mean square and a quarter of its largest element.
    pub scale: f64,
    /// Largest finite magnitude in the reference; float16 holds up to 65504.
    pub max_value: f64,
    /// NaN in the value.
    pub nan_count: i64,
    /// Infinities in the value.
    pub inf_count: i64,
    /// NaN and infinities in the reference.
    pub reference_nonfinite_count: i64,
    /// Largest `error` that roundings up to here explain.
    pub tolerance: f64,
    /// Whether the error is beyond the tolerance, or the value is not finite where the reference is.
    pub departs: bool,
}

impl Artifact for LayerErrorRow {
    const NAME: &'static str = "layer-errors";
    const WRITER: &'static str = "onnx-export-verify";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("model_digest", Column::Text),
        ("precision", Column::Text),
        ("engine", Column::Text),
        ("reference", Column::Text),
        ("input_sets", Column::Int),
        ("layer", Column::Int),
        ("name", Column::Text),
        ("node", Column::Text),
        ("op_type", Column::Text),
        ("elements", Column::Int),
        ("max_abs", Column::Real),
        ("rms_rel", Column::Real),
        ("error", Column::Real),
        ("scale", Column::Real),
        ("max_value", Column::Real),
        ("nan_count", Column::Int),
        ("inf_count", Column::Int),
        ("reference_nonfinite_count", Column::Int),
        ("tolerance", Column::Real),
        ("departs", Column::Flag),
    ];
}
