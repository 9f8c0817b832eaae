"""How the columns of a table become numbers, in a form that can be written down."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from clearprop.datasets.table_files import Block, Cells, TableFile
from clearprop.errors import ConfigError, DataError

MISSING = frozenset(["", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "?"])
"""What stands where a value is missing."""

WAYS = ("refuse", "mean", "drop")
"""What can be done where something is missing."""

LARGEST = float(np.finfo(np.float32).max)
SHOWN = 3
"""So many places of what is wrong are named."""


class ReadCells(NamedTuple):
    """The cells of a column, looked at."""

    numbers: np.ndarray
    """(N,) float64; NaN for what is missing, and for texts."""
    missing: np.ndarray
    """(N,) bool."""
    text: np.ndarray
    """(N,) bool: there is something that is no number."""


def read_cells(cells: Cells) -> ReadCells:
    """Tell numbers, texts and missing values apart.

    >>> read_cells(["1.5", " 2e3", "", "red"]).numbers
    array([1.5e+00, 2.0e+03,     nan,     nan])
    >>> read_cells(["1.5", " 2e3", "", "red"]).text
    array([False, False, False,  True])
    """
    if isinstance(cells, np.ndarray):
        return ReadCells(cells, np.isnan(cells), np.zeros(len(cells), bool))
    known = {text: _number(text) for text in set(cells)}
    numbers = np.array([known[text] for text in cells], np.float64)  # None becomes NaN
    text = np.array([known[text] is None for text in cells], bool)
    return ReadCells(numbers, np.isnan(numbers) & ~text, text)


def _number(text: str) -> float | None:
    text = text.strip()
    if text in MISSING:
        return np.nan
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def texts(cells: Cells, by_number: bool = False) -> Sequence[str]:
    """The names of categories, which numbers have, too: that of 3.0 is "3"."""
    if not isinstance(cells, np.ndarray) and not by_number:
        return [text.strip() for text in cells]
    numbers = read_cells(cells).numbers.tolist()
    return [str(int(v)) if v.is_integer() else repr(v) for v in numbers]


class Doubts:
    """What was found that is not as it should be: how often, and where first."""

    def __init__(self, table: TableFile) -> None:
        self.table = table
        self.missing: dict[str, tuple[int, list[int], str]] = {}
        self.unknown: dict[str, Counter[str]] = {}

    def note_missing(self, name: str, mask: np.ndarray, lines: Sequence[int], cells: Cells) -> None:
        """Note where values of a column are missing."""
        rows = np.flatnonzero(mask).tolist()
        if rows:
            count, first, written = self.missing.get(name, (0, [], ""))
            first += [lines[row] for row in rows[: SHOWN - len(first)]]
            self.missing[name] = count + len(rows), first, written or str(cells[rows[0]]).strip()

    def told(self) -> list[str]:
        """What is to be said of missing values and of unknown categories."""
        notes = []
        for name, (count, first, written) in self.missing.items():
            places = ", ".join(map(str, first)) + (", …" if count > len(first) else "")
            place = f"{self.table.place}{'s' if count > 1 else ''} {places}"
            written = f", written {written!r}" if written else ""
            notes.append(f"{name}: {count:,} missing ({place}{written})")
        for name, found in self.unknown.items():
            most = ", ".join(f"{text!r} ({n:,})" for text, n in found.most_common(SHOWN))
            more = ", …" if len(found) > SHOWN else ""
            notes.append(f"{name}: categories that were not learned count as none: {most}{more}")
        return notes

    def check(self, way: str, target: str, known: bool = False) -> None:
        """Refuse missing values unless there is a way to go on. Errors: `DataError`.

        With `known` the form of the table is that of a training, which alone can be told a way.
        """
        if way == "drop" or not self.missing or (way == "mean" and target not in self.missing):
            return
        told = [note for note in self.told() if way == "refuse" or note.startswith(f"{target}: ")]
        more = "; …" if len(told) > 10 else ""
        mean = "mean (numbers take the mean, categories none) or " if way == "refuse" else ""
        raise DataError(
            f"{self.table.path}: values are missing. {'; '.join(told[:10])}{more}. Repair them, or "
            f"{'train again and ' if known else ''}say by missing (--missing) what to do: "
            f"{mean}drop (leave the rows out)"
        )

    def wrong(self, name: str, bad: np.ndarray, block: Block, cells: Cells, why: str) -> DataError:
        """The first of the cells at fault, as an error."""
        row = int(bad.argmax())
        place = f"{self.table.path}, {self.table.place} {block.lines[row]}"
        return DataError(f"{place}: {name} is {str(cells[row])!r}, {why}")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column that is numbers, brought to mean 0 and deviation 1, or one of several categories."""

    name: str
    mean: float = 0.0
    deviation: float = 1.0
    categories: tuple[str, ...] | None = None
    by_number: bool = False
    """Whether the categories are numbers, so that 3 and 3.0 are the same."""

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return 1 if self.categories is None else len(self.categories)

    def codes(self, cells: Cells) -> np.ndarray:
        """The number of each category (N,); −1 for one that is not known."""
        index = {text: i for i, text in enumerate(self.categories or ())}
        return np.array([index.get(text, -1) for text in texts(cells, self.by_number)], np.intp)

    def encode(self, block: Block, cells: Cells, doubts: Doubts) -> np.ndarray:
        """The numbers of this column in a block: (N, width) float64, NaN where it is missing.

        Errors: `DataError` for text or infinity in a column of numbers.
        """
        read = read_cells(cells)
        doubts.note_missing(self.name, read.missing, block.lines, cells)
        if self.categories is None:
            with np.errstate(all="ignore"):  # what does not fit is named
                encoded = (read.numbers - self.mean) / self.deviation
                bad = ~(np.abs(encoded) < LARGEST) & ~read.missing
            if bad.any():
                why = "and must be a number that fits into float32; repair it"
                raise doubts.wrong(self.name, bad, block, cells, why)
            return encoded[:, np.newaxis]
        codes = self.codes(cells)
        unknown = np.flatnonzero((codes < 0) & ~read.missing).tolist()
        if unknown:
            written = texts(cells, self.by_number)
            counts = Counter(written[row] for row in unknown)
            doubts.unknown.setdefault(self.name, Counter()).update(counts)
        one_hot = codes[:, np.newaxis] == np.arange(self.width)
        return np.where(read.missing[:, np.newaxis], np.nan, one_hot)


