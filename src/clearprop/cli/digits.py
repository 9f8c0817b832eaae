"""What a network says of pictures of digits, and what speaks against it."""

from collections.abc import Sequence
from contextlib import suppress
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clearprop.cli.own_data import dataset_in
from clearprop.cli.seen import read_each, write_seen
from clearprop.errors import ClearpropError, DataError, NonFiniteError
from clearprop.files import shown
from clearprop.layers import Softmax
from clearprop.speech import say

if TYPE_CHECKING:
    from clearprop.networks import Network
    from clearprop.training import RunConfig, RunFolder

UNSURE = 0.5
"""An answer that is less probable is doubtful."""


class _Answer(NamedTuple):
    """What the network makes of one picture."""

    path: Path
    y: np.ndarray
    doubts: list[str]


def print_digits(
    network: "Network",
    run: "RunFolder",
    config: "RunConfig",
    paths: Sequence[Path],
    *,
    json: bool,
    show: Path | None,
) -> int:
    """Read the digits in pictures and print them; the exit status is 2 if some cannot be read.

    Errors: `DataError` for a network that takes no such pictures, `NonFiniteError` for answers that
    are no numbers, `MissingPackageError` without Pillow.
    """
    from clearprop.datasets.images import SIDE, read_with_doubts

    size = config.sizes[0]
    if size != SIDE**2:
        raise DataError(
            f"{run.path}: this network takes {size} numbers, and a picture is read as "
            f"{SIDE}×{SIDE} = {SIDE**2}; predict needs a network that was trained on images of "
            f"{SIDE}×{SIDE}"
        )
    read, failed = read_each(paths, read_with_doubts)
    answers: list[_Answer] = []
    if read:
        x = np.stack([digit.reshape(-1) for _, (digit, _) in read])
        with np.errstate(all="ignore"):  # NaN and infinity are looked for in the answer
            y = Softmax().forward(network.predict(x.reshape(-1, *(config.shape or (size,)))))
        if not np.isfinite(y).all():
            raise NonFiniteError(
                f"{run.path}: the network's answers are not finite numbers; train it again"
            )
        unlike = _unlike(x, config)
        for (path, (_, doubts)), row, strange in zip(read, y, unlike, strict=True):
            unsure = ["the network is unsure"] if row.max() < UNSURE else []
            strange = ["unlike what was learned"] if strange else []
            answers.append(_Answer(path, row, [*doubts, *strange, *unsure]))
        if show is not None:
            write_seen(show, [digit for _, (digit, _) in read])
    if json:
        _print_json(answers, failed)
    elif answers:
        _print_table(answers)
    return 2 if failed else 0


def _unlike(x: np.ndarray, config: "RunConfig") -> np.ndarray:
    """Which pictures are unlike those that were learned; none where these cannot be had."""
    from clearprop.datasets.likeness import Likeness

    with suppress(ClearpropError, OSError):
        data = dataset_in(Path(config.data) if config.data else None)
        if data.x_train.shape[1] == data.x_test.shape[1] == x.shape[1] and len(data.x_test):
            return Likeness(data.x_train, data.x_test).unlike(x)
    return np.zeros(len(x), bool)


def _print_json(answers: list[_Answer], failed: list[tuple[Path, str]]) -> None:
    entries = [
        {
            "image": str(path),
            "digit": int(y.argmax()),
            "probabilities": y.tolist(),
            "doubts": doubts,
        }
        for path, y, doubts in answers
    ]
    missing = [{"image": str(path), "error": text} for path, text in failed]
    print(dumps([*entries, *missing], indent=2))


def _print_table(answers: list[_Answer]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    table.add_column(say("picture"), overflow="fold")
    table.add_column(say("digit"), justify="center", style="bold")
    table.add_column(say("probability"), justify="right")
    table.add_column(say("or else"), style="dim")
    if any(doubts for *_, doubts in answers):
        table.add_column(say("doubt"), style="yellow")
    for path, y, doubts in answers:
        best, *others = np.argsort(-y, kind="stable")[:3]
        rest = ", ".join(f"{digit} ({y[digit]:.1%})" for digit in others)
        row = [escape(shown(path)), str(best), f"{y[best]:.1%}", rest]
        table.add_row(*row, *([", ".join(map(say, doubts))] if doubts else []))
    Console().print(table)
