"""Where the clock cuts a run into stretches changes no bit of what comes of it."""

import random

import pytest
from runs import CASES, same, told

from steepest.descent import linear_engine, loop
from steepest.descent.pace import Pace


def paced(monkeypatch, pick):
    """Stretches of so many steps, whatever the clock says."""

    class Drawn(Pace):
        def learn(self, done, seconds):
            self.steps = pick()

    monkeypatch.setattr(loop, "Pace", Drawn)
    monkeypatch.setattr(linear_engine, "GRAIN_ROWS", 64)


@pytest.mark.parametrize("case", CASES)
def test_the_end_does_not_depend_on_where_stretches_end(case, monkeypatch):
    paced(monkeypatch, lambda: 1 << 30)
    whole = told(CASES[case]())
    for seed in range(2):
        draws = random.Random(seed)
        paced(monkeypatch, lambda d=draws: int(2 ** d.uniform(0, 9)))
        same(whole, told(CASES[case]()))
