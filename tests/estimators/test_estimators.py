"""The estimators as people use them."""

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clearprop import (
    Affine,
    BatchNormalization,
    Dropout,
    Huber,
    Network,
    Relu,
    SigmoidWithLoss,
    TwoLayerNet,
)
from clearprop.errors import ConfigError, DataError, LabelError, NonFiniteError
from clearprop.sklearn import ClearpropClassifier, ClearpropRegressor
from clearprop.training import Adam, Cosine, Momentum

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
X_REAL, Y_REAL = load_diabetes(return_X_y=True, scaled=True)
X_REAL = X_REAL * 21


def classifier(**settings):
    return ClearpropClassifier(**{"max_iter": 20, "random_state": 0, **settings})


def regressor(**settings):
    return ClearpropRegressor(**{"max_iter": 20, "random_state": 0, **settings})


def blocks(n_features, n_outputs, rng):
    """A network of one's own, with state and noise."""
    return Network(
        [
            Affine.from_sizes(n_features, 16, rng=rng),
            BatchNormalization(np.ones(16, np.float32), np.zeros(16, np.float32)),
            Relu(),
            Dropout(0.1),
            Affine.from_sizes(16, n_outputs, rng=rng),
        ],
        rng=rng,
    )


def robust(n_features, n_outputs, rng):
    layers = [Affine.from_sizes(n_features, 20, rng=rng), Relu()]
    return Network([*layers, Affine.from_sizes(20, n_outputs, rng=rng)], Huber(), rng=rng)


def same(a, b):
    a, b = a.network_.params, b.network_.params
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_it_learns_and_tells_what_it_learned():
    model = classifier(max_iter=200).fit(X, NAMES)
    assert model.score(X, NAMES) > 0.95
    assert model.classes_.tolist() == sorted(set(NAMES))
    assert model.n_iter_ == len(model.loss_curve_) == 200
    assert model.loss_ == model.loss_curve_[-1] == model.best_loss_ < model.loss_curve_[0]
    assert (model.t_, model.n_outputs_, model.n_features_in_) == (150 * 200, 3, 4)
    probabilities = model.predict_proba(X)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert np.exp(model.predict_log_proba(X)) == pytest.approx(probabilities)
    assert (model.classes_[probabilities.argmax(axis=1)] == model.predict(X)).all()


def test_numbers_far_from_the_order_of_1_are_learned():
    model = regressor(max_iter=150).fit(X_REAL, Y_REAL)
    assert model.score(X_REAL, Y_REAL) > 0.5
    assert regressor(standardize_target=False).fit(X_REAL, Y_REAL).score(X_REAL, Y_REAL) < 0
    both = regressor(max_iter=150).fit(X_REAL, np.column_stack([Y_REAL, -Y_REAL]))
    assert both.predict(X_REAL[:3]).shape == (3, 2)
    assert both.score(X_REAL, np.column_stack([Y_REAL, -Y_REAL])) > 0.5


def test_constant_targets_and_one_class():
    assert regressor().fit(X, np.full(150, 7.0)).predict(X) == pytest.approx(7, abs=1)
    assert set(classifier().fit(X, ["one"] * 150).predict(X)) == {"one"}


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "tanh", "hidden_layer_sizes": (20, 10)},
        {"activation": "logistic", "hidden_layer_sizes": 30, "learning_rate_init": 0.02},
        {"activation": "identity"},
        {"hidden_layer_sizes": ()},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate_init": 0.1, "nesterovs_momentum": False},
        {"solver": "sgd", "learning_rate_init": 0.3, "momentum": 0},
        {"solver": Momentum(0.05), "batch_size": 50},
        {"solver": Adam(Cosine(0.03, steps=40))},
    ],
)
def test_the_usual_settings(settings):
    model = classifier(**{"max_iter": 40, "learning_rate_init": 0.01, **settings}).fit(X, Y)
    assert model.score(X, Y) > 0.85


