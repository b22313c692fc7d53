"""The peer of `measure fp16`: onnxconverter-common, the checks of the onnx package, and ONNX Runtime.

peer.py name IN OUT             gives every node a name, so that both sides speak of the same nodes
peer.py convert IN OUT          float16 by onnxconverter-common, inputs and outputs float32; its own time
peer.py judge SHAPES SEEDS FP32 NAME=MODEL...   checks and errors against the float32 model
peer.py schemas                 the types of all operators, as operators.txt has them
Each prints one line of JSON, `schemas` the table.
"""

import json
import sys
import time
import warnings

import numpy as np
import onnx

warnings.filterwarnings("ignore")
CODES = {
    "float16": "h", "float": "f", "bfloat16": "b", "double": "d", "int64": "l",
    "int32": "i", "bool": "B", "uint8": "u", "int8": "c", "string": "s",
}


def nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from nodes(attribute.g)


def name(source, target):
    model = onnx.load(source)
    # weights listed among the inputs, as files of format 3 have them, break onnxconverter-common:
    # both sides get the model without that
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, 4)
    taken = {node.name for node in nodes(model.graph)}
    for index, node in enumerate(nodes(model.graph)):
        if not node.name:
            node.name = f"{node.op_type}_{index}"
            while node.name in taken:
                node.name += "_"
            taken.add(node.name)
    onnx.save(model, target)
    return {"nodes": len(list(nodes(model.graph)))}


def convert(source, target):
    from onnxconverter_common import float16

    started = time.perf_counter()
    try:
        model = float16.convert_float_to_float16(onnx.load(source), keep_io_types=True)
        onnx.save(model, target)
    except Exception as error:  # whatever it raises is its answer
        return {"failed": first_line(error), "blocked": float16.DEFAULT_OP_BLOCK_LIST}
    took = time.perf_counter() - started
    return {"seconds": took, "blocked": float16.DEFAULT_OP_BLOCK_LIST}


def first_line(error):
    return str(error).strip().splitlines()[-1][:200]


def check(model):
    """What is wrong with the types of a model; empty when nothing is."""
    try:
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        return ""
    except Exception as error:
        return first_line(error)


def session(path, optimise):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    levels = ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def feeds(inputs, shapes, seed):
    """Images are smooth with some noise on top, other floats normal, states zero, integers as given."""
    random = np.random.default_rng(seed)
    fed = {}
    for value in inputs:
        given = shapes.get(value.name)
        if isinstance(given, int):
            fed[value.name] = np.array(given, np.int64)
            continue
        dims = [d if isinstance(d, int) and d > 0 else 1 for d in value.shape]
        dims = given or dims
        if value.name in ("state", "h", "c"):
            fed[value.name] = np.zeros(dims, np.float32)
        elif len(dims) == 4:
            n, c, h, w = dims
            coarse = random.standard_normal((n, c, -(-h // 16), -(-w // 16)))
            smooth = np.kron(coarse, np.ones((1, 1, 16, 16)))[:, :, :h, :w]
            fed[value.name] = (smooth + 0.2 * random.standard_normal(dims)).astype(np.float32)
        else:
            fed[value.name] = (0.1 * random.standard_normal(dims)).astype(np.float32)
    return fed


def errors(candidate, reference):
    """Largest error of each output, over the largest number of that output."""
    found = []
    for ours, theirs in zip(candidate, reference):
        ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        if theirs.size == 0 or ours.shape != theirs.shape or not np.isfinite(ours).all():
            found.append(float("inf") if theirs.size else 0.0)
            continue
        scale = np.abs(theirs).max() or 1.0
        found.append(float(np.abs(ours - theirs).max() / scale))
    return max(found, default=0.0)


def judge(shapes, seeds, source, *candidates):
    shapes = json.loads(shapes)
    reference = session(source, True)
    runs = [feeds(reference.get_inputs(), shapes, seed) for seed in range(1, int(seeds) + 1)]
    expected = [reference.run(None, fed) for fed in runs]
    answer = {}
    for candidate in candidates:
        label, path = candidate.split("=", 1)
        twin = label.endswith("twin")
        found = {}
        if not twin:
            model = onnx.load(path)
            found["check"] = check(model)
            found["casts"] = sum(node.op_type == "Cast" for node in nodes(model.graph))
            found["bytes"] = model.ByteSize()
        try:
            own = session(path, not twin)
            error = max(errors(own.run(None, fed), out) for fed, out in zip(runs, expected))
            # infinity is no JSON
            found.update({"error": error} if error < float("inf") else {"failed": "an output is not finite"})
        except Exception as error:
            found["failed"] = first_line(error)
        answer[label] = found
    answer["constant"] = bool(all(np.ptp(np.asarray(o)) == 0 for out in expected for o in out))
    return answer


def schemas():
    def code(text):
        if not text.startswith("tensor("):
            return "q"
        return CODES.get(text[7:-1], "o")

    last = {}
    every = onnx.defs.get_all_schemas_with_history()
    for schema in sorted((s for s in every if s.domain == ""), key=lambda s: (s.name, s.since_version)):
        variables = {
            c.type_param_str: "".join(sorted({code(t) for t in c.allowed_type_strs}))
            for c in schema.type_constraints
        }

        def port(parameter):
            text = parameter.type_str
            text = text if text in variables else "=" + code(text)
            if parameter.option == onnx.defs.OpSchema.FormalParameterOption.Variadic:
                text += "*" if parameter.is_homogeneous else "+"
            return text

        inputs, outputs = [port(p) for p in schema.inputs], [port(p) for p in schema.outputs]
        used = {text.rstrip("*+") for text in inputs + outputs}
        stated = " ".join(f"{k}:{v}" for k, v in variables.items() if k in used)
        line = f"{stated}|{' '.join(inputs)}|{' '.join(outputs)}"
        if last.get(schema.name) != line:
            last[schema.name] = line
            print(f"{schema.name} {schema.since_version}|{line}")


if __name__ == "__main__":
    task = {"name": name, "convert": convert, "judge": judge, "schemas": schemas}[sys.argv[1]]
    answer = task(*sys.argv[2:])
    if answer is not None:
        print(json.dumps(answer))
