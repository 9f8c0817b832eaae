"""Settings and sizes of which no layer can be made are named, with the layer."""

import numpy as np
import pytest

from clearprop import BatchNormalization, Convolution, Dropout, Elu, Embedding, LeakyRelu
from clearprop.errors import ConfigError, ShapeError

WRONG = {
    "slope": (lambda: LeakyRelu("0.1"), "LeakyRelu: slope must be a finite number, got '0.1'"),
    "alpha": (lambda: Elu(np.nan), "Elu: alpha must be a finite number, got nan"),
    "ratio": (lambda: Dropout("0.5"), "Dropout: ratio is 0.5; it must be from 0 to below 1"),
    "momentum": (
        lambda: BatchNormalization.from_size(3, momentum=2.0),
        "BatchNormalization: momentum must be a finite number from 0 to 1, got 2.0",
    ),
    "eps": (
        lambda: BatchNormalization.from_size(3, eps=-1.0),
        "BatchNormalization: eps must be a finite number from 0 on, got -1.0",
    ),
}

SIZES = {
    "BatchNormalization": lambda: BatchNormalization.from_size(0),
    "Convolution": lambda: Convolution.from_sizes(1, 2, 0),
    "Embedding": lambda: Embedding.from_sizes(10, 2.0),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", WRONG)
def test_a_setting_out_of_range_is_named(name):
    make, said = WRONG[name]
    with pytest.raises(ConfigError) as error:
        make()
    assert str(error.value) == said


@pytest.mark.parametrize("name", SIZES)
def test_sizes_that_are_none_are_named(name):
    with pytest.raises(ShapeError, match=f"{name}: sizes must be whole numbers of at least 1"):
        SIZES[name]()
