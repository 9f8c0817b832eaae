"""Every engine: what it is asked for, what it refuses, functions that are not NumPy's."""

import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from nets import around, batch, dense
from test_programs_of_images import simple
from traces import trace_of

from clearprop import Variable, explain, grad, graph
from clearprop.compiler import compile, engines
from clearprop.compiler.engines import Job, engine
from clearprop.compiler.leaf import traced
from clearprop.compiler.simplify import simplified
from clearprop.compiler.tracing import Trace
from clearprop.errors import ConfigError, LeavesGraphError, UnsupportedError
from clearprop.layers import Sigmoid
from clearprop.primitives import constant, dispatched, elementwise, primitive, register, registry
from clearprop.training import SGD

HERE = {"jax": find_spec("jax"), "javascript": shutil.which("node")}
EVERY = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.skipif(not there, reason=f"{name} is not installed"))
        for name in engines()
        for there in [HERE.get(name, True)]
    ],
)
X = np.linspace(-1, 1.2, 12).reshape(4, 3)


@EVERY
@pytest.mark.parametrize("make", [lambda: dense(7, 5, 3), lambda: around(Sigmoid())])
def test_every_engine_runs_the_same_networks(name, make):
    x, t = batch(20, 7, 3)
    network, other = make(), make()
    assert compile(network, engine=name)(x) == pytest.approx(network.predict(x), 1e-5, 1e-7)
    step = compile(network, SGD(0.1), engine=name)
    for _ in range(3):
        loss, gradients = other.loss_and_gradient(x, t)
        assert step(x, t) == pytest.approx(loss, rel=1e-5)
        SGD(0.1).update(other.params, gradients)


@EVERY
def test_every_engine_runs_a_network_of_images(name):
    (network, x, t), (other, *_) = simple(), simple()
    assert compile(network, engine=name)(x) == pytest.approx(network.predict(x), rel=1e-3, abs=1e-4)
    step = compile(network, SGD(0.1), engine=name)
    for _ in range(3):
        loss, gradients = other.loss_and_gradient(x, t)
        assert step(x, t) == pytest.approx(loss, rel=1e-4)
        SGD(0.1).update(other.params, gradients)


def test_an_engine_that_is_not_there_is_refused_by_name():
    known = "c, javascript, jax, numpy"
    with pytest.raises(ConfigError, match=f"no engine 'abacus'; there are {known}"):
        compile(lambda x: x, engine="abacus")


@EVERY
def test_a_missing_spelling_names_the_function_and_where_it_stands(name):
    x = traced(X, "x")
    out = Sigmoid()(x)  # a closed node, which nobody has opened
    trace = Trace([out], [x], {out.node: "Gate1.forward"})
    with pytest.raises(UnsupportedError, match=r"no spelling for Sigmoid in Gate1\.forward: it is"):
        engine(name).program(Job(trace, "f", "A test."))


def replacing(name, f, *arrays, replaces, checks=False):
    """A program of f, whose outputs replace arguments: output number → argument number."""
    trace = simplified(trace_of(f, *arrays))
    leaves = trace.leaves
    stored = {leaves[j]: arrays[j] for j in replaces.values()}
    numbers = {i: leaves[j] for i, j in replaces.items()}
    return engine(name).program(Job(trace, "f", "A test.", stored, replaces=numbers, checks=checks))


REPLACING = [
    (lambda a, b: (a.sum(), b, a), {1: 0, 2: 1}),  # exchanged
    (lambda a, b: (b.sum(), a - 0.1 * b, 0.9 * b + a), {1: 0, 2: 1}),  # each reads the other
    (lambda a, b: (b.sum(), a - (0.9 * b + a), 0.9 * b + a), {1: 0, 2: 1}),  # one reads the new
    (lambda a, b: (b.sum(), b[::-1], a), {1: 0, 2: 1}),
    (lambda a, b: (b.sum(), np.sort(a), b * b), {1: 0, 2: 1}),
    (lambda a, b: (b.sum() + a, a + 1), {1: 0}),
    (lambda a, b: (a + 1, a + 1), {1: 0}),  # returned too
    (lambda a, b: (b.sum(), a, a), {1: 0, 2: 1}),
]


