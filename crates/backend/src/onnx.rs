//! ONNX files: the wire format and what the rest of Tailmark asks of a model.

pub mod proto;
