"""The gradient of a whole network: that it puts the derivatives of its layers together rightly."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.checking import differences
from clearprop.checking.copies import private, same_draws
from clearprop.checking.findings import Finding, Kind
from clearprop.checking.layer_report import LayerReport, Row
from clearprop.checking.passes import told
from clearprop.networks import Network


class WholeNetwork:
    """A network on a batch as one layer: `forward` is its loss, `backward` its gradient."""

    runs_alone = True

    def __init__(self, network: Any, x: Any, t: Any) -> None:
        self.network, self.x, self.t = network, x, t
        self.grads: dict[str, Any] = {}

    @property
    def params(self) -> Any:
        return parameters(self.network)

    def forward(self) -> Any:
        return self.network.loss(self.x, self.t)

    def backward(self, dout: Any) -> Any:
        gradient = unlearned(self.network).gradient(self.x, self.t)
        self.grads = {name: dout * np.asarray(d) for name, d in gradient.items()}
        return ()


def unlearned(network: Any) -> Any:
    """A float64 copy, whose next gradient sees the state and the noise that its loss sees now."""
    if not isinstance(network, Network):
        return network
    twin = private(network)
    twin.__dict__.pop("_learning", None)
    return twin


def parameters(network: Any) -> Any:
    """The parameters that a network has derivatives by."""
    if getattr(network, "frozen", ()):
        return {name: network.params[name] for name in network.trained}
    return network.params


def whole_network(
    network: Any, x: Any, t: Any, rng: np.random.Generator, examine: Callable[..., LayerReport]
) -> LayerReport | None:
    """Compare `network.gradient` with the slope of `network.loss` along one random direction.

    All layers have been found right; what can still be wrong is their order, a derivative that is
    stored under another name, or one that is left out. Only then is the whole network examined
    like a layer, `examine(name, layer, inputs)`. `None` if it has no parameters, loss or gradient.
    """
    has = all(callable(getattr(network, name, None)) for name in ("loss", "gradient"))
    if not has or not isinstance(getattr(network, "params", None), Mapping):
        return None
    name = f"{type(network).__name__}.gradient"
    if isinstance(network, Network):
        network, x, t = unlearned(network), private(x), private(t)
    elif np.asarray(x).dtype.kind in "fiu":
        x = np.asarray(x, np.float64)
    notes: tuple[Finding, ...] = ()
    seed = int(rng.integers(2**63))
    try:
        gap = _gap(network, x, t, seed, {})
        for flag in _flags(network.loss) if gap is None or gap > 1e-4 else ():
            other = _gap(network, x, t, seed, flag)
            if other is not None and other <= 1e-4:
                (text,) = (f"{key}={value}" for key, value in flag.items())
                message = (
                    "gradient runs in another mode than loss does by default: it was compared with "
                    f"loss(x, t, {text})"
                )
                gap, notes = (
                    other,
                    (Finding(layer=name, kind=Kind.INTERFACE, message=message, fault=False),),
                )
    except (Exception, SystemExit) as error:
        finding = Finding(layer=name, kind=Kind.RAISES, message=f"it raises {told(error)}")
        return LayerReport(name, type(network).__name__, findings=(finding,))
    if gap is not None and gap <= 1e-4:
        size = sum(int(np.size(array)) for array in parameters(network).values())
        row = Row("all parameters", (size,), gap, gap, "a direction")
        return LayerReport(name, type(network).__name__, rows=(row,), findings=notes)
    return examine(name, WholeNetwork(network, x, t), ())


def _flags(loss: Any) -> list[dict[str, bool]]:
    """The other values of the switches that a loss takes, such as `train_flg=False`."""
    return [
        {p.name: not p.default}
        for p in inspect.signature(loss).parameters.values()
        if isinstance(p.default, bool)
    ]


def _gap(network: Any, x: Any, t: Any, seed: int, flag: dict[str, bool]) -> float | None:
    network, t, rng = private(network), private(t), np.random.default_rng(seed)
    with same_draws():
        gradient = network.gradient(x, t)
    base = {name: np.array(array) for name, array in parameters(network).items()}
    if {n: np.shape(d) for n, d in gradient.items()} != {n: a.shape for n, a in base.items()}:
        return None
    direction = {
        name: differences.sizes(array) * rng.choice([-1.0, 1.0], array.shape)
        for name, array in base.items()
    }

    def loss(h: float) -> np.ndarray:
        for name, array in base.items():
            network.params[name][...] = array + h * direction[name]
        with same_draws():
            return np.array([float(network.loss(x, t, **flag))])

    slope = differences.slope(loss, loss(0.0))
    numeric, error = float(slope.value[0]), 3 * float(slope.error[0])
    moved = [float(np.sum(gradient[name] * direction[name])) for name in base]
    whole = max(abs(numeric), float(np.linalg.norm(moved))) or 1.0
    if not np.isfinite(numeric):
        return None
    return max(0.0, abs(numeric - sum(moved)) - 10 * error) / whole
