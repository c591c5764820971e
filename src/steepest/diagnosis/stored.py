"""What was measured of a run, as plain data: so that it can be judged anew later."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from steepest.core import plain
from steepest.diagnosis.case import Case

FIELDS = (
    "curvature",
    "way",
    "further",
    "place",
    "limit",
    "slope",
    "better",
    "columns",
    "noise",
    "reach",
    "constant",
    "metric",
    "units",
    "rare",
)
"""Fields of a Case that need the function or the table; a trace tells the others."""


def measured_json(case: Case) -> dict[str, Any]:
    """What was measured, as plain data; `with_measured` reads it back.

    Args:
        case: of a run that was judged.

    >>> from steepest.records import Trace
    >>> from steepest.records.row import empty
    >>> measured_json(Case(Trace(empty()), metric=(0.9, 0.5)))["metric"]
    [0.9, 0.5]
    """
    told = {name: getattr(case, name, None) for name in FIELDS}
    if case.way is not None:  # where the points are is of no use to a judge
        told["way"] = case.way._replace(points=np.zeros((len(case.way.gains), 0)))
    return {name: _plain(item) for name, item in told.items() if item is not None}


def with_measured(case: Case, data: Mapping[str, Any]) -> Case:
    """A case with what `measured_json` wrote of it.

    Args:
        case: its trace, stop and settings.
        data: what it wrote; fields that this version does not know are passed over.

    Raises:
        KeyError, TypeError, ValueError: it is damaged.

    >>> from steepest.records import Trace
    >>> from steepest.records.row import empty
    >>> with_measured(Case(Trace(empty())), {"metric": [0.9, None]}).metric
    (0.9, nan)
    """
    kinds = get_type_hints(Case)
    told = {name: item for name, item in data.items() if name in FIELDS}
    return case._replace(**{n: _read(kinds[n], item) for n, item in told.items()})


def _plain(item: Any) -> Any:
    fields = getattr(item, "_fields", None)
    if fields is not None:
        return {name: _plain(getattr(item, name)) for name in fields}
    if isinstance(item, tuple | list):
        return [_plain(part) for part in item]
    if item is None or isinstance(item, str):
        return item
    return plain.array_to_json(item)


def _read(kind: Any, data: Any) -> Any:
    """Plain data as a value of a type: a NamedTuple, a tuple, a number, a text."""
    if get_origin(kind) in (types.UnionType, Literal):
        if data is None or get_origin(kind) is Literal:
            return data
        kind = next(one for one in get_args(kind) if one is not type(None))
    if hasattr(kind, "_fields"):
        kinds = get_type_hints(kind)
        known = {name: item for name, item in data.items() if name in kinds}
        return kind(**{name: _read(kinds[name], item) for name, item in known.items()})
    if get_origin(kind) is tuple:
        each = get_args(kind)
        if each[-1] is ...:
            return tuple(_read(each[0], item) for item in data)
        return tuple(_read(one, item) for one, item in zip(each, data, strict=True))
    if kind is np.ndarray:
        return np.array(_numbers(data), np.float64)
    if kind is float:
        return plain.number_from_json(data)
    return kind(data)


def _numbers(data: Any) -> Any:
    if isinstance(data, list):
        return [_numbers(item) for item in data]
    return plain.number_from_json(data)
