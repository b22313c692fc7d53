//! What an inspector says about a plan: in the shapes of TensorRT 10, of 11 and of RTX.

use serde_json::{Value, json};

use tensorrt::abi::Table;
use tensorrt::abi::enums::ProfilingVerbosity;

use crate::plan::{Io, Layer, Plan, Tensor};

/// The whole engine as JSON.
pub(crate) fn engine_json(plan: &Plan, table: Table) -> String {
    let layers: Vec<Value> =
        plan.layers.iter().map(|layer| layer_value(layer, plan.verbosity(), table)).collect();
    let (key, io) = if table == Table::V10 {
        ("Bindings", plan.io.iter().map(|io| json!(io.tensor.name)).collect::<Vec<_>>())
    } else {
        ("I/O Tensors", plan.io.iter().map(io_value).collect())
    };
    json!({ "Layers": layers, key: io }).to_string()
}

/// One layer as JSON.
pub(crate) fn layer_json(plan: &Plan, layer: &Layer, table: Table) -> String {
    layer_value(layer, plan.verbosity(), table).to_string()
}

/// The whole engine as text, a line per layer.
pub(crate) fn engine_lines(plan: &Plan, table: Table) -> String {
    let layers: Vec<String> =
        plan.layers.iter().map(|layer| layer_line(plan, layer, table)).collect();
    let io: Vec<String> = plan.io.iter().map(|io| io_line(io, table)).collect();
    let title = if table == Table::V10 { "Bindings" } else { "I/O Tensors" };
    format!("Layers:\n{}\n\n{title}:\n{}\n", layers.join("\n"), io.join("\n"))
}

/// One layer as a line of text.
pub(crate) fn layer_line(plan: &Plan, layer: &Layer, table: Table) -> String {
    if plan.verbosity() != ProfilingVerbosity::Detailed {
        return layer.name.clone();
    }
    let list = |tensors: &[Tensor]| {
        let tensors: Vec<String> =
            tensors.iter().map(|tensor| tensor_text(tensor, table)).collect();
        format!("[ {}]", tensors.join(", "))
    };
    let list = |tensors: &[Tensor]| {
        if tensors.is_empty() { "[]".to_owned() } else { list(tensors) }
    };
    let constants = match table {
        Table::V10 => String::new(),
        Table::V11 | Table::Rtx => format!("Constants: {}, ", list(&layer.constants)),
    };
    let value = match table {
        Table::V10 => format!(", TacticValue: 0x{:016x}", crate::layers::hash(&layer.tactic)),
        Table::V11 | Table::Rtx => String::new(),
    };
    format!(
        "Name: {}, LayerType: {}, Inputs: {}, {constants}Outputs: {}, TacticName: {}{value}, \
         StreamId: 0, Metadata: {}",
        layer.name,
        layer_type(layer, table),
        list(&layer.inputs),
        list(&layer.outputs),
        layer.tactic,
        metadata(layer),
    )
}

/// What the builder prints at the end of a detailed build at the most verbose level.
pub(crate) fn in_log(plan: &Plan, table: Table) -> String {
    if table != Table::V10 {
        return format!("{}\nEngine Metadata:\n Multi-Device: Disabled", engine_lines(plan, table));
    }
    let tensors = |tensors: &[Tensor]| {
        let one = |tensor: &Tensor| {
            format!("{} ({}[{}])", tensor.name, tensor.type_name(), numbers(&tensor.dims))
        };
        tensors.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let lines = plan.layers.iter().map(|layer| {
        format!(
            "Layer({}): {}, Tactic: 0x{:016x}, {} -> {}\n",
            layer_type(layer, table),
            layer.name,
            crate::layers::hash(&layer.tactic),
            tensors(&layer.inputs),
            tensors(&layer.outputs),
        )
    });
    format!("Engine Layer Information:\n{}", lines.collect::<String>())
}

/// The kind of a layer as each version calls it.
fn layer_type(layer: &Layer, table: Table) -> &'static str {
    match (layer.operator.as_str(), table) {
        ("Reformat", _) => "Reformat",
        ("Conv", Table::V10) => "CaskConvolution",
        ("Gemm" | "MatMul", Table::V10) => "CaskGemmConvolution",
        ("MaxPool" | "AveragePool" | "GlobalAveragePool", Table::V10) => "CaskPooling",
        ("Softmax", Table::V10) => "CaskSoftMaxV2",
        ("Conv", _) => "correlation",
        ("Gemm" | "MatMul", _) => "gemm",
        ("MaxPool", _) => "maxpool",
        (_, Table::V10) => "PointWiseV2",
        _ => "kgen",
    }
}

fn metadata(layer: &Layer) -> String {
    let nodes: Vec<String> =
        layer.nodes.iter().map(|node| format!("[ONNX Layer: {node}]")).collect();
    nodes.join("\u{1f}")
}

