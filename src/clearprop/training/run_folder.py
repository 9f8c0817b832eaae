"""A run folder: all that a training leaves behind."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Self

from clearprop.errors import ConfigError, FileFormatError, OutputError
from clearprop.files import FilePath, atomic_write, read_bytes, told
from clearprop.networks import Network
from clearprop.training.history import History
from clearprop.training.run_config import Make, RunConfig
from clearprop.training.signals import SignalMoment, read_signals
from clearprop.training.weights import load_weights, read_arrays

_MOST = 1 << 24  # bytes of settings; tables with many categories have long ones


def _locked(path: Path) -> int | None:
    """Lock a folder: the descriptor that holds the lock until it is closed, if there is one."""
    try:
        import fcntl
    except ImportError:
        return None
    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise OutputError(
            f"another training is writing to {path}; wait for its end, or choose another folder"
        ) from None
    except OSError:  # a file system without locks
        pass
    return folder


class RunFolder:
    """The folder of one training run.

    - `config.json`: the settings (`RunConfig`);
    - `history.jsonl`: the loss of each iteration, the accuracies of each epoch (`History`);
    - `weights.safetensors`: what was learned, and all that is needed to go on: a checkpoint;
    - `best.safetensors`: what was learned when the score was best, after an epoch;
    - `curves.png`: a picture of the history;
    - `signals.jsonl`: activations and derivatives of the layers over time (`SignalRecorder`);
    - `report.html`: all of it as a page, where one was made.

    No file names code that would be run: of a network of one's own the folder holds the weights,
    and `make` is the function that makes it, see `RunConfig.network`.

    >>> import tempfile
    >>> import clearprop
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = RunFolder(f"{folder}/first")
    ...     run.create(RunConfig(sizes=(4, 3, 2)))
    ...     network = run.read_config().network()
    ...     clearprop.training.save_weights(run.weights_path, network)
    ...     sorted(file.name for file in run.path.iterdir())
    ...     list(run.load_network().layers)
    ['config.json', 'weights.safetensors']
    ['Affine1', 'Relu1', 'Affine2']
    """

    def __init__(self, path: FilePath, make: Make | None = None) -> None:
        self.path = Path(path)
        self.make = make
        self.config_path = self.path / "config.json"
        self.history_path = self.path / "history.jsonl"
        self.weights_path = self.path / "weights.safetensors"
        self.best_path = self.path / "best.safetensors"
        self.curves_path = self.path / "curves.png"
        self.signals_path = self.path / "signals.jsonl"
        self.report_path = self.path / "report.html"

    @contextmanager
    def lock(self) -> Iterator[Self]:
        """Make the folder if need be, and keep other trainings out of it within a `with` block.

        What killed trainings left half written is removed. The lock ends with the process at the
        latest. On Windows, and where a file system has no locks, nobody is kept out.

        Errors: `OutputError` if another training is in the folder, or it cannot be made.
        """
        with self._told():
            self.path.mkdir(parents=True, exist_ok=True)
        folder = _locked(self.path)
        try:
            for path in self.path.glob(".*.tmp"):
                if re.fullmatch(r"\..+\.[0-9a-f]{8}\.tmp", path.name):
                    path.unlink(missing_ok=True)
            yield self
        finally:
            if folder is not None:
                os.close(folder)

    def create(self, config: RunConfig, *, overwrite: bool = False) -> None:
        """Make the folder and write the settings; with `overwrite`, in place of an earlier run.

        Errors: `OutputError` if the folder holds a run and may not be overwritten, or anything but
        a run, or cannot be written; then nothing was changed.
        """
        settings = config.to_json().encode()
        with self._told():
            if self.path.is_dir() and any(self.path.iterdir()):
                try:
                    self.read_config()
                except (FileFormatError, FileNotFoundError):
                    raise OutputError(
                        f"{self.path} is not empty and not the folder of a run; choose a folder "
                        "that does not exist yet, or empty it"
                    ) from None
                if not overwrite:
                    raise OutputError(
                        f"{self.path} holds a run already; choose another folder, let the new run "
                        "take its place with overwrite, or resume it"
                    )
            self.path.mkdir(parents=True, exist_ok=True)
            # What an earlier run left does not belong to these settings. At no time do its weights
            # stand beside them, and they come back if the settings cannot be written.
            aside = self.path / ".weights.safetensors.00000000.tmp"
            with suppress(FileNotFoundError):
                os.replace(self.weights_path, aside)
            try:
                atomic_write(self.config_path, settings)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.replace(aside, self.weights_path)
                raise
            learned = (aside, self.best_path, self.history_path, self.signals_path)
            for stale in (*learned, self.curves_path, self.report_path):
                stale.unlink(missing_ok=True)

    def change(self, config: RunConfig) -> None:
        """Write other settings, of a run that goes on. Errors: `OutputError`."""
        atomic_write(self.config_path, config.to_json().encode())

    def read_config(self) -> RunConfig:
        """Read the settings.

        Errors: `FileFormatError` names the file and what is wrong with it, `FileNotFoundError` if
        there is none.
        """
        try:
            text = read_bytes(self.config_path, "settings", "settings", most=_MOST).decode()
            return RunConfig.from_json(text)
        except FileNotFoundError:
            raise FileNotFoundError(
                errno.ENOENT,
                "there is no such file, so this is not the folder of a run "
                "(`clearprop train` makes one)",
                str(self.config_path),
            ) from None
        except (ConfigError, UnicodeDecodeError) as error:
            raise FileFormatError(
                f"{self.config_path} does not hold the settings of a run: {error}"
            ) from error

    def read_history(self) -> History:
        """Read the history.

        Errors: `FileNotFoundError` if there is none, as of a run that was imported; else those of
        `History.read`.
        """
        if self.config_path.exists() and not self.history_path.exists():
            raise FileNotFoundError(
                errno.ENOENT,
                "there is no such file: the run was imported and has no history, or has lost it",
                str(self.history_path),
            )
        return History.read(self.history_path)

    def read_signals(self) -> list[SignalMoment]:
        """Read the signals of the layers; none if the training kept none. See `read_signals`."""
        return read_signals(self.signals_path) if self.signals_path.exists() else []

    def load_network(self) -> Network:
        """Build the network from the settings and load its weights; the best of early stopping.

        Errors: `FileFormatError` for settings or weights that are damaged, `ShapeError` for
        weights of other shapes than the settings say, `FileNotFoundError` if a file is missing.
        """
        config = self.read_config()
        path = self._learned(config)
        # A network as large as the settings say is not made before the file can hold its weights.
        needed = config.least_bytes()
        if path.exists() and path.stat().st_size < needed:
            raise FileFormatError(
                f"{path} has {path.stat().st_size:,} bytes, and the weights of the network in "
                f"{self.config_path} take {needed:,}: it is truncated, or belongs to another one"
            )
        try:
            network = config.network(make=self.make)
        except ConfigError as error:
            raise FileFormatError(f"{self.config_path}: {error}") from error
        load_weights(path, network)
        return network

    def read_iteration(self) -> int | None:
        """After which iteration the network was as `load_network` gives it, if its file says so.

        Errors: those of `load_network`.
        """
        _, about = read_arrays(self._learned(self.read_config()))
        iteration = about.get("iteration")
        return iteration if type(iteration) is int else None

    def _learned(self, config: RunConfig) -> Path:
        best = config.patience is not None and self.best_path.exists()
        return self.best_path if best else self.weights_path

    def _told(self) -> AbstractContextManager[None]:
        what = f"the run folder {self.path} cannot be made"
        return told(what, "choose a folder that you may write to")

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"
