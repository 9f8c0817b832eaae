"""Layers of other people: whatever they keep and wherever they write, right or refused by name."""

import numpy as np
import pytest
from differences import slopes

from clearprop import Affine, Layer, Network, Relu, Variable, compile, graph
from clearprop.errors import ShapeError, UnsupportedError
from clearprop.training import SGD


class Squares(Layer):
    """Keeps what it needs in a dictionary that it was made with."""

    def __init__(self):
        self.cache = {}
        self.stack = []

    def forward(self, x):
        self.cache["x"] = x
        self.stack.append(x)
        return x * x

    def backward(self, dout):
        return 2 * self.cache["x"] * dout * len(self.stack)


def test_what_is_kept_in_containers_belongs_to_the_call():
    layer, x = Squares(), Variable([2.0])
    layer(layer(layer(x))).backward()
    assert x.grad == 8 * 2.0**7
    assert layer.cache == {}


class Buffered(Layer):
    """Writes into arrays of its own."""

    def __init__(self, n):
        self.out = np.empty(n)
        self.dx = np.empty(n)

    def forward(self, x):
        np.maximum(x, 0, out=self.out)
        return self.out

    def backward(self, dout):
        np.multiply(dout, self.out > 0, out=self.dx)
        return self.dx


def test_a_layer_that_writes_into_its_own_arrays_runs_closed():
    layer, x = Buffered(3), Variable([-1.0, 2.0, 3.0])
    a = layer(x)
    b = layer(x * -1)
    np.sum(a * 10 + b).backward()
    np.testing.assert_array_equal(a.data, [0, 2, 3])
    np.testing.assert_array_equal(b.data, [1, 0, 0])
    np.testing.assert_array_equal(x.grad, [-1, 10, 10])
    g = graph(a)
    np.testing.assert_array_equal(g.evaluate({x: [5.0, -5.0, 0.0]}), [5, 0, 0])
    np.testing.assert_array_equal(a.data, [0, 2, 3])


def test_and_says_why_it_cannot_be_opened():
    g = graph(Buffered(1)(Variable([1.0])))
    with pytest.raises(UnsupportedError, match=r"Buffered cannot be opened: np\.maximum.*out="):
        g.opened()
    with pytest.raises(UnsupportedError, match="Buffered cannot be opened"):
        g.inside(g.nodes[0])
    assert g.opened(0).nodes


class Assigning(Layer):
    def forward(self, x):
        out = np.empty(x.shape)
        out[:] = x
        return out * 2

    def backward(self, dout):
        return 2 * dout


def test_a_layer_that_fills_an_array_says_so_with_its_own_line():
    g = graph(Assigning()(Variable([1.0, 2.0])))
    with pytest.raises(
        UnsupportedError, match=r"Assigning cannot be opened: `out\[:\] = x`.*np\.where"
    ):
        g.opened()


class UsesAMethodOfArrays(Layer):
    def forward(self, x):
        return x.view(np.float64) * 2

    def backward(self, dout):
        return 2 * dout


def test_a_layer_that_needs_an_array_says_so():
    g = graph(UsesAMethodOfArrays()(Variable([1.0])))
    with pytest.raises(UnsupportedError, match=r"not on Variables \(LacksError.*'view'"):
        g.opened()


class LeavesTheGraph(Layer):
    def forward(self, x):
        return np.asarray([1.0]) if isinstance(x, np.ndarray) else 1.0

    def backward(self, dout):
        return 0 * dout


def test_a_layer_whose_result_does_not_depend_on_its_input_cannot_be_opened():
    g = graph(LeavesTheGraph()(Variable([1.0])))
    with pytest.raises(UnsupportedError, match="does not depend on its inputs by recorded"):
        g.opened()


class Noisy(Layer):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        self.noise = self.rng.standard_normal(np.shape(x))
        return x * self.noise

    def backward(self, dout):
        return dout * self.noise


def test_random_numbers_are_drawn_anew_by_each_call_and_opening_is_refused():
    layer, x = Noisy(), Variable([1.0, 1.0])
    a, b = layer(x), layer(x)
    assert not np.array_equal(a.data, b.data)
    (np.sum(a) + np.sum(b)).backward()
    np.testing.assert_allclose(x.grad, a.data + b.data)
    with pytest.raises(UnsupportedError, match="gives other numbers; it must be repeatable"):
        graph(a).opened()


class WritesIntoItsInput(Layer):
    def forward(self, x):
        x *= 2
        return x

    def backward(self, dout):
        return 2 * dout


class WritesIntoItsParameter(Layer):
    params = ("W",)

    def __init__(self):
        self.W = np.ones(2)

    def forward(self, x):
        self.W += 1
        return x * self.W

    def backward(self, dout):
        return dout


@pytest.mark.parametrize("layer", [WritesIntoItsInput(), WritesIntoItsParameter()])
def test_a_layer_that_writes_into_what_is_not_its_own_is_refused(layer):
    with pytest.raises(UnsupportedError, match="forward writes into its input or a parameter"):
        layer(Variable([1.0, 2.0]))


