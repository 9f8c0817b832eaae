"""Copies to experiment on, so that nothing of the user's is changed by a check."""

import copy
import random
import types
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from clearprop.checking.guards import within_memory
from clearprop.graph.randomness import undrawn

_LEAVES = (str, bytes, int, float, complex, type, types.ModuleType, types.FunctionType)


def private(value: Any, dtype: DTypeLike = np.float64) -> Any:
    """Copy a layer with all it holds; floating-point arrays and NumPy numbers become `dtype`.

    What was one object stays one object, and a view stays a view of the same array (a transposed
    weight kept by `__init__`, say). What cannot be copied, such as an open file, is shared.

    >>> weights = [np.ones(2, np.float32), np.arange(3)]
    >>> [array.dtype.name for array in private(weights)]
    ['float64', 'int64']
    """
    memo: dict[int, Any] = {}
    keep: list[Any] = []  # objects made on the way must outlive their id in `memo`
    for found in held_by(value):
        if not isinstance(found, np.ndarray | np.floating):
            keep.append(found)
        elif id(found) not in memo:
            _convert(found, np.dtype(dtype), memo, keep)
    try:
        twin = copy.deepcopy(value, memo)
    except Exception:
        twin = value
    if twin is value and callable(getattr(value, "forward", None)):
        twin = _by_attribute(value, memo)
    _own_class_arrays(twin, np.dtype(dtype))
    return twin


def _by_attribute(value: Any, memo: dict[int, Any]) -> Any:
    """Copy an object whose deep copy fails, attribute by attribute, as far as they can be."""
    twin = object.__new__(type(value))
    memo[id(value)] = twin
    for name, attribute in vars(value).items():
        try:
            twin.__dict__[name] = copy.deepcopy(attribute, memo)
        except Exception:
            twin.__dict__[name] = attribute
    return twin


def _own_class_arrays(twin: Any, dtype: np.dtype) -> None:
    """Arrays that belong to the class are shared by all its layers: give the copy its own."""
    for cls in type(twin).__mro__[:-1]:
        for name, value in vars(cls).items():
            if isinstance(value, np.ndarray) and name not in getattr(twin, "__dict__", {name: 0}):
                setattr(twin, name, _cast(value, dtype))


def held_by(root: Any) -> Iterator[Any]:
    """Everything that an object holds, however deep: in attributes, lists, mappings, closures."""
    stack, seen = [root], set()
    while stack:
        value = stack.pop()
        if isinstance(value, types.FunctionType) and id(value) not in seen:
            seen.add(id(value))
            stack.extend(_enclosed(value))
        if id(value) in seen or isinstance(value, _LEAVES):
            continue
        seen.add(id(value))
        yield value
        if isinstance(value, np.ndarray | np.generic):
            continue
        if isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            stack.extend(value)
        elif isinstance(value, types.MethodType):
            stack.append(value.__self__)
        stack.extend(getattr(value, "__dict__", {}).values())
        for cls in type(value).__mro__:
            slots = vars(cls).get("__slots__", ())
            names = (slots,) if isinstance(slots, str) else slots
            names = (n for n in names if n not in ("__dict__", "__weakref__") and hasattr(value, n))
            stack.extend(getattr(value, name) for name in names)


def _enclosed(function: types.FunctionType) -> Iterator[Any]:
    """The variables of another function that a function has kept, as far as they are set."""
    for cell in function.__closure__ or ():
        with suppress(ValueError):
            yield cell.cell_contents


def _cast(array: Any, dtype: np.dtype) -> Any:
    if not isinstance(array, np.ndarray):
        return dtype.type(array)
    return array.astype(dtype) if array.dtype.kind == "f" else array.copy(order="K")


def _convert(array: Any, dtype: np.dtype, memo: dict[int, Any], keep: list[Any]) -> None:
    owner = array
    while isinstance(getattr(owner, "base", None), np.ndarray):
        owner = owner.base
    plain = type(owner) is np.ndarray and owner.flags.c_contiguous and owner.dtype == array.dtype
    if owner is array or not plain or type(array) is not np.ndarray:
        memo[id(array)] = _cast(array, dtype)
        return
    if id(owner) not in memo:
        memo[id(owner)] = _cast(owner, dtype)
        keep.append(owner)
    made = memo[id(owner)]
    scale = made.itemsize // array.itemsize if made.itemsize >= array.itemsize else 0
    if not array.size or made.itemsize != scale * array.itemsize:
        memo[id(array)] = _cast(array, dtype)
        return
    # The same window onto the copy: offsets and strides in bytes grow with the size of a number.
    offset = scale * (array.ctypes.data - owner.ctypes.data)
    strides = tuple(scale * step for step in array.strides)
    memo[id(array)] = np.ndarray(array.shape, made.dtype, made, offset, strides)


def fingerprint(value: Any) -> Any:
    """The dtype, shape and bytes of an array, for comparing it before and after."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of unequal lengths
        return [fingerprint(entry) for entry in value]
    return array.dtype.str, array.shape, array.tobytes()


def random_state() -> Any:
    """The global random states, NumPy's and Python's."""
    return np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002


def random_fingerprint() -> Any:
    """The global random states in a form that can be compared."""
    numpy_state, python_state = random_state()
    return _comparable(numpy_state), python_state


def _comparable(state: Any) -> Any:
    """The state of a generator with bytes for its arrays."""
    if isinstance(state, dict):
        return {key: _comparable(value) for key, value in state.items()}
    return state.tobytes() if isinstance(state, np.ndarray) else state


@contextmanager
def left_alone() -> Iterator[None]:
    """Keep the global random states, and be quiet about what odd values do.

    A layer under check may draw from the global state, overflow or warn; the caller's program must
    not notice.
    """
    with same_draws(), within_memory(), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def same_draws(state: Any = None) -> Iterator[None]:
    """Put the global random states back at the end; start from `state`, if one is given."""
    with undrawn():
        if state is not None:
            np.random.set_state(state[0])  # noqa: NPY002
            random.setstate(state[1])
        yield


def generator_states(value: Any) -> list[Any]:
    """The states of the random generators that an object holds, to be compared."""
    states = []
    for g in held_by(value):
        if isinstance(g, np.random.Generator):
            states.append(_comparable(g.bit_generator.state))
        elif isinstance(g, np.random.RandomState):
            states.append(_comparable(g.get_state(legacy=False)))
        elif isinstance(g, random.Random):
            states.append(g.getstate())
    return states
