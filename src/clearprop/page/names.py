"""What the values of a page are called: by their own names, and where they have none, by ours.

A value keeps its name at whatever depth it is looked at. The names are those of `explain`: x1, x2
… for inputs, u1, u2 … for what is computed, y or loss for the result, a number behind names that
come twice.
"""

from collections import Counter

import numpy as np

from clearprop.drawing.measure import clean
from clearprop.drawing.outline import Flow, Scope
from clearprop.explaining.story import numbered
from clearprop.page.order import Timetable

_LEAVES = ("input", "parameter")


class Names:
    """Names by the id that a value is known by; `give` names what a further outline brings."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.taken: set[str] = set()

    def give(self, scope: Scope, timetable: Timetable) -> None:
        """Name all values of an outline, and let its picture say the names."""
        fresh = [flow for flow in _in_order(timetable) if flow.id not in self.known]
        own = {flow: _own_name(flow) for flow in fresh}
        often = Counter([*own.values(), *self.taken])
        self.taken.update(filter(None, own.values()))
        results = {timetable.coming[i][0][0] for i in scope.items if i.kind == "output"}
        unnamed = [f for f in fresh if f.source and f.source.kind in _LEAVES and not own[f]]
        for flow in fresh:
            kind = flow.source.kind if flow.source is not None else ""
            if own[flow]:
                name = own[flow] if often[own[flow]] == 1 else self.fresh(own[flow], True)
            elif kind in _LEAVES:
                name = self.fresh("x", len(unnamed) > 1)
            elif kind == "constant":  # a number is called what it is
                name = self.fresh(_argument(flow) or "c") if np.ndim(flow.value) else ""
            elif flow in results:
                name = self.fresh(_result(flow), len(results) > 1)
            else:
                name = self.fresh("u", True)
            self.known[flow.id] = name
        for flow in _in_order(timetable):
            self._show(flow)

    def fresh(self, name: str, always: bool = False) -> str:
        """A name that no value has, with a number where it needs one, or `always`."""
        return next(numbered(name, self.taken, always))

    def _show(self, flow: Flow) -> None:
        """Write the name where the picture has a place for it."""
        assert flow.source is not None
        name = self.known[flow.id]
        if flow.source.kind in _LEAVES:
            flow.source.name = name
            return
        for end in flow.ends:
            if end.item is not None and end.item.kind == "output":
                end.item.name = name
                return
        if flow.source.kind != "constant":
            flow.named = name


def _in_order(timetable: Timetable) -> list[Flow]:
    """The values that are named: leaves first, then what is computed, in its order."""
    named = [
        flow
        for flow in timetable.flows
        if flow.source is not None and timetable.origin(flow) == flow.id
    ]
    return sorted(named, key=lambda flow: timetable.value_at[flow])


def _own_name(flow: Flow) -> str:
    name = getattr(flow.variable, "name", None)
    return clean(name) if name else ""


def _result(flow: Flow) -> str:
    node = flow.source.node if flow.source is not None else None
    layer = getattr(node.operation, "layer", None) if node is not None else None
    return "loss" if hasattr(layer, "loss") and np.ndim(flow.value) == 0 else "y"


def _argument(flow: Flow) -> str:
    """A layer has a name for what it takes, such as t."""
    for end in flow.ends:
        node = end.item.node if end.item is not None else None
        inputs = getattr(node.operation, "inputs", ()) if node is not None else ()
        if isinstance(inputs, tuple) and end.operand < len(inputs):
            return inputs[end.operand]
    return ""
