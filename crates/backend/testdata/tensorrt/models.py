"""Makes attention.onnx (a transformer block) and mixture.onnx (depthwise, transposed and 1x1
convolutions, a matrix-vector product), float16, for the reports beside this file. Needs the `onnx` package."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)


def weight(name, *dims):
    return numpy_helper.from_array((random.standard_normal(dims) * 0.05).astype(np.float16), name)


def save(name, nodes, weights, input_dims, output_dims):
    half = TensorProto.FLOAT16
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info("x", half, input_dims)],
        [helper.make_tensor_value_info("y", half, output_dims)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, f"{name}.onnx")


def attention(width=64, heads=4, length=49):
    weights = [weight("ln_s", width), weight("ln_b", width), weight("w1", width, 256), weight("b1", 256),
               weight("w2", 256, width), weight("b2", width)]
    weights += [weight(name, width, width) for name in ("wq", "wk", "wv", "wo")]
    constant = lambda name, value, kind: weights.append(numpy_helper.from_array(np.array(value, kind), name))
    constant("split", [0, length, heads, width // heads], np.int64)
    constant("join", [0, length, width], np.int64)
    constant("scale", 0.25, np.float16)
    nodes = []
    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], name=f"/{output}/{op}", **attributes))
    node("LayerNormalization", ["x", "ln_s", "ln_b"], "ln", axis=-1)
    for c in "qkv":
        node("MatMul", ["ln", "w" + c], c + "0")
        node("Reshape", [c + "0", "split"], c + "1")
        node("Transpose", [c + "1"], c + "2", perm=[0, 2, 3, 1] if c == "k" else [0, 2, 1, 3])
    node("MatMul", ["q2", "k2"], "s0")
    node("Mul", ["s0", "scale"], "s1")
    node("Softmax", ["s1"], "s2", axis=-1)
    node("MatMul", ["s2", "v2"], "a0")
    node("Transpose", ["a0"], "a1", perm=[0, 2, 1, 3])
    node("Reshape", ["a1", "join"], "a2")
    node("MatMul", ["a2", "wo"], "o0")
    node("Add", ["o0", "x"], "r")
    node("MatMul", ["r", "w1"], "m0")
    node("Add", ["m0", "b1"], "m1")
    node("Erf", ["m1"], "m2")
    node("Mul", ["m1", "m2"], "m3")
    node("MatMul", ["m3", "w2"], "m4")
    node("Add", ["m4", "b2"], "m5")
    node("Add", ["m5", "r"], "y")
    save("attention", nodes, weights, [1, length, width], [1, length, width])


def mixture():
    weights = [weight("w0", 16, 3, 3, 3), weight("wd", 16, 1, 3, 3), weight("wp", 32, 16, 1, 1),
               weight("wt", 32, 8, 2, 2), weight("wg", 8, 8)]
    make = helper.make_node
    nodes = [
        make("Conv", ["x", "w0"], ["a"], name="c0", pads=[1] * 4),
        make("Sigmoid", ["a"], ["a1"], name="sg"),
        make("Mul", ["a", "a1"], ["a2"], name="sw"),
        make("Conv", ["a2", "wd"], ["b"], name="dw", pads=[1] * 4, group=16),
        make("Conv", ["b", "wp"], ["c"], name="pw"),
        make("ConvTranspose", ["c", "wt"], ["d"], name="up", strides=[2, 2]),
        make("GlobalAveragePool", ["d"], ["e"], name="gap"),
        make("Flatten", ["e"], ["f"], name="fl"),
        make("Gemm", ["f", "wg"], ["y"], name="fc"),
    ]
    save("mixture", nodes, weights, [1, 3, 32, 32], [1, 8])


attention()
mixture()
