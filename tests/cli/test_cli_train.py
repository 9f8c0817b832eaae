"""`clearprop train`, mostly on small data of our own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stripes import own_data

from clearprop.datasets import read_idx
from clearprop.training import History, RunFolder
from clearprop.training.sets import held_out


def files(folder):
    """Everything under a folder: path → content."""
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_run_leaves_weights_history_settings_and_a_picture(clearprop, data, tmp_path):
    run = clearprop("train", "--data", data, "--hidden", 12, "--batch", 10, "--epochs", 20)
    assert run.code == 0
    folder = tmp_path / "runs" / "1"
    assert sorted(p.name for p in folder.iterdir()) == [
        *("best.safetensors", "config.json", "curves.png", "history.jsonl"),
        *("report.html", "signals.jsonl", "weights.safetensors"),
    ]
    config = json.loads((folder / "config.json").read_text())
    assert config["sizes"] == [64, 12, 3]
    assert (config["seed"], config["batch"], config["iterations"]) == (0, 10, 120)
    assert (config["compile"], config["data"]) == (True, str(data))
    history = History.read(folder / "history.jsonl")
    assert len(history.loss) == 120
    assert len(history.evaluated_at) == 20
    assert history.test_accuracy[-1] > 0.9
    assert RunFolder(folder).load_network().params["W1"].shape == (64, 12)
    with Image.open(folder / "curves.png") as picture:
        assert min(picture.size) > 500


def test_the_table_says_how_it_went(clearprop, data):
    run = clearprop("train", "--data", data, "--hidden", 12, 7, "--batch", 10, "--iterations", 30)
    rows = dict(
        line.strip().split("  ", 1) for line in run.out.splitlines() if "  " in line.strip()
    )
    rows = {name: value.strip() for name, value in rows.items()}
    history = History.read("runs/1/history.jsonl")
    assert rows["network"] == "64-12-7-3, relu"
    assert rows["parameters"] == f"{64 * 12 + 12 + 12 * 7 + 7 + 7 * 3 + 3:,}"
    assert rows["iterations"] == "30"
    assert rows["test accuracy"] == f"{history.test_accuracy[-1]:.2%}"
    assert rows["training accuracy"] == f"{history.train_accuracy[-1]:.2%}"
    assert rows["time"].endswith(" s")
    assert "clearprop predict runs/1" in run.out
    assert "iteration 30 of 30" in run.err


def test_quiet_prints_the_folder_alone(clearprop, data):
    run = clearprop("train", "--data", data, "--iterations", 3, "--batch", 5, "-q")
    assert (run.code, run.out, run.err) == (0, "runs/1\n", "")


def test_each_run_takes_the_next_free_folder(clearprop, data, tmp_path):
    (tmp_path / "runs" / "1").mkdir(parents=True)  # empty: nobody's
    (tmp_path / "runs" / "2" / "thesis").mkdir(parents=True)
    common = ("train", "--data", data, "--iterations", 1, "--batch", 5, "-q")
    assert [clearprop(*common).out for _ in range(2)] == ["runs/1\n", "runs/3\n"]


def test_the_same_seed_gives_the_same_bits(clearprop, data, tmp_path):
    for name, seed in ("a", 4), ("b", 4), ("c", 5):
        clearprop("train", "--data", data, "--batch", 7, "--epochs", 3, "--seed", seed, "-q",
                  "--folder", name)  # fmt: skip
    a, b, c = (files(tmp_path / name) for name in "abc")
    page = Path("report.html")
    for name, run in zip("abc", (a, b, c), strict=True):  # the page says the folder's name
        run[page] = run[page].replace(f"Run {name}".encode(), b"Run")
    assert a == b
    assert all(a[name] != c[name] for name in a)


def test_the_options_reach_the_network(clearprop, data):
    clearprop("train", "--data", data, "--hidden", "9", "--activation", "sigmoid", "--init", "0.5",
              "--rate", "0.25", "--batch", "20", "--epochs", "2", "--seed", "3")  # fmt: skip
    run = RunFolder("runs/1")
    config = run.read_config()
    assert config.sizes == (64, 9, 3)
    assert (config.activation, config.init, config.rate) == ("sigmoid", 0.5, 0.25)
    assert (config.batch, config.iterations, config.seed) == (20, 6, 3)
    assert list(run.load_network().layers) == ["Affine1", "Sigmoid1", "Affine2"]
    W1 = config.network(np.random.default_rng(3)).params["W1"]
    assert 0.4 < W1.std() < 0.6


def test_gzipped_files_are_found_as_well(clearprop, data):
    import gzip

    for path in list(data.iterdir()):
        (data / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert clearprop("train", "--data", data, "--iterations", 1, "--batch", 5, "-q").code == 0


def test_mnist_is_learned_without_any_option_but_the_length(clearprop):
    run = clearprop("train", "--iterations", 600, "-q")
    assert run.code == 0
    assert History.read("runs/1/history.jsonl").test_accuracy[-1] > 0.9
    assert RunFolder("runs/1").read_config().sizes == (784, 50, 10)


BAD_OPTIONS = {
    "a rate of zero": (["--rate", "0"], "0"),
    "a negative rate": (["--rate", "-0.1"], "-0.1"),
    "an infinite rate": (["--rate", "inf"], "inf"),
    "a rate that is not a number": (["--rate", "nan"], "nan"),
    "a rate in words": (["--rate", "fast"], "fast"),
    "an empty batch": (["--batch", "0"], "--batch"),
    "a batch larger than the data": (["--batch", "61"], "61 is larger than the 60 samples"),
    "no neurons": (["--hidden", "0"], "--hidden"),
    "half a neuron": (["--hidden", "2.5"], "'2.5' is not a whole number"),
    "hidden layers without a size": (["--hidden"], "--hidden"),
    "sizes in one word": (["--hidden", "20,30"], "'20,30' is not a whole number"),
    "half an epoch": (["--epochs", "0.5"], "--epochs"),
    "epochs without end": (["--epochs", "inf"], "--epochs"),
    "a seed with a fraction": (["--seed", "1.5"], "--seed"),
    "no epochs": (["--epochs", "0"], "--epochs"),
    "no iterations": (["--iterations", "-5"], "--iterations"),
    "both lengths": (["--epochs", "1", "--iterations", "1"], "give one of them"),
    "a negative seed": (["--seed", "-1"], "--seed"),
    "an unknown activation": (["--activation", "tanhh"], "'tanhh' is unknown; use"),
    "an unknown initialisation": (["--init", "hee"], "'hee' is unknown; use"),
    "a negative spread": (["--init", "-1"], "-1"),
    "an unknown option": (["--epoch", "3"], "--epochs"),
    "a stray word": (["fast"], "fast"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_bad_option_is_named_and_nothing_is_written(case, clearprop, data, tmp_path):
    options, named = BAD_OPTIONS[case]
    batch = [] if "--batch" in options else ["--batch", "10"]
    before = files(tmp_path)
    run = clearprop("train", "--data", data, *batch, *options)
    assert run.code == 2
    assert run.out == ""
    assert named in run.err
    assert "Traceback" not in run.err
    assert files(tmp_path) == before
    assert not (tmp_path / "runs").exists()


def pixels(shape, dtype=np.uint8):
    return np.zeros(shape, dtype)


def labels(*values, dtype=np.uint8):
    return np.resize(np.array(values, dtype), 60)


BAD_DATA = {
    "images of another size to test on": (
        {"t10k_images_idx3_ubyte": pixels((60, 9, 8))}, "must be of one size",
    ),
    "fewer labels than images": ({"train_labels_idx1_ubyte": labels(0)[:59]}, "(59,)"),
    "negative labels": ({"train_labels_idx1_ubyte": labels(-1, 2, dtype=np.int8)}, "the least -1"),
    "labels with a fraction": ({"train_labels_idx1_ubyte": labels(0.5, dtype=np.float32)}, "float"),
    "one-hot labels": ({"train_labels_idx1_ubyte": pixels((60, 10))}, "(60, 10)"),
    "one class only": (
        {"train_labels_idx1_ubyte": labels(0), "t10k_labels_idx1_ubyte": labels(0)}, "one class",
    ),
    "pixels that are not bytes": (
        {"train_images_idx3_ubyte": pixels((60, 8, 8), np.float32)}, "found float32",
    ),
    "flat images": ({"train_images_idx3_ubyte": pixels((60, 64))}, "(60, 64)"),
    "no images": ({"t10k_images_idx3_ubyte": pixels((0, 8, 8))}, "holds no images"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_are_named_and_nothing_is_written(case, clearprop, tmp_path):
    change, named = BAD_DATA[case]
    data = own_data(tmp_path / "data", **change)
    before = files(tmp_path)
    run = clearprop("train", "--data", data, "--batch", 10, "--iterations", 1)
    assert run.code == 2
    assert named in run.err
    assert files(tmp_path) == before


def test_a_missing_file_is_named(clearprop, data):
    (data / "t10k-labels-idx1-ubyte").unlink()
    run = clearprop("train", "--data", data)
    assert run.code == 2
    assert "there is no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz" in run.err


@pytest.mark.parametrize(("keep", "named"), [(100, "truncated"), (0, "an empty file")])
def test_a_truncated_file_is_named(clearprop, data, keep, named):
    path = data / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:keep])
    run = clearprop("train", "--data", data)
    assert run.code == 2
    assert str(path) in run.err
    assert named in run.err


@pytest.mark.parametrize("folder", ["taken", "taken/below", "full"])
def test_a_folder_that_cannot_be_used_is_named_and_left_alone(clearprop, data, tmp_path, folder):
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("not a run")
    before = files(tmp_path)
    run = clearprop("train", "--data", data, "--batch", 10, "--folder", folder)
    assert run.code == 2
    assert folder in run.err
    assert files(tmp_path) == before


def test_runs_may_be_a_file_that_is_in_the_way(clearprop, data, tmp_path):
    (tmp_path / "runs").write_text("a file")
    run = clearprop("train", "--data", data, "--batch", 10)
    assert run.code == 2
    assert "no folder can be made in runs" in run.err


def test_a_rate_that_explodes_is_named_with_the_layer_and_the_weights_are_kept(clearprop, data):
    run = clearprop("train", "--data", data, "--batch", 10, "--rate", "1e30", "--iterations", "5e1")
    assert run.code == 2
    assert "learning rate smaller than 1e+30" in run.err
    assert re.search(r"the output of \S+ inside (Affine\d|loss) \(", run.err)
    kept = Path("runs/1/weights.safetensors")
    assert f"The weights of before it are kept in {kept}" in run.err
    arrays = RunFolder("runs/1").load_network().params.values()
    assert all(np.isfinite(array).all() for array in arrays)
    assert len(History.read("runs/1/history.jsonl")) >= 1
    assert Path("runs/1/curves.png").exists()


def test_without_the_package_that_paints_everything_but_the_picture_is_there(
    clearprop, data, monkeypatch
):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    run = clearprop("train", "--data", data, "--batch", 10, "--iterations", 5, "-q")
    assert run.code == 0
    assert run.out == "runs/1\n"
    assert "curves.png was not made: writing PNG pictures needs the package resvg-py" in run.err
    assert RunFolder("runs/1").load_network().params["W1"].shape == (64, 50)
    assert Path("runs/1/report.html").exists()


def test_as_written_it_learns_the_same_but_for_rounding(clearprop, data):
    common = ("train", "--data", data, "--batch", 10, "--epochs", 3, "-q")
    clearprop(*common, "--folder", "compiled")
    clearprop(*common, "--folder", "written", "--no-compile")
    one, two = RunFolder("compiled"), RunFolder("written")
    assert (one.read_config().compile, two.read_config().compile) == (True, False)
    np.testing.assert_allclose(one.read_history().loss, two.read_history().loss, rtol=1e-5)
    for name, array in one.load_network().params.items():
        np.testing.assert_allclose(array, two.load_network().params[name], atol=1e-5)


@pytest.mark.skipif(os.name == "nt", reason="needs a signal to one process")
def test_ctrl_c_keeps_what_was_learned(data, tmp_path):
    command = [sys.executable, "-m", "clearprop", "train", "--data", data, "--batch", "10"]
    history = tmp_path / "runs" / "1" / "history.jsonl"
    with subprocess.Popen(
        [*command, "--iterations", "100000000"], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # where it is ignored
    ) as process:  # fmt: skip
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline and not (history.exists() and history.stat().st_size):
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "what was learned until then is kept" in out
    done = len(History.read(history).loss)
    assert f"stopped at {done:,}" in out
    assert RunFolder(tmp_path / "runs" / "1").load_network().params["W1"].any()


def test_an_impatient_second_ctrl_c_keeps_it_too(clearprop, data, monkeypatch):
    """It cuts the first evaluation short, so that there is no accuracy to show."""

    def impatient(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("clearprop.training.evaluation.Evaluator.start", impatient)
    run = clearprop("train", "--data", data, "--batch", 10)
    assert run.code == 130
    assert "stopped at 6" in run.out
    assert "not evaluated" in run.out
    assert RunFolder("runs/1").load_network().params["W1"].any()


def test_validation_data_are_held_out_and_the_test_data_asked_at_the_end(clearprop, data):
    common = ("train", data, "--hidden", 12, "--batch", 9, "--validation", 0.25)
    run = clearprop(*common, "--epochs", 4)
    assert run.code == 0
    rows = dict(line.strip().split("  ", 1) for line in run.out.splitlines() if " accuracy" in line)
    folder = RunFolder("runs/1")
    history, config = folder.read_history(), folder.read_config()
    assert (config.validation, history.held_out, len(history)) == (0.25, "validation", 4 * 5)
    images, labels = (load(data, "train", kind) for kind in ("images-idx3", "labels-idx1"))
    rng = np.random.default_rng(0)
    config.network(rng)
    _, (x, t) = held_out((images, labels), 0.25, rng)
    network = folder.load_network()
    assert len(x) == 15
    assert history.test_score[-1] == network.accuracy(x, t)
    test = network.accuracy(*(load(data, "t10k", kind) for kind in ("images-idx3", "labels-idx1")))
    assert rows["validation accuracy"].strip() == f"{history.test_score[-1]:.2%}"
    assert rows["test accuracy"].strip() == f"{test:.2%}"
    assert "· validation " in run.err
    page = Path("runs/1/report.html").read_text("utf-8")
    assert "<dt>validation accuracy</dt>" in page
    assert "<dt>test accuracy</dt>" in page
    assert clearprop("report", "runs/1").code == 0
    assert clearprop(*common, "--epochs", 2, "-q").code == 0
    assert clearprop("train", "--resume", "runs/2", "--epochs", 4, "-q").code == 0
    assert "best on validation data" in clearprop("compare", "runs/1", "runs/2").out
    for name in "history.jsonl", "weights.safetensors":
        assert Path("runs/1", name).read_bytes() == Path("runs/2", name).read_bytes()


@pytest.mark.parametrize("share", [0, 1, -0.1, "nan", 1.5, 0.001])
def test_a_share_that_leaves_nothing_is_refused(clearprop, data, share):
    run = clearprop("train", data, "--validation", share, "--batch", 5)
    assert run.code == 2
    assert "validation" in run.err
    assert not Path("runs").exists()


def load(folder, part, kind):
    """Images (N, 64) from 0 to 1 or labels (N,) of a small data set."""
    array = read_idx(folder / f"{part}-{kind}-ubyte")
    return np.float32(array.reshape(len(array), -1)) / 255 if array.ndim > 1 else array


def test_weights_that_all_begin_at_0_are_warned_of(clearprop, data):
    run = clearprop("train", data, "--init", 0, "--batch", 20, "--iterations", 2, "-q")
    assert run.code == 0
    assert "--init he makes them different" in run.err


@pytest.mark.parametrize("engine", ["c", "auto"])
def test_an_engine_that_would_run_nothing_is_refused(clearprop, data, engine):
    run = clearprop("train", data, "--engine", engine, "--no-compile")
    assert (run.code, f"--engine {engine} runs the compiled program" in run.err) == (2, True)


@pytest.mark.parametrize("number", [2**63, 2**64, 10**30])
def test_a_run_of_any_seed_can_be_read_again(clearprop, data, tmp_path, number):
    trained = clearprop("train", "--data", data, "--batch", 30, "--epochs", 1, "--seed", number)
    assert trained.code == 0
    again = clearprop("train", "--resume", tmp_path / "runs" / "1", "--epochs", 2)
    assert (again.code, again.err.count("clearprop:")) == (0, 0)
    assert RunFolder(tmp_path / "runs" / "1").read_config().seed == number


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("patience", 2**63), ("rate", 1e301), ("save-every", 1e301), ("weight-decay", 1e301)),
        ("hidden", 2**62),
    ],
)
def test_settings_that_could_not_be_read_again_are_refused_at_once(
    clearprop, data, tmp_path, option, value
):
    run = clearprop("train", "--data", data, "--batch", 30, "--epochs", 1, f"--{option}", value)
    assert run.code == 2
    assert option.replace("-", "_") in run.err or "sizes" in run.err
    assert "folder" not in run.err
    assert not (tmp_path / "runs" / "1").exists()
