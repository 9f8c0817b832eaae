"""The state of an optimiser: for each parameter, arrays like it, under names such as `m.W1`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.errors import ConfigError
from clearprop.graph.backward import floating
from clearprop.training.optimizers.checks import all_finite

Arrays = dict[str, np.ndarray]
_Form = tuple[tuple[int, ...], np.dtype]


def fitting(kind: str, state: Sequence[str], arrays: Arrays, params: Mapping[str, Any]) -> Arrays:
    """The state if it fits the parameters; zeros where there is none. Errors: `ConfigError`."""
    values = {name: np.asarray(p) for name, p in params.items()}
    forms = _forms(state, {name: (p.shape, floating(p)) for name, p in values.items()})
    if not arrays:
        return {key: np.zeros(shape, dtype) for key, (shape, dtype) in forms.items()}
    remedy = "use reset(), or another optimizer for these parameters"
    _compare(f"{kind}: its state belongs to other parameters", forms, arrays, remedy)
    return arrays


def loaded(kind: str, state: Sequence[str], arrays: Arrays, given: Mapping[str, Any]) -> Arrays:
    """The arrays given, if they are such a state as is there, or any. Errors: `ConfigError`."""
    found = {key: np.array(array) for key, array in given.items()}
    if arrays:
        forms = {key: (array.shape, array.dtype) for key, array in arrays.items()}
    else:
        forms = _forms(state, {k.partition(".")[2]: (a.shape, a.dtype) for k, a in found.items()})
    remedy = f"the state of {kind} is {', '.join(state) or 'empty'}, each for every parameter"
    _compare(f"{kind}: what is loaded is not its state", forms, found, remedy)
    for key, array in found.items():
        if array.dtype.kind != "f" or not all_finite(array):
            raise ConfigError(f"{kind}: {key} {array.dtype} must hold finite floats to be loaded")
    return found


def _forms(state: Sequence[str], params: Mapping[str, _Form]) -> dict[str, _Form]:
    return {f"{s}.{name}": form for name, form in params.items() for s in state}


def _compare(what: str, forms: Mapping[str, _Form], arrays: Arrays, remedy: str) -> None:
    """Compare arrays with the names, shapes and dtypes that they should have."""
    faults = [f"no {key}" for key in forms if key not in arrays]
    faults += [f"{key} is not wanted" for key in arrays if key not in forms]
    for key, (shape, dtype) in forms.items():
        array = arrays.get(key)
        if array is not None and (array.shape, array.dtype) != (shape, dtype):
            faults.append(f"{key} is {array.dtype} {array.shape} for {dtype} {shape}")
    if faults:
        raise ConfigError(f"{what}: {'; '.join(faults)}; {remedy}")
