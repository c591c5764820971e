"""Traces from elsewhere: the rows of any program as a Trace, by the usual names."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np

from steepest.core.errors import DataError
from steepest.core.words import plural
from steepest.records.row import Row, dtype_of
from steepest.records.trace import Trace, Validation
from steepest.records.written import NEED, Written

NAMES: dict[str, tuple[str, ...]] = {
    field: tuple(names.split())
    for field, names in {
        "step": "step steps global_step iteration iterations iter it num_updates "
        "update batch",
        "epoch": "epoch epochs current_epoch",
        "value": "loss train_loss training_loss loss_step train_loss_step "
        "training_loss_step loss_epoch train_loss_epoch training_loss_epoch "
        "batch_loss objective cost fun energy value",
        "grad_norm": "grad_norm gradient_norm gnorm gradnorm norm_grad "
        "global_grad_norm total_grad_norm grad_norm_total grad_2_0_norm_total "
        "grad_2_norm_total",
        "learning_rate": "learning_rate lr step_size rate",
        "validation": "val_loss validation_loss valid_loss eval_loss dev_loss "
        "val_loss_epoch loss_val loss_validation test_loss",
        "update_norm": "update_norm",
        "param_norm": "param_norm params_norm weight_norm",
        "step_quality": "step_quality",
        "cosine": "cosine",
        "samples": "samples num_samples examples samples_seen",
        "evals": "evals nfev",
        "seconds": "seconds time wall_time elapsed runtime timestamp",
    }.items()
}
"""What other programs call our columns; the first that holds numbers is taken."""
_PREFIX = re.compile(r"^(train|training|trainer|optim|optimizer|metrics?)_")
_PREFIXED = ("step", "value", "grad_norm", "learning_rate")
"""Fields whose names may have such a prefix."""
_SPREAD = ("__min", "__max")
"""What ends the names of columns that show the spread of runs in exports of wandb."""
HOLES = ("", "na", "n/a", "none", "null", "-")
MOST_STEP = 2.0**53


class Elsewhere(NamedTuple):
    """What was read of a trace from elsewhere."""

    trace: Trace
    columns: dict[str, str]
    """Field -> the column it was read from."""
    unused: tuple[str, ...]
    """Columns that say nothing to a verdict."""
    rows: int
    """Rows in the file, also those without a loss."""
    notes: tuple[str, ...]
    """What was missing, and what was mended, in words."""


def trace_of(written: Written, label: str) -> Elsewhere:
    """The trace in rows of any program: a row for each that has a loss.

    A validation loss may stand in rows of its own, and a learning rate holds until
    the next. Rows are put in the order of their steps; of two with one step the later
    is taken.

    Args:
        written: the rows, see `read_written`.
        label: what to call them in errors.

    Raises:
        DataError: no column of losses, or no number in it.

    >>> rows = [{"iter": 0, "cost": 2.0, "acc": 0.5}, {"iter": 1, "cost": 1.0}]
    >>> trace_of(Written(rows), "rows").columns
    {'step': 'iter', 'value': 'cost'}
    """
    columns = _Columns(written.rows, comma=written.comma)
    taken = columns.roles(written.names)
    if "value" not in taken:
        raise DataError(_no_loss(written.names, columns, label))
    notes = [*written.notes, *columns.texts(taken)]
    numbers = {role: columns.numbers(name) for role, name in taken.items()}
    has_value = _losses(columns.holes(taken["value"]), numbers)
    at, order = _places(numbers, has_value, notes)
    trace = Trace(_rows(numbers, at, order), _validation(numbers, at))
    unused = tuple(name for name in written.names if name not in taken.values())
    return Elsewhere(trace, taken, unused, len(written.rows), tuple(notes))


class _Columns:
    """Cells as numbers, a column at a time."""

    def __init__(self, rows: list[dict[str, Any]], *, comma: bool) -> None:
        self._rows, self._comma = rows, comma
        self._read: dict[str, np.ndarray[Any, Any]] = {}

    def roles(self, names: list[str]) -> dict[str, str]:
        """Field -> the column it is read from."""
        taken: dict[str, str] = {}
        for role in NAMES:
            named = [(_rank(name, role), name) for name in names]
            for rank, name in sorted(named, key=lambda pair: pair[0]):
                if rank < math.inf and self._serves(name, role):
                    taken[role] = name
                    break
        return taken

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        """(rows,) the numbers of a column; nan where there is none."""
        if name not in self._read:
            cells = [_number(row.get(name), comma=self._comma) for row in self._rows]
            self._read[name] = np.array(cells, float)
        return self._read[name]

    def holes(self, name: str) -> np.ndarray[Any, Any]:
        """(rows,) whether a cell holds neither a number nor nan."""
        cells = [row.get(name) for row in self._rows]
        return np.isnan(self.numbers(name)) & ~np.array([*map(_is_nan, cells)], bool)

    def texts(self, taken: dict[str, str]) -> list[str]:
        """What is to be told of cells that hold text where a number belongs."""
        notes = []
        for name in taken.values():
            holes = self.holes(name).nonzero()[0]
            bad = [k for k in holes if not _is_hole(self._rows[k].get(name))]
            if bad:
                first = str(self._rows[bad[0]][name])[:20]
                notes.append(
                    f"{name}: {plural(len(bad), 'cell')} without a number left open, "
                    f"first {first!r} in row {bad[0] + 1}."
                )
        return notes

    def _serves(self, name: str, role: str) -> bool:
        """Whether a column holds a number; losses that are all nan tell something."""
        if not np.isnan(self.numbers(name)).all():
            return True
        return role == "value" and any(_is_nan(row.get(name)) for row in self._rows)


def _rank(name: str, role: str) -> float:
    """How good a name is for a field, inf where it means something else."""
    known = NAMES[role]
    plain = name.rpartition(" - ")[2].strip().lower()
    if plain.endswith(_SPREAD):
        return math.inf
    plain = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if plain in known:
        return known.index(plain)
    bare = _PREFIX.sub("", plain)
    if bare in known and role in _PREFIXED:
        return known.index(bare) + 0.5
    if role == "learning_rate" and plain.startswith("lr_"):  # Lightning's lr-Adam
        return len(known)
    return math.inf


def _number(cell: Any, *, comma: bool) -> float:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return math.nan
    if isinstance(cell, str) and comma and "." not in cell:
        cell = cell.replace(",", ".")
    try:
        return float(cell)
    except OverflowError:
        return math.inf if int(cell) > 0 else -math.inf
    except ValueError:
        return math.nan


def _is_nan(cell: Any) -> bool:
    """Whether a cell says nan, which is more than that it is empty."""
    if isinstance(cell, str):
        return cell.strip().lower().lstrip("+-") == "nan"
    return isinstance(cell, float) and math.isnan(cell)


def _is_hole(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in HOLES)


def _no_loss(names: list[str], columns: _Columns, label: str) -> str:
    found = [name for name in names if _rank(name, "value") < math.inf]
    if found:
        return (
            f"{label}: {found[0]} holds no number in any of "
            f"{plural(len(columns.numbers(found[0])), 'row')}. {NEED}"
        )
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return (
        f"{label}: no column of losses among {shown}. Name one of them loss "
        "(also known: train_loss, objective, cost, value)."
    )


def _losses(holes: np.ndarray[Any, Any], numbers: dict[str, Any]) -> Any:
    """(rows,) whether a row tells of the loss.

    Where nan stands beside a validation loss that is a number, a table was filled up.
    """
    filled = np.isnan(numbers["value"])
    validation = numbers.get("validation")
    filled &= False if validation is None else np.isfinite(validation)
    return ~holes & ~filled


def _places(
    numbers: dict[str, Any], has_value: np.ndarray[Any, Any], notes: list[str]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(rows,) the step of each row, nan where unknown; and which rows make the trace.

    These come in the order of their steps, each step once.
    """
    counted = np.maximum(np.cumsum(has_value) - 1, 0).astype(float)
    named = numbers.get("step", numbers.get("epoch"))
    if named is None:
        notes.append("no column of steps: rows are counted.")
        return counted, has_value.nonzero()[0]
    steps = np.where(np.abs(named) < MOST_STEP, named, np.nan)
    known = has_value & np.isfinite(steps)
    given, epoch = steps[known], numbers.get("epoch")
    if (given % 1 != 0).any() or ("step" not in numbers and _repeats(given)):
        notes.append("the steps are no whole numbers, each once: rows are counted.")
        return counted, has_value.nonzero()[0]
    if epoch is not None and "step" in numbers and _begins_anew(given, epoch[known]):
        notes.append("the steps begin anew in each epoch: rows are counted.")
        return counted, has_value.nonzero()[0]
    if (lost := int((has_value & ~known).sum())) > 0:
        notes.append(f"{plural(lost, 'row')} without a step left out.")
    order = known.nonzero()[0][np.argsort(given, kind="stable")]
    if (np.diff(given) < 0).any():
        notes.append("the rows were out of order: sorted by their steps.")
    last = np.append(np.diff(steps[order]) > 0, True)
    if not last.all():
        told = plural(int((~last).sum()), "row")
        notes.append(f"{told} left out, whose step comes again: the later counts.")
    return steps, order[last[: len(order)]]


