"""What every layer must do, as checks that raise AssertionError: `CHECKS` holds them all.

Each check takes `(layer, inputs, rng)`: a layer with inputs on which `forward` runs, as `samples`
gives them. All work is done on copies, in float64 unless the check says otherwise.
"""

import copy
import inspect

import numpy as np

from clearprop.graph import passing

H = 1e-5


def names_of_inputs(layer):
    return list(inspect.signature(type(layer).forward).parameters)[1:]


def differentiable(layer, inputs):
    """The names of the inputs that have a derivative, with their place."""
    names = names_of_inputs(layer)[: len(inputs)]
    return [(i, name) for i, name in enumerate(names) if name not in layer.constants]


def cast(value, dtype):
    """Copy a value; floats become `dtype`, Python numbers a NumPy number."""
    array = np.array(value)
    array = array.astype(dtype) if array.dtype.kind == "f" else array
    return array if array.ndim else array[()]


def prepare(layer, inputs, dtype=np.float64):
    """Copy a layer and its inputs in one dtype; constants such as labels stay as they are."""
    layer = copy.deepcopy(layer)
    for name in (*layer.params, *layer.state, *layer.carried):
        setattr(layer, name, cast(getattr(layer, name), dtype))
    if layer.noise:
        drawn = layer.draw(np.random.default_rng(7), *inputs)
        drawn = drawn if isinstance(drawn, tuple | list) else (drawn,)
        for name, u in zip(layer.noise, drawn, strict=True):
            setattr(layer, name, cast(u, dtype))
    wanted = dict(differentiable(layer, inputs))
    return layer, [cast(x, dtype) if i in wanted else x for i, x in enumerate(inputs)]


def forward(layer, inputs):
    """Run `forward` with the noise that the layer has."""
    return passing.run(layer, "forward", tuple(inputs))


def random_dout(out, rng):
    return cast(rng.standard_normal(np.shape(out)), np.result_type(out))


def derivatives(layer, inputs, dout):
    """Run `backward`; return `dx`, `dy` …, `dW`, `db` … by name."""
    names = [name for _, name in differentiable(layer, inputs)]
    result = layer.backward(dout)
    parts = result if isinstance(result, tuple) else (result,)
    assert len(parts) == len(names), (
        f"{layer!r}: backward returned {len(parts)} derivatives for the inputs {names}"
    )
    found = {f"d{name}": part for name, part in zip(names, parts, strict=True)}
    found.update({f"d{name}": getattr(layer, f"d{name}", None) for name in layer.params})
    return found


def run(layer, inputs, dout):
    forward(layer, inputs)
    return derivatives(layer, inputs, dout)


def assert_equal(found, expected, layer, rtol=1e-12):
    for name, value in expected.items():
        np.testing.assert_allclose(
            found[name], value, rtol=rtol, atol=rtol, err_msg=f"{layer!r}: {name}"
        )


