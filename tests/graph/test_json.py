"""A graph as JSON and back: structure, values, derivatives; nothing else is let in."""

import contextlib
import json

import numpy as np
import pytest

from clearprop import Affine, Graph, Layer, MulLayer, Relu, TwoLayerNet, Variable, graph
from clearprop.errors import FileFormatError, GraphError, UnsupportedError
from clearprop.graph import Parameter

V = np.array([1.5, -0.5, 2.5])
M = np.array([[2.0, 0.3], [0.1, 1.5]])

CASES = {
    "expression": lambda v: (v * 2 + 1) / v,
    "index: number": lambda v: v[1],
    "index: slice": lambda v: v[::-2],
    "index: None and Ellipsis": lambda v: v[None, ..., 1:],
    "index: list": lambda v: v[[0, 0, 2]],
    "index: mask": lambda v: v[np.array([True, False, True])],
    "index: Variable": lambda v: v[Variable([0, 1])],
    "index: mixed": lambda v: np.outer(v, v)[[0, 1], None, 1],
    "one of several outputs": lambda v: np.split(v, 3)[1],
    "all of several outputs": lambda v: np.linalg.qr(np.outer(v, v) + np.eye(3)),
    "a list of outputs": lambda v: np.array_split(v, 2),
    "axis and keepdims": lambda v: np.sum(v, axis=0, keepdims=True),
    "a mask as where=": lambda v: np.sum(v, where=np.array([True, False, True])),
    "a Variable as where=": lambda v: np.sum(v, where=v > 1),
    "dtype": lambda v: v.astype(np.float32),
    "infinity": lambda v: v * np.inf,
    "not a number": lambda v: v + np.array([np.nan, -np.inf, -0.0]),
    "strings": lambda v: np.einsum("i,j->ij", v, v),
    "names of modes": lambda v: np.take(v, [0, 5], mode="clip"),
    "constants without derivative": lambda v: v.argmax() * v,
    "rounding": lambda v: np.round(v, 1) + v,
    "layer": lambda v: Relu()(v),
    "layer with a number": lambda v: MulLayer()(v, 2.0),
    "layer with parameters": lambda v: Affine(np.ones((3, 2)), np.ones(2))(v),
    "sorting": lambda v: np.sort(v),
    "windows": lambda v: np.lib.stride_tricks.sliding_window_view(v, 2),
    "padding": lambda v: np.pad(v, (1, 2)),
    "tuple of axes": lambda v: np.moveaxis(np.outer(v, v), 0, 1).sum(axis=(0, 1)),
    "a leaf": lambda v: v,
    "empty": lambda v: v[:0],
}


def outputs_of(out):
    return tuple(out) if isinstance(out, tuple | list) else (out,)


def same(a, b):
    np.testing.assert_array_equal(a, b)
    assert (a is None) == (b is None)
    if a is not None:
        assert (np.result_type(a), np.shape(a)) == (np.result_type(b), np.shape(b))


