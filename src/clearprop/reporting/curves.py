"""The course of the training: scores, loss, and what went through the layers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.reporting.charts import Band, Line, chart
from clearprop.reporting.markup import Markup, element
from clearprop.reporting.scales import label, percent
from clearprop.speech import say
from clearprop.training.history import History
from clearprop.training.signals import SignalMoment, Spread

FADES = 1e-3
"""A derivative is said to vanish where it is so much smaller at the first layer than at the last,
and to explode where it is so much larger."""
SILENT = 0.1
"""From this share of silent neurons on there is a word about them."""
LAYERS = 12
"""So many layers get charts of their own; of a deeper network those at both ends."""
STYLES = "abcdef"


def data_of(data: str) -> str:
    """Data as curves are called: training, test or validation data."""
    return say(f"{data} data")


def scored(data: str, score: str) -> str:
    """A score on some data, such as the test accuracy."""
    return say("{data} {score}", data=say(data), score=say(score))


def training_panels(history: History) -> Iterator[dict[str, Any]]:
    """What is to be drawn of the scores, if any, and of the loss: arguments of `chart`."""
    scale, unit = history.axis
    name = history.score_name
    if name is not None:
        x = history.evaluated_at * scale
        lines = [
            Line(data_of("training"), x, history.train_score, "a"),
            Line(data_of(history.held_out), x, history.test_score, "b dashed"),
        ]
        write = {"write": percent} if name == "accuracy" else {}
        yield {
            "marks": lines,
            "title": say(name[:1].upper() + name[1:]),
            "x_label": say(unit),
            **write,
        }
    x, loss, mean, width = _loss(history)
    each = Line(say("each mini-batch"), x, loss, "a thin")
    shown = [Line(say("mean over {n} batches", n=width), x, mean, "a")]
    shown = shown if width == 1 else [each, *shown]
    held = history.test_loss
    if not np.isnan(held).all():
        at = history.evaluated_at * scale
        shown.append(Line(data_of(history.held_out), at, held, "b dashed"))
    wide = _is_wide(np.concatenate([loss, held[~np.isnan(held)]]))
    yield {"marks": shown, "title": say("Loss"), "x_label": say(unit), "log": wide}


def comparison_panels(histories: Mapping[str, History]) -> Iterator[dict[str, Any]]:
    """The same of several trainings, by their names: scores on test data, if any, and mean losses.

    Scores of several kinds have no common axis, and are left out.
    """
    runs = [(name, h, STYLES[n % len(STYLES)]) for n, (name, h) in enumerate(histories.items())]
    unit = {h.axis[1] for h in histories.values()}
    x_label = unit.pop() if len(unit) == 1 else "iteration"
    scales = {name: h.axis[0] if x_label == "epoch" else 1.0 for name, h in histories.items()}
    kinds = {h.score_name for h in histories.values()}
    if len(kinds) == 1 and (kind := kinds.pop()) is not None:
        lines = []
        for name, h, style in runs:
            score = h.train_score if np.isnan(h.test_score).all() else h.test_score
            lines.append(Line(name, h.evaluated_at * scales[name], score, style))
        write = {"write": percent} if kind == "accuracy" else {}
        held = {h.held_out: 1 for h in histories.values() if not np.isnan(h.test_score).all()}
        title = f"{kind[:1].upper()}{kind[1:]} on {' or '.join(held) or 'training'} data"
        yield {"marks": lines, "title": title, "x_label": x_label, **write}
    lines, losses = [], []
    for name, h, style in runs:
        x, loss, mean, _ = _loss(h, scales[name])
        lines.append(Line(name, x, mean, style))
        losses.append(loss)
    wide = _is_wide(np.concatenate(losses))
    yield {"marks": lines, "title": "Loss", "x_label": x_label, "log": wide}


def _loss(history: History, scale: float | None = None) -> tuple[Any, Any, Any, int]:
    """Where the losses stand, the losses, their running means, and over how many these are."""
    loss = history.loss
    width = len(loss) // 100 | 1  # odd, so that it has a middle
    x = np.arange(1, len(loss) + 1) * (history.axis[0] if scale is None else scale)
    mean = smooth(np.where(np.isfinite(loss), loss, 0.0), width) if len(loss) else loss
    return x, loss, mean, width


def _is_wide(loss: np.ndarray) -> bool:
    """Whether a logarithmic axis shows more."""
    finite = len(loss) and np.isfinite(loss).all()
    return bool(finite and (loss > 0).all() and loss.max() > 50 * loss.min())


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Compute the mean over the `width` (odd) values around each one.

    The first value stands for itself and the window widens from there, so that a steep beginning
    is kept; at the end it holds the values there are.

    >>> smooth(np.array([8.0, 4.0, 0.0, 2.0]), 3)
    array([8., 4., 2., 1.])
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    half = np.minimum(place, width // 2)
    first, last = place - half, np.minimum(place + half + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)


def signal_charts(moments: Sequence[SignalMoment], unit: str) -> Iterator[Markup]:
    """All layers together, and then the distributions in each."""
    x = np.array([m.epoch if unit == "epoch" else m.iteration for m in moments], dtype=float)
    names, unit = [s.layer for s in moments[0].layers], say(unit)
    shown = [*range(len(names))]
    if len(shown) > LAYERS:
        shown = [*shown[: LAYERS // 2], *shown[-LAYERS // 2 :]]
    for field in ("activation", "derivative"):
        sizes = {i: np.array([_spread(m, i, field).rms for m in moments]) for i in shown}
        lines = [Line(names[i], x, rms, _style(n)) for n, (i, rms) in enumerate(sizes.items())]
        yield chart(
            lines, title=say(f"Size of the {field}s (root mean square)"), x_label=unit, log=True
        )
    for i in shown:
        of = {"layer": names[i]}
        yield _distribution(moments, x, i, "activation", say("{layer}: activations", **of), unit)
        yield _distribution(
            moments, x, i, "derivative", say("{layer}: size of derivatives", **of), unit
        )


def verdicts(moments: Sequence[SignalMoment]) -> Iterator[str]:
    """What is to be seen in the signals, in words."""
    last = moments[-1]
    first_layer, last_layer = last.layers[0], last.layers[-1]
    near, far = first_layer.derivative.rms, last_layer.derivative.rms
    if not all(np.isfinite(s.derivative.rms) for s in last.layers):
        yield say("Some derivatives are not finite numbers: the training has run away.")
    elif near == 0 or far == 0:
        yield say("No derivative arrives at the first layer: it learns nothing any more.")
    elif len(last.layers) > 1:
        ratio = near / far
        times = say("{n} times", n=label(float(f"{ratio:.2g}")))
        size = say("about as large as") if 0.5 < ratio < 2 else times
        told = say(
            "At the end the derivative at {first}, the first layer, is {size} that at {last}, the "
            "last",
            first=first_layer.layer,
            last=last_layer.layer,
            size=size,
        )
        if ratio < FADES:
            yield say("{told}: it vanishes on its way. The first layers hardly learn.", told=told)
        elif ratio > 1 / FADES:
            yield say("{told}: it explodes on its way. Training may run away.", told=told)
        else:
            yield say("{told}: it neither vanishes nor explodes on its way.", told=told)
    for s in last.layers:
        if s.activation.silent >= SILENT:
            yield say(
                "{layer}: {share} of the neurons are 0 for every one of the samples looked at, and "
                "so learn nothing from them.",
                layer=s.layer,
                share=f"{s.activation.silent:.0%}",
            )


def _distribution(
    moments: Sequence[SignalMoment], x: np.ndarray, i: int, field: str, title: str, unit: str
) -> Markup:
    quantiles = np.array([_spread(m, i, field).quantiles for m in moments]).T
    lowest, low, median, high, highest = quantiles
    marks = [
        Band(say("90% of the values"), x, lowest, highest, "a outer"),
        Band(say("half of them"), x, low, high, "a inner"),
        Line(say("median"), x, median, "a"),
    ]
    spread = _spread(moments[-1], i, field)
    figure = chart(marks, title=title, x_label=unit, log=field == "derivative")
    share = f"{spread.zeros:.0%}"
    note = say("{share} are exactly 0 at the end.", share=share)
    if spread.zeros and field == "derivative":
        note = say("{share} are exactly 0 at the end, and not in the chart.", share=share)
    return element("div", figure, element("p", note, class_="faint") if spread.zeros else None)


def _spread(moment: SignalMoment, i: int, field: str) -> Spread:
    return getattr(moment.layers[i], field)


def _style(n: int) -> str:
    """Six colours; from the seventh line on they come again, dashed."""
    return STYLES[n % len(STYLES)] + (" dashed" if n // len(STYLES) % 2 else "")
