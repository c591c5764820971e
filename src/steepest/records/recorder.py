"""Recorder: the rows of a run that another program makes, one by one."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from steepest.core.errors import DataError
from steepest.core.files import read_json, write_atomic, write_json
from steepest.records.folder import (
    ASKED,
    MODEL,
    PART,
    RUN,
    TRACE,
    WATCHED,
    new_folder,
    row_lines,
)
from steepest.records.layers import Layers, layers_of
from steepest.records.row import Row
from steepest.records.trace import Trace, Validation

SCHEMA = "steepest.watched/1"
MOST = 20_000
"""Rows that are kept: when there are more, every second one goes, and so on."""
WAIT = 1.0
"""Seconds between two writes to the file."""


class Sight(NamedTuple):
    """What is seen of one step. Squares are sums of squares over all params."""

    step: int
    """Updates made before it."""
    value: float
    """The loss at the point where it begins."""
    grad: float
    """Square of the gradient there."""
    params: float
    """Square of the params there."""
    update: float
    """Square of the step that leaves from there."""
    rate: float
    """Learning rate of that step."""
    turn: float = math.nan
    """Scalar product of the gradient with that of the step before; nan if unknown."""
    before: float = math.nan
    """Square of the gradient of the step before; nan if unknown."""
    quality: float = math.nan
    """The step quality, see `Row`; nan if unknown."""
    seconds: float = math.nan
    """Since the run began; nan asks the clock."""
    samples: int = 0
    """Rows of data trained on before."""
    evals: int = 0
    """Evaluations up to and including this point."""
    layers: Any = None
    """(3, L) squares of gradient, update and params of each weight matrix; None where
    they were not looked at."""


class Recorder:
    """Makes a Trace of what is seen, and writes it down as it comes.

    Args:
        layers: (L,) the names of the weight matrices.
        every: record each step whose number is a multiple of this.
        most: rows that are kept at most; beyond it every second one goes.
        save: folder to keep the rows in, None for none.
        settings: what is known of the run, as plain data; kept beside the rows.

    Raises:
        DataError: the folder cannot be written, or holds other things.

    >>> seen = Recorder()
    >>> for k, x in enumerate((2.0, 1.0)):
    ...     seen.add(Sight(k, x * x, 4 * x * x, x * x, x * x / 4, rate=0.25))
    >>> seen.trace.grad_norm
    array([4., 2.])
    """

    def __init__(
        self,
        layers: tuple[str, ...] = (),
        *,
        every: int = 1,
        most: int = MOST,
        save: str | Path | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.settings, self.every = dict(settings or {}), every
        self._names, self._most = layers, most
        self._seen: list[Sight] = []
        self._curve = Validation.empty()
        self._began = time.perf_counter()
        self._file = None if save is None else _File(save, self.settings, layers)

    def due(self, step: int) -> bool:
        """Whether a step is to be recorded.

        Args:
            step: updates made before it.
        """
        return step % self.every == 0

    def due_layers(self, step: int) -> bool:
        """Whether its layers are: all of the first eight, then four per doubling.

        Args:
            step: updates made before it.

        >>> [step for step in range(30) if Recorder().due_layers(step)]
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28]
        """
        count, rest = divmod(step, self.every)
        return not rest and count % (1 << max(0, count.bit_length() - 3)) == 0

    def add(self, sight: Sight) -> None:
        """Record a step.

        Args:
            sight: what was seen of it.
        """
        if not sight.seconds >= 0:
            sight = sight._replace(seconds=time.perf_counter() - self._began)
        self._seen.append(sight)
        if self._file is not None:
            self._file.add(sight)
        if len(self._seen) > self._most:
            self.every *= 2
            self._seen = [one for one in self._seen if self.due(one.step)]

    def add_validation(
        self, loss: float, *, step: int, epoch: int | None = None
    ) -> None:
        """Record a loss on validation data.

        Args:
            loss: its mean.
            step: updates made before.
            epoch: passes over the training data; None counts the calls.
        """
        epoch = len(self._curve.loss) + 1 if epoch is None else epoch
        self._curve = self._curve.add(epoch, step, float(loss))
        if self._file is not None:
            self._file.tell(self._curve)

    @property
    def trace(self) -> Trace:
        """What was recorded so far."""
        return Trace(rows_of(self._seen), self._curve, layers=self._layers)

    @property
    def _layers(self) -> Layers | None:
        return layers_from(self._seen, self._names)

    def close(self) -> None:
        """Write the whole trace down; what comes after is not written."""
        if self._file is not None:
            self._file.close(self.trace)
            self._file = None


def rows_of(seen: list[Sight]) -> Row:
    """What was seen as rows.

    Args:
        seen: in the order of the steps.

    >>> one = Sight(1, 4.0, 9.0, 1.0, 0.25, 0.5, turn=3.0, before=4.0)
    >>> rows_of([one]).cosine
    array([0.5])
    """
    columns = {
        name: np.array([getattr(one, name) for one in seen], np.float64)
        for name in Sight._fields
        if name != "layers"
    }
    with np.errstate(all="ignore"):
        size = np.sqrt(columns["grad"]) * np.sqrt(columns["before"])
        cosine = np.clip(columns["turn"] / size, -1.0, 1.0)
        norms = {name: np.sqrt(columns[name]) for name in ("grad", "params", "update")}
    return Row(
        step=columns["step"].astype(np.int64),
        epoch=np.zeros(len(seen), np.int64),
        samples=columns["samples"].astype(np.int64),
        seconds=columns["seconds"],
        value=columns["value"],
        grad_norm=norms["grad"],
        update_norm=norms["update"],
        param_norm=norms["params"],
        learning_rate=columns["rate"],
        step_quality=columns["quality"],
        cosine=cosine,
        evals=columns["evals"].astype(np.int64),
        finite=np.isfinite(norms["params"]) & np.isfinite(norms["update"]),
    )


def layers_from(seen: list[Sight], names: tuple[str, ...]) -> Layers | None:
    """The layers of what was seen; None where there are none.

    Args:
        seen: in the order of the steps.
        names: (L,) of the weight matrices.
    """
    told = [one for one in seen if one.layers is not None]
    if not names or not told:
        return None
    with np.errstate(all="ignore"):
        norms = np.sqrt(np.array([one.layers for one in told], np.float64))
    return layers_of(names, [one.step for one in told], norms)


class _File:
    """The rows on disk: in trace.jsonl.part as they come, in trace.jsonl at the end.

    Args:
        save: the folder.
        settings: kept beside them.
        names: of the weight matrices.
    """

    def __init__(
        self, save: str | Path, settings: dict[str, Any], names: tuple[str, ...]
    ) -> None:
        self.folder, self._settings, self._names = new_folder(save), settings, names
        for name in (RUN, ASKED, MODEL):
            if (self.folder / name).exists():
                raise DataError(
                    f"{self.folder}: holds a run of steepest; name another folder."
                )
        (self.folder / TRACE).unlink(missing_ok=True)
        self.tell(Validation.empty())
        self._file = (self.folder / (TRACE + PART)).open("w")
        self._written, self._waiting = time.perf_counter(), list[Sight]()

    def tell(self, curve: Validation) -> None:
        """Keep what is known of the run."""
        told = {name: column.tolist() for name, column in curve._asdict().items()}
        content = {
            "schema": SCHEMA,
            "settings": self._settings,
            "validation": {**told, "loss": [_json(x) for x in told["loss"]]},
        }
        write_json(self.folder / WATCHED, content)

    def add(self, sight: Sight) -> None:
        """Append a step, with those that wait."""
        self._waiting.append(sight)
        if time.perf_counter() - self._written > WAIT:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        seen, self._waiting = self._waiting, []
        if seen:
            layers = layers_from(seen, self._names)
            self._file.writelines(row_lines(rows_of(seen), None, layers))
            self._file.flush()
        self._written = time.perf_counter()

    def close(self, trace: Trace) -> None:
        """The rows as they are kept, whole."""
        self._file.close()
        lines = "".join(row_lines(trace.rows, None, trace.layers))
        write_atomic(self.folder / TRACE, lines.encode())
        (self.folder / (TRACE + PART)).unlink()


def _json(number: float) -> float | None:
    return number if math.isfinite(number) else None


def watched(folder: Path) -> tuple[dict[str, Any], Validation]:
    """What is known of a run that was watched: its settings, its validation curve.

    Args:
        folder: that it was recorded in.

    Raises:
        DataError: missing or damaged.
    """
    content = read_json(folder / WATCHED, schema=SCHEMA)
    return content["settings"], Validation.from_json(content["validation"])
