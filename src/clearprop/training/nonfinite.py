"""Where NaN or infinity came from: a failed step is gone through again, layer by layer."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.networks import Network
from clearprop.training.optimizers import all_finite


def first_nonfinite(network: Network, x: Any, t: Any) -> str | None:
    """Describe the first value of a step on the batch `x`, `t` that is not finite.

    Forward and backward run once more, in order, on shallow copies of the layers, so that the
    network stays as it is. The answer names the layer and whether it was its output, the
    derivative it hands back or that of a parameter, with the shapes and ranges of what went in.
    `None` if everything is finite.

    >>> from clearprop.layers import Affine
    >>> network = Network([Affine(W=np.array([[1e308]]), b=np.array([0.0]))])
    >>> print(first_nonfinite(network, np.array([[100.0]]), np.array([0])))
    the output of Affine1 (1, 1) is not finite (inf). It was given x (1, 1) = 100,
    W (1, 1) = 1e+308, b (1,) = 0
    """
    with np.errstate(all="ignore"):
        return next(_findings(network, x, t), None)


def _findings(network: Network, x: Any, t: Any) -> Iterator[str]:
    layers = [(name, copy.copy(layer)) for name, layer in network.layers.items()]
    loss = network.lastLayer
    layers.append((f"the loss layer {type(loss).__name__}", copy.copy(loss)))
    for name, value in network.params.items():
        if not all_finite(value):
            yield f"the parameter {name} {np.shape(value)} is not finite ({_culprit(value)})"
    value = x
    for name, layer in layers:
        given = value
        value = layer.forward(given) if layer is not layers[-1][1] else layer.forward(given, t)
        if not all_finite(value):
            yield _finding("the output of", name, value, {"x": given, **_parameters(layer)})
    dout: Any = 1
    for name, layer in reversed(layers):
        given = dout
        dout = layer.backward(given)
        inputs = {"dout": given, **_parameters(layer)}
        for parameter in getattr(layer, "params", ()):
            derivative = getattr(layer, f"d{parameter}")
            if not all_finite(derivative):
                yield _finding(f"the derivative d{parameter} of", name, derivative, inputs)
        if not all_finite(dout):
            yield _finding("the derivative handed back by", name, dout, inputs)


def _parameters(layer: Any) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in getattr(layer, "params", ())}


def _finding(what: str, name: str, value: Any, inputs: dict[str, Any]) -> str:
    given = ", ".join(f"{key} {_shape(array)}{_range(array)}" for key, array in inputs.items())
    return f"{what} {name} {_shape(value)}is not finite ({_culprit(value)}). It was given {given}"


def _shape(value: Any) -> str:
    return f"{np.shape(value)} " if np.ndim(value) else ""


def _culprit(value: Any) -> str:
    """Say which value is not finite, and how many are not."""
    flat = np.asarray(value).reshape(-1)
    bad = flat[~np.isfinite(flat)]
    return f"{bad[0]}" if flat.size == 1 else f"{bad.size} of {flat.size} values, first {bad[0]}"


def _range(value: Any) -> str:
    array = np.asarray(value)
    low, high = array.min(), array.max()
    return f"= {low:.4g}" if low == high else f"from {low:.4g} to {high:.4g}"
