"""Which methods of a thing are its forward and its backward, under whatever names it has them.

First by the names that people use; what has other names is found by what it does, as `finding_out`
says.
"""

import ast
import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clearprop.checking.arguments import positional
from clearprop.checking.copies import private
from clearprop.checking.finding_out import ELSE, LOOKS, backward_like, own_methods
from clearprop.checking.interface import tree_of
from clearprop.checking.models import whole_model
from clearprop.checking.nests import listed
from clearprop.checking.pairing import stems
from clearprop.checking.run import takes
from clearprop.checking.through_call import through_call
from clearprop.layers import Layer

FORWARD = listed(
    "forward fprop forward_pass forward_prop forward_propagation feedforward feed_forward "
    "propagate fwd forwards compute activate loss cost fn __call__ calculate calc evaluate apply "
    "transform vorwaerts vorwärts"
)
BOTH = ["loss", "loss_and_grad", "loss_and_gradient", "lossFun", "loss_fn"]
"""Names of methods that may give a loss together with its derivatives."""

BACKWARD = listed(
    "backward bprop backward_pass backward_prop backward_propagation backprop backpropagate "
    "back_propagate backpropagation backpropagation_through_time bptt back_prop backwards bwd vjp "
    "pullback pull_back back adjoint retropropagate retropropagation rueckwaerts rückwärts"
)
SLOPE = [
    *("gradient", "grad", "derivative", "deriv", "prime", "df", "dactivation", "derivate", "diff"),
    *("input_grad", "input_gradient", "differentiate", "jacobian", "slope"),
]
"""Names of methods that may give the slope at the inputs, to be multiplied by dout."""


def adopted(thing: Any, inputs: Sequence[Any] = ()) -> Any:
    """A layer or class that has `forward` and `backward`, under whatever names it has them.

    One that has other names gets these in addition, in a subclass of its own class.
    """
    cls = thing if isinstance(thing, type) else type(thing)
    names: dict[str, str | None] = {}
    lacks_back = _lacks(cls, "backward") and "backward" not in getattr(thing, "__dict__", ())
    if lacks_back:
        names["backward"] = _first(cls, (*BACKWARD, *SLOPE), but="backward")
    if not callable(getattr(cls, "forward", None)) and not hasattr(thing, "forward"):
        names |= next(_pairs(cls, names.get("backward"), not lacks_back), {})
        forward = getattr(cls, names["forward"] or "", None)
        if inputs and forward and not takes(forward, len(inputs) + 1):
            names |= _of_so_many(cls, len(inputs))
    if inputs and thing is not cls and not isinstance(thing, Layer):
        both = (names.get(to) or to for to in ("forward", "backward"))
        if model := whole_model(cls, thing, inputs, *both):
            return named(thing, model)
    found = {to: inspect.getattr_static(cls, name) for to, name in names.items() if name}
    if [p.name for p in positional(getattr(cls, "forward", None))][:1] == ["ctx"]:
        found |= {
            to: _in_context(getattr(cls, to), to == "forward")
            for to in ("forward", "backward")
            if hasattr(cls, to)
        }
        thing = thing() if thing is cls else thing
    if hasattr(cls, "layers"):
        return thing
    if (names.get("backward") or "backward").strip("_") not in BACKWARD:
        found["gives_slope"] = True
    elif lacks_back and not names.get("backward") and hasattr(cls, "backward"):
        found["backward"] = None  # that of a base, which only raises
    made = named(thing, found) if found else thing
    if not inputs or isinstance(thing, type):
        return made
    return _found_out(through_call(made, inputs), inputs)


def _lacks(cls: type, name: str) -> bool:
    """Whether a class has no such method, or one that says only that it has to be written."""
    method = getattr(cls, name, None)
    names = getattr(getattr(method, "__code__", None), "co_names", ())
    if not callable(method) or "NotImplementedError" not in names or issubclass(cls, Layer):
        return not callable(method)
    body = [n for n in getattr(tree_of(method), "body", ()) if not isinstance(n, ast.Expr)]
    return len(body) == 1 and isinstance(body[0], ast.Raise)


def _pairs(cls: type, back: str | None, has_back: bool) -> Iterator[dict[str, str | None]]:
    """The methods that may be forward and backward together, where there is no `forward`."""
    others = () if has_back else (back,) if back else own_methods(cls)
    for other in others:  # loss and loss_gradient, f and df
        same = [n for n in own_methods(cls) if n in stems(other) and _alike(cls, n, other)]
        if same:
            yield {"forward": same[0], "backward": other}
    alike = [n for n in BOTH if back in SLOPE and _alike(cls, n, back)]
    yield {"forward": _first(cls, (*alike, *FORWARD) if back or has_back else BOTH)}


