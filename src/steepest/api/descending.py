"""A descent on a function: everything checked first, then carried out and judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from steepest.api.asked import Asked
from steepest.api.keeping import bound_of, keeping
from steepest.api.runs import make_run, recorded
from steepest.core import random, tree
from steepest.core.errors import DataError, UsageError
from steepest.core.plain import tree_to_json
from steepest.descent.jax_engine import JaxEngine
from steepest.descent.loop import descend
from steepest.descent.parts import Ended, Event, Watcher
from steepest.descent.sources import FunctionSource
from steepest.descent.watchers import progress_bar
from steepest.diagnosis import (
    Curvature,
    Way,
    on_bounds,
    overshoots,
    worth_a_look,
)
from steepest.diagnosis.case import Case
from steepest.diagnosis.escape import Scout
from steepest.diagnosis.probes.kinks import imbalance
from steepest.diagnosis.probes.places import Place
from steepest.diagnosis.probes.slopes import Mismatch, mismatch
from steepest.diagnosis.stored import measured_json
from steepest.diagnosis.verdicts import judge_case
from steepest.problems.bounds import Bounds, box
from steepest.problems.foreign import Foreign
from steepest.problems.objectives import FunctionObjective
from steepest.problems.start import Problem, pose
from steepest.records import Run, Stop, Stopping
from steepest.records.folder import save_run
from steepest.records.state import State
from steepest.steps import OPTIMIZERS, Rule, settle

DENSE = 200
"""Up to here "auto" keeps the whole inverse Hessian, which solves a little more."""
PATH_LIMIT = 1000
"""With more params than this the path is recorded only when asked for."""


class Task(NamedTuple):
    """A descent that may begin: all that was asked has been checked."""

    problem: Problem
    bounds: Bounds | None
    rule: Rule
    numbers: dict[str, Any]
    stopping: Stopping
    engine: JaxEngine
    key: Any
    asked: dict[str, Any]
    """The options of `minimize`, as given."""

    @property
    def sign(self) -> float:
        """1 downhill, -1 uphill."""
        return self.engine.objective.sign


def set_up(objective: Any, start: Any, sign: float, **asked: Any) -> Task:
    """Check all that was asked; nothing is compiled and nothing is run.

    Args:
        objective: as for `minimize`.
        start: as for `minimize`.
        sign: 1 to minimise, -1 to maximise.
        **asked: every option of `minimize`, and its `hyper`.

    Raises:
        UsageError, FormulaError, DataError: as `minimize`.
    """
    stopping = Stopping(
        **{k: asked[k] for k in Stopping.__dataclass_fields__ if k in asked}
    )
    key = random.key(asked["seed"])
    problem = pose(objective, start, asked["grad"])
    bounds = box(asked["bounds"], problem.start)
    if bounds is not None and isinstance(problem.fn, Foreign):
        problem.fn.keep_within(bounds.low, bounds.high)
    size = tree.size(problem.start)
    rule, numbers = settle(
        choose(asked, size, bounded=bounds is not None),
        asked["learning_rate"],
        schedule=asked["schedule"],
        clip_norm=asked["clip_norm"],
        clip_value=asked["clip_value"],
        horizons={"step": stopping.max_steps},
        **asked["hyper"],
    )
    if bounds is not None:
        _check_projects(rule)
    escapes(asked)
    path = asked["record_path"]
    if path not in (True, False, "auto"):
        raise UsageError(f"record_path={path!r}: must be True, False or 'auto'.")
    engine = JaxEngine(
        FunctionObjective(problem.fn, sign),
        rule,
        {**numbers, "objective": {}, "bounds": bounds},
        stopping.limits(sign),
        path=size <= PATH_LIMIT if path == "auto" else bool(path),
        stochastic=False,
        precision="float64",
    )
    return Task(problem, bounds, rule, numbers, stopping, engine, key, asked)


def choose(asked: dict[str, Any], size: int, *, bounded: bool) -> Any:
    """The optimizer that was asked for, or what "auto" stands for here.

    Args:
        asked: the options of `minimize`.
        size: how many params there are.
        bounded: whether there are bounds.

    >>> asked = {"optimizer": "auto", "learning_rate": None}
    >>> choose(asked, 2, bounded=False), choose(asked, 2, bounded=True)
    ('bfgs', 'bb')
    """
    if not is_auto(asked):
        return asked["optimizer"]
    if asked["learning_rate"] is not None:
        return "gd"
    if asked.get("clip_norm") or asked.get("clip_value"):
        return "adgd"  # a line search needs the whole gradient
    if bounded:
        return "bb"
    return "bfgs" if size <= DENSE else "lbfgs"


def is_auto(asked: dict[str, Any]) -> bool:
    """Whether the choice of optimizer was left to us.

    >>> is_auto({"optimizer": "auto"})
    True
    """
    return isinstance(asked["optimizer"], str) and asked["optimizer"] == "auto"


def escapes(asked: dict[str, Any]) -> bool:
    """Whether the run goes on where its end is not the best point in sight.

    >>> escapes({"optimizer": "auto", "learning_rate": None, "escape": "auto"})
    True
    """
    escape = asked["escape"]
    if escape not in (True, False, "auto"):
        raise UsageError(f"escape={escape!r}: must be True, False or 'auto'.")
    if escape == "auto":
        return is_auto(asked) and asked["learning_rate"] is None
    return bool(escape)


def _check_projects(rule: Rule) -> None:
    if rule.optimizer.projects:
        return
    able = ", ".join(name for name, entry in OPTIMIZERS.items() if entry.projects)
    raise UsageError(
        f"bounds: optimizer {rule.optimizer.name} cannot keep them; use "
        f"optimizer='auto', or one that can: {able}."
    )


def carry_out(task: Task, record: Asked | None = None, *, resumed: bool = False) -> Run:
    """Run a task to its end and judge what it came to.

    Args:
        task: from `set_up`.
        record: what was asked, where the run is saved.
        resumed: whether it goes on from what its folder holds.

    Returns:
        The Run, saved where that was asked for.

    Raises:
        DataError: a function that is not finite at the start, or failed on the way.
    """
    problem, engine, asked = task.problem, task.engine, task.asked
    watchers: list[Watcher] = [*progress_bar(asked["progress"], task.stopping)]
    if problem.foreign:
        watchers.append(Faults(problem))
    state = engine.start(problem.start, None, task.key)
    scout = scout_of(task)
    bound = bound_of(record, settings_of(task))
    with keeping(record, asked, bound, resumed=resumed) as kept:
        ended = descend(
            engine,
            FunctionSource(),
            state,
            task.stopping,
            watchers=[*watchers, *kept.watchers],
            escape=_way_on(engine, scout) if escapes(asked) else None,
            resume=kept.snapshot,
        )
        problem.check()  # the last evaluation is made when the watchers are gone
        check_first(ended, problem)
        run = recorded(judged(task, ended, scout), record)
        kept.save(lambda folder: save_run(run, folder), ended.stop)
    return run


def _way_on(engine: JaxEngine, scout: Scout) -> Callable[[State, Stop], State | None]:
    """From where a tolerance holds to the State that the run goes on from."""

    def leave(state: State, stop: Stop) -> State | None:
        drop = float(state.watch.first_value) - float(state.watch.last.value)
        small = stop is Stop.GRADIENT_SMALL
        way = scout.onward(state.params, drop, small=small)
        if way is None or (way.closer and not engine.look_closer()):
            return None
        return engine.go_on(state, way.params)

    return leave


def scout_of(task: Task) -> Scout:
    """Who looks around the end of a task.

    Args:
        task: from `set_up`.
    """
    return Scout(task.problem.fn, task.sign, task.bounds)


def judged(task: Task, ended: Ended, scout: Scout) -> Run:
    """The Run of a task that has ended.

    Args:
        task: from `set_up`.
        ended: what the loop handed back.
        scout: looks around the end.
    """
    settings = settings_of(task)
    curvature, way = _surroundings(task, ended, settings, scout)
    place = Place() if way is None else way.place
    case = Case(ended.trace, ended.stop, settings, curvature=curvature, way=way)
    case = case._replace(place=place, slope=_slope(task, ended))
    verdict, case = judge_case(
        case,
        held=on_bounds(ended.params, task.bounds),
        imbalance=_imbalance(task, ended, way),
    )
    params = _like(task.problem.start, ended.params)
    measured = measured_json(case)
    return make_run(
        ended, params=params, verdict=verdict, settings=settings, measured=measured
    )


class Faults:
    """Raises what went wrong in a NumPy function as soon as its stretch is done.

    Args:
        problem: whose function it is.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def open(self) -> None:
        """Nothing is to be done."""

    def tell(self, event: Event) -> None:
        """Look for a fault."""
        del event
        self.problem.check()

    def close(self) -> None:
        """Nothing is to be done."""


