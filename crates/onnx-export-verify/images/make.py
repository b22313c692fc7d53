"""Makes the photographs of this folder and golden.txt, which the tests of src/verify/images compare with.

    python make.py      needs scikit-image, torch and torchvision (golden.txt names the versions)

golden.txt, one line a case: name, height, width and channels of the tensor, its SHA-256 (float32, little-endian,
row-major), and its first, middle and last value. The tensors come from torchvision's own transforms over PIL.
All pictures are of a shape whose rows every version of PIL scales before the columns (13 does otherwise with some).
"""

import hashlib
import pathlib
import sys

import numpy
import PIL
import torch
import torchvision
from PIL import Image
from skimage import data
from torchvision import transforms

FOLDER = pathlib.Path(__file__).parent
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
# height of the photograph that is kept; the width follows
HEIGHT = 168


def photographs():
    for name in ("astronaut", "chelsea", "coffee"):
        image = Image.fromarray(getattr(data, name)())
        width = round(image.width * HEIGHT / image.height)
        image.resize((width, HEIGHT), Image.LANCZOS).save(FOLDER / f"{name}.png", optimize=True)


def pattern(height, width):
    """A picture that a few lines of any language draw: `pattern` in the tests."""
    y, x, c = numpy.ogrid[:height, :width, :3]
    return Image.fromarray(((x * 7 + y * 13 + c * 29 + (x * y) % 251 * 3) % 256).astype(numpy.uint8))


def classifier(image, resize, crop):
    steps = [
        transforms.Resize(resize),
        transforms.CenterCrop(crop),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
    return transforms.Compose(steps)(image)


def grey(image, resize, crop):
    steps = [transforms.Grayscale(), transforms.Resize(resize), transforms.CenterCrop(crop)]
    steps += [transforms.ToTensor(), transforms.Normalize([0.449], [0.226])]
    return transforms.Compose(steps)(image)


def cases():
    for name in ("astronaut", "chelsea", "coffee"):
        image = Image.open(FOLDER / f"{name}.png").convert("RGB")
        yield name, classifier(image, 256, 224)
    yield "astronaut-299", classifier(Image.open(FOLDER / "astronaut.png").convert("RGB"), 342, 299)
    yield "astronaut-32", classifier(Image.open(FOLDER / "astronaut.png").convert("RGB"), 37, 32)
    yield "coffee-grey", grey(Image.open(FOLDER / "coffee.png").convert("RGB"), 256, 224)
    yield "pattern-701x523", classifier(pattern(701, 523), 256, 224)
    yield "pattern-333x1000", classifier(pattern(333, 1000), 256, 224)
    yield "pattern-37x911", classifier(pattern(37, 911), 256, 224)
    # height and width of their own: the picture covers both, with the margin of 256 over 224
    yield "pattern-wide", classifier(pattern(400, 700), (209, 366), (128, 320))


def line(name, tensor):
    values = tensor.numpy().astype("<f4")
    flat = values.reshape(-1)
    some = " ".join(f"{v:.9g}" for v in (flat[0], flat[flat.size // 2], flat[-1]))
    channels, height, width = values.shape
    return f"{name} {height} {width} {channels} {hashlib.sha256(values.tobytes()).hexdigest()} {some}\n"


if __name__ == "__main__":
    photographs()
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}, PIL {PIL.__version__}, Python {sys.version.split()[0]}"
    with open(FOLDER / "golden.txt", "w") as golden:
        golden.write(f"# {versions}\n")
        for name, tensor in cases():
            golden.write(line(name, tensor))
