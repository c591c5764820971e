"""Finding and Verdict: what happened, how we know, what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]
Kind = Literal[
    "minimum",
    "saddle",
    "maximum",
    "plateau",
    "noise_floor",
    "not_stationary",
    "diverged",
    "nonfinite",
]


@dataclass(frozen=True)
class Finding:
    """One observation about a run, with its evidence in numbers.

    Args:
        symptom: its name, such as "diverging".
        severity: "info", "warning" or "error".
        advice: what to do, in words, with the number to use.
        evidence: the numbers it rests on.
        steps: first and last step it was seen at, if it is tied to steps.
        remedy: settings that would cure it, ready to pass on.
        reference: where the rule comes from.
    """

    symptom: str
    severity: Severity
    advice: str
    evidence: dict[str, float] = field(default_factory=dict)
    steps: tuple[int, int] | None = None
    remedy: dict[str, Any] = field(default_factory=dict)
    reference: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a run came to: judged from its trace and end point.

    Args:
        headline: one sentence in plain words.
        kind: what sort of point the returned params are.
        converged: whether the run did what it was asked to.
        findings: the observations, gravest first.
    """

    headline: str
    kind: Kind
    converged: bool
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote."""
        findings = tuple(
            Finding(**{**item, "steps": _pair(item.get("steps"))})
            for item in data["findings"]
        )
        return cls(data["headline"], data["kind"], data["converged"], findings)


def _pair(steps: Any) -> tuple[int, int] | None:
    return None if steps is None else (int(steps[0]), int(steps[1]))
