"""`clearprop predict`: read the digits in pictures with a trained network."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from cyclopts import Parameter

from clearprop.cli.options import RUN, flag_option
from clearprop.errors import ClearpropError, DataError, MissingPackageError, NonFiniteError
from clearprop.files import atomic_write, shown
from clearprop.layers import Softmax
from clearprop.networks import Network

if TYPE_CHECKING:
    from clearprop.training import RunConfig

UNSURE = 0.5
"""An answer that is less probable is doubtful."""


class _Answer(NamedTuple):
    """What the network makes of one picture."""

    path: Path
    y: np.ndarray
    doubts: list[str]


def predict(
    run: Annotated[Path, RUN],
    images: Annotated[
        list[Path],
        Parameter(
            help="Pictures of 28×28 pixels or larger, one digit in each; - is the standard input.",
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
) -> int:
    """Read the digits in pictures with a trained network.

    Draw a digit in any picture program, or write one on paper and photograph it:

        clearprop predict runs/RUN seven.png photo.jpg --show seen.png

    The digit is told from the paper, cut out, scaled and centred as those of MNIST were, and the
    network says what it takes it for. It has seen nothing but digits, so it takes everything for
    one; what speaks against its answer is said. Pictures that cannot be read are named, and the
    exit status is 2; the others are answered. Reading pictures needs Pillow: `pip install
    "clearprop[pictures]"`.
    """
    from clearprop.datasets.images import SIDE, read_with_doubts
    from clearprop.training import RunFolder
    from clearprop.training.verdict import verdict

    folder = RunFolder(run)
    config = folder.read_config()
    size = config.sizes[0]
    if size != SIDE**2:
        raise DataError(
            f"{run}: this network takes {size} numbers, and a picture is read as {SIDE}×{SIDE} = "
            f"{SIDE**2}; predict needs a network that was trained on images of {SIDE}×{SIDE}"
        )
    network = folder.load_network()
    if trouble := verdict(folder, network):
        print(f"clearprop: {shown(run)}: {trouble}; its answers mean little", file=sys.stderr)
    read: list[tuple[Path, np.ndarray, tuple[str, ...]]] = []
    failed: dict[Path, str] = {}
    for path in images:
        try:
            read.append((path, *read_with_doubts(path)))
        except MissingPackageError:
            raise
        except ClearpropError as error:
            failed[path] = str(error)
            print(f"clearprop: {shown(error)}", file=sys.stderr)
    answers: list[_Answer] = []
    if read:
        x = np.stack([digit.reshape(-1) for _, digit, _ in read])
        y = probabilities(network, x)
        if not np.isfinite(y).all():
            raise NonFiniteError(
                f"{run}: the network's answers are not finite numbers; train it again"
            )
        unlike = _unlike(x, config)
        for (path, _, doubts), row, strange in zip(read, y, unlike, strict=True):
            unsure = ["the network is unsure"] if row.max() < UNSURE else []
            strange = ["unlike what was learned"] if strange else []
            answers.append(_Answer(path, row, [*doubts, *strange, *unsure]))
        if show is not None:
            atomic_write(show, _picture([digit for _, digit, _ in read]))
    if json:
        _print_json(answers, failed)
    elif answers:
        _print_table(answers)
    return 2 if failed else 0


def probabilities(network: Network, x: np.ndarray) -> np.ndarray:
    """Compute how probable the network finds each class, for each sample: (N, D) → (N, C)."""
    with np.errstate(all="ignore"):  # NaN and infinity are looked for in the answer
        return Softmax().forward(network.predict(x))


def _unlike(x: np.ndarray, config: "RunConfig") -> np.ndarray:
    """Which pictures are unlike those that were learned; none where these cannot be had."""
    from clearprop.cli.data import dataset_in
    from clearprop.datasets.likeness import Likeness

    with suppress(ClearpropError, OSError):
        data = dataset_in(Path(config.data) if config.data else None)
        if data.x_train.shape[1] == data.x_test.shape[1] == x.shape[1] and len(data.x_test):
            return Likeness(data.x_train, data.x_test).unlike(x)
    return np.zeros(len(x), bool)


def _picture(digits: list[np.ndarray]) -> bytes:
    """Digits side by side, each pixel as 8×8, white on black as the network sees them: PNG."""
    from clearprop.reporting.png import write_png

    row = np.concatenate([np.pad(digit, 1, constant_values=0.3) for digit in digits], axis=1)
    pixels = (255 * np.kron(row, np.ones((8, 8)))).astype(np.uint8)
    return write_png(pixels[..., np.newaxis], colour_type=0)


def _print_json(answers: list[_Answer], failed: dict[Path, str]) -> None:
    from json import dumps

    entries: list[dict[str, Any]] = [
        {
            "image": str(path),
            "digit": int(y.argmax()),
            "probabilities": y.tolist(),
            "doubts": doubts,
        }
        for path, y, doubts in answers
    ]
    entries += [{"image": str(path), "error": text} for path, text in failed.items()]
    print(dumps(entries, indent=2))


def _print_table(answers: list[_Answer]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    table.add_column("picture", overflow="fold")
    table.add_column("digit", justify="center", style="bold")
    table.add_column("probability", justify="right")
    table.add_column("or else", style="dim")
    if any(doubts for *_, doubts in answers):
        table.add_column("doubt", style="yellow")
    for path, y, doubts in answers:
        best, *others = np.argsort(-y, kind="stable")[:3]
        rest = ", ".join(f"{digit} ({y[digit]:.1%})" for digit in others)
        row = [escape(shown(path)), str(best), f"{y[best]:.1%}", rest]
        table.add_row(*row, *([", ".join(doubts)] if doubts else []))
    Console().print(table)
