"""Labels: one meaning in every form, and what is not a label is refused by name."""

import numpy as np
import pytest

from clearprop import SoftmaxWithLoss
from clearprop.errors import ClearpropError, LabelError
from clearprop.primitives.labels import read_labels

SHAPE = (3, 4)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u8", "i1", "i4", "i8", ">i4"])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_class_numbers(dtype, shape):
    t = np.array([3, 0, 1], dtype=dtype).reshape(shape)
    labels = read_labels(t, SHAPE)
    assert labels.shape == (3,)
    assert labels.tolist() == [3, 0, 1]


@pytest.mark.parametrize("dtype", ["u1", "i8", "f2", "f4", "f8", "?"])
def test_one_hot(dtype):
    t = np.eye(4, dtype=dtype)[[3, 0, 1]]
    labels = read_labels(t, SHAPE, np.float32)
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, np.eye(4)[[3, 0, 1]])


@pytest.mark.parametrize(
    ("t", "shape"),
    [(2, (4,)), (np.array(2), (4,)), ([2], (4,)), ([[2]], (1, 4)), ([2], (1, 4))],
)
def test_one_sample(t, shape):
    assert read_labels(t, shape).reshape(-1).tolist() == [2]


def test_soft_labels_may_be_off_by_rounding():
    t = np.full((2, 3), 1 / 3, dtype=np.float16)
    assert abs(t.sum(axis=1, dtype=float) - 1).max() > 0
    np.testing.assert_array_equal(read_labels(t, (2, 3), np.float16), t)


def test_the_callers_labels_are_never_written_to():
    t = np.array([0, 1, 2])
    t.flags.writeable = False
    SoftmaxWithLoss().forward(np.zeros(SHAPE), t)
    one_hot = np.eye(4)[:3]
    before = one_hot.copy()
    loss = SoftmaxWithLoss()
    loss.forward(np.zeros(SHAPE), one_hot)
    loss.backward()
    np.testing.assert_array_equal(one_hot, before)


BAD = {
    "negative": ([0, -1, 2], "label -1 is out of range: .* 4 classes, .* from 0 to 3"),
    "too large": ([0, 4, 2], "label 4 is out of range: .* from 0 to 3"),
    "huge unsigned": (np.array([0, 2**63, 2], "u8"), "label 9223372036854775808 is out of range"),
    "floats": ([0.0, 1.0, 2.0], r"shape \(3,\) have dtype float64, .* integers; .*astype\(int\)"),
    "NaN class numbers": ([0.0, np.nan, 2.0], r"dtype float64, but class numbers are integers"),
    "bools": ([True, False, True], "dtype bool, but class numbers are integers"),
    "column of floats": ([[0.0], [1.0], [2.0]], r"shape \(3, 1\) have dtype float64"),
    "text": (["a", "b", "c"], "dtype <U1; use class numbers"),
    "objects": ([None, None, None], "dtype object; use class numbers"),
    "complex": (np.zeros(SHAPE, complex), "dtype complex128; use class numbers"),
    "dates": (np.zeros(3, "M8[s]"), "dtype datetime64"),
    "too few": (
        [0, 1],
        r"labels t \(2,\) do not fit scores \(3, 4\): expected class numbers \(3,\)",
    ),
    "too many": ([0, 1, 2, 3], r"labels t \(4,\) do not fit scores \(3, 4\)"),
    "one": (1, r"labels t \(\) do not fit scores"),
    "none": ([], r"labels t \(0,\) do not fit scores"),
    "row": ([[0, 1, 2]], r"labels t \(1, 3\) do not fit scores \(3, 4\)"),
    "narrow one-hot": (
        np.eye(3),
        r"labels t \(3, 3\) do not fit scores \(3, 4\): .*one-hot \(3, 4\)",
    ),
    "wide one-hot": (np.eye(5)[:3], r"labels t \(3, 5\) do not fit scores \(3, 4\)"),
    "one-hot of one sample": (np.eye(4)[0], r"labels t \(4,\) do not fit scores"),
    "rows of 2": (2 * np.eye(4)[:3], "sum to 1 over the 4 classes; sample 0 sums to 2"),
    "a row of 0": (np.eye(4)[:3] * [[1], [0], [1]], "sum to 1 .* sample 1 sums to 0"),
    "scores": (np.ones(SHAPE), "sum to 1 over the 4 classes; sample 0 sums to 4"),
    "percent": (100 * np.eye(4)[:3], "sums to 100"),
    "NaN": (np.full(SHAPE, np.nan), "must be finite and not negative"),
    "infinity": (np.full(SHAPE, np.inf), "must be finite and not negative"),
    "minus": ([[2, -1, 0, 0]] * 3, "must be finite and not negative"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_a_label_is_refused_by_name(case):
    t, message = BAD[case]
    with pytest.raises(LabelError, match=message) as caught:
        SoftmaxWithLoss().forward(np.zeros(SHAPE), t)
    assert isinstance(caught.value, ClearpropError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_soft_labels_off_by_more_than_rounding_are_refused(dtype):
    t = np.full((2, 4), 0.25, dtype=dtype)
    t[1, 0] += 0.0625
    with pytest.raises(LabelError, match=r"sample 1 sums to 1.0625"):
        SoftmaxWithLoss().forward(np.zeros((2, 4), dtype), t)


def test_labels_of_one_class_are_ambiguous():
    with pytest.raises(LabelError, match=r"ambiguous: .* for two classes give scores of shape"):
        SoftmaxWithLoss().forward(np.zeros((3, 1)), np.zeros((3, 1), int))


def test_the_place_of_a_wrong_row_is_named_in_deeper_batches():
    t = np.full((2, 3, 4), 0.25)
    t[1, 2] = 0
    with pytest.raises(LabelError, match=r"sample \(1, 2\) sums to 0"):
        SoftmaxWithLoss().forward(np.zeros((2, 3, 4)), t)
