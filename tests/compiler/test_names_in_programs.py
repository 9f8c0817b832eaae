"""Names are any text at all: in no engine do they end a comment, or become code."""

import ast

import numpy as np
import pytest
from test_engines import EVERY

from clearprop.compiler import compile
from clearprop.compiler.engines.text import harmless, identifier
from clearprop.layers import Affine, Sigmoid
from clearprop.networks import Network
from clearprop.training import SGD

RUNS = "raise SystemExit('run')"
ENDS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029")
HOSTILE = [
    *(f"a{end}        {RUNS}  #" for end in ENDS),
    *(f"a{end}throw 1; //" for end in ENDS),
    *(f'a"""\n{RUNS}\n"""', "a'''\n", "a\\", "a??/", "*/ #error run /*", "\n#error run", "a\x00b"),
    *("\u202eb", "\ud800", "</script><!--", "{a}", "%s", "@PASSED@", "x²", "ﬁ", "é", "1", "class"),
]


def chain(name):
    rng = np.random.default_rng(0)
    first, last = (Affine.from_sizes(*sizes, rng=rng) for sizes in ((4, 5), (5, 3)))
    return Network({name: first, f"{name}b": Sigmoid(), "end": last})


X, T = np.linspace(-1, 1, 8).reshape(2, 4).astype(np.float32), np.array([0, 2])


@EVERY
@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_any_name_of_a_layer_gives_the_same_step_and_scores(name, hostile):
    plain, network = chain("a"), chain(hostile)
    step = compile(network, SGD(0.1), engine=name)
    assert step(X, T) == pytest.approx(compile(plain, SGD(0.1))(X, T), rel=1e-6)
    np.testing.assert_allclose(compile(network, engine=name)(X), plain.predict(X), rtol=1e-5)
    source = step.source
    assert source.isprintable() or set(source) - {"\n"} == {c for c in source if c.isprintable()}


@EVERY
def test_any_name_of_a_network_and_of_a_function_is_harmless(name):
    hostile = f'F"""\n{RUNS}\nthrow 1;\\'
    network = type(hostile, (Network,), {})([Affine.from_sizes(4, 3)])
    np.testing.assert_allclose(compile(network, engine=name)(X), network.predict(X), rtol=1e-5)

    def f(x):
        return x * 2

    f.__name__ = hostile
    assert compile(f, engine=name)(np.ones(2)).tolist() == [2, 2]


def test_a_text_in_a_comment_cannot_end_it_and_an_identifier_is_one():
    for text in HOSTILE:
        shown = harmless(text)
        assert len(f"# {shown}".splitlines()) == 1
        assert shown.isprintable()
        assert not any(end in shown for end in ('"', "\\", "*/", "</", "<!", "?/"))
        assert ast.unparse(ast.parse(identifier(text))) == identifier(text)
