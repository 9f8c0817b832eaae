"""A whole network on Variables: network → layers → primitives, the same derivatives at each."""

import copy

import numpy as np
import pytest

from clearprop import (
    Affine,
    BatchNormalization,
    Huber,
    MeanSquaredError,
    Network,
    Relu,
    Sigmoid,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    TwoLayerNet,
    Variable,
    grad,
    graph,
)
from clearprop.errors import LabelError, ShapeError, UnsupportedError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 4))
T = np.array([0, 2, 1, 2, 0])


def network():
    return TwoLayerNet(4, 6, 3, rng=np.random.default_rng(1)).astype(np.float64)


def names(g):
    return [node.operation.name for node in g.nodes]


def test_the_loss_on_variables_is_the_loss_on_arrays():
    net = network()
    loss = net.loss(Variable(X), T)
    assert isinstance(loss, Variable)
    assert loss.item() == net.loss(X, T)
    np.testing.assert_array_equal(net.predict(Variable(X)).data, net.predict(X))


def test_the_graph_of_a_network_is_nested():
    g = graph(network().loss(Variable(X, "x"), T))
    assert names(g) == ["TwoLayerNet", "SoftmaxWithLoss"]
    assert list(g.parameters) == ["W1", "b1", "W2", "b2"]
    assert [v.name for v in g.inputs] == ["x"]
    assert names(g.opened(0)) == names(g)
    layers = g.opened(1)
    assert names(layers)[:3] == ["Affine1", "Relu1", "Affine2"]
    assert "SoftmaxWithLoss" not in names(layers)  # a layer is opened at the same time
    primitives = g.opened(2)
    assert not any(node.operation.opens for node in primitives.nodes)
    assert names(primitives)[:2] == ["np.matmul", "np.add"]
    assert names(primitives) == names(g.opened())
    assert names(g.opened(9)) == names(g.opened())


def test_leaves_are_the_same_at_every_depth():
    g = graph(network().loss(Variable(X), T))
    for depth in (1, 2, None):
        assert g.opened(depth).parameters == g.parameters
        assert g.opened(depth).inputs == g.inputs


def test_derivatives_are_the_same_at_every_depth_and_those_of_the_network():
    net, x = network(), Variable(X)
    g = graph(net.loss(x, T))
    by_hand = net.gradient(X, T)
    for depth in (0, 1, 2, None):
        opened = g.opened(depth)
        opened.outputs[0].backward()
        assert opened.outputs[0].item() == pytest.approx(net.loss(X, T), rel=1e-14)
        for name, expected in by_hand.items():
            np.testing.assert_allclose(g.parameters[name].grad, expected, rtol=1e-12, atol=1e-14)
        (dx,) = [v.grad for v in g.inputs]
        expected = grad(lambda x: net.loss(x, T))(X)
        np.testing.assert_allclose(dx, expected, rtol=1e-12, atol=1e-14)


def test_float32_is_kept():
    net = network().astype(np.float32)
    x = Variable(X.astype(np.float32))
    loss = net.loss(x, T)
    for depth in (0, None):
        graph(loss).opened(depth).outputs[0].backward()
        assert {v.grad.dtype for v in graph(loss).leaves} == {np.dtype(np.float32)}
    assert loss.dtype == np.float32


def test_inside_the_network_stand_the_layers_with_their_values():
    net, x = network(), Variable(X)
    g = graph(net.loss(x, T))
    inside = g.inside(g.nodes[0])
    assert names(inside) == ["Affine1", "Relu1", "Affine2"]
    assert [v.name for v in inside.leaves] == ["x", "W1", "b1", "W2", "b2"]
    np.testing.assert_array_equal(inside.outputs[0].data, net.predict(X))
    affine = inside.inside(inside.nodes[0])
    assert names(affine) == ["np.matmul", "np.add"]
    assert [v.name for v in affine.leaves] == ["x", "W", "b"]


