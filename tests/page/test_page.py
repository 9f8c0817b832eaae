"""The page as a file: what it holds, that it is closed to the outside, and what it refuses."""

import doctest
import hashlib
import html as entities
import json
import re
from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest

from clearprop import SoftmaxWithLoss, TwoLayerNet, Variable, graph
from clearprop.errors import ConfigError, GraphError
from clearprop.page.views import views_of
from clearprop.page.words import LANGUAGE_NAMES, WORDS
from clearprop.page.writing import Explorer, write_page

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "}</style><style>*{display:none}",
    "line\u2028separator\u2029",
    "turned \u202e round",
    "half a pair \ud800",
    "${alert(1)} {x} {node}",
    "<!--",
)


def shop():
    apple, number, tax = Variable(100, "apple"), Variable(2, "apple_num"), Variable(1.1, "tax")
    price = apple * number * tax
    price.name = "price"
    return price


def hostile():
    y = Variable(2.0, HOSTILE[0])
    for name in HOSTILE[1:]:
        y = y * Variable(2.0, name)
    y.name = "</title><script>alert(1)</script>"
    return y


def network(batch=3, sizes=(6, 4, 3)):
    rng = np.random.default_rng(0)
    net = TwoLayerNet(*sizes, weight_init_std=0.5, rng=rng)
    return net.loss(Variable(rng.standard_normal((batch, sizes[0])), "x"), np.arange(batch) % 3)


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def scripts(page):
    return re.findall(r"<script>(.*?)</script>", page, re.DOTALL)


def test_a_page_asks_for_nothing():
    page = write_page(graph(network()))
    # The name of SVG's own vocabulary is no address that anything is loaded from.
    text = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"\w:?//", re.sub(r"base64,[\w+/=]*", "", text))
    assert not re.search(r"<(link|img|iframe|object|embed|form|base|a)\b", text)
    assert not re.search(r"\b(src|href|action)=\"(?!data:image/png)", text)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttp|WebSocket|localStorage|\bon\w+=\"", text)


def test_the_policy_lets_run_this_script_and_no_other():
    page = write_page(graph(hostile()))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    [script] = scripts(page)
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    for text in (script, style):
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_names_are_text_and_nothing_else():
    page = write_page(graph(hostile()))
    assert "<script>alert" not in page
    assert "</title><script>" not in page
    assert "onerror=alert(1)>" not in page.replace("&gt;", "")
    assert len(re.findall(r"<script\b", page)) == 2
    assert not re.search("[\u2028\u2029\u202e\ud800]", page)
    assert data_of(page)["leaves"][0] == {"m": f"“{HOSTILE[0]}”"}


def test_the_data_are_ascii():
    page = write_page(graph(Variable(2.0, "苹果") * Variable(3.0, "<&>")))
    text = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert "苹果" in str(data_of(page))


def test_the_same_graph_gives_the_same_page():
    assert write_page(graph(network())) == write_page(graph(network()))


def test_no_derivative_is_touched():
    price = shop()
    g = graph(price)
    write_page(g)
    assert all(v.grad is None for v in g.variables)
    price.backward(3.0)
    before = [v.grad for v in g.variables]
    write_page(g)
    assert all(now is then for now, then in zip([v.grad for v in g.variables], before, strict=True))


def test_save_writes_it(tmp_path):
    g = graph(shop())
    g.save(tmp_path / "price.html", theme="dark", language="ja")
    page = (tmp_path / "price.html").read_text("utf-8")
    assert page == write_page(g, theme="dark", language="ja")
    assert '<html lang="ja">' in page
    assert "color-scheme: dark" in page
    assert "prefers-color-scheme" not in page


def test_explore_is_an_iframe_that_can_do_nothing_else():
    shown = graph(hostile()).explore(height=400)
    assert isinstance(shown, Explorer)
    html = shown._repr_html_()
    [(attributes, rest)] = re.findall(r"^<iframe (.*?)>(.*)$", html, re.DOTALL)
    assert rest == "</iframe>"
    assert 'height="400"' in attributes
    assert 'sandbox="allow-scripts"' in attributes
    assert entities.unescape(re.search('srcdoc="([^"]*)"', attributes)[1]) == shown.html
    assert 'graph.save("graph.html")' in repr(shown)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"language": "fr"}, "'en', 'zh', 'ja'"),
        ({"theme": "blue"}, "theme is"),
        ({"limit": 3}, "limit=3"),
        ({"open": -1}, "open=-1"),
        ({"height": 3}, "height=3"),
    ],
)
def test_options_that_make_no_sense(options, said):
    with pytest.raises(ConfigError, match=said):
        graph(shop()).explore(**options)


