"""Makes the small checkpoints beside this file, and `expected.json` with what torch reads from each.

    python make.py        # torch 2.15 and safetensors 0.8 were used; needs nothing else

Every tensor is listed under the name that a reader sees: the keys of the dictionaries around it and its own,
joined by dots. Hostile files have no entry in `expected.json`: they must be refused.
"""

import argparse
import collections
import io
import json
import os
import pathlib
import pickle
import struct
import tarfile
import zipfile

import numpy
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
torch.manual_seed(1)
expected = {}


def flat(value, name=""):
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from flat(inner, f"{name}.{index}" if name else str(index))


def number(value):
    return value if numpy.isfinite(value) else str(value)


def note(name, value, form):
    entries = []
    for key, tensor in flat(value):
        tensor = tensor.detach()
        entry = {"name": key, "shape": list(tensor.shape), "element": str(tensor.dtype)[6:]}
        if tensor.dtype.is_floating_point:
            entry["values"] = [number(v) for v in tensor.float().flatten().tolist()]
        entries.append(entry)
    expected[name] = {"form": form, "entries": entries}


def save(name, value, **options):
    torch.save(value, HERE / name, **options)
    note(name, value, "legacy" if options.get("_use_new_zipfile_serialization") is False else "zip")


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 1, bias=False)
        self.bn = torch.nn.BatchNorm2d(3)
        self.fc = torch.nn.Linear(3, 4)

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).mean((2, 3)))


def trained():
    """A model after two steps, so that statistics and optimizer state are not trivial."""
    model = Tiny()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(4, 2, 3, 3)).square().mean().backward()
        optimizer.step()
        schedule.step()
    return model, optimizer, schedule


def training():
    model, optimizer, schedule = trained()
    return {
        "epoch": 7,
        "arch": "tiny",
        "best": numpy.float64(0.75),
        "best32": numpy.float32(0.5),
        "history": [1.5, None, True, (2, "x")],
        "big": 1 << 90,
        "args": argparse.Namespace(lr=0.01, path=pathlib.PurePosixPath("/data"), size=[1, 2]),
        "rng": torch.get_rng_state()[:16].clone(),
        "numpy": numpy.arange(3),
        "set": {1, 2},
        "counts": collections.defaultdict(int, a=1),
        "dtype": torch.float16,
        "device": torch.device("cpu"),
        "size": torch.Size([1, 2]),
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": schedule.state_dict(),
    }


def views():
    base = torch.arange(24, dtype=torch.float32)
    return collections.OrderedDict(
        transposed=base.view(4, 6).t(),
        channels_last=base.view(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
        part=base[5:11],
        stepped=base.view(4, 6)[1:, ::2],
        expanded=torch.tensor([[1.0], [2.0]]).expand(2, 3),
        scalar=torch.tensor(4.5),
        empty=torch.zeros(0, 3),
        tied=base,
        parameter=torch.nn.Parameter(base[:2]),
    )


def kinds():
    values = torch.tensor([0.0, -0.0, 1.0, -2.5, 3.140625, 65504.0, 6e-8, float("inf")])
    return {
        "f16": values.half(),
        "bf16": values.bfloat16(),
        "f32": values.clone(),
        "f64": torch.tensor([0.1, 1e-300, 3e38], dtype=torch.float64),
        "i64": torch.tensor(3),
        "i32": torch.tensor([1, 2], dtype=torch.int32),
        "i8": torch.tensor([1], dtype=torch.int8),
        "u8": torch.tensor([1], dtype=torch.uint8),
        "bool": torch.tensor([True]),
        "u16": torch.tensor([7], dtype=torch.uint16),
    }


def repack(source, target, change=lambda name, data: (name, data), compress=zipfile.ZIP_DEFLATED):
    """The members of a zip checkpoint again, changed, in another compression."""
    with zipfile.ZipFile(HERE / source) as old, zipfile.ZipFile(HERE / target, "w", compress) as new:
        for member in old.namelist():
            changed = change(member, old.read(member))
            if changed:
                new.writestr(zipfile.ZipInfo(changed[0]), changed[1], compress)


class Runs:
    """What an attacker puts into a pickle."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def good():
    model = Tiny()
    save("plain.pth", model.state_dict())
    save("legacy.pth", model.state_dict(), _use_new_zipfile_serialization=False)
    save("protocol4.pth", model.state_dict(), pickle_protocol=4)
    save("module.pth", {f"module.{name}": tensor for name, tensor in model.state_dict().items()})
    save("training.pth", training())
    save("training-legacy.pth", training(), _use_new_zipfile_serialization=False)
    save("views.pth", views())
    save("views-legacy.pth", views(), _use_new_zipfile_serialization=False)
    save("kinds.pth", kinds())
    tensors = {name: t for name, t in kinds().items() if name != "u16"}
    save_file(tensors, HERE / "kinds.safetensors", metadata={"format": "pt"})
    note("kinds.safetensors", tensors, "safetensors")
    repack("plain.pth", "deflated.pth")
    note("deflated.pth", model.state_dict(), "zip")

    def swapped(name, data):
        if name.endswith("/byteorder"):
            return name, b"big"
        if "/data/" in name:
            # num_batches_tracked is the only storage of 8-byte elements
            size = 8 if len(data) == 8 else 4
            data = b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))
        return name, data

    repack("plain.pth", "big-endian.pth", swapped, zipfile.ZIP_STORED)
    note("big-endian.pth", model.state_dict(), "zip")


def hostile():
    torch.save({"w": torch.zeros(2), "x": Runs(os.system, "echo owned")}, HERE / "hostile-system.pth")
    torch.save(
        {"w": torch.zeros(2), "x": Runs(eval, "1"), "y": Runs(os.system, "echo owned")},
        HERE / "hostile-legacy.pth",
        _use_new_zipfile_serialization=False,
    )
    (HERE / "hostile-pickle.pth").write_bytes(pickle.dumps(Runs(os.system, "echo owned")))
    torch.save(torch.nn.Linear(1, 1), HERE / "hostile-module.pth")

    def member(name, data):
        return (name.replace("/data/0", "/data/../../../../tmp/x"), data)

    repack("plain.pth", "hostile-path.pth", member, zipfile.ZIP_STORED)

    def claim(name, data):
        if name.endswith("data.pkl"):
            # the number of elements of the first storage, 6, becomes 2^31 - 1
            data = data.replace(b"cpuq\x07K\x06t", b"cpuq\x07J\xff\xff\xff\x7ft", 1)
            assert b"\xff\xff\xff\x7f" in data
        return name, data

    repack("plain.pth", "hostile-claim.pth", claim, zipfile.ZIP_STORED)
    header = b'{"w":{"dtype":"F32","shape":[250000000000],"data_offsets":[0,1000000000000]}}'
    (HERE / "hostile-claim.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with tarfile.open(HERE / "old-tar.pth", "w", format=tarfile.USTAR_FORMAT) as tar:
        for name in ["storages", "tensors", "pickle"]:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO(b""))


good()
hostile()
(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
