"""Programs in JavaScript compute what NumPy computes; what they cannot say is named."""

import contextlib
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from twenty import TWENTY, distance, ratio, trained

from clearprop import TwoLayerNet, grad
from clearprop.compiler import compile, in_node
from clearprop.compiler.engines.javascript import runtime
from clearprop.compiler.engines.script import _TAKEN
from clearprop.errors import ConfigError, MissingPackageError, UnsupportedError
from clearprop.training import SGD

node = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
rng = np.random.default_rng(3)
A, B, C = rng.standard_normal((2, 3, 4)), rng.standard_normal((4, 5)), rng.random((3, 4)) + 0.5
T = np.array([2, 0, 1])


@node
@pytest.mark.parametrize("name", TWENTY)
def test_twenty_networks_learn_the_same(name):
    exact = trained(name, np.float64)
    assert distance(trained(name, np.float64, engine="javascript"), exact) < 1e-12
    if name in ("wide", "convolutional", "layer norm"):
        assert ratio(name, engine="javascript") < 3


FUNCTIONS = {
    "elements": lambda x: np.exp(-(x**2)) + np.tanh(x) * np.log1p(x) / np.sqrt(x + 1),
    "powers": lambda x: x**3 + x**-1 + x**0.5 + 2**x + np.power(x, x),
    "angles": lambda x: np.arctan2(np.sin(x), np.cos(x)) + np.arcsinh(x) + np.hypot(x, 2 * x),
    "signs": lambda x: np.abs(x - 1) + np.sign(x - 1) + np.copysign(x, x - 1) + np.rint(3 * x),
    "choices": lambda x: np.where(x > 1, x, 2 * x) + np.clip(x, 0.7, 1.2) + np.fmax(x, 1),
    "remainders": lambda x: np.remainder(-x, 0.3) + np.fmod(-x, 0.3) + (-x) // 0.3,
    "logarithms": lambda x: np.logaddexp(x, -x) + np.logaddexp2(x, 1) + np.log2(x) + np.log10(x),
    "reductions": lambda x: x.sum(0) + x.prod(0) + x.max(0) + x.min(axis=0) + x.mean() + x.var(0),
    "moments": lambda x: (
        np.cos(np.arange(12)).reshape(3, 4)
        * (x - x.mean(axis=1, keepdims=True))
        / x.std(axis=1, keepdims=True)
    ),
    "places": lambda x: (
        np.flip(x, 1) + np.roll(x, 1) + np.tile(x[:, :2], 2) + np.repeat(x[:, :1], 4, axis=1)
    ),
    "turned": lambda x: np.concatenate([x.T.ravel(), x[::-1].ravel(), x[1, ::2]]),
    "stacked": lambda x: np.stack([x, 2 * x, x * x], axis=1)[:, 1:].sum(axis=1),
    "padded": lambda x: np.pad(x, ((1, 0), (2, 1)))[:3, 1:5],
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)).max(axis=(2, 3)),
    "picked": lambda x: x[np.arange(3), T] + x[T].sum(axis=1) + x[:, T].sum(axis=1),
    "sorted": lambda x: np.sort(x, axis=1) * np.arange(4),
    "sums so far": lambda x: np.cumsum(x, axis=1) + np.cumsum(x).reshape(3, 4),
    "truths": lambda x: (~(x > 1) | (x < 0.7)) + ~np.argsort(x, axis=1) * x,
    "largest": lambda x: np.argmax(x, axis=1) + x.max(axis=1) + np.argmin(x),
    "the first that is no number": lambda x: (
        np.argmax(np.where(x > 1, np.nan, x), axis=1) * x[0, 0]
    ),
    "products": lambda x: (x @ B).sum() + np.einsum("ij,kj->ik", x, x).sum() + (A @ x.T).sum(),
    "three": lambda x: np.einsum("ij,ij,kj->k", x, x, x),
    "without an arrow": lambda x: np.einsum("ba", x) @ np.einsum("cab", x[None] * 2)[:, 0],
    "three without": lambda x: np.einsum("cb,ab", x, x) + np.einsum("ii", x @ x.T),
    "traces": lambda x: np.einsum("ii->i", x[:, :3]) + np.diagonal(x),
    "numbers": lambda x: np.dot(x[0], x[1]) * x[2] + np.outer(x[0], x[1]),
}


