"""Every row of the table against numerical differentiation, on every sample."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from harness import Case, cases, check, derivative, differentiable, random_dout

from clearprop.primitives.registry import PRIMITIVES
from clearprop.primitives.table import collect, elementwise

CASES = list(cases(PRIMITIVES.values()))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rules_agree_with_central_differences(case: Case):
    check(case)


@pytest.mark.parametrize("case", CASES, ids=str)
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


@pytest.mark.parametrize("row", PRIMITIVES.values(), ids=lambda row: row.name)
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
    wrong = list(cases([replace(row, rules=rules)]))
    with pytest.raises(AssertionError):
        list(map(check, wrong))


def test_a_function_with_two_rows_is_an_error():
    row = elementwise(np.exp, "exp(x)", ("out", lambda out, x: out))
    with pytest.raises(ValueError, match=r"np\.exp has two rows"):
        collect([row], [row])


def _wrong(rule, mistake):
    return lambda *args, **params: mistake(rule(*args, **params))


def _single(x):
    real = isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "f"
    return x.astype(np.float32) if real else x


def _is_single(x):
    if isinstance(x, tuple | list):
        return all(map(_is_single, x))
    return not isinstance(x, np.ndarray | np.generic) or x.dtype in (np.float32, bool)
