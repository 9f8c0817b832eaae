"""Hold a function of arrays, through Variables, against NumPy, differences and PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearprop.graph import Variable
from clearprop.primitives.numerical import numerical_gradient


def agree(f: Callable[..., Any], *arrays: Any, torch: Any = None, tol: float = 1e-7) -> None:
    """The value of f is NumPy's, its derivatives are those of central differences.

    With `torch`, the same function written for tensors, value and derivatives are PyTorch's too
    (float64, to 1e-9), where PyTorch is installed.
    """
    arrays = tuple(np.asarray(a) for a in arrays)
    variables = [Variable(a) for a in arrays]
    out, expected = f(*variables), f(*arrays)
    assert type(out) is type(expected) or isinstance(out, Variable)
    for o, e in zip(_outputs(out), _outputs(expected), strict=True):
        np.testing.assert_allclose(o.data, e, rtol=1e-13, atol=0, strict=True)
    douts = _directions(expected)
    _loss(out, douts).backward()
    for i, (v, a) in enumerate(zip(variables, arrays, strict=True)):
        number = numerical_gradient(
            lambda x, i=i: float(_loss(f(*arrays[:i], x, *arrays[i + 1 :]), douts)),
            a.astype(np.float64),
            h=1e-5,
        )
        _close(v, number, tol, tol, f"derivative by operand {i} against differences")
    if torch is not None:
        _agree_with_torch(torch, arrays, variables, expected, douts)


def _agree_with_torch(g: Any, arrays: Any, variables: Any, expected: Any, douts: Any) -> None:
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(a.astype(np.float64), requires_grad=True) for a in arrays]
    outs = _outputs(g(*tensors))
    for o, e in zip(outs, _outputs(expected), strict=True):
        np.testing.assert_allclose(o.detach().numpy(), e, rtol=1e-9, atol=1e-12)
    sum((o * torch.tensor(d)).sum() for o, d in zip(outs, douts, strict=True)).backward()
    for i, (v, t) in enumerate(zip(variables, tensors, strict=True)):
        wanted = np.zeros(t.shape) if t.grad is None else t.grad.numpy()
        _close(v, wanted, 1e-9, 1e-12, f"derivative by operand {i} against PyTorch")


def agree_twice(f: Callable[..., Any], *arrays: Any, tol: float = 1e-6) -> None:
    """The derivative of the derivative is that of central differences."""
    arrays = tuple(np.asarray(a, np.float64) for a in arrays)
    douts = _directions(f(*arrays))
    directions = [np.random.default_rng(i).standard_normal(a.shape) for i, a in enumerate(arrays)]

    def slope(*given: Any, record: bool) -> Any:
        variables = [Variable(a) for a in given]
        _loss(f(*variables), douts).backward(record=record)
        slopes = sum(
            np.sum(v.grad * d)
            for v, d in zip(variables, directions, strict=True)
            if v.grad is not None
        )
        return variables, slopes

    variables, value = slope(*arrays, record=True)
    for v in variables:
        v.grad = None  # what is not reached again has the second derivative 0
    if isinstance(value, Variable) and value.node is not None:
        value.backward()
    for i, v in enumerate(variables):
        number = numerical_gradient(
            lambda x, i=i: float(slope(*arrays[:i], x, *arrays[i + 1 :], record=False)[1]),
            arrays[i].copy(),
            h=1e-5,
        )
        _close(v, number, tol, tol, f"second derivative by operand {i}")


def keeps_float32(f: Callable[..., Any], *arrays: Any) -> None:
    """float32 in, NumPy's dtype out and float32 derivatives, near those of float64."""
    variables = [Variable(np.asarray(a, np.float32)) for a in arrays]
    exact = [Variable(np.asarray(a, np.float64)) for a in arrays]
    out, wanted = f(*variables), f(*exact)
    douts = _directions(wanted)
    plain = f(*(v.data for v in variables))
    assert [o.dtype for o in _outputs(out)] == [np.result_type(o) for o in _outputs(plain)]
    _loss(out, [d.astype(np.float32) for d in douts]).backward()
    _loss(wanted, douts).backward()
    for v, e in zip(variables, exact, strict=True):
        assert v.grad.dtype == np.float32
        np.testing.assert_allclose(v.grad, e.grad, rtol=2e-3, atol=2e-3)


def _outputs(out: Any) -> tuple[Any, ...]:
    return tuple(out) if isinstance(out, tuple | list) else (out,)


def _directions(out: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.standard_normal(np.shape(o)) for o in _outputs(out)]


def _loss(out: Any, douts: Any) -> Any:
    terms = [np.sum(o * d) for o, d in zip(_outputs(out), douts, strict=True)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _close(v: Any, wanted: Any, rtol: float, atol: float, what: str) -> None:
    found = np.zeros(v.shape) if v.grad is None else v.grad
    assert np.shape(found) == v.shape
    scale = max(1.0, float(np.max(np.abs(wanted), initial=0)))
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol * scale, err_msg=what)
