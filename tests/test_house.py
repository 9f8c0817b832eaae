"""The rules of the house: what may import what, what an import costs, how large a file may be."""

import ast
import contextlib
import functools
import io
import itertools
import json
import linecache
import re
import subprocess
import sys
import tomllib
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "clearprop"
FILES = sorted(SOURCE.rglob("*.py"))


@functools.cache
def trees():
    """What each file says, by its path; read when it is asked for, not when tests are collected."""
    return {path: ast.parse(path.read_text("utf-8")) for path in FILES}


@functools.cache
def statements(tree):
    """The imports in a tree, and the conditions under which some may stand."""
    return [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom | ast.If)]


@pytest.fixture(scope="module", autouse=True)
def forgotten():
    """Keep no trees for longer: a garbage collector would look through them in each later test."""
    yield
    trees.cache_clear()
    statements.cache_clear()


CORE = {"errors", "files", "primitives", "graph", "layers", "networks"}
MAY_IMPORT = {
    "errors": set(),
    "files": {"errors"},
    "speech": {"errors"},
    "primitives": {"errors"},
    "graph": {"errors", "primitives"},
    "layers": {"errors", "primitives", "graph"},
    "networks": {"errors", "primitives", "graph", "layers"},
    "explaining": CORE,
    "drawing": CORE,
    "checking": CORE | {"speech"},
    "compiler": CORE,
    "page": CORE | {"drawing", "explaining", "compiler"},
    "training": CORE | {"checking", "compiler", "speech", "__version__"},
    "datasets": {"errors", "files"},
    "reporting": CORE | {"drawing", "page", "training", "speech"},
    "playing": CORE | {"compiler", "training"},
    "sklearn": CORE | {"training"},
    "interop": CORE | {"compiler", "training", "files", "__version__"},
    "book": CORE | {"drawing", "checking", "compiler", "training", "datasets"},
    "cli": CORE
    | {"drawing", "explaining", "checking", "compiler", "training", "datasets", "reporting"}
    | {"playing", "book", "interop", "speech", "__version__"},
    "__main__": {"cli"},
    # What `import clearprop` re-exports: NumPy is all that these need.
    "__init__": CORE | {"checking", "compiler", "drawing", "explaining", "page", "playing"},
}


def place(path):
    """The floor that a file stands on: the name right under `clearprop`."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def name_of(path):
    return path.relative_to(SOURCE).as_posix()


def imports(path, nodes=statements):
    """Every module, or name in one, that a file imports, anywhere in it, in full, with the line."""
    package = ("clearprop", *path.relative_to(SOURCE).parent.parts)
    for node in nodes(trees()[path]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


PLACES = {place(path) for path in FILES} | {"__version__"}


def floors(path):
    """The floors of our own that a file imports, with the line."""
    for module, line in imports(path):
        first, _, rest = module.partition(".")
        if first == "clearprop":
            floor = rest.split(".")[0]
            yield floor if floor in PLACES else "__init__", line


def test_every_package_has_a_floor():
    assert {place(path) for path in FILES} <= set(MAY_IMPORT)


def test_there_is_no_way_up():
    """The table itself has no circle: each floor's imports stand before it."""
    order = [floor for floor in MAY_IMPORT if floor not in ("__init__", "__main__", "cli")]
    assert all(MAY_IMPORT[b].isdisjoint(order[i:]) for i, b in enumerate(order))


def test_imports_go_down_only():
    wrong = [
        f"{name_of(path)}:{line} imports clearprop.{floor}"
        for path in FILES
        for floor, line in floors(path)
        if floor not in MAY_IMPORT[place(path)] | {place(path)}
    ]
    assert not wrong


def test_the_reader_of_imports_sees_all_forms(tmp_path, monkeypatch):
    text = """
import clearprop.cli, numpy.linalg
from clearprop import layers, Affine, __version__
from ..networks import Network
from .base import Layer
def f():
    from clearprop.training.trainer import Trainer
"""
    path = SOURCE / "layers" / "sketch.py"
    monkeypatch.setitem(trees(), path, ast.parse(text))
    assert [floor for floor, _ in floors(path)] == [
        *("cli", "layers", "__init__", "__version__", "networks", "layers", "training")
    ]


