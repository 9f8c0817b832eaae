"""Every row of the table against numerical differentiation, on every sample."""

import copy

import numpy as np
import pytest
from harness import (
    ROWS,
    SYMMETRIC,
    Case,
    cases,
    check,
    derivative,
    differentiable,
    on_all_samples,
    random_dout,
)

from clearprop.errors import UnsupportedError
from clearprop.graph import Variable
from clearprop.graph.recording import record as record_node
from clearprop.primitives.registry import OPTIONAL, PRIMITIVES
from clearprop.primitives.table import Primitive, collect, elementwise

REFUSED = ("clearprop.cofactors-5",)
"""The identity: its singular vectors, of equal values, have no derivative, and this is said."""


@on_all_samples
def test_rules_agree_with_central_differences(case: Case):
    check(case)


@on_all_samples
def test_float32_is_kept_and_inputs_are_untouched(case: Case):
    operands = tuple(_single(x) for x in case.operands)
    params = {name: _single(value) for name, value in case.params.items()}
    before = copy.deepcopy(operands)
    out = case.row.evaluate(*operands, **params)
    dout = random_dout(out, np.random.default_rng(3))
    kept = copy.deepcopy(dout)
    for i in differentiable(case):
        dx = derivative(case.row, i, dout, *operands, **params)
        if dx is not None and _is_single(out) and all(map(_is_single, operands)):
            assert dx.dtype == np.float32, f"operand {i}"
    for x, y in zip((*operands, dout), (*before, kept), strict=True):
        np.testing.assert_equal(x, y)


@on_all_samples
def test_rules_are_recorded_and_differentiated_again(case: Case):
    """On the graph: the derivative of the derivative, in one random direction."""
    rng = np.random.default_rng(19)
    places = differentiable(case)
    values = [np.asarray(case.operands[i], np.float64) for i in places]
    ways = [rng.standard_normal(x.shape) for x in values]
    moves = [rng.standard_normal(x.shape) for x in values]
    if case.row.function in SYMMETRIC:
        moves = [move + np.swapaxes(move, -1, -2) for move in moves]

    def slope(*arrays, record=False):
        operands = list(case.operands)
        variables = [Variable(x) for x in arrays]
        for i, v in zip(places, variables, strict=True):
            operands[i] = v
        out = record_node(case.row, tuple(operands), case.params)
        # Squared, so that the derivative of a linear function depends on its operand too.
        squared(out, np.random.default_rng(23)).backward(record=record)
        terms = [
            np.sum(v.grad * way)
            for v, way in zip(variables, ways, strict=True)
            if v.grad is not None
        ]
        for v in variables:
            v.grad = None
        return variables, sum(terms)

    if str(case) in REFUSED:
        with pytest.raises(UnsupportedError):
            slope(*values, record=True)[1].backward()
        return
    variables, value = slope(*values, record=True)
    if isinstance(value, Variable):
        value.backward()
    found = sum(
        np.sum(v.grad * move)
        for v, move in zip(variables, moves, strict=True)
        if v.grad is not None
    )
    h = 1e-6
    above = slope(*(x + h * move for x, move in zip(values, moves, strict=True)))[1]
    below = slope(*(x - h * move for x, move in zip(values, moves, strict=True)))[1]
    np.testing.assert_allclose(found, (above - below) / (2 * h), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_says_for_people_what_it_computes(row):
    assert row.formula
    assert row.symbol
    assert len(row.derivatives) == len(row.rules)
    assert all(row.derivatives)
    assert all(
        (rule is None) == (text == "0")
        for rule, text in zip(row.rules, row.derivatives, strict=True)
    )


@pytest.mark.parametrize(
    "function",
    [np.tanh, np.multiply, np.arctan2, np.sum, np.std, np.cumprod, np.clip, np.sort, np.take],
)
@pytest.mark.parametrize("mistake", [lambda dx: 1.001 * dx, lambda dx: -dx, lambda dx: 0 * dx])
def test_a_planted_mistake_is_caught(function, mistake):
    row = PRIMITIVES[function]
    rules = tuple(rule and _wrong(rule, mistake) for rule in row.rules)
    wrong = list(cases([Primitive(**vars(row) | {"rules": rules})]))
    with pytest.raises(AssertionError):
        list(map(check, wrong))


@pytest.mark.parametrize("row", [r for r in ROWS if r.chooses], ids=lambda row: row.name)
def test_what_is_not_chosen_has_derivative_0_whatever_comes_from_upstream(row):
    """Where the derivative by an operand is 0, it stays 0 for an infinite dout."""
    for case in cases([row]):
        places = differentiable(case)
        operands = list(case.operands)
        variables = {i: Variable(np.asarray(operands[i], np.float64)) for i in places}
        for i, v in variables.items():
            operands[i] = v
        out = record_node(case.row, tuple(operands), case.params)
        found = []
        for size in (1.0, np.inf):
            out.backward(np.full(out.shape, size)[()])
            found.append({i: v.grad for i, v in variables.items()})
        for i in places:
            if variables[i].shape == out.shape:
                np.testing.assert_array_equal(found[0][i] == 0, found[1][i] == 0)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_facts_are_true(row):
    """Tried on the samples of the row."""
    for case in cases([row]):
        x = np.array(case.operands[0])
        out = row.evaluate(x, *case.operands[1:], **case.params)
        if not isinstance(out, np.ndarray) or not out.size:
            continue
        if row.keeps:
            order = case.params.get("order", "C")
            same = np.broadcast_to(x, out.shape) if out.size != x.size else x.ravel(order)
            np.testing.assert_array_equal(out.ravel(order), same.ravel())
        if row.reduces and case.params.keys() <= {"axis", "keepdims"}:
            np.testing.assert_array_equal(
                row.reduces.reduce(x, **{"axis": None, **case.params}), out
            )
        if row.view and len(case.operands) == 1:
            np.testing.assert_array_equal(np.isin(out, x), True)


@pytest.mark.parametrize("package", OPTIONAL)
def test_rows_for_an_optional_package_are_tried(package):
    pytest.importorskip(package, reason=f"{package} is not installed")
    assert any(row.name.startswith(package) for row in ROWS)


def test_a_function_with_two_rows_is_an_error():
    row = elementwise(np.exp, "exp(x)", ("out", lambda out, x: out))
    with pytest.raises(ValueError, match=r"np\.exp has two rows"):
        collect([row], [row])


def squared(out, rng):
    if isinstance(out, tuple | list):
        return sum(squared(o, rng) for o in out)
    return np.sum(out * out * rng.uniform(0.5, 1.5, out.shape))


def _wrong(rule, mistake):
    return lambda *args, **params: mistake(rule(*args, **params))


def _single(x):
    real = isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "f"
    return x.astype(np.float32) if real else x


def _is_single(x):
    if isinstance(x, tuple | list):
        return all(map(_is_single, x))
    return not isinstance(x, np.ndarray | np.generic) or x.dtype in (np.float32, bool)
