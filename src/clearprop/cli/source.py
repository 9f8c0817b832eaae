"""`clearprop source`: the program that a run's network is trained by."""

from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from clearprop.cli.language import read_settings
from clearprop.cli.networks import AGAIN, own_network
from clearprop.cli.options import RUN, check_output, count_option
from clearprop.files import atomic_write, shown


def source(
    run: Annotated[Path, RUN],
    /,
    *,
    batch: Annotated[
        int | None, count_option("Images in a batch. [default: as the run was trained]")
    ] = None,
    engine: Annotated[
        str,
        Parameter(
            help="What the program is for: numpy; c, or numpy if there is no compiler (auto says "
            "the same); jax; or javascript, for pages."
        ),
    ] = "numpy",
    output: Annotated[
        Path | None,
        Parameter(help="Write the program to this file instead of printing it.", alias="-o"),
    ] = None,
    network: Annotated[str | None, AGAIN] = None,
) -> int:
    """Print the training step of a run as the straight-line NumPy program that it is compiled into.

    Each line is one call of NumPy into a buffer that was made beforehand; its comment says which
    layer it comes from, with the shapes. The program needs NumPy alone: as a file it can be
    imported, and `make(P)` gives the step for a vector P of all parameters. With `--engine c` the
    kernels in C stand in front.

    For example:

        clearprop source runs/1
        clearprop source runs/1 --output step.py
        clearprop source runs/1 --engine c
        clearprop source runs/1 --engine jax
    """
    from clearprop.compiler import Step
    from clearprop.training import RunFolder

    check_output(output, run, network)
    with own_network(network) as make:
        folder = RunFolder(run, make)
        config = read_settings(folder)
        size = config.batch if batch is None else batch
        x = np.zeros((size, *(config.shape or config.sizes[:1])), np.float32)
        regression = config.task == "regression"
        t = np.zeros((size, 1), np.float32) if regression else np.zeros(size, np.intp)
        step = Step(folder.load_network(), config.make_optimizer(), engine=engine).prepare(x, t)
    if output is None:
        print(step.source, end="")
    else:
        atomic_write(output, step.source.encode())
        print(shown(output))
    return 0
