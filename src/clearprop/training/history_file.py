"""The file of a history: JSON lines, one object a line in the order of events (see `History`)."""

import contextlib
import json
import math
import os
from collections.abc import Iterator
from typing import Any

from clearprop.errors import FileFormatError
from clearprop.files import FilePath, read_bytes, told


def lines_of(history: Any, losses: int, evaluations: int) -> Iterator[str]:
    """Yield a history as lines; so many losses and evaluations at its beginning are left out."""
    done = losses
    for number, evaluation in enumerate(history._evaluations[evaluations:], start=evaluations):
        yield from _loss_lines(history, done, evaluation.iteration)
        done = max(done, evaluation.iteration)
        yield _evaluation_line(history, evaluation, named=number == 0)
    yield from _loss_lines(history, done, len(history))


def _loss_lines(history: Any, start: int, stop: int) -> Iterator[str]:
    for iteration, loss in enumerate(history._loss[start:stop], start + 1):
        yield f'{{"iteration": {iteration}, "loss": {_text(loss)}}}\n'


def _evaluation_line(history: Any, scores: Any, named: bool) -> str:
    """One evaluation as a line of JSON; `named` for the first one of a file."""
    iteration, epoch, train, test, loss = scores
    line = f'{{"iteration": {iteration}, "epoch": {_text(epoch)}'
    if history.score_name is not None:
        train_key, test_key = _keys(history)
        line += f', "{train_key}": {_text(train)}'
        line += f', "{test_key}": {"null" if math.isnan(test) else _text(test)}'
    if not math.isnan(loss) or history.score_name is None:
        line += f', "{history.held_out}_loss": {_text(loss)}'
    if named and history.score_name not in (None, "accuracy"):
        line += f', "score": {json.dumps(history.score_name, ensure_ascii=False)}'
    return line + "}\n"


def _keys(history: Any) -> tuple[str, str]:
    kind = "accuracy" if history.score_name == "accuracy" else "score"
    return f"train_{kind}", f"{history.held_out}_{kind}"


def read_into(history: Any, path: FilePath) -> None:
    """Let an empty history take up what a file tells; a last line that breaks off is left out.

    Errors: `FileFormatError`, `FileNotFoundError`.
    """
    content = read_bytes(path, "history", "a history").split(b"\n")
    try:
        _json_object(content[-1])
    except ValueError:  # empty after a line break, or broken off
        content.pop()
    for number, line in enumerate(content, start=1):
        try:
            _read_line(history, line)
        except ValueError as error:
            text = line.decode(errors="replace")
            found = repr(text if len(text) <= 60 else f"{text[:57]}...")
            raise FileFormatError(
                f"{os.fspath(path)}, line {number}: {error}; found {found}"
            ) from None


def _read_line(history: Any, line: bytes) -> None:
    entry = _json_object(line)
    iteration = entry.get("iteration")
    if type(iteration) is not int:
        raise ValueError('"iteration" must be a whole number')
    if entry.keys() == {"iteration", "loss"}:
        if iteration != len(history) + 1:
            raise ValueError(f"iteration {len(history) + 1} was expected")
        history.add_loss(_number(entry, "loss"))
        return
    if not history._evaluations and isinstance(entry.get("score"), str):
        history.score_name = entry.pop("score")
    if not history._evaluations and any(key.startswith("validation_") for key in entry):
        history.held_out = "validation"
    usual, loss = {"iteration", "epoch"}, f"{history.held_out}_loss"
    if not history._evaluations and entry.keys() == {*usual, loss}:
        history.score_name = None
    train, test = _keys(history)
    scores = set() if history.score_name is None else {train, test}
    if entry.keys() - {loss} != usual | scores:
        raise ValueError("the line must hold a loss, or an epoch with its scores")
    if iteration != len(history):
        raise ValueError(f"an evaluation after iteration {len(history)} was expected")
    history.add_evaluation(
        epoch=_number(entry, "epoch"),
        train_score=_number(entry, train) if scores else math.nan,
        test_score=math.nan if entry.get(test) is None else _number(entry, test),
        test_loss=_number(entry, loss) if loss in entry else math.nan,
    )


def _text(number: float) -> str:
    """The shortest text that reads back as the same number, also for NaN and infinity."""
    return repr(float(number)) if math.isfinite(number) else f'"{float(number)}"'


def _number(entry: dict[str, Any], key: str) -> float:
    try:
        return number_of(entry[key])
    except (ValueError, OverflowError):
        raise ValueError(f'"{key}" must be a number') from None


def number_of(value: Any) -> float:
    """A number, or the text for NaN or infinity. Errors: `ValueError`, `OverflowError`."""
    if type(value) in (int, float) or value in ("nan", "inf", "-inf"):
        return float(value)
    raise ValueError(f"{value!r} is not a number")


_DECODER = json.JSONDecoder(parse_constant=int)  # int refuses NaN
"""Made once: `json.loads` with an argument makes one for every line, which takes longer."""


def _json_object(line: bytes) -> dict[str, Any]:
    try:
        entry = _DECODER.decode(line.decode())
    except (ValueError, RecursionError):
        raise ValueError("the line is not JSON") from None
    if not isinstance(entry, dict):
        raise ValueError("the line must be a JSON object")
    return entry


class HistoryWriter:
    """A history file that grows while training runs.

    `write` appends what has happened since the last time, `close` does so at last. The file is
    started anew, or goes on, as the history does.

    Errors: `OutputError` if the file cannot be written.
    """

    def __init__(self, path: FilePath, history: Any) -> None:
        self.path = os.fspath(path)
        self.history = history
        self._losses, self._evaluations = len(history), len(history._evaluations)
        with self._told():  # newline="\n": the same file on every system
            mode = "a" if self._losses else "w"
            self._file = open(path, mode, encoding="utf-8", newline="\n")  # noqa: SIM115

    def write(self) -> None:
        """Write what is new, so that it is kept even if the program is killed."""
        lines = "".join(self.history.lines(self._losses, self._evaluations))
        self._losses, self._evaluations = len(self.history), len(self.history._evaluations)
        with self._told():
            self._file.write(lines)
            self._file.flush()

    def close(self) -> None:
        """Write what is new, and close the file."""
        try:
            self.write()
        finally:
            with self._told():
                self._file.close()

    def _told(self) -> contextlib.AbstractContextManager[None]:
        remedy = "choose a folder that exists, has room, and that you may write to"
        return told(f"the history {self.path} cannot be written", remedy)
