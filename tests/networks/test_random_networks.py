"""Networks at random, run in every mode; see `random_checks` for what must hold.

`CLEARPROP_RANDOM_NETWORKS=500` checks so many of them, and larger ones.
"""

import os
import threading
import warnings

import numpy as np
import pytest
from random_checks import Checks, check, difference, failure, named
from random_layers import BookRelu, Branching, D, Lazy, Level, Plain, Temperature, Weights
from random_networks import GLUE, LAYERS, Own, Recipe, Step, batch, network, random_recipe

from clearprop import Affine, Embedding, Layer, Network, Variable, compile
from clearprop.errors import LabelError
from clearprop.training import SGD
from clearprop.training.step import layered_step

LONG = int(os.environ.get("CLEARPROP_RANDOM_NETWORKS", "0"))


@pytest.mark.parametrize("part", range(4))
def test_random_networks(part):
    count, size = (LONG, 9) if LONG else (24, 3)
    for seed in range(part, count, 4):
        check(random_recipe(seed, size))


@pytest.mark.parametrize("kind", [*LAYERS, *GLUE, "again", "sharing", "tied", "mixed", "split"])
def test_each_kind_alone(kind):
    steps = (Step("affine"), Step(kind, 0, 1), Step("tanh"))
    check(Recipe(3, steps))


def test_a_failure_is_told_by_its_smallest_network(monkeypatch):
    right = LAYERS["tanh"]

    class Wrong(type(right(None))):
        def backward(self, dout):
            return 1.5 * super().backward(dout)

    monkeypatch.setitem(LAYERS, "tanh", lambda w: Wrong())
    steps = (Step("gain"), Step("block", 0, 0, (Step("relu"), Step("tanh"))), Step("add", 0, 1))
    with pytest.raises(AssertionError, match="in slopes") as caught:
        check(Recipe(1, (Step("affine"), *steps), losses=("huber", "softmax"), optimizer="Adam"))
    recipe = eval(str(caught.value).splitlines()[-1], {"Recipe": Recipe, "Step": Step})
    assert "tanh" in repr(recipe)
    assert not any(name in repr(recipe) for name in ("relu", "add", "Adam", "huber"))
    assert len(recipe.steps) <= 2  # with a parameter before it
    assert failure(recipe) is not None


def around(*middle, **more):
    w = Weights(5, np.float64)
    return Network([Affine(w(D, D), w(D)), *middle, Affine(w(D, D), w(D))], **more)


def after_steps(make, n=3):
    """Parameters and state after some steps, as written and compiled."""
    found = []
    for step_of in (layered_step, compile):
        net = make()
        step = step_of(net, SGD(0.1))
        for seed in range(n):
            step(*batch(Recipe(0, ()), 4, seed))
        found.append({**net.params, **net.states})
    return found


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert difference(a[name], b[name]) < 1e-12, name


def test_the_new_state_of_a_layer_as_written_is_asked_for_while_it_holds_what_it_kept():
    assert_same(*after_steps(lambda: around(Branching(Weights(1, np.float64)(D, D)))))


def test_a_layer_as_written_keeps_its_state_where_nothing_reads_its_output():
    class Aside(Network):
        def __init__(self):
            super().__init__()
            self.fc, self.aside = Affine(np.eye(D), np.zeros(D)), Branching(np.eye(D))

        def forward(self, x):
            self.aside(x)
            return self.fc(x)

    assert_same(*after_steps(Aside))


def test_a_layer_as_written_that_runs_twice():
    class Twice(Network):
        def __init__(self):
            super().__init__()
            self.fc, self.relu = Affine(np.eye(D) - 0.1, np.zeros(D)), BookRelu()

        def forward(self, x):
            return self.fc(self.relu(0.3 - self.fc(self.relu(x)))) + x

    assert_same(*after_steps(Twice))