@dataclass(frozen=True, kw_only=True)
class TableForm:
    """How a table becomes the numbers that a network takes, and its answers what was asked for."""

    kind: str = "table"
    columns: tuple[Column, ...]
    target: Column
    missing: str = "refuse"
    test: float = 0.2
    seed: int = 0

    @property
    def task(self) -> str:
        """Regression or classification."""
        return "regression" if self.target.categories is None else "classification"

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; none in a regression."""
        return self.target.categories or ()

    @property
    def width(self) -> int:
        """How many numbers a row becomes."""
        return sum(column.width for column in self.columns)

    @property
    def inputs(self) -> dict[str, slice]:
        """Where the numbers of each column stand in a row."""
        places, end = {}, 0
        for column in self.columns:
            places[column.name] = slice(end, end := end + column.width)
        return places

    def encode(
        self, table: TableFile, doubts: Doubts, *, targets: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield blocks: x (N, width) float32, targets if asked for, and which rows are whole.

        What is missing is 0: for numbers the mean, for categories none of them. With "drop" the
        rows where it is so are not whole.

        Errors: `DataError` for columns that are not there, for what no number can be made of, and
        with "refuse" for values that are missing.
        """
        wanted = (*self.columns, self.target) if targets else self.columns
        at = {name: i for i, name in enumerate(table.names)}
        gone = [column.name for column in wanted if column.name not in at]
        if gone:
            raise DataError(
                f"{table.path}: there is no column {listed(gone)}; all that were "
                f"learned from are needed, in any order; there are {listed(table.names)}"
            )
        as_text = any(c.categories is not None and not c.by_number for c in wanted)
        for block in table.blocks(as_text=as_text):
            x = np.empty((len(block.lines), self.width), np.float32)
            t = np.zeros((len(x), 1), np.float32)
            for column, place in zip(self.columns, self.inputs.values(), strict=True):
                x[:, place] = column.encode(block, block.columns[at[column.name]], doubts)
            if targets:
                t = self._targets(block, block.columns[at[self.target.name]], doubts)
            whole = np.ones(len(x), bool)
            if self.missing == "drop":
                bad = np.isnan(x).any(axis=1), (t < 0 if t.ndim == 1 else np.isnan(t[:, 0]))
                whole = ~(bad[0] | bad[1])
            x[np.isnan(x)] = 0
            yield x, t, whole
        doubts.check(self.missing, self.target.name, known=True)

    def _targets(self, block: Block, cells: Cells, doubts: Doubts) -> np.ndarray:
        """Numbers (N, 1) float32, NaN where they are missing, or class numbers (N,), then −1."""
        column = self.target
        if column.categories is None:
            return column.encode(block, cells, doubts).astype(np.float32)
        missing, codes = read_cells(cells).missing, column.codes(cells)
        doubts.note_missing(column.name, missing, block.lines, cells)
        bad = (codes < 0) & ~missing
        if bad.any():
            raise doubts.wrong(column.name, bad, block, cells, "none of the classes of this run")
        return codes

    def in_unit(self, y: np.ndarray) -> np.ndarray:
        """Answers (N, 1) of a regression as numbers in the unit of the target (N,), float64."""
        answers = np.asarray(y, np.float64)[:, 0] * self.target.deviation + self.target.mean
        # 6 digits of the deviation are more than a network in float32 knows.
        return np.round(answers, int(5 - np.floor(np.log10(self.target.deviation))))

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave. Errors: `ConfigError` for anything else."""
        try:
            columns = tuple(_column(**each) for each in entry["columns"])
            form = cls(**{**entry, "columns": columns, "target": _column(**entry["target"])})
            right = form.missing in WAYS and 0 < form.test < 1 and type(form.seed) is int
            if columns and right and form.seed >= 0:
                return form
        except (KeyError, TypeError, ValueError, OverflowError):
            pass
        raise ConfigError('"form" does not say how a table is read')


def _column(**entry: Any) -> Column:
    categories = entry["categories"]
    column = Column(**{**entry, "categories": None if categories is None else tuple(categories)})
    named = all(isinstance(text, str) for text in (column.name, *(column.categories or ())))
    if not (named and np.isfinite(column.mean) and 0 < column.deviation < np.inf):
        raise ValueError
    return column


def listed(names: Sequence[str]) -> str:
    """Names in a message."""
    return ", ".join(map(repr, names[:20])) + (", …" if len(names) > 20 else "")
