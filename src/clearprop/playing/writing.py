"""Writes the playing page: programs, data, words and script in one file.

Its policy lets nothing be loaded or sent. Two things are allowed beside its own script: workers
made of the page's own text (`worker-src blob:`), so that the page can be used while it trains, and
WebAssembly (`'wasm-unsafe-eval'`), in which the matrix products are three times as quick. The text
of the workers is deflated, for the programs of a deep network repeat themselves.
"""

import hashlib
import json
import os
from base64 import b64encode
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from clearprop.compiler.engines.javascript import runtime
from clearprop.errors import ConfigError, ShapeError, UnsupportedError
from clearprop.files import atomic_write
from clearprop.graph.display import Framed
from clearprop.networks import Network
from clearprop.playing.packing import deflated, image_shape, packed
from clearprop.playing.programs import Programs
from clearprop.playing.words import LANGUAGES, WORDS
from clearprop.training import SGD

SMALL = 5000
"""A parameter of more numbers is drawn in the page, and not written into it."""

WORKERS = ("machine.js", "trainer.js", "watcher.js")
SCRIPTS = (
    *("basics.js", "painting.js", "inside.js", "reading.js", "plane.js", "pad.js", "play.js"),
)


def play(
    network: Network,
    path: str | os.PathLike[str] | None,
    x: Any,
    t: Any,
    *,
    optimizer: Any = None,
    test: tuple[Any, Any] | None = None,
    batch: int = 100,
    weights: str = "drawn",
    classes: list[str] | None = None,
    language: str = "en",
    title: str = "",
    height: int = 720,
) -> Framed:
    """Write a page that trains the network: one file, which works offline.

    A notebook shows the page, too, in a frame of `height` pixels; without a `path` only there.

    The network learns from samples `x` (N, …) with targets `t` in the page itself, in steps of
    `optimizer` (`SGD(0.1)` by default) on batches of `batch`; of the samples in `test` it shows how
    many are right. One can watch weights, activations and derivatives of each layer, step, pause,
    change the rate; draw an image where the inputs are images, and see the plane where they are two
    numbers.

    `weights` says with which the page begins: `"drawn"`, random ones of the same mean and spread,
    or `"kept"`, those of the network. `classes` are the names of the classes.

    Errors: `ConfigError` for settings that make no sense, `ShapeError` for samples that do not
    belong together, `UnsupportedError` names what has no spelling in JavaScript, `OutputError` if
    the file cannot be written.

    >>> import tempfile
    >>> from clearprop import TwoLayerNet
    >>> x = np.random.default_rng(0).standard_normal((200, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     play(TwoLayerNet(2, 8, 2), f"{folder}/net.html", x, (x[:, 0] > 0).astype(int))
    <Framed: a page of ... characters, which a notebook shows>
    """
    page, title = _page(network, x, t, optimizer, test, batch, weights, classes, language, title)
    if path is not None:
        atomic_write(path, page.encode())
    return Framed(page, height, title)


