"""What the network gets right and wrong: confusion matrix, frequent and worst mistakes."""

from collections.abc import Iterator

import numpy as np

from clearprop.reporting.evidence import Evidence
from clearprop.reporting.markup import Markup, element
from clearprop.reporting.png import ink
from clearprop.speech import say

CLASSES = 20
"""A confusion matrix of more classes than this would not be read by anybody."""
WORST = 40
FREQUENT = 8
MIXED = "{right} taken for {said}: {n} of {of}"
SHOWN = "{n} of {of} mistakes, those first of which the network was surest."


def confusion_matrix(evidence: Evidence) -> Markup:
    """How often each class was taken for each, as a table; shaded by the share of its row."""
    counts = evidence.confusion
    classes = len(counts)
    if classes > CLASSES:
        text = say("With {n} classes the whole matrix is not shown.", n=classes)
        return element("p", text, class_="faint")
    corner = element("th", say("is"), element("span", " \\ "), say("taken for"), class_="corner")
    head = element(
        "tr", corner, *(element("th", evidence.name(j), scope="col") for j in range(classes)),
        element("th", say("found"), scope="col"),
    )  # fmt: skip
    rows = [_row(i, evidence.name(i), counts[i]) for i in range(classes)]
    table = element("table", element("thead", head), element("tbody", *rows), class_="confusion")
    return scrollable(table, say("Confusion matrix: rows are the classes, columns the answers"))


def _row(i: int, name: str, counts: np.ndarray) -> Markup:
    total = max(int(counts.sum()), 1)
    cells = [
        element(
            "td",
            int(n) if n else element("span", "·", class_="faint", aria_label="0"),
            style=_shade(n / total, j == i) if n else None,
        )
        for j, n in enumerate(counts.tolist())
    ]
    found = element("td", f"{counts[i] / total:.1%}" if counts.sum() else "–", class_="sum")
    return element("tr", element("th", name, scope="row"), *cells, found)


def _shade(share: float, right: bool) -> str:
    # The root shows rare mistakes too; pale enough for the number upon it.
    strength = 0.45 * share if right else min(0.12 + 1.1 * share**0.5, 0.6)
    colour = "59, 125, 221" if right else "226, 106, 44"
    return f"background: rgba({colour}, {strength:.2f})"


def frequent_mistakes(evidence: Evidence) -> Markup | None:
    """The pairs that were mixed up most often."""
    counts, name = evidence.confusion.copy(), evidence.name
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:FREQUENT]
    pairs = [np.unravel_index(k, counts.shape) for k in order]
    items = [
        element("li", say(MIXED, right=name(int(i)), said=name(int(j)), n=counts[i, j], of=of))
        for i, j in pairs
        if counts[i, j] and (of := int((evidence.right == i).sum()))
    ]
    if not items:
        return None
    return element("div", element("p", say("Mixed up most often:")), element("ul", *items))


def worst_mistakes(evidence: Evidence) -> Iterator[Markup]:
    """The mistakes of which the network was surest, as images."""
    worst = evidence.worst
    if not len(worst):
        yield element("p", say("There is no mistake on the test data."))
        return
    if evidence.side is None:
        yield element("p", say("The samples are no square images, so they are not shown."))
        return
    shown = [_mistake(evidence, int(row)) for row in worst[:WORST]]
    yield element("div", *shown, class_="tiles")
    if len(worst) > WORST:
        yield element(
            "p",
            say(SHOWN, n=WORST, of=f"{len(worst):,}"),
            class_="faint",
        )


def _mistake(evidence: Evidence, row: int) -> Markup:
    right, said = int(evidence.right[row]), int(evidence.said[row])
    sure, name = float(evidence.y[row, said]), evidence.name
    image = element(
        "img",
        src=ink(evidence.image(row)),
        alt=say("Sample {n} of the test data, a {name}", n=row, name=name(right)),
        width=84,
        height=84,
        class_="ink",
    )
    caption = element(
        "figcaption",
        element("b", name(right)), f" {say('taken for')} ", element("b", name(said)), element("br"),
        element("span", say("{share} sure", share=f"{sure:.1%}"), class_="faint"),
    )  # fmt: skip
    return element("figure", element("div", image), caption, class_="tile")


def scrollable(content: Markup, name: str) -> Markup:
    """What may be wider than a phone scrolls by itself, also by keyboard."""
    return element("div", content, class_="wide", role="region", aria_label=name, tabindex=0)