fn numbers(dims: &[i64]) -> String {
    dims.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

/// Row-major strides; those of a dimension that is not known count as one.
pub(crate) fn strides(dims: &[i64]) -> Vec<i64> {
    let mut strides = vec![1; dims.len()];
    for index in (1..dims.len()).rev() {
        strides[index - 1] = strides[index] * dims[index].max(1);
    }
    strides
}

fn order(dims: &[i64]) -> Vec<i64> {
    (0..dims.len() as i64).rev().collect()
}

const LINEAR: &str = "(Linear) Row major linear format";

fn tensor_text(tensor: &Tensor, table: Table) -> String {
    let (name, dims) = (&tensor.name, numbers(&tensor.dims));
    match table {
        Table::V10 => format!(
            "{{ Name: {name}, Location: Device, Dimensions: [{dims}], Format/Datatype: {} }}",
            tensor.format_name()
        ),
        Table::V11 | Table::Rtx => format!(
            "{{ Name: {name}, Dimensions: [{dims}], Strides: [{}], StrideOrder: [{}], Datatype: \
             {}, Format: {LINEAR} }}",
            numbers(&strides(&tensor.dims)),
            numbers(&order(&tensor.dims)),
            tensor.type_name()
        ),
    }
}

fn layer_value(layer: &Layer, verbosity: ProfilingVerbosity, table: Table) -> Value {
    if verbosity != ProfilingVerbosity::Detailed {
        return json!(layer.name);
    }
    let list = |tensors: &[Tensor]| -> Vec<Value> {
        tensors.iter().map(|tensor| tensor_value(tensor, table)).collect()
    };
    let mut value = json!({
        "Name": layer.name,
        "LayerType": layer_type(layer, table),
        "Inputs": list(&layer.inputs),
        "Outputs": list(&layer.outputs),
    });
    if table == Table::V10 {
        value["ParameterType"] = json!(if layer.operator == "Conv" { "Convolution" } else { "" });
    } else {
        value["Constants"] = json!(list(&layer.constants));
    }
    value["TacticName"] = json!(layer.tactic);
    if table == Table::V10 {
        value["TacticValue"] = json!(format!("0x{:016x}", crate::layers::hash(&layer.tactic)));
    }
    value["StreamId"] = json!(0);
    value["Metadata"] = json!(metadata(layer));
    value
}

fn tensor_value(tensor: &Tensor, table: Table) -> Value {
    match table {
        Table::V10 => json!({
            "Name": tensor.name,
            "Location": "Device",
            "Dimensions": tensor.dims,
            "Format/Datatype": tensor.format_name(),
        }),
        Table::V11 | Table::Rtx => json!({
            "Name": tensor.name,
            "Dimensions": tensor.dims,
            "Strides": strides(&tensor.dims),
            "StrideOrder": order(&tensor.dims),
            "Datatype": tensor.type_name(),
            "Format": LINEAR,
        }),
    }
}

fn io_value(io: &Io) -> Value {
    let format = format!("{} (kLINEAR)", io.tensor.format_name());
    let profiles: Vec<Value> = if io.input {
        let one = |[min, opt, max]: &[Vec<i64>; 3]| json!({ "MinShape": min, "OptShape": opt, "MaxShape": max, "Format": format });
        io.shapes.iter().map(one).collect()
    } else {
        vec![json!({ "Format": format })]
    };
    json!({
        "Name": io.tensor.name,
        "IOMode": if io.input { "Input" } else { "Output" },
        "DataType": io.tensor.type_name(),
        "Dimensions": io.tensor.dims,
        "Location": "Device",
        "IsShapeInferenceIO": false,
        "ProfileInfo": profiles,
    })
}

fn io_line(io: &Io, table: Table) -> String {
    let name = &io.tensor.name;
    if table == Table::V10 {
        return name.clone();
    }
    let format = format!("Format: {} (kLINEAR)", io.tensor.format_name());
    let one = |[min, opt, max]: &[Vec<i64>; 3]| {
        let (min, opt, max) = (numbers(min), numbers(opt), numbers(max));
        format!("{{ MinShape: [{min}], OptShape: [{opt}], MaxShape: [{max}], {format} }}")
    };
    let profiles = if io.input {
        io.shapes.iter().map(one).collect::<Vec<_>>().join(", ")
    } else {
        format!("{{ {format} }}")
    };
    format!(
        " Name: {name}, IOMode: {}, DataType: {}, Dimensions: [{}], Location: Device, \
         IsShapeInferenceIO: false, ProfileInfo: [ {profiles}]",
        if io.input { "Input" } else { "Output" },
        io.tensor.type_name(),
        numbers(&io.tensor.dims),
    )
}
