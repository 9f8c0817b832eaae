"""Layers assembled into a network."""

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import wraps
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ConfigError, UnsupportedError
from clearprop.graph.layer_call import call
from clearprop.graph.node import Recorded
from clearprop.graph.parameters import Path, has_backward, inner_layers, is_layer
from clearprop.graph.passing import Pass, current, is_bare, running
from clearprop.graph.randomness import generators_in, undrawn
from clearprop.layers import Layer, SoftmaxWithLoss
from clearprop.layers.arguments import real
from clearprop.layers.loss import score_of
from clearprop.layers.stand_in import KEPT
from clearprop.networks.assembly import check_layer, named_layers, one_object_a_place
from clearprop.networks.evaluation import Evaluation, accuracy, scored
from clearprop.networks.learning import Learning, rows_of
from clearprop.networks.members import Members, undeclared
from clearprop.networks.parameters import Parameters, derivative_of
from clearprop.networks.summary import NetworkSummary, summarised
from clearprop.networks.walk import Walk, by_name, copied, record_parameters
from clearprop.primitives.numerical import numerical_gradient


class Network(Layer):
    """Layers assembled, with a loss at the end: in order, or as a `forward` of one's own says.

    `layers` is a mapping from names to layers, or a sequence of layers, which are then named after
    their class and counted: `Affine1`, `Relu1`, `Affine2`. A layer is anything with `forward(x)`
    and `backward(dout)`. Without a `forward` of its own, a network runs them one after the other.

    A network is a layer: it may hold networks, and be held. One with a `forward` of its own may
    hold layers as attributes, lists and mappings too, call them in any way (`self.fc(x)`: skips,
    several inputs, layers used twice) and return several outputs; `x` and `t` may then be tuples,
    and `loss` a sequence of losses, one for each output, which are added. A `loss(x, t)` of its own
    is differentiated as it is written.

    Parameters of layers given as a list are named after their attribute and counted: `W1`, `b1`,
    `W2`, `b2`; others by their path, `block.fc.W`. Layers that share an array share a parameter,
    and its derivative is the sum of theirs. The layers are fixed from the first use on: for other
    layers, make another network.

    `loss` and `gradient` mean the layers' `forward`, `predict`, `accuracy` and `evaluate` their
    `infer`. Only `gradient` (and what trains) is a step of learning, with noise from `rng` that no
    step has used and with state for the next step; all else looks, and changes nothing.

    Errors: `ConfigError` for something that is not a layer, layers that were exchanged later, or a
    float array that the output depends on and that no layer declares.

    >>> from clearprop.layers import Affine, Relu
    >>> rng = np.random.default_rng(0)
    >>> net = Network([Affine.from_sizes(4, 3, rng=rng), Relu(), Affine.from_sizes(3, 2, rng=rng)])
    >>> list(net.layers), list(net.params)
    (['Affine1', 'Relu1', 'Affine2'], ['W1', 'b1', 'W2', 'b2'])
    >>> x, t = np.ones((5, 4)), np.array([0, 1, 0, 1, 0])
    >>> net.predict(x).shape
    (5, 2)
    >>> {name: d.shape for name, d in net.gradient(x, t).items()}
    {'W1': (4, 3), 'b1': (3,), 'W2': (3, 2), 'b2': (2,)}
    """

    own_params: ClassVar[tuple[str, ...]] = ()
    """The arrays of a network itself, beside its layers': what a subclass names in `params`."""

    rng: np.random.Generator

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not isinstance(vars(cls).get("params", cls), type | property):
            cls.own_params = cls.params  # type: ignore[assignment]
            type.__delattr__(cls, "params")  # so that the property is seen again
        for name, wrapped in _OUTERMOST.items():
            if name in vars(cls):
                setattr(cls, name, wrapped(vars(cls)[name]))

    def __init__(
        self,
        layers: Mapping[str, Any] | Iterable[Any] | None = None,
        loss: Any = None,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        if layers is None and type(self).forward is Network.forward:
            layers = ()
        self.layers: OrderedDict[str, Any] = OrderedDict()
        if layers is not None:
            named = layers.items() if isinstance(layers, Mapping) else named_layers(layers)
            self.layers.update(one_object_a_place(named, chain=self.is_chain()))
        self.lastLayer: Any = SoftmaxWithLoss() if loss is None else loss
        for layer in self.losses:
            check_layer("lastLayer", layer, inputs=("x", "t"))
        self.rng = np.random.default_rng(0) if rng is None else rng
        self.frozen: set[str] = set()
        if layers is not None and not self.own_params:
            self._members = Members(self)  # what is wrong with them is said now

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; layers that come anew are found, those in use are not exchanged."""
        holds = isinstance(value, Mapping | list | tuple | np.ndarray) or is_layer(value)
        known = name in self.__dict__ or name == KEPT or name[1:] in self.own_params
        if holds and not known:
            self.__dict__.pop("_members", None)
        object.__setattr__(self, name, value)

    @property
    def members(self) -> Members:
        """What the network keeps about its layers, found at the first use."""
        found = self.__dict__.get("_members")
        if found is None or found.network is not self:
            found = self.__dict__["_members"] = Members(self)
        return found

    @property
    def params(self) -> Parameters:  # type: ignore[override]
        """All parameters by name, live: what the mapping holds is what the layers hold."""
        return self.members.params

    @property
    def states(self) -> Parameters:
        """The state of the layers by name, such as `BatchNormalization1.running_mean`."""
        return self.members.states

    @property
    def losses(self) -> tuple[Any, ...]:
        """The loss layers: one, or one for each output."""
        last = self.lastLayer
        return tuple(last) if isinstance(last, list | tuple) else (last,)

    def name_at(self, path: Path) -> str:
        """The name of the parameter that a path of attributes and keys leads to."""
        return (self.__dict__.get("_members") or self.members).name_at(path)  # also a copy's

    def __call__(self, *inputs: Any) -> Any:
        """Compute the scores of a batch; one node, which opens into the layers, for a Variable."""
        if is_bare():
            with self._look("forward", *inputs) as twin:
                return call(twin, *inputs)
        return call(self, *inputs)

    def forward(self, x: Any) -> Any:
        """Run `x` through the layers one by one, each a node of the graph for a Variable."""
        members = self.__dict__.get("_members")
        if members is None or members.network is self:  # and not a copy
            self.members.check()
        for name, layer in self.layers.items():
            x = call(layer, x, name=name)
        return x

    def predict(self, x: Any) -> Any:
        """Compute the scores of a batch: `x` through all layers, without the loss layer."""
        return self(*x) if isinstance(x, tuple) else self(x)

    def loss(self, x: Any, t: Any) -> Any:
        """Compute the loss of a batch `x` with its labels `t`."""
        return self._loss_of(self.predict(x), t)

    def _loss_of(self, scores: Any, t: Any, *w: Any) -> Any:
        if not isinstance(self.lastLayer, list | tuple):
            return call(self.lastLayer, scores, t, *w)
        if not isinstance(scores, tuple | list) or not len(scores) == len(t) == len(self.losses):
            raise ConfigError(
                f"{type(self).__name__} has {len(self.losses)} losses; forward must return as many "
                "outputs, and t be a tuple of as many targets"
            )
        parts = [call(last, y, s, *w) for last, y, s in zip(self.losses, scores, t, strict=True)]
        return sum(parts[1:], start=parts[0])

    def evaluate(self, x: Any, t: Any, w: Any = None) -> Evaluation:
        """Compute loss and score of a batch at prediction, by the layers' `infer`.

        The loss layer says what the score is, such as accuracy or R². Of several losses the first
        gives the score; one that gives none leaves it NaN. `w` are weights of the samples.

        Errors: those of the loss layer for targets that do not fit it, an empty batch, or scores
        that are not finite; `ConfigError` for weights where a `loss` of its own knows of none.
        """
        scores, weights = self.predict(x), () if w is None else (w,)
        if type(self).loss is Network.loss:
            loss = self._loss_of(scores, t, *weights)
        elif weights:
            raise ConfigError(f"{type(self).__name__} has a loss of its own, which takes no w")
        else:
            loss = self.loss(x, t)
        return Evaluation(float(loss), scored(self.losses, scores, t, w))

    @property
    def score_name(self) -> str | None:
        """What `evaluate` gives as score: accuracy, R², or nothing."""
        return score_of(self.losses[0])

    def accuracy(self, x: Any, t: Any) -> float:
        """Compute the share of samples that are answered rightly, as the loss layer sees it.

        For a loss layer that says nothing of it, an answer is right if the highest score is at the
        label.

        Errors: `ConfigError` if the loss layer gives another score; `LabelError` for labels that do
        not fit, `DataError` for an empty batch, `NonFiniteError` for scores that are not finite.
        """
        return accuracy(self.losses, self.predict(x), t)

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """Compute the derivative of the loss by every parameter, by backpropagation.

        This is a step of learning: see the class.
        """
        return self.loss_and_gradient(x, t)[1]

    def loss_and_gradient(self, x: Any, t: Any) -> tuple[Any, dict[str, Any]]:
        """Compute the loss and its derivative by every parameter in one forward and backward."""
        self.members.check()
        self.audit(x, t)
        if self._goes_straight(x, t):
            return self._straight(x, t)
        twin, copies = copied(self)
        walk = Walk(self, twin, copies, Pass("forward", current().rng))
        loss = walk.loss(x, t)
        self.check_predict(walk.passing)
        names = self.trained
        found = walk.derivatives(loss, names)
        gradients = {}
        for name in names:
            v = walk.params[name]
            dx = found.get(v)
            gradients[name] = np.zeros_like(v.data) if dx is None else dx
        walk.keep(gradients)
        self.learning.ran += walk.ran()
        return loss.data, gradients

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, np.ndarray]:
        """Compute the same derivatives by central differences: slow, and independent of `backward`.

        The work is done on a float64 copy of the network; the network stays as it is.
        """
        network, drawn = self.astype(np.float64), None
        if self.members.noisy:  # the very noise, for another dtype might draw another
            twin, _ = self._looking_copy("forward", x)
            with running(Pass("forward", outer=self._looking_pass("forward"))) as passing:
                twin.loss(x, t)
            drawn = passing.drawn
        cast = _as_float64(x, type(self).__name__)
        twin, _ = network._looking_copy("forward", cast)

        def loss(_: Any) -> Any:
            with running(Pass("forward", again=drawn)):
                return twin.loss(cast, t)

        return {name: numerical_gradient(loss, network.params[name]) for name in self.trained}

    @property
    def trained(self) -> list[str]:
        """The names of the parameters that are not frozen."""
        return [name for name in self.params if name not in self.frozen]

    def freeze(self, *patterns: str) -> None:
        """Leave parameters out of gradients and training, by name or pattern: `W1`, `block.*`.

        Errors: `ConfigError` for a pattern that fits no parameter.
        """
        self.frozen |= self._matching(patterns)

    def unfreeze(self, *patterns: str) -> None:
        """Train parameters again that were frozen; all of them without a pattern."""
        self.frozen -= self._matching(patterns or ("*",))

    def _matching(self, patterns: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for pattern in patterns:
            names = {name for name in self.params if fnmatchcase(name, pattern)}
            if not names:
                raise ConfigError(
                    f"no parameter is called {pattern!r}; there are: {', '.join(self.params)}"
                )
            found |= names
        return found

    def astype(self, dtype: DTypeLike) -> Self:
        """Copy the network with parameters of another dtype; nothing is shared with the copy.

        Errors: `ConfigError` for a dtype that would cut off the fractions.
        """
        if np.dtype(dtype).kind != "f":
            raise ConfigError(
                f"parameters cannot be of dtype {np.dtype(dtype)}; use float32 or float64"
            )
        twin = copy.deepcopy(self)
        for name, array in twin.params.items():
            twin.params[name] = np.array(array, dtype=dtype)
        twin.learning.astype(twin.members, dtype)
        return twin

    def summary(self, x: Any) -> NetworkSummary:
        """Summarise the layers as a table, run on a batch `x` or on one sample's shape.

        >>> from clearprop.networks import TwoLayerNet
        >>> print(TwoLayerNet(784, 50, 10).summary((784,)))
        layer    kind    output shape  parameters  multiply-adds
        ───────  ──────  ────────────  ──────────  ─────────────
        Affine1  Affine  (N, 50)           39,250         39,200
        Relu1    Relu    (N, 50)                0              0
        Affine2  Affine  (N, 10)              510            500
        ───────  ──────  ────────────  ──────────  ─────────────
        total                              39,760         39,700
        """
        if isinstance(x, tuple) and all(isinstance(n, int) for n in x):
            x = np.zeros((1, *x), dtype=np.float32)
        elif not isinstance(x, tuple) and np.ndim(x) == 1 and np.asarray(x).dtype.kind == "f":
            x = np.reshape(x, (1, -1))  # one sample; whole numbers are a batch of classes
        walk = self.walk("infer", x)
        walk.predict(x)
        return summarised(walk)

    def walk(self, formula: str, x: Any) -> Walk:
        """A walk through copies of the layers that looks, and changes nothing; see `Walk`."""
        self.members.check()
        twin, copies = self._looking_copy(formula, x)
        return Walk(self, twin, copies, self._looking_pass(formula))

    def __repr__(self) -> str:
        found = [*inner_layers(self)]
        lines = [
            f"  {'.'.join(map(str, path[path[0] == 'layers' :]))}: {layer!r}"
            for path, layer in found
            if path[0] != "lastLayer"
        ]
        losses = ", ".join(map(repr, self.losses))
        return "\n".join([f"{type(self).__name__}(", *lines, f"  loss: {losses}", ")"])

    def is_chain(self) -> bool:
        """Whether the layers run one after the other, by no `forward` of its own."""
        return type(self).forward is Network.forward

    def _goes_straight(self, x: Any, t: Any) -> bool:
        """Whether a chain on plain arrays may go straight through its layers: see `Walk` for all
        others. Recording costs 2.6 times as much on a network of two layers."""
        own = (getattr(type(self), name) is getattr(Network, name) for name in _FORMULAS)
        return (
            all(own)
            and len(self.losses) == 1
            and not isinstance(self.lastLayer, list | tuple)
            and not self.frozen
            and not self.members.repeated
            and not isinstance(x, tuple | Recorded)
            and all(map(has_backward, (*self.layers.values(), self.lastLayer)))
        )

    def _straight(self, x: Any, t: Any) -> tuple[Any, dict[str, Any]]:
        loss = self.loss(x, t)
        dout = self.lastLayer.backward(1)
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        gradient = {}
        for name, owners in self.params.owners.items():
            parts = [derivative_of(layer, attribute) for layer, attribute in owners]
            gradient[name] = sum(parts[1:], start=parts[0])
        return loss, gradient

    @property
    def learning(self) -> Learning:
        """What the network remembers of its last step."""
        found = self.__dict__.get("_learning")
        if found is None:
            found = self.__dict__["_learning"] = Learning()
        return found

    def audit(self, x: Any, t: Any) -> None:
        """Before the first step: refuse float arrays that nobody declared and the loss depends on.

        Errors: `ConfigError` names the layer and the array.
        """
        if self.__dict__.get("_audited") is not self.members:
            layers = self.members.layers.values()
            if any(True for layer in layers for _ in undeclared(layer)):
                twin, copies = copied(self)
                with undrawn(generators_in(layers)):
                    Walk(self, twin, copies, self._looking_pass("forward"), audited=True).loss(x, t)
            self.__dict__["_audited"] = self.members

    def check_predict(self, passing: Pass) -> None:
        """Refuse a `predict` that says something else than what is learned."""
        if type(self).predict is not Network.predict and not passing.predicted:
            raise ConfigError(
                f"{type(self).__name__} has a predict of its own that its loss does not use, so "
                "that it would learn one thing and predict another; call self.predict(x) in loss"
            )

    def has_glue(self) -> bool:
        """Whether code of the network's own, or of layers that hold layers, stands between them."""
        own = any(getattr(type(self), n) is not getattr(Network, n) for n in _FORMULAS)
        inside = (layer for name, layer in self.members.layers.items() if name)
        return own or any(not has_backward(v) and any(inner_layers(v)) for v in inside)

    @contextmanager
    def _learn(self, x: Any) -> Iterator[None]:
        """A step of learning; if it fails, state and generator are as they were."""
        members, rng = self.members, self.rng
        self.learning.begin(members, rng, rows_of(x))
        ran: list[tuple[str, Any]] = []
        self.learning.ran = ran
        passing = Pass("forward", rng, ran=[], plain=True)
        try:
            with running(passing):
                yield
            ran += by_name(members, passing.ran or ())
            self.learning.leave(members, ran)
        except BaseException:
            self.learning.undo(members, rng)
            raise
        finally:
            self.learning.ran = []

    @contextmanager
    def _look(self, formula: str, x: Any, *others: Any, views: bool = False) -> Iterator[Self]:
        """A look at the network, on copies of its layers."""
        self.members.check()
        twin, copies = self._looking_copy(formula, x, views)
        given = (*(x if isinstance(x, tuple) else (x,)), *others)
        if any(isinstance(part, Recorded) for part in given):
            record_parameters(self, copies)
        with running(self._looking_pass(formula)):
            yield twin

    def _looking_copy(
        self, formula: str, x: Any, views: bool = False
    ) -> tuple[Any, dict[int, Any]]:
        twin, copies = copied(self, views)
        self.learning.show(self.members, copies, formula, rows_of(x))
        return twin, copies

    def _looking_pass(self, formula: str) -> Pass:
        rng = self.learning.generator(self.rng) if self.members.noisy else None
        return Pass(formula, rng, plain=True)


def _looks(formula: str) -> Callable[[Any], Any]:
    """Let a method decide, if it is the outermost, which formula all inside means."""

    def wrapped(method: Any) -> Any:
        @wraps(method)
        def outermost(self: Network, x: Any, *args: Any, **more: Any) -> Any:
            passing = current()
            if not is_bare():
                passing.predicted |= formula == "infer"
                return method(self, x, *args, **more)
            if not self.__dict__.get("_writes"):
                try:
                    with self._look(formula, x, *args, views=True) as twin:
                        return method(twin, x, *args, **more)
                except (ValueError, UnsupportedError) as error:
                    if "read-only" not in str(error):
                        raise
                    self.__dict__["_writes"] = True  # a layer that fills an array of its own
            with self._look(formula, x, *args) as twin:
                return method(twin, x, *args, **more)

        return outermost

    return wrapped


def _learns(method: Any) -> Any:
    """Let a method be a step of learning, if it is the outermost."""

    @wraps(method)
    def outermost(self: Network, x: Any, *args: Any, **more: Any) -> Any:
        if not is_bare():
            return method(self, x, *args, **more)
        with self._learn(x):
            return method(self, x, *args, **more)

    return outermost


_FORMULAS = ("forward", "predict", "loss", "gradient", "loss_and_gradient")
_OUTERMOST: dict[str, Callable[[Any], Any]] = {
    "loss": _looks("forward"),
    "predict": _looks("infer"),
    "accuracy": _looks("infer"),
    "evaluate": _looks("infer"),
    "gradient": _learns,
    "loss_and_gradient": _learns,
}
for _name, _wrapped in _OUTERMOST.items():
    setattr(Network, _name, _wrapped(vars(Network)[_name]))


def _as_float64(x: Any, name: str) -> Any:
    if isinstance(x, tuple):
        return tuple(_as_float64(part, name) for part in x)
    x = x if isinstance(x, np.ndarray) and x.dtype.kind in "iub" else real(x, name)
    return np.asarray(x, dtype=np.float64) if np.asarray(x).dtype.kind == "f" else x
