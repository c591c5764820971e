"""diagnose: of runs, folders whole and half, files and rows of any program."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import steepest as sp
from steepest.core.errors import DataError, UsageError
from steepest.records.folder import ASKED, PART, RUN, TRACE

GD = {"optimizer": "gd", "progress": False}
FUNCTIONS = {
    "a minimum": lambda: sp.minimize("x**2", {"x": 3.0}),
    "a saddle": lambda: sp.minimize(
        "x**2 - y**2 + y**4", {"x": 1.0, "y": 0.0}, escape=False
    ),
    "steps too small": lambda: sp.minimize(
        "x**2 + 30*y**2", {"x": 3.0, "y": 1.0}, learning_rate=1e-3, max_steps=99, **GD
    ),
    "diverged": lambda: sp.minimize("x**2", {"x": 3.0}, learning_rate=10.0, **GD),
    "at an edge": lambda: sp.minimize("x*log(x) - 3*x", {"x": 1.0}, **GD),
    "a maximum": lambda: sp.maximize("3 - x**2", {"x": 1.0}),
    "on bounds": lambda: sp.minimize("x**2", {"x": 3.0}, bounds={"x": (1.0, None)}),
}


@pytest.mark.parametrize("make", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_run_is_judged_anew_to_the_same_end(make, tmp_path):
    run = make()
    found = sp.diagnose(run)
    assert found.verdict == run.verdict
    assert found.missing == ()
    assert found.read["rows"] == len(run.trace)
    again = sp.diagnose(sp.Run.from_json(json.loads(json.dumps(run.to_json()))))
    assert again.verdict == run.verdict


def test_a_fit_is_judged_anew_too():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    y = x @ [1.0, -2.0] + 0.1 * rng.normal(size=80)
    fitted = sp.fit((x, y), progress=False)
    for what in (fitted, fitted.run):
        assert sp.diagnose(what).verdict == fitted.run.verdict
    assert sp.diagnose(fitted).read["what"] == "the run of a Fitted"


def test_today_s_rules_judge_not_the_words_of_old():
    run = FUNCTIONS["steps too small"]()
    old = replace(run, verdict=replace(run.verdict, findings=()))
    found = sp.diagnose(old).verdict
    assert [one.symptom for one in found.findings] == ["step_too_small"]
    stale = sp.Finding("step_too_large", "warning", "of an older rule")
    old = replace(run, verdict=replace(run.verdict, findings=(stale,)))
    assert sp.diagnose(old).verdict.findings == found.findings


def test_an_older_run_keeps_what_cannot_be_asked_again():
    run = FUNCTIONS["a saddle"]()
    found = sp.diagnose(replace(run, measured=None))
    assert found.verdict.kind == "saddle"
    assert [one.symptom for one in found.verdict.findings] == ["saddle"]
    assert "older run" in found.missing[0]


def test_a_search_is_judged_by_its_best():
    many = sp.restarts("himmelblau", n=3, progress=False)
    assert sp.diagnose(many).verdict.kind == "minimum"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a run of 99 steps."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    sp.minimize(
        "x**2 + 30*y**2",
        {"x": 3.0, "y": 1.0},
        learning_rate=1e-3,
        max_steps=99,
        save=folder,
        **GD,
    )
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy to break."""
    return shutil.copytree(saved, tmp_path / "run")


def symptoms(found):
    return [one.symptom for one in found.verdict.findings]


def notes(found):
    advice = (one.advice for one in found.verdict.findings if one.symptom == "note")
    return " ".join(advice)


def killed(folder, text):
    """The folder of a run that a kill ended: its rows, and what it was asked."""
    asked = json.loads((folder / RUN).read_text())["asked"]
    (folder / RUN).unlink()
    (folder / TRACE).unlink()
    (folder / (TRACE + PART)).write_text(text)
    from steepest.api.asked import Asked

    Asked(**asked).write(folder)


