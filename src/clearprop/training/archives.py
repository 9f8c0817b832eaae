"""Arrays of the archives that NumPy writes, `.npz`."""

import io
import zipfile
import zlib

import numpy as np

from clearprop.errors import FileFormatError


def of_numpy(file: str, data: bytes) -> dict[str, np.ndarray] | None:
    """The arrays of an archive that `np.savez` has written; `None` for an archive of another kind.

    Errors: `FileFormatError` for one that is damaged, or holds something else than real numbers.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            if not all(f"{name}.npy" in archive.zip.namelist() for name in archive.files):
                return None
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
    # ValueError for Python's objects, which could run code
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError) as error:
        if b".npy" not in data:
            return None
        raise FileFormatError(
            f"{file} is an archive of NumPy that cannot be read ({error}); save plain arrays: "
            "np.savez(path, **network.params)"
        ) from error
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise FileFormatError(
                f"{file}: {name} has dtype {array.dtype}, and weights are real numbers of 64 bits "
                "at most"
            )
    return {name: array.astype(array.dtype.newbyteorder("=")) for name, array in arrays.items()}
