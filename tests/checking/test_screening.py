"""What a mistake changes is told from two numbers as the backward pass tells it."""

import numpy as np
import pytest
import strangers_images
import strangers_losses
import strangers_steps
from test_strangers_styles import defined

from clearprop.checking import patterns_steps
from clearprop.checking.screening import Screen

CASES = [
    (entry, mistake)
    for style in (strangers_steps, strangers_images, strangers_losses)
    for entry in style.LAYERS
    for mistake in entry[3][:1]
][::3]


@pytest.mark.parametrize(("entry", "mistake"), CASES, ids=[entry[0] for entry, _ in CASES])
def test_the_change_is_that_of_the_pass(entry, mistake, monkeypatch):
    told = []
    change, make = Screen.change, Screen.__init__

    def made(self, tape, wrong):
        make(self, tape, wrong)
        self.right = tape.pull({})

    def compared(self, one):
        found = change(self, one)
        try:
            given = self.tape.pull(one.changes, one.values, one.past)
        except patterns_steps.UNFIT:
            return found
        if found is not None and self.along:
            moved = [np.sum((given[n] - self.right[n]) * v) for n, v in self.along]
            told.append((found, moved))
        return found

    monkeypatch.setattr(Screen, "__init__", made)
    monkeypatch.setattr(Screen, "change", compared)
    _, source, call, *_ = entry
    defined(source.replace(mistake[0], mistake[1]), call)()
    for found, moved in told:
        size = np.abs(moved).max(initial=0)
        np.testing.assert_allclose(found, moved, rtol=1e-3, atol=1e-5 * size + 1e-8)
