"""Images of the user's own: a folder with four IDX files, named as MNIST's are."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from clearprop.datasets.dataset import Dataset, unit_interval
from clearprop.datasets.idx import read_idx
from clearprop.errors import DataError, DTypeError, LabelError, ShapeError

_IMAGES = {"train": "train-images-idx3-ubyte", "test": "t10k-images-idx3-ubyte"}
_LABELS = {"train": "train-labels-idx1-ubyte", "test": "t10k-labels-idx1-ubyte"}


def idx_dataset(
    folder: str | os.PathLike[str], dtype: DTypeLike = np.float32, *, flatten: bool = True
) -> Dataset:
    """Read a folder of four IDX files, as for MNIST or Fashion-MNIST, in the form for training.

    The files are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`
    and `t10k-labels-idx1-ubyte`, each as it is or gzipped with `.gz` at its end, also with a dot
    before `idx`. Images are uint8 (N, H, W) of any size, labels class numbers (N,) from 0 on.

    Args:
        folder: where the four files are.
        dtype: the images' type: float32 or float64 for pixel / 255, uint8 for the pixels as they
            are, in a quarter of the memory.
        flatten: one image a row, (N, H·W); otherwise (N, 1, H, W), as a convolution takes them.

    Returns:
        A `Dataset`: `x_train` and `x_test` of `dtype`;
        `t_train` and `t_test` int64 (N,).

    Raises:
        DataError: a file is missing, or holds no image.
        FileFormatError: a file is not IDX, or is damaged.
        DTypeError: the pixels are not uint8.
        ShapeError: arrays of another shape than above, or whose sizes do not fit each other.
        LabelError: the labels are not integers from 0 on.

    Example:
        >>> import tempfile
        >>> from clearprop.datasets import write_idx
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for part in "train", "t10k":
        ...         images, labels = np.zeros((6, 8, 8), np.uint8), np.arange(6, dtype=np.uint8)
        ...         write_idx(f"{folder}/{part}-images-idx3-ubyte", images)
        ...         write_idx(f"{folder}/{part}-labels-idx1-ubyte.gz", labels)
        ...     data = idx_dataset(folder)
        >>> data.x_train.shape, data.x_train.dtype, data.t_test
        ((6, 64), dtype('float32'), array([0, 1, 2, 3, 4, 5]))
    """
    path = {name: _find(Path(folder), name) for name in (*_IMAGES.values(), *_LABELS.values())}
    x = {part: _images(path[name]) for part, name in _IMAGES.items()}
    t = {part: _labels(path[name]) for part, name in _LABELS.items()}
    if x["train"].shape[1:] != x["test"].shape[1:]:
        raise ShapeError(
            f"{folder}: training images are {x['train'].shape[1:]} pixels and test images "
            f"{x['test'].shape[1:]}; they must be of one size"
        )
    rows = {
        part: unit_interval(each.reshape(len(each), -1) if flatten else each[:, np.newaxis], dtype)
        for part, each in x.items()
    }
    return Dataset(rows["train"], t["train"], rows["test"], t["test"])


def _find(folder: Path, name: str) -> Path:
    dotted = name.replace("-idx", ".idx")  # as the files are called once unpacked elsewhere
    for path in (folder / f"{n}{end}" for n in (name, dotted) for end in ("", ".gz")):
        if path.is_file():
            return path
    raise DataError(
        f"{folder}: there is no {name} or {name}.gz; the folder must hold four IDX files named as "
        f"MNIST's: {', '.join((*_IMAGES.values(), *_LABELS.values()))}"
    )


def _images(path: Path) -> np.ndarray:
    images = read_idx(path)
    if images.dtype != np.uint8:
        raise DTypeError(f"{path}: images must be uint8 pixels from 0 to 255, found {images.dtype}")
    if images.ndim != 3:
        raise ShapeError(f"{path}: images must have shape (N, H, W), found {images.shape}")
    if not images.size:
        raise DataError(f"{path}: it holds no images, shape {images.shape}; give one at least")
    return images


def _labels(path: Path) -> np.ndarray:
    labels = read_idx(path)
    if labels.ndim != 1:
        raise ShapeError(f"{path}: labels must have shape (N,), found {labels.shape}")
    if labels.dtype.kind not in "ui" or (labels.size and labels.min() < 0):
        least = f", the least {labels.min()}" if labels.size else ""
        raise LabelError(f"{path}: labels must be integers from 0 on, found {labels.dtype}{least}")
    return labels.astype(np.int64)
