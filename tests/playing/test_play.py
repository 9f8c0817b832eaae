"""The playing page as a file: what it holds, how large it is, what it refuses."""

import json
import re

import numpy as np
import pytest

from clearprop import (
    Affine,
    BatchNormalization,
    Convolution,
    Dropout,
    Flatten,
    Layer,
    Network,
    Relu,
    TwoLayerNet,
    play,
)
from clearprop.cli import main
from clearprop.cli.own_data import read_anew
from clearprop.cli.settings import settings_of
from clearprop.errors import ConfigError, ShapeError, UnsupportedError
from clearprop.playing.packing import packed
from clearprop.training import RunConfig

rng = np.random.default_rng(0)
X, T = rng.standard_normal((60, 2)), rng.integers(2, size=60)


def page_of(path):
    text = path.read_text("utf-8")
    return text, json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def small():
    return TwoLayerNet(2, 8, 2, rng=np.random.default_rng(0))


def test_the_policy_names_what_it_allows_and_nothing_else(tmp_path):
    play(small(), tmp_path / "net.html", X, T)
    text, _ = page_of(tmp_path / "net.html")
    policy = re.search(r'Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; ")
    assert "worker-src blob:;" in policy
    assert "'wasm-unsafe-eval'" in policy
    assert "'unsafe" not in policy.replace("'wasm-unsafe-eval'", "")
    assert not re.search(r"https?://", text.replace("http://www.w3.org/2000/svg", ""))


def test_the_digits_fit_into_a_page(tmp_path, capsys):
    assert main(["play", "-o", str(tmp_path / "digits.html")]) == 0
    assert capsys.readouterr().out.endswith("digits.html\n")
    text, data = page_of(tmp_path / "digits.html")
    assert data["train"] >= 6000
    assert data["test"] == 1000
    assert len(text) < 1.5e6
    words = json.dumps(data["words"])
    held = sum(len(v) for v in data["x"].values()) + len(data["t"]) + len(words)
    held += sum(len(p.get("data", "")) for p in data["params"])
    assert len(text) - held < 100_000
    assert [sorted(p.keys() & {"normal", "fill", "data"}) for p in data["params"]] == [
        *(["normal"], ["fill"], ["data"], ["fill"])
    ]


def test_it_is_the_network_and_the_optimizer_that_train_would_make(tmp_path):
    page = tmp_path / "conv.html"
    assert main(["play", "--network", "conv", "--samples", "100", "-o", str(page)]) == 0
    config = RunConfig(**settings_of("conv", read_anew(None, {}, "conv"), (), {}))
    optimizer = config.make_optimizer()
    _, data = page_of(page)
    assert {p["name"]: tuple(p["shape"]) for p in data["params"]} == {
        name: array.shape for name, array in config.network().params.items()
    }
    assert data["rate"] == config.rate == 0.001
    assert data["vectors"] == [[*optimizer.state]] == [["m", "v"]]
    assert data["batch"] == config.batch == 100


def test_images_are_taken_apart_and_other_numbers_are_not():
    images = rng.integers(0, 256, (5, 1, 9, 9)) / 255
    assert packed(images).keys() == {"ink", "rim", "middle"}
    assert packed(X).keys() == {"numbers"}
    assert packed(images / 3).keys() == {"numbers"}


def test_the_network_is_left_alone(tmp_path):
    network = small()
    before = {k: v.copy() for k, v in network.params.items()}
    play(network, tmp_path / "net.html", X, T, weights="kept")
    for name, array in network.params.items():
        np.testing.assert_array_equal(array, before[name])
        assert array.dtype == before[name].dtype


def test_hostile_words_stay_words(tmp_path):
    hostile = "</script><script>alert(1)</script>"
    play(small(), tmp_path / "net.html", X, T, classes=[hostile, "b"], title=hostile)
    text, data = page_of(tmp_path / "net.html")
    assert data["classes"][0] == hostile
    assert text.count("<script") == 3


class Noisy(Layer):
    """Noise that it cannot be asked for again."""

    noise = ("u",)

    def draw(self, rng, x):
        return rng.permutation(x.size).reshape(x.shape) / x.size

    def forward(self, x):
        return x * self.u


class Late(Layer):
    """A hidden state that is not there before the first step."""

    carried = ("h",)
    h = None

    def forward(self, x):
        self.new = x if self.h is None else x + 0.5 * self.h
        return self.new

    def next_state(self):
        return self.new


def ending(layer):
    return Network([layer, Affine(np.eye(2), np.zeros(2))])


class Inverse:
    def forward(self, x):
        return x @ np.linalg.inv(x.T @ x + np.eye(2))

    def backward(self, dout):
        return dout


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda p: play(small(), p, X[:0], T[:0]), ConfigError, "nothing to learn from"),
        (lambda p: play(small(), p, X, T[:5]), ShapeError, "differ"),
        (lambda p: play(small(), p, X, T, weights="old"), ConfigError, "drawn"),
        (lambda p: play(small(), p, X, T, language="fr"), ConfigError, "speaks"),
        (
            lambda p: play(Network([Inverse(), Affine(np.eye(2), np.zeros(2))]), p, X, T),
            UnsupportedError,
            r"np\.linalg\.inv in Inverse1\.forward",
        ),
        (lambda p: play(ending(Noisy()), p, X, T), UnsupportedError, r"Noisy1\.draw .*permutation"),
        (lambda p: play(ending(Late()), p, X, T), UnsupportedError, r"Late1\.h is no array before"),
        (lambda p: play(small(), p, (X, X), T), UnsupportedError, "several, as tuples"),
        (lambda p: play(Affine(np.eye(2), np.zeros(2)), p, X, T), ConfigError, "Affine is no Netw"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, make, error, said):
    with pytest.raises(error, match=said):
        make(tmp_path / "net.html")


def images(n=40):
    """Bars that stand or lie, each somewhere else and of another strength."""
    draw = np.random.default_rng(1)
    x, t = np.zeros((n, 1, 8, 8)), np.arange(n) % 2
    for image, lies in zip(x[:, 0], t, strict=True):
        i, j = draw.integers(0, 3), draw.integers(1, 5)
        image[i : i + 6, j : j + 2] = np.rint(255 * draw.uniform(0.5, 1, (6, 2))) / 255
        image[...] = image.T if lies else image
    return x, t


def convolutional():
    draw = np.random.default_rng(0)
    return Network(
        [
            Convolution(draw.standard_normal((3, 1, 3, 3)), np.zeros(3)),
            Relu(),
            Flatten(),
            BatchNormalization(np.ones(108), np.zeros(108)),
            Dropout(0.2),
            Affine(draw.standard_normal((108, 2)) * 0.1, np.zeros(2)),
        ],
        rng=draw,
    )


def test_noise_and_state_are_named(tmp_path):
    play(convolutional(), tmp_path / "net.html", *images(), batch=20)
    _, data = page_of(tmp_path / "net.html")
    kinds = {take["kind"] for take in data["takes"]["step"]}
    assert {"noise", "state", "vector", "batch", "hyper"} <= kinds
    assert "noise" not in {take["kind"] for take in data["takes"]["judge"]}


def test_a_notebook_shows_the_page(tmp_path):
    shown = play(small(), tmp_path / "net.html", X, T, height=500)
    html = shown._repr_html_()
    assert html.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert 'height="500"' in html
    assert 'sandbox="allow-scripts"' in html
    assert (tmp_path / "net.html").read_text("utf-8") == shown.html
    alone = play(small(), None, X, T)
    assert repr(alone).startswith("<Framed: a page of ")
