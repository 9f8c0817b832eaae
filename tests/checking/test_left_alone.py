"""A check changes nothing, byte by byte: parameters, caches, inputs, random states."""

import copy
import random
import threading

import numpy as np
import pytest
import right_layers

from clearprop import Affine, Network, Relu, SoftmaxWithLoss, TwoLayerNet, check
from clearprop.checking import Kind
from clearprop.checking.copies import private


def content(value, seen=None):
    """Everything that an object holds, with the bytes of its arrays."""
    seen = set() if seen is None else seen
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.str, value.shape, value.tobytes(), getattr(value, "strides", None)
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, dict):
        return {key: content(v, seen) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [content(v, seen) for v in value]
    if hasattr(value, "__dict__") and not isinstance(value, type) and id(value) not in seen:
        seen.add(id(value))
        return {key: content(v, seen) for key, v in vars(value).items()}
    return repr(type(value))


def random_states():
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    return repr(state), state["state"]["key"].tobytes(), random.getstate()


def used(layer, *inputs):
    """A layer that has been used, so that it holds caches and derivatives."""
    out = layer.forward(*inputs)
    parts = out if isinstance(out, tuple) else (out,)
    layer.backward(*(np.ones(np.shape(p)) for p in parts))
    return layer


RNG = np.random.default_rng(0)
CASES = [
    pytest.param(*next(iter(cls.samples(np.random.default_rng(1)))), id=cls.__name__)
    for cls in right_layers.RIGHT
    if hasattr(cls, "samples")
]


@pytest.mark.parametrize(("layer", "inputs"), CASES)
def test_layers_and_inputs_stay_as_they_are(layer, inputs):
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    used(layer, *inputs)
    before = content([layer, inputs])
    identities = {key: id(value) for key, value in vars(layer).items()}
    assert check(layer, *inputs).ok
    assert content([layer, inputs]) == before
    assert {key: id(value) for key, value in vars(layer).items()} == identities


def test_a_network_stays_as_it_is():
    net = TwoLayerNet(5, 4, 3, rng=np.random.default_rng(0), dtype=np.float32)
    x, t = RNG.standard_normal((4, 5)).astype(np.float32), np.array([0, 1, 2, 0])
    net.gradient(x, t)
    before = content([dict(net.params), dict(net.layers), net.lastLayer, x, t])
    assert check(net, x, t).ok
    assert content([dict(net.params), dict(net.layers), net.lastLayer, x, t]) == before


@pytest.mark.parametrize("draw", [lambda: np.random.rand(), lambda: random.random()])  # noqa: NPY002
def test_the_global_random_states_stay_as_they_are(draw):
    class Noisy:
        def forward(self, x):
            self.factor = 1 + draw()
            return self.factor * x

        def backward(self, dout):
            return self.factor * dout

    before = random_states()
    report = check(Noisy(), np.ones((2, 3)))
    assert random_states() == before
    assert report.ok
    assert [f.kind for f in report] == [Kind.STOCHASTIC]


def test_a_generator_given_as_rng_stays_as_it_is():
    rng = np.random.default_rng(3)
    before = repr(rng.bit_generator.state)
    check(Relu, rng=rng)
    assert repr(rng.bit_generator.state) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("when", range(1, 40, 6))
def test_also_when_interrupted(error, when):
    calls = 0

    class Layer(Affine):
        def _count(self):
            nonlocal calls
            calls += 1
            np.random.rand()  # noqa: NPY002
            if calls == when:
                raise error

        def forward(self, x):
            self._count()
            return super().forward(x)

        def backward(self, dout):
            self._count()
            return super().backward(dout)

    layer, x = Layer(np.ones((3, 2)), np.zeros(2)), np.ones((4, 3))
    before = content([layer, x]), random_states(), np.geterr()
    try:
        check(layer, x)
    except error:
        assert error is KeyboardInterrupt  # what is not the layer's own fault is passed on
    assert calls >= when
    assert (content([layer, x]), random_states(), np.geterr()) == before


def test_read_only_parameters_and_inputs():
    W, b, x = np.ones((3, 2)), np.zeros(2), np.ones((4, 3))
    for array in (W, b, x):
        array.flags.writeable = False
    assert check(Affine(W, b), x).ok


def test_arrays_of_the_class_are_not_written_into():
    class Shared:
        params = ("g",)
        g = np.ones(3)

        def forward(self, x):
            self.x = x
            return self.g * x

        def backward(self, dout):
            self.dg = (dout * self.x).sum(axis=0)
            return self.g * dout

    assert check(Shared(), RNG.standard_normal((4, 3))).ok
    assert Shared.g.tobytes() == np.ones(3).tobytes()
    assert "dg" not in vars(Shared)


def test_a_layer_that_cannot_be_copied_deeply():
    class Locked(Affine):
        def __init__(self, W, b):
            super().__init__(W, b)
            self.lock = threading.Lock()

    layer, x = Locked(RNG.standard_normal((3, 2)), np.zeros(2)), RNG.standard_normal((4, 3))
    before = content(layer)
    assert check(layer, x).ok
    assert content(layer) == before


def test_a_layer_that_refuses_to_be_copied():
    class Single(Affine):
        def __deepcopy__(self, memo):
            return self

    layer, x = Single(RNG.standard_normal((3, 2)), np.zeros(2)), RNG.standard_normal((4, 3))
    before = content(layer)
    assert check(layer, x).ok
    assert content(layer) == before


# The copies themselves


def test_floats_become_float64_everywhere_and_nothing_else_changes():
    class Holder:
        def __init__(self):
            self.a = np.ones(2, np.float32)
            self.b = {"c": [np.float32(0.5), np.arange(2)], "d": (np.ones(1, np.float16),)}

        def forward(self, x):
            return x

    twin = private(Holder())
    assert twin.a.dtype == twin.b["d"][0].dtype == np.float64
    assert isinstance(twin.b["c"][0], np.float64)
    assert twin.b["c"][1].dtype == np.arange(2).dtype


def test_what_was_one_array_stays_one_and_a_view_stays_a_view():
    class Flat:
        def __init__(self):
            self.flat = np.arange(6, dtype=np.float32)
            self.W = self.flat.reshape(2, 3)
            self.transposed = self.W.T
            self.mirrored = self.flat[::-1]
            self.again = self.W

        def forward(self, x):
            return x

    twin = private(Flat())
    assert twin.again is twin.W
    twin.flat[1] = 100
    assert twin.W[0, 1] == twin.transposed[1, 0] == twin.mirrored[-2] == 100
    np.testing.assert_array_equal(twin.mirrored, twin.flat[::-1])
    assert twin.W.dtype == np.float64


def test_a_view_of_the_weights_is_no_stale_copy():
    class Kept(Affine):
        def __init__(self, W, b):
            super().__init__(W, b)
            self.WT = W.T

        def backward(self, dout):
            super().backward(dout)
            return dout @ self.WT

    W = RNG.standard_normal((3, 2))
    assert check(Kept(W, np.zeros(2)), RNG.standard_normal((4, 3))).ok
    copied = Kept(W.copy(), np.zeros(2))
    copied.WT = copied.W.T.copy()
    (fault,) = check(copied, RNG.standard_normal((4, 3))).faults
    assert (fault.kind, fault.argument) == (Kind.STALE, "x")


def test_a_shared_layer_in_a_network_is_copied_with_its_network():
    layer = Affine(np.eye(3), np.zeros(3))
    net = Network([layer, Relu(), layer], SoftmaxWithLoss())
    before = content(layer)
    assert check(net, RNG.standard_normal((2, 3)), np.array([0, 1])).ok
    assert content(layer) == before
    assert content(copy.deepcopy(layer)) == before
