"""Points on bounds: what is held, what kind of point it is, and the words for it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from steepest.diagnosis import judge_point, on_bounds, survey
from steepest.diagnosis.probes.active import MOST_WEAK, extremes, hold_of
from steepest.problems.bounds import Bounds, box, clip, free_slope
from steepest.problems.foreign import Foreign
from steepest.problems.layout import Layout
from steepest.records import Stop, Trace
from steepest.records import row as rows_of
from steepest.records.row import Row

INF = np.inf


def look(fn, point, bounds, sign=1.0):
    point = np.array(point, float)
    with jax.enable_x64(True):
        return survey(fn, jnp.array(point), sign=sign, bounds=box(bounds, point))


def judged(stop, found, held, *, grad_norm=0.0, **settings):
    columns = {name: np.zeros(2, rows_of.dtype_of(name)) for name in Row._fields}
    columns["value"], columns["grad_norm"] = (
        np.array([9.0, 1]),
        np.array([5, grad_norm]),
    )
    columns["finite"] = np.ones(2, bool)
    settings = {"gtol": 1e-6, **settings}
    end = Trace(Row(**columns))
    return judge_point(stop, end, *found, settings=settings, held=held)


def descended(slope, start, bounds, rate):
    """Projected gradient descent, by hand."""
    x = start
    for _ in range(20_000):
        x = np.asarray(np.clip(x - rate * slope(x), *bounds))
    return x


# how far the centre is out: in every coordinate, in some, in none
@pytest.mark.parametrize("where", ["vertex", "face", "interior"])
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["minimize", "maximize"])
@pytest.mark.parametrize("seed", range(2))
def test_quadratics_in_a_box_beside_scipy(where, sign, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(4, 4))
    matrix = 0.2 * root @ root.T + np.eye(4)
    out = {"vertex": [9, -9, 9, 9], "face": [0.2, 9, -0.3, 0.1], "interior": [0.1] * 4}
    centre = np.array(out[where])
    bounds = box((-1, 1), np.zeros(4))

    def fn(x):
        return sign * 0.5 * (x - centre) @ matrix @ (x - centre)

    wanted = minimize(
        lambda x: sign * fn(x),
        np.zeros(4),
        jac=lambda x: matrix @ (x - centre),
        method="L-BFGS-B",
        bounds=[(-1, 1)] * 4,
        options=dict(ftol=0, gtol=1e-12),
    )
    rate = 1 / np.linalg.eigvalsh(matrix)[-1]
    end = descended(lambda x: matrix @ (x - centre), np.zeros(4), bounds, rate)
    assert end == pytest.approx(wanted.x, abs=1e-6)
    held = on_bounds(end, bounds)
    active = np.flatnonzero(np.abs(wanted.x) == 1)
    assert list(held) == [f"params[{i}]" for i in active]
    assert bool(held) is (where != "interior")
    found = look(fn, end, (-1, 1), sign)
    goal = "minimum" if sign > 0 else "maximum"
    assert found[0].kind == goal
    free = np.setdiff1d(range(4), active)
    values = sign * np.linalg.eigvalsh(matrix[np.ix_(free, free)])
    assert sorted({found[0].smallest, found[0].largest}) == pytest.approx(
        sorted({values.min(initial=INF), values.max(initial=-INF)})
        if len(free)
        else [0.0]
    )
    direction = "minimize" if sign > 0 else "maximize"
    verdict = judged(Stop.GRADIENT_SMALL, found, held, direction=direction)
    assert (verdict.kind, verdict.converged) == (goal, True)
    assert (f"Converged to a {goal} on the bounds (" in verdict.headline) is bool(held)


# fn, point, bounds, kind when minimising, walls
POINTS = {
    "a face": (lambda p: (p[0] + 1) ** 2 + p[1] ** 2, (0, 0), (0, 5), "minimum", 1),
    "an end that bends down": (lambda p: p[0] - p[0] ** 2, (0,), (0, 5), "minimum", 1),
    "the other end": (lambda p: -p[0] - p[0] ** 2, (5,), (-5, 5), "minimum", 1),
    "a vertex of a saddle": (
        lambda p: p[0] + p[1] - p[0] * p[1] - p[0] ** 2,
        (0, 0),
        (0, 5),
        "minimum",
        1,
    ),
    "a saddle in a face": (
        lambda p: p[0] ** 2 - p[1] ** 2 + p[2],
        (0, 0, 0),
        ([-1, -1, 0], 1),
        "saddle",
        1,
    ),
    "a ridge on a wall": (
        lambda p: p[1] - p[0] ** 2,
        (0, 0),
        ([-1, 0], 1),
        "saddle",
        1,
    ),
    "no multiplier, bent down": (lambda p: -(p[0] ** 2), (0,), (0, 1), "maximum", 0),
    "no multiplier, bent up": (lambda p: p[0] ** 2, (0,), (0, 1), "minimum", 0),
    "a saddle that the corner hides": (
        lambda p: 4 * p[0] * p[1] + p[0] ** 2 + p[1] ** 2,
        (0, 0),
        (0, 1),
        "minimum",
        0,
    ),
    "a saddle that the corner shows": (
        lambda p: p[0] ** 2 + p[1] ** 2 - 4 * p[0] * p[1],
        (0, 0),
        (0, 1),
        "saddle",
        0,
    ),
    "a coordinate kept": (
        lambda p: p[0] ** 2 + p[1],
        (0, 3),
        ([-1, 3], 3),
        "minimum",
        0,
    ),
    "all kept": (lambda p: p[0] ** 2 + p[1], (2, 3), ([2, 3], [2, 3]), "minimum", 1),
    "an infinite slope at the wall": (
        lambda p: jnp.sqrt(p[0]) + p[1] ** 2,
        (0, 0),
        ([0, -1], 1),
        "minimum",
        1,
    ),
}


@pytest.mark.parametrize("name", POINTS)
def test_the_kind_of_a_point_on_bounds(name):
    fn, point, bounds, kind, wall = POINTS[name]
    found = look(fn, point, bounds)
    assert (found[0].kind, found[0].wall) == (kind, wall)
    further = None if found[1] is None else found[1].further(1.0, small=True)
    assert (further is None) is (kind == "minimum")
    turned = {"minimum": "maximum", "maximum": "minimum", "saddle": "saddle"}[kind]
    found = look(lambda p: -fn(p), point, bounds, sign=-1.0)
    assert (found[0].kind, found[0].wall) == (turned, -wall)


@pytest.mark.parametrize("name", [n for n in POINTS if "infinite" not in n])
@pytest.mark.parametrize("given", [True, False], ids=["gradients", "values"])
def test_no_point_outside_is_asked_for(name, given):
    """A gradient by differences is the caller's; curvature and rays stay inside."""
    fn, point, bounds, kind, _ = POINTS[name]
    point = np.array(point, float)
    ends = box(bounds, point)
    with jax.enable_x64(True):
        slope = np.array(jax.grad(fn)(jnp.array(point)))

    class Known(Foreign):
        def gradient_at(self, vector):
            return slope if not given else super().gradient_at(vector)

    outside = []

    def watched(x):
        if np.any(np.clip(x, *ends) != x):
            outside.append(x)
        return x

    with jax.enable_x64(True):
        grad = jax.jit(jax.grad(fn))
    foreign = Known(
        lambda x: float(fn(watched(x))),
        (lambda x: np.array(grad(watched(x)))) if given else None,
        Layout.of(point),
    )
    curvature, _ = survey(foreign, point, bounds=ends)
    assert outside == []
    assert curvature is not None
    assert curvature.kind == kind


