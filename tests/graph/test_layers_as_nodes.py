"""A layer on the graph: one node, right however often it is used, that opens into primitives."""

import copy
import importlib
import pkgutil
import threading

import numpy as np
import pytest
from differences import slopes

import clearprop
from clearprop import Affine, Graph, Layer, MulLayer, Relu, Sigmoid, Variable, graph
from clearprop.errors import GraphError, UnsupportedError


def layers_of_the_package():
    for module in pkgutil.walk_packages(clearprop.__path__, "clearprop."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, waiting = [], [Layer]
    while waiting:
        for cls in waiting.pop().__subclasses__():
            waiting.append(cls)
            ours = (
                cls.__module__.startswith("clearprop.layers.")
                and "<locals>" not in cls.__qualname__
            )
            if ours and cls.forward is not Layer.forward:  # not a base such as Loss
                found.append(cls)
    return sorted(set(found), key=lambda cls: cls.__qualname__)


SAMPLES = [
    pytest.param(cls, i, id=f"{cls.__name__}-{i}")
    for cls in layers_of_the_package()
    for i, _ in enumerate(cls.samples(np.random.default_rng(0)))
]


def sample(cls, i):
    """A layer and its inputs as Variables, constants as they are."""
    layer, inputs = list(cls.samples(np.random.default_rng(0)))[i]
    return layer, inputs, tuple(Variable(x) for x in inputs)


def loss_of(out):
    """One number that depends on every element differently."""
    weights = 1 + np.cos(np.arange(out.size)).reshape(out.shape)
    return np.sum(out * weights)


def derivatives_by(g):
    return [v.grad for v in g.leaves]


@pytest.mark.parametrize(("cls", "i"), SAMPLES)
class TestEveryLayer:
    def test_is_one_node_with_the_value_of_forward(self, cls, i):
        layer, inputs, variables = sample(cls, i)
        alone = copy.deepcopy(layer)  # which draws the same
        out = layer(*variables)
        (node,) = graph(out).nodes
        assert node.operation.name == cls.__name__
        np.testing.assert_array_equal(out.data, alone.forward(*inputs))

    def test_closed_and_opened_derivatives_agree(self, cls, i):
        layer, _, variables = sample(cls, i)
        closed = graph(loss_of(layer(*variables)))
        closed.outputs[0].backward()
        by_hand = derivatives_by(closed)
        opened = closed.opened()
        assert not any(node.operation.opens for node in opened.nodes)
        assert opened.leaves == closed.leaves or set(opened.leaves) <= set(closed.leaves)
        opened.outputs[0].backward()
        np.testing.assert_allclose(opened.outputs[0].data, closed.outputs[0].data, rtol=1e-14)
        for v, expected in zip(closed.leaves, by_hand, strict=True):
            if v.data.dtype.kind == "f" or v.name not in layer.constants:
                np.testing.assert_allclose(v.grad, expected, rtol=1e-12, atol=1e-13)

    def test_used_twice(self, cls, i):
        """The derivatives are those of two layers that share their arrays."""
        layer, inputs, variables = sample(cls, i)
        others = tuple(map(Variable, inputs))
        both = loss_of(layer(*variables)) * 2 + loss_of(layer(*others))
        both.backward()
        twice = {p.name: p.grad for p in graph(both).parameters.values()}
        assert set(twice) == set(layer.params)
        parts = []
        for factor, given in ((2, variables), (1, others)):
            alone = loss_of(copy.copy(layer)(*given)) * factor
            alone.backward()
            parts.append({p.name: p.grad for p in graph(alone).parameters.values()})
        for name, d in twice.items():
            np.testing.assert_allclose(d, parts[0][name] + parts[1][name], rtol=1e-12, atol=1e-14)

    def test_the_layer_itself_is_left_as_it_was(self, cls, i):
        layer, _, variables = sample(cls, i)
        before = dict(vars(layer))
        loss_of(layer(*variables)).backward()
        assert vars(layer).keys() == before.keys()
        assert all(vars(layer)[name] is value for name, value in before.items())

    def test_second_derivatives_by_hand_and_by_the_graph_agree(self, cls, i):
        layer, _, variables = sample(cls, i)
        closed = graph(loss_of(layer(*variables)) ** 2)
        found = []
        for g in (closed, closed.opened()):
            g.outputs[0].backward(record=True)
            slopes = [v.grad for v in closed.leaves if isinstance(v.grad, Variable)]
            total = sum(np.sum(slope**2) for slope in slopes)
            total.backward()
            found.append([np.asarray(getattr(v.grad, "data", v.grad)) for v in closed.leaves])
        for v, a, b in zip(closed.leaves, *found, strict=True):
            if v.data.dtype.kind == "f":
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)

    def test_evaluated_again(self, cls, i):
        layer, inputs, variables = sample(cls, i)
        alone = copy.deepcopy(layer)
        g = graph(layer(*variables))
        np.testing.assert_array_equal(g.evaluate(), g.outputs[0].data)
        x = inputs[0] * 0.5 if np.result_type(inputs[0]).kind == "f" else inputs[0] // 2
        expected = alone.forward(x, *inputs[1:])
        np.testing.assert_array_equal(g.evaluate({variables[0]: x}), expected)

    def test_there_and_back_as_json(self, cls, i):
        layer, _, variables = sample(cls, i)
        g = graph(loss_of(layer(*variables)))
        g.outputs[0].backward()
        again = Graph.from_json(g.to_json())
        np.testing.assert_array_equal(again.outputs[0].data, g.outputs[0].data)
        before = derivatives_by(again)
        again.outputs[0].backward()  # through what stands inside the node
        for a, b, c in zip(derivatives_by(again), before, derivatives_by(g), strict=True):
            np.testing.assert_array_equal(b, c)
            np.testing.assert_allclose(a, c, rtol=1e-12, atol=1e-13)