def test_nothing_runs_twice_where_scalars_before_it_merge():
    """Scalars that merge, and one that sinks, once left the forward pass there twice."""
    choosing, branching = LAYERS["choosing"](None), Branching(np.eye(D))
    net = Network([choosing, choosing, branching, Affine(np.eye(D), np.zeros(D))])
    step = compile(net, SGD(0.1, clip_norm=0.5))
    step(*batch(Recipe(0, ()), 4, 0))
    assert step.source.count("Branching1.evaluate(") == step.source.count("np.exp(") == 1


@pytest.mark.parametrize("kind", [Lazy, Level])
def test_state_that_is_made_by_the_first_step(kind):
    assert_same(*after_steps(lambda: around(kind())))


def test_state_that_only_infer_reads():
    class Remembering(Layer):
        state = ("mean",)

        def __init__(self):
            self.mean = np.zeros(D)

        def forward(self, x):
            self.mu = x.mean(axis=0)
            return x + 0.0

        def infer(self, x):
            return x - self.mean

        def backward(self, dout):
            return dout

        def next_state(self):
            return self.mu

    assert_same(*after_steps(lambda: around(Remembering())))


def test_state_of_two_layers_is_not_one_array():
    one, two = Lazy(), Lazy()
    compile(around(one, two), SGD(0.1))(*batch(Recipe(0, ()), 4, 0))
    assert not np.shares_memory(one.mean, two.mean)


def test_state_is_a_copy_that_can_be_written_into():
    x, t = batch(Recipe(0, ()), 4, 0)
    lazy = Lazy()
    Network([lazy]).gradient(x, t)
    assert not np.shares_memory(lazy.h, x)
    lazy.h *= 0.5
    assert x.flags.writeable


@pytest.mark.parametrize("step_of", [layered_step, compile])
def test_a_batch_stays_writable(step_of):
    x, t = batch(Recipe(0, ()), 4, 0)
    step_of(Network([Lazy(), Affine(np.eye(D), np.zeros(D))]), SGD(0.1))(x, t)
    x[...] = 0


def test_a_shared_parameter_that_is_assigned_between_compiled_steps():
    def make():
        W = Weights(1, np.float64)(D, D)
        return around(Affine(W, np.zeros(D)), Affine(W, np.ones(D)))

    written, compiled = make(), make()
    steps = layered_step(written, SGD(0.1)), compile(compiled, SGD(0.1))
    for seed in range(3):
        for net, step in zip((written, compiled), steps, strict=True):
            net.params["W2"] = net.params["W2"] * 0.9
            step(*batch(Recipe(0, ()), 4, seed))
    assert_same({**written.params}, {**compiled.params})


def test_class_numbers_stay_class_numbers_in_differences():
    class Looking(Network):
        def __init__(self):
            super().__init__()
            self.words = Embedding(Weights(1, np.float64)(5, D))

        def forward(self, idx):
            assert idx.dtype.kind == "i"
            return self.words(idx)

    net, idx = Looking(), np.array([1, 4, 1])
    found, expected = net.gradient(idx, idx % D), net.numerical_gradient(idx, idx % D)
    assert difference(found["words.W"], expected["words.W"]) < 1e-7


def test_class_numbers_over_a_data_set():
    idx = np.arange(5)
    make = lambda: Network([Embedding(Weights(1, np.float64)(5, D))])  # noqa: E731
    a, b = make(), make()
    layered_step(a, SGD(0.1))(idx[:3], idx[:3] % D)
    compile(b, SGD(0.1)).over(idx, idx % D)(np.arange(3))
    assert_same({**a.params}, {**b.params})
    with pytest.raises(LabelError):
        compile(b, SGD(0.1)).over(idx + 1, idx % D)(np.arange(3))


def test_noise_twice_in_a_chain_before_it_is_drawn():
    again = LAYERS["dropout"](None)
    x, t = batch(Recipe(0, ()), 4, 0)
    assert around(again, again).gradient(x, t).keys() == {"W1", "b1", "W2", "b2"}


def test_a_layer_that_writes_in_place_can_be_summarised_and_predicts_on_the_graph():
    x, _ = batch(Recipe(0, ()), 4, 0)
    net = around(BookRelu())
    assert "BookRelu1" in str(net.summary(x))
    v = Variable(x)
    y = net.predict(v)
    y.backward(np.ones(y.shape))
    assert v.grad.shape == x.shape


