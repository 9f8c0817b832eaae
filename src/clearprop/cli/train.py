"""`clearprop train`: train a network, and leave a run folder."""

import itertools
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from cyclopts import Parameter

from clearprop.cli.options import count_option, flag_option, seed_option
from clearprop.errors import ClearpropError, ConfigError, DataError, NonFiniteError, OutputError

if TYPE_CHECKING:
    from clearprop.datasets import Dataset
    from clearprop.networks import Network
    from clearprop.training import History, RunConfig, RunFolder

ITERATIONS = 10_000
"""The length of the chapter's run."""
SCALE = 1 / 255
"""What the bytes of pixels are multiplied by."""


def train(
    *,
    hidden: Annotated[
        tuple[int, ...],
        count_option(
            "Neurons in the hidden layers, the first layer first: `--hidden 100 50`. [default: 50]",
            consume_multiple=1,
            negative="",
            show_default=False,
        ),
    ] = (50,),
    activation: Annotated[
        str, Parameter(help="What follows each hidden layer: relu or sigmoid.")
    ] = "relu",
    init: Annotated[
        float | str,
        Parameter(
            help="Spread of the first random weights: he (suits relu), xavier (suits sigmoid), or "
            "a standard deviation such as 0.01."
        ),
    ] = "he",
    batch: Annotated[int, count_option("Images in each step.")] = 100,
    rate: Annotated[float, Parameter(help="Learning rate: how far each step goes.")] = 0.1,
    epochs: Annotated[
        int | None, count_option("Train for so many passes through the data.")
    ] = None,
    iterations: Annotated[
        int | None, count_option(f"Train for so many steps. [default: {ITERATIONS}]")
    ] = None,
    seed: Annotated[
        int, seed_option("Draws first weights and batches; the same seed gives the same run.")
    ] = 0,
    folder: Annotated[
        Path | None,
        Parameter(help="Where to leave the run. [default: the next free of runs/1, runs/2, …]"),
    ] = None,
    data: Annotated[
        Path | None,
        Parameter(
            help="Learn from images of your own: a folder with four IDX files, named as those of "
            "MNIST (train-images-idx3-ubyte and so on, .gz or not)."
        ),
    ] = None,
    no_compile: Annotated[
        bool,
        flag_option(
            "Run the layers as they are written, instead of the program compiled from them: "
            "slower, with the same result but for rounding."
        ),
    ] = False,
    quiet: Annotated[
        bool, flag_option("Print nothing but the folder of the run.", alias="-q")
    ] = False,
) -> int:
    """Train a network on handwritten digits, or on images of your own.

    Without options this is the classic first network: 784 pixels in, 50 hidden neurons, 10 digits
    out; 10,000 steps with 100 images each. It learns to read about 97 of 100 digits it has never
    seen. Some other things to try:

        clearprop train --hidden 100 50 --epochs 20
        clearprop train --activation sigmoid --init xavier --rate 0.5
        clearprop train --seed 1 --folder runs/second-try

    The run folder then holds `weights.safetensors` (what was learned), `config.json` (all
    settings), `history.jsonl` (loss of each step, accuracies of each epoch), `curves.png` (a
    picture of these), `signals.jsonl` (activations and derivatives of the layers over time) and
    `report.html`, a page that shows it all. Ctrl-C stops early and keeps what was learned.
    """
    from clearprop.reporting import draw_curves, write_report
    from clearprop.training import SGD, RunConfig, RunFolder, Trainer, rich_progress

    if epochs is not None and iterations is not None:
        raise ConfigError("--epochs and --iterations both say how long to train; give one of them")
    dataset = dataset_in(data)
    rng = np.random.default_rng(seed)
    config = RunConfig(
        sizes=(dataset.x_train.shape[1], *hidden, _classes(dataset)),
        activation=activation,
        init=init,
        batch=batch,
        rate=rate,
        seed=seed,
        compile=not no_compile,
        data=None if data is None else str(data.resolve()),
    )
    trainer = Trainer(
        config.network(rng),
        dataset.x_train,
        dataset.t_train,
        dataset.x_test,
        dataset.t_test,
        batch_size=batch,
        optimizer=SGD(lr=rate),
        scale=SCALE,
        compile=not no_compile,
        rng=rng,
        on_progress=rich_progress(quiet=quiet),
    )
    if epochs is not None:
        iterations = epochs * trainer.iterations_per_epoch
    config = replace(config, iterations=iterations or ITERATIONS)
    # Nothing is written before everything that was asked for is known to be right.
    run = RunFolder(next_folder(Path("runs")) if folder is None else folder)
    run.create(config)
    trainer.history_path, trainer.signals_path = run.history_path, run.signals_path
    failure = None
    try:
        trainer.train(iterations=config.iterations)
    except NonFiniteError as error:
        failure = f"{error}. The weights of before it are kept in {run.weights_path}"
    run.save(trainer.network)
    # What was learned is safe; pictures of it can be made later.
    history = trainer.history
    with _told(run.curves_path):
        draw_curves(history, run.curves_path)
    if failure:
        raise NonFiniteError(failure)
    with _told(run.report_path):
        write_report(run, dataset.x_test, dataset.t_test, SCALE)
    if quiet:
        print(run.path)
    else:
        _print_result(run, config, history, trainer.network)
    return 130 if trainer.interrupted else 0