def _repeats(steps: np.ndarray[Any, Any]) -> bool:
    return len(np.unique(steps)) < len(steps)


def _begins_anew(steps: np.ndarray[Any, Any], epoch: np.ndarray[Any, Any]) -> bool:
    """Whether steps are counted within epochs."""
    if not _repeats(steps) or np.isnan(epoch).any():
        return False
    pairs = np.stack([epoch, steps], axis=1)
    falls = np.diff(steps) <= 0
    later = np.diff(epoch) > 0
    return bool((~falls | later).all() and len(np.unique(pairs, axis=0)) == len(pairs))


def _rows(
    numbers: dict[str, Any], at: np.ndarray[Any, Any], order: np.ndarray[Any, Any]
) -> Row:
    """The rows of the trace; what stands in other rows of a step belongs to it too."""
    steps, value = at[order], numbers["value"][order]
    fields: dict[str, Any] = {
        name: _at(numbers[name], at, steps, lasts=name == "learning_rate")
        for name in Row._fields
        if name in numbers and name not in ("step", "value")
    }
    if "seconds" in fields:
        fields["seconds"] = _since_start(fields["seconds"])
    fields |= {"step": steps, "value": value, "finite": np.isfinite(value)}
    made = [_filled(name, fields.get(name), len(steps)) for name in Row._fields]
    return Row(*made)


