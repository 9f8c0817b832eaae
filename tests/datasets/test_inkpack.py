"""Taking pictures apart into ink, rim and middle loses nothing."""

import importlib.util
from pathlib import Path
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop.datasets.inkpack import unpack_images

TOOL = Path(__file__).parents[2] / "tools" / "pack_mnist.py"
spec = importlib.util.spec_from_file_location("pack_mnist", TOOL)
assert spec is not None
assert spec.loader is not None
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
pack_images = tool.pack_images

IMAGES = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=9),
    elements=st.sampled_from([0, 1, 128, 255]),
    fill=st.sampled_from([0, 255]),
)


@settings(deadline=None)  # a busy machine is no failure
@given(IMAGES)
def test_round_trip(images: np.ndarray) -> None:
    parts = pack_images(images)
    assert len(parts["rim"]) + len(parts["middle"]) == np.count_nonzero(images)
    result = unpack_images(parts, images.shape)
    assert result.shape == images.shape
    assert np.array_equal(result, images)


@settings(deadline=None)  # a busy machine is no failure
@given(IMAGES, st.sampled_from([8, 16, 64]))
def test_put_together_block_by_block(images: np.ndarray, block: int) -> None:
    with patch("clearprop.datasets.inkpack.BLOCK", block):
        result = unpack_images(pack_images(images), images.shape)
    assert np.array_equal(result, images)


def test_middle_has_ink_on_all_eight_sides() -> None:
    rng = np.random.default_rng(0)
    images = np.zeros((20, 9, 12), np.uint8)
    images[:, 1:-1, 1:-1] = rng.integers(1, 256, (20, 7, 10)) * (rng.random((20, 7, 10)) < 0.9)
    ink = images != 0
    middle = [
        images[n, i, j]
        for n, i, j in zip(*np.nonzero(ink), strict=True)
        if ink[n, i - 1 : i + 2, j - 1 : j + 2].all()
    ]
    assert middle
    assert pack_images(images)["middle"].tolist() == middle
