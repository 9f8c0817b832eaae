"""`clearprop search`: a random search for good settings."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from clearprop.cli.form_options import FormOptions
from clearprop.cli.networks import as_taken, kind_of, own_network
from clearprop.cli.options import count_option, flag_option, seed_option, whole
from clearprop.cli.own_data import read_anew
from clearprop.cli.running import go_on, keep_in, steps_in_epoch, trainer_of
from clearprop.cli.settings import settings_of
from clearprop.errors import ConfigError, FileFormatError, NonFiniteError
from clearprop.files import atomic_write, read_bytes, shown, told
from clearprop.speech import say

if TYPE_CHECKING:
    from clearprop.datasets import Dataset
    from clearprop.training.run_config import Make

BEST = 20
"""So many trials are in the table."""
Range = tuple[float, float]
Names = Annotated[
    tuple[str, ...],
    Parameter(help="One of these is drawn.", consume_multiple=1, negative=""),
]


def search(
    data: Annotated[Path | None, Parameter(help="What to learn from, as for `train`.")] = None,
    *,
    form: FormOptions | None = None,
    network: Annotated[str | None, Parameter(help="As for `train`. [default: two-layer]")] = None,
    rate: Annotated[
        Range | None,
        Parameter(
            help="The learning rate is drawn between these, evenly by its logarithm.", negative=""
        ),
    ] = None,
    weight_decay: Annotated[
        Range | None, Parameter(help="Weight decay likewise.", negative="")
    ] = None,
    dropout: Annotated[Range | None, Parameter(help="Dropout, evenly.", negative="")] = None,
    hidden: Annotated[
        tuple[int, int] | None,
        Parameter(
            help="Neurons of the hidden layer, by the logarithm.", converter=whole, negative=""
        ),
    ] = None,
    optimizer: Names | None = None,
    activation: Names | None = None,
    schedule: Names | None = None,
    trials: Annotated[int, count_option("How many settings are tried.")] = 20,
    epochs: Annotated[int, count_option("Passes through the data in each trial.")] = 3,
    batch: Annotated[int | None, count_option("As for `train`.")] = None,
    validation: Annotated[
        float, Parameter(help="Share of the training data that the trials are compared by.")
    ] = 0.1,
    seed: Annotated[int, seed_option("Draws the settings, and the weights of each trial.")] = 0,
    folder: Annotated[
        Path, Parameter(help="Where the search is kept; the same command goes on with it.")
    ] = Path("search"),
    quiet: Annotated[bool, flag_option("Print the table alone.", alias="-q")] = False,
) -> int:
    """Try settings that are drawn at random, and show which did best on held-out data.

    For example:

        clearprop search --rate 0.001 1
        clearprop search --rate 0.01 1 --weight-decay 1e-8 1e-3 --folder decay
        clearprop search --network conv --rate 1e-4 1e-2 --dropout 0 0.6 --trials 2 --folder conv

    Each trial is a run of its own in the folder: `clearprop report search/7` shows the seventh.
    The search can be stopped at any time, and the same command goes on where it was; with more
    `--trials` it is made longer. A training that runs away has no score, and stands last.
    """
    ranges = {"rate": rate, "weight_decay": weight_decay, "dropout": dropout, "hidden": hidden}
    choices = {"optimizer": optimizer, "activation": activation, "schedule": schedule}
    space: dict[str, Any] = {k: v for k, v in (ranges | choices).items() if v is not None}
    if not space:
        raise ConfigError("give at least one setting to search, such as --rate 0.001 1")
    for name in space.keys() & ranges.keys():
        _check(name, *space[name])
    kind = kind_of(network)
    with own_network(network if kind == "own" else None) as make:
        formed = (form or FormOptions()).given()
        dataset = read_anew(data, {**formed, "seed": seed}, kind)
        if make is not None:
            dataset = as_taken(make(np.random.default_rng(0)), dataset)
        common = {"data": None if data is None else str(data.resolve()), "seed": seed}
        common |= {"validation": validation} | ({} if batch is None else {"batch": batch})
        about = {**common, **formed, "network": kind, "epochs": epochs, "space": space}
        plan = [draw(space, np.random.default_rng([seed, n + 1])) for n in range(trials)]
        settings = []  # of all, so that what is wrong is told before the first is tried
        for drawn in plan:
            given = {name: value for name, value in drawn.items() if name != "hidden"}
            size = (drawn["hidden"],) if "hidden" in drawn else ()
            settings.append(settings_of(kind, dataset, size, common | given))
        results = _begin(folder, about)
        for number, drawn in enumerate(plan, 1):
            if str(number) in results:
                continue
            score = _try(settings[number - 1], epochs, dataset, make, folder / str(number))
            if score is _STOPPED:
                break
            results[str(number)] = {**drawn, "score": score}
            _keep(folder, about, results)
            if not quiet:
                said = say("ran away") if score is None else f"{score:.4f}"
                told = say("{n} of {of}", n=number, of=trials)
                print(f"{told}: {said}  {_told(drawn)}", flush=True)
        else:
            _print_table(folder, results)
            return 0
    _print_table(folder, results)
    return 130


def draw(space: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Draw one value of each setting: from a range, or of some names.

    >>> draw({"rate": (0.01, 0.01), "optimizer": ("sgd",)}, np.random.default_rng(0))
    {'rate': 0.01, 'optimizer': 'sgd'}
    """
    found: dict[str, Any] = {}
    for name, values in space.items():
        if isinstance(values[0], str):
            found[name] = str(rng.choice(values))
            continue
        low, high = values
        if name == "dropout":
            value = rng.uniform(low, high)
        else:
            value = np.exp(rng.uniform(np.log(low), np.log(high)))
        found[name] = round(value) if name == "hidden" else float(f"{value:.4g}")
    return found


