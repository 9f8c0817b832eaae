"""The pictures of chapters 6 and 7 show what their experiments and functions give."""

import functools
import inspect
import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest

from clearprop import conv_net, deep_conv_net, dense_layers
from clearprop.drawing.windows import windows_svg
from clearprop.errors import ConfigError, ShapeError
from clearprop.layers import col2im, im2col
from clearprop.networks import Network
from clearprop.reporting import experiments, figures
from clearprop.reporting.at_work import filters, one_image, sheet

RNG = np.random.default_rng(0)
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return ["".join(t.itertext()) for t in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("shape", "size", "stride", "pad"),
    [((1, 4, 4), (3, 3), 1, 0), ((2, 5, 3), (2, 3), 2, 1), ((1, 1, 6), (1, 2), (1, 3), (0, 1))],
)
def test_the_picture_of_windows_holds_the_matrix_and_the_way_back(shape, size, stride, pad):
    c, h, w = shape
    svg = windows_svg(h, w, *size, stride, pad, channels=c)
    x = 1.0 + np.arange(np.prod(shape)).reshape(1, *shape)
    col = im2col(x, *size, stride, pad)
    back = col2im(np.ones_like(col), x.shape, *size, stride, pad)
    rows, columns = pad if isinstance(pad, tuple) else (pad, pad)
    around = ((0, 0), (0, 0), (rows, rows), (columns, columns))
    expected = [np.pad(v, around)[0] for v in (x, back)]
    numbers = [float(t) for t in texts(svg) if re.fullmatch(r"[\d.]+", t)]
    per_channel = [np.stack([expected[0][k], expected[1][k]]).ravel() for k in range(c)]
    assert numbers == [*np.concatenate(per_channel), *col.ravel()]
    places = [t for t in texts(svg) if re.fullmatch(r"\(\d+, \d+\)", t)]
    assert len(places) == len(col)


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="larger than the image"):
        windows_svg(2, 2, 3, 3)
    with pytest.raises(ConfigError, match="strides 0"):
        windows_svg(4, 4, 2, 2, stride=0)


def test_paths_down_the_valley():
    paths = {p["title"].split(":")[0]: (p["marks"][-1].x, p["marks"][-1].y) for p in _valley()}
    x, y = paths["SGD"]
    np.testing.assert_allclose(x, -7 * (1 - 0.95 / 10) ** np.arange(25))
    np.testing.assert_allclose(y, 2 * (1 - 0.95 * 2) ** np.arange(25))  # from side to side
    for x, y in paths.values():
        assert (x[0], y[0]) == (-7, 2)
        assert x[-1] ** 2 / 20 + y[-1] ** 2 < 0.1
    heights = next(_valley())["marks"][:-1]
    for mark in heights:
        assert np.ptp(mark.x**2 / 20 + mark.y**2) < 1e-12


def _valley():
    return experiments.valley()


def test_activations_by_first_weights():
    wide, narrow, _, dead, _, he = experiments.activations(samples=300)
    ends = [line.y[0] + line.y[-1] for line in wide["marks"]]
    assert min(ends) > 0.5  # at 0 and at 1
    assert all(line.y.argmax() in (18, 19, 20, 21) for line in narrow["marks"])  # about ½
    assert dead["marks"][-1].y[0] == 1.0  # the last layer is 0
    assert he["marks"][-1].y[0] < 0.7
    assert all(len(panel["marks"]) == 5 for panel in (wide, narrow, he))


def digits(n=40):
    x, t = RNG.uniform(size=(n, 784)).astype(np.float32), np.arange(n) % 10
    x[np.arange(n), t] += 3
    return x, t


@functools.cache
def curves():
    """What the experiments give that train networks, on few digits."""
    x, t = digits()
    return {
        "optimizers": list(experiments.optimizers(x, t, iterations=6)),
        "batch_norm": list(experiments.batch_norm(x, t, epochs=2, samples=30)),
        "overfitting": list(experiments.overfitting(x, t, x, t, epochs=2, samples=20)),
    }


def test_learning_curves():
    optimizers, inits = curves()["optimizers"]
    assert [line.name for line in optimizers["marks"]] == [
        *("SGD", "Momentum", "AdaGrad", "RMSprop", "Adam")
    ]
    assert all(len(line.y) == 6 for line in (*optimizers["marks"], *inits["marks"]))
    panels = curves()["batch_norm"]
    assert len(panels) == 6
    assert {line.name for line in panels[2]["marks"]} == {"with", "without"}
    titles = [p["title"] for p in curves()["overfitting"]]
    assert titles == ["Neither", "Weight decay 0.1", "Dropout 0.2"]


def test_filters_and_what_layers_make():
    network = deep_conv_net((1, 8, 8), 3, hidden=4, rng=np.random.default_rng(0))
    first, second, *_ = filters(network)
    np.testing.assert_array_equal(first.images, network.params["W1"].reshape(16, 3, 3))
    np.testing.assert_array_equal(second.images, network.params["W2"].reshape(256, 3, 3))
    assert (first.columns, second.columns) == (16, 16)
    assert list(filters(Network(dense_layers([4, 3, 2])))) == []
    x = RNG.standard_normal((1, 1, 8, 8)).astype(np.float32)
    sheets = list(one_image(network, x))
    assert [s.text.split(":")[0] for s in sheets] == ["the image", *network.layers]
    np.testing.assert_array_equal(sheets[0].images, x[0])
    np.testing.assert_allclose(sheets[-1].images.ravel(), network.predict(x)[0], rtol=1e-6)
    assert 'alt="Convolution1: 16 filters of 1 × 3 × 3"' in first.figure


def test_a_sheet():
    images = np.array([[[1.0, 2.0]], [[-4.0, 0.0]], [[4.0, 1.0]]])
    laid = sheet(images, columns=2)
    np.testing.assert_array_equal(laid, [[0.25, 0.5, 0, -1, 0], [0] * 5, [1, 0.25, 0, 0, 0]])
    assert not sheet(np.zeros((2, 2, 2)), 2).any()


@pytest.mark.parametrize("name", figures.FIGURES)
def test_each_figure_is_drawn(name, monkeypatch):
    x, t = digits(30)
    data = SimpleNamespace(x_train=x, t_train=t, x_test=x, t_test=t)
    for function in ("optimizers", "batch_norm", "overfitting"):
        taken = inspect.signature(getattr(experiments, function))
        found = lambda *a, how=taken, f=function: how.bind(*a) and curves()[f]  # noqa: E731
        monkeypatch.setattr(figures, function, found)
    monkeypatch.setattr(figures, "conv_net", lambda **how: conv_net(filters=2, hidden=3, **how))
    train = figures._train
    monkeypatch.setattr(figures, "_train", lambda *a: train(*a, iterations=1))
    svg = figures.FIGURES[name](lambda: data)
    if name == "convolution":  # a page; see the tests with a browser
        assert svg.startswith("<!doctype html>")
        return
    assert ET.fromstring(svg).tag == f"{SVG}svg"
    assert len(texts(svg)) >= 3


def test_the_command(tmp_path, monkeypatch, capsys):
    from clearprop.cli import main

    monkeypatch.chdir(tmp_path)
    assert main(["figures", "valley", "im2col", "-o", "here"]) == 0
    assert capsys.readouterr().out == "here/valley.svg\nhere/im2col.svg\n"
    assert (tmp_path / "here" / "im2col.svg").read_text() == windows_svg(4, 4, 3, 3)
    assert main(["figures", "vally"]) == 2
    assert "there is no figure 'vally'" in capsys.readouterr().err
