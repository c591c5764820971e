"""What both estimators share: from checked arrays to coefficients, by the one loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state

from steepest.api import linear_choice as choice
from steepest.api import linear_legs as legs
from steepest.api.fit_plan import AUTO_FTOL
from steepest.api.linear_rules import check_average, check_jax, rule_for
from steepest.api.own_losses import is_own
from steepest.api.rounding import exact_end
from steepest.api.runs import make_run
from steepest.api.sparse_fits import narrowed, used_columns, widened
from steepest.api.strength import is_smooth, strength_of
from steepest.core import random
from steepest.core.errors import DataError, UsageError
from steepest.core.numbers import is_number
from steepest.data.blocks import batch_rows
from steepest.data.orders import split
from steepest.descent.linear_tables import Table
from steepest.descent.loop import descend
from steepest.diagnosis import judge_fit
from steepest.diagnosis.case import Case
from steepest.diagnosis.rounding import judge_rounded
from steepest.estimators.network_stream import NetworkStream
from steepest.estimators.networks import Learnt, learn, that_count
from steepest.estimators.refusals import (
    check_options,
    check_validation,
    checked,
    checked_weights,
    refuse_huge,
)
from steepest.estimators.rows import Rows, np_tree, plain, table_of
from steepest.estimators.scale import Scale, scale_of, target_scale
from steepest.problems.losses import Loss
from steepest.problems.models import MLP, Linear
from steepest.records import Run, Stopping
from steepest.steps import LINEAR_OPTIMIZERS, settle

Array = np.ndarray[Any, Any]
MOST_PASSES = 1000
"""Passes of a descent to the optimum, unless `epochs` says otherwise."""
LEAST_TOL = {4: 1e-6}
"""Gradients of rows in float32, by the bytes of a number: below it all is rounding."""
PASSES = 20
"""Passes of steps on batches."""
COEFFICIENTS = ("coef_", "intercept_")
"""What linear models alone have."""


class Descent(BaseEstimator):
    """How the options of both estimators are carried out."""

    hidden: Any
    optimizer: Any
    learning_rate: float | None
    schedule: Any
    batch_size: int | str
    average: bool
    epochs: int | None
    l1: float
    l2: float | str
    tol: float
    fit_intercept: bool
    standardize: bool
    validation: Any
    patience: int | None
    max_seconds: float | None
    random_state: Any

    def __sklearn_tags__(self) -> Any:
        """Rows may be sparse where the model is linear."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.hidden is None
        return tags

    def __getattr__(self, name: str) -> Any:
        """Says why a network has no coefficients."""
        if name in COEFFICIENTS and self.__dict__.get("hidden") is not None:
            raise AttributeError(
                f"{name}: is of a linear model, and hidden={self.hidden!r} makes a "
                "network; its numbers are in network_.params, once it is fitted."
            )
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def _checked(self, X: Any, y: Any, *, reset: bool, **options: Any) -> Any:
        return checked(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr" if self.hidden is None else False,
            accept_large_sparse=False,
            dtype=[np.float64, np.float32],
            order="C",
            **options,
        )

    def _weights(self, sample_weight: Any, X: Any) -> Array:
        return checked_weights(sample_weight, X)

    @property
    def _seed(self) -> int:
        state = self.random_state
        if isinstance(state, int | np.integer):
            return random.check_seed(int(state))
        return int(check_random_state(state).randint(2**31 - 1))

    def _learn(self, loss: Loss, rows: Rows, classes: int, known: Learnt | None) -> Run:
        """The run that makes network_, from a known one or afresh."""
        check_options(self)
        train, held = map(that_count, self._parted(rows, loss))
        scale = self._scale(train, loss)
        asked = {**self.get_params(deep=False), "seed": self._seed}
        self.network_, run = learn(asked, loss, train, held, scale, classes, known)
        self._forget(*COEFFICIENTS)
        self._stream = None
        self.n_iter_ = max(1, int(run.trace.epoch[-1]))
        self._n_rows = float(train.weight.sum())
        return run

    def _forget(self, *names: str) -> None:
        """Leave nothing of another kind of model."""
        for name in names:
            self.__dict__.pop(name, None)

    def _known_network(self, n_outputs: int) -> Learnt | None:
        """The last network, if another can begin at it."""
        known = self.__dict__.get("network_")
        if known is None or known.recipe != MLP(hidden=self.hidden):
            return None
        if known.params.hidden[0].linear.weight.shape[1] != self.n_features_in_:
            return None
        known = known.with_outputs(n_outputs)
        return known if len(known.params.output.bias) == n_outputs else None

    @property
    def _going(self) -> Any:
        """The stream of the model that is asked for, None where none is open."""
        stream = self.__dict__.get("_stream")
        fits = isinstance(stream, NetworkStream) == (self.hidden is not None)
        return stream if fits else None

    def _open_network(self, n_outputs: int) -> NetworkStream:
        """A stream that goes on from network_, or begins a fresh one."""
        check_options(self)
        asked = {**self.get_params(deep=False), "seed": self._seed}
        known = self._known_network(n_outputs)
        if known is None:
            return NetworkStream.begin(asked, self.n_features_in_, n_outputs)
        return NetworkStream(asked, known, self._n_rows)

    def _descend(
        self, loss: Loss, rows: Rows, n_outputs: int, start: Any
    ) -> tuple[Array, Array, Run]:
        """(coef (k, d), intercept (k,), the run) of one descent."""
        train, held = self._parted(rows, loss)
        scale = self._scale(train, loss)
        model = Linear(bias=bool(self.fit_intercept))
        penalties = self._penalties(train.weight, loss)
        table, width = table_of(train, scale), rows.X.shape[1]
        params = (width + 1) * n_outputs
        rule, numbers, plan = self._steps(loss, table, params)
        used = used_columns(table) if start is None else None
        fit = legs.Linear(
            model,
            loss,
            narrowed(table, used),
            None if held is None else narrowed(table_of(held, scale), used),
            n_outputs,
            rule,
            {**numbers, "objective": penalties},
            plan["stopping"],
            plan["batch_size"],
            plan["first"],
            self._seed,
            plan["to_optimum"],
            self.average,
        )
        fit, reason = self._penalised(fit)
        parts = legs.parts_of(fit, whole=True)
        if parts is None:
            check_jax(rule, numbers, loss, average=self.average)
            raise UsageError(
                f"optimizer={self.optimizer!r}: takes whole gradients; leave "
                "batch_size out, or set it to 'full'."
            )
        params = self._begin(scale, fit.train.n_columns, n_outputs, start)
        state = parts.engine.start(params, (), random.key(self._seed))
        ended = descend(
            parts.engine,
            parts.source,
            state,
            parts.stopping,
            then=parts.then,
            judge=parts.judge,
            escape=parts.escape,
        )
        ended, gap = exact_end(parts, ended)
        found = widened(legs.tree_of(fit, np_tree(ended.params)), used, width)
        settings = self._told(rule, numbers, plan)
        settings |= {"penalty": fit.numbers["objective"], "chosen": reason}
        verdict = judge_fit(Case(ended.trace, ended.stop, settings))
        if gap is not None:
            verdict = judge_rounded(
                verdict, ended.stop, gap, validated=held is not None
            )
        run = make_run(ended, params=found, verdict=verdict, settings=settings)
        bias = np.asarray(found.get("bias", np.zeros(n_outputs)), float)
        coef, intercept = scale.to_user(np.asarray(found["weight"], float), bias)
        return coef, intercept if self.fit_intercept else np.zeros(n_outputs), run

    def _penalised(self, fit: legs.Linear) -> tuple[legs.Linear, dict[str, str]]:
        """The fit with the l2 that was left to us, and why it is that."""
        free = isinstance(self.l2, str) and fit.to_optimum and not fit.l1
        if not (free and is_smooth(fit.loss)):
            return fit, {}
        found = strength_of(fit)
        numbers = {**fit.numbers, "objective": {"l2": found.l2}}
        return fit._replace(numbers=numbers), {"l2": found.reason}

    def _parted(self, rows: Rows, loss: Loss) -> tuple[Rows, Rows | None]:
        """(training rows, validation rows or None)."""
        asked = check_validation(self.validation)
        if asked is None:
            return rows, None
        if isinstance(asked, tuple):
            return rows, self._held(*asked)
        classes = rows.y if "regression" not in loss.tasks else None
        places = split(len(rows.y), asked, seed=self._seed, strata=classes)
        kept, out = (Rows(*(part[at] for part in rows)) for at in places)
        if not kept.weight.any() or not out.weight.any():
            raise DataError(
                f"validation={asked}: every row on one side of the split weighs 0; "
                "hold out another share, or rows of your own: (X, y)."
            )
        return kept, out

    def _held(self, X: Any, y: Any, sample_weight: Any = None) -> Rows:
        """Validation rows of the user's own."""
        try:
            X, y = self._checked(X, y, reset=False)
            return Rows(X, self._encoded(y), self._weights(sample_weight, X))
        except ValueError as error:
            raise DataError(f"validation: {error}") from error

    def _encoded(self, y: Array) -> Array:
        """The target as a loss sees it."""
        return np.asarray(y, float)

    def _scale(self, train: Rows, loss: Loss) -> Scale:
        centre, d = bool(self.fit_intercept), train.X.shape[1]
        scale = Scale(np.zeros(d), np.ones(d))
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            if self.standardize:
                scale = scale_of(train.X, train.weight, centre=centre)
            if loss.scales_target:
                middle, spread = target_scale(train.y, train.weight, centre=centre)
                scale = scale._replace(centre=middle, spread=spread)
        refuse_huge(scale, train.y)
        return scale

    def _steps(
        self, loss: Loss, table: Table, numbers: int
    ) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """(rule, its numbers, what else was chosen) for a table and so many params."""
        n, least = len(table.target), LEAST_TOL.get(table.dtype.itemsize, 0.0)
        check_options(self)
        asked = rule_for(self.optimizer, Linear())
        check_average(
            self.average, Linear(), asked, self.batch_size, self.learning_rate
        )
        auto = isinstance(asked, str) and asked == "auto"
        batch_size, first = self.batch_size, None
        free = auto and batch_size == "auto" and self.learning_rate is None
        able = loss.convex or is_own(loss)
        if to_optimum := free and able and not self.average:
            case = choice.Case(loss, self.l1, n, numbers)
            optimizer, batch_size = case.rule, "full"
            first = case.first(standardize=self.standardize)
        else:
            optimizer = "adagrad" if auto else asked
        rule, settled_to = settle(optimizer, self.learning_rate, schedule=self.schedule)
        if batch_size == "auto":
            by_rows = rule.optimizer.name in LINEAR_OPTIMIZERS
            whole = rule.optimizer.full_gradient
            batch_size = "full" if whole else 1 if by_rows else min(32, n)
        size = batch_rows(batch_size, n)
        passes = MOST_PASSES if size == n else PASSES
        stopping = Stopping(
            gtol=max(self.tol, least) if size == n else None,
            ftol=AUTO_FTOL if to_optimum and choice.kinked(loss, self.l1) else None,
            patience=self.patience,
            max_epochs=passes if self.epochs is None else self.epochs,
            max_seconds=self.max_seconds,
        )
        plan = {"stopping": stopping, "batch_size": size, "first": first}
        return rule, settled_to, {**plan, "to_optimum": to_optimum}

    def _penalties(self, weight: Array, loss: Loss) -> dict[str, float]:
        auto = isinstance(self.l2, str) and self.l2 == "auto"
        bare = isinstance(self.optimizer, str) and self.optimizer in LINEAR_OPTIMIZERS
        # the unit of a user's loss of numbers is unknown: any l2 may be too much
        unknown = is_own(loss) and isinstance(self, RegressorMixin)
        usual = 0.0 if bare or unknown else 1 / weight.sum()
        found = {"l1": self.l1, "l2": usual if auto else self.l2}
        for name, number in found.items():
            if not (is_number(number) and 0 <= number < np.inf):
                raise UsageError(f"{name}={number!r}: must be >= 0 and finite.")
        return {name: float(number) for name, number in found.items() if number}

    def _begin(self, scale: Scale, d: int, k: int, start: Any) -> dict[str, Array]:
        weight, bias = np.zeros((d, k)), np.zeros(k)
        if start is not None:
            weight, bias = scale.from_user(*start)
        params = {"weight": weight}
        return {"bias": bias, **params} if self.fit_intercept else params

    def _told(self, rule: Any, numbers: Any, plan: dict[str, Any]) -> dict[str, Any]:
        stopping = plan["stopping"]
        rate = (
            None if rule.optimizer.learning_rate is None else numbers["learning_rate"]
        )
        return {
            **{name: plain(value) for name, value in self.get_params().items()},
            "optimizer": rule.optimizer.name,
            "first": None if plan["first"] is None else str(plan["first"]),
            "learning_rate": rate,
            "batch_size": plan["batch_size"],
            "epochs": stopping.max_epochs,
            "gtol": stopping.gtol,
        }
