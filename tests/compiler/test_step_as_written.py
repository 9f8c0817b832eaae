"""Layers that cannot be compiled run as they are written, and the step says which and why."""

import numpy as np
import pytest
from nets import (
    BookRelu,
    Branching,
    BranchingBackward,
    Counting,
    Drawing,
    Iterating,
    Looping,
    around,
    batch,
    book_net,
    both,
    largest_difference,
)

from clearprop import Network
from clearprop.compiler import compile
from clearprop.errors import ShapeError, UnsupportedError
from clearprop.training import SGD


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (BookRelu, "overwrite"),
        (Branching, "branches on a value"),
        (BranchingBackward, "branches on a value"),
        (Looping, "np.stack"),
        (Drawing, "random numbers"),
        (Iterating, "flat"),
        (Counting, "same"),
    ],
)
def test_such_a_layer_runs_and_is_named(layer, reason):
    (written, layered), (compiled, step) = both(lambda: around(layer()))
    for seed in (1, 1, 2, 3):
        x, t = batch(6, 7, 3, seed=seed)
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-6)
    assert largest_difference(written, compiled) < 4e-6
    name = f"{layer.__name__}1"
    assert list(step.as_written) == [name]
    assert reason in step.as_written[name]
    assert f"{name}.evaluate(" in step.source


def test_several_and_the_loss_as_well():
    (written, layered), (compiled, step) = both(book_net)
    for n in (6, 2, 6):
        x, t = batch(n, 7, 3, seed=n)
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-6)
    assert largest_difference(written, compiled) < 3e-6
    assert list(step.as_written) == ["BookRelu1", "loss"]


def test_the_layers_around_it_are_compiled():
    step = compile(around(BookRelu()), SGD(0.1)).prepare(*batch(6, 7, 3))
    names = [node.operation.name for node in step.graph.nodes]
    assert "BookRelu1.forward" in names
    assert "BookRelu1.backward" in names
    assert names.count("np.matmul") >= 4
    assert not any(name.startswith("Affine") for name in names)


def test_a_layer_as_written_twice():
    (_, layered), (_, step) = both(lambda: around(BookRelu(), BookRelu()))
    x, t = batch(6, 7, 3)
    assert step(x, t) == pytest.approx(layered(x, t), rel=1e-6)
    assert list(step.as_written) == ["BookRelu1", "BookRelu2"]


def test_its_derivative_from_upstream_is_its_own():
    """It may write into what it is given, and into what it gave."""

    class Overwriting:
        def forward(self, x):
            self.out = np.asarray(x) * 2
            return self.out

        def backward(self, dout):
            self.out[...] = np.nan
            dout *= 2
            return dout

    (_, layered), (_, step) = both(lambda: around(Overwriting()))
    for _ in range(3):
        x, t = batch(6, 7, 3)
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-6)


def test_such_a_program_is_not_saved(tmp_path):
    step = compile(around(BookRelu()), SGD(0.1)).prepare(*batch(6, 7, 3))
    with pytest.raises(UnsupportedError, match="BookRelu1"):
        step.save(tmp_path / "step.py")
    assert not any(tmp_path.iterdir())


def test_an_error_of_the_layer_itself_is_shown():
    class Narrow:
        def forward(self, x):
            if x.shape[1] != 4:
                raise ShapeError(f"Narrow takes 4 columns, got {x.shape}")
            return x

        def backward(self, dout):
            return dout

    with pytest.raises(ShapeError, match="Narrow takes 4"):
        compile(around(Narrow()), SGD(0.1))(*batch(6, 7, 3))


def test_prediction_runs_them_too():
    network = around(BookRelu())
    predict = compile(network)
    x, _ = batch(6, 7, 3)
    np.testing.assert_allclose(predict(x), network.predict(x), rtol=1e-6)


def test_a_step_of_nothing_but_layers_as_written():
    from nets import BookAffine, BookLoss, weights

    class Written(BookAffine):
        backward = BookAffine.backward

        def forward(self, x):
            return super().forward(np.array(x))

    (_, layered), (_, step) = both(lambda: Network([Written(*weights(7, 3))], BookLoss()))
    x, t = batch(6, 7, 3)
    for _ in range(3):
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-6)
    assert list(step.as_written) == ["Written1", "loss"]
