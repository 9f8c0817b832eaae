"""What holds of every optimiser that is exported; each is found by itself."""

import copy
import inspect

import numpy as np
import pytest

import clearprop.training
from clearprop import Variable
from clearprop.errors import ConfigError, NonFiniteError, ShapeError
from clearprop.training import SGD, Adam, AdamW, Momentum, Optimizer

ALL = [
    kind
    for kind in vars(clearprop.training).values()
    if inspect.isclass(kind) and issubclass(kind, Optimizer) and kind is not Optimizer
]
each = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)


class Frozen(dict):
    """Parameters some of which are not to be learned."""

    def __init__(self, arrays, frozen):
        super().__init__(arrays)
        self.frozen = frozen


def parameters(dtype=np.float64):
    rng = np.random.default_rng(0)
    shapes = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


def derivatives(params, seed):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(p.shape).astype(p.dtype) for name, p in params.items()}


def run(optimizer, params, steps=range(1, 6)):
    for step in steps:
        optimizer.update(params, derivatives(params, step))
    return params


def same(a, b):
    assert a.keys() == b.keys()
    return all(np.array_equal(a[name], b[name]) for name in a)


def as_it_is(optimizer, params):
    return copy.deepcopy((dict(params), optimizer.arrays, optimizer.step_count))


def test_they_are_found():
    assert {kind.__name__ for kind in ALL} >= {
        *("SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam", "AdamW")
    }


@each
def test_docstrings_say_rule_and_source(kind):
    assert kind.__module__.startswith("clearprop.training.optimizers.")
    assert all(word in kind.__doc__ for word in ("**Rule**", "Source:", "PyTorch", ">>>"))


@each
def test_it_goes_down_the_slope(kind):
    params = parameters()
    before = sum(float(np.sum(p * p)) for p in params.values())
    optimizer = kind(lr=0.01)
    for _ in range(20):
        optimizer.update(params, {name: 2 * p for name, p in params.items()})
    assert sum(float(np.sum(p * p)) for p in params.values()) < 0.95 * before


@each
@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1, "clip_norm": 1, "clip_value": 1}])
def test_float32_is_kept_by_the_formulas_themselves(kind, settings):
    optimizer, params = kind(**settings), parameters(np.float32)
    for group in optimizer.partition(params):
        for name in group.names:
            p = params[name]
            state = [np.full_like(p, 0.5) for _ in optimizer.state]
            numbers = optimizer.settings(group, 1)
            assert {type(number) for number in numbers.values()} == {float}
            (g,) = optimizer.clipped([np.ones_like(p)])
            for result in optimizer.formula(group)(p, g, *state, step=1.0, **numbers):
                assert result.dtype == np.float32
    run(optimizer, params)
    assert {a.dtype for a in (*params.values(), *optimizer.arrays.values())} == {np.dtype("f4")}


@each
def test_close_to_float64_in_float32(kind):
    single, double = run(kind(), parameters(np.float32)), run(kind(), parameters())
    for name in single:
        np.testing.assert_allclose(single[name], double[name], atol=1e-6)


