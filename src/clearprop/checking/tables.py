"""Arrays that are not learned: tables that the constructor makes by a formula, as of sines; signs.

Nobody says so of them, but the source does: what is made of `arange` or `sin` alone, and of nothing
random, is no first value of something learned. Nor is what holds 1 and -1 alone, nor a mean that
forward moves on itself.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.checking.arguments import DATA
from clearprop.checking.interface import tree_of
from clearprop.checking.nests import get_at, leaves, listed
from clearprop.graph.parameters import Path

MAKERS = frozenset(
    listed(
        "arange linspace logspace geomspace meshgrid mgrid ogrid indices sin cos tri tril triu "
        "hanning hamming blackman bartlett kaiser fftfreq rfftfreq"
    )
)
"""What tables are made by."""
RANDOM = re.compile(
    r"(?i)(\w*_)?(rand\w*|rng|normal|uniform|choice|permutation|shuffle|gauss\w*|xavier\w*|kaiming\w*|"
    r"glorot\w*|he_?\w*|orthogonal|init\w*|sample\w*|load\w*)"
)
"""What stands where the first values of something learned are drawn, or taken from a file."""
EMBEDS = re.compile(r"(?i).*(emb|learn|train).*")
TRAINS = re.compile(r"(?i).*(back|step|updat|grad|train|fit|learn|init|zero|load).*")
"""How methods are called that may move what is learned."""
GRAPH = re.compile(r"A|A_?(hat|tilde|norm)|(?i:adj\w*)")
"""How matrices are called that join what with what."""
DEEP = 4
"""So many methods are followed that call each other."""


def why_fixed(layer: Any, path: Path) -> str:
    """In words, how the source of a layer says that an array is not learned; "" if it does not."""
    whole = next(path[:n] for n in range(len(path), 0, -1) if isinstance(path[n - 1], str))
    if _are_signs(get_at(layer, whole)):
        return "holds signs"
    steps = [
        n for n in range(1, len(path) + 1) if hasattr(get_at(layer, path[: n - 1]), "__dict__")
    ]
    at = max((n for n in steps if isinstance(path[n - 1], str)), default=0)
    owner, name = get_at(layer, path[: at - 1]), path[at - 1]
    if not at or EMBEDS.fullmatch(str(name)):
        return ""
    made = [*_assigned(type(owner), name)]
    if any(_moves_on(value, name) for value, f in made if not TRAINS.fullmatch(f.name)):
        return "is a mean that forward moves on itself"
    found = [_words(value, f, type(owner), DEEP) for value, f in made]
    words = {*()}.union(*(words for words, _ in found))
    if not found or any(map(RANDOM.fullmatch, words)) or _drawn(owner, words):
        return ""
    if words & MAKERS:
        return "is a table that is made by a formula"
    if all(_is_of_a_graph(*of, own) for of, (own, _) in zip(made, found, strict=True)):
        return "is made of the graph that is given"
    given = all(is_given for _, is_given in found) and DATA.fullmatch(name)
    return "is given, and called as data are" if given else ""


def _are_signs(held: Any) -> bool:
    """Whether there is nothing but 1 and -1, both, and 0: nobody begins to learn from these."""
    numbers = {n for _, x in leaves(held) for n in np.ravel(x).tolist()}
    return {-1.0, 1.0} <= numbers <= {-1.0, 0.0, 1.0}


def _moves_on(value: ast.expr, name: Any) -> bool:
    """Whether an attribute stands in a sum with what it is not in: a * self.x + (1 - a) * mean."""
    sums = (n for n in ast.walk(value) if isinstance(n, ast.BinOp))
    sides = (
        [_reads(side, name) for side in (n.left, n.right)]
        for n in sums
        if isinstance(n.op, ast.Add | ast.Sub)
    )
    return any(sum(both) == 1 for both in sides)


def _is_of_a_graph(value: ast.expr, f: ast.FunctionDef, words: set[str]) -> bool:
    """Whether it is an adjacency matrix over its sums, of which the lines before may be part."""
    given = words & {a.arg for a in f.args.args}
    divides = isinstance(value, ast.BinOp) and isinstance(
        value.op, ast.Div | ast.Mult | ast.MatMult
    )
    return bool(given) and all(map(GRAPH.fullmatch, given)) and "sum" in words and divides


def _reads(expression: ast.expr, name: Any) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == name for n in ast.walk(expression))


def _assigned(cls: type, name: str) -> Iterator[tuple[ast.expr, ast.FunctionDef]]:
    """What the methods of a class assign to one of its attributes, each with its method."""
    for f in _methods(cls).values():
        for target, value in _assignments(f):
            if isinstance(target, ast.Attribute) and target.attr == name:
                yield value, f


def _assignments(f: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What is assigned to in a function, whole or in part, each with what."""
    for node in ast.walk(f):
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) or not node.value:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            several = isinstance(target, ast.Tuple)
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            given = getattr(node.value, "elts", ()) if several else [node.value]
            values = given if len(given) == len(parts) else [node.value] * len(parts)
            for part, value in zip(parts, values, strict=True):
                while isinstance(part, ast.Subscript):
                    part = part.value
                yield part, value


def _methods(cls: type) -> dict[str, ast.FunctionDef]:
    functions = {
        name: f
        for base in reversed(cls.__mro__[:-1])
        for name, f in vars(base).items()
        if inspect.isfunction(f)
    }
    trees = {name: tree_of(f) for name, f in functions.items()}
    return {name: tree for name, tree in trees.items() if isinstance(tree, ast.FunctionDef)}


def _words(value: Any, f: ast.FunctionDef, cls: type, deep: int) -> tuple[set[str], bool]:
    """The names that go into a value, and whether it is an argument of the method as it came."""
    given = {a.arg for a in (*f.args.args, *f.args.kwonlyargs)} - {"self"}
    whole = value
    if isinstance(whole, ast.Call) and getattr(whole.func, "attr", "") in ("array", "asarray"):
        whole = whole.args[0] if whole.args else whole
    words, todo, seen = set[str](), [value], set[str]()
    methods = _methods(cls) if deep else {}
    while todo:
        for node in ast.walk(todo.pop()):
            word = getattr(node, "attr", getattr(node, "id", None))
            if not isinstance(word, str) or word in seen:
                continue
            seen.add(word)
            words.add(word)
            if isinstance(node, ast.Name) and word not in given:
                own = [v for target, v in _assignments(f) if getattr(target, "id", "") == word]
                todo += own or [*_of_function(cls, word)]
            elif isinstance(node, ast.Attribute) and word in methods and word != f.name:
                for made in (n.value for n in ast.walk(methods[word]) if isinstance(n, ast.Return)):
                    words |= _words(made, methods[word], cls, deep - 1)[0] if made else set()
    return words, isinstance(whole, ast.Name) and whole.id in given


def _of_function(cls: type, name: str) -> Iterator[ast.AST]:
    """A function beside the class, under the name by which its methods call it."""
    function = _space(cls).get(name)
    if inspect.isfunction(function) and (tree := tree_of(function)):
        yield tree


def _space(cls: type) -> dict[str, Any]:
    return next((f.__globals__ for f in vars(cls).values() if inspect.isfunction(f)), {})


def _drawn(owner: Any, words: set[str]) -> bool:
    """Whether one of these names is a method of a generator of random numbers."""
    values = [_space(type(owner)).get(word) for word in words]
    kinds = (np.random.Generator, np.random.RandomState)
    return any(isinstance(getattr(v, "__self__", v), kinds) for v in values)
