"""Lines of C, and the loops they stand in."""

from collections.abc import Iterator
from contextlib import contextmanager


class Lines:
    """Lines of C with their indentation."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 0

    def __call__(self, line: str = "") -> None:
        """Write a line."""
        self.lines.append("    " * self._depth + line if line else "")

    @contextmanager
    def block(self, head: str = "") -> Iterator[None]:
        """Write a block in braces."""
        self(f"{head} {{".lstrip())
        self._depth += 1
        yield
        self._depth -= 1
        self("}")

    @contextmanager
    def loop(self, name: str, start: object, stop: object, step: int = 1) -> Iterator[None]:
        """Write a loop; what would be run once is a name for its only value."""
        known = isinstance(start, int) and isinstance(stop, int)
        if known and start + step >= stop:  # type: ignore[operator]
            if start < stop:  # type: ignore[operator]
                with self.block():
                    self(f"const long {name} = {start};")
                    yield
                return
            raise ValueError("a loop that is never run")
        more = f"{name}++" if step == 1 else f"{name} += {step}"
        with self.block(f"for (long {name} = {start}; {name} < {stop}; {more})"):
            yield

    def tiled(self, name: str, length: int, size: int) -> Iterator[int]:
        """Write a loop over tiles, and one of what is left; gives how many each tile has."""
        whole = length // size * size
        for start, stop, count in ((0, whole, size), (whole, length, length - whole)):
            if start < stop:
                with self.loop(name, start, stop, count):
                    yield count

    @contextmanager
    def share(self, name: str, count: int) -> Iterator[None]:
        """Write the half of a loop that belongs to the half at hand."""
        start, stop = f"half * {count} / 2", f"(half + 1) * {count} / 2"
        with self.block(f"for (long {name} = {start}; {name} < {stop}; {name}++)"):
            yield

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


def lanes_for(length: int, most: int) -> int:
    """The widest vector that a row of so many elements fills."""
    n = 1
    while n * 2 <= min(length, most):
        n *= 2
    return n


class Groups:
    """A row of F elements as vectors, some of which are computed at once.

    The last vector ends where the row ends, and may begin within the one before it: what both hold
    is computed twice and is the same. In a buffer of kernels it has a slot of its own.
    """

    def __init__(self, length: int, most_lanes: int, together: int) -> None:
        self.length = length
        self.lanes = lanes_for(length, most_lanes)
        self.vectors = -(-length // self.lanes)
        self.regular = length // self.lanes
        self.together = min(together, self.vectors)
        self.full = self.regular // self.together
        """How many groups have this many whole vectors, one after the other."""

    @property
    def slots(self) -> int:
        """Elements of a row in a buffer."""
        return self.vectors * self.lanes

    def __iter__(self) -> Iterator[tuple[str | None, list[tuple[int, int]]]]:
        """For each group the name of its start, if it is in a loop, and (element, slot) of each."""
        if self.full:
            yield "f", [(h * self.lanes, h * self.lanes) for h in range(self.together)]
        rest = range(self.full * self.together, self.vectors)
        starts = [(min(v * self.lanes, self.length - self.lanes), v * self.lanes) for v in rest]
        for i in range(0, len(starts), self.together):
            yield None, starts[i : i + self.together]
