"""What there is of a run to judge it by: a Run, a folder, a file, rows of any program.

Nothing here writes: a folder that a killed process left stays as it is.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from steepest.core.errors import DataError, UsageError
from steepest.core.files import read_json
from steepest.core.words import plural
from steepest.records.checkpoint import checkpoint_files, from_bytes
from steepest.records.elsewhere import Elsewhere, trace_of
from steepest.records.folder import (
    ASKED,
    MODEL,
    PART,
    RUN,
    TRACE,
    WATCHED,
    find_run,
    read_trace,
)
from steepest.records.layers import from_rows, row_from_json
from steepest.records.recorder import watched
from steepest.records.row import Row, concatenate
from steepest.records.run import SCHEMA, Run
from steepest.records.trace import Trace, Validation
from steepest.records.written import Written, read_written, rows_of

FIELDS = {
    "grad_norm": "gradient norms",
    "learning_rate": "learning rates",
}
"""What rows may lack, in words."""
UNFINISHED = "an unfinished run"
OURS = {"step", "value", "evals", "finite"}
"""Names that only rows of steepest's own have all of."""


class Evidence(NamedTuple):
    """What is known of a run."""

    trace: Trace
    what: str
    """What was read, in words, such as "a run folder"."""
    path: str = ""
    run: Run | None = None
    """The run, where it is known whole."""
    settings: Mapping[str, Any] = {}
    """What was asked, as far as it is known."""
    columns: Mapping[str, str] = {}
    """Of rows from elsewhere: field -> the column it was read from."""
    unused: tuple[str, ...] = ()
    """Of rows from elsewhere: columns that were not used."""
    rows: int = 0
    """Rows that were read, also those without a loss."""
    missing: tuple[str, ...] = ()
    """What was not there, in words."""
    notes: tuple[str, ...] = ()
    """What was found damaged, and mended."""


def evidence_of(what: Any) -> Evidence:
    """What there is to judge.

    Args:
        what: a Run; anything with a run (a Fitted, an estimator, the winner of many);
            a Trace; a path; or rows: a list of dicts, a dict of columns, a frame.

    Raises:
        UsageError: something else.
        DataError: a path at which no run and no rows are, or rows without losses.

    >>> evidence_of([{"step": 0, "loss": 2.0}, {"step": 1, "loss": 1.0}]).rows
    2
    """
    if isinstance(what, str | Path):
        return _at_path(Path(what).expanduser())
    if isinstance(what, Trace):
        return _of_trace(what, "a Trace")
    if isinstance(getattr(what, "trace", None), Trace) and not isinstance(what, Run):
        kind, told = f"a {type(what).__name__}", getattr(what, "settings", {})
        return _of_trace(what.trace, kind, settings=told)
    run = _run_in(what)
    if run is not None:
        kind = type(what).__name__
        told = "a Run" if isinstance(what, Run) else f"the run of a {kind}"
        return _of_run(run, told)
    frame: Any = what
    if hasattr(frame, "columns") and hasattr(frame, "__getitem__"):
        what = {str(name): list(frame[name]) for name in frame.columns}
    if isinstance(what, list | dict):
        return _foreign(rows_of(what, "the rows"), "rows", "the rows")
    raise UsageError(
        f"diagnose: got a {type(what).__name__}; need a Run, a Fitted, a Trace, rows, "
        "or the path of a run folder or of a file of rows."
    )


def _run_in(what: Any) -> Run | None:
    """The run that an object is or holds."""
    if isinstance(what, Run):
        return what
    held = (getattr(what, name, None) for name in ("run", "run_", "best"))
    return next((one for one in held if isinstance(one, Run)), None)


def _of_run(run: Run, what: str, path: str = "") -> Evidence:
    rows = len(run.trace)
    return Evidence(run.trace, what, path, run, run.settings, rows=rows)


def _of_trace(trace: Trace, what: str, path: str = "", **more: Any) -> Evidence:
    """Rows of steepest's own, or of another program; what they lack is named."""
    missing = [
        words
        for name, words in FIELDS.items()
        if len(trace) and not (getattr(trace, name) == getattr(trace, name)).any()
    ]
    if not len(trace.validation.loss):
        missing.append("validation losses")
    more["missing"] = (*more.get("missing", ()), *missing)
    return Evidence(trace, what, path, **{"rows": len(trace), **more})


def _foreign(written: Written, what: str, path: str) -> Evidence:
    found: Elsewhere = trace_of(written, path)
    return _of_trace(
        found.trace,
        what,
        path,
        columns=found.columns,
        unused=found.unused,
        rows=found.rows,
        notes=found.notes,
    )


def _at_path(path: Path) -> Evidence:
    if path.is_dir():
        return _folder(path)
    if path.name in (RUN, MODEL, ASKED, WATCHED) and _is_ours(path.parent):
        return _folder(path.parent)
    if path.name in (TRACE, TRACE + PART) and _is_ours(path.parent):
        return _folder(path.parent)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    return _file(data, path)


def _is_ours(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (RUN, ASKED, WATCHED))


def _file(data: bytes, path: Path) -> Evidence:
    """A file by itself."""
    if b'"steepest.' in data[:200]:
        run = _run_of_json(data, path)
        return _of_run(run, "a run", str(path))
    written = read_written(data, str(path))
    if set(written.names) >= OURS:
        return _own_rows(path, written)
    return _foreign(written, "a file of rows", str(path))


def _run_of_json(data: bytes, path: Path) -> Run:
    """What `Run.to_json` wrote, with its rows."""
    try:
        content = json.loads(data)
    except ValueError as error:
        raise DataError(f"{path}: damaged, it is not JSON ({error}).") from error
    if content.get("schema") == SCHEMA and "trace" not in content:
        raise DataError(
            f"{path}: a run without its rows. Save the run (save=, --save) and give "
            "the folder."
        )
    return Run.from_json(content)


