"""A run folder: all that a training leaves behind."""

import errno
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from clearprop.errors import ConfigError, FileFormatError, OutputError
from clearprop.files import atomic_write
from clearprop.networks import Network, dense_layers
from clearprop.training.history import History
from clearprop.training.signals import SignalMoment, read_signals
from clearprop.training.weights import load_weights, save_weights


def _version() -> str:
    from clearprop import __version__

    return __version__


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The settings of a run: what is needed to build its network again and to repeat it.

    >>> RunConfig(sizes=(784, 50, 10), seed=1).rate
    0.1
    """

    sizes: tuple[int, ...]
    activation: str = "relu"
    init: str | float = "he"
    batch: int = 100
    rate: float = 0.1
    iterations: int = 10_000
    seed: int = 0
    dtype: str = "float32"
    compile: bool = True
    data: str | None = None
    """The folder of the images it learned from; `None` for MNIST."""
    version: str = field(default_factory=_version)

    def network(self, rng: np.random.Generator | None = None) -> Network:
        """Build the network with first weights drawn from `rng` (from `seed` where none is given).

        Errors: `ConfigError` for settings from which no network can be built.
        """
        rng = np.random.default_rng(self.seed) if rng is None else rng
        return Network(
            dense_layers(
                self.sizes, activation=self.activation, init=self.init, rng=rng, dtype=self.dtype
            )
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the settings from JSON.

        Errors: `ConfigError` names the setting that is missing or of the wrong kind.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"not JSON: {error}") from None
        if not isinstance(values, dict):
            raise ConfigError("the settings of a run are a JSON object")
        for name, right in _KINDS.items():
            if name not in values and name in ("compile", "data"):
                continue  # a run of before there were these
            if name not in values or not right(values[name]):
                raise ConfigError(f'"{name}" is missing or wrong: {values.get(name)!r}')
        unknown = ", ".join(values.keys() - _KINDS.keys())
        if unknown:
            raise ConfigError(f"settings that this version does not know: {unknown}")
        return cls(**{**values, "sizes": tuple(values["sizes"])})


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


_KINDS = {
    "sizes": lambda v: isinstance(v, list) and len(v) > 1 and all(_whole(n) and n for n in v),
    "activation": lambda v: isinstance(v, str),
    "init": lambda v: type(v) in (str, int, float),
    "batch": _whole,
    "rate": lambda v: type(v) in (int, float),
    "iterations": _whole,
    "seed": _whole,
    "dtype": lambda v: v in ("float16", "float32", "float64"),
    "compile": lambda v: isinstance(v, bool),
    "data": lambda v: v is None or isinstance(v, str),
    "version": lambda v: isinstance(v, str),
}


class RunFolder:
    """The folder of one training run.

    - `config.json`: the settings (`RunConfig`);
    - `history.jsonl`: the loss of each iteration, the accuracies of each epoch (`History`);
    - `weights.safetensors`: the parameters;
    - `curves.png`: a picture of the history;
    - `signals.jsonl`: activations and derivatives of the layers over time (`SignalRecorder`);
    - `report.html`: all of it as a page, where one was made.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = RunFolder(f"{folder}/first")
    ...     run.create(RunConfig(sizes=(4, 3, 2)))
    ...     network = run.read_config().network()
    ...     save_weights(run.weights_path, network)
    ...     sorted(file.name for file in run.path.iterdir())
    ...     list(run.load_network().layers)
    ['config.json', 'weights.safetensors']
    ['Affine1', 'Relu1', 'Affine2']
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config_path = self.path / "config.json"
        self.history_path = self.path / "history.jsonl"
        self.weights_path = self.path / "weights.safetensors"
        self.curves_path = self.path / "curves.png"
        self.signals_path = self.path / "signals.jsonl"
        self.report_path = self.path / "report.html"

    def create(self, config: RunConfig) -> None:
        """Make the folder and write the settings. An earlier run in it is replaced.

        Errors: `OutputError` if the folder holds anything but a run, or cannot be written; then
        nothing was changed.
        """
        try:
            if self.path.is_dir() and any(self.path.iterdir()):
                try:
                    self.read_config()
                except (FileFormatError, FileNotFoundError):
                    raise OutputError(
                        f"{self.path} is not empty and not the folder of a run; choose a folder "
                        "that does not exist yet, or empty it"
                    ) from None
            self.path.mkdir(parents=True, exist_ok=True)
            atomic_write(self.config_path, config.to_json().encode())
            # What an earlier run left does not belong to these settings.
            stale_files = (self.weights_path, self.history_path, self.curves_path)
            for stale in (*stale_files, self.signals_path, self.report_path):
                stale.unlink(missing_ok=True)
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(
                f"the run folder {self.path} cannot be made: {error.strerror or error}; "
                "choose a folder that you may write to"
            ) from error

    def save(self, network: Network) -> None:
        """Write the weights.

        Errors: `OutputError` if they cannot be written.
        """
        save_weights(self.weights_path, network)

    def read_config(self) -> RunConfig:
        """Read the settings.

        Errors: `FileFormatError` names the file and what is wrong with it, `FileNotFoundError` if
        there is none.
        """
        try:
            return RunConfig.from_json(self.config_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(
                errno.ENOENT,
                "this is not the folder of a run (`clearprop train` makes one); it has no",
                str(self.config_path),
            ) from None
        except (ConfigError, UnicodeDecodeError) as error:
            raise FileFormatError(
                f"{self.config_path} does not hold the settings of a run: {error}"
            ) from error
        except OSError as error:
            raise FileFormatError(
                f"{self.config_path} cannot be read: {error.strerror or error}"
            ) from error

    def read_history(self) -> History:
        """Read the history; see `History.read` for its errors."""
        return History.read(self.history_path)

    def read_signals(self) -> list[SignalMoment]:
        """Read the signals of the layers; none if the training kept none. See `read_signals`."""
        return read_signals(self.signals_path) if self.signals_path.exists() else []

    def load_network(self) -> Network:
        """Build the network from the settings and load its weights.

        Errors: `FileFormatError` for settings or weights that are damaged, `ShapeError` for
        weights of other shapes than the settings say, `FileNotFoundError` if a file is missing.
        """
        config = self.read_config()
        try:
            network = config.network()
        except ConfigError as error:
            raise FileFormatError(f"{self.config_path}: {error}") from error
        load_weights(self.weights_path, network)
        return network

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"
