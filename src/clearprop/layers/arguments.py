"""What goes into a layer: real numbers forward, a derivative of the output's shape backward."""

import math
from typing import Any

import numpy as np

from clearprop.errors import ConfigError, DTypeError, GraphError, ShapeError
from clearprop.graph.node import Recorded
from clearprop.primitives.masked import refuse_masked


def real(x: Any, layer: str, name: str = "x") -> Any:
    """Let real numbers into a layer, and nothing else.

    Floating-point arrays and Python numbers pass as they are. Lists become arrays. Arrays of
    integers become float64, for unsigned bytes (images) would wrap around in the first subtraction.
    On a graph int64 stays, so that 100 apples are shown as 100.

    Errors: `DTypeError` for complex numbers, text, objects, matrices and masked arrays,
    `ShapeError` for ragged lists.

    >>> real([1, 2], "Relu")
    array([1., 2.])
    >>> real(100, "MulLayer")
    100
    """
    if not hasattr(x, "dtype") and isinstance(x, int | float):
        return x
    x = parameter(x, layer, name)
    if x.dtype.kind == "f":
        return x
    on_graph = not isinstance(x, np.ndarray | np.generic)
    return x if on_graph and x.dtype == np.int64 else x.astype(np.float64)


def parameter(W: Any, layer: str, name: str) -> Any:
    """Let the array of a parameter into a layer: real, and shared, so it is never converted.

    What is no array of NumPy yet, such as a list or a tensor of PyTorch, becomes one.

    Errors: `DTypeError` for complex numbers, text, objects, matrices and masked arrays,
    `ShapeError` for ragged lists.

    >>> W = np.ones((2, 3))
    >>> parameter(W, "Affine", "W") is W
    True
    """
    if not isinstance(W, _OURS):
        try:
            W = np.asarray(W)
        except ValueError:
            raise ShapeError(f"{layer}: {name} is ragged; its rows must be equally long") from None
        except (TypeError, RuntimeError) as error:  # of a tensor on a GPU, or with a gradient
            raise DTypeError(f"{layer}: {name} cannot be made an array: {error}") from error
    if W.dtype.kind not in "fuib":
        raise DTypeError(
            f"{layer}: {name} has dtype {W.dtype}, but layers compute with real numbers; "
            "give an array of floats or integers"
        )
    refuse_masked(W, f"{layer}: {name}")
    if isinstance(W, np.matrix):
        raise DTypeError(
            f"{layer}: {name} is a matrix, whose products are not those of an array; "
            "give np.asarray(matrix)"
        )
    return W


def number(
    value: Any, layer: str, name: str, low: float = -math.inf, high: float = math.inf
) -> Any:
    """Let in a setting of a layer: a finite number from `low` to `high`.

    Errors: `ConfigError`.

    >>> number(0.01, "LeakyRelu", "slope")
    0.01
    """
    if isinstance(value, _REAL) and math.isfinite(value) and low <= value <= high:
        return value
    bounds = f" from {low:g}" if low > -math.inf else ""
    bounds += f" to {high:g}" if high < math.inf else " on" if bounds else ""
    raise ConfigError(f"{layer}: {name} must be a finite number{bounds}, got {value!r}")


def check_sizes(layer: str, *sizes: Any) -> None:
    """Refuse sizes of which no layer can be made. Errors: `ShapeError`."""
    if not all(isinstance(n, int | np.integer) and n >= 1 for n in sizes):
        raise ShapeError(
            f"{layer}: sizes must be whole numbers of at least 1, got "
            + " and ".join(map(repr, sizes))
        )


_OURS: Any = (np.ndarray, np.generic, Recorded)
_REAL = int | float | np.integer | np.floating


def upstream(dout: Any, shape: tuple[int, ...] | None, layer: str) -> Any:
    """Let the derivative from upstream into `backward`: real, and of the shape of the output.

    `shape` is that of the output, None if `forward` has not run. A derivative of another shape
    would broadcast to something plausible and wrong.

    Errors: `GraphError` before `forward`, `ShapeError`, `DTypeError`.

    >>> upstream([1.0, 2.0], (2,), "Relu")
    array([1., 2.])
    """
    if shape is None:
        raise GraphError(f"{layer}: backward was called before forward; call forward first")
    dout = real(dout, layer, "dout")
    if np.shape(dout) != shape:
        raise ShapeError(
            f"{layer}: dout has shape {np.shape(dout)}, but it must have the shape {shape} of the "
            "output: one derivative for every element"
        )
    return dout