def _own_rows(path: Path, written: Written | None = None, **more: Any) -> Evidence:
    """A trace of steepest's own, as far as it can be read."""
    with contextlib.suppress(DataError):
        trace = read_trace(path)
        torn = not path.read_bytes().endswith(b"\n")
        notes = ("the last line is torn and was left out.",) if torn else ()
        return _of_trace(trace, "rows of steepest", str(path), notes=notes, **more)
    if written is None:
        written = read_written(path.read_bytes(), str(path))
    found = trace_of(written, str(path))
    layers = from_rows(_layers(path))
    trace = Trace(found.trace.rows, layers=layers)
    return _of_trace(trace, "rows of steepest", str(path), notes=found.notes, **more)


def _layers(path: Path) -> dict[int, Any]:
    """The layers of each row of a damaged file."""
    told: dict[int, Any] = {}
    for line in path.read_bytes().splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            item = json.loads(line)
            told[int(item["step"])] = row_from_json(item.get("layers"))
    return told


def _folder(folder: Path) -> Evidence:
    """A run folder: its run, or what a process that was killed has left."""
    wrong = ""
    try:
        run = find_run(folder)
    except DataError as error:
        run, wrong = None, str(error)
    part, trace = folder / (TRACE + PART), folder / TRACE
    if run is not None:
        found = _of_run(run, "a run folder", str(folder))
        if (folder / ASKED).is_file():
            note = f"another run that began there has not ended ({part.name})."
            found = found._replace(notes=(note,))
        return found
    rows = next((one for one in (part, trace) if _has_rows(one)), None)
    settings = _settings(folder)
    begun = (folder / ASKED).is_file() or part.is_file()
    end = "the end of the run (it goes on, or was killed)"
    missing = (end if begun else f"a whole {RUN}, which tells why the run ended",)
    notes = (f"{wrong} Judged by its rows.",) if wrong else ()
    if rows is None:
        return _checkpoint(folder, settings, wrong, missing)
    more = {"missing": missing, "settings": settings}
    found = _own_rows(rows, **more)
    judged = _judged(folder)
    if not begun:
        found = found._replace(trace=_as_it_went(found.trace))
    if len(judged.loss):
        keep = found.trace
        trace_ = Trace(keep.rows, judged, layers=keep.layers)
        missing = tuple(m for m in found.missing if m != "validation losses")
        found = found._replace(trace=trace_, missing=missing)
    what = UNFINISHED if begun else "a run folder"
    return found._replace(what=what, path=str(folder), notes=(*notes, *found.notes))


def _as_it_went(trace: Trace) -> Trace:
    """Without the closing row of a run that ended elsewhere than at its best point."""
    value = trace.value
    if len(trace) < 3 or np.isfinite(trace.update_norm[-1]):
        return trace
    if not value[-1] < value[-2] or value[-1] > value[:-1].min():
        return trace
    rows = Row(*(column[:-1] for column in trace.rows))
    return replace(trace, rows=rows)


def _has_rows(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _checkpoint(
    folder: Path, settings: Mapping[str, Any], wrong: str, missing: tuple[str, ...]
) -> Evidence:
    """A folder without rows: its newest checkpoint has them too."""
    arrays = _newest(folder)
    if "rows.0" in arrays:
        rows = Row(*(arrays[f"rows.{i}"] for i in range(len(Row._fields))))
        trace = Trace(concatenate([rows]), _judged(folder))
        if len(trace):
            note = "the rows are those of its newest checkpoint."
            more = {"settings": settings, "missing": missing, "notes": (note,)}
            return _of_trace(trace, UNFINISHED, str(folder), **more)
    if wrong:
        raise DataError(wrong)
    raise DataError(f"{folder}: {_no_run(folder)}")


def _no_run(folder: Path) -> str:
    if (folder / ASKED).is_file() or (folder / (TRACE + PART)).is_file():
        return "its run has left no row yet; nothing can be judged."
    if (folder / MODEL).is_file():
        return "holds a model without its run; nothing can be judged."
    files = [*folder.glob("*.csv"), *folder.glob("*.jsonl")]
    if files:
        return f"holds no run of steepest. To judge a file give it: {files[0]}"
    return (
        f"holds no run of steepest ({plural(len([*folder.iterdir()]), 'other file')})."
    )


def _newest(folder: Path) -> Mapping[str, Any]:
    """The arrays of the newest checkpoint that can be read; none are removed."""
    for path in checkpoint_files(folder):
        with contextlib.suppress(DataError, OSError, ValueError, KeyError):
            return from_bytes(path.read_bytes()).arrays
    return {}


def _judged(folder: Path) -> Validation:
    """The validation curve of an unfinished run, as far as its checkpoint tells."""
    with contextlib.suppress(DataError):
        return watched(folder)[1]
    judged = _newest(folder).get("judged")
    if judged is None or not len(judged):
        return Validation.empty()
    epoch, step, loss = judged.T
    return Validation(epoch.astype(int), step.astype(int), loss)


def _settings(folder: Path) -> dict[str, Any]:
    """What an unfinished run was asked, where that is plain."""
    with contextlib.suppress(DataError):
        return watched(folder)[0]
    try:
        asked = read_json(folder / ASKED, schema="steepest.asked/1")
    except DataError:
        return {}
    plain = (str, int, float, bool, type(None))
    options = {k: v for k, v in asked["options"].items() if isinstance(v, plain)}
    if not isinstance(options.get("learning_rate"), int | float):
        options.pop("learning_rate", None)
    if asked["door"] == "fit":
        return {"target": None, **options}
    options.pop("target", None)  # of a function it is a value to reach
    return {**options, "direction": asked["door"]}
