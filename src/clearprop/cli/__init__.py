"""The command line: `clearprop train`, `clearprop predict`, `clearprop gradcheck`.

A command is one function in one file. It imports what it needs when it runs, so that `--help`
answers at once.
"""

import io
import signal
import sys
from _thread import interrupt_main
from collections.abc import Sequence
from contextlib import suppress
from contextvars import copy_context
from threading import Timer
from typing import Any

from cyclopts import App, CycloptsError, Parameter

from clearprop import __version__
from clearprop.cli.check import check
from clearprop.cli.compare import compare
from clearprop.cli.complaints import complain, told
from clearprop.cli.draw import draw
from clearprop.cli.explain import explain
from clearprop.cli.export import export
from clearprop.cli.figures import figures
from clearprop.cli.gradcheck import gradcheck
from clearprop.cli.importing import import_
from clearprop.cli.language import SpokenHelp, begin_to_speak
from clearprop.cli.play import play
from clearprop.cli.predict import predict
from clearprop.cli.report import report
from clearprop.cli.search import search
from clearprop.cli.source import source
from clearprop.cli.streams import let_readers_go
from clearprop.cli.train import train
from clearprop.errors import ClearpropError

__all__ = ["main"]

HELP = """\
Train a neural network on digits or data of your own, try it, and check its derivatives.

clearprop lets you see how networks learn by error backpropagation. The digits (MNIST, 70,000 of
them) are in the box; nothing is fetched. A first visit:

    clearprop train                     leaves a folder, runs/1
    clearprop predict runs/1 seven.png  what digit is it?
    clearprop train a.csv --target b   learn from a table of your own
    clearprop check my_layers.py        are my layers' derivatives right? what is wrong?
    clearprop gradcheck                 the same question, asked of a network by the book
    clearprop source runs/1             the program that training runs
    clearprop report runs/1             how it learned, as a page (train makes it too)
    clearprop compare runs/1 runs/2     what two runs differ in, and what came of it
    clearprop search --rate 0.001 1     which settings do best? tried at random
    clearprop export runs/1 net.onnx    the network for other programs: ONNX, PyTorch's weights
    clearprop draw "x * y" x=2 y=3      a calculation as a graph, with all derivatives
    clearprop explain "x * y" x=2 y=3   its backward pass in words
    clearprop play                      a page that trains a network; draw a digit in it
    clearprop figures                   pictures of how optimisers, dropout and filters work

`clearprop COMMAND --help` tells more about each. Everything is said in the language of the locale,
English, Chinese or Japanese, or in that of `--language zh` (or ja, or en), which a run keeps that
was trained with it.
"""

app = App(
    name="clearprop",
    help=HELP,
    version=f"clearprop {__version__}",
    help_format="markdown",
    help_formatter=SpokenHelp(),
    default_parameter=Parameter(json_list=False, json_dict=False),  # a name may begin with [
    suppress_keyboard_interrupt=False,  # `main` says so
)
commands = (
    train,
    search,
    predict,
    gradcheck,
    check,
    source,
    report,
    compare,
    draw,
    explain,
    figures,
    play,
    export,
)
for command in commands:
    app.command(command)
app.command(import_, name="import")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    0: done. 1: a check of derivatives failed. 2: something is wrong with what was asked for, and
    one message on stderr says what. 130: stopped with Ctrl-C.
    """
    if arguments is None:
        sys.unraisablehook = _once_more
        let_readers_go()
    return copy_context().run(_main, arguments)  # its language ends with it


def _main(arguments: Sequence[str] | None) -> int:
    # A terminal that cannot write '×' shows '?' instead.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        given = begin_to_speak(sys.argv[1:] if arguments is None else list(arguments))
        if odd := next((text for text in given if "\0" in text), None):
            return _fail(f"{odd!r} holds a zero byte, which no name or value can")
        how: Any = {"exit_on_error": False, "print_error": False}
        return app(given, **how, result_action="return_value") or 0
    except CycloptsError as error:
        return _fail(told(error))
    except ClearpropError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except MemoryError as error:
        return _fail(f"the memory is not enough: {error}; ask for fewer neurons or smaller data")
    except KeyboardInterrupt:
        _hear_no_more(arguments)
        complain("stopped")
        return 130
    finally:
        _hear_no_more(arguments)


def _once_more(lost: Any) -> None:
    """Ctrl-C that came where Python drops errors, such as at the end of an import, comes again."""
    if isinstance(lost.exc_value, KeyboardInterrupt):
        Timer(0.01, interrupt_main).start()
    else:
        sys.__unraisablehook__(lost)


def _hear_no_more(arguments: Sequence[str] | None) -> None:
    """All is done: Ctrl-C pressed once more must not cut off the end of the program."""
    if arguments is None:
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _fail(message: str) -> int:
    complain(message)
    return 2
