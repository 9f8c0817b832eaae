"""What must hold for every network, in every mode: the checks, and a search with a small example.

python tests/networks/random_checks.py 500          # seeds 0 to 499
python tests/networks/random_checks.py 500 1000     # 500 seeds from 1000 on
"""

import copy
import sys
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from random_events import EVENTS
from random_networks import AGAIN, Recipe, batch, network, random_recipe, smaller

from clearprop import Network, Variable, compile, graph
from clearprop.compiler.plans import flat
from clearprop.errors import NonFiniteError
from clearprop.graph.layer_call import call
from clearprop.graph.parameters import layers_of, names_of
from clearprop.networks.learning import rows_of
from clearprop.training import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop
from clearprop.training.step import layered_step

STEPS = 4


def optimizer(recipe: Recipe, net: Network) -> Any:
    """The optimiser of a recipe with settings at random: clipping, decay, groups, schedules."""
    rng = np.random.default_rng((recipe.seed, 7))
    lr = float(rng.uniform(0.01, 0.05))
    how: dict[str, Any] = {}
    if rng.random() < 0.3:
        how["clip_norm"] = float(rng.uniform(0.3, 2))
    if rng.random() < 0.2:
        how["clip_value"] = float(rng.uniform(0.05, 0.5))
    if rng.random() < 0.4:
        how["weight_decay"] = float(rng.uniform(0.01, 0.3))
        if rng.random() < 0.5:
            how["decay"] = "all" if rng.random() < 0.5 else [str(rng.choice([*net.params]))]
    if rng.random() < 0.4:
        patterns = rng.choice([*net.params], 2)
        how["groups"] = {str(p): {"lr": lr / (i + 2)} for i, p in enumerate(patterns)}
    schedule = rng.random() < 0.3
    kind = {c.__name__: c for c in (SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop)}
    if "eps" in kind[recipe.optimizer].hyperparameters:
        how["eps"] = 1e-2  # or it divides what is zero but for rounding by rounding
    return kind[recipe.optimizer]((lambda step: lr / step) if schedule else lr, **how)


def arrays(net: Network) -> dict[str, Any]:
    """All that a step may change: parameters, state of both kinds, and the generator."""
    found = {name: np.array(value) for name, value in net.params.items()}
    for path, layer in layers_of(net):
        for name in (*names_of(layer, "state"), *names_of(layer, "carried")):
            value = getattr(layer, name)
            found[str((*path, name))] = "None" if value is None else np.array(value)
    found["rng"] = repr(net.rng.bit_generator.state)
    return found


def memory(opt: Any) -> dict[str, Any]:
    """What an optimiser keeps."""
    found = {name: np.array(value) for name, value in opt.arrays.items()}
    return {**found, "steps": repr(opt.step_count)}


def same(a: dict[str, Any], b: dict[str, Any], rtol: float, what: str) -> None:
    """Compare arrays by name, relative to the largest element of each; 0: the same bits."""
    assert a.keys() == b.keys(), f"{what}: {a.keys()} against {b.keys()}"
    for name, x in a.items():
        y = b[name]
        if isinstance(x, str):
            assert x == y, f"{what}: {name} differs"
            continue
        x, y = np.asarray(x), np.asarray(y)
        assert x.dtype == y.dtype, f"{what}: {name} {x.dtype} against {y.dtype}"
        assert x.shape == y.shape, f"{what}: {name} {x.shape} against {y.shape}"
        off = difference(x, y)
        assert off <= rtol, f"{what}: {name} differs by {off:.2g}"


def difference(x: Any, y: Any) -> float:
    """The largest difference, relative to the largest element, or to 1."""
    scale = max(1.0, float(np.max(np.abs(y), initial=0)))
    found = float(np.max(np.abs(np.subtract(x, y, dtype=np.float64)), initial=0)) / scale
    return found if np.isfinite(found) else np.inf


def named(y: Any) -> dict[str, Any]:
    return {str(i): part for i, part in enumerate(y if isinstance(y, tuple | list) else (y,))}


