"""A row of the calculus table: a NumPy function, its formula and its derivatives."""

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from clearprop.errors import UnsupportedError

Rule = Callable[..., Any]
Call = tuple[tuple[Any, ...], dict[str, Any]]
"""Arguments as a user gives them: positional and by keyword."""

Bind = Callable[[tuple[Any, ...], dict[str, Any]], Call]
"""Brings a user's call into the canonical form."""

Domain = Literal["real", "positive", "nonzero", "unit", "above one"]


class Primitive:
    """A NumPy function with its derivatives.

    Called canonically it takes *operands* (arrays, by position) and *parameters* (everything else:
    `axis`, `keepdims` …, by keyword). `bind` brings a user's call into that form, `evaluate`
    computes it.

    `rules` has one entry for each operand, `None` where the derivative is zero everywhere. The
    rules are plain NumPy, so that they give arrays for arrays and a graph for Variables.

    - `elementwise`: the local derivative alone, `rule(out, *operands)`. The engine multiplies by
      the derivative from upstream and sums over what was broadcast.
    - otherwise a vector-Jacobian product, `rule(dout, out, *operands, **parameters)`, of the
      shape of its operand. For a function with several outputs `dout` and `out` are tuples.
    - `variadic`: any number of operands and one rule for all of them,
      `rule(index, dout, out, *operands, **parameters)`.
    """

    name: str
    function: Callable[..., Any]
    formula: str
    rules: tuple[Rule | None, ...]
    derivatives: tuple[str, ...]
    """For people: the derivative by each operand, such as `"y"` for x · y by x."""
    evaluate: Callable[..., Any]
    bind: Bind
    symbol: str
    """What a picture writes into the node, such as `×`."""
    elementwise: bool = False
    opens: ClassVar[bool] = False
    variadic: bool = False
    operands: tuple[str, ...] = ()
    domain: tuple[Domain, ...] = ()
    view: str = ""
    """What to call the result where it may lie in the storage of the first operand, such as `T`:
    elements are placed and none is computed."""
    keeps: bool = False
    """Whether the elements stay as they are, in their order: with the operand's shape and dtype
    the result is the operand."""
    takes_out: bool = False
    """Whether it can write its result into an array given as `out=`."""
    reduces: np.ufunc | None = None
    """The ufunc whose `reduce` it is, such as `np.add` for `np.sum`."""
    chooses: bool = False
    """Whether each element of the result is one of the operands': what was not chosen has the
    derivative 0 then, whatever comes from upstream; elsewhere 0 · ∞ is a fault that must show."""
    operator: str = ""
    """Python's operator for it."""
    sized_by: Callable[..., Iterable[Any]] | None = None
    """Which of its arguments say by their values how long the result is, such as a mask."""

    # No dataclass, here and below: it compiles its methods anew at each import, which took a
    # fifth of the time of `import clearprop`.
    def __init__(self, **facts: Any) -> None:
        if unknown := facts.keys() - Primitive.__annotations__.keys():
            raise TypeError(f"a primitive has no {', '.join(sorted(unknown))}")
        vars(self).update(facts)

    def vjp(
        self, wanted: Iterable[int], dout: Any, out: Any, values: tuple[Any, ...], params: Any
    ) -> list[Any]:
        """The vector-Jacobian products by the wanted operands, `None` where zero everywhere."""
        if self.variadic:
            rule = self.rules[0]
            return [rule and rule(i, dout, out, *values, **params) for i in wanted]
        rules = (self.rules[i] if i < len(self.rules) else None for i in wanted)
        return [rule and rule(dout, out, *values, **params) for rule in rules]

    def sizing(self, inputs: tuple[Any, ...], params: Any) -> Iterable[Any]:
        """The inputs on whose values it depends how long the result is."""
        return self.sized_by(*inputs, **params) if self.sized_by else ()

    def __repr__(self) -> str:
        return f"<Primitive {self.name}: {self.formula}>"


_VALUED = frozenset({"where", "initial", "mean", "ddof", "correction", "shift", "decimals"})
_VALUED |= {"constant_values", "end_values", "rcond", "rtol", "atol", "tol", "sorter"}
"""Arguments by keyword that leave a shape as it is: others, such as `reps`, may say it."""


