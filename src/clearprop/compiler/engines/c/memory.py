"""Where kernels find what they read and write: images with features innermost and room for zeros.

An image lies as (H, W, C) with its channels side by side. Around it there are as many zeros as the
convolutions that read it need, and between its pixels where their steps ask for that, so that no
kernel has to treat borders in another way. Nothing is ever written onto the zeros.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.compiler.engines import text
from clearprop.compiler.engines.c.phases import Phase, Schedule
from clearprop.compiler.engines.c.vectors import C_TYPES
from clearprop.compiler.rewriting import is_recorded
from clearprop.graph.node import Node


@dataclass(frozen=True)
class Room:
    """Zeros around and between the pixels of an image, along its height and along its width."""

    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    steps: tuple[int, int] = (1, 1)

    @property
    def is_none(self) -> bool:
        """Whether there are no zeros."""
        return not any(self.before + self.after) and self.steps == (1, 1)

    def holds(self, other: "Room") -> bool:
        """Whether an image with this room can be read by what needs the other."""
        pairs = zip(self.before + self.after, other.before + other.after, strict=True)
        return other.is_none or (self.steps == other.steps and all(a >= b for a, b in pairs))

    def with_(self, other: "Room") -> "Room":
        """Room for both; if there cannot be, for the first, and the other is read from a copy."""
        if self.is_none or other.is_none:
            return other if self.is_none else self
        if self.steps != other.steps:
            return self
        before, after = (
            (max(a[0], b[0]), max(a[1], b[1]))
            for a, b in ((self.before, other.before), (self.after, other.after))
        )
        return Room(before, after, self.steps)


@dataclass(eq=False)
class Home:
    """An array as C sees it."""

    name: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In elements, one for each axis."""
    dtype: np.dtype[Any]
    room: Room = Room()
    whole: tuple[int, ...] = ()
    """The shape in which it is allocated; empty where somebody else has made it."""
    half: int = 0
    """Elements for each half of the samples, where no sample has a place of its own."""
    varies: str = ""
    """What Python calls it, where it is another array in each call."""
    is_image: bool = False
    """Whether it is allocated as images with zeros around them."""
    is_other: bool = False
    """Whether its floats are not those that the program computes with."""

    @property
    def ctype(self) -> str:
        """C's name for its elements."""
        if self.is_other:
            return C_TYPES[self.dtype][0]
        return _WHOLE.get(self.dtype.str[1:], "f")

    def at(self, *indices: str) -> str:
        """The address of an element, given an index, or nothing, for each axis."""
        terms = [
            index if step == 1 else f"({index}) * {step}" if " " in index else f"{index} * {step}"
            for index, step, length in zip(indices, self.strides, self.shape, strict=True)
            if index and step and length > 1
        ]
        return " + ".join([self.name, *terms])

    def allocation(self) -> str:
        """NumPy's expression for it."""
        made = f"kernels.zeros({text.literal(self.whole)}, {text.literal(self.dtype)})"
        if not self.is_image:
            return made
        inside = text.index((slice(None), slice(None), *self._inside()), ())
        return f"{made}.transpose((0, 3, 1, 2))[{inside}]"

    def within(self, whole: np.ndarray) -> np.ndarray:
        """The same of what has been allocated."""
        if not self.is_image:
            return whole
        rows, columns = self._inside()
        return whole.transpose((0, 3, 1, 2))[:, :, rows, columns]

    def _inside(self) -> list[slice]:
        """The pixels between the zeros, along rows and along columns."""
        axes = zip(self.room.before, self.room.steps, self.shape[2:], strict=True)
        return [slice(b, b + (n - 1) * s + 1, s if s > 1 else None) for b, s, n in axes]


_WHOLE = {"i1": "signed char", "i2": "short", "i4": "int", "i8": "long long"}
_WHOLE |= {f"u{kind[1]}": f"unsigned {name.split()[-1]}" for kind, name in _WHOLE.items()}


