"""Which names outside of a program are read by it, and which are only called alike."""

import sys
import warnings
from functools import partial
from types import ModuleType

import numpy as np
import pytest
from nets import batch

from clearprop import Affine, Layer, Network, grad
from clearprop.compiler import compile
from clearprop.errors import RecordingWarning
from clearprop.training import SGD

loss, x, W, scores = 0.0, None, None, []
FACTOR, LIBRARY = 1.0, None
X, T = batch(10, 4, 3)


class Square(Layer):
    def forward(self, x):
        self.x = x
        return x * x

    def backward(self, dout):
        return 2 * self.x * dout


class Penalized(Network):
    def __init__(self):
        super().__init__()
        self.fc, self.square = Affine.from_sizes(4, 3, rng=np.random.default_rng(0)), Square()

    def forward(self, x):
        self.scores = self.square(self.fc(x))
        return self.scores

    def loss(self, x, t):
        return super().loss(x, t) + 0.01 * np.sum(self.fc.W**2)


def squares(p, x):
    return np.sum((x @ p["W"]) ** 2)


@pytest.mark.parametrize("name", ["loss", "x", "W", "scores"])
def test_what_is_only_called_like_an_attribute_or_a_key_may_change(name, monkeypatch):
    step, predict, f = compile(Penalized(), SGD(0.1)), compile(Penalized()), compile(grad(squares))
    plans = set()
    for value in (1.0, X, [1.0], None, "text"):
        monkeypatch.setitem(globals(), name, value)
        step(X, T), predict(X), f({"W": np.ones((4, 3))}, X)
        plans.add((step._last, predict._last, f._last))
    assert len(plans) == 1


package, settings = ModuleType("of_tests"), ModuleType("of_tests.settings")
package.settings, settings.gain, settings.other = settings, 1.0, 1.0


class Place:
    gain, other = 1.0, 1.0


def behind_two_points(x):
    return x * package.settings.gain


def by_another_name(x):
    one = package
    return x * one.settings.gain


def imported_within(x):
    import of_tests.settings as one

    return x * one.gain


def a_name_imported_within(x):
    from of_tests.settings import gain

    return x * gain


def in_a_comprehension(x):
    return x * sum(settings.gain for _ in range(1))


def in_a_function_within(x):
    def gain():
        return settings.gain

    return x * gain()


def of_a_class(x):
    return x * Place.gain


def of_a_class_by_text(x):
    return x * getattr(Place, "gain")  # noqa: B009


def by_text(x):
    return x * globals()["FACTOR"]


def evaluated(x):
    return x * eval("FACTOR")


def of_the_module_of_its_name(x):
    return x * sys.modules[__name__].FACTOR


def captured():
    one, place = settings, Place
    return lambda x: x * (one.gain + place.gain) / 2


def by_default(x, place=Place):
    return x * place.gain


def by_default_by_name(x, *, place=settings):
    return x * place.gain


HELD = {"places": [settings, (Place,)], "classes": [Place]}


def in_a_dict(x):
    return x * HELD["places"][0].gain


def in_a_tuple(x):
    return x * HELD["places"][1][0].gain


def in_a_list_of_classes(x):
    return x * HELD["classes"][0].gain


def in_part(place, x):
    return x * place.gain


class Holding:
    def __init__(self):
        self.place, self.settings = Place, settings


def of_an_object(x):
    return x * (HOLDING.place.gain + HOLDING.settings.gain) / 2


class Inheriting(Place):
    pass


def inherited(x):
    return x * Inheriting.gain


