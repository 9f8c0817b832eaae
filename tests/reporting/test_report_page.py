"""The page of a run: true, closed in itself, and with every name escaped."""

import base64
import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from clearprop.errors import DataError
from clearprop.layers import Affine, Relu
from clearprop.networks import Network
from clearprop.reporting import report_page, write_report
from clearprop.reporting.curves import verdicts
from clearprop.reporting.evidence import ask
from clearprop.reporting.markup import element
from clearprop.training import SGD, RunConfig, RunFolder, Trainer, save_weights
from clearprop.training.signals import LayerSignals, SignalMoment, Spread

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Elements with their attributes, the text, and what is not closed rightly."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open, self.wrong, self.texts = [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self):
        return "".join(self.texts)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def images(count=90, side=6, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(count) % 3
    x = rng.integers(0, 120, (count, side, side), dtype=np.uint8)
    x[np.arange(count), t] = 255
    return x.reshape(count, -1), t


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "first")
    config = RunConfig(sizes=(36, 12, 3), batch=10, iterations=45)
    folder.create(config)
    rng = np.random.default_rng(0)
    trainer = Trainer(
        config.network(rng), *images(), *images(seed=1), batch_size=10, optimizer=SGD(0.1),
        scale=1 / 255, rng=rng, history_path=folder.history_path,
        signals_path=folder.signals_path,
    )  # fmt: skip
    trainer.train(epochs=5)
    save_weights(folder.weights_path, trainer.network)
    return folder


@pytest.fixture(scope="module")
def page(run):
    return report_page(run, *images(seed=1), scale=1 / 255)


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


def test_it_is_well_formed(read):
    assert read.wrong == []
    assert read.open == []


def test_all_parts_are_there(read):
    for title in (
        "Run first", "Training", "Inside, over time", "Answers on the test data",
        "The worst mistakes", "What the first layer looks for", "The network", "Settings",
    ):  # fmt: skip
        assert title in read.texts


def test_nothing_is_fetched_and_nothing_runs(page, read):
    for tag, attrs in read.elements:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "form", "a")
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "href", "xlink:href", "action", "data"):
            assert attrs.get(name, "data:image/png;base64,").startswith("data:image/png;base64,")
    assert "url(" not in page
    assert "@import" not in page
    # The name of SVG's vocabulary is no address that anything is fetched from.
    addresses = page.replace("http://www.w3.org/2000/svg", "")
    assert "://" not in addresses
    policy = next(m for m in read.all("meta") if m.get("http-equiv"))
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"].startswith("default-src 'none'; img-src data:;")


def test_what_is_seen_is_also_told(read):
    assert all(attrs.get("alt") for attrs in read.all("img"))
    charts = [attrs for attrs in read.all("svg") if attrs.get("class") == "chart"]
    assert len(charts) == 2 + 2 + 2 * 3
    for attrs in read.all("svg"):
        assert attrs["role"] == "img"
        assert attrs["aria-label"]
    assert read.all("html") == [{"lang": "en"}]
    assert all(attrs.get("scope") for attrs in read.all("th") if "corner" not in str(attrs))


def test_it_fits_a_phone_the_night_and_paper(page, read):
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in read.all(
        "meta"
    )
    assert "@media (prefers-color-scheme: dark)" in page
    assert "@media print" in page


def test_the_same_run_gives_the_same_page(run, page):
    assert report_page(run, *images(seed=1), scale=1 / 255) == page


def test_its_numbers_are_those_of_the_network(run, read):
    x, t = images(seed=1)
    network = run.load_network()
    said = network.predict(x.astype(np.float32) / np.float32(255)).argmax(axis=1)
    assert f"{np.mean(said == t):.2%}" in read.texts
    assert f"{np.sum(said != t)} of 90" in read.texts
    counts = ask(network, x, t, 1 / 255).confusion
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (t, said), 1)
    np.testing.assert_array_equal(counts, expected)
    table = read.text.partition("taken for")[2]
    assert "".join(f"{n or '·'}" for n in counts[0]) in table


def test_the_settings_and_layers_are_listed(read):
    for text in ("36-12-3", "relu", "float32", "Affine1", "Relu1", "(N, 12)", "total", "483"):
        assert text in read.texts


def test_it_is_written_into_the_folder(run, page):
    write_report(run, *images(seed=1), scale=1 / 255)
    assert run.report_path.read_text(encoding="utf-8") == page


def test_other_data_are_refused(run):
    x, t = images(seed=1)
    with pytest.raises(DataError, match="not the test data of this run"):
        report_page(run, x, (t + 1) % 3, scale=1 / 255)


HOSTILE = "<script>alert(1)</script>&\"'"


