"""Checkpoint files: every tree comes back, and no damage goes unseen."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.core.errors import DataError
from steepest.descent.snapshot import numbered, restored
from steepest.records.checkpoint import (
    FOLDER,
    KEPT,
    Checkpoint,
    OtherVersionError,
    checkpoint_files,
    clear_checkpoints,
    from_bytes,
    newest_checkpoint,
    save_checkpoint,
    to_bytes,
)


class Pair(NamedTuple):
    left: object
    right: object


TREES = {
    "a number": np.float64(np.nextafter(1, 2)),
    "nothing": (),
    "none": {"x": None, "y": np.ones(1)},
    "arrays": {"x": np.arange(6.0).reshape(2, 3), "y": [np.zeros((0, 2)), np.ones(())]},
    "kinds": Pair(np.array([True, False]), (np.int32(-3), np.array([1, 2], np.uint32))),
    "singles": np.array([np.nan, np.inf, -0.0, 1e-45], np.float32),
    "jax": {"a": jnp.arange(3, dtype=jnp.int32), "b": Pair(jnp.ones(2), jnp.zeros(()))},
    "halves": jnp.array([1.5, -2.0], jnp.bfloat16),
    "a key": jax.random.key(3),
    "not contiguous": np.arange(12.0).reshape(3, 4)[:, ::2].T,
}


def small(step=1, run="a", **arrays):
    info = {"step": step, "run": run, "seconds": 0.5}
    return Checkpoint({"x": np.array([1.0, -2.0]), **arrays}, info)


@pytest.mark.parametrize("name", TREES)
def test_every_tree_comes_back(name):
    tree = TREES[name]
    info = {"step": 3, "run": "é\u2028", "loss": float("inf"), "none": None}
    found = from_bytes(to_bytes(Checkpoint(numbered("it", tree), info)))
    back = restored(found.arrays, "it", tree)
    assert found.info == info
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    for one, other in zip(jax.tree.leaves(back), jax.tree.leaves(tree), strict=True):
        assert type(one) is type(other)
        assert one.dtype == other.dtype
        if name == "a key":
            one, other = map(jax.random.key_data, (one, other))
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.parametrize(
    "like", [{"x": np.zeros(3)}, {"x": np.zeros(2, np.float32)}, {"x": 1.0, "y": 2.0}]
)
def test_another_tree_is_refused(like):
    with pytest.raises(DataError, match=r"the checkpoint holds .* for it [xy], the"):
        restored(numbered("it", {"x": np.zeros(2)}), "it", like)


def test_any_flipped_byte_is_found():
    data = to_bytes(small())
    for place in range(len(data)):
        for bit in (0, 7):
            bad = bytearray(data)
            bad[place] ^= 1 << bit
            with pytest.raises(DataError):
                from_bytes(bytes(bad))


def test_any_missing_end_is_found():
    data = to_bytes(small())
    for length in range(len(data)):
        with pytest.raises(DataError):
            from_bytes(data[:length])
    with pytest.raises(DataError, match="checksum"):
        from_bytes(data + b"\0")


def test_another_version_is_told():
    later = to_bytes(small()).replace(b"checkpoint/1 ", b"checkpoint/2 ", 1)
    with pytest.raises(OtherVersionError, match="version '2' of the format; this"):
        from_bytes(later)
    with pytest.raises(DataError, match="no checkpoint of steepest"):
        from_bytes(b"PK\3\4 something else")


def test_two_are_kept_and_the_newest_is_found(tmp_path):
    for step in (5, 90, 1000, 20):
        save_checkpoint(tmp_path, small(step))
    names = [path.name for path in checkpoint_files(tmp_path)]
    assert names == ["0000001000.checkpoint", "0000000090.checkpoint"]
    assert len(names) == KEPT
    found, wrong = newest_checkpoint(tmp_path, "a")
    assert found is not None
    assert (found.info["step"], wrong) == (1000, [])
    assert newest_checkpoint(tmp_path, "another run") == (None, [])


def test_a_damaged_one_gives_way_to_the_one_before(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path, small(step))
    newest = checkpoint_files(tmp_path)[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    found, wrong = newest_checkpoint(tmp_path, "a")
    assert found is not None
    assert found.info["step"] == 1
    assert wrong == [f"{newest}: damaged, its checksum does not match."]
    assert not newest.exists()


def test_where_all_are_damaged_none_is_found(tmp_path):
    save_checkpoint(tmp_path, small())
    checkpoint_files(tmp_path)[0].write_bytes(b"")
    found, wrong = newest_checkpoint(tmp_path, "a")
    assert found is None
    assert "damaged in its first bytes" in wrong[0]


def test_those_of_another_version_are_not_thrown_away(tmp_path):
    save_checkpoint(tmp_path, small())
    path = checkpoint_files(tmp_path)[0]
    path.write_bytes(path.read_bytes().replace(b"checkpoint/1", b"checkpoint/9", 1))
    with pytest.raises(DataError, match=r"'9' of the format.* Resume it with that one"):
        newest_checkpoint(tmp_path, "a")
    assert path.exists()


def test_what_a_kill_left_half_written_is_swept(tmp_path):
    save_checkpoint(tmp_path, small())
    (tmp_path / FOLDER / ".0000000007.checkpoint.0a_bcdef.tmp").write_bytes(b"half")
    (tmp_path / FOLDER / "notes.txt").write_text("mine")
    save_checkpoint(tmp_path, small(2))
    names = {path.name for path in (tmp_path / FOLDER).iterdir()}
    assert names == {"0000000001.checkpoint", "0000000002.checkpoint", "notes.txt"}
    clear_checkpoints(tmp_path)
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == ["notes.txt"]
    (tmp_path / FOLDER / "notes.txt").unlink()
    clear_checkpoints(tmp_path)
    clear_checkpoints(tmp_path)
    assert list(tmp_path.iterdir()) == []
