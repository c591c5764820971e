"""restarts: from many starts to the distinct minima."""

from __future__ import annotations

import json

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.api.restarting import restarts
from steepest.descent import many

HIMMELBLAU = {(3.0, 2.0), (-2.81, 3.13), (-3.78, -3.28), (3.58, -1.85)}


def waves(x):
    return jnp.sum(x**2) / 20 - jnp.sum(jnp.cos(3 * x))


@pytest.fixture(scope="module")
def found():
    return restarts("himmelblau", n=40)


def test_all_minima_with_counts(found):
    places = {tuple(np.round(m.params, 2)) for m in found.minima}
    assert places == HIMMELBLAU
    assert sum(m.times for m in found.minima) == found.converged == found.n == 40
    assert found.failed == 0
    assert found.stops == {"GRADIENT_SMALL": 40}
    values = [m.value for m in found.minima]
    assert values == sorted(values)
    assert found.ends.value.tolist() == sorted(found.ends.value)


def test_best_is_the_run_alone(found):
    assert found.best.verdict.kind == "minimum"
    assert found.best.steps == found.ends.steps[0]
    assert np.allclose(found.best.params, found.params, atol=1e-9)
    start = found.starts[found.minima[0].start]
    alone = sp.minimize("himmelblau", start, escape=False)
    assert np.allclose(alone.params, found.params, atol=1e-9)
    assert found.best is found.best  # made once


def test_json_and_text(found):
    data = json.loads(json.dumps(found.to_json()))
    assert data["schema"] == "steepest.restarts/1"
    assert data["runs"]["made"] == 40
    assert [m["count"] for m in data["minima"]] == [m.times for m in found.minima]
    assert data["settings"]["optimizer"] == "bfgs"
    assert [m["kind"] for m in data["minima"]] == ["minimum"] * 4
    assert data["kind"] == "minimum"
    assert data["others"] == []
    assert "Best of 40 runs" in repr(found)
    assert "40 converged to 4 distinct minima" in repr(found)


def test_seed_decides(found):
    again, other = restarts("himmelblau", n=40), restarts("himmelblau", n=40, seed=1)
    assert np.array_equal(again.ends.value, found.ends.value)
    assert not np.array_equal(other.starts, found.starts)


def test_formula_by_name_and_params_come_back_in_their_shape():
    got = restarts("(x^2 - 1)^2 + y^2", bounds={"x": (-2, 2), "y": (-1, 1)}, n=12)
    assert sorted(round(m.params["x"]) for m in got.minima) == [-1, 1]
    assert isinstance(got.params["y"], float)
    low, high = got.starts["x"].min(), got.starts["x"].max()
    assert -2 <= low < -1 < 1 < high <= 2


def test_start_is_the_first():
    got = restarts(waves, np.array([1.0, 1.0]), n=30)
    assert got.starts[0].tolist() == [1.0, 1.0]
    assert got.value == pytest.approx(-2.0)
    boxed = restarts(waves, np.array([1.0, 2.0]), bounds=(-5, 5), n=4)
    assert boxed.starts[0].tolist() == [1.0, 2.0]


def test_sampler():
    got = restarts(waves, sampler=lambda rng, n: rng.normal(size=(n, 2)), n=5)
    assert got.starts.shape == (5, 2)


def test_climb():
    got = restarts("4 - (x^2 - 1)^2", bounds=(-2, 2), n=10, direction="maximize")
    assert got.value == pytest.approx(4.0)
    assert [m.value for m in got.minima] == pytest.approx([4.0, 4.0])
    assert got.best.verdict.kind == "maximum"


def test_stops_when_found_often_enough(monkeypatch):
    calls = []
    descend = many.descend_many

    def counted(*args, **options):
        calls.append(len(args[1]))
        return descend(*args, **options)

    monkeypatch.setattr("steepest.api.restarting.descend_many", counted)
    got = restarts("himmelblau", n=200, enough=3)
    assert calls == [64]
    assert got.n == 64
    assert got.asked == 200
    assert "found again 3 times" in got.why
    calls.clear()
    assert restarts("himmelblau", n=130, enough=1000).n == 130
    assert calls == [64, 64, 2]


def test_bounds_only_say_where_runs_begin_unless_kept():
    slope = "(x + 3)^2"
    free = restarts(slope, bounds=(0, 1), n=8)
    assert free.params["x"] == pytest.approx(-3)
    assert free.outside == 8
    assert "keep_bounds=True" in repr(free)
    kept = restarts(slope, bounds=(0, 1), n=8, keep_bounds=True)
    assert kept.params["x"] == 0.0
    assert kept.outside == 0
    assert kept.best.params["x"] == 0.0


