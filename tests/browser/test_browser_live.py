"""A page in which numbers are changed shows what a page written afresh with them shows."""

import re

import numpy as np
import pytest
from seeing import SHOWN, compared

from clearprop import Affine, MulLayer, Network, Relu, Sigmoid, TwoLayerNet, Variable, graph


def layered(a, b):
    return MulLayer()(MulLayer()(a, b), 1.1)


# What is computed, what it is given at first, and what is typed in place of it.
NUMBERS = {
    "shop": (lambda a, b, t: a * b * t, (100.0, 2.0, 1.1), [(120, 2, 1.1), (99.99, 7, 1)]),
    "shop of whole numbers": (lambda a, b: a * b * 1.1, (100, 2), [(120, 3), (0, 2), (-5, 2)]),
    "layers": (layered, (100.0, 2.0), [(1 / 3, 2), (1e9, 1e-7)]),
    "diamond": (lambda x: x * x + np.exp(-x) * x, (1.5,), [(0,), (-2,), (700,), (1e-9,)]),
    "quotient": (lambda x, y: x / y, (1.0, 3.0), [(1, 2), (2, 3), (1, -1)]),
    "power": (lambda x, y: x**y, (2.0, 3.0), [(3, 2), (2, -1), (2, 0.5)]),
    "logarithm": (lambda x: np.log(x) + np.log1p(x), (2.0,), [(1,), (0.001,)]),
    "sigmoid layer": (lambda x: Sigmoid()(x), (0.0,), [(2,), (-3,)]),
    "relu layer": (lambda x: Relu()(x) * 3, (1.0,), [(-1,), (2,)]),
    "absolute": (lambda x: np.abs(x - 3), (1.0,), [(5,), (3,)]),
    "chosen": (lambda x, y: np.where(x > y, x, 2 * y), (1.0, 2.0), [(3, 2), (-1, -2)]),
    "valley": (lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2, (0.0, 0.0), [(1, 1), (2, 3)]),
    "float32": (lambda x: x * x * np.float32(0.1), (np.float32(3.0),), [(2,), (0.3,)]),
    "overflow": (lambda x: np.exp(x) * 0.5, (1.0,), [(800,), (-800,)]),
    "pole": (lambda x: 1 / x, (2.0,), [(0,)]),
    "what rounding leaves": (lambda a, b: (a + b - 0.3) * 2, (0.7, 0.2), [(0.1, 0.2)]),
    "a derivative that is a rest": (np.sin, (1.0,), [(np.pi / 2,)]),
    "no value": (lambda x: np.log(x) * 2, (2.0,), [(-1,)]),
}
ROWS = {
    "product": (lambda x, W: (x @ W).sum(), ((2, 3), (3, 2))),
    "softmax": (lambda x: (np.exp(x) / np.exp(x).sum()).max(), ((5,),)),
    "heat map": (lambda x: (x * x).mean(axis=0).sum(), ((8, 9),)),
    "bars": (lambda x: np.tanh(x).sum(), ((12,),)),
    "results": (lambda x: x * 2, ((3,),)),
}


def saved(path, f, values):
    names = [f"v{i}" for i in range(len(values))]
    with np.errstate(all="ignore"):
        out = f(*(Variable(v, name) for v, name in zip(values, names, strict=True)))
    graph(out).save(path)
    return path


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(browser, tmp_path, name):
    f, start, edits = NUMBERS[name]
    page = saved(tmp_path / "page.html", f, start)
    for edit in edits[-1:]:
        kinds = [type(v) if type(v) is not float else float for v in start]
        values = [kind(v) for kind, v in zip(kinds, edit, strict=True)]
        fills = [
            ("fill", f'input[aria-label="v{i}"]', repr(float(v))) for i, v in enumerate(values)
        ]
        [edited] = browser.visit(page, *fills, SHOWN).results
        [afresh] = browser.visit(saved(tmp_path / "afresh.html", f, values), SHOWN).results
        compared(edited, afresh)


@pytest.mark.parametrize("name", ROWS)
def test_arrays(browser, tmp_path, name):
    f, shapes = ROWS[name]
    rng = np.random.default_rng(0)
    values = [np.round(rng.standard_normal(shape), 3) for shape in shapes]
    page = saved(tmp_path / "page.html", f, values)
    place = (1,) * len(shapes[0])
    said = f"v0[{', '.join(map(str, place))}]"
    actions = [("click", "#live summary"), ("fill", f'input[aria-label="{said}"]', "2.5")]
    [edited] = browser.visit(page, *actions, SHOWN).results
    values[0][place] = 2.5
    [afresh] = browser.visit(saved(tmp_path / "afresh.html", f, values), SHOWN).results
    compared(edited, afresh)


