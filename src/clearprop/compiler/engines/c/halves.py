"""The two halves of a phase, in one thread or in two, whichever is quicker at the time.

What is summed over samples is summed in each half, and then both together: so the bits are the same
however many threads there are, and the choice can be made anew at any time.
"""

import ctypes
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from clearprop.compiler.engines.c.compilers import compiler

SOURCE = r"""
// Runs the two halves of a phase. A worker thread takes the second half while the caller computes
// the first; if it has not begun by then, the caller computes both. Nobody waits for a thread that
// has no processor.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

typedef void part(void **p, long n0, long n1, long half);

typedef struct {
    part *before, *half, *after;  // one half of what comes before, of the samples, of what follows
    double mean[2];               // seconds of a call: in one thread, in two
    long seen[2];                 // calls so far in each way
    long left;                    // calls until the other way is tried
    long patience;                // calls in one thread before two are tried again
    int threads;                  // 0: in one thread, 1: in two
    int trial;                    // calls left of a trial
    int alone;                    // whether it is to stay in one thread
    int large;                    // whether what comes before and after is worth two threads
} task;

enum { NONE, OFFERED, TAKEN, DONE };
static _Atomic int state, busy, asleep, waiting;
static struct { part *f; void **p; long n0, n1; } offer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t offered = PTHREAD_COND_INITIALIZER, finished = PTHREAD_COND_INITIALIZER;
static pthread_t worker;
static pid_t owner;  // the process that the worker belongs to: a fork has none

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void rest(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// Let the worker run on every processor that the caller may use, perhaps without the caller's own:
// a thread that is woken up would often begin there.
static void place(int apart)
{
#if defined(__linux__)
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        return;
    if (apart && CPU_COUNT(&allowed) > 1)
        CPU_CLR(sched_getcpu(), &allowed);
    pthread_setaffinity_np(worker, sizeof allowed, &allowed);
#endif
}

static void *work(void *unused)
{
    for (;;) {
        double start = now();
        for (long k = 1; state != OFFERED; k++) {
            rest();
            if (k % 64 || now() - start < 200e-6)
                continue;
            pthread_mutex_lock(&lock);
            asleep = 1;
            while (state != OFFERED)
                pthread_cond_wait(&offered, &lock);
            asleep = 0;
            pthread_mutex_unlock(&lock);
        }
        int expected = OFFERED;
        if (!atomic_compare_exchange_strong(&state, &expected, TAKEN))
            continue;
        offer.f(offer.p, offer.n0, offer.n1, 1);
        state = DONE;
        if (waiting) {
            pthread_mutex_lock(&lock);
            pthread_cond_signal(&finished);
            pthread_mutex_unlock(&lock);
        }
    }
    return 0;
}

static int in_two(part *f, void **p, long middle, long n)
{
    if (owner != getpid()) {
        state = NONE, asleep = 0, waiting = 0;
        // After a fork they are as another process left them, perhaps with a thread that waits.
        lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        offered = finished = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
        if (pthread_create(&worker, 0, work, 0))
            return 0;
        pthread_detach(worker);
        owner = getpid();
        place(1);
    }
    offer.f = f, offer.p = p, offer.n0 = middle, offer.n1 = n;
    state = OFFERED;
    if (asleep) {
        place(1);
        pthread_mutex_lock(&lock);
        pthread_cond_signal(&offered);
        pthread_mutex_unlock(&lock);
    }
    f(p, 0, middle, 0);
    int expected = OFFERED;
    if (atomic_compare_exchange_strong(&state, &expected, NONE)) {
        f(p, middle, n, 1);
        return 1;
    }
    double start = now();
    for (long k = 1; state != DONE; k++) {
        rest();
        if (k % 64 || now() - start < 50e-6)
            continue;
        // Asleep, so that the worker may have this processor if another program has its own.
        place(0);
        pthread_mutex_lock(&lock);
        waiting = 1;
        while (state != DONE)
            pthread_cond_wait(&finished, &lock);
        waiting = 0;
        pthread_mutex_unlock(&lock);
    }
    state = NONE;
    return 1;
}

// Which way a call takes: a trial of both at the start, then the quicker one, and the other
// again from time to time; where two threads were no gain, less and less often.
static int choose(task *t)
{
    if (t->seen[0] + t->seen[1] < 2 * FIRST)
        return t->seen[0] >= FIRST;
    if (t->trial > 0) {
        if (--t->trial)
            return !t->threads;
        if (t->threads) {
            t->left = OFTEN;
            t->patience = FEW;  // two have been quicker for long
        } else if (t->mean[1] < .95 * t->mean[0]) {
            t->threads = 1;
            t->left = OFTEN;
        } else {
            t->left = t->patience;
        }
    }
    if (t->threads && t->mean[1] > t->mean[0]) {  // it has become slower than one thread
        t->threads = 0;
        t->left = t->patience;
    }
    if (t->left-- > 0)
        return t->threads;
    t->trial = t->threads ? 4 : FIRST + 2;
    if (!t->threads) {
        t->seen[1] = 0, t->mean[1] = 0;  // measured anew
        t->patience = t->patience < 256 * FEW ? 2 * t->patience : t->patience;
    }
    return t->threads;
}

static void both(part *f, void **p, long n, int two)
{
    long middle = (n + 1) / 2;
    if (f && !(two && in_two(f, p, middle, n))) {
        f(p, 0, middle, 0);
        f(p, middle, n, 1);
    }
}

// What comes before the halves, the halves, and what follows: in two threads where that is asked
// for and no other phase has them.
static void all(part *before, part *half, part *after, int large, void **p, long n, int two)
{
    int none = 0;
    int mine = two && atomic_compare_exchange_strong(&busy, &none, 1);
    both(before, p, n, mine && large);
    both(half, p, n, mine);
    both(after, p, n, mine && large);
    if (mine)
        busy = 0;
}

void run(task *t, void **p, long n)
{
    double start = now();
    int two = n > 1 && !t->alone && choose(t);
    all(t->before, t->half, t->after, t->large, p, n, two);
    double took = now() - start;
    long k = t->seen[two]++;
    if (k == 0)  // the first finds nothing in the caches, and the worker asleep
        return;
    t->mean[two] += (took - t->mean[two]) / (k < 48 ? k : 48);
    if (t->seen[0] + t->seen[1] == 2 * FIRST && n > 1) {
        t->threads = t->mean[1] < .95 * t->mean[0];
        t->left = t->threads ? OFTEN : FEW;
        t->patience = FEW;
    }
}

// What follows a phase, in as many threads as that goes in at the time.
void follow(task *t, part *f, void **p, long n)
{
    all(0, f, 0, 0, p, n, t->threads && !t->alone);
}
"""
for _name, _number in {"FIRST": 8, "OFTEN": 512, "FEW": 32}.items():
    SOURCE = SOURCE.replace(_name, str(_number))


