//! Rows of stage 1: models, their operators, what they should answer and whether they do.

use serde::{Deserialize, Serialize};

use super::{Artifact, Column};
use crate::verdict::Verdict;

/// One exported or accepted model at one precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// SHA-256 of the ONNX file (and of its external data, when it has any).
    pub model_digest: String,
    /// Architecture or file stem.
    pub name: String,
    /// `fp32` or `fp16`.
    pub precision: String,
    /// `synthetic`, the path that was given, or the path of a checkpoint with `(sha256 <its digest>)`.
    pub source: String,
    /// Seed of synthetic weights.
    pub seed: Option<i64>,
    /// Where the ONNX file is, relative to the project root.
    pub path: String,
    /// Version of the default operator set.
    pub opset: i64,
    /// `name: type[dims]`, as the model states them.
    pub inputs: Vec<String>,
    /// `name: type[dims]`.
    pub outputs: Vec<String>,
    /// Number of trained parameters: of the architecture, whether BatchNormalization is folded or not; of a
    /// given file, its floating-point weights without running statistics.
    pub parameters: i64,
    /// Floating-point operations of one inference (a multiply–add counts 2); null when shapes are unknown.
    pub flops: Option<i64>,
    /// Size of the file.
    pub bytes: i64,
}

impl Artifact for ModelRow {
    const NAME: &'static str = "models";
    const WRITER: &'static str = "onnx-export-verify";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("model_digest", Column::Text),
        ("name", Column::Text),
        ("precision", Column::Text),
        ("source", Column::Text),
        ("seed", Column::IntOrNull),
        ("path", Column::Text),
        ("opset", Column::Int),
        ("inputs", Column::Texts),
        ("outputs", Column::Texts),
        ("parameters", Column::Int),
        ("flops", Column::IntOrNull),
        ("bytes", Column::Int),
    ];
}

/// One output of one model on one input set, compared with a reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifyRow {
    /// The model that was run.
    pub model_digest: String,
    /// `fp32` or `fp16`.
    pub precision: String,
    /// The engine that ran the model, with its version.
    pub engine: String,
    /// What it was compared with: engine, version and model precision.
    pub reference: String,
    /// Name of the output.
    pub output: String,
    /// Distribution and seed of the input, the name of a photograph, or that of a set of given inputs.
    pub input_set: String,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Largest difference relative to the magnitude of the reference element.
    pub max_rel: f64,
    /// Largest difference in units in the last place of `precision`, at the reference element or at `scale`, whichever
    /// is larger; null for integers and Booleans.
    pub ulp: Option<f64>,
    /// Cosine of the angle between the outputs; null when one of them is zero.
    pub cosine: Option<f64>,
    /// Whether the largest element is the same; null when the output is not a list of classes.
    pub top1_agree: Option<bool>,
    /// Share of the five largest elements that agree.
    pub top5_agree: Option<f64>,
    /// Share of elements that are the same; of integers and Booleans only, else null.
    pub equal_share: Option<f64>,
    /// NaN in the output.
    pub nan_count: i64,
    /// Infinities in the output.
    pub inf_count: i64,
    /// NaN in the reference.
    pub reference_nan_count: i64,
    /// Magnitude of the reference, to which the tolerance is relative: the larger of its root mean square and
    /// a quarter of its largest element; 1 for integers and Booleans.
    pub scale: f64,
    /// The least `relative_tolerance` with which the row would pass; null when none would do (NaN, infinity), or when
    /// nothing was compared. Of integers and Booleans the share of elements that differ.
    pub minimum_tolerance: Option<f64>,
    /// Tolerance relative to `scale`; of integers and Booleans the share of elements that may differ.
    pub relative_tolerance: f64,
    /// Largest `max_abs` that passes: `relative_tolerance` × `scale`.
    pub tolerance: f64,
    /// `error model`, or `given` by the user.
    pub tolerance_from: String,
    /// VALID, UNCERTIFIED or FAILED.
    pub verdict: Verdict,
    /// Why it failed or is uncertain.
    pub reasons: Vec<String>,
}

impl VerifyRow {
    /// Whether another row is about the same output of the same model on the same engine, against the same reference:
    /// about another input set, then.
    pub fn same_output(&self, other: &Self) -> bool {
        (&self.model_digest, &self.engine, &self.reference, &self.output)
            == (&other.model_digest, &other.engine, &other.reference, &other.output)
    }

    /// Rows with the input sets of one output together, in the order of their first rows. No group is empty.
    pub fn by_output<'a>(rows: impl IntoIterator<Item = &'a Self>) -> Vec<Vec<&'a Self>> {
        let mut groups: Vec<Vec<&Self>> = Vec::new();
        for row in rows {
            match groups.iter_mut().find(|group| group[0].same_output(row)) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        groups
    }

    /// The row that is nearest to its tolerance, or farthest beyond it; the first of equal ones, `None` of none.
    ///
    /// Tolerances differ by input set where an output is a probability, so that what a group passes at and what it
    /// is allowed have to be of one row.
    pub fn tightest<'a>(rows: &[&'a Self]) -> Option<&'a Self> {
        let share =
            |row: &Self| row.minimum_tolerance.unwrap_or(f64::INFINITY) / row.relative_tolerance;
        let tighter = |a: &'a Self, b: &'a Self| if share(b) > share(a) { b } else { a };
        rows.iter().copied().reduce(tighter)
    }
}

