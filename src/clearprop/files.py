"""Reading files whole, and writing them so that a reader never meets half of one."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from clearprop.errors import FileFormatError, OutputError

FilePath = str | os.PathLike[str]


def read_bytes(path: FilePath, kind: str, as_what: str) -> bytes:
    """Read a whole file, a `kind` of file such as "weights", that is to be read `as_what`.

    Errors: `FileNotFoundError` if there is none, `FileFormatError` if it cannot be read.
    """
    file = os.fspath(path)
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, f"there is no such {kind} file", file) from None
    except OSError as error:
        raise FileFormatError(
            f"{file} cannot be read as {as_what}: {error.strerror or error}"
        ) from error


@contextlib.contextmanager
def told(
    what: str, remedy: str = "choose a folder that exists and that you may write to"
) -> Iterator[None]:
    """Let an `OSError` in a `with` block be an `OutputError`: what failed, why, and the remedy."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{what}: {error.strerror or error}; {remedy}") from error


def atomic_write(path: FilePath, data: bytes) -> None:
    """Write `data` to `path`, wholly or not at all.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and the file is
    then renamed over `path` in one step of the file system. Whatever fails on the way, an older
    file of that name stays as it was and the temporary one is removed. A symbolic link stays a
    link, and an older file's permissions are kept.

    Errors: `OutputError` if the folder is missing or the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     atomic_write(f"{folder}/greeting.txt", b"hello")
    ...     Path(folder, "greeting.txt").read_bytes()
    b'hello'
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with told(f"{os.fspath(path)} cannot be written"):
        try:
            # "x" refuses an existing file, and so never writes through somebody else's link.
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        except BaseException:  # Ctrl-C too must leave no rubbish behind
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
