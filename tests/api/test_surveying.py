"""Which of the points that many runs came to are surveyed."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.api import surveying
from steepest.api.restarting import restarts


def test_all_points_are_surveyed_where_that_is_cheap():
    got = restarts("cos(x)", bounds=(-1000, 1000), n=60)
    assert len(got.points) > 30
    assert {p.kind for p in got.points} == {"minimum"}
    assert got.converged == 60
    assert got.unmeasured == ()


@pytest.mark.parametrize("limit", ["MOST", "ENTRIES", "SECONDS"])
def test_where_it_is_dear_the_best_are_surveyed(limit, monkeypatch):
    monkeypatch.setattr(surveying, "LEAST", 5)
    monkeypatch.setattr(surveying, limit, {"MOST": 5}.get(limit, 0))
    got = restarts("cos(x)", bounds=(-1000, 1000), n=30)
    assert [p.kind for p in got.points[:5]] == ["minimum"] * 5
    assert {p.kind for p in got.points[5:]} == {None}
    assert got.unmeasured == got.points[5:]
    assert got.others == ()
    assert len(got.minima) == 5
    left = len(got.points) - 5
    told = f"{got.unknown} came to rest at {left} further points, not surveyed"
    assert told in got.tally
    assert "fail" not in got.tally
    data = got.to_json()
    assert data["runs"]["converged"] + data["runs"]["not_surveyed"] == 30
    assert len(data["not_surveyed"]) == left


def test_a_function_of_the_users_is_called_for_few_of_them(monkeypatch):
    monkeypatch.setattr(surveying, "LEAST", 2)
    got = restarts(
        lambda x: float(np.cos(x[0])), bounds=([-100.0], [100.0]), n=9, optimizer="bb"
    )
    assert len(got.points) > 2
    assert [p.kind for p in got.points[:3]] == ["minimum", "minimum", None]
