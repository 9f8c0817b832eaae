"""A network's prediction as ONNX: what `infer` records, operation by operation."""

import warnings
from typing import Any

import numpy as np

from clearprop import __version__
from clearprop.compiler import Prediction
from clearprop.compiler.plans import flat
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.simplify import (
    common_subexpressions,
    rectified,
    without_identities,
)
from clearprop.compiler.tracing import Trace
from clearprop.errors import ConfigError, MissingPackageError, UnsupportedError
from clearprop.files import FilePath, atomic_write
from clearprop.interop.onnx_expressions import expressed
from clearprop.interop.onnx_operators import OPERATORS, SIZED
from clearprop.interop.onnx_samples import BATCHES, LARGE, SMALL, Size, compared, large, size
from clearprop.interop.onnx_writer import Writer
from clearprop.layers import Affine, Flatten
from clearprop.networks import Network

OPSET, IR = 18, 9
"""The version of ONNX's operators, and of its format: those of 2023, which all runtimes read."""


def to_onnx(
    network: Network, x: Any = None, path: FilePath | None = None, dtype: Any = np.float32
) -> Any:
    """Give the prediction of a network as an ONNX model, and write it to `path` if there is one.

    The model computes what `network.predict(x)` does, by the layers' `infer`, for any number of
    samples: its first axis is open. Parameters, state and settings are those of now. `x` is a
    batch, or the shape of one sample, `(1, 28, 28)`; several inputs are a tuple of batches. It can
    be left out where the first layer is an `Affine`. `dtype` is that of the model's numbers.

    Errors: `MissingPackageError` without the package onnx; `UnsupportedError` names the function
    and the layer for which ONNX has no operator, or where what is computed depends on how many
    samples there are; `ConfigError` where the shape of `x` is not known.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingPackageError(
            'writing ONNX needs the package onnx: pip install "clearprop[onnx]"'
        ) from error
    network = network.astype(dtype)
    one = _one(network, x, np.dtype(dtype))
    traces, formulas, shapes = _compared(network, one)
    writer = Writer(traces, len(flat(one)), formulas)
    writer.write(OPERATORS, SIZED)
    trace = traces[0]
    names = [f"output{i}" for i in range(len(trace.outputs))]
    if len(names) == 1:
        names = ["output"]
    for name, v in zip(names, trace.outputs, strict=True):
        writer.add("Identity", [writer.value(v)], name)
    writer.prune(names)
    batch = [("N", *part.shape[1:]) for part in flat(one)]
    helper = onnx.helper
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), shape)
        for name, a, shape in zip(writer.inputs, flat(one), batch, strict=True)
    ]
    outputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype), shape)
        for name, v, shape in zip(names, trace.outputs, shapes, strict=True)
    ]
    graph = helper.make_graph(
        writer.nodes, type(network).__name__, inputs, outputs, writer.initializers
    )
    model = helper.make_model(
        graph,
        producer_name="clearprop",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    onnx.checker.check_model(model, full_check=True)
    if path is not None:
        atomic_write(path, model.SerializeToString())
    return model


def _one(network: Network, x: Any, dtype: np.dtype) -> Any:
    """A batch of one sample, of each input."""
    if x is None:
        first = next((v for v in network.layers.values() if not isinstance(v, Flatten)), None)
        if not (network.is_chain() and isinstance(first, Affine)):
            raise ConfigError(
                "to_onnx: say what goes in, x=, a batch or the shape of one sample such as "
                "(1, 28, 28), which the layers do not tell"
            )
        x = (len(first.W),)
    if isinstance(x, tuple) and all(isinstance(n, int) for n in x):
        return np.zeros((1, *x), dtype)
    if isinstance(x, tuple):
        return tuple(_one(network, part, dtype) for part in x)
    x = np.asarray(x)
    return x[:1].astype(dtype) if x.dtype.kind == "f" else x[:1]


def _times(one: Any, n: int) -> Any:
    if isinstance(one, tuple):
        return tuple(_times(part, n) for part in one)
    return np.repeat(one, n, axis=0)


def _open_shape(alike: Any, batches: Any) -> list[Any]:
    """A shape for people: what goes with the samples is called N."""
    dims = [size(values, batches) for values in zip(*(v.shape for v in alike), strict=True)]
    return ["N" if d == Size(1, 0) else d if isinstance(d, int) else None for d in dims]


def _compared(network: Network, one: Any) -> tuple[list[Trace], Any, list[Any]]:
    """The prediction for several numbers of samples, its formulas, and the shapes of its outputs.

    It comes in the form that does not depend on sizes.
    """
    batches = [*BATCHES]
    recorded = [_recorded(network, _times(one, n)) for n in BATCHES]
    for n in (*SMALL, *large(recorded[0], recorded[-1])):
        try:
            with warnings.catch_warnings(action="ignore"):  # of what nobody predicts
                recorded.append(_recorded(network, _times(one, n)))
        except (ArithmeticError, ValueError, IndexError):
            continue  # where it does not predict, there is nothing to compare
        batches.append(n)
        if n in LARGE:
            break
    found, formulas = compared(recorded, batches)
    traces = found[: len(BATCHES)]
    for simplification in (without_identities, common_subexpressions, rectified):
        traces = [*map(simplification, traces)]
    outputs = zip(*(t.outputs for t in found), strict=True)
    return traces, formulas, [_open_shape(alike, batches) for alike in outputs]


def _recorded(network: Network, x: Any) -> Trace:
    """The prediction of a batch as a graph."""
    predict = Prediction(network).prepare(x)
    if predict.as_written:
        name, reason = next(iter(predict.as_written.items()))
        raise UnsupportedError(f"to_onnx: {name} cannot be recorded: {reason}")
    if predict.draws:
        raise UnsupportedError(
            "to_onnx: the network draws noise when it predicts; give its layers an infer that "
            "does without"
        )
    trace: Trace = predict.recorded
    if any(not is_recorded(v) for v in trace.outputs):
        raise UnsupportedError("to_onnx: the network's answer is a constant")
    return expressed(trace)