class WithKeywords:
    """A primitive whose last operands are passed by keyword, such as a recorded `where=` mask."""

    elementwise: ClassVar[bool] = False
    opens: ClassVar[bool] = False

    def __init__(self, primitive: Primitive, keywords: tuple[str, ...]) -> None:
        self.primitive, self.keywords = primitive, keywords

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for by `copy` and `pickle`, before there is a primitive
            raise AttributeError(name)
        return getattr(self.primitive, name)

    def evaluate(self, *values: Any, **params: Any) -> Any:
        values, params = self._split(values, params)
        return self.primitive.evaluate(*values, **params)

    def vjp(
        self, wanted: Iterable[int], dout: Any, out: Any, values: tuple[Any, ...], params: Any
    ) -> list[Any]:
        positional = len(values) - len(self.keywords)
        values, params = self._split(values, params)
        return [
            self.primitive.vjp((i,), dout, out, values, params)[0] if i < positional else None
            for i in wanted
        ]

    def sizing(self, inputs: tuple[Any, ...], params: Any) -> Iterable[Any]:
        values, given = self._split(inputs, params)
        named = [given[key] for key in self.keywords if key not in _VALUED]
        return [*named, *self.primitive.sizing(values, given)]

    def _split(self, values: tuple[Any, ...], params: Any) -> tuple[tuple[Any, ...], Any]:
        at = len(values) - len(self.keywords)
        return values[:at], {**params, **dict(zip(self.keywords, values[at:], strict=True))}


def primitive(
    function: Callable[..., Any],
    formula: str,
    *derivatives: tuple[str, Rule | None],
    name: str | None = None,
    symbol: str | None = None,
    bind: Bind | None = None,
    evaluate: Callable[..., Any] | None = None,
    **facts: Any,
) -> Primitive:
    """Make the row of a function from its vector-Jacobian products.

    Each derivative is a pair: what it is, for people, and the rule
    `rule(dout, out, *operands, **parameters)`. The names of the first rule's own arguments say
    what is an operand (positional) and what a parameter (keyword-only), by the names NumPy uses.
    `name` is where the function is found, such as `scipy.special.erf`, if that cannot be seen;
    `bind` and `evaluate` are given where NumPy's own signature does not say it all, and `facts`
    are those of `Primitive`.
    """
    name = name or name_of(function)
    rules = tuple(rule for _, rule in derivatives)
    facts = {"takes_out": isinstance(function, np.ufunc), "operands": (), **facts}
    first = next(filter(None, rules), None)
    if first is not None and not (facts["operands"] or facts.get("variadic")):
        facts["operands"] = positional_names(first)[2:]
    return Primitive(
        name=name,
        function=function,
        formula=formula,
        rules=rules,
        derivatives=tuple(text for text, _ in derivatives),
        evaluate=evaluate or function,
        bind=bind or by_signature(function, name, facts["operands"]),
        symbol=symbol or function.__name__,
        **facts,
    )


def elementwise(
    function: np.ufunc,
    formula: str,
    *derivatives: tuple[str, Rule | None],
    domain: Sequence[Domain] = (),
    name: str | None = None,
    **facts: Any,
) -> Primitive:
    """Make the row of an elementwise function from its local derivatives.

    Each derivative is a pair: what it is, for people, and the rule `rule(out, *operands)`. All
    else is as for `primitive`.

    >>> row = elementwise(np.exp, "exp(x)", ("out", lambda out, x: out))
    >>> row.name, row.derivatives
    ('np.exp', ('out',))
    """
    name = name or name_of(function)
    return primitive(
        function,
        formula,
        *derivatives,
        name=name,
        bind=only_keywords(name, "convert with .astype(), choose elements with np.where"),
        elementwise=True,
        operands=("x", "y")[: function.nin],
        domain=tuple(domain) or ("real",) * function.nin,
        **facts,
    )


def constant(
    function: Callable[..., Any], formula: str, name: str | None = None, **facts: Any
) -> Primitive:
    """Make the row of a function whose derivative is zero: it is recorded and differentiated to 0.

    >>> constant(np.floor, "the integer below").rules
    ()
    """
    ufunc = isinstance(function, np.ufunc)
    bind = as_given if ufunc else leading_arrays(function)
    return primitive(function, formula, name=name, bind=bind, elementwise=ufunc, **facts)


