"""Progress of a training, told to people: a bar in a terminal, a few lines elsewhere."""

import importlib
import math
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from clearprop.errors import ConfigError
from clearprop.speech import say, width
from clearprop.training.history import score_text

if TYPE_CHECKING:
    from rich.console import Console


class Moment(NamedTuple):
    """How far a training is."""

    iteration: int
    """Iterations done, counted from 1."""
    iterations: int
    """The iteration at which this training ends."""
    epoch: float
    loss: float
    """The loss of this iteration's mini-batch."""
    recent_loss: float
    """The mean over the last 50 of them, without their jitter."""
    train_score: float
    """As last evaluated; NaN before the first time."""
    test_score: float
    """As last evaluated; NaN before the first time, or without test data."""
    done: bool
    """Whether this is the last call: training has ended, or was stopped, or failed."""
    score_name: str | None = "accuracy"
    """What the scores are."""
    held_out: str = "test"
    """What `test_score` and `test_loss` were taken on: "test" or "validation" data."""
    test_loss: float = math.nan
    """The loss on these data as last evaluated; NaN before the first time, or without them."""


class Progress(Protocol):
    """Anything that can be called with a `Moment`: after each iteration, and once at the end.

    Training takes thousands of iterations a second. A progress with an attribute `every`, a number
    of seconds, is called no more often than that, and after each evaluation.
    """

    def __call__(self, moment: Moment, /) -> object: ...


Callback = Callable[[Moment], object]
"""What is called after each epoch, when it has been evaluated; `True` ends the training."""

EVERY = 0.1
"""Ten times a second is often enough for people."""


def rich_progress(*, quiet: bool = False, console: "Console | None" = None) -> Progress:
    """Make a progress bar with loss, scores and time left, on standard error.

    Where there is no terminal (a log file, a pipe), it is some ten plain lines a run instead. If
    `quiet`, there is nothing at all. `console` writes elsewhere.

    >>> rich_progress(quiet=True)(Moment(1, 100, 0.01, 2.3, 2.3, 0.1, 0.1, False))
    """
    if quiet:
        return _Silence()
    from rich.console import Console

    console = console or Console(stderr=True)
    if console.is_jupyter:
        return _Cell()
    if console.is_interactive:
        return _Bar(console)
    return _Lines(console)


def progress_of(asked: Progress | Literal[False] | None) -> Progress | None:
    """Who is told of the progress, by default a bar at a terminal and in notebooks.

    Errors: `ConfigError` for what is no function.
    """
    if asked is None:
        shown = sys.stderr is not None and sys.stderr.isatty()
        return rich_progress() if shown or "ipykernel" in sys.modules else None
    if asked is False or callable(asked):
        return asked or None
    raise ConfigError(
        f"on_progress is a function of a Moment, or False for none, and not {asked!r}"
    )


def callbacks_of(asked: Iterable[Callback]) -> list[Callback]:
    """Who is asked after each epoch. Errors: `ConfigError` for anything but functions in a list."""
    if not isinstance(asked, Iterable):
        raise ConfigError(
            f"callbacks are functions in a list, callbacks=[…], and {asked!r} is none"
        )
    callbacks = list(asked)
    for callback in callbacks:
        if not callable(callback):
            raise ConfigError(f"callbacks are functions of a Moment, and {callback!r} is none")
    return callbacks


class _Usual:
    """What shows itself anew where it is copied to."""

    every = EVERY
    quiet = False

    def __reduce__(self) -> Any:
        return partial(rich_progress, quiet=self.quiet), ()


class _Silence(_Usual):
    quiet = True

    def __call__(self, moment: Moment, /) -> None:
        pass


