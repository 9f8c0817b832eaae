"""The page on NumPy's functions is what the tables say."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.testing.overrides import get_overridable_numpy_array_functions

from clearprop.primitives.registry import COMPOSITIONS
from clearprop.primitives.unsupported import UNSUPPORTED_MODULES

pytestmark = pytest.mark.examples

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("page", ROOT / "tools" / "primitives_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def text(tool):
    return tool.page()


def test_the_page_is_current(tool, text):
    written = tool.PAGE.read_text("utf-8")
    if f"NumPy {np.__version__.rpartition('.')[0]}." not in written:
        pytest.skip("the page was written with another version of NumPy, which has other functions")
    assert written == text, "run python tools/primitives_page.py"
    assert tool.main(["--check"]) == 0


def test_each_table_of_the_page_is_a_table(text):
    blocks = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    assert len(blocks) > 10
    for lines in blocks:
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_every_function_is_on_the_page(tool, text):
    for function in get_overridable_numpy_array_functions():
        if function.__module__ in UNSUPPORTED_MODULES:
            assert f"all of `{function.__module__}`" in text
        else:
            assert tool.name(function) in text


def test_rows_show_formula_and_derivatives(text):
    assert "| `np.multiply` | x · y | by x: y<br>by y: x |" in text
    assert "| `np.linalg.inv` | a⁻¹ | −outᵀ dout outᵀ |" in text


def test_what_a_composition_is_written_with_is_found_in_its_source(tool):
    composed = dict(tool._composed())
    assert composed["`np.append`"] == "`np.concatenate`, `np.ravel`"
    assert composed["`np.linalg.multi_dot`"] == "`np.dot`, `np.expand_dims`, `np.reshape`"
    assert composed["`np.split`"] == "indexing and operators"
    assert len(composed) == len(COMPOSITIONS)


def test_a_stale_page_is_noticed(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "PAGE", tmp_path / "docs" / "primitives.md")
    assert tool.main(["--check"]) == 1
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0
    tool.PAGE.write_text(tool.PAGE.read_text("utf-8") + "more", "utf-8")
    assert tool.main(["--check"]) == 1


def test_signs_of_markdown_are_escaped(tool):
    assert tool.escape("|x| * a_b <") == "\\|x\\| \\* a\\_b &lt;"
