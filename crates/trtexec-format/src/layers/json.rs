//! The engine inspector's JSON, in the forms of TensorRT 8.4 to 11 and of TensorRT for RTX.
//!
//! `{"Layers": [...], "Bindings": [...]}`, from 11 on with `"I/O Tensors"` instead of `"Bindings"`.
//! A layer is a name alone, or an object when the engine was built with detailed verbosity. A tensor
//! has `"Format/Datatype"`, or `"Datatype"` (`"DataType"`) and `"Format"` apart.

use serde_json::Value;

use super::{EngineLayer, Operand, elements, format_of, precision_of};

/// The layers of an engine from its inspector's JSON.
///
/// # Errors
/// What is wrong with the text.
pub fn parse(text: &str) -> Result<Vec<EngineLayer>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let layers = value.get("Layers").and_then(Value::as_array).ok_or("no list `Layers`")?;
    layers.iter().map(layer).collect()
}

fn layer(value: &Value) -> Result<EngineLayer, String> {
    if let Value::String(name) = value {
        return Ok(EngineLayer { name: name.clone(), ..EngineLayer::default() });
    }
    if !value.is_object() {
        return Err(format!("a layer is neither a name nor an object: {value}"));
    }
    let mut constants = operands(value, "Constants");
    if let Some(weights) = value.get("Weights") {
        constants.push(Operand {
            precision: precision_of(string(weights, "Type")),
            format: None,
            elements: weights.get("Count").and_then(Value::as_i64),
        });
    }
    Ok(EngineLayer {
        name: string(value, "Name").to_owned(),
        layer_type: string(value, "LayerType").to_owned(),
        inputs: operands(value, "Inputs"),
        constants,
        outputs: operands(value, "Outputs"),
        tactic: string(value, "TacticName").to_owned(),
        metadata: string(value, "Metadata").to_owned(),
    })
}

fn operands(layer: &Value, key: &str) -> Vec<Operand> {
    layer.get(key).and_then(Value::as_array).into_iter().flatten().map(operand).collect()
}

fn operand(tensor: &Value) -> Operand {
    let both = string(tensor, "Format/Datatype");
    let named = ["Datatype", "DataType"].map(|key| string(tensor, key));
    let precision = named.into_iter().chain([both]).map(precision_of).find(|p| !p.is_empty());
    let format = [string(tensor, "Format"), both].into_iter().find_map(format_of);
    let known = tensor.get("Dimensions").is_some();
    Operand {
        precision: precision.unwrap_or_default(),
        format,
        elements: if known { elements(&dims(tensor)) } else { None },
    }
}

fn dims(tensor: &Value) -> Vec<i64> {
    let dims = tensor.get("Dimensions").and_then(Value::as_array);
    dims.into_iter().flatten().map(|dim| dim.as_i64().unwrap_or(-1)).collect()
}

/// A text, empty where there is none.
fn string<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
