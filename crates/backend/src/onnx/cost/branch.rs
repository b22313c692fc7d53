//! An `If`: the sum of the operators of one of its branches.

use super::{Cost, Scope, name, of_graph, total};
use crate::onnx::node::attribute;
use crate::onnx::proto::NodeProto;

/// The cost of the branch that is taken, or of the dearer one when the input decides.
pub(super) fn cost(scope: &Scope<'_>, index: usize, node: &NodeProto) -> Cost {
    let of = |name: &str| {
        let graph = attribute(node, name)?.g.as_ref()?;
        Some(sum(&of_graph(graph, &Scope::of(graph, scope.shapes, Some(scope)))))
    };
    let condition = node.input.first().and_then(|name| scope.shapes.get(name));
    let taken = match condition.and_then(|value| value.ints.as_deref()) {
        Some([0]) => of("else_branch"),
        Some([_]) => of("then_branch"),
        _ => of("then_branch").zip(of("else_branch")).map(|(then, other)| dearer(then, other)),
    };
    let branch = taken.unwrap_or(Branch { element: 0, flops: None, weights: 0, activations: None });
    Cost {
        operator: name(index, node),
        op_type: node.op_type.clone(),
        inputs: scope.texts(&node.input),
        outputs: scope.texts(&node.output),
        element: branch.element,
        flops: branch.flops,
        weight_bytes: branch.weights,
        activation_bytes: branch.activations,
    }
}

#[derive(Clone, Copy)]
struct Branch {
    element: i32,
    flops: Option<u64>,
    weights: u64,
    activations: Option<u64>,
}

fn sum(costs: &[Cost]) -> Branch {
    let dearest = costs.iter().max_by_key(|cost| cost.flops);
    Branch {
        element: dearest.map_or(0, |cost| cost.element),
        flops: total(costs.iter().map(|cost| cost.flops)),
        weights: costs.iter().fold(0, |sum, cost| sum.saturating_add(cost.weight_bytes)),
        activations: total(costs.iter().map(|cost| cost.activation_bytes)),
    }
}

/// What is unknown of one branch is unknown of both.
fn dearer(then: Branch, other: Branch) -> Branch {
    let mut dearer = if then.flops >= other.flops { then } else { other };
    dearer.flops = then.flops.zip(other.flops).map(|(a, b)| a.max(b));
    if then.activations.is_none() || other.activations.is_none() {
        dearer.activations = None;
    }
    dearer
}
