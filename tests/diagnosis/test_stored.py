"""What was measured of a run, there and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from steepest.diagnosis.case import Better, Case, Rare
from steepest.diagnosis.probes.columns import Columns
from steepest.diagnosis.probes.curvature import Curvature
from steepest.diagnosis.probes.leaks import Leak
from steepest.diagnosis.probes.noise import Noise
from steepest.diagnosis.probes.places import Place
from steepest.diagnosis.probes.slopes import Mismatch
from steepest.diagnosis.probes.ways import Way
from steepest.diagnosis.stored import FIELDS, measured_json, with_measured
from steepest.records import Trace
from steepest.records.row import empty

BARE = Case(Trace(empty()))
FULL = BARE._replace(
    curvature=Curvature(-1.0, 2.0, 1e-12),
    further=(0.5, float("inf")),
    place=Place("jump", 0.25),
    limit=" at the limit of floating point",
    slope=Mismatch("x", 1.0, 2.0, "at the end", own_rule=True),
    better=Better(1.0, 3, 20),
    columns=Columns(9, 2, ("c",), pairs=(("a", "b", 0.5),), leak=Leak("a", 0.1, 1.0)),
    noise=Noise(1.0, 2.0, 3.0, 4.0, 5.0, 6),
    metric=(0.9, 0.5),
    rare=Rare("yes", 0.01, 3, None),
)


def there_and_back(case):
    data = json.loads(json.dumps(measured_json(case), allow_nan=False))
    return with_measured(BARE, data)


def test_every_field_comes_back():
    found = there_and_back(FULL)
    for name in FIELDS:
        assert repr(getattr(found, name)) == repr(getattr(FULL, name)), name
        assert type(getattr(found, name)) is type(getattr(FULL, name))


def test_arrays_come_back_without_the_points():
    gains, points = np.array([0.0, 1.5, np.nan]), np.ones((3, 7))
    case = BARE._replace(way=Way(gains, 2 * gains, True, gains, points))
    found = there_and_back(case).way
    np.testing.assert_array_equal(found.distances, gains)
    np.testing.assert_array_equal(found.gains, 2 * gains)
    assert found.rises is True
    assert found.points.size == 0
    assert found.place == Place()
    assert case.way.points.size == 21


def test_what_a_later_version_writes_is_passed_over():
    found = with_measured(BARE, {"aura": 1, "place": {"kind": "edge", "colour": "red"}})
    assert found.place == Place("edge")


@pytest.mark.parametrize("data", [{"metric": [1.0]}, {"curvature": 3}, {"noise": {}}])
def test_damage_is_an_error(data):
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        with_measured(BARE, data)
