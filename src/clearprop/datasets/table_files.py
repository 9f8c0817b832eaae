"""Tables in files, read a block of rows at a time: CSV, TSV, .npy, .npz, Parquet."""

import csv
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

import numpy as np

from clearprop.errors import DataError, FileFormatError, MissingPackageError

CELLS = 2**17
"""About so many cells make a block."""

SUFFIXES = (".csv", ".tsv", ".npy", ".npz", ".parquet")

Cells = np.ndarray | Sequence[str]
"""A column of a block: numbers (float64, NaN where one is missing), or texts as they are written."""


class Block(NamedTuple):
    """Some rows of a table."""

    lines: Sequence[int]
    """Where in the file each row stands, counted from 1."""
    columns: Sequence[Cells]


class TableFile(Protocol):
    """A table in a file."""

    path: Path
    names: list[str]
    place: str
    """What `lines` count: "line" or "row"."""

    def count(self) -> int:
        """How many rows there are."""
        ...

    def blocks(self, *, as_text: bool = False) -> Iterator[Block]:
        """The rows. Unless `as_text`, blocks of a text file may come as numbers, sooner."""
        ...


def open_table(path: str | os.PathLike[str]) -> TableFile:
    """Find out how to read a table, by the end of its file's name, and read its columns' names.

    Errors: `FileNotFoundError` if there is no such file; `FileFormatError` for one that is not what
    its name says; `DataError` for columns without a name, or of one name; `MissingPackageError` for
    Parquet without polars.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if not path.exists():
        raise FileNotFoundError(2, "there is no such table", str(path))
    if not path.is_file() or suffix not in SUFFIXES:
        raise FileFormatError(
            f"{path}: a table is a file whose name ends with one of {', '.join(SUFFIXES)}"
        )
    with _told(path):
        if suffix == ".parquet":
            table: TableFile = _Parquet(path)
        elif suffix in (".npy", ".npz"):
            table = _Arrays(path)
        else:
            table = _Text(path, "\t" if suffix == ".tsv" else "")
    for number, name in enumerate(table.names):
        if not name:
            raise DataError(f"{path}: column {number + 1} has no name; give it one in the header")
        if name in table.names[:number]:
            raise DataError(f"{path}: two columns are called {name!r}; give each its own name")
    return table


class _Text:
    """A text file with a header: cells between commas, semicolons or tabs, in quotes or not."""

    place = "line"

    def __init__(self, path: Path, delimiter: str) -> None:
        self.path, self.delimiter = path, delimiter
        with self._open() as file:
            header = next((line for line in file if line.strip()), "")
        if not header:
            raise FileFormatError(f"{path}: the file is empty; give a header and rows")
        self.delimiter = delimiter or max(",;\t", key=header.count)
        with self._after_header():
            pass

    def count(self) -> int:
        found = 0
        with self._after_header() as (file, before):
            for number, line in enumerate(file, start=before):
                if '"' in line:  # cells may go on in the next line
                    rest = self._rows(chain([line], file), number)
                    return found + sum(len(block.lines) for block in rest)
                found += bool(line.strip("\r\n"))
        return found

    def blocks(self, *, as_text: bool = False) -> Iterator[Block]:
        width = len(self.names)
        with self._after_header() as (file, line):
            while lines := list(islice(file, max(1, CELLS // width))):
                if any('"' in each for each in lines):
                    yield from self._rows(chain(lines, file), line)
                    return
                numbers = None if as_text else _numbers(lines, self.delimiter)
                if numbers is not None and numbers.shape == (len(lines), width):
                    yield Block(range(line + 1, line + 1 + len(lines)), list(numbers.T))
                else:
                    yield from self._rows(lines, line)
                line += len(lines)

    def _rows(self, lines: Iterable[str], before: int) -> Iterator[Block]:
        """Rows by the reader of the standard library, which knows of quotes."""
        width, reader = len(self.names), self._reader(lines)
        rows: list[list[str]] = []
        places: list[int] = []
        try:
            for row in reader:
                if not row:  # an empty line
                    continue
                if len(row) != width:
                    raise DataError(
                        f"{self.path}, line {before + reader.line_num}: {len(row)} cells, where "
                        f"the header has {width} names; repair the line, or put cells with "
                        f"{self.delimiter!r} in them in quotes"
                    )
                rows.append(row)
                places.append(before + reader.line_num)
                if len(rows) * width >= CELLS:
                    yield Block(places, list(zip(*rows, strict=True)))
                    rows, places = [], []
        except csv.Error as error:
            line = before + reader.line_num
            raise FileFormatError(f"{self.path}, line {line}: {error}; look at quotes") from None
        if rows:
            yield Block(places, list(zip(*rows, strict=True)))

    def _reader(self, lines: Iterable[str]) -> Any:
        return csv.reader(lines, delimiter=self.delimiter, strict=True)

    @contextmanager
    def _open(self) -> Iterator[TextIO]:
        with _told(self.path), open(self.path, encoding="utf-8-sig", newline="") as file:
            yield file

    @contextmanager
    def _after_header(self) -> Iterator[tuple[TextIO, int]]:
        """The file behind its header, and how many lines that takes."""
        with self._open() as file:
            reader = self._reader(file)
            try:
                self.names = [name.strip() for name in next(row for row in reader if row)]
            except csv.Error as error:
                raise FileFormatError(f"{self.path}: the header is broken: {error}") from None
            yield file, reader.line_num


def _numbers(lines: list[str], delimiter: str) -> np.ndarray | None:
    """Lines of nothing but numbers as float64 (rows, columns); `None` for others."""
    text = "".join(lines)
    if text.isspace() or "\0" in text:
        return None
    try:
        try:
            import polars as pl
        except ImportError:
            return np.loadtxt(lines, delimiter=delimiter, comments=None, ndmin=2)
        frame = pl.read_csv(
            io.BytesIO(text.encode()), has_header=False, separator=delimiter, quote_char=None,
            infer_schema=False,
        )  # fmt: skip
        frame = frame.with_columns(pl.all().cast(pl.Float64, strict=False))
        whole = not sum(frame.null_count().row(0))
        return frame.to_numpy() if whole else None
    except Exception:  # whatever it is, the reader of the standard library names it
        return None


class _Arrays:
    """Arrays of NumPy: columns of a matrix by their numbers, arrays of an archive by their names."""

    place = "row"

    def __init__(self, path: Path) -> None:
        self.path = path
        arrays = np.load(path, mmap_mode="r" if path.suffix.lower() == ".npy" else None)
        named = {"": arrays} if isinstance(arrays, np.ndarray) else {k: arrays[k] for k in arrays}
        self.names, self.columns = [], []
        for key, array in named.items():
            if array.dtype.names:
                named_columns = [(name, array[name]) for name in array.dtype.names]
            elif array.ndim < 2:
                named_columns = [(key or "0", array.reshape(-1))]
            else:
                flat = array.reshape(len(array), -1)
                named_columns = [(f"{key}[{i}]" if key else str(i), c) for i, c in enumerate(flat.T)]
            for name, column in named_columns:
                if column.dtype.kind not in "buifU" or column.ndim != 1:
                    raise DataError(
                        f"{path}: {name} has dtype {column.dtype}; real numbers or text are read"
                    )
                self.names.append(name)
                self.columns.append(column)
        rows = {name: len(c) for name, c in zip(self.names, self.columns, strict=True)}
        if len(set(rows.values())) != 1:
            most = ", ".join(f"{name} {n}" for name, n in islice(rows.items(), 6))
            raise DataError(f"{path}: the arrays must have as many rows each, and have: {most}")

    def count(self) -> int:
        return len(self.columns[0])

    def blocks(self, *, as_text: bool = False) -> Iterator[Block]:
        step = max(1, CELLS // len(self.names))
        for start in range(0, self.count(), step):
            parts = [c[start : start + step] for c in self.columns]
            yield Block(
                range(start + 1, start + 1 + len(parts[0])),
                [p.tolist() if p.dtype.kind == "U" else p.astype(np.float64) for p in parts],
            )


class _Parquet:
    """A Parquet file, by polars."""

    place = "row"

    def __init__(self, path: Path) -> None:
        try:
            import polars as pl
        except ImportError as error:
            raise MissingPackageError(
                'reading Parquet needs polars; install it with: pip install "clearprop[tables]"'
            ) from error
        self.path = path
        self._rows = pl.scan_parquet(path)
        try:
            schema = self._rows.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise FileFormatError(f"{path}: this is not a Parquet file ({error})") from None
        self.names = list(schema)
        casts = []
        for name, kind in schema.items():
            number = kind.is_numeric()
            if not number and kind not in (pl.String, pl.Categorical, pl.Enum, pl.Boolean):
                raise DataError(f"{path}: {name} is {kind}; real numbers, text or truth are read")
            cast = pl.col(name).cast(pl.Float64 if number else pl.String)
            casts.append(cast.fill_null(float("nan") if number else ""))
        self._cells = self._rows.select(casts)
        self._length = pl.len()

    def count(self) -> int:
        return self._rows.select(self._length).collect().item()

    def blocks(self, *, as_text: bool = False) -> Iterator[Block]:
        step = max(1, CELLS // len(self.names))
        for start in range(0, self.count(), step):
            frame = self._cells.slice(start, step).collect()
            columns = [c.to_numpy() if c.dtype.is_float() else c.to_list() for c in frame]
            yield Block(range(start + 1, start + 1 + frame.height), columns)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of which file something is wrong, and where."""
    try:
        yield
    except UnicodeDecodeError:
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    raise FileFormatError(
                        f"{path}, line {number}: the byte 0x{line[error.start]:02x} is not UTF-8; "
                        "the file may be in Latin-1 or UTF-16: save it as UTF-8"
                    ) from None
        raise
    except (zipfile.BadZipFile, EOFError, KeyError, ValueError, OSError) as error:
        if isinstance(error, DataError | FileFormatError | FileNotFoundError):
            raise
        raise FileFormatError(f"{path} cannot be read: {error}") from error
