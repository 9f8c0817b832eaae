"""What a network says of a table or of pictures, as CSV or JSON."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.cli.complaints import complain
from clearprop.cli.own_data import SCALE
from clearprop.cli.seen import read_each, write_seen
from clearprop.errors import ConfigError, DataError, NonFiniteError
from clearprop.files import atomic_write
from clearprop.layers import Softmax

if TYPE_CHECKING:
    from clearprop.datasets.pictures import PictureForm
    from clearprop.datasets.table_form import TableForm
    from clearprop.networks import Network

ROWS = 2**14
"""So many rows go through the network at once."""


def print_answers(
    network: "Network",
    form: "TableForm | PictureForm",
    paths: Sequence[Path],
    as_images: bool,
    *,
    json: bool,
    show: Path | None,
    output: Path | None,
) -> int:
    """Answer each row of a table, or each picture, and print the answers or write them to a file.

    `as_images`: whether the network takes pictures as such, and not in rows.

    The exit status is 2 if pictures cannot be read; they have no answer then.

    Errors: `ConfigError` for more than one table, `NonFiniteError` for answers that are no numbers,
    `OutputError` if the file cannot be written, and those of the readers.
    """
    from clearprop.datasets.pictures import PictureForm
    from clearprop.datasets.table import encode_table

    named: list[dict[str, Any]]
    failed: list[tuple[Path, str]] = []
    if isinstance(form, PictureForm):
        read, failed = read_each(paths, form.read)
        if show is not None and read:
            write_seen(show, [pixels / 255 for _, pixels in read])
        x = np.array([pixels.reshape(-1) for _, pixels in read])
        x = form.images(x) if as_images and read else x
        whole, named = np.ones(len(x), bool), [{"picture": str(path)} for path, _ in read]
    elif show is not None:
        raise ConfigError("--show is for pictures; leave it out")
    elif len(paths) != 1:
        raise ConfigError(f"give one table, not {len(paths)}")
    else:
        x, whole, told, extra = encode_table(form, paths[0])
        named = [{} for _ in whole]
        told += [f"columns that play no part: {', '.join(extra)}"] if extra else []
        for note in told:
            complain(f"{paths[0]}: {note}")
    if not len(x) and not failed:
        raise DataError(f"{paths[0]}: there are no rows to answer")
    # A row in which something is missing has a line, and no answer in it.
    said = _said(network, form, x, whole, json)
    rows = [
        {**name, **(answer if good else dict.fromkeys(answer))}
        for name, answer, good in zip(named, said, whole, strict=True)
    ]
    if json:
        rows += [{"picture": str(path), "error": text} for path, text in failed]
    text = _json(rows) if json else _csv(rows)
    if output is None:
        print(text, end="")
    elif rows:
        atomic_write(output, text.encode())
    return 2 if failed else 0


def _said(
    network: "Network",
    form: "TableForm | PictureForm",
    x: np.ndarray,
    whole: np.ndarray,
    everything: bool,
) -> Iterator[dict[str, Any]]:
    """The answer to each row of `x`, of which those that are not `whole` are without meaning."""
    from clearprop.datasets.table_form import TableForm

    target = form.target.name if isinstance(form, TableForm) else "class"
    for start in range(0, len(x), ROWS):
        y = _answer(network, x[start : start + ROWS])
        if not np.isfinite(y[whole[start : start + ROWS]]).all():
            raise NonFiniteError("the network's answers are not finite numbers; train it again")
        if isinstance(form, TableForm) and form.task == "regression":
            yield from ({target: float(number)} for number in form.in_unit(y))
        else:
            yield from _classes(form.classes, target, y, everything)


def _answer(network: "Network", x: np.ndarray) -> np.ndarray:
    if x.dtype == np.uint8:
        x = x.astype(np.float32) * np.float32(SCALE)
    with np.errstate(all="ignore"):  # NaN and infinity are looked for in the answer
        y = np.asarray(network.predict(x), np.float64)
        return Softmax().forward(y) if network.score_name == "accuracy" else y


def _classes(
    classes: Sequence[str], target: str, y: np.ndarray, everything: bool
) -> Iterator[dict[str, Any]]:
    for row, best in zip(y, y.argmax(axis=1), strict=True):
        if everything:
            shares = dict(zip(classes, row.tolist(), strict=True))
            yield {target: classes[best], "probabilities": shares}
        else:
            yield {target: classes[best], "probability": f"{row[best]:.4f}"}


def _json(rows: list[dict[str, Any]]) -> str:
    from json import dumps

    return dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _csv(rows: list[dict[str, Any]]) -> str:
    file = io.StringIO()
    if rows:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return file.getvalue()
