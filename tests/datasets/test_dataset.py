"""`Dataset` holds what it is given, unchangeably, and notices what does not fit."""

import dataclasses

import numpy as np
import pytest

from clearprop.datasets import Dataset, write_idx
from clearprop.datasets.folder import idx_dataset
from clearprop.errors import ShapeError

X, T = np.zeros((6, 4), np.float32), np.arange(6)


def test_holds_the_arrays_themselves() -> None:
    data = Dataset(x_train=X, t_train=T, x_test=X[:2], t_test=T[:2])
    assert data.x_train is X
    assert data.t_train is T
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.x_train = X[:3]  # type: ignore[misc]


def test_repr_shows_shapes() -> None:
    assert repr(Dataset(X, T, X[:2], T[:2])) == (
        "Dataset(x_train=float32 (6, 4), t_train=int64 (6,), "
        "x_test=float32 (2, 4), t_test=int64 (2,))"
    )


def test_equality_is_identity_and_not_an_array() -> None:
    data = Dataset(X, T, X, T)
    assert data == data
    assert data != Dataset(X, T, X, T)


@pytest.mark.parametrize(
    ("arrays", "names"),
    [
        ((X, T[:5], X, T), ["x_train", "(6, 4)", "t_train", "(5,)"]),
        ((X, T, X[:2], T), ["x_test", "(2, 4)", "t_test", "(6,)"]),
        ((X, np.array(3), X, T), ["t_train", "()"]),
        ((np.array(1.0), T, X, T), ["x_train", "()"]),
    ],
)
def test_lengths_must_agree(arrays: tuple[np.ndarray, ...], names: list[str]) -> None:
    with pytest.raises(ShapeError) as caught:
        Dataset(*arrays)
    for name in names:
        assert name in str(caught.value)


def test_names_with_a_dot_are_found_too(tmp_path):
    images, labels = np.zeros((2, 4, 4), np.uint8), np.arange(2, dtype=np.uint8)
    for part in "train", "t10k":
        write_idx(tmp_path / f"{part}-images.idx3-ubyte", images)
        write_idx(tmp_path / f"{part}-labels.idx1-ubyte.gz", labels)
    assert idx_dataset(tmp_path).x_train.shape == (2, 16)
