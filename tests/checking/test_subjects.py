"""What can be checked: functions, layers, classes, lists, networks, files."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import right_layers

from clearprop import (
    Affine,
    MulLayer,
    Network,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
    TwoLayerNet,
    check,
    dense_layers,
)
from clearprop.checking import Kind
from clearprop.errors import ConfigError, FileFormatError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 5))


def kinds(report):
    return [(f.layer, f.argument, f.kind) for f in report.faults]


# Functions


def test_a_function_is_differentiated_on_the_graph_and_compared_with_differences():
    def f(x, y):
        return np.sin(x) * y + x.sum()

    report = check(f, X, 2 * X)
    assert report.ok
    assert [(row.argument, row.method) for row in report["f"].rows] == [
        ("x", "automatic"),
        ("y", "automatic"),
    ]


def test_a_function_with_its_gradient():
    def f(x):
        return (x**2).sum()

    assert check(f, X, gradient=lambda x: 2 * x).ok
    (fault,) = check(f, X, gradient=lambda x: x).faults
    assert (fault.kind, fault.factor) == (Kind.FACTOR, pytest.approx(0.5))


def test_a_function_of_several_arrays_with_its_gradient():
    def f(x, y):
        return (x * y).sum()

    assert check(f, X, X**2, gradient=lambda x, y: (y, x)).ok
    swapped = check(f, X, X**2, gradient=lambda x, y: (x, y))
    assert [fault.kind for fault in swapped.faults] == [Kind.SWAPPED] * 2


def test_a_closed_function_with_its_gradient_is_compared_with_differences():
    def f(x):
        return sum(float(v) ** 2 for v in x)

    report = check(f, X[0, :3], gradient=lambda x: 2 * x)
    assert report.ok
    assert report["f"].rows[0].method == "directions"
    assert check(f, X[0, :3]).faults[0].kind is Kind.NO_BACKWARD


def test_a_gradient_is_a_slope_or_belongs_to_a_function_with_one_number():
    assert check(np.sin, X, gradient=np.cos).ok
    assert check(np.sin, X, gradient=np.sin).ok is False
    assert check(lambda x: x @ X.T, X[0], gradient=lambda x: X).ok  # a Jacobian matrix
    (fault,) = check(lambda x: x.T, X, gradient=np.cos).faults
    assert fault.kind is Kind.RAISES
    assert "gives one number" in fault.message


# Layers


@pytest.mark.parametrize("cls", [right_layers.RnnCell, right_layers.BookAffine])
def test_parameters_are_found_where_people_keep_them(cls):
    (layer,) = check(cls).layers
    assert len(layer.rows) == {"RnnCell": 5, "BookAffine": 3}[cls.__name__]


def test_a_parameter_that_a_layer_of_ours_does_not_declare_is_told():
    class Quiet(Affine):
        params = ()

    class Undeclared(type(Relu())):
        def __init__(self, W):
            self.W = W

        def forward(self, x):
            self.x = x
            return x @ self.W

        def backward(self, dout):
            self.dW = self.x.T @ dout
            return dout @ self.W.T

    report = check(Undeclared(RNG.standard_normal((5, 3))), X)
    assert [f.kind for f in report.faults] == [Kind.UNDECLARED]
    assert [row.argument for row in report["Undeclared"].rows] == ["x", "W"]
    # What declares to learn nothing is believed.
    rows = check(Quiet(np.eye(5), np.zeros(5)), X)["Quiet"].rows
    assert [row.argument for row in rows] == ["x"]


def test_a_layer_without_samples_gets_inputs_where_that_is_plain():
    assert check(right_layers.Tanh()).ok
    assert check(right_layers.Multiply).ok

    class Scale(right_layers.Affine):
        samples = None

    rows = check(Scale(np.ones((7, 2)), np.zeros(2)))["Scale"].rows
    assert [row.shape for row in rows] == [(4, 7), (7, 2), (2,)]


def test_labels_are_constants_by_name_or_by_declaration():
    t = np.array([0, 2, 1, 1])
    for layer in (SoftmaxWithLoss(), right_layers.SoftmaxWithLoss()):
        (report,) = check(layer, X, t).layers
        assert [row.argument for row in report.rows] == ["x"]


def test_a_list_without_inputs_is_tried_on_samples_and_with_inputs_in_a_row():
    apart = check([Relu, Sigmoid])
    assert [layer.name for layer in apart.layers] == ["Relu", "Sigmoid"]
    chain = check(
        [Affine(np.ones((5, 3)), np.zeros(3)), Relu(), SoftmaxWithLoss()], X, [0, 1, 2, 0]
    )
    assert [layer.name for layer in chain.layers] == ["Affine1", "Relu1", "lastLayer"]
    assert chain["Relu1"].rows[0].shape == (4, 3)
    assert chain.ok


# Networks


class Faulty(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = self.db * 2
        return dx


def test_each_layer_of_a_network_is_checked_and_the_gradient_as_a_whole():
    net = TwoLayerNet(5, 4, 3, rng=np.random.default_rng(0))
    report = check(net, X, np.array([0, 1, 2, 0]))
    names = ["Affine1", "Relu1", "Affine2", "lastLayer", "TwoLayerNet.gradient"]
    assert [layer.name for layer in report.layers] == names
    assert report.ok
    assert check(net, X)["Affine2"].ok


def test_of_twenty_layers_only_the_faulty_one_is_named():
    layers = dense_layers([6] * 11 + [3], rng=np.random.default_rng(2), dtype=np.float64)[:20]
    layers[12] = Faulty(layers[12].W, layers[12].b)
    net = Network([(f"layer{i}", layer) for i, layer in enumerate(layers)])
    report = check(net, RNG.standard_normal((4, 6)), np.array([0, 1, 2, 0]))
    assert kinds(report) == [("layer12", "b", Kind.FACTOR)]
    assert len(report.layers) == 21


def test_a_network_that_mixes_up_its_derivatives_is_found_though_its_layers_are_right():
    class Mixed(TwoLayerNet):
        def gradient(self, x, t):
            found = super().gradient(x, t)
            return {**found, "b1": 3 * found["b1"]}

    net = Mixed(5, 4, 3, rng=np.random.default_rng(0))
    report = check(net, X, np.array([0, 1, 2, 0]))
    assert kinds(report) == [("Mixed.gradient", "b1", Kind.FACTOR)]


def test_a_network_by_the_book():
    class TwoLayers:
        def __init__(self):
            r = np.random.default_rng(0)
            self.params = {"W1": r.standard_normal((5, 4)), "b1": np.zeros(4)}
            self.layers = {
                "Affine1": right_layers.BookAffine(self.params["W1"], self.params["b1"]),
                "Relu1": right_layers.Relu(),
            }
            self.lastLayer = right_layers.SoftmaxWithLoss()

        def predict(self, x):
            for layer in self.layers.values():
                x = layer.forward(x)
            return x

        def loss(self, x, t):
            return self.lastLayer.forward(self.predict(x), t)

        def gradient(self, x, t):
            self.loss(x, t)
            dout = self.lastLayer.backward(1)
            for layer in reversed(self.layers.values()):
                dout = layer.backward(dout)
            return {"W1": self.layers["Affine1"].dW, "b1": self.layers["Affine1"].db}

    report = check(TwoLayers(), X, np.array([0, 1, 3, 0]))
    assert report.ok
    assert report["TwoLayers.gradient"].rows[0].argument == "all parameters"


def test_where_a_value_is_lost_the_layers_after_it_are_not_blamed():
    class Broken(Relu):
        def forward(self, x):
            return super().forward(x) * np.nan

    net = Network([Affine(np.eye(5), np.zeros(5)), Broken(), Affine(np.eye(5), np.zeros(5))])
    report = check(net, X, np.array([0, 1, 2, 0]))
    assert kinds(report) == [("Broken1", "output", Kind.NOT_FINITE)]
    assert report["Affine2"].closed == "not reached: Broken1 gave nothing to go on with"


# Files

FILE = """
    import numpy as np
    import helper_of_layers

    class Half:
        def forward(self, x):
            return helper_of_layers.half(x)

        def backward(self, dout):
            return dout

    class Bias:
        params = ("b",)

        def __init__(self, b):
            self.b = b

        def forward(self, x):
            return x + self.b

        def backward(self, dout):
            self.db = dout.sum(axis=0)
            return dout

        @classmethod
        def samples(cls, rng):
            yield cls(rng.standard_normal(3)), (rng.standard_normal((4, 3)),)

    class NeedsMore:
        def __init__(self, size, *, scale=1):
            self.size = size

        def forward(self, x):
            return x

        def backward(self, dout):
            return dout

    class NotALayer:
        def forward(self, x):
            return x

    from collections import OrderedDict
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my_layers.py"
    path.write_text(textwrap.dedent(FILE), "utf-8")
    (tmp_path / "helper_of_layers.py").write_text("def half(x):\n    return x / 2\n", "utf-8")
    yield path
    sys.modules.pop("helper_of_layers", None)


