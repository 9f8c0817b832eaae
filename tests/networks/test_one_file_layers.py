"""Layers that somebody writes in one file run everywhere: seen, explained, compiled, trained."""

import copy
import threading

import numpy as np
import pytest
from one_file_networks import CASES

import clearprop
from clearprop import Graph, Variable, compile, explain, graph
from clearprop.training import SGD, Momentum, Trainer
from clearprop.training.weights import load_weights, save_weights

CHECKS = []
AS_WRITTEN = {"embedding": ("OwnEmbedding1",), "two inputs": ("words",), "language": ("words",)}
"""By case the layers that run as written, rightly."""


def check(function):
    """Name a function as a check over all cases."""
    CHECKS.append(function)
    return function


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("function", CHECKS, ids=lambda f: f.__name__)
def test_one_file(function, name, tmp_path):
    make, x, t = CASES[name]
    arguments = {"name": name, "tmp_path": tmp_path}
    wanted = function.__code__.co_varnames[: function.__code__.co_argcount]
    function(make, x, t, **{k: v for k, v in arguments.items() if k in wanted})


# --- helpers -------------------------------------------------------------------------------------


def variables(x):
    """A batch as Variables."""
    if isinstance(x, tuple):
        return tuple(map(variables, x))
    return Variable(x, "x")


def other(x, seed):
    """Another batch of the same shape."""
    if isinstance(x, tuple):
        return tuple(other(part, seed + i) for i, part in enumerate(x))
    if x.dtype.kind != "f":
        return np.roll(x, seed, axis=0)
    return x + 0.3 * np.random.default_rng(seed).standard_normal(x.shape)


def batches(x, t, n=4):
    return [(other(x, i), t) for i in range(n)]


def values(net):
    """Parameters and state, copied."""
    return {k: np.array(v) for k, v in (*net.params.items(), *net.states.items())} | carried(net)


def carried(net):
    return {
        f"{name}.{attribute}": np.array(getattr(layer, attribute), dtype=float)
        for name, layer in net.members.layers.items()
        for attribute in getattr(layer, "carried", ())
    }


def assert_same(a, b, rtol=0.0, atol=0.0):
    assert a.keys() == b.keys()
    for k, value in a.items():
        np.testing.assert_allclose(value, b[k], rtol=rtol, atol=atol, err_msg=k)


def parts(y):
    return y if isinstance(y, tuple) else (y,)


def losses_of(make, x, t, steps):
    """A hand-written loop; gives the losses, and the network."""
    net, losses = make(), []
    for batch, labels in batches(x, t, steps):
        loss, grads = net.loss_and_gradient(batch, labels)
        for k, g in grads.items():
            net.params[k] -= 0.1 * g
        losses.append(float(loss))
    return losses, net


# --- the checks ----------------------------------------------------------------------------------


@check
def gradients_are_those_of_differences(make, x, t):
    net = make()
    for i, (batch, labels) in enumerate(batches(x, t, 2)):
        # once before `gradient`, too: the same, if nothing is kept or drawn
        again = i == 0 and not net.members.stateful and not net.members.noisy
        before = net.numerical_gradient(batch, labels) if again else None
        found = net.gradient(batch, labels)
        expected = net.numerical_gradient(batch, labels)
        assert list(found) == list(expected) == net.trained
        assert any(np.any(np.abs(g) > 1e-6) for g in found.values())
        assert_same(found, expected, rtol=1e-5, atol=1e-8)
        if before is not None:
            assert_same(before, expected)
        for k, g in found.items():
            net.params[k] -= 0.1 * g


@check
def a_loop_by_hand_is_that_of_an_optimizer_and_the_compiled_step(make, x, t):
    losses, by_hand = losses_of(make, x, t, 5)
    net, optimizer = make(), SGD(0.1)
    for (batch, labels), expected in zip(batches(x, t, 5), losses, strict=True):
        loss, grads = net.loss_and_gradient(batch, labels)
        optimizer.update(net.params, grads)
        assert loss == expected
    assert_same(values(net), values(by_hand))
    compiled = make()
    step = compile(compiled, SGD(0.1))
    for (batch, labels), expected in zip(batches(x, t, 5), losses, strict=True):
        assert step(batch, labels) == pytest.approx(expected, rel=1e-12)
    assert_same(values(compiled), values(by_hand), rtol=1e-12, atol=1e-13)
    again = make()
    step = compile(again, SGD(0.1))
    for batch, labels in batches(x, t, 5):
        step(batch, labels)
    assert_same(values(again), values(compiled))  # the same seed, the same bits


