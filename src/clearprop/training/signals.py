"""What goes through the layers during training: activations forward, derivatives backward."""

import json
import math
import os
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import FileFormatError
from clearprop.files import FilePath, atomic_write, read_bytes, told
from clearprop.graph.node import Recorded
from clearprop.networks import Network
from clearprop.training.history_file import number_of

SAMPLES = 64
"""So many training samples are looked at, always the same, so that moments can be compared."""
VALUES = 8192
"""Of a larger array so many elements are looked at, evenly spaced."""
SHARE = 50
"""Looking is at most a fiftieth of the work: it waits for so many times its own samples."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Spread(NamedTuple):
    """How the values of one array are distributed."""

    quantiles: tuple[float, ...]
    """At 5, 25, 50, 75 and 95 %; of derivatives, the magnitudes of those that are not 0."""
    rms: float
    """The root of the mean square: the size of a typical value."""
    zeros: float
    """The share of values that are exactly 0."""
    silent: float
    """The share of neurons that are 0 for every sample: they learn nothing."""


class LayerSignals(NamedTuple):
    """What one layer gave, and which derivative arrived at it."""

    layer: str
    activation: Spread
    derivative: Spread


class SignalMoment(NamedTuple):
    """All layers of a network at one point of a training."""

    iteration: int
    epoch: float
    layers: tuple[LayerSignals, ...]


def look(network: Network, x: Any, t: Any) -> tuple[LayerSignals, ...]:
    """Run samples forward and backward through copies of the layers, and see what passes.

    Layers stand in the order in which they run, also in networks with a `forward` of their own, and
    layers inside layers before those; one that runs twice is numbered. State and noise are those of
    the last step. The parameters are shared and not changed; the network's own layers keep what
    they kept.

    >>> from clearprop.networks import TwoLayerNet
    >>> network = TwoLayerNet(4, 3, 2, rng=np.random.default_rng(0))
    >>> signals = look(network, np.ones((5, 4)), np.array([0, 1, 0, 1, 1]))
    >>> [s.layer for s in signals], len(signals[0].activation.quantiles)
    (['Affine1', 'Relu1', 'Affine2'], 5)
    """
    seen, count = [], Counter[str]()
    losses = {id(loss) for loss in network.losses}
    with np.errstate(all="ignore"):
        walk = network.walk("forward", x)
        found = walk.derivatives(walk.loss(x, t))
        for use in walk.uses:
            if use.layer is network or id(use.layer) in losses:
                continue
            out = use.outputs[0]
            if not isinstance(out, Recorded):  # nothing that is learned comes before
                continue
            count[use.name] += 1
            name = use.name if count[use.name] == 1 else f"{use.name} ({count[use.name]})"
            a, dout = np.asarray(out.data), found.get(out, np.zeros_like(out.data))
            d = np.broadcast_to(dout, a.shape)
            seen.append(LayerSignals(name, spread_of(a), spread_of(d, magnitudes=True)))
    return tuple(seen)


def spread_of(values: np.ndarray, magnitudes: bool = False) -> Spread:
    """Measure the distribution of an array (N, …), neurons being what lies behind the first axis.

    NaN and infinity are left out of the quantiles, and make `rms` not finite.

    >>> spread_of(np.array([[0.0, 3.0], [0.0, -4.0]]))
    Spread(quantiles=(-4.0, 0.0, 0.0, 0.0, 3.0), rms=2.5, zeros=0.5, silent=0.5)
    """
    rows = values.reshape(len(values), -1)
    zero = rows == 0
    silent = float(zero.all(axis=0).mean())
    flat = rows.reshape(-1)
    flat = flat[:: -(-flat.size // VALUES)].astype(np.float64)
    rms = math.sqrt(np.dot(flat, flat) / flat.size)
    kept = flat[np.isfinite(flat)]
    if magnitudes:
        kept = np.abs(kept[kept != 0])
    kept.sort()
    places = [min(round(q * (kept.size - 1)), kept.size - 1) for q in QUANTILES]
    quantiles = tuple(float(kept[i]) for i in places) if kept.size else (math.nan,) * 5
    return Spread(quantiles, rms, float(zero.mean()), silent)


def rows_to_look_at(samples: int, batch: int | None = None) -> np.ndarray:
    """Samples evenly spaced, or the first `batch` where only a whole one can be looked at."""
    if batch is not None:
        return np.arange(batch)
    return np.linspace(0, samples - 1, min(SAMPLES, samples)).astype(np.intp)


class SignalRecorder:
    """Looks at a network now and then while it learns, and writes down what it saw.

    It looks at the start, and then when `moment` is called and the training has seen `SHARE` times
    as many samples since the last look as the look takes; so it costs about 2 % at most, and the
    same seed gives the same file. The file is JSON lines, one moment a line.

    Errors: `OutputError` if the file cannot be written.
    """

    def __init__(self, path: FilePath, network: Network, x: Any, t: Any) -> None:
        self.path = Path(path)
        self.network = network
        self.x, self.t = x, t
        self.looked_at: int | None = None
        """The iteration of the last look that was due; one at an end does not put off others."""
        self._wrote: int | None = None

    def go_on(self, looked_at: int | None) -> None:
        """Go on after the moment `looked_at`; what the file tells of later ones is dropped."""
        if self.path.exists():
            moments = read_signals(self.path)
            last = -1 if looked_at is None else looked_at
            kept = (_line(moment) for moment in moments if moment.iteration <= last)
            atomic_write(self.path, "".join(kept).encode())
        self.looked_at = self._wrote = looked_at

    def moment(self, iteration: int, epoch: float, batch_size: int, final: bool = False) -> None:
        """Look, if it is time; `final` for a look at an end, unless one was just done."""
        since = None if self.looked_at is None else (iteration - self.looked_at) * batch_size
        is_due = since is None or since >= SHARE * len(self.x)
        if not is_due and (not final or self._wrote == iteration):
            return
        line = _line(SignalMoment(iteration, epoch, look(self.network, self.x, self.t)))
        mode = "w" if iteration == 0 else "a"
        with (
            told(f"{self.path} cannot be written"),
            open(self.path, mode, encoding="utf-8", newline="\n") as file,
        ):
            file.write(line)
        self._wrote = iteration
        if is_due:
            self.looked_at = iteration


def read_signals(path: FilePath) -> list[SignalMoment]:
    """Read the moments that a `SignalRecorder` wrote; a last line that breaks off is left out.

    Errors: `FileNotFoundError` if there is no such file, `FileFormatError` naming the line that is
    not as it should be.
    """
    try:
        text = read_bytes(path, "signals", "signals").decode()
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{os.fspath(path)} cannot be read as signals: {error}") from error
    lines = text.split("\n")
    lines.pop()  # empty after a line break, or broken off
    moments = []
    for number, line in enumerate(lines, start=1):
        try:
            moments.append(_moment(json.loads(line)))
            if [s.layer for s in moments[-1].layers] != [s.layer for s in moments[0].layers]:
                raise ValueError("its layers are not those of the first moment")
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
            OverflowError,
        ) as error:
            raise FileFormatError(
                f"{os.fspath(path)}, line {number} is not a moment of a training: {error}"
            ) from None
    return moments


def _line(moment: SignalMoment) -> str:
    return json.dumps(_plain(moment), ensure_ascii=False, allow_nan=False) + "\n"


def _plain(x: Any) -> Any:
    """What JSON holds: six digits of a number are enough to draw; it has no NaN or infinity."""
    if isinstance(x, float):
        return float(f"{x:.6g}") if math.isfinite(x) else str(x)
    if not isinstance(x, tuple):
        return x
    named = getattr(x, "_asdict", None)
    return {key: _plain(v) for key, v in named().items()} if named else [*map(_plain, x)]


def _moment(entry: Any) -> SignalMoment:
    iteration, epoch = entry["iteration"], entry["epoch"]
    if type(iteration) is not int or iteration < 0:
        raise ValueError("its iteration is not a whole number")
    layers = tuple(
        LayerSignals(_name(s["layer"]), _spread(s["activation"]), _spread(s["derivative"]))
        for s in entry["layers"]
    )
    return SignalMoment(iteration, number_of(epoch), layers)


def _name(text: Any) -> str:
    if isinstance(text, str) and text.isprintable():
        return text
    raise ValueError(f"{text!r} is not the name of a layer")


def _spread(entry: Any) -> Spread:
    quantiles = tuple(map(number_of, entry["quantiles"]))
    if len(quantiles) != len(QUANTILES):
        raise ValueError(f"it has {len(quantiles)} quantiles, not {len(QUANTILES)}")
    return Spread(quantiles, *(number_of(entry[key]) for key in ("rms", "zeros", "silent")))
