"""What a value in the source may have been meant to be: made with the values around it."""

import ast
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.checking.atoms import Atom, is_float, sizes_of, widened
from clearprop.checking.case import broadcasts
from clearprop.checking.edited import Site
from clearprop.checking.findings import Kind

MANY = 2**20
"""No count is made larger than this: it may be that of the elements of an array."""
FEW = 40
"""Products are made of so many values around a site."""
SLOPES = (
    ("{} * (1 - {v})", lambda e, v: e * (1 - v)),
    ("{} * (1 - {v}**2)", lambda e, v: e * (1 - v**2)),
    ("{} * {v} * (1 - {v})", lambda e, v: e * v * (1 - v)),
    ("{} / ({v} * (1 - {v}))", lambda e, v: e / (v * (1 - v))),
    ("{} / (1 - {v})", lambda e, v: e / (1 - v)),
    ("{} * ({v} > 0)", lambda e, v: e * (v > 0)),
    ("{} * ({v} < 0)", lambda e, v: e * (v < 0)),
    ("{} * np.sign({v})", lambda e, v: e * np.sign(v)),
    ("{} / {v}**2", lambda e, v: e / v**2),
    ("{} * {v}**2", lambda e, v: e * v**2),
)
"""Factors that are often forgotten, of a value `v`."""
FUNCTIONS = (
    ("{}**2", lambda e: e**2),
    ("np.exp({})", np.exp),
    ("np.log({})", np.log),
    ("np.tanh({})", np.tanh),
    ("np.sqrt({})", np.sqrt),
    ("1 / (1 + np.exp(-{}))", lambda e: 1 / (1 + np.exp(-e))),
    ("1 / {}", lambda e: 1 / e),
    ("1 - {}", lambda e: 1 - e),
    ("np.abs({})", np.abs),
    ("np.sign({})", np.sign),
    ("({} > 0)", lambda e: e > 0),
)
"""Functions that are often forgotten around a value."""


POWERS = ("{}**2", "np.sqrt({})")
"""Those that are also forgotten around what is computed there."""
SQUARES = (
    ("{} - np.diag(np.diag({}))", lambda e: e - np.diag(np.diag(e))),
    ("np.tril({})", np.tril),
    ("np.triu({})", np.triu),
)
"""A square without its diagonal, or without what is on one side of it."""


class Otherwise(NamedTuple):
    """Another value: what is written then, with `{}` for what stands there, and what it gives.

    `f` takes what stands there, and `v` where there is one.
    """

    rank: int
    kind: Kind
    text: str
    f: Callable[..., Any]
    v: Atom | None = None

    def value(self, value: Any, local: Mapping[str, Any]) -> Any:
        """The other value, in any run."""
        return self.f(value) if self.v is None else self.f(value, self.v.get(local))

    def tree(self, old: ast.expr) -> ast.expr:
        """What is written then, in place of `old`."""
        text = ast.unparse(old)
        if isinstance(old, ast.BinOp | ast.UnaryOp | ast.Compare | ast.IfExp):
            text = f"({text})"
        return ast.parse(self.text.replace("{}", text), mode="eval").body


def otherwise(site: Site, value: Any, around: list[Atom]) -> Iterator[Otherwise]:
    """The values that may have been meant at a site, made with those around it."""
    is_name = isinstance(site.old, ast.Name | ast.Attribute | ast.Subscript)
    if site.role in ("index", "place") or (not is_float(value) and not np.ndim(value)):
        yield from _numbers(site, value, around)
        return
    if site.role == "carried":
        yield from _handed_on(value, around)
        return
    if np.ndim(value):
        yield from _arrangements(value, 1 if is_name else 3)
    if not is_float(value):
        yield Otherwise(1, Kind.MASK_INVERTED, "1 - {}", lambda e: 1 - e)
        for v in around if is_name else ():
            if np.shape(v.now) == np.shape(value):
                yield Otherwise(2, Kind.WRONG_VALUE, v.name, lambda e, v: v, v)
        return
    if site.role in ("term", "argument"):
        rank, kind = (0, Kind.SIGN) if site.role == "term" else (1, Kind.WRONG_VALUE)
        yield Otherwise(rank, kind, "-{}", np.negative)
    is_part = np.ndim(value) and site.old is not getattr(site.line, "value", None)
    for atom in around:
        v = widened(atom, np.shape(value))
        if v is None:
            if np.ndim(value) and is_float(atom.now) and not atom.is_formula:
                yield from _spread_by(atom, np.shape(value), is_name)
            continue
        may_be = is_name or site.role == "argument" or (is_part and not v.is_formula)
        if may_be and not _is_inverse(v.now, value):
            has_it = is_name and v.is_formula and _lacks_part(ast.unparse(site.old), v.name)
            kind = Kind.DROPPED_TERM if has_it else Kind.WRONG_VALUE
            yield Otherwise(1 + (v.is_formula or not is_name), kind, v.name, lambda e, v: v, v)
        if site.role != "factor" or is_name:
            yield from _with_value(v, np.shape(value), site.role)
    for text, f in FUNCTIONS if np.ndim(value) else ():
        if is_name or (site.role == "factor" and text in POWERS):
            yield Otherwise(3, Kind.WRONG_VALUE, text, f)
    if site.role != "factor":
        yield from _bounded(around, np.shape(value))
        for c in (2, 3, 0.5):
            yield Otherwise(3, Kind.FACTOR, f"{c} * {{}}", lambda e, c=c: c * e)
        yield from _centred(value)
        yield from _of_some(around, np.shape(value))
        for n in sizes_of(around):
            yield Otherwise(5, Kind.FACTOR, f"{{}} / {n.name}", np.divide, n)
            yield Otherwise(5, Kind.FACTOR, f"{{}} * {n.name}", np.multiply, n)
    if site.role == "term":
        for c in (1, 0.5):
            yield Otherwise(4, Kind.DROPPED_TERM, f"{{}} + {c}", lambda e, c=c: e + c)
            yield Otherwise(4, Kind.DROPPED_TERM, f"{{}} - {c}", lambda e, c=c: e - c)


