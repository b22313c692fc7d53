//! External data on the way in: read tensor by tensor, so that a model of any size never stands in memory twice;
//! vectors first.

use std::path::Path;

use anyhow::Result;
use backend::onnx::file::read_external;
use backend::onnx::node::subgraphs_mut;
use backend::onnx::proto::{GraphProto, NodeProto, TensorProto};
use pipeline::Fault;

use crate::fault;

/// A tensor with its values in it.
///
/// # Errors
/// Exit 2 when they are in another file that cannot be read, or when no path says where.
pub(super) fn resident(path: Option<&Path>, mut tensor: TensorProto) -> Result<TensorProto> {
    if tensor.data_location != 1 {
        return Ok(tensor);
    }
    let Some(path) = path else {
        let message = format!("tensor `{}`: its values are in another file", tensor.name);
        return Err(Fault::config(message).into());
    };
    tensor.raw_data = Some(read_external(path, &tensor).map_err(fault)?);
    tensor.data_location = 0;
    tensor.external_data.clear();
    Ok(tensor)
}

/// Reads the weights of a graph that have at most one axis: scales and statistics are looked at before anything
/// is changed.
///
/// # Errors
/// Exit 2 when they cannot be read.
pub(super) fn fill_vectors(path: &Path, graph: &mut GraphProto) -> Result<()> {
    for tensor in graph.initializer.iter_mut().filter(|tensor| tensor.dims.len() <= 1) {
        *tensor = resident(Some(path), std::mem::take(tensor))?;
    }
    Ok(())
}

/// Reads what the attributes of a node keep elsewhere.
pub(super) fn fill_node(path: &Path, node: &mut NodeProto) -> Result<()> {
    for attribute in &mut node.attribute {
        for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
            *tensor = resident(Some(path), std::mem::take(tensor))?;
        }
    }
    for graph in subgraphs_mut(node) {
        for tensor in &mut graph.initializer {
            *tensor = resident(Some(path), std::mem::take(tensor))?;
        }
        graph.node.iter_mut().try_for_each(|inner| fill_node(path, inner))?;
    }
    Ok(())
}
