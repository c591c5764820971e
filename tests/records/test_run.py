"""Runs, traces and verdicts go to JSON, or to a folder, and come back unchanged."""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from steepest.core.errors import DataError
from steepest.records import Finding, Run, Stop, Trace, Validation, Verdict
from steepest.records import row as rows_of
from steepest.records.folder import load_run, new_folder, save_run
from steepest.records.row import Row

FLOATS = st.floats()
NAMES = st.text("abxyz_", min_size=1, max_size=3)
LEAVES = FLOATS | st_np.arrays(
    st.sampled_from(["float64", "float32"]),
    st_np.array_shapes(min_dims=0, max_dims=2, max_side=3),
)
PARAMS = (
    LEAVES
    | st.dictionaries(NAMES, LEAVES, min_size=1, max_size=3)
    | st.lists(LEAVES | st.tuples(LEAVES, LEAVES), min_size=1, max_size=2)
    | st.tuples(st.dictionaries(NAMES, st.lists(LEAVES, max_size=2), max_size=2))
)
SETTINGS = st.dictionaries(
    NAMES,
    st.none() | st.booleans() | st.integers(0, 9) | st.text() | st.just([1, 0.5]),
    max_size=3,
)
FINDINGS = st.builds(
    Finding,
    st.text(),
    st.sampled_from(["info", "warning", "error"]),
    st.text(),
    evidence=st.dictionaries(NAMES, FLOATS, max_size=2),
    steps=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)),
    remedy=SETTINGS,
    reference=st.text(),
)
VERDICTS = st.builds(
    Verdict,
    st.text(),
    st.sampled_from(["minimum", "saddle", "noise_floor", "diverged"]),
    st.booleans(),
    st.lists(FINDINGS, max_size=2).map(tuple),
)


def as_row(numbers):
    """Any floats in the columns of floats, steps that rise, truths in `finite`."""
    made = dict(zip(Row._fields, numbers, strict=True))
    for name in rows_of.WHOLE:
        made[name] = np.arange(len(made["value"])) * 3
    return Row(**{**made, "finite": made["finite"] > 0})


def columns(n):
    return st_np.arrays("float64", (len(Row._fields), n)).map(as_row)


def paths(n):
    leaf = st_np.arrays("float64", st.just((n, 2))) | st_np.arrays("float32", (n,))
    return (
        st.none()
        | leaf
        | st.dictionaries(NAMES, leaf, min_size=1, max_size=3)
        | st.tuples(leaf, st.lists(leaf, max_size=2))
    )


CURVES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), FLOATS), max_size=3)


def curve(entries):
    made = Validation.empty()
    for entry in entries:
        made = made.add(*entry)
    return made


def traces(n):
    return st.builds(Trace, columns(n), CURVES.map(curve), paths(n))


RUNS = st.builds(
    Run,
    params=PARAMS,
    value=FLOATS,
    grad_norm=FLOATS,
    steps=st.integers(0, 2**31),
    best_step=st.integers(0, 2**31),
    stop=st.sampled_from(Stop),
    verdict=VERDICTS,
    trace=st.integers(1, 4).flatmap(traces),
    seconds=st.floats(0, 1e6),
    settings=SETTINGS,
    environment=SETTINGS,
)


steady = settings(max_examples=40)


def through_text(content):
    return json.loads(json.dumps(content, allow_nan=False))


@steady
@given(run=RUNS)
def test_any_run_comes_back_from_json_unchanged(same, run):
    assert same(Run.from_json(through_text(run.to_json())), run)


@steady
@given(run=RUNS)
def test_the_trace_may_be_kept_elsewhere(same, run):
    content = through_text(run.to_json(trace=False))
    assert "trace" not in content
    assert same(Run.from_json(content, trace=run.trace), run)


@steady
@given(run=RUNS)
def test_any_run_comes_back_from_a_folder_unchanged(same, run):
    with tempfile.TemporaryDirectory() as home:
        folder = new_folder(Path(home, "run"))
        save_run(run, folder)
        assert same(load_run(folder), run)


@steady
@given(verdict=VERDICTS)
def test_any_verdict_comes_back_unchanged(same, verdict):
    assert same(Verdict.from_json(through_text(verdict.to_json())), verdict)


@steady
@given(trace=st.integers(0, 4).flatmap(traces))
def test_any_trace_comes_back_unchanged(same, trace):
    back = Trace.from_json(through_text(trace.to_json()))
    assert same(back, trace)
    assert len(back) == len(trace)


