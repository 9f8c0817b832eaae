"""Numbers with a dtype of their own count in a program as they do where NumPy reads them."""

import numpy as np
import pytest
from nets import batch

from clearprop import Affine, Layer, Network, Relu
from clearprop.compiler import compile
from clearprop.training import SGD
from clearprop.training.step import layered_step


class Scaling(Layer):
    def __init__(self, by):
        self.by = by

    def forward(self, x):
        return x * self.by

    def backward(self, dout):
        return dout * self.by


class Dividing(Scaling):
    def forward(self, x):
        return self.by * x / self.by + self.by * x

    def backward(self, dout):
        return self.by * dout / self.by + self.by * dout


class Both(Scaling):
    """A plain number, which is an argument of the program, meets one with a dtype."""

    def __init__(self, by):
        self.by, self.gain = by, 0.1

    def forward(self, x):
        return x * (self.gain * self.by)

    def backward(self, dout):
        return dout * (self.gain * self.by)


class Fixed(Scaling):
    fixed = ("by",)

    def __init__(self, by):
        self.by = np.array(by)


NUMBERS = [
    *(np.float64(0.1), np.float32(0.1), np.float16(0.1), np.float16(0.001), np.float16(400)),
    *(np.int8(100), np.uint8(200), np.int64(3), np.bool(True)),
    np.array(100, np.int8),
]


def made(layer, number, dtype):
    rng = np.random.default_rng(0)
    affine = [Affine.from_sizes(n, m, rng=rng, dtype=dtype) for n, m in ((4, 6), (6, 6), (6, 3))]
    for a in affine:  # so that the scores are neither very small nor very large
        a.W /= np.asarray(abs(float(number))).astype(dtype) ** 0.9
    return Network([affine[0], layer(number), Relu(), affine[1], layer(number), affine[2]])


@pytest.mark.parametrize("engine", ["numpy", "c"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layer", [Scaling, Dividing, Both, Fixed])
@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{n.dtype}-{n}-{type(n).__name__}")
def test_steps_agree(number, layer, dtype, engine):
    if dtype == np.float32 and (number.dtype.itemsize > 4):
        pytest.skip("it makes float64 of the layers that follow")
    written, compiled = made(layer, number, dtype), made(layer, number, dtype)
    before = {name: p.copy() for name, p in written.params.items()}
    layered, step = layered_step(written, SGD(0.1)), compile(compiled, SGD(0.1), engine=engine)
    x, t = batch(20, 4, 3, dtype)
    tolerance = 1e-13 if dtype == np.float64 else 1e-5
    assert step(x, t) == pytest.approx(layered(x, t), rel=tolerance)
    assert step.as_written == {}
    for name, p in before.items():
        change = written.params[name] - p
        worst = np.abs(change).max() + np.abs(p).max() * 1e-2
        np.testing.assert_allclose(compiled.params[name] - p, change, atol=tolerance * worst)


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_a_program_computes_with_long_doubles_as_numpy_does(dtype):
    x, t = batch(10, 4, 3, np.longdouble)
    third = np.longdouble(1) / 3  # to more digits than Python's numbers have

    def made():
        rng = np.random.default_rng(0)
        affine = Affine.from_sizes(4, 3, rng=rng, dtype=np.float32)
        return Network([affine, Relu(), Scaling(third)]).astype(dtype)

    written, compiled = made(), made()
    layered, step = layered_step(written, SGD(0.5)), compile(compiled, SGD(0.5))
    w = np.arange(1, 11).astype(np.longdouble)
    for _ in range(2):
        assert step(x, t, w) == pytest.approx(float(layered(x, t, w)), rel=1e-15)
    np.testing.assert_array_equal(compile(made())(x), made().predict(x), strict=True)
    f = compile(lambda x: np.maximum(x, third) * third)
    np.testing.assert_array_equal(f(x), np.maximum(x, third) * third, strict=True)
