"""What a run was asked, kept beside it: so that it can be resumed from its folder.

Numbers, texts, formulas, arrays and models of steepest are kept. Python functions and
other objects cannot be: they are named, and have to be handed over again.
"""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import sys
import types
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from steepest.core import plain
from steepest.core.errors import DataError, UsageError
from steepest.core.files import read_json, sha256, write_json
from steepest.problems.formulas import Formula
from steepest.problems.gallery import Surface
from steepest.records.folder import ASKED

SCHEMA = "steepest.asked/1"
MOST_NUMBERS = 100_000
"""Arrays of more than that have to be handed over again."""
PLACES = ("validation", "cache")
"""Options that may be paths, which must hold from any folder."""
NOT_KEPT = ("progress", "save")
"""Options that say nothing of the run itself."""


class Asked(NamedTuple):
    """What a run was asked."""

    door: str
    """fit, minimize or maximize"""
    subject: Any
    """The data, or the objective, as plain data; see `kept`."""
    options: dict[str, Any]
    """Every option, as plain data."""
    files: list[dict[str, Any]]
    """The files that are read, each with its size and its time of change."""
    run: str
    """The name of the run, which its checkpoints bear."""

    def write(self, folder: Path) -> None:
        """Keep it in a run folder.

        Raises:
            DataError: the folder cannot be written.
        """
        write_json(folder / ASKED, {"schema": SCHEMA, **self._asdict()})

    @classmethod
    def read(cls, folder: Path) -> Asked:
        """What `write` wrote.

        Raises:
            DataError: missing, damaged, or of another schema.
        """
        content = read_json(folder / ASKED, schema=SCHEMA)
        return cls(**{name: content[name] for name in cls._fields})


def asked_of(door: str, subject: Any, options: Mapping[str, Any], *paths: Any) -> Asked:
    """A run that begins, as it is kept.

    Args:
        door: fit, minimize or maximize.
        subject: the data, or the objective.
        options: of the door, by name.
        *paths: what may be paths of files that are read.

    Raises:
        DataError: a file that is not there.
    """
    return Asked(
        door,
        _subject(door, subject),
        {
            name: kept(_absolute(value) if name in PLACES else value)
            for name, value in options.items()
            if name not in NOT_KEPT
        },
        [_stamp(path) for one in paths for path in _files(one)],
        secrets.token_hex(8),
    )


def _subject(door: str, subject: Any) -> Any:
    """Data stays where it is: its paths are kept, or what has to be handed over."""
    if door == "fit" and not _are_paths(subject):
        return {"object": label_of(subject)}
    return kept(_absolute(subject) if door == "fit" else subject)


def kept(value: Any) -> Any:
    """A value as plain data, or a note that it has to be handed over again.

    >>> kept(("a", 1.5)), kept({"x": float("inf")})
    ({'tuple': ['a', 1.5]}, {'dict': [['x', {'float': 'inf'}]]})
    """
    try:
        return _plain(value)
    except TypeError:
        return {"object": label_of(value), **_code_of(value)}


def given_back(item: Any, name: str, again: Any = None) -> Any:
    """The value behind what `kept` wrote.

    Args:
        item: what it wrote.
        name: of the value, for the error.
        again: what was handed over again; None for nothing.

    Raises:
        UsageError: it has to be handed over, and was not, or it is another one.
        DataError: it cannot be rebuilt.

    >>> given_back(kept(("a", {"x": [1.0]})), "start")
    ('a', {'x': [1.0]})
    """
    if again is not None:
        if isinstance(item, dict) and "object" in item:
            _refuse_other(item, name, again)
        return again
    if not isinstance(item, dict):
        return item
    ((kind, told), *_) = item.items()
    if kind == "object":
        raise UsageError(
            f"{name}: the run was given {told}, which a folder cannot hold; hand it "
            f"over again, as steepest.resume(folder, {name}=...)."
        )
    return _MAKERS[kind](told)


def label_of(value: Any) -> str:
    """What an object is, in a few words, without where it lies.

    >>> label_of(np.zeros((2, 3))), label_of(len)
    ('an array of shape (2, 3)', 'the function len')
    """
    if type(value) is tuple and len(value) == 2:
        return f"a pair of {label_of(value[0])} and {label_of(value[1])}"
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"an array of shape {tuple(shape)}"
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}"
    return f"an object of type {type(value).__name__}"


