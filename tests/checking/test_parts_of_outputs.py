"""What shows only in what goes back from each element of the output by itself; orders of lines."""

import numpy as np
import pytest

from clearprop import check
from clearprop.speech import reported, speaking

R = np.random.default_rng(3)
X = R.normal(size=(4, 3))


class Moments:
    """A row in units of its deviation, and that; the derivative by the latter lacks x − mean."""

    def forward(self, x):
        self.s = np.sqrt(x.var(axis=1, keepdims=True) + 0.01)
        self.y, self.n = x / self.s, x.shape[1]
        self.m = x.mean(axis=1, keepdims=True) / self.s
        return self.y, self.s

    def backward(self, dy, ds):
        by_s = (dy * self.y).sum(axis=1, keepdims=True) / self.n
        return (dy - by_s * (self.y - self.m)) / self.s + ds / (self.s * self.n)


def levels(x, groups):
    """The logarithm of a sum of exponentials for each group; its largest is left out in vjp."""
    top = np.array([x[groups == k].max() for k in range(3)])
    lse = np.log(np.array([np.exp(x - top[groups])[groups == k].sum() for k in range(3)]))

    def vjp(dout):
        return dout[groups] * np.exp(x - lse[groups])

    return lse + top, vjp


class FirstOfAll:
    """Two products side by side; what goes back from the last column is nonsense."""

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        left, right = x @ self.W, np.tanh(x @ self.W[:, :1])
        self.right = right
        return np.concatenate([left, right], axis=1)

    def backward(self, dout):
        dz = dout[:, -1:] * (1 - self.right**2)
        self.dW = self.x.T @ dout[:, :-1]
        self.dW[:, :1] += self.x.T @ dz
        return dout[:, :-1] @ self.W.T + dz * np.cos(self.x) * self.W[:, 1]


class Orbit:
    """Three values that are stepped on at the same time; backward does so one by one."""

    def forward(self, a, b, c):
        self.kept = []
        for _ in range(3):
            self.kept.append((a, b, c))
            a, b, c = a + 0.1 * b * c, b - 0.2 * a * c, c + 0.3 * a * b
        return a + 2 * b + 3 * c

    def backward(self, dout):
        da, db, dc = dout, 2 * dout, 3 * dout
        for a, b, c in reversed(self.kept):
            da = da - 0.2 * db * c + 0.3 * dc * b
            db = db + 0.1 * da * c + 0.3 * dc * a
            dc = dc + 0.1 * da * b - 0.2 * db * a
        return da, db, dc


class Pendulum:
    """A place and a speed; what the force gets is read two lines before it is ready."""

    def forward(self, force):
        v = place = np.zeros(force.shape[1:])
        out = []
        for f in force:
            v = v + 0.5 * f
            place = place + 0.5 * v
            out.append(place)
        return np.array(out)

    def backward(self, dout):
        dforce = np.zeros_like(dout)
        dv = dplace = np.zeros(dout.shape[1:])
        for t in reversed(range(len(dout))):
            dforce[t] = 0.5 * dv
            dplace = dplace + dout[t]
            dv = dv + 0.5 * dplace
        return dforce


def test_one_of_several_outputs_is_named_and_what_is_wrong_with_it():
    (fault,) = check(Moments(), X).faults
    assert "from output 2 of 2 is wrong, from the others it is right" in fault.message
    assert "the factor x − mean(x) is missing in what goes back through np.var" in fault.message


def test_a_factor_for_each_element_of_the_output():
    (fault,) = check(levels, R.normal(size=7), np.array([0, 0, 0, 1, 1, 2, 2])).faults
    assert "right but for a factor of its own" in fault.message


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_they_are_told_in_other_languages(language):
    found = [*check(Moments(), X).faults, *check(FirstOfAll(X[:3, :2]), X).faults]
    with speaking(language):
        for fault in found:
            told = reported(fault.message)
            assert "goes back" not in told
            assert "missing" not in told
            assert "right" not in told


def test_places_of_the_output_are_named():
    (fault,) = check(FirstOfAll(R.normal(size=(3, 2))), X).faults
    assert "from the output at 2 along axis 1 is wrong, from elsewhere" in fault.message


def test_what_is_done_at_the_same_time_in_forward_is_told_of_three_lines():
    for fault in check(Orbit(), X, X + 1, X[::-1]).faults:
        assert "`da, db, dc = (da - 0.2 * db * c" in fault.message


def test_a_line_that_comes_two_lines_too_early_is_told():
    (fault,) = check(Pendulum(), R.normal(size=(4, 2))).faults
    later = "`dplace = dplace + dout[t]; dv = dv + 0.5 * dplace; dforce[t] = 0.5 * dv` in place"
    assert later in fault.message
