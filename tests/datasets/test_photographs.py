"""Digits in photographs: read as well as the same digits are as they are."""

import os

import numpy as np
import pytest
from photographs import STYLES, photograph
from PIL import Image

from clearprop.datasets import mnist_dataset
from clearprop.datasets.components import components
from clearprop.datasets.images import mnist_form, read_digit
from clearprop.datasets.paper import LONGEST
from clearprop.datasets.photographs import find_digit
from clearprop.errors import DataError
from clearprop.networks import TwoLayerNet
from clearprop.training import SGD, Trainer

COUNT = int(os.environ.get("CLEARPROP_PHOTOGRAPHS", "50"))
"""Digits of each style."""
SIDES = 80, 200  # small pictures are sooner read, and no easier: lines are near a stroke's width


@pytest.fixture(scope="module")
def reader():
    """A network that has learned MNIST for 2000 steps, and the first test digits with labels."""
    data = mnist_dataset()
    rng = np.random.default_rng(0)
    network = TwoLayerNet(784, 100, 10, rng=rng)
    trainer = Trainer(
        network, data.x_train, data.t_train, batch_size=100, optimizer=SGD(lr=0.3), rng=rng
    )
    trainer.train(iterations=2000)
    assert network.accuracy(data.x_test, data.t_test) >= 0.965
    return network, data.x_test[:COUNT].reshape(-1, 28, 28), data.t_test[:COUNT]


@pytest.mark.parametrize("style", STYLES)
def test_digits_are_read_in_photographs(reader, style):
    network, digits, labels = reader
    rng = np.random.default_rng(0)
    seen = np.stack([mnist_form(photograph(d, style, rng, SIDES)).ravel() for d in digits])
    accuracy = np.mean(network.predict(seen).argmax(axis=1) == labels)
    least = 0.92 if style == "all at once" else 0.95
    assert accuracy >= least - (1 / COUNT if COUNT < 100 else 0)  # a single one is no style


@pytest.mark.parametrize("style", ["plain", "squared", "ruled", "specks", "grain"])
def test_a_blank_sheet_is_no_digit(style):
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(10):
        try:
            mnist_form(photograph(np.zeros((28, 28)), style, rng))
        except DataError:
            refused += 1
    assert refused >= 9


def bar(height=60, width=12, at=(20, 30), page=(100, 100)):
    pixels = np.ones((*page, 1))
    pixels[at[0] : at[0] + height, at[1] : at[1] + width] = 0.1
    return pixels


def test_a_stroke_that_is_broken_belongs_to_its_digit():
    whole, broken = bar(), bar()
    broken[48:52] = 1
    found = find_digit(broken)
    assert found.doubts == ()
    rows = np.flatnonzero(found.ink.any(axis=1))
    expected = np.flatnonzero(find_digit(whole).ink.any(axis=1))
    np.testing.assert_array_equal(rows[[0, -1]], expected[[0, -1]])


def test_two_digits_are_told_and_the_larger_one_is_read():
    page = np.minimum(bar(at=(20, 20)), bar(height=50, at=(25, 60)))
    found = find_digit(page)
    assert found.doubts == ("two digits in the picture",)
    assert np.flatnonzero(found.ink.any(axis=0)).max() < 40


def test_a_digit_that_is_cut_off_is_told():
    assert find_digit(bar(at=(40, 30))).doubts == ("cut off at the edge of the picture",)


@pytest.mark.parametrize("edge", [0, 4], ids=["cut off by the picture's edge", "whole"])
def test_what_is_thick_in_a_thin_frame_is_read_whole(edge):
    page = np.ones((200, 200, 1)) * np.linspace(0.8, 1, 200)[:, np.newaxis]  # uneven light
    page[60:140, 95:105] *= 0.3
    page[60:76, 105:111] *= 0.3  # thicker than the frame
    expected = find_digit(page).ink > 0.5
    page[[*range(edge, edge + 4), *range(190, 194)], 10:190] *= 0.3
    page[edge:194, [*range(10, 14), *range(186, 190)]] *= 0.3
    found = find_digit(page)
    assert found.doubts == ()
    assert np.sum((found.ink > 0.5) != expected) < 0.1 * np.sum(expected)


def test_a_small_note_on_a_table_is_no_digit():
    page = np.full((200, 160, 1), 0.3)
    page[60:110, 40:95] = 0.95
    page[70:100, 64:70] = 0.2
    found = find_digit(page)
    assert np.mean(found.ink > 0.5) < 0.2


def test_a_large_photograph_is_made_smaller(reader):
    _, digits, _ = reader
    page = 1 - 0.8 * np.kron(digits[0], np.ones((60, 60)))
    assert max(find_digit(page[..., np.newaxis]).ink.shape) <= LONGEST
    np.testing.assert_allclose(mnist_form(page), mnist_form(page[::4, ::4]), atol=0.3)


@pytest.mark.parametrize("seed", range(40))
def test_the_smallest_pictures_are_read_or_refused_by_name(seed):
    rng = np.random.default_rng(seed)
    pixels = np.sort(rng.random((*rng.integers(1, 9, 2), 1)), axis=0)
    try:
        ink = find_digit(pixels if seed % 2 else pixels.round()).ink
    except DataError:
        return
    assert 0 < ink.max() <= 1


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_components_are_those_of_a_flood(share):
    rng = np.random.default_rng(1)
    for _ in range(10):
        mask = rng.random(rng.integers(1, 20, 2)) < share
        numbers, boxes = components(mask)
        expected = flooded(mask)
        assert len(boxes) == expected.max(initial=0)
        assert len(set(zip(numbers.flat, expected.flat, strict=True))) == len(set(expected.flat))
        for i, (top, left, bottom, right) in enumerate(boxes):
            rows, columns = np.nonzero(numbers == i + 1)
            box = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
            assert (top, left, bottom, right) == box


def flooded(mask):
    numbers, count = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if numbers[start]:
            continue
        count += 1
        stack = [start]
        while stack:
            y, x = stack.pop()
            if 0 <= y < len(mask) and 0 <= x < mask.shape[1] and mask[y, x] and not numbers[y, x]:
                numbers[y, x] = count
                stack += [(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return numbers


@pytest.mark.parametrize(("height", "width"), [(28, 3000), (5000, 28), (28, 1500)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_long_pictures_are_measured_as_they_are(tmp_path, height, width, dtype):
    page = np.full((height, width), np.iinfo(dtype).max, dtype)
    page[5:23, 10:14] = 0
    Image.fromarray(page).save(tmp_path / "strip.png")
    digit = read_digit(tmp_path / "strip.png")
    rows, columns = (np.flatnonzero(digit.max(axis=axis) > 0.5) for axis in (1, 0))
    assert len(rows) >= 18
    assert len(columns) <= 6
    Image.fromarray(page[:27] if height == 28 else page[:, :27]).save(tmp_path / "thin.png")
    with pytest.raises(DataError, match=f"{width}×27 pixels" if height == 28 else "27×5000 pixels"):
        read_digit(tmp_path / "thin.png")