def test_the_penalty_is_that_of_mlp():
    """On one batch, with the same first weights, ours and MLP take the same steps."""
    how = {"hidden_layer_sizes": (5,), "alpha": 3.0, "max_iter": 30, "tol": 0.0}
    how |= {"solver": "sgd", "learning_rate_init": 0.05, "shuffle": False}
    theirs = MLPClassifier(**how, random_state=1).fit(X, Y)
    start = MLPClassifier(**{**how, "max_iter": 1, "learning_rate_init": 1e-12}, random_state=1)
    start.fit(X, Y)

    def same_start(n_features, n_outputs, rng):
        pairs = zip(start.coefs_, start.intercepts_, strict=True)
        first, last = (Affine(W.copy(), b.copy()) for W, b in pairs)
        return Network([first, Relu(), last])

    ours = classifier(**how, network=same_start).fit(X, Y)
    for name, W in zip(("W1", "W2", "b1", "b2"), theirs.coefs_ + theirs.intercepts_, strict=True):
        assert ours.network_.params[name] == pytest.approx(W, rel=1e-6, abs=1e-8)


def test_a_network_of_ones_own():
    model = classifier(network=blocks, max_iter=60, learning_rate_init=0.01).fit(X, NAMES)
    assert model.score(X, NAMES) > 0.9
    assert (model.predict(X) == model.predict(X)).all()
    model = regressor(network=robust, max_iter=60, learning_rate_init=0.01).fit(X_REAL, Y_REAL)
    assert model.score(X_REAL, Y_REAL) > 0.4


@pytest.mark.parametrize("make", [classifier, lambda: classifier(network=blocks), regressor])
def test_the_same_seed_gives_the_same_bits(make):
    a, b = (make().fit(X, Y) for _ in range(2))
    assert same(a, b)
    assert a.loss_curve_ == b.loss_curve_
    assert not same(a, make().set_params(random_state=1).fit(X, Y))
    assert same(clone(a).fit(X, Y), a)


@pytest.mark.parametrize("make", [lambda: classifier(network=blocks), regressor])
def test_what_is_fitted_survives_pickle_and_goes_on(make):
    model = make().fit(X, Y)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (twin.predict(X) == model.predict(X)).all()
        assert twin.network_ is not model.network_
        # a step further is the same step, in both
        original = pickle.loads(pickle.dumps(model))
        for _ in range(3):
            twin.partial_fit(X, Y)
            original.partial_fit(X, Y)
        assert same(twin, original)
        assert not same(twin, model)


def test_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), classifier())
    grid = {
        "clearpropclassifier__hidden_layer_sizes": [(5,), (20,)],
        "clearpropclassifier__learning_rate_init": [1e-4, 0.05],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, NAMES)
    assert search.best_params_["clearpropclassifier__learning_rate_init"] == 0.05
    assert search.score(X, NAMES) > 0.9
    assert cross_val_score(regressor(max_iter=60), X_REAL, Y_REAL, cv=2).min() > 0.2


def test_an_optimizer_is_cloned_and_left_as_it_was():
    adam = Adam(0.05)
    model = classifier(solver=adam).fit(X, Y)
    assert (adam.step_count, model.optimizer_.step_count) == (0, 20)
    assert repr(clone(model)) == repr(model)


def test_its_page_in_a_notebook():
    assert "ClearpropClassifier" in classifier(network=blocks)._repr_html_()
    assert repr(ClearpropClassifier()) == "ClearpropClassifier()"
    assert repr(ClearpropRegressor((5,), "tanh", alpha=1)) == (
        "ClearpropRegressor(activation='tanh', alpha=1, hidden_layer_sizes=(5,))"
    )


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("settings", [{}, {"solver": "sgd", "alpha": 1.0}])
def test_weights_count_as_repetitions(make, settings):
    counts = np.random.default_rng(0).integers(0, 4, 150)
    weighted = make(batch_size=10**4, **settings)
    with pytest.warns(UserWarning, match="all are taken"):
        weighted.fit(X, Y, sample_weight=counts)
    with pytest.warns(UserWarning, match="all are taken"):
        repeated = make(batch_size=10**4, **settings).fit(X.repeat(counts, 0), Y.repeat(counts))
    for name, W in repeated.network_.params.items():
        assert weighted.network_.params[name] == pytest.approx(W, rel=1e-6, abs=1e-9)
    assert weighted.loss_curve_ == pytest.approx(repeated.loss_curve_)


