//! TensorRT and TensorRT for RTX through our own bindings: one implementation for both.

#[cfg_attr(not(test), expect(dead_code, reason = "the build that reads reports follows"))]
pub(crate) mod layer_info;
