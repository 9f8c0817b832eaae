"""Weights to and from `.safetensors` files."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, FileFormatError, ShapeError
from clearprop.files import atomic_write
from clearprop.networks import Network


def save_weights(path: str | os.PathLike[str], network: Network) -> None:
    """Write the parameters of a network to a `.safetensors` file, wholly or not at all.

    Each parameter is stored under its name (`W1`, `b1`, …) with its shape and dtype. The format
    holds arrays and nothing else: reading it runs no code.

    Errors: `OutputError` if the file cannot be written (an older one stays as it was),
    `DTypeError` for a parameter whose dtype the format does not have.

    >>> import tempfile
    >>> from clearprop.networks import TwoLayerNet
    >>> network, other = TwoLayerNet(4, 3, 2), TwoLayerNet(4, 3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(f"{folder}/weights.safetensors", network)
    ...     load_weights(f"{folder}/weights.safetensors", other)
    >>> bool((other.params["W1"] == network.params["W1"]).all())
    True
    """
    from safetensors.numpy import save

    arrays = {name: np.asarray(value, order="C") for name, value in network.params.items()}
    for name, array in arrays.items():
        if array.dtype not in (np.float16, np.float32, np.float64):
            raise DTypeError(
                f"parameter {name} has dtype {array.dtype}, which weights files do not hold; "
                "use float16, float32 or float64: network.astype(np.float32)"
            )
    atomic_write(path, save(arrays, metadata={"format": "clearprop"}))


def load_weights(path: str | os.PathLike[str], network: Network) -> None:
    """Read the parameters of a network from a `.safetensors` file, into the arrays it has.

    Names, shapes and dtypes are compared before anything is changed.

    Errors: `FileFormatError` for a file that is truncated or of another kind, `ShapeError` if its
    names or shapes are not those of the network, `DTypeError` if its dtypes are not,
    `FileNotFoundError` if there is none.
    """
    arrays = _read(path)
    _check(os.fspath(path), arrays, network.params)
    for name, array in arrays.items():
        param = network.params[name]
        if isinstance(param, np.ndarray):
            param[...] = array
        else:
            network.params[name] = type(param)(array)


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    file = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "there is no such weights file", file) from None
    except OSError as error:
        raise FileFormatError(
            f"{file} cannot be read as a weights file: {error.strerror or error}"
        ) from error
    try:
        return load(data)
    # SafetensorError for what is no such file, the others for dtypes that NumPy does not have
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(
            f"{file} is not a whole .safetensors file ({len(data):,} bytes: {error}); "
            "it may be truncated: copy it again, or train again"
        ) from error


def _check(file: str, arrays: Mapping[str, np.ndarray], params: Mapping[str, Any]) -> None:
    if arrays.keys() != params.keys():
        raise ShapeError(
            f"the weights in {file} belong to another network: they are {_shapes(arrays)}, "
            f"the network's are {_shapes(params)}"
        )
    for name, param in params.items():
        array, value = arrays[name], np.asarray(param)
        if array.shape != value.shape:
            raise ShapeError(
                f"parameter {name} has shape {value.shape} in the network and {array.shape} in "
                f"{file}; make the network with the sizes it was trained with"
            )
        if array.dtype != value.dtype:
            raise DTypeError(
                f"parameter {name} has dtype {value.dtype} in the network and {array.dtype} in "
                f"{file}; use network.astype(np.{array.dtype})"
            )
        if isinstance(param, np.ndarray) and not param.flags.writeable:
            raise DTypeError(f"parameter {name} is read-only; make it a copy of its own")


def _shapes(arrays: Mapping[str, Any]) -> str:
    return (
        ", ".join(f"{name} {np.shape(array)}" for name, array in sorted(arrays.items())) or "none"
    )
