"""A C compiler, found when it is needed, and what it has compiled, kept in the user's cache.

Nothing is loaded from a folder, or a file, that others can write to.
"""

import atexit
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FLAGS = ("-O2", "-march=native", "-fPIC", "-pthread", "-std=gnu11", "-w")
"""No `-ffast-math`: it lets sums be reordered, and switches denormals off for the whole process."""

EXACT = ("-fno-math-errno", "-fno-trapping-math")
"""Square roots in vectors, since nobody reads `errno`; results are the same."""

SECONDS = 120
"""How long a compiler may take."""


class CompilerError(Exception):
    """A compiler that is not there or fails, with what it said."""


@dataclass(frozen=True)
class Compiler:
    """A command that compiles C, and the widest vectors of the processor it compiles for."""

    command: tuple[str, ...]
    vector_bytes: int
    key: str
    """What its results depend on: its command, the file it is, the processor."""

    def library(self, *sources: str) -> Path:
        """The shared object of some sources: compiled now, unless it is in the cache.

        Several are compiled side by side. It is written under another name first: several processes
        may do so at once.

        Errors: `CompilerError`.
        """
        name = hashlib.sha256("\0".join((self.key, *FLAGS, *EXACT, *sources)).encode()).hexdigest()
        found = folder() / f"{name[:32]}.so"
        if not is_ours(found):
            with tempfile.TemporaryDirectory(dir=folder(), prefix="compiling-") as there:
                made = Path(there, "kernels.so")
                with ThreadPoolExecutor(len(sources)) as pool:
                    numbers = range(len(sources))
                    objects = list(pool.map(self._compiled, [Path(there)] * 99, numbers, sources))
                _run([*self.command, "-shared", "-pthread", "-o", str(made), *objects, "-lm"])
                os.chmod(made, 0o700)
                os.replace(made, found)
        return found

    def _compiled(self, there: Path, number: int, source: str) -> str:
        written, made = there / f"part{number}.c", there / f"part{number}.o"
        written.write_text(source, encoding="utf-8")
        _run([*self.command, *FLAGS, *EXACT, "-c", "-o", str(made), str(written)])
        return str(made)

    def load(self, *sources: str) -> ctypes.CDLL:
        """Compile some sources, or find them compiled, and load them.

        Errors: `CompilerError`.
        """
        try:
            return ctypes.CDLL(str(self.library(*sources)))
        except OSError as error:
            raise CompilerError(f"what was compiled cannot be used: {error}") from None


@cache
def compiler() -> Compiler | str:
    """The compiler of this machine, or why there is none.

    That is `$CC`, where it is set, else the first of `cc`, `gcc` and `clang` that is found.
    """
    try:
        return _found()
    except CompilerError as error:
        return str(error)


def _found() -> Compiler:
    if os.name != "posix":
        raise CompilerError("C kernels are for Linux and macOS")
    asked = os.environ.get("CC", "").strip()
    names = [asked] if asked else ["cc", "gcc", "clang"]
    for name in names:
        first, *options = shlex.split(name)
        path = shutil.which(first)
        if path is not None:
            about = os.stat(path)
            parts = (path, *options, about.st_size, about.st_mtime_ns, _processor())
            key = "\0".join(map(str, parts))
            command = (path, *options)
            return Compiler(command, _vector_bytes(command, key), key)
    raise CompilerError(f"no C compiler was found (looked for {', '.join(names)})")


def _vector_bytes(command: tuple[str, ...], key: str) -> int:
    """How wide the vectors of this processor are; asked once, and written into the cache."""
    name = hashlib.sha256(key.encode()).hexdigest()
    known = folder() / f"{name[:32]}.width"
    if is_ours(known):
        return int(known.read_text())
    said = _run([*command, "-march=native", "-dM", "-E", "-x", "c", os.devnull])
    widths = {"__AVX512F__": 64, "__AVX2__": 32, "__ARM_NEON": 16}
    width = next((n for macro, n in widths.items() if f" {macro} " in said), 0)
    if not width:
        raise CompilerError("this processor has neither AVX2 nor NEON")
    with tempfile.TemporaryDirectory(dir=folder()) as there:
        written = Path(there, "width")
        written.write_text(str(width))
        os.replace(written, known)
    return width


def _run(command: list[str]) -> str:
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CompilerError(f"the C compiler {command[0]} did not run: {error}") from None
    if ran.returncode:
        said = ran.stderr.strip().partition("\n")[0]
        raise CompilerError(f"the C compiler {command[0]} failed: {said or ran.returncode}")
    return ran.stdout


def _processor() -> str:
    """What the instructions of this processor depend on."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = file.read().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    known = ("model name", "flags", "Features", "CPU part")
    return "\n".join(line for line in lines if line.startswith(known))


@cache
def folder() -> Path:
    """Where what was compiled is kept: the user's cache, or a folder for this process alone.

    The latter where the cache cannot be written, or where others could write into it.
    """
    base = os.environ.get("XDG_CACHE_HOME") or ""
    try:
        kept = (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "clearprop" / "c"
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_ours(kept) and os.access(kept, os.W_OK | os.X_OK):
            return kept
    except (OSError, RuntimeError):
        pass
    own = tempfile.mkdtemp(prefix="clearprop-")
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return Path(own)


def is_ours(path: Path) -> bool:
    """Whether something is there that nobody else could have written."""
    try:
        about = path.stat()
    except OSError:
        return False
    return about.st_uid in (os.getuid(), 0) and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