_STOPPED = object()


def _try(
    settings: dict[str, Any],
    epochs: int,
    dataset: "Dataset",
    make: "Make | None",
    path: Path,
) -> Any:
    """The score of one trial, `None` if it ran away, `_STOPPED` if it was stopped."""
    from clearprop.training import RunConfig, RunFolder

    config = RunConfig(**settings)
    config = replace(config, iterations=epochs * steps_in_epoch(config, dataset))
    trainer, run = trainer_of(config, dataset, make), RunFolder(path, make)
    with run.lock():
        if run.weights_path.exists():
            go_on(trainer, run, config)
        else:
            run.create(config, overwrite=True)
        keep_in(run, trainer)
        try:
            history = trainer.train(iterations=config.iterations, in_all=True)
        except NonFiniteError:
            return None
    return _STOPPED if trainer.interrupted else float(history.test_score[-1])


def _check(name: str, low: float, high: float) -> None:
    lowest = 0 if name == "dropout" else np.nextafter(0, 1)
    if not lowest <= low <= high < np.inf:
        option = f"--{name.replace('_', '-')}"
        raise ConfigError(
            f"{option} is a range from a smaller to a larger number"
            f"{'' if name == 'dropout' else ' above 0'}, such as {option} {_EXAMPLES[name]}; got "
            f"{low:g} {high:g}"
        )


_EXAMPLES = {
    "rate": "0.001 1", "weight_decay": "1e-8 1e-3", "dropout": "0 0.5", "hidden": "20 200",
}  # fmt: skip


def _begin(folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    """The results that are there of the same search. Errors: `ConfigError` for another one."""
    with told(f"the search folder {folder} cannot be made", "choose another with --folder"):
        folder.mkdir(parents=True, exist_ok=True)
    path, plain = folder / "search.json", json.loads(json.dumps(about))
    if not path.exists():
        _keep(folder, about, {})
        return {}
    try:
        kept = json.loads(read_bytes(path, "a search", "search"))
        results, differing = dict(kept["results"]), _differing(kept["about"], plain)
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{path} does not hold a search: {error}") from None
    if differing and not results and not any(folder.glob("*/weights.safetensors")):
        _keep(folder, about, {})  # it failed before anything was tried
    elif differing:
        raise ConfigError(
            f"{folder} holds another search, of {_told(differing)}; give the same options to go on "
            "with it, or another --folder"
        )
    return results


def _differing(kept: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """What a search that was kept had for the settings that are others now."""
    before, now = ({**about, **about["space"], "space": None} for about in (kept, asked))
    names = [n for n in {**before, **now} if before.get(n) != now.get(n)]
    unknown = {**dict.fromkeys(names, "not given"), "data": "MNIST"}
    return {n: unknown[n] if before.get(n) is None else before[n] for n in names}


def _keep(folder: Path, about: dict[str, Any], results: dict[str, Any]) -> None:
    text = json.dumps({"about": about, "results": results}, indent=1)
    atomic_write(folder / "search.json", f"{text}\n".encode())


def _told(drawn: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in drawn.items())


def _print_table(folder: Path, results: Mapping[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    names = [name for name in next(iter(results.values()), {}) if name != "score"]
    table = Table(say("run"), say("score"), *names, box=SIMPLE_HEAD)

    def rank(entry: tuple[str, Any]) -> float:
        score = entry[1]["score"]
        return -np.inf if score is None else score

    for number, result in sorted(results.items(), key=rank, reverse=True)[:BEST]:
        score = say("ran away") if result["score"] is None else f"{result['score']:.4f}"
        values = (shown(result[name]) for name in names)
        table.add_row(escape(shown(folder / number)), score, *map(escape, values))
    Console().print(table)
