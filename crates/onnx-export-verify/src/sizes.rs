//! Gives open dimensions of a model a size, so that every later stage sees the same one.

use std::collections::HashMap;

use anyhow::Result;
use backend::onnx::inputs;
use backend::onnx::node::{type_and_dims, value_info};
use backend::onnx::proto::{GraphProto, ModelProto, ValueInfoProto};
use backend::onnx::shape::{Dim, infer};
use pipeline::Fault;

use crate::config::Batch;

/// Fixes open dimensions of the inputs: those in `shapes`, and an open first one by `batch`. A symbol that gets
/// a size has it everywhere: in other inputs, in outputs and in inner values.
/// Returns whether the model was changed.
///
/// # Errors
/// Exit 2: a shape for an input that is not there or that contradicts the model, a symbol with two sizes, a batch
/// that no input can have.
pub fn settle(
    model: &mut ModelProto,
    batch: Option<Batch>,
    shapes: &[(String, Vec<usize>)],
) -> Result<bool> {
    let Some(graph) = &model.graph else { return Ok(false) };
    let inputs = inputs(graph);
    let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    if let Some((name, _)) = shapes.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        let message = format!("shapes: the model has no input `{name}`");
        let hint = format!("its inputs are `{}`", names.join("`, `"));
        return Err(Fault::config(message).hint(hint).into());
    }
    let takes_batch = |input: &&&ValueInfoProto| {
        let dims = type_and_dims(input).1;
        dims.is_some_and(|dims| dims.first().is_some_and(|first| first.fixed().is_none()))
    };
    let any_open = inputs.iter().any(|input| takes_batch(&input));
    let mut symbols = Symbols::default();
    let mut sizes = Vec::new();
    for input in inputs {
        let (name, open) = (&input.name, type_and_dims(input).1);
        let given = shapes.iter().find(|(given, _)| given == name).map(|(_, dims)| dims);
        let dims = match (&open, given) {
            (None, None) => continue,
            (None, Some(given)) => given.iter().copied().map(Dim::Fixed).collect(),
            (Some(open), Some(given)) => fit(name, open, given, batch)?,
            (Some(open), None) => with_batch(name, open.clone(), batch, any_open)?,
        };
        symbols.bind(name, open.as_deref().unwrap_or_default(), &dims)?;
        sizes.push((name.clone(), open, dims));
    }
    for (_, _, dims) in &mut sizes {
        symbols.close(dims);
    }
    let changed = sizes.into_iter().filter(|(_, open, dims)| open.as_ref() != Some(dims));
    let changed: Vec<(String, Vec<Dim>)> = changed.map(|(name, _, dims)| (name, dims)).collect();
    if changed.is_empty() {
        return Ok(false);
    }
    if let Some(graph) = &mut model.graph {
        write(graph, &changed, &symbols);
    }
    refresh_outputs(model);
    crate::export::describe_values(model);
    Ok(true)
}

/// Sizes of symbols, each with the input that gave it.
#[derive(Default)]
struct Symbols(HashMap<String, (usize, String)>);

impl Symbols {
    fn bind(&mut self, input: &str, open: &[Dim], dims: &[Dim]) -> Result<()> {
        for (open, dim) in open.iter().zip(dims) {
            let (Dim::Symbol(symbol), Dim::Fixed(size)) = (open, dim) else { continue };
            let known = self.0.entry(symbol.clone()).or_insert_with(|| (*size, input.to_owned()));
            if known.0 != *size {
                let (first, other) = known;
                return Err(Fault::config(format!(
                    "shapes: `{symbol}` is {first} in input `{other}` and {size} in input `{input}`"
                ))
                .hint("dimensions of one name must have one size")
                .into());
            }
        }
        Ok(())
    }

    fn close(&self, dims: &mut [Dim]) {
        for dim in dims {
            if let Dim::Symbol(name) = dim
                && let Some((size, _)) = self.0.get(name.as_str())
            {
                *dim = Dim::Fixed(*size);
            }
        }
    }
}

