"""What a layer's derivatives are taken by: its inputs, and the arrays that hang on it."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.checking.nests import get_at, hanging, listed, set_at, spoken
from clearprop.graph.parameters import KINDS, Path, layers_of, names_of, parameter_name
from clearprop.layers import Layer

LABEL_NAMES = listed(
    "t target targets label labels y_true ytrue true y_target mask token tokens true_labels "
    "y_train y_test y_batch Y_train Y_test Y_batch"
)
TRUTH_NAMES = frozenset(
    listed(
        "y Y targ targs actual actuals expected truth desired yt gt ground_truth y_ output_true "
        "real reais esperado esperada alvo objetivo soll ziel wahr cible vrai attendu atteso "
        "obiettivo teacher teacher_logits teacher_out soft_targets soft_labels"
    )
)
"""What labels are called besides, where an input of that name may well have a derivative."""
INDEX_NAMES = ("idx", "index", "indices", "ids")
CONSTANT_NAMES = frozenset((*LABEL_NAMES, *INDEX_NAMES))
"""Names under which inputs without a derivative are usually passed."""

LEARNED = re.compile(
    r"(?i)(.*\W)?_?(w\w{0,3}|b\d?|(?-i:[UV])\d?|bias\w*|weights?\w*|kernels?|filters?|gamma|beta|alpha|"
    r"theta\d?|params?\w*|embeddings?)(\W.*)?"
)
"""Names under which arrays are kept that are to be learned: these must have a derivative."""
DATA = re.compile(
    r"(?i)(\w*_)?(noise|eps(ilon)?|xi|u|uniforms?|rand\w*|gumbel|one_?hots?|masks?|keep|(sample|class|edge)_?weights?|adj\w*|"
    r"laplacian|grid|coord\w*|pos(itions?)?|times?|dt|deltas?|delta_?t|adv\w*|rewards?|returns|actions?|dones?|"
    r"old|ref(erences?)?|lengths?|priors?|counts?|obs(erv\w*)?|measure\w*|exposures?|freq\w*|drawn|draws?|nu|zeta)"
    r"(_\w+|\d)?|old\w*"
)
"""Names of inputs that mostly have no derivative."""


@dataclass(frozen=True)
class Slot:
    """Where a layer keeps an array: its name, and all the ways to it.

    `uses` are the ways by which layers own it: where several share it, their derivatives are added.
    """

    name: str
    paths: tuple[Path, ...]
    uses: tuple[tuple[Path, ...], ...] = ()
    declared: bool = True

    def get(self, layer: Any) -> Any:
        return get_at(layer, self.paths[0])

    def put(self, layer: Any, value: Any) -> None:
        """Write numbers into the layer's own array, so that every name and view of it sees them."""
        array = self.get(layer)
        arrays = isinstance(array, np.ndarray) and isinstance(value, np.ndarray)
        if (
            arrays
            and (array.shape, array.dtype) == (value.shape, value.dtype)
            and array.flags.writeable
        ):
            array[...] = value
        else:
            self.replace(layer, value)

    def replace(self, layer: Any, value: Any) -> None:
        """Put another object in its place, a Variable for example, under each of its names."""
        for path in self.paths:
            set_at(layer, path, value)


def declared_slots(layer: Any) -> list[Slot]:
    """The parameters that a layer and those inside it declare, each once."""
    ways = ways_to(layer)
    found: dict[Any, tuple[str, list[Path]]] = {}
    for path, held in [((), layer)] if runs_alone(layer) else layers_of(layer):
        for own in _own_paths(held):
            whole = (*path, *own)
            if is_fixed(layer, whole):
                continue
            array = get_at(layer, whole)
            key = id(array) if isinstance(array, np.ndarray) else whole
            name = parameter_name(layer, whole) if path else _named(whole, ways.get(id(array), ()))
            found.setdefault(key, (name, []))[1].append(whole)
    slots = []
    for key, (name, uses) in found.items():
        others = ways.get(key, ()) if isinstance(key, int) else ()
        paths = tuple(dict.fromkeys((*uses, *others)))
        # What gathers the arrays of others sums for itself, or keeps a derivative an entry.
        gathers = [use for use in uses if use[-2:-1] == ("params",)]
        outer = [g for g in gathers if not any(_holds(h, g) for h in gathers)]
        apart = tuple((use,) for use in outer or uses)
        if len(uses) == 1 or len(outer) == 1:
            apart = (tuple(gathers) if len(uses) > 1 else paths,)
        slots.append(Slot(name, paths, apart))
    return slots


