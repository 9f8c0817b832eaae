"""`clearprop predict`: a network that was trained before reads pictures."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw
from stripes import own_data

from clearprop.cli import main
from clearprop.datasets import load_mnist
from clearprop.datasets.images import read_digit


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network that has learned MNIST for two epochs."""
    folder = tmp_path_factory.mktemp("predict") / "run"
    assert main(["train", "-q", "--epochs", "2", "--folder", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Test images of 0 to 9 as dark on light PNG files of 84×84: paths by digit."""
    folder = tmp_path_factory.mktemp("digits")
    _, (x, t) = load_mnist(normalize=False)
    paths = []
    for digit in range(10):
        image = x[np.flatnonzero(t == digit)[3]].reshape(28, 28)
        paths.append(folder / f"digit-{digit}.png")
        Image.fromarray(255 - image).resize((84, 84)).save(paths[-1])
    return paths


def test_it_reads_digits_it_has_never_seen(clearprop, run, digits):
    answer = clearprop("predict", "--json", run, *digits)
    assert (answer.code, answer.err) == (0, "")
    answers = json.loads(answer.out)
    assert [a["image"] for a in answers] == [str(path) for path in digits]
    assert sum(a["digit"] == digit for digit, a in enumerate(answers)) >= 9
    for a in answers:
        assert len(a["probabilities"]) == 10
        assert sum(a["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert a["digit"] == np.argmax(a["probabilities"])


def test_light_on_dark_is_read_the_same(clearprop, run, digits, tmp_path):
    path = tmp_path / "negative.png"
    Image.fromarray(255 - np.asarray(Image.open(digits[7]))).save(path)
    a, b = json.loads(clearprop("predict", "--json", run, digits[7], path).out)
    assert a["probabilities"] == pytest.approx(b["probabilities"], abs=1e-5)


def test_the_table_shows_digit_and_probability(clearprop, run, digits, monkeypatch):
    monkeypatch.chdir(digits[0].parent)
    out = clearprop("predict", run, "digit-0.png", "digit-1.png").out
    answers = json.loads(clearprop("predict", "--json", run, "digit-0.png", "digit-1.png").out)
    for answer in answers:
        line = next(line for line in out.splitlines() if answer["image"] in line)
        assert line.split()[1:3] == [str(answer["digit"]), f"{max(answer['probabilities']):.1%}"]


def test_one_bad_picture_is_named_and_the_others_are_answered(clearprop, run, digits, tmp_path):
    bad = tmp_path / "letter.png"
    bad.write_text("Dear Sir")
    answer = clearprop("predict", "--json", run, digits[0], bad, digits[1])
    assert answer.code == 2
    assert answer.err.startswith(f"clearprop: {bad}: this is not a picture")
    entries = json.loads(answer.out)
    assert [entry.get("digit") for entry in entries] == [0, 1, None]
    assert "not a picture" in entries[2]["error"]
    table = clearprop("predict", run, bad, digits[0])
    assert table.code == 2
    assert "%" in table.out


def test_doubts_are_said(clearprop, run, digits, tmp_path):
    one, other = (np.asarray(Image.open(digits[digit])) for digit in (4, 7))
    pair, scribble = tmp_path / "pair.png", tmp_path / "scribble.png"
    Image.fromarray(np.hstack([one, other])).save(pair)
    page = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(page).line(
        [(int(a), int(b)) for a, b in np.random.default_rng(0).integers(30, 170, (14, 2))],
        fill=0,
        width=9,
    )
    page.save(scribble)
    answer = clearprop("predict", "--json", run, pair, scribble, digits[3])
    assert (answer.code, answer.err) == (0, "")
    doubts = [entry["doubts"] for entry in json.loads(answer.out)]
    assert "two digits in the picture" in doubts[0]
    assert "unlike what was learned" in doubts[1]
    assert doubts[2] == []
    assert "two digits" in " ".join(clearprop("predict", run, pair).out.split())


def test_it_shows_what_the_network_saw(clearprop, run, digits, tmp_path):
    assert clearprop("predict", run, digits[0], digits[1], "--show", "seen.png").code == 0
    seen = np.asarray(Image.open(tmp_path / "seen.png"))
    assert seen.shape == (30 * 8, 2 * 30 * 8)
    digit = seen[12:232:8, 12:232:8] / 255
    np.testing.assert_allclose(digit, read_digit(digits[0]), atol=1 / 255)


def test_a_picture_from_the_standard_input(clearprop, run, digits, monkeypatch):
    data = SimpleNamespace(buffer=io.BytesIO(digits[7].read_bytes()))
    monkeypatch.setattr(sys, "stdin", data)
    answer = clearprop("predict", "--json", run, "-")
    assert json.loads(answer.out)[0]["digit"] == 7


def test_a_training_that_ran_away_is_told(clearprop, digits):
    options = ["--rate", 1000, "--iterations", 200, "--seed", 1]
    assert clearprop("train", "-q", *options, "--folder", "wild").code == 0
    answer = clearprop("predict", "wild", digits[0])
    assert answer.code == 0
    assert "wild: the training ran away: its loss was" in answer.err
    assert "Beware: the training ran away" in Path("wild/report.html").read_text("utf-8")


def test_a_missing_picture_is_named(clearprop, run):
    answer = clearprop("predict", run, "nowhere.png")
    assert answer.code == 2
    assert "nowhere.png: there is no such file" in answer.err


def test_no_picture_at_all_is_named(clearprop, run):
    answer = clearprop("predict", run)
    assert answer.code == 2
    assert "IMAGES" in answer.err


def test_without_pillow_the_remedy_is_named(clearprop, run, digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    answer = clearprop("predict", run, digits[0])
    assert answer.code == 2
    assert 'pip install "clearprop[pictures]"' in answer.err


def test_a_folder_that_is_no_run_is_named(clearprop, digits, tmp_path):
    for folder in tmp_path, tmp_path / "nowhere", digits[0]:
        answer = clearprop("predict", folder, digits[0])
        assert answer.code == 2
        assert str(folder) in answer.err
        assert "not the folder of a run" in answer.err


def test_damaged_weights_are_named(clearprop, run, digits, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in run.iterdir():
        content = path.read_bytes()
        (copy / path.name).write_bytes(content[:-100] if "weights" in path.name else content)
    answer = clearprop("predict", copy, digits[0])
    assert answer.code == 2
    assert str(copy / "weights.safetensors") in answer.err
    (copy / "weights.safetensors").unlink()
    answer = clearprop("predict", copy, digits[0])
    assert answer.code == 2
    assert str(copy / "weights.safetensors") in answer.err
    assert "Errno" not in answer.err


def test_a_network_for_images_of_another_size_is_refused(clearprop, digits, tmp_path):
    own_data(tmp_path / "data")
    clearprop("train", "--data", "data", "--batch", 10, "--iterations", 1)
    answer = clearprop("predict", "runs/1", digits[0])
    assert answer.code == 2
    assert "this network takes 64 numbers" in answer.err


def test_weights_of_nan_give_no_answer(clearprop, run, digits, tmp_path):
    from clearprop.training import RunFolder, save_weights

    network = RunFolder(run).load_network()
    network.params["b2"][3] = np.nan
    (tmp_path / "nan").mkdir()
    (tmp_path / "nan" / "config.json").write_bytes((run / "config.json").read_bytes())
    save_weights(tmp_path / "nan" / "weights.safetensors", network)
    answer = clearprop("predict", tmp_path / "nan", digits[0])
    assert (answer.code, answer.out) == (2, "")
    assert "not finite" in answer.err
