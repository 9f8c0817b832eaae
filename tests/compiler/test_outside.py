"""What layers and functions read outside themselves may change between two calls of a program."""

from collections import deque
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from nets import batch

from clearprop import Affine, Layer, LeakyRelu, Network, grad
from clearprop.compiler import compile
from clearprop.training import SGD, Optimizer, Trainer
from clearprop.training.step import layered_step

TEMPERATURE = 1.0
MASK = np.ones(3)
NUMBERS = {"gain": 1.0}
SETTINGS = SimpleNamespace(gain=1.0)


HELD = {"mask": np.ones(3)}
IN_ROW = deque([1.0])


class Config:
    gain = 1.0


class Scale:
    """An object of no layer, with methods and an array of its own."""

    def __init__(self):
        self.mask, self.inner = np.ones(3), [np.ones(3)]

    def __call__(self):
        return self.factor() * self.mask * self.inner[0]

    def factor(self):
        return OF_METHOD


SCALE = Scale()


def gain():
    return INNER


def held(factor=1.0):
    return OF_HELD * factor


INNER, OF_HELD, OF_STATIC, OF_METHOD = 1.0, 1.0, 1.0, 1.0


def capturing():
    gain, mask = 1.0, np.ones(3)

    def change(new):
        nonlocal gain
        gain, mask[0] = new, new

    return lambda x: x * gain * mask, change


CAPTURED, change_captured = capturing()


class Reading(Layer):
    """Reads numbers and arrays of its module, through functions and classes too."""

    def __init__(self):
        self.held, self.in_part = held, partial(held, 0.5)

    def factor(self):
        late = getattr(self, "late", 1.0)
        named = NUMBERS["gain"] * SETTINGS.gain * Config.gain * gain()
        named = named * HELD["mask"] * IN_ROW[0] * SCALE()
        return late * named * TEMPERATURE * MASK * CAPTURED(np.ones(3)) * self.given() * self.part()

    def part(self):
        return self.held(1.0) + self.in_part()

    @staticmethod
    def given(first=(1.0,), *, second=1.0):
        return first[0] * second * OF_STATIC

    def forward(self, x):
        return x * self.factor()

    def backward(self, dout):
        return dout * self.factor()


def another_forward(self, x):
    return 2 * x


def another_backward(self, dout):
    return 2 * dout


class Doubling(Reading):
    forward, backward = another_forward, another_backward


CHANGES = {
    "number": lambda patch, layer: patch(globals(), "TEMPERATURE", 0.1),
    "array": lambda patch, layer: patch(globals(), "MASK", np.array([0.5, 1, 2])),
    "array in place": lambda patch, layer: MASK.__setitem__(0, 0.25),
    "dict": lambda patch, layer: patch(NUMBERS, "gain", 0.1),
    "namespace": lambda patch, layer: patch(vars(SETTINGS), "gain", 0.1),
    "class": lambda patch, layer: setattr(Config, "gain", 0.1),
    "function": lambda patch, layer: patch(globals(), "gain", lambda: 0.1),
    "within a function": lambda patch, layer: patch(globals(), "INNER", 0.1),
    "within a function that is held": lambda patch, layer: patch(globals(), "OF_HELD", 0.1),
    "within a static method": lambda patch, layer: patch(globals(), "OF_STATIC", 0.1),
    "array in a dict": lambda patch, layer: patch(HELD, "mask", np.array([0.5, 1, 2])),
    "array in a dict in place": lambda patch, layer: HELD["mask"].__setitem__(0, 0.5),
    "deque": lambda patch, layer: IN_ROW.__setitem__(0, 0.1),
    "array of an object": lambda patch, layer: patch(vars(SCALE), "mask", np.array([0.5, 1, 2])),
    "array of an object in place": lambda patch, layer: SCALE.mask.__setitem__(0, 0.5),
    "array in a list of an object": lambda patch, layer: SCALE.inner[0].__setitem__(0, 0.5),
    "method of an object": lambda patch, layer: patch(vars(SCALE), "factor", lambda: 0.1),
    "within a method of an object": lambda patch, layer: patch(globals(), "OF_METHOD", 0.1),
    "call of an object": lambda patch, layer: setattr(Scale, "__call__", lambda self: 0.1),
    "captured": lambda patch, layer: change_captured(0.1),
    "late attribute": lambda patch, layer: setattr(layer, "late", 0.1),
    "late attribute of the class": lambda patch, layer: setattr(Reading, "late", 0.1),
    "method": lambda patch, layer: (
        setattr(Reading, "forward", another_forward),
        setattr(Reading, "backward", another_backward),
    ),
    "defaults": lambda patch, layer: setattr(Reading.given, "__defaults__", ((0.1,),)),
    "defaults by name": lambda patch, layer: patch(Reading.given.__kwdefaults__, "second", 0.1),
    "class of the layer": lambda patch, layer: setattr(layer, "__class__", Doubling),
    "code of its methods": lambda patch, layer: (
        setattr(Reading.forward, "__code__", another_forward.__code__),
        setattr(Reading.backward, "__code__", another_backward.__code__),
    ),
}


