"""Layers in manners that are not ours: the right ones raise no alarm, mistakes are named."""

import zlib

import numpy as np
import pytest
from manners import table_courses, table_frameworks, table_transformers
from stranger import Pair

from clearprop import check

TABLES = (table_courses, table_frameworks, table_transformers)
FAULTS = [entry for table in TABLES for entry in table.FAULTS]
RIGHT = [entry for table in TABLES for entry in table.RIGHT]


def checked(name, make, inputs):
    np.random.seed(zlib.crc32(name.encode()) % 2**31)  # noqa: NPY002 - as such layers do
    thing, given = make(), inputs()
    given = given if isinstance(given, tuple) else (given,)
    if isinstance(thing, Pair):
        return check(thing.f, *given, gradient=thing.df)
    return check(thing, *given)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "make", "inputs", "at", "kinds"), FAULTS, ids=[f[0] for f in FAULTS]
)
def test_a_mistake_is_located_and_named(name, make, inputs, at, kinds):
    report = checked(name, make, inputs)
    assert report.ok is False
    assert {str(finding.argument) for finding in report.faults} == set(at.split()), str(report)
    assert {str(finding.kind) for finding in report.faults} <= set(kinds.split("|")), str(report)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("name", "make", "inputs", "compared"), RIGHT, ids=[r[0] for r in RIGHT])
def test_no_alarm(name, make, inputs, compared):
    report = checked(name, make, inputs)
    assert report.ok is compared, str(report)
