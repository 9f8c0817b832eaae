"""Random programs: whatever is composed, compiled and simplified, it computes the same."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from traces import check_same, trace_of

from clearprop import value_and_grad
from clearprop.compiler import SIMPLIFICATIONS, compile, simplified

SHAPE = (4, 3)
"""All values have this shape, so that any operation fits anywhere."""

ONES = [
    lambda a: 0.5 * a,
    lambda a: a * 1,
    lambda a: a + 0,
    lambda a: a / 4 - 1.5,
    lambda a: -a,
    lambda a: np.tanh(a),
    lambda a: np.exp(-a * a),
    lambda a: np.maximum(a, 0),
    lambda a: np.where(a <= 0, 0, a),
    lambda a: a.T.T,
    lambda a: a[::-1],
    lambda a: a[:, ::-1] * 1.0,
    lambda a: np.roll(a, 1, axis=0),
    lambda a: a.reshape(3, 4).T[:, :3],
    lambda a: a - np.max(a, axis=1, keepdims=True),
    lambda a: a / (1 + np.sum(a * a, axis=0)),
    lambda a: np.exp(a - np.log(np.sum(np.exp(a), axis=1, keepdims=True))),
    lambda a: np.broadcast_to(a.mean(axis=0), SHAPE),
    lambda a: np.concatenate([a[2:] * 2.0, a[:2]]),
    lambda a: np.concatenate([np.ravel((a * 2.0).T), a[0]])[:12].reshape(SHAPE),
    lambda a: np.lib.stride_tricks.sliding_window_view(np.tanh(a), 2, axis=0).sum(-1)[[0, 1, 2, 0]],
    lambda a: np.full(SHAPE, 2.0) * a.sum() / 12,
]
"""Of one value."""

TWOS = [
    lambda a, b: a + b,
    lambda a, b: a - 2 * b,
    lambda a, b: a * b,
    lambda a, b: np.where(a <= 0, 0, b),
    lambda a, b: np.minimum(a, b),
    lambda a, b: 0.1 * (a @ (b.T @ a)),
    lambda a, b: a @ np.tanh(b[:3]),
    lambda a, b: a + np.sum(b, axis=0),
    lambda a, b: a * b[0, 1],
    lambda a, b: np.stack([a, b])[1] - a,
]
"""Of two."""

STEPS = st.lists(
    st.tuples(st.integers(0, len(ONES) + len(TWOS) - 1), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=14,
)


def program(steps):
    """A function that takes the steps one after the other, each on values that are there."""

    def f(x, y):
        values = [x, y]
        for kind, first, second in steps:
            a, b = values[first % len(values)], values[second % len(values)]
            made = ONES[kind](a) if kind < len(ONES) else TWOS[kind - len(ONES)](a, b)
            values.append(np.tanh(made) if len(values) % 4 == 0 else made)
        return values[-1], values[-2] * 1.0, values[len(values) // 2]

    return f


def arrays(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(SHAPE).astype(dtype) for _ in range(2))


def close(found, expected, rtol):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1, abs(b).max()))


common = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@common
@given(STEPS)
def test_compiled_programs_compute_the_same(steps):
    f = program(steps)
    compiled = compile(f)
    with np.errstate(all="ignore"):
        for seed in (0, 1):
            x, y = arrays(seed)
            close(compiled(x, y), f(x, y), 1e-10)


@common
@given(STEPS)
def test_their_derivatives_too(steps):
    f = program(steps)

    def loss(x, y):
        return sum(np.sum(np.tanh(out)) for out in f(x, y))

    both = value_and_grad(loss, (0, 1))
    compiled = compile(both)
    with np.errstate(all="ignore"):
        for seed in (0, 1):
            x, y = arrays(seed)
            value, slopes = compiled(x, y)
            expected, wanted = both(x, y)
            close([np.asarray(value), *slopes], [np.asarray(expected), *wanted], 1e-8)


@common
@given(STEPS, st.sampled_from([*dict.fromkeys(SIMPLIFICATIONS), simplified]))
def test_simplified_graphs_compute_the_same(steps, simplification):
    with np.errstate(all="ignore"):
        before = trace_of(program(steps), *arrays(0))
        check_same(before, simplification(before), rtol=1e-10)


@common
@given(STEPS)
def test_the_text_depends_on_the_graph_alone(steps):
    texts = []
    with np.errstate(all="ignore"):
        for seed in (0, 1):
            compiled = compile(program(steps))
            compiled(*arrays(seed))
            texts.append(compiled.source)
    assert texts[0] == texts[1]