def at_run_time(tree):
    """The imports in a tree, but what stands there for type checkers alone."""
    for_checkers = {
        node
        for condition in statements(tree)
        if isinstance(condition, ast.If)
        and re.fullmatch(r"(typing\.)?TYPE_CHECKING", ast.unparse(condition.test))
        for node in ast.walk(condition)
    }
    return [node for node in statements(tree) if node not in for_checkers]


def files_imported(path, files):
    """The files of our own that a file imports when it is loaded, or later in a function."""
    for name, _ in imports(path, at_run_time):
        found = files.get(name) or files.get(name.rpartition(".")[0])
        if found not in (None, path):
            yield found


def circle():
    """The names of files that import each other in a circle, [] if there are none."""
    files = {
        ".".join(("clearprop", *path.relative_to(SOURCE).with_suffix("").parts)): path
        for path in trees()
    }
    files = {name.removesuffix(".__init__"): path for name, path in files.items()}
    edges = {name_of(path): set(map(name_of, files_imported(path, files))) for path in trees()}
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_files_import_each_other_in_a_circle():
    assert circle() == []


def test_a_circle_of_files_is_seen(monkeypatch):
    texts = {
        "a": "from clearprop.layers.sketch_b import g",
        "b": "def g():\n    from clearprop.layers import sketch_c",
        "c": "import typing\nif typing.TYPE_CHECKING:\n    from .sketch_a import f",
    }
    for name, text in texts.items():
        monkeypatch.setitem(trees(), SOURCE / "layers" / f"sketch_{name}.py", ast.parse(text))
    assert circle() == []
    closed = ast.parse("def h():\n    if True:\n        from .sketch_a import f")
    monkeypatch.setitem(trees(), SOURCE / "layers" / "sketch_c.py", closed)
    assert set(circle()) == {f"layers/sketch_{name}.py" for name in texts}


def run_python(program):
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def loaded_by(module):
    """The top-level packages that an import loads beyond what Python starts with."""
    program = (
        "import json, sys; before = set(sys.modules);"
        f"import {module}; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    return {name.partition(".")[0] for name in json.loads(run_python(program))}


def test_import_clearprop_loads_numpy_and_the_standard_library_only():
    allowed = loaded_by("numpy, numpy.random") | sys.stdlib_module_names | {"clearprop"}
    assert not loaded_by("clearprop") - allowed


@pytest.mark.parametrize("module", ["clearprop.cli", "clearprop.datasets", "clearprop.training"])
def test_no_optional_package_is_loaded_before_it_is_needed(module):
    assert loaded_by(module).isdisjoint(
        {"matplotlib", "PIL", "polars", "resvg_py", "sklearn", "scipy", "pytest", "hypothesis"}
        | {"jax", "onnx", "onnxruntime"}
    )


def test_import_clearprop_loads_the_graph_and_the_rest_when_it_is_used():
    """So that it takes less time than NumPy's own import."""
    program = "import sys, clearprop; print(*sorted(m for m in sys.modules if '.' in m))"
    modules = [name.split(".") for name in run_python(program).split()]
    ours = Counter(names[1] for names in modules if names[0] == "clearprop")
    assert ours.keys() <= {"drawing", "errors", "files", "graph", "page", "primitives"}
    assert ours["drawing"] <= 2  # the names that stand for it
    assert ours["page"] <= 1
    every = "import clearprop; from clearprop import *; print({*clearprop.__all__} - {*globals()})"
    assert run_python(every) == "set()\n"
    offered = "import clearprop; print({*clearprop.__all__} - {*dir(clearprop)})"
    assert run_python(offered) == "set()\n"
    attribute = "import clearprop; print(clearprop.training.SGD, hasattr(clearprop, 'trainig'))"
    assert run_python(attribute).endswith("SGD'> False\n")
    # Annotations name its generators in quotes, since it takes longer to load than our layers.
    random = "import sys, {}; print('numpy.random' in sys.modules)"
    assert run_python(random.format("clearprop")) == run_python(random.format("numpy"))


def test_no_file_is_too_long():
    lines = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {name: n for name, n in lines.items() if n > 500} == {}


def test_everything_public_has_a_docstring():
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    missing = []
    for path, tree in trees().items():
        public = [n for n in tree.body if isinstance(n, definitions) and not n.name.startswith("_")]
        missing += [f"{name_of(path)}: {n.name}" for n in public if not ast.get_docstring(n)]
        if not ast.get_docstring(tree):
            missing.append(f"{name_of(path)}: the module itself")
    assert not missing


UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec"}


def unsafe(path):
    """Where a file could run text or bytes that somebody else wrote."""
    for module, line in imports(path):
        if module.partition(".")[0] in UNSAFE_MODULES:
            yield f"{name_of(path)}:{line} imports {module}"
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.Name) and node.id in UNSAFE_CALLS and place(path) != "compiler":
            yield f"{name_of(path)}:{node.lineno} uses {node.id}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            safe = isinstance(node.value, ast.Constant) and node.value.value is False
            if not safe:
                yield f"{name_of(path)}:{node.value.lineno} allows pickle"