def test_evaluated_with_other_values():
    net = network()
    g = graph(net.loss(Variable(X, "x"), T))
    for at in (g, g.opened(1), g.opened()):
        assert at.evaluate({"x": X * 2}) == pytest.approx(net.loss(X * 2, T), rel=1e-14)
        moved = copy.deepcopy(net)
        moved.params["b1"] += 1
        b1 = net.params["b1"] + 1
        assert at.evaluate({"b1": b1}) == pytest.approx(moved.loss(X, T), rel=1e-14)
        assert at.evaluate() == pytest.approx(net.loss(X, T), rel=1e-14)


def test_evaluated_on_a_batch_of_another_size():
    net = network()
    scores = net.predict(Variable(X, "x"))
    np.testing.assert_allclose(graph(scores).evaluate({"x": X[:2]}), net.predict(X[:2]))
    np.testing.assert_allclose(graph(scores).opened().evaluate({"x": X[:2]}), net.predict(X[:2]))


@pytest.mark.parametrize(
    ("loss", "t"),
    [
        (SoftmaxWithLoss, T),
        (MeanSquaredError, np.eye(3)[T]),
        (Huber, np.eye(3)[T]),
        (SigmoidWithLoss, np.eye(3)[T]),
    ],
)
def test_losses_of_a_batch_of_another_size(loss, t):
    layers = [
        Affine(RNG.standard_normal((4, 3)), np.ones(3)),
        BatchNormalization(np.ones(3), np.zeros(3)),
    ]
    net = Network(layers, loss())
    given = {"x": X[:3], "t": t[:3]}
    g = graph(net.loss(Variable(X, "x"), Variable(t, "t")))
    assert g.evaluate(given) == pytest.approx(net.loss(X[:3], t[:3]), rel=1e-14)
    opened = g.opened()
    assert opened.evaluate({"x": X[::-1]}) == pytest.approx(net.loss(X[::-1], t), rel=1e-12)
    for graph_of_one_size in (opened, g.opened(1)):
        with pytest.raises(ShapeError, match=r"recorded with shape.*record the graph anew"):
            graph_of_one_size.evaluate(given)


def test_penalties_beside_a_loss_of_another_size():
    net = network()
    loss = net.loss(Variable(X, "x"), Variable(T, "t"))
    W = graph(loss).parameters["W1"]
    found = graph(loss + 0.1 * np.sum(W**2)).evaluate({"x": X[:2], "t": T[:2]})
    assert found == pytest.approx(net.loss(X[:2], T[:2]) + 0.1 * np.sum(W.data**2), rel=1e-14)


def test_recorded_evaluation_can_be_differentiated():
    net = network()
    g = graph(net.loss(Variable(X, "x"), T))
    other = Variable(X * 0.5)
    g.evaluate({"x": other}).backward()
    np.testing.assert_allclose(other.grad, grad(lambda x: net.loss(x, T))(X * 0.5), rtol=1e-12)


def test_labels_as_variables_have_no_derivative():
    net, t = network(), Variable(T, "t")
    loss = net.loss(Variable(X), t)
    loss.backward()
    np.testing.assert_array_equal(t.grad, np.zeros(5))
    assert loss.item() == net.loss(X, T)


def test_the_network_and_its_layers_are_left_as_they_were():
    net = network()
    before = {name: (id(a), a.copy()) for name, a in net.params.items()}
    kept = {name: dict(vars(layer)) for name, layer in net.layers.items()}
    net.loss(Variable(X), T).backward()
    graph(net.loss(Variable(X), T)).opened()
    for name, a in net.params.items():
        assert id(a) == before[name][0]
        np.testing.assert_array_equal(a, before[name][1])
    for name, layer in net.layers.items():
        assert all(vars(layer)[key] is value for key, value in kept[name].items())


def test_layers_that_share_an_array_share_a_parameter():
    W = RNG.standard_normal((4, 4))
    layers = [Affine(W, np.zeros(4)), Sigmoid(), Affine(W, np.ones(4))]
    net = Network(layers)
    g = graph(net.loss(Variable(X), np.array([0, 1, 2, 3, 0])))
    assert list(g.parameters) == ["W1", "b1", "b2"]
    expected = net.gradient(X, np.array([0, 1, 2, 3, 0]))
    for depth in (0, 1, None):
        g.opened(depth).outputs[0].backward()
        np.testing.assert_allclose(g.parameters["W1"].grad, expected["W1"], rtol=1e-12)


