"""What to check: the layers of a file; inputs, from `samples` or made where that is plain."""

import importlib.util
import inspect
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from clearprop.checking.adopting import adopted
from clearprop.checking.arguments import CONSTANT_NAMES, positional
from clearprop.checking.copies import private
from clearprop.checking.findings import Finding, Kind
from clearprop.checking.passes import WITH_SELF, lacks_self, told
from clearprop.errors import ConfigError, FileFormatError
from clearprop.graph.node import parts

Pair = tuple[Any, tuple[Any, ...]]
NOT_DEFINED = (
    "import it at the top of the file, as in import numpy as np, or give it a value before it is "
    "used"
)
MOST = 100
"""How many samples of a layer are taken, should they never end."""


def samples_of(thing: Any, rng: np.random.Generator) -> list[Pair] | Finding:
    """The samples of a layer or of a class of layers, or what is wrong with them."""
    cls = thing if isinstance(thing, type) else type(thing)
    if not callable(getattr(thing, "forward", None)):
        message = f"{cls.__name__} has no forward(); there is nothing to check"
        return Finding(layer=cls.__name__, kind=Kind.MISSING, message=message)
    if callable(getattr(thing, "samples", None)):
        found = _written(thing, cls.__name__, rng)
        if found is not None:
            return found
    return _made(thing, cls, rng)


def _written(thing: Any, name: str, rng: np.random.Generator) -> list[Pair] | Finding | None:
    try:
        found = list(itertools.islice(iter(thing.samples(rng)), MOST))
    except NotImplementedError:
        return None
    except (Exception, SystemExit) as error:
        return _finding(name, f"samples raises {told(error)}")
    if not found:
        return _finding(name, "samples yields nothing, so nothing was checked")
    pairs = []
    for entry in found:
        if not (isinstance(entry, tuple) and len(entry) == 2 and hasattr(entry[0], "forward")):
            kind = type(entry).__name__
            return _finding(name, f"samples yields a {kind}, not pairs (layer, inputs)")
        layer, inputs = entry
        pairs.append((layer, tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)))
    return pairs


def _made(thing: Any, cls: type, rng: np.random.Generator) -> list[Pair] | Finding:
    """Make inputs on which `forward` runs."""
    layer = thing
    for name in ("forward", "backward"):
        if bad := lacks_self(cls, name):
            return Finding(layer=cls.__name__, kind=Kind.RAISES, message=bad, remedy=WITH_SELF)
    if isinstance(thing, type):
        try:
            inspect.signature(cls).bind()
        except (TypeError, ValueError):
            return _finding(cls.__name__, f"it cannot be made without arguments; {_example(cls)}")
        try:
            layer = cls()
        except (Exception, SystemExit) as error:
            return _finding(cls.__name__, f"{cls.__name__}() raises {told(error)}; {_example(cls)}")
    tried: str | None = None
    half: list[Pair] = []
    """Inputs on which only forward runs: they may be labels of another kind."""
    for inputs in _inputs(layer, rng):
        try:
            twin = private(layer)
            out = twin.forward(*private(inputs))
            if all(np.isfinite(np.asarray(part)).all() for part in parts(out)):
                if len(inputs) < 2 or _goes_back(twin, out):
                    return [(layer, inputs)]
                half = half or [(layer, inputs)]
        except NotImplementedError as error:
            return _finding(cls.__name__, f"forward raises {told(error)}")
        except (Exception, SystemExit) as error:
            if type(error) is NameError:
                message, kind = f"forward raises {told(error)}", Kind.RAISES
                return Finding(layer=cls.__name__, kind=kind, message=message, remedy=NOT_DEFINED)
            tried = tried or told(error)
    if half:
        return half
    why = f"on a matrix (4, 5), forward raises {tried}" if tried else "none gave finite numbers"
    example = _example(cls, "…" if tried else "(4, 5)")
    return _finding(cls.__name__, f"no inputs could be made on which it runs: {why}; {example}")


def _goes_back(layer: Any, out: Any) -> bool:
    """Whether the shapes fit in backward, as far as it takes nothing but dout."""
    try:
        layer.backward(np.ones(np.shape(out))[()])
    except (ValueError, IndexError):
        return False
    except (Exception, SystemExit):  # it is called otherwise
        return True
    return True


