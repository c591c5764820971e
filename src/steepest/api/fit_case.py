"""What is measured of a fit once it has ended, for those who judge it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from steepest.api.fitted import CHUNK, Fitted
from steepest.api.table_data import Rows, sampled
from steepest.core.mapped import release
from steepest.data.features import Features
from steepest.descent.parts import Ended
from steepest.diagnosis.case import Case, Rare
from steepest.diagnosis.probes.columns import Columns, Source, look_at, places
from steepest.diagnosis.probes.noise import noise_of
from steepest.diagnosis.probes.reach import constant_loss, reach_of
from steepest.diagnosis.probes.units import units_of
from steepest.problems.models import MLP, Linear

CONSTANT = re.compile(r"^(.*): left out, it is .* in every row\.$", re.DOTALL)
"""The note on a column that was left out."""
FEW = 0.05
"""Only a class as rare as this share of the rows is asked after."""


def case_of(fitting: Any, ended: Ended, settings: dict[str, Any], fit: Fitted) -> Case:
    """All that is known of a fit.

    Args:
        fitting: a Fitting.
        ended: what the loop handed back.
        settings: of the run.
        fit: the model, with its metrics.
    """
    table, blocks = fitting.table, fitting.blocks
    case = Case(
        trace=ended.trace,
        stop=ended.stop,
        settings=settings,
        noise=noise_of(ended.trace, blocks.batch_size, blocks.n_rows),
    )
    if not ended.stop.failed:
        rare = rare_of(fit, table.train, table.validation)
        case = case._replace(metric=metric_of(fit), rare=rare)
    if table.features.sparse or table.loss.embeds:
        return case
    n, width = table.train.inputs.shape
    some = places(n, width, fitting.seed)
    rows = Rows(*(np.asarray(part[some]) for part in table.train))
    if isinstance(fit.model, MLP):  # where it went, not its best epoch
        end = ended.state.params, ended.state.stats
        units = units_of(fit.model, fitting.fresh(), end, rows.inputs)
        case = case._replace(units=units)
    columns = columns_of(table, rows)
    case, reach = case._replace(columns=columns), None
    stop = ended.stop
    if isinstance(fit.model, Linear) and not (stop.failed or stop.converged):
        reach = reach_of(*rows, fit.params, table.loss.name)
    if reach is not None:
        return case._replace(reach=reach, constant=reach.start)
    constant = constant_loss(*rows[1:], table.loss.name, fitting.sizes[1])
    return case._replace(constant=constant)


def columns_of(table: Any, rows: Rows) -> Columns:
    """What some training rows tell of the columns.

    Args:
        table: a TableData.
        rows: of it.
    """
    return look_at(
        np.asarray(rows.inputs, float),
        rows.target,
        sources_of(table.features),
        classes=len(table.target.classes),
        constant=constant_of(table.features.notes),
    )


def sources_of(features: Features) -> list[Source]:
    """The columns of a table, and where the model reads them.

    Args:
        features: of dense rows.
    """
    found, first = [], 0
    for column in features.columns:
        width = len(column.names)
        number = column.kind in ("number", "boolean", "moment")
        size = float(getattr(column, "scale", 1.0))
        found.append(Source(column.name, first, width, number, size))
        first += width
    return found


def constant_of(notes: tuple[str, ...]) -> tuple[str, ...]:
    """The names of columns that were left out, as they are the same in every row.

    >>> constant_of(("x: left out, it is 7 in every row.", "y: left out."))
    ('x',)
    """
    found = (CONSTANT.match(note) for note in notes)
    return tuple(match.group(1) for match in found if match)


def metric_of(fitted: Fitted) -> tuple[float, float] | None:
    """(the model's, the baseline's) number of the metric that says most.

    Args:
        fitted: with its metrics.
    """
    name, scores = fitted.headline, next(iter(fitted.metrics.values()))
    trivial = fitted.metrics["baseline"].get(name)
    return None if trivial is None or name not in scores else (scores[name], trivial)


def rare_of(fit: Fitted, train: Rows, held: Rows | None) -> Rare | None:
    """The rarest class, and whether the model ever predicts it where it is true.

    Args:
        fit: the model, with its metrics.
        train: rows it was trained on.
        held: rows it was judged on.
    """
    classes = len(fit.target.classes)
    if not classes or fit.loss.embeds or fit.features.sparse:
        return None
    some = sampled(train)
    counts = np.bincount(some.target, minlength=classes)
    place = int(counts.argmin())
    rows, total = int(counts[place]), len(some.target)
    label = str(fit.target.classes[place])
    if not 0 < rows <= FEW * total:
        return Rare(label, rows / total, rows, None)
    # as many rows as were judged: the program that predicts so many is there already
    judged = train if held is None else held
    size = min(CHUNK, len(judged.target))
    where = np.resize(np.flatnonzero(some.target == place), size)
    inputs = np.array(some.inputs[where])
    release(some.inputs)
    readable = fit.readable(fit.raw(inputs))
    likeliest = readable > 0.5 if readable.ndim == 1 else readable.argmax(axis=1)
    recall = float((likeliest.astype(int) == place)[:rows].mean())
    return Rare(label, rows / total, rows, recall)