def test_the_comparison_sees_a_difference(same, a_run):
    run = a_run()
    assert same(run, a_run())
    for changes in (
        {"value": 0.5},
        {"params": {"x": 1.5, "w": np.array([1.0, 2.0], "f4")}},
        {"params": {"x": np.array(1.5), "w": np.array([1.0, 2.0])}},
        {"stop": Stop.TARGET},
        {"n": 5, "steps": 3, "best_step": 3},
        {"path": False},
    ):
        assert not same(run, a_run(**changes))


def test_json_of_a_run_has_the_shape_that_is_promised(a_run):
    finding = Finding("saddle", "warning", "go on.", {"eigenvalue_min": -2.0})
    verdict = Verdict("A saddle.", "saddle", converged=False, findings=(finding,))
    content = through_text(a_run(verdict=verdict, value=math.inf).to_json(trace=False))
    promised = ["schema", "params", "value", "grad_norm", "steps", "stop", "converged"]
    assert {*promised, "verdict", "seconds", "settings"} <= content.keys()
    assert content["schema"] == "steepest.run/1"
    assert content["params"] == {"x": 1.5, "w": [1.0, 2.0]}
    assert (content["stop"], content["converged"]) == ("GRADIENT_SMALL", False)
    assert content["value"] == "inf"
    told = content["verdict"]["findings"][0]
    assert {"symptom", "severity", "evidence", "advice"} <= told.keys()
    assert told["evidence"] == {"eigenvalue_min": -2.0}


def test_scipy_names_are_aliases(a_run):
    run = a_run()
    assert run.x is run.params
    assert (run.fun, run.nit, run.success) == (run.value, run.steps, run.converged)
    assert run.message == run.verdict.headline


def test_a_run_reads_well(a_run):
    lines = repr(a_run()).splitlines()
    assert lines[0] == "Converged to a minimum."
    assert [line.split()[0] for line in lines[1:]] == [
        "params",
        "value",
        "grad_norm",
        "steps",
        "stop",
    ]
    assert "GRADIENT_SMALL: The gradient norm reached gtol." in lines[-1]
    long = repr(a_run(params=np.zeros(1000)))
    assert max(map(len, long.splitlines())) < 330


def without(content, name):
    return {key: value for key, value in content.items() if key != name}


@pytest.mark.parametrize(
    "name", ["params", "params_layout", "stop", "verdict", "trace"]
)
def test_a_missing_part_is_named(a_run, name):
    content = through_text(a_run().to_json())
    with pytest.raises(DataError, match=f"without '{name}'"):
        Run.from_json(without(content, name))


@pytest.mark.parametrize("schema", [None, "steepest.run/2", 1])
def test_another_schema_is_refused(a_run, schema):
    with pytest.raises(DataError, match=r"need 'steepest\.run/1'"):
        Run.from_json({**a_run().to_json(), "schema": schema})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("params", {"x": 1.5, "w": [1.0]}),
        ("params", 3),
        ("value", "high"),
        ("verdict", {"headline": "", "kind": "minimum", "converged": 1, "findings": 3}),
        ("trace", {"rows": {"value": 3}}),
    ],
)
def test_a_damaged_part_is_told(a_run, name, value):
    with pytest.raises(DataError, match="damaged run"):
        Run.from_json({**a_run().to_json(), name: value})


def test_columns_are_attributes(a_run):
    trace = a_run(n=3).trace
    assert trace.value is trace.rows.value
    assert len(trace) == 3
    with pytest.raises(AttributeError, match="no 'loss'; its columns: .*'grad_norm'"):
        _ = trace.loss


def test_rows_end_to_end(a_run):
    rows = a_run(n=3).trace.rows
    both = rows_of.concatenate([rows, rows_of.empty(), rows])
    assert both.step.tolist() == [0, 1, 2, 0, 1, 2]
    for name, column in both._asdict().items():
        assert column.dtype == rows_of.dtype_of(name)
    assert len(rows_of.concatenate([]).value) == 0


def test_a_validation_curve_grows_without_changing_the_old_one():
    first = Validation.empty().add(1, 10, 0.5)
    second = first.add(2, 20, math.nan)
    assert len(first.loss) == 1
    assert second.epoch.tolist() == [1, 2]
    assert second.step.dtype == np.int64
    assert np.isnan(second.loss[1])
