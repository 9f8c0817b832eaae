"""Every example in the help is shown as it is typed, and does what it says."""

import inspect
import io
import re
import shlex
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from clearprop.cli import HELP, app, main
from clearprop.compiler.engines import engines
from clearprop.datasets import mnist_dataset
from clearprop.datasets.dataset import Dataset
from clearprop.networks import TwoLayerNet
from clearprop.networks.dense import ACTIVATIONS
from clearprop.training import Trainer
from clearprop.training.run_config import OPTIMIZERS, SCHEDULES

pytestmark = pytest.mark.examples

COMMANDS = [name for name in app if not name.startswith("-")]


def function_of(command):
    return app[command].default_command


def examples(text):
    """The lines that begin with `clearprop`, without what is said about them behind two spaces."""
    lines = re.findall(r"^ {4}(clearprop .+)$", text, re.MULTILINE)
    return [re.split(r" {2,}", line)[0] for line in lines]


def all_examples():
    texts = {"": HELP} | {name: inspect.getdoc(function_of(name)) for name in COMMANDS}
    return [(name, line) for name, text in texts.items() for line in examples(text)]


def test_every_command_has_an_example():
    assert {name for name, _ in all_examples()} == {"", *COMMANDS}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_examples_are_shown_as_they_are_typed(command, clearprop, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = clearprop(*command.split(), "--help").out
    for name, line in all_examples():
        if name == command:
            assert " ".join(line.split()) in " ".join(shown.split())  # it may be folded


NAMED = {
    "activation": ACTIVATIONS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES,
    "engine": ["auto", *engines()],
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_an_option_lists_all_that_it_takes(command):
    for name, option in inspect.signature(function_of(command)).parameters.items():
        if name in NAMED and option.annotation is not inspect.Parameter.empty:
            told = " ".join(m.help or "" for m in getattr(option.annotation, "__metadata__", ()))
            listed = {one for one in NAMED[name] if re.search(rf"(?<![\w-]){one}(?![\w-])", told)}
            assert not told or listed == {*NAMED[name]}, (command, name)


@pytest.fixture(scope="module")
def few_images():
    data = mnist_dataset(np.uint8)
    return Dataset(data.x_train[:300], data.t_train[:300], data.x_test[:300], data.t_test[:300])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, few_images):
    """What the examples speak of: runs, pictures, tables and layers."""
    folder = tmp_path_factory.mktemp("examples")
    for i, name in enumerate(["seven.png", "photo.jpg", "animals/cat/1.jpg", "animals/dog/1.jpg"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        paper = 255 - np.kron(few_images.x_test[i].reshape(28, 28), np.ones((4, 4), np.uint8))
        Image.fromarray(paper).save(folder / name)
        if "animals" in name:  # each kind has several
            for k in range(2, 8):
                Image.fromarray(paper).save((folder / name).with_name(f"{k}.jpg"))
    rng = np.random.default_rng(0)
    rows = "\n".join(f"{a},{b},{2 * a - b:.3f}" for a, b in rng.random((40, 2)).round(3))
    for name, target in (("houses.csv", "price"), ("a.csv", "b"), ("new.csv", "price")):
        (folder / name).write_text(f"size,rooms,{target}\n{rows}\n")
    (folder / "my_layers.py").write_text(
        "import clearprop\n\n\nclass Twice(clearprop.Layer):\n    def forward(self, x):\n"
        "        return 2 * x\n\n    def backward(self, dout):\n        return 2 * dout\n"
    )
    (folder / "my_net.py").write_text(
        "import clearprop\n\n\ndef make(rng):\n"
        "    return clearprop.Network(clearprop.dense_layers([784, 5, 10], rng=rng))\n"
    )
    return folder


@pytest.fixture
def short(folder, few_images, monkeypatch):
    """A folder with runs, in which no training takes more than a few steps."""
    train = Trainer.train

    def few(self, epochs=None, iterations=None, **how):
        iterations = epochs * self.iterations_per_epoch if iterations is None else iterations
        return train(self, iterations=min(iterations, len(self.history) + 5), **how)

    def images(dtype=np.float32, flatten=True):
        shape = (300, 784) if flatten else (300, 1, 28, 28)
        unit = 1 if np.dtype(dtype) == np.uint8 else np.dtype(dtype).type(1 / 255)
        x_train, x_test = (x.reshape(shape) * unit for x in (few_images.x_train, few_images.x_test))
        return Dataset(x_train, few_images.t_train, x_test, few_images.t_test)

    monkeypatch.setattr(Trainer, "train", few)
    monkeypatch.setattr(
        sys.modules["clearprop.cli.gradcheck"],
        "TwoLayerNet",
        lambda n_in, _, n_out, **how: TwoLayerNet(n_in, 3, n_out, **how),
    )
    monkeypatch.setattr("clearprop.datasets.mnist_dataset", images)
    monkeypatch.chdir(folder)
    for run in ("runs/1", "runs/2"):
        if not (folder / run).exists():
            assert main(["train", "--folder", run, "--quiet"]) == 0
    if not (folder / "runs/table").exists():
        table = ["train", "houses.csv", "--target", "price", "--folder", "runs/table", "--quiet"]
        assert main(table) == 0
    if not (folder / "net.safetensors").exists():
        assert main(["export", "runs/1", "net.safetensors"]) == 0


@pytest.mark.parametrize("line", sorted({line for _, line in all_examples()}))
def test_examples_run(line, short, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    for package in ("onnx", "jax"):
        if re.search(rf"\b{package}\b", line) and not find_spec(package):
            pytest.skip(f"{package} is not installed")
    _, *words = shlex.split(line)
    run = "runs/table" if "new.csv" in words else "runs/1"
    words = [w for word in words for w in (["runs/1", "runs/2"] if word == "runs/*" else [word])]
    words = [run if word == "runs/RUN" else word for word in words]
    capsys.readouterr()
    if "second-try" in line:
        words.append("--overwrite")
    code, written = main(words), capsys.readouterr()
    assert code == 0, written.err
