"""A run on disk: whole, sealed, and nothing of anyone else's touched."""

import json
import os
from typing import NamedTuple

import numpy as np
import pytest

from steepest.core.errors import DataError
from steepest.records import Trace
from steepest.records.folder import (
    MODEL,
    PART,
    RUN,
    TRACE,
    load_run,
    new_folder,
    read_rows,
    row_lines,
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


def append_lines(folder, run, first, last, *, name=TRACE):
    """What a watcher writes while the run goes on."""
    rows = type(run.trace.rows)(*(c[first:last] for c in run.trace.rows))
    path = {name: leaf[first:last] for name, leaf in run.trace.path.items()}
    with (folder / name).open("a") as file:
        file.writelines(row_lines(rows, path))


def test_a_folder_holds_the_run(folder, a_run, same):
    assert {path.name for path in folder.iterdir()} == {RUN, TRACE}
    assert same(load_run(folder), a_run())
    assert same(load_run(str(folder)), a_run())


def test_saving_again_replaces(folder, a_run, same):
    shorter = a_run(n=2, value=9.0)
    save_run(shorter, folder)
    assert same(load_run(folder), shorter)


def test_rows_written_on_the_way_do_no_harm(tmp_path, a_run, same):
    run, folder = a_run(n=6), new_folder(tmp_path)
    append_lines(folder, run, 0, 4, name=TRACE + PART)
    append_lines(folder, run, 2, 5, name=TRACE + PART)
    save_run(run, folder)
    assert same(load_run(folder), run)
    assert {path.name for path in folder.iterdir()} == {RUN, TRACE}


def test_a_later_line_of_the_same_step_wins(tmp_path, a_run):
    run, other = a_run(n=6), a_run(n=6)
    other.trace.rows.value[:] = 100.0
    append_lines(tmp_path, run, 0, 4)
    append_lines(tmp_path, other, 3, 6)
    rows, params = read_rows(tmp_path / TRACE)
    assert rows.step.tolist() == [0, 1, 2, 3, 4, 5]
    assert rows.value.tolist() == [0, 1, 2, 100, 100, 100]
    assert params[5] == [[10.0, 11.0], 5.0]  # leaves in the order of jax: w, x


class Point(NamedTuple):
    y: np.ndarray
    x: np.ndarray


def test_a_path_of_another_kind_of_tree_keeps_its_names(tmp_path, a_run):
    path = Point(y=np.array([1.0, 2.0]), x=np.array([[3.0], [4.0]]))
    run = a_run(n=2, params=Point(np.array(2.0), np.array([4.0])))
    save_run(
        type(run)(**{**vars(run), "trace": Trace(run.trace.rows, path=path)}), tmp_path
    )
    back = load_run(tmp_path)
    assert back.params == {"y": 2.0, "x": [4.0]}
    assert back.trace.path["y"].tolist() == [1.0, 2.0]
    assert back.trace.path["x"].tolist() == [[3.0], [4.0]]


def test_names_in_any_order_keep_their_path(tmp_path, a_run, same):
    run = a_run(n=2, params={"y": 1.0, "x": 2.0}, path=False)
    path = {"y": np.array([0.0, 1.0]), "x": np.array([5.0, 2.0])}
    run = type(run)(**{**vars(run), "trace": Trace(run.trace.rows, path=path)})
    save_run(run, tmp_path)
    assert same(load_run(tmp_path), run)


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_half_line_at_the_end_is_left_out(tmp_path, a_run, cut):
    append_lines(tmp_path, a_run(n=5), 0, 5)
    path = tmp_path / TRACE
    path.write_bytes(path.read_bytes()[:-cut])
    rows, _ = read_rows(path)
    assert rows.step.tolist() == ([0, 1, 2, 3, 4] if cut == 1 else [0, 1, 2, 3])


def test_what_comes_after_the_seal_is_another_run(folder, a_run, same):
    append_lines(folder, a_run(n=9), 4, 9)
    with (folder / TRACE).open("a") as file:
        file.write('{"step": 9, "epo')
    assert same(load_run(folder), a_run())
    assert read_rows(folder / TRACE)[0].step.tolist() == list(range(9))


def test_a_file_without_rows(tmp_path):
    (tmp_path / TRACE).write_bytes(b"")
    rows, params = read_rows(tmp_path / TRACE)
    assert (len(rows.value), params) == (0, [])


@pytest.mark.parametrize(
    "line",
    [
        "",
        '{"step": 1, "epo',
        "[1, 2]",
        "7",
        '{"step": 1}',
        "{}",
        '{"step": null}',
        "\xff",
        "[[[",
    ],
)
def test_a_damaged_line_is_told_with_its_number(folder, line):
    path = folder / TRACE
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = line.encode("latin-1") + b"\n"
    path.write_bytes(b"".join(lines))
    for read in (lambda: read_rows(path), lambda: load_run(folder)):
        with pytest.raises(DataError, match=r"trace\.jsonl: line 2 is damaged"):
            read()


@pytest.mark.parametrize(
    ("name", "value"),
    [("value", "high"), ("step", "x"), ("epoch", None), ("samples", []), ("value", {})],
)
def test_a_line_with_a_word_for_a_number_is_damaged(folder, name, value):
    path = folder / TRACE
    lines = path.read_text().splitlines()
    lines[2] = json.dumps({**json.loads(lines[2]), name: value})
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="line 3 is damaged"):
        read_rows(path)


