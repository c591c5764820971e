"""A run on disk: run.json and trace.jsonl in a folder of its own.

trace.jsonl is append-only: a line a row, a later line of the same step wins; run.json
is written last and whole, so a folder with it is complete.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from steepest.core import plain
from steepest.core.errors import DataError
from steepest.core.files import read_json, write_json
from steepest.records import row as rows_of
from steepest.records.row import Row
from steepest.records.run import SCHEMA, Run
from steepest.records.trace import Trace, Validation

RUN, TRACE = "run.json", "trace.jsonl"


def new_folder(path: str | Path) -> Path:
    """A folder for a new run; one that holds other things is left alone.

    An earlier run in it is replaced.

    Raises:
        DataError: the path is a file, cannot be made, or holds other things.
    """
    folder = Path(path).expanduser()
    if folder.is_file():
        raise DataError(f"{folder}: is a file; name a folder to save in.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = {item.name for item in folder.iterdir()}
        if held and not held & {RUN, TRACE}:
            raise DataError(
                f"{folder}: holds {min(held)} and no run of steepest; "
                "name a new folder to save in."
            )
        for name in (RUN, TRACE):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot save there ({error.strerror}).") from error
    return folder


def row_lines(rows: Row, path: Any) -> Iterator[str]:
    """Each row as a line of JSON, with its params when the path is recorded."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(path)]
    for k in range(len(rows.value)):
        line: dict[str, Any] = {
            name: plain.number_to_json(column[k])
            for name, column in rows._asdict().items()
        }
        if leaves:
            line["params"] = [plain.array_to_json(leaf[k]) for leaf in leaves]
        yield json.dumps(line) + "\n"


def save_run(run: Run, folder: Path) -> None:
    """Close the trace file with the last row and write run.json."""
    last = slice(len(run.trace) - 1, None)
    rows = Row(*(column[last] for column in run.trace.rows))
    path = jax.tree.map(lambda leaf: leaf[last], run.trace.path)
    with (folder / TRACE).open("a", encoding="utf-8") as file:
        file.writelines(row_lines(rows, path))
    trace = run.trace.to_json()
    kept = {name: trace[name] for name in ("validation", "path_layout")}
    write_json(folder / RUN, {**run.to_json(trace=False), **kept})


def load_run(path: str | Path) -> Run:
    """The run that a folder holds.

    Raises:
        DataError: missing, incomplete, damaged, or of another schema.
    """
    folder = Path(path).expanduser()
    content = read_json(folder / RUN, schema=SCHEMA)
    rows, paths = read_rows(folder / TRACE)
    curve = Validation.from_json(content["validation"])
    layout = content["path_layout"]
    stacked = None if layout is None else _stack(paths, layout)
    return Run.from_json(content, trace=Trace(rows, curve, stacked))


def read_rows(path: Path) -> tuple[Row, list[Any]]:
    """The rows of a trace file and the leaves of their params.

    A half line at the end (a run that was killed) is left out.

    Raises:
        DataError: the file is missing or a line in its midst is damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error
    kept: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(lines, 1):
        try:
            item = json.loads(line)
            kept[int(item["step"])] = item
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                break
            raise DataError(f"{path}: line {number} is damaged ({error}).") from error
    items = [kept[step] for step in sorted(kept)]
    columns = {
        name: plain.array_from_json(
            [item.get(name) for item in items], rows_of.dtype_of(name), (len(items),)
        )
        for name in Row._fields
    }
    return Row(**columns), [item.get("params") for item in items]


def _stack(paths: list[Any], layout: Any) -> Any:
    """Leaves row by row, put back into the tree that the layout describes."""
    names = iter(range(len(paths[0])))

    def leaf(node: Any) -> Any:
        if isinstance(node, dict) and set(node) == {"()"}:
            return [leaf(part) for part in node["()"]]
        if isinstance(node, dict):
            return {key: leaf(node[key]) for key in sorted(node)}
        if isinstance(node, list):
            return [leaf(part) for part in node]
        k = next(names)
        return [path[k] for path in paths]

    return plain.tree_from_json(leaf(layout), layout)
