"""Offender: the first number of a run that was inf or nan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np

Part = Literal["parameter", "value", "gradient", "validation"]


class Offender(NamedTuple):
    """What was not finite first.

    >>> Offender("gradient", "hidden.0.weight", 12, "nan").words
    'the gradient of hidden.0.weight became nan at step 12'
    """

    part: Part
    """A parameter, the value, the gradient of a parameter, or the validation loss."""
    name: str
    """Which parameter; empty where it is none, or the only one."""
    step: int
    """Updates made before the point at which it was so."""
    number: str
    """"inf", "-inf" or "nan"."""

    @property
    def words(self) -> str:
        """What happened, as part of a sentence."""
        of = self.name or "the params"
        what = {
            "parameter": self.name or "a parameter",
            "value": "the value",
            "gradient": f"the gradient of {of}",
            "validation": "the validation loss",
        }[self.part]
        became = "was" if self.step == 0 else "became"
        return f"{what} {became} {self.number} at step {self.step}"


def offender_from_json(data: Any) -> Offender | None:
    """What `Offender._asdict` told, None for None.

    Args:
        data: plain data.

    Raises:
        KeyError, TypeError, ValueError: it is damaged.
    """
    if data is None:
        return None
    part = data["part"]
    if part not in get_args(Part):
        raise ValueError(f"an offender {part!r}")
    told = str(data["name"]), int(data["step"]), str(data["number"])
    return Offender(cast("Part", part), *told)


def first_offender(
    params: Mapping[str, Any], value: Any, grads: Mapping[str, Any], step: int
) -> Offender | None:
    """What was not finite where a step was judged; None where all was.

    A point that is not finite makes the value so, and that makes the gradient so:
    hence the order.

    Args:
        params: the arrays of the point, by name.
        value: there.
        grads: the arrays of the gradient there, by name.
        step: updates made before it.

    >>> first_offender({"w": 1.0}, np.inf, {"w": np.nan}, 3)
    Offender(part='value', name='', step=3, number='inf')
    """
    parts: tuple[tuple[Part, Mapping[str, Any]], ...] = (
        ("parameter", params),
        ("value", {"": value}),
        ("gradient", grads),
    )
    for part, arrays in parts:
        for name, array in arrays.items():
            number = _lost(array)
            if number is not None:
                return Offender(part, name, step, number)
    if grads:  # its length may be more than its numbers can hold
        lengths = {name: _length(array) for name, array in grads.items()}
        largest = max(lengths, key=lambda name: lengths[name])
        if np.sqrt(np.finfo(_dtype(grads[largest])).max) < lengths[largest]:
            return Offender("gradient", largest, step, "inf")
    return None


def _length(array: Any) -> float:
    numbers = np.ravel(np.asarray(array, np.float64))
    return float(np.abs(numbers).max(initial=0.0)) * np.sqrt(max(1, numbers.size))


def _dtype(array: Any) -> Any:
    dtype = np.asarray(array).dtype
    return dtype if dtype.kind == "f" else np.float64


def _lost(array: Any) -> str | None:
    """The first number that is not finite, as text."""
    numbers = np.ravel(np.asarray(array, np.float64))
    lost = numbers[~np.isfinite(numbers)]
    return str(float(lost[0])) if len(lost) else None
