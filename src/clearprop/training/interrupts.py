"""Ctrl-C and the signals that end a program, during training: obeyed between two steps."""

import contextlib
import signal
import sys
import threading
from types import FrameType
from typing import Any, Self

_ENDING = ("SIGTERM", "SIGHUP")


class Interrupts:
    """Hold back Ctrl-C, SIGTERM and SIGHUP so that no step is cut in half and nothing is lost.

    The first signal sets `requested`, and training stops when the step is done. A second Ctrl-C
    raises `KeyboardInterrupt` as usual, once, for those who will not wait for an evaluation, except
    within `held()`, where nothing is cut; further ones do nothing. After SIGTERM or SIGHUP, sent to
    end the program, `ending` is `True`, and the end of the block ends the program as they would
    have.

    Where Python would not raise `KeyboardInterrupt` on
    Ctrl-C or end on the others anyway (outside the main thread, or with a handler of the program's
    own), nothing is changed.

    >>> with Interrupts() as interrupts:
    ...     for _ in range(3):
    ...         with interrupts.held():
    ...             pass  # parameters change here
    ...         if interrupts.requested:
    ...             break
    """

    def __init__(self) -> None:
        self.requested = False
        self._ended_by: int | None = None
        self._raised = False
        self._held = _Held()
        self._previous: dict[int, Any] = {}

    @property
    def ending(self) -> bool:
        """Whether the program was told to end."""
        return self._ended_by is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            usual = {name: signal.SIG_DFL for name in _ENDING if hasattr(signal, name)}
            for name, handler in {"SIGINT": signal.default_int_handler, **usual}.items():
                number = getattr(signal, name)
                if signal.getsignal(number) is handler:
                    self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        while self._previous:  # Ctrl-C at last, which may come while this is done
            signal.signal(*self._previous.popitem())
        if self._ended_by is not None:
            for stream in filter(None, (sys.stdout, sys.stderr)):
                with contextlib.suppress(OSError, ValueError):  # nobody may be listening any more
                    stream.flush()
            signal.raise_signal(self._ended_by)

    def held(self) -> "_Held":
        """Mark what must not be cut in half, such as a step."""
        return self._held

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if signum != signal.SIGINT:
            self._ended_by = signum
        elif self.requested and not self._held.depth and not self._raised:
            self._raised = True
            raise KeyboardInterrupt
        self.requested = True


class _Held:
    """A `with` block that notes whether it runs; made once, since it is entered at every step."""

    __slots__ = ("depth",)

    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *error: object) -> None:
        self.depth -= 1