def _page(
    network: Any, x: Any, t: Any, optimizer: Any, test: Any, batch: int, weights: str,
    classes: Any, language: str, title: str,
) -> tuple[str, str]:  # fmt: skip
    if language not in WORDS:
        raise ConfigError(f"language={language!r}: a page speaks {', '.join(WORDS)}")
    if weights not in ("drawn", "kept"):
        raise ConfigError(f'weights={weights!r}: "drawn" or "kept"')
    if not isinstance(network, Network):
        raise ConfigError(
            f"play: a {type(network).__name__} is no Network; make one of it, or write the page of "
            "a graph with clearprop.save"
        )
    if any(isinstance(a, tuple) for a in (x, t)):
        raise UnsupportedError(
            "play: a page gives its network one array of inputs and one of targets; several, as "
            "tuples, it cannot"
        )
    x, t = np.asarray(x), np.asarray(t)
    tests = (x[:0], t[:0]) if test is None else tuple(map(np.asarray, test))
    for samples, targets in ((x, t), tests):
        if len(samples) != len(targets) or samples.shape[1:] != x.shape[1:]:
            raise ShapeError(f"play: samples {samples.shape} and targets {targets.shape} differ")
    batch = min(batch, len(x))
    if batch < 1:
        raise ConfigError("play: there is nothing to learn from")
    every, targets = (_as_taken(np.concatenate(both)) for both in zip((x, t), tests, strict=True))
    programs = Programs(
        network.astype(np.float32), optimizer or SGD(0.1), every[:batch], targets[:batch]
    )
    kind = "classes" if t.dtype.kind in "iu" and t.ndim == 1 else "numbers"
    title = title or f"{type(network).__name__} {_sizes(programs)}".strip()
    data = {
        "title": title,
        "language": language,
        "languages": LANGUAGES,
        "words": WORDS,
        "kind": kind,
        "batch": batch,
        "train": len(x),
        "test": len(tests[0]),
        "sample": [*x.shape[1:]],
        "image": None if every.dtype.kind == "i" else image_shape(x.shape[1:]),
        "bounds": _bounds(every) if kind == "classes" and every[0].size == 2 else None,
        "targets": [*t.shape[1:]],
        "ordered": any(carried for *_, carried in programs.members.stateful),
        "classes": classes,
        "x": packed(every),
        "t": packed(targets, images=False),
        "rate": programs.rate,
        "takes": programs.takes,
        "gives": programs.gives,
        "groups": programs.groups,
        "params": _params(programs, weights),
        "vectors": [[k for k in kinds if k] for kinds in programs.vectors],
        "states": {k: _array(a) for k, a in programs.states.items()},
        "fixed": {k: _array(a) for k, a in programs.fixed.items()},
        "drawn": weights == "drawn",
        "count": int(sum(np.size(a) for a in programs.network.params.values())),
    }
    return _html(programs, data, title), title


def _as_taken(x: np.ndarray) -> np.ndarray:
    """Whole numbers as such, for they may be indices, and others as float32."""
    return x.astype(np.int64 if x.dtype.kind in "iub" else np.float32)


def _bounds(x: np.ndarray) -> list[list[float]]:
    """The part of the plane that is shown: that of the samples, and a tenth around it."""
    low, high = x.reshape(-1, 2).min(axis=0), x.reshape(-1, 2).max(axis=0)
    far = np.where(high > low, (high - low) / 10, 1.0)
    return [[float(a), float(b)] for a, b in zip(low - far, high + far, strict=True)]


def _sizes(programs: Programs) -> str:
    """What a network is like in one line, such as 784 → 50 → 10."""
    shapes = [p.shape for p in programs.network.params.values() if np.ndim(p) > 1]
    if any(len(s) != 2 for s in shapes) or not shapes:
        return ""
    return "–".join(map(str, [shapes[0][0], *(s[1] for s in shapes)]))


def _array(array: np.ndarray) -> dict[str, Any]:
    return {"shape": [*array.shape], "data": deflated(array.astype(np.float32))}


def _params(programs: Programs, weights: str) -> list[dict[str, Any]]:
    """How the page makes each parameter, in the order of the vectors."""
    found = []
    for g, names in enumerate(programs.groups):
        start = 0
        for name in names:
            array = np.asarray(programs.network.params[name], np.float32)
            layer = programs.names[id(programs.members.params.owners[name][0][0])]
            said: dict[str, Any] = {"name": name, "layer": layer, "group": g, "start": start}
            start += array.size
            said["shape"] = [*array.shape]
            if array.size and (array == array.flat[0]).all():
                said["fill"] = float(array.flat[0])
            elif weights == "drawn" and array.size > SMALL:
                said["normal"] = [float(array.mean()), float(array.std())]
            else:
                said["data"] = deflated(array)
            found.append(said)
    return found


def _html(programs: Programs, data: dict[str, Any], title: str) -> str:
    css, script = _asset("play.css"), "".join(map(_asset, SCRIPTS))
    script = f'"use strict";\n{{\n{script}}}\n'
    worker = "\n".join((runtime(), programs.script(), *map(_asset, WORKERS)))
    policy = (
        f"default-src 'none'; script-src {_hash(script)} 'wasm-unsafe-eval'; "
        f"style-src {_hash(css)}; worker-src blob:; base-uri 'none'; form-action 'none'"
    )
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    page = _asset("play.html")
    parts = {"POLICY": policy, "TITLE": escape(title), "CSS": css, "DATA": text}
    parts |= {
        "PROGRAM": deflated(np.frombuffer(worker.encode(), np.uint8)),
        "SCRIPT": script,
        "LANGUAGE": data["language"],
    }
    pieces = page.split("@@")
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


@cache
def _asset(name: str) -> str:
    return files("clearprop.playing").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