class WritesIntoDout(Layer):
    def forward(self, x):
        return 2 * x

    def backward(self, dout):
        dout *= 2
        return dout


def test_a_layer_that_writes_into_dout_harms_nobody():
    x = Variable([1.0, 2.0])
    y = WritesIntoDout()(x)
    loss = np.sum(y + x)
    for _ in range(2):
        loss.backward()
        np.testing.assert_array_equal(y.grad, [1, 1])
        np.testing.assert_array_equal(x.grad, [3, 3])


class PilesUp(Layer):
    """Adds to its derivatives, as some layers do."""

    params = ("W",)

    def __init__(self):
        self.W = np.array([2.0, 3.0])
        self.dW = np.zeros(2)

    def forward(self, x):
        self.x = x
        return x * self.W

    def backward(self, dout):
        self.dW += dout * self.x
        return dout * self.W


def test_a_layer_that_adds_to_its_derivatives_is_right_every_time():
    layer = PilesUp()
    loss = np.sum(layer(Variable([5.0, 7.0])))
    for _ in range(3):
        loss.backward()
        np.testing.assert_array_equal(graph(loss).parameters["W"].grad, [5, 7])
    np.testing.assert_array_equal(layer.dW, [0, 0])


class SinCos(Layer):
    """Two inputs, two outputs."""

    def forward(self, x, y):
        self.x, self.y = x, y
        return np.sin(x) * y, np.cos(x)

    def backward(self, dsin, dcos):
        dx = dsin * np.cos(self.x) * self.y - dcos * np.sin(self.x)
        return dx, dsin * np.sin(self.x)


def test_several_outputs():
    x, y = Variable([0.3, 1.0]), Variable([2.0, 3.0])
    s, c = SinCos()(x, y)
    np.sum(s * c + c).backward()
    by_hand = x.grad, y.grad
    graph(np.sum(s * c + c)).opened().outputs[0].backward()
    np.testing.assert_allclose(x.grad, by_hand[0], rtol=1e-13)
    np.testing.assert_allclose(y.grad, by_hand[1], rtol=1e-13)
    s, c = SinCos()(x, y)
    np.sum(c).backward()  # one output is not used
    np.testing.assert_allclose(x.grad, -np.sin(x.data))
    np.testing.assert_array_equal(y.grad, [0, 0])


class Composed(Layer):
    """No `backward`: it is differentiated inside."""

    def forward(self, x, y):
        return np.tanh(x) * y


def test_a_layer_without_backward_is_differentiated_inside():
    x, y = Variable([0.3, 1.0]), Variable([2.0, 3.0])
    g = graph(np.sum(Composed()(x, y)))
    assert [n.operation.name for n in g.nodes] == ["Composed", "np.sum"]
    g.outputs[0].backward()
    np.testing.assert_allclose(x.grad, y.data / np.cosh(x.data) ** 2)
    np.testing.assert_allclose(y.grad, np.tanh(x.data))


def test_and_twice_where_its_inputs_depend_on_each_other():
    """f(x, x) and f(x, 2x): each path counts once, in the recorded pass too."""
    for partner in (lambda x: x, lambda x: 2 * x):
        x = Variable([0.3, 1.0])
        found = []
        for f in (Composed(), lambda x, y: np.tanh(x) * y):
            np.sum(f(x, partner(x))).backward(record=True)
            first = x.grad
            np.sum(first**2).backward()
            found.append((first.data, x.grad))
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)


class Block(Layer):
    """Layers inside a layer, without a `backward`."""

    def __init__(self, rng):
        self.first = Affine(rng.standard_normal((3, 4)), rng.standard_normal(4))
        self.others = [Relu(), {"last": Affine(rng.standard_normal((4, 2)), np.zeros(2))}]

    def forward(self, x):
        return self.others[1]["last"](self.others[0](self.first(x)))


def test_layers_inside_a_layer_give_it_their_parameters():
    rng = np.random.default_rng(0)
    block, x = Block(rng), Variable(rng.standard_normal((5, 3)))
    loss = np.sum(block(x) ** 2)
    loss.backward()
    g = graph(loss)
    assert list(g.parameters) == ["first.W", "first.b", "others.1.last.W", "others.1.last.b"]
    last = block.others[1]["last"]
    arrays = x.data, block.first.W, block.first.b, last.W, last.b
    expected = slopes(
        lambda x, W, b, V, c: np.sum((np.maximum(x @ W + b, 0) @ V + c) ** 2), *arrays
    )
    for v, slope in zip((x, *g.parameters.values()), expected, strict=True):
        np.testing.assert_allclose(v.grad, slope, rtol=1e-6, atol=1e-6)
    assert [n.operation.name for n in g.opened(1).nodes][:3] == ["Affine", "Relu", "Affine"]
    assert block.first.W is arrays[1]
    assert isinstance(block.first.W, np.ndarray)


class InADictionary(Layer):
    """Its parameters are a dictionary."""

    def __init__(self):
        self.params = {"W": np.array([2.0, 3.0])}

    def forward(self, x):
        self.x = x
        return x * self.params["W"]

    def backward(self, dout):
        self.dW = dout * self.x
        return dout * self.params["W"]


