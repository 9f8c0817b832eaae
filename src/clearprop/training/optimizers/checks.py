"""What must hold of parameters, derivatives and results before anything is changed."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from clearprop.errors import ConfigError, DTypeError, NonFiniteError, ShapeError
from clearprop.graph.parameters import overlapping


def check_gradients(params: Mapping[str, Any], grads: Mapping[str, Any]) -> None:
    """Check that there is one derivative for each parameter, of its shape, and that it can move."""
    if params.keys() != grads.keys():
        missing = ", ".join(name for name in params if name not in grads)
        extra = ", ".join(name for name in grads if name not in params)
        told = [f"no derivative for {missing}"] if missing else []
        told += [f"no parameter for the derivative of {extra}"] if extra else []
        raise ShapeError(f"parameters and derivatives must have the same names: {'; '.join(told)}")
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
    for one, other in overlapping(params):
        raise ConfigError(
            f"parameters {one} and {other} are the same array, or views of one, and each would "
            "undo what the other has learned; give it one name, with the sum of its derivatives: "
            "layers that hold one and the same array (and transpose or cut it in forward) share it"
        )


def check_results(
    kind: str, name: str, shape: tuple[int, ...], results: Mapping[str, np.ndarray]
) -> None:
    """Check a new parameter, named "" here, and its new state: shape, and finite numbers."""
    for what, result in results.items():
        if result.shape != shape:
            raise ShapeError(
                f"{kind}.change gives {what or 'a parameter'} {result.shape} for parameter {name} "
                f"{shape}; each element has its own"
            )
        if not all_finite(result):
            raise NonFiniteError(
                f"the step of parameter {name} {shape} holds NaN or infinity"
                f"{what and f' in its state {what}'}; nothing was "
                "changed. Use a smaller learning rate, or find where the derivative went wrong"
            )


def check_eps(kind: str, settings: Mapping[str, float], name: str, param: Any) -> None:
    """Check that what keeps from dividing by 0 is not rounded to 0, as 1e-8 is in float16."""
    eps, dtype = settings.get("eps"), np.asarray(param).dtype
    if eps and dtype.kind == "f" and not dtype.type(eps):
        raise ConfigError(
            f"{kind}: eps={eps:g} is 0 in {dtype}, the dtype of parameter {name}, so that a step "
            f"would divide by 0; use one that is not, such as eps={np.finfo(dtype).eps / 10:.0e}, "
            "or float32, network.astype(np.float32)"
        )


def to_read(array: np.ndarray) -> np.ndarray:
    """A view that a formula cannot write into: the update may still turn out to be refused."""
    view = np.asarray(array).view()  # clipping makes a number of an array of no axes
    view.flags.writeable = False
    return view


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
