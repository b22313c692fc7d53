//! Shapes and types of quantised operators.

use super::super::node;
use super::super::proto::DataType;
use super::rules::Call;
use super::{Dim, Value, layout, window};

const UINT8: i32 = DataType::Uint8 as i32;
const INT32: i32 = DataType::Int32 as i32;
const FLOAT: i32 = DataType::Float as i32;

/// What is known of the outputs of a quantised operator; nothing when it is none.
pub(super) fn outputs(call: &Call<'_>) -> Option<Vec<Value>> {
    let of = |index: usize| call.input(index).map_or(0, |value| value.element);
    let same = || call.dims(0).map(<[Dim]>::to_vec);
    Some(match call.node.op_type.as_str() {
        "QuantizeLinear" => vec![Value::new(quantised_type(call), same())],
        "DequantizeLinear" => {
            let stated = node::int(call.node, "output_dtype").unwrap_or(0);
            let element = if stated == 0 { of(1) } else { i32::try_from(stated).unwrap_or(0) };
            vec![Value::new(element, same())]
        }
        "DynamicQuantizeLinear" => {
            let scalar = Vec::new;
            vec![
                Value::new(UINT8, same()),
                Value::new(FLOAT, scalar()),
                Value::new(UINT8, scalar()),
            ]
        }
        // x, its scale and zero point, w, its scale and zero point, y's scale and zero point
        "QLinearConv" => vec![Value::new(of(7), window::conv_of(call, 0, 3))],
        "ConvInteger" => vec![Value::new(INT32, window::conv_of(call, 0, 1))],
        "QLinearMatMul" => vec![Value::new(of(7), layout::matmul_of(call, 0, 3))],
        "MatMulInteger" => vec![Value::new(INT32, layout::matmul_of(call, 0, 1))],
        _ => return None,
    })
}

fn quantised_type(call: &Call<'_>) -> i32 {
    if call.has(2) {
        return call.input(2).map_or(0, |zero| zero.element);
    }
    match node::int(call.node, "output_dtype") {
        None | Some(0) => UINT8,
        Some(stated) => i32::try_from(stated).unwrap_or(0),
    }
}
