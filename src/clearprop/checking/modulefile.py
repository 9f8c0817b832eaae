"""A file with layers of the user's own, imported under a private name."""

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from clearprop.checking.passes import told
from clearprop.errors import ConfigError, FileFormatError


@contextmanager
def imported(path: Path) -> Iterator[ModuleType]:
    """Import a Python file for as long as the block lasts; no byte code is left beside it.

    Errors: `FileFormatError` for a file that is not Python or raises while it is imported,
    `FileNotFoundError`.
    """
    if not path.exists():
        raise FileNotFoundError(2, "no such file", str(path))
    name = f"_clearprop_checks_{path.stem}"
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

    A layer is anything with `forward` and `backward`; one that derives from `Layer` may still lack
    `backward`. Classes that others in the file derive from, and whose name begins with `_` or
    whose `forward` only raises `NotImplementedError`, are bases and not layers.

    Errors: `ConfigError` if there is none.
    """
    classes = [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type)
        and cls.__module__ == module.__name__
        and callable(getattr(cls, "forward", None))
        and callable(getattr(cls, "backward", None))
        and not inspect.isabstract(cls)
    ]
    found = [c for c in dict.fromkeys(classes) if not _is_base(c, classes)]
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
