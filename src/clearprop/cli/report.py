"""`clearprop report`: a run as one page."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearprop.cli.options import RUN
from clearprop.files import shown


def report(
    run: Annotated[Path, RUN],
    /,
    *,
    data: Annotated[
        Path | None,
        Parameter(help="The folder of the images, if it has been moved since the training."),
    ] = None,
) -> None:
    """Make a page of a run: how it learned, what it gets wrong, and what went on inside.

        clearprop report runs/1

    The page is `report.html` in the run's folder, one file that needs nothing else: curves, the
    confusion matrix and the worst mistakes on the test images, the first layer's weights as images,
    activations and derivatives of each layer over time, the network's graph, and all settings.
    `clearprop train` makes it at its end.
    """
    from clearprop.cli.train import SCALE, dataset_in
    from clearprop.reporting import write_report
    from clearprop.training import RunFolder

    folder = RunFolder(run)
    config = folder.read_config()  # what is no run is told before the data are read
    dataset = dataset_in(data or (Path(config.data) if config.data else None))
    write_report(folder, dataset.x_test, dataset.t_test, SCALE)
    print(shown(folder.report_path))
