"""The update of a training step: an optimiser's formula, on whole vectors where that is the same.

A formula is written for one parameter. What it does element by element it may do to the vector of
all parameters of a group, which is one operation in place of many. What looks at a parameter as a
whole, such as its norm, its mean or its shape, is done to each by itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.layout import Layout
from clearprop.compiler.leaf import Traced
from clearprop.compiler.rewriting import fact, function_of, is_number, is_recorded
from clearprop.compiler.tracing import form, varied
from clearprop.errors import ConfigError, ShapeError, UnsupportedError
from clearprop.graph.graph import Graph
from clearprop.graph.leaving import Heeded
from clearprop.graph.node import variable

_ALIKE = (np.where, np.clip, np.astype)
"""What goes element by element beside the rows that say so."""


class Stretch(NamedTuple):
    """What the formula of a group is applied to: one parameter, or all of the group, joined."""

    group: int
    inputs: Sequence[Any]
    """The parameter and its state."""
    g: Any
    tried: list[Any]
    """The form of what the formula did to a parameter in a trial."""


class Update:
    """The update of all groups, recorded: first `grads`, then what is `new` with them.

    `vectors` are the leaves for the parameters of each group and for their state, `params` the
    parameters in them; `settings` the leaves for the hyperparameters of each group and the step.
    """

    def __init__(
        self,
        layout: Layout,
        vectors: Sequence[dict[str, Any]],
        params: dict[str, Any],
        gradients: dict[str, Any],
        settings: Sequence[dict[str, Any]],
    ) -> None:
        self._optimizer, self._layout = layout.optimizer, layout
        self._vectors = [tuple(kinds.values()) for kinds in vectors]
        self._formulas = [*map(self._optimizer.formula, layout.groups)]
        self._params, self._gradients, self._settings = params, gradients, settings
        self._stretches = [s for i in range(len(vectors)) for s in self._cut(i)]
        self.grads = [s.g for s in self._stretches]
        """The derivatives of what the formula is applied to."""

    def clipped(self, limits: dict[str, Any]) -> list[Any]:
        """The derivatives as the optimiser limits them."""
        with _telling(self._optimizer, "clipped"):
            return self._optimizer.clipped(self.grads, **limits)

    def new(self, grads: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """Each vector, and what takes its place where these are the derivatives.

        Errors: `UnsupportedError` for a formula that does not do the same each time.
        """
        found: list[list[Any]] = [[] for _ in self._vectors]
        for stretch, g in zip(self._stretches, grads, strict=True):
            new, done = self._applied(stretch.group, stretch.inputs, g)
            if is_recorded(g) and done != stretch.tried:
                raise UnsupportedError(
                    f"compile: {_name(self._optimizer)}.change does not do the same for all "
                    "values: it draws random numbers, carries something on from one call to "
                    "the next, or computes with values that are not on the graph"
                )
            found[stretch.group].append(new)
        for leaves, news in zip(self._vectors, found, strict=True):
            for leaf, *parts in zip(leaves, *news, strict=True):
                whole = len(parts) == 1 and parts[0].shape == leaf.shape
                yield leaf, parts[0] if whole else np.concatenate([*map(np.ravel, parts)])

    def _cut(self, group: int) -> list[Stretch]:
        """All of a group where the formula goes element by element, else each parameter."""
        names, joined = self._layout.groups[group].names, self._vectors[group]
        tried = [self._tried(group, name) for name in names]
        first, alike = tried[0][0], not self._optimizer.clips_apart()
        if alike and all(by_element and done == first for done, by_element in tried):
            g = np.concatenate([np.ravel(self._gradient(name)) for name in names])
            # A number that comes of the shape, such as p.size, is another for the whole vector.
            if self._applied(group, joined, variable(Traced, np.ones_like(joined[0])))[1] == first:
                return [Stretch(group, joined, g, first)]
        start, found = 0, []
        for name, (done, _) in zip(names, tried, strict=True):
            p = self._params[name]
            state = (v[start : start + p.size].reshape(p.shape) for v in joined[1:])
            found.append(Stretch(group, (p, *state), self._gradient(name), done))
            start += p.size
        return found

    def _gradient(self, name: str) -> Any:
        g, p = self._gradients[name], self._params[name]
        return np.zeros(p.shape, p.dtype) if g is None else g

    def _tried(self, group: int, name: str) -> tuple[list[Any], bool]:
        """The form of what the formula does to a parameter, and whether that goes by elements.

        Its values are others than they will be: what depends on them would be another form.
        """
        kind = self._optimizer
        arrays = (kind.arrays[f"{state}.{name}"] for state in kind.state)
        p = np.asarray(self._layout.network.params[name])
        leaves = [varied(variable(Traced, array)) for array in (p, np.ones_like(p), *arrays)]
        new, done = self._applied(group, (leaves[0], *leaves[2:]), leaves[1])
        for value, what in zip(new, ("a parameter", *kind.state), strict=True):
            if value.shape != p.shape:
                raise ShapeError(
                    f"{_name(kind)}.change gives {what} {value.shape} for parameter {name} "
                    f"{p.shape}; each element has its own"
                )
        return done, all(_by_element(node) for node in Graph(new).nodes)

    def _applied(self, group: int, inputs: Sequence[Any], g: Any) -> tuple[Any, list[Any]]:
        """What the formula gives, and the form of what it does."""
        formula, settings = self._formulas[group], self._settings[group]
        p, *state = inputs
        with _telling(self._optimizer, "change"):
            new = formula(p, g, *state, **settings)
            if not all(map(is_recorded, new)):
                raise UnsupportedError("it gives values that are not computed from p, g or state")
        known = (*inputs, g, *settings.values())
        return new, form(new, tuple(v for v in known if is_recorded(v)))


def _by_element(node: Any) -> bool:
    alike = fact(node, "elementwise") or function_of(node) in _ALIKE
    return alike and all(is_recorded(x) or is_number(x) for x in node.inputs)


def _name(optimizer: Any) -> str:
    return type(optimizer).__name__


@contextmanager
def _telling(optimizer: Any, method: str) -> Iterator[None]:
    """Say where it is that something cannot be recorded. Whatever is raised for Variables may run
    on arrays; and where it does not, the same error comes again from there."""
    try:
        with Heeded():
            yield
    except ConfigError:  # what is refused on arrays, too
        raise
    except Exception as error:
        why = str(error) or type(error).__name__
        raise UnsupportedError(f"compile: {_name(optimizer)}.{method}: {why}") from error
