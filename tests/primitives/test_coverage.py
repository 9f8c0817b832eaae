"""Each of NumPy's overridable functions stands in exactly one table."""

import numpy as np
import pytest
from numpy.testing.overrides import (
    get_overridable_numpy_array_functions,
    get_overridable_numpy_ufuncs,
)

from clearprop.primitives.constants import CONSTANT, STATIC
from clearprop.primitives.registry import COMPOSITIONS, PRIMITIVES
from clearprop.primitives.registry import TABLES as ALL_TABLES
from clearprop.primitives.unsupported import UNSUPPORTED, UNSUPPORTED_MODULES, remedy

TABLES = {
    "a row": PRIMITIVES,
    "composed": COMPOSITIONS,
    "constant": CONSTANT,
    "static": STATIC,
    "unsupported": UNSUPPORTED,
}


def public(function):
    """With `like=` NumPy asks by an inner function of the same name."""
    return getattr(np, function.__name__, None) if function.__module__ == "numpy" else function


def is_for_numbers(ufunc):
    """A Variable holds real numbers; ufuncs on text, and parts of other functions, meet none."""
    return getattr(np, ufunc.__name__, None) is ufunc


FUNCTIONS = sorted(
    (
        {public(f) for f in get_overridable_numpy_array_functions()}
        | set(filter(is_for_numbers, get_overridable_numpy_ufuncs()))
    ),
    key=lambda f: f.__name__,
)


def test_a_function_stands_in_one_table():
    assert len(FUNCTIONS) > 300  # how many depends on what else is loaded
    for function in FUNCTIONS:
        found = [name for name, table in TABLES.items() if function in table]
        if not found and getattr(function, "__module__", None) in UNSUPPORTED_MODULES:
            assert remedy(function), f"{function.__name__} has no remedy"
        else:
            assert len(found) == 1, f"{function.__name__} is in {found or 'no table'}"


def test_nothing_is_composed_twice():
    assert len(COMPOSITIONS) == sum(len(getattr(table, "COMPOSITIONS", ())) for table in ALL_TABLES)


def test_the_functions_that_are_left_out_are_not_for_numbers():
    left_out = [f for f in get_overridable_numpy_ufuncs() if not is_for_numbers(f)]
    text = {name for name in dir(np.strings) if isinstance(getattr(np.strings, name), np.ufunc)}
    parts = {"count", "endswith", "find", "index", "rfind", "rindex", "startswith", "clip"}
    assert {f.__name__ for f in left_out if not f.__name__.startswith("_")} <= text | parts


@pytest.mark.parametrize("function", UNSUPPORTED, ids=lambda f: f.__name__)
def test_a_refusal_says_what_to_do(function):
    text = UNSUPPORTED[function]
    assert "; " in text or text.startswith("use ")
