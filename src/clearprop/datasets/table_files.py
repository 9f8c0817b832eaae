"""Tables in files, read a block of rows at a time: CSV, TSV, .npy, .npz, Parquet."""

import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO
from zipfile import ZipFile

import numpy as np

from clearprop.errors import ClearpropError, DataError, FileFormatError, MissingPackageError

CELLS, ROWS = 2**17, 128
"""About so many cells make a block, and so many rows at least."""

Cells = np.ndarray | Sequence[str]
"""A column of a block: numbers (float64, NaN where one is missing), or texts as written."""


class Block(NamedTuple):
    """Some rows of a table."""

    lines: Sequence[int]
    """Where in the file each row stands, counted from 1."""
    columns: Sequence[Cells]


class TableFile:
    """A table in a file: `names` of columns, and blocks of rows."""

    place = "row"
    """What the lines of a block count."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []

    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def cells(self, start: int, stop: int) -> list[Cells]:
        """The columns of some rows."""
        raise NotImplementedError

    def blocks(self, *, as_text: bool = False) -> Iterator[Block]:
        """All rows. Unless `as_text`, a text file may give what is written as numbers, sooner."""
        rows, step = self.count(), max(ROWS, CELLS // len(self.names))
        for start in range(0, rows, step):
            stop = min(rows, start + step)
            yield Block(range(start + 1, stop + 1), self.cells(start, stop))


def open_table(path: str | os.PathLike[str]) -> TableFile:
    """Find out how to read a table, by the end of its file's name, and read its columns' names.

    Errors: `FileNotFoundError` if there is no such file; `FileFormatError` for one that is not what
    its name says; `DataError` for columns without a name, or of one name; `MissingPackageError` for
    Parquet without polars.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(2, "there is no such table", str(path))
    kind = READERS.get(path.suffix.lower())
    if kind is None or not path.is_file():
        raise FileFormatError(
            f"{path}: a table is a file whose name ends with one of {', '.join(READERS)}"
        )
    with _told(path):
        table = kind(path)
    known = set[str]()
    for number, name in enumerate(table.names, start=1):
        if not name or not name.isprintable():
            what = f"the name {name!r}, which cannot be shown" if name else "no name"
            raise DataError(f"{path}: column {number} has {what}; give it another in the header")
        if name in known:
            raise DataError(f"{path}: two columns are called {name!r}; give each its own name")
        known.add(name)
    return table


