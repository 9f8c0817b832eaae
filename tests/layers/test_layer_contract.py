"""Every layer in the package keeps the contract; a new layer is found and checked by itself."""

import doctest
import importlib
import pkgutil

import layer_contract
import numpy as np
import pytest

import clearprop
import clearprop.layers
from clearprop.layers import Layer


def layers_of_the_package():
    for module in pkgutil.walk_packages(clearprop.__path__, "clearprop."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, waiting = set(), [Layer]
    while waiting:
        for cls in waiting.pop().__subclasses__():
            waiting.append(cls)
            ours = (
                cls.__module__.startswith("clearprop.layers.")
                and "<locals>" not in cls.__qualname__
            )
            if ours and cls.forward is not Layer.forward:  # not a base such as Loss
                found.add(cls)
    return sorted(found, key=lambda cls: cls.__qualname__)


LAYERS = layers_of_the_package()


def samples_of(cls):
    """The samples of a layer; a layer whose samples fail is reported by its own test."""
    try:
        return list(cls.samples(np.random.default_rng(0)))
    except NotImplementedError:
        return []


SAMPLES = [
    pytest.param(*pair, id=f"{cls.__name__}-{i}")
    for cls in LAYERS
    for i, pair in enumerate(samples_of(cls))
]


def test_the_layers_of_the_chapter_are_found():
    assert {cls.__name__ for cls in LAYERS} >= {
        "AddLayer",
        "Affine",
        "MulLayer",
        "Relu",
        "Sigmoid",
        "Softmax",
        "SoftmaxWithLoss",
    }


@pytest.mark.parametrize(("layer", "inputs"), SAMPLES)
def test_contract(layer, inputs):
    for check in layer_contract.CHECKS:
        check(layer, inputs, np.random.default_rng(1))


@pytest.mark.parametrize("cls", LAYERS)
def test_samples_include_a_batch_of_one_and_awkward_shapes(cls):
    samples = list(cls.samples(np.random.default_rng(0)))
    shapes = [np.shape(inputs[0]) for _, inputs in samples]
    assert all(type(layer) is cls for layer, _ in samples)
    assert any(len(shape) >= 2 and shape[0] == 1 for shape in shapes), "no batch of one"
    assert any(len(shape) != 2 for shape in shapes), "no awkward shape: all are (N, D)"


@pytest.mark.parametrize("cls", LAYERS)
def test_samples_follow_the_seed(cls):
    def drawn(seed):
        pairs = cls.samples(np.random.default_rng(seed))
        return layer_contract.content([[vars(layer), inputs] for layer, inputs in pairs])

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


@pytest.mark.parametrize("cls", LAYERS)
def test_exported(cls):
    exported = {*clearprop.__all__, *vars(clearprop.layers)}
    assert cls.__name__ in exported
    home = clearprop.layers if cls.__name__ in vars(clearprop.layers) else clearprop
    assert getattr(home, cls.__name__) is cls


@pytest.mark.parametrize("cls", LAYERS)
def test_docstring(cls):
    text = cls.__doc__ or ""
    for part in ("**Forward**:", "**Backward**:", "**Shapes**:", "Source:"):
        assert part in text, f"{cls.__name__}: the docstring lacks {part}"
    for name in cls.params:
        assert f"`d{name} = " in text, f"{cls.__name__}: no formula of d{name}"
    examples = doctest.DocTestParser().get_examples(text)
    sources = "".join(example.source for example in examples)
    assert ".forward(" in sources, f"{cls.__name__}: no example of forward"
    assert ".backward(" in sources, f"{cls.__name__}: no example of backward"


def test_a_layer_without_samples_or_methods_says_what_to_write():
    class Bare(Layer):
        pass

    with pytest.raises(NotImplementedError, match=r"Bare has no samples\(rng\); yield"):
        Bare.samples(np.random.default_rng(0))
    with pytest.raises(NotImplementedError, match=r"Bare has no forward\(\); write one"):
        Bare()(1.0)
    with pytest.raises(NotImplementedError, match=r"Bare has no backward\(\); write one"):
        Bare().backward(1.0)