@each
@pytest.mark.parametrize("name", ["W1", "b2"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("after", [0, 3])
def test_an_update_is_made_wholly_or_not_at_all(kind, name, bad, after):
    optimizer = kind(weight_decay=0.1)
    params = run(optimizer, parameters(), range(after))
    before, arrays = as_it_is(optimizer, params), dict(optimizer.arrays)
    grads = derivatives(params, 9)
    grads[name].flat[-1] = bad
    with pytest.raises(NonFiniteError, match=f"parameter {name}"):
        optimizer.update(params, grads)
    assert same(before[0], params)
    assert same(before[1], optimizer.arrays)
    assert optimizer.step_count == before[2] == after
    assert all(optimizer.arrays[key] is array for key, array in arrays.items())
    assert same(run(optimizer, params, [20]), run(*_again(kind, after), [20]))


def _again(kind, after):
    optimizer = kind(weight_decay=0.1)
    return optimizer, run(optimizer, parameters(), range(after))


@each
def test_the_formula_runs_on_variables_with_scalar_leaves(kind):
    optimizer, params = kind(weight_decay=0.1), parameters()
    run(optimizer, params)
    for group in optimizer.partition(params):
        formula, numbers = optimizer.formula(group), optimizer.settings(group, 6)
        for name in group.names:
            arrays = [optimizer.arrays[f"{s}.{name}"] for s in optimizer.state]
            inputs = [params[name], derivatives(params, 6)[name], *arrays]
            wanted = formula(*inputs, step=6.0, **numbers)
            leaves = {key: Variable(np.array(value)) for key, value in numbers.items()}
            found = formula(*map(Variable, inputs), step=Variable(np.array(6.0)), **leaves)
            assert len(found) == len(wanted) == 1 + len(optimizer.state)
            for v, array in zip(found, wanted, strict=True):
                np.testing.assert_allclose(v.data, array, rtol=1e-14)


@each
def test_a_saved_state_goes_on_bit_for_bit(kind):
    whole = kind(weight_decay=0.01)
    expected = run(whole, parameters(), range(1, 11))
    first = kind(weight_decay=0.01)
    params = run(first, parameters(), range(1, 6))
    kept = {key: array.copy() for key, array in first.arrays.items()}
    assert set(kept) == {f"{s}.{name}" for s in kind.state for name in params}
    second = kind(weight_decay=0.01)
    second.load(kept, first.step_count)
    run(first, copy.deepcopy(params), range(50, 60))  # goes its own way
    run(second, params, range(6, 11))
    assert same(expected, params)
    assert same(whole.arrays, second.arrays)
    assert second.step_count == whole.step_count == 10


@each
def test_a_state_is_loaded_into_the_arrays_that_are_there(kind):
    optimizer = kind()
    params = run(optimizer, parameters())
    held, kept = dict(optimizer.arrays), copy.deepcopy(optimizer.arrays)
    run(optimizer, params)
    optimizer.load(kept, 5)
    assert all(optimizer.arrays[key] is array for key, array in held.items())
    assert same(kept, optimizer.arrays)


@each
def test_state_belongs_to_one_set_of_parameters(kind):
    optimizer = kind()
    run(optimizer, parameters())
    assert optimizer.step_count == 5
    other = {"W1": np.ones((3, 5)), "c": np.ones(2)}
    if optimizer.state:
        s = optimizer.state[0]
        with pytest.raises(ConfigError, match=rf"{s}\.W1 .*\(3, 4\).*reset\(\)"):
            run(optimizer, other)
        with pytest.raises(ConfigError, match=rf"no {s}\.c; .*{s}\.b1 is not wanted"):
            run(optimizer, other)
        with pytest.raises(ConfigError, match=f"{s}.W1 is float64 .* for float32"):
            run(optimizer, parameters(np.float32))
    optimizer.reset()
    run(optimizer, other)
    assert optimizer.step_count == 5


@each
def test_a_first_update_that_failed_leaves_no_state(kind):
    optimizer, params = kind(), parameters()
    with pytest.raises(NonFiniteError):
        optimizer.update(params, {name: np.full_like(p, np.nan) for name, p in params.items()})
    assert (optimizer.arrays, optimizer.step_count) == ({}, 0)


@each
def test_groups_do_what_an_optimizer_of_their_own_would(kind):
    params, alone = parameters(), {name: parameters()[name] for name in ("b1", "b2")}
    settings = {"lr": 0.02, "weight_decay": 0.3}
    grouped = kind(decay="all", groups={"*": {"lr": 9.0}, "W*": {"lr": 0.5}, "b*": settings})
    own, rest = kind(decay="all", **settings), kind(lr=0.5, decay="all")
    others = {name: parameters()[name] for name in ("W1", "W2")}
    for step in range(1, 6):
        grads = derivatives(params, step)
        grouped.update(params, grads)
        own.update(alone, {name: grads[name] for name in alone})
        rest.update(others, {name: grads[name] for name in others})
    assert same(params, {"W1": others["W1"], "b1": alone["b1"], "W2": others["W2"], **alone})


@each
def test_frozen_parameters_are_left_alone(kind):
    frozen, free = Frozen(parameters(), {"W1", "b2"}), parameters()
    optimizer, other = kind(clip_norm=0.5), kind(clip_norm=0.5)
    for step in range(1, 6):
        grads = derivatives(free, step)
        kept = {name: grads[name] for name in ("b1", "W2")}
        optimizer.update(frozen, kept if step % 2 else grads)
        other.update({name: free[name] for name in kept}, kept)
    assert same(frozen, {**parameters(), "b1": free["b1"], "W2": free["W2"]})
    assert {n for g in optimizer.partition(frozen) for n in g.names} == {"b1", "W2"}
    frozen.frozen = set()  # thawed, they are learned from then on
    run(optimizer, frozen)
    assert not np.array_equal(frozen["W1"], free["W1"])
    with pytest.raises(ShapeError, match="no derivative for W1"):
        optimizer.update(frozen, kept)


@each
@pytest.mark.parametrize(
    ("decay", "names"),
    [
        ("weights", {"W1", "W2"}),
        ("all", {"W1", "b1", "W2", "b2"}),
        (["b?"], {"b1", "b2"}),
        (("W1", "b2"), {"W1", "b2"}),
    ],
)
def test_which_parameters_decay(kind, decay, names):
    params, zero = parameters(), {name: np.zeros_like(p) for name, p in parameters().items()}
    kind(lr=0.1, weight_decay=0.1, decay=decay).update(params, zero)
    before = parameters()
    changed = {n for n in params if not np.array_equal(params[n], before[n])}
    assert changed == names
    assert all((np.sign(before[n] - params[n]) == np.sign(before[n])).all() for n in names)


@each
def test_decay_is_a_term_of_the_derivative_or_its_own(kind):
    decayed, params = kind(weight_decay=0.1, decay="all"), parameters()
    plain, expected = kind(weight_decay=0.0), parameters()
    for step in range(1, 6):
        grads = derivatives(params, step)
        decayed.update(params, grads)
        if issubclass(kind, AdamW):
            expected = {n: p - plain.lr * 0.1 * p for n, p in expected.items()}
        else:
            grads = {n: g + 0.1 * expected[n] for n, g in grads.items()}
        plain.update(expected, grads)
    assert same(params, expected)


@each
def test_clipping_comes_before_the_formula(kind):
    clipping, params = kind(clip_value=0.7, clip_norm=0.5), parameters()
    plain, expected = kind(), parameters()
    for step in range(1, 6):
        grads = derivatives(params, step)
        clipping.update(params, grads)
        grads = {n: np.clip(g, -0.7, 0.7) for n, g in grads.items()}
        norm = np.sqrt(sum(np.sum(g**2) for g in grads.values()))
        plain.update(expected, {n: g * min(0.5 / (norm + 1e-6), 1) for n, g in grads.items()})
    for name in params:
        np.testing.assert_allclose(params[name], expected[name], rtol=1e-12)


@each
def test_plain_numbers_stay_plain(kind):
    params = {"x": 1, "y": np.float32(1), "z": np.array(1.0)}
    optimizer = kind(lr=0.1)
    for _ in range(3):
        optimizer.update(params, {"x": 1, "y": True, "z": np.int8(100)})
    assert [type(value) for value in params.values()] == [float, np.float32, np.ndarray]
    assert all(value < 1 for value in params.values())


@each
def test_a_schedule_gives_each_step_its_rate(kind):
    scheduled, params = kind(lr=lambda step: 0.1 / step), parameters()
    by_hand, expected = kind(), parameters()
    for step in range(1, 6):
        scheduled.update(params, derivatives(params, step))
        by_hand.lr = 0.1 / step
        by_hand.update(expected, derivatives(expected, step))
    assert same(params, expected)


@each
def test_every_number_is_checked_and_named(kind):
    optimizer = kind()
    for name in (*kind.hyperparameters, "weight_decay", "clip_value", "clip_norm"):
        for bad in (-0.1, np.nan, np.inf, True, "0.1", 1j, np.ones(1)):
            with pytest.raises(ConfigError, match=name):
                kind(**{name: bad})
            with pytest.raises(ConfigError, match=name):
                setattr(optimizer, name, bad)
            if name in (*kind.hyperparameters, "weight_decay"):
                with pytest.raises(ConfigError, match=name):
                    kind(groups={"W*": {name: bad}})
                late = kind(**{name: lambda step, bad=bad: bad if step > 1 else 0.5}, decay="all")
                params = run(late, parameters(), [1])
                before = as_it_is(late, params)
                with pytest.raises(ConfigError, match=f"{name} at step 2 must be"):
                    run(late, params, [2])
                assert same(before[0], params)
                assert same(before[1], late.arrays)
    assert repr(optimizer) == repr(kind())


@each
def test_shares_of_one_or_more_are_refused(kind):
    for name in set(kind.hyperparameters) - {"lr", "eps"}:
        with pytest.raises(ConfigError, match=f"{name} must be a number from 0 to less than 1"):
            kind(**{name: 1})


@each
def test_repr_makes_the_same_again(kind):
    made = kind(
        *(0.5 for _ in kind.hyperparameters), weight_decay=0.25, clip_norm=2,
        decay="all", groups={"b*": {"lr": 0.1, "weight_decay": 0}},
    )  # fmt: skip
    again = eval(repr(made), vars(clearprop.training))
    assert repr(again) == repr(made)
    assert same(run(again, parameters()), run(made, parameters()))
    assert repr(kind()) == f"{kind.__name__}(lr={kind().lr})"


# What the formula of another person may do


class Own(Optimizer):
    hyperparameters = ("lr", "power")
    state = ("a", "b")

    @staticmethod
    def change(p, g, a, b, *, step, lr, power):
        a = a + np.abs(g) ** power
        return p - lr * g / (1 + a), a, b + 1 / step


def test_an_optimizer_of_ones_own():
    optimizer = Own(lr=0.1, power=0.5, groups={"b*": {"power": -1}})
    run(optimizer, parameters())
    assert repr(optimizer) == "Own(lr=0.1, power=0.5, groups={'b*': {'power': -1.0}})"
    np.testing.assert_allclose(optimizer.arrays["b.W1"], 1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5)
    with pytest.raises(ConfigError, match="Own needs power="):
        Own(lr=0.1)
    with pytest.raises(ConfigError, match="Own has no rate; it has lr, power"):
        Own(lr=0.1, power=1, rate=1)


def in_place(p, g, a, b, *, step, lr, power):
    a += g
    return p - lr * a, a, b


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (in_place, ValueError, "read-only"),
        (lambda p, g, a, b, **settings: p - g, ConfigError, "the new a, the new b; it gave 1"),
        (lambda p, g, a, b, **settings: (p - g, a), ConfigError, "it gave 2"),
        (lambda p, g, a, b, **settings: (p - g, a.sum(), b), ShapeError, r"gives a \(\) for .* W1"),
        (lambda p, g, a, b, **settings: (g[:1], a, b), ShapeError, "a parameter .* for .* W1"),
        (lambda p, g, a, b, **settings: (p, a, b / 0), NonFiniteError, "W1 .* in its state b"),
        (lambda p, g, a, b, **settings: (p * 1e400, a, b), NonFiniteError, "of parameter W1"),
    ],
)
def test_a_formula_that_is_wrong_changes_nothing(change, error, words):
    optimizer, params = Own(lr=0.1, power=1), parameters()
    run(optimizer, params)
    before = as_it_is(optimizer, params)
    optimizer.change = change
    with pytest.raises(error, match=words):
        run(optimizer, params)
    assert same(before[0], params)
    assert same(before[1], optimizer.arrays)
    assert optimizer.step_count == 5


