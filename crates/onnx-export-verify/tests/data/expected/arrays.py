"""Makes arrays.npz: arrays of every kind that is read, written by numpy itself.

    python arrays.py      needs numpy
"""

import pathlib

import numpy

values = numpy.arange(24).reshape(2, 3, 4) - 7
numpy.savez_compressed(
    pathlib.Path(__file__).with_name("arrays.npz"),
    f2=values.astype("<f2"),
    f4=values.astype("<f4"),
    f8=values.astype("<f8"),
    big_f4=values.astype(">f4"),
    big_i8=values.astype(">i8"),
    i1=values.astype("i1"),
    i2=values.astype("<i2"),
    i4=values.astype("<i4"),
    i8=values.astype("<i8"),
    u1=(values % 256).astype("u1"),
    u8=(values % 256).astype("<u8"),
    flags=values % 2 == 0,
    fortran=numpy.asfortranarray(values.astype("<f4")),
    scalar=numpy.float32(2.5),
    empty=numpy.zeros((0, 3), "<f4"),
    one=numpy.array([1.5], "<f4"),
)
