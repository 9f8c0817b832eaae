import numpy as np
import pytest

from clearprop import training
from clearprop.errors import ConfigError, DTypeError, NonFiniteError, ShapeError
from clearprop.networks import TwoLayerNet
from clearprop.training import SGD
from clearprop.training.optimizers.checks import all_finite


def test_arrays_are_updated_in_place_and_keep_their_dtype():
    W = np.array([1.0, 2.0], dtype=np.float32)
    params = {"W": W}
    SGD(lr=0.5).update(params, {"W": np.array([2.0, 4.0])})
    assert params["W"] is W
    assert W.dtype == np.float32
    assert W.tolist() == [0.0, 0.0]


def test_plain_numbers_are_rebound():
    params = {"x": 1.0, "y": np.float32(2)}
    SGD(lr=0.1).update(params, {"x": 5.0, "y": 10})
    assert params == {"x": 0.5, "y": 1.0}


def test_it_reaches_the_layers_of_a_network():
    network = TwoLayerNet(3, 2, 2, rng=np.random.default_rng(0))
    before, W = network.params["W1"].copy(), network.layers["Affine1"].W
    SGD(lr=0.1).update(network.params, {k: np.ones_like(v) for k, v in network.params.items()})
    assert network.layers["Affine1"].W is W
    np.testing.assert_allclose(W, before - 0.1, rtol=1e-15)


@pytest.mark.parametrize(
    "lr", [0, -0.1, np.nan, np.inf, -np.inf, True, "0.1", None, 1j, np.array([0.1]), 10**400]
)
def test_a_learning_rate_that_is_not_positive_and_finite_is_refused(lr):
    with pytest.raises(ConfigError, match="learning rate"):
        SGD(lr=lr)
    optimizer = SGD(0.1)
    with pytest.raises(ConfigError, match="learning rate"):
        optimizer.lr = lr
    assert optimizer.lr == 0.1


def test_an_array_without_axes_is_the_number_in_it():
    kept = np.array(0.5)
    optimizer = SGD(lr=kept, clip_norm=np.array(2), weight_decay=np.float32(0))
    assert type(optimizer.lr) is type(optimizer.clip_norm) is float
    assert (optimizer.lr, optimizer.clip_norm) == (0.5, 2.0)
    params = {"W": np.ones(2)}
    SGD(lr=lambda step: np.array(0.5)).update(params, {"W": np.ones(2)})
    np.testing.assert_array_equal(params["W"], 0.5)
    for wrong in (np.array([0.5]), np.array(True), np.array("0.5"), np.array(1j)):
        with pytest.raises(ConfigError, match="must be a positive finite number"):
            SGD(lr=wrong)


def test_the_learning_rate_is_a_plain_float_so_that_float32_stays_float32():
    assert type(SGD(np.float64(0.1)).lr) is float
    assert type(SGD(1).lr) is float


@pytest.mark.parametrize(
    ("grads", "error", "words"),
    [
        ({"W": np.ones(2)}, ShapeError, "no derivative for b"),
        ({"W": np.ones(2), "b": 1.0, "c": 1.0}, ShapeError, "no parameter .* of c"),
        ({"W": np.ones(3), "b": 1.0}, ShapeError, r"W has shape \(2,\) .* \(3,\)"),
        ({"W": np.ones((1, 2)), "b": 1.0}, ShapeError, r"\(1, 2\)"),
        ({"W": np.array([1.0, np.nan]), "b": 1.0}, NonFiniteError, "parameter W"),
        ({"W": np.ones(2), "b": np.inf}, NonFiniteError, "parameter b"),
        ({"W": np.ones(2), "b": None}, DTypeError, "derivative of b"),
        ({"W": np.ones(2) * 1j, "b": 1.0}, DTypeError, "complex"),
    ],
)
def test_bad_derivatives_are_refused_and_nothing_is_changed(grads, error, words):
    params = {"W": np.array([1.0, 2.0]), "b": 3.0}
    with pytest.raises(error, match=words):
        SGD(0.1).update(params, grads)
    assert params["W"].tolist() == [1.0, 2.0]
    assert params["b"] == 3.0


@pytest.mark.parametrize("bad", [np.array([1, 2]), [1.0, 2.0], "xx"])
def test_parameters_that_cannot_take_small_steps_are_refused(bad):
    params = {"A": np.zeros(2), "B": bad}
    with pytest.raises((DTypeError, ShapeError), match="parameter B"):
        SGD(0.1).update(params, {"A": np.ones(2), "B": np.ones(2)})
    assert params["A"].tolist() == [0.0, 0.0]


def test_a_read_only_parameter_is_refused_before_others_change():
    params = {"A": np.zeros(2), "B": np.zeros(2)}
    params["B"].flags.writeable = False
    with pytest.raises(DTypeError, match="B is read-only"):
        SGD(0.1).update(params, {"A": np.ones(2), "B": np.ones(2)})
    assert params["A"].tolist() == [0.0, 0.0]


def test_a_step_that_overflows_is_refused():
    params = {"W": np.ones(2, dtype=np.float32)}
    with pytest.raises(NonFiniteError, match="parameter W"), np.errstate(over="ignore"):
        SGD(1e38).update(params, {"W": np.full(2, 100, dtype=np.float32)})
    assert params["W"].tolist() == [1.0, 1.0]


EPS = [kind for kind in vars(training).values() if "eps" in getattr(kind, "hyperparameters", ())]


@pytest.mark.parametrize("kind", EPS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("where", ["for all", "in a group", "by a schedule"])
def test_what_is_0_in_the_dtype_does_not_keep_from_dividing_by_0(kind, where):
    how = {
        "for all": {"eps": 1e-9},
        "in a group": {"eps": 1e-3, "groups": {"W": {"eps": 1e-9}}},
        "by a schedule": {"eps": lambda step: 1e-9},
    }[where]
    params = {"W": np.ones(2, np.float16)}
    grads = {"W": np.array([1, 0], np.float16)}
    with pytest.raises(ConfigError, match=rf"{kind.__name__}: eps=1e-09 is 0 in float16.*W.*1e-04"):
        kind(**how).update(params, grads)
    assert params["W"].tolist() == [1, 1]
    kind(eps=1e-4).update(params, grads)
    assert params["W"][0] < 1
    kind(**how).update({"W": np.ones(2, np.float32)}, {"W": np.zeros(2, np.float32)})


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_all_finite_is_not_fooled_by_large_values(dtype):
    large = np.finfo(dtype).max
    assert all_finite(np.full(1000, large))
    assert all_finite(np.array([large, -large], dtype=dtype))
    assert not all_finite(np.array([large, np.inf, -np.inf], dtype=dtype))
    assert not all_finite(np.array([[0, np.nan]], dtype=dtype))
    assert all_finite(np.zeros((0, 3), dtype=dtype))
    assert not all_finite(float("inf"))
    assert all_finite(3)
    assert not all_finite(np.full((3, 4), np.nan).T[::2])
