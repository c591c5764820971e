"""Which runs found the same minimum."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from steepest.search import clusters
from steepest.search.clusters import distinct

ONE = np.ones(1)


def groups(points, values, scale=ONE):
    points = np.array(points, float).reshape(len(values), -1)
    return [list(g) for g in distinct(points, np.array(values, float), scale)]


def test_lowest_first_and_counted():
    assert groups([1.0, -1.0, 1.001, -1.0], [2.0, 1.0, 2.0, 1.0]) == [[1, 3], [0, 2]]


def test_equal_values_are_told_by_place():
    assert groups([1.0, -1.0], [0.0, 0.0]) == [[1], [0]]


def test_equal_places_are_told_by_value():
    assert groups([1.0, 1.0], [0.0, 1e-5]) == [[0], [1]]
    assert groups([1.0, 1.0], [0.0, 1e-7]) == [[0, 1]]


def test_value_is_taken_relative_where_it_is_large():
    assert groups([1.0, 1.0], [1e6, 1e6 + 0.5]) == [[0, 1]]
    assert groups([1.0, 1.0], [1e6, 1e6 + 2]) == [[0], [1]]


def test_place_is_taken_relative_to_the_starts():
    assert groups([0.0, 5.0], [0.0, 0.0], scale=np.array([1000.0])) == [[0, 1]]
    assert groups([0.0, 5.0], [0.0, 0.0], scale=np.array([100.0])) == [[0], [1]]


def test_chain_of_values_does_not_join_its_ends():
    values = np.arange(6) * 0.6e-6
    assert groups(np.zeros(6), values) == [[0, 1], [2, 3], [4, 5]]


@st.composite
def runs(draw):
    """Runs that found a few minima, each with a little error, in some order."""
    n_minima = draw(st.integers(1, 4))
    which = draw(st.lists(st.integers(0, n_minima - 1), min_size=1, max_size=30))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    at = np.arange(n_minima)[:, None] * np.array([1.0, -0.5])
    level = rng.integers(0, 2, n_minima).astype(float)
    points = at[which] + rng.uniform(-2e-3, 2e-3, (len(which), 2))
    values = level[which] + rng.uniform(0, 2e-7, len(which))
    return np.array(which), points, values


@given(runs(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_minima_are_found_whatever_the_order(found, random):
    which, points, values = found
    order = list(range(len(which)))
    random.shuffle(order)
    for index in (np.arange(len(which)), np.array(order)):
        got = distinct(points[index], values[index], np.ones(2))
        parts = {frozenset(index[g].tolist()) for g in got}
        assert parts == {
            frozenset(np.flatnonzero(which == w).tolist()) for w in set(which.tolist())
        }
        lowest = [values[index[g[0]]] for g in got]
        assert lowest == sorted(lowest)


@given(runs())
@settings(max_examples=30, deadline=None)
def test_shortcut_changes_nothing(found):
    _, points, values = found
    got = distinct(points, values, np.ones(2))
    most, clusters.PAIRS = clusters.PAIRS, 0
    try:
        slow = distinct(points, values, np.ones(2))
    finally:
        clusters.PAIRS = most
    assert [g.tolist() for g in got] == [g.tolist() for g in slow]