def test_weights_count_in_batches_of_one_sample():
    """Where the loss were divided by the weights of the batch, they would be of no effect."""
    weights = np.where(Y == 0, 1e-3, 1.0)
    model = classifier(batch_size=1, max_iter=2, solver="sgd").fit(X, Y, sample_weight=weights)
    shares = model.predict_proba(X).mean(axis=0)
    assert shares[0] < shares[1:].min()


def test_class_weights_are_weights_of_samples():
    few = np.concatenate([np.flatnonzero(Y == 0)[:5], np.flatnonzero(Y != 0)])
    x, y = X[few], NAMES[few]
    each = dict(zip(sorted(set(NAMES)), (2.0, 1.0, 0.5), strict=True))
    a = classifier(class_weight=each).fit(x, y)
    b = classifier().fit(x, y, sample_weight=[each[name] for name in y])
    assert same(a, b)
    balanced = classifier(class_weight="balanced").fit(x, y)
    counts = {name: np.mean(y == name) for name in each}
    b = classifier().fit(x, y, sample_weight=[1 / 3 / counts[name] for name in y])
    for name, W in b.network_.params.items():
        assert balanced.network_.params[name] == pytest.approx(W, rel=1e-6, abs=1e-9)


def test_partial_fit_goes_on():
    rng = np.random.default_rng(0)
    model = classifier(learning_rate_init=0.02)
    for _ in range(40):
        rows = rng.permutation(150)[:50]
        model.partial_fit(X[rows], NAMES[rows], classes=sorted(set(NAMES)))
    assert model.score(X, NAMES) > 0.9
    assert len(model.loss_curve_) == 40
    assert (model.t_, model.n_iter_, model.optimizer_.step_count) == (2000, 1, 40)
    model = regressor(learning_rate_init=0.02)
    for _ in range(40):
        model.partial_fit(X_REAL, Y_REAL)
    assert model.score(X_REAL, Y_REAL) > 0.4


def test_partial_fit_of_classes_that_come_late():
    model = classifier().partial_fit(X[:50], NAMES[:50], classes=np.unique(NAMES))
    model.partial_fit(X, NAMES, sample_weight=np.arange(150) + 1)
    assert len(model.classes_) == 3
    with pytest.raises(LabelError, match="not those of before"):
        model.partial_fit(X, NAMES, classes=["a", "b"])
    with pytest.raises(LabelError, match="rose"):
        model.partial_fit(X[:1], ["rose"])
    with pytest.raises(ConfigError, match="classes"):
        classifier().partial_fit(X, Y)
    with pytest.raises(ConfigError, match="early_stopping"):
        classifier(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2])


def test_partial_fit_is_an_epoch_of_fit():
    a = classifier(max_iter=1, dtype="float64").fit(X, Y)
    b = classifier(dtype="float64").partial_fit(X, Y, classes=[0, 1, 2])
    for name, W in a.network_.params.items():
        assert b.network_.params[name] == pytest.approx(W, rel=1e-9, abs=1e-9)


def test_warm_start_goes_on():
    model = classifier(warm_start=True)
    first = model.fit(X, Y).loss_
    network = model.network_
    assert model.fit(X, Y).network_ is network
    assert model.loss_ < first
    assert (len(model.loss_curve_), model.n_iter_) == (40, 20)
    assert model.set_params(warm_start=False).fit(X, Y).network_ is not network
    assert model.loss_ == first


def test_early_stopping_keeps_the_best():
    how = {"early_stopping": True, "n_iter_no_change": 5, "validation_fraction": 0.3}
    model = classifier(max_iter=500, **how).fit(X, Y)
    scores = model.validation_scores_
    assert len(scores) == model.n_iter_ == len(model.loss_curve_) < 500
    assert model.best_validation_score_ == max(scores)
    assert model.best_loss_ is None
    assert model.n_iter_ - np.argmax(scores) >= 5
    # what is kept is the best, not the last
    best = classifier(**{**model.get_params(), "max_iter": int(np.argmax(scores)) + 1}).fit(X, Y)
    assert same(best, model)
    weighted = clone(model).fit(X, Y, sample_weight=1 + Y)
    assert weighted.n_iter_ < 500
    model = regressor(early_stopping=True, max_iter=300, learning_rate_init=0.01)
    assert 0.2 < model.fit(X_REAL, Y_REAL).best_validation_score_ < 1


