"""Makes tiny-qdq.onnx: tiny.onnx quantised to 8 bits, weights and activations, in the QDQ form.

    python pipelines/models/tiny-qdq.py      # needs onnx and onnxruntime; made with onnxruntime 1.32.0

Calibrated on seeded noise, so its numbers mean nothing; it proves that such a model passes through unharmed.
"""

import pathlib

import numpy
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

HERE = pathlib.Path(__file__).parent


class Noise(CalibrationDataReader):
    def __init__(self, model):
        given = onnx.load(model).graph.input[0]
        sizes = [size.dim_value or 1 for size in given.type.tensor_type.shape.dim]
        noise = numpy.random.default_rng(1)
        batches = [noise.normal(size=sizes).astype(numpy.float32) for _ in range(16)]
        self.batches = iter([{given.name: batch} for batch in batches])

    def get_next(self):
        return next(self.batches, None)


source, target = HERE / "tiny.onnx", HERE / "tiny-qdq.onnx"
quantize_static(
    source,
    target,
    Noise(source),
    quant_format=QuantFormat.QDQ,
    activation_type=QuantType.QUInt8,
    weight_type=QuantType.QInt8,
    per_channel=False,
    reduce_range=True,  # so that processors without 8-bit dot products do not saturate
)
model = onnx.load(target)
onnx.checker.check_model(model)
print({node.op_type for node in model.graph.node}, target.stat().st_size, "bytes")
