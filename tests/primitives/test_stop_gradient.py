"""`stop_gradient`: the same values, and the derivative 0, in every reading."""

import numpy as np
import pytest

from clearprop import (
    Affine,
    Graph,
    Layer,
    Network,
    Variable,
    compile,
    grad,
    graph,
    hessian,
    jvp,
    stop_gradient,
)
from clearprop.errors import DTypeError
from clearprop.training import SGD

X = np.array([0.5, -1.0, 2.0])


def f(x):
    return np.sum(x * stop_gradient(np.tanh(x)) + stop_gradient(x > 0) * x)


SLOPE = np.tanh(X) + (X > 0)


def test_its_values_are_those_of_x():
    assert stop_gradient(X) is X
    assert stop_gradient(2.0) == 2.0
    assert stop_gradient(Variable(X)).data.tolist() == X.tolist()
    with pytest.raises(DTypeError, match=r"join several with np\.stack"):
        stop_gradient([Variable(1.0)])


def test_nothing_is_differentiated_through_it():
    np.testing.assert_allclose(grad(f)(X), SLOPE)
    assert grad(stop_gradient)(3.0) == 0
    assert grad(lambda n: n * stop_gradient(n))(3) == 3.0
    np.testing.assert_array_equal(hessian(f)(X), np.zeros((3, 3)))
    assert jvp(f, X, np.ones(3))[1] == pytest.approx(SLOPE.sum())


@pytest.mark.parametrize("engine", ["numpy", "c", "jax"])
def test_a_program_knows_it_where_it_is_differentiated_and_leaves_it_out_then(engine):
    if engine == "jax":
        pytest.importorskip("jax")
    compiled = compile(grad(f), engine=engine)
    np.testing.assert_allclose(compiled(X), SLOPE)
    np.testing.assert_allclose(compile(f, engine=engine)(X), f(X))
    assert "stop_gradient" not in compiled.source


class Gated(Layer):
    def forward(self, x):
        return x * stop_gradient(x)


@pytest.mark.parametrize("engine", ["numpy", "c", "jax"])
def test_a_layer(engine):
    if engine == "jax":
        pytest.importorskip("jax")

    def network():
        return Network([Affine(np.eye(3), np.zeros(3)), Gated(), Affine(np.eye(3), np.zeros(3))])

    plain, trained, x, t = network(), network(), X[None], np.array([0])
    dy = np.exp(X**2) / np.exp(X**2).sum() - [1, 0, 0]
    found = plain.gradient(x, t)
    np.testing.assert_allclose(found["b1"], dy * X)
    step = compile(trained, SGD(1.0), engine=engine)
    step(x, t)
    assert step.as_written == {}
    np.testing.assert_allclose(trained.params["b1"], -found["b1"], atol=1e-12)


def test_it_stays_on_a_graph_that_is_written_to_a_file():
    again = Graph.from_json(graph(f(Variable(X, "x"))).to_json())
    assert "clearprop.stop_gradient" in [node.operation.name for node in again.nodes]
    again.outputs[0].backward()
    np.testing.assert_allclose(again.inputs[0].grad, SLOPE)


def test_a_file_for_other_programs_has_its_values():
    pytest.importorskip("onnx")
    from clearprop.interop import to_onnx

    network = Network([Affine(np.eye(3), np.zeros(3)), Gated()])
    kinds = [n.op_type for n in to_onnx(network, X[None]).graph.node]
    assert kinds == ["MatMul", "Add", "Mul", "Identity"]
