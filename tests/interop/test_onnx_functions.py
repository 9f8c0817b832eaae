"""ONNX: every function that is exported gives in onnxruntime what NumPy gives."""

import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from test_onnx import batch, operators, run

from clearprop import Convolution, Layer, Network, Pooling, Relu, TransposedConvolution, layers
from clearprop.compiler import Prediction
from clearprop.compiler.rewriting import function_of
from clearprop.errors import UnsupportedError
from clearprop.interop import to_onnx
from clearprop.interop.onnx_expressions import EXPRESSIONS
from clearprop.layers.columns import col2im, im2col

missing = [name for name in ("onnx", "onnxruntime") if not find_spec(name)]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"{missing} not installed")
RNG = np.random.default_rng(0)

FUNCTIONS = {
    "sum where": lambda x: np.sum(x, axis=1, where=x > 0),
    "mean where": lambda x: np.mean(x, axis=1, where=x > -9),
    "max initial": lambda x: np.max(x, axis=1, initial=0.5),
    "sum dtype": lambda x: np.sum(x, axis=1, dtype=np.float64),
    "sum initial": lambda x: np.sum(x, axis=1, initial=3),
    "std ddof of samples": lambda x: np.std(x, axis=0, ddof=1),
    "std ddof": lambda x: np.std(x, axis=1, ddof=1),
    "take clip": lambda x: np.take(x, [0, 9], axis=1, mode="clip"),
    "clip kw": lambda x: np.clip(x, a_min=0, a_max=1),
    "clip kw2": lambda x: np.clip(x, min=0),
    "clip3": lambda x: np.clip(x, None, 0.5),
    "argmax none": lambda x: x[:, :1] * 0 + np.argmax(x),
    "expand neg": lambda x: np.expand_dims(x, (-1, 0))[0, :, :, 0],
    "pad scalar": lambda x: np.pad(x, ((0, 0), (1, 2)), constant_values=2.0),
    "pad edge": lambda x: np.pad(x, ((2, 1), (0, 3)), mode="edge"),
    "pad reflect": lambda x: np.pad(x, ((0, 0), (1, 5)), mode="reflect"),
    "pad bool": lambda x: np.pad(x > 0, ((0, 0), (1, 2))),
    "astype": lambda x: (x * 3).astype(np.int64),
    "int div": lambda x: (x * 30).astype(np.int64) / 7,
    "floor div": lambda x: (x * 30).astype(np.int64) // 7,
    "int pow": lambda x: x**2,
    "power": lambda x: abs(x) ** 0.5,
    "pow2": lambda x: 2.0**x,
    "equal": lambda x: x == x[:1],
    "lognot": lambda x: np.logical_not(x > 0),
    "logand float": lambda x: np.logical_and(x > 0, x),
    "relu int": lambda x: np.maximum((x * 3).astype(int), 0),
    "int max": lambda x: np.max((x * 3).astype(int), axis=1),
    "bool sum": lambda x: (x > 0).sum(axis=1),
    "bool mean": lambda x: (x > 0).mean(axis=1),
    "any": lambda x: (x > 0).any(axis=1),
    "all": lambda x: (x > 0).all(axis=1),
    "bool mul": lambda x: (x > 0) * (x > 1),
    "bool add": lambda x: (x > 0) + (x > 1),
    "xor": lambda x: (x > 0) ^ (x > 1),
    "and": lambda x: (x > 0) & (x < 1),
    "or": lambda x: (x > 0) | (x < -1),
    "not": lambda x: ~(x > 0),
    "intand": lambda x: (x * 9).astype(int) & 3,
    "int not": lambda x: ~(x * 9).astype(int),
    "shift": lambda x: (x * 9).astype(int) >> 1,
    "isnan": lambda x: np.isnan(x),
    "isinf": lambda x: np.isinf(x / 0.0 * 1),
    "isfinite": lambda x: np.isfinite(x),
    "nan_to_num": lambda x: np.nan_to_num(x),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "cumsum0": lambda x: np.cumsum(x, axis=0),
    "cumsum none": lambda x: np.cumsum(x),
    "norm": lambda x: np.linalg.norm(x, axis=1),
    "norm keep": lambda x: np.linalg.norm(x, axis=1, keepdims=True),
    "norm all": lambda x: x / np.linalg.norm(x),
    "norm 1": lambda x: np.linalg.norm(x, ord=1, axis=1),
    "norm inf": lambda x: np.linalg.norm(x, ord=np.inf, axis=1),
    "norm -inf": lambda x: np.linalg.norm(x, ord=-np.inf, axis=1),
    "norm 3": lambda x: np.linalg.norm(x, ord=3, axis=1),
    "norm fro": lambda x: x / np.linalg.norm(x, "fro"),
    "vector_norm": lambda x: np.linalg.vector_norm(x, axis=1),
    "logaddexp": lambda x: np.logaddexp(x, 1),
    "logaddexp2": lambda x: np.logaddexp2(x, 1),
    "lae.reduce": lambda x: np.logaddexp.reduce(x, axis=1),
    "add.reduce": lambda x: np.add.reduce(x, axis=1),
    "max.reduce": lambda x: np.maximum.reduce(x, axis=1),
    "mul.reduce": lambda x: np.multiply.reduce(x, axis=1),
    "add.acc": lambda x: np.add.accumulate(x, axis=1),
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "repeat0": lambda x: np.repeat(x, 3, axis=0),
    "repeat none": lambda x: np.repeat(x, 3),
    "repeat list": lambda x: np.repeat(x, [1, 2, 0, 1, 1, 3], axis=1),
    "tile": lambda x: np.tile(x, (1, 2)),
    "tile 3": lambda x: np.tile(x, (2, 1, 2)),
    "tile n": lambda x: np.tile(x, 2),
    "tile b": lambda x: np.tile(x[:1], (len(x), 1)),
    "round": lambda x: np.round(x),
    "round2": lambda x: np.round(x, 2),
    "round-1": lambda x: np.round(x * 100, -1),
    "around": lambda x: np.around(x),
    "trunc": lambda x: np.trunc(x * 3),
    "fix": lambda x: np.fix(x * 3),
    "mod": lambda x: np.mod(x, 2),
    "%": lambda x: x % 0.7,
    "mod neg": lambda x: x % -0.7,
    "imod": lambda x: (x * 30).astype(int) % 7,
    "fmod": lambda x: np.fmod(x, 0.7),
    "floor_divide": lambda x: x // 0.7,
    "divmod": lambda x: np.divmod(x, 0.7)[1],
    "sort": lambda x: np.sort(x, axis=1),
    "sort0": lambda x: np.sort(x, axis=0),
    "sort -1": lambda x: np.sort(x),
    "argsort": lambda x: np.argsort(x, axis=1),
    "argsort stable": lambda x: np.argsort((x * 2).astype(int), axis=1, kind="stable"),
    "argsort desc": lambda x: np.argsort(-x, axis=1),
    "top": lambda x: np.sort(x, axis=1)[:, -2:],
    "median": lambda x: np.median(x, axis=1),
    "flip": lambda x: np.flip(x, axis=1),
    "roll": lambda x: np.roll(x, 1, axis=1),
    "roll0": lambda x: np.roll(x, 1, axis=0),
    "diff": lambda x: np.diff(x, axis=1),
    "diag": lambda x: np.diagonal(x[:, None, :] * np.ones((6, 1), x.dtype), axis1=1, axis2=2),
    "trace": lambda x: np.trace(x[:, None, :] * np.ones((6, 1), x.dtype), axis1=1, axis2=2),
    "tril": lambda x: np.tril(x[:, None, :] * np.ones((6, 1), x.dtype)),
    "np.outer": lambda x: np.outer(x[:, 0], x[0]),
    "outer": lambda x: x[:, :, None] * x[:, None],
    "dot": lambda x: np.dot(x, np.eye(6, dtype=x.dtype)),
    "tensordot": lambda x: np.tensordot(x, np.eye(6, dtype=x.dtype), axes=1),
    "inner": lambda x: np.inner(x, np.eye(6, dtype=x.dtype)),
    "vecdot": lambda x: np.vecdot(x, x),
    "einsum": lambda x: np.einsum("ni,nj->nij", x, x),
    "average": lambda x: np.average(x, axis=1),
    "ptp": lambda x: np.ptp(x, axis=1),
    "hstack": lambda x: np.hstack([x, x]),
    "vstack": lambda x: np.vstack([x, x]),
    "column_stack": lambda x: np.column_stack([x, x[:, 0]]),
    "dstack": lambda x: np.dstack([x, x]),
    "split": lambda x: np.split(x, 3, axis=1)[1],
    "array_split": lambda x: np.array_split(x, 4, axis=1)[1],
    "unstack": lambda x: np.unstack(x, axis=1)[1],
    "hypot": lambda x: np.hypot(x, 1),
    "arctan2": lambda x: np.arctan2(x, 1),
    "log2": lambda x: np.log2(abs(x) + 1),
    "log10": lambda x: np.log10(abs(x) + 1),
    "exp2": lambda x: np.exp2(x),
    "cbrt": lambda x: np.cbrt(x),
    "arcsinh": lambda x: np.arcsinh(x),
    "arctanh": lambda x: np.arctanh(x / 10),
    "arccosh": lambda x: np.arccosh(abs(x) + 1),
    "deg": lambda x: np.deg2rad(x),
    "rad": lambda x: np.radians(x),
    "to deg": lambda x: np.rad2deg(x),
    "degrees": lambda x: np.degrees(x),
    "left shift": lambda x: (x * 9).astype(int) << 2,
    "argmin all": lambda x: x + np.argmin(x),
    "heaviside": lambda x: np.heaviside(x, 0.5),
    "fmax": lambda x: np.fmax(x, 1),
    "fmin": lambda x: np.fmin(x, 1),
    "float_power": lambda x: np.float_power(abs(x), 1.5),
    "sinc": lambda x: np.sinc(x),
    "copysign": lambda x: np.copysign(2.0, x),
    "sign": lambda x: np.sign(x),
    "fabs": lambda x: np.fabs(x),
    "positive": lambda x: +x,
    "interp": lambda x: np.interp(x, [0, 1, 2], [0, 1, 4]),
    "select": lambda x: np.select([x > 0, x > -1], [x, 2 * x], 0),
    "searchsorted": lambda x: np.searchsorted([0, 0.5, 1], x),
    "logical_xor": lambda x: np.logical_xor(x > 0, x > 1),
    "count_nonzero": lambda x: np.count_nonzero(x > 0, axis=1),
    "nansum": lambda x: np.nansum(x, axis=1),
    "maskidx": lambda x: x[:, [True, False, True, False, True, True]],
    "two idx": lambda x: x[np.arange(len(x)), np.argmax(x, axis=1)],
    "two idx b": lambda x: x[:, [0, 1]][:, [[1], [0]]],
    "mixed idx": lambda x: x[1:, [0, 1]],
    "int row": lambda x: x[:, 2],
    "take_along": lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1),
    "var": lambda x: np.var(x, axis=1),
    "prod": lambda x: np.prod(x, axis=1),
    "atleast": lambda x: np.atleast_2d(x),
    "moveaxis": lambda x: np.moveaxis(x, 0, 1)[:3].T,
    "rollaxis": lambda x: np.rollaxis(x, 1).T,
    "full_like": lambda x: x + np.full_like(x, 3),
    "swap": lambda x: np.swapaxes(x, 0, 1).T,
    "triu": lambda x: np.triu(x[:, None, :] * np.ones((6, 1), x.dtype)),
    "softmax": lambda x: np.exp(x - np.logaddexp.reduce(x, axis=1, keepdims=True)),
    "convolve": lambda x: np.stack([np.convolve(x[0], [1, 2, 1])]),
    "cross": lambda x: np.cross(x[:, :3], x[:, 3:]),
    "kron": lambda x: np.kron(x, np.ones((1, 2), x.dtype)),
    "det": lambda x: np.linalg.det(x[:, :4].reshape(-1, 2, 2)),
    "quantile": lambda x: np.quantile(x, 0.3, axis=1),
    "where1": lambda x: np.where(x > 0, x, x * 0.1),
    "piecewise": lambda x: np.minimum(x, 0),
}
WITHOUT_KERNEL = {"arctan2", "arcsinh", "arccosh", "arctanh", "det"}
"""Those for which onnxruntime has no kernel in float64, like for convolutions."""


