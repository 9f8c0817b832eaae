"""The backward pass in words: what arrives at each step, and what the step sends on."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearprop.explaining import expressions as ex
from clearprop.explaining import formulas
from clearprop.explaining.documents import Block, Code, Line, Paragraph, fill, listed
from clearprop.explaining.documents import Step as Told
from clearprop.explaining.expressions import Expression
from clearprop.explaining.language import Language
from clearprop.explaining.numbers import equation, number
from clearprop.explaining.story import Contribution, Place, Step, Story
from clearprop.explaining.values import described, shape, valued

Fold = Callable[[Sequence[Any]], tuple[list[Any], int]]


def backward(story: Story, language: Language, fold: Fold) -> list[Block]:
    """Tell the steps from the result to the places that were asked for."""
    words, y = language.words, story.result.name
    start = equation(ex.Partial(y, y), ex.Number(1.0))
    blocks: list[Block] = [Paragraph(fill(words["rule"], one=start))]
    steps = story.towards(story.asked)
    shown, left_out = fold(steps)
    teller = _Teller(story, language)
    for i, step in enumerate(shown):
        if left_out and i == len(shown) // 2:
            blocks.append(Paragraph(fill(words["folded"], n=left_out)))
        told = i + 1 if i < len(shown) // 2 or not left_out else i + 1 + left_out
        blocks.append(teller.step(told, step))
    blocks += [
        Paragraph(fill(words["nothing"], x=place.name, y=y))
        for place in story.asked
        if place.derivative is None
    ]
    return blocks


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
        return _with_code(text)

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
            return self.number_point(c, first, total, symbols)
        value = described(c.value, self.words)
        if symbols is None:
            prose = self.language.phrase(formulas.backward_prose(c))
            line = self.in_words(c, total, prose, value)
        else:
            equal = symbols if first is None else equation(first, symbols)
            line = fill(self.words["array"], downstream=equal, value=value)
            line += self.shapes(c)
        return line + fill(self.words["part"], total=total) if part else line

    def number_point(self, c: Contribution, first: Any, total: Any, symbols: Any) -> Line:
        out = c.step.outputs[0]
        upstream = number(out.derivative)
        by = None if first is None else ex.Partial(out.name, c.to.name)
        symbolic = formulas.local(c)
        slope: Any = equation(by, symbolic, number(c.local))
        if isinstance(symbolic, ex.Cases):
            slope = (equation(by, number(c.local)), *fill(self.words["said"], prose=symbolic))
        product = ex.Product((upstream, number(c.local)))
        sent = equation(first, symbols, product, number(c.value))
        line = fill(self.words["local"], local=slope, downstream=sent)
        return line + fill(self.words["part"], total=total) if first is None else line

    def in_words(self, c: Contribution, total: Expression, prose: str, value: Line) -> Line:
        if not prose:
            return fill(self.words["unsaid"], derivative=total, value=value)
        upstream = ex.Partial(self.y, c.step.outputs[0].name)
        return fill(
            self.words["prose"], derivative=total, prose=prose, upstream=upstream, value=value
        )

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
        return fill(words["arrived"], x=place.name, n=n, sum=sum_)


def _with_code(text: str) -> Line:
    pieces = text.split("`")
    return tuple(Code(p) if i % 2 else p for i, p in enumerate(pieces) if p)
