"""`clearprop draw`: expressions and trained networks as pictures."""

import re

import pytest
from stripes import own_data

from clearprop.cli import main

PRICE = "price = (apple*apple_num + orange*orange_num)*tax"
VALUES = ["apple=100", "apple_num=2", "orange=150", "orange_num=3", "tax=1.1"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network that has been trained on MNIST for some steps."""
    folder = tmp_path_factory.mktemp("draw") / "run"
    assert main(["train", "-q", "--iterations", "50", "--folder", str(folder)]) == 0
    return folder


def test_the_example_of_the_book(clearprop, tmp_path):
    answer = clearprop("draw", PRICE, *VALUES, "-o", "price.svg")
    assert (answer.code, answer.out, answer.err) == (0, "price.svg\n", "")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", (tmp_path / "price.svg").read_text("utf-8"))
    assert {"715", "650", "2.2", "110", "3.3", "165", "price", "orange_num"} <= set(texts)


def test_without_a_file_it_prints_a_tree(clearprop):
    answer = clearprop("draw", "apple * 2", "apple=100")
    assert answer.code == 0
    assert answer.out == "× = 200.0   ∂ 1.0\n├─ apple = 100.0   ∂ 2.0\n└─ 2.0\n"


def test_the_backward_pass_can_be_left_out(clearprop):
    assert "∂" not in clearprop("draw", "apple * 2", "apple=100", "--no-backward").out


def test_the_derivatives_of_an_array_are_those_of_its_sum(clearprop):
    out = clearprop("draw", "x * 3", "x=[1, 2]").out
    assert "x = [1., 2.]   ∂ [3., 3.]" in out


@pytest.mark.parametrize("suffix", ["svg", "png", "txt", "json", "dot", "mmd"])
def test_every_format(clearprop, tmp_path, suffix):
    answer = clearprop("draw", "x * 3", "x=2", "-o", f"a.{suffix}")
    assert answer.code == 0
    assert (tmp_path / f"a.{suffix}").stat().st_size > 10


def test_dark(clearprop, tmp_path):
    clearprop("draw", "x * 3", "x=2", "-o", "a.svg", "--theme", "dark")
    assert "#15191f" in (tmp_path / "a.svg").read_text("utf-8")


@pytest.mark.parametrize(
    ("depth", "frames"),
    [
        (None, 0),
        ("network", 0),
        ("layers", 1),
        ("primitives", 5),
        ("1", 2),
        ("Affine1", 2),
        ("Affine1, SoftmaxWithLoss", 3),
    ],
)
def test_a_trained_network_at_a_depth(clearprop, tmp_path, run, depth, frames):
    options = [] if depth is None else ["--depth", depth]
    answer = clearprop("draw", "--run", run, *options, "-o", "net.svg")
    assert (answer.code, answer.out, answer.err) == (0, "net.svg\n", "")
    svg = (tmp_path / "net.svg").read_text("utf-8")
    assert svg.count('class="frame box"') == frames
    assert ">loss<" in svg


def test_the_loss_is_that_of_the_image(clearprop, run):
    from clearprop.datasets import mnist_dataset
    from clearprop.training import RunFolder

    data = mnist_dataset()
    network = RunFolder(run).load_network()
    for sample in (0, 9999):
        loss = network.loss(data.x_test[sample : sample + 1], data.t_test[sample : sample + 1])
        out = clearprop("draw", "--run", run, "--sample", sample).out
        shown = re.match(r"loss \(SoftmaxWithLoss\) = (\S+)   ∂ 1.0", out)[1]
        assert float(shown) == pytest.approx(float(loss), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "what shall be drawn?"),
        (["x * y", "x=2"], "uses y, which has no value"),
        (["__import__('os').system('true')", "x=2"], "a dot"),
        (["x * 2", "x=2", "-o", "a.gif"], ".gif is none of"),
        (["x * 2", "x=2", "-o", "a.txt", "--theme", "dark"], "theme= is no option of .txt"),
        (["x * 2", "x=2", "-o", "a.svg", "--theme", "sepia"], "not 'sepia'"),
        (["x * 2", "x=2", "-o", "a.svg", "--depth", "Affine1"], "'Affine1'"),
        (["x * 2", "x=2", "-o", "nowhere/a.svg"], "nowhere/a.svg cannot be written"),
        (["x * 2", "--run", "runs/1"], "leave the expression out, or --run"),
        (["--run", "nowhere"], "not the folder of a run"),
    ],
)
def test_what_cannot_be_drawn_is_named(clearprop, tmp_path, arguments, says):
    answer = clearprop("draw", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err
    assert answer.err.startswith("clearprop: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sample", [-1, 10_000])
def test_an_image_that_there_is_not_is_named(clearprop, run, sample):
    answer = clearprop("draw", "--run", run, "--sample", sample)
    assert answer.code == 2
    assert "numbered from 0 to 9999" in answer.err


def test_a_network_for_other_images_is_refused(clearprop, tmp_path):
    own_data(tmp_path / "data")
    clearprop("train", "--data", "data", "--batch", 10, "--iterations", 1)
    answer = clearprop("draw", "--run", "runs/1")
    assert answer.code == 2
    assert "takes 64 numbers and knows 3 classes" in answer.err


@pytest.mark.parametrize("expression", ["x / 0", "1 / 0 * x", "x ** -1 / 0", "0 ** -1 * x"])
def test_a_division_by_zero_is_a_picture_with_infinity(clearprop, tmp_path, expression):
    answer = clearprop("draw", expression, "x=2", "-o", "zero.svg")
    assert (answer.code, answer.err) == (0, "")
    assert "∞" in (tmp_path / "zero.svg").read_text()


@pytest.mark.parametrize("option", [["--theme", "blue"], ["--depth", "1"]])
def test_what_is_for_pictures_is_not_ignored(clearprop, option):
    run = clearprop("draw", "x * y", "x=2", "y=3", *option)
    assert (run.code, run.out) == (2, "")
    assert "are for pictures; name a file" in run.err
