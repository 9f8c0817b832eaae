"""`clearprop play`: a network as a page that trains it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from clearprop.cli.networks import as_taken, own_network
from clearprop.cli.options import count_option
from clearprop.errors import ConfigError
from clearprop.files import shown

if TYPE_CHECKING:
    from clearprop.training import RunConfig

IMAGES, TESTS = 6000, 1000
"""So many samples a page holds, and so many that it is tested with."""


def play(
    run: Annotated[
        Path | None,
        Parameter(
            help="The folder of a run, whose network, data and weights the page begins with."
        ),
    ] = None,
    /,
    *,
    output: Annotated[Path, Parameter(help="The file.", alias="-o")] = Path("play.html"),
    network: Annotated[
        str | None,
        Parameter(
            help="two-layer, conv or deep-conv, or your own: FILE.py:FUNCTION, as in training. "
            "[default: two-layer, or that of the run]"
        ),
    ] = None,
    weights: Annotated[
        str | None,
        Parameter(help="drawn (anew) or kept (as learned). [default: kept for a run, else drawn]"),
    ] = None,
    samples: Annotated[int, count_option("How many training samples the page holds.")] = IMAGES,
    language: Annotated[str, Parameter(help="en, zh or ja, in which the page begins.")] = "en",
) -> None:
    """Make a page that trains a network: one file that works offline, to hand on or put anywhere.

    For example:

        clearprop play
        clearprop play --network conv -o conv.html
        clearprop play runs/1

    In the page one trains, pauses and takes single steps, changes the learning rate, and watches
    weights, activations and derivatives of every layer; draws a digit with mouse or finger and sees
    it read, layer by layer. With two inputs it shows the plane and the boundary of the decision.
    """
    from clearprop.cli.own_data import dataset_in, read_again, scale_of
    from clearprop.playing import play as write
    from clearprop.training import RunFolder

    own = network if network is not None and ":" in network else None
    with own_network(own) as make:
        if run is not None:
            if network is not None and own is None:
                raise ConfigError("a run has its own network; leave --network out")
            folder = RunFolder(run, make)
            config = folder.read_config()
            dataset, made = read_again(folder, config), folder.load_network()
        else:
            config = _config(network or "two-layer", own is not None)
            dataset = dataset_in(None, images=config.kind != "two-layer")
            made = config.network(make=make)
            dataset = as_taken(made, dataset) if own else dataset
        scale = scale_of(dataset)

        def taken(x: Any, most: int) -> Any:
            return np.asarray(x[:most] * scale if scale is not None else x[:most], np.float32)

        test = taken(dataset.x_test, TESTS), dataset.t_test[:TESTS]
        write(
            made,
            output,
            taken(dataset.x_train, samples),
            dataset.t_train[:samples],
            optimizer=config.make_optimizer(),
            test=test,
            batch=config.batch,
            weights=weights or ("drawn" if run is None else "kept"),
            language=language,
        )
    print(shown(output))


def _config(kind: str, own: bool) -> "RunConfig":
    """The settings of a network that has not been trained, for the digits of MNIST."""
    from clearprop.training import RunConfig
    from clearprop.training.run_config import KINDS

    if own:
        return RunConfig(sizes=(784, 10), kind="own", shape=(1, 28, 28))
    if kind not in KINDS or kind == "own":
        raise ConfigError(
            f"--network is two-layer, conv or deep-conv, or FILE.py:FUNCTION; not {kind!r}"
        )
    hidden = 50 if kind == "two-layer" else 100
    shape = None if kind == "two-layer" else (1, 28, 28)
    return RunConfig(sizes=(784, hidden, 10), kind=kind, shape=shape)