HOLDING = Holding()
CAPTURED = captured()
READ = {
    f.__name__: f
    for f in (
        *(behind_two_points, by_another_name, imported_within, a_name_imported_within),
        *(in_a_comprehension, in_a_function_within, of_a_class, of_a_class_by_text),
        *(by_text, evaluated, of_the_module_of_its_name, by_default, by_default_by_name),
        *(in_a_dict, in_a_tuple, in_a_list_of_classes, of_an_object, inherited),
    )
} | {
    "captured": CAPTURED,
    "class in part": partial(in_part, Place),
    "module in part": partial(in_part, settings),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_heard(name, monkeypatch):
    f = READ[name]
    for module in (package, settings):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    compiled = compile(f)
    np.testing.assert_array_equal(compiled(X), X)
    plan = compiled._last
    for place in (settings, Place):
        monkeypatch.setattr(place, "other", 2.0)  # nobody reads it
    compiled(X)
    assert compiled._last is plan
    for place in (settings, Place):
        monkeypatch.setattr(place, "gain", 2.0)
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    np.testing.assert_array_equal(compiled(X), 2 * X)


SOURCE = """
{line}
class Meta(type):
    def __getattribute__(kind, name):
        if name == "storage" and LOOKED is not None:
            LOOKED.append(name)
        return super().__getattribute__(name)

LOOKED, factor = [], 1.0

class Tensor(metaclass=Meta):
    storage, note = 1, 0.0
    def __init__(self):
        self.value = 2.0
    def typed(self):
        return factor * self.storage
    def numpy(self):
        LOOKED.clear()
        return self.value * factor
"""


@pytest.fixture
def library(tmp_path, monkeypatch, request):
    path = tmp_path / "site-packages" / "of_others"
    path.mkdir(parents=True)
    (path / "__init__.py").write_text(SOURCE.format(line=request.param))
    monkeypatch.syspath_prepend(path.parent)
    import of_others

    monkeypatch.setitem(globals(), "LIBRARY", of_others.Tensor())
    yield of_others
    del sys.modules["of_others"]
    from clearprop.compiler.holding import is_of_library

    is_of_library.cache_clear()


def times_a_tensor(x):
    return x * LIBRARY.numpy()


@pytest.mark.parametrize("library", [""], indirect=True)
def test_the_classes_of_a_library_are_not_looked_into_but_its_objects_are(library):
    compiled = compile(times_a_tensor)
    np.testing.assert_array_equal(compiled(X), 2 * X)
    plan = compiled._last
    library.factor = 5.0  # how it works inside
    compiled(X)
    assert compiled._last is plan
    assert library.LOOKED == []
    library.factor, LIBRARY.value = 1.0, 3.0
    np.testing.assert_array_equal(compiled(X), 3 * X)


@pytest.mark.parametrize("library", ["from clearprop import Layer"], indirect=True)
def test_one_that_is_written_for_clearprop_is(library):
    compiled = compile(times_a_tensor)
    np.testing.assert_array_equal(compiled(X), 2 * X)
    library.factor = 5.0
    np.testing.assert_array_equal(compiled(X), 10 * X)


def test_an_object_of_torch_is_known_by_which_it_is(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setitem(globals(), "LIBRARY", torch.ones(()))
    compiled = compile(times_a_tensor)
    plans = set()
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X), X)
        plans.add(compiled._last)
    assert len(plans) == 1


def test_a_cell_that_is_still_empty_is_no_hindrance():
    def function(x):
        return later if x is None else 2 * x

    compiled = compile(function)
    np.testing.assert_array_equal(compiled(X), 2 * X)
    later = 1.0
    np.testing.assert_array_equal(compiled(X), 2 * X)


@pytest.mark.parametrize("place", [Place, settings], ids=["class", "module"])
def test_so_is_what_a_layer_holds(place, monkeypatch):
    class Configured(Layer):
        def __init__(self):
            self.config = place

        def forward(self, x):
            return x * self.config.gain

        def backward(self, dout):
            return dout * self.config.gain

    network = Network([Affine.from_sizes(4, 3, rng=np.random.default_rng(0)), Configured()])
    step, predict = compile(network, SGD(1e-9)), compile(network)
    step(X, T), predict(X)
    monkeypatch.setattr(place, "gain", 2.0)
    assert step(X, T) == pytest.approx(float(network.loss(X, T)), rel=1e-6)
    np.testing.assert_allclose(predict(X), network.predict(X), rtol=1e-6)


class Scaled(Layer):
    def forward(self, x):
        return x * FACTOR

    def backward(self, dout):
        return dout * FACTOR


def made():
    return Network([Affine.from_sizes(4, 3, rng=np.random.default_rng(0)), Scaled()])


def scaled(x):
    return x * FACTOR


@pytest.mark.parametrize("kind", ["step", "over", "prediction", "function"])
def test_a_program_that_is_recorded_again_and_again_says_so_once(kind, monkeypatch):
    step = compile(made(), SGD(0.1))
    over, predict, f = step.over(X, T), compile(made()), compile(scaled)
    rows = np.arange(10)
    run = {
        "step": lambda: step(X, T),
        "over": lambda: over(rows),
        "prediction": lambda: predict(X),
        "function": lambda: f(X),
    }[kind]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for i in range(12):
            monkeypatch.setitem(globals(), "FACTOR", 1.0 + i)
            run()
    assert [w.category for w in found] == [RecordingWarning]
    assert f"the variable FACTOR of {__name__} changes again and again" in str(found[0].message)
    assert "a float (1.0, not 1) that is an attribute" in str(found[0].message)
    assert found[0].filename == __file__


def test_so_does_one_of_other_parameters_each_time():
    network = made()
    step = compile(network, SGD(0.1))

    def alternate():
        for i in range(6):
            network.freeze("W1") if i % 2 else network.unfreeze("W1")
            step(X, T)

    with pytest.warns(RecordingWarning, match="what is frozen, .* compile a step for each"):
        alternate()


def test_one_that_is_used_longer_than_it_took_does_not(monkeypatch):
    f = compile(scaled)
    for i in range(12):
        monkeypatch.setitem(globals(), "FACTOR", 1.0 + i)
        f(X)
        f._last.made = (-1e9, f._last.made[1])  # as if long ago
