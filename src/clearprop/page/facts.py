"""What happened at the nodes that a page shows, in the terms in which `explain` tells it.

The formulas of the steps and the chain rule then come from the same place as the words of
`explain`, and from nowhere else.
"""

from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from clearprop.drawing.outline import Flow, Item
from clearprop.errors import ClearpropError
from clearprop.explaining.documents import Formulas
from clearprop.explaining.expressions import Equation, Name
from clearprop.explaining.language import language
from clearprop.explaining.odd import odd
from clearprop.explaining.story import Constant, Contribution, Place, Step, Story, constant, send_on
from clearprop.explaining.ways import chain_rule
from clearprop.graph.shares import shares
from clearprop.page.live import Live
from clearprop.page.names import Names
from clearprop.page.order import Timetable

MOST_CHAINS = 40
"""For so many inputs the chain rule is written out."""


class Facts:
    """Places, steps and contributions of one view, by the items and flows of its outline."""

    def __init__(
        self,
        timetable: Timetable,
        names: Names,
        result: Name,
        start: Flow | None,
        live: Live | None = None,
    ) -> None:
        """`result` is what is differentiated, `start` its flow, if that is one number; `live` knows
        the slots of what the page computes."""
        self.live = live
        self.timetable = timetable
        self.names = names
        self.result = result
        self.whole = Place(SimpleNamespace(data=None))
        """What is differentiated, as a place."""
        self.whole.name = result
        self.places: dict[str, Any] = {}
        for flow in timetable.flows:
            if flow.id == timetable.origin(flow):
                self.places[flow.id] = self._place(flow)
        self.first = self.place(start) if start is not None else None
        """The place of what is differentiated, if that is one number."""
        if self.first is not None:
            self.first.paths = 1
        self.steps = {item: self._step(item) for item in timetable.nodes if item.node is not None}
        self.sent = {item: self._send(item) for item in reversed(self.steps)}

    @cached_property
    def sound(self) -> bool:
        """Whether what is differentiated is a number, so that its derivatives mean something.

        At a kink they mean nothing that holds in both directions.
        """
        finite = self.first is None or bool(np.isfinite(self.first.data))
        return finite and not any(odd(step) == "kink" for step in self.steps.values())

    def place(self, flow: Flow) -> Any:
        """The `Place` or `Constant` of a value; a number among the constants is itself."""
        return self.places[self.timetable.origin(flow)]

    def _place(self, flow: Flow) -> Any:
        if flow.source is not None and flow.source.kind == "constant":
            made: Any = constant(flow.value)
        else:
            known = getattr(flow.value, "slot", None) is not None
            data = flow.value if known else np.asarray(flow.value)[()]
            made = Place(SimpleNamespace(data=data))
            made.derivative = flow.derivative
        if isinstance(made, Place | Constant):
            made.name = Name(self.names.known[flow.id])
        return made

    def _step(self, item: Item) -> Step:
        coming = self.timetable.coming.get(item, {})
        inputs = [
            self.place(coming[i][0]) if i in coming else x for i, x in enumerate(item.node.inputs)
        ]
        going = self.timetable.going.get(item, {})
        outs = item.node.out if isinstance(item.node.out, tuple) else (item.node.out,)
        outputs = [self._output(going.get(i), value) for i, value in enumerate(outs)]
        step = Step(item.node, inputs, outputs)
        for place in outputs:
            place.step = step
        return step

    def _output(self, flow: Flow | None, value: Any) -> Any:
        if flow is not None and self.timetable.origin(flow) in self.places:
            return self.place(flow)
        unused = Place(SimpleNamespace(data=value))
        unused.name = Name("_")
        return unused

    def _send(self, item: Item) -> list[Contribution]:
        """What a node sends to each of its inputs."""
        step = self.steps[item]
        sent: list[Any] = [None] * len(step.inputs)
        for i, (_, end) in self.timetable.coming.get(item, {}).items():
            if isinstance(step.inputs[i], Place):
                sent[i] = end.derivative
        local = _local(step)
        if self.live is not None:
            local = [self.live.local(x, item.id, i) for i, x in enumerate(local)]
        send_on(step, sent, local)
        return step.contributions

    def chains(self, leaves: list[Flow]) -> dict[Flow, tuple[Equation, ...]]:
        """The chain rule for each leaf, with symbols and then with numbers.

        There is none where arrays are on the way, or nodes that are folded.
        """
        if self.first is None or any(item.kind == "fold" for item in self.timetable.nodes):
            return {}
        found = {}
        words = language("en").words  # the equations themselves have no language
        story = Story(self.first, [], [], [])
        for leaf in leaves[:MOST_CHAINS]:
            place = self.place(leaf)
            if place.derivative is None or not place.scalar or not place.paths:
                continue
            story.asked = [place]
            blocks = [b for b in chain_rule(story, words) if isinstance(b, Formulas)]
            if blocks:
                found[leaf] = blocks[0].equations
        return found


def _local(step: Step) -> list[Any]:
    """The local derivatives, where they are single numbers."""
    if not step.scalar or step.outputs[0].derivative is None:
        return []
    one = np.ones_like(step.outputs[0].derivative)[()]
    try:
        with np.errstate(all="ignore"):
            found = shares(step.node, (one,))
    except ClearpropError:  # such as a layer from a file that cannot be computed again
        return []
    return [0.0 * one if x is None else x for x in found]
