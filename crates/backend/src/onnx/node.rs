//! Nodes: reading attributes, and building nodes and value descriptions.

use super::proto::{
    AttributeProto, AttributeType, Dimension, DimensionValue, GraphProto, NodeProto, TensorProto,
    TensorShapeProto, TensorType, TypeProto, TypeValue, ValueInfoProto,
};
use super::shape::Dim;

/// An attribute by name.
pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// An integer attribute.
pub fn int(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name)?.i
}

/// A float attribute.
pub fn float(node: &NodeProto, name: &str) -> Option<f32> {
    attribute(node, name)?.f
}

/// An attribute that is a list of integers.
pub fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    attribute(node, name).map(|attribute| attribute.ints.as_slice())
}

/// A text attribute.
pub fn text<'a>(node: &'a NodeProto, name: &str) -> Option<&'a str> {
    std::str::from_utf8(attribute(node, name)?.s.as_deref()?).ok()
}

/// A tensor attribute.
pub fn tensor<'a>(node: &'a NodeProto, name: &str) -> Option<&'a TensorProto> {
    attribute(node, name)?.t.as_ref()
}

/// The graphs in the attributes of a node, those inside of them apart.
pub fn subgraphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// As [`subgraphs`], to be changed.
pub fn subgraphs_mut(node: &mut NodeProto) -> impl Iterator<Item = &mut GraphProto> {
    let attributes = node.attribute.iter_mut();
    attributes.flat_map(|attribute| attribute.g.iter_mut().chain(&mut attribute.graphs))
}

/// Whether the node belongs to the default operator set.
pub fn is_default_domain(node: &NodeProto) -> bool {
    matches!(node.domain.as_str(), "" | "ai.onnx")
}

/// The name of a node; that of its first output when it has none.
pub fn label(node: &NodeProto) -> &str {
    match node.name.as_str() {
        "" => node.output.first().map_or("", String::as_str),
        name => name,
    }
}

/// A node of the default operator set.
pub fn node(
    op_type: &str,
    name: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: Vec<AttributeProto>,
) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    NodeProto {
        op_type: op_type.to_owned(),
        name: name.to_owned(),
        input: owned(inputs),
        output: owned(outputs),
        attribute: attributes,
        ..NodeProto::default()
    }
}

/// An integer attribute.
pub fn attr_int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..named(name, AttributeType::Int) }
}

/// A float attribute.
pub fn attr_float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..named(name, AttributeType::Float) }
}

/// An attribute that is a list of integers.
pub fn attr_ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..named(name, AttributeType::Ints) }
}

/// A text attribute.
pub fn attr_text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.as_bytes().to_vec()), ..named(name, AttributeType::String) }
}

/// A tensor attribute.
pub fn attr_tensor(name: &str, value: TensorProto) -> AttributeProto {
    AttributeProto { t: Some(value), ..named(name, AttributeType::Tensor) }
}

fn named(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: kind as i32, ..AttributeProto::default() }
}

/// Describes a value: an input, an output or an inner value. `None` = not even the rank is known.
pub fn value_info(name: &str, data_type: i32, dims: Option<&[Dim]>) -> ValueInfoProto {
    let shape = dims.map(|dims| TensorShapeProto { dim: dims.iter().map(dimension).collect() });
    let tensor = TensorType { elem_type: data_type, shape };
    let value = TypeProto { value: Some(TypeValue::Tensor(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(value), ..ValueInfoProto::default() }
}

fn dimension(dim: &Dim) -> Dimension {
    let value = match dim {
        Dim::Fixed(size) => Some(DimensionValue::DimValue(*size as i64)),
        Dim::Symbol(name) => Some(DimensionValue::DimParam(name.clone())),
        Dim::Unknown => None,
    };
    Dimension { denotation: String::new(), value }
}

/// The tensor type of a value description.
pub fn tensor_type(value: &ValueInfoProto) -> Option<&TensorType> {
    match value.r#type.as_ref()?.value.as_ref()? {
        TypeValue::Tensor(tensor) => Some(tensor),
        _ => None,
    }
}

/// Element type (0 when unknown) and dimensions of a value description.
pub fn type_and_dims(value: &ValueInfoProto) -> (i32, Option<Vec<Dim>>) {
    let Some(tensor) = tensor_type(value) else { return (0, None) };
    let dims = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(read_dimension).collect());
    (tensor.elem_type, dims)
}

/// Bytes of the longest symbol of a dimension that is kept.
const LONGEST_SYMBOL: usize = 256;

fn read_dimension(dimension: &Dimension) -> Dim {
    match &dimension.value {
        Some(DimensionValue::DimValue(size)) => {
            usize::try_from(*size).map_or(Dim::Unknown, Dim::Fixed)
        }
        // some exporters write "?" for a size without a name: two of them need not be equal; a long name would be
        // copied from value to value
        Some(DimensionValue::DimParam(name))
            if name != "?" && (1..=LONGEST_SYMBOL).contains(&name.len()) =>
        {
            Dim::Symbol(name.clone())
        }
        _ => Dim::Unknown,
    }
}
