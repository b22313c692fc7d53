//! Models that compute in 8-bit integers: recognised, so that they pass through as they are and are named.

use backend::onnx::node::subgraphs;
use backend::onnx::proto::{GraphProto, ModelProto};

/// What kind of quantised model it is, in words; `None` for any other.
///
/// QDQ models hold pairs of `QuantizeLinear` and `DequantizeLinear` around float operators, which engines fuse;
/// others hold integer operators themselves.
pub(super) fn of(model: &ModelProto) -> Option<String> {
    let mut counts = Counts::default();
    counts.add(model.graph.as_ref()?);
    let Counts { quantise, dequantise, integer } = counts;
    match (dequantise, integer) {
        (0, 0) => None,
        (_, 0) => Some(format!(
            "int8 QDQ model ({quantise} QuantizeLinear, {dequantise} DequantizeLinear)"
        )),
        _ => Some(format!("int8 model ({integer} integer operators)")),
    }
}

#[derive(Default)]
struct Counts {
    quantise: u32,
    dequantise: u32,
    integer: u32,
}

impl Counts {
    fn add(&mut self, graph: &GraphProto) {
        for node in &graph.node {
            let count = match node.op_type.as_str() {
                "QuantizeLinear" | "DynamicQuantizeLinear" => Some(&mut self.quantise),
                "DequantizeLinear" => Some(&mut self.dequantise),
                "ConvInteger" | "MatMulInteger" | "QGemm" => Some(&mut self.integer),
                name if name.starts_with("QLinear") => Some(&mut self.integer),
                _ => None,
            };
            if let Some(count) = count {
                *count = count.saturating_add(1);
            }
            subgraphs(node).for_each(|inner| self.add(inner));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend::onnx::node::node;

    fn model(operators: &[&str]) -> ModelProto {
        let nodes = operators.iter().map(|op| node(op, op, &["x"], &["x"], vec![])).collect();
        let graph = GraphProto { node: nodes, ..GraphProto::default() };
        ModelProto { graph: Some(graph), ..ModelProto::default() }
    }

    #[test]
    fn quantised_models_are_told() {
        assert_eq!(of(&model(&["Conv", "Relu"])), None);
        let qdq = of(&model(&["QuantizeLinear", "DequantizeLinear", "Conv"])).unwrap();
        assert_eq!(qdq, "int8 QDQ model (1 QuantizeLinear, 1 DequantizeLinear)");
        assert_eq!(of(&model(&["QLinearConv"])).unwrap(), "int8 model (1 integer operators)");
    }
}
