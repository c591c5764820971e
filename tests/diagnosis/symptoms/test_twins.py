"""Every symptom is told of a run that has it, and not of its healthy twin."""

import math

import pytest
from ends import check
from twins import TWINS

from steepest.diagnosis.symptoms import SYMPTOMS


@pytest.fixture(scope="module")
def runs():
    """Each run is made once, whatever is asked of it."""
    made = {}

    def make(run):
        return made[run] if run in made else made.setdefault(run, run())

    return make


def test_every_symptom_has_its_twins():
    assert set(SYMPTOMS) == set(TWINS)


@pytest.mark.parametrize("name", TWINS)
def test_the_sick_run_is_told(name, runs):
    run = runs(TWINS[name][0])
    check(run.verdict)
    found = [f for f in run.verdict.findings if f.symptom == name]
    assert len(found) == 1
    (finding,) = found
    assert all(math.isfinite(number) for number in finding.evidence.values())
    assert any(sign.isdigit() for sign in finding.advice) or finding.remedy
    assert finding.reference


@pytest.mark.parametrize("name", TWINS)
def test_the_healthy_twin_bears_no_alarm(name, runs):
    run = runs(TWINS[name][1])
    check(run.verdict)
    assert [f for f in run.verdict.findings if f.severity != "info"] == []
