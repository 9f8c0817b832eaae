"""Networks of one's own on the command line: `my_net.py:make`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from cyclopts import Parameter

from clearprop.cli.own_data import in_rows
from clearprop.errors import ClearpropError, ConfigError

if TYPE_CHECKING:
    from clearprop.training.run_config import Make

AGAIN = Parameter(
    help="The network of the run, if it is one of your own: FILE.py:FUNCTION, as in training. The "
    "file is run, as by `import`; a run folder never says what to run."
)


def kind_of(network: str | None) -> str:
    """The kind of network that `--network` asks for: one of the usual ones, or "own"."""
    from clearprop.training.run_config import KINDS

    return "two-layer" if network is None else network if network in KINDS else "own"


@contextmanager
def own_network(text: str | None) -> Iterator["Make | None"]:
    """The function that FILE.py:FUNCTION names, if anything, for as long as the block lasts.

    Errors: `ConfigError` for anything else, `FileFormatError` for a file that cannot be imported,
    `FileNotFoundError`.
    """
    if text is None:
        yield None
        return
    from clearprop.checking.samples import imported

    path, _, name = text.rpartition(":")
    if not path.endswith(".py"):
        raise ConfigError(
            "--network is two-layer, conv or deep-conv, or the file and the function that makes "
            f"your own, such as my_net.py:make; not {text!r}"
        )
    with imported(Path(path)) as module:
        function = getattr(module, name, None)
        if not callable(function):
            raise ConfigError(f"{path} has no function {name!r}; write def {name}(rng): …")

        def make(rng: np.random.Generator) -> Any:
            try:
                return function(rng)
            except ClearpropError as error:
                raise type(error)(f"{text}: {error}") from error
            except Exception as error:  # whatever a function of somebody else's raises
                why = f"{type(error).__name__}: {error}"
                raise ConfigError(
                    f"{text} failed ({why}); write def {name}(rng): …, which gives a Network"
                ) from error

        make.__qualname__ = text  # what messages call it
        yield cast("Make", make)


def as_taken(network: Any, dataset: Any) -> Any:
    """The data as a network of one's own takes them: images as such, or each in a row."""
    if dataset.x_train.ndim == 2:
        return dataset
    try:
        with np.errstate(all="ignore"):
            network.predict(dataset.x_train[:2].astype(np.float32))
    except Exception:  # what is wrong with rows, too, is said when the training begins
        return in_rows(dataset)
    return dataset
