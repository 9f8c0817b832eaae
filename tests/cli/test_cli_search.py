"""`clearprop search`: settings drawn at random, in ranges; it goes on where it was."""

import json

import numpy as np
import pytest

from clearprop.cli.search import draw
from clearprop.training import RunFolder, Trainer

COMMON = ("--rate", 0.001, 1, "--weight-decay", "1e-8", "1e-3", "--hidden", 4, 12)


@pytest.fixture
def search(clearprop, data):
    def run(*more):
        how = ("--trials", 3, "--epochs", 1, "--validation", 0.2, "--batch", 6)
        return clearprop("search", data, *COMMON, *how, *more)

    return run


def results(folder="search"):
    with open(f"{folder}/search.json") as file:
        return json.load(file)["results"]


def test_values_are_drawn_from_their_ranges():
    space = {
        "rate": (1e-4, 1.0),
        "dropout": (0.0, 0.5),
        "hidden": (10, 1000),
        "optimizer": ["a", "b"],
    }
    drawn = [draw(space, np.random.default_rng(i)) for i in range(400)]
    rates, ratios, sizes = (np.array([d[n] for d in drawn]) for n in ("rate", "dropout", "hidden"))
    assert 0.4 < np.mean(rates < 1e-2) < 0.6  # evenly by the logarithm
    assert 0.4 < np.mean(sizes < 100) < 0.6
    assert 0.4 < np.mean(ratios < 0.25) < 0.6
    assert rates.min() >= 1e-4
    assert rates.max() <= 1
    assert sizes.dtype == int
    assert {d["optimizer"] for d in drawn} == {"a", "b"}


def test_each_trial_is_a_run_and_the_best_stands_first(search, clearprop):
    run = search()
    assert (run.code, run.err) == (0, "")
    found = results()
    assert list(found) == ["1", "2", "3"]
    for number, result in found.items():
        folder = RunFolder(f"search/{number}")
        config = folder.read_config()
        assert (config.rate, config.weight_decay) == (result["rate"], result["weight_decay"])
        assert config.sizes == (64, result["hidden"], 3)
        assert config.iterations == len(folder.read_history()) == 8  # 48 of 60 images, by 6
        assert folder.read_history().test_score[-1] == result["score"]
    rows = [line.split() for line in run.out.splitlines() if line.strip().startswith("search/")]
    scores = [float(row[1]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert rows[0][0] == f"search/{max(found, key=lambda n: found[n]['score'])}"
    assert clearprop("report", "search/2").code == 0


def test_it_goes_on_where_it_was(search, clearprop, monkeypatch):
    assert search("--folder", "whole").code == 0
    before = {}
    train = Trainer.train

    def stopped(self, **how):
        if len(before) == 1:  # the second trial is stopped in its middle
            before["stopped"] = True
            history = train(self, iterations=3, in_all=True)
            self.interrupted = True
            return history
        before["first"] = True
        return train(self, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", stopped)
        assert search().code == 130
    assert list(results()) == ["1"]
    run = search()
    assert run.code == 0
    assert "1 of 3" not in run.out
    assert results() == results("whole")
    for number in (1, 2, 3):
        one, two = (RunFolder(f"{f}/{number}").weights_path for f in ("whole", "search"))
        assert one.read_bytes() == two.read_bytes()


def test_more_trials_make_it_longer(search, clearprop, data):
    common = ("search", data, "--rate", 0.01, 0.1, "--epochs", 1, "--batch", 10, "-q")
    assert clearprop(*common, "--trials", 1).code == 0
    first = results()
    assert clearprop(*common, "--trials", 2).code == 0
    assert list(results()) == ["1", "2"]
    assert results()["1"] == first["1"]


def test_a_training_that_runs_away_stands_last(clearprop, data):
    how = (
        "--rate",
        1e30,
        1e35,
        "--trials",
        2,
        "--epochs",
        2,
        "--batch",
        10,
        "--optimizer",
        "sgd",
        "adam",
    )
    run = clearprop("search", data, *how)
    assert run.code == 0
    assert "ran away" in run.out
    assert any(result["score"] is None for result in results().values())


BAD = {
    "nothing to search": ((), "give at least one setting"),
    "upside down": (("--rate", 1, 0.1), "from a smaller to a larger"),
    "a rate of 0": (("--rate", 0, 1), "above 0"),
    "an optimizer": (("--optimizer", "best"), "one of sgd, momentum"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named(clearprop, data, case):
    options, words = BAD[case]
    run = clearprop("search", data, *options)
    assert (run.code, words in run.err) == (2, True)


def test_another_search_is_not_mixed_in(clearprop, data):
    common = ("search", data, "--trials", 1, "--epochs", 1, "--batch", 10, "-q")
    assert clearprop(*common, "--rate", 0.01, 0.1).code == 0
    run = clearprop(*common, "--rate", 0.02, 0.1)
    assert (run.code, "holds another search" in run.err) == (2, True)
    with open("search/search.json", "w") as file:
        file.write("{}")
    assert "does not hold a search" in clearprop(*common, "--rate", 0.01, 0.1).err


def test_a_slip_does_not_block_the_folder(clearprop, data):
    common = ("search", data, "--trials", 4, "--epochs", 1, "--batch", 10, "--rate", 0.01, 0.1)
    for slip in ("--optimizer", "adam", "adm"), ("--activation", "rlu"), ("--validation", 2):
        assert clearprop(*common, *slip).code == 2
    assert clearprop(*common, "--optimizer", "adam", "-q").code == 0
    assert len(results()) == 4


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--epochs", 2], "of epochs 1;"),
        (["--seed", 3], "of seed 0;"),
        (["--batch", 5], "of batch 10;"),
        (["--rate", 0.02, 0.1], "of rate [0.01, 0.1];"),
        (["--dropout", 0, 0.5], "of dropout not given;"),
    ],
)
def test_what_another_search_differs_in_is_named(clearprop, data, given, named):
    options = {"--trials": [1], "--epochs": [1], "--batch": [10], "--rate": [0.01, 0.1]}

    def search():
        return clearprop("search", data, *(x for n, v in options.items() for x in (n, *v)), "-q")

    assert search().code == 0
    options[given[0]] = given[1:]
    assert named in search().err


def test_a_table_with_gaps_is_searched_with_the_settings_of_train(clearprop, tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        f"{a:.3f},{'' if a > 1 else round(b, 3)},{a + b:.3f}" for a, b in rng.normal(size=(60, 2))
    ]
    (tmp_path / "a.csv").write_text("\n".join(["a,b,price", *rows]) + "\n")
    common = ("search", tmp_path / "a.csv", "--target", "price", "--trials", 4, "--epochs", 1, "-q")
    run = clearprop(*common, "--schedule", "cosine", "constant")
    assert (run.code, "missing" in run.err) == (2, True)
    run = clearprop(*common, "--schedule", "cosine", "constant", "--missing", "mean")
    assert run.code == 0, run.err
    assert {r["schedule"] for r in results().values()} == {"cosine", "constant"}
    assert RunFolder("search/1").read_config().task == "regression"
    run = clearprop(*common, "--schedule", "cosine", "constant", "--missing", "drop")
    assert (run.code, "another search" in run.err) == (2, True)