def has_name(dtype: np.dtype[Any]) -> bool:
    """Whether C has a name for such elements, which all have their bytes in order."""
    return dtype.isnative and (dtype.str[1:] in _WHOLE or dtype in C_TYPES)


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """An array of zeros that begins where a cache line does."""
    size = int(np.prod(shape)) * dtype.itemsize
    room = np.zeros(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(dtype).reshape(shape)


def image(name: str, like: Any, room: Room, *, temporary: bool) -> Home:
    """A home for images (N, C, H, W), or for one of each half."""
    n, c, h, w = like.shape
    high, wide = (
        a + (size - 1) * step + 1 + b
        for a, size, step, b in zip(room.before, (h, w), room.steps, room.after, strict=True)
    )
    whole = (2 if temporary else n, high, wide, c)
    row = wide * c
    size = high * row
    strides = (0 if temporary else size, 1, room.steps[0] * row, room.steps[1] * c)
    half = size if temporary else 0
    return Home(name, (n, c, h, w), strides, like.dtype, room, whole, half, is_image=True)


def needed(node: Node, kind: str, x: Any) -> Room:
    """The zeros that a kernel reads around an operand."""
    if kind in ("convolve", "convolve_W") and x is node.inputs[0 if kind == "convolve" else 1]:
        (top, bottom), (left, right) = node.params["pads"]
        return Room((top, left), (bottom, right))
    if kind == "convolve_x" and x is node.inputs[0]:
        window, steps = node.inputs[1].shape[2:], node.params["steps"]
        before, after = [], []
        for k, step, size, (pad, _), out in zip(
            window, steps, node.params["size"], node.params["pads"], x.shape[2:], strict=True
        ):
            before.append(max(0, k - 1 - pad))
            after.append(max(0, size - 1 + pad - (out - 1) * step))
        return Room((before[0], before[1]), (after[0], after[1]), steps)
    return Room()


class Users:
    """Who reads what the kernels of a schedule store, through what is computed within them."""

    def __init__(self, schedule: Schedule) -> None:
        self.choice = schedule.choice
        self.kernel_of = {
            node: kernel
            for phase in schedule.phases
            for kernel in phase.kernels
            for node in kernel.nodes
        }
        self.loop_of = {
            kernel: loop[0]
            for phase in schedule.phases
            for loop in phase.loops()
            for kernel in loop
        }

    def of(self, node: Node) -> list[Node | None]:
        """The nodes that read it in the end; `None` for an output of the graph."""
        found: list[Node | None] = []
        for user in self.choice.consumers[node]:
            found += self.of(user) if user in self.choice.inlined else [user]
        return found

    def is_stored(self, node: Node) -> bool:
        """Whether it is read outside the kernel that gives it."""
        return any(
            self.kernel_of.get(user) is not self.kernel_of[node]  # type: ignore[arg-type]
            for user in self.of(node)
        )

    def is_temporary(self, node: Node) -> bool:
        """Whether it is read for the same image only, by the next kernels."""
        kernel = self.kernel_of[node]
        if not kernel.of_images or np.ndim(node.out) != 4:
            return False
        loop = self.loop_of[kernel]
        kernels = [self.kernel_of.get(user) for user in self.of(node)]  # type: ignore[arg-type]
        return all(k is not None and self.loop_of[k] is loop for k in kernels)

    def room(self, node: Node) -> Room:
        """The zeros that are needed around it."""
        room = Room()
        for user in self.choice.consumers[node]:
            kind = self.choice.kinds.get(user) if user else None
            if user is not None and kind is not None:
                for x in user.inputs:
                    if is_recorded(x) and x.node is node:
                        room = room.with_(needed(user, kind, x))
        return room


def layouts(schedule: Schedule) -> dict[Node, np.ndarray]:
    """For what kernels give to others an array that lies in memory as it will."""
    users = Users(schedule)
    found: dict[Node, np.ndarray] = {}
    for phase in schedule.phases:
        for node in phase.nodes:
            if np.ndim(node.out) == 4 and not _is_sum(phase, node):
                home = image("", node.out, users.room(node), temporary=False)
                itemsize = home.dtype.itemsize
                whole = np.empty(home.whole, home.dtype)
                strides = [step * itemsize for step in home.strides]
                found[node] = np.lib.stride_tricks.as_strided(whole, home.shape, strides)
            else:
                found[node] = np.empty(np.shape(node.out), node.out.dtype)
    return found


def _is_sum(phase: Phase, node: Node) -> bool:
    return any(k.node is node and k.kind == "convolve_W" for k in phase.kernels)
