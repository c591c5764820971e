"""A run on disk: run.json and trace.jsonl in a folder of its own.

While a run goes on, trace.jsonl only grows: a line a row, a later line of the same
step wins. At its end the file is written whole, then run.json, which seals it: so a
folder with run.json is complete, and what is appended later leaves that run readable.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from steepest.core import plain
from steepest.core.errors import DataError
from steepest.core.files import read_json, sha256, write_atomic, write_json
from steepest.records import row as rows_of
from steepest.records.row import Row
from steepest.records.run import SCHEMA, Run
from steepest.records.trace import Trace, Validation

RUN, TRACE = "run.json", "trace.jsonl"
_MARKS = {RUN: b'"steepest.run/', TRACE: b'{"step": '}
"""What each file begins with: another program's file of this name is left alone."""


def new_folder(path: str | Path) -> Path:
    """A folder for a new run; one that holds other things is left alone.

    An earlier run in it is replaced.

    Args:
        path: the folder, there or not; `~` is the home folder.

    Raises:
        DataError: the path is a file, cannot be made, or holds other things.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     new_folder(f"{home}/run").name
    'run'
    """
    folder = Path(path).expanduser()
    if folder.is_file():
        raise DataError(f"{folder}: is a file; name a folder to save in.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = {item.name for item in folder.iterdir()}
        ours = held & set(_MARKS)
        if held and not (ours and all(_is_ours(folder / name) for name in ours)):
            raise DataError(
                f"{folder}: holds {min(held)} and no run of steepest; "
                "name a new folder to save in."
            )
        for name in _MARKS:  # run.json first: without it nothing claims to be whole
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot save there ({error.strerror}).") from error
    return folder


def discard_run(folder: Path | None) -> None:
    """Take back what a run that never came about has left in its folder."""
    if folder is None:
        return
    (folder / TRACE).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def row_lines(rows: Row, path: Any) -> Iterator[str]:
    """Each row as a line of JSON, with its params when the path is recorded.

    Args:
        rows: a struct of arrays.
        path: the tree of params with one leading axis, an entry a row; or None.

    >>> one = Row(*([k] for k in range(12)), finite=[True])
    >>> next(row_lines(one, None))[:23]
    '{"step": 0, "epoch": 1,'
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(plain.as_plain(path))]
    for k in range(len(rows.value)):
        line: dict[str, Any] = {
            name: plain.number_to_json(column[k])
            for name, column in rows._asdict().items()
        }
        if leaves:
            line["params"] = [plain.array_to_json(leaf[k]) for leaf in leaves]
        yield json.dumps(line) + "\n"


def save_run(run: Run, folder: Path) -> None:
    """Write the trace whole, then run.json with a seal on it.

    Args:
        run: the run.
        folder: where to, there already.

    Raises:
        DataError: the folder cannot be written.
    """
    lines = "".join(row_lines(run.trace.rows, run.trace.path)).encode()
    write_atomic(folder / TRACE, lines)
    trace = run.trace.to_json()
    kept = {name: trace[name] for name in ("validation", "path_layout")}
    seal = {"bytes": len(lines), "sha256": sha256(lines)}
    write_json(folder / RUN, {**run.to_json(trace=False), **kept, "trace_file": seal})


def load_run(path: str | Path) -> Run:
    """The run that a folder holds.

    Args:
        path: the folder.

    Raises:
        DataError: missing, incomplete, damaged, or of another schema.
    """
    folder = Path(path).expanduser()
    content = read_json(folder / RUN, schema=SCHEMA)
    try:
        seal, layout = content["trace_file"], content["path_layout"]
        data = _read(folder / TRACE)[: seal["bytes"]]
        rows, paths = _parse(data, folder / TRACE)
        if sha256(data) != seal["sha256"]:
            raise DataError(
                f"{folder / TRACE}: damaged, its checksum does not match; "
                "restore it from a copy."
            )
        stacked = None if layout is None else _stack(paths, layout)
        curve = Validation.from_json(content["validation"])
    except KeyError as error:
        raise DataError(f"{folder / RUN}: without {error}, not complete.") from error
    return Run.from_json(content, trace=Trace(rows, curve, stacked))


def read_rows(path: Path) -> tuple[Row, list[Any]]:
    """The rows of a trace file and the leaves of their params.

    A half line at the end (a run that was killed) is left out.

    Args:
        path: the file.

    Returns:
        (rows in the order of their steps, for each row a list of plain leaves or
        None where the path was not recorded).

    Raises:
        DataError: the file is missing or a line in its midst is damaged.
    """
    return _parse(_read(path), path)


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(100)
    return _MARKS[path.name] in head or not head  # a run killed at once left nothing


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


def _parse(data: bytes, path: Path) -> tuple[Row, list[Any]]:
    lines = data.splitlines()
    kept: dict[int, tuple[list[Any], Any]] = {}
    for number, line in enumerate(lines, 1):
        try:
            item = json.loads(line)
            numbers = [_entry(name, item[name]) for name in Row._fields]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if number == len(lines):
                break
            raise DataError(f"{path}: line {number} is damaged ({error}).") from error
        kept[int(item["step"])] = numbers, item.get("params")
    steps = sorted(kept)
    columns = zip(*(kept[step][0] for step in steps), strict=True)
    rows = Row(*map(list, columns)) if steps else rows_of.empty()
    return rows_of.concatenate([rows]), [kept[step][1] for step in steps]


def _entry(name: str, item: Any) -> Any:
    """One number of a row; what is none raises."""
    if name == "finite":
        return bool(item)
    return int(item) if name in rows_of.WHOLE else plain.number_from_json(item)


def _stack(paths: list[Any], layout: Any) -> Any:
    """Leaves row by row, put back into the tree that the layout describes."""
    place = itertools.count()

    def leaf(node: Any) -> Any:
        if plain.is_tuple(node):
            return [leaf(part) for part in node["()"]]
        if isinstance(node, dict):
            return {key: leaf(node[key]) for key in sorted(node)}
        if isinstance(node, list):
            return [leaf(part) for part in node]
        k = next(place)
        return [path[k] for path in paths]

    return plain.tree_from_json(leaf(layout), layout)
