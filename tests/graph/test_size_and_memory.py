"""Large graphs: no recursion, steps in proportion to the nodes, and nothing kept alive."""

import contextlib
import gc
import sys
import tracemalloc
import weakref

import numpy as np
import pytest

import clearprop
from clearprop import Affine, TwoLayerNet, Variable, graph
from clearprop.graph.node import Node


@contextlib.contextmanager
def little_recursion():
    """Leave room for a few dozen calls inside each other."""
    depth, frame = 0, sys._getframe()
    while frame:
        depth, frame = depth + 1, frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 60)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextlib.contextmanager
def without_gc():
    """What is freed is freed because nothing refers to it: no cycle waits for the collector."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def chain(length):
    x = y = Variable(1.0)
    for _ in range(length):
        y = y * 1.000001
    return x, y


def test_a_chain_of_100_000_nodes():
    with little_recursion():
        x, y = chain(100_000)
        y.backward()
        assert x.grad == pytest.approx(np.exp(0.1), rel=1e-5)
        assert x.grad == y.item()
        del y


def steps(work):
    """How many Python functions are called."""
    count = 0

    def profiler(frame, event, argument):
        nonlocal count
        count += event == "call"

    with without_gc():  # whose callbacks would count too
        sys.setprofile(profiler)
        try:
            work()
        finally:
            sys.setprofile(None)
    return count


def ladder(n):
    """Each rung uses the two before it: a graph with exponentially many paths."""
    a, b = Variable(0.5), Variable(0.25)
    for _ in range(n):
        a, b = b, a * 0.5 + b * 0.5
    return b


def rows(n):
    y = x = Variable(np.ones(3))
    for _ in range(n):
        y = np.tanh(y + x[:1])
    return np.sum(y)


@pytest.mark.parametrize(
    "make", [lambda n: chain(n)[1], ladder, rows], ids=["chain", "ladder", "rows"]
)
def test_steps_grow_with_the_nodes_and_no_faster(make):
    counts = {}
    for n in (50, 100, 200):
        made = []
        forward = steps(lambda n=n, made=made: made.append(make(n)))
        backward = steps(made[0].backward)
        walked = steps(lambda made=made: graph(made[0]).evaluate())
        counts[n] = np.array([forward, backward, walked])
    np.testing.assert_allclose(counts[200] - counts[100], 2 * (counts[100] - counts[50]), rtol=0.01)


def test_deep_graphs_of_every_kind_need_no_recursion():
    with little_recursion():
        y = rows(1500)
        g = graph(y)
        y.backward(record=True)
        str(g)
        g.evaluate()
        g.opened()
        assert len(g.variables) > 1500
        cell, h = Affine(np.eye(2) * 0.9, np.zeros(2)), Variable(np.ones((1, 2)))
        for _ in range(500):
            h = cell(h)
        np.sum(h).backward()
        graph(h).opened().outputs[0].backward(np.ones((1, 2)))


def nodes_alive():
    return sum(type(thing) is Node for thing in gc.get_objects())


class TestFreed:
    """A graph is held from its end: when the last Variable goes, all of it goes at once."""

    def test_a_graph_goes_with_its_last_variable(self):
        with without_gc():
            before = nodes_alive()
            x = Variable(np.ones(1000))
            y = np.sum(np.exp(x) * x + np.log(x + 1))
            y.backward()
            inside = weakref.ref(y.node.inputs[0].data)
            assert nodes_alive() > before
            del y
            assert inside() is None
            assert nodes_alive() == before
            assert x.grad is not None

    def test_a_second_pass_gives_the_derivatives_of_the_first_back_before_it_starts(self):
        x = Variable(np.ones(100_000))
        y = np.sum(np.exp(x))
        y.backward()
        tracemalloc.start()
        try:
            y.backward()
            tracemalloc.reset_peak()
            held, _ = tracemalloc.get_traced_memory()
            y.backward()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak - held < 0.5 * x.data.nbytes

    def test_a_layer_and_a_network_leave_nothing(self):
        with without_gc():
            before = nodes_alive()
            net = TwoLayerNet(4, 3, 2)
            x = Variable(np.ones((2, 4)))
            loss = net.loss(x, [0, 1])
            loss.backward()
            opened = graph(loss).opened()
            opened.outputs[0].backward()
            parameter = weakref.ref(graph(loss).parameters["W1"])
            scores = weakref.ref(loss.node.inputs[0].data)
            del opened
            assert parameter() is not None
            del loss
            assert parameter() is None
            assert scores() is None
            assert nodes_alive() == before

    def test_functions_leave_nothing(self):
        with without_gc():
            before = nodes_alive()
            clearprop.grad(clearprop.grad(lambda x: np.exp(x) * x))(2.0)
            clearprop.value_and_grad(lambda x: np.sum(x @ x.T))(np.ones((3, 3)))
            assert nodes_alive() == before

    def test_a_refused_operation_leaves_nothing(self):
        with without_gc():
            before = nodes_alive()
            x = Variable([1.0, 2.0])
            with pytest.raises(TypeError):
                np.unique(x * 2)
            del x
            assert nodes_alive() == before

    def test_a_training_loop_does_not_grow(self):
        net = TwoLayerNet(4, 3, 2)
        with without_gc():
            counts = []
            for _ in range(5):
                loss = net.loss(Variable(np.ones((2, 4))), [0, 1])
                loss.backward()
                for name, v in graph(loss).parameters.items():
                    net.params[name] -= 0.1 * v.grad
                counts.append(nodes_alive())
            assert len(set(counts[1:])) == 1

    def test_a_recorded_derivative_holds_what_it_was_computed_from(self):
        """x.grad depends on x: a cycle, which clearing the derivative breaks."""
        with without_gc():
            before = nodes_alive()
            x = Variable(np.ones(3))
            np.sum(x**3).backward(record=True)
            x.grad = None
            assert nodes_alive() == before
            np.sum(x**3).backward(record=True)
            del x
            assert nodes_alive() > before
        gc.collect()
        assert nodes_alive() == before

    def test_a_layer_class_made_in_a_function_is_not_kept(self):
        def once():
            big = np.ones(1000)

            class Local(clearprop.Layer):
                constants = ("t",)

                def forward(self, x, t):
                    return x * big[0]

                def backward(self, dout):
                    return dout

            Local()(Variable(1.0), 0.0).backward()
            return weakref.ref(big)

        held = once()
        gc.collect()  # a class refers to itself
        assert held() is None
