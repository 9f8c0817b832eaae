"""All derivatives of functions of arrays: `jacobian`, `hessian`, and `jvp` for one direction."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from clearprop.errors import GraphError, ShapeError
from clearprop.graph.backward import derivatives, floating
from clearprop.graph.functional import Arguments, Call, check, grad, settled
from clearprop.graph.node import Recorded
from clearprop.graph.structures import in_order_of, mapped


def jacobian(f: Callable[..., Any], argument: Arguments = 0) -> Callable[..., Any]:
    """Make the derivatives of all elements of what a function gives by all of an argument.

    `jacobian(f)(x, …)[i…, j…]` is `∂f[i…]/∂x[j…]`, of shape `f's shape + x's shape`: one backward
    pass for each element of `f`. Arguments are given as for `grad`. Where `f` gives a dict, list or
    tuple of arrays, there is one Jacobian for each.

    Errors: `GraphError` if `f` gives no array that depends on the argument.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """

    check("jacobian", f, argument)

    @wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        call = Call(f, argument, args, kwargs)
        with call:
            return mapped(lambda out: _of_all(_recorded("jacobian", out), call), call.out)

    return derivative


def _of_all(out: Any, call: Call) -> Any:
    """One backward pass for each element of an array."""
    shape, dtype = out.data.shape, floating(out.data)
    columns: dict[Any, list[Any]] = {v: [] for v in call.inputs}
    for number in range(out.data.size):
        seed = np.zeros(shape, dtype)
        seed[np.unravel_index(number, shape)] = 1
        found = derivatives([(out, seed[()])], targets=call.inputs, record=call.outer)
        for v, column in columns.items():
            column.append(call.derivative(found, v))

    def joined(v: Any) -> Any:
        if not columns[v]:
            return call.result(np.zeros((*shape, *np.shape(v)), floating(v.data)))
        return np.reshape(np.stack(columns[v]), (*shape, *np.shape(v)))[()]

    return call.results_of(joined)


def hessian(f: Callable[..., Any], argument: Arguments = 0) -> Callable[..., Any]:
    """Make the second derivatives of a scalar function: `[i…, j…]` is `∂²f/∂x[i…]∂x[j…]`.

    By several arguments, or by a dict, list or tuple of arrays, it has for each of them its mixed
    derivatives with each: `hessian(f, argument=(0, 1))(x, y)[0][1]` is `∂²f/∂x∂y`.

    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 2.0]))
    array([[4., 6.],
           [6., 0.]])
    """
    return jacobian(grad(f, argument), argument)


def jvp(f: Callable[..., Any], x: Any, direction: Any) -> tuple[Any, Any]:
    """The value of a function at `x`, and how fast it changes as `x` moves in a direction.

    That is `(f(x), Σⱼ ∂f/∂x[j] · direction[j])`: no more than two backward passes. The second goes
    through the first, which is linear in what arrives from upstream. `x` and `direction` may be
    dicts, lists or tuples of arrays, of one form, and so may be what `f` gives, as where it is a
    gradient: `jvp(grad(f), p, v)[1]` is the Hessian of `f` times `v`. It nests, as `grad` does.

    Errors: `ShapeError` for a direction of another shape, `GraphError` as for `jacobian`.

    >>> jvp(lambda x: x**2, np.array([1.0, 3.0]), np.array([1.0, -1.0]))
    (array([1., 9.]), array([ 2., -6.]))
    """
    ways = [*in_order_of(x, direction, "jvp: the direction")]
    call = Call(lambda x, *_: f(x), 0, (x, *ways), {})
    shapes = [np.shape(v) for v in call.inputs], [np.shape(way) for way in ways]
    if shapes[0] != shapes[1]:
        raise ShapeError(f"jvp: the direction has shapes {shapes[1]}, and x has {shapes[0]}")
    with call:
        outs: list[Any] = []
        mapped(lambda out: outs.append(_recorded("jvp", out)), call.out)
        douts = [settled(np.zeros(out.data.shape, floating(out.data))) for out in outs]
        pairs = zip(outs, douts, strict=True)
        found = derivatives(pairs, targets=call.inputs, record=True)
        total: Any = sum(
            np.sum(found[v] * way) for v, way in zip(call.inputs, ways, strict=True) if v in found
        )
        ends = [(total, np.ones_like(total.data))] if isinstance(total, Recorded) else []
        moved = derivatives(ends, targets=douts, record=call.outer)
    values = iter([call.result(out) for out in outs])
    changes = iter([call.result(moved.get(d, np.zeros_like(d.data))) for d in douts])
    return mapped(lambda _: next(values), call.out), mapped(lambda _: next(changes), call.out)


def _recorded(name: str, out: Any) -> Recorded:
    if not isinstance(out, Recorded):
        raise GraphError(
            f"{name}: the function gives a {type(out).__name__} that does not depend on its "
            "argument by recorded operations; it must give an array computed with NumPy functions"
        )
    return out
