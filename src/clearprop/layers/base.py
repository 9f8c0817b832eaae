"""What a layer is: `forward`, `backward`, its arrays by name, and samples for the checks."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ClassVar

import numpy as np

from clearprop.graph.away import Lends
from clearprop.graph.layer_call import call, in_order
from clearprop.graph.overriding import is_outdated
from clearprop.graph.parameters import has_backward, layers_of, names_of
from clearprop.graph.passing import enter, prediction_flags
from clearprop.layers.stand_in import remembering, stand_in

Samples = Iterator[tuple[Any, tuple[Any, ...]]]
"""Layers, each with inputs."""


class Layer(Lends):
    """One step of a network, written once in plain NumPy.

    A layer of one's own derives from this class and gives

    - `forward(*inputs)`: arrays in, array out; keeps on `self` what `backward` will need;
    - `backward(dout)`: the derivative from upstream in, the derivatives of the inputs out (one, or
      a tuple in the order of `forward`'s arguments); sets `dW` for each parameter `W`;
    - `params`: the names of its parameters;
    - `samples(rng)`: layers with inputs on which the checks try it.

    `backward` may be written last: until then, automatic differentiation of `forward` stands in;
    so it does where a subclass writes `forward` anew, and not `backward`.
    A layer that holds layers calls them, `self.fc(x)`; their parameters are its own too.

    Where they are needed, each in plain NumPy:

    - `infer(*inputs)`: the formula at prediction, where it is not `forward`;
    - `noise = ("u",)` and `draw(rng, *inputs)`, which gives the arrays of these names: what is
      random in one pass. `forward` finds it as `self.u`;
    - `state = ("running_mean",)` and `next_state()`, which gives the new values, in order, from
      what `forward` kept. Within a step of training state is constant. `carried = ("h",)` is state
      with a row for each sample, which starts at zero in `infer` and after `reset()`;
    - `fixed = ("positions",)`: arrays that are deliberately not learned.

    `forward` and `backward` write into no array that they did not make, draw no hidden random
    numbers, and give the same answer for the same inputs. `backward` uses `dout` and leaves it as
    it was.

    >>> class Double(Layer):
    ...     def forward(self, x):
    ...         return 2 * x
    ...     def backward(self, dout):
    ...         return 2 * dout
    >>> Double()(np.array([1.0, 2.0]))
    array([2., 4.])
    """

    params: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes that are learned; the derivative of `W` is set as `dW`."""

    constants: ClassVar[tuple[str, ...]] = ()
    """Names of the inputs that have no derivative, such as the labels `t` of a loss."""

    state: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays that are carried on from step to step; see `next_state`."""

    carried: ClassVar[tuple[str, ...]] = ()
    """Names of the state that has a row for each sample."""

    noise: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays that `draw` gives for one pass."""

    fixed: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays that are deliberately not learned."""

    out_shape: tuple[int, ...] | None = None
    """What a layer may keep to hold `dout` against: the shape of its last output."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let `forward` keep its inputs where there is no `backward` for it, for the stand-in."""
        super().__init_subclass__(**kwargs)
        outdated = is_outdated(cls, "backward")
        if outdated:
            cls.backward = Layer.backward
        if not outdated and "forward" not in vars(cls):
            return
        if not has_backward(cls):
            cls.forward = remembering(cls.forward)
        if cls.noise or cls.state or cls.carried or cls.infer is not Layer.infer:
            cls.forward = _entered(cls.forward)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Run the layer: `layer(x)` is `layer.forward(x)`, and one node if `x` is a Variable.

        Inputs may be given by name, as `forward` calls them.
        """
        return call(self, *(in_order(self, inputs, named) if named else inputs))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output from the inputs."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(); write one")

    forward.is_missing = True  # type: ignore[attr-defined]

    def backward(self, dout: Any) -> Any:
        """Compute the derivatives of the inputs from the derivative of the output.

        Until a layer has its own, this serves: automatic differentiation of `forward`, or central
        differences where that writes into arrays and cannot be recorded.
        """
        if type(self).forward is Layer.forward:
            raise NotImplementedError(f"{type(self).__name__} has no backward(); write one")
        return stand_in(self, dout)

    backward.is_missing = True  # type: ignore[attr-defined]  # nobody wrote it

    def infer(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output at prediction: by default `forward`.

        A `forward` that takes `train_flg` or `training` is told `False`.
        """
        return self.forward(*args, **prediction_flags(type(self).forward, 1 + len(args)))

    infer.is_missing = True  # type: ignore[attr-defined]

    def draw(self, rng: "np.random.Generator", *args: Any, **kwargs: Any) -> Any:
        """Draw the arrays of `noise` for one pass: one array, or a tuple in the order of names."""
        raise NotImplementedError(f"{type(self).__name__} has noise but no draw(rng, …); write one")

    def next_state(self) -> Any:
        """Compute the new values of `state` and `carried`, in order, from what `forward` kept."""
        raise NotImplementedError(f"{type(self).__name__} has state but no next_state(); write one")

    def reset(self) -> None:
        """Let what is `carried`, here and in the layers inside, start at zero again."""
        for _, held in layers_of(self):
            for name in names_of(held, "carried"):
                value = getattr(held, name)
                if value is not None:
                    setattr(held, name, np.zeros_like(value))

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        """Yield pairs `(layer, inputs)` for the checks: ordinary ones and awkward ones."""
        raise NotImplementedError(
            f"{cls.__name__} has no samples(rng); yield some pairs (layer, inputs) to be checked on"
        )

    def __repr__(self) -> str:
        parts = (f"{name}: {np.shape(getattr(self, name))}" for name in self.params)
        return f"{type(self).__name__}({', '.join(parts)})"


def _entered(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Let a `forward` that depends on more than its inputs refuse to be passed by."""

    @wraps(forward)
    def checked(self: Any, *inputs: Any, **flags: Any) -> Any:
        enter(self, inputs)
        return forward(self, *inputs, **flags)

    return checked
