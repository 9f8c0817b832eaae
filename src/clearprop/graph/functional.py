"""Derivatives of functions: `grad` and `value_and_grad`, which nest."""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from clearprop.errors import GraphError, ShapeError
from clearprop.graph.backward import derivatives, floating, reach
from clearprop.graph.branches import tell_of_branches
from clearprop.graph.gathering import gathered
from clearprop.graph.leaving import spoken
from clearprop.graph.node import Recorded, data_of
from clearprop.graph.recording import alias, attach
from clearprop.graph.structures import leaves_of, mapped
from clearprop.graph.variable import Parameter, Variable
from clearprop.primitives.registry import PRIMITIVES

Arguments = int | str | Sequence[int | str]
"""Which arguments of a function: a place, a name, or several of them."""

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def grad(f: Callable[..., Any], argument: Arguments = 0) -> Callable[..., Any]:
    """Make the derivative of a scalar function by one of its arguments, or by several.

    `grad(f)(x, …)` is `∂f/∂x`, of the shape and dtype of `x` (float64 for integers). An argument
    is given by its place or by its name; for several it is a tuple. An argument may be a dict, list
    or tuple of arrays, to any depth: the derivative is one, too. (A list of plain numbers is an
    array.) `grad(grad(f))` is the second derivative of a function of one number.

    Errors: `ShapeError` if `f` does not give a single number; `GraphError` if `f` gives something
    that is not a number at all, or has no such argument.

    >>> grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    >>> grad(lambda w, x: (w * x).sum(), argument=(0, 1))(np.array([1.0, 2.0]), 3.0)
    (array([3., 3.]), np.float64(3.0))
    >>> grad(lambda p: (p["W"] ** 2).sum() + 3 * p["b"])({"W": np.array([1.0, 2.0]), "b": 0.5})
    {'W': array([2., 4.]), 'b': np.float64(3.0)}
    """
    check("grad", f, argument)
    both = value_and_grad(f, argument)

    @wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return derivative


def value_and_grad(f: Callable[..., Any], argument: Arguments = 0) -> Callable[..., Any]:
    """Make a function that gives the value of `f` and its derivative, from one forward pass.

    >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """

    check("value_and_grad", f, argument)

    @wraps(f)
    def value_and_derivative(*args: Any, **kwargs: Any) -> Any:
        call = Call(f, argument, args, kwargs)
        with call:
            out = call.out
            if not isinstance(out, Recorded):
                return call.result(_off_graph(out)), call.results({})
            if out.data.size != 1:
                raise ShapeError(
                    f"grad: the function gives an array of shape {out.data.shape}, not one number; "
                    "sum or average it first, or use jacobian"
                )
            dout = np.ones_like(out.data, floating(out.data))[()]
            found = derivatives([(out, dout)], targets=call.inputs, record=call.outer)
            tell_of_branches([(out, dout)], (found[v] for v in call.inputs if v in found))
        return call.result(out), call.results(found)

    return value_and_derivative


def check(name: str, f: Any, argument: Any) -> None:
    """Refuse what is no function, and what does not say which argument is meant: `GraphError`."""
    if not callable(f):
        raise GraphError(f"{name}: got a {type(f).__name__}; give a function, as in {name}(f)(x)")
    places = argument if isinstance(argument, list | tuple) else (argument,)
    if not places or not all(isinstance(p, int | str) for p in places):
        raise GraphError(
            f"{name}: {argument!r} says not which argument; give its place (0 is the first) or its "
            f"name, or several, and the values to what {name} makes: {name}(f)(x)"
        )


