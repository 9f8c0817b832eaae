"""When and where a training keeps what was learned."""

import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearprop.errors import ClearpropError, OutputError
from clearprop.files import FilePath
from clearprop.training.checkpoint import Training, write_checkpoint
from clearprop.training.history import History
from clearprop.training.optimizers.settings import positive_number

SHARE = 100
"""Writing after epochs takes at most a hundredth of the time."""


class Keeper:
    """Writes checkpoints to `path`, after epochs and when `seconds` have passed, and the best
    network to `best_path`."""

    def __init__(
        self,
        training: Training,
        path: FilePath,
        best_path: FilePath | None,
        seconds: float,
    ) -> None:
        self.training, self.path, self.best_path = training, Path(path), best_path
        self.seconds = positive_number("checkpoint_seconds", seconds)
        self.is_finished = False
        self._best: int | None = None
        self._took = 0.0
        self.start()

    def start(self) -> None:
        """Count the time from now on."""
        now = time.monotonic()
        self._latest = now + self.seconds
        self._next = min(now + SHARE * self._took, self._latest)

    def is_due(self, *, after_epoch: bool) -> bool:
        """Whether to write now; `after_epoch` if one has ended since the last time."""
        return time.monotonic() >= (self._next if after_epoch else self._latest)

    def write(self, history: History, notes: Mapping[str, Any]) -> None:
        """Write the best network, where it is another, and a checkpoint.

        Errors: `OutputError` if one of them cannot be written.
        """
        started, best = time.monotonic(), self.training.best
        if self.best_path is not None and best.arrays and best.iteration != self._best:
            best.write(self.best_path)
            self._best = best.iteration
        write_checkpoint(self.path, self.training, history, notes)
        self._took = time.monotonic() - started
        self.start()

    def finish(self, history: History, notes: Mapping[str, Any]) -> None:
        """Write a last time, to the folder for temporary files if need be.

        Errors: `OutputError` says where what was learned is kept, or that it is lost.
        """
        self.is_finished = True
        try:
            self.write(history, notes)
        except OutputError as error:
            raise OutputError(f"{error}. {self._rescue(history, notes)}") from error

    def _rescue(self, history: History, notes: Mapping[str, Any]) -> str:
        newest = f"what was learned in {len(history)} iterations"
        path = Path(tempfile.gettempdir(), f"clearprop-{secrets.token_hex(4)}.safetensors")
        try:
            write_checkpoint(path, self.training, history, notes)
        except ClearpropError as error:
            older = f"; {self.path} holds what was kept before" if self.path.exists() else ""
            return f"It cannot be kept elsewhere either ({error}), so {newest} is lost{older}"
        return f"So {newest} is in {path}; move it to {self.path} to go on from there"
