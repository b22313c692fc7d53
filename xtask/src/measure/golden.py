"""What torchvision's own models answer, in float64, for weights and an input that a hash gives.

    golden.py FOLDER ARCHITECTURE...

Writes FOLDER/ARCHITECTURE.json: the answers, samples of inner values, and digests of weights and input. Who wants
to compare makes the same weights: crates/onnx-export-verify/src/architecture/golden.rs does.

hash     u(name, i) = splitmix64's finaliser of (FNV-1a of name + (i + 1) * 0x9E3779B97F4A7C15), its upper 24 bits
         as a number from -1 to 1
weights  sqrt(3 / inputs of one output) * u, an eighth of that in convolutions without bias (a normalisation follows,
         and its epsilon then weighs more)
bias     u / 8
scale    1 + u / 4, shift u / 8
running  variance 2^e * (1 + u / 2), mean 2^floor(e / 2) * u / 4; e is an integer for each normalisation, chosen by
         the magnitude of what arrives there, and stands in the file
input    2 * u of the name "input"

Everything is computed in float64 and rounded once, to float32.
"""
import hashlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn

CLASSES = 48
IMAGE = [1, 3, 64, 64]
SAMPLES = 12


def finalised(x):
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def hashed(name, count):
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = (key ^ byte) * 0x100000001B3 % 2**64
    index = np.arange(1, count + 1, dtype=np.uint64)
    return finalised(np.uint64(key) + index * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)


def unit(name, shape):
    return (hashed(name, math.prod(shape)).astype(np.float64) / 2**23 - 1.0).reshape(shape)


def fill(tensor, values):
    """Rounds to float32; the tensor itself is float64."""
    tensor.data.copy_(torch.from_numpy(np.asarray(values, np.float32).astype(np.float64)))


def fill_weights(module, path):
    weight, bias = f"{path}.weight", f"{path}.bias"
    if isinstance(module, nn.BatchNorm2d):
        fill(module.weight, 1.0 + unit(weight, module.weight.shape) / 4)
        fill(module.bias, unit(bias, module.bias.shape) / 8)
    elif isinstance(module, (nn.Conv2d, nn.Linear)):
        shape = tuple(module.weight.shape)
        bound = math.sqrt(3.0 / math.prod(shape[1:]))
        if isinstance(module, nn.Conv2d) and module.bias is None:
            bound /= 8
        fill(module.weight, bound * unit(weight, shape))
        if module.bias is not None:
            fill(module.bias, unit(bias, module.bias.shape) / 8)


def measure_running(module, path, exponents):
    """Before the first use: the exponent of the magnitude of what arrives."""
    def hook(_module, arguments):
        exponent = exponents.get(path)
        if exponent is None:
            exponent = round(math.log2(arguments[0].square().mean().item()))
            exponents[path] = exponent
        var, mean = f"{path}.running_var", f"{path}.running_mean"
        fill(module.running_var, 2.0**exponent * (1.0 + unit(var, module.running_var.shape) / 2))
        fill(module.running_mean, 2.0 ** (exponent // 2) * unit(mean, module.running_mean.shape) / 4)
    return hook


def sampled(path, tensor):
    values = tensor.detach().clone().flatten()
    at = [int(v) % values.numel() for v in hashed(f"at {path}", SAMPLES)]
    return {
        "shape": list(tensor.shape),
        "largest": shown(values.abs().max().item()),
        "at": at,
        "values": [shown(values[index].item()) for index in at],
    }


def shown(value):
    """Ten digits: far beyond float32, and a small file."""
    return float(f"{value:.9e}")


def stages(model):
    """The modules that a reader of the network would name: the model's own, and those of its list of features."""
    for name, module in model.named_children():
        if name == "features":
            yield from ((f"features.{index}", part) for index, part in module.named_children())
        elif name == "classifier":
            yield from ((f"classifier.{index}", part) for index, part in module.named_children())
        else:
            yield name, module


def digest(model):
    lines = []
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        data = tensor.numpy().astype("<f4").tobytes()
        shape = "x".join(map(str, tensor.shape))
        lines.append(f"{name} {shape} {hashlib.sha256(data).hexdigest()}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def golden(name):
    build = getattr(torchvision.models, name, None)
    if not callable(build):
        sys.exit(f"torchvision {torchvision.__version__} has no model {name}")
    model = build(weights=None, num_classes=CLASSES).double().eval()
    exponents, found = {}, {}
    for path, module in model.named_modules():
        fill_weights(module, path)
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(measure_running(module, path, exponents))
    image = (2.0 * unit("input", IMAGE)).astype(np.float32)
    with torch.no_grad():
        x = torch.from_numpy(image.astype(np.float64))
        model(x)
        for path, module in stages(model):
            module.register_forward_hook(lambda _m, _i, out, path=path: found.update({path: sampled(path, out)}))
        logits = model(x).flatten()
    return {
        "architecture": name,
        "command": f"cargo xtask measure golden {name}",
        "made-with": {"torch": torch.__version__, "torchvision": torchvision.__version__, "dtype": "float64"},
        "classes": CLASSES,
        "image": IMAGE,
        "weights-sha256": digest(model),
        "input-sha256": hashlib.sha256(image.astype("<f4").tobytes()).hexdigest(),
        "exponents": exponents,
        "stages": found,
        "logits": [shown(value) for value in logits.tolist()],
    }


def main():
    np.seterr(over="ignore")
    torch.manual_seed(0)
    folder = Path(sys.argv[1])
    for name in sys.argv[2:]:
        result = golden(name)
        # one line for each stage: a change can then be read
        rows = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in result.pop("stages").items())
        body = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in result.items())
        path = folder / f"{name}.json"
        path.write_text(f"{{\n{body},\n\"stages\": {{\n{rows}\n}}\n}}\n")
        largest = max(abs(v) for v in result["logits"])
        print(f"{name}: {path.stat().st_size} bytes, largest logit {largest:.3f}", file=sys.stderr)


if __name__ == "__main__":
    main()
