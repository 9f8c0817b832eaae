"""A script of the book runs unmodified, in a folder that has none of the book's modules."""

import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
sys.path.append(os.pardir)
from common.optimizer import *
from common.layers import *
from common.functions import softmax, cross_entropy_error
from common.gradient import numerical_gradient
from common.trainer import Trainer
from common.multi_layer_net import MultiLayerNet
from common.util import im2col
from dataset.mnist import load_mnist
from layer_naive import *
from sibling import name

print(name, __name__, sys.argv, os.path.basename(os.getcwd()), os.path.basename(sys.path[0]))
print(os.path.basename(__file__), sys.modules["__main__"].SGD is SGD)
print(MulLayer().forward(100, 2), np.array([1.0]), Affine.__name__)
try:
    import common.anything_else
except ModuleNotFoundError as error:
    print(error)
try:
    from dataset import cifar
except ImportError:
    print("no cifar")
"""


@pytest.fixture
def chapter(tmp_path):
    """A folder such as ch05; beside it others that the book's names must not find."""
    folder = tmp_path / "ch05"
    for name in ("common", "dataset"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not this one')")
    folder.mkdir()
    (folder / "layer_naive.py").write_text("raise RuntimeError('not this one')")
    (folder / "sibling.py").write_text("name = 'a sibling'")
    return folder


def run(folder, script, *arguments, options=("-m", "clearprop.book")):
    command = [sys.executable, *options, script, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)


def test_a_script_finds_the_book_s_names_before_all_folders(chapter):
    (chapter / "shop.py").write_text(SCRIPT)
    done = run(chapter, "shop.py", "--fast", "3")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "a sibling __main__ ['shop.py', '--fast', '3'] ch05 ch05",
        "shop.py True",
        "200 [1.] Affine",
        "No module named 'common.anything_else'",
        "no cifar",
    ]
    assert not (chapter / "__pycache__" / f"shop.{sys.implementation.cache_tag}.pyc").exists()


def test_from_another_folder_the_working_directory_stays(chapter):
    (chapter / "shop.py").write_text("import os, sibling; print(os.path.basename(os.getcwd()))")
    assert run(chapter.parent, "ch05/shop.py").stdout == f"{chapter.parent.name}\n"


ENDS = {
    "an error": "def f():\n    return 1 / 0\nf()\n",
    "an error in ours": "import numpy as np\ndef f():\n    np.zeros(3).reshape(2)\nf()\n",
    "a syntax error": "print(1\n",
    "an exit": "import sys\nsys.exit(3)\n",
    "Ctrl-C": "raise KeyboardInterrupt\n",
    "words": "import sys\nsys.exit('no')\n",
    "a missing module": "import common_sense\n",
}


@pytest.mark.parametrize("case", ENDS)
def test_exit_code_and_traceback_are_the_script_s(chapter, case):
    (chapter / "end.py").write_text(ENDS[case])
    plain, ours = run(chapter, "end.py", options=()), run(chapter, "end.py")
    path = str(chapter / "end.py")
    assert ours.returncode == plain.returncode != 0
    assert ours.stderr.replace(f'"{path}"', '"end.py"') == plain.stderr.replace(
        f'"{path}"', '"end.py"'
    )


def test_without_a_script(chapter):
    done = run(chapter, "--help")
    assert (done.returncode, done.stdout[:6]) == (0, "usage:")
    done = run(chapter, "gone.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "clearprop.book: there is no script gone.py\n"
    done = run(chapter, "clearprop.book", options=("-m",))
    assert (done.returncode, done.stderr[:6]) == (2, "usage:")


def test_in_a_notebook(chapter):
    program = """
import sys
sys.path.insert(0, "..")
class Old: pass
sys.modules["common"] = sys.modules["common.layers"] = sys.modules["common.mine"] = Old
import clearprop.book
clearprop.book.install()
clearprop.book.install()
from common.layers import Relu
import common.functions, dataset.mnist, clearprop
assert Relu is clearprop.Relu and common.functions.softmax and dataset.mnist.load_mnist
assert sys.modules["common.util"] is clearprop.book.common.util
try:
    import common.mine
except ModuleNotFoundError:
    print("gone")
"""
    done = run(chapter, program, options=("-c",))
    assert (done.stdout, done.stderr) == ("gone\n", "")


def test_the_library_does_not_answer_before_it_is_asked_to():
    program = "import clearprop.book, sys; print([n for n in sys.modules if n[:6] == 'common'])"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "[]\n"
