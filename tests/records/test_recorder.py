"""The recorder: rows from what is seen of each step, by hand."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from steepest.core.errors import DataError
from steepest.records import recorder
from steepest.records.folder import PART, TRACE, WATCHED, read_trace
from steepest.records.recorder import Recorder, Sight, watched


def walked(seen, n, rate=0.1):
    """Plain descent on x**2 + 4 y**2 as a program elsewhere would tell it."""
    x, before, points = np.array([3.0, 1.0]), None, []
    for k in range(n):
        grad = np.array([2, 8]) * x
        step, value = -rate * grad, float(x @ (np.array([1, 4]) * x))
        square = np.stack([grad**2, step**2, x**2])
        points.append((value, grad, step, x.copy()))
        turn = (
            {} if before is None else {"turn": before @ grad, "before": before @ before}
        )
        numbers = (grad @ grad, x @ x, step @ step)
        if seen.due(k):
            seen.add(Sight(k, value, *numbers, rate, **turn, layers=square))
        x, before = x + step, grad
    return points


def test_rows_by_hand():
    seen = Recorder(("x", "y"))
    points = walked(seen, 5)
    rows, layers = seen.trace.rows, seen.trace.layers
    assert rows.step.tolist() == [0, 1, 2, 3, 4]
    for k, (value, grad, step, x) in enumerate(points):
        assert rows.value[k] == value
        assert rows.grad_norm[k] == pytest.approx(np.linalg.norm(grad))
        assert rows.update_norm[k] == pytest.approx(np.linalg.norm(step))
        assert rows.param_norm[k] == pytest.approx(np.linalg.norm(x))
        np.testing.assert_allclose(layers.grad_norm[k], np.abs(grad))
        np.testing.assert_allclose(layers.update_norm[k], np.abs(step))
        np.testing.assert_allclose(layers.param_norm[k], np.abs(x))
    grads = [grad for _, grad, _, _ in points]
    cosines = [
        a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        for a, b in itertools.pairwise(grads)
    ]
    np.testing.assert_allclose(rows.cosine, [np.nan, *cosines])
    assert np.isnan(rows.step_quality).all()
    assert rows.finite.all()
    assert (np.diff(rows.seconds) >= 0).all()


def test_numbers_that_are_none_are_told():
    seen = Recorder()
    seen.add(Sight(0, np.inf, np.inf, 1.0, np.nan, np.nan))
    rows = seen.trace.rows
    assert rows.value[0] == rows.grad_norm[0] == np.inf
    assert rows.finite.tolist() == [False]
    assert seen.trace.layers is None


def test_few_rows_stay_of_many():
    seen = Recorder(("x", "y"), every=2, most=8)
    walked(seen, 100, rate=0.01)
    steps = seen.trace.step
    assert len(steps) <= 9
    assert len(set(np.diff(steps).tolist())) == 1
    assert steps[0] == 0
    assert seen.trace.layers.step.tolist() == steps.tolist()


def test_what_is_recorded_is_kept_beside(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "WAIT", 0.0)
    folder = tmp_path / "run"
    seen = Recorder(("x", "y"), save=folder, settings={"learning_rate": 0.1})
    walked(seen, 5)
    lines = (folder / (TRACE + PART)).read_text().splitlines()  # before it ends
    assert [json.loads(line)["step"] for line in lines] == [0, 1, 2, 3, 4]
    seen.add_validation(0.5, step=4)
    seen.add_validation(float("nan"), step=5)
    seen.close()
    seen.close()
    assert sorted(path.name for path in folder.iterdir()) == [TRACE, WATCHED]
    found = read_trace(folder / TRACE)
    for name in found.rows._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(seen.trace, name))
    np.testing.assert_array_equal(found.layers.grad_norm, seen.trace.layers.grad_norm)
    settings, curve = watched(folder)
    assert settings == {"learning_rate": 0.1}
    np.testing.assert_array_equal(curve.loss, [0.5, np.nan])
    assert curve.epoch.tolist() == [1, 2]


def test_a_folder_is_recorded_in_again_but_no_other_run_is_touched(tmp_path):
    for _ in range(2):
        seen = Recorder(save=tmp_path / "run")
        walked(seen, 2)
        seen.close()
    assert len(read_trace(tmp_path / "run" / TRACE)) == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="holds letter.txt and no run of steepest"):
        Recorder(save=tmp_path / "mine")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "run.json").write_text('{"schema": "steepest.run/1"}')
    with pytest.raises(DataError, match="holds a run of steepest; name another"):
        Recorder(save=tmp_path / "old")
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["run.json"]
