"""What the columns of a table are: looked at once, before anything is made of it."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import compress

import numpy as np

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

TASKS = ("regression", "classification")


def held_out(where: object, rows: int, test: float, seed: int) -> np.ndarray:
    """Draw which rows are held out for testing: (rows,) bool, one at least and not all.

    Errors: `DataError` for fewer than two rows, `ConfigError` for a share that is none.
    """
    if not 0 < test < 1:
        raise ConfigError(f"test must be the share of the rows to test on, between 0 and 1: {test}")
    if rows < 2:
        raise DataError(
            f"{where}: there are {rows} rows, and two are needed: to learn from, and to test on"
        )
    number = min(max(round(test * rows), 1), rows - 1)
    mask = np.zeros(rows, bool)
    mask[np.random.default_rng(seed).permutation(rows)[:number]] = True
    return mask


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
        self.as_numbers = False
        """Whether some values came as numbers, so that nobody knows how they were written."""
        self.whole = True

    def look(
        self,
        cells: Cells,
        read: ReadCells,
        lines: Sequence[int],
        rows: np.ndarray,
        learn: np.ndarray,
    ) -> None:
        """Take note of texts in these rows, and of the values and numbers to learn from."""
        self.as_numbers |= isinstance(cells, np.ndarray)
        present = rows & ~read.missing
        text = present & read.text
        if text.any():
            row = int(text.argmax())
            self.text = self.text if self.texts else (str(cells[row]), lines[row])
            self.texts += int(text.sum())
        if len(self.values) <= MOST:
            self.values.update(
                compress(texts(cells), present if self.is_target else learn & present)
            )
        numbers = read.numbers[present & ~read.text]
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

    def number(self, where: str) -> Column:
        deviation = float(np.sqrt(self.squares / max(self.count, 1)))
        if not (np.isfinite(deviation) and np.isfinite(self.mean)):
            raise DataError(f"{where}: the numbers of {self.name} are too large; divide them")
        # What is constant but for rounding must not be blown up.
        deviation = 1.0 if deviation <= 1e-13 * abs(self.mean) else deviation
        return Column(name=self.name, mean=self.mean, deviation=deviation)

    def category(self, by_number: bool) -> Column:
        if by_number:
            named = texts(sorted(self.values, key=float), by_number=True)
        else:
            named = sorted(self.values)
        return Column(name=self.name, categories=tuple(dict.fromkeys(named)), by_number=by_number)


class Survey:
    """Looks at a table, and says how it is to be read: `form`, and `notes` for people.

    Numbers are brought to mean 0 and deviation 1, as the training part has them; texts and the
    columns in `categories` become as many numbers as there are categories, of which one is 1. The
    columns in `ignore` are left out. `task` is found from the target where it is not given: texts,
    and up to 20 different whole numbers with five rows each or more, are classes.

    Errors: `DataError` for a table that nothing can be learned from, `ConfigError` for names and
    settings that do not fit it.
    """

    def __init__(
        self,
        table: TableFile,
        target: str | None,
        *,
        task: str | None = None,
        missing: str = "refuse",
        categories: Sequence[str] = (),
        ignore: Sequence[str] = (),
        test: float = 0.2,
        seed: int = 0,
    ) -> None:
        self.table, self.missing, self.test, self.seed = table, missing, test, seed
        for name, value, ways in ("missing", missing, WAYS), ("task", task, (None, *TASKS)):
            if value not in ways:
                raise ConfigError(
                    f"{name} is {value!r}; it is one of {', '.join(filter(None, ways))}"
                )
        if target is None and table.path.suffix.lower() == ".npz":
            target = next((name for name in ("t", "y") if name in table.names), None)
        if target is None:
            raise ConfigError(
                f"{table.path}: target must say which column is to be learned, one of "
                f"{listed(table.names)}"
            )
        for name in (target, *categories, *ignore):
            self._check_name(name)
        self.names = [name for name in table.names if name not in ignore or name == target]
        if len(self.names) < 2:
            raise DataError(f"{table.path}: beside {target!r} there is no column to learn from")
        self.target, self.notes = target, list[str]()
        self.doubts = Doubts(table)
        seen = self._look(as_text=bool(categories))
        if any(s.texts and s.as_numbers for s in seen.values()):
            seen = self._look(as_text=True)  # some categories look like numbers
        told = self._target(seen[target], "classification" if target in categories else task)
        columns = tuple(self._column(seen[n], n in categories) for n in self.names if n != target)
        self.form = TableForm(
            columns=columns,
            target=told,
            missing=missing,
            test=test,
            seed=seed,
        )
        self.doubts.check(missing, target)

    def _check_name(self, name: str) -> None:
        names = self.table.names
        if name in names:
            return
        if any(read_cells(names).numbers == read_cells(names).numbers):
            raise DataError(
                f"{self.table.path}: the first line holds numbers where names of columns are due, "
                f"and none is {name!r}; put a line with the names on top"
            )
        near = get_close_matches(name, names, n=3, cutoff=0.5) or names
        raise ConfigError(f"{self.table.path}: there is no column {name!r}; there is {listed(near)}")

    def _look(self, as_text: bool) -> dict[str, _Seen]:
        """Go through the table: what there is in each column, of the rows to learn from."""
        self.doubts = Doubts(self.table)
        seen = {name: _Seen(name, name == self.target) for name in self.names}
        at = [(name, self.table.names.index(name)) for name in self.names]
        test = held_out(self.table.path, self.table.count(), self.test, self.seed)
        start, kept = 0, np.zeros(2, int)
        for block in self.table.blocks(as_text=as_text):
            rows = slice(start, start := start + len(block.lines))
            read = {name: read_cells(block.columns[i]) for name, i in at}
            for name, i in at:
                mask = read[name].missing
                self.doubts.note_missing(name, mask, block.lines, block.columns[i])
            whole = np.ones(len(block.lines), bool)
            if self.missing == "drop":
                whole = ~np.any([r.missing for r in read.values()], axis=0)
            kept += [(whole & ~test[rows]).sum(), (whole & test[rows]).sum()]
            for name, i in at:
                learn = whole & ~test[rows]
                seen[name].look(block.columns[i], read[name], block.lines, whole, learn)
        if start != len(test):
            raise DataError(f"{self.table.path} was changed while it was read; read it again")
        if not kept.all():
            raise DataError(
                f"{self.table.path}: without the rows in which something is missing there are "
                f"{kept[0]} to learn from and {kept[1]} to test on; use missing=mean"
            )
        return seen

    def _column(self, seen: _Seen, category: bool) -> Column:
        where = str(self.table.path)
        if not (category or seen.texts):
            column = seen.number(where)
            if not seen.squares or (column.deviation == 1.0 and abs(column.mean) > 1e13):
                self.notes.append(f"{seen.name}: always the same number, which tells nothing")
            return column
        if not category:
            self._check_text(seen)
        rows = seen.texts + seen.numbers
        if len(seen.values) > MOST or (
            not category and 2 * len(seen.values) > max(rows, 2 * CLASSES)
        ):
            count = f"more than {MOST:,}" if len(seen.values) > MOST else f"{len(seen.values):,}"
            raise DataError(
                f"{where}: {seen.name} holds {count} different texts in {rows:,} rows, such as "
                f"{min(seen.values)!r}: it tells rows apart and nothing of them; leave it out by "
                f"ignore={seen.name!r} (--ignore)"
            )
        if len(seen.values) == 1:
            self.notes.append(f"{seen.name}: always {min(seen.values)!r}, which tells nothing")
        return seen.category(by_number=seen.as_numbers and not seen.texts)

    def _check_text(self, seen: _Seen) -> None:
        """Refuse numbers among which there is some text, or that are written with commas."""
        where = str(self.table.path)
        no_numbers = [text for text in seen.values if read_cells([text]).text[0]]
        if all(COMMAS.fullmatch(text) for text in (*no_numbers, seen.text[0].strip())):
            raise DataError(
                f"{where}: {seen.name} holds numbers with commas in them, such as "
                f"{seen.text[0]!r}; write them with a point for decimals, and nothing between thousands"
            )
        if seen.numbers >= seen.texts:
            text, line = seen.text
            raise DataError(
                f"{where}, {self.table.place} {line}: {seen.name} holds numbers, but for {text!r} "
                f"and {seen.texts - 1} more; repair it, leave the cell empty if the value is "
                f"missing, or say that these are categories by categories={seen.name!r} (--category)"
            )

    def _target(self, seen: _Seen, task: str | None) -> Column:
        where, name = str(self.table.path), seen.name
        by_number, rows = not seen.texts, seen.texts + seen.numbers
        classes = len({float(v) for v in seen.values}) if by_number else len(seen.values)
        few = seen.whole and classes <= CLASSES and 5 * classes <= rows
        if seen.texts and task is None:
            self._check_text(seen)
        found = "classification" if seen.texts or few else "regression"
        if task == "regression" and seen.texts:
            text, line = seen.text
            raise DataError(
                f"{where}, {self.table.place} {line}: {name} is {text!r}, and a regression needs "
                "numbers; repair it, or take task=classification"
            )
        if (task or found) == "regression":
            column = seen.number(where)
            if not seen.squares:
                raise DataError(f"{where}: {name} is always the same: there is nothing to learn")
            why = f"numbers of mean {column.mean:.6g}"
        else:
            if len(seen.values) > MOST:
                raise DataError(
                    f"{where}: {name} holds more than {MOST:,} different values, too many classes; "
                    "take task=regression if they are numbers"
                )
            if classes < 2:
                raise DataError(
                    f"{where}: {name} has one class only, {min(seen.values)!r}; give two at least"
                )
            column = seen.category(by_number)
            why = f"{classes} classes, {listed(column.categories or ())}"
        other = "classification" if (task or found) == "regression" else "regression"
        hint = f"; task={other} (--task) takes it otherwise" if task is None and by_number else ""
        self.notes.insert(0, f"{name} is learned by {task or found}: {why}{hint}")
        return column