def _filled(name: str, column: Any, n: int) -> np.ndarray[Any, Any]:
    dtype = dtype_of(name)
    if column is None:
        return np.full(n, 0 if dtype is np.int64 else np.nan, dtype)
    if dtype is np.int64:
        column = np.where(np.abs(column) < MOST_STEP, column, 0)
    return np.asarray(column, dtype)


def _at(
    column: np.ndarray[Any, Any],
    at: np.ndarray[Any, Any],
    steps: np.ndarray[Any, Any],
    *,
    lasts: bool,
) -> np.ndarray[Any, Any]:
    """A column at some steps: what its last row of that step says, else nan.

    Args:
        column: (rows,) its numbers.
        at: (rows,) the steps of the rows.
        steps: (n,) rising.
        lasts: whether a number holds until the next.
    """
    said = (~np.isnan(column) & ~np.isnan(at)).nonzero()[0]
    said = said[np.argsort(at[said], kind="stable")]
    if not len(said):
        return np.full(len(steps), np.nan)
    place = np.searchsorted(at[said], steps, side="right") - 1
    found = column[said[np.maximum(place, 0)]]
    there = place >= 0
    if not lasts:
        there &= at[said[np.maximum(place, 0)]] == steps
    return np.where(there, found, np.nan)


def _since_start(seconds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Seconds since the first row; of times in milliseconds too."""
    known = seconds[np.isfinite(seconds)]
    if not len(known):
        return seconds
    scale = 1000.0 if known[0] > 1e11 else 1.0
    return (seconds - (known[0] if known[0] > 1e8 else 0.0)) / scale


def _validation(numbers: dict[str, Any], at: np.ndarray[Any, Any]) -> Validation:
    loss = numbers.get("validation")
    if loss is None:
        return Validation.empty()
    said = (~np.isnan(loss) & np.isfinite(at)).nonzero()[0]
    said = said[np.argsort(at[said], kind="stable")]
    epoch = numbers.get("epoch")
    passes = np.arange(len(said)) if epoch is None else np.nan_to_num(epoch[said])
    return Validation(
        np.asarray(passes, np.int64), np.asarray(at[said], np.int64), loss[said]
    )
