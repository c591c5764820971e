"""Files are the old one or the new one, and a changed byte is found."""

import errno
import json
import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.core import files
from steepest.core.errors import DataError
from steepest.core.files import (
    digest,
    put_in_place,
    read_json,
    sha256,
    write_atomic,
    write_json,
    written_for,
)

SCHEMA = "test/1"
CONTENT = {
    "schema": SCHEMA,
    "name": "Grün ∑",
    "numbers": [1, 0.30000000000000004, -1e300, None, True],
    "nested": {"a": {"b": []}, "": "line\nbreak"},
}


def held(folder):
    return [item.name for item in folder.iterdir()]


@pytest.mark.parametrize("data", [b"", b"new", bytes(range(256)) * 5000])
def test_the_content_is_what_was_written(tmp_path, data):
    path = tmp_path / "a" / "b" / "file.bin"
    for _ in range(2):
        write_atomic(path, data)
        assert path.read_bytes() == data
    assert held(path.parent) == ["file.bin"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.write_bytes(b"")
    write_atomic(str(ours), b"")
    assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_the_mask_of_the_process_is_left_as_it_was(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "file", b"")
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


CALLS = {
    "make the folder": (Path, "mkdir"),
    "make a file": (tempfile, "mkstemp"),
    "write": (os, "fdopen"),
    "sync the file": (os, "fsync"),
    "permissions": (Path, "chmod"),
    "rename": (Path, "replace"),
    "open the folder": (os, "open"),
}


def failing(monkeypatch, place, *, on_call=1):
    """Make a call to the system fail, the first time or a later one."""
    owner, name = CALLS[place]
    real, calls = getattr(owner, name), []

    def call(*args, **kwargs):
        calls.append(args)
        if len(calls) == on_call:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)
    return calls


@pytest.mark.parametrize("old", [None, b"old content"])
@pytest.mark.parametrize("place", CALLS)
def test_a_failing_call_leaves_the_old_file_or_the_new(
    tmp_path, monkeypatch, place, old
):
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)
    if place == "open the folder":  # tempfile opens too, before it
        monkeypatch.setattr(tempfile, "mkstemp", made_beforehand(tmp_path))
    with monkeypatch.context() as patch:
        calls = failing(patch, place)
        with pytest.raises(DataError, match=r"file: cannot be written \(No space"):
            write_atomic(path, b"new content")
        assert calls
    found = path.read_bytes() if path.exists() else None
    assert found == (b"new content" if place == "open the folder" else old)
    assert set(held(tmp_path)) <= {"file"}
    write_atomic(path, b"new content")
    assert path.read_bytes() == b"new content"


def made_beforehand(folder):
    real, made = tempfile.mkstemp, []
    made = [real(dir=folder)]

    def mkstemp(**options):
        return made.pop() if made else real(**options)

    return mkstemp


def test_the_folder_is_synced_after_the_rename(tmp_path, monkeypatch):
    done = []
    for place in ("sync the file", "rename"):
        owner, name = CALLS[place]
        real = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *args, r=real, n=name: (done.append(n), r(*args))[1]
        )
    write_atomic(tmp_path / "file", b"x")
    assert done == ["fsync", "replace", "fsync"]


def test_a_keyboard_interrupt_leaves_nothing_half_written(tmp_path, monkeypatch):
    def interrupt(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "file", b"x")
    assert held(tmp_path) == []


@pytest.mark.parametrize("name", ["run.json", "trace.jsonl.part", "a b", ".x"])
def test_what_a_kill_leaves_is_known_by_its_name(tmp_path, monkeypatch, name):
    with monkeypatch.context() as patch:  # a kill runs no finally
        patch.setattr(os, "fsync", killed)
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            write_atomic(tmp_path / name, b"x")
    (leftover,) = held(tmp_path)
    assert written_for(leftover) == name
    assert written_for(name) is None