@node
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name):
    f = FUNCTIONS[name]

    def total(x):
        return f(x).sum()

    for dtype, close in ((np.float64, 1e-12), (np.float32, 3e-6)):
        x = C.astype(dtype)
        wanted, found = f(x), compile(f, engine="javascript")(x)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, close, close * np.abs(wanted).max())
        if name in ("largest", "truths") and dtype is np.float32:
            continue
        wanted, found = grad(total)(x), compile(grad(total), engine="javascript")(x)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, close, close * np.abs(wanted).max())


@node
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_products_quotients_and_roots_are_the_same_bits(dtype):
    def f(x, y):
        return (x + y) * (x - y) / (1 + x * x) + np.sqrt(np.abs(x * y)) - 0.1 * y**2

    draw = np.random.default_rng(5)
    x, y = (draw.standard_normal(4000) * 10.0 ** draw.integers(-9, 9, 4000) for _ in range(2))
    x, y = x.astype(dtype), y.astype(dtype)
    np.testing.assert_array_equal(compile(f, engine="javascript")(x, y), f(x, y))


@node
def test_what_is_not_finite_stays_so():
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0])
    for f in (np.exp, np.log, np.sqrt, np.abs, np.sign, np.isnan, np.isfinite, np.signbit):
        np.testing.assert_equal(_quiet(compile(f, engine="javascript"), x), _quiet(f, x))
    for f in (np.maximum, np.fmax, np.power, np.divide, np.remainder):
        y = x[::-1].copy()
        found = _quiet(compile(f, engine="javascript"), x, y)
        np.testing.assert_equal(found, _quiet(f, x, y), err_msg=f.__name__)
    assert np.isnan(compile(np.max, engine="javascript")(x))


@np.errstate(all="ignore")
def _quiet(f, *args):
    return f(*args)


@node
def test_the_error_function():
    special = pytest.importorskip("scipy.special")
    x = np.linspace(-7, 7, 141)
    f = compile(lambda x: special.erf(x), engine="javascript")
    np.testing.assert_allclose(f(x), special.erf(x), rtol=1e-14, atol=1e-15)


def test_the_program_is_plain_loops_with_the_names_of_the_layers():
    net = TwoLayerNet(4, 3, 2, rng=np.random.default_rng(0))
    step = compile(net, SGD(0.1), engine="javascript")
    source = step.prepare(np.ones((5, 4), np.float32), np.zeros(5, int)).source
    assert source.startswith("// Training step of TwoLayerNet for batches (5, 4)")
    assert "multiply(Affine1_matmul_plan, Affine1_matmul, x, P); // Affine1.forward" in source
    assert "P.set(" in source
    assert not re.search(r"eval|Function|fetch|import", source)


def test_names_cannot_leave_their_comment():
    hostile = "</script>\n*/ alert(1) \u2028 <!--"
    f = compile(lambda x: x * 2, engine="javascript")
    f.function.__name__ = hostile
    with contextlib.suppress(MissingPackageError):
        f(np.ones(2))
    assert "</script" not in f.source
    assert "<!--" not in f.source
    assert all("alert" not in line or line.startswith("//") for line in f.source.splitlines()[:1])


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: np.linalg.inv(x @ x.T), r"no spelling for np\.linalg\.inv in .*: it is not"),
        (lambda x: np.astype(x, np.float16), "no arrays of float16 in JavaScript; use float32"),
        (lambda x: np.exp(x > 1) * x, "np.exp in .*: there are no arrays of float16"),
        (lambda x: np.astype(x, np.uint8) * x, r"uint8 goes round .* x\.astype\(np\.int64\)"),
        (lambda x: (x > 1) @ (x < 1).T @ x, "np.matmul in .*: it makes truth values"),
        (lambda x: np.pad(x, 1, mode="edge"), "np.pad in .*"),
        (lambda x: np.linalg.eigh(x @ x.T)[0], r"np\.linalg\.eigh in .*: it gives several results"),
        (lambda x: np.linalg.svd(x, full_matrices=False)[1], r"np\.linalg\.svd in .*: it gives"),
        (lambda x: np.linalg.qr(x)[1], r"np\.linalg\.qr in .*: it gives several results"),
        (lambda x: np.linalg.lstsq(x, x[:, 0])[0], r"np\.linalg\.lstsq in .*: it gives several"),
        *(
            (lambda x, f=f: f(x, axis=1, where=C[0] > 0), rf"np\.{f.__name__} in .*: it has other")
            for f in (np.sum, np.mean, np.var, np.std, np.prod, np.all)
        ),
        (lambda x: np.max(x, axis=1, initial=0, where=C[0] > 0), r"np\.max in .*: it has other"),
    ],
)
def test_what_it_cannot_say_is_named(f, said):
    with pytest.raises(UnsupportedError, match=said):
        compile(f, engine="javascript")(C)


