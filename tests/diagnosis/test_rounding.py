"""What rounded kinks leave open: minimum is said where the bound is small."""

import numpy as np
import pytest

from steepest.diagnosis.rounding import Gap, judge_rounded
from steepest.records.stop import Stop
from steepest.records.verdict import Verdict

BEFORE = Verdict("Steps no longer change the objective.", "noise_floor", True)


def gap(slope, added=1e-5):
    return Gap(value=1.0, added=added, slope=slope, steep=0.0, size=10.0)


def test_the_bound_holds_for_a_rounded_parabola_of_kinks():
    # f = mean |x - t|, rounded by w: the bound covers what f can still fall
    t = np.linspace(-1.0, 1.0, 21)
    for x in (0.3, -0.7, 0.01):
        w = 0.05
        r = x - t
        slope = abs(np.clip(r / w, -1, 1).mean())
        value = np.where(abs(r) <= w, r**2 / 2 / w + w / 2, abs(r)).mean()
        found = Gap(value=value, added=w / 2, slope=slope, steep=0.0, size=abs(x))
        assert abs(r).mean() - abs(t).mean() <= found.most  # the median is 0


def test_minimum_is_said_where_the_bound_is_small():
    said = judge_rounded(BEFORE, Stop.VALUE_FLAT, gap(1e-6), score="R2 0.9.")
    assert (said.kind, said.converged) == ("minimum", True)
    assert said.headline == "Converged: the minimum is at most 2e-05 lower. R2 0.9."
    assert said.findings[0].evidence["gap"] == pytest.approx(2e-5)


def test_and_taken_back_where_it_is_not():
    said = judge_rounded(BEFORE, Stop.VALUE_FLAT, gap(0.1))
    assert (said.kind, said.converged) == ("not_stationary", False)
    assert "may be 1 lower" in said.headline
    assert said.findings[0].symptom == "kinks_open"


def test_validated_params_keep_their_headline_and_budgets_their_verdict():
    said = judge_rounded(BEFORE, Stop.GRADIENT_SMALL, gap(1e-6), validated=True)
    assert said.headline == BEFORE.headline
    assert judge_rounded(BEFORE, Stop.MAX_EPOCHS, gap(0.1)) is BEFORE
    assert judge_rounded(BEFORE, Stop.NONFINITE, gap(1e-6)) is BEFORE
    assert judge_rounded(BEFORE, Stop.MAX_EPOCHS, gap(1e-6)).kind == "minimum"