def test_training_ends_when_the_loss_no_longer_falls():
    model = classifier(tol=0.5, n_iter_no_change=3, max_iter=50).fit(X, Y)
    assert model.n_iter_ < 20
    assert model.validation_scores_ is None
    how = {"solver": "sgd", "max_iter": 100, "learning_rate_init": 0.5}
    adaptive = classifier(tol=0.5, n_iter_no_change=2, learning_rate="adaptive", **how).fit(X, Y)
    assert adaptive.optimizer_.lr < 1e-5
    inverse = classifier(learning_rate="invscaling", **how).fit(X, Y)
    assert inverse.optimizer_.lr == pytest.approx(0.5 / (inverse.t_ + 1) ** 0.5)


def test_a_planned_rate_falls_to_the_end():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it ends as planned, converged or not
        how = {"learning_rate": "cosine", "learning_rate_init": 0.02, "max_iter": 30}
        model = classifier(tol=10, n_iter_no_change=1, **how).fit(X, Y)
    assert model.n_iter_ == 30
    assert model.optimizer_.lr(1) == 0.02
    assert model.optimizer_.lr(model.optimizer_.step_count) < 0.001
    with pytest.raises(ConfigError, match="partial_fit has no end"):
        model.partial_fit(X, Y)


def test_a_fit_that_has_not_converged_says_so():
    with pytest.warns(ConvergenceWarning, match="max_iter=2 epochs"):
        classifier(max_iter=2).fit(X, Y)


def test_the_precision():
    def dtype(x, **settings):
        model = classifier(max_iter=1, **settings).fit(x, np.resize(Y, len(x)))
        return model.network_.params["W1"].dtype

    assert dtype(X) == np.float64
    assert dtype(X.astype(np.float32)) == np.float32
    assert dtype(np.tile(X, (10, 1))) == np.float32
    assert dtype(np.tile(X, (10, 1)), dtype="float64") == np.float64
    assert dtype(X, dtype=np.float32) == np.float32
    for given in (np.float32, np.float64):
        assert classifier(dtype="float32").fit(X, Y).predict_proba(X.astype(given)).dtype == given


def test_progress_is_told_where_it_is_asked_for(capsys):
    classifier(verbose=True).fit(X, Y)
    assert "epoch" in capsys.readouterr().err
    classifier().fit(X, Y)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden_layer_sizes": (5, 0)}, r"hidden_layer_sizes must be .*\(5, 0\)"),
        ({"activation": "step"}, "activation must be one of identity, logistic, tanh, relu"),
        ({"solver": "lbfgs"}, "solver must be .* an Optimizer"),
        ({"alpha": -1}, "alpha must be a number of 0 or more, got -1"),
        ({"batch_size": 0}, 'batch_size must be "auto" or'),
        ({"learning_rate": 0.1}, "learning_rate must be"),
        ({"learning_rate_init": 0}, "learning_rate_init must be a number above 0"),
        ({"max_iter": True}, "max_iter must be a whole number"),
        ({"validation_fraction": 1.0}, "validation_fraction must be"),
        ({"n_iter_no_change": 0.5}, "n_iter_no_change must be"),
        ({"early_stopping": "yes"}, "early_stopping must be True or False"),
        ({"network": 3}, "network must be a function"),
        ({"network": TwoLayerNet(2, 3, 2)}, "a generator that makes a network, or None, got"),
        ({"dtype": "int8"}, "dtype must be"),
        ({"network": lambda *_: None}, "must return a Network, and it gave None"),
        ({"network": lambda n, k, rng: blocks(n, k + 1, rng)}, "asked for 3 outputs"),
        ({"class_weight": {0: 0, 1: 1, 2: 1}}, "weights must be above 0"),
    ],
)
def test_settings_that_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        classifier(**settings).fit(X, Y)