WHOLE = [
    lambda k, x: x * (k - 2),
    lambda k, x: x * (k * 100),
    lambda k, x: x * -k,
    lambda k, x: x * ~k,
    lambda k, x: x * np.exp(k),
    lambda k, x: x * np.var(k, axis=1, keepdims=True) * np.std(k),
    lambda k, x: x * k.mean(axis=0) + k.sum(axis=1, keepdims=True),
    lambda k, x: (k @ k.T) @ x,
    lambda k, x: x * np.where(k > 1, k, 1) + np.clip(k, 1, 2) + k.max() + k.T[:3].sum(),
]


@node
@pytest.mark.parametrize("f", WHOLE)
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.int32, np.int64])
def test_whole_numbers_are_computed_as_numpy_does_or_refused(f, dtype):
    k = np.arange(12).reshape(3, 4).astype(dtype)
    with contextlib.suppress(TypeError):  # NumPy's own, of truth values
        wanted = f(k, C)
        refused = contextlib.nullcontext()
        if np.dtype(dtype).itemsize < 4:
            refused = contextlib.suppress(UnsupportedError)
        with refused:
            found = compile(f, engine="javascript")(k, C)
            np.testing.assert_allclose(found, wanted, rtol=3e-7)  # int16 has an exp in float32


def test_it_has_no_devices():
    step = compile(TwoLayerNet(4, 3, 2), SGD(), engine="javascript", devices=2)
    with pytest.raises(ConfigError, match="knows no devices"):
        step.prepare(np.ones((5, 4), np.float32), np.zeros(5, int))


@node
def test_node_ends_with_python():
    program = """
import numpy as np
from clearprop.compiler import compile, in_node
compile(lambda x: x + 1, engine="javascript")(np.ones(2))
print(in_node._process[0].pid)
"""
    pid = int(subprocess.check_output([sys.executable, "-W", "error", "-c", program]))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@node
def test_without_node_it_says_so(monkeypatch):
    monkeypatch.setattr(in_node, "_process", [])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingPackageError, match="called from here with Node"):
        compile(lambda x: x + 1, engine="javascript")(np.ones(2))


@node
def test_vectors_and_plain_loops_agree():
    x, y = rng.random((70, 61)).astype(np.float32), rng.random((61, 33)).astype(np.float32)
    f = compile(lambda x, y: x @ y, engine="javascript")
    np.testing.assert_allclose(f(x, y), x.astype(float) @ y, rtol=1e-6)
    assert "WebAssembly" in runtime()


@node
def test_no_name_of_a_function_or_a_value_clashes_with_what_programs_call():
    words = re.findall(r"^(?:const|let|function) (\w+)", runtime(), re.MULTILINE)
    words += re.findall(r"\w+", re.search(r"const \{(.*?)\} = Math", runtime(), re.DOTALL)[1])
    assert {"hypot", "erf", "multiplyWide", "LN2"} <= {*words} <= {*_TAKEN.split()}
    x = np.arange(1.0, 3)
    for f in (np.hypot, np.exp, np.maximum, np.sign, np.trunc, np.remainder):
        args = (x, 3 - x)[: f.nin]
        np.testing.assert_array_equal(compile(f, engine="javascript")(*args), f(*args))
