"""Pictures of the user's own: a folder with a subfolder for each class."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from clearprop.datasets.decoding import decode, opened
from clearprop.datasets.formed import Formed, held_out
from clearprop.datasets.paper import resampling
from clearprop.errors import ConfigError, DataError

KINDS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
# How bright red, green and blue look (BT.601).
_GREY = np.array([[0.299], [0.587], [0.114]], np.float32)


@dataclass(frozen=True, kw_only=True)
class PictureForm:
    """How a picture becomes numbers: grey or in colours, scaled to `side`×`side` pixels."""

    classes: tuple[str, ...]
    side: int = 28
    colours: int = 1
    test: float = 0.2
    seed: int = 0
    kind: str = field(default="pictures", init=False)
    task: str = field(default="classification", init=False)

    @property
    def width(self) -> int:
        """How many numbers a picture becomes."""
        return self.side**2 * self.colours

    @property
    def inputs(self) -> dict[str, slice]:
        """Pixels have no names."""
        return {}

    def read(self, path: Path) -> np.ndarray:
        """Read a picture, squeezed into a square: (side, side, colours) uint8.

        Errors: those of `clearprop.datasets.decoding.decode`.
        """
        pixels = decode(path)
        height, width, found = pixels.shape
        if found > self.colours:
            pixels = pixels @ _GREY
        rows = resampling(height, self.side) @ pixels.reshape(height, -1)
        small = resampling(width, self.side) @ rows.reshape(self.side, width, -1)
        shape = self.side, self.side, self.colours
        return np.broadcast_to(np.rint(255 * small), shape).astype(np.uint8)

    def encode(self, paths: Sequence[Path]) -> np.ndarray:
        """Read pictures: (N, width) uint8. Errors: those of `read`."""
        x = np.empty((len(paths), self.width), np.uint8)
        for row, path in zip(x, paths, strict=True):
            row[:] = self.read(path).reshape(-1)
        return x

    def images(self, x: np.ndarray) -> np.ndarray:
        """The same numbers (N, width) as a convolution takes them: (N, colours, side, side)."""
        x = x.reshape(-1, self.side, self.side, self.colours)
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2))

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave. Errors: `ConfigError` for anything else."""
        try:
            numbers = {name: entry[name] for name in ("side", "colours", "seed", "test")}
            right = all(type(numbers[n]) is int for n in ("side", "colours", "seed"))
            right = right and 0 < numbers["side"] <= 4096 and numbers["colours"] in (1, 3)
            right = right and numbers["seed"] >= 0 and 0 < float(numbers["test"]) < 1
            if right and all(isinstance(name, str) for name in entry["classes"]):
                return cls(classes=tuple(entry["classes"]), **numbers)
        except (KeyError, TypeError, ValueError):
            pass
        raise ConfigError('"form" does not say how the pictures were read')


class Pictures(Formed):
    """Pictures as a network takes them, bytes; `form` says how they were read."""


def read_pictures(
    folder: str | os.PathLike[str],
    *,
    side: int = 28,
    test: float = 0.2,
    seed: int = 0,
) -> Pictures:
    """Read the pictures in the subfolders of `folder`; the names of these are the classes.

    Each picture is scaled to `side`×`side` pixels, in grey if none has colours. Bytes stay bytes,
    a quarter of the memory: `Trainer(..., scale=1/255)` makes numbers of them.

    Returns:
        A `Dataset`: `x_train` and `x_test` uint8 (N, side² · colours), `t_train` and `t_test` int64
        (N,); `test` is the share held out for testing, which `seed` draws.

    Raises:
        DataError: a folder without subfolders of pictures, or with one only.
        FileFormatError: a file that is no picture, though its name says so.
        MissingPackageError: Pillow is not installed.
    """
    paths, _, classes = _listed(Path(folder))
    colours = 1
    for path in paths:
        with opened(path) as picture:
            colours = colours if picture.mode[0] in "1LI" else 3
    form = PictureForm(classes=classes, side=side, colours=colours, test=test, seed=seed)
    return load_pictures(form, folder)


def load_pictures(form: PictureForm, folder: str | os.PathLike[str]) -> Pictures:
    """Read the pictures of a folder in a form that is known, its training and its test part.

    Errors: as `read_pictures`; `DataError` if the classes are others.
    """
    paths, t, classes = _listed(Path(folder))
    if classes != form.classes:
        raise DataError(
            f"{folder} has the classes {', '.join(classes)}, and {', '.join(form.classes)} were "
            "learned"
        )
    test, x = held_out(folder, len(paths), form.test, form.seed), form.encode(paths)
    counts = np.bincount(t).tolist()
    told = ", ".join(f"{name} ({n:,})" for name, n in zip(classes, counts, strict=True))
    look = f"{form.side}×{form.side} pixels, {'grey' if form.colours == 1 else 'in colours'}"
    notes = [f"{len(classes)} classes of pictures: {told}; {look}"]
    return Pictures(x[~test], t[~test], x[test], t[test], form, notes)


def _listed(folder: Path) -> tuple[list[Path], np.ndarray, tuple[str, ...]]:
    """The pictures in a folder, the class of each, and the names of the classes."""
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    paths: list[Path] = []
    numbers: list[int] = []
    for number, name in enumerate(classes):
        found = sorted(p for p in (folder / name).iterdir() if p.suffix.lower() in KINDS)
        if len(found) < 2:
            raise DataError(
                f"{folder / name} holds {len(found)} pictures ({', '.join(KINDS)}), and two are "
                "needed at least; the folder must have a subfolder for each class"
            )
        paths += found
        numbers += [number] * len(found)
    if len(classes) < 2:
        raise DataError(
            f"{folder} has {len(classes)} subfolders with pictures, and two classes are needed at "
            "least; a folder with four IDX files named as MNIST's is read, too"
        )
    return paths, np.array(numbers), tuple(classes)
