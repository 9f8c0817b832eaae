"""A scene as a PNG picture, by the optional package resvg-py."""

import importlib.util
import unicodedata
import warnings
from collections.abc import Callable
from pathlib import Path

from clearprop.drawing.compose import text_marks
from clearprop.drawing.scene import Scene
from clearprop.drawing.svg import write_svg
from clearprop.drawing.theme import FONT
from clearprop.errors import ConfigError, MissingPackageError

MOST_PIXELS = 80_000_000
_ABSENT = "\U000f0000"
"""A character that no font has a glyph for."""


def write_png(scene: Scene, theme: str = "light", scale: float | None = None) -> bytes:
    """Paint a scene. `scale` is how many pixels a unit gets: 2, or less for a very large picture.

    The letters are those of the fonts that are installed; if they lack a script that the picture
    uses, a warning says so.

    Errors: `MissingPackageError` without resvg-py; `ConfigError` for a scale that is not positive,
    or would give more than 80 million pixels.
    """
    area = scene.width * scene.height
    if scale is None:
        scale = min(2.0, (MOST_PIXELS / area) ** 0.5)
    elif not 0 < scale <= (MOST_PIXELS / area) ** 0.5:
        raise ConfigError(
            f"scale={scale}: this picture of {scene.width:.0f} × {scene.height:.0f} can be scaled "
            f"by more than 0 and at most {(MOST_PIXELS / area) ** 0.5:.3g}"
        )
    _warn_of_missing(scene, lambda c: paint(_PROBE.format(c), 1.0))
    return paint(write_svg(scene, theme), scale)  # type: ignore[arg-type]


def paint(svg: str, zoom: float = 1.0) -> bytes:
    """Turn SVG into a PNG picture of `zoom` times its size.

    Errors: `MissingPackageError` without resvg-py.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise MissingPackageError(
            "writing PNG pictures needs the package resvg-py: "
            'pip install "clearprop[pictures]"; SVG needs nothing'
        ) from error
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom, font_dirs=_fonts()))


_PROBE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20" viewBox="0 0 20 20">'
    f'<text x="2" y="16" font-size="16" font-family="{FONT}">{{}}</text></svg>'
)
"""A letter in the fonts of pictures: by itself `sans-serif` may stand for one that is not there."""


def _fonts() -> list[str]:
    """Matplotlib brings fonts along, for a system that has none."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        return []
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    return [str(folder)] if folder.is_dir() else []


def _warn_of_missing(scene: Scene, paint: Callable[[str], bytes]) -> None:
    """Warn of scripts whose letters would be painted as empty boxes."""
    scripts: dict[str, str] = {}
    for mark in text_marks(scene):
        for c in mark.content:
            if c > "\u024f" and unicodedata.category(c)[0] in "LS":
                scripts.setdefault(unicodedata.name(c, "?").split()[0], c)
    if not scripts:
        return
    absent = paint(_ABSENT)
    missing = [c for c in scripts.values() if paint(c) == absent]
    if missing:
        warnings.warn(
            f"no installed font has {' '.join(missing)}; install one that does (for Chinese and "
            "Japanese, Noto Sans CJK), or save the picture as SVG",
            stacklevel=6,
        )