class Several(Layer):
    """Some of the functions, side by side."""

    def __init__(self, names):
        self.names = names

    def forward(self, x):
        return tuple(FUNCTIONS[name](x) for name in self.names)


GROUPS = [[*FUNCTIONS][i : i + 12] for i in range(0, len(FUNCTIONS), 12)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("names", GROUPS, ids=lambda names: f"{names[0]} to {names[-1]}")
def test_functions(names, dtype):
    names = [n for n in names if dtype is np.float32 or n not in WITHOUT_KERNEL]
    network = Network([Several(names)])
    model = to_onnx(network, (6,), dtype=dtype)
    close = 1e-5 if dtype is np.float32 else 1e-11
    for n in (1, 3, 8):
        x = RNG.standard_normal((n, 6)).astype(dtype)
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            wanted = network.predict(x)
        for name, found, y in zip(names, run(model, x), wanted, strict=True):
            np.testing.assert_allclose(found, y, rtol=close, atol=close, err_msg=name)
            assert found.dtype == y.dtype, name


SPECIAL = (
    [np.nan, 1, 2, 0, -1, 3],
    [np.inf, -np.inf, 0.5, 1.5, 2.5, -0.5],
    [0, -0.0, 1, 7, -1, 2],
    [1e30, -1e30, 1e-30, 3, -7, 0.7],
    [0, 0, 0, 0, 0, 0],
)
NOT_THESE = {"floor div", "argsort", "argsort desc", "trace", "average"}
"""No whole number for NaN; equal values in another order; sums that lose all in another order."""


@pytest.mark.parametrize("names", GROUPS, ids=lambda names: f"{names[0]} to {names[-1]}")
def test_what_is_not_finite_and_what_is_equal(names):
    names = [n for n in names if n not in NOT_THESE and "sum" not in n and "add.r" not in n]
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        network = Network([Several(names)])
        model = to_onnx(network, (6,))
        for row in SPECIAL:
            x = np.array([row], np.float32)
            wanted = network.predict(x)
            for name, found, y in zip(names, run(model, x), wanted, strict=True):
                np.testing.assert_allclose(found, y, rtol=1e-5, atol=1e-5, err_msg=name)


def test_every_expression_is_tried():
    tried = set()
    for names in GROUPS:
        recorded = Prediction(Network([Several(names)])).prepare(np.ones((5, 6))).recorded
        tried |= {function_of(node) for node in recorded.nodes}
    assert {f.__name__ for f in EXPRESSIONS.keys() - tried} == set()


def transposed(c, m, size, bias=True, **how):
    b = RNG.standard_normal(m) if bias else None
    return TransposedConvolution(RNG.standard_normal((c, m, *size)), b, **how)


class UNet(Network):
    def __init__(self):
        self.down = Convolution.from_sizes(1, 4, 3, pad=1, rng=RNG)
        self.pool = Pooling(2, 2)
        self.inside = Network([Convolution.from_sizes(4, 8, 3, pad=1, rng=RNG), Relu()])
        self.up = transposed(8, 4, (2, 2), stride=2)
        self.out = Convolution.from_sizes(8, 1, 3, pad=1, rng=RNG)
        super().__init__()

    def forward(self, x):
        a = np.maximum(self.down(x), 0)
        return self.out(np.concatenate([a, self.up(self.inside(self.pool(a)))], axis=1))


class Folded(Layer):
    """Windows that no matrix product spread, and pixels in none of them."""

    def forward(self, x):
        return col2im(np.tanh(im2col(x, 2, 2, 3, 0)), np.shape(x), 2, 2, 3, 0)


IMAGES = {
    "twice as large": (lambda: Network([transposed(2, 3, (2, 2), stride=2)]), (2, 4, 4)),
    "uneven": (
        lambda: Network([transposed(2, 3, (3, 2), stride=(2, 1), pad=(1, 0))]),
        (2, 4, 5),
    ),
    "one pixel": (lambda: Network([transposed(2, 3, (1, 1), bias=False)]), (2, 4, 5)),
    "one image": (lambda: Network([transposed(1, 1, (3, 3), bias=False, stride=3)]), (1, 1, 1)),
    "folded": (lambda: Network([Folded()]), (3, 7, 9)),
    "U-Net": (UNet, (1, 8, 8)),
}


@pytest.mark.parametrize("name", IMAGES)
def test_transposed_convolutions(name):
    make, shape = IMAGES[name]
    network = make().astype(np.float32)
    model = to_onnx(network, shape)
    assert operators(model).count("ConvTranspose") == 1
    assert operators(model).count("MatMul") == 0
    for n in (1, 2, 5):
        x = batch(np.zeros((1, *shape)), n)
        (found,), wanted = run(model, x), network.predict(x)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


LAYERS = {
    kind.__name__: kind
    for kind in vars(layers).values()
    if isinstance(kind, type) and issubclass(kind, Layer) and not issubclass(kind, layers.Loss)
    if kind is not Layer
}


class Around(Network):
    def __init__(self, layer):
        self.layer = layer
        super().__init__()

    def forward(self, *inputs):
        return self.layer(*inputs)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_travels(name):
    tried = 0
    for layer, inputs in LAYERS[name].samples(np.random.default_rng(0)):
        if not all(np.ndim(x) > 1 and len(x) == len(inputs[0]) for x in inputs):
            continue  # not batches
        network = Around(layer).astype(np.float32)
        inputs = tuple(x.astype(np.float32) if x.dtype.kind == "f" else x for x in inputs)
        x = inputs if len(inputs) > 1 else inputs[0]
        (found,), wanted = run(to_onnx(network, x), x), network.predict(x)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
        tried += 1
    assert tried


class Computed(Layer):
    def __init__(self, function):
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.cumprod(x, axis=1), "np.cumprod in Computed1.infer: ONNX has no operator"),
        (lambda x: np.partition(x, 2, axis=1), "np.argpartition in .*: it is not exported yet"),
        (lambda x: np.linalg.norm(x, 2), "np.linalg.norm in .*: of matrices no norm but 'fro'"),
        (lambda x: np.pad(x, 1, mode="wrap"), "np.pad in .*: padding is done with one constant"),
        (lambda x: np.pad(x, 1, mode="reflect"), "np.pad in .*: no more is reflected"),
        (lambda x: x[:, np.eye(6, dtype=bool)[0], None][np.arange(len(x)) % 2], "samples"),
    ],
)
def test_what_is_not_exported_says_so(function, message):
    with pytest.raises(UnsupportedError, match=message):
        to_onnx(Network([Computed(function)]), (6,))
