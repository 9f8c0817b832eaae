"""Make the pictures of the gallery, by running the Python in `docs/gallery.md`.

    python tools/pictures.py [--out FOLDER]

They go to `docs/pictures`, or to `FOLDER/pictures`. A picture there that the gallery does not make
is removed. The same gallery gives the same files, byte for byte.
"""

import argparse
import contextlib
import re
from pathlib import Path

GALLERY = Path(__file__).parents[1] / "docs" / "gallery.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Run the blocks one after the other, in the folder that they write to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=GALLERY.parent, help="the folder to write to")
    out: Path = parser.parse_args().out
    pictures = out / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    code = "\n".join(BLOCK.findall(GALLERY.read_text("utf-8")))
    with contextlib.chdir(out):
        exec(compile(code, str(GALLERY), "exec"), {"__name__": "gallery"})
    made = set(re.findall(r'\.save\("pictures/([^"]+)"', code))
    for path in pictures.iterdir():
        if path.name not in made:
            path.unlink()


if __name__ == "__main__":
    main()
