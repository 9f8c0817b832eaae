"""`clearprop gradcheck`: backpropagation against numerical differentiation."""

from collections.abc import Callable
from typing import Annotated

import numpy as np

from clearprop.cli.options import seed_option
from clearprop.networks import Network, TwoLayerNet
from clearprop.primitives.numerical import numerical_gradient
from clearprop.speech import say

LIMIT = 1e-9
"""The largest average difference that rounding and the finite step can explain."""


def gradcheck(
    *, seed: Annotated[int, seed_option("Draws the network's first weights.")] = 0
) -> int:
    """Check backpropagation against numerical differentiation.

    For example:

        clearprop gradcheck
        clearprop gradcheck --seed 1

    A network of 784-50-10 neurons looks at three handwritten digits. The derivative of its loss
    by each of its 39,760 parameters is computed twice: by backpropagation, all at once, and by
    changing one parameter after the other a little and looking what the loss does. The first is
    fast and easy to get wrong; the second is slow (some seconds) and hard to get wrong. The table
    shows how far apart the two are on average. Everything is computed in float64, and at most
    1e-9 is allowed.

    The exit status is 0 if backpropagation is right and 1 if it is not.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
    from threadpoolctl import threadpool_limits

    from clearprop.datasets import load_mnist

    network = TwoLayerNet(784, 50, 10, rng=np.random.default_rng(seed))
    (x_train, t_train), _ = load_mnist(normalize=False)
    x, t = x_train[:3] / 255, t_train[:3]

    evaluations = 2 * sum(array.size for array in network.params.values())
    with (
        Progress(console=Console(stderr=True), transient=True) as progress,
        threadpool_limits(1),  # these products are too small to be shared out
    ):
        task = progress.add_task(say("numerical differentiation"), total=evaluations)
        differences = average_differences(
            network, x, t, on_evaluation=lambda count: progress.update(task, completed=count)
        )
    table = Table(title=say("Backpropagation against numerical differentiation"), box=SIMPLE_HEAD)
    table.add_column(say("parameter"))
    table.add_column(say("derivatives"), justify="right")
    table.add_column(say("average difference"), justify="right")
    table.add_column(say("at most {limit}", limit=f"{LIMIT:.0e}"))
    for name, difference in differences.items():
        right, wrong = f"[green]{say('right')}[/]", f"[bold red]{say('wrong')}[/]"
        verdict = right if difference <= LIMIT else wrong
        table.add_row(name, f"{network.params[name].size:,}", f"{difference:.2e}", verdict)
    Console().print(table)
    return 0 if all(value <= LIMIT for value in differences.values()) else 1


def average_differences(
    network: Network,
    x: np.ndarray,
    t: np.ndarray,
    on_evaluation: Callable[[int], object] = lambda count: None,
) -> dict[str, float]:
    """Compute the mean of |backpropagation − numerical differentiation| for each parameter.

    The network must be float64. `on_evaluation` is told now and then how often the loss has been
    computed: twice for each parameter in the end.

    Source: *Deep Learning from Scratch*, section 5.7.3.
    """
    gradient = network.gradient(x, t)
    count = 0

    def loss(_: object) -> float:
        nonlocal count
        count += 1
        if count % 500 == 0:
            on_evaluation(count)
        return network.loss(x, t)

    return {
        name: float(np.mean(abs(gradient[name] - numerical_gradient(loss, array))))
        for name, array in network.params.items()
    }
