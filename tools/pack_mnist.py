"""Make the data files of `clearprop.datasets` from the four original files of MNIST.

    python tools/pack_mnist.py FOLDER [--out FOLDER]

FOLDER holds `train-images-idx3-ubyte.gz`, `train-labels-idx1-ubyte.gz`,
`t10k-images-idx3-ubyte.gz` and `t10k-labels-idx1-ubyte.gz` (or the same unpacked). They are
checked against the published MD5 of the unpacked files; the packed files are read back and
compared before `SHA256SUMS` is written. The compressed bytes, hence the checksums, may differ
between versions of zlib; what they hold does not.
"""

import argparse
import hashlib
import zipfile
from pathlib import Path

import numpy as np

from clearprop.datasets import read_idx
from clearprop.datasets.inkpack import middle_of, unpack_images

DATA = Path(__file__).parents[1] / "src" / "clearprop" / "datasets" / "data"

MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def read_original(folder: Path, name: str) -> np.ndarray:
    """One original file as an array, once its MD5 is what the world knows."""
    path = folder / f"{name}.gz"
    if not path.exists():
        path = folder / name
    array = read_idx(path)
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    found = hashlib.md5(header + array.tobytes(), usedforsecurity=False).hexdigest()
    if found != MD5[name]:
        raise SystemExit(f"{path}: MD5 {found}, but the original has {MD5[name]}")
    return array


def pack_images(images: np.ndarray) -> dict[str, np.ndarray]:
    """Take pictures (N, H, W), 0 for paper, apart into `ink`, `rim` and `middle`."""
    pixels = images.ravel()
    ink = pixels != 0
    middle = middle_of(ink, width=images.shape[2])
    return {"ink": np.packbits(ink), "rim": pixels[ink & ~middle], "middle": pixels[middle]}


def write_npz(path: Path, arrays: dict[str, np.ndarray], level: int) -> None:
    """`np.savez_compressed`, but at a chosen level and with the same bytes every time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, not today
            member.create_system = 3  # on every system
            member.compress_type = zipfile.ZIP_DEFLATED
            member._compresslevel = level  # type: ignore[attr-defined]  # public only from 3.13
            with archive.open(member, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def pack(folder: Path, part: str, path: Path, level: int) -> None:
    images = read_original(folder, f"{part}-images-idx3-ubyte")
    labels = read_original(folder, f"{part}-labels-idx1-ubyte")
    write_npz(path, {**pack_images(images), "labels": labels}, level)
    with np.load(path, allow_pickle=False) as parts:
        assert np.array_equal(unpack_images(parts, images.shape), images)
        assert np.array_equal(parts["labels"], labels)


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack the original MNIST files for clearprop.")
    parser.add_argument("folder", type=Path, help="where the four original files are")
    parser.add_argument("--out", type=Path, default=DATA, help="default: the package's data folder")
    parser.add_argument("--level", type=int, default=9, help="of compression, 1 to 9")
    arguments = parser.parse_args()

    sums = []
    for part, name in ("train", "mnist-train.npz"), ("t10k", "mnist-test.npz"):
        path = arguments.out / name
        pack(arguments.folder, part, path, arguments.level)
        packed = path.read_bytes()
        sums.append(f"{hashlib.sha256(packed).hexdigest()}  {name}\n")
        print(f"{path}: {len(packed):,} bytes")
    (arguments.out / "SHA256SUMS").write_text("".join(sums), encoding="ascii", newline="\n")


if __name__ == "__main__":
    main()
