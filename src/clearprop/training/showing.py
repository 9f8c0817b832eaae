"""How a Trainer shows itself: in one line, and as tables in a notebook."""

from typing import Any

from clearprop.compiler.plans import flat
from clearprop.graph.display import as_html, folded, table
from clearprop.training.data import Samples
from clearprop.training.step import engine_of


def in_one_line(trainer: Any) -> str:
    """The network, the data, the optimizer, and how far it is."""
    samples = f"{trainer._sets.train.number:,} samples"
    done = f"{len(trainer.history):,} iterations done"
    return (
        f"<Trainer of {len(trainer.network.params)} parameters: {samples} in batches of "
        f"{trainer.batch_size}, {trainer.optimizer!r}, {done}>"
    )


def as_tables(trainer: Any) -> str:
    """What is trained on what, how far it is, and behind folds the network and the rule."""
    network, done, data = type(trainer.network).__name__, len(trainer.history), trainer._sets
    numbers = sum(array.size for array in trainer.network.params.values())
    runs = f"compiled, by {engine_of(trainer._step)}" if trainer._why_not is None else "as written"
    epochs = f"{done / trainer.iterations_per_epoch:.4g} epochs"
    rows: dict[str, Any] = {
        "network": f"{network}, {numbers:,} parameters",
        "trained on": _told(data.train),
        trainer.history.held_out: "none" if data.test is None else _told(data.test),
        "batches": f"of {trainer.batch_size}, {trainer.iterations_per_epoch:,} an epoch",
        "optimizer": repr(trainer.optimizer),
        "steps": runs,
        "done": f"{done:,} iterations, {epochs}, {trainer.history.seconds:.1f} s",
    }
    rows |= {f"{name} as written": why for name, why in trainer.as_written.items()}
    if trainer.best.iteration is not None:
        best = trainer.best
        value = f"{best.score:.4f}" if best.by == "score" else f"loss {best.loss:.4f}"
        rows["best"] = f"{value} at iteration {best.iteration:,}"
    files = trainer._paths.values()
    rows |= {"files": ", ".join(map(str, files))} if files else {}
    return (
        table(["Trainer", ""], rows.items())
        + (as_html(trainer.history) if done else "")
        + folded("the network", as_html(trainer.network))
        + folded("the optimizer", as_html(trainer.optimizer))
    )


def _told(samples: Samples) -> str:
    shapes = ", ".join(f"{x.shape[1:]} {x.dtype}" for x in flat(samples.batch(slice(1))[0]))
    weighed = "" if samples.data.w is None else ", weighed"
    return f"{samples.number:,} samples of {shapes}{weighed}"
