"""Whether a method belongs to the formula that an object has: a subclass may write one of two anew.

A `backward` is the derivative of the `forward` that its class has. Where a subclass, a mixin or an
assignment puts another `forward` before it, it does not count, and `forward` is differentiated.
`backward = Affine.backward` in the class says that it does.
"""

import dis
from collections.abc import Iterable
from typing import Any

from clearprop.graph.code import code_of


def is_outdated(
    thing: Any, method: str, formulas: Iterable[str] = ("forward",), of: type | None = None
) -> bool:
    """Whether one of the formulas of an object, or a class, was written anew after this method,
    the first one or that `of` a base class.

    >>> class Double:
    ...     def forward(self, x): return 2 * x
    ...     def backward(self, dout): return 2 * dout
    >>> class Square(Double):
    ...     def forward(self, x): return x**2
    >>> is_outdated(Double(), "backward"), is_outdated(Square(), "backward")
    (False, True)
    """
    kind = thing if isinstance(thing, type) else type(thing)
    own = {} if thing is kind else getattr(thing, "__dict__", {})
    if method in own or getattr(getattr(kind, method, None), "is_missing", False):
        return False
    if any(name in own and _computes(getattr(kind, name, None)) for name in formulas):
        return True
    for i, cls in enumerate(kind.__mro__):
        if cls is of or (of is None and method in vars(cls)):
            before = {name for c in kind.__mro__[:i] for name in vars(c)}
            return any(n in before and _computes(getattr(cls, n, None)) for n in formulas)
    return False


def _computes(formula: Any) -> bool:
    """Whether a formula is one, and not left to subclasses, for which the method was written."""
    if not callable(formula) or getattr(formula, "is_missing", False):
        return False
    code = code_of(formula)
    returns = code is None or any(i.opname.startswith("RETURN") for i in dis.get_instructions(code))
    return returns and not getattr(formula, "__isabstractmethod__", False)
