"""How the columns of a table become numbers, in a form that can be written down."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from clearprop.datasets.table_files import Block, Cells, TableFile
from clearprop.errors import ConfigError, DataError

MISSING = frozenset(["", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "?"])
"""What stands where a value is missing."""

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
    strange = {text for text, number in known.items() if number is None}
    text = np.array([each in strange for each in cells]) if strange else np.zeros(len(cells), bool)
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
    """The names of categories, which numbers have, too: 3.0 is "3"."""
    if not isinstance(cells, np.ndarray) and not by_number:
        return [text.strip() for text in cells]
    numbers = read_cells(cells).numbers.tolist()
    return [("" if v != v else str(int(v)) if v.is_integer() else repr(v)) for v in numbers]


class Doubts:
    """What was found that is not as it should be: how often, and where first."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.missing: dict[str, tuple[int, list[int], str]] = {}
        self.unknown: dict[str, Counter[str]] = {}

    def note_missing(self, name: str, mask: np.ndarray, lines: Sequence[int], cells: Cells) -> None:
        if mask.any():
            rows = np.flatnonzero(mask)
            count, first, said = self.missing.get(name, (0, [], ""))
            said = said or ("nan" if isinstance(cells, np.ndarray) else cells[rows[0]].strip())
            first += [lines[row] for row in rows[: SHOWN - len(first)]]
            self.missing[name] = count + len(rows), first, said

    def note_unknown(self, name: str, found: Counter[str]) -> None:
        if found:
            self.unknown.setdefault(name, Counter()).update(found)

    def missing_text(self, name: str) -> str:
        """How many values of a column are missing, and where."""
        count, first, said = self.missing[name]
        more = ", …" if count > len(first) else ""
        places = f"{self.place}{'s' if count > 1 else ''} {', '.join(map(str, first))}{more}"
        return f"{name}: {count:,} missing ({places}{f', written {said!r}' if said else ''})"

    def told(self) -> Iterator[str]:
        """Yield what is to be said of unknown categories."""
        for name, found in self.unknown.items():
            most = ", ".join(f"{text!r} ({n:,})" for text, n in found.most_common(SHOWN))
            more = ", …" if len(found) > SHOWN else ""
            yield f"{name}: categories that were not learned, and count as none: {most}{more}"


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

    def encode(self, block: Block, cells: Cells, doubts: Doubts, where: str) -> np.ndarray:
        """The numbers of this column in a block: (N, width) float64, NaN where a number is missing.

        Errors: `DataError` for text or infinity in a column of numbers.
        """
        read = read_cells(cells)
        doubts.note_missing(self.name, read.missing, block.lines, cells)
        if self.categories is None:
            with np.errstate(all="ignore"):  # what does not fit is named
                encoded = (read.numbers - self.mean) / self.deviation
                bad = ~(np.abs(encoded) < LARGEST) & ~read.missing
            if bad.any():
                row = int(bad.argmax())
                raise DataError(
                    f"{where}, {doubts.place} {block.lines[row]}: {self.name} is {cells[row]!r}, "
                    "and this column holds numbers that fit into float32; repair it"
                )
            return encoded[:, np.newaxis]
        codes = self.codes(cells)
        strange = np.flatnonzero((codes < 0) & ~read.missing)
        if len(strange):
            written = texts(cells, self.by_number)
            doubts.note_unknown(self.name, Counter(written[row] for row in strange))
        one_hot = codes[:, np.newaxis] == np.arange(self.width)
        return np.where(read.missing[:, np.newaxis], np.nan, one_hot)