def test_a_layer_that_a_holder_with_a_backward_and_the_chain_both_use():
    w = Weights(1, np.float64)
    affine = Affine(w(D, D), w(D))
    net, (x, t) = around(Own([affine]), affine), batch(Recipe(0, ()), 4, 0)
    found, expected = net.gradient(x, t), net.numerical_gradient(x, t)
    assert all(difference(found[name], expected[name]) < 1e-7 for name in found)


def test_a_setting_of_a_layer_that_a_holder_and_the_chain_both_use():
    def make():
        leaky = LAYERS["leaky"](Weights(1, np.float64))
        return around(leaky, Own([leaky]))

    written, compiled = make(), make()
    steps = layered_step(written, SGD(0.1)), compile(compiled, SGD(0.1))
    for seed in range(3):
        for net, step in zip((written, compiled), steps, strict=True):
            net.layers["Leaky1"].slope = 0.2 * seed
            step(*batch(Recipe(0, ()), 4, seed))
    assert_same({**written.params}, {**compiled.params})


def test_layers_without_backward_inside_an_own_backward():
    w = Weights(1, np.float64)
    net = around(Own([Plain(w(D, D), w(D)), Temperature(2.0, w(D))]))
    x, t = batch(Recipe(0, ()), 4, 0)
    found, expected = net.gradient(x, t), net.numerical_gradient(x, t)
    assert all(difference(found[name], expected[name]) < 1e-7 for name in found)


@pytest.mark.parametrize("step_of", [layered_step, compile])
def test_a_step_that_fails_leaves_state_and_generator(step_of):
    recipe = Recipe(2, tuple(map(Step, ("batchnorm", "jitter", "cell", "branching", "lazy"))))
    checks = Checks(recipe)
    net, opt = network(recipe), SGD(0.1, clip_norm=1.0)
    step = step_of(net, opt)
    for x, t in checks.batches:
        checks.failing(net, opt, step, x, t)
        step(x, t)


def test_clipping_a_parameter_without_axes():
    gain = LAYERS["gain"]
    found = []
    for step_of in (layered_step, compile):
        net = around(gain(Weights(1, np.float64)))
        step_of(net, SGD(0.1, clip_norm=0.1))(*batch(Recipe(0, ()), 4, 0))
        found.append({**net.params})
    assert_same(*found)


@pytest.mark.parametrize("seed", range(4))
def test_several_threads_at_once(seed):
    """Whatever looks, and compiled objects, give each thread the right numbers."""
    kinds = ("dropout", "batchnorm", "jitter", "book relu", "centred", "branching", "again")
    recipe = Recipe(seed, (Step("block", 0, 0, tuple(map(Step, kinds))), Step("affine")))
    net = network(recipe)
    batches = [batch(recipe, 4, i) for i in range(4)]
    net.gradient(*batches[0])
    fast = compile(net)

    def work(i):
        x, t = batches[i]
        slopes = net.numerical_gradient(x, t)["last.0.b"] if i == 0 else 0
        return [net.loss(x, t), *named(net.predict(x)).values(), fast(x), slopes]

    expected = [work(i) for i in range(4)]
    wrong = in_threads(lambda i: compare(work(i % 4), expected[i % 4]), 8)
    assert not wrong


def compare(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def in_threads(work, n):
    """What went wrong when many threads did something several times over."""
    wrong = []

    def several(i):
        try:
            with warnings.catch_warnings():
                for _ in range(4):
                    work(i)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=several, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def test_compiled_steps_from_several_threads_are_taken_one_by_one():
    """Each step is whole: with one batch, their order does not matter."""
    recipe = Recipe(1, tuple(map(Step, ("batchnorm", "gelu", "branching"))))
    one, many = network(recipe), network(recipe)
    x, t = batch(recipe, 4, 0)
    step, taken = compile(one, SGD(0.05)), compile(many, SGD(0.05))
    for _ in range(16):
        step(x, t)
    assert not in_threads(lambda i: taken(x, t), 4)
    assert_same({**one.params, **one.states}, {**many.params, **many.states})