class Task(ctypes.Structure):
    """How a phase is run; see the C above."""

    _fields_ = (
        ("before", ctypes.c_void_p),
        ("half", ctypes.c_void_p),
        ("after", ctypes.c_void_p),
        ("mean", ctypes.c_double * 2),
        ("seen", ctypes.c_long * 2),
        ("left", ctypes.c_long),
        ("patience", ctypes.c_long),
        ("threads", ctypes.c_int),
        ("trial", ctypes.c_int),
        ("alone", ctypes.c_int),
        ("large", ctypes.c_int),
    )


@cache
def runner() -> Any:
    """The functions `run` and `follow`. Errors: `CompilerError`."""
    found = compiler()
    assert not isinstance(found, str)
    library = found.load(SOURCE)
    pointers = (ctypes.c_void_p,) * 3
    for function, arguments in ((library.run, pointers[1:]), (library.follow, pointers)):
        function.argtypes = (*arguments, ctypes.c_long)
        function.restype = None
    return library


def bound(
    library: ctypes.CDLL, name: str, n: int, arrays: list[Any], *, alone: bool, large: bool
) -> Callable[..., None]:
    """A phase of a library for n samples and these arrays, which it keeps alive.

    In place of an array may stand `None`: the call is given those, in order. `alone`: never in two
    threads; `large`: what comes before and after it goes in two, too.
    """
    task = Task(
        before=_address(library, f"{name}_before"),
        half=_address(library, name),
        after=_address(library, f"{name}_after"),
        alone=alone,
        large=large,
    )
    places = (ctypes.c_void_p * max(1, len(arrays)))()
    for i, array in enumerate(arrays):
        places[i] = None if array is None else array.ctypes.data
    given = [i for i, array in enumerate(arrays) if array is None]
    run = partial(runner().run, ctypes.addressof(task), ctypes.addressof(places), n)

    def call(*more: np.ndarray) -> None:
        for i, array in zip(given, more, strict=True):
            places[i] = array.ctypes.data
        run()

    call.kept = (task, places, arrays, library)  # type: ignore[attr-defined]
    return call


def following(
    phase: Any, library: ctypes.CDLL, name: str, n: int, arrays: list[np.ndarray]
) -> Callable[[], None]:
    """A function of a library for n numbers of these arrays, run in the threads of a phase."""
    places = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
    task, code = phase.kept[0], ctypes.c_void_p(_address(library, name))
    run = partial(runner().follow, ctypes.addressof(task), code, ctypes.addressof(places), n)

    def call() -> None:
        run()

    call.kept = (phase, places, arrays, library)  # type: ignore[attr-defined]
    return call


def _address(library: ctypes.CDLL, name: str) -> int | None:
    try:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    except AttributeError:
        return None
