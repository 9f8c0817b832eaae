"""A training from the command line: in a run folder, and what is said of it."""

import itertools
import math
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.cli.complaints import complain
from clearprop.cli.own_data import scale_of
from clearprop.errors import ClearpropError, ConfigError, NonFiniteError, OutputError
from clearprop.files import shown, told
from clearprop.speech import say

if TYPE_CHECKING:
    from clearprop.datasets import Dataset
    from clearprop.training import RunConfig, RunFolder, Trainer
    from clearprop.training.run_config import Make


def run_training(
    config: "RunConfig",
    dataset: "Dataset",
    run: "RunFolder | None",
    epochs: int | None,
    iterations: int | None,
    *,
    make: "Make | None" = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool,
) -> int:
    """Train, in the folder of `run` or in the next free one; `make` makes one's own network."""
    from clearprop.training import rich_progress

    longer = resume and (epochs, iterations) != (None, None)
    if epochs is not None:
        iterations = epochs * steps_in_epoch(config, dataset)
    config = replace(config, iterations=iterations or config.iterations)
    trainer = trainer_of(config, dataset, make, rich_progress(quiet=quiet))
    if not trainer.is_first:
        return _join_in(trainer, run if resume else None, config, longer)
    # Nothing is written before everything that was asked for is known to be right.
    with free_folder(Path("runs"), make) if run is None else run.lock() as run:
        if resume:
            go_on(trainer, run, config)
            if not longer and trainer.best.since(trainer.history) >= (config.patience or math.inf):
                complain(
                    f"{run.path} was stopped by its --patience; --epochs or --iterations lets it "
                    "go on"
                )
        else:
            run.create(config, overwrite=overwrite)
        keep_in(run, trainer)
        return _train(trainer, run, config, dataset, quiet, longer)