def test_arrays_alone_just_run():
    layer = Relu()
    out = layer(np.array([-1.0, 1.0]))
    assert type(out) is np.ndarray
    np.testing.assert_array_equal(layer.backward(np.ones(2)), [0, 1])


def test_parameters_are_leaves_with_names():
    affine = Affine(np.ones((3, 2)), np.zeros(2))
    g = graph(affine(Variable(np.ones((1, 3)), "x")))
    assert list(g.parameters) == ["W", "b"]
    assert [v.name for v in g.inputs] == ["x"]
    np.testing.assert_array_equal(g.parameters["W"].data, affine.W)
    np.sum(g.outputs[0]).backward()
    np.testing.assert_array_equal(g.parameters["b"].grad, [1, 1])


def test_arrays_shared_by_two_layers_are_one_parameter():
    W = np.array([[1.0, 2.0], [3.0, 4.0]])
    one, two = Affine(W, np.zeros(2)), Affine(W, np.ones(2))
    x = Variable([[1.0, -1.0]])
    g = graph(np.sum(two(one(x))))
    assert list(g.parameters) == ["W", "b", "b_2"]
    g.outputs[0].backward()
    (expected,) = slopes(lambda W: np.sum((x.data @ W) @ W + 1), W)
    np.testing.assert_allclose(g.parameters["W"].grad, expected, rtol=1e-6)


def test_equal_arrays_are_not_shared():
    one, two = Affine(np.eye(2), np.zeros(2)), Affine(np.eye(2), np.zeros(2))
    assert len(graph(two(one(Variable([[1.0, 2.0]])))).parameters) == 4


class Scale(Layer):
    """A layer whose parameter is a plain number."""

    params = ("w",)

    def __init__(self, w):
        self.w = w

    def forward(self, x):
        self.x = x
        return x * self.w

    def backward(self, dout):
        self.dw = np.sum(dout * self.x)
        return dout * self.w


def test_a_number_belongs_to_its_layer_even_if_others_hold_an_equal_one():
    one, two = Scale(3.0), Scale(3.0)
    g = graph(np.sum(one(two(one(Variable([2.0]))))))
    g.outputs[0].backward()
    assert {name: v.grad for name, v in g.parameters.items()} == {"w": 2 * 3 * 3 * 2, "w_2": 18}