def test_one_array_under_two_names_is_refused():
    W = np.ones((2, 2))
    with pytest.raises(ConfigError, match="parameters A and B are the same array"):
        SGD().update({"A": W, "B": W}, {"A": W, "B": W})


# Groups and decay


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"groups": {"conv*": {"lr": 1}}}, r"groups: .*'conv\*'; there are W1, b1, W2, b2"),
        ({"decay": ["W*", "X"]}, "decay: .*'X'"),
    ],
)
def test_a_pattern_that_fits_nothing_is_refused(settings, words):
    params = parameters()
    with pytest.raises(ConfigError, match=words):
        run(SGD(**settings), params)
    assert same(params, parameters())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"groups": {"b*": {"beta1": 0.5}}}, r"SGD has no beta1 in groups\['b\*'\]"),
        ({"groups": {"b*": 0.5}}, "groups must be like"),
        ({"groups": ["b*"]}, "groups must be like"),
        ({"decay": "W*"}, "decay must be"),
        ({"decay": 1}, "decay must be"),
    ],
)
def test_settings_of_groups_are_checked_at_once(settings, words):
    with pytest.raises(ConfigError, match=words):
        SGD(**settings)


def test_brackets_in_names_are_found():
    params = {"layers[0].W": np.ones(1), "layers[1].W": np.ones(1)}
    SGD(groups={"layers[0].W": {"lr": 0.5}}).update(params, {n: p * 1 for n, p in params.items()})
    assert params["layers[0].W"].tolist() == [0.5]


