"""A run on disk: run.json and trace.jsonl in a folder of its own.

A run that goes on writes beside what the folder already holds: its rows are appended
to trace.jsonl.part, a line a row, a later line of the same step wins. At its end both
files are written whole under names that end in .part; then one rename, or the
model.json that names the run, makes them the folder's run at one stroke. So a reader
finds the earlier run or the new one at any instant, and a refused or killed run costs
the earlier one nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from steepest.core import plain
from steepest.core.errors import DataError, SteepestError
from steepest.core.files import (
    digest,
    put_in_place,
    read_json,
    sha256,
    write_atomic,
    write_json,
    written_for,
)
from steepest.core.locks import lock, refuse_locked
from steepest.records import layers as layers_of
from steepest.records import row as rows_of
from steepest.records.checkpoint import clear_checkpoints
from steepest.records.layers import Layers
from steepest.records.offender import offender_from_json
from steepest.records.row import Row
from steepest.records.run import SCHEMA, Run
from steepest.records.trace import Trace, Validation

RUN, TRACE, MODEL = "run.json", "trace.jsonl", "model.json"
WATCHED = "watched.json"
"""What is known of a run that another library makes and steepest watches."""
ASKED, LOCK = "asked.json", ".steepest.lock"
"""What an unfinished run was asked, and the file that its process holds."""
PART = ".part"
"""What the name of a file ends in until it takes the place of the earlier one."""
_MARKS = {
    RUN: b'"steepest.run/',
    RUN + PART: b'"steepest.run/',
    TRACE: b'{"step": ',
    TRACE + PART: b'{"step": ',
    MODEL: b'"steepest.model/',
    ASKED: b'"steepest.asked/',
    WATCHED: b'"steepest.watched/',
}
"""What each file begins with: another program's file of this name is left alone."""
_WEIGHTS = re.compile(r"weights-([0-9a-f]{12})\.safetensors")


def new_folder(path: str | Path, *, model: bool = False) -> Path:
    """A folder to save in; one that holds other things is left alone.

    What it holds of steepest stays until something whole replaces it.

    Args:
        path: the folder, there or not; `~` is the home folder.
        model: whether a model is to be saved: it may replace an earlier model or run.
            A run alone does not replace a model.

    Raises:
        DataError: the path is a file, cannot be made, or holds other things.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     new_folder(f"{home}/run").name
    'run'
    """
    folder, _ = _open_folder(path, model=model)
    refuse_locked(folder / LOCK)
    _tidy(folder)
    return folder


@contextlib.contextmanager
def run_folder(
    path: str | Path | None, *, model: bool = False, resumed: bool = False
) -> Iterator[Path | None]:
    """The `new_folder` of a run, taken back if the run never comes about.

    An error of steepest's own takes back all that this run has left; another error,
    or an interrupt, leaves its rows. For as long as the block runs no other process
    may run in the folder.

    Args:
        path: the folder, or None where nothing is saved.
        model: as for `new_folder`.
        resumed: whether the run goes on: then nothing is taken back.

    Raises:
        DataError: as `new_folder`, or another process runs there.
    """
    if path is None:
        yield None
        return
    folder, made = _open_folder(path, model=model)
    try:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock(folder / LOCK))
            except OSError as error:
                raise _unsavable(folder, error) from error
            _tidy(folder)
            if not resumed:
                stack.push(lambda _, error, __: _take_back(folder, error))
            yield folder
    except BaseException:
        with contextlib.suppress(OSError):  # not empty: what is in it stays
            for one in made:
                one.rmdir()
        raise


def is_weights(path: Path) -> bool:
    """Whether a file is weights that steepest wrote: its name tells its checksum.

    Args:
        path: the file.
    """
    found = _WEIGHTS.fullmatch(path.name)
    return found is not None and sha256(path.read_bytes()).startswith(found[1])


def _open_folder(path: str | Path, *, model: bool) -> tuple[Path, list[Path]]:
    """The folder, and those that were made for it, the deepest first."""
    folder = Path(path).expanduser()
    try:
        if folder.is_file():
            raise DataError(f"{folder}: is a file; name a folder to save in.")
        made = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        _check_ours(folder)
        if not model and (folder / MODEL).exists():
            raise DataError(
                f"{folder}: holds a fitted model; name another folder for this run."
            )
    except OSError as error:
        raise _unsavable(folder, error) from error
    return folder, made


def _tidy(folder: Path) -> None:
    """Sweep what a killed save left."""
    try:
        finish_save(folder)
    except OSError as error:
        raise _unsavable(folder, error) from error


