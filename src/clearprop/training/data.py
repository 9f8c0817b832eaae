"""Data for training, checked whole before the first step and brought into one form."""

import math
from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.data_set import taken
from clearprop.compiler.plans import flat
from clearprop.errors import (
    ConfigError,
    DataError,
    DTypeError,
    LabelError,
    ShapeError,
    UnsupportedError,
)
from clearprop.graph.parameters import names_of
from clearprop.networks import Network
from clearprop.networks.evaluation import first_output
from clearprop.networks.fitting import check_arity, check_outputs, check_weighs
from clearprop.networks.summary import multiply_adds
from clearprop.primitives.masked import refuse_masked
from clearprop.training.optimizers.checks import all_finite
from clearprop.training.optimizers.settings import positive_number


class Samples(NamedTuple):
    """Samples ready for a network: arrays, or tuples of them for several inputs or outputs."""

    x: Any
    """(N, …), finite, fitting the first layer; of the parameters' dtype, or class numbers."""
    t: Any
    """The targets of N samples, as the loss layer reads them."""
    number: int
    """N."""
    largest_product: int
    """Multiply-adds of one sample in the network's largest matrix product."""
    widest: int
    """How many numbers a layer makes of one sample at most, windows of a convolution included."""
    scale: float | None = None
    """What integers in `x`, such as the bytes of pixels, are multiplied by when they are used."""
    w: Any = None
    """Weights of the samples (N,), above 0 and 1 in the mean, if they do not weigh the same."""

    def batch(self, rows: Any) -> tuple[Any, ...]:
        """The samples of these rows (numbers or a slice) as the network takes them: `x`, `t`, and
        `w` if there are weights."""
        x, t = taken(self.x, rows), taken(self.t, rows)
        if self.scale is not None:
            x = x.astype(np.float32)
            x *= np.float32(self.scale)
        return (x, t) if self.w is None else (x, t, self.w[rows])

    @property
    def size(self) -> int:
        """How many numbers one sample consists of."""
        parts = self.x if isinstance(self.x, tuple) else (self.x,)
        return sum(part[0].size for part in parts)


def read_samples(
    network: Network,
    x: Any,
    t: Any,
    names: tuple[str, ...],
    scale: float | None = None,
    w: Any = None,
) -> Samples:
    """Check samples `x` with targets `t` against a network; `names` is how errors call them.

    Both may be tuples of arrays. Weights `w` of the samples, if any, are divided by their mean. `x`
    is cast to the dtype of the parameters, and not copied where it has it already; integers stay
    what they are where the network takes class numbers only. With
    `scale`, integers stay as they are and are multiplied by it batch by batch, as they are used:
    pixels as bytes take a quarter of the memory, and less time to gather. The loss layers read `t`.

    Errors: `DataError` for data that is empty or not finite, `DTypeError` for data or parameters
    that are not numbers, `ShapeError` for shapes that do not fit, `LabelError` for targets that do
    not; `ConfigError` for weights where a loss knows of none.

    >>> from clearprop.networks import TwoLayerNet
    >>> samples = read_samples(TwoLayerNet(4, 3, 2), np.ones((5, 4)), [0, 1, 0, 1, 1], ("x", "t"))
    >>> samples.x.dtype, samples.t, samples.largest_product
    (dtype('float64'), array([0, 1, 0, 1, 1]), 12)
    """
    x_name, t_name, *w_name = names
    dtype = parameter_dtype(network)
    check_arity(network, x, x_name)
    if scale is None:
        read = _each(_read_x, x, x_name, dtype)
        one = taken(read, slice(1))
    else:
        scale = positive_number("scale", scale)
        read = _read_integers(x, x_name, scale, dtype)
        one = read[:1].astype(dtype) * dtype.type(scale)
    try:
        scores, largest, widest = _try_out(network, one, shapes(read), x_name)
    except ShapeError:  # floats are no class numbers, which an Embedding takes
        if scale is not None or not any(np.asarray(part).dtype.kind in "iu" for part in flat(x)):
            raise
        read = _each(_read_x, x, x_name, dtype, integers=True)
        scores, largest, widest = _try_out(network, taken(read, slice(1)), shapes(read), x_name)
    count = len(flat(read)[0])
    targets = _read_t(network, t, t_name, (x_name, shapes(read), count), scores, dtype)
    weights = None if w is None else read_weights(network, w, w_name[0], count, dtype)
    return Samples(read, targets, count, largest, widest, scale, weights)


def read_weights(network: Network, w: Any, name: str, count: int, dtype: np.dtype) -> np.ndarray:
    """Check weights of samples, and divide them by their mean.

    Errors: `ShapeError` unless there is one for each sample, `DataError` unless all are finite and
    above 0, `ConfigError` where a loss knows of no weights.

    >>> from clearprop.networks import TwoLayerNet
    >>> read_weights(TwoLayerNet(4, 3, 2), [1, 2, 3], "w", 3, np.dtype(np.float32))
    array([0.5, 1. , 1.5], dtype=float32)
    """
    check_weighs(network, name)
    w = _array(w, name)
    if w.shape != (count,):
        raise ShapeError(f"{name} {w.shape} must be one weight for each sample, ({count},)")
    if w.dtype.kind not in "buif" or not ((w > 0) & (w < np.inf)).all():
        raise DataError(
            f"{name} must be finite numbers above 0; leave out samples that weigh nothing"
        )
    return (w / w.mean(dtype=np.float64)).astype(dtype)


def shapes(x: Any) -> Any:
    """The shape of an array, or of each of several."""
    return tuple(map(shapes, x)) if isinstance(x, tuple) else np.shape(x)


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


