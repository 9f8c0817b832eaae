"""MNIST, the real one, out of the box: 60,000 + 10,000 handwritten digits, no network needed.

The data are in `data/`, with their checksums and their licence (`NOTICE`); how they are packed is
told in `inkpack.py`. Every call reads them anew and returns arrays that are the caller's own.

Reference: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, 'Gradient-based learning applied to
document recognition', Proceedings of the IEEE 86 (1998), section III.
"""

import hashlib
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from clearprop.datasets.dataset import Dataset, unit_interval
from clearprop.datasets.inkpack import unpack_images
from clearprop.errors import DTypeError, FileFormatError

_DATA = Path(__file__).with_name("data")
_COUNTS = {"train": 60_000, "test": 10_000}
_PARTS: tuple[str, ...] = ("rim", "ink", "middle", "labels")

_Part = tuple[NDArray[Any], NDArray[Any]]


def load_mnist(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False
) -> tuple[_Part, _Part]:
    """Load MNIST in the book's form, with the book's arguments.

    For training with clearprop's own networks, `mnist_dataset` is the handier form.

    Args:
        normalize: images as float32, pixel / 255, from 0 (paper) to 1 (ink); otherwise uint8,
            from 0 to 255.
        flatten: one image a row, (N, 784); otherwise (N, 1, 28, 28), as a convolution takes them.
        one_hot_label: labels as float64 (N, 10), 1 in the digit's column; otherwise uint8 (N,).

    Returns:
        `((x_train, t_train), (x_test, t_test))` with N = 60,000 and 10,000; fresh, contiguous,
        writable arrays.

    Raises:
        FileFormatError: a data file of the installation is missing or damaged.

    Example:
        >>> (x_train, t_train), (x_test, t_test) = load_mnist(flatten=True, normalize=False)
        >>> x_train.shape, t_train.shape, x_test.shape, t_test.shape
        ((60000, 784), (60000,), (10000, 784), (10000,))
        >>> x_train.dtype, t_train[:5]
        (dtype('uint8'), array([5, 0, 4, 1, 9], dtype=uint8))

    Reference: K. Saito, *Deep Learning from Scratch*, section 3.6.1.
    """

    def book_form(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> _Part:
        x = unit_interval(images, np.float32) if normalize else images
        t = np.eye(10)[labels] if one_hot_label else labels
        return _shaped(x, flatten), t

    train, test = map(_load_part, _COUNTS)
    return book_form(*train), book_form(*test)


def mnist_dataset(dtype: DTypeLike = np.float32, *, flatten: bool = True) -> Dataset:
    """Load MNIST in the form that training wants: numbers from 0 to 1, and class numbers.

    Args:
        dtype: the images' type: float32 for training, float64 for checking gradients, uint8 for
            the pixels as they are, 0 to 255, in a quarter of the memory (`Trainer(scale=1/255)`).
        flatten: one image a row, (N, 784); otherwise (N, 1, 28, 28), as a convolution takes them.

    Returns:
        A `Dataset`: `x_train` and `x_test` of `dtype`, pixel / 255, from 0 (paper) to 1 (ink);
        `t_train` and `t_test` int64, the digits 0 to 9, shape (N,). Fresh, contiguous, writable
        arrays.

    Raises:
        DTypeError: `dtype` can hold neither pixel / 255 nor is it uint8.
        FileFormatError: a data file of the installation is missing or damaged.

    Example:
        >>> data = mnist_dataset()
        >>> data.x_train.shape, data.x_train.dtype, data.t_train[:5]
        ((60000, 784), dtype('float32'), array([5, 0, 4, 1, 9]))
    """
    dtype = np.dtype(dtype)
    if dtype.kind != "f" and dtype != np.uint8:
        raise DTypeError(
            f"mnist_dataset gives pixels from 0 to 1, or bytes, and cannot give them as {dtype}; "
            "ask for float32, float64 or uint8"
        )
    (x_train, t_train), (x_test, t_test) = map(_load_part, _COUNTS)
    return Dataset(
        x_train=_shaped(unit_interval(x_train, dtype), flatten),
        t_train=t_train.astype(np.int64),
        x_test=_shaped(unit_interval(x_test, dtype), flatten),
        t_test=t_test.astype(np.int64),
    )


def _shaped(images: NDArray[Any], flatten: bool) -> NDArray[Any]:
    return images.reshape((len(images), 784) if flatten else (len(images), 1, 28, 28))


def _load_part(part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, 28, 28) and labels (N,) of one data file, once its checksum is right."""
    packed = _read_verified(f"mnist-{part}.npz")

    def unpacked(name: str) -> bytes:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return archive.read(f"{name}.npy")

    with ThreadPoolExecutor(2) as pool:
        members = pool.map(unpacked, _PARTS)
        # One after the other: NumPy reads the head of an array by `ast`, which in Python 3.11 two
        # threads may not do at once.
        parts = {
            name: np.load(io.BytesIO(member), allow_pickle=False)
            for name, member in zip(_PARTS, members, strict=True)
        }
    return unpack_images(parts, (_COUNTS[part], 28, 28)), parts["labels"]


def _read_verified(name: str) -> bytes:
    """The bytes of a data file, whose SHA-256 is the one listed in `SHA256SUMS`."""
    try:
        digests_and_names = (_DATA / "SHA256SUMS").read_bytes().decode("ascii", "replace").split()
        packed = (_DATA / name).read_bytes()
    except FileNotFoundError as error:
        raise _damaged(Path(error.filename), "expected a data file, found none") from error
    expected = dict(zip(digests_and_names[1::2], digests_and_names[::2], strict=False)).get(name)
    found = hashlib.sha256(packed).hexdigest()
    if found != expected:
        raise _damaged(_DATA / name, f"expected SHA-256 {expected} (SHA256SUMS), found {found}")
    return packed


def _damaged(path: Path, what: str) -> FileFormatError:
    return FileFormatError(
        f"{path}: {what}; this installation of clearprop is damaged: install it again, for "
        f"example with `python -m pip install --force-reinstall --no-deps clearprop` "
        f"(in a clone: `git restore {path.name}` in that folder, and install from there)"
    )
