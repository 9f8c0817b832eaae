"""`clearprop predict`: read the digits in pictures with a trained network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from clearprop.cli.answers import print_answers
from clearprop.cli.options import RUN, flag_option
from clearprop.cli.own_data import form_of
from clearprop.errors import ConfigError, DataError, NonFiniteError
from clearprop.layers import Softmax


def predict(
    run: Annotated[Path, RUN],
    images: Annotated[
        list[Path],
        Parameter(
            help="PNG files, 28×28 pixels or larger, one digit in each; or what the run learned "
            "from: a table, or pictures."
        ),
    ],
    /,
    *,
    json: Annotated[bool, flag_option("Print JSON with the probability of every digit.")] = False,
    output: Annotated[
        Path | None, Parameter(help="Write the answers to a table to this file.", alias="-o")
    ] = None,
) -> None:
    """Read the digits in pictures with a trained network.

    Draw a digit in any picture program, dark on light or light on dark, and save it as PNG:

        clearprop predict runs/RUN seven.png

    The digit is cut out, scaled and centred as those of MNIST were, and the network says what it
    takes it for. It has seen nothing but digits, so it takes everything for one. Reading pictures
    needs Pillow: `pip install "clearprop[pictures]"`.

    A run on a table answers each row of a table with the same columns, in any order, as CSV:

        clearprop predict runs/RUN new.csv -o answers.csv

    It reads them as the training did; columns that are missing are refused, others ignored.
    """
    from clearprop.datasets.images import SIDE, read_digit
    from clearprop.training import RunFolder

    folder = RunFolder(run)
    config = folder.read_config()
    if (form := form_of(folder, config)) is not None:
        print_answers(folder.load_network(), form, images, json=json, output=output)
        return
    if output is not None:
        raise ConfigError(
            "--output is for runs on a table or on pictures of your own; leave it out"
        )
    size = config.sizes[0]
    if size != SIDE**2:
        raise DataError(
            f"{run}: this network takes {size} numbers, and a picture is read as {SIDE}×{SIDE} = "
            f"{SIDE**2}; predict needs a network that was trained on images of {SIDE}×{SIDE}"
        )
    network = folder.load_network()
    x = np.stack([read_digit(path).reshape(-1) for path in images])
    with np.errstate(all="ignore"):  # NaN and infinity are looked for in the answer
        y = Softmax().forward(network.predict(x))
    if not np.isfinite(y).all():
        raise NonFiniteError(f"{run}: the network's answers are not finite numbers; train it again")
    if json:
        _print_json(images, y)
    else:
        _print_table(images, y)


def _print_json(images: Sequence[Path], y: np.ndarray) -> None:
    from json import dumps

    answers = [
        {"image": str(path), "digit": int(row.argmax()), "probabilities": row.tolist()}
        for path, row in zip(images, y, strict=True)
    ]
    print(dumps(answers, indent=2, ensure_ascii=False))


def _print_table(images: Sequence[Path], y: np.ndarray) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    table.add_column("picture", overflow="fold")
    table.add_column("digit", justify="center", style="bold")
    table.add_column("probability", justify="right")
    table.add_column("or else", style="dim")
    for path, row in zip(images, y, strict=True):
        best, *others = np.argsort(-row, kind="stable")[:3]
        rest = ", ".join(f"{digit} ({row[digit]:.1%})" for digit in others)
        table.add_row(escape(str(path)), str(best), f"{row[best]:.1%}", rest)
    Console().print(table)
