"""Run: what the user holds at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from steepest.core import plain
from steepest.core.errors import DataError
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Verdict

SCHEMA = "steepest.run/1"


@dataclass(frozen=True, repr=False)
class Run:
    """The outcome of one descent: the point, why it ended there, and how it went.

    Args:
        params: the best finite point seen (a table: the best on validation), in the
            shape of the start.
        value: the objective at params.
        grad_norm: Euclidean norm of the gradient at params.
        steps: updates made.
        best_step: the step at which params was reached.
        stop: why the run ended.
        verdict: what the run came to, judged from its trace and end point.
        trace: the rows, the validation curve, the path.
        seconds: wall-clock time, compilation included.
        settings: everything that was asked and chosen, as plain data.
        environment: versions and machine, as plain data.
        measured: what its judge measured at its end, as plain data, so that it can be
            judged anew; None for a run of an earlier version.
        asked: what was asked, as plain data, where the run was saved: so that it can
            be made again from its folder.
        again: makes the same run anew with other options, such as
            `again(learning_rate=0.01)`: a Run, or of a fit a Fitted. None for a run
            that was read from a file or pickled.

    SciPy's names `x`, `fun`, `nit`, `success` and `message` are read-only aliases.
    """

    params: Any
    value: float
    grad_norm: float
    steps: int
    best_step: int
    stop: Stop
    verdict: Verdict
    trace: Trace
    seconds: float
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] | None = None
    asked: dict[str, Any] | None = field(default=None, compare=False)
    again: Callable[..., Any] | None = field(default=None, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """All but `again`, which holds the user's own objects."""
        return {**self.__dict__, "again": None}

    @property
    def converged(self) -> bool:
        """Whether the run did what it was asked to; the verdict's word."""
        return self.verdict.converged

    x = property(lambda self: self.params, doc="Alias of params.")
    fun = property(lambda self: self.value, doc="Alias of value.")
    nit = property(lambda self: self.steps, doc="Alias of steps.")
    success = property(lambda self: self.converged, doc="Alias of converged.")
    message = property(lambda self: self.verdict.headline, doc="The headline.")

    def to_json(self, *, trace: bool = True) -> dict[str, Any]:
        """The run as plain data (schema steepest.run/1); `from_json` reads it back.

        Args:
            trace: whether the rows and the path are included.

        Returns:
            Numbers, texts, lists and dicts, ready for `json.dumps`.
        """
        params, layout = plain.tree_to_json(self.params)
        content = {
            "schema": SCHEMA,
            "params": params,
            "value": plain.number_to_json(self.value),
            "grad_norm": plain.number_to_json(self.grad_norm),
            "steps": self.steps,
            "best_step": self.best_step,
            "stop": self.stop.name,
            "converged": self.converged,
            "verdict": self.verdict.to_json(),
            "seconds": self.seconds,
            "settings": self.settings,
            "environment": self.environment,
            "params_layout": layout,
            "measured": self.measured,
            "asked": self.asked,
        }
        return {**content, "trace": self.trace.to_json()} if trace else content

    @classmethod
    def from_json(cls, data: dict[str, Any], *, trace: Trace | None = None) -> Run:
        """The run that `to_json` wrote.

        Args:
            data: what it wrote.
            trace: the trace, where it was kept elsewhere.

        Returns:
            The run, with NumPy arrays for arrays. Params of other node types than
            dict, list and tuple come back as a flat dict of named leaves.

        Raises:
            DataError: another schema, or a part is missing or damaged.

        >>> Run.from_json({"schema": "steepest.run/0"})
        Traceback (most recent call last):
        steepest.core.errors.DataError: schema 'steepest.run/0': need 'steepest.run/1'.
        """
        if data.get("schema") != SCHEMA:
            raise DataError(f"schema {data.get('schema')!r}: need {SCHEMA!r}.")
        try:
            return cls(
                params=plain.tree_from_json(data["params"], data["params_layout"]),
                value=plain.number_from_json(data["value"]),
                grad_norm=plain.number_from_json(data["grad_norm"]),
                steps=data["steps"],
                best_step=data["best_step"],
                stop=Stop[data["stop"]],
                verdict=Verdict.from_json(data["verdict"]),
                trace=Trace.from_json(data["trace"]) if trace is None else trace,
                seconds=data["seconds"],
                settings=data["settings"],
                environment=data["environment"],
                measured=data.get("measured"),
                asked=data.get("asked"),
            )
        except KeyError as error:
            raise DataError(f"a run without {error}: it is not complete.") from error
        except (TypeError, ValueError) as error:
            raise DataError(f"a damaged run ({error}).") from error

    def __repr__(self) -> str:
        """A few lines a person can read."""
        lines = [
            self.verdict.headline,
            f"  params     {_short(self.params)}",
            f"  value      {self.value:.10g}",
            f"  grad_norm  {self.grad_norm:.3g}",
            f"  steps      {self.steps:,} in {self.seconds:.3g} s",
            f"  stop       {self.stop.name}: {self.stop.value}",
        ]
        advice = [f"  {f.severity:<9}  {f.advice}" for f in self.verdict.findings]
        return "\n".join([*lines, *advice])


def _short(params: Any, limit: int = 300) -> str:
    text = " ".join(str(params).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
