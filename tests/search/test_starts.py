"""Where many runs begin."""

from __future__ import annotations

import numpy as np
import pytest

import steepest as sp
from steepest.problems.bounds import Bounds
from steepest.search import starts
from steepest.search.shapes import domain_of, middle

BOX = Bounds(
    {"x": np.array(-1.0), "y": np.zeros(2)}, {"x": np.array(3.0), "y": np.ones(2)}
)


def test_every_part_of_every_coordinate_holds_one_point():
    points = starts.within(BOX, 8, seed=3)
    assert points["x"].shape == (8,)
    assert points["y"].shape == (8, 2)
    parts = np.floor(np.c_[(points["x"] + 1) / 4, points["y"]] * 8)
    assert (np.sort(parts, axis=0) == np.arange(8)[:, None]).all()


def test_seed_decides():
    one, same, other = (starts.within(BOX, 5, seed)["y"] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_wide_and_narrow_boxes():
    wide = starts.within(Bounds(np.array([-1e308]), np.array([1e308])), 4, 0)
    assert np.isfinite(wide).all()
    point = starts.within(Bounds(np.array([2.0]), np.array([2.0])), 4, 0)
    assert (point == 2.0).all()


def test_around_keeps_the_start_and_its_scale():
    points = starts.around({"x": 100.0, "y": np.zeros(3)}, 4000, 0.5, seed=0)
    assert points["x"][0] == 100.0
    assert (points["y"][0] == 0).all()
    assert np.std(points["x"]) == pytest.approx(50, rel=0.05)
    assert np.std(points["y"]) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        (np.zeros((4, 2)), r"shape \(4, 2\): need .* n=3"),
        (np.full((3, 2), np.nan), "not finite"),
        (np.zeros((3, 2), bool), "type bool"),
        (0.0, "n=3"),
        ({}, "drew nothing"),
        ({"x": np.array(["a", "b", "c"])}, "drew x of type"),
    ],
    ids=range(6),
)
def test_samplers_that_draw_nonsense(drawn, message):
    with pytest.raises(sp.UsageError, match=message):
        starts.sampled(lambda rng, n: drawn, 3, seed=0)


def test_flat_and_span():
    rows = starts.flat({"x": np.arange(3.0), "y": np.ones((3, 2))})
    assert rows.tolist() == [[0, 1, 1], [1, 1, 1], [2, 1, 1]]
    assert starts.span(rows).tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("bounds", "objective", "centre"),
    [
        ((0, 2), "rosenbrock", [1.0, 1.0]),
        ((0, 2), "x + y", {"x": 1.0, "y": 1.0}),
        (([0, 0, 0], [2, 4, 6]), abs, [1.0, 2.0, 3.0]),
        ([(0, 2), (0, 4)], abs, [1.0, 2.0]),
        ({"x": (0, 2), "y": ([0, 0], [2, 4])}, abs, {"x": 1.0, "y": [1.0, 2.0]}),
        (({"x": 0.0}, {"x": 2.0}), abs, {"x": 1.0}),
    ],
    ids=range(6),
)
def test_shape_is_told_by_bounds(bounds, objective, centre):
    got = middle(bounds, objective)
    got = got if isinstance(got, dict) else {"": got}
    centre = centre if isinstance(centre, dict) else {"": centre}
    assert got.keys() == centre.keys()
    assert all(np.array_equal(got[name], centre[name]) for name in got)


@pytest.mark.parametrize(
    ("bounds", "objective"),
    [
        ((0, 1), abs),
        ((0, 1), "sum(x^2) + x[0]"),
        (3, abs),
        ((0, 1, 2), abs),
        (("a", "b"), abs),
        (([0, 1], [0, 1, 2]), abs),
        ({"x": 1}, abs),
    ],
    ids=range(7),
)
def test_shape_that_cannot_be_told(bounds, objective):
    with pytest.raises(sp.UsageError, match="bounds="):
        middle(bounds, objective)


def test_gallery_brings_its_domain():
    assert domain_of("himmelblau") == ([-5.0, -5.0], [5.0, 5.0])
    assert domain_of("x^2") is None
    assert domain_of(abs) is None
