"""The door of diagnosis: what a run came to, judged from what there is of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from steepest.api.evidence import UNFINISHED, Evidence, evidence_of
from steepest.api.fitted import Fitted, load
from steepest.api.remedies import (
    NOTHING_TRIED,
    Trial,
    run_of,
    try_remedies,
    worded,
)
from steepest.core.errors import UsageError
from steepest.diagnosis.case import Case
from steepest.diagnosis.elsewhere import judge_trace
from steepest.diagnosis.probes.curvature import Curvature
from steepest.diagnosis.stored import with_measured
from steepest.diagnosis.symptoms import GRAVITY, SYMPTOMS, findings_of
from steepest.records.folder import MODEL, new_folder, save_run
from steepest.records.run import Run
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Verdict

SCHEMA = "steepest.diagnosis/1"
END = "not_stationary"
"""The finding on an end that no symptom explains."""


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """A run, judged.

    Args:
        verdict: headline, kind, findings.
        read: what was read, as plain data: what, path, rows, columns, unused.
        missing: what was not there to judge by, in words.
        tried: the remedies that were tried, and what came of each.
        kept: the options that helped, together.
        best: the Run, or of a table the Fitted, with these; None where no remedy was
            tried.
        trace: the rows that were judged.
        run: the run, where it is known whole.
    """

    verdict: Verdict
    read: dict[str, Any]
    missing: tuple[str, ...]
    tried: tuple[Trial, ...] = ()
    kept: dict[str, Any] = field(default_factory=dict)
    best: Any = field(default=None, compare=False)
    trace: Trace = field(compare=False, kw_only=True)
    run: Run | None = field(default=None, compare=False, kw_only=True)

    @property
    def converged(self) -> bool:
        """Whether the run did what it was asked to; the verdict's word."""
        return self.verdict.converged

    @property
    def failed(self) -> bool:
        """Whether the run blew up."""
        return self.verdict.kind in ("diverged", "nonfinite")

    @property
    def best_run(self) -> Run | None:
        """The run with what helped; the run as it was where nothing did."""
        return self.run if self.best is None else run_of(self.best)

    def save(self, path: str | Path) -> Path:
        """Write the run with what helped, and of a table its model, to a folder.

        Args:
            path: a new folder, or one of an earlier run, which is replaced.

        Raises:
            UsageError: nothing was tried, or nothing helped.
            DataError: the folder cannot be written, or holds other things.
        """
        if not self.kept:
            raise UsageError("save: there is no better run; no remedy helped.")
        if isinstance(self.best, Fitted):
            return self.best.save(path)
        folder = new_folder(path)
        save_run(self.best, folder)
        return folder

    def to_json(self) -> dict[str, Any]:
        """The diagnosis as plain data (schema steepest.diagnosis/1)."""
        return {
            "schema": SCHEMA,
            "converged": self.converged,
            "verdict": self.verdict.to_json(),
            "read": self.read,
            "missing": list(self.missing),
            "tried": [one.to_json() for one in self.tried],
            "kept": self.kept,
            "best": self._best_json(),
        }

    def _best_json(self) -> dict[str, Any] | None:
        """The run with what helped, where anything did."""
        if not self.kept:
            return None
        if isinstance(self.best, Run):
            return self.best.to_json(trace=False)
        return self.best.to_json()

    def __repr__(self) -> str:
        """A few lines a person can read."""
        lines = [self.verdict.headline, f"  read     {told(self.read)}"]
        if self.missing:
            lines.append(f"  missing  {', '.join(self.missing)}")
        for one in self.verdict.findings:
            numbers = ", ".join(f"{k} {v:.4g}" for k, v in one.evidence.items())
            shown = f" ({numbers})" if numbers else ""
            lines.append(f"  {one.severity:<7}  {one.symptom}: {one.advice}{shown}")
        for trial in self.tried:
            done = "kept" if trial.helps else "not kept"
            numbers = f"{trial.measure} {trial.before:.4g} -> {trial.after:.4g}"
            lines.append(f"  tried    {worded(trial.remedy)}: {numbers}, {done}")
        return "\n".join(lines)


