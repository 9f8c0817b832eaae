"""The summary, character by character, and its counts."""

import numpy as np
import pytest

from clearprop import Affine, Network, Relu, Sigmoid, TwoLayerNet, dense_layers
from clearprop.errors import ShapeError
from clearprop.networks.summary import multiply_adds

GOLDEN = """\
layer     kind     output shape  parameters  multiply-adds
────────  ───────  ────────────  ──────────  ─────────────
Affine1   Affine   (N, 100)          78,500         78,400
Sigmoid1  Sigmoid  (N, 100)               0              0
Affine2   Affine   (N, 50)            5,050          5,000
Sigmoid2  Sigmoid  (N, 50)                0              0
Affine3   Affine   (N, 10)              510            500
────────  ───────  ────────────  ──────────  ─────────────
total                                84,060         83,900"""


def golden_network():
    return Network(
        dense_layers([784, 100, 50, 10], activation="sigmoid", rng=np.random.default_rng(0))
    )


@pytest.mark.parametrize(
    "x",
    [(784,), (1, 28, 28), np.zeros((5, 784)), np.zeros((2, 1, 28, 28)), np.zeros(784), [0.0] * 784],
    ids=["shape", "image shape", "batch", "batch of images", "sample", "list"],
)
def test_golden(x):
    summary = golden_network().summary(x)
    assert str(summary) == repr(summary) == GOLDEN
    assert (summary.parameters, summary.multiply_adds) == (84_060, 83_900)


def test_rows_are_data():
    row = TwoLayerNet(784, 50, 10).summary((784,)).rows[0]
    assert (row.name, row.kind, row.shape) == ("Affine1", "Affine", (50,))
    assert (row.parameters, row.multiply_adds) == (39_250, 39_200)


def test_shared_parameters_count_once_and_their_work_each_time():
    affine = Affine.from_sizes(4, 4, rng=np.random.default_rng(0))
    summary = Network([affine, Relu(), affine]).summary((4,))
    assert [row.parameters for row in summary.rows] == [20, 0, 0]
    assert [row.multiply_adds for row in summary.rows] == [16, 0, 16]


def test_a_network_without_parameters():
    assert str(Network([("bend", Sigmoid())]).summary((2, 3))) == (
        "layer  kind     output shape  parameters  multiply-adds\n"
        "─────  ───────  ────────────  ──────────  ─────────────\n"
        "bend   Sigmoid  (N, 2, 3)              0              0\n"
        "─────  ───────  ────────────  ──────────  ─────────────\n"
        "total                                  0              0"
    )


@pytest.mark.parametrize(
    ("shape", "out_shape", "expected"),
    [
        ((4, 3), (1, 3), 12),  # a matrix, one row
        ((4, 3), (2, 3), 24),
        ((4, 3), (1, 7, 3), 7 * 12),  # a matrix at each of 7 steps of a sequence
        ((8, 3, 5, 5), (2, 8, 24, 20), 2 * 8 * 3 * 25 * 24 * 20),  # a filter a place
        ((3,), (1, 3), 0),
    ],
)
def test_multiply_adds(shape, out_shape, expected):
    class Stub:
        params = ("W",)
        W = np.zeros(shape)

    assert multiply_adds(Stub(), out_shape) == expected


def test_it_leaves_the_network_as_it_was():
    net = golden_network()
    net.summary((784,))
    assert net.layers["Affine1"].x is None
    assert net.layers["Sigmoid1"].out is None


def test_a_shape_that_does_not_fit():
    with pytest.raises(ShapeError, match=r"Affine1: x \(2, 100\) does not fit W \(784, 100\)"):
        golden_network().summary((100,))


class OnPoints(Network):
    """Four points a sample, each a row of its own; and a table that no sample changes."""

    def __init__(self):
        super().__init__()
        of = np.random.default_rng(0)
        self.point, self.out = Affine.from_sizes(2, 6, rng=of), Affine.from_sizes(6, 3, rng=of)
        self.table = Affine.from_sizes(5, 6, rng=of)

    def forward(self, x):
        points = np.reshape(self.point(np.reshape(x, (-1, 2))), (len(x), -1, 6))
        return self.out(np.mean(points, 1) + np.mean(self.table(np.ones((5, 5))), 0))


@pytest.mark.parametrize("x", [(4, 2), np.ones((1, 4, 2)), np.ones((3, 4, 2))])
def test_rows_that_are_no_samples_count_as_what_they_are(x):
    rows = OnPoints().summary(x).rows
    assert [r.multiply_adds for r in rows[::2]] == [48, 18]
    assert [(r.first, r.shape) for r in rows[::2]] == [("4N", (6,)), ("N", (3,))]
    assert str(OnPoints().summary(x)).count("(4N, 6)") == 1
    if np.shape(x)[0] != 1:  # of one sample nothing tells these rows from its own
        assert (rows[1].first, rows[1].shape) == ("5", (6,))
