"""Source that has become a function, and shows in tracebacks and debuggers."""

import builtins
import itertools
import linecache
import os
from collections.abc import Callable
from typing import Any

from clearprop.errors import UnsupportedError
from clearprop.files import atomic_write

_number = itertools.count(1)


class Program:
    """A printed program, ready to be called.

    `source` is its text. The text is our own printing, from a graph: nothing that a user wrote is
    executed as source. `as_written` is what it calls and cannot import, by the name it has there;
    `nbytes` is the size of its arena, `namespace` what the source defines.
    """

    keeps = False
    """Whether stored arrays lie elsewhere after a call, until `fetch`; see `Job.kept`."""

    uses_blas = True
    """Whether its products are NumPy's."""

    run: Callable[..., Any]
    """The program as a function."""

    begin: Callable[..., Any]
    """Where it `keeps` what it changes: let it run, without waiting; given to `end` it counts."""

    end: Callable[[Any], Any]
    """Wait for what has begun, and give what `run` gives."""

    def __init__(
        self, source: str, name: str, as_written: dict[str, Any] | None = None, nbytes: int = 0
    ) -> None:
        self.source = source
        self.nbytes = nbytes
        self.as_written = as_written or {}
        self.filename = f"<clearprop: {name}, program {next(_number)}>"
        self.namespace: dict[str, Any] = dict(self.as_written)
        code = builtins.compile(source, self.filename, "exec")
        exec(code, self.namespace)
        # linecache keeps what has no file only if it has no modification time
        lines = source.splitlines(keepends=True)
        linecache.cache[self.filename] = (len(source), None, lines, self.filename)

    def fetch(self) -> None:
        """Bring stored arrays that lie elsewhere up to date."""

    def __del__(self) -> None:
        linecache.cache.pop(getattr(self, "filename", ""), None)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the program as a Python file, which does not need clearprop.

        Errors: `UnsupportedError` if it calls layers as they are written; `OutputError` if the file
        cannot be written.
        """
        if self.as_written:
            raise UnsupportedError(
                "this program calls the code of layers that could not be compiled, "
                f"{', '.join(self.as_written)}, and does not run without them"
            )
        atomic_write(path, self.source.encode())
