"""Nothing is lost on disk: refused, killed and foreign, what was there stays."""

import functools
import shutil
from pathlib import Path

import numpy as np
import pytest

import steepest as sp
from steepest.records.folder import load_run, new_folder

X = np.arange(12.0).reshape(6, 2) ** 1.5
fit = functools.partial(sp.fit, validation=None, epochs=2, progress=False)


@pytest.fixture(scope="module")
def old():
    return fit((X, X @ [1.0, 2.0]))


@pytest.fixture(scope="module")
def new():
    return fit((X, X @ [-3.0, 1.0]), epochs=3)


def snapshot(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def run_of(model):
    return None if model.run is None else model.run.to_json()


def is_model(found, model):
    """Its predictions, its metrics and its run, all three."""
    return (
        np.array_equal(found.predict(X), model.predict(X))
        and found.metrics == model.metrics
        and run_of(found) == run_of(model)
    )


@pytest.mark.parametrize("start", [-1.0, float("nan")])
def test_a_refused_minimize_leaves_the_earlier_run(tmp_path, start):
    folder = tmp_path / "run"
    sp.minimize("x**2", 3.0, save=folder)
    before = snapshot(folder)
    with pytest.raises((sp.DataError, sp.UsageError)):
        sp.minimize("log(x)", start, save=folder)
    assert snapshot(folder) == before


def test_a_refused_minimize_makes_no_folder(tmp_path):
    with pytest.raises(sp.DataError, match="not finite at the start"):
        sp.minimize("log(x)", -1.0, save=tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_function_that_breaks_leaves_the_earlier_run(tmp_path):
    sp.minimize("x**2", 3.0, save=tmp_path / "run")
    before = snapshot(tmp_path)
    for folder in ("run", "other"):
        with pytest.raises(sp.DataError, match="cannot be traced"):
            sp.minimize(lambda x: x["no such name"], 1.0, save=tmp_path / folder)
    assert snapshot(tmp_path) == before


def test_a_later_minimize_replaces_the_earlier(tmp_path):
    sp.minimize("x**2", 3.0, save=tmp_path)
    run = sp.minimize("(x - 1)**2", 3.0, save=tmp_path)
    assert load_run(tmp_path).to_json() == run.to_json()
    assert set(snapshot(tmp_path)) == {"run.json", "trace.jsonl"}


def test_a_refused_fit_leaves_the_earlier_model(tmp_path, old):
    old.save(tmp_path)
    before = snapshot(tmp_path)
    for data in ((X, np.full(6, np.nan)), (X[:, :0], X[:, 0])):
        with pytest.raises(sp.DataError):
            fit(data, save=tmp_path)
    assert snapshot(tmp_path) == before


def test_a_fit_that_cannot_go_on_leaves_the_earlier_model(tmp_path, old, monkeypatch):
    def refuse(*_, **__):
        raise sp.DataError("no more")

    old.save(tmp_path)
    before = snapshot(tmp_path)
    monkeypatch.setattr("steepest.descent.jax_engine.JaxEngine.advance", refuse)
    with pytest.raises(sp.DataError, match="no more"):
        fit((X, X[:, 0]), save=tmp_path)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "files",
    [
        {"notes.txt": "mine"},
        {"model.json": '{"layers": 3}'},
        {"run.json": '{"scripts": {}}'},
        {"weights-other.safetensors": "theirs"},
        {
            "model.json": '{"layers": 3}',
            "run.json": '{"scripts": {}}',
            "weights-other.safetensors": "theirs",
            "notes.txt": "mine",
        },
        {"run.json": '{"schema": "steepest.run/1"}', "model.json": '{"layers": 3}'},
    ],
)
def test_a_folder_of_other_things_is_left_alone(tmp_path, old, files):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before = snapshot(tmp_path)
    with pytest.raises(sp.DataError, match="and no run of steepest; name a new folder"):
        old.save(tmp_path)
    with pytest.raises(sp.DataError, match="and no run of steepest; name a new folder"):
        fit((X, X[:, 0]), save=tmp_path)
    assert snapshot(tmp_path) == before


def test_what_a_user_put_beside_the_model_stays(tmp_path, old, new):
    old.save(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "weights-other.safetensors").write_text("mine too")
    new.save(tmp_path)
    assert is_model(sp.load(tmp_path), new)
    assert {"notes.txt", "weights-other.safetensors"} < set(snapshot(tmp_path))
    assert len(list(tmp_path.glob("weights-*"))) == 2


def test_a_run_is_not_saved_over_a_model(tmp_path, old):
    old.save(tmp_path)
    before = snapshot(tmp_path)
    with pytest.raises(sp.DataError, match="holds a fitted model; name another"):
        sp.minimize("x**2", 3.0, save=tmp_path)
    assert snapshot(tmp_path) == before


def test_a_fit_replaces_a_run(tmp_path):
    sp.minimize("x**2", 3.0, save=tmp_path)
    fitted = fit((X, X[:, 0]), save=tmp_path)
    assert is_model(sp.load(tmp_path), fitted)
    assert load_run(tmp_path).to_json() == run_of(fitted)


def without_run(model):
    return type(model)(**{**vars(model), "run": None})


def test_a_model_without_a_run_takes_none_over(tmp_path, old, new):
    old.save(tmp_path)
    without_run(new).save(tmp_path)
    assert is_model(sp.load(tmp_path), without_run(new))
    assert {path.name[:7] for path in tmp_path.iterdir()} == {"model.j", "weights"}


def test_the_run_of_another_model_is_not_taken_for_its_own(tmp_path, old, new):
    old.save(tmp_path / "old")
    new.save(tmp_path / "new")
    for name in ("run.json", "trace.jsonl"):
        shutil.copy(tmp_path / "old" / name, tmp_path / "new" / name)
    assert is_model(sp.load(tmp_path / "new"), without_run(new))
    for name in ("run.json", "trace.jsonl"):
        (tmp_path / "new" / name).unlink()
    assert is_model(sp.load(tmp_path / "new"), without_run(new))


class KilledError(BaseException):
    """The process ended here."""


def changes_of(patch, *, last=None):
    """Count what changes the folder; after `last` changes the process ends."""
    done = []

    def counted(name):
        real = getattr(Path, name)

        def call(path, *args, **kwargs):
            if last is not None and len(done) >= last:
                raise KilledError
            done.append(name)
            return real(path, *args, **kwargs)

        return call

    for name in ("replace", "unlink"):
        patch.setattr(Path, name, counted(name))
    return done


@pytest.mark.parametrize("run", [True, False])
def test_a_kill_at_any_instant_leaves_the_old_model_or_the_new(
    tmp_path, old, new, monkeypatch, run
):
    saved = new if run else without_run(new)
    old.save(tmp_path / "all")
    with monkeypatch.context() as patch:
        changes = changes_of(patch)
        saved.save(tmp_path / "all")
    found = []
    for last in range(len(changes)):
        folder = old.save(tmp_path / str(last))
        with monkeypatch.context() as patch:
            changes_of(patch, last=last)
            with pytest.raises(KilledError):
                saved.save(folder)
        model = sp.load(folder)
        found.append("new" if is_model(model, saved) else "old")
        assert is_model(model, saved) or is_model(model, old)
        new_folder(folder, model=True)  # as a later fit does: sweeps, no more
        assert is_model(sp.load(folder), model)
        old.save(folder)
        assert is_model(sp.load(folder), old)
        assert len(list(folder.iterdir())) == 4
    assert found == sorted(found, reverse=True)  # old, and from some change on new
    assert set(found) == {"old", "new"}


@pytest.mark.parametrize("last", range(8))
def test_a_kill_of_a_first_save_leaves_a_folder_to_save_in(
    tmp_path, old, monkeypatch, last
):
    with monkeypatch.context() as patch:
        changes_of(patch, last=last)
        with pytest.raises(KilledError):
            old.save(tmp_path)
    old.save(tmp_path)
    assert is_model(sp.load(tmp_path), old)
    assert len(list(tmp_path.iterdir())) == 4
