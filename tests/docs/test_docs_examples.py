"""The examples in the pages of the documentation run, and print what the pages say."""

import contextlib
import doctest
import io
import re
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

pytestmark = pytest.mark.examples

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def examples(page):
    """The examples of a page, with the lines that they stand in; all share one namespace."""
    text = page.read_text("utf-8")
    kept = [
        example
        for block in FENCE.finditer(text)
        for example in _placed(block.group(1), text.count("\n", 0, block.start(1)))
    ]
    return doctest.DocTest(kept, {}, page.name, str(page), 0, None)


def _placed(text, line):
    for example in doctest.DocTestParser().get_examples(text):
        example.lineno += line
        yield example


ELSEWHERE = {"compiler.md"}
"""Pages whose examples have a test of their own, next to this one."""

PAGES = [
    page
    for page in sorted(DOCS.glob("*.md"))
    if page.name not in ELSEWHERE and examples(page).examples
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    said = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    result = runner.run(examples(page), out=said.append)
    assert result.failed == 0, "".join(said)


def test_the_pages_are_found():
    assert "graph.md" in {page.name for page in PAGES}
    assert len(examples(DOCS / "graph.md").examples) > 30


def test_a_wrong_example_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\n>>> 1 + 1\n3\n\n```\n", "utf-8")
    test = examples(page)
    assert test.examples[0].lineno == 3
    assert doctest.DocTestRunner(verbose=False).run(test, out=lambda text: None).failed == 1


BLOCKS = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_blocks_of_a_page_that_is_written_as_the_readme_is(tmp_path, monkeypatch):
    """Python in a block, what it prints in the text block behind it."""
    monkeypatch.chdir(tmp_path)
    namespace, printed, said = {"__name__": "page"}, None, 0
    for language, content in BLOCKS.findall((DOCS / "networks.md").read_text("utf-8")):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out, threadpool_limits(1):
                exec(compile(content, "networks.md", "exec"), namespace)
            printed = out.getvalue()
        elif language == "text":
            assert content == printed
            said += 1
    assert said >= 6
