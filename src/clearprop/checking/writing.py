"""Arrays on the graph that `forward` may write into, as `h[:, t] = prev` or `out += b` do.

A Variable keeps its value, for the backward pass needs it. So what forward is given here is a
handle: what is written makes a new Variable, which the handle holds from then on. Arrays that
forward makes by `np.zeros` and its like are handles from the start.
"""

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import get_ident
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from clearprop.graph.gathering import gathered
from clearprop.graph.leaving import refuse_write
from clearprop.graph.node import Recorded, data_of
from clearprop.graph.variable import Variable
from clearprop.primitives.indexing import put_at, split_index

CREATORS = ("zeros", "empty", "ones", "zeros_like", "empty_like", "ones_like")
MOST = 2**22
"""So many elements are written anew, all writes together."""


class Writable(NDArrayOperatorsMixin):
    """A handle of a Variable, or of a constant array, that can be written into."""

    __hash__ = object.__hash__  # type: ignore[assignment]
    written = 0
    value: Any

    def __init__(self, value: Any, base: Any = None, given: bool = False) -> None:
        self.value, self.base, self.given = value, base, given

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **more: Any) -> Any:
        target = more.pop("out", (None,))[0]
        if method == "at" and ufunc in (np.add, np.subtract):
            return self._add_at(plain(args[1]), ufunc(0.0, plain(args[2])))
        found = wrapped(getattr(ufunc, method)(*plain(args), **plain(more)))
        if target is None or not np.ndim(found):  # a number is not written into
            return found
        target[...] = found
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, more: Any) -> Any:
        return wrapped(function(*plain(args), **plain(more)))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if isinstance(self.value, np.ndarray):
            return np.array(self.value, dtype)
        return self.value.__array__(dtype, copy)

    def __getitem__(self, key: Any) -> Any:
        found = wrapped(self.value[plain(key)])
        if isinstance(found, Writable) and not split_index(key)[1]:
            found.base = self, key
        return found

    def __setitem__(self, key: Any, given: Any) -> None:
        key = plain(key)  # a mask may be on the graph, too
        key = tuple(map(data_of, key)) if isinstance(key, tuple) else data_of(key)
        value: Any = gathered(plain(given))
        there = np.zeros(self.shape, bool)
        there[key] = True
        slot = there[key].shape
        if there.sum() != math.prod(slot):
            refuse_write("v[i] = … with an index that comes twice")
        if isinstance(value, Variable):
            lead = value.ndim - len(slot)
            value = value.reshape(value.shape[lead:]) if lead > 0 else value
            value = np.broadcast_to(value, slot) if value.shape != slot else value
        self._write(key, value, ~there)

    def _write(self, key: Any, value: Any, keep: np.ndarray) -> None:
        Writable.written += keep.size
        if self.given or Writable.written > MOST:
            refuse_write("v[...] = value")
        old = self.value
        if not keep.any() and isinstance(value, Variable) and value.dtype == self.dtype:
            new = value.reshape(keep.shape)
        elif isinstance(old, Variable) or isinstance(value, Variable):
            if np.any(data_of(old)[~keep]):
                old = old * keep
            if isinstance(value, Variable):
                form, arrays = split_index(key)
                put = put_at(value, *arrays, form=form, shape=keep.shape)
                old = old + put if isinstance(old, Variable) or np.any(old) else put
            elif np.any(value):
                more = np.zeros(keep.shape)
                more[key] = value
                old = old + more
            new = old if old.dtype == self.dtype else old.astype(self.dtype)
        else:
            new = np.array(old)
            new[key] = value
        self.value = new
        if self.base is not None:
            owner, place = self.base
            owner[place] = self

    def _add_at(self, key: Any, value: Any) -> None:
        form, arrays = split_index(key)
        slot = np.zeros(self.shape)[key].shape
        put = put_at(np.broadcast_to(value, slot), *arrays, form=form, shape=self.shape)
        self[...] = self.value + put

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.value, name)
        if not callable(found):
            return wrapped(found)
        return lambda *args, **more: wrapped(found(*plain(args), **plain(more)))

    def __copy__(self) -> Any:
        return Writable(self.value if isinstance(self.value, Recorded) else self.value.copy())

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__()

    copy = __copy__

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)


def plain(value: Any) -> Any:
    """What handles hold, in lists, tuples and mappings too."""
    if isinstance(value, Writable):
        return value.value
    if isinstance(value, list | tuple):
        made = [plain(entry) for entry in value]
        if hasattr(value, "_make"):
            return value._make(made)  # type: ignore[attr-defined]
        return made if isinstance(value, list) else tuple(made)
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    return value


def wrapped(value: Any) -> Any:
    """A handle for what may be written into; all else as it is."""
    if isinstance(value, list | tuple):
        made = [wrapped(entry) for entry in value]
        if hasattr(value, "_make"):
            return value._make(made)  # type: ignore[attr-defined]
        return made if isinstance(value, list) else tuple(made)
    real = isinstance(value, np.ndarray) and value.ndim and value.dtype.kind == "f"
    return Writable(value) if real or isinstance(value, Recorded) else value


OTHERS = ("numpy", "clearprop", "scipy", "numba", "sklearn", "pandas")
"""What calls these for itself, in part from compiled code."""


@contextmanager
def writable_from_the_start() -> Iterator[None]:
    """Let `np.zeros` and its like give handles where a layer's own lines call them."""
    real, thread = {name: getattr(np, name) for name in CREATORS}, get_ident()

    def making(name: str) -> Any:
        make = real[name.replace("empty", "zeros")]  # no rubbish, which may be NaN

        def made(*args: Any, **more: Any) -> Any:
            found = make(*plain(args), **plain(more))
            room = str(sys._getframe(1).f_globals.get("__name__")).partition(".")[0]
            ours = room in OTHERS or get_ident() != thread
            return found if ours else wrapped(found)

        return made

    Writable.written = 0
    # What is compiled takes what np.empty gives for an array, whatever it is, and dies of a handle.
    compiled = [m for name, m in sys.modules.items() if name.startswith("numpy.random.")]
    compiled = [m for m in compiled if getattr(m, "np", None) is np]
    unchanged = ModuleType("numpy")
    vars(unchanged).update(vars(np))
    try:
        for module in compiled:
            module.np = unchanged  # type: ignore[attr-defined]
        for name in CREATORS:
            setattr(np, name, making(name))
        yield
    finally:
        for name, make in real.items():
            setattr(np, name, make)
        for module in compiled:
            module.np = np  # type: ignore[attr-defined]