def _unsavable(folder: Path, error: OSError) -> DataError:
    return DataError(f"{folder}: cannot save there ({error.strerror}).")


def _check_ours(folder: Path) -> None:
    """Refuse a folder without a file of ours, or with a foreign one of our names."""
    held = sorted(item for item in folder.iterdir() if not _is_leftover(item))
    foreign = [one for one in held if one.name in _MARKS and not _is_marked(one)]
    ours = any(one.name in _MARKS or is_weights(one) for one in held)
    if foreign or (held and not ours):
        raise DataError(
            f"{folder}: holds {(foreign or held)[0].name} and no run of steepest; "
            "name a new folder to save in."
        )


def _is_marked(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(100)
    # a run killed at once has left a file without rows
    return _MARKS[path.name] in head or (not head and path.name == TRACE + PART)


def _is_leftover(path: Path) -> bool:
    """Whether a kill left this file, half written."""
    if path.name == LOCK:
        return True
    name = written_for(path.name) or ""
    return name in _MARKS or _WEIGHTS.fullmatch(name) is not None


def _take_back(folder: Path, error: BaseException | None) -> None:
    """What a run has left that an error ended."""
    part, ours = folder / (TRACE + PART), isinstance(error, SteepestError)
    with contextlib.suppress(OSError):  # the error is what is to be told
        if error and part.exists() and (ours or part.stat().st_size == 0):
            part.unlink()
        if ours:
            forget_unfinished(folder)


def row_lines(rows: Row, path: Any, layers: Layers | None = None) -> Iterator[str]:
    """Each row as a line of JSON, with its params when the path is recorded.

    Args:
        rows: a struct of arrays.
        path: the tree of params with one leading axis, an entry a row; or None.
        layers: of a network.

    >>> one = Row(*([k] for k in range(12)), finite=[True])
    >>> next(row_lines(one, None))[:23]
    '{"step": 0, "epoch": 1,'
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(plain.as_plain(path))]
    told = layers_of.to_rows(layers)
    for k in range(len(rows.value)):
        line: dict[str, Any] = {
            name: plain.number_to_json(column[k])
            for name, column in rows._asdict().items()
        }
        if leaves:
            line["params"] = [plain.array_to_json(leaf[k]) for leaf in leaves]
        if told and int(rows.step[k]) in told:
            line["layers"] = told[int(rows.step[k])]
        yield json.dumps(line) + "\n"


def save_run(run: Run, folder: Path) -> None:
    """Write a run; the folder holds the earlier one or this one at any instant.

    Args:
        run: the run.
        folder: where to, there already.

    Raises:
        DataError: the folder cannot be written.
    """
    stage_run(run, folder)
    put_in_place(folder / (RUN + PART), folder / RUN)  # from here on it is the run
    finish_save(folder)


def stage_run(run: Run, folder: Path) -> str:
    """Write a run beside the earlier one; a model.json that names it makes it valid.

    Args:
        run: the run.
        folder: where to, there already.

    Returns:
        The checksum for model.json to name it by.

    Raises:
        DataError: the folder cannot be written.
    """
    finish_save(folder)
    told = run.trace
    lines = "".join(row_lines(told.rows, told.path, told.layers)).encode()
    write_atomic(folder / (TRACE + PART), lines)
    trace = told.to_json()
    kept = {name: trace[name] for name in ("validation", "path_layout", "offender")}
    seal = {"bytes": len(lines), "sha256": sha256(lines)}
    content = {**run.to_json(trace=False), **kept, "trace_file": seal}
    return write_json(folder / (RUN + PART), content)


def finish_save(folder: Path) -> None:
    """Give what is valid its name, also after a kill, and sweep what never became so.

    Args:
        folder: a folder of ours.

    Raises:
        DataError: the folder cannot be written.
    """
    run, trace = folder / (RUN + PART), folder / (TRACE + PART)
    if run.exists():
        content = _content_of(run)
        if content is not None and _is_named(content, folder):
            put_in_place(run, folder / RUN)
        else:
            run.unlink()
    content = _content_of(folder / RUN) if trace.exists() else None
    if content is not None and _fits(trace, content["trace_file"]):
        put_in_place(trace, folder / TRACE)
    if not (folder / ASKED).exists():
        clear_checkpoints(folder)  # of a run that ended
    for item in filter(_is_leftover, folder.iterdir()):
        if item.name != LOCK:
            item.unlink()


def forget_unfinished(folder: Path) -> None:
    """Remove what an unfinished run would go on from; where it is killed, all goes.

    Args:
        folder: the run folder.

    Raises:
        OSError: the folder cannot be written.
    """
    (folder / ASKED).unlink(missing_ok=True)
    clear_checkpoints(folder)


def load_run(path: str | Path) -> Run:
    """The run that a folder holds.

    Args:
        path: the folder.

    Raises:
        DataError: missing, incomplete, damaged, or of another schema.
    """
    folder = Path(path).expanduser()
    run = find_run(folder)
    if run is not None:
        return run
    part = folder / (TRACE + PART)
    if part.exists():
        raise DataError(
            f"{folder}: its run has not ended, or was killed; "
            f"the rows it wrote are in {part.name}. {_go_on(folder)}"
        )
    raise DataError(f"{folder / RUN}: cannot be read (no run is saved there).")


def _go_on(folder: Path) -> str:
    resumable = (folder / ASKED).is_file()
    return f"Go on with it: steepest resume {folder}" if resumable else "Run it again."


def find_run(folder: Path) -> Run | None:
    """The run of a folder, None where there is none.

    Beside a model it is the run that model.json names, never that of another one.

    Args:
        folder: the folder.

    Raises:
        DataError: incomplete, damaged, or of another schema.
    """
    beside_model = (folder / MODEL).exists()
    for name in (RUN + PART, RUN) if beside_model else (RUN,):
        if not (folder / name).exists():
            continue
        content = read_json(folder / name, schema=SCHEMA)
        if not beside_model or _is_named(content, folder):
            return _read_run(folder, content)
    return None


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
    rows, leaves, _ = _parse(_read(path), path)
    return rows, leaves


def read_trace(path: Path) -> Trace:
    """The rows of a trace file and their layers: all that a file alone can tell.

    Args:
        path: the file.

    Raises:
        DataError: as `read_rows`.
    """
    rows, _, layers = _parse(_read(path), path)
    return Trace(rows, layers=layers)


def _read_run(folder: Path, content: dict[str, Any]) -> Run:
    try:
        seal, layout = content["trace_file"], content["path_layout"]
        path = _trace_file(folder, seal)
        data = _read(path)[: seal["bytes"]]
        rows, paths, layers = _parse(data, path)
        if sha256(data) != seal["sha256"]:
            raise DataError(
                f"{path}: damaged, its checksum does not match; restore it from a copy."
            )
        stacked = None if layout is None else _stack(paths, layout)
        curve = Validation.from_json(content["validation"])
    except KeyError as error:
        raise DataError(f"{folder / RUN}: without {error}, not complete.") from error
    offender = offender_from_json(content.get("offender"))
    trace = Trace(rows, curve, stacked, layers, offender)
    return Run.from_json(content, trace=trace)


def _trace_file(folder: Path, seal: dict[str, Any]) -> Path:
    """trace.jsonl, unless a kill left the trace of this seal under its .part name."""
    path, part = folder / TRACE, folder / (TRACE + PART)
    return part if _fits(part, seal) and not _fits(path, seal) else path


def _fits(path: Path, seal: dict[str, Any]) -> bool:
    """Whether a file is, or begins with, the trace of a seal."""
    size = seal["bytes"]
    return path.exists() and sha256(path.read_bytes()[:size]) == seal["sha256"]


def _content_of(path: Path) -> dict[str, Any] | None:
    """What a whole run.json holds; None for any other."""
    with contextlib.suppress(DataError):
        return read_json(path, schema=SCHEMA)
    return None


def _is_named(content: dict[str, Any], folder: Path) -> bool:
    """Whether the model.json of a folder names the run of this content."""
    try:
        model = json.loads((folder / MODEL).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(model, dict) and model.get("run") == digest(content)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


def _parse(data: bytes, path: Path) -> tuple[Row, list[Any], Layers | None]:
    lines = data.splitlines()
    kept: dict[int, tuple[list[Any], Any, Any]] = {}
    for number, line in enumerate(lines, 1):
        try:
            item = json.loads(line)
            numbers = [_entry(name, item[name]) for name in Row._fields]
            layers = layers_of.row_from_json(item.get("layers"))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if number == len(lines):
                break
            raise DataError(f"{path}: line {number} is damaged ({error}).") from error
        kept[int(item["step"])] = numbers, item.get("params"), layers
    steps = sorted(kept)
    columns = zip(*(kept[step][0] for step in steps), strict=True)
    rows = Row(*map(list, columns)) if steps else rows_of.empty()
    paths = [kept[step][1] for step in steps]
    layers = layers_of.from_rows({step: kept[step][2] for step in steps})
    return rows_of.concatenate([rows]), paths, layers


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
