"""The arguments of a compiled function: arrays, taken leaf by leaf, and what selects a program."""

from collections.abc import Callable, Hashable
from copy import copy
from typing import Any

import numpy as np

from clearprop.compiler.leaf import setting, traced
from clearprop.compiler.plans import kind_of
from clearprop.compiler.tracing import names
from clearprop.errors import UnsupportedError
from clearprop.graph.agreement import ASKS, disagrees
from clearprop.graph.node import Recorded
from clearprop.graph.randomness import undrawn
from clearprop.graph.recording import constant_operand
from clearprop.graph.structures import form_of, is_structure, leaves_of, mapped, named


class Arguments:
    """The arguments of one call.

    Dicts, lists and tuples of arrays are taken apart, and their form selects a program; so does an
    argument by keyword that is no array. A list of plain numbers is an array. `arrays` are the
    arrays of the call, in order.
    """

    def __init__(self, args: tuple[Any, ...], by_keyword: dict[str, Any]) -> None:
        self._n, self._keywords, self._chosen = len(args), [], by_keyword
        if by_keyword:
            self._keywords = [k for k, v in by_keyword.items() if _of_arrays(v)]
            self._chosen = {k: v for k, v in by_keyword.items() if k not in self._keywords}
            args = (*args, *(by_keyword[k] for k in self._keywords))
        self.given = args
        self._apart = any(type(x) is not np.ndarray and is_structure(x) for x in args)
        flat = [leaf for x in args for _, leaf in named(x, "")] if self._apart else args
        self.on_graph = any(isinstance(x, Recorded) for x in flat)
        """Whether there are Variables among them."""
        if self.on_graph:
            return
        self.arrays = tuple([np.asarray(constant_operand(x, "compile")) for x in flat])
        self.weak = tuple([type(x) if type(x) in _WEAK else None for x in flat])
        """Which are Python's own numbers, that adapt to the arrays they stand beside."""
        for x, array in zip(flat, self.arrays, strict=True):
            if array.dtype.kind not in "fiub":
                raise UnsupportedError(
                    f"compile: an argument is {kind_of(x)}, not an array; give what is no array by "
                    "keyword, f(x, mode=…), where it selects a program, or by functools.partial"
                )

    @property
    def key(self) -> Hashable:
        """What selects a program, beside shapes and dtypes."""
        form: Any = tuple(map(form_of, self.given)) if self._apart else None
        if any(self.weak):
            form = form, self.weak
        if not (self._keywords or self._chosen):
            return form
        return form, names((self._n, *self._keywords, *self._chosen.items()))

    def harden(self, places: list[int]) -> bool:
        """Take the plain numbers at these places as NumPy's, if there are any."""
        self.weak = tuple(kind if i not in places else None for i, kind in enumerate(self.weak))
        return bool(places)

    def values(self, weak: tuple[Any, ...]) -> tuple[Any, ...]:
        """What a program is called with that takes these as plain numbers."""
        if not any(weak):
            return self.arrays
        pairs = zip(self.arrays, weak, strict=True)
        return tuple([a.item() if kind else a for a, kind in pairs])

    def leaves(self) -> list[Any]:
        """The leaves of a program for these arguments."""
        return [
            setting(kind(a), name) if kind else traced(a if a.ndim else a[()], name)
            for a, name, kind in zip(self.arrays, self.names(), self.weak, strict=True)
        ]

    def names(self) -> list[str]:
        """What the arrays are called in a program: `x0`, `x1_W`."""
        return [name for i, x in enumerate(self.given) for name, _ in named(x, f"x{i}")]

    def taken_by(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """A function as one of all the arrays, one after the other."""

        def function(*arrays: Any) -> Any:
            left = iter(arrays)
            return self._call(f, [mapped(lambda _: next(left), x) for x in self.given])

        function.__name__ = name_of(f)
        return function

    def check(self, f: Callable[..., Any], recorded: Any) -> None:
        """Refuse a function that has given something else while it was recorded than for what it
        is called with.

        Errors: `UnsupportedError`; those of the function for arrays.
        """

        def plain() -> Any:
            with undrawn():
                try:  # with copies, since it may write into them
                    return self._call(f, [mapped(copy, x) for x in self.given])
                except Exception:  # perhaps it takes arrays alone, and no lists or plain numbers
                    return self.taken_by(f)(*[np.array(a)[()] for a in self.arrays])

        if disagrees(recorded, plain):
            leaves = [leaf for x in self.given for _, leaf in named(x, "")]
            if any(isinstance(leaf, list | tuple) for leaf in leaves):
                raise UnsupportedError(
                    f"compile: {name_of(f)} does otherwise with a list of numbers than with an "
                    "array, which it is for a program; give np.array([…])"
                )
            raise UnsupportedError(
                f"compile: {name_of(f)} gives other values for arrays than while it is recorded: "
                f"{ASKS}"
            )

    def _call(self, f: Callable[..., Any], given: list[Any]) -> Any:
        by_name = dict(zip(self._keywords, given[self._n :], strict=True))
        return f(*given[: self._n], **by_name, **self._chosen)


_WEAK = frozenset({int, float, bool})


def name_of(f: Callable[..., Any]) -> str:
    """What a function is called; of one without a name, `f`."""
    return getattr(f, "__name__", "f").strip("<>")


def _of_arrays(value: Any) -> bool:
    if is_structure(value):
        return any(map(_of_arrays, leaves_of(value)))
    return isinstance(value, np.ndarray | np.generic | Recorded)