def check_files(files: list[dict[str, Any]]) -> None:
    """Refuse files that have changed since the run began.

    Args:
        files: of an Asked.

    Raises:
        DataError: such a file.
    """
    for told in files:
        now = _stamp(Path(told["path"]))
        for name, what in (("size", "bytes"), ("mtime_ns", "time of change")):
            if now[name] != told[name]:
                then, today = (_shown(name, one[name]) for one in (told, now))
                raise DataError(
                    f"{told['path']}: changed since the run began (its {what}: {then} "
                    f"then, {today} now). Bring the file back as it was, or begin a "
                    "new run."
                )


def _shown(name: str, value: int) -> str:
    """A size, or a time to the microsecond, as people read it."""
    if name == "size":
        return f"{value:,}"
    return datetime.fromtimestamp(value / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    if isinstance(value, dict):
        return {"dict": [[_plain(k), _plain(v)] for k, v in value.items()]}
    if type(value) in _SEVERAL:
        return {_SEVERAL[type(value)]: [_plain(part) for part in value]}
    return _plain_object(value)


_SEVERAL: dict[Any, str] = {
    tuple: "tuple",
    list: "list",
    set: "list",
    frozenset: "list",
}


def _plain_object(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Formula | Surface):
        return value.text if isinstance(value, Formula) else value.name
    recipe = _recipe(value)
    if recipe is not None:
        return recipe
    array = np.asarray(value) if isinstance(value, np.ndarray | jax.Array) else None
    if array is None or array.size > MOST_NUMBERS or array.dtype.kind not in "biuf":
        raise TypeError(type(value).__name__)
    return {"array": list(plain.tree_to_json(array))}


def _recipe(value: Any) -> Any:
    """A model or a loss of steepest's own as plain data, None for anything else."""
    room = type(value).__module__
    if not room.startswith("steepest.problems."):
        return None  # and what it takes to know better is not imported
    from steepest.problems.losses import LOSSES, Loss
    from steepest.problems.models import MODELS

    if isinstance(value, Loss):
        known = LOSSES.get(value.name)
        return str(value) if known and known.fn is value.fn else None
    return {"model": value.to_json()} if type(value) in MODELS.values() else None


def _model(told: Any) -> Any:
    from steepest.problems.models import model_from_json

    return model_from_json(told)


def _of_parts(kind: Any) -> Any:
    return lambda parts: kind(given_back(part, "") for part in parts)


_MAKERS: dict[str, Any] = {
    "float": float,
    "tuple": _of_parts(tuple),
    "list": _of_parts(list),
    "dict": lambda pairs: {given_back(k, ""): given_back(v, "") for k, v in pairs},
    "model": _model,
    "array": lambda told: np.asarray(plain.tree_from_json(*told)),
}


def _code_of(value: Any) -> dict[str, Any]:
    """What tells a function from another one: its code, in this Python's words."""
    code = getattr(value, "__code__", None)
    if not isinstance(code, types.CodeType):
        return {}
    return {"python": _PYTHON, "code": sha256(_code_bytes(code))}


_PYTHON = ".".join(map(str, sys.version_info[:2]))


def _code_bytes(code: types.CodeType) -> bytes:
    found = hashlib.sha256(code.co_code)
    for part in (*code.co_names, *code.co_consts):
        told = _code_bytes(part) if isinstance(part, types.CodeType) else repr(part)
        found.update(told if isinstance(told, bytes) else told.encode())
    return found.digest()


def _refuse_other(item: dict[str, Any], name: str, again: Any) -> None:
    """Refuse a function of other code than the one that the run began with."""
    now = _code_of(again)
    same_python = item.get("python") == now.get("python")
    if "code" in item and same_python and now.get("code") != item["code"]:
        raise DataError(
            f"{name}: {label_of(again)} is not the one that the run began with "
            f"({item['object']}): its code differs. Hand over that one, or begin a new "
            "run."
        )


def _absolute(data: Any) -> Any:
    """Paths as they can be found from anywhere."""
    if not _are_paths(data):
        return data
    if isinstance(data, list | tuple):
        return [_absolute(one) for one in data]
    return str(Path(data).expanduser().absolute())


def _are_paths(data: Any) -> bool:
    """Whether data is a path, or several."""
    several = isinstance(data, list | tuple) and len(data) > 0
    each = data if several else [data]
    return all(isinstance(one, str | os.PathLike) for one in each)


def _files(data: Any) -> list[Path]:
    """The files that paths stand for; none where the data is no path."""
    from steepest.data.files import expand

    if not _are_paths(data):
        return []
    places = data if isinstance(data, list | tuple) else [data]
    return [path for one in places for path in expand(one)]


def _stamp(path: Path) -> dict[str, Any]:
    try:
        told = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    return {
        "path": str(path.absolute()),
        "size": told.st_size,
        "mtime_ns": told.st_mtime_ns,
    }
