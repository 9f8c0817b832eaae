"""Data of the user's own: tables, folders of pictures, IDX files, and what is said of them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.errors import ConfigError, FileFormatError

if TYPE_CHECKING:
    from clearprop.datasets import Dataset
    from clearprop.datasets.pictures import PictureForm
    from clearprop.datasets.table_form import TableForm
    from clearprop.training import RunConfig, RunFolder

SCALE = 1 / 255
"""What the bytes of pixels are multiplied by."""

TABLES = ("target", "task", "missing", "categories", "ignore")
PICTURES = ("side",)


def read_anew(path: Path | None, settings: dict[str, Any], kind: str) -> "Dataset":
    """Read what a path leads to, MNIST where there is none; pixels stay bytes.

    `settings` are those of `read_table` and `read_pictures` that were given. `kind` is that of the
    network: all but those of two layers are given images as such, and not in rows.

    Errors: `ConfigError` for settings that such data do not have, and those of the readers.
    """
    from clearprop.datasets import read_pictures, read_table

    if path is not None and not path.exists():
        raise FileNotFoundError(2, "there is no such file or folder to learn from", str(path))
    idx = path is None or (path.is_dir() and any(path.glob("*-idx?-ubyte*")))
    read, others, what = dataset_in, (*TABLES, *PICTURES, "test"), "images in IDX files"
    if path is not None and path.is_dir() and not idx:
        read, others, what = read_pictures, TABLES, "a folder of pictures"
    elif not idx:
        read, others, what = read_table, PICTURES, "a table"
    wrong = [name for name in others if name in settings]
    if wrong:
        option = {"categories": "category"}.get(wrong[0], wrong[0])
        raise ConfigError(f"--{option} says nothing of {what}; leave it out")
    images = kind != "two-layer"
    if idx:
        return dataset_in(path, images=images)
    dataset = read(path, **settings)  # type: ignore[arg-type]
    if images and read is read_table:
        if kind != "own":
            raise ConfigError(f"--network {kind} looks at images, and a table holds none")
        return dataset
    return as_images(dataset) if images else dataset


def read_again(run: "RunFolder", config: "RunConfig", path: Path | None = None) -> "Dataset":
    """Read the data of a run as it did, from another path if they have been moved."""
    from clearprop.datasets.pictures import PictureForm, load_pictures
    from clearprop.datasets.table import load_table

    path = path or (Path(config.data) if config.data else None)
    if path is not None and not path.exists():
        raise FileNotFoundError(
            2, "the data of the run are not there; say with --data where they are now", str(path)
        )
    form, images = form_of(run, config), config.shape is not None
    if form is None or path is None:
        return dataset_in(path, images=images)
    if isinstance(form, PictureForm):
        dataset = load_pictures(form, path)
        return as_images(dataset) if images else dataset
    return load_table(form, path)


def dataset_in(folder: Path | None, *, images: bool = False) -> "Dataset":
    """Read a folder of IDX files, or MNIST where none is given.

    Pixels stay bytes until a batch is made of them: a quarter of the memory, and sooner gathered.
    """
    from clearprop.datasets import mnist_dataset
    from clearprop.datasets.folder import idx_dataset

    if folder is None:
        return mnist_dataset(np.uint8, flatten=not images)
    return idx_dataset(folder, np.uint8, flatten=not images)


def as_images(dataset: Any) -> Any:
    """Pictures of one's own as images, and not in rows."""
    images = dataset.form.images
    return replace(dataset, x_train=images(dataset.x_train), x_test=images(dataset.x_test))


def in_rows(dataset: Any) -> Any:
    """The same data with each sample in a row."""
    x_train, x_test = (x.reshape(len(x), -1) for x in (dataset.x_train, dataset.x_test))
    return replace(dataset, x_train=x_train, x_test=x_test)


def form_of(run: "RunFolder", config: "RunConfig") -> "TableForm | PictureForm | None":
    """How the data of a run became numbers; `None` for IDX files.

    Errors: `FileFormatError` if the settings do not say it as they should.
    """
    from clearprop.datasets.pictures import PictureForm
    from clearprop.datasets.table_form import TableForm

    if config.form is None:
        return None
    try:
        kind = PictureForm if config.form.get("kind") == "pictures" else TableForm
        form = kind.from_dict(config.form)
        ends = form.width, len(form.classes) or 1
        if form.task != config.task or ends != (config.sizes[0], config.sizes[-1]):
            raise ConfigError('"form", "task" and "sizes" do not fit each other')
    except ConfigError as error:
        raise FileFormatError(f"{run.config_path}: {error}") from None
    return form


def scale_of(dataset: "Dataset") -> float | None:
    """What the numbers of a data set are multiplied by: bytes of pixels are, tables are not."""
    return SCALE if dataset.x_train.dtype == np.uint8 else None
