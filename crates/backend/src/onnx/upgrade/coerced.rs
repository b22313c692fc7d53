//! Operators whose old meaning takes several new ones to say.

use super::super::node::{self, attr_int};
use super::super::proto::NodeProto;
use super::attributes::take;
use super::{Changed, Scope};

/// Softmax and its kin flattened their input to two axes at `axis` (1 by default) and ran over the second.
///
/// Where `axis` is the last axis that is the same as the new meaning; else Flatten, the operator, Reshape.
pub(super) fn softmax(mut node: NodeProto, scope: &mut Scope<'_>) -> Vec<NodeProto> {
    let axis = take(&mut node, "axis").and_then(|axis| axis.i).unwrap_or(1);
    let (Some(input), Some(output)) = (node.input.first().cloned(), node.output.first().cloned())
    else {
        return vec![node];
    };
    node.attribute.push(attr_int("axis", -1));
    let last = scope.dims(&input).is_some_and(|dims| axis == dims.len() as i64 - 1);
    if axis == -1 || last {
        return vec![node];
    }
    let [sizes, flat, soft] = ["sizes", "flat", "soft"].map(|what| scope.fresh(&node, what));
    let shape = node::node("Shape", &sizes, &[&input], &[&sizes], vec![]);
    let flatten = node::node("Flatten", &flat, &[&input], &[&flat], vec![attr_int("axis", axis)]);
    node.input[0] = flat;
    node.output[0].clone_from(&soft);
    let back = node::node("Reshape", &format!("{soft}/back"), &[&soft, &sizes], &[&output], vec![]);
    vec![shape, flatten, node, back]
}

/// Scale and shift of a group are repeated for each of its channels.
pub(super) fn group_normalization(mut node: NodeProto, scope: &mut Scope<'_>) -> Changed {
    let channels = node.input.first().and_then(|x| scope.dims(x)?.get(1)?.fixed());
    let channels = channels.ok_or("its number of channels is not known")?;
    let groups = node::int(&node, "num_groups").and_then(|groups| usize::try_from(groups).ok());
    let groups = groups.filter(|&g| g > 0 && channels.is_multiple_of(g));
    let groups = groups.ok_or("its groups do not divide its channels")?;
    let sizes = [groups as i64, (channels / groups) as i64];
    let (column, column_name) = scope.integers(&node, "column", &[-1, 1]);
    let (wide, wide_name) = scope.integers(&node, "wide", &sizes);
    let (all, all_name) = scope.integers(&node, "all", &[-1]);
    let mut nodes = vec![column, wide, all];
    for index in 1..node.input.len().min(3) {
        let given = node.input[index].clone();
        let [a, b, c] = ["a", "b", "c"].map(|step| scope.fresh(&node, &format!("{index}{step}")));
        nodes.extend([
            node::node("Reshape", &a, &[&given, &column_name], &[&a], vec![]),
            node::node("Expand", &b, &[&a, &wide_name], &[&b], vec![]),
            node::node("Reshape", &c, &[&b, &all_name], &[&c], vec![]),
        ]);
        node.input[index] = c;
    }
    nodes.push(node);
    Ok(nodes)
}
