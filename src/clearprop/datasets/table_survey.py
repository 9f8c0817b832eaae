"""What the columns of a table are: looked at once, before anything is made of it."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import compress

import numpy as np

from clearprop.datasets.formed import held_out
from clearprop.datasets.table_files import Cells, TableFile
from clearprop.datasets.table_form import (
    WAYS,
    Column,
    Doubts,
    ReadCells,
    TableForm,
    listed,
    read_cells,
    texts,
)
from clearprop.errors import ConfigError, DataError

MOST = 1000
"""A column of more categories than this is refused: it tells rows apart, and nothing of them."""

CLASSES = 20
"""Whole numbers are taken for classes if there are no more than so many of them."""

COMMAS = re.compile(r"[+-]?\d+(,\d+)+(\.\d+)?")
"""Numbers as some write them, which may mean either: 1,234."""
UNIT = r"[$€£¥₩₹%‰]"
DRESSED = re.compile(rf"[+-]?({UNIT} ?[+-]?\d[\d,.]*|\d[\d,.]* ?{UNIT})")
"""Numbers with a currency or a per cent sign."""


class _Seen:
    """What was seen of one column."""

    def __init__(self, name: str, is_target: bool) -> None:
        self.name, self.is_target = name, is_target
        self.count, self.mean, self.squares = 0, 0.0, 0.0
        """Of the numbers to learn from: how many, their mean, squared distances from it summed."""
        self.numbers = self.texts = 0
        self.text: tuple[str, int] = "", 0
        """The first text, and where."""
        self.values: set[str] = set()
        """The different values to learn from, more than `MOST` perhaps not all; of a target all."""
        self.as_numbers, self.whole = False, True
        """Whether some came as numbers, so that nobody knows how they were written; all whole."""

    def look(
        self,
        cells: Cells,
        read: ReadCells,
        lines: Sequence[int],
        rows: np.ndarray,
        learn: np.ndarray,
    ) -> None:
        """Take note of what there is in these rows, and of what is to be learned from."""
        self.as_numbers |= isinstance(cells, np.ndarray)
        present, text = rows & ~read.missing, rows & read.text
        if text.any():
            row = int(text.argmax())
            self.text = self.text if self.texts else (str(cells[row]), lines[row])
            self.texts += int(text.sum())
        if len(self.values) <= MOST:
            of = present if self.is_target else present & learn
            self.values.update(compress(texts(cells), of))
        numbers = read.numbers[present & ~text]
        self.numbers += len(numbers)
        with np.errstate(all="ignore"):  # what is not finite is named when it is encoded
            self.whole = self.whole and not np.any(numbers % 1)
            numbers = read.numbers[learn & np.isfinite(read.numbers)]
            if len(numbers):
                self._add(len(numbers), float(numbers.mean()), float(numbers.var()) * len(numbers))

    def _add(self, count: int, mean: float, squares: float) -> None:
        """Join with the mean and the squares of others (Chan, Golub and LeVeque 1979)."""
        total, distance = self.count + count, mean - self.mean
        self.squares += squares + distance * distance * self.count * count / total
        self.mean += distance * count / total
        self.count = total

    @property
    def deviation(self) -> float:
        """0 also for what is constant but for rounding, which must not be blown up."""
        deviation = float(np.sqrt(self.squares / max(self.count, 1)))
        return 0.0 if deviation <= 1e-13 * abs(self.mean) else deviation

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(self.values) if self.texts else len({float(value) for value in self.values})

    def number(self) -> Column:
        return Column(name=self.name, mean=self.mean, deviation=self.deviation or 1.0)

    def category(self, by_number: bool) -> Column:
        named = sorted(self.values, key=float if by_number else None)
        categories = tuple(dict.fromkeys(texts(named, by_number)))
        return Column(name=self.name, categories=categories, by_number=by_number)


class Survey:
    """Looks at a table, and says how it is to be read: `form`, and `notes` for people.

    The settings are those of `read_table`. Texts, and up to 20 different whole numbers in five
    times as many rows, are taken for classes where it is not said what a target is.

    Errors: `DataError` for a table that nothing can be learned from, `ConfigError` for names and
    settings that do not fit it.
    """

    def __init__(
        self,
        table: TableFile,
        target: str | None,
        *,
        task: str | None,
        missing: str,
        categories: Sequence[str],
        ignore: Sequence[str],
        test: float,
        seed: int,
    ) -> None:
        self.table, self.missing, self.notes = table, missing, list[str]()
        for value, ways in (missing, WAYS), (task, (None, "regression", "classification")):
            if value not in ways:
                raise ConfigError(f"{value!r} is none of {', '.join(filter(None, ways))}")
        if target is None and table.path.suffix.lower() == ".npz":
            target = next((name for name in ("t", "y") if name in table.names), None)
        if target is None:
            raise ConfigError(
                f"{table.path}: say by target (--target) which column is to be learned, one of "
                f"{listed(table.names)}"
            )
        for name in (target, *categories, *ignore):
            self._check_name(name)
        self.target = target
        self.names = [name for name in table.names if name == target or name not in ignore]
        if len(self.names) < 2:
            raise DataError(f"{table.path}: beside {target!r} there is no column to learn from")
        rows = held_out(table.path, table.count(), test, seed)
        seen = self._look(rows, as_text=bool(categories))
        if any(s.texts and s.as_numbers for s in seen.values()):
            seen = self._look(rows, as_text=True)  # some categories look like numbers
        learned = self._target(seen[target], "classification" if target in categories else task)
        columns = tuple(self._column(seen[n], n in categories) for n in self.names if n != target)
        self.form = TableForm(
            columns=columns, target=learned, missing=missing, test=test, seed=seed
        )

    def _check_name(self, name: str) -> None:
        names = self.table.names
        if name in names:
            return
        if self.table.path.suffix.lower() == ".npy":
            raise ConfigError(
                f"{self.table.path}: there is no column {name!r}; the columns of an array have "
                f"numbers for names, {names[0]} to {names[-1]}"
            )
        if np.isfinite(read_cells(names).numbers).any():
            raise DataError(
                f"{self.table.path}: the first line holds numbers where names of columns are due, "
                f"and none is {name!r}; put a line with the names on top"
            )
        near = get_close_matches(name, names, n=3, cutoff=0.5) or names
        raise ConfigError(
            f"{self.table.path}: there is no column {name!r}; there is {listed(near)}"
        )

    def _look(self, test: np.ndarray, as_text: bool) -> dict[str, _Seen]:
        """Go through the table: what there is in each column, and what in the rows to learn from.

        Errors: `DataError` for missing values with "refuse", or where they leave nothing.
        """
        doubts = Doubts(self.table)
        seen = {name: _Seen(name, name == self.target) for name in self.names}
        at = {name: i for i, name in enumerate(self.table.names) if name in seen}
        start, kept = 0, np.zeros(2, int)
        for block in self.table.blocks(as_text=as_text):
            held = test[start : (start := start + len(block.lines))]
            columns = {name: block.columns[i] for name, i in at.items()}
            read = {name: read_cells(cells) for name, cells in columns.items()}
            for name, cells in columns.items():
                doubts.note_missing(name, read[name].missing, block.lines, cells)
            rows = np.ones(len(held), bool)
            if self.missing == "drop":
                rows = ~np.any([each.missing for each in read.values()], axis=0)
            kept += (rows & ~held).sum(), (rows & held).sum()
            for name, cells in columns.items():
                seen[name].look(cells, read[name], block.lines, rows, rows & ~held)
        doubts.check(self.missing, self.target)
        if not kept.all():
            raise DataError(
                f"{self.table.path}: without the rows in which something is missing there are "
                f"{kept[0]} to learn from and {kept[1]} to test on; take the mean instead"
            )
        return seen

    def _target(self, seen: _Seen, task: str | None) -> Column:
        where, name, classes = self.table.path, seen.name, seen.distinct
        if seen.texts and task != "classification":
            self._check_text(seen, or_else="task='classification' (--task)")
            if task == "regression":
                raise DataError(f"{where}: {name} holds texts, and a regression needs numbers")
        few = seen.whole and classes <= CLASSES and 5 * classes <= seen.numbers
        found = task or ("classification" if seen.texts or few else "regression")
        if found == "regression":
            other, what = "classification", f"numbers, {seen.mean:.6g} ± {seen.deviation:.6g}"
            if seen.count < 2:
                raise DataError(f"{where}: one row is left to learn from; give more rows")
            if not seen.deviation:
                raise DataError(f"{where}: {name} is always the same: there is nothing to learn")
            column = self._number(seen)
        else:
            if classes > MOST:
                raise DataError(f"{where}: {name} holds more than {MOST:,} classes: is it numbers?")
            if classes < 2:
                one = f"one class only, {min(seen.values)!r}; give two at least"
                raise DataError(f"{where}: {name} has {one}")
            column = seen.category(by_number=not seen.texts)
            other, what = "regression", f"{classes} classes, {listed(column.categories or ())}"
        hint = "" if task or seen.texts else f"; otherwise by task={other!r} (--task)"
        self.notes.insert(0, f"{name} is learned by {found}: {what}{hint}")
        return column

    def _column(self, seen: _Seen, category: bool) -> Column:
        if not (category or seen.texts):
            column = self._number(seen)
            told = f"number, {column.mean:.4g} ± {seen.deviation:.4g}"
            constant = not seen.deviation
        else:
            if not category:
                self._check_text(seen, or_else=f"categories={seen.name!r} (--category)")
            rows, found = seen.texts + seen.numbers, len(seen.values)
            if found > MOST or (not category and found > CLASSES and 2 * found > rows):
                count = f"more than {MOST:,}" if found > MOST else found
                raise DataError(
                    f"{self.table.path}: {seen.name} holds {count} different texts in {rows:,} "
                    f"rows, such as {min(seen.values)!r}: it tells rows apart and nothing of them; "
                    f"leave it out by ignore={seen.name!r} (--ignore)"
                )
            column = seen.category(by_number=seen.as_numbers and not seen.texts)
            constant, told = found < 2, f"category, {listed(column.categories or ())}"
        constantly = "; always the same, which tells nothing" if constant else ""
        self.notes.append(f"{seen.name}: {told}{constantly}")
        return column

    def _number(self, seen: _Seen) -> Column:
        if not np.isfinite([seen.mean, seen.deviation]).all():
            raise DataError(f"{self.table.path}: the numbers of {seen.name} are too large")
        return seen.number()

    def _check_text(self, seen: _Seen, or_else: str) -> None:
        """Refuse numbers among which there is some text, or that are written with commas."""
        (text, line), path = seen.text, self.table.path
        strange = [value for value in seen.values if read_cells([value]).text[0]]
        if all(COMMAS.fullmatch(each) for each in (*strange, text.strip())):
            raise DataError(
                f"{path}: {seen.name} holds numbers with commas in them, such as {text!r}; write "
                "them with a point for decimals, and nothing between thousands"
            )
        if all(DRESSED.fullmatch(each) for each in (*strange, text.strip())):
            raise DataError(
                f"{path}: {seen.name} holds numbers with a sign beside them, such as {text!r}; "
                f"write the numbers alone, or say that it holds categories by {or_else}"
            )
        if seen.numbers >= seen.texts:
            more = f" and {seen.texts - 1} more" if seen.texts > 1 else ""
            raise DataError(
                f"{path}, {self.table.place} {line}: {seen.name} holds numbers, but for {text!r}"
                f"{more}; repair it, leave the cell empty if the value is missing, or say that it "
                f"holds categories by {or_else}"
            )
