//! A small evaluator of ONNX operators in float64, written after the specification and for nothing but to be
//! right: it decides which of two engines is wrong.
//!
//! An operator that is not here, or an attribute that is not understood, is an answer in words and never a
//! guess. Every operator follows the operator set of the model: what an axis means in `Softmax` changed with 13,
//! where limits and axes stand changed with 11 to 18.

mod call;
mod constant;
mod elementwise;
mod layout;
mod matrix;
mod normalise;
mod pad;
mod pool;
mod reduce;
mod select;
mod tensor;
mod window;

use backend::onnx::node::is_default_domain;
use backend::onnx::proto::NodeProto;

use call::Call;
pub use constant::of_proto;
pub use tensor::{Kind, Tensor};

/// A result, or why there is none.
pub type Answer<T> = Result<T, String>;

/// Most multiplications for one node: about a minute.
const MOST_WORK: u64 = 30_000_000_000;

/// Evaluates one node on its inputs (`None` = left out) as the operator set `opset` defines it.
///
/// # Errors
/// In words: an operator, attribute or shape that the evaluator does not know.
pub fn evaluate(node: &NodeProto, inputs: &[Option<&Tensor>], opset: i64) -> Answer<Vec<Tensor>> {
    if !is_default_domain(node) {
        return Err(format!(
            "operator {} of domain {} is not evaluated",
            node.op_type, node.domain
        ));
    }
    let call = Call { node, inputs, opset };
    let families = [
        elementwise::evaluate,
        constant::evaluate,
        layout::evaluate,
        select::evaluate,
        pad::evaluate,
        matrix::evaluate,
        pool::evaluate,
        normalise::evaluate,
        reduce::evaluate,
    ];
    families
        .into_iter()
        .find_map(|family| family(&call))
        .unwrap_or_else(|| Err(format!("operator {} is not evaluated", node.op_type)))
}

#[cfg(test)]
#[path = "evaluate/tests.rs"]
mod tests;