def networks():
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((3, 4)), np.array([0, 1, 2])
    yield "two layers", TwoLayerNet(4, 3, 3, weight_init_std=0.5, rng=rng), x, t
    W = [rng.standard_normal(shape) for shape in ((4, 3), (3, 2))]
    yield (
        "sigmoid",
        Network([Affine(W[0], np.zeros(3)), Sigmoid(), Affine(W[1], np.ones(2))]),
        x,
        t % 2,
    )


@pytest.mark.parametrize("number", range(2))
def test_networks(browser, tmp_path, number):
    _, net, x, t = [*networks()][number]
    graph(net.loss(Variable(x, "x"), t)).save(tmp_path / "page.html")
    name = next(iter(net.params))
    actions = [
        ("eval", "document.querySelectorAll('#live details').forEach((d) => d.open = true)"),
        ("wait", 50),
        ("fill", f'input[aria-label="{name}[0, 1]"]', "0.75"),
        SHOWN,
    ]
    edited = browser.visit(tmp_path / "page.html", *actions).results[-1]
    net.params[name][0, 1] = 0.75
    graph(net.loss(Variable(x, "x"), t)).save(tmp_path / "afresh.html")
    [afresh] = browser.visit(tmp_path / "afresh.html", SHOWN).results
    compared(edited, afresh)


def test_a_gradient_step_moves_the_weights_and_the_loss_falls(browser, tmp_path):
    _, net, x, t = next(networks())
    loss = net.loss(Variable(x, "x"), t)
    graph(loss).save(tmp_path / "page.html")
    read = ("eval", "document.querySelector('#live output').textContent")
    down = ("click", '#live button[data-word="downhill"]')
    told = browser.visit(tmp_path / "page.html", *[down, read] * 3).results
    net.loss(Variable(x, "x"), t).backward()
    losses = [[float(n) for n in re.findall(r"[0-9.]+", text)] for text in told]
    gradients = net.gradient(x, t)
    assert losses[0][0] == pytest.approx(float(loss.data), rel=1e-5)
    for name, W in net.params.items():
        W -= 0.1 * gradients[name]
    assert losses[0][1] == pytest.approx(float(net.loss(x, t)), rel=1e-5)
    assert losses[0][0] > losses[0][1] == losses[1][0] > losses[2][0] > losses[2][1]


def test_predict_then_reveal(browser, tmp_path):
    page = saved(tmp_path / "page.html", NUMBERS["shop"][0], (100.0, 2.0, 1.1))
    shown = ("eval", "document.getElementById('said').innerText")
    ask = [("click", "#live input[type=checkbox]"), ("click", "#last")]
    ask += [
        ("press", "ArrowLeft"),
        ("eval", "document.querySelectorAll('.derivative.asked').length"),
    ]
    guess = [("fill", "input.guess >> nth=0", "7"), ("press", "Tab"), shown]
    guess += [("fill", "input.guess >> nth=0", "2.2"), ("press", "Tab")]
    guess += [("fill", "input.guess >> nth=1", "110"), ("press", "Tab"), ("wait", 50), shown]
    hidden, asked, told = browser.visit(page, *ask, *guess).results
    assert hidden == 2  # both derivatives in the picture
    assert "2.2" not in asked
    assert "Not yet: it is upstream times local, 1.1 × 2" in asked
    assert "2.2" in told
    assert "110" in told


def test_a_name_is_dragged_and_arrows_step(browser, tmp_path):
    page = saved(tmp_path / "page.html", NUMBERS["shop"][0], (100.0, 2.0, 1.1))
    drag = """(() => {
      const name = document.querySelector('.knob .m'), box = name.getBoundingClientRect();
      const send = (kind, x) => name.dispatchEvent(
        new PointerEvent(kind, { clientX: x, pointerId: 1, bubbles: true }));
      name.setPointerCapture = () => {};
      send('pointerdown', box.x); send('pointermove', box.x + 60); send('pointerup', box.x + 60);
      return document.querySelector('.knob input').value;
    })()"""
    actions = [("eval", drag), ("click", ".knob input"), ("press", "ArrowUp")]
    read = ("eval", "document.querySelector('.knob input').value")
    assert browser.visit(page, *actions, read).results == ["200", "210"]