def content(value):
    """The bytes of a value, for comparing it before and after; nested containers too."""
    if isinstance(value, np.ndarray | np.generic):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, dict):
        return {key: content(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [content(v) for v in value]
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    return repr(value)


def read_only(value):
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
    return value


def check_shapes(layer, inputs, rng):
    """Each derivative has the shape of its variable."""
    layer, inputs = prepare(layer, inputs)
    found = run(layer, inputs, random_dout(forward(layer, inputs), rng))
    variables = {f"d{name}": inputs[i] for i, name in differentiable(layer, inputs)}
    variables.update({f"d{name}": getattr(layer, name) for name in layer.params})
    for name, variable in variables.items():
        assert np.shape(found[name]) == np.shape(variable), f"{layer!r}: shape of {name}"


def check_numerically(layer, inputs, rng):
    """`backward` agrees with central differences of `forward`, under a random `dout`."""
    layer, inputs = prepare(layer, inputs)
    dout = random_dout(forward(layer, inputs), rng)
    found = run(layer, inputs, dout)

    def objective():
        return float(np.sum(dout * forward(copy.deepcopy(layer), inputs)))

    def expected(get, put):
        base = np.array(get())
        slope = np.empty(base.shape)
        for index in np.ndindex(base.shape):
            moved = []
            for step in (H, -H):
                array = base.copy()
                array[index] += step
                put(array if array.ndim else array[()])
                moved.append(objective())
            slope[index] = (moved[0] - moved[1]) / (2 * H)
        put(base if base.ndim else base[()])
        return slope

    for i, name in differentiable(layer, inputs):
        slope = expected(lambda i=i: inputs[i], lambda v, i=i: inputs.__setitem__(i, v))
        np.testing.assert_allclose(found[f"d{name}"], slope, rtol=1e-6, atol=1e-8, err_msg=name)
    for name in layer.params:
        slope = expected(lambda n=name: getattr(layer, n), lambda v, n=name: setattr(layer, n, v))
        np.testing.assert_allclose(found[f"d{name}"], slope, rtol=1e-6, atol=1e-8, err_msg=name)


def check_linear_in_dout(layer, inputs, rng):
    """`backward(2·d1 − 3·d2)` is `2·backward(d1) − 3·backward(d2)`, and is not 0 throughout."""
    layer, inputs = prepare(layer, inputs)
    out = forward(layer, inputs)
    d1, d2 = random_dout(out, rng), random_dout(out, rng)
    one, two = (run(layer, inputs, d) for d in (d1, d2))
    both = run(layer, inputs, 2 * d1 - 3 * d2)
    assert_equal(both, {n: 2 * one[n] - 3 * two[n] for n in one}, layer)
    assert_equal(run(layer, inputs, 0 * d1), {n: 0 * one[n] for n in one}, layer)


def check_repeatable(layer, inputs, rng):
    """Forward twice gives the same bytes; backward twice too: `dW` is assigned, not added to."""
    layer, inputs = prepare(layer, inputs)
    first, again = forward(layer, inputs), forward(layer, inputs)
    assert content(np.asarray(first)) == content(np.asarray(again)), f"{layer!r}: forward differs"
    dout = random_dout(first, rng)
    first = copy.deepcopy(derivatives(layer, inputs, dout))
    again = copy.deepcopy(derivatives(layer, inputs, dout))
    assert content(first) == content(again), f"{layer!r}: a second backward differs"
    later = run(layer, inputs, dout)
    assert content(first) == content(later), f"{layer!r}: a second forward and backward differ"


def check_writes_nowhere(layer, inputs, rng):
    """Inputs, parameters, `dout` and what `forward` kept are left as they were, byte by byte."""
    layer, inputs = prepare(layer, inputs)
    parameters = {name: getattr(layer, name) for name in layer.params}
    before = content([inputs, parameters])
    out = forward(layer, inputs)
    assert content([inputs, parameters]) == before, f"{layer!r}: forward writes into its arguments"

    derived = {f"d{name}" for name in layer.params}

    def kept():
        return {name: value for name, value in vars(layer).items() if name not in derived}

    dout = random_dout(out, rng)
    before = content([inputs, parameters, dout, kept(), np.asarray(out)])
    layer.backward(dout)
    after = content([inputs, parameters, dout, kept(), np.asarray(out)])
    assert after == before, f"{layer!r}: backward writes into what it did not make"


def check_read_only(layer, inputs, rng):
    """Read-only inputs, parameters and `dout` give the same results."""
    layer, inputs = prepare(layer, inputs)
    dout = random_dout(forward(layer, inputs), rng)
    expected = run(layer, inputs, dout)
    frozen = copy.deepcopy(layer)
    for name in layer.params:
        setattr(frozen, name, read_only(getattr(layer, name)))
    try:
        found = run(frozen, [read_only(x) for x in inputs], read_only(dout))
    except ValueError as error:
        raise AssertionError(f"{layer!r} writes into a read-only array: {error}") from error
    assert_equal(found, expected, layer)


def check_float32(layer, inputs, rng):
    """float32 in gives float32 out, for the output and every derivative, near the float64 ones."""
    dtypes = {}
    layer64, inputs64 = prepare(layer, inputs)
    layer, inputs = prepare(layer, inputs, np.float32)
    out = forward(layer, inputs)
    dtypes["out"] = np.asarray(out).dtype
    dout = random_dout(out, rng)
    found = derivatives(layer, inputs, dout)
    dtypes.update({name: np.asarray(value).dtype for name, value in found.items()})
    assert set(dtypes.values()) == {np.dtype(np.float32)}, f"{layer!r}: {dtypes}"
    assert_equal(found, run(layer64, inputs64, np.float64(dout)), layer, rtol=2e-4)


def layouts(value):
    """The same numbers, laid out in memory in other ways."""
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return
    yield np.asfortranarray(value)
    yield np.ascontiguousarray(value[..., ::-1])[..., ::-1]
    yield np.ascontiguousarray(value[::-1])[::-1]
    yield np.repeat(value, 2, axis=-1)[..., ::2]


def check_layouts(layer, inputs, rng):
    """Fortran order, negative strides and gaps in inputs, parameters and dout change nothing."""
    layer, inputs = prepare(layer, inputs)
    out = forward(layer, inputs)
    dout = random_dout(out, rng)
    expected = run(layer, inputs, dout)
    for i, x in enumerate(inputs):
        for other in layouts(x):
            changed = [*inputs[:i], other, *inputs[i + 1 :]]
            np.testing.assert_allclose(forward(layer, changed), out, rtol=1e-12, atol=1e-12)
            assert_equal(derivatives(layer, changed, dout), expected, layer)
    for other in layouts(dout):
        assert_equal(run(layer, inputs, other), expected, layer)
    for name in layer.params:
        for other in layouts(getattr(layer, name)):
            twin = copy.copy(layer)
            setattr(twin, name, other)
            assert_equal(run(twin, inputs, dout), expected, layer)


def check_infer(layer, inputs, rng):
    """`infer` has the shape and dtype of `forward`, repeats, and changes nothing."""
    layer, inputs = prepare(layer, inputs, np.float32)
    out = forward(layer, inputs)
    before = content([vars(layer), inputs])
    first = passing.run(layer, "infer", tuple(inputs))
    if not getattr(type(layer).infer, "is_missing", False):
        assert content([vars(layer), inputs]) == before, f"{layer!r}: infer leaves something"
    again = passing.run(layer, "infer", tuple(inputs))
    assert content(np.asarray(first)) == content(np.asarray(again)), f"{layer!r}: infer differs"
    for one, other in zip(several(first), several(out), strict=True):
        assert np.shape(one) == np.shape(other), f"{layer!r}: shape of infer"
        assert np.asarray(one).dtype == np.asarray(other).dtype, f"{layer!r}: dtype of infer"


def several(out):
    return out if isinstance(out, tuple) else (out,)


def check_next_state(layer, inputs, rng):
    """`next_state` gives an array for each name, and leaves the state as it is."""
    layer, inputs = prepare(layer, inputs)
    names = (*layer.state, *layer.carried)
    if not names:
        return
    forward(layer, inputs)
    before = content([getattr(layer, name) for name in names])
    new = several(layer.next_state())
    assert content([getattr(layer, name) for name in names]) == before
    for name, value in zip(names, new, strict=True):
        assert name in layer.carried or np.shape(value) == np.shape(getattr(layer, name)), name


CHECKS = (
    check_shapes,
    check_numerically,
    check_linear_in_dout,
    check_repeatable,
    check_writes_nowhere,
    check_read_only,
    check_float32,
    check_layouts,
    check_infer,
    check_next_state,
)
