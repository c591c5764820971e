"""Remedies, tried: each is run, and what helps is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from steepest.api.again import Again
from steepest.api.asked import Asked, check_files, given_back
from steepest.api.fitted import Fitted
from steepest.api.functions import maximize, minimize
from steepest.api.restarting import restarts
from steepest.api.searching import LONE
from steepest.api.tables import fit
from steepest.core import plain
from steepest.core.errors import SteepestError, UsageError
from steepest.records import Run, Verdict

MOST = 8
"""Remedies that are tried at most."""
BETTER = 5e-3
"""A measure better by this share is better; one worse by as much is worse."""
TRUST = ("leaking_column", "wrong_gradient", "collinear_columns", "constant_columns")
"""Symptoms whose numbers were not to be trusted: gone is cured, whatever the loss."""
UNRUN = "could not be run"
LAST: dict[str, Any] = {"optimizer": "auto", "learning_rate": None}
"""What is tried of a run that ailed when no finding has more to say."""
DOORS: dict[str, Callable[..., Any]] = {
    "minimize": minimize,
    "maximize": maximize,
    "fit": fit,
}


@dataclass(frozen=True)
class Trial:
    """One remedy, and what came of it.

    Args:
        symptom: what it is to cure.
        remedy: the options that were changed.
        measure: what is compared, such as "value" or "log_loss".
        before: the measure without it.
        after: the measure with it; nan where it could not be run.
        helps: whether it is kept: later remedies are tried on top of it.
        outcome: the headline that the run then had, or why it could not be made.
    """

    symptom: str
    remedy: dict[str, Any]
    measure: str
    before: float
    after: float
    helps: bool
    outcome: str

    @property
    def failed(self) -> bool:
        """Whether it could not be run."""
        return math.isnan(self.after) and self.outcome.startswith(UNRUN)

    def to_json(self) -> dict[str, Any]:
        """The trial as plain data."""
        numbers = {
            name: plain.number_to_json(getattr(self, name))
            for name in ("before", "after")
        }
        return {**asdict(self), **numbers}


class Tried(NamedTuple):
    """What came of all remedies."""

    trials: tuple[Trial, ...]
    """In the order in which they were made."""
    kept: dict[str, Any]
    """The options that helped, together."""
    best: Any
    """The Run, or the Fitted, with these; None where nothing was tried."""


NOTHING_TRIED = Tried((), {}, None)


def try_remedies(
    what: Any, verdict: Verdict, *, tell: Callable[[str], None] | None = None
) -> Tried:
    """Try what the findings of a run advise, one after the other, and keep what helps.

    A remedy helps where the measure gets better by more than half a percent: the value
    of a function, the error on validation rows of a table (on training rows where
    there are none), both rid of any penalty; or where nothing is lost and the run now
    converges. Where the numbers could not be trusted (`TRUST`), it helps where the
    finding is gone. The next remedy is tried on top, from
    the findings of the run that is then the best.

    Args:
        what: a Run or a Fitted, made in this process or saved in a folder.
        verdict: its verdict.
        tell: is told each remedy before it is tried.

    Raises:
        UsageError: it cannot be made again: nothing tells how it was made.
        DataError: a file that it read has changed since.

    >>> run = minimize("x**2 + 10*y**2", {"x": 3.0, "y": 1.0}, optimizer="gd",
    ...                learning_rate=0.2, max_steps=50)
    >>> tried = try_remedies(run, run.verdict)
    >>> tried.trials[0].helps, tried.best.converged
    (True, True)
    """
    best, kept, trials = what, dict[str, Any](), list[Trial]()
    seen = list[dict[str, Any]]()
    again, ailed = _again_of(what), _gravest(verdict)
    while len(trials) < MOST:
        symptom, remedy = _next(verdict, seen, again)
        if not remedy and ailed and not verdict.converged:
            symptom, remedy = ailed, _left(seen, again)
        if not remedy:
            break
        seen.append(remedy)
        if tell is not None:
            tell(worded(remedy))
        trial, found = _try(best, verdict, symptom, {**kept, **remedy}, remedy, again)
        trials.append(trial)
        if trial.helps:
            best, kept = found, {**kept, **remedy}
            verdict = run_of(found).verdict
    return Tried(tuple(trials), kept, best)


def worded(remedy: Mapping[str, Any]) -> str:
    """Options as they are typed in Python; a model as `fit` takes it as text.

    Args:
        remedy: options.

    >>> worded({"learning_rate": 0.1, "model": {"kind": "mlp", "hidden": [8, 8]}})
    "learning_rate=0.1, model='mlp:hidden=8/8'"
    """
    told = {
        name: _spec(value) if name == "model" and isinstance(value, Mapping) else value
        for name, value in remedy.items()
    }
    return ", ".join(f"{name}={value!r}" for name, value in told.items())


def run_of(what: Any) -> Run:
    """The run behind a Run or a Fitted.

    Args:
        what: a Run, or a Fitted that has its run.

    Raises:
        UsageError: anything else.
    """
    run = what.run if isinstance(what, Fitted) else what
    if isinstance(run, Run):
        return run
    raise UsageError(f"a {type(what).__name__} without a run: need a Run or a Fitted.")


def _again_of(what: Any) -> Again:
    """How it is made again: as it was made in this process, or as its folder tells."""
    run = run_of(what)
    if isinstance(run.again, Again):
        return run.again
    if run.asked is None:
        raise UsageError(
            "remedy=True: nothing tells how this run was made. Give the Run itself as "
            "minimize returned it (or the Fitted of fit), or the folder that it was "
            "saved in."
        )
    record = Asked(**run.asked)
    if isinstance(record.subject, dict) and "object" in record.subject:
        raise UsageError(
            f"remedy=True: the run was given {record.subject['object']}, which no "
            "folder holds: give diagnose the Run or the Fitted as it was returned."
        )
    check_files(record.files)
    given = {name: given_back(item, name) for name, item in record.options.items()}
    name = "data" if record.door == "fit" else "objective"
    return Again(DOORS[record.door], given_back(record.subject, name), given)


def _next(
    verdict: Verdict, seen: list[dict[str, Any]], again: Again
) -> tuple[str, dict[str, Any]]:
    """(symptom, remedy) that is tried next; none where all was tried."""
    known = {finding.symptom: finding for finding in verdict.findings}
    for finding in known.values():
        told = {**again.options, **again.options["hyper"]}
        new = any(told.get(k, ...) != value for k, value in finding.remedy.items())
        if finding.remedy and new and finding.remedy not in seen:
            return finding.symptom, finding.remedy
    return "", {}


def _gravest(verdict: Verdict) -> str:
    """The first symptom that is more than worth knowing; empty where there is none."""
    ails = (one.symptom for one in verdict.findings if one.severity != "info")
    return next(ails, "")


def _left(seen: list[dict[str, Any]], again: Again) -> dict[str, Any]:
    """What is tried when no finding has more to say, once."""
    chosen = {name: again.options.get(name) for name in LAST}
    return {} if LAST in seen or chosen == LAST else LAST


def _try(
    best: Any,
    verdict: Verdict,
    symptom: str,
    changes: dict[str, Any],
    remedy: dict[str, Any],
    again: Again,
) -> tuple[Trial, Any]:
    """A remedy, run; and what came of it."""
    name, before, up = _measure(best, symptom)
    try:
        found = _made(again, changes)
    except SteepestError as error:
        why = f"{UNRUN}: {error}"
        return Trial(symptom, remedy, name, before, math.nan, False, why), None
    run = run_of(found)
    after = _measure(run if isinstance(best, Run) else found, symptom)[1]
    gone = all(one.symptom != symptom for one in run.verdict.findings)
    gain = (after - before if up else before - after) / max(_scale(best, before), 1e-12)
    helps = gain > BETTER or (gone and gain >= -BETTER and _ails(verdict, symptom))
    helps |= gone and symptom in TRUST
    helps |= run.converged and not run_of(best).converged and gain >= 0
    outcome = run.verdict.headline
    return Trial(symptom, remedy, name, before, after, bool(helps), outcome), found


def _made(again: Again, changes: dict[str, Any]) -> Any:
    """The run with changes; of many starts the best one."""
    if "restarts" not in changes:
        return again(**changes)
    options = again.with_changes(changes)
    start, n = options.pop("start"), options.pop("restarts")
    kept = {name: value for name, value in options.items() if name not in LONE}
    kept["keep_bounds"] = kept["bounds"] is not None
    door = "minimize" if again.door is minimize else "maximize"
    return restarts(again.subject, start, n=n, direction=door, **kept).best


def _ails(verdict: Verdict, symptom: str) -> bool:
    """Whether a symptom is more than worth knowing."""
    found = [one for one in verdict.findings if one.symptom == symptom]
    return any(one.severity != "info" for one in found)


def _measure(what: Any, symptom: str) -> tuple[str, float, bool]:
    """(name, number, whether large is good) of what a remedy is to make better."""
    if isinstance(what, Run):
        curve = what.trace.validation.loss
        if len(curve):
            return "validation loss", float(np.nanmin(curve)), False
        return "value", what.value, what.settings.get("direction") == "maximize"
    scores = next(iter(what.metrics.values()))
    if symptom == "imbalance" and "roc_auc" in scores:
        return "roc_auc", scores["roc_auc"], True
    for name in _ERRORS.get(str(what.loss).partition(":")[0], ("rmse", "log_loss")):
        if name in scores:
            return name, scores[name], False
    name, score = next(iter(scores.items()))
    return name, score, True


_ERRORS = {"absolute": ("mae",), "huber": ("mae",), "quantile": ("mae",)}
"""What tells more of these losses than the rmse."""


def _scale(what: Any, before: float) -> float:
    """What a gain is a share of: of a function, the way from its start."""
    if not isinstance(what, Run):
        return abs(before)
    values = what.trace.value
    return abs(float(values[0]) - before) if len(values) else abs(before)


def _spec(recipe: Mapping[str, Any]) -> str:
    """A model as text: its kind, then what is not as it always is."""
    options = [
        f"{name}={_text(value)}" for name, value in recipe.items() if name != "kind"
    ]
    return recipe["kind"] + (f":{','.join(options)}" if options else "")


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "/".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
