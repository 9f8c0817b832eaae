"""Write docs/exercises.md from the catalogue of faulty layers: what is wrong with each?

python tools/exercises.py          writes the page
python tools/exercises.py --check  exit status 1 if the page is not current
"""

import inspect
import re
import sys
import textwrap
from pathlib import Path

from clearprop import check
from clearprop.files import atomic_write

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "exercises.md"
sys.path.insert(0, str(ROOT / "tests" / "checking"))

HEAD = """\
# Exercises: find the mistake

Each of these layers has one mistake, of the kind that everybody makes. Read `forward`, work out
what `backward` must be, and say which derivative is wrong, and why. Then open the answer: it tells
the story of the mistake, and what `clearprop check` finds.

Where a method calls `super()`, that does what is right: the complete layers stand in
`tests/checking/right_layers.py`, the faulty ones in `tests/checking/catalogue_*.py`. To try one of
your own, put it into a file and run `clearprop check FILE.py`; [Checking](checking.md) tells more.

This page is made by `tools/exercises.py`.
"""


def methods(cls: type, left_out: set[str]) -> list[str]:
    """The sources of the methods that a class itself defines."""
    functions = ((n, f) for n, f in vars(cls).items() if inspect.isfunction(f))
    return [
        textwrap.dedent(inspect.getsource(f)).rstrip() for n, f in functions if n not in left_out
    ]


def listing(cls: type) -> str:
    """A faulty layer as one class: what is right and not overridden first, then the mistake."""
    faulty = methods(cls, {"samples"})
    names = {name for name in vars(cls) if inspect.isfunction(vars(cls)[name])}
    right: list[str] = []
    for base in cls.__mro__[1:-1]:
        # Of an overridden method the right one is shown where super() needs it to be understood.
        right += methods(base, {"samples", "backward", *names})
        names |= set(vars(base))
    body = "\n\n".join([*right, *faulty])
    base = cls.__mro__[1].__name__  # its own name would give the answer away
    return f"class {base}(right.{base}):\n{textwrap.indent(body, '    ')}"


def answer(fault: object) -> list[str]:
    """What the check finds: each argument with its diagnosis, without what depends on rounding."""
    lines = []
    for finding in check(fault.layer).faults:  # type: ignore[attr-defined]
        place = f"`{finding.argument}`: " if finding.argument else ""
        message = re.sub(r" \(\d+ of \d+ elements are wrong\)$", "", finding.message)
        message = re.sub(r"line \d+ of (\w+)", r"\1", message)
        lines.append(f"- {place}**{finding.kind}**: {message}")
    return lines


def page() -> str:
    """The text of the page."""
    from catalogue import FAULTS

    parts = [HEAD]
    for number, fault in enumerate(FAULTS, 1):
        base = fault.layer.__mro__[1].__name__
        parts += [
            f"## {number}. {base}\n",
            f"```python\n{listing(fault.layer)}\n```\n",
            f"<details><summary>Answer</summary>\n\n{fault.story}\n",
            "\n".join(answer(fault)),
            "\n</details>\n",
        ]
    return "\n".join(parts)


def main() -> int:
    """Write the page, or say whether it is current."""
    text = page()
    if "--check" in sys.argv:
        current = PAGE.exists() and PAGE.read_text("utf-8") == text
        print("current" if current else f"{PAGE.name} is out of date: run tools/exercises.py")
        return 0 if current else 1
    atomic_write(PAGE, text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
