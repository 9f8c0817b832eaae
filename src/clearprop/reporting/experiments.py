"""The experiments of the book's chapter 6: each gives panels, the arguments of `chart`.

Images `x` are (N, D) float arrays, labels `t` class numbers. Everything is drawn from fixed seeds.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from clearprop.errors import NonFiniteError
from clearprop.networks import Network, dense_layers
from clearprop.reporting.charts import Line
from clearprop.reporting.curves import STYLES, smooth
from clearprop.reporting.scales import label, percent
from clearprop.training import SGD, AdaGrad, Adam, History, Momentum, Optimizer, RMSprop, Trainer

Panel = dict[str, Any]
HIDDEN = 100
"""The neurons of each hidden layer."""


def valley(steps: int = 24) -> Iterator[Panel]:
    """The paths of optimisers down `f(x, y) = x² / 20 + y²`, from (−7, 2): section 6.1.

    >>> [panel["title"].partition(":")[0] for panel in valley()]
    ['SGD', 'Momentum', 'AdaGrad', 'Adam']
    """
    angle = np.linspace(0, 2 * np.pi, 100)
    heights = [
        Line("", np.sqrt(20 * f) * np.cos(angle), np.sqrt(f) * np.sin(angle), "a thin")
        for f in (0.25, 1, 2.25, 4, 6.25)
    ]
    for optimizer in (SGD(0.95), Momentum(0.1), AdaGrad(1.5), Adam(0.3)):
        params, path = {"x": -7.0, "y": 2.0}, [(-7.0, 2.0)]
        for _ in range(steps):
            optimizer.update(params, {"x": params["x"] / 10, "y": 2 * params["y"]})
            path.append((params["x"], params["y"]))
        name, (x, y) = type(optimizer).__name__, np.array(path).T
        title = f"{name}: {steps} steps with lr = {label(float(optimizer.lr))}"  # type: ignore[arg-type]
        yield {"marks": [*heights, Line("", x, y, "b")], "title": title, "x_label": "x"}


def activations(depth: int = 5, samples: int = 1000) -> Iterator[Panel]:
    """How activations are spread, layer by layer, by the first weights: section 6.2."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, HIDDEN))
    for kind, init in (
        ("sigmoid", 1.0), ("sigmoid", 0.01), ("sigmoid", "xavier"),
        ("relu", 0.01), ("relu", "xavier"), ("relu", "he"),
    ):  # fmt: skip
        layers = dense_layers([HIDDEN] * (depth + 1) + [1], activation=kind, init=init, rng=rng)
        lines, z, top = [], x, 1.0 if kind == "sigmoid" else 2.0
        for layer in layers[:-1]:
            z = layer.forward(z)
            if type(layer).__name__ != "Affine":
                share, edges = np.histogram(z, 20, (0, top))
                name = f"layer {len(lines) + 1}"
                x_steps = np.repeat(edges, 2)[1:-1]
                lines.append(Line(name, x_steps, np.repeat(share / z.size, 2), STYLES[len(lines)]))
        told = f"deviation {init:g}" if isinstance(init, float) else str(init).capitalize()
        yield {
            "marks": lines, "title": f"{kind}, {told}", "x_label": "activation",
            "write": percent, "log": kind == "relu",
        }  # fmt: skip


def optimizers(x: Any, t: Any, iterations: int = 2000) -> Iterator[Panel]:
    """The loss of five optimisers, and of three initialisations: sections 6.1.8 and 6.2.4."""
    made = (SGD(0.01), Momentum(0.01), AdaGrad(0.01), RMSprop(0.001), Adam(0.001))
    until = {"scored": False, "iterations": iterations}
    losses = {type(o).__name__: _learned(_net(), x, t, o, **until).loss for o in made}
    yield {**_losses(losses), "title": "Loss of optimisers"}
    inits: dict[str, Any] = {"standard deviation 0.01": 0.01, "Xavier": "xavier", "He": "he"}
    losses = {
        name: _learned(_net(init=init), x, t, SGD(0.01), **until).loss
        for name, init in inits.items()
    }
    yield {**_losses(losses), "title": "Loss of SGD by first weights"}


def batch_norm(x: Any, t: Any, epochs: int = 20, samples: int = 1000) -> Iterator[Panel]:
    """Accuracy with and without batch normalisation, for first weights of many sizes: 6.3."""
    x, t = x[:samples], t[:samples]
    for scale in (1.0, 0.3, 0.1, 0.03, 0.01, 0.001):
        lines = []
        for name, on, style in (("with", True, "a"), ("without", False, "b dashed")):
            network = _net(depth=5, init=scale, batch_norm=on)
            history = _learned(network, x, t, SGD(0.01), epochs=epochs)
            lines.append(Line(name, history.epoch, history.train_score, style))
        title = f"Weights of {label(scale)}"
        yield {"marks": lines, "title": title, "x_label": "epoch", "write": percent}


def overfitting(
    x: Any, t: Any, x_test: Any, t_test: Any, epochs: int = 200, samples: int = 300
) -> Iterator[Panel]:
    """Learning few samples by heart, with weight decay, and with dropout: section 6.4."""
    ways = {
        "Neither": (_net(depth=6), SGD(0.01)),
        "Weight decay 0.1": (_net(depth=6), SGD(0.01, weight_decay=0.1)),
        "Dropout 0.2": (_net(depth=6, dropout=0.2), SGD(0.01)),
    }
    x, t = x[:samples], t[:samples]
    for title, (network, optimizer) in ways.items():
        history = _learned(network, x, t, optimizer, x_test, t_test, epochs=epochs)
        lines = [
            Line("training", history.epoch, history.train_score, "a"),
            Line("test", history.epoch, history.test_score, "b"),
        ]
        yield {"marks": lines, "title": title, "x_label": "epoch", "write": percent}


def _net(depth: int = 4, **how: Any) -> Network:
    rng = np.random.default_rng(0)
    return Network(dense_layers([784, *[HIDDEN] * depth, 10], rng=rng, **how), rng=rng)


def _learned(
    network: Network,
    x: Any,
    t: Any,
    optimizer: Optimizer,
    *test: Any,
    scored: bool = True,
    **until: Any,
) -> History:
    how = {"batch_size": min(100, len(x)), "optimizer": optimizer, "score_training": scored}
    trainer = Trainer(network, x, t, *test, **how, rng=0, on_progress=False)
    try:
        return trainer.train(**until)
    except NonFiniteError:  # it ran away: the line ends there
        return trainer.history


def _losses(losses: Mapping[str, np.ndarray]) -> Panel:
    lines = [
        Line(name, np.arange(1, len(loss) + 1), smooth(loss, len(loss) // 40 | 1), style)
        for (name, loss), style in zip(losses.items(), STYLES, strict=False)
    ]
    return {"marks": lines, "x_label": "iteration", "log": True}
