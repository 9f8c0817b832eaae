import io
import math
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console
from small_problem import make_network, points

from clearprop.errors import NonFiniteError
from clearprop.training import SGD, Moment, Trainer, rich_progress
from clearprop.training.progress import _words


def moment(iteration, iterations=100, *, done=False, train=math.nan, test=math.nan):
    return Moment(iteration, iterations, iteration / 10, 2.5, 0.5, train, test, done)


def written(*, terminal=False, moments=()) -> str:
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=terminal, force_interactive=terminal, width=100, color_system=None
    )
    progress = rich_progress(console=console)
    for each in moments:
        progress(each)
    return file.getvalue()


def test_moments_of_a_training():
    x, t = points()
    moments: list[Moment] = []
    Trainer(
        make_network(), x, t, x, t, batch_size=40, rng=0, on_progress=moments.append
    ).train(iterations=4)  # fmt: skip
    assert [(m.iteration, m.iterations, m.done) for m in moments] == [
        (1, 4, False), (2, 4, False), (3, 4, False), (4, 4, False), (4, 4, True),
    ]  # fmt: skip
    assert [round(m.epoch, 3) for m in moments[:3]] == [0.333, 0.667, 1.0]
    assert math.isnan(moments[1].train_score)
    assert 0 <= moments[2].train_score == moments[2].test_score <= 1
    assert all(math.isfinite(m.loss) for m in moments)


def test_without_a_terminal_there_are_a_few_plain_lines():
    moments = [moment(i, 1000, train=0.5, test=0.25) for i in range(1, 1001)]
    lines = written(moments=[*moments, moment(1000, 1000, done=True)]).splitlines()
    assert [line.split(" · ")[0] for line in lines] == [
        f"iteration {n} of 1000" for n in range(100, 1001, 100)
    ]
    assert lines[0] == (
        "iteration 100 of 1000 · epoch 10.0 · loss 0.5000 · training 50.0% · test 25.0% · "
        "under 1 s left"
    )
    assert lines[-1] == "iteration 1000 of 1000 · epoch 100.0 · loss 0.5000"
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("iterations", [1, 3, 10, 11])
def test_short_runs_have_no_more_lines_than_iterations(iterations):
    moments = [moment(i, iterations) for i in range(1, iterations + 1)]
    lines = written(moments=[*moments, moment(iterations, iterations, done=True)]).splitlines()
    assert 1 <= len(lines) <= min(iterations, 10)


def test_a_run_that_was_stopped_says_so():
    lines = written(moments=[moment(1), moment(2), moment(2, done=True)]).splitlines()
    assert lines == ["iteration 2 of 100 · epoch 0.2 · loss 0.5000 · stopped"]


def test_in_a_terminal_there_is_a_bar():
    text = written(
        terminal=True,
        moments=[moment(1), moment(50, train=0.5), moment(100, done=True, train=0.9, test=0.8)],
    )
    assert "epoch 10.0 · loss 0.5000 · training 90.0% · test 80.0%" in text
    assert "100%" in text
    assert text.endswith("\x1b[?25h")  # the cursor is back


def test_the_bar_ends_also_when_training_fails():
    x, t = points()
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, force_interactive=True, width=100)
    with pytest.raises(NonFiniteError):
        Trainer(
            make_network(), x, t, batch_size=30, rng=0, optimizer=SGD(1e300),
            on_progress=rich_progress(console=console),
        ).train(epochs=1)  # fmt: skip
    assert file.getvalue().endswith("\x1b[?25h")


def test_one_progress_serves_two_trainings():
    x, t = points()
    file = io.StringIO()
    progress = rich_progress(console=Console(file=file, force_terminal=False))
    trainer = Trainer(make_network(), x, t, batch_size=90, rng=0, on_progress=progress)
    trainer.train(epochs=10)
    trainer.train(epochs=10)
    lines = file.getvalue().splitlines()
    assert [line.split(" · ")[0] for line in lines] == [
        *(f"iteration {n} of 10" for n in range(1, 11)),
        *(f"iteration {n} of 20" for n in range(11, 21)),
    ]


def test_quiet_writes_nothing(capsys):
    progress = rich_progress(quiet=True)
    for i in range(1, 101):
        progress(moment(i, done=i == 100))
    assert capsys.readouterr() == ("", "")


def test_it_goes_to_standard_error(capsys):
    progress = rich_progress()
    progress(moment(1, done=True))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("iteration 1 of 100")


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (60, "epoch 1.5 · loss 0.2000 · training 90.0% · test 80.0%"),
        (45, "epoch 1.5 · loss 0.2000 · test 80.0%"),
        (25, "loss 0.2000 · test 80.0%"),
        (5, "test 80.0%"),
    ],
)
def test_a_narrow_bar_leaves_words_out(room, words):
    moment = Moment(150, 300, 1.5, 0.3, 0.2, 0.9, 0.8, done=False)
    assert _words(moment, room) == words


def test_in_a_notebook_a_line_of_html_is_replaced(monkeypatch):
    shown = []

    def display(line, raw, display_id=False):
        shown.append(line)
        return SimpleNamespace(update=lambda line, raw: shown.append(line))

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    console = SimpleNamespace(is_jupyter=True)
    progress = rich_progress(console=console)  # type: ignore[arg-type]
    for i in range(1, 51):
        progress(Moment(i, 50, i / 10, 0.5, 0.5, 0.9, 0.8, i == 50))
    assert 2 <= len(shown) < 10  # not one for each step
    words = "100% · epoch 5.0 · loss 0.5000 · training 90.0% · test 80.0% · under 1 s"
    assert shown[-1]["text/plain"] == words
    assert '<progress value="50" max="50"' in shown[-1]["text/html"]
    progress(Moment(1, 50, 0.1, 0.5, 0.5, 0.9, 0.8, False))  # another training, another bar
    assert shown[-1]["text/plain"].startswith("2%")
