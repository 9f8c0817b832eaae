"""What is said has its translations, and a report in another language has no English left over."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import clearprop
from clearprop.cli import main
from clearprop.errors import ConfigError
from clearprop.speech import CHECKS, LANGUAGES, _table, language_of, say, speaking, table

SOURCE = Path(clearprop.__file__).parent


def said():
    """The sentences that stand in the source."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say" and node.args:
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value


def places(text):
    return sorted(re.findall(r"\{(\w+)", text))


def test_every_sentence_has_its_translations():
    sentences = {text for text in said() if len(text) > 6}  # pieces of f-strings have less
    pieces = {" data", "Size of the ", "s (root mean square)"}
    assert sentences - pieces <= {*table(), *_table(CHECKS)}
    assert len(sentences) > 80


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_translations_have_the_same_places(language):
    translations = {text: told[language] for text, told in (table() | _table(CHECKS)).items()}
    assert len(translations) > 900
    assert [text for text, told in translations.items() if not told] == []
    assert [text for text, told in translations.items() if places(told) != places(text)] == []


def test_a_language_is_spoken_for_a_while():
    assert say("Settings") == "Settings"
    with speaking("ja"):
        assert say("Settings") == "設定"
        assert say("nothing that is known") == "nothing that is known"
    assert say("Settings") == "Settings"
    with pytest.raises(ConfigError, match="'fr' is not known; use one of: en, zh, ja"):
        speaking("fr").__enter__()


def test_the_locale_says_the_language():
    assert language_of({}) == "en"
    assert language_of({"LANG": "zh_TW.UTF-8"}) == "zh"
    assert language_of({"LC_MESSAGES": "ja_JP", "LANG": "de_DE"}) == "ja"


class _Texts(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.inside, self.found, self.lang = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.lang = given.get("lang") or self.lang
        self.found += [given[name] for name in ("aria-label", "alt") if given.get(name)]
        if tag not in ("meta", "img", "br"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        self.inside.pop()

    def handle_data(self, data):
        if "style" not in self.inside:
            self.found.append(data)


NAMES = """
    Affine Relu SoftmaxWithLoss Network TwoLayerNet Softmax clearprop loss predict report html True
    False None train runs relu adam NEW csv graph kind
"""
KNOWN = {*NAMES.split()}
"""Names, which are the same in every language."""


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_a_training_and_its_report_speak_the_language(tmp_path, monkeypatch, capfd, language):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(60))
    Path("a.csv").write_text(f"x1,x2,kind\n{rows}")
    command = ["train", "a.csv", "--target", "kind", "--iterations", "60", "--hidden", "8"]
    assert main([*command, "--language", language]) == 0
    shown = capfd.readouterr().out
    words = set(re.findall("[A-Za-z]{4,}", shown.split("runs")[0].partition("─")[2]))
    assert words <= KNOWN
    page = _Texts(Path("runs/1/report.html").read_text("utf-8"))
    assert page.lang == {"zh": "zh-Hans", "ja": "ja"}[language]
    settings = page.found.index({"zh": "设置", "ja": "設定"}[language])
    texts = page.found[:settings]
    left = {w for text in texts for w in re.findall("[A-Za-z]{4,}", text)}
    assert left <= KNOWN