def test_a_folder_and_its_files(folder):
    whole = sp.load(folder).verdict
    for path in (folder, folder / RUN, folder / TRACE, str(folder)):
        found = sp.diagnose(path)
        assert found.verdict == whole
        assert found.read["what"] == "a run folder"
    assert sp.diagnose(folder).run.steps == 99


def test_a_trace_by_itself(folder, tmp_path):
    alone = shutil.copy(folder / TRACE, tmp_path / "alone.jsonl")
    found = sp.diagnose(alone)
    assert found.read["what"] == "rows of steepest"
    assert found.verdict.kind == "not_stationary"
    assert symptoms(found)[0] == "step_too_small"
    rate = found.verdict.findings[0].remedy["learning_rate"]
    assert 0.5 / 60 <= rate <= 2 / 60  # 1 / the largest curvature
    assert sp.diagnose(found.trace).verdict.findings[0] == found.verdict.findings[0]


def test_a_run_that_was_killed(folder):
    text = (folder / TRACE).read_text()
    killed(folder, text[:-40])  # its last line is torn
    before = sorted(folder.iterdir())
    found = sp.diagnose(folder)
    assert found.read["what"] == "an unfinished run"
    assert found.read["rows"] == 99
    assert "the end of the run (it goes on, or was killed)" in found.missing
    assert "the last line is torn and was left out." in notes(found)
    assert "step_too_small" in symptoms(found)
    assert sorted(folder.iterdir()) == before  # nothing is mended on the way


def test_a_line_in_the_midst_that_is_damaged(folder):
    lines = (folder / TRACE).read_text().splitlines(keepends=True)
    lines[5] = lines[5][:30] + "\n"
    (folder / TRACE).write_text("".join(lines))
    found = sp.diagnose(folder)
    assert "line 6 is damaged" in notes(found)
    assert "1 line cannot be read and were left out, first line 6." in notes(found)
    assert found.read["rows"] == 99
    assert "step_too_small" in symptoms(found)


def test_a_run_json_that_is_damaged(folder):
    (folder / RUN).write_text((folder / RUN).read_text()[:-30])
    found = sp.diagnose(folder)
    assert "damaged, it is not JSON" in notes(found)
    assert found.read["rows"] == 100
    assert found.run is None


def test_a_run_that_goes_on_has_not_converged(tmp_path):
    options = {"learning_rate": 0.02, "max_steps": 900, "gtol": None}
    sp.minimize("x**2 + 30*y**2", {"x": 3.0, "y": 1.0}, **options, **GD, save=tmp_path)
    killed(tmp_path, (tmp_path / TRACE).read_text())
    found = sp.diagnose(tmp_path)
    assert found.verdict.headline.startswith("Settled")
    assert not found.converged
    with pytest.raises(UsageError, match="has not ended; go on with it first"):
        sp.diagnose(tmp_path, remedy=True)


def test_without_run_json_a_run_that_blew_up_is_no_mild_one(tmp_path):
    start, options = {"x": 1.0, "y": 1.0}, {"learning_rate": 0.0101, "max_steps": 300}
    run = sp.minimize("x**2 + 100*y**2", start, **options, **GD, save=tmp_path)
    assert run.stop.failed
    (tmp_path / RUN).unlink()
    found = sp.diagnose(tmp_path)
    assert found.failed
    assert "a whole run.json, which tells why the run ended" in found.missing


def test_only_a_checkpoint(tmp_path):
    folder = tmp_path / "run"
    sp.minimize(
        "rosenbrock", save=folder, learning_rate=1e-4, max_steps=300, gtol=None, **GD
    )
    found = sp.diagnose(folder)
    text = (folder / TRACE).read_text()
    from steepest.descent.snapshot import numbered
    from steepest.records.checkpoint import Checkpoint, save_checkpoint

    killed(folder, text)
    arrays = numbered("rows", found.trace.rows)
    judged = np.array([[1.0, 10.0, 0.5], [2.0, 20.0, 0.25]])
    info = {"step": 300, "run": "a"}
    save_checkpoint(folder, Checkpoint({**arrays, "judged": judged}, info))
    (folder / (TRACE + PART)).unlink()
    found = sp.diagnose(folder)
    assert found.read["rows"] == 301
    assert "the rows are those of its newest checkpoint." in notes(found)
    assert found.trace.validation.loss.tolist() == [0.5, 0.25]


