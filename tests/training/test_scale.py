"""Integers that are multiplied as they are used: the bytes of pixels."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from small_problem import make_network, points

from clearprop.errors import ConfigError, DataError, DTypeError
from clearprop.training import Trainer


def pixels() -> tuple[np.ndarray, np.ndarray]:
    x, t = points()
    return np.clip(np.rint(60 + 60 * x), 0, 255).astype(np.uint8), t


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_bytes_train_as_the_numbers_they_stand_for(dtype, compiled):
    x, t = pixels()
    scale = 1 / 255
    settings: dict[str, Any] = {"batch_size": 40, "compile": compiled, "rng": 0}
    one, two = make_network(), make_network()
    got = Trainer(
        one, x.astype(dtype), t, x[:9].astype(dtype), t[:9], scale=scale, **settings
    ).train(epochs=20)  # fmt: skip
    x = x * np.float32(scale)
    expected = Trainer(two, x, t, x[:9], t[:9], **settings).train(epochs=20)
    np.testing.assert_allclose(got.loss, expected.loss, rtol=1e-5)
    np.testing.assert_array_equal(got.train_accuracy, expected.train_accuracy)
    np.testing.assert_array_equal(got.test_accuracy, expected.test_accuracy)
    assert expected.loss[-1] < expected.loss[0]


def test_bytes_stay_bytes():
    x, t = pixels()
    trainer = Trainer(make_network(), x, t, batch_size=30, scale=1 / 255)
    assert trainer._sets.train.data.x is x


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (0, "scale must be a positive finite number"),
        (-1, "scale must be"),
        (math.nan, "scale must be"),
        (math.inf, "scale must be"),
        (True, "scale must be"),
        ("1/255", "scale must be"),
        (1e37, r"scale=1e\+37 takes x_train, from 0 to 255, out of the range of float32"),
        (1e-60, "out of the range of float32"),
    ],
)
def test_a_scale_out_of_range_is_refused(scale, words):
    x, t = pixels()
    x[0, 0], x[1, 1] = 0, 255
    with pytest.raises(ConfigError, match=words):
        Trainer(make_network(), x, t, batch_size=30, scale=scale)


def test_any_real_number_will_do():
    x, t = pixels()
    trainer = Trainer(make_network(), x, t, batch_size=30, scale=Fraction(1, 255))  # type: ignore[arg-type]
    trainer.train(epochs=1)


def test_what_is_no_integer_is_refused():
    x, t = pixels()
    with pytest.raises(DTypeError, match="x_train has dtype float32, but scale is for integers"):
        Trainer(make_network(), x.astype(np.float32), t, batch_size=30, scale=0.5)
    with pytest.raises(DTypeError, match="scale is for networks in float32"):
        Trainer(make_network(dtype="float64"), x, t, batch_size=30, scale=0.5)
    with pytest.raises(DataError, match=r"x_train \(0, 4\)"):
        Trainer(make_network(), x[:0], t[:0], batch_size=30, scale=0.5)