@pytest.mark.parametrize("hand", ["drag", "swipe"])
def test_a_name_is_dragged_with_the_mouse_and_with_a_finger(browser, tmp_path, hand):
    page = saved(tmp_path / "page.html", NUMBERS["shop"][0], (100.0, 2.0, 1.1))
    read = ("eval", "[document.querySelector('.knob input').value, scrollY]")
    phone = {"width": 400, "mobile": True} if hand == "swipe" else {}
    scrolled = ("eval", "document.querySelector('.knob').scrollIntoView({block: 'center'})")
    actions = [scrolled, ("wait", 50), read, (hand, ".knob .m >> nth=0", 60), read]
    _, (_, before), (value, after) = browser.visit(page, *actions, **phone).results
    assert value == "200"
    assert before == after  # the page stays where it is


HOSTILE = [
    '<img src=x onerror="window.hacked=1">',
    "</script><script>window.hacked=1</script>",
    "${window.hacked=1}`${window.hacked=1}`",
    "*/ window.hacked=1 /* ' \" \\",
    "\u2028window.hacked=1//\n}; window.hacked=1; {",
    "__proto__",
]


def test_hostile_names_do_not_run_where_numbers_are_changed(browser, tmp_path):
    class Odd(Affine):
        pass

    Odd.__name__ = Odd.__qualname__ = HOSTILE[1]
    x = Variable(np.ones((1, 2)), HOSTILE[2])
    y = Odd(np.ones((2, 2)), np.zeros(2))(x).sum()
    for name in HOSTILE:
        y = y * Variable(2.0, name)
        y.name = name + "!"
    graph(y).save(tmp_path / "page.html")
    steps = """(async () => {
      const at = (id) => document.getElementById(id);
      for (const box of document.querySelectorAll('.knob input')) {
        box.value = '3';
        box.dispatchEvent(new Event('input', { bubbles: true }));
      }
      document.querySelector('#live button[data-word="downhill"]').click();
      for (const quiz of [false, true]) {
        const box = document.querySelector('#live input[type=checkbox]');
        if (box.checked !== quiz) box.click();
        for (const option of at('depth').options) {
          at('depth').value = option.value;
          at('depth').dispatchEvent(new Event('change'));
          for (let i = 0; i <= Number(at('slider').max); i++) {
            at('slider').value = i;
            at('slider').dispatchEvent(new Event('input'));
          }
        }
      }
      await new Promise((done) => setTimeout(done, 200));
      return [window.hacked ?? null, document.querySelectorAll('main img, main script').length,
        document.querySelectorAll('.knob').length];
    })()"""
    opened = ("eval", "document.querySelectorAll('#live details').forEach((d) => d.open = true)")
    hacked, slipped_in, knobs = browser.visit(
        tmp_path / "page.html", opened, ("wait", 50), ("eval", steps)
    ).results[-1]
    assert (hacked, slipped_in) == (None, 0)
    assert knobs == len(HOSTILE) + 2 + 4 + 2 + 1  # x, W and b, and the step size


def test_numbers_are_changed_in_the_frame_of_a_notebook(browser, tmp_path):
    out = NUMBERS["shop"][0](*(Variable(v, n) for v, n in ((100.0, "a"), (2.0, "b"), (1.1, "t"))))
    outer = tmp_path / "notebook.html"
    outer.write_text(f"<!doctype html><body>{graph(out).explore()._repr_html_()}", "utf-8")
    change = """(() => {
      const box = document.querySelector('input[aria-label="a"]');
      box.value = '120';
      box.dispatchEvent(new Event('input', { bubbles: true }));
      document.getElementById('last').click();
      return document.getElementById('said').innerText;
    })()"""
    seen = browser.visit(outer, ("wait", 300), ("inside", change), quiet=False)
    assert "with a = 121 instead of 120, y is 266.2 instead of 264" in seen.results[-1]
    assert seen.errors == []
    assert [url for url in seen.requests if not url.startswith("about:")] == []


def test_what_cannot_be_computed_there_says_why(browser, tmp_path):
    x = Variable(np.eye(2) + 0.1, "x")
    graph(np.linalg.inv(x).sum()).save(tmp_path / "page.html")
    told = ("eval", "document.getElementById('live').innerText")
    [said] = browser.visit(tmp_path / "page.html", told).results
    assert "cannot be changed" in said
    assert "np.linalg.inv" in said