def steps_in_epoch(config: "RunConfig", dataset: "Dataset") -> int:
    """How many steps go once through the training data, without those that are held out."""
    rows = len(dataset.x_train)
    return -(-(rows - round((config.validation or 0) * rows)) // config.batch)


def trainer_of(
    config: "RunConfig", dataset: "Dataset", make: "Make | None", on_progress: Any = False
) -> "Trainer":
    """What trains the network of a run on its data; it keeps nothing in files."""
    from clearprop.training import Trainer

    rng = np.random.default_rng(config.seed)
    network = config.network(rng, make)
    if network.score_name is None:  # of which reports, tables and searches are made
        name = getattr(make, "__qualname__", make)
        raise ConfigError(
            f"{name}: its loss gives no score, and a run tells how well answers did; give the "
            "network a loss layer, which may stand beside a loss of its own: "
            "super().__init__(loss=MeanSquaredError())"
        )
    config.check()
    trainer = Trainer(
        network,
        dataset.x_train,
        dataset.t_train,
        *((dataset.x_test, dataset.t_test) if config.validation is None else ()),
        validation=config.validation,
        batch_size=config.batch,
        optimizer=config.make_optimizer(),
        scale=scale_of(dataset),
        compile=config.compile,
        engine=config.engine,
        devices=config.devices,
        rng=rng,
        on_progress=on_progress,
        checkpoint_seconds=config.save_every,
        patience=config.patience,
    )
    if trainer.history.score_name is None:
        raise ConfigError(
            f"{type(network).__name__} gives no score, and a run tells how well answers did; let "
            "forward give a row of numbers for each sample"
        )
    return trainer


def _join_in(trainer: "Trainer", run: "RunFolder | None", config: "RunConfig", longer: bool) -> int:
    """Train together with the first of several processes, which alone leaves a run."""
    if run is not None and run.weights_path.exists():
        trainer.resume(run.weights_path)
    _steps(trainer, config, longer)
    return 130 if trainer.interrupted else 0


def _steps(trainer: "Trainer", config: "RunConfig", longer: bool) -> None:
    """Train to the end; a run that is made `longer` is patient anew."""
    done = len(trainer.history) if longer else 0
    if 0 < done < config.iterations:
        trainer.train(iterations=config.iterations - done)
    else:
        trainer.train(iterations=config.iterations, in_all=True)


def keep_in(run: "RunFolder", trainer: "Trainer") -> None:
    """Let a training write to the files of a run."""
    trainer.history_path, trainer.signals_path = run.history_path, run.signals_path
    trainer.checkpoint_path, trainer.best_path = run.weights_path, run.best_path


def go_on(trainer: "Trainer", run: "RunFolder", config: "RunConfig") -> None:
    """Take up a run where it was left; one that was killed at once begins anew."""
    from clearprop import __version__
    from clearprop.training.weights import read_arrays

    if config.version != __version__:
        complain(
            f"{run.path} was begun by version {config.version}, and this is "
            f"{__version__}; the last digits may differ"
        )
    if run.weights_path.exists():
        if "training" not in read_arrays(run.weights_path)[1]:
            raise ConfigError(
                f"{run.path} was imported and has no history, so no training can go on with it"
            )
        done = len(trainer.resume(run.weights_path))
        if done > config.iterations:
            raise ConfigError(
                f"{run.path} has {done:,} iterations already, which --epochs and --iterations "
                f"count too, and {config.iterations:,} were asked for"
            )
        _tell_of_rate(run.read_config(), config, done)
    run.change(config)


def _tell_of_rate(before: "RunConfig", config: "RunConfig", done: int) -> None:
    """A schedule spans the whole run: say where a run of another length goes on in it."""
    from clearprop.training.optimizers.settings import setting
    from clearprop.training.run_config import SCHEDULES

    if config.schedule == "constant" or config.iterations == before.iterations:
        return
    last, now = (
        setting("lr", SCHEDULES[config.schedule](config.rate, steps), step)
        for steps, step in ((before.iterations, max(done, 1)), (config.iterations, done + 1))
    )
    complain(
        f"--schedule {config.schedule} spans the whole run, now "
        f"{config.iterations:,} steps in place of {before.iterations:,}: the rate goes on from "
        f"{now:.3g}, after {last:.3g}"
    )


def _train(
    trainer: "Trainer",
    run: "RunFolder",
    config: "RunConfig",
    dataset: "Dataset",
    quiet: bool,
    longer: bool,
) -> int:
    from clearprop.reporting import draw_curves, write_report

    failure = None
    try:
        _steps(trainer, config, longer)
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
        _print_result(run, config, trainer, dataset)
    return 130 if trainer.interrupted else 0


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say why a file is missing, rather than fail."""
    try:
        yield
    except ClearpropError as error:
        complain(f"{path.name} was not made: {error}")


def _print_result(
    run: "RunFolder", config: "RunConfig", trainer: "Trainer", dataset: "Dataset"
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from clearprop.reporting.curves import scored
    from clearprop.reporting.evidence import ask
    from clearprop.training.history import score_text

    history = trainer.history
    done, asked = len(history), config.iterations
    stopped = "" if done == asked else say(", stopped at {n}", n=f"{done:,}")
    parameters = sum(array.size for array in trainer.network.params.values())
    table = Table(box=SIMPLE_HEAD, show_header=False)
    table.add_row(say("network"), _network(config))
    table.add_row(say("parameters"), f"{parameters:,}")
    table.add_row(say("iterations"), f"{asked:,}{stopped}")
    table.add_row(say("time"), say("{s} s", s=f"{history.seconds:.1f}"))
    scores = {"training": history.train_score, history.held_out: history.test_score}
    if config.validation is not None:
        last = ask(run.load_network(), dataset.x_test, dataset.t_test, scale_of(dataset)).score
        scores["test"] = np.array([last])
    for data, course in scores.items():
        score = score_text(history.score_name, course[-1]) if course.size else say("not evaluated")
        name = history.score_name or ""
        table.add_row(scored(data, name), f"[bold]{score.removeprefix(name).strip()}[/]")
    if config.patience is not None and (best := trainer.best).iteration is not None:
        epoch = best.iteration // trainer.iterations_per_epoch
        score = score_text(history.score_name, best.score)
        taken = say("{score} after epoch {n}, which predict takes", score=score, n=epoch)
        table.add_row(say("best"), taken)
    console = Console()
    console.print(table)
    again = " --network FILE.py:FUNCTION" if config.kind == "own" else ""
    if trainer.interrupted:
        go_on = f"{_command()} train --resume {run.path}{again}"
        console.print(say("Stopped early; what was learned until then is kept."))
        console.print(say("Go on: {command}", command=escape(shown(go_on))), soft_wrap=True)
    folder = f"[bold]{escape(shown(run.path))}[/]"
    console.print(say("Weights, history, settings and curves are in {folder}.", folder=folder))
    if run.report_path.exists():
        page = escape(shown(run.report_path))
        console.print(say("Look at it: {page}", page=page), soft_wrap=True)
    new = "NEW.csv" if config.form and config.form["kind"] == "table" else "PICTURE.png"
    command = f"{_command()} predict {run.path} {new}{again}"
    console.print(say("Try it: {command}", command=escape(shown(command))), soft_wrap=True)


def _network(config: "RunConfig") -> str:
    sizes = "-".join(map(str, config.sizes))
    if config.kind == "own":
        return say("of your own, {sizes}", sizes=sizes)
    kind = "" if config.kind == "two-layer" else f"{config.kind}, "
    return f"{kind}{sizes}, {config.activation}"


def _command() -> str:
    """How clearprop was called, so that the next command can be called the same way."""
    called = Path(sys.argv[0])
    if called.stem != "clearprop":
        return "python -m clearprop"
    return "clearprop" if shutil.which("clearprop") == str(called) else str(called)


@contextmanager
def free_folder(root: Path, make: "Make | None" = None) -> Iterator["RunFolder"]:
    """Lock the first of `root/1`, `root/2`, … that is missing or empty, whoever else wants it."""
    from clearprop.training import RunFolder

    with told(f"no folder can be made in {root}", "choose one that you may write to with --folder"):
        root.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        run = RunFolder(root / str(number), make)
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