class Call:
    """A call of a function on new Variables for the arguments that it is differentiated by.

    Within the `with` block `out` is what it gave. Where that, or what comes of it, may be
    differentiated again further out, `outer` says so.

    Errors: `GraphError` for an argument that was not given.
    """

    def __init__(self, f: Any, argument: Arguments, args: Any, kwargs: dict[str, Any]) -> None:
        self.several = not isinstance(argument, int | str)
        places = (argument,) if isinstance(argument, int | str) else tuple(argument)
        given: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        self._places = [_given_at(p, f, len(args), given) for p in places]
        for place in self._places:
            if place not in given:
                raise GraphError(
                    f"grad: the function was called with {len(args)} arguments by position"
                    f"{''.join(f', {name}=' for name in kwargs)}, so it cannot be differentiated "
                    f"by argument {argument!r}"
                )
        self.inputs: list[Any] = []
        self._given = given
        self._from_outside = any(isinstance(x, Recorded) for x in (*args, *kwargs.values()))
        for place in dict.fromkeys(self._places):
            given[place] = mapped(self._start, given[place])
        self._f = f
        # In dicts and lists of its own, whose entries the function may exchange.
        handed = given | {p: mapped(lambda v: v, given[p]) for p in self._places}
        self._args = [handed[i] for i in range(len(args))]
        self._kwargs = {k: handed[k] for k in kwargs}

    def _start(self, value: Any) -> Any:
        # Connected with an outer graph, if there is one, by a node of its own.
        self._from_outside |= isinstance(value, Recorded)
        v = alias(value) if isinstance(value, Recorded) else Argument(value)
        self.inputs.append(v)
        return v

    def __enter__(self) -> None:
        try:
            with spoken():
                self.out = gathered(self._f(*self._args, **self._kwargs))
            self.outer = self._from_outside or _uses_others(self.out, self.inputs)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        for x in self.inputs:
            if isinstance(x, Argument):
                x.in_use = False

    def result(self, value: Any) -> Any:
        """A value as it is handed out: a Variable if it may be differentiated again."""
        if not self.outer:
            return data_of(value)
        return value if isinstance(value, Recorded) else settled(value)

    def results(self, found: dict[Recorded, Any]) -> Any:
        """The derivatives in the form in which the arguments were given."""
        return self.results_of(lambda x: self.derivative(found, x))

    def derivative(self, found: dict[Recorded, Any], x: Recorded) -> Any:
        """The derivative by an input as it is handed out."""
        return self.result(_own(found.get(x), x))

    def results_of(self, function: Callable[[Any], Any]) -> Any:
        """A function of each input in that form."""
        by = [mapped(function, self._given[place]) for place in self._places]
        return tuple(by) if self.several else by[0]


def _given_at(place: int | str, f: Any, n: int, given: dict[Any, Any]) -> int | str:
    """Where an argument is among those of a call with `n` by position: one that is named may have
    been given by position, and one of a certain place by name."""
    if isinstance(place, int) and place < 0:
        place += n
    if place in given:
        return place
    try:
        parameters = inspect.signature(f).parameters
    except (TypeError, ValueError):  # of a function that is not written in Python
        return place
    names = [name for name, p in parameters.items() if p.kind in _BY_PLACE]
    other = dict(zip(names, range(len(names)), strict=True)) | dict(enumerate(names))
    return other[place] if other.get(place) in given else place


class Argument(Variable):
    """The argument that a function is being differentiated by."""

    __slots__ = ("in_use",)

    may_change = False

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.in_use = True


def settled(value: Any) -> Any:
    """A Variable that depends on nothing that somebody may differentiate by."""
    return attach(PRIMITIVES[np.positive], (value,), (value,), {}, value)


def _uses_others(out: Any, inputs: list[Any]) -> bool:
    """Whether a value depends on Variables of somebody who may differentiate it again.

    That is a Variable from outside, or the argument of a `grad` further out. What layers have
    learned (a Parameter) does not count: arrays in, arrays out.
    """
    own = {id(x) for x in inputs}
    _, made = reach(v for v in leaves_of(out) or [out] if isinstance(v, Recorded))
    leaves = (leaf for leaf in made if isinstance(leaf, Recorded) and id(leaf) not in own)
    return any(
        leaf.in_use if isinstance(leaf, Argument) else not isinstance(leaf, Parameter)
        for leaf in leaves
    )


def _off_graph(out: Any) -> Any:
    """The value of a function that ignores its argument, and so has the derivative 0."""
    if several := leaves_of(out):
        raise GraphError(
            f"grad: the function gives a {type(out).__name__} of {len(several)} values, not one "
            "number; give their sum, or use jacobian"
        )
    if np.ndim(out) or not isinstance(out, int | float | np.generic | np.ndarray):
        raise GraphError(
            f"grad: the function gives a {type(out).__name__} that does not depend on its argument "
            "by recorded operations; it must give one number, computed with NumPy functions"
        )
    return out


def _own(dx: Any, x: Any) -> Any:
    """A derivative as an array that nobody else holds; 0 where nothing arrived."""
    if dx is None:
        return np.zeros_like(x.data, dtype=floating(x.data))[()]
    return np.array(dx) if type(dx) is np.ndarray else dx
