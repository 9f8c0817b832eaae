"""Whether a run's training came to anything: what its files say against its answers."""

from contextlib import suppress

import numpy as np

from clearprop.errors import FileFormatError, NonFiniteError
from clearprop.networks import Network
from clearprop.speech import say
from clearprop.training.history import History
from clearprop.training.optimizers.checks import all_finite
from clearprop.training.run_folder import RunFolder

_ENOUGH = 100  # steps, after which a training that learns has got somewhere


def verdict(run: RunFolder, network: Network, history: History | None = None) -> str | None:
    """Say what is wrong with the training of `network`, which `run` holds; `None` as a rule.

    A loss that is higher at the end than it was at first is told. So is a last one that is not
    finite, of weights that were kept from before it. The history is read from the run, unless it is
    given.

    Errors: `NonFiniteError` for weights that are not finite.
    """
    for name, value in {**network.params, **network.states}.items():
        if not all_finite(value):
            raise NonFiniteError(
                f"{run.path}: {name} {np.shape(value)} holds numbers that are not finite, so the "
                "network has no answers; train it again, with a smaller learning rate"
            )
    if history is None:
        history = History()
        with suppress(FileNotFoundError, FileFormatError):  # the weights alone can answer
            history = run.read_history()
    if len(history) and not np.isfinite(history.last_loss):
        return say("the training ran away: its last loss was {loss}", loss=history.last_loss)
    first, last = (history.loss[0], history.recent_loss()) if len(history) else (0.0, 0.0)
    if len(history) >= _ENOUGH and not last <= first:
        return say(
            "the training ran away: its loss was {first} at first and {last} in the end",
            first=f"{first:.4g}",
            last=f"{last:.4g}",
        )
    return None
