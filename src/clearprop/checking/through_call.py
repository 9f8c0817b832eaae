"""Functions that are to be called, since `__call__` keeps what `backward` reads, and not `forward`.

Such as those that record themselves: `f(Variable(x))` keeps its input, and gives a Variable.
"""

import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from clearprop.checking.copies import private, same_draws
from clearprop.checking.interface import assigned_names, is_number
from clearprop.checking.nests import leaves
from clearprop.layers import Layer


def through_call(layer: Any, inputs: Sequence[Any]) -> Any:
    """The layer, or what calls it, where `forward` alone does not set what `backward` reads."""
    call = inspect.getattr_static(type(layer), "__call__", None)
    if not inspect.isfunction(call) or isinstance(layer, Layer):
        return layer
    if not all(callable(getattr(layer, name, None)) for name in ("forward", "backward")):
        return layer
    lacks = _lacks(layer, inputs)
    if lacks is None or lacks not in assigned_names(call):
        return layer
    for box in (None, *_boxes(layer, inputs)):
        for boxes_dout in (False, True) if box else (False,):
            called = Called(layer, box, boxes_dout)
            try:
                if all(map(is_number, _back(private(called), inputs))):
                    return called
            except (Exception, SystemExit):  # it is called otherwise
                continue
    called = Called(layer)
    called.not_read = (
        f"__call__ sets self.{lacks}, which backward reads, and it was not understood how it is "
        "called, so that nothing was compared; let forward keep what backward reads"
    )
    return called


def _lacks(layer: Any, inputs: Sequence[Any]) -> str | None:
    """The attribute that backward does not find after forward alone."""
    try:
        _back(private(layer), inputs)
    except AttributeError as error:
        return error.name
    except (Exception, SystemExit):  # that is told where it is examined
        return None
    return None


def _back(layer: Any, inputs: Sequence[Any]) -> list[Any]:
    """Run forward, and then backward on ones; all that both gave."""
    with same_draws():
        raw = [leaf for _, leaf in leaves(layer.forward(*private(list(inputs))))]
        found = layer.backward(*(np.ones_like(leaf, float) for leaf in raw))
    return [*raw, *(leaf for _, leaf in leaves(found))]


class Box:
    """A class that holds an array, and where."""

    def __init__(self, cls: type, name: str) -> None:
        self.cls, self.name = cls, name

    def holding(self, x: Any) -> Any:
        return self.cls(x)

    def opened(self, x: Any) -> Any:
        """What such objects hold, in lists and tuples too."""
        if isinstance(x, list | tuple):
            return type(x)(map(self.opened, x))
        return getattr(x, self.name) if isinstance(x, self.cls) else x


def _boxes(layer: Any, inputs: Sequence[Any]) -> Iterator[Box]:
    """The classes beside that of the layer that hold an array which they are made of."""
    given = next((x for x in inputs if isinstance(x, np.ndarray)), np.zeros(1))
    rooms = dict.fromkeys(cls.__module__ for cls in type(layer).__mro__[:-1])
    held = [x for room in rooms for x in vars(sys.modules.get(room, object)).values()]
    for cls in dict.fromkeys(x for x in held if isinstance(x, type) and x.__module__ in rooms):
        if issubclass(cls, type(layer).__mro__[-2]):
            continue
        try:
            names = [name for name, x in vars(cls(given)).items() if x is given]
        except (Exception, SystemExit):  # it is made of something else
            continue
        if names:
            yield Box(cls, names[0])


class Called:
    """A function as a layer: `forward` calls it, on boxes if it wants them."""

    not_read = ""

    def __init__(self, function: Any, box: Box | None = None, boxes_dout: bool = False) -> None:
        self.function, self.box, self.boxes_dout = function, box, boxes_dout
        self.signature = function.forward
        why = "since forward alone does not set what backward reads"
        self.reading = f"it was called, {why}"
        if box:
            self.reading = f"it was called on a {box.cls.__name__}, {why}"

    def forward(self, *inputs: Any) -> Any:
        if not self.box:
            return self.function(*inputs)
        return self.box.opened(self.function(*map(self.box.holding, inputs)))

    def backward(self, *douts: Any) -> Any:
        given = map(self.box.holding, douts) if self.box and self.boxes_dout else douts
        found = self.function.backward(*given)
        return self.box.opened(found) if self.box else found
