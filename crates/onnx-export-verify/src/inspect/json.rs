//! An inspection as JSON: everything that the tables show, unrounded; `null` = unknown.

use serde_json::{Map, Value, json};

use super::device::Device;
use super::roofline::{Layer, Roofline};
use super::{Inspection, Sums};
use backend::onnx::cost::Cost;
use backend::onnx::tensor::element_name;

/// The whole inspection.
pub(super) fn value(inspection: &Inspection) -> Value {
    let sums = inspection.sums();
    let types = inspection.by_type();
    let mut counts: Vec<(&str, u64)> =
        types.iter().map(|(name, sums)| (*name, sums.count)).collect();
    counts.sort_unstable();
    let counts: Map<String, Value> =
        counts.into_iter().map(|(name, n)| (name.to_owned(), n.into())).collect();
    let times = inspection.roofline.as_ref().map(|(_, roofline)| &roofline.layers);
    let layers: Vec<Value> = inspection
        .layers
        .iter()
        .enumerate()
        .map(|(index, cost)| {
            let parameters = inspection.layer_parameters.get(index).copied().unwrap_or(0);
            layer(cost, parameters, times.and_then(|times| times.get(index).copied().flatten()))
        })
        .collect();
    json!({
        "path": inspection.path,
        "model_digest": inspection.digest,
        "producer": inspection.producer,
        "ir_version": inspection.ir_version,
        "opset": inspection.opset,
        "precision": inspection.precision,
        "inputs": inspection.inputs,
        "outputs": inspection.outputs,
        "parameters": inspection.parameters,
        "weight_bytes": inspection.weight_bytes,
        "io_bytes": inspection.io_bytes,
        "flops": sums.flops,
        "macs": sums.flops.map(|flops| flops / 2),
        "activation_bytes": sums.activations,
        "intensity": sums.intensity(),
        "operators": counts,
        "types": types.iter().map(|(name, sums)| kind(name, sums)).collect::<Vec<_>>(),
        "layers": layers,
        "roofline": inspection.roofline.as_ref().map(|(d, r)| roofline(d, r, inspection.tf32)),
    })
}

fn kind(name: &str, sums: &Sums) -> Value {
    json!({
        "type": name,
        "count": sums.count,
        "flops": sums.flops,
        "weight_bytes": sums.weights,
        "activation_bytes": sums.activations,
        "intensity": sums.intensity(),
    })
}

fn layer(cost: &Cost, parameters: u64, times: Option<Layer>) -> Value {
    let mut value = json!({
        "operator": cost.operator,
        "type": cost.op_type,
        "element": element_name(cost.element),
        "inputs": cost.inputs,
        "outputs": cost.outputs,
        "parameters": parameters,
        "flops": cost.flops,
        "macs": cost.flops.map(|flops| flops / 2),
        "weight_bytes": cost.weight_bytes,
        "activation_bytes": cost.activation_bytes,
        "intensity": cost.intensity(),
    });
    if let (Some(times), Some(object)) = (times, value.as_object_mut()) {
        object.insert("compute_s".to_owned(), times.compute.into());
        object.insert("memory_s".to_owned(), times.memory.into());
        object.insert("bound".to_owned(), times.bound().as_str().into());
    }
    value
}

fn roofline(device: &Device, roofline: &Roofline, tf32: bool) -> Value {
    let rate = |seconds: f64| (seconds > 0.0).then(|| 1.0 / seconds);
    json!({
        "device": device.name,
        "source": device.source,
        "peak_flops": {"fp32": device.fp32, "tf32": device.tf32, "fp16": device.fp16, "int8": device.int8},
        "fp32_as_tf32": tf32,
        "bandwidth_bytes_per_s": device.bandwidth,
        "unfused_s": roofline.unfused,
        "unfused_inferences_per_s": rate(roofline.unfused),
        "compute_s": roofline.compute,
        "weights_and_io_s": roofline.memory,
        "fused_s": roofline.fused(),
        "fused_inferences_per_s": rate(roofline.fused()),
        "unknown_operators": roofline.unknown,
    })
}
