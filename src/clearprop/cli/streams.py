"""Standard output and errors, which a reader may leave: `clearprop train --help | head -1`."""

import io
import os
import sys
from typing import Any


class _UntilLeft(io.FileIO):
    """A file whose reader may go: what is written then is dropped, and the work goes on."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return super().write(data)


def let_readers_go() -> None:
    """Let the standard streams of this program be such files."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(stream) is io.TextIOWrapper:
            stream.flush()
            lines = stream.line_buffering
            left = io.BufferedWriter(_UntilLeft(stream.fileno(), "w", closefd=False))
            made = io.TextIOWrapper(left, stream.encoding, stream.errors, line_buffering=lines)
            setattr(sys, name, made)