def test_groups_stand_in_the_order_of_their_first_parameters():
    optimizer = Adam(weight_decay=0.1, groups={"W2": {"lr": 1.0}, "?1": {"beta1": 0.5}})
    groups = [(g.names, g.patterns, g.decays) for g in optimizer.partition(parameters())]
    assert groups == [
        (("W1",), ("?1",), True),
        (("b1",), ("?1",), False),
        (("W2",), ("W2",), True),
        (("b2",), (), False),
    ]
    first, _, third, fourth = optimizer.partition(parameters())
    assert optimizer.settings(first, 1) == {
        "lr": 0.001, "beta1": 0.5, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.1
    }  # fmt: skip
    assert optimizer.settings(third, 1)["lr"] == 1.0
    optimizer.groups["W2"]["lr"] = 2.0  # settings are read anew
    optimizer.beta1 = 0.25
    assert optimizer.settings(third, 1)["lr"] == 2.0
    assert optimizer.settings(fourth, 1)["beta1"] == 0.25
    optimizer.groups["W2"]["lr"] = -2.0
    with pytest.raises(ConfigError, match="lr"):
        optimizer.settings(third, 1)


def test_the_structure_knows_the_operations_and_not_the_numbers():
    def change(**settings):
        optimizer = Momentum(weight_decay=0.1, clip_norm=1.0, groups={"b*": {"lr": 1.0}})
        before = optimizer.structure()
        hash(before)
        for name, value in settings.items():
            setattr(optimizer, name, value)
        return optimizer.structure() != before

    assert not change(lr=0.5, weight_decay=0.2, clip_norm=2.0, groups={"b*": {"lr": 2.0}})
    assert not change(lr=lambda step: 1.0)
    assert change(weight_decay=0.0)
    assert change(clip_norm=None)
    assert change(clip_value=1.0)
    assert change(decay="all")
    assert change(groups={})
    assert change(groups={"b*": {"weight_decay": 0.1}})
    assert change(groups={"b*": {"weight_decay": 0.0}})
    assert change(groups={"c*": {"lr": 1.0}})