@EVERY
@pytest.mark.parametrize(("f", "replaces"), REPLACING)
def test_what_is_replaced_is_read_before(name, f, replaces):
    a, b = np.array([1.0, -2.0, 3.0]), np.array([0.5, 0.25, -1.0])
    wanted = f(a.copy(), b.copy())
    program = replacing(name, f, a, b, replaces=replaces)
    given = [x for j, x in enumerate((a, b)) if j not in replaces.values()]
    np.testing.assert_allclose(program.run(*given), wanted[0])
    for i, j in replaces.items():
        np.testing.assert_allclose((a, b)[j], wanted[i], err_msg=program.source)


@EVERY
@pytest.mark.parametrize("wrong", ["a", "x"])
def test_all_is_replaced_or_nothing(name, wrong):
    a, b, x = np.array([[1.0, 2.0]]), np.array([1.0, 2.0]), np.array([1.0, 2.0])
    (a if wrong == "a" else x)[..., 1] = np.inf
    before = a.copy(), b.copy()

    def f(a, b, x):
        return x[0], a * x, b + x

    program = replacing(name, f, a, b, np.ones(2), replaces={1: 0, 2: 1}, checks=True)
    assert program.run(x) == (1.0, False)
    np.testing.assert_equal((a, b), before)
    a[...], b[...] = 1, 2
    assert program.run(np.full(2, 2.0)) == (2.0, True)
    np.testing.assert_equal(a, [[2, 2]])
    np.testing.assert_equal(b, [4, 4])


def test_functions_of_scipy_have_their_names_in_programs_and_messages(tmp_path):
    special = pytest.importorskip("scipy.special")

    def f(x):
        return (special.erf(x) * special.expit(x)).sum()

    slope = compile(grad(f))
    np.testing.assert_allclose(slope(X), grad(f)(X), rtol=1e-12)
    assert "import numpy as np\nimport scipy.special\n" in slope.source
    assert "scipy.special.expit(x0, out=" in slope.source
    slope.save(tmp_path / "slope.py")
    v = Variable(X, name="x")
    out = special.erf(v)
    assert "erf" in graph(out)._repr_svg_()
    assert "∫" in str(explain(out.sum()))
    with pytest.raises(UnsupportedError, match=r"scipy\.special\.j0 cannot be recorded"):
        special.j0(v)
    with pytest.raises(LeavesGraphError, match=r"special\.logsumexp\(.* use np\.logaddexp\.reduce"):
        special.logsumexp(v, axis=0)
    assert np.logaddexp.reduce(v, axis=None).data == pytest.approx(special.logsumexp(X))


def test_scipy_is_not_loaded_by_itself():
    program = """
import sys, numpy as np, clearprop
from clearprop import Variable, compile
compile(lambda x: np.exp(x))(np.ones(3))
assert not any(name.startswith("scipy") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture
def tables():
    """Tables that are as before after the test."""
    tables = (registry.PRIMITIVES, registry.CONSTANT, registry._by_name)
    before = [dict(table) for table in tables]
    yield
    for table, rows in zip(tables, before, strict=True):
        table.clear()
        table.update(rows)


@dispatched
def softplus(x):
    return np.logaddexp(0, x)


ROW = primitive(
    softplus,
    "log(1 + exp(x))",
    ("dout / (1 + exp(−x))", lambda dout, out, x: dout / (1 + np.exp(-x))),
)


def test_a_row_of_ones_own(tables):
    with pytest.raises(UnsupportedError, match="softplus cannot be recorded"):
        softplus(Variable(X))
    register(ROW)

    def f(x):
        return softplus(x * 2).sum()

    slope = compile(grad(f))
    np.testing.assert_allclose(slope(X), 2 / (1 + np.exp(-2 * X)), rtol=1e-12)
    assert compile(f)(X) == pytest.approx(f(X))
    assert f"import {__name__}\n" in compile_source(f)
    assert graph(f(Variable(X))).to_json()


def compile_source(f):
    compiled = compile(f)
    compiled(X)
    return compiled.source


def test_a_second_row_is_refused(tables):
    register(ROW)
    exp = elementwise(np.exp, "exp(x)", ("out", lambda out, x: out))
    for row in (ROW, exp, constant(np.floor, "the integer below"), constant(np.ptp, "0")):
        with pytest.raises(ValueError, match="has a row in the table of primitives already"):
            register(row)


def test_a_function_that_no_import_finds_is_called_as_it_is(tables):
    @dispatched
    def doubled(x):
        return 2 * x

    register(primitive(doubled, "2x", ("2 dout", lambda dout, out, x: 2 * dout)))
    f = compile(lambda x: doubled(x) + 1)
    np.testing.assert_array_equal(f(X), 2 * X + 1)
    assert "doubled(x0)" in f.source