@check
def looking_between_steps_changes_nothing(make, x, t):
    expected, quiet = losses_of(make, x, t, 4)
    net = make()
    for (batch, labels), loss in zip(batches(x, t, 4), expected, strict=True):
        look(net, batch, labels)
        found, grads = net.loss_and_gradient(batch, labels)
        assert found == loss == net.loss(batch, labels) == net.loss(batch, labels)
        for k, g in grads.items():
            net.params[k] -= 0.1 * g
        look(net, batch, labels)
    assert_same(values(net), values(quiet))
    assert_same(net.gradient(x, t), quiet.gradient(x, t))
    compiled, plain = make(), make()
    one, two = compile(compiled, SGD(0.1)), compile(plain, SGD(0.1))
    for batch, labels in batches(x, t, 3):
        look(compiled, batch, labels)
        assert one(batch, labels) == two(batch, labels)
    assert_same(values(compiled), values(plain))


def look(net, x, t):
    before = values(net)
    net.loss(x, t), net.predict(x), net.loss(x, t)
    net(*parts(x))
    if not isinstance(t, tuple) and t.dtype.kind in "iu" and t.ndim == 1:
        net.accuracy(x, t)
    net.summary(x)
    graph(net.loss(variables(x), t)).opened()
    compile(net)(x)
    assert_same(before, values(net))


@check
def several_threads_may_look(make, x, t):
    net = make()
    net.gradient(x, t)
    expected = net.loss(x, t), parts(net.predict(x))
    wrong = []

    def work():
        for _ in range(5):
            loss, scores = net.loss(x, t), parts(net.predict(x))
            if loss != expected[0] or not all(map(np.array_equal, scores, expected[1])):
                wrong.append(loss)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@check
def prediction_is_infer_and_does_the_same_compiled(make, x, t):
    net = make()
    predict = compile(net)
    for batch, labels in batches(x, t, 3):
        for k, g in net.gradient(batch, labels).items():
            net.params[k] -= 0.1 * g
        expected = parts(net.predict(batch))
        for y, z in zip(parts(predict(batch)), expected, strict=True):
            np.testing.assert_allclose(y, z, rtol=1e-12, atol=1e-13)
        for y, z in zip(parts(net.predict(variables(batch))), expected, strict=True):
            np.testing.assert_array_equal(getattr(y, "data", y), z)
    assert "def predict" in predict.source
    rows = net.predict(head(x, 2))  # of another batch size
    np.testing.assert_allclose(parts(rows)[0], parts(net.predict(x))[0][: len(parts(rows)[0])])


def head(x, n):
    return tuple(part[:n] for part in x) if isinstance(x, tuple) else x[:n]


@check
def the_graph_opens_and_computes_the_same_at_every_depth(make, x, t):
    net = make()
    expected = net.gradient(x, t)
    loss = net.loss(variables(x), t)
    g = graph(loss)
    assert isinstance(g, Graph)
    assert float(loss.data) == pytest.approx(float(net.loss(x, t)), rel=1e-14)
    assert set(g.parameters) >= set(expected)
    depths = [*range(6), None]
    for depth in depths:
        opened = g.opened(depth)
        out = opened.outputs[0]
        assert out.data == pytest.approx(loss.data, rel=1e-13)
        np.testing.assert_allclose(opened.evaluate(), loss.data, rtol=1e-13)
        out.backward()
        for k, d in expected.items():
            np.testing.assert_allclose(
                g.parameters[k].grad, d, rtol=1e-11, atol=1e-13, err_msg=f"{k} at depth {depth}"
            )
    assert not any(node.operation.opens for node in g.opened().nodes)