class _Bar(_Usual):
    """A bar that is drawn ten times a second, and not more often: drawing costs ten steps."""

    def __init__(self, console: "Console") -> None:
        self.console = console
        self.next_drawing = 0.0
        self.bar: Any = None
        self.task: Any = None

    def __call__(self, moment: Moment, /) -> None:
        now = time.monotonic()
        if now < self.next_drawing and not moment.done:
            return
        self.next_drawing = now + EVERY
        bar = self.bar = self.bar or self._start(moment)
        room = self.console.width - 20  # percent, time left, and a short bar
        bar.update(self.task, completed=moment.iteration, words=_words(moment, room))
        bar.refresh()
        if moment.done:
            bar.stop()
            self.bar = None

    def _start(self, moment: Moment) -> Any:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
        from rich.progress import TimeRemainingColumn as TimeLeft

        # No refresh thread: it would compete with the training for Python's lock.
        bar = Progress(
            TextColumn("{task.fields[words]}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeLeft(compact=True),
            console=self.console,
            auto_refresh=False,
            expand=True,
        )
        bar.start()
        self.task = bar.add_task("", total=moment.iterations, words="")
        return bar


class _Cell(_Usual):
    """A bar in the output of a notebook's cell: a line of HTML, which is replaced; it is there, and
    stays there, without any extension of the notebook."""

    def __init__(self) -> None:
        self.next_drawing = self.started = 0.0
        self.first = 0
        self.shown: Any = None

    def __call__(self, moment: Moment, /) -> None:
        now = time.monotonic()
        if self.shown is not None and now < self.next_drawing and not moment.done:
            return
        self.next_drawing = now + 2 * EVERY  # each drawing is a message to a browser
        if self.shown is None:
            self.started, self.first = now, moment.iteration - 1
        done, total = moment.iteration - self.first, moment.iterations - self.first
        end = say("{time} left", time=_duration((now - self.started) / done * (total - done)))
        if moment.done:
            end = _duration(now - self.started)
        words = f"{moment.iteration / moment.iterations:.0%} · {_words(moment)} · {end}"
        line = {"text/plain": words, "text/html": _progress(moment, words)}
        if self.shown is None:
            display = importlib.import_module("IPython.display").display
            self.shown = display(line, raw=True, display_id=True)
        else:
            self.shown.update(line, raw=True)
        if moment.done:
            self.shown = None


def _progress(moment: Moment, words: str) -> str:
    bar = f'<progress value="{moment.iteration}" max="{moment.iterations}"'
    return f'<div>{bar} style="width: 12em; max-width: 30%"></progress> {escape(words)}</div>'


class _Lines(_Usual):
    """A plain line at each tenth of the run, or soon after it, and one at the end."""

    def __init__(self, console: "Console") -> None:
        self.console = console
        self.first: int | None = None
        self.started = 0.0
        self.tenths = 0

    def __call__(self, moment: Moment, /) -> None:
        if self.first is None:
            self.first, self.started = moment.iteration - 1, time.monotonic()
        done, total = moment.iteration - self.first, moment.iterations - self.first
        if moment.done:
            self._print(moment, "" if moment.iteration == moment.iterations else say("stopped"))
            self.first, self.tenths = None, 0
        elif 0 < done < total and done * 10 >= (self.tenths + 1) * total:
            self.tenths = done * 10 // total
            left = (time.monotonic() - self.started) / done * (total - done)
            self._print(moment, say("{time} left", time=_duration(left)))

    def _print(self, moment: Moment, end: str) -> None:
        counted = say("iteration {n} of {of}", n=moment.iteration, of=moment.iterations)
        parts = [counted, _words(moment)]
        # Plain writing: a rich console would fold the line at the width it guesses.
        print(" · ".join([*parts, end] if end else parts), file=self.console.file, flush=True)


def _words(moment: Moment, room: int = 1000) -> str:
    """What there is to say, without what has no room: first the training score, then the epoch."""
    epoch, loss = f"{moment.epoch:.1f}", f"{moment.recent_loss:.4f}"
    parts = [say("epoch {n}", n=epoch), say("loss {n}", n=loss)]
    for data, score in (("training", moment.train_score), (moment.held_out, moment.test_score)):
        if not math.isnan(score):
            text = score_text(moment.score_name, score, digits=1)
            parts.append(say("{data} {value}", data=say(data), value=text))
    if moment.score_name is None and not math.isnan(moment.test_loss):
        of = say("{data} {score}", data=say(moment.held_out), score=say("loss"))
        parts.append(say("{data} {value}", data=of, value=f"{moment.test_loss:.4f}"))
    while width(words := " · ".join(parts)) > room and len(parts) > 1:
        del parts[2 if len(parts) == 4 else 0]
    return words


def _duration(seconds: float) -> str:
    """A length of time in words.

    >>> _duration(0.2), _duration(42.4), _duration(200), _duration(7500)
    ('under 1 s', '42 s', '3 min 20 s', '2 h 5 min')
    """
    if seconds < 1:
        return say("under 1 s")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return say("{h} h {min} min", h=hours, min=minutes)
    return say("{min} min {s} s", min=minutes, s=rest) if minutes else say("{s} s", s=rest)