def test_data_that_is_refused():
    with pytest.raises(ValueError, match="zero"):
        classifier().fit(X, Y, sample_weight=np.zeros(150))
    with pytest.raises(ValueError, match="egative"):
        classifier().fit(X, Y, sample_weight=-np.ones(150))
    with pytest.raises(DataError, match="sets aside 1 of 10 samples"):
        regressor(early_stopping=True).fit(X[:10], Y[:10])
    with pytest.raises(NotFittedError):
        classifier().predict(X)
    with pytest.raises(NonFiniteError, match="learning rate smaller than 1e"):
        regressor(solver="sgd", learning_rate_init=1e6).fit(X, Y)


def test_losses_that_do_not_serve_are_refused():
    class Quiet(Huber):
        score_name = ""

    def quiet(n_features, n_outputs, rng):
        return Network([Affine.from_sizes(n_features, n_outputs, rng=rng)], Quiet())

    with pytest.raises(ConfigError, match="gives a score"):
        regressor(network=quiet, early_stopping=True).fit(X, Y)

    def of_yes_and_no(n_features, n_outputs, rng):
        return Network([Affine.from_sizes(n_features, n_outputs, rng=rng)], SigmoidWithLoss())

    with pytest.raises(ValueError, match="SigmoidWithLoss"):
        classifier(network=of_yes_and_no).fit(X, Y)


def test_without_scikit_learn_the_package_is_named():
    program = """
import sys
sys.modules["sklearn"] = None
import clearprop
from clearprop.errors import MissingPackageError
try:
    import clearprop.sklearn
except MissingPackageError as error:
    print(error)
"""
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert 'pip install "clearprop[sklearn]"' in said


def test_batches_of_one_are_not_learned_from_where_they_are_normalised():
    x, y = np.tile(X, (2, 1))[:201], np.tile(NAMES, 2)[:201]
    classifier(network=blocks, max_iter=1).fit(x, y)  # "auto" would be 200
    model = classifier(network=blocks, max_iter=1, batch_size=100).fit(x[:200], y[:200])
    before = copy.deepcopy(model.network_.params)
    with pytest.raises(ConfigError, match=r"201 samples in batches of 100.*use batches of 99"):
        model.partial_fit(x, y)
    with pytest.raises(ConfigError, match=r"201 samples in batches of 100.*use batches of 99"):
        model.set_params(warm_start=True).fit(x, y)
    assert all(np.array_equal(model.network_.params[n], before[n]) for n in before)


@pytest.mark.parametrize("factor", [2.0**532, 2.0**-548, 2.0**1000])
def test_targets_of_any_order_are_learned_alike(factor):
    usual = regressor(max_iter=3).fit(X_REAL, Y_REAL)
    other = regressor(max_iter=3).fit(X_REAL, Y_REAL * factor)
    assert same(usual, other)
    np.testing.assert_array_equal(other.predict(X_REAL), usual.predict(X_REAL) * factor)


@pytest.mark.parametrize(
    "changed",
    [
        {"hidden_layer_sizes": (5,)},
        {"activation": "tanh"},
        {"network": robust},
        {"dtype": "float32"},
        {"standardize_target": False},
    ],
)
def test_a_network_that_is_gone_on_with_is_the_one_that_was_asked_for(changed):
    model = regressor(max_iter=1, warm_start=True, hidden_layer_sizes=[7]).fit(X_REAL, Y_REAL)
    model.set_params(hidden_layer_sizes=(7,), max_iter=2).fit(X_REAL, Y_REAL)
    before = copy.deepcopy(model.network_.params)
    model.set_params(**changed)
    for go_on in model.fit, model.partial_fit:
        with pytest.raises(ConfigError, match=f"{next(iter(changed))} was .* when the network was"):
            go_on(X_REAL, Y_REAL)
    assert all(np.array_equal(model.network_.params[n], before[n]) for n in before)
    model.set_params(warm_start=False, max_iter=1).fit(X_REAL, Y_REAL)
    assert model.set_params(warm_start=True).fit(X_REAL, Y_REAL)
