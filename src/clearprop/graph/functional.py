"""Derivatives of functions: `grad` and `value_and_grad`, which nest."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from clearprop.errors import GraphError, ShapeError
from clearprop.graph.backward import derivatives, floating, reach
from clearprop.graph.node import Recorded
from clearprop.graph.recording import alias
from clearprop.graph.variable import Parameter, Variable


def grad(f: Callable[..., Any], argument: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Make the derivative of a scalar function by one of its arguments, or by several.

    `grad(f)(x, …)` is `∂f/∂x`, of the shape and dtype of `x` (float64 for integers). With a
    sequence of numbers for `argument` it is a tuple. `grad(grad(f))` is the second derivative of a
    function of one number.

    Errors: `ShapeError` if `f` does not give a single number; `GraphError` if `f` gives something
    that is not a number at all, or has no such argument.

    >>> grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    >>> grad(lambda w, x: (w * x).sum(), argument=(0, 1))(np.array([1.0, 2.0]), 3.0)
    (array([3., 3.]), np.float64(3.0))
    """
    both = value_and_grad(f, argument)

    @wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return derivative


def value_and_grad(f: Callable[..., Any], argument: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Make a function that gives the value of `f` and its derivative, from one forward pass.

    >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    several = isinstance(argument, Sequence)
    numbers: tuple[int, ...] = tuple(argument) if several else (argument,)  # type: ignore[arg-type]

    @wraps(f)
    def value_and_derivative(*args: Any, **kwargs: Any) -> Any:
        if not all(-len(args) <= n < len(args) for n in numbers):
            raise GraphError(
                f"grad: the function was called with {len(args)} arguments by position, "
                f"so it cannot be differentiated by argument {argument}"
            )
        given = list(args)
        for n in {n % len(args) for n in numbers}:
            # Connected with an outer graph, if there is one, by a node of its own.
            given[n] = alias(args[n]) if isinstance(args[n], Recorded) else Argument(args[n])
        inputs = [given[n] for n in numbers]
        try:
            out = f(*given, **kwargs)
            if not isinstance(out, Recorded):
                return _off_graph(out, inputs, several)
            if out.data.size != 1:
                raise ShapeError(
                    f"grad: the function gives an array of shape {out.data.shape}, not one number; "
                    "sum or average it first"
                )
            outer = any(isinstance(x, Recorded) for x in args) or _uses_others(out, inputs)
            dout = np.ones_like(out.data, floating(out.data))[()]
            found = derivatives([(out, dout)], targets=inputs, record=outer)
        finally:
            for x in inputs:
                if isinstance(x, Argument):
                    x.in_use = False
        result = tuple(_own(found.get(x), x) for x in inputs)
        return (out if outer else out.data), (result if several else result[0])

    return value_and_derivative


class Argument(Variable):
    """The argument that a function is being differentiated by."""

    __slots__ = ("in_use",)

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.in_use = True


def _uses_others(out: Recorded, inputs: list[Any]) -> bool:
    """Whether a value depends on Variables of somebody who may differentiate it again.

    That is a Variable from outside, or the argument of a `grad` further out. What layers have
    learned (a Parameter) does not count: arrays in, arrays out.
    """
    own = {id(x) for x in inputs}
    _, made = reach([out])
    leaves = (leaf for leaf in made if isinstance(leaf, Recorded) and id(leaf) not in own)
    return any(
        leaf.in_use if isinstance(leaf, Argument) else not isinstance(leaf, Parameter)
        for leaf in leaves
    )


def _off_graph(out: Any, inputs: list[Any], several: bool) -> Any:
    """A function that ignores its argument has the derivative 0."""
    if np.ndim(out) or not isinstance(out, int | float | np.generic | np.ndarray):
        raise GraphError(
            f"grad: the function gives a {type(out).__name__} that does not depend on its argument "
            "by recorded operations; it must give one number, computed with NumPy functions"
        )
    zeros = tuple(_own(None, x) for x in inputs)
    return out, (zeros if several else zeros[0])


def _own(dx: Any, x: Any) -> Any:
    """A derivative as an array that nobody else holds; 0 where nothing arrived."""
    if dx is None:
        return np.zeros_like(x.data, dtype=floating(x.data))[()]
    return np.array(dx) if type(dx) is np.ndarray else dx