def test_a_recurrent_loop_of_a_hundred_steps_over_one_cell():
    rng = np.random.default_rng(0)
    W, b = rng.standard_normal((8, 4)) * 0.4, rng.standard_normal(4) * 0.1
    xs = rng.standard_normal((100, 2, 4))

    def run(x0, W, b, cell=None):
        h = np.zeros((2, 4)) * x0[:, :1]
        for t in range(100):
            x = x0 if t == 0 else xs[t]
            joined = np.concatenate([h, x], axis=1)
            h = np.tanh(cell(joined) if cell else joined @ W + b)
        return np.sum(h * np.arange(8.0).reshape(2, 4))

    cell = Affine(W, b)
    x0 = Variable(xs[0])
    out = run(x0, None, None, cell)
    out.backward()
    g = graph(out)
    assert [n.operation.name for n in g.nodes].count("Affine") == 100
    assert list(g.parameters) == ["W", "b"]
    dx, dW, db = slopes(lambda x0, W, b: run(x0, W, b), xs[0], W, b)
    np.testing.assert_allclose(x0.grad, dx, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(g.parameters["W"].grad, dW, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(g.parameters["b"].grad, db, rtol=1e-6, atol=1e-6)


def test_training_between_the_passes_changes_nothing_that_was_recorded():
    affine = Affine(np.ones((2, 2)), np.zeros(2))
    x = Variable([[1.0, 2.0]])
    y = np.sum(affine(x))
    y.backward()
    np.testing.assert_array_equal(x.grad, [[2, 2]])
    affine.W *= 10
    y.backward()
    np.testing.assert_array_equal(x.grad, [[2, 2]])
    np.testing.assert_array_equal(graph(y).opened().outputs[0].data, y.data)
    now = np.sum(affine(x))
    now.backward()
    np.testing.assert_array_equal(x.grad, [[20, 20]])
    assert graph(now).parameters["W"] is not graph(y).parameters["W"]


def test_one_parameter_as_long_as_it_has_not_changed():
    affine = Affine(np.array([[np.nan, -0.0], [1.0, 2.0]]), np.zeros(2))
    first, second = (graph(affine(Variable([[1.0, 2.0]]))) for _ in range(2))
    assert first.parameters["W"] is second.parameters["W"]


def test_python_numbers_beside_a_variable_stay_weak():
    x = Variable(np.ones(2, np.float32))
    y = MulLayer()(x, 2.5)
    assert y.dtype == np.float32
    opened = graph(y).opened().outputs[0]
    assert opened.dtype == np.float32
    np.testing.assert_array_equal(opened.data, y.data)


def test_constants_given_to_a_layer_may_change_afterwards():
    factor = np.array([2.0, 3.0])
    x = Variable([1.0, 1.0])
    y = np.sum(MulLayer()(x, factor))
    factor[:] = 100
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 3])


def test_something_of_another_library_is_refused_by_a_layer_too():
    class Tensor:
        pass

    with pytest.raises(UnsupportedError, match=r"MulLayer: a .*Tensor cannot be mixed"):
        MulLayer()(Variable(1.0), Tensor())


def test_a_class_that_is_no_layer_of_ours_will_do():
    class Plain:
        def forward(self, x):
            self.x = x
            return x**2

        def backward(self, dout):
            return dout * 2 * self.x

    from clearprop.graph import call

    x = Variable(3.0)
    y = call(Plain(), x, name="square")
    y.backward()
    assert x.grad == 6
    assert graph(y).nodes[0].operation.name == "square"
    assert call(Plain(), 3.0) == 9


def test_the_inside_of_a_node_shows_names_and_values():
    g = graph(Affine(np.ones((3, 2)), np.zeros(2))(Variable(np.ones((1, 3)))))
    inner = g.inside(g.nodes[0])
    assert [v.name for v in inner.leaves] == ["x", "W", "b"]
    assert [n.operation.name for n in inner.nodes] == ["np.matmul", "np.add"]
    np.testing.assert_array_equal(inner.outputs[0].data, g.outputs[0].data)
    with pytest.raises(GraphError, match=r"np\.matmul is a primitive"):
        inner.inside(inner.nodes[0])


def test_threads_share_a_layer():
    """Each thread has a graph of its own, with one Variable for each parameter."""
    cell = Affine(np.eye(3) * 0.5, np.ones(3))
    found, wrong = [], []

    def work(seed):
        x = Variable(np.random.default_rng(seed).standard_normal((2, 3)))
        for _ in range(20):
            h = x
            for _ in range(20):
                h = cell(h)
            np.sum(h).backward()
            g = graph(h)
            if list(g.parameters) != ["W", "b"] or not np.allclose(x.grad, 0.5**20):
                wrong.append(g.parameters)
        found.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2, 3]
    assert not wrong


def test_a_layer_that_is_used_on_arrays_in_between_is_not_disturbed():
    layer, x = Sigmoid(), Variable([0.0, 1.0])
    y = np.sum(layer(x))
    layer.forward(np.array([100.0, 100.0, 100.0]))
    y.backward()
    s = 1 / (1 + np.exp(-x.data))
    np.testing.assert_allclose(x.grad, s * (1 - s))
    assert layer.out.shape == (3,)
