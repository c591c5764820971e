"""The door for tables: fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from steepest.api.environment import environment
from steepest.api.fitted import Fitted
from steepest.api.table_data import TableData, prepare
from steepest.api.table_judge import TableJudge
from steepest.core import random, tree
from steepest.core.errors import UsageError
from steepest.core.spec import parse_spec
from steepest.data.blocks import Blocks, batch_rows
from steepest.descent.jax_engine import JaxEngine
from steepest.descent.loop import Ended, Watcher, descend
from steepest.descent.sources import TableSource
from steepest.descent.watchers import TraceFile, progress_bar
from steepest.diagnosis import judge_fit
from steepest.problems.models import Model, get_model
from steepest.problems.objectives import TableObjective
from steepest.records import Run, Stopping
from steepest.records.folder import new_folder
from steepest.steps import Rule, settle

AUTO_OPTIMIZER, AUTO_SCHEDULE = "adam", "cosine"
AUTO_STEPS = 4000
"""Updates that the default number of epochs aims at, on a small table."""


class Plan(NamedTuple):
    """What was asked, with every "auto" replaced by a choice."""

    optimizer: Any
    schedule: Any
    batch_size: int | str
    epochs: int
    chosen: dict[str, str]
    """Each choice that was made, and why."""


def fit(
    data: Any,
    target: str | None = None,
    *,
    model: Any = "linear",
    task: Literal["regression", "binary", "multiclass"] | None = None,
    loss: Any = "auto",
    optimizer: Any = "auto",
    learning_rate: float | None = None,
    schedule: Any = None,
    batch_size: int | Literal["auto", "full"] = "auto",
    epochs: int | None = None,
    validation: Any = 0.1,
    patience: int | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
    sample_weight: Any = None,
    ignore: Iterable[str] = (),
    standardize: bool = True,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    gtol: float | None = None,
    max_steps: int | None = None,
    max_seconds: float | None = None,
    seed: int = 0,
    progress: bool | Literal["auto"] = "auto",
    save: str | Path | None = None,
    **hyper: Any,
) -> Fitted:
    """Fit a model to a table by batch, mini-batch or per-sample descent.

    params <- params - learning_rate * gradient of the mean loss of a batch

    Args:
        data: a path or glob (CSV, Parquet, Arrow), a pandas or polars frame, an Arrow
            table, a dict of columns, a NumPy array, or a pair (X, y).
        target: the column to predict; for (X, y) it may be left out.
        model: "linear", "mlp", either with options ("mlp:hidden=64/32,norm=batch"), a
            steepest.MLP, any Equinox module, or (params, apply).
        task: "regression", "binary", "multiclass"; None infers it from the target.
        loss: "auto", a name of steepest.LOSSES ("huber:2"), or a function
            loss(prediction, target) that gives one value a row.
        optimizer: "auto", a name of steepest.OPTIMIZERS, or an Optax transformation.
        learning_rate: step length per unit of gradient, > 0.
        schedule: such as "inverse_time:decay=0.1,per=epoch" or "cosine".
        batch_size: rows a step: "full" is batch descent, 1 is stochastic descent, any
            number between is mini-batch descent.
        epochs: passes over the data at most.
        validation: share of rows to hold out, a table of your own, or None.
        patience: epochs without a better validation loss before stopping.
        l1: weight of the sum of |coefficients|.
        l2: weight of half the sum of squared coefficients.
        class_weight: "balanced", or a dict of label to weight.
        sample_weight: a column of the table, or one weight >= 0 a row.
        ignore: columns to leave out.
        standardize: bring number columns to mean 0 and deviation 1.
        clip_norm: shorten gradients longer than this.
        clip_value: cut gradient entries to [-clip_value, clip_value].
        gtol: stop at this gradient norm; only with batch_size="full".
        max_steps: updates at most.
        max_seconds: wall-clock seconds at most.
        seed: of the split, the initial params and the order of rows.
        progress: show a progress bar; "auto" when stderr is a terminal.
        save: folder to save the model and its run in.
        **hyper: the optimizer's other numbers, such as momentum=0.9.

    Returns:
        A Fitted: predict, metrics, run, save.

    Raises:
        UsageError: an option that cannot be meant.
        DataError: a table that cannot be used.

    >>> import numpy as np, steepest as sp
    >>> x = np.linspace(0.0, 1.0, 50)[:, None]
    >>> line = sp.fit((x, 3 * x[:, 0] + 1), batch_size="full", optimizer="gd",
    ...               learning_rate=0.1, epochs=300, validation=None)
    >>> line.predict(np.array([[2.0]])).round(3).tolist()
    [7.0]
    """
    random.check_seed(seed)
    recipe = _model(model)
    stopping = Stopping(
        gtol=gtol,
        patience=patience,
        max_epochs=epochs,
        max_steps=max_steps,
        max_seconds=max_seconds,
    )
    penalties = {k: _penalty(k, v) for k, v in (("l1", l1), ("l2", l2)) if v != 0}
    settle(  # once for its checks, before any file is read
        "adam" if optimizer == "auto" else optimizer,
        learning_rate,
        schedule=schedule,
        clip_norm=clip_norm,
        clip_value=clip_value,
        horizons={"step": 1, "epoch": 1},
        **hyper,
    )
    table = prepare(
        data,
        target,
        task=task,
        loss=loss,
        validation=validation,
        ignore=ignore,
        class_weight=class_weight,
        sample_weight=sample_weight,
        standardize=standardize,
        seed=seed,
    )
    plan = _plan(
        optimizer, learning_rate, schedule, batch_size, epochs, len(table.train.target)
    )
    blocks = Blocks(
        tuple(table.train),
        batch_size=plan.batch_size,
        seed=seed,
        fill=not recipe.rows_meet,
    )
    if gtol is not None and not blocks.full:
        raise UsageError(
            f"gtol={gtol:g}: the gradient of a batch is noisy and proves nothing; "
            "use batch_size='full', or patience with validation rows."
        )
    stopping = _with_epochs(stopping, plan.epochs)
    rule, numbers = settle(
        plan.optimizer,
        learning_rate,
        schedule=plan.schedule,
        clip_norm=clip_norm,
        clip_value=clip_value,
        horizons={
            "step": plan.epochs * blocks.batches_per_epoch,
            "epoch": plan.epochs,
        },
        **hyper,
    )
    numbers["objective"] = penalties
    bar = progress_bar(progress, stopping, blocks.n_rows)
    folder = None if save is None else new_folder(save)
    fitting = Fitting(table, recipe, blocks, rule, numbers, stopping, seed)
    watchers: list[Watcher] = [*bar]
    if folder is not None:
        watchers.append(TraceFile(folder))
    ended = fitting.run(watchers)
    settings = {
        **_data_settings(table, blocks, plan, validation),
        **_rule_settings(rule, numbers, plan),
        "model": recipe.to_json(),
        "penalty": penalties,
        "class_weight": _plain(class_weight),
        "sample_weight": sample_weight if isinstance(sample_weight, str) else None,
        **{k: getattr(stopping, k) for k in ("gtol", "patience", "max_steps")},
        "max_seconds": max_seconds,
        "seed": seed,
        "precision": "float32",
    }
    fitted = fitting.fitted(ended, settings)
    if folder is not None:
        fitted.save(folder)
    return fitted


class Fitting(NamedTuple):
    """One fit with everything settled."""

    table: TableData
    model: Model
    blocks: Blocks
    rule: Rule
    numbers: dict[str, Any]
    stopping: Stopping
    seed: int

    def run(self, watchers: list[Watcher]) -> Ended:
        """Descend."""
        source = TableSource(self.blocks)
        engine = JaxEngine(
            TableObjective(self.model, self.table.loss),
            self.rule,
            self.numbers,
            self.stopping.limits(stochastic=source.stochastic),
            path=False,
            stochastic=source.stochastic,
            precision="float32",
        )
        key = random.key(self.seed)
        params, stats = self.model.init(key, *self.sizes)
        judge = TableJudge(engine, self.table.train, self.table.validation)
        state = engine.start(params, stats, key)
        return descend(
            engine, source, state, self.stopping, judge=judge, watchers=watchers
        )

    @property
    def sizes(self) -> tuple[int, int]:
        """(inputs, outputs) of the model."""
        classes = self.table.target.classes
        outputs = len(classes) if self.table.loss.tasks == ("multiclass",) else 1
        if self.table.target.task == "multiclass":
            outputs = len(classes)
        return len(self.table.features.names), outputs

    def fitted(self, ended: Ended, settings: dict[str, Any]) -> Fitted:
        """The model with its metrics and its run."""
        fitted = Fitted(
            features=self.table.features,
            target=self.table.target,
            model=self.model,
            loss=self.table.loss,
            params=jax.device_get(ended.params),
            stats=jax.device_get(ended.stats),
        )
        fitted.judge(self.table.train, self.table.validation)
        verdict = judge_fit(
            ended.stop, ended.trace, settings=settings, score=fitted.sentence()
        )
        fitted.run = Run(
            params=tree.to_numpy(ended.params),
            value=ended.value,
            grad_norm=ended.grad_norm,
            steps=int(ended.state.step),
            best_step=ended.best_step,
            stop=ended.stop,
            verdict=verdict,
            trace=ended.trace,
            seconds=ended.seconds,
            settings=settings,
            environment=environment(),
        )
        return fitted


def _model(model: Any) -> Model:
    if isinstance(model, str):
        name, options = parse_spec(model)
        return get_model(name, **options)
    return get_model(model)


def _plan(
    optimizer: Any,
    learning_rate: float | None,
    schedule: Any,
    batch_size: int | str,
    epochs: int | None,
    n_rows: int,
) -> Plan:
    """Choose what was left open; a user who names the step keeps it plain."""
    chosen = {}
    if batch_size == "auto":
        batch_size = int(np.clip(2 ** round(np.log2(max(n_rows / 50, 1))), 16, 256))
        chosen["batch_size"] = "a fiftieth of the rows, from 16 to 256"
    if epochs is None:
        size = batch_rows(batch_size, n_rows)
        epochs = int(np.clip(AUTO_STEPS * size // n_rows, 10, 1000))
        chosen["epochs"] = f"about {AUTO_STEPS} updates, from 10 to 1000 epochs"
    if isinstance(optimizer, str) and optimizer == "auto":
        optimizer = AUTO_OPTIMIZER
        chosen["optimizer"] = "adam brings columns of any scale along"
        if schedule is None and learning_rate is None:
            schedule = AUTO_SCHEDULE
            chosen["schedule"] = "cosine lets the noise of batches fade to nothing"
    return Plan(optimizer, schedule, batch_size, epochs, chosen)


def _with_epochs(stopping: Stopping, epochs: int) -> Stopping:
    given = {k: getattr(stopping, k) for k in Stopping.__dataclass_fields__}
    return Stopping(**{**given, "max_epochs": epochs})


def _penalty(name: str, weight: Any) -> float:
    if isinstance(weight, bool | str) or not 0 <= weight < float("inf"):
        raise UsageError(f"{name}={weight!r}: must be >= 0 and finite.")
    return float(weight)


def _data_settings(
    table: TableData, blocks: Blocks, plan: Plan, validation: Any
) -> dict[str, Any]:
    held = table.validation
    share = validation if isinstance(validation, int | float) else None
    return {
        "target": table.target.name,
        "task": table.target.task,
        "task_reason": table.target.reason,
        "rows": {
            "train": blocks.n_rows,
            "validation": 0 if held is None else len(held.target),
            "target_missing": table.target.missing,
        },
        "columns": len(table.features.names),
        "notes": list(table.features.notes),
        "validation_share": share,
        "batch_size": blocks.batch_size,
        "epochs": plan.epochs,
        "chosen": plan.chosen,
        "loss": str(table.loss),
    }


def _rule_settings(rule: Rule, numbers: dict[str, Any], plan: Plan) -> dict[str, Any]:
    own = rule.optimizer.learning_rate is None or rule.rate_of is not None
    return {
        "optimizer": rule.optimizer.name,
        "learning_rate": None if own else numbers["learning_rate"],
        "schedule": None if plan.schedule is None else str(plan.schedule),
        **numbers["hyper"],
        **numbers["clips"],
    }


def _plain(class_weight: Any) -> Any:
    if isinstance(class_weight, Mapping):
        return {str(label): float(weight) for label, weight in class_weight.items()}
    return class_weight