impl Artifact for VerifyRow {
    const NAME: &'static str = "verify";
    // 2: a tolerance of integers and Booleans is a share of elements
    const VERSION: u32 = 2;
    const WRITER: &'static str = "onnx-export-verify";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("model_digest", Column::Text),
        ("precision", Column::Text),
        ("engine", Column::Text),
        ("reference", Column::Text),
        ("output", Column::Text),
        ("input_set", Column::Text),
        ("max_abs", Column::Real),
        ("max_rel", Column::Real),
        ("ulp", Column::RealOrNull),
        ("cosine", Column::RealOrNull),
        ("top1_agree", Column::FlagOrNull),
        ("top5_agree", Column::RealOrNull),
        ("equal_share", Column::RealOrNull),
        ("nan_count", Column::Int),
        ("inf_count", Column::Int),
        ("reference_nan_count", Column::Int),
        ("scale", Column::Real),
        ("minimum_tolerance", Column::RealOrNull),
        ("relative_tolerance", Column::Real),
        ("tolerance", Column::Real),
        ("tolerance_from", Column::Text),
        ("verdict", Column::Text),
        ("reasons", Column::Texts),
    ];
}

/// What one output of a model must be for one seeded input: the runner checks engines against it.
///
/// The input is `backend::input::fill` of seed, distribution and fixed values, for each input of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRow {
    /// The model that an engine was built from.
    pub model_digest: String,
    /// Seed of the input.
    pub input_seed: i64,
    /// How inputs that are not fixed are drawn: `image-like`, `normal`, …
    pub distribution: String,
    /// Inputs with one value everywhere: `sr=16000`, `state=zeros`.
    pub fixed_inputs: Vec<String>,
    /// Sizes of the inputs that were fed: `input=1x3x224x224`, `sr=` for a scalar.
    pub input_sizes: Vec<String>,
    /// Name of the output.
    pub output: String,
    /// Dimensions of the output.
    pub dims: Vec<i64>,
    /// Elements in row-major order.
    pub values: Vec<f32>,
    /// Largest absolute difference that passes.
    pub tolerance: f64,
}

impl Artifact for ReferenceRow {
    const NAME: &'static str = "references";
    // 2: the input follows from `distribution`, `fixed_inputs` and `input_sizes` as well
    const VERSION: u32 = 2;
    const WRITER: &'static str = "onnx-export-verify";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("model_digest", Column::Text),
        ("input_seed", Column::Int),
        ("distribution", Column::Text),
        ("fixed_inputs", Column::Texts),
        ("input_sizes", Column::Texts),
        ("output", Column::Text),
        ("dims", Column::Ints),
        ("values", Column::Floats),
        ("tolerance", Column::Real),
    ];
}

/// One operator of a model with its cost at the model's own shapes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatorRow {
    /// The model.
    pub model_digest: String,
    /// Name of the node.
    pub operator: String,
    /// ONNX operator type.
    #[serde(rename = "type")]
    pub op_type: String,
    /// Shapes of the inputs, `1x3x224x224`; empty where unknown.
    pub inputs: Vec<String>,
    /// Shapes of the outputs.
    pub outputs: Vec<String>,
    /// Floating-point operations (a multiply–add counts 2); null where shapes are unknown.
    pub flops: Option<i64>,
    /// Bytes of weights that the operator reads.
    pub weight_bytes: i64,
    /// Bytes of activations read and written; null where shapes are unknown.
    pub activation_bytes: Option<i64>,
}

impl Artifact for OperatorRow {
    const NAME: &'static str = "operators";
    const WRITER: &'static str = "onnx-export-verify";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("model_digest", Column::Text),
        ("operator", Column::Text),
        ("type", Column::Text),
        ("inputs", Column::Texts),
        ("outputs", Column::Texts),
        ("flops", Column::IntOrNull),
        ("weight_bytes", Column::Int),
        ("activation_bytes", Column::IntOrNull),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(output: &str, least: Option<f64>, allowed: f64) -> VerifyRow {
        serde_json::from_value(serde_json::json!({
            "model_digest": "m", "precision": "fp32", "engine": "e", "reference": "r", "output": output,
            "input_set": "s", "max_abs": 0.0, "max_rel": 0.0, "nan_count": 0, "inf_count": 0,
            "reference_nan_count": 0, "scale": 1.0, "minimum_tolerance": least, "relative_tolerance": allowed,
            "tolerance": allowed, "tolerance_from": "error model", "verdict": "VALID", "reasons": [],
        }))
        .unwrap()
    }

    #[test]
    fn the_tightest_row_is_not_the_one_with_the_largest_error() {
        let rows =
            [row("p", Some(0.5), 24.0), row("p", Some(1e-6), 2e-6), row("p", Some(1e-7), 2e-7)];
        assert_eq!(
            VerifyRow::tightest(&rows.each_ref()),
            Some(&rows[1]),
            "the first of equal ones"
        );
        let broken = row("p", None, 24.0);
        let all = [&rows[0], &broken, &rows[1]];
        assert_eq!(VerifyRow::tightest(&all), Some(&broken), "no tolerance would do");
        assert_eq!(VerifyRow::tightest(&[]), None);
    }

    #[test]
    fn rows_of_one_output_stand_together() {
        let rows = [row("a", None, 1.0), row("b", None, 1.0), row("a", None, 2.0)];
        assert_eq!(VerifyRow::by_output(&rows), [vec![&rows[0], &rows[2]], vec![&rows[1]]]);
        let other = VerifyRow { engine: "other".to_owned(), ..rows[0].clone() };
        assert!(rows[0].same_output(&rows[2]) && !rows[0].same_output(&other));
    }
}
