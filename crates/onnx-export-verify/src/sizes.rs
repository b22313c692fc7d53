//! Gives open dimensions of a model a size, so that every later stage sees the same one.

use std::collections::HashMap;

use anyhow::Result;
use backend::onnx::inputs;
use backend::onnx::node::{type_and_dims, value_info};
use backend::onnx::proto::{GraphProto, ModelProto, ValueInfoProto};
use backend::onnx::shape::{Dim, infer};
use pipeline::Fault;

use crate::config::Batch;

/// Fixes open dimensions of the inputs: those in `shapes`, and an open first one by `batch`.
/// Returns whether the model was changed.
///
/// # Errors
/// Exit 2: a shape for an input that is not there, or one that contradicts the model.
pub fn settle(
    model: &mut ModelProto,
    batch: Option<Batch>,
    shapes: &[(String, Vec<usize>)],
) -> Result<bool> {
    let Some(graph) = &model.graph else { return Ok(false) };
    let names: Vec<&str> = inputs(graph).iter().map(|input| input.name.as_str()).collect();
    if let Some((name, _)) = shapes.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        let message = format!("shapes: the model has no input `{name}`");
        let hint = format!("its inputs are `{}`", names.join("`, `"));
        return Err(Fault::config(message).hint(hint).into());
    }
    let mut fixed = HashMap::new();
    let mut sizes = Vec::new();
    for input in inputs(graph) {
        let Some(open) = type_and_dims(input).1 else { continue };
        let given = shapes.iter().find(|(name, _)| *name == input.name).map(|(_, dims)| dims);
        let dims = match given {
            Some(given) => fit(&input.name, &open, given)?,
            None => with_batch(&input.name, open.clone(), batch)?,
        };
        for (open, dim) in open.iter().zip(&dims) {
            if let (Dim::Symbol(name), Dim::Fixed(size)) = (open, dim) {
                fixed.insert(name.clone(), *size);
            }
        }
        if dims != open {
            sizes.push((input.name.clone(), dims));
        }
    }
    if sizes.is_empty() {
        return Ok(false);
    }
    if let Some(graph) = &mut model.graph {
        write(graph, &sizes, &fixed);
    }
    refresh_outputs(model);
    crate::export::describe_values(model);
    Ok(true)
}

fn fit(name: &str, open: &[Dim], given: &[usize]) -> Result<Vec<Dim>> {
    let fits = open.len() == given.len()
        && open.iter().zip(given).all(|(open, size)| open.fixed().is_none_or(|own| own == *size));
    if fits {
        return Ok(given.iter().copied().map(Dim::Fixed).collect());
    }
    let own = open.iter().map(Dim::to_string).collect::<Vec<_>>().join("x");
    let given = given.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
    Err(Fault::config(format!("shapes: {given} does not fit input `{name}`, which is {own}"))
        .into())
}

fn with_batch(name: &str, mut dims: Vec<Dim>, batch: Option<Batch>) -> Result<Vec<Dim>> {
    let Some(first) = dims.first_mut() else { return Ok(dims) };
    match (batch.map(Batch::dim), &*first) {
        (Some(Dim::Fixed(size)), Dim::Fixed(own)) if size != *own => Err(Fault::config(format!(
            "batch = {size}, but input `{name}` of the model has a fixed first dimension of {own}"
        ))
        .hint(format!("write batch = {own}, leave batch out, or export the model with an open batch"))
        .into()),
        (Some(Dim::Symbol(_)), Dim::Fixed(own)) => Err(Fault::config(format!(
            "batch = \"dynamic\", but input `{name}` of the model has a fixed first dimension of {own}"
        ))
        .hint("leave batch out, or export the model with an open batch")
        .into()),
        (Some(Dim::Fixed(size)), _) => {
            *first = Dim::Fixed(size);
            Ok(dims)
        }
        _ => Ok(dims),
    }
}

fn write(graph: &mut GraphProto, sizes: &[(String, Vec<Dim>)], fixed: &HashMap<String, usize>) {
    for input in &mut graph.input {
        if let Some((_, dims)) = sizes.iter().find(|(name, _)| *name == input.name) {
            *input = value_info(&input.name, type_and_dims(input).0, Some(dims));
        }
    }
    let close = |info: &mut ValueInfoProto| {
        let (element, Some(mut dims)) = type_and_dims(info) else { return };
        for dim in &mut dims {
            if let Dim::Symbol(name) = dim
                && let Some(&size) = fixed.get(name.as_str())
            {
                *dim = Dim::Fixed(size);
            }
        }
        *info = value_info(&info.name, element, Some(&dims));
    };
    graph.output.iter_mut().for_each(close);
    graph.value_info.iter_mut().for_each(close);
}

/// States the sizes of outputs that follow from those of the inputs.
fn refresh_outputs(model: &mut ModelProto) {
    let shapes = infer(model, &[]);
    let Some(graph) = &mut model.graph else { return };
    for output in &mut graph.output {
        let known = shapes.get(&output.name).filter(|value| value.sizes().is_some());
        if let Some(value) = known {
            *output = value_info(&output.name, value.element, value.dims.as_deref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend::onnx::node::node;
    use backend::onnx::proto::OperatorSetIdProto;
    use backend::onnx::{describe_inputs, describe_outputs};
    use pipeline::config::Bounded;

    fn open() -> ModelProto {
        let dims = [Dim::Symbol("n".into()), Dim::Fixed(3), Dim::Symbol("h".into()), Dim::Unknown];
        let graph = GraphProto {
            input: vec![value_info("x", 1, Some(&dims))],
            output: vec![value_info("y", 1, Some(&dims))],
            node: vec![node("Relu", "r", &["x"], &["y"], vec![])],
            ..GraphProto::default()
        };
        ModelProto {
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            ..ModelProto::default()
        }
    }

    fn batch(size: u32) -> Option<Batch> {
        Bounded::new(size).map(Batch::Fixed)
    }

    #[test]
    fn open_sizes_are_closed_everywhere() {
        let mut model = open();
        assert!(settle(&mut model, batch(4), &[]).unwrap());
        let graph = model.graph.as_ref().unwrap();
        assert_eq!(describe_inputs(graph), ["x: f32[4,3,h,?]"]);
        assert_eq!(describe_outputs(graph), ["y: f32[4,3,h,?]"]);
        let mut model = open();
        assert!(settle(&mut model, None, &[("x".into(), vec![2, 3, 8, 8])]).unwrap());
        assert_eq!(describe_outputs(model.graph.as_ref().unwrap()), ["y: f32[2,3,8,8]"]);
        assert!(!settle(&mut open(), None, &[]).unwrap());
    }

    #[test]
    fn contradictions_are_named() {
        let refuse = |batch, shapes: &[(String, Vec<usize>)], what: &str| {
            let mut model = open();
            settle(&mut model, self::batch(4), &[]).unwrap();
            let error = settle(&mut model, batch, shapes).unwrap_err();
            assert!(format!("{error:#}").contains(what), "{error:#}");
        };
        refuse(batch(1), &[], "fixed first dimension of 4");
        refuse(Some(Batch::Dynamic), &[], "fixed first dimension of 4");
        refuse(None, &[("x".into(), vec![4, 1, 8, 8])], "4x1x8x8 does not fit input `x`");
        refuse(None, &[("z".into(), vec![1])], "no input `z`");
    }
}
