"""Optimisers: how a derivative becomes a change of the parameters."""

import math
from collections.abc import Mapping, MutableMapping
from numbers import Real
from typing import Any, Protocol

import numpy as np

from clearprop.errors import ConfigError, DTypeError, NonFiniteError, ShapeError


class Optimizer(Protocol):
    """Anything that can update parameters from their derivatives.

    An update is made wholly or not at all: if it raises, the parameters are as they were.
    """

    def update(self, params: MutableMapping[str, Any], grads: Mapping[str, Any]) -> None:
        """Change `params` by means of `grads`: arrays in place, plain numbers by rebinding."""
        ...


class SGD:
    """Stochastic gradient descent: a step down the slope.

    **Rule**: `p ← p − lr · ∂L/∂p`, for every parameter `p`.

    `lr` is the learning rate, and may be assigned anew between two updates.

    Errors: `ConfigError` if `lr` is not a positive finite number; see `update` for its own.

    Source: *Deep Learning from Scratch*, sections 4.5 and 6.1.2; Robbins and Monro 1951.

    >>> W = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> SGD(lr=0.5).update({"W": W}, {"W": np.ones((2, 2))})
    >>> W
    array([[0.5, 1.5],
           [2.5, 3.5]])
    """

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    @property
    def lr(self) -> float:
        """The learning rate."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = positive_number("the learning rate lr", value)

    hyperparameters = ("lr",)
    """The attributes that `change` depends on; a compiled step reads them anew in each step."""

    @staticmethod
    def change(g: Any, lr: Any) -> Any:
        """What is subtracted from a parameter whose derivative is `g`: `lr · g`."""
        return lr * g

    def update(self, params: MutableMapping[str, Any], grads: Mapping[str, Any]) -> None:
        """Take one step: `params[name] -= lr * grads[name]`, arrays in place, numbers rebound.

        Errors: `ShapeError` if a derivative is missing, has no parameter or has another shape than
        its parameter, `DTypeError` for a parameter that cannot be changed by small steps,
        `NonFiniteError` if the step holds NaN or infinity. In each case nothing was changed.
        """
        check_gradients(params, grads)
        steps = {name: self.change(grad, lr=self.lr) for name, grad in grads.items()}
        apply_steps(params, steps)

    def __repr__(self) -> str:
        return f"SGD(lr={self.lr})"


def positive_number(what: str, value: Any) -> float:
    """Read a setting that must be a positive finite number."""
    # A bool is a number to Python, and never meant as one here.
    if isinstance(value, Real) and not isinstance(value, bool | np.bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number) and number > 0:
            return number
    raise ConfigError(f"{what} must be a positive finite number such as 0.1, got {value!r}")


def check_gradients(params: Mapping[str, Any], grads: Mapping[str, Any]) -> None:
    """Check that there is one derivative for each parameter, of its shape, and that it can move."""
    if params.keys() != grads.keys():
        missing = ", ".join(name for name in params if name not in grads)
        extra = ", ".join(name for name in grads if name not in params)
        raise ShapeError(
            "parameters and derivatives must have the same names: "
            + "; ".join(
                text
                for names, text in (
                    (missing, f"no derivative for {missing}"),
                    (extra, f"no parameter for the derivative of {extra}"),
                )
                if names
            )
        )
    for name, param in params.items():
        if np.shape(param) != np.shape(grads[name]):
            raise ShapeError(
                f"parameter {name} has shape {np.shape(param)} and its derivative "
                f"{np.shape(grads[name])}; they must be the same"
            )
        if np.asarray(grads[name]).dtype.kind not in "fiub":
            raise DTypeError(
                f"the derivative of {name} is {np.asarray(grads[name]).dtype}; it must be real"
            )
        if isinstance(param, np.ndarray):
            if param.dtype.kind != "f":
                raise DTypeError(
                    f"parameter {name} has dtype {param.dtype}, which cannot be changed by small "
                    "steps; make it a float array"
                )
            if not param.flags.writeable:
                raise DTypeError(f"parameter {name} is read-only; make it a copy of its own")
        elif not isinstance(param, Real):
            raise DTypeError(
                f"parameter {name} is a {type(param).__name__}; make it a float array or a number"
            )


def apply_steps(params: MutableMapping[str, Any], steps: Mapping[str, Any]) -> None:
    """Subtract the steps from the parameters, once all of them are known to be finite."""
    for name, step in steps.items():
        if not all_finite(step):
            raise NonFiniteError(
                f"the step of parameter {name} {np.shape(step)} holds NaN or infinity; nothing was "
                "changed. Use a smaller learning rate, or find where the derivative went wrong"
            )
    for name, step in steps.items():
        param = params[name]
        if isinstance(param, np.ndarray):
            param -= step
        else:
            params[name] = param - step


def all_finite(array: Any) -> bool:
    """Say whether an array holds neither NaN nor infinity.

    The scalar product of an array with itself is finite only if every element is, and it is the
    quickest pass over the array that NumPy has. Large finite values may overflow it: only then is
    each element looked at.

    >>> all_finite(np.array([1.0, 1e200])), all_finite(np.array([1.0, np.nan]))
    (True, False)
    """
    flat = np.asarray(array).reshape(-1)
    with np.errstate(all="ignore"):
        square = np.dot(flat, flat)
    return bool(np.isfinite(square)) or bool(np.isfinite(flat).all())
