"""A table of the user's own, ready for training."""

import os
import warnings
from collections.abc import Iterable

import numpy as np

from clearprop.datasets.formed import Formed, held_out
from clearprop.datasets.table_files import open_table
from clearprop.datasets.table_form import Doubts, TableForm
from clearprop.datasets.table_survey import Survey
from clearprop.errors import DataError


class Table(Formed):
    """A table as a network takes it: `x_train`, `t_train`, `x_test`, `t_test`, all float32.

    Targets are numbers (N, 1) of mean 0 and deviation 1 in a regression, class numbers (N,) int64
    otherwise. `form` says what became of each column, `notes` what was found on the way.
    """

    form: TableForm

    def encode(self, path: str | os.PathLike[str]) -> np.ndarray:
        """Read another table in the same way: x (N, width) float32.

        Columns are found by their names, whatever their order. Of categories that were not learned,
        and count as none, and of missing values that are filled, a warning tells.

        Errors: `DataError` for a table that does not have this form.
        """
        x, whole, told, _ = encode_table(self.form, path)
        if not whole.all():
            raise DataError(f"{path}: {'; '.join(told)}; leave these rows out")
        for note in told:
            warnings.warn(f"{path}: {note}", stacklevel=2)
        return x


def read_table(
    path: str | os.PathLike[str],
    target: str | None = None,
    *,
    task: str | None = None,
    missing: str = "refuse",
    categories: Iterable[str] = (),
    ignore: Iterable[str] = (),
    test: float = 0.2,
    seed: int = 0,
) -> Table:
    """Read a table to learn one of its columns, the `target`, from the others.

    The file is `.csv` or `.tsv` with a header, `.npy`, `.npz` or `.parquet`, and is read block by
    block, so that it takes little more memory than what comes of it: `width` float32 a row.

    Args:
        path: the file.
        target: the column to learn; in an `.npz` file `t` or `y` where it is not given.
        task: "regression" or "classification"; found from the target where it is not given.
        missing: what to do with missing values: "refuse" them by name, take the "mean" of numbers
            and no category for categories, or "drop" their rows.
        categories: columns of numbers that are categories, such as postal codes.
        ignore: columns to leave out.
        test: the share of rows that is held out for testing.
        seed: draws these rows.

    Raises:
        DataError: a table that nothing can be learned from; the message names column and line.
        ConfigError: names that are not in the table, settings out of range.
        FileFormatError: a file that is not what its name says.
        FileNotFoundError: there is none.
        MissingPackageError: Parquet without polars.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open(f"{folder}/fruit.csv", "w") as file:
        ...         rows = ["weight,colour,price", *["120,red,2.5", "90,green,1.5"] * 5]
        ...         print(*rows, sep="\\n", file=file)
        ...     table = read_table(f"{folder}/fruit.csv", target="price")
        >>> table
        Table: 8 samples to learn from, 2 to test on, 3 numbers each
          price is learned by regression: numbers, 1.875 ± 0.484123; otherwise by ...
          weight: number, 101.2 ± 14.52
          colour: category, 'green', 'red'
        >>> table.form.inputs
        {'weight': slice(0, 1, None), 'colour': slice(1, 3, None)}
    """
    categories = (categories,) if isinstance(categories, str) else tuple(categories)
    ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    survey = Survey(
        open_table(path), target, task=task, missing=missing, categories=categories, ignore=ignore,
        test=test, seed=seed,
    )  # fmt: skip
    return load_table(survey.form, path, survey.notes)


def load_table(form: TableForm, path: str | os.PathLike[str], notes: Iterable[str] = ()) -> Table:
    """Read a table in a form that is known, its training and its test part.

    Errors: `DataError` for a table that does not have this form, and those of `open_table`.
    """
    table = open_table(path)
    test = held_out(path, table.count(), form.test, form.seed)
    rows, classified = len(test), form.target.categories is not None
    # One array for both parts: those to test on stand behind.
    x = np.empty((rows, form.width), np.float32)
    t = np.empty(rows, np.int64) if classified else np.empty((rows, 1), np.float32)
    ends, start = [0, border := rows - int(test.sum())], 0
    doubts = Doubts(table)
    for block_x, block_t, whole in form.encode(table, doubts, targets=True):
        held = test[start : start + len(block_x)]
        start += len(block_x)
        for part, mask in enumerate((whole & ~held, whole & held)):
            first, ends[part] = ends[part], ends[part] + int(mask.sum())
            x[first : ends[part]], t[first : ends[part]] = block_x[mask], block_t[mask]
    parts = slice(0, ends[0]), slice(border, ends[1])
    (x_train, x_test), (t_train, t_test) = ([a[part] for part in parts] for a in (x, t))
    return Table(x_train, t_train, x_test, t_test, form, [*doubts.told(), *notes])


def encode_table(
    form: TableForm, path: str | os.PathLike[str]
) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """Read a table without targets: x (N, width) float32, which rows are whole (N,), what is to be
    told of missing values and unknown categories, and the names of columns that play no part.

    Rows that are not whole, with `missing` "drop", are 0 where values are missing.

    Errors: as `load_table`.
    """
    table = open_table(path)
    doubts, known = Doubts(table), set(form.inputs)
    blocks = [(np.empty((0, form.width), np.float32), np.empty(0, bool))]
    blocks += [(x, whole) for x, _, whole in form.encode(table, doubts, targets=False)]
    x, whole = map(np.concatenate, zip(*blocks, strict=True))
    return x, whole, doubts.told(), [name for name in table.names if name not in known]