def test_the_layers_of_a_file(file):
    before, modules = set(file.parent.iterdir()), set(sys.modules)
    report = check(file)
    assert report.name == "my_layers.py"
    assert [layer.name for layer in report.layers] == ["Half", "Bias", "NeedsMore"]
    assert kinds(report) == [("Half", "x", Kind.FACTOR), ("NeedsMore", None, Kind.SAMPLES)]
    assert "yield cls(size=…), (rng.standard_normal" in report.faults[1].message
    assert set(file.parent.iterdir()) == before
    assert set(sys.modules) - modules == {"helper_of_layers"}
    assert str(file.parent) not in sys.path


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("x = = 1", FileFormatError, "cannot be imported: SyntaxError"),
        ("1 / 0", FileFormatError, "cannot be imported: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", FileFormatError, "cannot be imported: SystemExit: 3"),
        ("x = 1", ConfigError, "defines no layer: a class with forward"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path, text, error, message):
    path = tmp_path / "a.py"
    path.write_text(text, "utf-8")
    with pytest.raises(error, match=f"a.py {message}"):
        check(path)


def test_no_such_file():
    with pytest.raises(FileNotFoundError):
        check("nowhere.py")


def test_bases_in_a_file_are_not_layers(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        textwrap.dedent(
            """
            class Base:
                def forward(self, x):
                    raise NotImplementedError
                def backward(self, dout):
                    raise NotImplementedError
            class Same(Base):
                def forward(self, x):
                    return 1.0 * x
                def backward(self, dout):
                    return 1.0 * dout
            """
        ),
        "utf-8",
    )
    assert [layer.name for layer in check(path).layers] == ["Same"]