def dataset_in(folder: Path | None) -> "Dataset":
    """Read a folder of IDX files, or MNIST where none is given.

    Pixels stay bytes until a batch is made of them: a quarter of the memory, and sooner gathered.
    """
    from clearprop.datasets import mnist_dataset
    from clearprop.datasets.folder import idx_dataset

    return mnist_dataset(np.uint8) if folder is None else idx_dataset(folder, np.uint8)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say why a file is missing, rather than fail."""
    try:
        yield
    except ClearpropError as error:
        print(f"clearprop: no {path.name}: {error}", file=sys.stderr)


def _classes(dataset: "Dataset") -> int:
    """How many scores the network must give: class numbers go from 0 to the largest label."""
    classes = int(max(dataset.t_train.max(initial=0), dataset.t_test.max(initial=0))) + 1
    if classes < 2:
        raise DataError("all labels are 0, so there is one class only; give two classes at least")
    return classes


def _print_result(
    run: "RunFolder", config: "RunConfig", history: "History", network: "Network"
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    done, asked = len(history), config.iterations
    stopped = "" if done == asked else f", stopped at {done:,}"
    parameters = sum(array.size for array in network.params.values())
    table = Table(box=SIMPLE_HEAD, show_header=False)
    table.add_row("network", f"{'-'.join(map(str, config.sizes))}, {config.activation}")
    table.add_row("parameters", f"{parameters:,}")
    table.add_row("iterations", f"{asked:,}{stopped}")
    table.add_row("time", f"{history.seconds:.1f} s")
    table.add_row("training accuracy", _last(history.train_accuracy))
    table.add_row("test accuracy", f"[bold]{_last(history.test_accuracy)}[/]")
    console = Console()
    console.print(table)
    if stopped:
        console.print("Stopped early; what was learned until then is kept.")
    console.print(f"Weights, history, settings and curves are in [bold]{escape(str(run.path))}[/].")
    if run.report_path.exists():
        console.print(f"Look at it: {escape(str(run.report_path))}", soft_wrap=True)
    command = f"{_command()} predict {run.path} PICTURE.png"
    console.print(f"Try it: {escape(command)}", soft_wrap=True)


def _last(accuracies: np.ndarray) -> str:
    """The last accuracy; a second Ctrl-C can come before the first evaluation is over."""
    return f"{accuracies[-1]:.2%}" if accuracies.size else "not evaluated"


def _command() -> str:
    """How clearprop was called, so that the next command can be called the same way."""
    called = Path(sys.argv[0])
    if called.stem != "clearprop":
        return "python -m clearprop"
    return "clearprop" if shutil.which("clearprop") == str(called) else str(called)


def next_folder(root: Path) -> Path:
    """Make the first of `root/1`, `root/2`, … that does not exist, also if two runs want it.

    Errors: `OutputError` if no folder can be made there.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            with suppress(FileExistsError):
                folder = root / str(number)
                folder.mkdir()
                return folder
    except OSError as error:
        raise OutputError(
            f"no folder can be made in {root}: {error.strerror or error}; "
            "choose one that you may write to with --folder"
        ) from error
    raise AssertionError("the numbers do not end")