class Checks:
    """The checks of one network; each method is one."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.did: list[str] = []
        self.exact = recipe.dtype == "float64"
        self.rtol = 1e-9 if self.exact else 1e-3
        net = network(recipe)
        carried = any(names_of(layer, "carried") for _, layer in layers_of(net))
        sizes = [4] * STEPS if carried else [4, 4, 2, 5]
        self.batches = [batch(recipe, n, seed) for seed, n in enumerate(sizes)]

    def learned(self, steps: int = 2) -> Network:
        """The network after some steps, as written."""
        net = network(self.recipe)
        self.train(net, SGD(0.05), steps)
        return net

    def train(self, net: Network, opt: Any, steps: int = STEPS) -> list[float]:
        losses = []
        for x, t in self.batches[:steps]:
            loss, grads = net.loss_and_gradient(x, t)
            opt.update(net.params, grads)
            losses.append(float(loss))
        return losses

    def slopes(self) -> None:
        """The gradient is the slope of the loss, along directions and for one parameter."""
        net = network(self.recipe).astype(np.float64)
        self.train(net, SGD(0.05), 2)
        x, t = batch(self.recipe._replace(dtype="float64"), *self.size())
        grads = net.gradient(x, t)
        rng = np.random.default_rng(self.recipe.seed)
        worst = []
        for _ in range(3):  # a kink may lie in one direction
            away = {name: rng.standard_normal(np.shape(g)) for name, g in grads.items()}
            expected = sum(float((grads[name] * d).sum()) for name, d in away.items())
            eps, loss = 1e-6, []
            for sign in (1, -2, 1):
                for name, d in away.items():
                    net.params[name] += sign * eps * d
                loss.append(float(net.loss(x, t)))
            worst.append(abs((loss[0] - loss[1]) / (2 * eps) - expected) / max(1, abs(expected)))
            if worst[-1] < 1e-5:
                break
        assert min(worst) < 1e-5, f"gradient and slope differ by {worst}"
        name = min(net.trained, key=lambda name: np.size(net.params[name]))
        others = [other for other in net.trained if other != name]
        off = []
        for _ in range(3):
            grads = net.gradient(x, t)
            if others:
                net.freeze(*others)
            off.append(difference(net.numerical_gradient(x, t)[name], grads[name]))
            net.frozen.difference_update(others)
            if off[-1] < 1e-5:
                break
            net.params[name] += 0.01 * rng.standard_normal(np.shape(net.params[name]))
        assert min(off) < 1e-5, f"numerical_gradient of {name}: off by {off}"

    def size(self) -> tuple[int, int]:
        x = self.batches[1][0]
        return len(x[0] if isinstance(x, tuple) else x), 1

    def looking(self) -> None:
        """Whatever looks changes nothing, neither now nor later."""
        a, b = network(self.recipe), network(self.recipe)
        for x, t in self.batches:
            before = arrays(a)
            for _ in self.looks(a, x, t):
                same(arrays(a), before, 0, "after looking")
            same(a.gradient(x, t), b.gradient(x, t), 0, "gradient with looks in between")
            same(arrays(a), arrays(b), 0, "what gradient leaves")
            assert a.loss(x, t) == b.loss(x, t), "loss after the same gradient"
            for net in (a, b):
                for name in net.trained:
                    net.params[name] *= 1.01
        same(named(a.predict(x)), named(b.predict(x)), 0, "predict")

    def looks(self, net: Network, x: Any, t: Any) -> Iterator[Any]:
        """All ways of looking, one after the other."""
        yield net.loss(x, t)
        yield net.predict(x)
        yield self.graphed(net, x, t)
        yield net(*x) if isinstance(x, tuple) else net(x)
        if len(self.recipe.losses) == 1 and self.recipe.losses[0] != "onehot":
            yield net.evaluate(x, t)
        if isinstance(x, tuple) or x.ndim > 1:  # a row of numbers is one sample
            yield net.summary(x)

    def graphed(self, net: Network, x: Any, t: Any) -> Any:
        loss = net.loss(self.variables(x), t)
        return graph(loss) if isinstance(loss, Variable) else None

    def variables(self, x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(self.variables, x))
        return Variable(x) if x.dtype.kind == "f" else x

    def graphs(self) -> None:
        """A chain goes the straight way and over the graph; closed and opened agree."""
        net = self.learned()
        x, t = self.batches[1]
        inputs = self.variables(x)
        parts = [v for v in flat(inputs) if isinstance(v, Variable)]
        loss = net.loss(inputs, t)
        assert float(net.loss(x, t)) == loss.item(), "loss on arrays and on the graph"
        if parts and "book relu" not in repr(self.recipe):
            self.opened(loss, parts)
        if self.recipe.chain:
            a, b = net, as_graph(net)
            shared = any(kind in repr(self.recipe) for kind in AGAIN)  # sums of three, in any order
            rtol = self.rtol if shared else 0
            for x, t in self.batches:
                same(a.gradient(x, t), b.gradient(x, t), rtol, "straight and over the graph")
                same(named(a.predict(x)), named(b.predict(x)), 0, "predict of both")
                assert a.loss(x, t) == b.loss(x, t), "loss of both"

    def opened(self, loss: Any, parts: list[Any]) -> None:
        closed = graph(loss)
        opened = closed.opened()
        leaves = [v for v in dict.fromkeys((*closed.leaves, *parts)) if v in set(opened.leaves)]
        loss.backward()
        grads = [np.array(v.grad) for v in leaves]
        opened.outputs[0].backward()
        rtol = self.rtol
        same({"": opened.outputs[0].data}, {"": loss.data}, rtol, "opened loss")
        again = [np.array(v.grad) for v in leaves]
        same(named(grads), named(again), rtol, "derivatives of the opened loss")
        same({"": closed.evaluate()}, {"": loss.data}, rtol, "loss evaluated again")

    def steps(self) -> None:
        """The compiled step does what the loop does, to everything; with a step that fails."""
        a, b = network(self.recipe), network(self.recipe)
        oa, ob = optimizer(self.recipe, a), optimizer(self.recipe, b)
        step, written, fast = self.compiled(b, ob), layered_step(a, oa), compile(b)
        exact, oe = self.exactly(a, oa)
        for i, (x, t) in enumerate(self.batches):
            if i == 2:
                self.failing(a, oa, written, x, t)
                self.failing(b, ob, step, x, t)
            self.events(i, (a, oa), (b, ob), (exact, oe))
            if i == 3 and self.recipe.seed % 3 == 0:  # a step by hand in between
                for net, opt in ((a, oa), (b, ob)):
                    opt.update(net.params, net.gradient(x, t))
                exact, oe = self.exactly(a, oa)
            left, right = spoilt(written, x, t), spoilt(step, x, t)
            what = f"step {i}"
            if self.exact:
                same({"": left}, {"": right}, self.rtol, f"{what}, loss")
                same(arrays(a), arrays(b), self.rtol, what)
                same(memory(oa), memory(ob), self.rtol, f"{what}, optimiser")
                assert difference(a.loss(x, t), b.loss(x, t)) < self.rtol, f"{what}: loss after"
            else:
                loss, grads = exact.loss_and_gradient(self.cast(x), t)
                oe.update(exact.params, grads)
                close(left, right, loss, f"{what}, loss")
                reference = arrays(exact)
                for name, value in arrays(a).items():
                    if not isinstance(value, str):
                        other = arrays(b)[name]
                        assert value.dtype == other.dtype, f"{what}: {name} {other.dtype}"
                        close(value, other, reference[name], f"{what}: {name}")
            same(named(found := fast(x)), named(b.predict(x)), self.rtol, "compiled prediction")
            for part in named(found).values():
                part[...] = np.nan  # what is given belongs to the caller
        same(named(a.predict(x)), named(b.predict(x)), self.rtol, "predict after training")
        step.release()
        assert difference(a.loss(x, t), b.loss(x, t)) < self.rtol, "loss after release"

    def compiled(self, net: Network, opt: Any) -> Any:
        """The compiled step; of every fourth network over a data set, as the Trainer has it."""
        step = compile(net, opt)
        if self.recipe.seed % 4:
            return step
        whole = [joined([part[k] for part in self.batches]) for k in (0, 1)]
        ends = np.cumsum([0, *(rows_of(x) for x, _ in self.batches)])
        over = step.over(*whole)

        def on_rows(x: Any, t: Any) -> float:
            [i] = [i for i, (known, _) in enumerate(self.batches) if equal(known, x)]
            with np.errstate(all="ignore"):
                return over(np.arange(ends[i], ends[i + 1]))

        on_rows.release = over.release  # type: ignore[attr-defined]
        return on_rows

    def repeats(self) -> None:
        """The same seed, the same bits."""
        if self.recipe.seed % 3:
            return
        found = []
        for _ in range(2):
            net = network(self.recipe)
            step = compile(net, optimizer(self.recipe, net))
            losses = [step(x, t) for x, t in self.batches[:2]]
            found.append({**arrays(net), "losses": np.array(losses)})
        same(*found, 0, "the same seed, the same bits")

    def exactly(self, net: Network, opt: Any) -> tuple[Network, Any]:
        """A network and its optimiser in float64."""
        made = copy.deepcopy(opt)
        made.arrays = {name: array.astype(np.float64) for name, array in opt.arrays.items()}
        return net.astype(np.float64), made

    def events(self, i: int, *pairs: Any) -> None:
        """Do the same to several networks before a step."""
        rng = np.random.default_rng((self.recipe.seed, i))
        if i and rng.random() < 0.5:
            event, seed = EVENTS[rng.integers(len(EVENTS))], int(rng.integers(99))
            for net, opt in pairs:
                event(net, opt, np.random.default_rng(seed))
            self.did.append(event.__name__)

    def cast(self, x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(self.cast, x))
        return x.astype(np.float64) if x.dtype.kind == "f" else x

    def failing(self, net: Network, opt: Any, step: Any, x: Any, t: Any) -> None:
        """A step that overflows changes nothing."""
        name = net.trained[-1]
        before, kept, good = arrays(net), memory(opt), net.params[name].copy()
        net.params[name][...] = np.inf
        try:
            step(x, t)
        except NonFiniteError:
            pass
        else:
            raise AssertionError(f"a step with infinity in {name} was taken")
        finally:
            net.params[name][...] = good
        same(arrays(net), before, 0, f"after a step that failed, {step}")
        same(memory(opt), kept, 0, "the optimiser after a step that failed")

    def all(self) -> None:
        """Every check."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for check in (self.slopes, self.looking, self.graphs, self.steps, self.repeats):
                try:
                    check()
                except Exception as error:
                    error.add_note(f"in {check.__name__}")
                    error.args = (f"{error} after {self.did}",) if self.did else error.args
                    raise