def test_a_changed_number_in_the_trace_is_found(folder):
    path = folder / TRACE
    lines = path.read_text().splitlines(keepends=True)
    changed = {**json.loads(lines[1]), "value": 1.25}
    path.write_text("".join([lines[0], json.dumps(changed) + "\n", *lines[2:]]))
    with pytest.raises(DataError, match=r"trace\.jsonl: damaged, its checksum"):
        load_run(folder)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.99])
def test_a_trace_cut_short_is_found(folder, share):
    path = folder / TRACE
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match="damaged"):
        load_run(folder)


@pytest.mark.parametrize("place", [30, 100, 400, -20])
def test_a_flipped_byte_in_run_json_is_found(folder, place):
    data = bytearray((folder / RUN).read_bytes())
    data[place] ^= 1
    (folder / RUN).write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"run\.json: (damaged|schema)"):
        load_run(folder)


@pytest.mark.parametrize("name", [RUN, TRACE])
def test_a_missing_file_is_told(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name}: cannot be read"):
        load_run(folder)


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_run(tmp_path / "nowhere")


def test_a_new_folder_is_made_with_those_above_it(tmp_path):
    made = new_folder(tmp_path / "a" / "b")
    assert made == tmp_path / "a" / "b"
    assert list(made.iterdir()) == []


def test_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert new_folder("~/run") == tmp_path / "run"


def test_an_earlier_run_and_the_notes_beside_it_stay(folder):
    (folder / "notes.txt").write_text("mine")
    before = snapshot(folder)
    new_folder(folder)
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.tex": "years of work"},
        {"sub/notes.txt": "notes"},
        {RUN: '{"name": "my cart", "scripts": {}}'},
        {TRACE: '{"event": "click"}\n', "other.txt": ""},
        {RUN: '{"schema": "steepest.run/1"}', TRACE: '{"event": "click"}\n'},
        {RUN: '{"schema": "steepest.run/1"}', MODEL: '{"layers": 3}'},
        {RUN: '{"schema": "steepest.run/1"}', RUN + PART: '{"half": 3}'},
        {TRACE: ""},
        {"weights-0123456789ab.safetensors": "another's"},
    ],
)
def test_a_folder_of_other_things_is_left_alone(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    before = snapshot(tmp_path)
    with pytest.raises(DataError, match="and no run of steepest; name a new folder"):
        new_folder(tmp_path)
    assert snapshot(tmp_path) == before


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(DataError, match="is a file; name a folder"):
        new_folder(path)
    with pytest.raises(DataError, match="cannot save there"):
        new_folder(path / "deeper")
    assert path.read_text() == "mine"


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / RUN).mkdir()
    with pytest.raises(DataError, match="cannot save there"):
        new_folder(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="cannot save there"):
        new_folder(tmp_path / "run")


def test_a_failing_disk_leaves_the_earlier_run(folder, a_run, same, monkeypatch):
    def fail(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(DataError, match="No space left"):
            save_run(a_run(n=7), folder)
    assert same(load_run(folder), a_run())