@check
def graphs_travel_as_json(make, x, t):
    g = graph(make().loss(variables(x), t))
    for written in (g, g.opened(1), g.opened()):
        read = Graph.from_json(written.to_json())
        assert [n.operation.name for n in read.nodes] == [n.operation.name for n in written.nodes]
        assert {v.name for v in read.leaves} == {v.name for v in written.leaves}
    np.testing.assert_allclose(read.evaluate(), g.outputs[0].data, rtol=1e-13)


@check
def it_is_drawn_and_saved(make, x, t, name, tmp_path):
    g = graph(make().loss(variables(x), t))
    g.outputs[0].backward()
    for drawn in (g, g.opened(1), g.opened(2), g.opened()):
        assert drawn._repr_svg_().startswith("<svg")
    page = ["html"] * (list(CASES).index(name) % 4 == 0)  # which takes longer than all others
    for suffix in ("svg", *page, "dot", "mmd", "txt", "json"):
        file = tmp_path / f"graph.{suffix}"
        g.save(file)
        assert file.stat().st_size > 200
    g.save(tmp_path / "open.svg", open=2)
    assert str(g)
    assert str(g.opened())


@check
def it_is_explained(make, x, t):
    net = make()
    loss = net.loss(variables(x), t)
    told = [str(explain(loss, language=language)) for language in ("en", "zh", "ja")]
    assert len(set(told)) == 3
    for form in ("markdown", "latex"):
        assert str(explain(loss, format=form))
    first = next(iter(net.params))
    assert first in told[0]
    assert str(explain(loss, by=list(graph(loss).parameters)[-1]))


@check
def the_step_compiles_wholly(make, x, t, name):
    net = make()
    step = compile(net, Momentum(0.1))
    step(x, t)
    assert sorted(step.as_written) == sorted(AS_WRITTEN.get(name, ())), step.as_written
    step(other(x, 1), t)
    for layer in net.layers:
        if getattr(net.layers[layer], "params", ()):
            assert layer in step.source, f"{layer} is not in the program"
    predict = compile(net)
    predict(x)
    assert not predict.as_written


@check
def weights_are_saved_and_loaded(make, x, t, tmp_path):
    net, fresh = make(), make()
    for k, g in net.gradient(x, t).items():
        net.params[k] -= 0.1 * g
    save_weights(tmp_path / "w.safetensors", net)
    load_weights(tmp_path / "w.safetensors", fresh)
    assert_same(dict(net.params), dict(fresh.params))


@check
def the_summary_counts_each_parameter_once(make, x, t):
    net = make()
    summary = net.summary(x)
    total = sum(np.size(v) for v in net.params.values())
    assert f"{total:,}" in str(summary).splitlines()[-1]
    assert summary._repr_html_() if hasattr(summary, "_repr_html_") else True


@check
def a_copy_goes_its_own_way(make, x, t):
    net = make()
    net.gradient(x, t)
    twin = copy.deepcopy(net)
    assert twin.loss(x, t) == net.loss(x, t)
    before = values(net)
    for k, g in twin.gradient(x, t).items():
        twin.params[k] -= 0.1 * g
    assert_same(before, values(net))
    single = net.astype(np.float32)
    x32 = cast(x)
    if not net.members.noisy:  # what they draw is float64, and so is what comes out
        assert {g.dtype for g in single.gradient(x32, t).values()} == {np.dtype(np.float32)}
    step = compile(single, SGD(0.1))
    step(x32, t)
    assert {v.dtype for v in single.params.values()} == {np.dtype(np.float32)}


def cast(x):
    if isinstance(x, tuple):
        return tuple(map(cast, x))
    return x.astype(np.float32) if x.dtype.kind == "f" else x


@check
def checks_find_nothing(make, x, t):
    report = clearprop.check(make(), x, t)
    assert report.ok, report


@check
def it_trains(make, x, t):
    found = []
    for way in (False, True):
        net = make()
        trainer = Trainer(net, x, t, batch_size=3, optimizer=SGD(0.05), rng=0, compile=way)
        found.append([*map(float, trainer.train(epochs=2).loss)])
    np.testing.assert_allclose(*found, rtol=1e-10)