def test_an_earlier_run_beside_one_that_goes_on(folder):
    whole = sp.load(folder).verdict
    (folder / ASKED).write_text("{}")
    (folder / (TRACE + PART)).write_text("")
    found = sp.diagnose(folder)
    assert found.verdict.headline == whole.headline
    assert "another run that began there has not ended" in notes(found)


def folder_of(*files):
    def make(path):
        path.mkdir()
        for name, text in files:
            (path / name).write_text(text)

    return make


BAD = {
    "nothing": (lambda path: None, "cannot be read"),
    "an empty folder": (folder_of(), "holds no run of steepest"),
    "other things": (folder_of(("a.txt", "a")), r"no run of steepest \(1 other file\)"),
    "a folder of a file": (
        folder_of(("m.csv", "a")),
        "To judge a file give it: .*m.csv",
    ),
    "no row yet": (folder_of((TRACE + PART, "")), "its run has left no row yet"),
    "a run alone": (folder_of((RUN, "{")), "damaged, it is not JSON"),
    "an empty file": (lambda path: path.write_text(""), "is empty. Need CSV"),
    "bytes": (lambda path: path.write_bytes(b"\x89PNG\r\n\x00"), "is a binary file"),
}


@pytest.mark.parametrize(("make", "told"), BAD.values(), ids=BAD)
def test_what_is_no_run_is_refused(make, told, tmp_path):
    make(tmp_path / "what")
    with pytest.raises(DataError, match=told):
        sp.diagnose(tmp_path / "what")


def test_what_a_command_printed(folder, tmp_path):
    run = sp.load(folder)
    path = tmp_path / "run.json.txt"
    path.write_text(json.dumps(run.to_json(trace=False)))
    with pytest.raises(DataError, match="a run without its rows. Save the run"):
        sp.diagnose(path)
    path.write_text(json.dumps(run.to_json()))
    assert sp.diagnose(path).verdict == run.verdict


def test_rows_of_any_program():
    pandas = pytest.importorskip("pandas")
    losses = (3 * 0.8 ** np.arange(50)).tolist()
    told = [
        {"loss": losses},
        [{"step": k, "Loss": loss} for k, loss in enumerate(losses)],
        pandas.DataFrame({"train_loss": losses, "text": "a"}),
        losses,
    ]
    for rows in told:
        found = sp.diagnose(rows)
        assert found.verdict.headline.startswith("Settled: the loss fell from 3 to")
        assert found.trace.value.tolist() == losses
    with pytest.raises(DataError, match="^the rows: no column of losses among a"):
        sp.diagnose({"a": [1.0]})
    with pytest.raises(DataError, match="^the rows: holds no rows"):
        sp.diagnose([])
    for other in (3.0, None, object(), lambda x: x):
        with pytest.raises(UsageError, match="^diagnose: got a .*; need a Run, a Fit"):
            sp.diagnose(other)


def test_a_diagnosis_as_text_and_as_data():
    found = sp.diagnose({"loss": [2.0, 4.0, 16.0, 256.0, 65536.0, None]})
    assert found.failed
    assert not found.converged
    assert found.tried == ()
    text = repr(found)
    assert text.splitlines()[0] == found.verdict.headline
    assert "  missing  gradient norms, learning rates, validation losses" in text
    assert "  error    diverging: " in text
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["schema"] == "steepest.diagnosis/1"
    assert data["verdict"]["kind"] == "diverged"
    assert data["read"]["columns"] == {"value": "loss"}
    assert data["missing"] == list(found.missing)
    assert data["tried"] == []
