"""What `clearprop check` prints is told in the reader's language; JSON and `print(report)` not."""

import ast
import functools
import re
from pathlib import Path
from string import Formatter

import pytest
from test_cli_languages import OTHERS, texts_of

import clearprop.checking
from clearprop import check, speech
from clearprop.checking.findings import REMEDIES, Kind
from clearprop.speech import CHECKS, reported, speaking, width

SOURCES = sorted(Path(clearprop.checking.__file__).parent.glob("*.py"))

LAYERS = """
import numpy as np


class Fine:
    def forward(self, x):
        self.x = x
        return x * x

    def backward(self, dout):
        return 2 * self.x * dout


class Wrong:
    def __init__(self):
        self.W, self.b = np.arange(12.0).reshape(3, 4) / 7 - 1, np.ones(4)

    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.W) + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(0) / len(dout)
        return dout @ self.W.T


class Closed:
    def forward(self, x):
        return np.array([float(v) ** 3 for v in x.ravel()]).reshape(x.shape)

    def backward(self, dout):
        return dout


class Keeps:
    def forward(self, x):
        return x + 0.5 * (x > 0)

    def backward(self, dout):
        dout *= 2
        return dout.sum(axis=0)


class Random:
    def forward(self, x):
        self.mask = np.random.rand(*x.shape) < 0.5
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Raises:
    def forward(self, x):
        raise RuntimeError

    def backward(self, dout):
        return dout


class Needs:
    def __init__(self, size):
        self.size = size

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout
"""
CODE = (
    *(r"`[^`]*`", r"行，[^）]*）", r"行目、[^）]*）", r"\(cls, rng\): .*", r"\([^)]*\)"),
    *(r"self\.\w+", r"(?:np|v)\.\S*", r"\b(?:backward|forward|float64|dout|samples|out)\b"),
    r"\b\w+Error\b|@classmethod def \w+|\bVariable\b|\bNumPy\b",
)
"""What is no word of ours in what is printed."""


OURS = "mine py math sin def classmethod yield samples output dtype float copy"


def words_left(text, names):
    """English words in what is printed, but for code, names, and what Python itself says."""
    for code in CODE:
        text = re.sub(code, " ", text)
    return {*re.findall("[A-Za-z]{2,}", text)} - names


@pytest.mark.parametrize("code", OTHERS)
def test_the_report_is_told_in_the_language(clearprop, tmp_path, code):
    (tmp_path / "mine.py").write_text(LAYERS)
    run = clearprop("--language", code, "check", "mine.py")
    assert run.code == 1
    names = {*re.findall(r"class (\w+)", LAYERS), *OURS.split()}
    assert words_left(run.out, names) == set()
    assert len(re.findall(r"^ {2}(?:改法|対処)：", run.out, re.M)) >= 6


@pytest.mark.parametrize("code", OTHERS)
def test_what_is_right_is_told_in_the_language(clearprop, code):
    shown = clearprop("--language", code, "check").out
    head, line, *rows = shown.split("\n\n")[0].splitlines()
    assert words_left(head, set()) == set()
    assert {width(part) for part in (head, *rows)} <= set(range(width(line) + 1))
    verdict = {"zh": "正确", "ja": "正しい"}[code]
    assert all(row.endswith(verdict) for row in rows)
    ends = {width(row[: row.index(verdict)]) for row in rows}
    assert ends == {width(line.rpartition("  ")[0]) + 2}  # the columns stand in line
    assert not words_left(shown.split("\n\n")[1].partition("：")[2], set())


def test_json_and_the_report_itself_stay_english(clearprop, tmp_path):
    (tmp_path / "mine.py").write_text(LAYERS)
    assert clearprop("--language", "ja", "check", "mine.py", "--json").out == (
        clearprop("check", "mine.py", "--json").out
    )
    report = check(tmp_path / "mine.py")
    with speaking("zh"):
        assert str(report) == report.text()
        assert "Remedy: " in str(report)
        assert "改法：" in report.text(reported)
    assert report.text(reported) == str(report)


NO_WORDS = ("listed", "compile", "sub", "KeyError", "ConfigError", "FileFormatError", "GraphError")
"""What is given names, or what is told of by other means: errors."""