def test_runs_that_fail_or_do_not_end_are_counted_apart():
    got = restarts("log(x)", bounds=(-1, 1), n=20, max_steps=5)
    assert got.failed >= 10
    assert got.n == 20
    slow = restarts("himmelblau", n=5, max_steps=1)
    assert slow.converged == 0
    assert slow.minima == ()
    assert "(from a run that did not converge)" in repr(slow)
    assert "0 converged, 5 did not converge" in repr(slow)
    assert ("next", "raise max_steps (now 1)") in slow.notes()


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (
            dict(optimizer="gd", learning_rate=1e-6, max_steps=3),
            "raise max_steps (now 3), or use optimizer='auto', which needs no rate",
        ),
        (
            dict(optimizer="gd", learning_rate=9.0),
            "lower learning_rate, or use optimizer='auto', which needs no rate",
        ),
        (
            dict(optimizer="gd", learning_rate=1e-9, max_seconds=1e-3, max_steps=None),
            "raise max_seconds (now 0.001), or use optimizer='auto', which needs no ",
        ),
        (dict(max_steps=1000), ""),
    ],
    ids=["slow", "wild", "late", "fine"],
)
def test_where_nothing_converged_there_is_a_next_step(options, advice):
    got = restarts("x^2", bounds=(1, 2), n=3, **options)
    told = dict(got.notes()).get("next", "")
    assert told.startswith(advice)
    assert bool(told) == bool(advice)


def test_what_a_sampler_raises_is_told():
    def sampler(rng, n):
        raise ZeroDivisionError("no luck")

    message = r"sampler: raised ZeroDivisionError: no luck; .* \(NumPy generator, n=3\)"
    with pytest.raises(sp.DataError, match=message):
        restarts(waves, sampler=sampler, n=3)


def test_numpy_functions_too():
    def cosine(x):
        return float(np.sum(x**2) / 20 - np.sum(np.cos(3 * x)))

    got = restarts(cosine, bounds=([-2.0, -2.0], [2.0, 2.0]), n=16)
    assert got.value == pytest.approx(-2.0)

    def breaks(x):
        if x[0] > 1.5:
            raise ZeroDivisionError("too far")
        return float(x[0] ** 2)

    with pytest.raises(sp.DataError, match="too far"):
        restarts(breaks, bounds=([-2.0], [2.0]), n=16)


