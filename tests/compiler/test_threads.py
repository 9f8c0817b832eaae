import itertools
import sys

import pytest
from small_problem import make_network, points
from threadpoolctl import threadpool_info, threadpool_limits

from clearprop.compiler.threads import LARGE_PRODUCT, BlasThreads, _libraries, threads_tried
from clearprop.training import Trainer

blas_threads = BlasThreads.for_products_of


def threads() -> set[int]:
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


@pytest.fixture
def two_threads():
    _libraries.cache_clear()  # other tests may have loaded another BLAS since, such as SciPy's
    with threadpool_limits(2):
        if threads() != {2}:
            pytest.skip("this BLAS does not let its threads be set")
        yield


def test_small_products_get_one_thread_and_the_setting_is_restored(two_threads):
    with blas_threads(LARGE_PRODUCT - 1):
        assert threads() == {1}
    assert threads() == {2}


def test_large_products_keep_the_setting(two_threads):
    with blas_threads(LARGE_PRODUCT):
        assert threads() == {2}


@pytest.mark.parametrize(("slow", "sooner"), [(1, 2), (2, 1)])
def test_large_products_take_what_was_sooner(slow, sooner, two_threads, monkeypatch):
    steps = iter(lambda: 0.02 if threads() == {slow} else 0.01, None)
    clock = itertools.accumulate(steps)
    monkeypatch.setattr("clearprop.compiler.threads.perf_counter", lambda: next(clock))
    assert threads_tried(LARGE_PRODUCT) == sooner
    assert threads_tried(LARGE_PRODUCT - 1) == 1
    assert threads() == {2}


def test_a_training_keeps_the_choice_of_threads(two_threads, monkeypatch, tmp_path):
    x, t = points()
    tried = iter([2])
    monkeypatch.setattr("clearprop.training.trainer.threads_tried", lambda largest: next(tried))
    first = Trainer(make_network(), x, t, batch_size=30, rng=0, checkpoint_path=tmp_path / "a")
    first.train(epochs=1)
    again = Trainer(make_network(), x, t, batch_size=30, rng=0)
    again.resume(tmp_path / "a")
    again.train(epochs=1)  # without another trial
    assert first._threads == again._threads == 2


def test_training_is_on_one_thread_and_restores_also_after_an_error(two_threads):
    x, t = points()
    seen = set()

    def fail(moment):
        seen.update(threads())
        raise RuntimeError("of the user's own")

    with pytest.raises(RuntimeError, match="own"):
        Trainer(make_network(), x, t, batch_size=30, rng=0, on_progress=fail).train(epochs=1)
    assert seen == {1}
    assert threads() == {2}


def test_it_works_where_no_blas_is_found(monkeypatch):
    monkeypatch.setattr("threadpoolctl.ThreadpoolController._load_libraries", lambda _: None)
    assert threadpool_info() == []
    with blas_threads(1):
        pass


def test_threadpoolctl_is_loaded_only_when_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with blas_threads(LARGE_PRODUCT):
        pass