def diagnose(what: Any, *, remedy: bool = False) -> Diagnosis:
    """What a run came to, what ails it, and what to do about it.

    A run is judged anew, by the rules of this version, from its rows and settings and
    from what was measured at its end. Rows from elsewhere are judged by themselves:
    whether they fall, have settled, rise or ran away; that an end is a minimum is never
    claimed of them.

    Args:
        what: a Run; a Fitted, an estimator or a search, of which the run is judged; a
            Trace; rows (a list of dicts, a dict of columns, a frame); or a path: of a
            run folder, finished or not, of a trace.jsonl, or of the CSV, JSON or JSON
            lines of any program. Columns go by their usual names: step, iteration,
            epoch; loss, train_loss, objective, cost; grad_norm; learning_rate, lr;
            val_loss, eval_loss; in any case, also with train/ before them.
        remedy: whether what the findings advise is tried, one after the other, and
            what helps is kept: see `tried`, `kept` and `best`. For a run that
            can be made again: one of this process, or one that its folder tells of.

    Returns:
        A Diagnosis: its verdict, what was read, what was missing, what was tried.

    Raises:
        UsageError: nothing that can be judged, or, with remedy, made again.
        DataError: a path at which no run and no rows are, or rows without losses.

    >>> import steepest as sp
    >>> sp.diagnose({"loss": [2.0, 4.0, 16.0, 256.0, 65536.0]}).verdict.kind
    'diverged'
    >>> run = sp.minimize("x**2", {"x": 3.0}, optimizer="gd", learning_rate=2.0)
    >>> cured = sp.diagnose(run, remedy=True)
    >>> cured.verdict.kind, cured.kept, cured.best.verdict.kind
    ('diverged', {'learning_rate': 0.5}, 'minimum')
    """
    found = evidence_of(what)
    if found.run is not None:
        verdict, missing = judged_anew(found.run)
    else:
        verdict = judge_trace(Case(found.trace, settings=found.settings))
        missing = ()
    notes = tuple(Finding("note", "info", note) for note in found.notes)
    if found.missing:
        told = f"not there: {', '.join(found.missing)}; judged without."
        notes = (*notes, Finding("note", "info", told))
    ended = found.what != UNFINISHED  # one that goes on has not done what was asked
    findings = (*verdict.findings, *notes)
    verdict = replace(verdict, findings=findings, converged=verdict.converged and ended)
    missing = (*found.missing, *missing)
    told = verdict, _read(found), missing
    tried = try_remedies(_subject(what, found), verdict) if remedy else NOTHING_TRIED
    return Diagnosis(*told, *tried, trace=found.trace, run=found.run)


def _subject(what: Any, found: Evidence) -> Any:
    """What can be made again: the Run, or of a table the Fitted with its metrics."""
    if isinstance(what, Fitted):
        return what
    if found.what == UNFINISHED:
        raise UsageError(
            f"remedy=True: the run in {found.path} has not ended; go on with it first "
            f"(steepest resume {found.path}), or run it again."
        )
    if found.run is None:
        raise UsageError(
            f"remedy=True: {found.what} cannot be made again. Give a run of "
            "steepest: a Run, a Fitted, or the folder that it was saved in."
        )
    if isinstance(what, str | Path) and (Path(what).expanduser() / MODEL).is_file():
        return load(what)
    return found.run


def told(read: Mapping[str, Any]) -> str:
    """What was read, in words.

    Args:
        read: of a Diagnosis.

    >>> told({"what": "a Trace", "path": "", "rows": 1200})
    'a Trace, 1,200 rows'
    """
    path = f" {read['path']}" if read["path"] not in ("", "the rows") else ""
    rows = f"{read['rows']:,} row" + ("" if read["rows"] == 1 else "s")
    return f"{read['what']}{path}, {rows}"


def judged_anew(run: Run) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on a run by today's rules, and what could not be asked again.

    What needs the function or the table was measured when the run ended: what sort of
    point its end is, and findings that rest on that alone, are taken from its verdict.

    Args:
        run: the run.
    """
    before, case = run.verdict, Case(run.trace, run.stop, run.settings)
    measured = run.measured
    if measured is None:
        case = case._replace(curvature=_curvature(before))
    else:
        case = with_measured(case, measured)
    case = case._replace(kind=before.kind, converged=before.converged).measured()
    found = findings_of(case)
    new = {one.symptom for one in found}
    ails = any(one.severity != "info" for one in found)
    kept = [
        one
        for one in before.findings
        if one.symptom not in new
        and (measured is None or one.symptom not in SYMPTOMS)
        and not (one.symptom == END and ails)
    ]
    gravest = sorted((*found, *kept), key=lambda one: GRAVITY.index(one.severity))
    return replace(before, findings=tuple(gravest)), _unasked(run)


def _unasked(run: Run) -> tuple[str, ...]:
    """What a run that an earlier steepest made does not tell."""
    if run.measured is not None:
        return ()
    return ("what was measured at the end (an older run: its own findings are kept)",)


def _curvature(verdict: Verdict) -> Curvature | None:
    """The curvature that a verdict has as evidence."""
    told = {k: v for one in verdict.findings for k, v in one.evidence.items()}
    ends = (told.get("eigenvalue_min"), told.get("eigenvalue_max"))
    if ends[0] is None or ends[1] is None:
        return None
    noise = float(np.finfo(float).eps) * max(abs(ends[0]), abs(ends[1]))
    return Curvature(ends[0], ends[1], noise)


def _read(found: Evidence) -> dict[str, Any]:
    return {
        "what": found.what,
        "path": found.path,
        "rows": found.rows,
        "columns": dict(found.columns),
        "unused": list(found.unused),
    }
