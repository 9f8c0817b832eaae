"""The formulas in a source, each as a function of the local variables that it is made of."""

import ast
from collections.abc import Callable, Iterable, Mapping
from types import CodeType, FunctionType
from typing import Any

from clearprop.checking.codes import Source

MOST = 60
"""So many are looked at, the last ones of backward first."""
LONG = 70
"""What is written with more letters is no formula that stands elsewhere as well."""
KINDS = (ast.BinOp, ast.Compare, ast.Call, ast.UnaryOp, ast.Subscript)
METHODS = (
    "sum",
    "mean",
    "max",
    "min",
    "dot",
    "reshape",
    "transpose",
    "swapaxes",
    "cumsum",
    "argmax",
)


def formulas(sources: Iterable[Source]) -> list[tuple[str, Callable[[Mapping[str, Any]], Any]]]:
    """The formulas of some sources by their text, in brackets where they need them."""
    found: dict[str, tuple[Source, ast.expr, list[str]]] = {}
    for source in sources:
        code = source.function.__code__
        local = {*code.co_varnames, *code.co_freevars, *code.co_cellvars}
        for node in ast.walk(source.tree):
            if len(found) == MOST:
                break
            if isinstance(node, KINDS) and not isinstance(getattr(node, "ctx", None), ast.Store):
                if (
                    node.end_lineno != node.lineno
                    or (node.end_col_offset or 0) - node.col_offset > LONG
                ):
                    continue
                names = sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & local)
                text = ast.unparse(node)
                if names and len(text) < 60 and _is_pure(node, source):
                    whole = isinstance(node, ast.Call | ast.Subscript)
                    found.setdefault(text if whole else f"({text})", (source, node, names))
    lambdas: list[ast.expr] = []
    for _, node, names in found.values():
        given = ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
        lambdas.append(ast.Lambda(given, node))
    if not lambdas:
        return []
    tree = ast.fix_missing_locations(ast.Expression(ast.Tuple(lambdas, ast.Load())))
    whole = compile(tree, "<formulas>", "eval")
    codes = [code for code in whole.co_consts if isinstance(code, CodeType)]
    if len(codes) != len(found):
        return []
    return [
        (text, _of_local(FunctionType(code, source.function.__globals__), names))
        for (text, (source, _, names)), code in zip(found.items(), codes, strict=True)
    ]


def _of_local(function: Any, names: list[str]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda local: function(*[local[name] for name in names])


def _is_pure(node: ast.expr, source: Source) -> bool:
    """Whether a formula only computes: it draws nothing, and changes nothing."""
    for n in ast.walk(node):
        if isinstance(n, ast.NamedExpr | ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.Await):
            return False
        if isinstance(n, ast.Call):
            f = n.func
            if isinstance(f, ast.Attribute):
                ours = isinstance(f.value, ast.Name) and f.value.id in ("np", "numpy", "math")
                if not ours and f.attr not in METHODS:
                    return False
            elif not isinstance(
                source.function.__globals__.get(getattr(f, "id", "")), FunctionType
            ):
                return False
    return True
