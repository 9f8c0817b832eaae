"""Programs in JavaScript, called from here: one Node, started when the first is called."""

import atexit
import json
import shutil
import subprocess
from base64 import b64decode, b64encode
from importlib.resources import files
from threading import Lock
from typing import Any

import numpy as np

from clearprop.compiler.engines.script_pieces import typed
from clearprop.errors import MissingPackageError, UnsupportedError

_lock = Lock()
_process: list[subprocess.Popen[str]] = []
_DTYPES = {
    "Float32Array": np.float32,
    "Float64Array": np.float64,
    "Int32Array": np.int32,
    "Uint8Array": np.uint8,
}


def define(body: str) -> int:
    """Let Node make a function: what `body`, the body of a function, returns. Gives its number."""
    return _asked({"define": body})["number"]


def call(number: int, arguments: list[Any], back: list[int]) -> tuple[list[Any], list[Any]]:
    """Call a function on numbers and arrays; gives the array of its results as a list, and the
    arguments with these numbers as they are after it."""
    said = {"call": number, "arguments": [*map(_told, arguments)], "back": back}
    answer = _asked(said)
    return [*map(_heard, answer["results"])], [*map(_heard, answer["back"])]


def forget(number: int) -> None:
    """Let Node drop a function."""
    if _process and _process[0].poll() is None:
        _asked({"forget": number})


def _told(x: Any) -> Any:
    if not x.ndim:
        value = x.item()
        return value if np.isfinite(value) else str(value)
    kind = typed(x.dtype)
    data = np.ascontiguousarray(x, _DTYPES[kind])
    return {"kind": kind, "data": b64encode(data.tobytes()).decode()}


def _heard(x: Any) -> Any:
    if isinstance(x, dict):
        return np.frombuffer(b64decode(x["data"]), _DTYPES[x["kind"]])
    return float(x) if isinstance(x, str) else x


def _asked(request: dict[str, Any]) -> Any:
    with _lock:
        if not _process or _process[0].poll() is not None:
            _process[:] = [_started()]
        node = _process[0]
        assert node.stdin is not None
        assert node.stdout is not None
        node.stdin.write(json.dumps(request) + "\n")
        node.stdin.flush()
        answer = json.loads(node.stdout.readline())
    if "error" in answer:
        raise UnsupportedError(f"Node cannot run the program: {answer['error']}")
    return answer


def _started() -> subprocess.Popen[str]:
    found = shutil.which("node")
    if found is None:
        raise MissingPackageError(
            "a program in JavaScript is called from here with Node, which is not installed; "
            "https://nodejs.org has it. To put the program into a page, take its source"
        )
    script = files("clearprop.compiler").joinpath("in_node.js").read_text("utf-8")
    pipe = subprocess.PIPE
    return subprocess.Popen([found, "-e", script], stdin=pipe, stdout=pipe, text=True)


@atexit.register
def _ended() -> None:
    for node in _process:
        with node:  # closes its input, at which it ends
            pass
    _process.clear()
