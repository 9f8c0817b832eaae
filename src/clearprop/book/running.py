"""Running a script of the book."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType, TracebackType

from clearprop.book.installing import install


def run(script: str, arguments: Sequence[str] = ()) -> None:
    """Run a script as `python SCRIPT ARGUMENTS…` does, with the book's names answered for.

    It is `__main__` from now on, its folder comes first on `sys.path`, and the working directory
    stays. What it raises is raised, and a traceback begins in the script.
    """
    install()
    path = os.path.abspath(script)
    sys.argv[:] = [script, *arguments]
    if not sys.flags.safe_path:
        del sys.path[0]  # the working directory, since Python was started with -m
    sys.path.insert(0, os.path.dirname(path))
    main = ModuleType("__main__")
    main.__file__, main.__loader__ = path, _Script("__main__", path)
    sys.modules["__main__"] = main
    sys.excepthook = _hook(path)
    main.__loader__.exec_module(main)


class _Script(SourceFileLoader):
    """A script is compiled each time, and leaves no compiled file."""

    def get_code(self, fullname: str) -> CodeType | None:
        return self.source_to_code(self.get_data(self.path), self.path)


def _hook(path: str) -> Callable[..., None]:
    """What prints an error that nobody caught: from the script's own line on."""

    def hook(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
        while at is not None and at.tb_frame.f_code.co_filename != path:
            at = at.tb_next
        sys.__excepthook__(kind, error.with_traceback(at), at)

    return hook
