"""`clearprop play`: a network as a page that trains it."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from clearprop.cli.language import read_settings
from clearprop.cli.networks import as_taken, kind_of, own_network
from clearprop.cli.options import check_output, count_option
from clearprop.cli.settings import settings_of
from clearprop.errors import ConfigError
from clearprop.files import shown
from clearprop.speech import spoken

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
    data: Annotated[
        Path | None,
        Parameter(help="The table or folder, if it has been moved since the training."),
    ] = None,
    samples: Annotated[int, count_option("How many training samples the page holds.")] = IMAGES,
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
    from clearprop.cli.own_data import read_again, read_anew, scale_of
    from clearprop.datasets.formed import Formed
    from clearprop.playing import play as write
    from clearprop.training import RunConfig, RunFolder

    check_output(output, run, network, end=".html")
    kind = kind_of(network)
    with own_network(network if kind == "own" else None) as make:
        if run is not None:
            if network is not None and make is None:
                raise ConfigError("a run has its own network; leave --network out")
            folder = RunFolder(run, make)
            config = read_settings(folder)
            dataset, made = read_again(folder, config, data), folder.load_network()
        else:
            dataset = read_anew(None, {}, kind)
            if make is not None:
                dataset = as_taken(make(np.random.default_rng(0)), dataset)
            config = RunConfig(**settings_of(kind, dataset, (), {}))
            made = config.network(make=make)
        scale = scale_of(dataset)

        def taken(x: Any, most: int) -> Any:
            return np.asarray(x[:most] * scale if scale is not None else x[:most], np.float32)

        write(
            made,
            output,
            taken(dataset.x_train, samples),
            dataset.t_train[:samples],
            # In the page it is the reader who changes the rate.
            optimizer=replace(config, schedule="constant").make_optimizer(),
            test=(taken(dataset.x_test, TESTS), dataset.t_test[:TESTS]),
            batch=config.batch,
            weights=weights or ("drawn" if run is None else "kept"),
            classes=[*dataset.classes] or None if isinstance(dataset, Formed) else None,
            language=spoken(),
        )
    print(shown(output))
