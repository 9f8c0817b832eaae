"""Ctrl-C during training: heard at once, obeyed between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """Hold back Ctrl-C so that no step is cut in half.

    The first press sets `requested`, and training stops when the step is done. A further press
    raises `KeyboardInterrupt` as usual, for those who will not wait for an evaluation, except
    within `held()`, where nothing is cut.

    Where Python would not raise `KeyboardInterrupt` on Ctrl-C anyway (outside the main thread, or
    with a handler of the program's own), nothing is changed.

    >>> with Interrupts() as interrupts:
    ...     for _ in range(3):
    ...         with interrupts.held():
    ...             pass  # parameters change here
    ...         if interrupts.requested:
    ...             break
    """

    def __init__(self) -> None:
        self.requested = False
        self._holding = False
        self._previous: Any = None

    def __enter__(self) -> Self:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Mark what must not be cut in half, such as a step."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.requested and not self._holding:
            raise KeyboardInterrupt
        self.requested = True