def check_first(ended: Ended, problem: Problem) -> None:
    """Refuse a function that has no value or no gradient where the run begins.

    Args:
        ended: what the loop handed back.
        problem: what was run.

    Raises:
        DataError: it is not finite there.
    """
    if ended.stop is Stop.NONFINITE and int(ended.state.step) == 0:
        first = ended.trace.value[0]
        largest = np.abs(tree.flat(ended.state.watch.last.grad)).max()
        if np.isfinite(first) and np.isfinite(largest):
            raise DataError(
                f"{problem.label}: the slope at the start is {largest:.0e}, so steep "
                "that the norm of the gradient overflows; multiply the function by "
                f"{1 / largest:.0e}."
            )
        if not np.isfinite(first):
            raise DataError(
                f"{problem.label}: the objective is not finite at the start; "
                "start where the function is defined and smooth."
            )
        raise DataError(
            f"{problem.label}: its gradient is not finite at the start, though its "
            "value is; start where the function is smooth. If jnp.where hides a branch "
            "that is not finite, give that branch a safe input by a second jnp.where."
        )


def settings_of(task: Task) -> dict[str, Any]:
    """What was asked and what was chosen, as plain data.

    Args:
        task: from `set_up`.
    """
    problem, rule, numbers, asked = task.problem, task.rule, task.numbers, task.asked
    rate = None if rule.optimizer.learning_rate is None else numbers["learning_rate"]
    schedule, bounds = asked["schedule"], task.bounds
    settings = {
        "objective": problem.label,
        "direction": "minimize" if task.sign > 0 else "maximize",
        "start": tree_to_json(problem.start)[0],
        "bounds": None if bounds is None else [tree_to_json(end)[0] for end in bounds],
        "gradient": _gradient(problem),
        "optimizer": rule.optimizer.name,
        "optimizer_chosen": "auto" if is_auto(asked) else "asked",
        "searches": rule.searches,
        "learning_rate": None if rule.rate_of is not None else rate,
        "backtracking": asked["learning_rate"] == "backtracking",
        "schedule": str(schedule) if schedule is not None else None,
        **numbers["hyper"],
        **numbers["clips"],
    }
    names = ("gtol", "ftol", "xtol", "target", "patience", "max_steps", "max_seconds")
    return {
        **settings,
        **{name: asked[name] for name in names},
        "escape": escapes(asked),
        "seed": asked["seed"],
        "precision": "float64",
        "notes": list(problem.notes),
    }


