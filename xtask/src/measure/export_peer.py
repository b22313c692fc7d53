"""The peer of `cargo xtask measure export`: PyTorch's exporters with onnxconverter-common.

    export_peer.py checkpoint FILE                      ResNet-50 with random weights, as torch.save writes it
    export_peer.py torchscript|dynamo CHECKPOINT FOLDER fp32.onnx and fp16.onnx, and how long the work took
    export_peer.py compare FOLDER FOLDER                largest difference of the two exports on one input
"""
import json
import os
import sys
import time


def checkpoint(path):
    import torch
    import torchvision

    torch.manual_seed(1)
    model = torchvision.models.resnet50(weights=None)
    # statistics of a batch, so that activations have the size that they have in trained networks
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.randn(8, 3, 224, 224))
    torch.save(model.state_dict(), path)


def export(exporter, checkpoint, folder):
    started = time.perf_counter_ns()
    import onnx
    import torch
    import torchvision
    from onnxconverter_common import float16

    if exporter == "dynamo":
        import onnxscript  # the exporter imports it on its first use

    imported = time.perf_counter_ns()
    model = torchvision.models.resnet50(weights=None)
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    model.eval()
    path = os.path.join(folder, "fp32.onnx")
    options = {"dynamo": True, "external_data": False, "verbose": False} if exporter == "dynamo" else {"dynamo": False, "opset_version": 17}
    names = {"input_names": ["input"], "output_names": ["output"]}
    torch.onnx.export(model, (torch.zeros(1, 3, 224, 224),), path, **names, **options)
    half = float16.convert_float_to_float16(onnx.load(path), keep_io_types=True)
    onnx.save(half, os.path.join(folder, "fp16.onnx"))
    done = time.perf_counter_ns()
    versions = {"torch": torch.__version__, "onnx": onnx.__version__}
    print(json.dumps({"imports_ns": imported - started, "work_ns": done - imported, **versions}))


def compare(ours, theirs):
    import numpy as np
    import onnxruntime

    image = np.random.default_rng(1).standard_normal((1, 3, 224, 224)).astype(np.float32)

    def answer(folder, precision):
        session = onnxruntime.InferenceSession(os.path.join(folder, f"{precision}.onnx"), providers=["CPUExecutionProvider"])
        return session.run(None, {session.get_inputs()[0].name: image})[0].astype(np.float64)

    found = {}
    exact = answer(theirs, "fp32")
    found["scale"] = float(np.abs(exact).max())
    for precision in ["fp32", "fp16"]:
        difference = np.abs(answer(ours, precision) - answer(theirs, precision)).max()
        found[precision] = float(difference) / found["scale"]
    found["rounding"] = float(np.abs(answer(theirs, "fp16") - exact).max()) / found["scale"]
    print(json.dumps(found))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command in ("torchscript", "dynamo"):
        export(command, *arguments)
    else:
        {"checkpoint": checkpoint, "compare": compare}[command](*arguments)
