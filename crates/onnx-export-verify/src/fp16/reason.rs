//! Why an operator stays in float32: the built-in block-list, and what a user adds to it.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::Result;
use pipeline::Fault;
use pipeline::config::did_you_mean;

use super::facts::Facts;
use super::schema::Schema;

/// Why an operator stays in float32.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The user asked for it.
    Asked,
    /// The specification has it without float16 at this operator set.
    NoFloat16(i64),
    /// Float16 would make wrong numbers of it; says how.
    Unsafe(&'static str),
    /// No operator set has it.
    NotInOnnx,
    /// An operator of another domain, or a function of the model.
    Domain(String),
    /// Part of a loop, or a loop.
    Loop,
    /// Nothing tells the type of an input; names it.
    Untyped(String),
    /// Works on sequences or optional values.
    Sequence,
    /// Stands between `DequantizeLinear` and `QuantizeLinear`.
    Quantised,
    /// A scale that float16 cannot hold; says which and how.
    Scale(String),
    /// Computes with shapes.
    Shapes,
    /// Gives no floating-point number and reads only what is float32 already.
    Reads,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("blocked by the user"),
            Self::NoFloat16(opset) => {
                write!(f, "the specification has no float16 for it at operator set {opset}")
            }
            Self::Unsafe(how) => f.write_str(how),
            Self::NotInOnnx => f.write_str("no operator set of ONNX has it"),
            Self::Domain(domain) if domain.is_empty() => f.write_str("a function of the model"),
            Self::Domain(domain) => write!(f, "an operator of another domain ({domain})"),
            Self::Loop => f.write_str("part of a loop: float16 would round at every turn"),
            Self::Untyped(input) => write!(f, "nothing tells the type of its input `{input}`"),
            Self::Sequence => f.write_str("works on sequences or optional values"),
            Self::Quantised => f.write_str(
                "quantised: a Cast between DequantizeLinear and it would break the int8 kernel",
            ),
            Self::Scale(what) => write!(f, "quantised, and {what}"),
            Self::Shapes => {
                f.write_str("computes with shapes: float16 has no odd number above 2048")
            }
            Self::Reads => f.write_str("makes no float and reads only what is float32 already"),
        }
    }
}

/// How float16 goes wrong for an operator that the specification allows it for.
pub(super) fn unsafe_in_half(op_type: &str) -> Option<&'static str> {
    Some(match op_type {
        "CumSum" | "CumProd" => "rounds at every step of a running sum",
        "GridSample" | "AffineGrid" | "RoiAlign" | "MaxRoiPool" => {
            "takes coordinates: float16 resolves no pixel above 2048"
        }
        "ReduceSumSquare"
        | "ReduceL2"
        | "LpNormalization"
        | "LpPool"
        | "GlobalLpPool"
        | "MeanVarianceNormalization" => "squares leave the range of float16 from 256 on",
        "ReduceProd" | "Det" => "products leave the range of float16",
        "ReduceLogSumExp" => "exponentials leave the range of float16 from 11.1 on",
        "DFT" | "STFT" => "sums over a whole signal",
        "RandomNormal" | "RandomUniform" | "RandomNormalLike" | "RandomUniformLike"
        | "Multinomial" | "Bernoulli" => "random numbers in float16 are others than in float32",
        _ => return None,
    })
}

/// What the user wants left in float32.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    names: BTreeSet<String>,
}

impl Blocked {
    /// Checks each name: an operator type or the name of a node of the model.
    ///
    /// # Errors
    /// Exit 2 for a name that is neither.
    pub(super) fn new(names: &[String], facts: &Facts) -> Result<Self> {
        for name in names {
            let known = |node: &super::facts::Node| node.op_type == *name || node.name == *name;
            if facts.nodes.iter().any(known) || Schema::exists(name) {
                continue;
            }
            let types = facts.nodes.iter().map(|node| node.op_type.as_str());
            let all = types.chain(facts.nodes.iter().map(|node| node.name.as_str()));
            let all: Vec<&str> = all.collect::<BTreeSet<_>>().into_iter().collect();
            let message = format!(
                "block: \"{name}\" is neither an operator type nor a node of the model{}",
                did_you_mean(name, &all)
            );
            return Err(Fault::config(message)
                .hint("`onnx-export-verify inspect MODEL` lists the operators")
                .into());
        }
        Ok(Self { names: names.iter().cloned().collect() })
    }

    /// Whether a node is blocked by its type or its name.
    pub(super) fn has(&self, op_type: &str, name: &str) -> bool {
        self.names.contains(op_type) || self.names.contains(name)
    }
}
