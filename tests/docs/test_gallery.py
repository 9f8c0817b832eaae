"""The gallery: its pictures are those that its Python makes now, and it shows them all."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.examples

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs" / "gallery.md"
PICTURES = GALLERY.parent / "pictures"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The pictures, made anew."""
    out = tmp_path_factory.mktemp("gallery")
    subprocess.run(
        [sys.executable, "-W", "error", ROOT / "tools" / "pictures.py", "--out", out], check=True
    )
    return out / "pictures"


def test_the_pictures_are_current(made):
    """`python tools/pictures.py` makes them again."""
    names = sorted(path.name for path in made.iterdir())
    assert names == sorted(path.name for path in PICTURES.iterdir())
    assert [name for name in names if _drawn(made / name) != _drawn(PICTURES / name)] == []


def _drawn(path):
    """What a picture shows, but for what rounding leaves of 0 in a product: other processors add
    in another order."""
    return re.sub(rb"(rounding leaves up to )\S+( of 0)", rb"\1some\2", path.read_bytes())


def test_every_picture_is_shown(made):
    text = GALLERY.read_text("utf-8")
    assert sorted(re.findall(r"!\[[^\]]+\]\(pictures/([^)]+)\)", text)) == sorted(
        path.name for path in made.iterdir()
    )
