"""`clearprop compare`: what runs differ in, and what came of it."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from clearprop.cli.options import check_output
from clearprop.errors import ConfigError
from clearprop.files import shown
from clearprop.speech import say

if TYPE_CHECKING:
    from clearprop.training import History


def compare(
    runs: Annotated[list[Path], Parameter(help="Folders that `clearprop train` left.")],
    /,
    *,
    output: Annotated[
        Path | None, Parameter(help="Draw the curves of all runs into this PNG file.", alias="-o")
    ] = None,
) -> None:
    """Put runs side by side: the settings in which they differ, and their final figures.

    For example:

        clearprop compare runs/1 runs/2
        clearprop compare runs/* --output curves.png
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from clearprop.training import RunFolder

    names = [str(path) for path in runs]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise ConfigError(f"give two different runs at least to compare, not {' '.join(names)}")
    check_output(output, *runs, end=".png")
    folders = [RunFolder(path) for path in runs]
    settings = [_settings(asdict(folder.read_config())) for folder in folders]
    histories = [folder.read_history() for folder in folders]
    if output is not None:
        from clearprop.reporting import draw_comparison

        draw_comparison(dict(zip(names, histories, strict=True)), output)
    table = Table("", *(escape(shown(name)) for name in names), box=SIMPLE_HEAD)
    for key in settings[0]:
        values = [each[key] for each in settings]
        if len(set(values)) > 1:
            table.add_row(key, *(escape(shown(value)) for value in values))
    table.add_section()
    figures = [dict(_figures(history)) for history in histories]
    for key in dict.fromkeys(key for each in figures for key in each):
        table.add_row(key, *(each.get(key, "") for each in figures))
    Console().print(table)
    if output is not None:
        print(shown(output))


def _settings(config: dict[str, Any]) -> dict[str, str]:
    sizes = "-".join(map(str, config.pop("sizes")))
    form = config.pop("form") or {}
    read = {name: str(form.get(name, "")) for name in ("missing", "test", "side")}
    read["target"] = (form.get("target") or {}).get("name", "") if form else ""
    read["columns"] = ", ".join(c["name"] for c in form.get("columns", ()))
    return {"network": sizes, **read, **{key: str(value) for key, value in config.items()}}


def _figures(history: "History") -> Iterator[tuple[str, str]]:
    from clearprop.training.history import score_text

    name = history.score_name
    yield say("iterations done"), f"{len(history):,}"
    if len(history):
        yield say("loss (mean of 50)"), f"{history.recent_loss():.4f}"
    if history.last_evaluation is None:
        return
    scores = {"training": history.train_score, history.held_out: history.test_score}
    for data, score in scores.items():
        if np.isnan(score).all():
            continue
        where = say(_DATA[data])
        yield (
            say("{score} on {data}", score=say(name or ""), data=where),
            score_text(name, score[-1]),
        )
        best = int(np.nanargmax(score))
        at = f"{history.epoch[best]:g}"
        best_score = say("{score} (epoch {n})", score=score_text(name, score[best]), n=at)
        yield say("best on {data}", data=where), best_score
    if history.last_evaluation.test_loss == history.last_evaluation.test_loss:
        where = say(_DATA[history.held_out])
        loss = f"{history.last_evaluation.test_loss:.4f}"
        yield say("{score} on {data}", score=say("loss"), data=where), loss


_DATA = {"training": "training data", "test": "test data", "validation": "validation data"}
