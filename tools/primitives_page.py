"""Write docs/primitives.md from the tables of primitives.

    python tools/primitives_page.py [--check]

With `--check` nothing is written: the exit status is 1 if the page is not what the tables say.
"""

import ast
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from clearprop.files import atomic_write
from clearprop.primitives.constants import CONSTANT, STATIC
from clearprop.primitives.registry import COMPOSITIONS, PRIMITIVES, UFUNC_METHODS
from clearprop.primitives.table import Primitive, name_of
from clearprop.primitives.unsupported import UNSUPPORTED, UNSUPPORTED_MODULES

PAGE = Path(__file__).parents[1] / "docs" / "primitives.md"

INTRODUCTION = """\
# NumPy on the graph

This page is generated from the tables in `src/clearprop/primitives` (`tools/primitives_page.py`),
with NumPy {numpy}. Each function of NumPy that other array types can answer stands in one of
five tables:

| status | what happens when a Variable goes in |
|---|---|
| [differentiable](#differentiable) | one node, with the derivative shown |
| [composed](#composed) | recorded as the differentiable functions it is written with |
| [constant](#constant) | one node; its derivative is 0 everywhere |
| [static](#static) | a plain answer, the same for all values |
| [unsupported](#unsupported) | refused by name, with what to write instead |

In the formulas `out` is the result and `dout` the derivative that arrives at it from upstream. Of
an elementwise function the local derivative is shown; the backward pass multiplies it by `dout`
and sums over what was broadcast. Of any other function the derivative by the operand is shown
whole. An array that is not a Variable is a constant, wherever it stands.

Functions of `scipy.special` are differentiable too (`erf`, `erfc`, `expit`, `log_expit`, `gamma`,
`gammaln`, `psi`); `clearprop.primitives` says how others become so, by one row each.
"""
METHODS = """\
Of the methods of ufuncs these are composed too: {methods}, and `outer` of every elementwise
function of two arguments.
"""


def page() -> str:
    """The whole page, as text."""
    parts = [INTRODUCTION.format(numpy=".".join(np.__version__.split(".")[:2]))]
    parts += ["## Differentiable\n", *_differentiable()]
    parts += ["## Composed\n", _table("function | written with", _composed())]
    parts += [METHODS.format(methods=_methods())]
    constant = ((name(f), escape(row.formula)) for f, row in CONSTANT.items())
    parts += ["## Constant\n", _table("function | value", constant)]
    parts += ["## Static\n", ", ".join(sorted(map(name, STATIC))) + ".\n"]
    refused = [(name(f), escape(text)) for f, text in UNSUPPORTED.items()]
    refused += [(f"all of `{m}`", escape(text)) for m, text in UNSUPPORTED_MODULES.items()]
    parts += ["## Unsupported\n", _table("function | why, and what to write instead", refused)]
    return "\n".join(parts)


def name(function: Callable[..., Any]) -> str:
    if function.__module__ == "numpy.lib.scimath":
        return f"`np.emath.{function.__name__}`"
    return f"`{name_of(function)}`"


def escape(text: str) -> str:
    """Text for a cell of a Markdown table."""
    for sign in "\\|*_`[]~":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("<", "&lt;")


def _table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {head} |", "|---" * (head.count("|") + 1) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in sorted(rows, key=lambda row: row[0].strip("`"))]
    return "\n".join(lines) + "\n"


def _methods() -> str:
    methods = (f"`{name_of(f)}.{method}`" for f, method in UFUNC_METHODS if method != "outer")
    return ", ".join(sorted(methods))


def _differentiable() -> list[str]:
    """One table for each module of the package, under the first line of its docstring."""
    by_module: dict[str, list[Primitive]] = {}
    for row in PRIMITIVES.values():
        if not row.name.startswith(("np.", "clearprop.")):
            continue
        rule = next(rule for rule in row.rules if rule is not None)
        by_module.setdefault(_undecorated(rule).__module__, []).append(row)
    parts = []
    for module, rows in by_module.items():
        title = (sys.modules[module].__doc__ or module).partition(".")[0]
        parts.append(f"### {title}\n")
        cells = [(name(r.function), escape(r.formula), _derivatives(r)) for r in rows]
        parts.append(_table("function | formula | derivative", cells))
    return parts


def _undecorated(rule: Any) -> Any:
    return getattr(rule, "__wrapped__", rule)


def _derivatives(row: Primitive) -> str:
    texts = [escape(text) for text in row.derivatives]
    if len(texts) == 1:
        return texts[0]
    by = row.operands or tuple("xyz")
    return "<br>".join(f"by {x}: {text}" for x, text in zip(by, texts, strict=False))


def _composed() -> Iterable[tuple[str, str]]:
    for function, composed in COMPOSITIONS.items():
        parts = sorted({name(f) for f in _used(composed, set()) if f is not function})
        yield name(function), ", ".join(parts) or "indexing and operators"


def _used(function: Any, seen: set[Any]) -> set[Callable[..., Any]]:
    """The recorded functions that a composition names, also in the helpers it calls."""
    function = _undecorated(function)
    if function in seen or not getattr(function, "__module__", "").startswith("clearprop."):
        return set()
    seen.add(function)
    closed_over = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    known = function.__globals__ | {n: cell.cell_contents for n, cell in closed_over}
    found: set[Callable[..., Any]] = set()
    for node in ast.walk(_definition(function)):
        named = _resolve(node, known)
        if _is_recorded(named):
            found.add(named)
        elif isinstance(named, FunctionType):
            found |= _used(named, seen)
    return found


def _resolve(node: ast.AST, known: dict[str, Any]) -> Any:
    """What a name or a dotted name stands for; None where it is local."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_resolve(node.value, known), node.attr, None)
    return None


def _definition(function: FunctionType) -> ast.AST:
    line = function.__code__.co_firstlineno
    return next(
        node
        for node in ast.walk(_parsed(function.__code__.co_filename))
        if isinstance(node, ast.FunctionDef | ast.Lambda)
        and min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]) == line
    )


@cache
def _parsed(path: str) -> ast.Module:
    return ast.parse(Path(path).read_text("utf-8"))


def _is_recorded(function: Any) -> bool:
    try:
        return function in PRIMITIVES or function in COMPOSITIONS
    except TypeError:  # not hashable, and so not a function
        return False


def main(arguments: list[str]) -> int:
    text = page()
    if "--check" in arguments:
        return 0 if PAGE.exists() and PAGE.read_text("utf-8") == text else 1
    PAGE.parent.mkdir(exist_ok=True)
    atomic_write(PAGE, text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