class _Text(TableFile):
    """A text file with a header: cells between commas, semicolons or tabs, in quotes or not."""

    place = "line"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._delimiter = "\t" if path.suffix.lower() == ".tsv" else ""
        with self._behind_header():
            pass

    def count(self) -> int:
        found = 0
        with self._behind_header() as (file, before):
            for number, line in enumerate(file, start=before):
                if '"' in line:  # cells may go on in the next line
                    rest = self._rows(chain([line], file), number)
                    return found + sum(len(block.lines) for block in rest)
                found += bool(line.strip("\r\n"))
        return found

    def blocks(self, *, as_text: bool = False) -> Iterator[Block]:
        width = len(self.names)
        with self._behind_header() as (file, line):
            while lines := list(islice(file, max(ROWS, CELLS // width))):
                if any('"' in each for each in lines):
                    yield from self._rows(chain(lines, file), line)
                    return
                numbers = None if as_text else _numbers(lines, self._delimiter)
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
            for row in filter(None, reader):  # empty lines are none
                place = before + reader.line_num
                if len(row) != width:
                    raise DataError(
                        f"{self.path}, line {place}: {len(row)} cells, where the header has "
                        f"{width} names; repair it; cells with {self._delimiter!r} need quotes"
                    )
                rows.append(row)
                places.append(place)
                if len(rows) >= max(ROWS, CELLS // width):
                    yield Block(places, list(zip(*rows, strict=True)))
                    rows, places = [], []
        except csv.Error as error:
            place = before + reader.line_num
            raise FileFormatError(f"{self.path}, line {place}: {error}; look at quotes") from None
        if rows:
            yield Block(places, list(zip(*rows, strict=True)))

    def _reader(self, lines: Iterable[str]) -> Any:
        return csv.reader(lines, delimiter=self._delimiter, strict=True)

    @contextmanager
    def _behind_header(self) -> Iterator[tuple[TextIO, int]]:
        """The file behind its header, and how many lines that takes."""
        with _told(self.path), open(self.path, encoding="utf-8-sig", newline="") as file:
            before, header = next(((n, s) for n, s in enumerate(file) if s.strip()), (0, ""))
            if not header:
                raise FileFormatError(f"{self.path} is empty; give a header and rows")
            bare = _QUOTED.sub("", header)  # names may hold what separates others
            self._delimiter = self._delimiter or max(",;\t|", key=bare.count)
            reader = self._reader(chain([header], file))
            self.names = [" ".join(name.split()) for name in next(reader)]
            yield file, before + reader.line_num


_QUOTED = re.compile(r'"[^"]*"')


def _numbers(lines: list[str], delimiter: str) -> np.ndarray | None:
    """Lines of nothing but finite numbers as float64 (rows, columns); `None` for others."""
    text = "".join(lines)
    if text.isspace() or "\0" in text:
        return None
    try:
        try:
            import polars as pl
        except ImportError:
            numbers = np.loadtxt(lines, delimiter=delimiter, comments=None, ndmin=2)
        else:
            how = {"has_header": False, "infer_schema": False, "quote_char": None}
            frame = pl.read_csv(io.BytesIO(text.encode()), separator=delimiter, **how)
            # what is no number becomes NaN
            numbers = frame.with_columns(pl.all().cast(pl.Float64, strict=False)).to_numpy()
        return numbers if np.isfinite(numbers).all() else None
    except Exception:  # whatever it is, the reader of the standard library names it
        return None


def _check_kind(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse an array that is no column or columns. Errors: `DataError`."""
    if dtype.kind not in "buifU":
        raise DataError(f"{path}: {name or 'it'} holds {dtype}, not numbers or text")
    if not shape:
        raise DataError(f"{path}: {name or 'it'} is one number alone, not a column; leave it out")


class _Arrays(TableFile):
    """Arrays of NumPy: columns of a matrix by number, arrays of an archive by name."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if path.suffix.lower() == ".npy":
            named = {"": np.load(path, mmap_mode="r")}
        else:
            with open(path, "rb") as file, np.load(file) as arrays:
                self._check_sizes(arrays.zip)
                named = {key: arrays[key] for key in arrays}
        self.columns: list[np.ndarray] = []
        for key, array in named.items():
            _check_kind(path, key, array.shape, array.dtype)
            matrix = array.reshape(len(array), -1)
            name = f"{key}[{{}}]" if key and array.ndim > 1 else key or "{}"
            self.names += [name.format(i) for i in range(matrix.shape[1])]
            self.columns += list(matrix.T)
        if len({len(column) for column in self.columns}) != 1:
            told = ", ".join(f"{key} {array.shape}" for key, array in named.items())
            raise DataError(f"{path}: the arrays must have as many rows each, and are {told}")

    def _check_sizes(self, archive: ZipFile) -> None:
        """Compare the shapes that are told with the bytes there, before memory is taken."""
        for info in archive.infolist():
            with archive.open(info) as file:
                first = np.lib.format.read_magic(file) == (1, 0)
                header = "read_array_header_1_0" if first else "read_array_header_2_0"
                shape, _, dtype = getattr(np.lib.format, header)(file)
                _check_kind(self.path, info.filename.removesuffix(".npy"), shape, dtype)
                if math.prod(shape) * dtype.itemsize > info.file_size:
                    raise FileFormatError(
                        f"{self.path}: {info.filename} tells of the shape {shape} and holds less"
                    )

    def count(self) -> int:
        return len(self.columns[0])

    def cells(self, start: int, stop: int) -> list[Cells]:
        parts = [column[start:stop] for column in self.columns]
        return [p.tolist() if p.dtype.kind == "U" else p.astype(np.float64) for p in parts]


class _Parquet(TableFile):
    """A Parquet file, by polars."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            import polars as pl
        except ImportError as error:
            raise MissingPackageError(
                'reading Parquet needs polars; install it with: pip install "clearprop[tables]"'
            ) from error
        self._errors = pl.exceptions.PolarsError, pl.exceptions.PanicException
        rows = pl.scan_parquet(path)
        schema = self._read(rows.collect_schema)
        columns = []
        for name, kind in schema.items():
            number = kind.is_numeric()
            if not number and kind not in (pl.String, pl.Categorical, pl.Enum, pl.Boolean):
                raise DataError(f"{path}: {name} holds {kind}, not numbers, text or truth")
            column = pl.col(name).cast(pl.Float64 if number else pl.String)
            columns.append(column.fill_null(float("nan") if number else ""))
        self.names, self._rows = list(schema), rows.select(columns)
        self._count = self._read(rows.select(pl.len()).collect).item()

    def count(self) -> int:
        return self._count

    def _read(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except self._errors as error:
            raise FileFormatError(f"{self.path} is not a whole Parquet file: {error}") from None

    def cells(self, start: int, stop: int) -> list[Cells]:
        frame = self._read(self._rows.slice(start, stop - start).collect)
        return [c.to_numpy() if c.dtype.is_float() else c.to_list() for c in frame]


READERS: dict[str, type[TableFile]] = {
    ".csv": _Text, ".tsv": _Text, ".npy": _Arrays, ".npz": _Arrays, ".parquet": _Parquet
}  # fmt: skip
"""What reads a file, by the end of its name."""


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
                    byte = line[error.start]
                    raise FileFormatError(
                        f"{path}, line {number}: the byte 0x{byte:02x} is not UTF-8; the file may "
                        "be in Latin-1 or UTF-16: save it as UTF-8"
                    ) from None
        raise
    except (ClearpropError, FileNotFoundError, MemoryError):
        raise
    except Exception as error:  # a reader raises whatever its parser met
        raise FileFormatError(f"{path} cannot be read: {error}") from error
