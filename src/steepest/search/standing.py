"""Standing: how the entrants of a race compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest.core.plain import number_to_json
from steepest.records import Run, Stop

SCHEMA = "steepest.race/1"
LEVEL = 1e-6
"""Ends within this of the best, relative to max(1, |best|), are level: then the fewer
steps win."""
COLUMNS = ("place", "name", "value", "grad_norm", "steps", "stop", "kind")


@dataclass(frozen=True, repr=False)
class Race:
    """The outcome of a race: a run for each entrant, and their order.

    Args:
        runs: by name, in the order given.
        fits: on data the fitted models by name; else empty.
        scores: what each was ranked by: the value (climbing: less it); on data the
            best loss on validation rows, or without any the training objective.
        seconds: wall-clock time of all, compilation included.
        settings: what all of them shared, as plain data.
        absent: entrants that were not run, since somebody pressed Ctrl-C.
    """

    runs: dict[str, Run]
    scores: dict[str, float]
    seconds: float
    settings: dict[str, Any]
    fits: dict[str, Any] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    @property
    def order(self) -> list[str]:
        """Names, the best first.

        Runs that blew up come last. Of those level with the best the one with fewest
        steps is first; the others follow by their score.
        """
        sound = [
            name
            for name, run in self.runs.items()
            if not run.stop.failed and np.isfinite(self.scores[name])
        ]
        best = min((self.scores[name] for name in sound), default=np.inf)
        limit = best + LEVEL * max(1.0, abs(best))

        def rank(name: str) -> tuple[bool, bool, float, float]:
            score, run = self.scores[name], self.runs[name]
            level = name in sound and score <= limit
            first = float(run.steps) if level else score
            return name not in sound, not level, _last(first), _last(score)

        return sorted(self.runs, key=rank)

    @property
    def winner(self) -> str:
        """The name of the best."""
        return self.order[0]

    @property
    def best(self) -> Run:
        """The run of the winner."""
        return self.runs[self.winner]

    @property
    def failed(self) -> bool:
        """Whether every run blew up."""
        return all(run.stop.failed for run in self.runs.values())

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the race."""
        ended = any(run.stop is Stop.INTERRUPTED for run in self.runs.values())
        return ended or bool(self.absent)

    @property
    def headline(self) -> str:
        """How the race ended, in one line."""
        n, told = len(self.runs), f"{self.winner}. {self.best.verdict.headline}"
        if self.failed:
            return f"All {n:,} entrants failed: {told}" if n > 1 else f"Failed: {told}"
        return f"{'Interrupted; best so far' if self.interrupted else 'Best'}: {told}"

    def notes(self) -> list[str]:
        """What else is to be told once."""
        notes = [
            note for run in self.runs.values() for note in run.settings.get("notes", ())
        ]
        if self.absent:
            notes.append(f"interrupted; not run: {', '.join(self.absent)}")
        return list(dict.fromkeys(notes))

    def table(self) -> list[dict[str, Any]]:
        """A row an entrant, the best first: plain data.

        Returns:
            Dicts with place, name, value, grad_norm, steps, stop and verdict kind; on
            data the score too.
        """
        rows = []
        for place, name in enumerate(self.order, 1):
            run = self.runs[name]
            cells = (
                place,
                name,
                number_to_json(run.value),
                number_to_json(run.grad_norm),
                run.steps,
                run.stop.name,
                run.verdict.kind,
            )
            row: dict[str, Any] = dict(zip(COLUMNS, cells, strict=True))
            if self.fits:
                row["score"] = number_to_json(self.scores[name])
            rows.append(row)
        return rows

    def to_json(self) -> dict[str, Any]:
        """The race as plain data (schema steepest.race/1), without traces."""
        return {
            "schema": SCHEMA,
            "winner": self.winner,
            "table": self.table(),
            "runs": {name: run.to_json(trace=False) for name, run in self.runs.items()},
            "not_run": list(self.absent),
            "seconds": self.seconds,
            "settings": self.settings,
        }

    def __repr__(self) -> str:
        """A table a person can read."""
        rows = [[_cell(cell) for cell in row.values()] for row in self.table()]
        head = list(self.table()[0])
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(w) for cell, w in zip(line, widths, strict=True)
            ).rstrip()
            for line in [head, *rows]
        ]
        return "\n".join([*lines, *(f"info  {note}" for note in self.notes())])


def _last(number: float) -> float:
    return number if np.isfinite(number) else np.inf


def _cell(cell: Any) -> str:
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
