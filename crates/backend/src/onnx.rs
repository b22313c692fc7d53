//! ONNX files: the wire format and what the rest of Tailmark asks of a model.
//!
//! | module | what it holds |
//! |---|---|
//! | [`proto`] | the messages of the file format |
//! | [`mod@file`] | load with clear errors, save atomically, external data, digest |
//! | [`stream`] | write a model without a second copy of its weights |
//! | [`external`] | write weights in a file beside the model |
//! | [`tensor`] | element types, values as numbers, new tensors |
//! | [`node`] | attributes, and helpers that build nodes and value descriptions |
//! | [`model`] | operator set, inputs and outputs, number of parameters |
//! | [`shape`] | shape inference: right or unknown, never wrong |
//! | [`upgrade`] | the same model in a later operator set |
//! | [`cost`] | floating-point operations and bytes of each operator |
//!
//! Knows no engine: everything here works on the file alone.

pub mod cost;
pub mod external;
pub mod file;
pub mod model;
pub mod node;
pub mod proto;
pub mod shape;
pub mod stream;
pub mod tensor;
pub mod upgrade;

pub use file::{digest, load, save};
pub use model::{describe_inputs, describe_outputs, inputs, opset, parameters};
