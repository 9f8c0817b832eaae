"""`--network`: convolutions, and networks of one's own, from training to report."""

import json

import numpy as np
import pytest
from PIL import Image
from stripes import own_data

from clearprop.training import RunConfig, RunFolder

OWN = """
import numpy as np
from neighbour import FILTERS
from clearprop import Affine, BatchNormalization, Convolution, Dropout, Layer, Network, Relu

def images(rng):
    layers = [
        Convolution.from_sizes(1, FILTERS, 3, rng=rng), BatchNormalization.from_size(FILTERS),
        Relu(), Affine.from_sizes(6 * 6 * FILTERS, 3, rng=rng), Dropout(0.1),
    ]
    return Network(layers, rng=rng)

class Rows(Layer):
    params = ("W",)
    def __init__(self, rng):
        self.W = rng.standard_normal((64, 3)).astype(np.float32)
    def forward(self, x):
        return x @ self.W

def rows(rng):
    return Network([Rows(rng)])

class Own(Network):
    def loss(self, x, t):
        return np.abs(self.predict(x)).mean()

def own_loss(rng):
    return Own([Affine.from_sizes(64, 3)])

def nothing(rng):
    return "a network"

def bare():
    return Network([])

def raising(rng):
    return {}["layers"]

def ours(rng):
    return Network([Affine])

value = 3
"""


@pytest.fixture
def own(tmp_path):
    """A file with networks of one's own, and one that it imports."""
    (tmp_path / "neighbour.py").write_text("FILTERS = 2")
    (tmp_path / "my_net.py").write_text(OWN)
    return "my_net.py"


def few(data, *more):
    return ("train", data, "--batch", 10, "--epochs", 2, "-q", *more)


@pytest.mark.parametrize("kind", ["conv", "deep-conv"])
def test_networks_of_convolutions(clearprop, data, kind):
    run = clearprop(*few(data, "--network", kind, "--batch-norm", "--hidden", 6))
    assert (run.code, run.out, run.err) == (0, "runs/1\n", "")
    config = json.loads((RunFolder("runs/1").config_path).read_text())
    assert (config["kind"], config["shape"], config["sizes"]) == (kind, [1, 8, 8], [64, 6, 3])
    assert (config["optimizer"], config["rate"]) == ("adam", 0.001)
    network = RunFolder("runs/1").load_network()
    assert network.params["W1"].shape[:2] == ((30, 1) if kind == "conv" else (16, 1))
    assert f"{kind == 'deep-conv'}" == f"{'Dropout1' in network.layers}"
    page = RunFolder("runs/1").report_path.read_text()
    assert "What the filters look for" in page
    assert f"Convolution1: {'30 filters of 1 × 5 × 5' if kind == 'conv' else '16'}" in page
    assert "Pooling1: " in page
    assert clearprop("report", "runs/1").code == 0
    assert RunFolder("runs/1").report_path.read_text() == page
    assert "(10, 1, 8, 8)" in clearprop("source", "runs/1").out


def test_it_learns_what_it_should(clearprop, data):
    run = clearprop("train", data, "--network", "conv", "--batch", 10, "--epochs", 15, "-q")
    assert run.code == 0
    assert RunFolder("runs/1").read_history().test_accuracy[-1] > 0.9


@pytest.mark.parametrize(
    "how",
    [
        ("--network", "deep-conv", "--schedule", "constant"),
        ("--network", "my_net.py:images", "--optimizer", "nesterov"),
        ("--dropout", "0.3", "--batch-norm", "--optimizer", "adamw", "--weight-decay", "0.1"),
    ],
    ids=lambda how: how[1],
)
def test_a_run_that_goes_on_gives_the_same_weights(clearprop, data, own, how):
    common = ("train", data, "--batch", 10, "-q", *how)
    again = how[:2] if ":" in how[1] else ()
    assert clearprop(*common, "--iterations", 9, "--folder", "whole").code == 0
    assert clearprop(*common, "--iterations", 4, "--folder", "two").code == 0
    assert clearprop("train", "--resume", "two", "--iterations", 9, "-q", *again).code == 0
    whole, two = (RunFolder(name).weights_path.read_bytes() for name in ("whole", "two"))
    assert two == whole


def test_a_longer_run_is_told_where_the_rate_goes_on(clearprop, data):
    common = ("train", data, "--batch", 10, "-q", "--network", "conv")
    assert clearprop(*common, "--iterations", 4).code == 0
    assert RunFolder("runs/1").read_config().schedule == "cosine"
    again = clearprop("train", "--resume", "runs/1", "--iterations", 4, "-q")
    assert (again.code, again.err) == (0, "")
    longer = clearprop("train", "--resume", "runs/1", "--iterations", 8, "-q")
    assert longer.code == 0
    # ½ (1 + cos π 4/8) and ½ (1 + cos π 3/4) thousandths
    assert "from 0.0005, after 0.000146" in longer.err.replace("\n", " ")


def test_schedules_run_over_all_steps_of_the_run():
    rates = {
        "constant": (0.1, 0.1, 0.1),
        "cosine": (0.1, 0.05, 0.0),
        "step": (0.1, 0.01, 0.001),
        "exponential": (0.1, 0.01, 0.001),
        "warmup": (0.1 / 50, 0.1 * (1 + np.cos(np.pi * 450 / 950)) / 2, 0.0),
    }
    for name, expected in rates.items():
        config = RunConfig(sizes=(4, 2), rate=0.1, schedule=name, iterations=1000)
        lr = config.make_optimizer().lr
        found = [lr(step) if callable(lr) else lr for step in (1, 501, 1000)]
        np.testing.assert_allclose(found, expected, rtol=0.01, atol=1e-3 * (found[2] < 1e-4))
    config = RunConfig(sizes=(4, 2), optimizer="adam", weight_decay=0.3)
    assert config.make_optimizer().weight_decay == 0.3