def run_check(*words):
    command = [sys.executable, "-W", "error", "-m", "clearprop", "check", *words]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command_line(file):
    wrong = run_check(str(file))
    assert wrong.returncode == 1
    assert "Half, x" in wrong.stdout
    missing = run_check("nowhere.py")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "nowhere.py: no such file" in missing.stderr


def test_the_command_line_checks_ours():
    own = run_check("--json")
    assert own.returncode == 0
    assert '"name": "Affine"' in own.stdout


# Misuse


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((3,), {}, "3 is no layer"),
        ((None,), {}, "None is no layer"),
        ((np.sin,), {}, "a function needs inputs, as in check"),
        ((Relu, X), {}, "Relu is a class; give a layer"),
        ((Relu(), X), {"gradient": np.cos}, "gradient=… goes with a function"),
        ((np.sin, X), {"gradient": 3}, "gradient is a int; give a function"),
        ((Relu(), X), {"rng": "seed"}, "rng is 'seed'; give a seed"),
        ((TwoLayerNet(5, 4, 3),), {}, "a network is checked on a batch"),
        (("a.py", X), {}, "leave x out"),
    ],
)
def test_misuse_says_what_to_do(arguments, options, message):
    with pytest.raises(ConfigError, match=message):
        check(*arguments, **options)


def test_everything_of_ours():
    report = check()
    assert report.ok
    assert {layer.name for layer in report.layers} >= {"Affine", "MulLayer", "SoftmaxWithLoss"}
    assert MulLayer.__name__ in str(report)
