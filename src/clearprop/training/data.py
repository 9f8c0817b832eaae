"""Data for training, checked whole before the first step and brought into one form."""

import math
from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.data_set import Data, are_seen, cast, taken
from clearprop.compiler.plans import as_arrays, flat
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

PIECE = 2**20
"""So many numbers are looked at together."""


class Samples(NamedTuple):
    """Samples ready for a network: arrays, or tuples of them for several inputs or outputs."""

    data: Data
    """Where they lie: `x` (N, …), finite, fitting the first layer; `t` as the loss layer reads
    it; weights `w` (N,), if they do not weigh the same."""
    number: int
    """N."""
    largest_product: int
    """Multiply-adds of one sample in the network's largest matrix product."""
    widest: int
    """How many numbers a layer makes of one sample at most, windows of a convolution included."""
    unscored: str = ""
    """Why nobody can say how well they were answered, where only a loss of one's own fits them."""

    def batch(self, rows: Any) -> tuple[Any, ...]:
        """The samples of these rows (numbers or a slice) as the network takes them: `x`, `t`, and
        `w` if there are weights: above 0, and 1 in the mean."""
        x, *targets = self.data.batch(rows)
        return self.data.inputs(x), *self.data.targets(*targets)

    def targets(self, rows: Any) -> tuple[Any, ...]:
        """The same without `x`."""
        _, *targets = self.data.batch(rows)
        return self.data.targets(*targets)

    def first(self, number: int) -> "Samples":
        """The first so many alone, as the network takes them."""
        x, t, *w = self.batch(slice(number))
        return self._replace(data=Data(x, t, *w), number=len(t))

    @property
    def size(self) -> int:
        """How many numbers one sample consists of."""
        return sum(part[0].size for part in flat(self.data.x))


def read_samples(
    network: Network,
    x: Any,
    t: Any,
    names: tuple[str, ...],
    scale: float | None = None,
    w: Any = None,
) -> Samples:
    """Check samples `x` with targets `t` against a network; `names` is how errors call them.

    Both may be tuples of arrays. They stay where they are, and what is written into them later
    counts; or all are copied, where one is a list, or no array that rows can be taken of quickly.
    Batch by batch `x` is cast to the dtype of the parameters; integers stay what they are where the
    network takes class numbers only, or are multiplied by `scale`: pixels as bytes take a quarter
    of the memory, and less time to gather. Weights `w` of the samples, if any, are divided by their
    mean. The loss layers read `t`.

    Errors: `DataError` for data that is empty or not finite, `DTypeError` for data or parameters
    that are not numbers, `ShapeError` for shapes that do not fit, `LabelError` for targets that do
    not; `ConfigError` for weights where a loss knows of none.

    >>> from clearprop.networks import TwoLayerNet
    >>> samples = read_samples(TwoLayerNet(4, 3, 2), np.ones((5, 4)), [0, 1, 0, 1, 1], ("x", "t"))
    >>> [part.dtype.kind for part in samples.batch(slice(3))], samples.largest_product
    (['f', 'i'], 12)
    """
    x_name, t_name, *w_name = names
    dtype = parameter_dtype(network)
    own = network.has_own_loss()
    if not own:
        check_arity(network, x, x_name)
    given = (x, t) if w is None else (x, t, w)
    if scale is None:
        x = _each(_read_x, x, x_name, dtype)
        ways = [_each(_form_of, x, x_name, dtype)]
        if any(part.dtype.kind in "iu" for part in flat(x)):
            # Floats are no class numbers, which an Embedding takes.
            ways.append(_each(_form_of, x, x_name, dtype, integers=True))
    else:
        scale = positive_number("scale", scale)
        x, ways = _read_integers(x, x_name, scale, dtype), [dtype]
    count, unscored, first = len(flat(x)[0]), "", taken(x, slice(1))
    named = x_name, shapes(x), count

    def tried(*t: Any) -> tuple[Any, Any, int, int]:
        """Run one sample, in the first of the ways that the network, or its loss, takes."""
        for forms in ways:
            try:
                one = Data(first, (), None, scale, forms).inputs(first)
                return forms, *_try_out(network, one, shapes(x), x_name, *t)
            except ShapeError:
                if forms is ways[-1]:
                    raise
        raise AssertionError  # there is one way at least

    try:
        check_arity(network, x, x_name)
        forms, scores, largest, widest = tried()
        _check_rows(network, scores, shapes(first))
        targets = _read_t(network, t, t_name, named, scores, dtype)
    except (ShapeError, LabelError, DTypeError) as error:
        if not own:
            raise
        targets, unscored = _as_they_are(t, t_name, named, dtype), str(error)
        try:  # whatever it takes is learned from
            forms, _, largest, widest = tried(taken(targets, slice(1)))
        except Exception as its:
            raise type(error)(
                f"{error}; nor does its own loss take them: {type(its).__name__}: {its}"
            ) from None
    t_forms, t = _dtypes(targets), as_arrays(t)
    same = zip(flat(t), flat(targets), strict=True)
    as_read = all(a.shape == b.shape and np.array_equal(a.astype(b.dtype), b) for a, b in same)
    mean = None
    if w is not None:
        w = read_weights(network, w, w_name[0], count)
        mean = float(w.mean(dtype=np.float64))
    data = Data(x, t if as_read else targets, w, scale, forms, t_forms, mean, dtype)
    if not (as_read and are_seen(given)):
        x = cast(x, forms)  # what it is in the end, if it is to be copied anyway
        data = data._replace(x=x, t=targets).copied()
    return Samples(data, count, largest, widest, unscored)


