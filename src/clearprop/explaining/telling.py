"""From the facts of a backward pass to what a teacher would say about it."""

from collections.abc import Sequence
from typing import Any

from clearprop.explaining import formulas
from clearprop.explaining.documents import Block, Heading, Line, Paragraph, Points, fill, listed
from clearprop.explaining.expressions import Cases
from clearprop.explaining.going_back import backward
from clearprop.explaining.language import Language, Words
from clearprop.explaining.numbers import equation, number
from clearprop.explaining.story import Step, Story
from clearprop.explaining.values import described, valued
from clearprop.explaining.ways import chain_rule, names, what_was_saved

STEPS = 30
"""Of a longer pass so many steps are told: those at its start and at its end."""


def document(story: Story, language: Language) -> list[Block]:
    """Tell the forward pass, the backward pass, the chain rule, and what was saved."""
    words, y = language.words, story.result.name
    title = fill(words["title"], y=y, xs=names(story.asked, words))
    shown, left_out = folded(story.steps)
    going = [_computed(step, language) for step in shown]
    if left_out:
        going.insert(len(shown) // 2, fill(words["folded"], n=left_out))
    return [
        Heading(1, title),
        Heading(2, fill(words["forward"], y=y)),
        Paragraph(fill(words["given"], values=_given(story, language))),
        Points(tuple(going)),
        Heading(2, fill(words["backward"], y=y)),
        *backward(story, language, folded),
        Heading(2, (words["chain"],)),
        *chain_rule(story, words),
        Heading(2, (words["saved"],)),
        *what_was_saved(story, words),
    ]


def folded(steps: Sequence[Any]) -> tuple[list[Any], int]:
    """The steps to tell, and how many are left out in their middle."""
    if len(steps) <= STEPS:
        return list(steps), 0
    half = STEPS // 2
    return [*steps[:half], *steps[-half:]], len(steps) - 2 * half


def _given(story: Story, language: Language) -> Line:
    words = language.words
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
        if prose := formulas.forward_prose(step):
            line += fill(words["said"], prose=language.phrase(prose))
    if not (step.scalar and said):
        values = [described(output.data, words) for output in step.outputs]
        line += fill(words["result"], value=listed(values, words))
    if formulas.layer_of(step) is None:
        return tuple(line)
    return fill(words["layer"], layer=step.node.operation.name, formula=tuple(line))


def _equal(step: Step, name: Any, expression: Any, is_out: bool, words: Words) -> list[Any]:
    if not (step.scalar and is_out):
        return [equation(name, expression)]
    value = number(step.outputs[0].data)
    if isinstance(expression, Cases):
        return [equation(name, value), *fill(words["said"], prose=expression)]
    return [equation(name, expression, formulas.forward_numbers(step), value)]
