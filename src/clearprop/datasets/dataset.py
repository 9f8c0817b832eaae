"""What a training run learns from and is tested on."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from clearprop.errors import ShapeError


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Inputs and labels, for training and for testing.

    `x` holds one sample a row (first axis), `t` the label of each; the names are the book's. Its
    `repr` shows types and shapes, not a page of numbers. Two data sets are equal only if they are
    the same object, as with arrays' `is`.

    Args:
        x_train, t_train: training samples (N, …) and their labels (N, …).
        x_test, t_test: the same for testing.

    Raises:
        ShapeError: there are not as many labels as samples.

    Example:
        >>> Dataset(np.zeros((6, 4)), np.zeros(6, int), np.zeros((2, 4)), np.zeros(2, int))
        Dataset(x_train=float64 (6, 4), t_train=int64 (6,),
                x_test=float64 (2, 4), t_test=int64 (2,))
    """

    x_train: NDArray[Any]
    t_train: NDArray[Any]
    x_test: NDArray[Any]
    t_test: NDArray[Any]

    def __post_init__(self) -> None:
        for part in "train", "test":
            x, t = getattr(self, f"x_{part}"), getattr(self, f"t_{part}")
            if x.ndim == 0 or t.ndim == 0 or len(x) != len(t):
                raise ShapeError(
                    f"x_{part} of shape {x.shape} and t_{part} of shape {t.shape} do not fit: "
                    f"the first axis of both counts the samples; give one label for each sample"
                )

    def __repr__(self) -> str:
        arrays = ((field.name, getattr(self, field.name)) for field in fields(self))
        return f"Dataset({', '.join(f'{name}={a.dtype} {a.shape}' for name, a in arrays)})"


def unit_interval(images: NDArray[np.uint8], dtype: DTypeLike) -> NDArray[Any]:
    """pixel / 255, divided in `dtype`; bytes stay as they are."""
    return images if np.dtype(dtype) == np.uint8 else np.divide(images, 255, dtype=dtype)
