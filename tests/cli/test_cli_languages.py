"""The command line speaks English, Chinese and Japanese: help, complaints, and a run's language."""

import ast
import itertools
import json
import re
from pathlib import Path
from string import Formatter

import pytest

import clearprop.cli
from clearprop import speech
from clearprop.cli import app
from clearprop.cli.complaints import ELSEWHERE
from clearprop.cli.expression import _REFUSED
from clearprop.cli.language import told_help
from clearprop.speech import retold, say, speaking

SOURCES = sorted(Path(clearprop.cli.__file__).parent.glob("*.py"))
SPOKEN = [*SOURCES, *(Path(speech.__file__).parent / "training").glob("run_*.py")]
OTHERS = ("zh", "ja")
SAYS = ("complain", "_fail", "told", "ValueError", "FileNotFoundError")
"""What is given a message, beside our own errors."""
ENGLISH = re.compile(r"(?:\b[A-Za-z][a-z']+ ){3}")
"""Three words in a row: something was not translated."""


def texts_of(node):
    """The messages that an expression can be, `{}` for every value in them."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr():
            return ["".join(p) for p in itertools.product(*map(texts_of, node.values))]
        case ast.FormattedValue():
            return texts_of(node.value) if isinstance(node.value, ast.IfExp) else ["{}"]
        case ast.IfExp():
            return texts_of(node.body) + texts_of(node.orelse)
        case ast.BinOp(op=ast.Add()):
            return [a + b for a in texts_of(node.left) for b in texts_of(node.right)]
    return ["{}"]


def messages(source):
    """Every message in a source text that is raised, complained of, or said."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name), args=args):
                if name == "say":
                    yield from ((text, True) for text in texts_of(args[0]))
                elif name in SAYS or name.endswith("Error"):
                    yield from ((text, False) for arg in args for text in texts_of(arg))
            case ast.FunctionDef(name="told" | "no_option"):
                for each in ast.walk(node):
                    if isinstance(each, ast.Return):
                        yield from ((text, False) for text in texts_of(each.value))


def places(text):
    return [name for _, name, *_ in Formatter().parse(text) if name is not None]


def form(text):
    return re.sub(r"\{\w*(?:![rs])?\}", "{}", text)


def untranslated(source):
    known, forms = speech.table(), {form(text) for text in speech.table()}
    return [
        text
        for text, is_said in messages(source)
        if re.search("[a-z]{3}", text.replace("{}", ""))
        and not (text in known if is_said else form(text) in forms or in_two(form(text), forms))
    ]


def in_two(text, forms):
    """Whether it is what `files.told` puts together: what failed, why, and the remedy."""
    return any(text in known.split(": {}; ") for known in forms)


@pytest.mark.parametrize("path", SPOKEN, ids=lambda path: path.stem)
def test_every_message_of_the_command_line_is_translated(path):
    assert untranslated(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "planted",
    [
        'raise ConfigError("what is new has no words")',
        'raise ConfigError(f"{x!r} is new" if x else "stopped")',
        'complain(f"{path}: " + "what is new")',
        'print(say("What is new."))',
        'def told(error):\n    return f"clearprop {error} is new"',
    ],
)
def test_a_message_without_a_translation_is_found(planted):
    assert len(untranslated(planted)) == 1


def help_texts():
    """Every paragraph and every option's help, as they are looked up."""
    for name in app:
        command = app[name]
        yield from re.split(r"\n\s*\n", command.help)
        if not name.startswith("-"):
            for argument in command.assemble_argument_collection(parse_docstring=True):
                yield argument.parameter.help or ""
    yield from re.split(r"\n\s*\n", app.help)


def in_english(text):
    """Paragraphs of help that have no translation."""
    text = " ".join(text.split()) if text[:1] != " " else ""
    return bool(text) and any(not speech.table().get(text, {}).get(code) for code in OTHERS)


def test_every_help_text_is_translated():
    assert [text for text in help_texts() if in_english(text)] == []
    assert in_english("A planted help text.")


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("command", ["", *(name for name in app if name[0] != "-")])
def test_no_english_is_left_in_help(clearprop, monkeypatch, command, code):
    monkeypatch.setenv("COLUMNS", "100")
    shown = clearprop("--language", code, *command.split(), "--help").out
    prose = re.sub(r"^ (?:clearprop|\S+=).*$", "", shown, flags=re.MULTILINE)
    assert not ENGLISH.findall(prose)
    assert "--language CHOICE" in shown or not command


@pytest.mark.parametrize("code", OTHERS)
def test_translations_fill_the_same_places(code):
    for text, told in speech.table().items():
        assert {*places(text)} - {*places(told[code])} <= {"again"}, text
        assert {*places(told[code])} <= {*places(text)}, text
        assert re.findall(r"(?<!\w)--[a-z{]+", told[code]) or "--" not in text, text


@pytest.mark.parametrize("code", OTHERS)
def test_each_message_is_found_by_its_own_pattern(code):
    """No pattern takes the message of another, whatever is filled in."""
    for text, translations in speech._table("speech-errors.tsv").items():
        names = dict.fromkeys(places(text))
        values = {name: f"⟨{name}⟩" for name in names}
        with speaking(code):
            assert retold(text.format(**values)) == translations[code].format(**values)