def killed(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["run.json", ".bashrc", ".run.json.swp", "x.tmp", ""])
def test_other_hidden_files_are_no_leftovers(name):
    assert written_for(name) is None


def test_a_file_is_put_in_place_of_another(tmp_path):
    old, new = tmp_path / "a", tmp_path / "a.part"
    old.write_bytes(b"old")
    new.write_bytes(b"new")
    put_in_place(new, old)
    assert held(tmp_path) == ["a"]
    assert old.read_bytes() == b"new"
    with pytest.raises(DataError, match=r"a: cannot be written \(No such file"):
        put_in_place(new, old)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        write_atomic(tmp_path, b"x")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(DataError, match="cannot be written"):
        write_atomic(tmp_path / "file" / "deeper", b"x")


def test_json_comes_back_unchanged(tmp_path):
    assert write_json(tmp_path / "a.json", CONTENT) == digest(CONTENT)
    assert read_json(tmp_path / "a.json", schema=SCHEMA) == CONTENT


KEYS = st.text(max_size=5).filter(lambda key: key not in ("schema", "sha256"))
ITEMS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(KEYS, ITEMS, max_size=4))
def test_any_json_comes_back_unchanged(content):
    content["schema"] = SCHEMA
    with tempfile.TemporaryDirectory() as folder:
        write_json(f"{folder}/a.json", content)
        assert read_json(f"{folder}/a.json", schema=SCHEMA) == content


def test_a_name_that_is_no_proper_text_is_kept(tmp_path):
    content = {"schema": SCHEMA, "path": b"caf\xe9".decode(errors="surrogateescape")}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json", schema=SCHEMA) == content


def test_what_json_cannot_say_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"schema": SCHEMA, "x": float("nan")})
    assert held(tmp_path) == []


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    path = tmp_path_factory.mktemp("sealed") / "a.json"
    write_json(path, CONTENT)
    return path.read_bytes()


@settings(max_examples=300)
@given(st.data())
def test_a_changed_byte_is_found(sealed, data):
    """Or it changed nothing: a blank for a blank, a digit that no float can tell."""
    at = data.draw(st.integers(0, len(sealed) - 1))
    byte = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.json")
        path.write_bytes(sealed[:at] + bytes([byte]) + sealed[at + 1 :])
        try:
            found = read_json(path, schema=SCHEMA)
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017  most changes are found
        else:
            assert found == CONTENT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"-1e+300", b"-1e+999"),
        (b"null", b" NaN"),
        (b"true", b"1   "),
        (b"nested", b"nesteb"),
        (b"sha256", b"sha255"),
        ("ü".encode(), b"\xff\xff"),
        (b"line", rb"\ud800"),
    ],
)
def test_a_changed_word_is_found(tmp_path, sealed, old, new):
    assert sealed.count(old) == 1
    (tmp_path / "a.json").write_bytes(sealed.replace(old, new))
    with pytest.raises(DataError, match="damaged"):
        read_json(tmp_path / "a.json", schema=SCHEMA)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_found(tmp_path, sealed, share):
    (tmp_path / "a.json").write_bytes(sealed[: int(share * len(sealed))])
    with pytest.raises(DataError, match="damaged, it is not JSON"):
        read_json(tmp_path / "a.json", schema=SCHEMA)


@pytest.mark.parametrize(
    "content", [{"schema": "test/2"}, {"schema": None}, {}, [], "text", 3]
)
def test_another_schema_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="schema .* reads 'test/1'"):
        read_json(tmp_path / "a.json", schema=SCHEMA)


def test_a_deep_nest_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="damaged"):
        read_json(tmp_path / "a.json", schema=SCHEMA)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match=r"a\.json: cannot be read \(No such file"):
        read_json(tmp_path / "a.json", schema=SCHEMA)


def test_sha256_is_that_of_the_standard():
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(b"abc") == digest
    assert files.sha256(b"abd") != digest
