"""Where a function has no value, that is said, and nothing is told of its derivative."""

import numpy as np
import pytest

from clearprop import Variable, explain, graph
from clearprop.page.views import views_of


@pytest.mark.parametrize(
    ("f", "x", "said"),
    [(np.log, -1.0, "np.log has no value here"), (np.reciprocal, 0.0, "larger than any number")],
)
def test_no_value_and_infinity_are_said(f, x, said):
    with np.errstate(all="ignore"):
        y = f(Variable(x, "x"))
        told = str(explain(y))
        steps = views_of(graph(y)).views[0].data["steps"]
    assert said in " ".join(told.split())
    assert "grows a little" not in told
    kinds = [block[1]["kind"] for step in steps for block in step["body"] if block[0] == "odd"]
    assert kinds in (["undefined"], ["infinite"])
    assert not [b for step in steps for b in step["body"] if b[0] == "leaf" and "means" in b[1]]


def test_a_number_is_nothing_odd():
    assert "no value" not in str(explain(np.log(Variable(2.0, "x"))))
