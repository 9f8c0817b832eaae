"""NumPy functions, their local derivatives and the facts about them. This floor knows only NumPy.

A function that is not NumPy's becomes differentiable by a row: what it computes, and its local
derivative, for people and as plain NumPy. From then on it can be drawn, explained and compiled.

>>> import numpy as np
>>> from clearprop.primitives import dispatched, primitive, register
>>> @dispatched
... def softplus(x):
...     return np.logaddexp(0, x)
>>> row = primitive(
...     softplus,
...     "log(1 + exp(x))",
...     ("dout / (1 + exp(−x))", lambda dout, out, x: dout / (1 + np.exp(-x))),
... )
>>> register(row)  # doctest: +SKIP
>>> grad(softplus)(0.0)  # doctest: +SKIP
0.5

A ufunc of somebody else's takes `elementwise(ufunc, formula, (text, rule))`, and a function whose
derivative is 0 `constant(function, formula)`.
"""

from clearprop.primitives.decorators import dispatched
from clearprop.primitives.registry import register
from clearprop.primitives.table import Primitive, constant, elementwise, primitive

__all__ = ["Primitive", "constant", "dispatched", "elementwise", "primitive", "register"]
