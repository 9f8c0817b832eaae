"""`clearprop predict`: what a trained network makes of pictures, or of the rows of a table."""

import inspect
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearprop.cli.answers import print_answers
from clearprop.cli.complaints import complain, no_option
from clearprop.cli.digits import print_digits
from clearprop.cli.language import read_settings
from clearprop.cli.networks import AGAIN, own_network
from clearprop.cli.options import RUN, check_output, flag_option
from clearprop.cli.own_data import form_of
from clearprop.errors import ConfigError


def predict(
    run: Annotated[Path, RUN],
    images: Annotated[
        list[Path],
        Parameter(
            help="Pictures of 28×28 pixels or larger, one digit in each; or what the run learned "
            "from: a table, or pictures. The standard input is -, for a picture.",
            allow_leading_hyphen=True,
        ),
    ],
    /,
    *,
    json: Annotated[bool, flag_option("Print JSON with the probability of every digit.")] = False,
    show: Annotated[
        Path | None,
        Parameter(help="Write what the network saw, all pictures side by side, to this PNG file."),
    ] = None,
    output: Annotated[
        Path | None, Parameter(help="Write the answers to a table to this file.", alias="-o")
    ] = None,
    network: Annotated[str | None, AGAIN] = None,
) -> int:
    """Read the digits in pictures with a trained network.

    Draw a digit in any picture program, or write one on paper and photograph it:

        clearprop predict runs/RUN seven.png photo.jpg --show seen.png

    The digit is told from the paper, cut out, scaled and centred as those of MNIST were, and the
    network says what it takes it for. It has seen nothing but digits, so it takes everything for
    one; what speaks against its answer is said. Pictures that cannot be read are named, and the
    exit status is 2; the others are answered. Reading pictures needs Pillow: `pip install
    "clearprop[pictures]"`.

    A run on a table answers each row of a table with the same columns, in any order, as CSV:

        clearprop predict runs/RUN new.csv -o answers.csv

    It reads them as the training did; columns that are missing are refused, others ignored.
    """
    from clearprop.training import RunFolder
    from clearprop.training.verdict import verdict

    for name in map(str, images):
        if name.startswith("-") and name != "-" and not Path(name).exists():
            option = name.partition("=")[0]
            named = inspect.signature(predict).parameters.values()
            options = {f"--{p.name}" for p in named if p.kind is p.KEYWORD_ONLY}
            raise ConfigError(no_option("clearprop predict", option, options))
    check_output(output, *images, run, network)
    check_output(show, *images, run, network, end=".png")
    with own_network(network) as make:
        folder = RunFolder(run, make)
        config = read_settings(folder)
        form = form_of(folder, config)
        if form is None and output is not None:
            raise ConfigError(
                "--output is for runs on a table or on pictures of your own; leave it out"
            )
        learned = folder.load_network()
        if trouble := verdict(folder, learned):
            complain(f"{run}: {trouble}; its answers mean little")
        if form is None:
            return print_digits(learned, folder, config, images, json=json, show=show)
        as_images = config.shape is not None
        return print_answers(learned, form, images, as_images, json=json, show=show, output=output)
