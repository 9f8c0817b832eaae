"""When and where a training keeps what was learned."""

import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

from clearprop.errors import ClearpropError, ConfigError, OutputError
from clearprop.files import FilePath, check_writable, is_same
from clearprop.training.best import Best
from clearprop.training.optimizers.settings import positive_number

SHARE = 100
"""Writing after epochs takes at most a hundredth of the time."""


def check_distinct(paths: Mapping[str, FilePath]) -> None:
    """Refuse two names for one file, which the one would write over the other's.

    Errors: `ConfigError`.
    """
    for (name, path), (other, there) in combinations(paths.items(), 2):
        if is_same(path, there):
            raise ConfigError(
                f"{name} and {other} are one file, {path}, and each would write over the other; "
                "give each a file of its own"
            )


def check_paths(paths: Mapping[str, FilePath]) -> None:
    """Refuse, before hours of training, where nothing could be kept at their end.

    Errors: `ConfigError` for two names of one file, `OutputError` for what cannot be written.
    """
    check_distinct(paths)
    for name, path in paths.items():
        try:
            check_writable(path)
        except OutputError as error:
            raise OutputError(f"{name}: {error}") from error


class Keeper:
    """Writes the best network to `best_path`, and a checkpoint to `path` by `save`, after epochs
    and when `seconds` have passed; where one of the two is `None`, the other alone."""

    def __init__(
        self,
        best: Best,
        best_path: FilePath | None,
        save: Callable[[FilePath], None],
        path: FilePath | None,
        seconds: float,
    ) -> None:
        self.best, self.best_path, self.save, self.path = best, best_path, save, path
        self.seconds = positive_number("checkpoint_seconds", seconds)
        self.is_finished = False
        self._written: int | None = None
        """The iteration of the best network that is at `best_path`."""
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

    def write(self) -> None:
        """Write the best network, where it is another, and a checkpoint.

        Errors: `OutputError` if one of them cannot be written.
        """
        started = time.monotonic()
        if self.best_path is not None and self.best.iteration != self._written:
            self.best.write(self.best_path)
            self._written = self.best.iteration
        if self.path is not None:
            self.save(self.path)
        self._took = time.monotonic() - started
        self.start()

    def finish(self, iterations: int) -> None:
        """Write a last time, after so many, to the folder for temporary files if need be.

        Errors: `OutputError` says where what was learned is kept, or that it is lost.
        """
        self.is_finished = True
        try:
            self.write()
        except OutputError as error:
            raise OutputError(f"{error}. {self._rescue(iterations)}") from error

    def _rescue(self, iterations: int) -> str:
        there = Path(self.best_path if self.path is None else self.path)  # type: ignore[arg-type]
        newest = f"what was learned in {iterations} iterations"
        if self.path is None:
            newest = f"the best network, of iteration {self.best.iteration},"
        path = Path(tempfile.gettempdir(), f"clearprop-{secrets.token_hex(4)}.safetensors")
        try:
            if self.path is None:
                self.best.write(path)
            else:
                self.save(path)
        except ClearpropError as error:
            older = f"; {there} holds what was kept before" if there.exists() else ""
            return f"It cannot be kept elsewhere either ({error}), so {newest} is lost{older}"
        end = "" if self.path is None else " to go on from there"
        return f"So {newest} is in {path}; move it to {there}{end}"