def joined(parts: list[Any]) -> Any:
    """Batches one after the other."""
    if isinstance(parts[0], tuple):
        return tuple(map(joined, map(list, zip(*parts, strict=True))))
    return np.concatenate(parts)


def equal(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(flat(a), flat(b), strict=True))


def spoilt(step: Any, x: Any, t: Any) -> float:
    """Take a step on a copy of a batch, and write into the copy afterwards, as buffers are."""
    x, t = copy.deepcopy(x), copy.deepcopy(t)
    loss = step(x, t)
    for part in (*flat(x), *flat(t)):
        part[...] = 1 if part.dtype.kind == "i" else np.nan
    return loss


def close(a: Any, b: Any, exact: Any, what: str) -> None:
    """An error in float32 is at most a few times that of the layers as written."""
    bound = 10 * difference(a, exact) + 3e-5
    off = difference(b, exact)
    assert off <= bound, f"{what}: {off:.2g} from float64, as written {difference(a, exact):.2g}"


class AsGraph(Network):
    """A chain whose forward is its own, so that it goes over the graph."""

    def forward(self, x):
        for layer in self.layers.values():
            x = call(layer, x)
        return x


def as_graph(net: Network) -> Network:
    other = copy.deepcopy(net)
    made = AsGraph(other.layers, other.lastLayer, rng=other.rng)
    made.frozen |= other.frozen
    return made


