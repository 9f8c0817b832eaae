"""Every layer that learns can be made from sizes, with first numbers of the usual spread."""

from inspect import signature

import numpy as np
import pytest

from clearprop import layers
from clearprop.errors import ConfigError, ShapeError
from clearprop.layers import Convolution, Layer, TransposedConvolution

KINDS = [k for k in vars(layers).values() if isinstance(k, type) and issubclass(k, Layer)]
LEARNING = [kind for kind in KINDS if kind.params]


def test_there_are_such():
    assert len(LEARNING) >= 5


@pytest.mark.parametrize("kind", LEARNING)
def test_it_has_a_way_to_be_made_from_sizes(kind):
    make = getattr(kind, "from_sizes", None) or kind.from_size
    asked = [
        n for n in ("n", "n_in", "n_classes", "n_out", "size") if n in signature(make).parameters
    ]
    layer = make(*range(2, 2 + len(asked)), dtype=np.float64)
    for name in kind.params:
        assert getattr(layer, name).dtype == np.float64


@pytest.mark.parametrize(
    ("size", "stride", "pad"), [(4, 2, 1), ((3, 5), (1, 2), 0), (1, 1, 0), (6, 3, 2)]
)
def test_a_transposed_convolution_keeps_the_spread_of_its_input(size, stride, pad):
    rng = np.random.default_rng(0)
    how = {"stride": stride, "pad": pad, "rng": rng, "init": "xavier"}
    layer = TransposedConvolution.from_sizes(32, 24, size, **how)
    assert layer.W.dtype == layer.b.dtype == np.float32
    x = rng.standard_normal((4, 32, 16, 16)).astype(np.float32)
    out = layer.forward(x)
    inner = out[:, :, 6:-6, 6:-6]
    assert inner.std() == pytest.approx(1, rel=0.1)
    back = Convolution.from_sizes(24, 32, size, stride=stride, pad=pad)
    assert back.forward(out).shape == x.shape


def test_what_is_wrong_with_the_sizes_is_said():
    with pytest.raises(ShapeError, match="TransposedConvolution: sizes must be whole numbers"):
        TransposedConvolution.from_sizes(0, 3, 2)
    with pytest.raises(ConfigError, match="'hee' is unknown"):
        TransposedConvolution.from_sizes(2, 3, 2, init="hee")
    with pytest.raises((ConfigError, ShapeError), match=r"stride|sizes"):
        TransposedConvolution.from_sizes(2, 3, 2, stride=0)
    assert TransposedConvolution.from_sizes(2, 3, 2, bias=False).params == ("W",)
