"""What a page says at each step: names of sentences, and the formulas and numbers to put in.

The sentences themselves stand in `words`, in each language; the script puts both together.
What has words within a formula (`1 where x > 0`) is written in each language here.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from clearprop.drawing.measure import clean
from clearprop.drawing.outline import Flow, Item
from clearprop.drawing.shapes import sign
from clearprop.explaining import expressions as ex
from clearprop.explaining import formulas
from clearprop.explaining.expressions import Expression, parts, shortened
from clearprop.explaining.in_text import in_text
from clearprop.explaining.language import language
from clearprop.explaining.numbers import equation, number
from clearprop.explaining.odd import given, has_kinks, odd
from clearprop.explaining.story import Contribution, Step
from clearprop.explaining.values import shape
from clearprop.layers import Softmax, SoftmaxWithLoss
from clearprop.page.backward import BackwardPass
from clearprop.page.facts import Facts
from clearprop.page.order import Moment, Timetable
from clearprop.page.slots import has_left
from clearprop.page.trees import changes, tree
from clearprop.page.values import Json, Values
from clearprop.page.words import WORDS

LANGUAGES = ("en", "zh", "ja")
LISTED = 24
"""So many inputs are listed at the start and at the end."""
TERMS = 10
"""So many terms of a sum are written out."""

SOFTMAX = {
    "np.max": "shift",
    "np.subtract": "shift",
    "np.exp": "exp",
    "np.sum": "sum",
    "np.divide": "share",
    "np.log": "log",
    "np.take_along_axis": "pick",
    "clearprop.getitem": "pick",
}
"""What each operation of a softmax does there."""
Told = tuple[list[Any], list[Any]]
"""The title and the body of a step."""


def written(expression: Expression) -> Json:
    """A formula as text; in each language, if there are words in it."""
    if not any(isinstance(e, ex.Cases) for e in parts(expression)):
        made: Json = {"m": in_text(expression)}
        return made | {"e": tree(expression)} if changes(expression) else made
    return {"m": {code: in_text(expression, language(code).words) for code in LANGUAGES}}


class Steps:
    """The steps of one view."""

    def __init__(self, facts: Facts, passed: BackwardPass, values: Values, check: Any) -> None:
        """`check` puts the derivative by an input to the test: see `nudged`."""
        self.facts, self.passed, self.values, self.check = facts, passed, values, check
        self.timetable: Timetable = facts.timetable
        self.inside = {
            item: frame
            for scope, (_, frame) in self.timetable.around.items()
            for item in scope.items
        }
        """The layer that an operation stands in, opened."""
        self.remarked: dict[str, Step] = {}
        """Operations and layers about which there may be something to remark."""

    def all(self) -> list[Json]:
        """One entry for each moment of the timetable."""
        return [self._told(moment) for moment in self.timetable.moments]

    def _told(self, moment: Moment) -> Json:
        tell, at = getattr(self, f"_{moment.phase}"), moment.item or moment.flow
        title, body = tell() if at is None else tell(at)
        key = moment.phase if at is None else f"{moment.phase[0]}:{at.id}"
        return {"key": key, "phase": moment.phase, "title": title, "body": body}

    # The forward pass.

    def _start(self) -> Told:
        results = [self.name(flow) for flow in self._results()]
        body: list[Any] = [
            ["p", "start", {"y": results, "xs": self._names(self.leaves())}],
            ["p", "start_forward", {}],
            ["p", "start_backward" if self.passed.seeds else "start_only", {"y": results}],
        ]
        if self.passed.seeds and self.leaves():
            x, y = self.facts.place(self.leaves()[0]).name, self.facts.result
            said = {"x": written(x), "y": written(y), "d": written(ex.Partial(y, x))}
            body.append(["p", "notation", said])
        body.append(["given", [self._valued(flow) for flow in self.leaves()[:LISTED]]])
        return ["title_start", {}], body

    def _forward(self, item: Item) -> Told:
        step = self.facts.steps.get(item)
        if step is None:
            return self._folded("forward", item)
        said = [written(e) for e in _forward(step)]
        going = self.timetable.going.get(item, {}).values()
        body: list[Any] = [
            ["p", "forward_layer" if formulas.layer_of(step) else "forward", _node(item)]
        ]
        body += [["f", formula] for formula in said]
        body += self._part(item) + self._odd(step, item) + self._left(f.value for f in going)
        arrays = [flow for flow in going if np.ndim(flow.value)]
        body += [["value", self.name(flow), self.values.add(flow.value)] for flow in arrays]
        if item is self.timetable.nodes[0]:
            body.append(["p", "forward_first", {}])
            body += [
                ["p", "called", {"x": self.name(f)}]
                for f in going
                if getattr(f.variable, "name", None) is None
            ]
        return ["title_node", {**_node(item), "said": said[-1]}], body

    def _part(self, item: Item, back: str = "") -> list[Any]:
        """What an operation is for in the layer that it stands in, or what goes back there."""
        frame = self.inside.get(item)
        layer = getattr(frame.node.operation, "layer", None) if frame is not None else None
        if not isinstance(layer, SoftmaxWithLoss if back else Softmax | SoftmaxWithLoss):
            return []
        node = item.node
        out, before = node.out, getattr(node.inputs[-1], "node", None)
        if not np.ndim(out) or out.dtype.kind != "f":  # labels, and the mean over the batch
            return []
        part = SOFTMAX.get(node.operation.name)
        if part == "shift" and before is not None and before.operation.name == "np.log":
            part = "log"
        key = f"softmax_{part}{back}"
        return [["p", key, {}]] if part and key in WORDS["en"] else []

    def _odd(self, step: Step, item: Item) -> list[Any]:
        """A word where numbers give something that is none."""
        if not step.scalar:
            return []
        found = _node(item) | {"kind": odd(step)}
        if getattr(step.outputs[0].data, "slot", None) is not None:
            found["numbers"] = [tree(number(v)) for v in (*given(step), step.outputs[0].data)]
            found["kinks"] = has_kinks(step)
        return [["odd", found]] if found["kind"] or "numbers" in found else []

    def _left(self, values: Iterable[Any]) -> list[Any]:
        """A word where rounding has left something of 0, or may when numbers are changed."""
        shown = [x for x in values if x is not None and np.asarray(x).dtype.kind == "f"]
        known = [x for x in shown if getattr(x, "slot", None) is not None or has_left(x)]
        return [["left", [self.values.add(x) for x in known]]] if known else []

    def _folded(self, phase: str, item: Item) -> Told:
        said = {"node": clean(item.name)}
        return ["title_fold", said], [["p", f"{phase}_fold", said]]

    # The backward pass.

    def _seed(self) -> Told:
        y = self.facts.result
        if self.passed.starts_at_one and self.facts.first is not None:
            d = written(equation(ex.Partial(y, y), ex.Number(1.0)))
            said = {"y": {"m": in_text(y)}, "d": d}
            return ["title_seed", {"d": d}], [["p", "seed", said], ["p", "seed_next", {}]]
        outputs = [item for item in self.timetable.scope.items if item.kind == "output"]
        ends = [end for item in outputs for end in self.timetable.coming.get(item, {}).values()]
        starts = [(flow, end) for flow, end in ends if end in self.timetable.share_at]
        seeds = [self._derivative(flow, end.derivative) for flow, end in starts]
        said = {"y": self._names([flow for flow, _ in starts]), "l": {"m": in_text(y)}}
        title = ["title_seed", {"d": seeds[0][0] if seeds else ""}]
        return title, [["p", "seed_given", said], ["given", seeds], ["p", "seed_next", {}]]

    def _backward(self, item: Item) -> Told:
        step = self.facts.steps.get(item)
        if step is None:
            return self._folded("backward", item)
        sent = self.facts.sent[item]
        arrived = [
            self._derivative(flow, flow.derivative)
            for flow in self.timetable.going.get(item, {}).values()
            if flow in self.timetable.total_at and flow.derivative is not None
        ]
        first = next(m for m in self.timetable.moments if m.phase == "backward").item is item
        body: list[Any] = [["p", "upstream", _node(item)], ["given", arrived]]
        numbers = all(c.local is not None for c in sent)
        if not sent:
            body.append(["p", "nothing_sent", _node(item)])
        elif first:
            body.append(["p", "rule" if numbers else "rule_arrays", {}])
        name = _remark_name(step)
        self.remarked.setdefault(name, step)
        body.append(["remark", name])
        body += self._part(item, "_back")
        body += [self._card(c) for c in sent]
        body += self._left(x for c in sent for x in (c.local, c.value))
        titles = [self._sent_title(c) for c in sent[:4]]
        return ["title_node", {**_node(item), "said": titles or [""]}], body

    def _sent_title(self, c: Contribution) -> Json:
        total = ex.Partial(self.facts.result, c.to.name)
        if len(c.to.arrivals) > 1 or np.ndim(c.value):
            return written(total)
        return written(equation(total, number(c.value)))

    def _card(self, c: Contribution) -> list[Any]:
        """One input of a node: upstream × local = downstream."""
        total = ex.Partial(self.facts.result, c.to.name)
        part = len(c.to.arrivals) > 1
        said: Json = {"x": written(c.to.name), "total": written(total), "part": part}
        if c.local is None:
            return ["send", self._array_card(c, total, part) | said]
        out = c.step.outputs[0]
        upstream, slope, value = number(out.derivative), number(c.local), number(c.value)
        symbolic = formulas.local(c)
        between = ex.Partial(out.name, c.to.name)
        worked = equation(ex.Product((upstream, slope)), value)
        row = {
            "symbols": [written(ex.Partial(self.facts.result, out.name)), written(between)],
            "numbers": [in_text(upstream), in_text(slope), in_text(value)],
            "sign": worked.signs[-1] if worked.signs else "=",
        }
        if symbolic is not None and not isinstance(symbolic, ex.Number):
            row["local"] = written(symbolic)
        if upstream.value > 0 and slope.value > 0 and self.facts.sound:
            row["means"] = self._means(c.to.name, value)
            if out is not self.facts.first and upstream.value != 1 and slope.value != 1:
                sizes = {"local": written(slope), "up": written(upstream), "down": written(value)}
                both = {"x": said["x"], "u": written(out.name), "y": written(self.facts.result)}
                row["means"] = ["card_means", both | sizes]
        if self.facts.live is not None:
            row["live"] = {
                "numbers": [*map(tree, (upstream, slope, value))],
                "u": written(out.name),
                "y": written(self.facts.result),
                "first": out is self.facts.first,
            }
        # For those who listen: one line instead of a table.
        first = None if part else total
        heard = ex.Product((ex.Partial(self.facts.result, out.name), formulas.factor(c)))
        row["heard"] = written(equation(first, heard, ex.Product((upstream, slope)), value))
        return ["multiply", row | said]

    def _array_card(self, c: Contribution, total: Expression, part: bool) -> Json:
        made: Json = {"value": self.values.add(c.value)}
        symbols = formulas.downstream(c, self.facts.whole)
        if symbols is not None:
            made["rule"] = written(symbols if part else equation(total, symbols))
        elif prose := formulas.backward_prose(c):
            made["prose"] = {code: language(code).phrase(prose) for code in LANGUAGES}
        if factors := formulas.factor_shapes(c):
            made["shapes"] = {"factors": " ".join(factors), "shape": shape(c.value)}
        if len(c.step.outputs) == 1:
            made["upstream"] = written(ex.Partial(self.facts.result, c.step.outputs[0].name))
        elementwise = c.step.node.operation.elementwise
        if elementwise and np.shape(c.value) != np.shape(c.step.node.out):
            made["stretched"] = [shape(c.to.data), shape(c.step.node.out)]
        return made

    def _sum(self, flow: Flow) -> Told:
        place = self.facts.place(flow)
        total = ex.Partial(self.facts.result, place.name)
        ends = self.timetable.shares(flow)
        shares = [end.derivative for end in ends]
        known = all(share is not None for share in shares)
        said = {"x": written(place.name), "n": str(len(ends))}
        body: list[Any] = [["p", "sum" if known else "sum_folded", said]]
        title: Any = written(total)
        if known and not any(np.ndim(share) for share in shares):
            terms = ex.Sum(shortened([number(share) for share in shares], TERMS))
            title = written(equation(total, terms, number(flow.derivative)))
            body.append(["f", title])
        else:
            if known:
                parts = [("+" if i else "", share) for i, share in enumerate(shares[:LISTED])]
                body.append(["given", [[sign, self.values.add(share)] for sign, share in parts]])
            body.append(["value", written(total), self.values.add(flow.derivative)])
        body += self._left([flow.derivative])
        body.append(["p", "sum_why", {"x": written(place.name), "y": written(self.facts.result)}])
        return ["title_sum", {"said": title}], body

    # The end.

    def _end(self) -> Told:
        results = [self.name(flow) for flow in self._results()]
        if self.passed.seeds:
            y = {"m": in_text(self.facts.result)}
            return ["title_end", {}], [["p", "end", {"y": y}], *self._found()]
        shapes = ", ".join(shape(flow.value) for flow in self._results())
        return ["title_no_backward", {}], [["p", "no_backward", {"y": results, "shape": shapes}]]

    def _found(self) -> list[Any]:
        leaves = self.leaves()
        chains = self.facts.chains(leaves)
        y = written(self.facts.result)
        body: list[Any] = []
        for flow in leaves[:LISTED]:
            if flow.derivative is None:
                body.append(["p", "nothing", {"x": self.name(flow), "y": y}])
                continue
            said: Json = {"x": self.name(flow), "y": y, "value": self.values.add(flow.value)}
            said["d"], said["derivative"] = self._derivative(flow, flow.derivative)
            said["chain"] = [written(row) for row in chains.get(flow, ())]
            scalar = not np.ndim(flow.derivative)
            if scalar and np.isfinite(flow.derivative) and self.facts.sound:
                name = self.facts.place(flow).name
                said["means"] = self._means(name, number(flow.derivative))
            if scalar and self.facts.live is not None:
                said["slope"] = tree(number(flow.derivative))
            # Each derivative is put to the test.
            if check := self.check(flow.variable):
                said["check"] = check
            body.append(["leaf", said])
        if len(leaves) > LISTED:
            body.append(["p", "more", {"n": str(len(leaves) - LISTED)}])
        return body

    # Pieces.

    def leaves(self) -> list[Flow]:
        """Inputs, then parameters, in the order in which the picture has them."""
        flows = [
            flow
            for flow in self.timetable.flows
            if flow.source is not None and flow.source.kind in ("input", "parameter")
        ]
        return sorted(flows, key=lambda f: f.source is not None and f.source.kind != "input")

    def _results(self) -> list[Flow]:
        scope = self.timetable.scope
        outputs = [item for item in scope.items if item.kind == "output"]
        return [self.timetable.coming[item][0][0] for item in outputs] or self.leaves()[:1]

    def name(self, flow: Flow) -> Json:
        """The name of a value."""
        return written(self.facts.place(flow).name)

    def _names(self, flows: Sequence[Flow]) -> list[Json]:
        names = [self.name(flow) for flow in flows[:8]]
        return [*names, {"m": "…"}] if len(flows) > 8 else names

    def _means(self, x: ex.Name, slope: ex.Number) -> list[Any]:
        """What a derivative says."""
        size = ex.Number(abs(slope.value), slope.eps)
        said = {"x": written(x), "y": written(self.facts.result), "d": written(size)}
        if slope.value == 1:
            return ["means_same", said]
        means = "means" if slope.value > 0 else "means_less" if slope.value < 0 else "means_zero"
        return [means, said]

    def _valued(self, flow: Flow) -> list[Any]:
        return self._equal(self.facts.place(flow).name, flow.value)

    def _derivative(self, flow: Flow, value: Any) -> list[Any]:
        return self._equal(ex.Partial(self.facts.result, self.facts.place(flow).name), value)

    def _equal(self, name: Expression, value: Any) -> list[Any]:
        if np.ndim(value):
            return [written(name), self.values.add(value)]
        return [written(equation(name, number(value))), None]


def _node(item: Item) -> Json:
    return {"node": sign(item.name) if item.kind == "operation" else clean(item.name)}


def _forward(step: Step) -> list[Expression]:
    """What a node computes, as equations: with names, and with numbers where all are numbers."""
    found: list[Expression] = []
    for name, made, is_out in formulas.forward(step):
        if not (step.scalar and is_out):
            found.append(equation(name, made))
        elif isinstance(made, ex.Cases):
            found += [equation(name, made), equation(name, number(step.outputs[0].data))]
        else:
            value = number(step.outputs[0].data)
            found.append(equation(name, made, formulas.forward_numbers(step), value))
    if not found:
        made, value = formulas.called(step), number(step.outputs[0].data) if step.scalar else None
        found.append(equation(*(made.sides if isinstance(made, ex.Equation) else (made,)), value))
    return found


def _remark_name(step: Step) -> str:
    layer = formulas.layer_of(step)
    return step.node.operation.name if layer is None else type(layer).__qualname__


def remarks(step: Step) -> dict[str, str]:
    """What a teacher adds about an operation or a layer, in each language."""
    found = {code: formulas.remark(step, language(code)) for code in LANGUAGES}
    return {code: text for code, text in found.items() if text}
