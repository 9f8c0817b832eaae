"""Nothing that a check runs does harm: no memory is read beyond arrays, no file is written."""

import linecache
import subprocess
import sys
import threading

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from clearprop import check
from clearprop.checking import Kind, guards, sources

RNG = np.random.default_rng(0)
WRITTEN = as_strided.__code__

WINDOWS = '''
import numpy as np
from numpy.lib.stride_tricks import as_strided as windows

class Conv:
    """Windows by strides, both ways."""

    def __init__(self, W):
        self.W = W

    def cut(self, x, shape):
        n, c, h, w = shape
        a, b, s, t = x.strides
        k = self.W.shape[2]
        return windows(x, (n, c, h, w, k, k), (a, b, s, t, s, t))

    def forward(self, x):
        self.x = x
        n, c, h, w = x.shape
        k = self.W.shape[2]
        self.cols = self.cut(x, (n, c, h - k + 1, w - k + 1))
        return np.einsum("nchwij,ocij->nohw", self.cols, self.W)

    def backward(self, d):
        m = len(self.x)
        p = self.W.shape[2] - 1
        wide = np.pad(d, ((0, 0), (0, 0), (p, p), (p, p)))
        back = self.cut(wide, d.shape[:2] + self.x.shape[2:])
        self.dW = np.einsum("nchwij,nohw->ocij", self.cols, d) / m
        return np.einsum("nohwij,ocij->nchw", back, self.W[:, :, ::-1, ::-1])
'''


def made(source, name, *arguments):
    """A layer from a source whose lines can be had."""
    file = f"<{hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    space = {"__name__": "theirs"}
    exec(compile(source, file, "exec"), space)
    return space[name](*arguments)


def test_values_with_too_many_axes_are_not_added_at_places():
    """NumPy reads beyond them beside a slice, which kills the process."""
    total, places = np.zeros((3, 5)), (slice(None), np.array([0, 1, 1]))
    with pytest.raises(ValueError, match=r"add\.at: values of 4 axes are too many"):
        guards.at(np.add, total, places, np.ones((9, 1, 3, 3)))
    guards.at(np.add, total, places, np.ones((1, 3)))
    assert total.tolist() == [[1, 2, 0, 0, 0]] * 3


STRETCHED = '''
import numpy as np

class Stretched:
    """Linear interpolation along a row; backward counts the places otherwise."""

    def __init__(self, size):
        self.size = size

    def forward(self, x):
        self.n = x.shape[1]
        at = np.arange(self.size) * (self.n - 1) / (self.size - 1)
        i = np.minimum(at.astype(int), self.n - 2)
        part = at - i
        return x[:, i] * (1 - part) + x[:, i + 1] * part

    def backward(self, dout):
        at = np.arange(self.size) * self.n / self.size
        i = np.minimum(at.astype(int), self.n - 2)
        part = at - i
        dx = np.zeros((len(dout), self.n))
        np.add.at(dx, (slice(None), i), dout * (1 - part))
        np.add.at(dx, (slice(None), i + 1), dout * part)
        return dx
'''


def test_edits_add_nothing_of_too_many_axes():
    """The process died of `at[:, None, None, None]`."""
    assert check(made(STRETCHED, "Stretched", 9), RNG.normal(size=(3, 5))).ok is False


def test_edits_read_no_memory_beyond_their_arrays():
    layer = made(WINDOWS, "Conv", RNG.normal(size=(2, 3, 3, 3)))
    (finding,) = check(layer, RNG.normal(size=(2, 3, 6, 6))).faults
    assert finding.argument == "W"
    assert "without" in finding.message or "in place of" in finding.message
    assert as_strided.__code__ is WRITTEN


