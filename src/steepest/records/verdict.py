"""Finding and Verdict: what happened, how we know, what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from steepest.core import plain

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
        """The verdict as plain data; `from_json` reads it back."""
        content = asdict(self)
        for finding in content["findings"]:
            finding["evidence"] = {
                name: plain.number_to_json(number)
                for name, number in finding["evidence"].items()
            }
        return content

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote.

        Args:
            data: what it wrote.

        Raises:
            KeyError, TypeError, ValueError: a part is missing or damaged.

        >>> verdict = Verdict("Converged.", "minimum", True)
        >>> Verdict.from_json(verdict.to_json()) == verdict
        True
        """
        findings = tuple(map(_finding, data["findings"]))
        return cls(data["headline"], data["kind"], data["converged"], findings)


def _finding(data: dict[str, Any]) -> Finding:
    steps, evidence = data.get("steps"), data.get("evidence", {})
    read = {name: plain.number_from_json(item) for name, item in evidence.items()}
    pair = None if steps is None else (int(steps[0]), int(steps[1]))
    return Finding(**{**data, "steps": pair, "evidence": read})
