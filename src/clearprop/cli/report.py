"""`clearprop report`: a run as one page."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearprop.cli.language import read_settings
from clearprop.cli.networks import AGAIN, own_network
from clearprop.cli.options import RUN
from clearprop.files import shown


def report(
    run: Annotated[Path, RUN],
    /,
    *,
    data: Annotated[
        Path | None,
        Parameter(help="The table or folder, if it has been moved since the training."),
    ] = None,
    network: Annotated[str | None, AGAIN] = None,
) -> None:
    """Make a page of a run: how it learned, what it gets wrong, and what went on inside.

    For example:

        clearprop report runs/1

    The page is `report.html` in the run's folder, one file that needs nothing else: curves, the
    confusion matrix and the worst mistakes on the test data, weights or filters as images, what
    each layer of convolutions makes of one image, or residuals and the importance of each column of
    a table, activations and derivatives of each layer over time, the network's graph, and all
    settings.
    `clearprop train` makes it at its end.
    """
    from clearprop.cli.own_data import form_of, read_again, scale_of
    from clearprop.reporting import write_report
    from clearprop.training import RunFolder

    with own_network(network) as make:
        folder = RunFolder(run, make)
        config = read_settings(folder)  # what is no run is told before the data are read
        dataset, form = read_again(folder, config, data), form_of(folder, config)
        write_report(folder, dataset.x_test, dataset.t_test, scale_of(dataset), form)
    print(shown(folder.report_path))