def failure(recipe: Recipe) -> Exception | None:
    """What is wrong with a network, if anything."""
    try:
        Checks(recipe).all()
    except Exception as error:
        return error
    return None


def smallest(recipe: Recipe, error: Exception) -> tuple[Recipe, Exception]:
    """The smallest recipe that fails in the same check in the same way."""
    where, kind = getattr(error, "__notes__", None), type(error)
    tried = 0
    while True:
        for other in smaller(recipe):
            tried += 1
            found = failure(other) if tried < 300 else None
            if type(found) is kind and getattr(found, "__notes__", None) == where:
                recipe, error = other, found
                break
        else:
            return recipe, error


def check(recipe: Recipe) -> None:
    """Check a network. Errors: `AssertionError` with the smallest network that fails."""
    error = failure(recipe)
    if error is not None:
        recipe, error = smallest(recipe, error)
        notes = "; ".join(getattr(error, "__notes__", ()))
        raise AssertionError(f"{type(error).__name__} {notes}: {error}\n{recipe!r}") from error


def main(count: int, start: int = 0) -> int:
    failed = 0
    for seed in range(start, start + count):
        try:
            check(random_recipe(seed))
        except AssertionError as error:
            failed += 1
            print(f"seed {seed}: {error}")
            places = traceback.extract_tb((error.__cause__ or error).__traceback__)
            print(
                "   ",
                " < ".join(f"{p.filename.rsplit('/', 1)[-1]}:{p.lineno}" for p in places[::-1][:4]),
                flush=True,
            )
    print(f"{count} networks, {failed} fail")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
