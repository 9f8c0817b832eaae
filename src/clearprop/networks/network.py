"""Layers assembled into a network."""

import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ConfigError
from clearprop.graph.layer_call import call, in_order
from clearprop.graph.parameters import has_backward, inner_layers
from clearprop.graph.passing import Pass, current, is_bare, running
from clearprop.layers import SoftmaxWithLoss
from clearprop.layers.arguments import real
from clearprop.layers.loss import score_of
from clearprop.networks.asked import names_asked_for
from clearprop.networks.assembled import Assembled
from clearprop.networks.assembly import name_layer
from clearprop.networks.bare_chain import goes_straight, straight
from clearprop.networks.evaluation import Evaluation, given, scored
from clearprop.networks.fitting import (
    check_arity,
    check_outputs,
    check_predict,
    check_weighs,
    refuse_class,
)
from clearprop.networks.learning import rows_of
from clearprop.networks.outermost import check_list, plain
from clearprop.networks.own_gradients import COMPUTING
from clearprop.networks.walk import Walk, copied
from clearprop.primitives.numerical import numerical_gradient

if TYPE_CHECKING:
    from clearprop.networks.summary import NetworkSummary


class Network(Assembled):
    """Layers assembled, with a loss at the end: in order, or as a `forward` of one's own says.

    `layers` is a mapping from names to layers, or a sequence of layers, which are then named after
    their class and counted: `Affine1`, `Relu1`, `Affine2`. A layer is anything with `forward(x)`
    and `backward(dout)`. Without a `forward` of its own, a network runs them one after the other.

    A network is a layer: it may hold networks, and be held. One with a `forward` of its own may
    hold layers as attributes, lists and mappings too, call them in any way (`self.fc(x)`: skips,
    several inputs, layers used twice) and return several outputs; `x` and `t` may then be tuples,
    and `loss` a sequence of losses, one for each output, which are added. A `loss(x, t)` of its own
    is differentiated as it is written; where it asks no loss layer, and none is given, targets are
    taken as they are, and there is no score.

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

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Compute the scores of a batch; one node, which opens into the layers, for a Variable."""
        inputs = in_order(self, inputs, named) if named else inputs
        if is_bare():
            check_arity(self, inputs if len(inputs) != 1 else inputs[0])
            inputs = plain(inputs)
            with self.look("forward", *inputs, by="__call__") as twin:
                return call(twin, *inputs)
        return call(self, *inputs)

    def forward(self, x: Any) -> Any:
        """Run `x` through the layers one by one, each a node of the graph for a Variable."""
        members = self.__dict__.get("_members")
        if members is None or members.network is self:  # and not a copy
            self.members.check()
        current().chained = True
        name = ""
        try:
            for name, layer in self.layers.items():
                x = call(layer, x, name=name)
        except Exception as error:
            name_layer(error, name)
            raise
        return x

    def predict(self, x: Any) -> Any:
        """Compute the scores of a batch: `x` through all layers, without the loss layer."""
        return self._by_forward(x)

    def _by_forward(self, x: Any) -> Any:
        check_arity(self, x)
        return self(*x) if isinstance(x, tuple) else self(x)

    def _scores(self, x: Any) -> Any:
        """What the loss layer is asked about: what the network gives, and not what a `predict` of
        its own makes of it, unless that is all there is and its `loss` asks it, as in the book."""
        by_predict = (
            self.is_chain() and self.has_own("predict") and "predict" in self._asked_by("loss")
        )
        return self.predict(x) if by_predict else self._by_forward(x)

    def loss(self, x: Any, t: Any, w: Any = None) -> Any:
        """Compute the loss of a batch `x` with its labels `t`; `w` are weights of the samples."""
        if w is not None:
            check_weighs(self, "w")
        return self._loss_of(self._by_forward(x), t, *given(w))

    def _loss_of(self, scores: Any, t: Any, *w: Any) -> Any:
        check_outputs(self, scores)
        if not isinstance(self.lastLayer, list | tuple):
            return call(self.lastLayer, scores, t, *w)
        if not self.losses:
            raise ConfigError(f"{type(self).__name__} has no loss layer; give it one, loss=…")
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
        that are not finite; `ConfigError` for weights where a loss knows of none.
        """
        if w is not None:
            check_weighs(self, "w")
        scores, weights = self._scores(x), given(w)
        if self.has_own_loss():
            loss = self.loss(x, t, *weights)
        else:
            loss = self._loss_of(scores, t, *weights)
        return Evaluation(float(loss), scored(self.losses, scores, t, w))

    def _loss_at_prediction(self, x: Any, t: Any, w: Any = None) -> Any:
        """The loss of `evaluate` alone: where it is one's own, the network runs once for it."""
        return self.loss(x, t, *given(w))

    @property
    def score_name(self) -> str | None:
        """What `evaluate` gives as score: accuracy, R², or nothing."""
        return score_of(self.losses[0]) if self.losses else None

    def accuracy(self, x: Any, t: Any) -> float:
        """Compute the share of samples that are answered rightly, as the loss layer sees it.

        For a loss layer that says nothing of it, an answer is right if the highest score is at the
        label.

        Errors: `ConfigError` if the loss layer gives another score; `LabelError` for labels that do
        not fit, `DataError` for an empty batch, `NonFiniteError` for scores that are not finite.
        """
        scores, losses = self._scores(x), self.losses
        check_outputs(self, scores)
        if self.score_name not in (None, "accuracy"):
            raise ConfigError(
                f"accuracy: {type(losses[0]).__name__} does not tell right answers from wrong "
                f"ones; its score is {self.score_name}, which evaluate(x, t) gives"
            )
        return scored(losses if self.score_name else (SoftmaxWithLoss(), *losses[1:]), scores, t)

    def gradient(self, x: Any, t: Any, w: Any = None) -> dict[str, Any]:
        """Compute the derivative of the loss by every parameter, by backpropagation.

        `w` are weights of the samples, if any. This is a step of learning: see the class.
        """
        return self.loss_and_gradient(x, t, *given(w))[1]

    def loss_and_gradient(self, x: Any, t: Any, w: Any = None) -> tuple[Any, dict[str, Any]]:
        """Compute the loss and its derivative by every parameter in one forward and backward."""
        if w is not None:
            check_weighs(self, "w")
        self.members.check()
        self.audit(x, t)
        if self.goes_straight(x):
            return straight(self, x, t, *given(w))
        twin, copies = copied(self)
        walk = Walk(self, twin, copies, Pass("forward", current().rng))
        loss = walk.loss(x, t, *given(w))
        check_predict(self, walk.passing, x)
        params = {name: walk.params[name] for name in self.trained}
        found = walk.derivatives(loss, params)
        gradients = {
            n: found[v] if v in found else np.zeros_like(v.data) for n, v in params.items()
        }
        walk.keep(gradients)
        self.learning.ran += walk.ran()
        return loss.data, gradients

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, np.ndarray]:
        """Compute the same derivatives by central differences: slow, and independent of `backward`.

        The work is done on a float64 copy of the network; the network stays as it is.
        """
        network, drawn = self.astype(np.float64), None
        if self.members.noisy:  # the very noise, for another dtype might draw another
            twin, _ = self.looking_copy("forward", x)
            with running(Pass("forward", outer=self.looking_pass("forward"))) as passing:
                twin.loss(x, t)
            drawn = passing.drawn
        cast = _as_float64(x, type(self).__name__)
        twin, _ = network.looking_copy("forward", cast)

        def loss(_: Any) -> Any:
            with running(Pass("forward", again=None if drawn is None else iter(drawn))):
                return twin.loss(cast, t)

        return {name: numerical_gradient(loss, network.params[name]) for name in self.trained}

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

    def summary(self, x: Any) -> "NetworkSummary":
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
        from clearprop.networks.summary import summarised  # most programs do without it

        check_list(self, x)
        if isinstance(x, tuple) and all(isinstance(n, int) for n in x):
            x = np.zeros((2, *x), dtype=np.float32)
        elif not isinstance(x, tuple) and np.ndim(x) == 1 and np.asarray(x).dtype.kind == "f":
            x = np.stack([x, x])  # one sample; whole numbers are a batch of classes
        walk = self.walk("infer", x)
        walk.predict(x)
        return summarised(walk, rows_of(x) or 1)

    def is_chain(self) -> bool:
        """Whether the layers run one after the other, by no `forward` of its own."""
        return not self.has_own("forward")

    def has_own(self, *names: str) -> bool:
        """Whether one of these methods is written anew."""
        return any(getattr(type(self), name) is not getattr(Network, name) for name in names)

    def has_own_loss(self) -> bool:
        """Whether the loss is written anew, and not that of the loss layers for what `forward`
        gives."""
        return self.has_own("loss")

    def asks_loss_layer(self) -> bool:
        """Whether the loss is that of a loss layer: by no `loss` of its own, or by one that asks
        it, itself or in another method."""
        own = {name for c in self._own_classes() for name in vars(c)}
        asked = {"lastLayer", "losses", "_loss_of"}
        return (
            "loss" not in own
            or "loss" in self._asked_by("loss")
            or any(not asked.isdisjoint(self._asked_by(name)) for name in own)
        )

    def _own_classes(self) -> list[type]:
        return [c for c in type(self).__mro__ if issubclass(c, Network) and c is not Network]

    def _asked_by(self, method: str) -> set[str]:
        """The names that a method of a subclass asks for, in each class that writes it."""
        written = (vars(c).get(method) for c in self._own_classes())
        return {name for each in written for name in names_asked_for(each)}

    def goes_straight(self, x: Any) -> bool:
        return goes_straight(self, x)

    def only_calls(self, method: str) -> bool:
        own = ("__call__", "predict", "loss", "_loss_of")
        return method in own and not self.has_own(*own)

    def in_a_row(self) -> tuple[Any, ...]:
        """The layers that `forward` calls one after another, and does nothing else."""
        members = self.__dict__.get("_members") or self.members  # also a copy's
        return tuple(self.layers.values()) if self.is_chain() and not members.repeated else ()

    def glue(self) -> list[Any]:
        """What has code of its own between the layers: the network, and layers that hold layers."""
        inside = (layer for name, layer in self.members.layers.items() if name)
        held = [v for v in inside if not has_backward(v) and any(inner_layers(v))]
        return [self, *held] if self.has_own(*COMPUTING) else held


def _as_float64(x: Any, name: str) -> Any:
    if isinstance(x, tuple):
        return tuple(_as_float64(part, name) for part in x)
    x = x if isinstance(x, np.ndarray) and x.dtype.kind in "iub" else real(x, name)
    return np.asarray(x, dtype=np.float64) if np.asarray(x).dtype.kind == "f" else x


def check_network(network: Any) -> None:
    """Refuse what is no network where one is due. Errors: `ConfigError`."""
    refuse_class("network", network)
    if isinstance(network, Network):
        return
    remedy = "put its layers together: Network([…])"
    if not isinstance(network, list | tuple):
        remedy = "give a Network, in the order of the arguments that the help shows"
    raise ConfigError(f"the network is a {type(network).__name__}; {remedy}")