def _holds(one: Path, other: Path) -> bool:
    """Whether the layer of one list of parameters holds that of another."""
    return len(one) < len(other) and other[: len(one) - 2] == one[:-2]


def is_fixed(layer: Any, path: Path) -> bool:
    """Whether what holds an array says that it is not learned, of itself or by its name."""
    for flag in ("requires_grad", "trainable", "learnable", "learned"):
        said, names = _said(layer, path, flag)
        if said is False or (isinstance(said, list | tuple | set) and said and not names & {*said}):
            return True
    for flag in ("frozen", "non_trainable", "not_trained", "buffers"):
        said, names = _said(layer, path, flag)
        if said is True or (isinstance(said, list | tuple | set | frozenset) and names & {*said}):
            return True
    return False


def _said(layer: Any, path: Path, flag: str) -> tuple[Any, set[Any]]:
    """What the nearest holder of an array says of it, and what it may call it.

    That may be the name of a list or a mapping that the array is in.
    """
    for k in reversed(range(len(path))):
        holder = get_at(layer, path[:k])
        if hasattr(holder, flag):
            return getattr(holder, flag), {*path[k:], spoken(path[k:])}
    return None, set()


def ways_to(layer: Any) -> dict[int, tuple[Path, ...]]:
    """All the ways to each array that hangs on a layer."""
    ways: dict[int, tuple[Path, ...]] = {}
    for path, value in hanging(layer).items():
        if isinstance(value, np.ndarray):
            ways[id(value)] = (*ways.get(id(value), ()), path)
    return ways


def _named(path: Path, ways: tuple[Path, ...]) -> str:
    """The name of an array: an attribute of its own, if it has one."""
    if path[0] == "params" and len(path) == 2 and isinstance(path[1], str):
        return path[1]
    return next((str(way[0]) for way in ways if len(way) == 1), spoken(path))


def runs_alone(layer: Any) -> bool:
    """Whether what is checked is no layer, but a function or a whole network in its clothes."""
    return getattr(layer, "runs_alone", False)


def by_the_house(layer: Any) -> bool:
    """Whether a layer declares its parameters as those of the house do: by their names."""
    names = getattr(layer, "params", None)
    named = isinstance(names, tuple) and bool(names) and all(isinstance(n, str) for n in names)
    return named or isinstance(layer, Layer)


def declares_parameters(layer: Any) -> bool:
    """Whether the layer, or its class, says what its parameters are."""
    holders = (layer, *(cls for cls in type(layer).__mro__ if cls is not Layer))
    return any("params" in getattr(holder, "__dict__", {}) for holder in holders)


def _own_paths(layer: Any) -> list[Path]:
    """The ways from a layer to the parameters that it declares itself."""
    params = layer.own_params if hasattr(layer, "own_params") else getattr(layer, "params", ())
    if isinstance(params, Mapping):
        return [("params", key) for key, value in params.items() if isinstance(value, np.ndarray)]
    entries = enumerate(params if isinstance(params, list | tuple) else ())
    return [
        (entry,) if isinstance(entry, str) else ("params", i)
        for i, entry in entries
        if isinstance(entry, str | np.ndarray)
    ]


def other_kinds(layer: Any) -> set[Path]:
    """The ways to what the layers name as something else than parameters: state, noise, fixed."""
    return {
        (*path, name)
        for path, held in layers_of(layer)
        for kind in KINDS
        for name in names_of(held, kind)
        if kind != "params" and isinstance(name, str)
    }


def positional(function: Any) -> list[inspect.Parameter]:
    """The arguments that a function takes by their place; none where nobody can tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def input_names(forward: Any, n: int) -> list[str]:
    """The names of the first `n` arguments of `forward`; numbered where it does not name them."""
    names = [p.name for p in positional(forward)]
    return [names[i] if i < len(names) else f"x{i + 1}" for i in range(n)]


def constant_names(layer: Any) -> frozenset[str] | None:
    """The inputs that a layer declares to have no derivative; `None` if it says nothing."""
    for cls in type(layer).__mro__:
        if "constants" in vars(cls) and cls is not Layer:
            return frozenset(vars(cls)["constants"])
    return None
