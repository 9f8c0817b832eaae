"""Data for training, checked whole before the first step and brought into one form."""

import copy
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import ConfigError, DataError, DTypeError, LabelError, ShapeError
from clearprop.networks import Network
from clearprop.networks.summary import multiply_adds
from clearprop.primitives.labels import read_labels
from clearprop.training.optimizers import all_finite, positive_number


class Samples(NamedTuple):
    """Samples ready for a network."""

    x: np.ndarray
    """(N, …), of the parameters' dtype, finite, and fitting the first layer."""
    t: np.ndarray
    """Class numbers (N,), or one-hot or soft labels (N, C)."""
    largest_product: int
    """Multiply-adds of one sample in the network's largest matrix product."""
    scale: float | None = None
    """What integers in `x`, such as the bytes of pixels, are multiplied by when they are used."""

    def batch(self, rows: Any) -> tuple[np.ndarray, np.ndarray]:
        """The samples of these rows (numbers or a slice) as the network takes them."""
        x, t = self.x[rows], self.t[rows]
        if self.scale is not None:
            x = x.astype(self.dtype)
            x *= self.dtype(self.scale)
        return x, t

    @property
    def dtype(self) -> Any:
        """The type of number in which the network computes."""
        return np.float32 if self.x.dtype.kind != "f" else self.x.dtype.type


def read_samples(
    network: Network, x: Any, t: Any, names: tuple[str, str], scale: float | None = None
) -> Samples:
    """Check samples `x` with labels `t` against a network; `names` is how errors call them.

    `x` is cast to the dtype of the parameters, and not copied where it has it already. With
    `scale`, integers stay as they are and are multiplied by it batch by batch, as they are used:
    pixels as bytes take a quarter of the memory, and less time to gather.

    Errors: `DataError` for data that is empty or not finite, `DTypeError` for data or parameters
    that are not numbers, `ShapeError` for shapes that do not fit, `LabelError` for labels that do
    not.

    >>> from clearprop.networks import TwoLayerNet
    >>> samples = read_samples(TwoLayerNet(4, 3, 2), np.ones((5, 4)), [0, 1, 0, 1, 1], ("x", "t"))
    >>> samples.x.dtype, samples.t, samples.largest_product
    (dtype('float64'), array([0, 1, 0, 1, 1]), 12)
    """
    x_name, t_name = names
    dtype = parameter_dtype(network)
    scale = None if scale is None else positive_number("scale", scale)
    x = _read_x(x, x_name, dtype) if scale is None else _read_integers(x, x_name, scale, dtype)
    t = _array(t, t_name)
    if t.ndim == 0 or len(t) != len(x):
        raise ShapeError(
            f"{x_name} {x.shape} and {t_name} {t.shape} do not belong together: "
            f"{len(x)} samples need {len(x)} labels"
        )
    one = x[:1] if scale is None else x[:1].astype(dtype) * dtype.type(scale)
    scores, largest_product = _try_out(network, one, x.shape, x_name)
    try:
        t = read_labels(t, (len(x), *scores[1:]), dtype)
    except LabelError as error:
        raise LabelError(f"{t_name}: {error}") from None
    # Class numbers index the scores at every step; the index type saves casting them there.
    t = t.astype(np.intp) if t.dtype.kind in "ui" else t
    return Samples(x, t, largest_product, scale)


def parameter_dtype(network: Network) -> np.dtype:
    """Find the dtype in which a network computes: that of its parameters.

    Errors: `ConfigError` if it has none to train, `DTypeError` if one is not a float.
    """
    dtypes = {name: np.asarray(value).dtype for name, value in network.params.items()}
    if not dtypes:
        raise ConfigError("the network has no parameters, so there is nothing to train")
    for name, dtype in dtypes.items():
        if dtype.kind != "f":
            raise DTypeError(
                f"parameter {name} has dtype {dtype}, which cannot be changed by small steps; "
                "use network.astype(np.float32)"
            )
    return np.result_type(*dtypes.values())


def _read_x(x: Any, name: str, dtype: np.dtype) -> np.ndarray:
    x = _array(x, name)
    if x.dtype.kind not in "buif":
        raise DTypeError(f"{name} has dtype {x.dtype}; it must hold real numbers")
    if x.ndim < 2:
        raise ShapeError(
            f"{name} {x.shape} must be a batch (N, features); one sample alone is x.reshape(1, -1)"
        )
    if x.size == 0:
        raise DataError(f"{name} {x.shape} is empty; give one sample with one feature at least")
    with np.errstate(over="ignore"):  # found and named below
        cast = np.ascontiguousarray(x, dtype=dtype)
    if not all_finite(cast):
        place = np.unravel_index(np.isfinite(cast).argmin(), cast.shape)
        where, value = ", ".join(str(int(i)) for i in place), x[place]
        if np.isfinite(value):
            raise DataError(
                f"{name}[{where}] is {value}, too large for the parameters' {dtype}; "
                "scale the data, to the range from 0 to 1 for example"
            )
        raise DataError(f"{name}[{where}] is {value}; remove or repair such samples first")
    return cast


def _read_integers(x: Any, name: str, scale: float, dtype: np.dtype) -> np.ndarray:
    x = _array(x, name)
    if x.dtype.kind not in "iu":
        raise DTypeError(
            f"{name} has dtype {x.dtype}, but scale is for integers such as the bytes of pixels; "
            f"leave scale out, or multiply {name} by it beforehand"
        )
    if dtype != np.float32:
        raise DTypeError(
            f"scale is for networks in float32, and this one is in {dtype}; "
            "use network.astype(np.float32), or multiply the data beforehand"
        )
    if x.ndim < 2 or x.size == 0:
        raise DataError(f"{name} {x.shape} must be a batch (N, features) of one sample at least")
    with np.errstate(over="ignore"):
        unit, largest = dtype.type(scale), dtype.type(scale * max(x.max(), -float(x.min())))
    if unit == 0 or not np.isfinite(largest):
        raise ConfigError(
            f"scale={scale} takes {name}, from {x.min()} to {x.max()}, out of the range of {dtype};"
            " use one that brings the data to the order of 1, such as 1/255"
        )
    return np.ascontiguousarray(x)


def _array(values: Any, name: str) -> np.ndarray:
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise DataError(f"{name} has masked values; fill them or remove such samples first")
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} cannot be made an array: {error}") from error


def _try_out(
    network: Network, one: np.ndarray, shape: tuple[int, ...], name: str
) -> tuple[tuple[int, ...], int]:
    """Run one sample through copies of the layers: the shape of its scores, the largest product."""
    out, largest = one, 0
    for layer_name, layer in network.layers.items():
        given = np.shape(out)
        try:
            with np.errstate(all="ignore"):
                out = copy.copy(layer).forward(out)
        except ValueError as error:  # a ShapeError of ours, or NumPy's own in a user's layer
            raise ShapeError(
                f"{name} {shape} does not fit the network: the layer {layer_name} cannot take "
                f"a batch {given}: {error}"
            ) from error
        largest = max(largest, multiply_adds(layer, np.shape(out)[1:]))
    scores = np.shape(out)
    if len(scores) < 2 or scores[0] != 1:
        raise ShapeError(
            f"the network turns a batch of one sample {one.shape} into {scores}; "
            "it must give scores (N, classes)"
        )
    return scores, largest
