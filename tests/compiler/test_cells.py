"""The plan of the arena: what is needed at the same time does not overlap."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clearprop.compiler.engines.sheet import ALIGNMENT, Buffer, place

SPANS = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 30), st.integers(0, 30)), max_size=40
)


def buffers_of(spans):
    return [Buffer(n, first=min(a, b), last=max(a, b)) for n, a, b in spans]


@given(SPANS)
def test_no_two_live_buffers_overlap(spans):
    buffers = buffers_of(spans)
    size = place(buffers)
    for b in buffers:
        assert b.offset % ALIGNMENT == 0
        assert b.offset >= 0
        assert b.offset + b.nbytes <= size
    for i, a in enumerate(buffers):
        for b in buffers[:i]:
            together = a.first <= b.last and b.first <= a.last
            apart = a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
            assert not together or apart or not a.nbytes or not b.nbytes


@given(SPANS)
def test_the_arena_is_no_larger_than_all_side_by_side(spans):
    buffers = buffers_of(spans)
    assert place(buffers) <= sum(-(-b.nbytes // ALIGNMENT) * ALIGNMENT for b in buffers)


@given(SPANS)
def test_the_plan_depends_on_nothing_but_sizes_and_lives(spans):
    first, second = buffers_of(spans), buffers_of(spans)
    assert place(first) == place(second)
    assert [b.offset for b in first] == [b.offset for b in second]


def test_lives_that_do_not_meet_share_a_place():
    buffers = [Buffer(640, first=i, last=i) for i in range(10)]
    assert place(buffers) == 640
    assert {b.offset for b in buffers} == {0}


def test_no_buffers_need_no_arena():
    assert place([]) == 0
    assert np.empty(place([Buffer(0)]), np.uint8).size == 0
