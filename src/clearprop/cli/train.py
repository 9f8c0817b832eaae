"""`clearprop train`: train a network, and leave a run folder."""

import itertools
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from cyclopts import Parameter
from cyclopts.validators import Number

from clearprop.cli.options import count_option, flag_option, seed_option
from clearprop.cli.own_data import read_again, read_anew, scale_of
from clearprop.errors import ClearpropError, ConfigError, DataError, NonFiniteError, OutputError
from clearprop.files import shown, told

if TYPE_CHECKING:
    from clearprop.datasets import Dataset
    from clearprop.training import RunConfig, RunFolder, Trainer


def train(
    data: Annotated[
        Path | None,
        Parameter(
            help="What to learn from: a table (.csv, .tsv, .npy, .npz, .parquet), a folder with a "
            "subfolder of pictures for each class, or one with four IDX files, named as those of "
            "MNIST (train-images-idx3-ubyte and so on, .gz or not). [default: MNIST]"
        ),
    ] = None,
    *,
    target: Annotated[str | None, Parameter(help="The column of a table to be learned.")] = None,
    task: Annotated[
        str | None,
        Parameter(
            help="What the target is: regression (numbers) or classification. [default: found "
            "from the column]"
        ),
    ] = None,
    missing: Annotated[
        str | None,
        Parameter(
            help="What to do with missing values: refuse them, take the mean of numbers (and none "
            "of the categories), or drop the rows. [default: refuse]"
        ),
    ] = None,
    category: Annotated[
        tuple[str, ...] | None,
        Parameter(help="Columns of numbers that are categories.", consume_multiple=1, negative=""),
    ] = None,
    ignore: Annotated[
        tuple[str, ...] | None,
        Parameter(help="Columns to leave out.", consume_multiple=1, negative=""),
    ] = None,
    test: Annotated[
        float | None,
        Parameter(help="Share of the rows that is held out for testing. [default: 0.2]"),
    ] = None,
    side: Annotated[
        int | None,
        count_option("Pixels to which height and width of pictures are scaled. [default: 28]"),
    ] = None,
    hidden: Annotated[
        tuple[int, ...] | None,
        count_option(
            "Neurons in the hidden layers, the first layer first: `--hidden 100 50`. [default: 50]",
            consume_multiple=1,
            negative="",
        ),
    ] = None,
    activation: Annotated[
        str | None,
        Parameter(help="What follows each hidden layer: relu or sigmoid. [default: relu]"),
    ] = None,
    init: Annotated[
        float | str | None,
        Parameter(
            help="Spread of the first random weights: he (suits relu), xavier (suits sigmoid), or "
            "a standard deviation such as 0.01. [default: he]"
        ),
    ] = None,
    batch: Annotated[
        int | None,
        count_option("Images or rows in each step. [default: 100, and a tenth of small data]"),
    ] = None,
    rate: Annotated[
        float | None,
        Parameter(help="Learning rate: how far each step goes. [default: 0.1; adam: 0.001]"),
    ] = None,
    optimizer: Annotated[
        str | None,
        Parameter(help="sgd or adam. [default: sgd; own tables and pictures: adam]"),
    ] = None,
    epochs: Annotated[
        int | None, count_option("Train for so many passes through the data.")
    ] = None,
    iterations: Annotated[
        int | None,
        count_option(
            "Train for so many steps. [default: 10000; own tables and pictures, 100 epochs at most]"
        ),
    ] = None,
    patience: Annotated[
        int | None,
        count_option("Stop when so many epochs in a row were no better on the test images."),
    ] = None,
    seed: Annotated[
        int | None,
        seed_option(
            "Draws first weights and batches; the same seed gives the same run. [default: 0]"
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        Parameter(help="Where to leave the run. [default: the next free of runs/1, runs/2, …]"),
    ] = None,
    overwrite: Annotated[
        bool, flag_option("Let the run take the place of an earlier one in that folder.")
    ] = False,
    resume: Annotated[
        Path | None,
        Parameter(
            help="Go on with a run that was stopped or killed, by its folder. With `--epochs` or "
            "`--iterations`, which count what was done before, it can be made longer."
        ),
    ] = None,
    save_every: Annotated[
        float | None,
        Parameter(
            help="Seconds that a killed run can lose at most. [default: 30]", validator=Number(gt=0)
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
    """Train a network on handwritten digits, or on a table or pictures of your own.

    Without options this is the classic first network: 784 pixels in, 50 hidden neurons, 10 digits
    out; 10,000 steps with 100 images each. It learns to read about 97 of 100 digits it has never
    seen. Some other things to try:

        clearprop train --hidden 100 50 --epochs 20
        clearprop train --activation sigmoid --init xavier --rate 0.5
        clearprop train --seed 1 --folder runs/second-try
        clearprop train --resume runs/1 --epochs 30
        clearprop train houses.csv --target price
        clearprop train animals/            (animals/cat/1.jpg, animals/dog/1.jpg, …)

    The run folder holds `weights.safetensors` (what was learned, and all that is needed to go on),
    `best.safetensors` (what was learned when the test accuracy was highest), `config.json` (all
    settings), `history.jsonl` (loss of each step, accuracies of each epoch), `signals.jsonl`
    (activations and derivatives of the layers over time), and at the end `curves.png` and
    `report.html`, a page that shows it all. Ctrl-C stops early; whatever ends a run, what was
    learned is kept (a kill loses the last seconds, see `--save-every`), and `--resume` goes on to
    the same weights as if it had not been stopped. How a table became numbers is kept, too, and
    `clearprop predict RUN new.csv` does the same.
    """
    from clearprop.datasets.formed import Formed
    from clearprop.training import RunConfig, RunFolder

    settings = {
        "activation": activation,
        "init": init,
        "batch": batch,
        "rate": rate,
        "optimizer": optimizer,
        "patience": patience,
        "seed": seed,
        "save_every": save_every,
    }
    settings = {name: value for name, value in settings.items() if value is not None}
    form = {
        "target": target,
        "task": task,
        "missing": missing,
        "categories": category,
        "ignore": ignore,
        "test": test,
        "side": side,
    }
    form = {name: value for name, value in form.items() if value is not None}
    if epochs is not None and iterations is not None:
        raise ConfigError("--epochs and --iterations both say how long to train; give one of them")
    if resume is not None:
        others = {"hidden": hidden, "folder": folder}
        others |= {"overwrite": overwrite or None, "no_compile": no_compile or None}
        given = [*settings, *form, *(name for name, value in others.items() if value is not None)]
        if given:
            option = f"--{given[0].replace('_', '-')}"
            raise ConfigError(
                f"--resume goes on with the settings of the run, so {option} cannot be given; "
                "--epochs and --iterations can"
            )
        run = RunFolder(resume)
        config = run.read_config()
        dataset = read_again(run, config, data)
        return _run(config, dataset, run, epochs, iterations, resume=True, quiet=quiet)
    dataset = read_anew(data, {**form, "seed": seed or 0})
    settings["data"] = None if data is None else str(data.resolve())
    if isinstance(dataset, Formed):
        sizes = dataset.sizes(*(hidden or (50,)))
        small = {"batch": min(100, max(1, len(dataset.x_train) // 10)), "optimizer": "adam"}
        settings = {**small, **settings}
        settings |= {"task": dataset.task, "form": dataset.form.to_dict()}
        if not quiet:
            print(dataset)
        if epochs is iterations is None:
            each = -(-len(dataset.x_train) // settings["batch"])
            iterations = min(10_000, 100 * each)
    else:
        sizes = (dataset.x_train.shape[1], *(hidden or (50,)), _classes(dataset))
    if settings.setdefault("optimizer", "sgd") == "adam":
        settings.setdefault("rate", 0.001)
    elif settings["optimizer"] != "sgd":
        raise ConfigError(f"--optimizer is sgd or adam, not {optimizer!r}")
    config = RunConfig(sizes=sizes, compile=not no_compile, **settings)
    run = None if folder is None else RunFolder(folder)
    return _run(config, dataset, run, epochs, iterations, overwrite=overwrite, quiet=quiet)


def _run(
    config: "RunConfig",
    dataset: "Dataset",
    run: "RunFolder | None",
    epochs: int | None,
    iterations: int | None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool,
) -> int:
    """Train, in the folder of `run` or in the next free one."""
    from clearprop.training import Trainer, rich_progress

    rng = np.random.default_rng(config.seed)
    trainer = Trainer(
        config.network(rng),
        dataset.x_train,
        dataset.t_train,
        dataset.x_test,
        dataset.t_test,
        batch_size=config.batch,
        optimizer=config.make_optimizer(),
        scale=scale_of(dataset),
        compile=config.compile,
        rng=rng,
        on_progress=rich_progress(quiet=quiet),
        checkpoint_seconds=config.save_every,
        patience=config.patience,
    )
    if epochs is not None:
        iterations = epochs * trainer.iterations_per_epoch
    config = replace(config, iterations=iterations or config.iterations)
    # Nothing is written before everything that was asked for is known to be right.
    with free_folder(Path("runs")) if run is None else run.lock() as run:
        if resume:
            _go_on(trainer, run, config)
        else:
            run.create(config, overwrite=overwrite)
        trainer.history_path, trainer.signals_path = run.history_path, run.signals_path
        trainer.checkpoint_path, trainer.best_path = run.weights_path, run.best_path
        return _train(trainer, run, config, dataset, quiet)


def _go_on(trainer: "Trainer", run: "RunFolder", config: "RunConfig") -> None:
    """Take up a run where it was left; one that was killed at once begins anew."""
    from clearprop import __version__

    if config.version != __version__:
        print(
            f"clearprop: {run.path} was begun by version {config.version}, and this is "
            f"{__version__}; the last digits may differ",
            file=sys.stderr,
        )
    if run.weights_path.exists():
        done = len(trainer.resume(run.weights_path))
        if done > config.iterations:
            raise ConfigError(
                f"{run.path} has {done:,} iterations already, which --epochs and --iterations "
                f"count too, and {config.iterations:,} were asked for"
            )
    run.change(config)


def _train(
    trainer: "Trainer", run: "RunFolder", config: "RunConfig", dataset: "Dataset", quiet: bool
) -> int:
    from clearprop.reporting import draw_curves, write_report

    failure = None
    try:
        trainer.train(iterations=config.iterations, in_all=True)
    except NonFiniteError as error:
        failure = f"{error}. The weights of before it are kept in {run.weights_path}"
    # What was learned is safe; pictures of it can be made later.
    history = trainer.history
    with _told(run.curves_path):
        draw_curves(history, run.curves_path)
    if failure:
        raise NonFiniteError(failure)
    with _told(run.report_path):
        form = getattr(dataset, "form", None)
        write_report(run, dataset.x_test, dataset.t_test, scale_of(dataset), form)
    if quiet:
        print(shown(run.path))
    else:
        _print_result(run, config, trainer)
    return 130 if trainer.interrupted else 0


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say why a file is missing, rather than fail."""
    try:
        yield
    except ClearpropError as error:
        print(f"clearprop: no {path.name}: {shown(error)}", file=sys.stderr)


def _classes(dataset: "Dataset") -> int:
    """How many scores the network must give: class numbers go from 0 to the largest label."""
    classes = int(max(dataset.t_train.max(initial=0), dataset.t_test.max(initial=0))) + 1
    if classes < 2:
        raise DataError("all labels are 0, so there is one class only; give two classes at least")
    return classes


def _print_result(run: "RunFolder", config: "RunConfig", trainer: "Trainer") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from clearprop.training.history import score_text

    history = trainer.history
    done, asked = len(history), config.iterations
    stopped = "" if done == asked else f", stopped at {done:,}"
    parameters = sum(array.size for array in trainer.network.params.values())
    table = Table(box=SIMPLE_HEAD, show_header=False)
    table.add_row("network", f"{'-'.join(map(str, config.sizes))}, {config.activation}")
    table.add_row("parameters", f"{parameters:,}")
    table.add_row("iterations", f"{asked:,}{stopped}")
    table.add_row("time", f"{history.seconds:.1f} s")
    for data, scores in ("training", history.train_score), ("test", history.test_score):
        score = score_text(history.score_name, scores[-1]) if scores.size else "not evaluated"
        name = history.score_name or ""
        table.add_row(f"{data} {name}", f"[bold]{score.removeprefix(name).strip()}[/]")
    if config.patience is not None and (best := trainer.best).iteration is not None:
        epoch = best.iteration // trainer.iterations_per_epoch
        score = score_text(history.score_name, best.score)
        table.add_row("best", f"{score} after epoch {epoch}, which predict takes")
    console = Console()
    console.print(table)
    if trainer.interrupted:
        go_on = f"{_command()} train --resume {run.path}"
        console.print("Stopped early; what was learned until then is kept.")
        console.print(f"Go on: {escape(shown(go_on))}", soft_wrap=True)
    console.print(
        f"Weights, history, settings and curves are in [bold]{escape(shown(run.path))}[/]."
    )
    if run.report_path.exists():
        console.print(f"Look at it: {escape(shown(run.report_path))}", soft_wrap=True)
    new = "NEW.csv" if config.form and config.form["kind"] == "table" else "PICTURE.png"
    command = f"{_command()} predict {run.path} {new}"
    console.print(f"Try it: {escape(shown(command))}", soft_wrap=True)


def _command() -> str:
    """How clearprop was called, so that the next command can be called the same way."""
    called = Path(sys.argv[0])
    if called.stem != "clearprop":
        return "python -m clearprop"
    return "clearprop" if shutil.which("clearprop") == str(called) else str(called)


@contextmanager
def free_folder(root: Path) -> Iterator["RunFolder"]:
    """Lock the first of `root/1`, `root/2`, … that is missing or empty, whoever else wants it."""
    from clearprop.training import RunFolder

    with told(f"no folder can be made in {root}", "choose one that you may write to with --folder"):
        root.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        run = RunFolder(root / str(number))
        if run.path.exists() and not (run.path.is_dir() and not any(run.path.iterdir())):
            continue
        with ExitStack() as stack:
            try:
                stack.enter_context(run.lock())
            except OutputError:
                if not run.path.is_dir():
                    raise
                continue  # another run was quicker
            if not any(run.path.iterdir()):
                yield run
                return
