"""The files: SVG, PNG, DOT, Mermaid, text, JSON; light and dark; hostile names; notebooks."""

import io
import os
import re
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from graphs import apple, chain, graphs, network
from hypothesis import HealthCheck, given, settings

import clearprop
from clearprop import Graph, Variable, graph
from clearprop.drawing.picture import WRITERS
from clearprop.drawing.theme import COLOURS
from clearprop.errors import ConfigError, MissingPackageError, OutputError

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]></style><b>",
    "two\nlines\tand\x00\x1bcontrol",
    "\ud800 alone",
    "&amp; &lt;",
    "‮txet desrever",
    "x" * 5000,
    "苹果的单价",
    "りんごの数",
    "مرحبا بالعالم",
    "🍎👩‍👩‍👧",
    "#quot; end\nclick i0 href",
    'back\\slash "quoted"',
    "",
    " ",
]


def hostile():
    """A graph in which every name is hostile."""
    total = Variable(1.0, HOSTILE[0]) * 1
    for name in HOSTILE:
        total = total + Variable(1.0, name) * 2.0
        total.name = name
    total.backward()
    return graph(total)


def parsed(svg):
    return ET.fromstring(svg)


def shown(tree):
    return [t.text or "" for t in tree.iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def loss():
    return network()


def test_hostile_names_are_text_and_nothing_else():
    tree = parsed(hostile().svg())
    assert {e.tag.removeprefix(SVG) for e in tree.iter()} <= {
        *("svg", "style", "rect", "g", "title", "path", "circle", "text", "image")
    }
    texts = "".join(shown(tree))
    for part in ("<script>", "苹果的单价", "りんごの数", "&amp;"):
        assert part in texts
    assert "\u202e" not in texts
    attributes = {name for e in tree.iter() for name in e.attrib}
    assert not any(name.lower().startswith("on") for name in attributes)


def test_whole_names_are_in_the_tooltips():
    titles = "".join(t.text for t in parsed(hostile().svg()).iter(f"{SVG}title"))
    assert "x" * 5000 in titles


def test_nothing_is_fetched(loss):
    svg = graph(loss).svg(open="primitives")
    assert re.findall(r"https?://[^\"' ]+", svg) == ["http://www.w3.org/2000/svg"]
    assert set(re.findall(r'href="([a-z]+:[^;]*)', svg)) == {"data:image/png"}
    assert "url(" not in svg
    assert "@import" not in svg


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_every_svg_is_well_formed_xml(g):
    tree = parsed(g.svg(open="primitives"))
    assert tree.get("role") == "img"
    assert tree.get("aria-label").startswith("Computational graph")


def test_the_book_says_so():
    price = apple()
    price.backward()
    texts = shown(parsed(graph(price).svg()))
    assert {"100", "2", "200", "1.1", "220", "2.2", "110", "1", "price", "×"} <= set(texts)
    assert "→ value" in texts
    assert "← derivative of price" in texts
    assert "← derivative of price" not in shown(parsed(graph(apple()).svg()))


@pytest.mark.parametrize(
    ("shape", "dout", "said"),
    [
        ((), None, "y"),
        ((), 3.0, "dout · y"),
        ((2,), np.ones(2), "Σ y"),
        ((2,), np.array([1.0, 2.0]), "Σ dout · y"),
    ],
)
def test_the_legend_says_what_is_differentiated(shape, dout, said):
    y = Variable(np.ones(shape)) * 2
    y.name = "y"
    y.backward(dout)
    assert f"← derivative of {said}" in shown(parsed(graph(y).svg()))


def test_the_legend_names_the_results_that_were_started_from():
    x = Variable(3.0, "x")
    y, z = x * x, 5 * x
    y.name, z.name = "y", "z"
    y.backward()
    assert "← derivative of y" in shown(parsed(graph([y, z]).svg()))
    z.backward(accumulate=True)
    assert "← derivative of y + z" in shown(parsed(graph([y, z]).svg()))


@pytest.mark.parametrize("theme", ["light", "dark", None])
def test_themes(theme):
    svg = graph(apple()).svg(theme=theme)
    light, dark = COLOURS["paper"]
    assert (light in svg, dark in svg) == (theme != "dark", theme != "light")
    assert ("@media" in svg) == (theme is None)
    assert "var(" not in svg


def test_an_unknown_theme_is_refused():
    with pytest.raises(ConfigError, match='theme is "light", "dark" or None'):
        graph(apple()).svg(theme="sepia")


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_can_be_read_on_every_ground(dark):
    """The contrast that the Web Content Accessibility Guidelines ask for, 4.5 to 1."""
    for text in ("ink", "faint", "backward"):
        for ground in ("paper", "frame", "round", "layer", "parameter"):
            a, b = (luminance(COLOURS[role][dark]) for role in (text, ground))
            if text == "ink" or ground in ("paper", "frame"):
                assert (max(a, b) + 0.05) / (min(a, b) + 0.05) >= 4.5, (text, ground)


def test_the_same_graph_gives_the_same_bytes_in_another_process(tmp_path):
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from graphs import network\nfrom clearprop import graph\n"
        "g = graph(network())\n"
        "for level in ('network', 'layers', 'primitives'):\n"
        "    sys.stdout.write(g.svg(open=level))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    "suffix", sorted(WRITERS.keys() & {".svg", ".txt", ".json", ".dot", ".mmd"})
)
def test_files_are_written_by_suffix(tmp_path, loss, suffix):
    path = tmp_path / f"net{suffix.upper()}"
    graph(loss).save(path)
    text = path.read_text("utf-8")
    begins = {
        ".svg": "<svg ",
        ".txt": "loss (SoftmaxWithLoss) = ",
        ".json": "{",
        ".dot": "digraph {",
        ".mmd": "flowchart LR\n",
    }
    assert text.startswith(begins[suffix])
    assert text.endswith("\n")
    if suffix == ".json":
        assert float(Graph.from_json(text).outputs[0].data) == float(loss.data)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("net.gif", {}, "net.gif: the suffix says what to write, and .gif is none of .svg, .png"),
        ("net", {}, "and it has none of .svg"),
        ("net.txt", {"theme": "dark"}, "theme= is no option of .txt files; they have: none"),
        ("net.svg", {"zoom": 2}, "zoom= is no option of .svg files; they have: open, theme, limit"),
    ],
)
def test_a_wrong_suffix_or_option_is_refused_and_nothing_written(tmp_path, name, options, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        graph(apple()).save(tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        graph(apple()).save(tmp_path / "nowhere" / "price.svg")


# PNG


def pixels(data):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


@pytest.mark.parametrize(("theme", "light"), [("light", True), ("dark", False), (None, True)])
def test_png_has_the_colours_of_its_theme(tmp_path, theme, light):
    path = tmp_path / "price.png"
    price = apple()
    price.backward()
    graph(price).save(path, theme=theme, scale=1)
    image = pixels(path.read_bytes())
    middle = image[4, image.shape[1] // 2]
    assert bool(middle[:3].mean() > 128) == light
    role = COLOURS["backward"][not light]
    wanted = [int(role[i : i + 2], 16) for i in (1, 3, 5)]
    assert (abs(image[..., :3].astype(int) - wanted).sum(-1) < 12).sum() > 50


def test_the_scale_of_a_png(tmp_path):
    shapes = []
    for scale in (1, 3, None):
        graph(apple()).save(tmp_path / "price.png", scale=scale)
        shapes.append(np.array(pixels((tmp_path / "price.png").read_bytes()).shape[:2]))
    assert (abs(shapes[1] - 3 * shapes[0]) <= 3).all()
    assert (abs(shapes[2] - 2 * shapes[0]) <= 2).all()


def test_an_impossible_scale_is_refused(tmp_path):
    for scale in (0, -1, 1e6):
        with pytest.raises(ConfigError, match=r"scale=.*can be scaled"):
            graph(apple()).save(tmp_path / "price.png", scale=scale)


def test_without_resvg_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingPackageError, match=r"pip install .clearprop\[pictures\]."):
        graph(apple()).save(tmp_path / "price.png")
    assert list(tmp_path.iterdir()) == []


def test_letters_that_no_font_has_are_warned_of(tmp_path):
    """A script that no font will have: a warning, and the picture all the same."""
    v = Variable(1.0, "\U000102a0\U000102a1") * 2  # Carian
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        graph(v).save(tmp_path / "carian.png")
    if caught:  # unless there is a font that has it
        assert "no installed font has \U000102a0" in str(caught[0].message)
    assert (tmp_path / "carian.png").stat().st_size > 1000


# Other programs


def test_dot_is_one_statement_a_line(loss):
    text = _written(hostile(), ".dot")
    quoted = r'"(?:[^"\\]|\\.)*"'
    statement = (
        rf"(digraph \{{|\}}|rankdir=LR|subgraph {quoted} \{{|label={quoted}"
        rf"|{quoted} \[shape=\w+, label={quoted}\]|{quoted} -> {quoted}( \[label={quoted}\])?)"
    )
    for line in text.splitlines():
        assert re.fullmatch(statement, line.strip()), line
    nested = _written(graph(loss), ".dot", open="primitives")
    assert nested.count("{") == nested.count("}") == 1 + nested.count("subgraph") == 6


def test_mermaid_is_one_statement_a_line(loss):
    text = _written(hostile(), ".mmd")
    inside = r'"[^"<>`]*(<br/>[^"<>`]*)?"'
    statement = (
        rf"(flowchart LR|end|subgraph i\d+\[{inside}\]|i\d+(\(\({inside}\)\)|\[{inside}\]"
        rf"|\({inside}\))|i\d+ -->(\|{inside}\|)? i\d+)"
    )
    for line in text.splitlines():
        assert re.fullmatch(statement, line.strip()), line
    assert _written(graph(loss), ".mmd", open="primitives").count("subgraph") == 5


def _written(g, suffix, **options):
    return WRITERS[suffix](g, **options)


# Notebooks


def test_notebooks_show_the_picture(loss):
    for shown_object in (graph(loss), loss):
        svg, html = shown_object._repr_svg_(), shown_object._repr_html_()
        assert parsed(svg).tag == f"{SVG}svg"
        assert svg in html
        assert html.startswith("<div")
    assert parsed(Variable(1.0, "x")._repr_svg_()).tag == f"{SVG}svg"


def test_a_very_large_graph_is_shown_folded_in_a_notebook():
    html = chain(5000)._repr_html_()
    assert "more nodes" in html
    assert len(html) < 500_000


def test_two_pictures_on_one_page_do_not_meet():
    """No ids, and every rule of style begins with the picture's own class."""
    svg = graph(apple()).svg()
    assert " id=" not in svg
    rules = re.search(r"<style>(.*?)</style>", svg, re.DOTALL)[1]
    for selector in re.findall(r"^([^@{}]+)\{", rules, re.MULTILINE):
        assert all(part.strip().startswith(".clearprop") for part in selector.split(","))


def test_import_clearprop_is_enough():
    assert clearprop.graph(apple()).svg().startswith("<svg")