def test_a_hostile_folder_is_a_name_and_no_more(run, tmp_path):
    folder = RunFolder(tmp_path / HOSTILE.replace("/", "∕"))
    folder.path.mkdir()
    for file in run.path.iterdir():
        (folder.path / file.name).write_bytes(file.read_bytes())
    page = report_page(folder, *images(seed=1), scale=1 / 255)
    read = Reader(page)
    assert not read.all("script")
    assert f"Run {folder.path.name}" in read.texts


def test_hostile_layer_names_in_the_signals_are_text(run, tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    for file in run.path.iterdir():
        (folder.path / file.name).write_bytes(file.read_bytes())
    signals = folder.signals_path.read_text().replace("Affine1", "<img src=x onerror=alert(1)>")
    folder.signals_path.write_text(signals)
    read = Reader(report_page(folder, *images(seed=1), scale=1 / 255))
    assert not any("onerror" in attrs for _, attrs in read.elements)
    assert "<img src=x onerror=alert(1)>: activations" in read.texts


def test_samples_that_are_no_images_have_no_pictures(tmp_path):
    rng = np.random.default_rng(0)
    t = np.arange(60) % 2
    x = rng.standard_normal((60, 5)) + t[:, None]
    folder = RunFolder(tmp_path / "run")
    config = RunConfig(sizes=(5, 4, 2), batch=10, iterations=6)
    folder.create(config)
    trainer = Trainer(config.network(), x, t, x, t, batch_size=10, rng=0)
    trainer.history_path = folder.history_path
    trainer.train(epochs=1)
    save_weights(folder.weights_path, trainer.network)
    read = Reader(report_page(folder, x, t))
    assert read.all("img") == []
    assert "The samples are no square images, so they are not shown." in read.texts


def test_without_mistakes_it_says_so(run, monkeypatch):
    x, _ = images(seed=1)
    network = run.load_network()
    said = network.predict(x.astype(np.float32) / np.float32(255)).argmax(axis=1)
    monkeypatch.setattr("clearprop.reporting.page.check_same_data", lambda *_: None)
    read = Reader(report_page(run, x, said, scale=1 / 255))
    assert "There is no mistake on the test data." in read.texts
    assert "100.00%" in read.texts


# The evidence by itself.


def network_of(W):
    return Network([Affine(np.asarray(W, float), np.zeros(np.shape(W)[1])), Relu()])


def test_the_worst_mistakes_are_those_of_which_the_network_was_surest():
    network = network_of(np.eye(3))
    x = np.array([[1.0, 0, 0], [5, 0, 0], [0, 3, 0], [0, 0, 9.0]])
    evidence = ask(network, x, np.array([1, 1, 1, 0]), None)
    assert evidence.worst.tolist() == [3, 1, 0]
    assert evidence.accuracy == 0.25
    assert evidence.confusion.tolist() == [[0, 0, 1], [2, 1, 0], [0, 0, 0]]


def test_one_hot_labels_are_read():
    network = network_of(np.eye(2))
    evidence = ask(network, np.array([[2.0, 1], [0, 3]]), np.array([[0, 1], [0, 1]]), None)
    assert evidence.right.tolist() == [1, 1]


# What is said of the signals.


def moment(first, last, silent=0.0):
    def spread(rms, silent=0.0):
        return Spread((0.1, 0.2, 0.3, 0.4, 0.5), rms, 0.0, silent)

    layers = (
        LayerSignals("Affine1", spread(1.0), spread(first)),
        LayerSignals("Relu1", spread(1.0, silent), spread(1.0)),
        LayerSignals("Affine2", spread(1.0), spread(last)),
    )
    return SignalMoment(10, 1.0, layers)


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        (1e-6, 1.0, "vanishes"),
        (1e5, 1.0, "explodes"),
        (0.9, 1.0, "about as large as that at Affine2"),
        (0.25, 1.0, "0.25 times that at Affine2, the last: it neither vanishes nor explodes"),
        (0.0, 1.0, "No derivative arrives"),
        (np.inf, 1.0, "not finite"),
    ],
)
def test_vanishing_and_exploding_are_told(first, last, told):
    assert told in next(iter(verdicts([moment(first, last)])))


def test_silent_neurons_are_told():
    assert [text for text in verdicts([moment(1, 1, silent=0.3)]) if "30%" in text]
    assert len(list(verdicts([moment(1, 1, silent=0.05)]))) == 1


def test_elements_escape_what_is_not_markup():
    made = element("p", "<b>", element("i", "&"), title='"x"', hidden=None, data_n=1.25)
    assert made == '<p title="&quot;x&quot;" data-n="1.2">&lt;b&gt;<i>&amp;</i></p>'
    assert html.unescape(made.partition(">")[2]).startswith("<b>")


def test_images_are_png_files(read):
    for attrs in read.all("img"):
        data = base64.b64decode(attrs["src"].partition(",")[2])
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert re.search(b"IEND.{4}\\Z", data, re.DOTALL)
