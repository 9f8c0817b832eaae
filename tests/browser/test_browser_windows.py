"""The page that steps through a convolution shows what the layer computes, at every step."""

import numpy as np
import pytest

from clearprop import Convolution
from clearprop.errors import ConfigError, ShapeError
from clearprop.page.windows import windows_page

rng = np.random.default_rng(0)
BOARDS = """
[...document.querySelectorAll('#boards .board')].map((board) =>
  [...board.querySelectorAll('tr')].map((row) => [...row.cells].map((cell) =>
    Number((cell.querySelector('input')?.value ?? cell.textContent).replace('−', '-')))))
"""


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1), ((1, 2), (0, 1))])
def test_both_passes_are_those_of_the_layer(browser, tmp_path, stride, pad):
    W, x = rng.integers(-3, 4, (1, 1, 2, 3)) / 2, rng.integers(-4, 5, (1, 1, 4, 5)) / 4
    conv = Convolution(W, np.array([0.25]), stride, pad)
    out = conv.forward(x)
    dout = rng.integers(-2, 3, out.shape) / 2
    dx = conv.backward(dout)
    page = tmp_path / "windows.html"
    page.write_text(windows_page(conv, x, dout), "utf-8")
    steps = 2 * out.size + 1
    actions = [("eval", BOARDS), ("press", "End"), ("eval", BOARDS), ("eval", "said.textContent")]
    actions += [("eval", "document.getElementById('slider').max")]
    start, boards, said, last = browser.visit(page, *actions).results
    assert last == str(steps)
    p, q = pad if isinstance(pad, tuple) else (pad, pad)
    np.testing.assert_allclose(start[0], np.pad(x[0, 0], ((p, p), (q, q))), atol=1e-6)
    image = np.array(boards[4])[p : p + 4, q : q + 5]
    found = (boards[2], boards[3], image, boards[5])
    for board, wanted in zip(found, (out, dout, dx, conv.dW), strict=True):
        np.testing.assert_allclose(board, wanted[0, 0], rtol=1e-5, atol=1e-9)
    assert f"db = {conv.db[0]:g}".replace("-", "−") in said


def test_each_step_marks_its_window_and_says_its_products(browser, tmp_path):
    conv = Convolution(np.array([[[[1.0, 0.0], [0.0, -1.0]]]]), np.array([0.5]))
    page = tmp_path / "windows.html"
    page.write_text(windows_page(conv, np.arange(9.0).reshape(3, 3)), "utf-8")
    marked = (
        "[...document.querySelector('.board').querySelectorAll('td')]"
        ".map((cell) => Number(cell.matches('.window')))"
    )
    look = [("press", "ArrowRight"), ("eval", marked), ("eval", "said.innerText")]
    edit = [("fill", 'input[aria-label="image x 0, 0"]', "10"), ("press", "Enter"), look[2]]
    shown, said, moved, then, edited = browser.visit(page, *look, *look, *edit).results[:5]
    assert shown == [1, 1, 0, 1, 1, 0, 0, 0, 0]
    assert "out[0, 0] = 0·1 + 1·0 + 3·0 + 4·(−1) + 0.5 = −3.5" in said
    assert moved == [0, 1, 1, 0, 1, 1, 0, 0, 0]
    assert "out[0, 1] = 1·1" in then
    assert "out[0, 1] = 1·1" in edited


def test_what_does_not_fit_is_refused():
    conv = Convolution(np.ones((1, 1, 2, 2)))
    with pytest.raises(ShapeError, match="too many"):
        windows_page(conv, np.ones((20, 20)))
    with pytest.raises(ConfigError, match="language"):
        windows_page(conv, np.ones((3, 3)), language="fr")
