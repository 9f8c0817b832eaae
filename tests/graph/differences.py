"""Hold derivatives on Variables against central differences of the same code on arrays."""

import numpy as np

from clearprop import Variable


def slopes(f, *arrays, h=1e-6):
    """The derivative of a scalar function by each array, by central differences in float64."""
    arrays = [np.array(a, dtype=np.float64) for a in arrays]
    found = []
    for a in arrays:
        slope = np.empty(a.shape)
        for index in np.ndindex(a.shape):
            kept = a[index]
            a[index] = kept + h
            above = float(f(*arrays))
            a[index] = kept - h
            below = float(f(*arrays))
            a[index] = kept
            slope[index] = (above - below) / (2 * h)
        found.append(slope)
    return found


def assert_slopes(f, *arrays, rtol=1e-6, atol=1e-7):
    """`backward` through a scalar function agrees with differences, and the values are equal."""
    variables = [Variable(np.array(a, dtype=np.float64)) for a in arrays]
    out = f(*variables)
    assert float(out.data) == float(f(*(v.data for v in variables)))
    out.backward()
    for i, (v, slope) in enumerate(zip(variables, slopes(f, *arrays), strict=True)):
        scale = max(1.0, float(np.max(np.abs(slope), initial=0)))
        found = np.zeros(v.shape) if v.grad is None else v.grad
        assert np.shape(found) == v.shape
        np.testing.assert_allclose(
            found, slope, rtol=rtol, atol=atol * scale, err_msg=f"by argument {i}"
        )
