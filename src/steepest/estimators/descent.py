"""What both estimators share: from checked arrays to coefficients, by the one loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from steepest.api import linear_legs as legs
from steepest.api.runs import make_run
from steepest.core import random
from steepest.core.errors import UsageError
from steepest.core.numbers import is_number
from steepest.core.spec import parse_spec
from steepest.data.blocks import batch_rows
from steepest.descent.kernels import Csr
from steepest.descent.linear_engine import Table
from steepest.descent.loop import descend
from steepest.diagnosis import judge_fit
from steepest.estimators.scale import Scale, scale_of, target_scale
from steepest.problems.losses import Loss, get_loss
from steepest.problems.models import Linear
from steepest.records import Run, Stopping
from steepest.steps import settle

Array = np.ndarray[Any, Any]
MOST_PASSES = 1000
"""Passes of a descent to the optimum, unless `epochs` says otherwise."""
PASSES = 20
"""Passes of steps on batches."""


class Rows(NamedTuple):
    """Checked rows of one part of the data."""

    X: Any
    y: Array
    weight: Array


class Descent(BaseEstimator):
    """How the options of both estimators are carried out."""

    optimizer: Any
    learning_rate: float | None
    schedule: Any
    batch_size: int | str
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
        """Rows may be sparse."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _checked(self, X: Any, y: Any, *, reset: bool, **options: Any) -> Any:
        return validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            accept_large_sparse=False,
            dtype=[np.float64, np.float32],
            order="C",
            **options,
        )

    def _weights(self, sample_weight: Any, X: Any) -> Array:
        return _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )

    @property
    def _seed(self) -> int:
        state = self.random_state
        if isinstance(state, int | np.integer):
            return random.check_seed(int(state))
        return int(check_random_state(state).randint(2**31 - 1))

    def _descend(
        self, loss: Loss, rows: Rows, n_outputs: int, start: Any
    ) -> tuple[Array, Array, Run]:
        """(coef (k, d), intercept (k,), the run) of one descent."""
        train, held = self._parted(rows, loss)
        scale = self._scale(train, loss)
        model = Linear(bias=bool(self.fit_intercept))
        rule, numbers, plan = self._steps(loss, len(train.y))
        fit = legs.Linear(
            model,
            loss,
            table_of(train, scale),
            None if held is None else table_of(held, scale),
            n_outputs,
            rule,
            {**numbers, "objective": self._penalties(train.weight)},
            plan["stopping"],
            plan["batch_size"],
            plan["first"],
            self._seed,
        )
        parts = legs.parts_of(fit, whole=True)
        if parts is None:
            raise UsageError(
                f"optimizer={self.optimizer!r}: takes whole gradients; leave "
                "batch_size out, or set it to 'full'."
            )
        params = self._begin(scale, rows.X.shape[1], n_outputs, start)
        state = parts.engine.start(params, (), random.key(self._seed))
        ended = descend(
            parts.engine,
            parts.source,
            state,
            parts.stopping,
            then=parts.then,
            judge=parts.judge,
        )
        found = legs.tree_of(fit, np_tree(ended.params))
        settings = self._told(rule, numbers, plan)
        verdict = judge_fit(ended.stop, ended.trace, settings=settings)
        run = make_run(ended, params=found, verdict=verdict, settings=settings)
        bias = np.asarray(found.get("bias", np.zeros(n_outputs)), float)
        coef, intercept = scale.to_user(np.asarray(found["weight"], float), bias)
        return coef, intercept if self.fit_intercept else np.zeros(n_outputs), run

    def _parted(self, rows: Rows, loss: Loss) -> tuple[Rows, Rows | None]:
        """(training rows, validation rows or None)."""
        asked = self.validation
        if asked is None:
            return rows, None
        if isinstance(asked, tuple):
            X, y = self._checked(*asked[:2], reset=False)
            weight = self._weights(asked[2] if len(asked) > 2 else None, X)
            return rows, Rows(X, self._encoded(y), weight)
        classes = rows.y if "regression" not in loss.tasks else None
        places = train_test_split(
            np.arange(len(rows.y)),
            test_size=asked,
            random_state=self._seed,
            stratify=classes,
        )
        kept, out = (Rows(*(part[np.sort(at)] for part in rows)) for at in places)
        return kept, out

    def _encoded(self, y: Array) -> Array:
        """The target as a loss sees it."""
        return np.asarray(y, float)

    def _scale(self, train: Rows, loss: Loss) -> Scale:
        centre, d = bool(self.fit_intercept), train.X.shape[1]
        scale = Scale(np.zeros(d), np.ones(d))
        if self.standardize:
            scale = scale_of(train.X, train.weight, centre=centre)
        if not loss.scales_target:
            return scale
        middle, spread = target_scale(train.y, train.weight, centre=centre)
        return scale._replace(centre=middle, spread=spread)

    def _steps(self, loss: Loss, n: int) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """(rule, its numbers, what else was chosen)."""
        auto = self.optimizer == "auto"
        smooth = loss.convex and not self.l1
        batch_size, first = self.batch_size, None
        if auto and smooth and batch_size == "auto" and self.learning_rate is None:
            optimizer, batch_size = legs.POLISH, "full"
            if n >= legs.PASS_ROWS:
                first = legs.SCALED if self.standardize else legs.RAW
        else:
            optimizer = "adagrad" if auto else self.optimizer
        rule, numbers = settle(optimizer, self.learning_rate, schedule=self.schedule)
        if batch_size == "auto":
            batch_size = "full" if rule.optimizer.full_gradient else 32
        size = batch_rows(batch_size, n)
        passes = MOST_PASSES if size == n else PASSES
        stopping = Stopping(
            gtol=self.tol if size == n else None,
            patience=self.patience,
            max_epochs=self.epochs or passes,
            max_seconds=self.max_seconds,
        )
        return rule, numbers, {"stopping": stopping, "batch_size": size, "first": first}

    def _penalties(self, weight: Array) -> dict[str, float]:
        auto = isinstance(self.l2, str) and self.l2 == "auto"
        found = {"l1": self.l1, "l2": 1 / weight.sum() if auto else self.l2}
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
            "optimizer": rule.optimizer.name,
            "first": None if plan["first"] is None else plan["first"].rule,
            "learning_rate": rate,
            "batch_size": plan["batch_size"],
            "epochs": stopping.max_epochs,
            "gtol": stopping.gtol,
            **{name: _plain(value) for name, value in self.get_params().items()},
        }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def np_tree(params: Any) -> Any:
    """Params as NumPy arrays."""
    if isinstance(params, dict):
        return {name: np.asarray(part) for name, part in params.items()}
    return np.asarray(params)


def table_of(rows: Rows, scale: Scale) -> Table:
    """Rows as kernels read them."""
    X = scale.rows(rows.X)
    inputs: Any = X
    if scipy.sparse.issparse(X):
        inputs = Csr(X.data, X.indices.astype(np.int32), X.indptr.astype(np.int64))
    weight = None if (rows.weight == 1).all() else rows.weight.astype(X.dtype)
    y = scale.target(rows.y).astype(X.dtype)
    return Table(inputs, y, weight, X.shape[1])


def loss_of(loss: Any, task: str) -> Loss:
    """The loss, where kernels have it.

    Args:
        loss: "auto", or a name of steepest.LOSSES with its number.
        task: "regression", "binary" or "multiclass".

    Raises:
        UsageError: another.
    """
    found = get_loss(loss, task=task)
    if not legs.has_kernel(Linear(), found):
        name = parse_spec(loss)[0] if isinstance(loss, str) else loss
        raise UsageError(f"loss={name!r}: estimators take the losses of linear models.")
    return found