def _inputs(layer: Any, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    """Guesses at inputs: matrices and vectors as wide as the parameters, images, sequences."""
    names = _required(layer.forward)
    if not names:
        return
    for shape in _shapes(layer):
        normal = [rng.standard_normal(shape) for _ in names]
        labels: list[Any] = [None]
        if any(name in CONSTANT_NAMES for name in names[1:]) and shape:
            classes = shape[-1]
            numbers = rng.integers(classes, size=shape[:-1])
            labels = [numbers, np.eye(classes)[numbers], rng.standard_normal(shape)]
            labels.append((labels[-1] > 0).astype(int))
        for label in labels:
            yield tuple(
                label if name in CONSTANT_NAMES and i and label is not None else x
                for i, (name, x) in enumerate(zip(names, normal, strict=True))
            )
        yield tuple(rng.uniform(0.5, 1.5, shape) for _ in names)
    rows = min((len(w) for w in _parameters(layer) if w.ndim == 2), default=3)
    yield tuple(rng.integers(rows, size=(4,)) for _ in names)


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    shapes: list[tuple[int, ...]] = []
    for w in _parameters(layer):
        if w.ndim == 1:
            shapes.append((4, w.size))
        elif w.ndim == 2:
            shapes += [(4, w.shape[0]), (4, w.shape[1]), (2, 3, w.shape[0])]
        elif w.ndim == 4:
            shapes.append((2, w.shape[1], w.shape[2] + 3, w.shape[3] + 3))
    return [*dict.fromkeys([*shapes, (4, 5), (2, 3, 6, 6), (2, 3, 5), (6,), ()])]


def _parameters(layer: Any) -> list[np.ndarray]:
    values = getattr(layer, "__dict__", {}).values()
    return [w for w in values if isinstance(w, np.ndarray) and w.dtype.kind == "f"]


def _required(function: Any) -> list[str]:
    """The names of the arguments that must be given."""
    return [p.name for p in positional(function) if p.default is p.empty]


def _example(cls: type, shape: str = "(4, 5)") -> str:
    """What to write; of several inputs, nobody knows what shapes fit to each other."""
    made = ", ".join(f"{name}=…" for name in _required(cls))
    names = [p.name for p in positional(getattr(cls, "forward", None))[1:] if p.default is p.empty]
    inputs = [_drawn(name, shape if len(names) < 2 else "…") for name in names or ["x"]]
    return (
        "write, in the class: @classmethod def samples(cls, rng): "
        f"yield cls({made}), ({', '.join(inputs)}{',' * (len(inputs) == 1)})"
    )


def _drawn(name: str, shape: str) -> str:
    """How an input of this name is drawn: indices and labels are whole numbers."""
    if name in CONSTANT_NAMES:
        return "rng.integers(…, size=4)"
    return f"rng.standard_normal({shape})"


def _finding(name: str, message: str) -> Finding:
    return Finding(layer=name, kind=Kind.SAMPLES, message=message)


@contextmanager
def imported(path: Path) -> Iterator[ModuleType]:
    """Import a Python file for as long as the block lasts; no byte code is left beside it.

    Errors: `FileFormatError` for a file that is not Python or raises while it is imported,
    `FileNotFoundError`.
    """
    if not path.exists():
        raise FileNotFoundError(2, "no such file", str(path))
    name = f"_clearprop_checks_{path.stem}"
    if path.is_dir():
        raise FileFormatError(f"{path.resolve()} is a folder; give a file that ends in .py")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileFormatError(f"{path.name} is not a Python file; give a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    wrote, folder = sys.dont_write_bytecode, str(path.resolve().parent)
    sys.dont_write_bytecode = True
    sys.modules[name] = module
    sys.path.insert(0, folder)  # so that the file finds its neighbours
    try:
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise FileFormatError(f"{path.name} cannot be imported: {told(error)}") from error
        yield module
    finally:
        sys.dont_write_bytecode = wrote
        if folder in sys.path:
            sys.path.remove(folder)
        sys.modules.pop(name, None)


def layers_in(module: ModuleType, file: str) -> list[type]:
    """The classes of layers that a module defines itself, in the order of the file.

    A layer is anything with `forward` and `backward`, under whatever names; one that derives from
    `Layer` may still lack `backward`. Classes that others in the file derive from, and whose name
    begins with `_` or whose `forward` only raises `NotImplementedError`, are bases and not layers.

    Errors: `ConfigError` if there is none.
    """
    classes = [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type)
        and cls.__module__ == module.__name__
        and not inspect.isabstract(cls)
        and all(callable(getattr(adopted(cls), name, None)) for name in ("forward", "backward"))
    ]
    found = [adopted(c) for c in dict.fromkeys(classes) if not _is_base(c, classes)]
    if not found:
        raise ConfigError(
            f"{file} defines no layer: a class with forward(self, x) and backward(self, dout)"
        )
    return found


def _is_base(cls: type, classes: list[type]) -> bool:
    if not any(other is not cls and issubclass(other, cls) for other in classes):
        return False
    code = getattr(getattr(cls, "forward", None), "__code__", None)
    raises = code is not None and "NotImplementedError" in code.co_names
    return cls.__name__.startswith("_") or raises