@pytest.mark.parametrize("kind", CASES)
def test_there_and_back(kind):
    v = Variable(V, "v")
    g = graph(outputs_of(CASES[kind](v)))
    weights = [np.ones(out.shape) for out in g.outputs]
    for out, w in zip(g.outputs, weights, strict=True):
        if out.node is not None:
            out.backward(w, accumulate=True)
    text = g.to_json()
    again = Graph.from_json(text)
    assert again.to_json() == text
    assert [n.operation.name for n in again.nodes] == [n.operation.name for n in g.nodes]
    assert [n.params.keys() for n in again.nodes] == [n.params.keys() for n in g.nodes]
    assert len(again.variables) == len(g.variables)
    for a, b in zip(again.variables, g.variables, strict=True):
        assert (a.name, type(a)) == (b.name, type(b))
        same(a.data, b.data)
        same(a.grad, b.grad)
    for out in again.leaves:
        out.grad = None
    for out, w in zip(again.outputs, weights, strict=True):
        if out.node is not None:
            out.backward(w, accumulate=True)
    for a, b in zip(again.leaves, g.leaves, strict=True):
        np.testing.assert_allclose(a.grad, b.grad, rtol=1e-14) if b.grad is not None else None
    for a, b in zip(outputs_of(again.evaluate()), outputs_of(g.evaluate()), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i8", "u8", "f2", "f4", "f8", "g", ">f8"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 1, 2)])
def test_every_dtype_and_shape(dtype, shape):
    value = np.ones(shape, dtype)
    if value.size and dtype == "g":
        value += np.finfo(np.longdouble).eps
    if value.size and dtype in ("i8", "u8"):
        value[...] = np.iinfo(dtype).max
    g = Graph.from_json(graph(Variable(value)).to_json())
    same(g.outputs[0].data, value.astype(np.dtype(dtype).newbyteorder("=")))
    if shape:
        assert not g.outputs[0].data.flags.writeable


def test_numbers_come_back_to_the_last_digit():
    values = np.array([0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0])
    again = Graph.from_json(graph(Variable(values)).to_json()).outputs[0].data
    assert again.tobytes() == values.tobytes()


def test_a_network_stays_nested_with_its_parameters():
    rng = np.random.default_rng(0)
    net = TwoLayerNet(3, 4, 2, rng=rng).astype(np.float64)
    loss = net.loss(Variable(rng.standard_normal((5, 3)), "x"), [0, 1, 1, 0, 1])
    loss.backward()
    g = graph(loss)
    again = Graph.from_json(g.to_json(indent=1))
    assert [n.operation.name for n in again.nodes] == ["TwoLayerNet", "SoftmaxWithLoss"]
    assert all(type(v) is Parameter for v in again.parameters.values())
    inner = again.inside(again.nodes[0])
    assert [n.operation.name for n in inner.nodes] == ["Affine1", "Relu1", "Affine2"]
    np.testing.assert_array_equal(inner.inside(inner.nodes[0]).outputs[0].data, inner.nodes[0].out)
    assert not any(n.operation.opens for n in again.opened().nodes)
    for depth in (0, 1, 2, None):
        again.opened(depth).outputs[0].backward()
        for name, v in again.parameters.items():
            np.testing.assert_allclose(v.grad, g.parameters[name].grad, rtol=1e-12, atol=1e-15)
    again.outputs[0].backward(record=True)
    slope = np.sum(again.inputs[0].grad ** 2)
    slope.backward()
    second = again.parameters["W1"].grad
    loss.backward(record=True)
    np.sum(g.inputs[0].grad ** 2).backward()
    np.testing.assert_allclose(second, g.parameters["W1"].grad, rtol=1e-10, atol=1e-15)


def test_a_recorded_backward_pass_can_be_written_too():
    x = Variable([0.5, 2.0], "x")
    np.sum(np.sin(x) * x).backward(record=True)
    again = Graph.from_json(graph(x.grad).to_json())
    np.testing.assert_array_equal(again.outputs[0].data, x.grad.data)
    np.testing.assert_allclose(again.evaluate({"x": [1.0, 1.0]}), np.full(2, np.cos(1) + np.sin(1)))


class Closed(Layer):
    def forward(self, x):
        out = np.empty(x.shape)
        out[:] = x
        return out

    def backward(self, dout):
        return dout


def test_a_layer_that_cannot_be_opened_is_written_closed():
    g = graph(np.sum(Closed()(Variable([1.0, 2.0], "x"))))
    again = Graph.from_json(g.to_json())
    assert again.outputs[0].item() == 3
    assert "Closed" in str(again)
    for compute in (again.evaluate, again.opened, again.outputs[0].backward):
        with pytest.raises(GraphError, match="Closed was written to the file closed"):
            compute()


def test_a_chain_of_many_nodes():
    y = Variable(1.0, "x")
    for _ in range(20_000):
        y = y + 1
    again = Graph.from_json(graph(y).to_json())
    assert again.outputs[0].item() == 20_001
    assert len(again.nodes) == 20_000


def test_an_argument_that_is_no_value_cannot_be_written():
    x = Variable([1.0, 2.0])
    y = x * 2
    y.node.params = {"strange": object()}
    with pytest.raises(UnsupportedError, match="a object among the arguments"):
        graph(y).to_json()


def good():
    x = Variable(V, "x")
    y = np.sum(x[[0, 1]] * 2)
    y.backward()
    return json.loads(graph(y).to_json())


def broken(change):
    content = good()
    change(content)
    return json.dumps(content)


BROKEN = {
    "nothing": "",
    "no JSON": "{",
    "truncated": json.dumps(good())[:-40],
    "a list": "[]",
    "a number": "3",
    "null": "null",
    "another file": '{"format": "something else"}',
    "no version": broken(lambda c: c.pop("version")),
    "a later version": broken(lambda c: c.update(version=99)),
    "no variables": broken(lambda c: c.pop("variables")),
    "variables of another kind": broken(lambda c: c.update(variables=3)),
    "nodes of another kind": broken(lambda c: c.update(nodes={"a": 1})),
    "no outputs": broken(lambda c: c.update(outputs=[])),
    "an output that is not there": broken(lambda c: c.update(outputs=[99])),
    "an input that is not there": broken(lambda c: c.update(inputs=[-1])),
    "an input that is a result": broken(lambda c: c.update(inputs=c["outputs"])),
    "a node before its input": broken(lambda c: c["nodes"].reverse()),
    "unknown operation": broken(lambda c: c["nodes"][0].update(operation="os.system")),
    "operation of another kind": broken(lambda c: c["nodes"][0].update(operation=[])),
    "keywords for nothing": broken(lambda c: c["nodes"][0].update(keywords=5)),
    "no value": broken(lambda c: c["variables"][0].update(data=None)),
    "text for a value": broken(lambda c: c["variables"][0].update(data="abc")),
    "a name that is no text": broken(lambda c: c["variables"][0].update(name=5)),
    "objects": broken(lambda c: c["variables"][0]["data"].update(dtype="O")),
    "dates": broken(lambda c: c["variables"][0]["data"].update(dtype="M8[s]")),
    "complex numbers": broken(lambda c: c["variables"][0]["data"].update(dtype="c16")),
    "an unknown dtype": broken(lambda c: c["variables"][0]["data"].update(dtype="f99")),
    "records": broken(lambda c: c["variables"][0]["data"].update(dtype="f8,f8")),
    "a wrong shape": broken(lambda c: c["variables"][0]["data"].update(shape=[2])),
    "a huge shape": broken(lambda c: c["variables"][0]["data"].update(shape=[10**9, 10**9])),
    "an endless shape": broken(lambda c: c["variables"][0]["data"].update(shape=[10**30])),
    "a negative shape": broken(lambda c: c["variables"][0]["data"].update(shape=[-1, -1])),
    "too large a number": broken(
        lambda c: c["variables"][0]["data"].update(dtype="i1", array=[1, 2, 300])
    ),
    "an endless number": broken(
        lambda c: c["variables"][0]["data"].update(dtype="i8", array=[1, 2, 10**40])
    ),
    "numbers that are lists": broken(
        lambda c: c["variables"][0]["data"].update(array=[[1], [2, 3], 4])
    ),
    "a derivative of another shape": broken(
        lambda c: c["variables"][0]["grad"].update(array=[1.0], shape=[1])
    ),
    "a derivative that is text": broken(lambda c: c["variables"][0].update(grad="big")),
    "a result that is text": broken(lambda c: c["nodes"][0].update(out="abc")),
    "an unknown form": broken(lambda c: c["nodes"][0]["params"].update(form={"call": "exit"})),
    "two forms in one": broken(
        lambda c: c["nodes"][0]["params"].update(form={"place": 0, "slice": [1, 2, 3]})
    ),
    "deep lists": "[" * 100_000,
    "deep tuples": broken(lambda c: None).replace(
        '"place": 0', '"tuple": ' + '[{"tuple": ' * 900 + "[]" + "}]" * 900
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_not_a_graph_is_refused(kind):
    with pytest.raises(FileFormatError):
        Graph.from_json(BROKEN[kind])


def test_the_good_one_is_read():
    assert Graph.from_json(json.dumps(good())).outputs[0].item() == 2


@pytest.mark.parametrize("text", [None, 3, b"\xff\xfe\xff"])
def test_what_is_not_text_is_refused(text):
    with pytest.raises(FileFormatError, match="not JSON"):
        Graph.from_json(text)


def test_the_message_says_what_is_wrong():
    with pytest.raises(FileFormatError, match=r"operation 'os\.system', which is not known"):
        Graph.from_json(BROKEN["unknown operation"])
    with pytest.raises(FileFormatError, match="version 99 of the format"):
        Graph.from_json(BROKEN["a later version"])
    with pytest.raises(FileFormatError, match="real numbers, not complex128"):
        Graph.from_json(BROKEN["complex numbers"])


def test_damage_anywhere_is_an_error_or_harmless():
    """Whatever single entry is taken out or replaced, nothing but FileFormatError comes."""
    content = good()

    def places(value, path=()):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in entries:
            yield (*path, key)
            if isinstance(inner, dict | list):
                yield from places(inner, (*path, key))

    for path in list(places(content)):
        for replacement in (None, "x", -1, 1e9, [], {}, {"tuple": 3}, [[]], True):
            damaged = json.loads(json.dumps(content))
            holder = damaged
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = replacement
            with contextlib.suppress(FileFormatError):
                Graph.from_json(json.dumps(damaged))