def test_nothing_runs_what_it_reads():
    assert [finding for path in FILES for finding in unsafe(path)] == []


def test_what_is_unsafe_is_seen(monkeypatch):
    text = "import pickle\nfrom marshal import loads\nnp.load(p, allow_pickle=True)\neval(text)\n"
    path = SOURCE / "layers" / "sketch.py"
    monkeypatch.setitem(trees(), path, ast.parse(text))
    assert len(list(unsafe(path))) == 4


def test_one_version():
    import clearprop

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == clearprop.__version__


# The README, and what leads on from it, in both languages.

READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
GUIDES = [
    READMES,
    *([ROOT / f"docs/{n}.md", ROOT / f"docs/{n}.zh-CN.md"] for n in ("tour", "command-line")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path):
    """The fenced blocks of a README: pairs (language, text)."""
    return FENCE.findall(path.read_text("utf-8"))


def headings(path):
    """The depths of the headings of a README, fenced blocks left out."""
    text = FENCE.sub("", path.read_text("utf-8"))
    return [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


@pytest.mark.parametrize(
    "path",
    [READMES[0], pytest.param(GUIDES[1][0], marks=pytest.mark.examples)],
    ids=lambda path: path.stem,
)
def test_the_guides_python_runs_and_prints_what_it_says(path):
    """All blocks one after the other in one namespace; a text block holds the output before it."""
    namespace = {"__name__": "guide"}
    said = 0
    for (language, code), (follower, output) in itertools.pairwise([*blocks(path), ("", "")]):
        if language != "python":
            continue
        stdout = io.StringIO()
        # One BLAS thread: with more, small products crawl where another program keeps a core busy.
        with contextlib.redirect_stdout(stdout), threadpool_limits(1):
            file = f"{path.name}, {hash(code)}"  # as from a file, whose lines can be had
            linecache.cache[file] = (len(code), None, code.splitlines(True), file)
            exec(compile(code, file, "exec"), namespace)
        if follower == "text":
            assert stdout.getvalue() == output
            said += 1
    assert said >= 3
    assert namespace["network"].accuracy(namespace["data"].x_test, namespace["data"].t_test) > 0.9


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide[0].stem)
def test_the_guides_say_the_same_in_both_languages(guide):
    english, chinese = guide
    assert headings(english) == headings(chinese)
    assert blocks(english) == blocks(chinese)
    for path in guide:
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
        assert links
        assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_readmes_two_commands_are_each_one_line_for_the_continuous_integration_to_find():
    lines = READMES[0].read_text("utf-8").splitlines()
    for end in ("clearprop train", "pytest"):
        found = [ln for ln in lines if ln.startswith("python3 -m venv") and ln.endswith(end)]
        assert len(found) == 1