@pytest.mark.parametrize(("name", "shape"), [("images", [1, 8, 8]), ("rows", None)])
def test_a_network_of_one_s_own(clearprop, data, own, name, shape):
    network = f"{own}:{name}"
    assert clearprop(*few(data, "--network", network)).code == 0
    config = RunFolder("runs/1").config_path.read_text()
    assert "my_net" not in config
    assert json.loads(config)["kind"] == "own"
    assert json.loads(config)["shape"] == shape
    for command in ("report", "source"):
        run = clearprop(command, "runs/1")
        assert (run.code, "give --network FILE.py:FUNCTION" in run.err) == (2, True)
        assert clearprop(command, "runs/1", "--network", network).code == 0
    resume = ("train", "--resume", "runs/1", "--epochs", 3, "-q")
    assert "give --network" in clearprop(*resume).err
    assert clearprop(*resume, "--network", network).code == 0
    assert len(RunFolder("runs/1").read_history()) == 18


def test_predict_and_draw_with_convolutions(clearprop, tmp_path, own):
    digits = own_data(tmp_path / "digits", side=28, classes=10)
    seven = np.full((60, 60), 255, np.uint8)
    seven[10:15, 15:45] = seven[15:50, 38:43] = 0
    Image.fromarray(seven).save("seven.png")
    assert clearprop(*few(digits, "--network", "conv", "--hidden", 5)).code == 0
    run = clearprop("predict", "--json", "runs/1", "seven.png")
    assert (run.code, len(json.loads(run.out)[0]["probabilities"])) == (0, 10)
    run = clearprop("draw", "--run", "runs/1", "--sample", 3)
    assert "x = (1, 1, 28, 28)" in run.out
    assert "leave --network out" in clearprop("report", "runs/1", "--network", f"{own}:rows").err


def test_pictures_in_colours(clearprop, tmp_path):
    colours = {"red": (220, 30, 20), "blue": (20, 40, 210)}
    for name, colour in colours.items():
        (tmp_path / "animals" / name).mkdir(parents=True)
        for i in range(6):
            picture = Image.new("RGB", (12, 12), tuple(min(255, c + 5 * i) for c in colour))
            picture.save(tmp_path / "animals" / name / f"{i}.png")
    common = ("train", "animals", "--side", 12, "--network", "conv", "--epochs", 8, "-q")
    assert clearprop(*common).code == 0
    network = RunFolder("runs/1").load_network()
    assert network.params["W1"].shape == (30, 3, 5, 5)
    run = clearprop("predict", "--json", "runs/1", "animals/red/1.png", "animals/blue/2.png")
    assert [answer["class"] for answer in json.loads(run.out)] == ["red", "blue"]


BAD = {
    "no such kind": (("--network", "cnn"), "two-layer, conv or deep-conv, or the file"),
    "no such file": (("--network", "gone.py:make"), "no such file"),
    "no such function": (("--network", "my_net.py:make"), "has no function 'make'"),
    "no function": (("--network", "my_net.py:value"), "has no function 'value'"),
    "no network": (("--network", "my_net.py:nothing"), "my_net.py:nothing must give a Network"),
    "no generator": (
        ("--network", "my_net.py:bare"), "my_net.py:bare failed (TypeError: bare() takes 0",
    ),
    "the remedy": (("--network", "my_net.py:bare"), "write def bare(rng): …"),
    "an error": (
        ("--network", "my_net.py:raising"), "my_net.py:raising failed (KeyError: 'layers')",
    ),
    "an error of ours": (
        ("--network", "my_net.py:ours"), "is the class Affine, not a layer; call it",
    ),
    "no score": (("--network", "my_net.py:own_loss"), "my_net.py:own_loss: its loss gives no sco"),
    "neurons": (("--network", "my_net.py:rows", "--hidden", 5), "--hidden says nothing"),
    "dropout of one's own": (
        ("--network", "my_net.py:rows", "--dropout", 0.5), "--dropout says nothing",
    ),
    "two hidden layers": (("--network", "conv", "--hidden", 5, 6), "one hidden layer"),
    "dropout 1": (("--dropout", 1), "ratio is 1"),
    "optimizer": (("--optimizer", "best"), "one of sgd, momentum"),
    "schedule": (("--schedule", "weekly"), "one of constant, cosine"),
    "activation": (("--network", "conv", "--activation", "step"), "'step' is unknown"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named_and_nothing_is_left(clearprop, data, own, tmp_path, case):
    options, words = BAD[case]
    run = clearprop("train", data, *options)
    assert run.code == 2
    assert words in run.err
    assert not (tmp_path / "runs").exists()


def test_a_table_holds_no_images(clearprop, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    run = clearprop("train", "a.csv", "--target", "b", "--network", "conv")
    assert (run.code, "a table holds none" in run.err) == (2, True)


def test_settings_that_cannot_be_a_network_are_refused():
    text = RunConfig(sizes=(64, 5, 3), kind="conv", shape=(1, 8, 8)).to_json()
    config = RunConfig.from_json(text)
    assert config == RunConfig(sizes=(64, 5, 3), kind="conv", shape=(1, 8, 8))
    assert config.network().params["W2"].shape == (120, 5)
    for name, value in {"kind": "cnn", "shape": [1], "dropout": 1, "schedule": 3}.items():
        wrong = json.dumps(json.loads(text) | {name: value})
        with pytest.raises(ValueError, match=f'"{name}" is missing or wrong|one hidden layer'):
            RunConfig.from_json(wrong).network()