def _is_inverse(one: Any, other: Any) -> bool:
    """Whether a number is 1 divided by a count, which nobody takes for the count."""
    return not np.ndim(one) and not np.ndim(other) and abs(one * other - 1) < 1e-9


def _lacks_part(name: str, formula: str) -> bool:
    """Whether a value comes in a formula, with another as a factor or added to it."""
    node = ast.parse(formula, mode="eval").body
    if not isinstance(node, ast.BinOp) or name not in re.split(r"[^\w.]", formula):
        return False
    return not isinstance(node.op, ast.Sub) or ast.unparse(node.left) == name


def of_other_shapes(value: Any, around: list[Atom]) -> Iterator[Otherwise]:
    """Other values in place of one that makes what is computed too long or too short."""
    for v in around if np.ndim(value) else ():
        if np.ndim(v.now) == np.ndim(value) and np.shape(v.now) != np.shape(value):
            yield Otherwise(1, Kind.WRONG_VALUE, v.name, lambda e, v: v, v)


def _numbers(site: Site, value: Any, around: list[Atom]) -> Iterator[Otherwise]:
    """Another index, count or size."""
    place = Kind.WRONG_PLACE if site.role == "place" else Kind.WRONG_VALUE
    if np.ndim(value):
        for v in around:
            if np.shape(v.now) == np.shape(value) and not is_float(v.now):
                yield Otherwise(1 + v.is_formula, place, v.name, lambda e, v: v, v)
        return
    if isinstance(value, bool):
        return
    if not isinstance(site.old, ast.Constant):
        rank = 2 if site.role == "factor" else 0  # first what else has the size that is due
        yield Otherwise(rank, place, "{} + 1", lambda e: e + 1)
        yield Otherwise(rank, place, "{} - 1", lambda e: e - 1)
        if site.role not in ("index", "place") and value > 1:
            yield Otherwise(1, place, "{} ** 2", lambda e: e**2)
    for v in around:
        if not np.ndim(v.now) and np.asarray(v.now).dtype.kind in "iu":
            if abs(v.now) * max(abs(value), 1) > MANY:
                continue
            yield Otherwise(1, place, v.name, lambda e, v: v, v)
            yield Otherwise(2, place, f"{{}} * {v.name}", lambda e, v: e * v, v)
            if v.now != value:  # which would be 1, however it is written
                yield Otherwise(2, place, f"{{}} // {v.name}", lambda e, v: e // v, v)
        elif np.ndim(v.now) and is_float(v.now) and site.role not in ("index", "place"):
            yield Otherwise(2, place, v.name, lambda e, v: v, v)
            if not v.is_formula:
                yield Otherwise(2, place, f"np.sum({v.name})", lambda e, v: np.sum(v), v)
        elif np.asarray(v.now).dtype.kind == "b" and site.role not in ("index", "place"):
            yield Otherwise(2, place, f"np.sum({v.name})", lambda e, v: np.sum(v), v)
    for n in sizes_of(around):
        if n.now != value:
            yield Otherwise(3, place, n.name, lambda e, n: n, n)
        yield Otherwise(4, place, f"{{}} * {n.name}", lambda e, n: e * n, n)


def _arrangements(value: Any, rank: int) -> Iterator[Otherwise]:
    """The elements in another order, or summed."""
    ndim = np.ndim(value)
    if ndim == 1:
        for more in (1, 2, 3):
            text = f"{{}}[:{', None' * more}]"
            yield Otherwise(
                2, Kind.WRONG_AXIS, text, lambda e, m=more: np.reshape(e, e.shape + (1,) * m)
            )
    if ndim == 2:
        yield Otherwise(0, Kind.TRANSPOSED, "{}.T", lambda e: e.T)
    elif ndim > 2:
        swapped = "{}.swapaxes(-1, -2)"
        yield Otherwise(0, Kind.TRANSPOSED, swapped, lambda e: e.swapaxes(-1, -2))
    for k in range(ndim):
        yield Otherwise(rank, Kind.WRONG_PLACE, f"np.flip({{}}, {k})", lambda e, k=k: np.flip(e, k))
        for step in (1, -1):
            text = f"np.roll({{}}, {step}, axis={k})"
            yield Otherwise(5, Kind.WRONG_PLACE, text, lambda e, k=k, s=step: np.roll(e, s, axis=k))
    for axes in ((-2, -1), (0, 1))[: ndim - 1]:  # as the kernel of a convolution
        yield Otherwise(
            rank - 1, Kind.WRONG_PLACE, f"np.flip({{}}, {axes})", lambda e, a=axes: np.flip(e, a)
        )
    if is_float(value):
        for k in range(ndim):
            text = f"{{}}.sum(axis={k}, keepdims=True)"
            yield Otherwise(2, Kind.NOT_SUMMED, text, lambda e, k=k: e.sum(axis=k, keepdims=True))
            if ndim > 1:
                text = f"{{}}.sum(axis={k})"
                yield Otherwise(2, Kind.NOT_SUMMED, text, lambda e, k=k: e.sum(axis=k))


def _with_value(v: Atom, shape: tuple[int, ...], role: str) -> Iterator[Otherwise]:
    """A value that may be missing: as a factor, a divisor, a slope, a term."""
    kind, now = Kind.DROPPED_TERM, np.asarray(v.now)
    if now.dtype.kind == "b":
        yield Otherwise(2, Kind.MASK_MISSING, f"{{}} * {v.name}", np.multiply, v)
        yield Otherwise(2, Kind.MASK_MISSING, f"{{}} * ~{v.name}", lambda e, v: e * ~v, v)
        return
    factor = kind if now.ndim else Kind.FACTOR
    yield Otherwise(2, factor, f"{{}} * {v.name}", np.multiply, v)
    yield Otherwise(2, factor, f"{{}} / {v.name}", np.divide, v)
    if now.dtype.kind != "f" or v.is_formula:
        return
    if (now.shape == shape or not now.ndim) and role != "factor":
        yield Otherwise(3, kind, f"{{}} + {v.name}", np.add, v)
        yield Otherwise(3, kind, f"{{}} - {v.name}", np.subtract, v)
    for text, f in SLOPES if now.ndim else ():
        of_slope = Kind.MASK_MISSING if ">" in text or "<" in text else kind
        yield Otherwise(4, of_slope, text.replace("{v}", v.name), f, v)


def _spread_by(v: Atom, shape: tuple[int, ...], is_name: bool) -> Iterator[Otherwise]:
    """One number for many, such as a mean, that is a number for each with what is missing.

    Or a number for each in its place.
    """
    if broadcasts(shape, np.shape(v.now)):
        if is_name:
            yield Otherwise(2, Kind.WRONG_VALUE, v.name, lambda e, v: v, v)
        yield Otherwise(3, Kind.DROPPED_TERM, f"{{}} * {v.name}", np.multiply, v)
        yield Otherwise(3, Kind.DROPPED_TERM, f"{{}} / {v.name}", np.divide, v)


def _bounded(around: list[Atom], shape: tuple[int, ...]) -> Iterator[Otherwise]:
    """Only where a value is within a bound, which is a number around."""
    bounds = [a for a in around if not np.ndim(a.now) and is_float(a.now)][:6]
    for v in around:
        if np.shape(v.now) == shape and is_float(v.now) and not v.is_formula:
            for bound in bounds:
                for sign, within in (("<", np.less), (">", np.greater)):
                    text = f"({v.name} {sign} {bound.name})"
                    mask = Atom(text, None, _both(v, bound, within))
                    yield Otherwise(4, Kind.MASK_MISSING, f"{{}} * {text}", np.multiply, mask)


def _centred(value: Any) -> Iterator[Otherwise]:
    """Less what all along an axis have together, or less a part of a square."""
    if np.ndim(value) == 2 and len(value) == len(value.T):
        for text, f in SQUARES:
            yield Otherwise(4, Kind.MASK_MISSING, text, f)
    for k in range(np.ndim(value)):
        text, kind = f"{{}} - {{}}.sum(axis={k}, keepdims=True)", Kind.DROPPED_TERM
        yield Otherwise(4, kind, text, lambda e, k=k: e - e.sum(axis=k, keepdims=True))
        text = f"{{}} - {{}}.mean(axis={k}, keepdims=True)"
        yield Otherwise(4, kind, text, lambda e, k=k: e - e.mean(axis=k, keepdims=True))


def _of_some(around: list[Atom], shape: tuple[int, ...]) -> Iterator[Otherwise]:
    """A mean over those that a mask lets through, in place of all."""
    for v in around if shape else ():
        if np.asarray(v.now).dtype.kind != "b" or v.is_formula:
            continue
        for k, keep in itertools.product(range(np.ndim(v.now)), (True, False)):
            if np.shape(v.now.mean(axis=k, keepdims=keep)) == shape:
                wide = ", keepdims=True" if keep else ""
                text = f"{{}} / {v.name}.mean(axis={k}{wide})"
                yield Otherwise(
                    3,
                    Kind.FACTOR,
                    text,
                    lambda e, v, k=k, wide=keep: e / v.mean(axis=k, keepdims=wide),
                    v,
                )


def _handed_on(value: Any, around: Iterable[Atom]) -> Iterator[Otherwise]:
    """What the next round of a loop starts from: a product with it, another value, a sum."""
    kind, shape = Kind.DROPPED_TERM, np.shape(value)
    some = [a for a in around if is_float(a.now)]
    itself = Atom("{}", value, lambda local: None)
    for v in some:
        if np.shape(v.now) == shape:
            yield Otherwise(2, kind, v.name, lambda e, v: v, v)
            yield Otherwise(2, kind, f"{{}} + {v.name}", np.add, v)
            yield Otherwise(2, kind, f"{{}} - {v.name}", np.subtract, v)
        for text, f in _products(itself, v, shape):
            yield Otherwise(2, kind, text, f, v)
        for text, f in _products(v, itself, shape):
            yield Otherwise(2, kind, text, lambda e, v, f=f: f(v, e), v)
    plain = [a for a in some if np.ndim(a.now) and not a.is_formula][:FEW]
    for u, v in itertools.product(plain, plain):
        for text, f in _products(u, v, shape) if np.shape(u.now) != np.shape(v.now) else ():
            both = Atom(text, None, _both(u, v, f))
            yield Otherwise(3, kind, text, lambda e, v: v, both)
            yield Otherwise(3, kind, f"{{}} + {text}", np.add, both)


def missing_products(gap: Any, around: Iterable[Atom]) -> Iterator[Otherwise]:
    """Products of two values that are just what is missing in a sum, which is `gap`."""
    size, shape = 1e-7 * float(np.max(np.abs(gap), initial=0.0)), np.shape(gap)
    some = [a for a in around if np.ndim(a.now) and is_float(a.now) and not a.is_formula][:FEW]
    for u, v in itertools.product(some, some):
        for text, f in _products(u, v, shape):
            product = f(u.now, v.now)
            for sign, do in (("+", np.add), ("-", np.subtract)):
                if np.all(np.abs(gap - do(0.0, product)) <= size):
                    both = Atom(text, product, _both(u, v, f))
                    yield Otherwise(0, Kind.DROPPED_TERM, f"{{}} {sign} {text}", do, both)


def _products(u: Atom, v: Atom, shape: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """The products of two values that have a shape."""
    a, b = np.shape(u.now), np.shape(v.now)
    if (a == shape and broadcasts(b, a)) or (b == shape and broadcasts(a, b)):
        yield f"{u.name} * {v.name}", np.multiply
    if (len(a), len(b)) == (2, 1) == (len(shape) + 1, 1):
        if (a[1], a[0]) == (*b, *shape):
            yield f"{u.name} @ {v.name}", np.matmul
        if a == (*b, *shape):
            yield f"{u.name}.T @ {v.name}", lambda u, v: u.T @ v
    if len(b) == 2 and len(a) > 1:
        if a[-1] == b[0] and (*a[:-1], b[1]) == shape:
            yield f"{u.name} @ {v.name}", np.matmul
        if a[-1] == b[1] and (*a[:-1], b[0]) == shape:
            yield f"{u.name} @ {v.name}.T", lambda u, v: u @ v.T
        if len(a) == 2 and a[0] == b[0] and (a[1], b[1]) == shape:
            yield f"{u.name}.T @ {v.name}", lambda u, v: u.T @ v


def _both(u: Atom, v: Atom, f: Any) -> Callable[[Mapping[str, Any]], Any]:
    return lambda local: f(u.get(local), v.get(local))
