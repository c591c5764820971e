"""Checkpoints: what an unfinished run goes on from, in a folder of its run folder.

Each is one file, named by its step: a line with the version and the checksum of the
rest, then arrays and plain data as safetensors. It is written beside the earlier ones
and takes its name at one stroke; the two newest stay. So a kill, a power cut or a
damaged byte costs at most the time since the one before.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from steepest.core.errors import DataError
from steepest.core.files import make_folder, sha256, write_atomic, written_for

FOLDER = "checkpoint"
KEPT = 2
"""How many stay: the newest, and the one to fall back on."""
_NAME, _VERSION = b"steepest.checkpoint/", b"1"
_FILE = re.compile(r"(\d{10})\.checkpoint")
_LONGEST_HEAD = 120


class OtherVersionError(DataError):
    """A checkpoint that another steepest wrote."""


class Checkpoint(NamedTuple):
    """What a file holds."""

    arrays: dict[str, np.ndarray[Any, Any]]
    info: dict[str, Any]
    """Plain data, with "step" and "run": the number and the name of its run."""


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """A checkpoint as the content of a file.

    Args:
        checkpoint: arrays of any shape and plain data.

    >>> made = to_bytes(Checkpoint({"x": np.ones(2)}, {"step": 3, "run": "a"}))
    >>> from_bytes(made).info
    {'step': 3, 'run': 'a'}
    """
    from safetensors.numpy import save

    arrays = {
        name: np.array(array, order="C", copy=None)
        for name, array in checkpoint.arrays.items()
    }
    body = save(arrays, {"info": json.dumps(checkpoint.info)})
    return b"%s%s %s\n%s" % (_NAME, _VERSION, sha256(body).encode(), body)


def from_bytes(data: bytes) -> Checkpoint:
    """The checkpoint in the content of a file.

    Args:
        data: what `to_bytes` made.

    Raises:
        DataError: of another version, cut short, or a byte of it has changed.

    >>> from_bytes(b"steepest.checkpoint/1 0000")
    Traceback (most recent call last):
    steepest.core.errors.DataError: damaged, its checksum does not match.
    """
    from safetensors.numpy import load

    head, _, body = data[:_LONGEST_HEAD].partition(b"\n")
    body = data[len(head) + 1 :]
    name, _, checksum = head.partition(b" ")
    if not name.startswith(_NAME):
        raise DataError("no checkpoint of steepest, or damaged in its first bytes.")
    version = name.removeprefix(_NAME)
    if version != _VERSION:
        told = f"version {version.decode(errors='replace')!r}"
        need = f"this steepest reads version {_VERSION.decode()!r}"
        raise OtherVersionError(f"{told} of the format; {need}.")
    if checksum != sha256(body).encode():
        raise DataError("damaged, its checksum does not match.")
    size = int.from_bytes(body[:8], "little")
    told = json.loads(body[8 : 8 + size])["__metadata__"]["info"]
    return Checkpoint(load(body), json.loads(told))


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint of a run; older ones than the one before it go.

    Args:
        folder: the run folder.
        checkpoint: its info tells the "step".

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    place = folder / FOLDER
    make_folder(place)
    name = f"{checkpoint.info['step']:010d}.checkpoint"
    write_atomic(place / name, to_bytes(checkpoint))
    for old in [*checkpoint_files(folder)[KEPT:], *_leftovers(place)]:
        old.unlink(missing_ok=True)


def newest_checkpoint(folder: Path, run: str) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint of a run that can be read, and what is wrong with newer.

    What cannot be read is removed: it would stand in the way of those to come.

    Args:
        folder: the run folder.
        run: the name of the run; checkpoints of an earlier one are passed over.

    Raises:
        DataError: the folder cannot be read or written, or all that it holds is of
            another version.
    """
    wrong: dict[Path, DataError] = {}
    try:
        found = _first_sound(checkpoint_files(folder), run, wrong)
        others = [one for one, e in wrong.items() if isinstance(e, OtherVersionError)]
        if found is None and others:
            raise DataError(f"{others[0]}: {wrong[others[0]]} Resume it with that one.")
        for path in wrong:
            path.unlink()
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}).") from error
    return found, [f"{path}: {error}" for path, error in wrong.items()]


def _first_sound(
    paths: list[Path], run: str, wrong: dict[Path, DataError]
) -> Checkpoint | None:
    """The first checkpoint of a run that can be read; `wrong` takes what cannot be."""
    for path in paths:
        try:
            found = from_bytes(path.read_bytes())
        except DataError as error:
            wrong[path] = error
            continue
        if found.info["run"] == run:
            return found
    return None


def clear_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a run folder, and their folder where it is then empty.

    Args:
        folder: the run folder.

    Raises:
        OSError: the folder cannot be written.
    """
    place = folder / FOLDER
    if not place.is_dir():
        return
    for path in [*checkpoint_files(folder), *_leftovers(place)]:
        path.unlink(missing_ok=True)
    if not any(place.iterdir()):
        place.rmdir()


def checkpoint_files(folder: Path) -> list[Path]:
    """The files of the checkpoints of a run folder, the newest first.

    Args:
        folder: the run folder.
    """
    place = folder / FOLDER
    if not place.is_dir():
        return []
    return sorted(filter(_is_ours, place.iterdir()), reverse=True)


def _is_ours(path: Path) -> bool:
    return _FILE.fullmatch(path.name) is not None


def _leftovers(place: Path) -> list[Path]:
    """What a kill left, half written."""
    return [
        one for one in place.iterdir() if _FILE.fullmatch(written_for(one.name) or "")
    ]
