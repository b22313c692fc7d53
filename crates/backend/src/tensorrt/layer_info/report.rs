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
//! (without the line breaks inside a layer). Seen with TensorRT for RTX 1.7.

use super::{EngineLayer, Operand, elements, format_of, precision_of};

/// The layers of a report; `None` when the message holds none.
pub(super) fn parse(message: &str) -> Option<Vec<EngineLayer>> {
    let start = message.find("Layers:\nName: ")?;
    let lines = message[start..].lines().skip(1).take_while(|line| !line.is_empty());
    lines.map(layer).collect()
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