def test_traced_rays_stay_inside():
    seen = []

    def fn(p):
        jax.debug.callback(lambda x: seen.append(np.array(x)), p)
        return jnp.sum((p - 2.0) ** 2)

    look(fn, (1.0, 0.3), (0, 1))
    jax.effects_barrier()
    assert len(seen) > 21
    assert np.min(seen) >= 0
    assert np.max(seen) <= 1


def test_distances_are_those_inside_the_bounds():
    """The saddle pushes y against its bound; what x has left to go is little."""
    curvature, way = look(lambda p: p[0] ** 2 - p[1] ** 2, (5e-7, 1), (-1, 1))
    assert curvature.kind == "minimum"
    assert way.further(1.0, small=True) is None
    near = look(lambda p: p[0] ** 2 - p[1] ** 2, (0, 1 - 1e-4), (-1, 1))[1]
    best = int(np.argmax(near.gains))
    assert near.distances[best] == pytest.approx(5e-5, rel=1e-3)
    assert near.gains[best] == pytest.approx(2e-4, rel=1e-3)


def test_what_is_held_is_told_by_the_multipliers():
    point = np.array([0.0, 0.0, 1.0, 1.0, 0.5, 0.0])
    bounds = Bounds(np.zeros(6), np.array([1.0, 1, 1, 1, 1, 0]))
    hold = hold_of(point, np.array([2.0, 1e-9, -3.0, 1e-7, 1e-6, 5.0]), bounds)
    assert hold.free.tolist() == [1, 3, 4]
    assert hold.one_way.tolist() == [1, -1, 0]
    assert hold.walled
    assert hold_of(point, np.ones(6), None).free.tolist() == [0, 1, 2, 3, 4, 5]


