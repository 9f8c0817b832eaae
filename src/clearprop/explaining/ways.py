"""The chain rule along each way from the result to an input, and what the backward pass saved."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from clearprop.explaining import expressions as ex
from clearprop.explaining.documents import Block, Formulas, Line, Paragraph, Points, fill, listed
from clearprop.explaining.expressions import Expression, shortened
from clearprop.explaining.formulas import factor, layer_of
from clearprop.explaining.language import Words
from clearprop.explaining.numbers import equation, number
from clearprop.explaining.odd import odd
from clearprop.explaining.story import Contribution, Place, Story

WAYS = 6
"""So many ways to one input are written out."""
FACTORS = 10
"""Of a longer product, those at its start and at its end are written out."""
LISTED = 8
"""So many names stand in one list."""

Way = tuple[Contribution, ...]
"""The contributions from the result to a place, one after the other."""


def names(places: Sequence[Place], words: Words) -> Line:
    """List the names of places; of many the first few, and how many there are besides."""
    shown: list[Any] = [place.name for place in places[:LISTED]]
    if len(places) > LISTED:
        shown.append(fill(words["more"], n=len(places) - LISTED))
    return listed(shown, words)


def chain_rule(story: Story, words: Words) -> Iterator[Block]:
    """The chain rule for each place that was asked for, with symbols, then with numbers."""
    asked = [place for place in story.asked if place.derivative is not None]
    for place in asked[:LISTED]:
        if place.paths > 1:
            few = min(place.paths, WAYS) if place.scalar or place is story.result else 1
            template = "ways" if few == place.paths else "ways_folded"
            yield Paragraph(
                fill(words[template], n=place.paths, few=few, y=story.result.name, x=place.name)
            )
        if place is story.result:
            one = equation(ex.Partial(place.name, place.name), ex.Number(1.0))
            yield Formulas((one,))
        elif place.scalar:
            yield from _with_numbers(story, place, words)
        else:
            yield _through(story, place, words)
    if len(asked) > LISTED:
        yield Paragraph(fill(words["more_asked"], n=len(asked) - LISTED))


def what_was_saved(story: Story, words: Words) -> Iterator[Block]:
    """Which derivatives were used again, and what it would have cost without."""
    leaves = story.reached
    reused = [
        output
        for step in reversed(story.steps)
        for output in step.outputs
        if output is not story.result and len(step.contributions) > 1
    ]
    lines = []
    for place in reused[:LISTED]:
        below = [leaf for i, leaf in enumerate(story.leaves) if place.serves >> i & 1]
        derivative: Expression = ex.Partial(story.result.name, place.name)
        if place.derivative is not None and not np.ndim(place.derivative):
            derivative = equation(derivative, number(place.derivative))
        key = "reused" if len(below) > 1 else "reused_ways"
        lines.append(fill(words[key], derivative=derivative, xs=names(below, words), n=place.below))
    if len(reused) > LISTED:
        lines.append(fill(words["reused_more"], n=len(reused) - LISTED))
    if lines:
        yield Points(tuple(lines))
    many, few = story.multiplied_out, story.multiplications
    if many > few:
        yield Paragraph(fill(words["way_by_way"], many=f"{many}", few=few))
    elif not lines:
        yield Paragraph((words["not_reused"],))
    n = sum(int(np.size(leaf.data)) for leaf in leaves)
    yield Paragraph(fill(words["numerical" if n > 1 else "numerical_one"], n=n, m=2 * n))


def _with_numbers(story: Story, place: Place, words: Words) -> Iterator[Block]:
    y, x = story.result.name, place.name
    ways = _ways(story, place, WAYS)
    is_all = len(ways) == place.paths

    def added(factor_of: Callable[[Contribution], Expression], *first: Expression) -> Expression:
        terms = [_product([*first, *map(factor_of, way)]) for way in ways]
        terms = terms if is_all else [*terms, ex.Folded()]
        return terms[0] if len(terms) == 1 else ex.Sum(tuple(terms))

    def partial(c: Contribution) -> Expression:
        # Where x goes straight to y and other ways, too, ∂y/∂x is the sum, and not this part of it.
        straight = len(ways) > 1 and c.step.outputs[0] is story.result and c.to is place
        return factor(c) if straight else ex.Partial(c.step.outputs[0].name, c.to.name)

    partials = added(partial)
    symbols = added(factor, ex.Number(1.0))
    numbers = added(lambda c: number(c.local), ex.Number(1.0))
    total = number(place.derivative)
    rows = [equation(ex.Partial(y, x), symbols, numbers, total)]
    if len(ways) > 1 or len(ways[0]) > 1:
        rows.insert(0, equation(ex.Partial(y, x), partials))
    yield Formulas(tuple(rows))
    value = float(place.derivative)
    if np.isfinite(value) and np.isfinite(float(story.result.data)):
        said: dict[str, Any] = {"x": x, "y": y, "d": ex.Number(abs(total.value), total.eps)}
        kinked = (c.step.node.operation.name for way in ways for c in way if odd(c.step) == "kink")
        if node := next(kinked, None):
            yield Paragraph(fill(words["means_kink"], **said | {"d": total, "node": node}))
            return
        key = "means" if value > 0 else "means_less" if value < 0 else "means_zero"
        yield Paragraph(fill(words[key], **said))


def _through(story: Story, place: Place, words: Words) -> Block:
    """Where arrays are on the way there is no product of numbers, but there is a way."""
    way = _ways(story, place, 1)[0]
    steps: list[Any] = []
    for c in way:
        operation = c.step.node.operation
        steps += [" → ", operation.name if layer_of(c.step) is not None else operation.symbol]
    if len(way) > FACTORS:
        steps[FACTORS:-FACTORS] = [" → ", ex.Folded()]
    return Paragraph(fill(words["through"], x=place.name, steps=tuple(steps[1:])))


def _ways(story: Story, place: Place, limit: int) -> list[Way]:
    """The first few ways from the result to a place."""
    found: list[Way] = []
    stack: list[tuple[Place, tuple[Any, ...]]] = [(place, ())]
    while stack and len(found) < limit:
        at, linked = stack.pop()
        if at is story.result:
            way = []
            while linked:
                contribution, linked = linked
                way.append(contribution)
            found.append(tuple(way))
            continue
        for c in reversed(at.arrivals):
            out = next(o for o in c.step.outputs if o.paths)
            stack.append((out, (c, linked)))
    return found


def _product(factors: Sequence[Expression]) -> Expression:
    return factors[0] if len(factors) == 1 else ex.Product(shortened(factors, FACTORS))