def test_the_process_lives_whatever_is_edited():
    source = WINDOWS.replace("n, c, h, w = shape", "c, n, w, h = shape")
    code = f"""
import sys; sys.path.insert(0, {str(__file__.rpartition("/")[0])!r})
from test_guards import *
print(check(made({source!r}, "Conv", RNG.normal(size=(2, 3, 3, 3))), RNG.normal(size=(2, 3, 6, 6))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "as_strided: a view of shape" in done.stdout


@pytest.mark.parametrize(
    ("shape", "strides", "fits"),
    [
        ((3, 2), (8, 8), True),
        ((5, 2), (8, 8), False),
        ((2,), (-8,), False),
        ((9,), (0,), True),
        ((0, 50), (8, 8), True),
        ((-1,), (8,), False),
        ((2, 2), (8,), False),
    ],
)
def test_views_that_fit(shape, strides, fits):
    x = np.arange(4.0)
    with guards.within_memory():
        if fits:
            assert as_strided(x, shape, strides).shape == shape
        else:
            with pytest.raises(ValueError, match="goes beyond its array"):
                as_strided(x, shape, strides)
    assert as_strided.__code__ is WRITTEN


def test_a_part_reaches_as_far_as_the_whole():
    whole = np.arange(10.0)
    with guards.within_memory():
        assert as_strided(whole[4:8], (2, 3), (8, -16)).tolist() == [[4, 2, 0], [5, 3, 1]]


def test_a_view_of_a_view_reaches_as_far_as_the_first_array():
    x = np.arange(12.0)
    with guards.within_memory():
        view = as_strided(x, (5, 4), (8, 16))
        assert as_strided(view, (12,), (8,)).sum() == x.sum()
        with pytest.raises(ValueError, match="goes beyond"):
            as_strided(view, (13,), (8,))


def test_other_threads_do_as_they_like():
    x, found = np.arange(4.0), []
    with guards.within_memory():
        thread = threading.Thread(target=lambda: found.append(as_strided(x, (2,), (800,)).shape))
        thread.start()
        thread.join()
    assert found == [(2,)]


REACHES = """
import numpy as np

class Half:
    def __init__(self, path):
        self.path, self.saves = path, False

    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, d):
        if self.saves:
            with open(self.path, "w") as file:
                file.write("touched")
        for _ in range(len(d) + 1):
            pass
        return d * self.x
"""


def test_edits_write_no_file(tmp_path):
    path = tmp_path / "kept"
    (finding,) = check(made(REACHES, "Half", str(path)), RNG.normal(size=(3, 2))).faults
    assert finding.kind is Kind.FACTOR
    assert not path.exists()


def test_what_writes_into_an_open_file_is_not_edited(tmp_path):
    source = REACHES.replace("if self.saves:", "self.file.write('.')\n        if self.saves:")
    layer = made(source, "Half", str(tmp_path / "kept"))
    with open(tmp_path / "log", "w") as file:
        layer.file = file
        (finding,) = check(layer, RNG.normal(size=(3, 2))).faults
    assert "in place of" not in finding.message
    assert (tmp_path / "log").stat().st_size < 200


def test_an_edited_loop_ends():
    source = REACHES.replace("for _ in range(len(d) + 1):", "k = 3\n        while k > 0:")
    source = source.replace("            pass\n", "            k = k - 1\n")
    (finding,) = check(made(source, "Half", ""), RNG.normal(size=(3, 2))).faults
    assert "in line" in finding.message or finding.kind is Kind.FACTOR


def test_what_was_compiled_elsewhere_is_not_edited():
    class cython_function_or_method:  # noqa: N801 - as Cython calls it
        def __call__(self, x):
            return x

    def backward(d):
        return fast(d)

    fast = cython_function_or_method()
    assert not guards.is_harmless([backward], [])
    assert guards.is_harmless([made], [])


def test_texts_over_several_lines_do_not_hide_a_function():
    layer = made(WINDOWS, "Conv", RNG.normal(size=(2, 3, 3, 3)))
    assert sources.tree_of(type(layer).cut) is not None
    line = "        m = len(self.x)"
    source = WINDOWS.replace(line, f'        """Back\n        again."""\n{line}')
    assert sources.tree_of(type(made(source, "Conv", None)).backward) is not None


def test_what_is_added_at_places_is_edited_as_before():
    """The edit is found behind the guard."""
    wrong = STRETCHED.replace("* self.n / self.size", "* (self.n - 1) / (self.size - 1)")
    wrong = wrong.replace("i + 1), dout * part", "i), dout * part")
    (fault,) = check(made(wrong, "Stretched", 9), RNG.normal(size=(3, 5))).faults
    assert "i + 1" in fault.message
