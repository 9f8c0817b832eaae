"""Where NaN or infinity came from: a failed step is gone through again, operation by operation."""

from typing import Any

import numpy as np

from clearprop.graph.node import Recorded
from clearprop.networks import Network
from clearprop.training.optimizers.checks import all_finite


def first_nonfinite(
    network: Network, x: Any, t: Any, *w: Any, formula: str = "forward"
) -> str | None:
    """Describe the first value that is not finite in a step on a batch `x`, `t`, perhaps `w`.

    Forward and backward run once more on copies of the layers, with the state and the very noise of
    the last step, so that the network stays as it is. The answer names the operation and the layer
    around it, and whether it was its output or the derivative that it hands back, with what went
    in. `None` if everything is finite. At the formula `"infer"` only the way forward is gone.

    >>> from clearprop.layers import Affine
    >>> network = Network([Affine(W=np.array([[1e308]]), b=np.array([0.0]))])
    >>> print(first_nonfinite(network, np.array([[100.0]]), np.array([0])))  # doctest: +ELLIPSIS
    the output of np.matmul inside Affine1 (1, 1) is inf at [0, 0], 1 of 1 elements. It was ...
    """
    from clearprop.checking import first_anomaly  # a training that fails can wait for it

    with np.errstate(all="ignore"):
        for name, value in {**network.params, **network.states}.items():
            if not all_finite(value):
                kind = "parameter" if name in network.params else "state"
                bad = np.asarray(value)[~np.isfinite(value)]
                count = f"{bad.size} of {np.size(value)} values, first {bad[0]}"
                return f"the {kind} {name} {np.shape(value)} is not finite ({count})"
        walk = network.walk(formula, x)
        loss = walk.loss(x, t, *w)
        if formula == "infer":
            for use in walk.uses:
                if not all(map(all_finite, use.outputs)):
                    given = ", ".join(map(_range, use.inputs))
                    name = use.name or "the network"
                    return f"the output of {name} is not finite. It was given {given}"
        found = first_anomaly(loss) if isinstance(loss, Recorded) else None
        return None if found is None else str(found)


def explained(
    error: Exception, iteration: int, network: Network, optimizer: Any, *batch: Any
) -> str:
    """What is said of a step that failed on a batch `x`, `t`, perhaps `w`: where, what to do."""
    found = first_nonfinite(network, *batch)
    first = f"First, {found}." if found else "Loss and derivatives are finite, the update not."
    what = str(error).partition("; nothing was changed")[0]  # it goes on with what to do
    lr = getattr(optimizer, "lr", None)
    rate = "a smaller learning rate"
    if isinstance(lr, float):  # and no schedule
        rate = f"a learning rate smaller than {lr:g}"
    return (
        f"iteration {iteration}: {what}. {first} The parameters are those before this "
        f"iteration. Use {rate}, or scale the inputs to the order of 1"
    )


def _range(x: Any) -> str:
    x = np.asarray(getattr(x, "data", x))
    return f"x {x.shape} from {x.min():.4g} to {x.max():.4g}"