def _gradient(problem: Problem) -> str:
    """How the gradients are made."""
    if not isinstance(problem.fn, Foreign):
        return "jax"
    return "given" if problem.fn.exact else "central differences"


def _surroundings(
    task: Task, ended: Ended, settings: dict[str, Any], scout: Scout
) -> tuple[Curvature | None, Way | None]:
    """Measured where the verdict asks for it: at ends that claim something."""
    sign, trace = task.sign, ended.trace
    if ended.stop in (Stop.INTERRUPTED, Stop.TARGET):
        return None, None
    claims = overshoots(trace, climbs=sign < 0) or worth_a_look(trace, settings)
    if ended.stop.budget and not claims:
        return None, None
    with task.engine.scope():
        return scout.survey(ended.params)


def _imbalance(task: Task, ended: Ended, way: Way | None) -> float | None:
    """Measured where a run came to rest: it may be at a kink."""
    if way is None or ended.stop is not Stop.PRECISION:
        return None
    fn, sign = task.problem.fn, task.sign
    with task.engine.scope():
        return imbalance(fn, ended.params, sign=sign, bounds=task.bounds)


def _slope(task: Task, ended: Ended) -> Mismatch | None:
    """Where a gradient that somebody wrote is wrong: at the end, or half way to it."""
    points, path = [("at the end", ended.params)], ended.trace.path
    middle = len(ended.trace) // 2
    if path is not None and middle:
        points += [("half way", jax.tree.map(lambda rows: rows[middle], path))]
    with task.engine.scope():
        return mismatch(task.problem.fn, points)


def _like(start: Any, params: Any) -> Any:
    """Params in the shape of the start: numbers for numbers, arrays for arrays."""
    return jax.tree.map(
        lambda old, new: float(new) if isinstance(old, float) else np.array(new),
        start,
        params,
    )