def test_what_is_opened_must_be_there():
    with pytest.raises(GraphError, match="Affine7"):
        write_page(graph(network()), open="Affine7")


@pytest.mark.parametrize("theme", ["light", "dark", None])
def test_every_colour_of_the_style_is_defined(theme):
    page = write_page(graph(shop()), theme=theme)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    used = set(re.findall(r"var\((--[\w-]+)\)", style))
    assert used <= set(re.findall(r"(--[\w-]+):", style))
    assert len(used) > 8


# Words.


def places(template):
    return set(re.findall(r"\{(\w+)\}", template))


@pytest.mark.parametrize("code", sorted(set(WORDS) - {"en"}))
def test_each_language_says_everything(code):
    assert set(WORDS) == set(LANGUAGE_NAMES)
    assert set(WORDS[code]) == set(WORDS["en"])
    different = {k for k in WORDS["en"] if places(WORDS[code][k]) != places(WORDS["en"][k])}
    assert not different
    assert not [k for k, text in WORDS[code].items() if not text]


def used_words():
    """Sentences that the steps of some pages ask for, with what they are filled with."""
    x = Variable(np.arange(6.0).reshape(2, 3), "x")
    two = shop()
    long = Variable(1.0, "x")
    for _ in range(250):
        long = long * 1.5 + 1
    far = x @ np.ones((3, 2))
    for y in (shop(), network(), x * x, hostile(), (two * two, two + 1), np.floor(two), long, far):
        outputs = y if isinstance(y, tuple) else (y,)
        for view in data_of(write_page(graph(outputs)))["views"]:
            yield tuple(view["label"])
            for step in view["steps"]:
                yield tuple(step["title"])
                for kind, *rest in step["body"]:
                    if kind == "p":
                        yield tuple(rest)
                    if kind in ("multiply", "leaf") and "means" in rest[0]:
                        yield tuple(rest[0]["means"])


def test_every_sentence_exists_and_is_filled():
    asked = list(used_words())
    assert {key for key, _ in asked} > {"seed", "rule", "sum", "end", "no_backward", "card_means"}
    for key, filled in asked:
        assert places(WORDS["en"][key]) <= set(filled), key


def test_the_examples_of_the_documentation_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = Path(__file__).parents[2] / "docs" / "page.md"
    found = doctest.testfile(str(text), module_relative=False)
    assert found.attempted >= 6
    assert found.failed == 0
    assert (tmp_path / "price.html").exists()


# Speed.


def chain(nodes):
    rng = np.random.default_rng(1)
    values = [Variable(float(i + 1), f"v{i}") for i in range(6)]
    while len(values) < nodes + 6:
        a, b = (values[i] for i in rng.integers(max(0, len(values) - 10), len(values), 2))
        values.append([lambda a=a, b=b: a + b, lambda a=a, b=b: np.tanh(a)][len(values) % 2]())
    used = {x for v in values if v.node for x in v.node.inputs}
    return sum(v for v in values if v not in used)


def test_a_page_of_three_hundred_nodes_is_made_in_a_moment(calls_of):
    g = graph(chain(240))
    assert 290 <= len(g.nodes) <= 310
    views, calls = calls_of(lambda: views_of(g, limit=500))
    assert len(views.views[0].data["steps"]) > 500
    assert calls < 10_000_000


def test_a_large_graph_is_folded_and_still_has_a_page():
    x = Variable(1.0, "x")
    y = x
    for _ in range(250):
        y = y * 1.001 + x
    [view] = views_of(graph(y)).views
    texts = [step["body"][0][1] for step in view.data["steps"]]
    assert "forward_fold" in texts
    assert "backward_fold" in texts
    assert texts[-2] == "sum_folded"


def test_a_loss_without_a_network_opens_too():
    loss = SoftmaxWithLoss()(Variable([[1.0, 2.0]], "x"), np.array([1]))
    views = views_of(graph(loss))
    assert [view.data["label"][0] for view in views.views] == [
        "level_layers",
        "level_opened",
    ]


def test_numbers_that_cannot_be_changed_are_told_by_their_function(tmp_path):
    v = Variable(np.diag([1.0, 2.0]), "A")
    graph(np.linalg.eigh(v)[0].sum()).save(tmp_path / "eigh.html")
    text = (tmp_path / "eigh.html").read_text("utf-8")
    assert "no spelling for np.linalg.eigh: it gives several results" in text
