"""Ctrl-C during training: heard at once, obeyed between two steps."""

import signal
import threading
from types import FrameType
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
        self._held = _Held()
        self._previous: Any = None

    def __enter__(self) -> Self:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def held(self) -> "_Held":
        """Mark what must not be cut in half, such as a step."""
        return self._held

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.requested and not self._held.now:
            raise KeyboardInterrupt
        self.requested = True


class _Held:
    """A `with` block that notes whether it runs; made once, since it is entered at every step."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = False

    def __enter__(self) -> None:
        self.now = True

    def __exit__(self, *error: object) -> None:
        self.now = False
