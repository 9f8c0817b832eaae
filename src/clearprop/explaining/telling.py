"""From the facts of a backward pass to what a teacher would say about it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearprop.explaining import expressions as ex
from clearprop.explaining import formulas
from clearprop.explaining.documents import (
    Block,
    Code,
    Heading,
    Line,
    Paragraph,
    Points,
    fill,
    listed,
)
from clearprop.explaining.documents import Step as Told
from clearprop.explaining.expressions import Expression
from clearprop.explaining.language import Language, Words
from clearprop.explaining.numbers import equation, number
from clearprop.explaining.odd import odd
from clearprop.explaining.story import Contribution, Place, Step, Story
from clearprop.explaining.values import described, shape, valued
from clearprop.explaining.ways import chain_rule, names, what_was_saved

STEPS = 30
"""Of a longer pass so many steps are told: those at its start and at its end."""


def document(story: Story, language: Language) -> list[Block]:
    """Tell the forward pass, the backward pass, the chain rule, and what was saved."""
    words, y = language.words, story.result.name
    going = _folded(story.steps, words, lambda _, step: _computed(step, language))
    start = equation(ex.Partial(y, y), ex.Number(1.0))
    back = _folded(story.towards(story.asked), words, _Teller(story, language).step, Paragraph)
    return [
        Heading(1, fill(words["title"], y=y, xs=names(story.asked, words))),
        Heading(2, fill(words["forward"], y=y)),
        Paragraph(fill(words["given"], values=_given(story, words))),
        Points(tuple(going)),
        Heading(2, fill(words["backward"], y=y)),
        Paragraph(fill(words["rule"], one=start)),
        *back,
        *(
            Paragraph(fill(words["nothing"], x=place.name, y=y))
            for place in story.asked
            if place.derivative is None
        ),
        Heading(2, (words["chain"],)),
        *chain_rule(story, words),
        Heading(2, (words["saved"],)),
        *what_was_saved(story, words),
    ]


def _folded(
    steps: Sequence[Step], words: Words, tell: Callable[[int, Step], Any], said: Any = tuple
) -> list[Any]:
    """What is told of each step by its number; of many, a word on those left out in the middle."""
    numbered = list(enumerate(steps, 1))
    if len(steps) <= STEPS:
        return [tell(*step) for step in numbered]
    half = STEPS // 2
    left_out = said(fill(words["folded"], n=len(steps) - 2 * half))
    first, last = numbered[:half], numbered[-half:]
    return [*(tell(*step) for step in first), left_out, *(tell(*step) for step in last)]


def _given(story: Story, words: Words) -> Line:
    given = [*story.leaves, *story.constants]
    shown = [valued(x.name, x.data, words) for x in given[:STEPS]]
    if len(given) > STEPS:
        shown.append(fill(words["more"], n=len(given) - STEPS))
    return listed(shown, words)


def _computed(step: Step, language: Language) -> Line:
    """What one step of the forward pass computed, and how."""
    words = language.words
    line: list[Any] = []
    for name, expression, is_out in formulas.forward(step):
        line += [words["comma"]] * bool(line)
        line += _equal(step, name, expression, is_out, words)
    said = bool(line)
    if not said:
        line = [formulas.called(step)]
        prose = getattr(step.node.operation, "formula", "")
        if prose and formulas.layer_of(step) is None:
            line += fill(words["said"], prose=language.phrase(prose))
    if not (step.scalar and said):
        values = [described(output.data, words) for output in step.outputs]
        line += fill(words["result"], value=listed(values, words))
    if found := odd(step):
        line += [". ", *fill(words[found], node=step.node.operation.name)]
    line += _left(max(output.left[0] for output in step.outputs), words, ". ")
    if formulas.layer_of(step) is None:
        return tuple(line)
    return fill(words["layer"], layer=step.node.operation.name, formula=tuple(line))


def _equal(step: Step, name: Any, expression: Any, is_out: bool, words: Words) -> list[Any]:
    if not (step.scalar and is_out):
        return [equation(name, expression)]
    value = number(step.outputs[0].data)
    if isinstance(expression, ex.Cases):
        return [equation(name, value), *fill(words["said"], prose=expression)]
    return [equation(name, expression, formulas.forward_numbers(step), value)]


def _left(left: float, words: Words, before: str = " ") -> Line:
    """A word on what rounding has left of 0, if it has."""
    if not left:
        return ()
    return (before, *fill(words["left"], left=ex.Number(float(f"{left:.1e}"))))


class _Teller:
    """Remembers what was said before, so that it is said once."""

    def __init__(self, story: Story, language: Language) -> None:
        self.story, self.language, self.words = story, language, language.words
        self.y = story.result.name
        self.said = {""}
        # The places that were asked for, and those on the way to them.
        on_the_way = (o for step in story.towards(story.asked) for o in step.outputs)
        self.wanted = {*story.asked, *on_the_way}

    def step(self, told: int, step: Step) -> Told:
        lines = [self.heading(step), self.upstream(step)]
        if line := self.remark(step):
            lines.append(line)
        wanted = [c for c in step.contributions if c.to in self.wanted]
        points = [self.point(c) for c in wanted]
        points += [line for c in wanted if (line := self.stretched(c))]
        # The last part of a sum arrives where its first user stands in the forward pass.
        complete = dict.fromkeys(c.to for c in wanted if c.to.arrivals[-1].step is step)
        points += [self.arrived(place) for place in complete if len(place.arrivals) > 1]
        return Told(told, tuple(lines), tuple(points))

    def heading(self, step: Step) -> Line:
        said: list[Any] = [equation(name, made) for name, made, _ in formulas.forward(step)]
        line = listed(said or [formulas.called(step)], {**self.words, "and": self.words["comma"]})
        if formulas.layer_of(step) is None:
            return line
        return fill(self.words["layer"], layer=step.node.operation.name, formula=line)

    def upstream(self, step: Step) -> Line:
        arrived = [
            valued(ex.Partial(self.y, output.name), output.derivative, self.words)
            for output in step.outputs
            if output.derivative is not None
        ]
        return fill(self.words["upstream"], derivative=listed(arrived, self.words))

    def remark(self, step: Step) -> Line:
        """What a teacher adds, the first time that an operation comes up."""
        text = formulas.remark(step, self.language)
        if text in self.said:
            return ()
        self.said.add(text)
        return tuple(Code(p) if i % 2 else p for i, p in enumerate(text.split("`")) if p)

    def point(self, c: Contribution) -> Line:
        """What is sent to one input; a formula of a docstring only where it is true of it."""
        formula, _ = formulas.written(c) if formulas.layer_of(c.step) is not None else (None, "")
        line = self.sent(c)
        if formula is not None and formulas.is_held(c) is False:
            said = Code(f"{formula.left} = {formula.right}")
            line += fill(self.words["untrue"], formula=said)
        return line

    def sent(self, c: Contribution) -> Line:
        total = ex.Partial(self.y, c.to.name)
        part = len(c.to.arrivals) > 1
        first = None if part else total
        symbols = formulas.downstream(c, self.story.result)
        if c.local is not None:
            line = self.number_point(c, first, symbols)
        elif symbols is None:
            line = self.in_words(c, total)
        else:
            equal = symbols if first is None else equation(first, symbols)
            value = described(c.value, self.words)
            line = fill(self.words["array"], downstream=equal, value=value) + self.shapes(c)
        line += fill(self.words["part"], total=total) if part else ()
        return line + _left(c.left, self.words)

    def number_point(self, c: Contribution, first: Any, symbols: Any) -> Line:
        out = c.step.outputs[0]
        upstream = number(out.derivative)
        by = None if first is None else ex.Partial(out.name, c.to.name)
        symbolic = formulas.local(c)
        slope: Any = equation(by, symbolic, number(c.local))
        if isinstance(symbolic, ex.Cases):
            slope = (equation(by, number(c.local)), *fill(self.words["said"], prose=symbolic))
        product = ex.Product((upstream, number(c.local)))
        sent = equation(first, symbols, product, number(c.value))
        return fill(self.words["local"], local=slope, downstream=sent)

    def in_words(self, c: Contribution, total: Expression) -> Line:
        prose = self.language.phrase(formulas.backward_prose(c))
        out = c.step.outputs[0]
        upstream: Any = ex.Partial(self.y, out.name)
        if out is self.story.result:  # elsewhere it was said what arrives
            upstream = valued(upstream, out.derivative, self.words)
        said = {"derivative": total, "value": described(c.value, self.words)}
        if not prose:
            return fill(self.words["unsaid"], **said)
        return fill(self.words["prose"], prose=prose, upstream=upstream, **said)

    def shapes(self, c: Contribution) -> Line:
        """The shapes in a product of matrices, which only fit in one arrangement."""
        factors = formulas.factor_shapes(c)
        if not factors:
            return ()
        return fill(self.words["shapes"], shapes=" ".join(factors), shape=shape(c.value))

    def stretched(self, c: Contribution) -> Line:
        """Where an input was broadcast, the derivatives of its copies are summed."""
        if not c.step.node.operation.elementwise or np.shape(c.value) == np.shape(c.step.node.out):
            return ()
        small, big = shape(c.to.data), shape(c.step.node.out)
        return fill(self.words["stretched"], x=c.to.name, shape=small, big=big)

    def arrived(self, place: Place) -> Line:
        """The sum at a fan-out."""
        words, n = self.words, len(place.arrivals)
        total = ex.Partial(self.y, place.name)
        if np.ndim(place.derivative) == 0:
            terms = ex.Sum(tuple(number(c.value) for c in place.arrivals))
            sum_: Any = equation(total, terms, number(place.derivative))
        else:
            sum_ = valued(total, place.derivative, words)
        said = fill(words["arrived"], x=place.name, n=n, sum=sum_)
        return said + _left(place.left[1], words)