# Clipping


def test_clipping_runs_on_variables():
    grads = [np.array([[3.0, -0.1]]), np.array([4.0])]
    for limits in ({"clip_norm": 1.0}, {"clip_value": 0.5}, {"clip_norm": 99.0, "clip_value": 2.0}):
        wanted = SGD(**limits).clipped(grads)
        found = SGD().clipped(
            list(map(Variable, grads)), **{n: Variable(np.array(x)) for n, x in limits.items()}
        )
        for v, array in zip(found, wanted, strict=True):
            np.testing.assert_allclose(v.data, array, rtol=1e-15)


def test_derivatives_that_are_small_stay_the_same_bits():
    grads = list(derivatives(parameters(), 1).values())
    for found, g in zip(SGD(clip_norm=1e6, clip_value=100).clipped(grads), grads, strict=True):
        assert np.array_equal(found, g)


def test_a_norm_that_overflows_is_refused_and_not_taken_for_a_step_of_nothing():
    params = {"W": np.ones(2, np.float32)}
    with pytest.raises(NonFiniteError, match="W"):
        SGD(clip_norm=1).update(params, {"W": np.full(2, 1e30, np.float32)})
    SGD(lr=1, clip_value=0.5).update(params, {"W": np.full(2, 1e30, np.float32)})
    assert params["W"].tolist() == [0.5, 0.5]


