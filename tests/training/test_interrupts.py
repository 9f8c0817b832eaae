import signal
import threading

import pytest
from small_problem import make_network, points, weights

from clearprop.training import SGD, History, Trainer
from clearprop.training.interrupts import Interrupts


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def usual_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    # whatever happened, the handler of before is back
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


class PressedInUpdate(SGD):
    """Ctrl-C is pressed between one parameter and the next, several times, at the third step."""

    presses = 0
    steps = 0

    def update(self, params, grads):
        self.steps += 1
        for name, grad in grads.items():
            params[name] -= self.lr * grad
            if self.steps == 3:
                self.presses += 1
                press_ctrl_c()


def test_no_step_is_cut_in_half(tmp_path):
    x, t = points()
    network, whole = make_network(), make_network()
    optimizer, path = PressedInUpdate(0.1), tmp_path / "h"
    trainer = Trainer(
        network, x, t, batch_size=20, optimizer=optimizer, rng=0, history_path=path
    )  # fmt: skip
    history = trainer.train(epochs=10)
    assert optimizer.presses == 4
    assert trainer.interrupted
    assert len(history) == 3
    Trainer(whole, x, t, batch_size=20, compile=False, rng=0).train(iterations=3)
    assert weights(network) == weights(whole)
    # what was learned is evaluated, and all of it is in the file
    assert history.evaluated_at.tolist() == [3]
    assert History.read(path) == history


def test_training_goes_on_after_ctrl_c():
    x, t = points()
    network, whole = make_network(), make_network()
    trainer = Trainer(network, x, t, batch_size=20, optimizer=PressedInUpdate(0.1), rng=0)
    trainer.train(iterations=10)
    assert trainer.interrupted
    history = trainer.train(iterations=7)
    assert not trainer.interrupted
    Trainer(whole, x, t, batch_size=20, compile=False, rng=0).train(iterations=10)
    assert len(history) == 10
    assert weights(network) == weights(whole)


def test_a_second_press_does_not_wait_for_the_evaluation(monkeypatch):
    x, t = points()
    trainer = Trainer(make_network(), x, t, batch_size=20, optimizer=PressedInUpdate(0.1), rng=0)

    def pressed(*_):
        press_ctrl_c()
        return 0.5

    monkeypatch.setattr("clearprop.training.referee.evaluation", pressed)
    history = trainer.train(epochs=10)
    assert trainer.interrupted
    assert len(history) == 3
    assert history.evaluated_at.tolist() == []


def test_the_last_call_of_progress_comes_also_then():
    x, t = points()
    moments = []
    Trainer(
        make_network(), x, t, batch_size=20, rng=0, optimizer=PressedInUpdate(0.1),
        on_progress=moments.append,
    ).train(epochs=1)  # fmt: skip
    assert [(m.iteration, m.done) for m in moments] == [
        (1, False), (2, False), (3, False), (3, True),
    ]  # fmt: skip


def test_a_keyboard_interrupt_from_elsewhere_ends_training_too():
    x, t = points()

    def stop(moment):
        if moment.iteration == 4 and not moment.done:
            raise KeyboardInterrupt

    trainer = Trainer(make_network(), x, t, batch_size=20, rng=0, on_progress=stop)
    assert len(trainer.train(epochs=3)) == 4
    assert trainer.interrupted


def test_a_whole_training_is_not_interrupted():
    x, t = points()
    trainer = Trainer(make_network(), x, t, batch_size=20, rng=0)
    trainer.train(epochs=1)
    assert not trainer.interrupted


def test_outside_of_held_the_second_press_raises():
    with Interrupts() as interrupts:
        press_ctrl_c()
        assert interrupts.requested
        with pytest.raises(KeyboardInterrupt):
            press_ctrl_c()
        with interrupts.held():
            press_ctrl_c()


@pytest.mark.parametrize("own", [signal.SIG_IGN, lambda *_: None])
def test_a_handler_of_the_programs_own_is_left_alone(own):
    usual = signal.signal(signal.SIGINT, own)
    try:
        with Interrupts() as interrupts:
            assert signal.getsignal(signal.SIGINT) is own
            press_ctrl_c()
            assert not interrupts.requested
    finally:
        signal.signal(signal.SIGINT, usual)


def test_training_in_another_thread_works():
    x, t = points()
    trainer = Trainer(make_network(), x, t, batch_size=20, rng=0)
    thread = threading.Thread(target=trainer.train, kwargs={"epochs": 1})
    thread.start()
    thread.join()
    assert len(trainer.history) == 5
