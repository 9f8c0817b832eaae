"""Reading files whole, and writing them so that a reader never meets half of one."""

import contextlib
import errno
import io
import os
import secrets
import shutil
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from clearprop.errors import FileFormatError, OutputError

FilePath = str | os.PathLike[str]

MOST = 1 << 32
"""Larger files are not read whole; a run leaves no such file."""


def open_file(path: FilePath, kind: str, as_what: str) -> io.BufferedReader:
    """Open a file, a `kind` of file such as "weights", that is to be read `as_what`.

    What is no file, such as a folder, a pipe or a device, is refused at once and not waited for.

    Errors: `FileNotFoundError` if there is none, `FileFormatError` if it cannot be read.
    """
    file = os.fspath(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(errno.ENOENT, f"there is no such {kind} file", file) from None
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        why = getattr(error, "strerror", None) or error
        raise FileFormatError(f"{file} cannot be read as {as_what}: {why}") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        found = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise FileFormatError(
            f"{file} cannot be read as {as_what}: it is {found}; give a file on the disk"
        )
    return open(descriptor, "rb")


def read_bytes(path: FilePath, kind: str, as_what: str, most: int = MOST) -> bytes:
    """Read a whole file of at most `most` bytes, otherwise as `open_file`.

    Errors: those of `open_file`, `FileFormatError` for a file that is larger.
    """
    with open_file(path, kind, as_what) as stream:
        size = os.fstat(stream.fileno()).st_size
        try:
            if size <= most:
                return stream.read(size)
        except OSError as error:
            raise FileFormatError(
                f"{os.fspath(path)} cannot be read as {as_what}: {error.strerror or error}"
            ) from error
    raise FileFormatError(
        f"{os.fspath(path)} cannot be read as {as_what}: it has {size:,} bytes, and at most "
        f"{most:,} are read"
    )


@contextlib.contextmanager
def told(
    what: str, remedy: str = "choose a folder that exists and that you may write to"
) -> Iterator[None]:
    """Let an `OSError` in a `with` block be an `OutputError`: what failed, why, and the remedy.

    So is a `ValueError`: no file can have a name such as "a\\0b".
    """
    try:
        yield
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise OutputError(f"{what}: {why}; {remedy}") from error


def atomic_write(path: FilePath, *pieces: bytes) -> None:
    """Write `pieces` of data to `path`, wholly or not at all.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and the file is
    then renamed over `path` in one step of the file system. Whatever fails on the way, an older
    file of that name stays as it was and the temporary one is removed. A symbolic link stays a
    link, and an older file's permissions are kept. What is no file on the disk, such as a pipe or
    `/dev/stdout`, is written to, and stays what it is.

    Errors: `OutputError` if the folder is missing or the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     atomic_write(f"{folder}/greeting.txt", b"hello")
    ...     Path(folder, "greeting.txt").read_bytes()
    b'hello'
    """
    remedy = (
        "what was there before is unchanged: choose a folder that exists and that you may write to"
    )
    with told(f"{os.fspath(path)} cannot be written", remedy):
        target = Path(os.path.realpath(path))
        if _is_no_file(path):
            # Whoever reads has perhaps seen enough.
            with contextlib.suppress(BrokenPipeError), open(path, "wb", buffering=0) as stream:
                for piece in pieces:
                    stream.write(piece)
            return
        temporary = _beside(target)
        try:
            # "x" refuses an existing file, and so never writes through somebody else's link.
            with open(temporary, "xb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
        except BaseException:  # Ctrl-C too must leave no rubbish behind
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def _is_no_file(path: FilePath) -> bool:
    """Whether something is a pipe or a device; what `/dev/stdout` leads to may have no path."""
    named = Path(os.fsdecode(path))
    return named.exists() and not named.is_file() and not named.is_dir()


def check_writable(path: FilePath) -> None:
    """Refuse a path that `atomic_write` could not write to; nothing is left there.

    Errors: `OutputError` as that of `atomic_write`.
    """
    with told(f"{os.fspath(path)} cannot be written"):
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if _is_no_file(path):  # a pipe would wait for its reader
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        temporary = _beside(target)  # whether a file can be made is known when one was made
        open(temporary, "xb").close()
        temporary.unlink()


def is_same(one: FilePath, other: FilePath) -> bool:
    """Whether two paths are those of one file, however they are spelt; it need not exist yet.

    >>> is_same("last", "./runs/../last"), is_same("last", "best")
    (True, False)
    """
    try:
        here, there = (os.path.normcase(os.path.realpath(path)) for path in (one, other))
        both = os.path.exists(here) and os.path.exists(there)
        return here == there or (both and os.path.samefile(here, there))
    except (OSError, ValueError):  # no file can have such a name
        return False


def _beside(target: Path) -> Path:
    """A name for a temporary file in the same folder."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")


def shown(text: object) -> str:
    """What can be shown at a terminal: characters that would steer it are spelt out.

    Control characters, marks that change the direction of writing, and halves of characters could
    hide or forge what stands beside them.

    >>> print(shown("runs/\\x1b[2J\\u202egnp.exe"))
    runs/\\x1b[2J\\u202egnp.exe
    """
    return "".join(
        c if c == "\n" or unicodedata.category(c) not in _STEERING else repr(c)[1:-1]
        for c in str(text)
    )


_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
