"""The door for unfinished runs: resume."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from steepest.api.asked import Asked, check_files, given_back
from steepest.core.errors import UsageError
from steepest.core.suggest import did_you_mean
from steepest.records.folder import ASKED, MODEL, PART, RUN, TRACE, find_run


def resume(
    folder: str | Path,
    data: Any = None,
    *,
    target: str | None = None,
    model: Any = None,
    loss: Any = None,
    objective: Any = None,
    progress: bool | Literal["auto"] = "auto",
    **again: Any,
) -> Any:
    """Go on with a run that was killed or interrupted, to the same end, bit for bit.

    What was asked is in the folder, and so are checkpoints: the params, what the
    optimizer remembers, the place in the data, the rows so far. Files are read again,
    and must not have changed. What a folder cannot hold (arrays to fit, functions,
    modules) has to be handed over again. A run that was killed before its first
    checkpoint begins anew.

    Args:
        folder: what save= named.
        data: of `fit`, where it was no path.
        target: of `fit`, where it was not a name.
        model: an Equinox module or (params, apply), where it was one.
        loss: a function, where it was one.
        objective: a Python function, where one was minimized or maximized.
        progress: show a progress bar; "auto" when stderr is a terminal.
        **again: other options that were objects, by name: optimizer, schedule, grad,
            validation, sample_weight.

    Returns:
        What the run would have returned: a Fitted, or the Run of a minimize or
        maximize.

    Raises:
        UsageError: nothing to resume, or something has to be handed over again.
        DataError: another process runs there, a file has changed, or what was handed
            over is not what the run began with.

    >>> resume("absent")
    Traceback (most recent call last):
    steepest.core.errors.UsageError: absent: nothing to resume (no run is saved ...
    """
    folder = Path(folder).expanduser()
    record = unfinished(folder)
    again |= {"target": target, "model": model, "loss": loss}
    again = {name: value for name, value in again.items() if value is not None}
    if record.door == "fit":
        _refuse(folder, "objective", objective, record)
        return _fit(folder, record, data, {**again, "progress": progress})
    _refuse(folder, "data", data, record)
    return _walk(folder, record, objective, {**again, "progress": progress})


def unfinished(folder: Path) -> Asked:
    """What the run in a folder was asked that can be resumed.

    Args:
        folder: the run folder.

    Raises:
        UsageError: there is none: it has ended, or none began.
        DataError: what is there is damaged.
    """
    if (folder / ASKED).is_file():
        return Asked.read(folder)
    told = "no run is saved there"
    if (run := find_run(folder)) is not None:
        told = f"its run has ended: {run.stop.name}, {run.stop.value}"
    elif (folder / MODEL).is_file() or (folder / RUN).is_file():
        told = "what it holds is whole"
    elif (folder / (TRACE + PART)).is_file():
        told = "what its run was asked is not there; run it again"
    raise UsageError(f"{folder}: nothing to resume ({told.rstrip('.')}).")


def _fit(folder: Path, record: Asked, data: Any, again: dict[str, Any]) -> Any:
    from steepest.api.fitting import fit_table

    check_files(record.files)
    options = _options(folder, record, again)
    data = given_back(record.subject, "data", data)
    return fit_table(data, options.pop("target"), options, resumed=record)


def _walk(folder: Path, record: Asked, objective: Any, again: dict[str, Any]) -> Any:
    from steepest.api.descending import carry_out, set_up

    options = _options(folder, record, again)
    objective = given_back(record.subject, "objective", objective)
    sign = 1.0 if record.door == "minimize" else -1.0
    task = set_up(objective, options.pop("start"), sign, **options)
    return carry_out(task, record, resumed=True)


def _options(folder: Path, record: Asked, again: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the door, as they were given when the run began."""
    own = {"progress": again["progress"], "save": folder}
    given = {name: value for name, value in again.items() if name not in own}
    for name in given:
        if name not in record.options:
            advice = did_you_mean(name, list(record.options))
            raise UsageError(f"{name}: no option of {record.door}. {advice}")
    found = {
        name: given_back(item, name, given.get(name))
        for name, item in record.options.items()
    }
    return {**found, **own}


def _refuse(folder: Path, name: str, value: Any, record: Asked) -> None:
    if value is not None:
        raise UsageError(
            f"{name}: the run in {folder} is one of {record.door}, which has none; "
            + ("leave it out." if name == "objective" else "a function is objective=.")
        )