def test_one_layer_at_two_places():
    shared = Affine(RNG.standard_normal((4, 4)), np.zeros(4))
    net = Network([shared, Relu(), shared])
    t = np.array([0, 1, 2, 3, 0])
    g = graph(net.loss(Variable(X), t))
    expected = net.gradient(X, t)
    for depth in (0, 1, None):
        g.opened(depth).outputs[0].backward()
        for name in ("W1", "b1"):
            np.testing.assert_allclose(g.parameters[name].grad, expected[name], rtol=1e-12)


def test_a_network_used_twice():
    net, x = network(), Variable(X)
    loss = net.loss(x, T) + net.loss(x * 2, T)
    loss.backward()
    g = graph(loss)
    assert list(g.parameters) == ["W1", "b1", "W2", "b2"]
    one, two = net.gradient(X, T), net.gradient(X * 2, T)
    for name, v in g.parameters.items():
        np.testing.assert_allclose(v.grad, one[name] + two[name], rtol=1e-12)


def test_a_network_in_a_network():
    inner = Network([Affine(RNG.standard_normal((4, 3)), np.zeros(3)), Relu()])

    class Wrapped:
        params = ()

        def __init__(self):
            self.net = inner

        def forward(self, x):
            return self.net(x) * 2

    from clearprop.graph import call

    x = Variable(X)
    out = np.sum(call(Wrapped(), x))
    out.backward()
    g = graph(out)
    assert list(g.parameters) == ["net.W1", "net.b1"]
    np.testing.assert_allclose(
        g.parameters["net.b1"].grad, 2 * (inner.predict(X) > 0).sum(axis=0), rtol=1e-12
    )
    assert "Affine1" in names(g.opened(2))
    assert not any(n.operation.opens for n in g.opened().nodes)


def test_a_user_layer_that_cannot_be_opened_stays_closed_until_then():
    class InPlace(Relu):
        def forward(self, x):
            out = np.array(x)
            out[out < 0] = 0
            self.mask, self.out_shape = out > 0, out.shape
            return out

        def backward(self, dout):
            return dout * self.mask

    net = Network([Affine(RNG.standard_normal((4, 3)), np.zeros(3)), InPlace()])
    g = graph(net.loss(Variable(X), T))
    g.outputs[0].backward()
    expected = net.gradient(X, T)
    np.testing.assert_allclose(g.parameters["W1"].grad, expected["W1"], rtol=1e-12)
    inside = g.inside(g.nodes[0])
    assert names(inside) == ["Affine1", "InPlace1"]
    with pytest.raises(UnsupportedError, match="InPlace1 cannot be opened"):
        g.opened()


def test_errors_are_those_of_the_layers():
    net = network()
    with pytest.raises(ShapeError, match=r"Affine1: x \(5, 3\)"):
        net.predict(Variable(X[:, :3]))
    with pytest.raises(LabelError):
        net.loss(Variable(X), np.array([0, 1, 2, 3, 9]))


def test_the_second_derivative_through_a_network_agrees_at_every_depth():
    net, x = network(), Variable(X)
    g = graph(net.loss(x, T))
    found = []
    for depth in (0, 1, 2):
        g.opened(depth).outputs[0].backward(record=True)
        np.sum(x.grad**2).backward()
        found.append([v.grad for v in g.leaves])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    net, x = network(), Variable(X)
    g = graph(net.loss(x, T))
    g.outputs[0].backward()
    theirs = {n: torch.tensor(np.array(a), requires_grad=True) for n, a in net.params.items()}
    at = torch.tensor(X, requires_grad=True)
    h = torch.relu(at @ theirs["W1"] + theirs["b1"])
    scores = h @ theirs["W2"] + theirs["b2"]
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor(T))
    loss.backward()
    assert g.outputs[0].item() == pytest.approx(loss.item(), rel=1e-12)
    for name, v in g.parameters.items():
        np.testing.assert_allclose(v.grad, theirs[name].grad.numpy(), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(x.grad, at.grad.numpy(), rtol=1e-9, atol=1e-15)