def as_given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Take a call as it is: all positional arguments are operands."""
    return args, kwargs


def only_keywords(name: str, instead: str, *allowed: str) -> Bind:
    """Take a call as it is, and refuse all arguments by keyword but those that are allowed."""

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        if kwargs and (refused := ", ".join(key for key in kwargs if key not in allowed)):
            raise UnsupportedError(
                f"{name}: the argument {refused} cannot be recorded on a graph; "
                f"leave it out ({instead})"
            )
        return args, kwargs

    return bind


def leading_arrays(function: Callable[..., Any]) -> Bind:
    """Sort a call into the arrays that lead it, which are operands, and named parameters."""

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        try:
            signature = inspect.signature(function)
        except ValueError:
            return args, kwargs
        kinds = {name: p.kind for name, p in signature.parameters.items()}
        if inspect.Parameter.VAR_POSITIONAL in kinds.values():
            return args, kwargs
        arguments = dict(signature.bind(*args, **kwargs).arguments)
        arguments.update(arguments.pop("kwargs", {}))
        operands = []
        for name in list(arguments):
            array = hasattr(arguments[name], "__array_ufunc__")
            if operands and (not array or kinds.get(name) is inspect.Parameter.KEYWORD_ONLY):
                break
            operands.append(arguments.pop(name))
        return tuple(operands), arguments

    return bind


def by_signature(
    function: Callable[..., Any],
    name: str,
    operands: tuple[str, ...],
    signature: inspect.Signature | None = None,
) -> Bind:
    """Sort a user's call into operands and parameters by the NumPy function's own signature."""

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        if len(args) == len(operands) and "out" not in kwargs:
            return args, kwargs
        found = (signature or inspect.signature(function)).bind(*args, **kwargs)
        arguments = dict(found.arguments)
        if arguments.pop("out", None) is not None:
            raise UnsupportedError(
                f"{name}: out= would overwrite an array that the graph may need; "
                "use the result instead"
            )
        arguments.update(arguments.pop("kwargs", {}))
        values = tuple(arguments.pop(name, None) for name in operands)
        while values and values[-1] is None:
            values = values[:-1]
        return values, arguments

    return bind


def positional_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the arguments that may be given by position, but for `*args`."""
    inner = inspect.unwrap(function)
    code = getattr(inner, "__code__", None)
    if code is not None and not hasattr(function, "__signature__"):
        return code.co_varnames[: code.co_argcount]  # quicker than a signature
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(n for n, p in inspect.signature(function).parameters.items() if p.kind in kinds)


def name_of(function: Callable[..., Any]) -> str:
    """The name a user writes: `np.exp`, `np.linalg.norm`, `scipy.special.erf`, `clearprop.getitem`.

    A function that is in no module under its name, such as one made inside another, has no dot.
    """
    name, module = function.__name__, getattr(function, "__module__", None) or ""
    if module.startswith("clearprop"):
        return f"clearprop.{name}"
    if not module.startswith("numpy") and vars(np).get(name) is not function:
        if not _shows(module, function):
            shown = [where for where in list(sys.modules) if _shows(where, function)]
            # A module that merely imported it does not count it as its own.
            own = [w for w in shown if name in getattr(sys.modules[w], "__all__", ())] or shown
            module = min(own, key=len, default="")
        if not module.startswith("numpy"):
            return f"{module}.{name}" if module else name
    inner = module.removeprefix("numpy").removeprefix(".")
    public = inner if inner in ("linalg", "fft", "lib.stride_tricks") else ""
    return ".".join(part for part in ("np", public, name) if part)


def _shows(module: str, function: Callable[..., Any]) -> bool:
    """Whether a function is found in a public module."""
    found = getattr(sys.modules.get(module), "__dict__", {}).get(function.__name__)
    return found is function and not any(part.startswith("_") for part in module.split("."))


def collect(*tables: Iterable[Primitive]) -> dict[Callable[..., Any], Primitive]:
    """Join tables into one, by function. A function with two rows is an error."""
    joined: dict[Callable[..., Any], Primitive] = {}
    for row in (row for table in tables for row in table):
        if row.function in joined:
            raise ValueError(f"{row.name} has two rows in the table of primitives")
        joined[row.function] = row
    return joined


def composed(module: Any, *functions: Callable[..., Any]) -> dict[Callable[..., Any], Any]:
    """Functions of ours, written in terms of those that have a row, by the module's own.

    What they stand for has their name, but for the underscore before it.
    """
    return {getattr(module, f.__name__.removeprefix("_")): f for f in functions}