def test_progress_is_shown_only_when_asked(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    restarts("himmelblau", n=40)
    assert capsys.readouterr() == ("", "")
    restarts("himmelblau", n=40, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "40/40 runs" in err


BAD = [
    (dict(n=0), "n=0: must be a whole number >= 1"),
    (dict(n=1.5), "n=1.5"),
    (dict(n=True), "n=True"),
    (dict(enough=0), "enough=0"),
    (dict(direction="down"), "direction='down'"),
    (dict(seed=-1), "seed=-1"),
    (dict(progress="yes"), "progress='yes'"),
    (dict(optimizer="adm"), "Did you mean adam"),
    (dict(learning_rate=-1.0, optimizer="gd"), "learning_rate=-1.0"),
    (dict(gtol=-1.0), "gtol=-1.0"),
    (dict(save="here"), "save: many runs have no such option"),
    (dict(bounds=(0, None)), "has no end on one side"),
    (dict(start=None, bounds=([0, 0], [1, None])), "an end is missing"),
    (dict(bounds=(1, 0)), "low must be <= high"),
    (dict(bounds=None, keep_bounds=True), "no bounds to keep"),
    (dict(bounds=None, spread=-1.0), "spread=-1.0"),
    (dict(bounds=None, sampler=3), "sampler=3"),
    (dict(sampler=lambda rng, n: np.zeros((n, 3))), "the params need"),
    (dict(keep_bounds=True, optimizer="bfgs"), "cannot keep them"),
    (dict(start=None, bounds=None), "nothing tells where to begin"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=range(len(BAD)))
def test_options_that_cannot_be_meant(options, message, monkeypatch):
    def never(*args, **options):
        raise AssertionError("compiled")

    monkeypatch.setattr("steepest.api.restarting.descend_many", never)
    asked = {"start": np.zeros(2), "bounds": (-1, 1), "n": 4, **options}
    with pytest.raises(sp.UsageError, match=message):
        restarts(waves, asked.pop("start"), **asked)


def test_nowhere_finite():
    with pytest.raises(sp.DataError, match="not finite at any of the 4 starts; draw"):
        restarts("log(x)", bounds=(-2, -1), n=4)
    with pytest.raises(sp.DataError, match="not finite at the 1 start;"):
        restarts("log(x)", bounds=(-2, -1), n=1)


def ends(found):
    return [(point.kind, point.times) for point in found.points]


def test_saddles_are_no_minima():
    axis = lambda rng, n: np.c_[rng.uniform(-1, 1, n), np.zeros(n)]  # noqa: E731
    got = restarts(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, sampler=axis, n=5)
    assert ends(got) == [("saddle", 5)]
    assert got.minima == ()
    assert (got.converged, got.elsewhere) == (0, 5)
    assert "no minimum but a saddle, found 5 times" in got.headline
    assert "0 converged, 5 ended at 1 saddle" in repr(got)
    assert got.to_json()["others"][0]["kind"] == got.best.verdict.kind == "saddle"


def test_slopes_without_end_are_no_minima():
    got = restarts("exp(-x)", {"x": 1.0}, n=6)
    assert ends(got) == [("not_stationary", 6)]
    assert got.converged == 0
    assert "6 ended at 1 point on a slope that goes on" in repr(got)


def test_plateaus_are_no_minima():
    got = restarts(lambda x: 3 + 0 * jnp.sum(x), np.zeros(2), n=5)
    assert ends(got) == [("plateau", 5)]
    assert got.converged == 0
    assert "no minimum but a plateau, found 5 times" in got.headline


def test_other_ends_stand_apart():
    got = restarts("-exp(-x^2)", bounds=(-40, 40), n=40)
    assert [m.value for m in got.minima] == pytest.approx([-1.0])
    assert not {point.kind for point in got.others} & {"minimum", None}
    assert got.elsewhere > 20
    assert got.converged + got.elsewhere == 40
    assert got.top is got.points[0]
    data = got.to_json()
    assert data["runs"]["converged"] == got.minima[0].times
    assert sum(p["count"] for p in data["others"]) == data["runs"]["elsewhere"]


def test_a_flat_minimum_is_one():
    got = restarts("(x - y)^2/1000 + (x + y - 1)^4", bounds=(-5, 5), n=30)
    assert ends(got) == [("minimum", 30)]


def test_near_minima_of_one_value_are_two():
    got = restarts("1e8*(x^2 - 0.000025)^2", bounds=(-1, 1), n=20)
    assert sorted(m.params["x"] for m in got.minima) == pytest.approx([-5e-3, 5e-3])


def test_far_minima_of_one_value_are_many():
    got = restarts("cos(x)", bounds=(-1000, 1000), n=30)
    places = [round((p.params["x"] / np.pi - 1) / 2, 6) for p in got.points]
    assert all(place == round(place) for place in places)
    assert len(set(places)) == len(places)


def test_kinds_are_those_of_single_runs():
    got = restarts("(x^2 - 1)^2 + (y^2 - 1)^2 + x*y/10", bounds=(-2, 2), n=12)
    for point in got.points:
        start = {name: rows[point.start] for name, rows in got.starts.items()}
        run = sp.minimize(
            "(x^2 - 1)^2 + (y^2 - 1)^2 + x*y/10", start, escape=False, max_steps=1000
        )
        assert run.verdict.kind == point.kind


def test_bounds_that_hold_a_point_make_it_a_minimum():
    got = restarts("x + y^2", bounds=(-1, 1), n=6, keep_bounds=True)
    assert ends(got) == [("minimum", 6)]
    assert got.params == pytest.approx({"x": -1.0, "y": 0.0}, abs=1e-6)


def test_the_target_is_no_minimum():
    got = restarts("x^2", bounds=(-4, 4), n=5, target=0.5)
    assert got.points == ()
    assert got.converged == 5
    assert "(the target was reached)" in got.headline
    assert "5 reached the target" in got.tally


def test_why_runs_failed():
    got = restarts("x - log(x)", bounds=(-1, 3), n=20)
    assert got.failures == {"not finite at the start": got.failed}
    assert got.failed == 5
    assert "5 failed (5 not finite at the start)" in repr(got)
    down = restarts("x^3 + x", bounds=(-1, 1), n=4)
    assert down.failures == {"diverged": 4}
    assert down.headline.startswith("All 4 runs failed (4 diverged)")
    assert down.to_json()["runs"]["failures"] == {"diverged": 4}


def test_one_is_told_as_one():
    got = restarts("x^2", bounds=(-1, 1), n=1)
    assert "Best of 1 run: " in got.headline
    assert "found 1 time)" in got.headline
    assert "1 converged to 1 distinct minimum" in got.tally


def test_differences_are_told_once():
    got = restarts(lambda x: float(np.sum(x**2)), bounds=([-1.0], [1.0]), n=3)
    assert repr(got).count("central differences") == 1
    assert ends(got) == [("minimum", 3)]


def test_best_value_counts_though_its_run_did_not_rest():
    got = restarts("x^3 - 3*x", bounds=(-2.5, 2.5), n=12)
    assert got.top is None
    assert "(from a run that diverged)" in got.headline
    assert [m.value for m in got.minima] == pytest.approx([-2.0])
