"""Writes tiny.onnx: a convolutional classifier that answers in well under a millisecond.

Needs the packages onnx and numpy; the file is committed, so nobody has to run this.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(1)


def weight(name, *shape):
    fan_in = int(np.prod(shape[1:]))
    values = rng.normal(0.0, np.sqrt(2.0 / fan_in), shape)
    return numpy_helper.from_array(values.astype(np.float32), name)


def bias(name, size):
    return numpy_helper.from_array(rng.normal(0.0, 0.1, size).astype(np.float32), name)


conv = dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
nodes = [
    helper.make_node("Conv", ["input", "conv1.weight", "conv1.bias"], ["c1"], "conv1", **conv),
    helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
    helper.make_node("Conv", ["r1", "conv2.weight", "conv2.bias"], ["c2"], "conv2", **conv),
    helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
    helper.make_node("GlobalAveragePool", ["r2"], ["pooled"], "pool"),
    helper.make_node("Flatten", ["pooled"], ["features"], "flatten", axis=1),
    helper.make_node("Gemm", ["features", "fc.weight", "fc.bias"], ["output"], "fc", transB=1),
]
graph = helper.make_graph(
    nodes,
    "tiny",
    [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 64, 64])],
    [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 10])],
    [
        weight("conv1.weight", 16, 3, 3, 3),
        bias("conv1.bias", 16),
        weight("conv2.weight", 32, 16, 3, 3),
        bias("conv2.bias", 32),
        weight("fc.weight", 10, 32),
        bias("fc.bias", 10),
    ],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "tiny.onnx")
