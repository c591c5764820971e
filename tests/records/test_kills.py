"""A run that is refused or killed, at any instant, costs the earlier one nothing."""

from pathlib import Path

import pytest

from steepest.core.errors import DataError
from steepest.records.folder import (
    MODEL,
    PART,
    RUN,
    TRACE,
    load_run,
    new_folder,
    read_rows,
    row_lines,
    run_folder,
    save_run,
)


@pytest.fixture
def folder(tmp_path, a_run):
    save_run(a_run(), new_folder(tmp_path / "run"))
    return tmp_path / "run"


def snapshot(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def leave_rows(folder, run, last):
    """What a run that is killed leaves."""
    rows = type(run.trace.rows)(*(column[:last] for column in run.trace.rows))
    lines = "".join(row_lines(rows, None))
    (folder / (TRACE + PART)).write_text(lines)


def test_a_killed_run_leaves_its_rows_and_says_so(tmp_path, a_run, same):
    leave_rows(tmp_path, a_run(), 3)
    with pytest.raises(DataError, match=r"the rows it wrote are in trace\.jsonl\.part"):
        load_run(tmp_path)
    rows, _ = read_rows(new_folder(tmp_path) / (TRACE + PART))
    assert rows.step.tolist() == [0, 1, 2]
    save_run(a_run(), tmp_path)
    assert same(load_run(tmp_path), a_run())


def test_a_run_killed_before_its_first_row_gives_way(tmp_path, a_run, same):
    (tmp_path / (TRACE + PART)).write_bytes(b"")
    save_run(a_run(), new_folder(tmp_path))
    assert same(load_run(tmp_path), a_run())


def test_a_killed_run_costs_the_earlier_one_nothing(folder, a_run, same):
    leave_rows(folder, a_run(n=9), 3)
    assert same(load_run(folder), a_run())
    assert same(load_run(new_folder(folder)), a_run())


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


def test_a_kill_at_any_instant_leaves_the_old_run_or_the_new(
    tmp_path, a_run, same, monkeypatch
):
    old, new, third = a_run(), a_run(n=7, value=9.0), a_run(n=2)
    save_run(old, new_folder(tmp_path / "all"))
    with monkeypatch.context() as patch:
        changes = changes_of(patch)
        save_run(new, tmp_path / "all")
    found = []
    for last in range(len(changes)):
        folder = new_folder(tmp_path / str(last))
        save_run(old, folder)
        with monkeypatch.context() as patch:
            changes_of(patch, last=last)
            with pytest.raises(KilledError):
                save_run(new, folder)
        run = load_run(folder)
        found.append("new" if same(run, new) else "old")
        assert same(run, new) or same(run, old)
        assert same(load_run(new_folder(folder)), run)  # swept, and still the same
        save_run(third, folder)
        assert same(load_run(folder), third)
        assert {path.name for path in folder.iterdir()} == {RUN, TRACE}
    assert found == sorted(found, reverse=True)  # old, and from some change on new
    assert set(found) == {"old", "new"}


@pytest.mark.parametrize("name", [RUN, RUN + PART, TRACE + PART, MODEL])
def test_half_written_files_of_a_kill_are_swept(tmp_path, name):
    (tmp_path / f".{name}.0a_bcdef.tmp").write_bytes(b"half")
    assert list(new_folder(tmp_path).iterdir()) == []


def test_half_written_files_of_others_are_not(tmp_path):
    (tmp_path / ".thesis.tex.0a_bcdef.tmp").write_bytes(b"half")
    with pytest.raises(DataError, match=r"thesis\.tex"):
        new_folder(tmp_path)


def test_a_run_does_not_replace_a_model(tmp_path):
    (tmp_path / MODEL).write_text('{"schema": "steepest.model/1"}')
    before = snapshot(tmp_path)
    with pytest.raises(DataError, match="holds a fitted model; name another folder"):
        new_folder(tmp_path)
    assert snapshot(tmp_path) == before
    assert new_folder(tmp_path, model=True) == tmp_path


def begin(path, data, error):
    """A run that ends in an error after it has written some rows."""
    with run_folder(path) as folder:
        assert folder is not None
        (folder / (TRACE + PART)).write_bytes(data)
        raise error


def test_a_run_that_is_refused_leaves_no_trace(tmp_path, folder):
    before = snapshot(folder)
    (tmp_path / "empty").mkdir()
    for path in (folder, tmp_path / "a" / "b", tmp_path / "empty"):
        with pytest.raises(DataError, match="refused"):
            begin(path, b'{"step": 0', DataError("refused"))
    assert snapshot(folder) == before
    assert {path.name for path in tmp_path.iterdir()} == {"run", "empty"}


def test_a_run_that_breaks_leaves_its_rows(tmp_path):
    for name, data in (("rows", b'{"step": 0'), ("none", b"")):
        with pytest.raises(KilledError):
            begin(tmp_path / name, data, KilledError())
    assert snapshot(tmp_path) == {f"rows/{TRACE}{PART}": b'{"step": 0'}
    assert not (tmp_path / "none").exists()