def test_what_an_expression_refuses_is_named():
    for what in _REFUSED.values():
        for part in what.split("; "):
            assert part in speech.table() or re.fullmatch(r"\W+|[a-z]+|i[fs]\W.*|not in", part)


WRONG = """
trian
xyz
predict
predict a
predict . a
gradcheck --seed x
gradcheck --seed -1
gradcheck 3
search
search --rate 0.1
search --rate 2 1
search --dropout 1 0
train --batch 0
train --batch 2.5
train --rate abc
train --rate 1 --rate 2
train --rate -1 --iterations 1
train --save-every 0
train --quiet=maybe
train --lr 1
train --shwo
train --dropout 2
train --activation foo
train --init -3
train --optimizer foo
train --schedule foo
train --validation 2
train --epochs 1 --iterations 1
train --engine foo
train --devices 2
train nowhere.csv
train --target a
train --network a
train --network a.py:b
train --resume runs/1 --rate 1
train --resume nowhere
explain x --format txt
explain x*y x=1 y=2 --by q
draw
draw x*y
draw x*y x=1 y=2 --theme blue
draw x*y x=1 y=2 --theme blue -o a.svg
draw x*y x=1 y=2 -o a.foo
draw x.y x=1
draw x^2 x=1
draw (lambda:x) x=1
draw x x
draw foo(x) x=1
draw x*2 x=1,2
draw x*2 x=[]
draw x*2 x=a
draw x*2 x=1 x=2
draw x*2 x=1 y=2
figures foo
play --weights foo
play runs/1 --network conv
source nowhere
report nowhere
compare a a
check nowhere.py
import nowhere.safetensors
import nowhere.safetensors --names a
export nowhere net.foo
"""


@pytest.mark.parametrize("code", OTHERS)
def test_what_is_wrong_is_said_in_the_language(clearprop, code):
    for line in WRONG.split("\n")[1:-1]:
        run = clearprop("--language", code, *line.split())
        assert run.code == 2, line
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", run.err), (line, run.err)
        assert not ENGLISH.search(re.sub(r"'[^']*'", "", run.err)), (line, run.err)


def test_an_unknown_language_is_refused_in_the_one_of_the_locale(clearprop, monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    run = clearprop("--language", "fr", "train")
    assert (run.code, run.err) == (2, "clearprop: 不认识语言 'fr'；可用：en, zh, ja\n")


def test_what_the_reader_wrote_is_left_as_it_is(clearprop):
    """Names that are words of ours, too, are not translated."""
    assert "'stopped: search'" in clearprop("--language", "zh", "draw", "stopped: search").err
    assert "figure" not in clearprop("--language", "ja", "figures", "search").err
    assert "'search'" in clearprop("--language", "ja", "figures", "search").err


def test_a_long_and_hostile_message_is_told_soon():
    text = "x cannot be read: " * 20_000
    with speaking("ja"):
        assert "読めません" in retold(f"{text!r} cannot be read: {text}")
        assert retold("a: " * 20_000) == "a: " * 20_000


TRAIN = ("train", "--iterations", 2, "--hidden", 3, "--batch", 10, "--quiet")


def language_of_the_report(folder):
    return re.search(r'<html[^>]* lang="(\w+)', (folder / "report.html").read_text("utf-8"))[1]


def test_a_run_keeps_the_language_that_was_asked_for(clearprop, data, tmp_path, monkeypatch):
    for folder, asked in (("asked", ("--language", "ja")), ("plain", ())):
        assert clearprop(*asked, *TRAIN, data, "--folder", folder).code == 0
    assert json.loads((tmp_path / "asked/config.json").read_text())["language"] == "ja"
    for locale, plain in (("zh_CN.UTF-8", "zh"), ("C", "en")):
        monkeypatch.setenv("LC_ALL", locale)
        for folder, language in (("asked", "ja"), ("plain", plain)):
            assert clearprop("report", folder, "--data", data).code == 0
            assert language_of_the_report(tmp_path / folder) == language
    assert clearprop("report", "asked", "--data", data, "--language", "zh").code == 0
    assert language_of_the_report(tmp_path / "asked") == "zh"
    resumed = clearprop("train", "--resume", "asked", "--iterations", 1)
    assert "反復" in resumed.err  # it has more already, and that is said in its own language


@pytest.mark.parametrize("code", OTHERS)
def test_what_was_found_in_a_table_is_told(clearprop, tmp_path, code):
    rows = "".join(f"{i / 7:.3f},{'ab'[i % 2]},1,{i % 3}\n" for i in range(60))
    (tmp_path / "t.csv").write_text(f"size,kind,same,price\n{rows}")
    for more in ((), ("--task", "regression")):
        run = clearprop(
            *("--language", code, "train", "t.csv", "--target", "price", "--iterations", 1),
            *("--batch", 10, *more),
        )
        assert run.code == 0, run.err
        head = run.out.split("\n\n")[0]
        assert not ENGLISH.search(head)
        assert len(re.findall(r"^  \w+.*[\u3040-\u30ff\u4e00-\u9fff]", head, re.M)) >= 4


def test_examples_in_help_stay_as_they_are_typed():
    with speaking("ja"):
        assert told_help("For example:\n\n    clearprop train --seed 1") == (
            "例：\n\n    clearprop train --seed 1"
        )
        assert say("Settings") == "設定"


def test_options_of_other_programs_lead_to_ours():
    assert set(ELSEWHERE.values()) >= {"--language", "--rate"}
