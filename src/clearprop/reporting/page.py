"""The page: its parts in order, its style, one file."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from clearprop.files import atomic_write
from clearprop.networks import Network
from clearprop.reporting.answers import confusion_matrix, frequent_mistakes, worst_mistakes
from clearprop.reporting.at_work import filters, one_image
from clearprop.reporting.charts import chart
from clearprop.reporting.curves import scored, signal_charts, training_panels, verdicts
from clearprop.reporting.evidence import Evidence, ask, check_same_data
from clearprop.reporting.inside import first_weights, layers_table, network_graph, settings
from clearprop.reporting.markup import Markup, element
from clearprop.reporting.regression import importance, residual_charts, short
from clearprop.reporting.style import STYLE
from clearprop.speech import say, speaking, spoken
from clearprop.training.history import History, score_text
from clearprop.training.run_folder import RunFolder
from clearprop.training.signals import SignalMoment
from clearprop.training.verdict import verdict

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The browser itself keeps the page from fetching or running anything."""
HTML = {"en": "en", "zh": "zh-Hans", "ja": "ja"}
"""What a page calls its language."""


def write_report(
    run: RunFolder,
    x_test: Any,
    t_test: Any,
    scale: float | None = None,
    form: Any = None,
    language: str | None = None,
) -> None:
    """Write the report of a run to `report.html` in its folder, atomically.

    The test data are those that the run was tested on; with `scale`, integers among them are
    multiplied by it, as in `Trainer`. `form` gives classes and columns their names. The page is one
    file that needs nothing else, on or off line. It speaks `language`, "en", "zh" or "ja"; by
    default that which is spoken here (see `clearprop.speech`).

    Errors: those of `report_page`; `OutputError` if the file cannot be written.
    """
    atomic_write(run.report_path, report_page(run, x_test, t_test, scale, form, language).encode())


def report_page(
    run: RunFolder,
    x_test: Any,
    t_test: Any,
    scale: float | None = None,
    form: Any = None,
    language: str | None = None,
) -> str:
    """Make the report of a run as a page of HTML.

    Errors: `FileNotFoundError` and `FileFormatError` for a folder that is not that of a run, or
    whose files are damaged; `ShapeError`, `LabelError` and `DataError` for test data that do not
    fit the network, and `DataError` for such as are not those of the run; `NonFiniteError` for
    weights that are not finite. A training that ran away is marked.
    """
    with speaking(language or spoken()):
        return _page(run, x_test, t_test, scale, form)


def _page(run: RunFolder, x_test: Any, t_test: Any, scale: float | None, form: Any) -> str:
    config = run.read_config()
    history = run.read_history()
    moments = run.read_signals()
    network = run.load_network()
    trouble = verdict(run, network, history)
    evidence = ask(network, x_test, t_test, scale, form)
    check_same_data(evidence, history, run.read_iteration())
    name = run.path.resolve().name
    body = [
        _header(name, network, history, evidence),
        *(
            []
            if trouble is None
            else [element("p", element("strong", say("Beware: {trouble}.", trouble=trouble)))]
        ),
        _section(say("Training"), _in_grid(chart(**panel) for panel in training_panels(history))),
        *_signals(moments, history.axis[1]),
        *_answers(network, evidence),
        _section(
            say("The network"), layers_table(network, evidence), *network_graph(network, evidence)
        ),
        _section(say("Settings"), settings(config)),
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{say('Run {name}', name=name)} · clearprop"),
        element("style", Markup(STYLE)),
    )
    page = element("html", head, element("body", element("main", *body)), lang=HTML[spoken()])
    return f"<!DOCTYPE html>\n{page}\n"


def _answers(network: Network, evidence: Evidence) -> Iterator[Markup]:
    title = say("Answers on the test data")
    if evidence.score_name == "accuracy":
        yield _section(title, confusion_matrix(evidence), frequent_mistakes(evidence))
    else:
        yield _section(title, _in_grid(residual_charts(evidence)))
    if evidence.inputs:
        yield _section(say("What the answers depend on"), *importance(network, evidence))
    else:
        yield _section(say("The worst mistakes"), *worst_mistakes(evidence))
        if any(np.ndim(W) == 4 for W in network.params.values()):
            yield _section(say("What the filters look for"), *(s.figure for s in filters(network)))
            x = evidence.samples.batch(slice(0, 1))[0]
            sheets = (s.figure for s in one_image(network, x))
            yield _section(say("What each layer makes of the first test image"), *sheets)
        else:
            yield _section(say("What the first layer looks for"), first_weights(network, evidence))


def _header(run: str, network: Network, history: History, evidence: Evidence) -> Markup:
    sizes = sum(int(np.size(p)) for p in network.params.values())
    last = history.last_evaluation
    name = evidence.score_name
    if name == "accuracy":
        counts = {"n": f"{len(evidence.worst):,}", "of": f"{len(evidence.right):,}"}
        off = say("mistakes"), say("{n} of {of}", **counts)
    else:
        right, said = evidence.in_unit
        off = (
            say("mean absolute error, {of}", of=evidence.target),
            short(np.abs(said - right).mean()),
        )
    shown = {"test": evidence.score}
    if last is not None:
        held = {} if history.held_out == "test" else {history.held_out: last.test_score}
        shown |= {**held, "training": last.train_score}
    figures = [
        *(
            (scored(data, name), score_text(name, s).removeprefix("R² "))
            for data, s in shown.items()
        ),
        off,
        (say("iterations"), f"{len(history):,}"),
        (say("parameters"), f"{sizes:,}"),
    ]
    cells = [element("div", element("dt", term), element("dd", value)) for term, value in figures]
    return element(
        "header",
        element("h1", say("Run {name}", name=run)),
        element("dl", *cells, class_="figures"),
    )


def _section(title: str, *parts: Markup | None) -> Markup:
    return element("section", element("h2", title), *parts)


def _in_grid(figures: Iterable[Markup]) -> Markup:
    return element("div", *figures, class_="grid-of-charts")


def _signals(moments: list[SignalMoment], unit: str) -> list[Markup]:
    if not moments or not moments[0].layers:
        return []
    told = [element("p", text) for text in verdicts(moments)]
    about = element(
        "p",
        say(
            "What the layers give forward, and the derivative of the loss by it that comes back, "
            "for the same few training samples each time. Derivatives that become smaller and "
            "smaller from layer to layer vanish; those that grow explode."
        ),
        class_="faint",
    )
    charts = list(signal_charts(moments, unit))
    together, single = charts[:2], charts[2:]
    details = element(
        "details",
        element("summary", say("The distributions in each layer")),
        _in_grid(single),
        open="open" if len(single) <= 8 else None,
    )
    return [_section(say("Inside, over time"), about, *told, _in_grid(together), details)]
