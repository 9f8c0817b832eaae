"""`clearprop export` and `clearprop import`, and `--engine jax` from the command line."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from clearprop.cli import main
from clearprop.interop import state_dict
from clearprop.training import RunConfig, RunFolder, save_weights

jax = pytest.mark.skipif(not find_spec("jax"), reason="jax is not installed")
onnx = pytest.mark.skipif(not find_spec("onnx"), reason="onnx is not installed")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = RunFolder("runs/own")
    folder.create(RunConfig(sizes=(784, 20, 10)))
    save_weights(folder.weights_path, folder.read_config().network())
    return folder


def test_weights_go_to_pytorch_and_back(run, capsys):
    assert main(["export", "runs/own", "net.safetensors"]) == 0
    assert sorted(load_file("net.safetensors")) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    assert main(["import", "net.safetensors"]) == 0
    assert main(["import", "net.safetensors", "--network", "784", "20", "10"]) == 0
    assert capsys.readouterr().out.split() == ["net.safetensors", "runs/1", "runs/2"]
    for name in ("runs/1", "runs/2"):
        other = RunFolder(name).load_network()
        assert RunFolder(name).read_config().sizes == (784, 20, 10)
        for key, array in run.load_network().params.items():
            np.testing.assert_array_equal(other.params[key], array)


def test_what_is_ambiguous_is_said_with_names(run, capsys):
    found = state_dict(RunConfig(sizes=(6, 6, 6)).network(), {"Affine1": "b", "Affine2": "a"})
    save_file(found, "two.safetensors")
    command = ["import", "two.safetensors", "--network", "6", "6", "6", "--folder", "runs/two"]
    assert main(["import", "two.safetensors"]) == 2
    assert "do not tell how the layers follow" in capsys.readouterr().err
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "can be read in several ways" in said
    assert "Say with --names Affine1=" in said
    assert "names={" not in said
    assert main([*command, "--names", "Affine1=b", "Affine2=a"]) == 0
    made = RunFolder("runs/two").load_network()
    np.testing.assert_array_equal(made.params["W1"], found["b.weight"].T)
    assert main([*command, "--names", "Affine1"]) == 2
    assert "--names are like Affine1=encoder" in capsys.readouterr().err


def test_other_sizes_than_those_of_the_file_are_said(run, capsys):
    assert main(["export", "runs/own", "net.safetensors"]) == 0
    for sizes in (["784", "40", "10"], ["784", "20", "20", "10"]):
        assert main(["import", "net.safetensors", "--network", *sizes]) == 2
        said = f"holds a network of 784 20 10, not of {' '.join(sizes)}; leave --network out"
        assert said in capsys.readouterr().err
    found = state_dict(RunConfig(sizes=(6, 6, 6)).network())
    save_file(found, "two.safetensors")
    assert main(["import", "two.safetensors", "--network", "6", "5", "6"]) == 2
    said = capsys.readouterr().err
    assert "Affine1 needs a module with weight (5, 6), bias (5,), and it has none. It" in said
    assert said.endswith("; say with --names what goes where\n")


@onnx
def test_a_model_is_written(run, capsys):
    assert main(["export", "runs/own", "net.onnx"]) == 0
    import onnx

    model = onnx.load("net.onnx")
    assert [
        d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim
    ] == [
        "N",
        784,
    ]


def test_other_endings_are_refused(run, capsys):
    assert main(["export", "runs/own", "net.pt"]) == 2
    assert "must end with .onnx or .safetensors" in capsys.readouterr().err


def test_packages_that_are_missing_are_named(run, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    monkeypatch.setitem(__import__("sys").modules, "jax", None)
    assert main(["export", "runs/own", "net.onnx"]) == 2
    assert 'pip install "clearprop[onnx]"' in capsys.readouterr().err
    assert main(["train", "--engine", "jax", "--iterations", "2"]) == 2
    assert 'pip install "clearprop[jax]"' in capsys.readouterr().err


def test_a_run_with_kernels_in_c_is_that_by_numpy(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shorter = ["--iterations", "20", "--hidden", "8", "--quiet"]
    assert main(["train", *shorter, "--folder", "a"]) == 0
    assert main(["train", *shorter, "--folder", "b", "--engine", "auto"]) == 0
    losses = [RunFolder(name).read_history().loss for name in "ab"]
    np.testing.assert_allclose(*losses, atol=1e-5)
    used = json.loads((tmp_path / "b" / "config.json").read_text())["engine"]
    said = capsys.readouterr().err
    assert (used, "NumPy computes what kernels" in said) in (("c", False), ("numpy", True))
    assert main(["source", "b", "--engine", used]) == 0
    assert ("KERNELS" in capsys.readouterr().out) == (used == "c")
    assert main(["train", "--resume", "b", "--iterations", "30", "--quiet"]) == 0
    assert len(RunFolder("b").read_history()) == 30


@jax
def test_a_run_by_jax_is_that_by_numpy(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shorter = ["--iterations", "20", "--hidden", "8", "--quiet"]
    assert main(["train", *shorter, "--folder", "a"]) == 0
    assert main(["train", *shorter, "--folder", "b", "--engine", "jax", "--devices", "1"]) == 0
    losses = [RunFolder(name).read_history().loss for name in "ab"]
    np.testing.assert_allclose(*losses, atol=1e-6)
    config = json.loads((tmp_path / "b" / "config.json").read_text())
    assert (config["engine"], config["devices"]) == ("jax", 1)
    assert main(["source", "b", "--engine", "jax"]) == 0
    assert "import jax.numpy as jnp" in capsys.readouterr().out
    assert main(["train", "--resume", "b", "--iterations", "30", "--quiet"]) == 0
    assert len(RunFolder("b").read_history()) == 30
    assert main(["train", "--resume", "b", "--engine", "numpy"]) == 2
    assert "--engine cannot be given" in capsys.readouterr().err
    assert main(["train", "--engine", "jax", "--devices", "64"]) == 2
    assert main(["train", "--coordinator", "here:1"]) == 2
    assert "give all three" in capsys.readouterr().err
    assert main(["train", "--engine", "abacus"]) == 2
    assert "there are c, javascript, jax, numpy" in capsys.readouterr().err


def test_an_imported_run_says_that_it_has_no_history(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        network = RunConfig(sizes=(784, 20, 10), seed=number).network()
        save_file(state_dict(network), "net.safetensors")
        assert main(["import", "net.safetensors"]) == 0
    for command in (["report", "runs/1"], ["compare", "runs/1", "runs/2"]):
        assert main(command) == 2
        assert "the run was imported and has no history" in capsys.readouterr().err
    before = (tmp_path / "runs/1/config.json").read_bytes()
    assert main(["train", "--resume", "runs/1", "--epochs", "3"]) == 2
    assert "was imported and has no history, so no training" in capsys.readouterr().err
    assert (tmp_path / "runs/1/config.json").read_bytes() == before
