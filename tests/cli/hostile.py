"""Files and arguments that nobody should write: each is to end in a named error, or in nothing."""

import gzip
import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
from PIL import Image

from clearprop.cli import main
from clearprop.datasets import write_idx

ODD_VALUES = [0, -1, 1, 2**31, 2**63, 2**64, 10**30, 10**400, 0.5, -0.0, 1e-320, 1e300]
ODD_VALUES += [float("inf"), float("nan"), True, False, None, [], {}, [[]], {"": 1}, [1, [2, "x"]]]
ODD_VALUES += ["", "nan", "x", "\0", "\ud800", "\x1b[2J", "\u202e", "é" * 99, "W1", ["a"] * 50]
ODD_VALUES += ["float32", "object", ">f8", "M8[ns]"]

ODD_TEXTS = [
    "-",
    "--",
    "-o",
    "--help",
    "~",
    ".",
    "..",
    "/",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/proc/self/mem",
    "nowhere/deep/file.png",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "-inf",
    "1e4",
    "2.5",
    "٣",
    "1_000",
    "0x10",
    "[]",
    "{}",
    "[[1,2],[3]]",
    "x=1",
    "x=",
    "=1",
    "x==1",
    "x=nan",
    "x=[1,2",
    "x=1e999",
    "x=[[[]]]",
    "x/0",
    "x**x**x**9",
    "x.y",
    "x[9]",
    "x[0:0]",
    "open(x)",
    "x@x",
    "sum(x,axis=9)",
    "reshape(x,3)",
    "'x'",
    "*",
    "🙂",
    "False",
    "he",
    "relu",
    "out.svg",
    "out.png",
    "out.txt",
    "out.json",
    "out.exe",
    ".svg",
    "primitives",
    "layers,",
    "dark",
    "ja",
]
ODD_TEXTS += [
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\x1b[2J",
    "\u202egnp",
    "é\n\rz",
    "lambda: x",
    "x if x else x",
]
ODD_TEXTS += ["9" * 5000, "x" * 5000, "(" * 300, "x" + "+x" * 900]

OPTIONS = [
    "--run",
    "--depth",
    "--theme",
    "--sample",
    "-o",
    "--output",
    "--no-backward",
    "--json",
    "--show",
    "--data",
    "--target",
    "--task",
    "--missing",
    "--category",
    "--ignore",
    "--test",
    "--side",
    "--optimizer",
    "--folder",
    "--resume",
    "--overwrite",
    "--epochs",
    "--iterations",
    "--batch",
    "--rate",
    "--init",
    "--hidden",
    "--activation",
    "--seed",
    "--patience",
    "--save-every",
    "--no-compile",
    "-q",
    "--by",
    "--language",
    "--format",
    "--bogus",
    "--samples",
    "--layer",
]

COMMANDS = [
    "draw",
    "explain",
    "predict",
    "report",
    "compare",
    "source",
    "check",
    "train",
    "",
    "trian",
]


def mutated(data, rng):
    """The bytes of a file, with faults: flipped, cut, put in, taken out or repeated."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        a, b = sorted(rng.integers(0, len(data) + 1, 2))
        b = min(b, a + int(rng.integers(1, 40)))
        match rng.integers(7):
            case 0:
                for i in rng.integers(0, max(len(data), 1), rng.integers(1, 6)):
                    data[i : i + 1] = bytes([data[i] ^ (1 << rng.integers(8))]) if data else b""
            case 1:
                del data[rng.integers(len(data) + 1) :]
            case 2:
                data[a:a] = rng.bytes(int(rng.integers(1, 30)))
            case 3:
                del data[a:b]
            case 4:
                data[a:a] = data[a:b] * int(rng.integers(1, 5))
            case 5:
                data[a:b] = b"\xff" * (b - a)
            case 6:  # lengths and counts stand near the beginning
                a = int(rng.integers(0, min(64, len(data)) + 1))
                data[a : a + 4] = rng.integers(0, 2**32, dtype=np.uint32).tobytes()
    return bytes(data)


def mutated_json(text, rng):
    """JSON with one value or key of another kind, or with faults in its text."""
    if rng.random() < 0.25:
        return mutated(text.encode(), rng)
    try:
        tree = json.loads(text)
    except ValueError:
        return text.encode()
    places = list(_places(tree))
    if not places:
        return text.encode()
    holder, key = places[rng.integers(len(places))]
    odd = ODD_VALUES[rng.integers(len(ODD_VALUES))]
    match rng.integers(5):
        case 0 if isinstance(holder, dict):
            holder[str(odd)] = holder.pop(key)
        case 1:
            del holder[key]
        case 2:
            deep = "[" * 200 + "]" * 200
            holder[key] = json.loads(deep)
        case _:
            holder[key] = odd
    return json.dumps(tree).encode()


def _places(tree):
    for key in (
        tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    ):
        yield tree, key
        yield from _places(tree[key])


def mutated_lines(text, rng):
    """JSON lines of which one has a fault."""
    lines = text.splitlines()
    i = rng.integers(len(lines))
    lines[i] = mutated_json(lines[i], rng).decode("utf-8", "surrogateescape")
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")


def pictures(folder):
    """The same digit in every format that is read: names → bytes."""
    page = np.full((80, 60, 3), 250, np.uint8)
    page[15:65, 25:33] = 10
    made = {}
    for name in "PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF":
        buffer = io.BytesIO()
        Image.fromarray(page).save(buffer, name)
        made[f"a.{name.lower()}"] = buffer.getvalue()
    return made


def idx_files(folder):
    write_idx(folder / "a.idx", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    plain = (folder / "a.idx").read_bytes()
    return {"a.idx": plain, "a.idx.gz": gzip.compress(plain, mtime=0)}


def odd_command(rng, names):
    """A command line of known words, of names of files, and of odd texts."""

    def odd():
        return (
            str(rng.choice(np.array(names, object)))
            if rng.random() < 0.35
            else str(ODD_TEXTS[rng.integers(len(ODD_TEXTS))])
        )

    command = COMMANDS[rng.integers(len(COMMANDS))]
    words = [odd() for _ in range(rng.integers(0, 4))]
    for _ in range(rng.integers(0, 3)):
        words += [OPTIONS[rng.integers(len(OPTIONS))], odd()]
    if command == "train":  # a right one is short
        words += ["--iterations", "1", "--data", "data"][: 2 * int(rng.integers(1, 3))]
    return [command, *words]


def run_command(arguments):
    """Status, output and errors of a command, in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = main(arguments)
    texts = []
    for stream in out, err:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return code, *texts


def contents_of(folder):
    """Every file under a folder, with its bytes."""
    return {
        os.path.join(root, name): Path(root, name).read_bytes()
        for root, _, names in os.walk(folder)
        for name in names
        if os.path.isfile(os.path.join(root, name))
    }