# States


@pytest.mark.parametrize(
    ("arrays", "step", "words"),
    [
        ({"m.W": np.zeros(2)}, 1, "no v.W"),
        ({"x.W": np.zeros(2)}, 1, "x.W is not wanted"),
        ({"m.W": np.zeros(2), "v.W": np.zeros(3)}, 1, r"v.W|m.W .* \(2,\) for float64 \(3,\)"),
        ({"m.W": np.zeros(2), "v.W": np.zeros(2, "f4")}, 1, "float32"),
        ({"m.W": np.zeros(2, int), "v.W": np.zeros(2, int)}, 1, "finite floats"),
        ({"m.W": np.zeros(2), "v.W": np.array([0, np.nan])}, 1, "v.W .*finite"),
        ({}, 3, "no state to load"),
        ({"m.W": np.zeros(2), "v.W": np.zeros(2)}, -1, "steps taken"),
        ({"m.W": np.zeros(2), "v.W": np.zeros(2)}, True, "steps taken"),
    ],
)
def test_states_that_do_not_fit_are_refused_by_name(arrays, step, words):
    for optimizer in (Adam(), Adam()):
        with pytest.raises(ConfigError, match=words):
            optimizer.load(arrays, step)
        assert (optimizer.arrays, optimizer.step_count) == ({}, 0)


def test_a_state_of_other_parameters_is_refused():
    optimizer, other = Adam(), Adam()
    run(optimizer, parameters())
    other.update({"W1": np.ones(2)}, {"W1": np.ones(2)})
    before = as_it_is(optimizer, {})
    with pytest.raises(ConfigError, match=r"no m.b1.*m.W1 is float64 \(2,\) for float64 \(3, 4\)"):
        optimizer.load(other.arrays, 1)
    assert same(before[1], optimizer.arrays)
    with pytest.raises(ConfigError, match=r"m\.W is not wanted|m\.W1 is not wanted"):
        SGD().load(other.arrays, 1)
    fresh = Adam()
    fresh.load(other.arrays, 1)  # for which parameters shows at the first update
    with pytest.raises(ConfigError, match=r"m\.b1"):
        run(fresh, parameters())


def test_an_optimizer_can_be_prepared_and_its_arrays_exchanged():
    """As a compiled step does, which lays them out in a vector."""
    optimizer, params = Momentum(), parameters()
    optimizer.prepare(params)
    assert not any(array.any() for array in optimizer.arrays.values())
    piece = optimizer.arrays["v.W1"] = np.zeros((3, 4))
    run(optimizer, params)
    assert optimizer.arrays["v.W1"] is piece
    assert piece.any()
    assert same(params, run(Momentum(), parameters()))
