"""How far the answers of a regression are from what they should be, and what they depend on."""

from collections.abc import Iterator

import numpy as np

from clearprop.networks import Network
from clearprop.reporting.answers import scrollable
from clearprop.reporting.charts import Line, chart
from clearprop.reporting.evidence import Evidence
from clearprop.reporting.markup import Markup, element
from clearprop.speech import say

POINTS = 1000
"""More samples than this are not drawn one by one."""
ROWS = 2000
"""The importance of columns is computed with so many samples at most."""
COLUMNS = 200
REPEATS = 3


def residual_charts(evidence: Evidence) -> Iterator[Markup]:
    """Predicted against true, and how far off, for samples taken evenly from the test data."""
    of = {"name": evidence.target}
    rows = np.linspace(0, len(evidence.right) - 1, min(POINTS, len(evidence.right))).astype(int)
    true, said = (values[rows] for values in evidence.in_unit)
    ends = np.array([min(true.min(), said.min()), max(true.max(), said.max())])
    where = [Line("", true, said, "a dots"), Line(say("without a fault"), ends, ends, "b dashed")]
    yield chart(
        where, title=say("Predicted {name} against true", **of), x_label=say("true {name}", **of)
    )
    off, none = Line("", said, said - true, "a dots"), np.zeros(2)
    span = np.array([said.min(), said.max()])
    shown = [off, Line(say("without a fault"), span, none, "b dashed")]
    label = say("predicted {name}", **of)
    yield chart(shown, title=say("Residuals: predicted − true"), x_label=label)


def importance(network: Network, evidence: Evidence) -> Iterator[Markup]:
    """How much worse the score is where the values of one column are shuffled, for each column.

    Source: Breiman, Random Forests (2001), section 10.
    """
    inputs = evidence.inputs
    if len(inputs) > COLUMNS:
        yield element("p", say("It is not computed for so many columns: {n}.", n=len(inputs)))
        return
    few = evidence.first(ROWS)
    rng, falls = np.random.default_rng(0), {}
    for name, place in inputs.items():
        scores = []
        for _ in range(REPEATS):
            x = few.samples.data.x.copy()
            x[:, place] = rng.permutation(x[:, place])
            scores.append(few.answered(network, x).score)
        falls[name] = few.score - float(np.mean(scores))
    ordered = sorted(falls.items(), key=lambda item: -item[1])
    yield element(
        "p",
        say(
            "How far the {score} on {n} test samples falls when the values of one column are "
            "shuffled among them. Columns that say the same share it.",
            score=say(evidence.score_name),
            n=f"{len(few.right):,}",
        ),
    )
    rows = [
        element("tr", element("th", name, scope="row"), element("td", short(fall), class_="number"))
        for name, fall in ordered
    ]
    heads = say("column"), say("{score} lost", score=say(evidence.score_name))
    head = element("tr", *(element("th", text, scope="col") for text in heads))
    table = element("table", element("thead", head), element("tbody", *rows))
    yield scrollable(table, say("Importance of the columns"))


def short(value: float) -> str:
    """A number with four digits.

    >>> short(1234567.0), short(-0.123456)
    ('1,235,000', '−0.1235')
    """
    return f"{float(f'{value:.4g}'):,.10g}".replace("-", "−")
