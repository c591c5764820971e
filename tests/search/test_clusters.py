"""Which runs came to the same point."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from steepest.search.clusters import distinct


def groups(points, fn, slopes=0.0, **options):
    """The clusters of ends of fn: rows (m, d) -> (m,)."""
    points = np.array(points, float)
    points = points.reshape(len(points), -1)
    asked = []

    def value_at(rows):
        asked.append(len(rows))
        return fn(rows)

    found = distinct(
        points, fn(points), np.full(len(points), slopes), value_at, **options
    )
    return [list(g) for g in found], sum(asked)


def bowl(x):
    return np.sum(x**2, axis=1)


def wells(x):
    """Minima of value 0 at +-1 and of value 2 at +-3, with hills between."""
    x = np.abs(x[:, 0])
    return np.where(x < 2, 10 * (x - 1) ** 2, 2 + 8 * (x - 3) ** 2)


def rastrigin(x):
    return np.sum(10 + x**2 - 10 * np.cos(2 * np.pi * x), axis=1)


def test_lowest_first_and_counted():
    found, asked = groups([3.0, -1.0, 3 + 1e-8, -1.0], wells)
    assert found == [[1, 3], [0, 2]]
    assert asked == 0  # neighbours are one without a look at what lies between


def test_equal_values_are_told_by_the_hill_between():
    assert groups([1.0, -1.0], wells)[0] == [[1], [0]]


def test_equal_values_are_told_by_the_valley_between():
    places = [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    assert groups(places, rastrigin)[0] == [[2], [0], [1]]


@pytest.mark.parametrize("periods", [1, 2, 3, 5, 8, 13, 64])
@pytest.mark.parametrize("length", [1e-2, 1.0, 100.0])
def test_no_period_hides_the_hill(periods, length):
    def waves(x):
        return -np.cos(2 * np.pi * x[:, 0] / length)

    assert groups([0.0, periods * length], waves, 1e-7)[0] == [[0], [1]]


def test_ends_scattered_over_a_flat_valley_are_one():
    def valley(x):
        return 1e-3 * (x[:, 0] - x[:, 1]) ** 2 + 1e-3 * (x[:, 0] + x[:, 1]) ** 4

    rng = np.random.default_rng(0)
    scattered = rng.normal(scale=1e-4, size=(30, 1)) * [1, 1]
    found, _ = groups(scattered, valley, 1e-6)
    assert [len(g) for g in found] == [30]


def test_ends_on_a_slope_without_end_are_one():
    places = np.linspace(14, 15, 7)
    slope = np.exp(-14)
    assert groups(places, lambda x: np.exp(-x[:, 0]), slope)[0] == [
        [6, 5, 4, 3, 2, 1, 0]
    ]


def test_kinks_say_nothing_by_their_slope():
    def roof(x):
        return np.abs(np.abs(x[:, 0]) - 5e-3)

    assert groups([-5e-3, 5e-3, 5e-3], roof)[0] == [[0], [1, 2]]


def test_values_of_other_levels_never_meet():
    def steps(x):
        return np.floor(x[:, 0]) * 1e-5

    found, asked = groups([0.0, 1.0, 2.0], steps)
    assert found == [[0], [1], [2]]
    assert asked == 0


def test_rounding_is_taken_as_it_is():
    def rough(x):
        return 1e-4 * np.abs(np.sin(1e4 * x[:, 0]))

    assert len(groups([0.0, 1e-3], rough)[0]) == 2
    coarse = float(np.finfo(np.float32).eps)
    assert len(groups([0.0, 1e-3], rough, eps=coarse)[0]) == 1


def test_what_is_not_finite_between_parts():
    def broken(x):
        return np.where(np.abs(x[:, 0]) < 0.5, np.nan, 0.0)

    assert len(groups([-1.0, 1.0], broken)[0]) == 2
    assert distinct(np.zeros((0, 2)), np.zeros(0), np.zeros(0), bowl) == []


@st.composite
def runs(draw):
    """Runs that found a few minima of Rastrigin, each with a little error."""
    n_minima = draw(st.integers(1, 4))
    which = draw(st.lists(st.integers(0, n_minima - 1), min_size=1, max_size=30))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    at = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]) * 0.9949586377
    return np.array(which), at[which] + rng.uniform(-1e-7, 1e-7, (len(which), 2))


@given(runs(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_minima_are_found_whatever_the_order(found, random):
    which, points = found
    order = list(range(len(which)))
    random.shuffle(order)
    for index in (np.arange(len(which)), np.array(order)):
        got, _ = groups(points[index], rastrigin, 4e-5)
        parts = {frozenset(index[g].tolist()) for g in got}
        assert parts == {
            frozenset(np.flatnonzero(which == w).tolist()) for w in set(which.tolist())
        }
        lowest = rastrigin(points[index][[g[0] for g in got]])
        assert lowest.tolist() == sorted(lowest)