def test_parameters_in_a_dictionary():
    layer = InADictionary()
    W = layer.params["W"]
    g = graph(np.sum(layer(Variable([5.0, 7.0]))))
    g.outputs[0].backward()
    np.testing.assert_array_equal(g.parameters["W"].grad, [5, 7])
    g.opened().outputs[0].backward()
    np.testing.assert_array_equal(g.parameters["W"].grad, [5, 7])
    assert layer.params["W"] is W


class HoldsAVariable(Layer):
    def __init__(self, w, named=False):
        self.w = w
        if named:
            self.params = ("w",)

    def forward(self, x):
        return x * self.w


class HoldsAVariableAndGoesBack(HoldsAVariable):
    def backward(self, dout):
        return dout


def test_a_variable_that_is_no_input_would_be_lost_and_is_refused():
    w = Variable(2.0, "w")
    with pytest.raises(UnsupportedError, match="uses the Variable 'w' that is no input"):
        HoldsAVariable(w)(Variable(1.0))
    with pytest.raises(UnsupportedError, match="uses a Variable that is no input"):
        HoldsAVariable(Variable(2.0) * 2)(Variable(1.0))
    with pytest.raises(UnsupportedError, match="gives a Variable for arrays"):
        HoldsAVariableAndGoesBack(w)(Variable(1.0))
    x = Variable(3.0)
    HoldsAVariable(w, named=True)(x).backward()
    assert (w.grad, x.grad) == (3, 2)


def with_backward(function):
    class Doubled(Layer):
        params = ("W",)

        def __init__(self):
            self.W = np.ones(2)

        def forward(self, x, y):
            return (x + y) * self.W

        backward = function

    return Doubled()


BAD_BACKWARD = {
    "too few": (lambda self, d: d, ShapeError, "returned 1 derivatives for 2 inputs"),
    "too many": (lambda self, d: (d, d, d), ShapeError, "returned 3 derivatives for 2 inputs"),
    "nothing": (lambda self, d: None, ShapeError, "returned 1 derivatives"),
    "one missing": (lambda self, d: (d, None), UnsupportedError, "no derivative by y"),
    "wrong shape": (
        lambda self, d: (d, d[:1]),
        ShapeError,
        r"derivative by y has shape \(1,\), but y has shape \(2,\)",
    ),
    "not real": (lambda self, d: (d, d * 1j), UnsupportedError, "by y has dtype complex128"),
    "no dW": (lambda self, d: (d, d), UnsupportedError, r"no derivative by W.*self\.dW"),
}


@pytest.mark.parametrize("kind", BAD_BACKWARD)
def test_a_backward_that_does_not_give_what_it_must_is_named(kind):
    function, error, match = BAD_BACKWARD[kind]
    out = with_backward(function)(Variable([1.0, 2.0]), Variable([3.0, 4.0]))
    with pytest.raises(error, match=rf"Doubled\.backward.*{match}"):
        np.sum(out).backward()


class OneHot(Layer):
    """Class numbers go in, which have no derivative."""

    params = ("W",)

    def __init__(self):
        self.W = np.arange(6.0).reshape(3, 2)

    def forward(self, x):
        self.rows = np.eye(3)[x]
        return self.rows @ self.W


class OneHotBackwards(OneHot):
    def backward(self, dout):
        self.dW = self.rows.T @ dout


@pytest.mark.parametrize("kind", [OneHot, OneHotBackwards])
def test_class_numbers_that_nobody_differentiates_by_need_no_derivative(kind):
    network, x, t = Network([kind()]), np.array([0, 2, 2]), np.array([0, 1, 0])
    found, due = network.gradient(x, t), network.numerical_gradient(x, t)
    np.testing.assert_allclose(found["W1"], due["W1"], atol=1e-8)
    loss, step = network.loss(x, t), compile(network, SGD(0.1))
    assert step(x, t) == pytest.approx(loss)
    assert "np.take_along_axis(table, v, axis=0) for table[v]" in "".join(step.as_written.values())


def test_an_error_inside_backward_is_the_users_own():
    def fails(self, dout):
        return self.nothing

    out = with_backward(fails)(Variable([1.0, 2.0]), Variable([3.0, 4.0]))
    with pytest.raises(AttributeError, match="nothing"):
        np.sum(out).backward()


def test_errors_of_forward_are_its_own():
    with pytest.raises(ShapeError, match="Affine: x"):
        Affine(np.ones((3, 2)), np.zeros(2))(Variable(np.ones((1, 5))))


def test_a_backward_that_cannot_be_recorded_is_named():
    class ByHand(Layer):
        def forward(self, x):
            self.x = x
            return x * 2

        def backward(self, dout):
            return np.multiply(dout, 2, out=np.empty(dout.shape))

    x = Variable([1.0, 2.0])
    y = np.sum(ByHand()(x) ** 2)
    y.backward()
    np.testing.assert_array_equal(x.grad, [8, 16])
    with pytest.raises(
        UnsupportedError, match=r"ByHand\.backward cannot be recorded: np\.multiply"
    ):
        y.backward(record=True)