fn fit(name: &str, open: &[Dim], given: &[usize], batch: Option<Batch>) -> Result<Vec<Dim>> {
    let fits = open.len() == given.len()
        && open.iter().zip(given).all(|(open, size)| open.fixed().is_none_or(|own| own == *size));
    if !fits {
        let own = open.iter().map(Dim::to_string).collect::<Vec<_>>().join("x");
        let given = given.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let message = format!("shapes: {given} does not fit input `{name}`, which is {own}");
        return Err(Fault::config(message)
            .hint("give as many sizes as the input has; only those shown as a name or ? are free")
            .into());
    }
    if let (Some(batch), Some(first), Some(Dim::Symbol(_) | Dim::Unknown)) =
        (batch, given.first(), open.first())
        && batch.dim().fixed() != Some(*first)
    {
        let message =
            format!("batch = {batch}, but shapes gives input `{name}` a first size of {first}");
        return Err(Fault::config(message).hint("write one of the two, or the same").into());
    }
    Ok(given.iter().copied().map(Dim::Fixed).collect())
}

/// The dimensions with the batch; `any_open` says that some input can take it: then others need not.
fn with_batch(
    name: &str,
    mut dims: Vec<Dim>,
    batch: Option<Batch>,
    any_open: bool,
) -> Result<Vec<Dim>> {
    let Some(first) = dims.first_mut() else { return Ok(dims) };
    match (batch.map(Batch::dim), &*first) {
        (Some(_), Dim::Fixed(_)) if any_open => Ok(dims),
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

fn write(graph: &mut GraphProto, sizes: &[(String, Vec<Dim>)], symbols: &Symbols) {
    for input in &mut graph.input {
        if let Some((_, dims)) = sizes.iter().find(|(name, _)| *name == input.name) {
            *input = value_info(&input.name, type_and_dims(input).0, Some(dims));
        }
    }
    let close = |info: &mut ValueInfoProto| {
        let (element, Some(mut dims)) = type_and_dims(info) else { return };
        symbols.close(&mut dims);
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

    /// A recurrent model: two inputs that share a symbol, a state whose first size is no batch, a scalar.
    fn recurrent() -> ModelProto {
        let symbol = |name: &str| Dim::Symbol(name.into());
        let x = [symbol("batch"), symbol("samples")];
        let state = [Dim::Fixed(2), symbol("batch"), Dim::Fixed(4)];
        let graph = GraphProto {
            input: vec![
                value_info("x", 1, Some(&x)),
                value_info("state", 1, Some(&state)),
                value_info("sr", 7, Some(&[])),
            ],
            output: vec![value_info("next", 1, Some(&state)), value_info("y", 1, None)],
            node: vec![
                node("Relu", "r", &["state"], &["next"], vec![]),
                node("Relu", "s", &["x"], &["y"], vec![]),
            ],
            ..GraphProto::default()
        };
        ModelProto {
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            ..ModelProto::default()
        }
    }

    #[test]
    fn a_symbol_has_one_size_in_all_inputs() {
        let mut model = recurrent();
        assert!(settle(&mut model, None, &[("x".into(), vec![1, 576])]).unwrap());
        let graph = model.graph.as_ref().unwrap();
        assert_eq!(describe_inputs(graph), ["x: f32[1,576]", "state: f32[2,1,4]", "sr: i64[]"]);
        assert_eq!(describe_outputs(graph), ["next: f32[2,1,4]", "y: f32[1,576]"]);
        let mut model = recurrent();
        settle(&mut model, batch(8), &[]).unwrap();
        let inputs = describe_inputs(model.graph.as_ref().unwrap());
        assert_eq!(inputs, ["x: f32[8,samples]", "state: f32[2,8,4]", "sr: i64[]"]);
        let shapes = [("x".into(), vec![1, 576]), ("state".into(), vec![2, 3, 4])];
        let error = settle(&mut recurrent(), None, &shapes).unwrap_err();
        assert!(error.to_string().contains("`batch` is 1 in input `x` and 3 in input `state`"));
        let error = settle(&mut recurrent(), batch(8), &shapes[..1]).unwrap_err();
        assert!(
            error.to_string().contains("batch = 8, but shapes gives input `x` a first size of 1")
        );
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