@pytest.fixture
def patch(monkeypatch):
    methods, call = dict(vars(Reading)), Scale.__call__
    codes = {name: methods[name].__code__ for name in ("forward", "backward")}
    yield monkeypatch.setitem
    MASK[:], Config.gain = 1, 1.0
    HELD["mask"][:] = SCALE.mask[:] = SCALE.inner[0][:] = IN_ROW[0] = 1
    Scale.__call__ = call
    change_captured(1.0)
    Reading.forward, Reading.backward = methods["forward"], methods["backward"]
    Reading.given.__defaults__ = ((1.0,),)
    for name, code in codes.items():
        methods[name].__code__ = code
    if "late" in vars(Reading):
        del Reading.late


def made():
    affine = Affine.from_sizes(4, 3, rng=np.random.default_rng(0), dtype=np.float64)
    return Network([affine, Reading()])


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_heard(change, patch):
    written, compiled = made(), made()
    layered, step = layered_step(written, SGD(0.5)), compile(compiled, SGD(0.5))
    predict, x_and_t = compile(compiled), batch(10, 4, 3, np.float64)
    programs = []
    for i in range(6):
        if i == 3:
            for network in (written, compiled):
                CHANGES[change](patch, network.layers["Reading1"])
        assert step(*x_and_t) == pytest.approx(layered(*x_and_t), rel=1e-13)
        np.testing.assert_allclose(predict(x_and_t[0]), written.predict(x_and_t[0]), rtol=1e-12)
        programs.append(id(step._last))
    assert len(set(programs)) == 2  # and recorded no oftener than needed


def test_the_trainer_hears_it(patch):
    ends = []
    for compiled in (True, False):
        patch(globals(), "TEMPERATURE", 1.0)
        network = made()
        x, t = batch(40, 4, 3, np.float64)
        trainer = Trainer(
            network, x, t, batch_size=10, rng=0, compile=compiled, optimizer=SGD(0.5),
            callbacks=[lambda moment: patch(globals(), "TEMPERATURE", 0.1)],
        )  # fmt: skip
        trainer.train(epochs=3)
        ends.append(network.params["W1"].copy())
    np.testing.assert_allclose(*ends, rtol=1e-12)


class Scaled(Optimizer):
    @staticmethod
    def change(p, g, *, step, lr):
        return p - lr * g * TEMPERATURE


def test_an_optimizer_is_heard(patch):
    written, compiled = made(), made()
    layered, step = layered_step(written, Scaled(lr=0.5)), compile(compiled, Scaled(lr=0.5))
    for i in range(4):
        patch(globals(), "TEMPERATURE", 1.0 if i < 2 else 0.1)
        x, t = batch(10, 4, 3, np.float64)
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-13)


class Warm(Layer):
    def __init__(self):
        self.temperature, self.kept = 1.0, None

    def forward(self, x):
        self.kept = len(x)
        return x * self.temperature

    def backward(self, dout):
        return dout * self.temperature


LAYERS = {"alone": Warm(), "in a list": [Warm()], "of clearprop": LeakyRelu(0.5)}


@pytest.mark.parametrize("where", LAYERS)
def test_a_compiled_function_hears_settings_of_the_layers_that_it_calls(where):
    layer = LAYERS[where]
    called = layer[0] if isinstance(layer, list) else layer

    def f(x):
        inside = layer[0] if isinstance(layer, list) else layer
        return np.sum(inside.forward(x))

    x, y = -np.ones((2, 3)), -np.ones((4, 3))
    for function in (f, grad(f)):
        compiled = compile(function)
        compiled(x)
        plan = compiled._last
        called.forward(y)  # what it keeps of another call is no change
        compiled(x)
        assert compiled._last is plan
        setattr(called, "slope" if where == "of clearprop" else "temperature", 0.25)
        np.testing.assert_array_equal(compiled(x), function(x))
        setattr(called, "slope" if where == "of clearprop" else "temperature", 0.5)
        np.testing.assert_array_equal(compiled(x), function(x))


def test_a_compiled_function_hears_what_it_captured(patch):
    W = np.eye(3)
    f = compile(lambda x: x @ W * TEMPERATURE)
    x = np.ones((2, 3))
    np.testing.assert_array_equal(f(x), x)
    W[0] = 2
    np.testing.assert_array_equal(f(x), x @ W)
    patch(globals(), "TEMPERATURE", 0.5)
    np.testing.assert_array_equal(f(x), x @ W * 0.5)


class Noting(Layer):
    """Gets attributes on the way that it does not ask for beforehand."""

    @classmethod
    def two(cls):
        return 2.0

    def forward(self, x):
        self.kept = x
        return x * self.two()

    def backward(self, dout):
        return dout * self.two()


def test_what_stays_is_not_recorded_again():
    network = Network([Affine.from_sizes(4, 3, rng=np.random.default_rng(0)), Noting()])
    step = compile(network, SGD(0.1))
    x, t = batch(10, 4, 3)
    step(x, t)
    plan = step._last
    for _ in range(3):
        network.gradient(x, t)
        network.layers["Noting1"].other = 3
        step(x, t)
    assert step._last is plan