def _each(read: Any, x: Any, name: str, *args: Any, **how: Any) -> Any:
    """Read an array, or each of several, which must hold as many samples."""
    if not isinstance(x, tuple):
        return read(x, name, *args, **how)
    how["one_of_several"] = True
    parts = tuple(read(part, f"{name}[{i}]", *args, **how) for i, part in enumerate(x))
    if len({len(part) for part in parts}) != 1:
        raise ShapeError(f"the parts of {name} {shapes(parts)} must hold as many samples each")
    return parts


def _read_x(
    x: Any, name: str, dtype: np.dtype, integers: bool = False, one_of_several: bool = False
) -> np.ndarray:
    x = _array(x, name)
    if x.dtype.kind not in "buif":
        raise DTypeError(f"{name} has dtype {x.dtype}; it must hold real numbers")
    # One number alone for each sample cannot be one sample by mistake where others stand beside it.
    if x.ndim < 2 and not (x.ndim and (one_of_several or x.dtype.kind in "iu")):
        raise ShapeError(
            f"{name} {x.shape} must be a batch (N, features); one sample alone is x.reshape(1, -1)"
        )
    if x.size == 0:
        raise DataError(f"{name} {x.shape} is empty; give one sample with one feature at least")
    if integers and x.dtype.kind in "iu":
        return np.ascontiguousarray(x, dtype=np.intp)
    if one_of_several and x.dtype.kind == "b":  # a mask of another input, which chooses by it
        return np.ascontiguousarray(x)
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
    if isinstance(x, tuple):
        raise ConfigError(f"scale is for one array of integers, and {name} are {len(x)} inputs")
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
    refuse_masked(values, name)
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} cannot be made an array: {error}") from error


def _try_out(network: Network, one: Any, given: Any, name: str) -> tuple[Any, int, int]:
    """Run one sample through the network: what comes out, the largest product, the widest layer."""
    walk = network.walk("infer", one)
    try:
        with np.errstate(all="ignore"):
            out = walk.scores(one)
    except (ConfigError, UnsupportedError):
        raise
    except (ValueError, IndexError, TypeError) as error:  # ours, or NumPy's own in a user's layer
        layer, _, inputs = walk.entered[-1] if walk.entered else ("", None, ())
        where = ", ".join(str(np.shape(x)) for x in inputs)
        at = f"the layer {layer} cannot take a batch {where}: " if layer else ""
        raise ShapeError(f"{name} {given} does not fit the network: {at}{error}") from error
    largest = widest = 0
    for layer, shape in ((u.layer, np.shape(u.outputs[0])[1:]) for u in walk.uses if not u.opened):
        product = multiply_adds(layer, shape)
        largest = max(largest, product)
        # A product with F filters or neurons has the numbers of all windows as its other factor.
        widest = max(widest, math.prod(shape), product // max(1, *shape[:1]))
    check_outputs(network, out)
    outs = out if isinstance(out, tuple | list) else (out,)
    for y, loss in zip(outs, network.losses, strict=False):
        shape = np.shape(y)
        if shape[:1] != (1,) or not getattr(loss, "answers", lambda shape: shape)(shape):
            raise ShapeError(
                f"the network turns a batch of one sample {shapes(one)} into {shape}; "
                "it must give scores (N, classes), or one row of numbers for each sample"
            )
    return out, largest, widest


def _read_t(
    network: Network, t: Any, name: str, x: tuple[str, Any, int], scores: Any, dtype: np.dtype
) -> Any:
    """Targets as the loss layers read them, for the scores that one sample has got."""
    losses = network.losses
    if not losses:
        if not isinstance(t, tuple):
            return _read_targets(None, t, name, x, (), dtype)
        named = ((part, f"{name}[{i}]") for i, part in enumerate(t))
        return tuple(_read_targets(None, part, its, x, (), dtype) for part, its in named)
    if not isinstance(network.lastLayer, list | tuple):
        return _read_targets(losses[0], t, name, x, np.shape(first_output(scores)), dtype)
    if not isinstance(scores, tuple | list) or not len(scores) == len(losses) == len(t):
        raise ShapeError(
            f"the network has {len(losses)} losses; forward must return as many outputs, and "
            f"{name} be a tuple of as many arrays"
        )
    return tuple(
        _read_targets(loss, part, f"{name}[{i}]", x, np.shape(y), dtype)
        for i, (loss, part, y) in enumerate(zip(losses, t, scores, strict=True))
    )


def _read_targets(
    loss: Any, t: Any, name: str, x: tuple[str, Any, int], shape: tuple[int, ...], dtype: np.dtype
) -> np.ndarray:
    t = _array(t, name)
    x_name, x_shape, count = x
    if t.ndim == 0 or len(t) != count:
        raise ShapeError(
            f"{x_name} {x_shape} and {name} {t.shape} do not belong together: "
            f"{count} samples need {count} labels"
        )
    if hasattr(loss, "read"):
        try:
            t = loss.read(t, (count, *shape[1:]), dtype)
        except (LabelError, ShapeError, DTypeError) as error:
            raise type(error)(f"{name}: {error}") from None
    elif t.dtype.kind == "f":
        t = t.astype(dtype, copy=False)
    # Class numbers index the scores at every step; the index type saves casting them there.
    return t.astype(np.intp) if t.dtype.kind in "ui" else t


def carried(network: Network) -> str:
    """The name of something that the network carries from batch to batch, if anything."""
    layers = network.members.layers.items()
    return next((f"{n}.{a}" for n, layer in layers for a in names_of(layer, "carried")), "")
