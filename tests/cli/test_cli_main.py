"""What all commands have in common, and the gradient check."""

import subprocess
import sys

import numpy as np
import pytest

import clearprop as library
from clearprop.cli.gradcheck import LIMIT, average_differences
from clearprop.layers import Affine
from clearprop.networks import TwoLayerNet


def test_python_m_and_version():
    command = [sys.executable, "-W", "error", "-m", "clearprop", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"clearprop {library.__version__}"


@pytest.mark.parametrize("command", [[], ["train"], ["predict"], ["gradcheck"]])
def test_help_explains_and_loads_nothing_heavy(command):
    program = (
        "import sys; from clearprop.cli import main; "
        f"code = main([*{command}, '--help']); "
        "heavy = {'matplotlib', 'PIL', 'safetensors', 'clearprop.training', 'clearprop.datasets'};"
        "print(code, heavy & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == "0 set()\n"
    assert f"Usage: clearprop {' '.join(command)}".strip() in done.stdout
    assert len(done.stdout.splitlines()) > 10


@pytest.mark.parametrize("words", [["trian"], ["predict"], ["gradcheck", "--seed", "x"]])
def test_what_is_not_understood_is_told_on_stderr(clearprop, words):
    run = clearprop(*words)
    assert (run.code, run.out) == (2, "")
    assert run.err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (library.errors.DataError("the data are wrong"), 2, "clearprop: the data are wrong\n"),
        (FileNotFoundError(2, "no such thing", "a.txt"), 2, "clearprop: a.txt: no such thing\n"),
        (OSError("the disk is on fire"), 2, "clearprop: the disk is on fire\n"),
        (MemoryError("1 TiB"), 2, "clearprop: the memory is not enough"),
        (KeyboardInterrupt(), 130, "clearprop: stopped\n"),
    ],
)
def test_errors_end_as_one_message(clearprop, monkeypatch, error, code, message):
    def fail(**_):
        raise error

    monkeypatch.setattr("clearprop.datasets.load_mnist", fail)
    run = clearprop("gradcheck")
    assert (run.code, run.out) == (code, "")
    assert run.err.startswith(message)
    assert run.err.count("\n") == 1


@pytest.fixture
def narrow(monkeypatch):
    """`gradcheck` on a network of 3 hidden neurons, which is over sooner."""
    monkeypatch.setattr(
        sys.modules["clearprop.cli.gradcheck"],
        "TwoLayerNet",
        lambda n_in, _, n_out, **kwargs: TwoLayerNet(n_in, 3, n_out, **kwargs),
    )


def test_gradcheck_shows_each_parameter(clearprop, narrow):
    run = clearprop("gradcheck")
    assert run.code == 0
    rows = [line.split() for line in run.out.splitlines() if line.split()[-1:] == ["right"]]
    assert [(name, number) for name, number, *_ in rows] == [
        *(("W1", "2,352"), ("b1", "3"), ("W2", "30"), ("b2", "10"))
    ]
    assert all(float(difference) <= LIMIT for *_, difference, _ in rows)


@pytest.fixture
def small():
    rng = np.random.default_rng(0)
    network = TwoLayerNet(20, 8, 4, rng=rng)
    return network, rng.random((3, 20)), np.array([0, 1, 3])


def test_the_differences_are_those_of_the_definition(small):
    network, x, t = small
    backprop, numerical = network.gradient(x, t), network.numerical_gradient(x, t)
    expected = {name: np.mean(abs(backprop[name] - numerical[name])) for name in network.params}
    assert average_differences(network, x, t) == expected
    assert max(expected.values()) <= LIMIT


@pytest.mark.parametrize("parameter", ["W1", "b1", "W2", "b2"])
def test_a_planted_error_is_found_where_it_is(small, parameter, monkeypatch):
    network, x, t = small
    gradient = network.gradient

    def wrong(x, t):
        derivatives = gradient(x, t)
        derivatives[parameter] = derivatives[parameter] * (1 + 1e-3)
        return derivatives

    monkeypatch.setattr(network, "gradient", wrong)
    differences = average_differences(network, x, t)
    assert [name for name, value in differences.items() if value > LIMIT] == [parameter]


def test_gradcheck_fails_where_backpropagation_is_wrong(clearprop, narrow, monkeypatch):
    backward = Affine.backward

    def wrong(self, dout):
        dx = backward(self, dout)
        self.db = self.db / len(dout)
        return dx

    monkeypatch.setattr(Affine, "backward", wrong)
    run = clearprop("gradcheck")
    assert run.code == 1
    verdicts = {line.split()[0]: line.split()[-1] for line in run.out.splitlines() if line.strip()}
    assert {name: verdicts[name] for name in ("W1", "b1", "W2", "b2")} == {
        "W1": "right", "b1": "wrong", "W2": "right", "b2": "wrong",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train --lr 0.1", "train has no option --lr; did you mean --rate? See clearprop train"),
        ("train --shwo", "train has no option --shwo; see clearprop train --help"),
        ("train --epoch 1", "did you mean --epochs?"),
        ("draw x*y x=2 --otuput a.svg", "did you mean --output?"),
        ("draw x*y x=2 --lr 1", "draw has no option --lr; see"),  # it has no --rate
        ("train a b", "train does not know what to do with b; see clearprop train --help"),
        ("predict nowhere a.png", "nowhere/config.json: there is no such file"),
    ],
)
def test_what_was_perhaps_meant_is_said(clearprop, words, said):
    run = clearprop(*words.split())
    assert run.code == 2
    assert said in run.err