def test_extremes_in_a_cone_beside_many_directions():
    rng = np.random.default_rng(0)
    for trial in range(20):
        matrix = rng.normal(size=(3, 3))
        matrix += matrix.T
        one_way = rng.integers(-1, 2, size=3)
        ways = rng.normal(size=(200_000, 3))
        ways = np.where(one_way != 0, one_way * np.abs(ways), ways)
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        ways[np.abs(ways) < 2e-2] = 0.0  # the faces too
        heights = np.einsum("ki,ij,kj->k", ways, matrix, ways) / (ways**2).sum(axis=1)
        least, greatest = extremes(matrix, one_way)
        assert least <= heights.min() + 1e-12
        assert greatest >= heights.max() - 1e-12
        assert (least, greatest) == pytest.approx(
            (heights.min(), heights.max()), abs=1e-2
        ), trial


def test_many_at_rest_count_as_free():
    n = MOST_WEAK + 1
    matrix = np.ones((n, n)) - 0.5 * np.eye(n)
    assert extremes(matrix, np.ones(n, int))[0] == pytest.approx(-0.5)
    assert extremes(matrix[1:, 1:], np.ones(n - 1, int))[0] == pytest.approx(0.5)


def test_the_words_for_a_minimum_on_bounds():
    fn = POINTS["a face"][0]
    found = look(fn, (0, 0), (0, 5))
    held = on_bounds({"x": 0.0, "y": 2.0, "z": 1.0}, Bounds(0.0, 2.0))
    assert held == {"x": 0.0, "y": 2.0}
    verdict = judged(Stop.GRADIENT_SMALL, found, held)
    assert verdict.headline == (
        "Converged to a minimum on the bounds (x at 0, y at 2): value 1, gradient norm "
        "0."
    )
    (finding,) = verdict.findings
    assert (finding.symptom, finding.severity) == ("on_bounds", "info")
    assert finding.evidence == {"coordinates_on_bounds": 2.0, "x": 0.0, "y": 2.0}
    assert "widen them" in finding.advice
    many = {f"w[{i}]": 0.0 for i in range(9)}
    verdict = judged(Stop.GRADIENT_SMALL, found, many)
    assert "(w[0] at 0, w[1] at 0, w[2] at 0 and 6 more)" in verdict.headline
    assert len(verdict.findings[0].evidence) == 4
    assert judged(Stop.GRADIENT_SMALL, (None, None), held).converged


def test_a_saddle_in_a_face_is_no_success():
    fn, point, bounds, *_ = POINTS["a saddle in a face"]
    verdict = judged(Stop.GRADIENT_SMALL, look(fn, point, bounds), {"z": 0.0})
    assert (verdict.kind, verdict.converged) == ("saddle", False)
    symptoms = [finding.symptom for finding in verdict.findings]
    assert symptoms == ["saddle", "on_bounds"]


@pytest.mark.parametrize("stop", [Stop.VALUE_FLAT, Stop.STEP_SMALL, Stop.PRECISION])
def test_a_vertex_is_a_minimum_whatever_ended_the_run(stop):
    fn, point, bounds, *_ = POINTS["an end that bends down"]
    verdict = judged(stop, look(fn, point, bounds), {"x": 0.0}, gtol=None)
    assert (verdict.kind, verdict.converged) == ("minimum", True)


def test_coordinates_without_room_are_not_said_to_be_on_bounds():
    bounds = box(([0, 3], [1, 3]), np.array([0.5, 3.0]))
    assert on_bounds(np.array([0.5, 3.0]), bounds) == {}
    assert on_bounds(np.array([1.0, 3.0]), bounds) == {"params[0]": 1.0}
    assert on_bounds(np.array([1.0]), None) == {}


def test_beyond_two_hundred_params_the_slope_is_followed_inside():
    point = np.zeros(201)
    curvature, way = look(lambda p: jnp.sum((p + 1) ** 2), point, (0, 1))
    assert curvature.kind == "minimum"  # pressed against every bound
    assert way.rises
    curvature, way = look(lambda p: jnp.sum((p - 1) ** 2), point, (0, 1))
    assert (curvature.kind, curvature.estimated) == ("minimum", True)
    assert way.further(0.0, small=False) is not None
    assert float(np.abs(free_slope(point + 2, point, box((0, 1), point))).max()) == 0
    assert np.all(np.asarray(clip(point - 3, box((0, 1), point))) == 0)