@dataclass(frozen=True, kw_only=True)
class TableForm:
    """How a table becomes the numbers that a network takes, and its answers what was asked for."""

    columns: tuple[Column, ...]
    target: Column
    missing: str = "refuse"
    test: float = 0.2
    seed: int = 0
    kind: str = field(default="table", init=False)

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
        ends = np.cumsum([column.width for column in self.columns]).tolist()
        return {c.name: slice(end - c.width, end) for c, end in zip(self.columns, ends, strict=True)}

    def encode(
        self, table: TableFile, doubts: Doubts, *, targets: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None, np.ndarray]]:
        """Yield blocks of rows: x (N, width) float32, targets if asked for, and which rows are whole.

        What is missing is 0: for numbers the mean, for categories none of them. With "drop" the
        rows where it is so are not whole.

        Errors: `DataError` for columns that are not there, for what no number can be made of, and
        with "refuse" for values that are missing.
        """
        wanted = (*self.columns, self.target) if targets else self.columns
        gone = [column.name for column in wanted if column.name not in table.names]
        if gone:
            raise DataError(
                f"{table.path}: there is no column {', '.join(map(repr, gone))}; the network has "
                f"learned from {len(self.columns)} columns and needs them all, in any order; the "
                f"table has {', '.join(map(repr, table.names[:20]))}"
            )
        at = {name: i for i, name in enumerate(table.names)}
        as_text = any(c.categories is not None and not c.by_number for c in wanted)
        for block in table.blocks(as_text=as_text):
            n = len(block.lines)
            x, t = np.empty((n, self.width), np.float32), None
            for column, place in zip(self.columns, self.inputs.values(), strict=True):
                cells = block.columns[at[column.name]]
                x[:, place] = column.encode(block, cells, doubts, str(table.path))
            whole = ~np.isnan(x).any(axis=1)
            if targets:
                t = self._targets(block, block.columns[at[self.target.name]], doubts, table)
                whole &= (t >= 0) if t.dtype == np.intp else ~np.isnan(t[:, 0])
            x[np.isnan(x)] = 0
            if self.missing != "drop":
                whole[:] = True
            yield x, t, whole
        self.check_missing(doubts, table)

    def check_missing(self, doubts: Doubts, table: TableFile) -> None:
        """Refuse missing values unless it was said what to do. Errors: `DataError`."""
        found = list(doubts.missing) if self.missing == "refuse" else []
        if self.missing == "mean" and self.target.name in doubts.missing:
            found = [self.target.name]
        if found:
            told = "; ".join(map(doubts.missing_text, found[:10]))
            more = f"; and in {len(found) - 10} more columns" if len(found) > 10 else ""
            what = "drop (leave the rows out)"
            if self.missing == "refuse":
                what = f"mean (numbers take the mean, categories none) or {what}"
            raise DataError(
                f"{table.path}: values are missing. {told}{more}. Repair them, or say what to do "
                f"with them by missing: {what}"
            )

    def _targets(self, block: Block, cells: Cells, doubts: Doubts, table: TableFile) -> np.ndarray:
        if self.target.categories is None:
            encoded = self.target.encode(block, cells, doubts, str(table.path))
            return encoded.astype(np.float32)
        read, codes = read_cells(cells), self.target.codes(cells)
        doubts.note_missing(self.target.name, read.missing, block.lines, cells)
        strange = (codes < 0) & ~read.missing
        if strange.any():
            row = int(strange.argmax())
            raise DataError(
                f"{table.path}, {doubts.place} {block.lines[row]}: {self.target.name} is "
                f"{cells[row]!r}, which is none of the classes of this run"
            )
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
            columns = tuple(_column(each) for each in entry["columns"])
            form = cls(
                columns=columns,
                target=_column(entry["target"]),
                missing=entry["missing"],
                test=float(entry["test"]),
                seed=int(entry["seed"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ConfigError(f'"form" does not say how the table was read: {error!r}') from None
        if not columns or form.missing not in WAYS or not 0 < form.test < 1 or form.seed < 0:
            raise ConfigError('"form" does not say how the table was read')
        return form


WAYS = ("refuse", "mean", "drop")
"""What can be done with rows in which something is missing."""


def _column(entry: Mapping[str, Any]) -> Column:
    categories = entry["categories"]
    column = Column(
        name=entry["name"],
        mean=float(entry["mean"]),
        deviation=float(entry["deviation"]),
        categories=None if categories is None else tuple(categories),
        by_number=bool(entry["by_number"]),
    )
    named = [column.name, *(column.categories or ())]
    if not all(isinstance(each, str) for each in named):
        raise TypeError("names are texts")
    if not np.isfinite(column.mean) or not 0 < column.deviation < np.inf:
        raise ValueError(f"{column.name} has no mean and deviation")
    return column