def messages(source):
    """Every sentence in a source text that a check may tell, `{}` for what is filled in."""
    tree, inner = ast.parse(source), set()
    for node in ast.walk(tree):
        given = ast.walk(node)
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in NO_WORDS:
                inner |= set(given)
            case ast.Expr(value=ast.Constant()):  # a docstring
                inner |= set(given)
            case ast.JoinedStr() | ast.BinOp(op=ast.Add()):
                inner |= {*given} - {node}
    for node in ast.walk(tree):
        if node not in inner and isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
            yield from (text for text in texts_of(node) if len(re.findall(r"\b[a-z]+ ", text)) > 1)


def untranslated(source):
    """The sentences of which no form has the words, wherever something is filled in."""
    forms = known_forms()
    return [
        text
        for text in messages(source)
        if not re.search(".*?".join(map(re.escape, shape(text).split("{}"))), forms)
    ]


@functools.cache
def known_forms():
    return "\n".join(shape(text) for text in (*speech._table(CHECKS), *speech.table()))


def shape(text):
    return re.sub(r"\bd?\{\w*\}", "{}", text)


APART = {
    "what should answer is not known",
    "as_strided: a view of shape {} and strides {} goes beyond its array of shape {}",
    "{}.at: values of {} axes are too many",
    "{} of {} {} is {} at {}{}. It was given {}",
    "what goes back through {}, its input {},",
    "what goes back through {}, its input {}, is missing",
}
"""What is never told, and what is told in several parts, as below."""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_finding_is_translated(path):
    left = untranslated(path.read_text("utf-8"))
    assert [text for text in left if text not in APART] == []


@pytest.mark.parametrize(
    "planted",
    [
        'yield Kind.SIGN, "it is what nobody has said"',
        'e.fault(Kind.SIGN, f"backward gives {x} in the rain", name)',
        'message = "it is right " + ("by day" if x else "in the night")',
    ],
)
def test_a_finding_without_a_translation_is_found(planted):
    assert untranslated(planted)


@pytest.mark.parametrize("code", OTHERS)
def test_kinds_and_remedies_are_translated(code):
    with speaking(code):
        for text in (*Kind, *(r.replace("d{a}", "dW").format(a="W") for r in REMEDIES.values())):
            assert reported(text) != text


ONLY_WITHIN = ("{group}, its", "{group} and", "{error}", "{where} inside")
"""What is looked for only where such a value stands in a message."""


@pytest.mark.parametrize("code", OTHERS)
def test_each_finding_is_found_by_its_own_pattern(code):
    for text, told in speech._table(CHECKS).items():
        values = {name: f"⟨{name}⟩" for _, name, *_ in Formatter().parse(text) if name}
        with speaking(code):
            if not text.startswith(ONLY_WITHIN):
                assert reported(text.format(**values)) == told[code].format(**values)


def test_findings_within_findings_are_told():
    with speaking("zh"):
        assert reported(
            "with a batch of one: it is the true derivative times −1/N (N = 4, the batch) = -1/4 "
            "(4 of 4 elements are wrong)"
        ) == ("批量为一时：它是真实导数的 −1/N（N = 4，批量）= -1/4 倍（4 个元素中有 4 个不对）")
        lost = "what goes back through np.exp in `a and b`, its input 1, and what goes back through"
        assert reported(f"{lost} np.add in line 3, its input 2, is missing") == (
            "缺少经 `a and b` 中的 np.exp 的第 1 个输入传回的部分和经第 3 行中的 np.add 的第 2 个"
            "输入传回的部分"
        )
        nothing = "the output of np.log inside Softmax (2, 3) is -inf at [0, 1], 2 of 6 elements. "
        assert reported(f"forward gives -inf: {nothing}It was given x1 (2, 3) = 0 at [0, 1]") == (
            "forward 给出 -inf：Softmax (2, 3) 内的 np.log 的输出在 [0, 1] 处是 -inf，6 个元素中"
            "有 2 个。它得到的是 x1 (2, 3) = 0 at [0, 1]"
        )
        error = "ValueError: shape and axis: wrong axis (line 3 of a.py: x = {1: 2})"
        assert reported(f"forward raises {error}") == (
            "forward 抛出 ValueError: shape and axis: wrong axis（第 3 行，a.py: x = {1: 2}）"
        )
        assert reported("forward raises E: \ue123 {x}") == "forward 抛出 E: \ue123 {x}"


def test_a_long_and_hostile_finding_is_told_soon():
    text = "np.exp in `x` and it raises (line 1 of: " * 2_000
    with speaking("ja"):
        assert "例外" in reported(f"forward raises {text}")