def _dtypes(x: Any) -> Any:
    return tuple(map(_dtypes, x)) if isinstance(x, tuple) else x.dtype


def read_weights(network: Network, w: Any, name: str, count: int) -> np.ndarray:
    """Check weights of samples.

    Errors: `ShapeError` unless there is one for each sample, `DataError` unless all are finite and
    above 0, `ConfigError` where a loss knows of no weights.
    """
    check_weighs(network, name)
    w = _array(w, name)
    if w.shape != (count,):
        raise ShapeError(f"{name} {w.shape} must be one weight for each sample, ({count},)")
    if w.dtype.kind not in "buif" or not ((w > 0) & (w < np.inf)).all():
        raise DataError(
            f"{name} must be finite numbers above 0; leave out samples that weigh nothing"
        )
    return w


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
    if other := next((i for i, part in enumerate(parts) if len(part) != len(parts[0])), 0):
        raise ShapeError(
            f"the parts of {name} {shapes(parts)} must hold as many samples each; {name}[0] holds "
            f"{len(parts[0])}, {name}[{other}] {len(parts[other])}"
        )
    return parts


def _read_x(x: Any, name: str, dtype: np.dtype, one_of_several: bool = False) -> np.ndarray:
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
    for start in range(0, len(x), some := max(1, PIECE * len(x) // x.size)):
        piece = x[start : start + some]
        with np.errstate(over="ignore"):  # found and named here
            cast = np.ascontiguousarray(piece, dtype=dtype)
        if not all_finite(cast):
            place = np.unravel_index(np.isfinite(cast).argmin(), cast.shape)
            value = piece[place]
            where = ", ".join(str(int(i)) for i in (start + place[0], *place[1:]))
            if np.isfinite(value):
                raise DataError(
                    f"{name}[{where}] is {value}, too large for the parameters' {dtype}; "
                    "scale the data, to the range from 0 to 1 for example"
                )
            raise DataError(f"{name}[{where}] is {value}; remove or repair such samples first")
    return x


def _form_of(
    x: np.ndarray, name: str, dtype: np.dtype, integers: bool = False, one_of_several: bool = False
) -> np.dtype:
    """The dtype in which a network takes an input."""
    if integers and x.dtype.kind in "iu":
        return np.dtype(np.intp)
    # A mask of another input chooses by it.
    return x.dtype if one_of_several and x.dtype.kind == "b" else dtype


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
    return x


def _array(values: Any, name: str) -> np.ndarray:
    refuse_masked(values, name)
    if isinstance(values, dict):
        raise DataError(f"{name} is a dict; give several inputs as a tuple of arrays")
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        several = "; give several inputs as a tuple of arrays" * isinstance(values, list)
        raise DataError(f"{name} cannot be made an array: {error}{several}") from error


def _try_out(network: Network, one: Any, given: Any, name: str, *t: Any) -> tuple[Any, int, int]:
    """Run one sample through the network, or with targets through its loss.

    Gives what comes out, the largest product, and the widest layer.
    """
    walk = network.walk("forward" if t else "infer", one)
    try:
        with np.errstate(all="ignore"):
            out = walk.loss(one, *t) if t else walk.scores(one)
    except (ConfigError, UnsupportedError):
        raise
    except (ValueError, IndexError, TypeError) as error:  # ours, or NumPy's own in a user's layer
        layer, _, inputs = walk.entered[-1] if walk.entered else ("", None, ())
        where = ", ".join(str(np.shape(x)) for x in inputs)
        at = f"the layer {layer} cannot take a batch {where}: " if layer else ""
        raise ShapeError(f"{name} {given} does not fit the network: {at}{error}") from error
    largest = widest = 0
    for layer, shape in ((u.layer, np.shape(u.outputs[0])) for u in walk.uses if not u.opened):
        product = multiply_adds(layer, shape)
        largest = max(largest, product)
        # A product with F filters or neurons has the numbers of all windows as its other factor.
        widest = max(widest, math.prod(shape), product // max([1, *shape[1:2]]))
    return out, largest, widest


def _check_rows(network: Network, out: Any, one: Any) -> None:
    """Refuse what no loss layer can score: each sample has one row of numbers, or more axes."""
    check_outputs(network, out)
    outs = out if isinstance(out, tuple | list) else (out,)
    for y, loss in zip(outs, network.losses, strict=False):
        shape = np.shape(y)
        if shape[:1] != (1,) or not getattr(loss, "answers", lambda shape: shape)(shape):
            raise ShapeError(
                f"the network turns a batch of one sample {one} into {shape}; "
                "it must give scores (N, classes), or one row of numbers for each sample"
            )


def _read_t(
    network: Network, t: Any, name: str, x: tuple[str, Any, int], scores: Any, dtype: np.dtype
) -> Any:
    """Targets as the loss layers read them, for the scores that one sample has got."""
    losses = network.losses
    if not losses:
        return _as_they_are(t, name, x, dtype)
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


def _as_they_are(t: Any, name: str, x: tuple[str, Any, int], dtype: np.dtype) -> Any:
    """Targets that no loss layer reads."""
    if not isinstance(t, tuple):
        return _read_targets(None, t, name, x, (), dtype)
    named = ((part, f"{name}[{i}]") for i, part in enumerate(t))
    return tuple(_read_targets(None, part, its, x, (), dtype) for part, its in named)


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