def _of_so_many(cls: type, n: int) -> dict[str, str | None]:
    """A loss and what is called like its gradient that take as many inputs as are given."""
    own = [name for name in own_methods(cls) if takes(getattr(cls, name), n + 1)]
    for loss in (name for name in BOTH if name in own):
        slopes = [name for name in own if LOOKS.search(name) and _alike(cls, loss, name)]
        if slopes:
            return {"forward": loss, "backward": slopes[0]}
    return {}


def _found_out(layer: Any, inputs: Sequence[Any]) -> Any:
    """The layer with the methods as its backward that do what a backward does.

    `not_understood` are those that are called like one, and do nothing of the kind.
    """
    if not hasattr(layer, "forward"):
        called = "__call__" if "__call__" in own_methods(type(layer)) else _only(layer, len(inputs))
        forward = inspect.getattr_static(type(layer), called, None)
        if not inspect.isfunction(forward):
            return _by_what_they_do(layer, inputs)
        pulls = gives_pullback(layer, inputs)
        layer = named(layer, {"forward": forward})
        if pulls:
            return layer
    found = backward_like(layer, inputs)
    return named(layer, found) if found else layer


def _by_what_they_do(layer: Any, inputs: Sequence[Any]) -> Any:
    """The layer with the method as its forward of which another one is the backward.

    A backward of which nobody knows by its name that it is one must be right, unless there are no
    others: then the first is forward, and the second backward if it does what such a one does.
    """
    own = [name for name in own_methods(type(layer)) if not name.startswith("_")]
    own = [name for name in own if not ELSE.search(name) and not LOOKS.search(name)]
    for name in own:
        forward = inspect.getattr_static(type(layer), name)
        if inspect.isfunction(forward) and takes(getattr(layer, name), len(inputs)):
            twin = named(layer, {"forward": forward})
            found = backward_like(twin, inputs, among=own[1:] if len(own) == 2 else ())
            if "backward" in found:
                back = found["reading"].removesuffix(" was taken for backward")
                found["reading"] = f"{name} was taken for forward, and {back} for backward"
                return named(twin, found)
    return layer


def _only(layer: Any, inputs: int) -> str:
    """The one method for so many inputs, beside what is called like a backward, if it is one.

    Of several, the one that is called like a forward.
    """
    own = [name for name in own_methods(type(layer)) if not name.startswith("_")]
    if len(own) > 1:
        own = [name for name in own if not LOOKS.search(name)]
    own = [name for name in own if takes(getattr(layer, name), inputs)]
    return own[0] if len(own) == 1 else next((name for name in FORWARD if name in own), "")


def named(thing: Any, found: Mapping[str, Any]) -> Any:
    """A thing, or class, that has these methods too."""
    cls = thing if isinstance(thing, type) else type(thing)
    made = type(cls.__name__, (cls,), {**found, "__module__": cls.__module__})
    if thing is cls:
        return made
    try:
        twin = copy.copy(thing)
        twin.__class__ = made
    except TypeError:
        return thing
    return twin


def gives_pullback(thing: Any, inputs: Sequence[Any]) -> bool:
    """Whether an object with arrays of its own is called for its output and a pullback."""
    call = inspect.getattr_static(type(thing), "__call__", None)
    if not inspect.isfunction(call) or hasattr(thing, "forward"):
        return False
    try:
        raw = private(thing)(*private(list(inputs)))
    except Exception:  # that is told where it is examined
        return False
    return isinstance(raw, tuple) and len(raw) > 1 and callable(raw[-1])


def _alike(cls: type, one: str, other: Any) -> bool:
    """Whether two methods are called with the same arguments, as `loss` and its `gradient` are."""
    names = [[p.name for p in positional(getattr(cls, name, None))] for name in (one, other)]
    return names[0] == names[1]


def _first(cls: type, names: Sequence[str], but: str = "") -> str | None:
    """The first of some names that a method has, also with an underscore: `_backward`."""
    own = {name: name for name in own_methods(cls) if name != but}
    own = {**{name.strip("_"): name for name in own if not name.endswith("_")}, **own}
    return next((own[n] for n in names if n in own), None)


class Context:
    """What `forward(ctx, x)` keeps things on for `backward(ctx, dout)`."""

    saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *values: Any) -> None:
        self.saved_tensors = values


def _in_context(method: Any, anew: bool = False) -> Any:
    """A method of a layer from a function whose first argument is a context."""

    def bound(self: Any, *given: Any) -> Any:
        self.context = Context() if anew else self.context
        return method(self.context, *given)

    given = list(inspect.signature(method).parameters.values())
    owner = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    bound.__signature__ = inspect.Signature([owner, *given[1:]])  # type: ignore[attr-defined]
    return bound
