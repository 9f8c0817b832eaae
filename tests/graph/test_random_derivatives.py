"""Random graphs of thirty operations and more, against central differences."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearprop import Graph, Variable, graph
from clearprop.primitives.registry import PRIMITIVES
from clearprop.primitives.table import Primitive

# Every function here is smooth, and keeps its values between −3 and 3 or so, wherever it is used,
# so that differences are precise.
UNARY = (
    np.sin,
    np.cos,
    np.tanh,
    np.arctan,
    lambda x: np.exp(-(x**2)),
    lambda x: np.log1p(x**2),
    lambda x: x / np.sqrt(1 + x**2),
    lambda x: 1 / (1 + np.exp(-x)),
    lambda x: x - np.mean(x),
    lambda x: np.square(x) / (1 + np.square(x)),
    lambda x: np.negative(x),
    lambda x: x * 0.5 + 0.25,
    lambda x: np.abs(x + 20) - 20,
    lambda x: np.maximum(x, x - 1),
    lambda x: np.clip(x, -50, 50),
    lambda x: x[::-1],
    lambda x: x[:, [0, 2, 1]],
    lambda x: np.roll(x, 1, axis=1),
    lambda x: np.flip(x, axis=0),
    lambda x: x.T.reshape(2, 3),
    lambda x: np.concatenate([x[:, 1:], x[:, :1]], axis=1),
    lambda x: np.stack([x[1], x[0]]),
    lambda x: np.where(np.array([[True], [False]]), x, np.sin(x)),
    lambda x: np.tanh(np.cumsum(x, axis=1)),
    lambda x: np.tanh(x.sum(axis=0, keepdims=True) + x),
    lambda x: np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True),
    lambda x: x / (1 + np.linalg.norm(x)),
    lambda x: np.tanh(x @ MIX),
    lambda x: np.tanh(np.einsum("ij,kj->ik", x, x) @ x),
    lambda x: np.pad(x, ((1, 0), (0, 1)))[1:, :-1],
    lambda x: np.split(np.sin(x), 3, axis=1)[1] + x * 0.5,
)

BINARY = (
    lambda x, y: x + np.sin(y),
    lambda x, y: np.sin(x) - y * 0.5,
    lambda x, y: np.tanh(x * y),
    lambda x, y: x / (2 + np.cos(y)),
    lambda x, y: np.arctan2(x, 3 + np.tanh(y)),
    lambda x, y: np.hypot(1 + np.tanh(x) ** 2, y),
    lambda x, y: np.logaddexp(x, y) * 0.5,
    lambda x, y: np.power(1.5 + np.tanh(x) * 0.4, np.tanh(y)),
    lambda x, y: np.tanh(x @ y.T @ x),
    lambda x, y: np.where(np.array([True, False, True]), x, np.tanh(y)),
    lambda x, y: np.tanh(np.outer(x[:, 0], y[0])),
    lambda x, y: x * np.tanh(y[0, 0]) + y * 0.1,
)

MIX = np.cos(np.arange(9.0)).reshape(3, 3)
SHAPE = (2, 3)


@st.composite
def programs(draw, least=30):
    """Steps `(function, places)`: each takes earlier values by place."""
    steps = []
    for n in range(least + draw(st.integers(0, 15))):
        known = 2 + n
        # Mostly the latest values, so that the graph is deep; sometimes any.
        place = st.integers(max(0, known - 3), known - 1) | st.integers(0, known - 1)
        if draw(st.integers(0, 2)):
            steps.append((draw(st.sampled_from(UNARY)), (draw(place),)))
        else:
            steps.append((draw(st.sampled_from(BINARY)), (draw(place), draw(place))))
    return steps


def run(steps, x, y):
    values = [x, y]
    for function, places in steps:
        values.append(function(*(values[i] for i in places)))
    return (
        np.sum(values[-1] * MIX[:2]) + np.mean(values[-2]) + np.sum(values[len(values) // 2] ** 2)
    )


seeds = st.integers(0, 2**32 - 1)


def examples(n):
    return settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=n,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def draw_arrays(seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(SHAPE), rng.standard_normal(SHAPE)


def along(steps, x, y, u, v, h):
    """The derivative along a direction, by central differences of the fourth order."""

    def at(t):
        return run(steps, x + t * u, y + t * v)

    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


@examples(40)
@given(steps=programs(), seed=seeds)
def test_derivatives_along_random_directions(steps, seed):
    check_along_directions(steps, seed)


def check_along_directions(steps, seed):
    x, y = draw_arrays(seed)
    vx, vy = Variable(x), Variable(y)
    out = run(steps, vx, vy)
    assert out.item() == run(steps, x, y)
    assert len(graph(out)) >= 10
    out.backward()
    gx, gy = (np.zeros(SHAPE) if v.grad is None else v.grad for v in (vx, vy))
    rng = np.random.default_rng(seed + 1)
    for _ in range(3):
        u, v = rng.standard_normal(SHAPE), rng.standard_normal(SHAPE)
        expected = along(steps, x, y, u, v, 1e-4)
        rough = along(steps, x, y, u, v, 2e-4)
        found = np.sum(gx * u) + np.sum(gy * v)
        scale = 1 + abs(expected) + np.sum(np.abs(gx * u)) + np.sum(np.abs(gy * v))
        # How far the differences can be trusted is seen by halving the step.
        trust = 10 * abs(expected - rough) + 1e-8 * scale
        assert abs(found - expected) <= trust
        assert trust < 1e-2 * scale


@examples(20)
@given(steps=programs(), seed=seeds)
def test_opened_evaluated_written_and_repeated(steps, seed):
    x, y = draw_arrays(seed)
    vx, vy = Variable(x, "x"), Variable(y, "y")
    out = run(steps, vx, vy)
    out.backward()
    first = [v.grad for v in (vx, vy)]
    out.backward()
    for v, expected in zip((vx, vy), first, strict=True):
        np.testing.assert_array_equal(v.grad, expected)
    g = graph(out, inputs=(vx, vy))
    other = draw_arrays(seed + 2)
    again = Graph.from_json(g.to_json())
    for each in (g, again):
        assert each.evaluate({"x": other[0], "y": other[1]}) == run(steps, *other)
    again.outputs[0].backward()
    for v, expected in zip(again.inputs, first, strict=True):
        if expected is not None:
            np.testing.assert_array_equal(v.grad, expected)


@examples(15)
@given(steps=programs(least=10), seed=seeds)
def test_second_derivatives(steps, seed):
    """The derivative of ⟨∇f, u⟩ along v, against differences of the first derivative."""
    x, y = draw_arrays(seed)
    rng = np.random.default_rng(seed + 1)
    u, v = rng.standard_normal(SHAPE), rng.standard_normal(SHAPE)

    def slope(at):
        variable = Variable(at)
        (run(steps, variable, y) + 0 * np.sum(variable)).backward(record=True)
        return variable, np.sum(variable.grad * u)

    variable, s = slope(x)
    variable.grad = np.zeros(SHAPE)  # where the derivative is constant, no pass comes through
    s.backward()
    found = np.sum(variable.grad * v)

    def at(t):
        return slope(x + t * v)[1].item()

    h = 1e-4
    expected = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    rough = (8 * (at(2 * h) - at(-2 * h)) - (at(4 * h) - at(-4 * h))) / (24 * h)
    scale = 1 + abs(expected) + np.sum(np.abs(variable.grad * v))
    assert abs(found - expected) <= 10 * abs(expected - rough) + 1e-7 * scale


def test_the_generator_makes_graphs_that_are_large_enough():
    sizes = []

    @examples(25)
    @given(steps=programs())
    def collect(steps):
        assert len(steps) >= 30
        out = run(steps, *map(Variable, draw_arrays(0)))
        sizes.append(len(graph(out)))

    collect()
    assert np.median(sizes) >= 30


def test_a_wrong_rule_is_caught(monkeypatch):
    """The net is fine enough: a derivative that is off by 0.1 % does not get through."""
    steps = [(UNARY[i % len(UNARY)], (1 + i,)) for i in range(30)] + [(BINARY[0], (31, 0))]
    check_along_directions(steps, 0)
    row = PRIMITIVES[np.sin]
    wrong = Primitive(**vars(row) | {"rules": (lambda out, x: 1.001 * np.cos(x),)})
    monkeypatch.setitem(PRIMITIVES, np.sin, wrong)
    with pytest.raises(AssertionError):
        check_along_directions(steps, 0)
