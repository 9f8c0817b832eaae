"""The page on the compiler shows what the compiler does."""

import doctest
import importlib.util
from pathlib import Path

import pytest

from clearprop.compiler import SIMPLIFICATIONS
from clearprop.compiler.simplify import OF_IMAGES, OF_POOLS

pytestmark = pytest.mark.examples

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "compiler_page.py"
    spec = importlib.util.spec_from_file_location("compiler_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(tool):
    written = tool.PAGE.read_text("utf-8")
    assert written == tool.page(written), "run python tools/compiler_page.py"
    assert tool.main(["--check"]) == 0


def test_its_examples_run(tool):
    text = tool.PAGE.read_text("utf-8").replace(tool.blocks()["as written"], "")
    test = doctest.DocTestParser().get_doctest(text, {}, "compiler.md", str(tool.PAGE), 0)
    assert len(test.examples) > 10
    assert doctest.DocTestRunner().run(test).failed == 0


def test_every_simplification_is_shown(tool):
    known = (*SIMPLIFICATIONS, *OF_IMAGES, *OF_POOLS)
    assert set(tool.EXAMPLES) == {s.__name__ for s in known}
    for name, (f, arrays) in tool.EXAMPLES.items():
        block = tool.blocks()[name]
        assert "# before" in block, name
        assert f.__code__.co_argcount == len(arrays)


def test_a_block_that_is_missing_or_stale_is_found(tool):
    written = tool.PAGE.read_text("utf-8")
    with pytest.raises(ValueError, match="rectified"):
        tool.page(written.replace("<!-- rectified -->", ""))
    stale = written.replace("np.sign(v1)", "np.abs(v1)")
    assert stale != written
    assert tool.page(stale) == written
