"""What a network says of a table or of pictures, as CSV or JSON."""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.cli.own_data import SCALE
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
    *,
    json: bool,
    output: Path | None,
) -> None:
    """Answer each row of a table, or each picture, and print the answers or write them to a file.

    Errors: `ConfigError` for more than one table, `NonFiniteError` for answers that are no numbers,
    `OutputError` if the file cannot be written, and those of the readers.
    """
    from clearprop.datasets.pictures import PictureForm
    from clearprop.datasets.table import encode_table

    named: list[dict[str, Any]]
    if isinstance(form, PictureForm):
        target, x = "class", form.encode(paths)
        whole, named = np.ones(len(x), bool), [{"picture": str(path)} for path in paths]
    elif len(paths) != 1:
        raise ConfigError(f"give one table, not {len(paths)}")
    else:
        x, whole, told, extra = encode_table(form, paths[0])
        target, named = form.target.name, [{} for _ in whole]
        told += [f"columns that play no part: {', '.join(extra)}"] if extra else []
        for note in told:
            print(f"clearprop: {paths[0]}: {note}", file=sys.stderr)
    if not len(x):
        raise DataError(f"{paths[0]}: there are no rows to answer")
    y = np.concatenate([_answer(network, x[i : i + ROWS]) for i in range(0, len(x), ROWS)])
    if not np.isfinite(y[whole]).all():
        raise NonFiniteError("the network's answers are not finite numbers; train it again")
    if isinstance(form, PictureForm) or form.task == "classification":
        found = _classes(form.classes, target, y, everything=json)
    else:
        found = ({target: float(number)} for number in form.in_unit(y))
    # A row in which something is missing has a line, and no answer in it.
    rows = [
        {**name, **(answer if good else dict.fromkeys(answer))}
        for name, answer, good in zip(named, found, whole, strict=True)
    ]
    text = _json(rows) if json else _csv(rows)
    if output is None:
        print(text, end="")
    else:
        atomic_write(output, text.encode())


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
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
