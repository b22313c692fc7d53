//! The report of an engine's layers that a builder logs at verbose level: one layer a line.
//!
//! ```text
//! Layers:
//! Name: n0, LayerType: correlation, Inputs: [ { Name: x, Dimensions: [1,3], Strides: [3,1], StrideOrder: [1,0],
//!   Datatype: Half, Format: (NHWC) Channel major format }], Constants: [], Outputs: [ {…}], TacticName: t,
//!   StreamId: 0, Metadata: [ONNX Layer: n0]
//!
//! I/O Tensors:
//! ```
//! (without the line breaks inside a layer). Seen with TensorRT for RTX 1.7. TensorRT 8 to 10 say less:
//!
//! ```text
//! Engine Layer Information:
//! Layer(CaskConvolution): conv1 + relu1, Tactic: 0x00000000000203e8, x (Half[1,3:4,8,8]) -> y (Half[1,64:8,8,8])
//! ```

use super::{EngineLayer, Operand, elements, format_of, precision_of};

/// The layers of a report; `None` when the message holds none.
pub fn parse(message: &str) -> Option<Vec<EngineLayer>> {
    let (lines, read): (_, fn(&str) -> Option<EngineLayer>) = match message.find("Layers:\nName: ")
    {
        Some(start) => (&message[start..], layer),
        None => (&message[message.find("Engine Layer Information:\nLayer(")?..], short_layer),
    };
    lines.lines().skip(1).take_while(|line| !line.is_empty()).map(read).collect()
}

fn short_layer(line: &str) -> Option<EngineLayer> {
    let (layer_type, rest) = line.strip_prefix("Layer(")?.split_once("): ")?;
    let (name, rest) = rest.rsplit_once(", Tactic: ")?;
    let (tactic, tensors) = rest.split_once(", ")?;
    let (inputs, outputs) = tensors.split_once(" -> ")?;
    Some(EngineLayer {
        name: name.to_owned(),
        layer_type: layer_type.to_owned(),
        inputs: short_operands(inputs),
        outputs: short_operands(outputs),
        tactic: tactic.to_owned(),
        ..EngineLayer::default()
    })
}

/// `x (Half[1,3:4,8,8]), y (Float[1])`.
fn short_operands(list: &str) -> Vec<Operand> {
    let types = list.split("])").filter_map(|one| one.rsplit_once(" (")?.1.split_once('['));
    let operand = |(precision, dims): (&str, &str)| {
        let size = |dim: &str| dim.split(':').next().unwrap_or_default().trim().parse();
        let dims: Vec<i64> = dims.split(',').map(|dim| size(dim).unwrap_or(-1)).collect();
        Operand { precision: precision_of(precision), format: None, elements: elements(&dims) }
    };
    types.map(operand).collect()
}

fn layer(line: &str) -> Option<EngineLayer> {
    let (name, rest) = line.strip_prefix("Name: ")?.split_once(", LayerType: ")?;
    let (layer_type, rest) = rest.split_once(", Inputs: [")?;
    let (inputs, rest) = rest.split_once("], Constants: [")?;
    let (constants, rest) = rest.split_once("], Outputs: [")?;
    let (outputs, rest) = rest.split_once("], TacticName: ")?;
    let (tactic, rest) = rest.split_once(", StreamId: ")?;
    let metadata = rest.split_once(", Metadata: ").map_or("", |(_, metadata)| metadata);
    Some(EngineLayer {
        name: name.to_owned(),
        layer_type: layer_type.to_owned(),
        inputs: operands(inputs),
        constants: operands(constants),
        outputs: operands(outputs),
        tactic: tactic.to_owned(),
        metadata: metadata.to_owned(),
    })
}

fn operands(list: &str) -> Vec<Operand> {
    list.split("{ Name: ").skip(1).map(operand).collect()
}

fn operand(text: &str) -> Operand {
    let between = |from: &str, to: &str| {
        let rest = text.split_once(from)?.1;
        rest.split_once(to).map(|(found, _)| found)
    };
    let dims = between(", Dimensions: [", "]").map(|dims| {
        dims.split(',').filter(|dim| !dim.is_empty()).map(|dim| dim.trim().parse().unwrap_or(-1))
    });
    Operand {
        precision: between(", Datatype: ", ",").map_or("", precision_of),
        format: between(", Format: ", " }").and_then(format_of),
        elements: dims.and_then(|dims| elements(&dims.collect::<Vec<i64>>())),
    }
}
