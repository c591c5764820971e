"""One fit, from what was asked to the model that comes of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from steepest.api import linear_choice as choice
from steepest.api import linear_legs as legs
from steepest.api.fit_plan import AUTO_OPTIMIZER, STOPPING, Plan, plan_of, stopping_of
from steepest.api.fit_settings import settings_of
from steepest.api.fitted import HEADLINE, Fitted
from steepest.api.linear_legs import Parts
from steepest.api.linear_rules import check_average, check_jax, rule_for
from steepest.api.own_losses import settled
from steepest.api.rounding import exact_end
from steepest.api.runs import make_run
from steepest.api.sparse_fits import (
    check_bits_of,
    check_sparse,
    narrowed,
    used_columns,
    widened,
)
from steepest.api.strength import is_smooth, strength_of
from steepest.api.table_data import TableData, prepare
from steepest.api.table_judge import TableJudge
from steepest.core import random, tree
from steepest.core.errors import UsageError
from steepest.core.numbers import is_number, is_whole
from steepest.core.spec import parse_spec
from steepest.data.blocks import Blocks
from steepest.descent.jax_engine import JaxEngine
from steepest.descent.loop import descend
from steepest.descent.parts import Ended, Watcher
from steepest.descent.sources import TableSource
from steepest.descent.watchers import TraceFile, progress_bar
from steepest.diagnosis import judge_fit
from steepest.diagnosis.rounding import Gap, judge_rounded
from steepest.problems.models import Linear, Model, get_model
from steepest.problems.objectives import TableObjective
from steepest.records import Stopping
from steepest.records.folder import run_folder
from steepest.records.stop import Limits
from steepest.steps import Rule, settle

PREPARE = (
    "task",
    "loss",
    "validation",
    "ignore",
    "class_weight",
    "sample_weight",
    "standardize",
    "hash_bits",
    "missing",
    "seed",
)
"""The options that shape the data."""


def fit_table(data: Any, target: str | None, asked: dict[str, Any]) -> Fitted:
    """Fit what `steepest.fit` was asked for; `asked` holds its options by name."""
    _check_epochs(asked["epochs"])
    stopping = Stopping(**{k: asked[k] for k in STOPPING}, max_epochs=asked["epochs"])
    random.check_seed(asked["seed"])
    recipe, penalties = _model(asked["model"]), _penalties(asked)
    check_bits_of(asked, recipe)
    asked = {**asked, "optimizer": rule_for(asked["optimizer"], recipe)}
    check_average(
        *(asked["average"], recipe, asked["optimizer"]),
        *(asked["batch_size"], asked["learning_rate"]),
    )
    auto = isinstance(asked["optimizer"], str) and asked["optimizer"] == "auto"
    horizons = {"step": 1, "epoch": 1}
    # once for its checks alone, before any file is read
    _settle(asked, AUTO_OPTIMIZER if auto else asked["optimizer"], None, horizons)
    table = prepare(data, target, **{name: asked[name] for name in PREPARE})
    table = table._replace(loss=_own_loss(table, recipe))
    plan = plan_of(asked, recipe, table, _outputs(table))
    blocks = Blocks(
        tuple(table.train)[table.features.sparse :],  # kernels pick sparse rows
        batch_size=plan.batch_size,
        seed=asked["seed"],
        fill=not recipe.rows_meet,
    )
    stopping = stopping_of(asked, plan)
    steps = plan.epochs * blocks.batches_per_epoch
    horizons = {"step": steps, "epoch": plan.epochs}
    rule, numbers = _settle(asked, plan.optimizer, plan.schedule, horizons)
    _check_batches(asked["gtol"], rule, blocks)
    numbers["objective"] = penalties
    fitting = Fitting(
        table,
        recipe,
        blocks,
        rule,
        numbers,
        stopping,
        asked["seed"],
        plan.first,
        plan.to_optimum,
        asked["average"],
    )
    if table.features.sparse:
        check_sparse(recipe, table.loss, fitting.linear)
    fitting = _penalised(fitting, plan, asked["l2"])
    watchers: list[Watcher] = [
        *progress_bar(asked["progress"], stopping, blocks.n_rows)
    ]
    with run_folder(asked["save"], model=True) as folder:
        if folder is not None:
            watchers.append(TraceFile(folder))
        ended, gap = fitting.run(watchers)
    fitted = fitting.fitted(ended, gap, settings_of(fitting, plan, asked))
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
    first: choice.First | choice.Sample | None = None
    to_optimum: bool = False
    average: bool = False

    def run(self, watchers: list[Watcher]) -> tuple[Ended, Gap | None]:
        """Descend; with kinks that were rounded off, what that leaves open."""
        linear = self.linear
        whole = self.table.features.sparse
        parts = None if linear is None else legs.parts_of(linear, whole=whole)
        if parts is None:
            check_jax(self.rule, self.numbers, self.table.loss, average=self.average)
        way = parts or self._by_jax()
        key = random.key(self.seed)
        inputs, outputs = self.sizes
        if linear is not None:
            inputs = linear.train.n_columns
        params, stats = self.model.init(key, inputs, outputs)
        ended = descend(
            way.engine,
            way.source,
            way.engine.start(params, stats, key),
            way.stopping,
            then=way.then,
            judge=way.judge,
            watchers=watchers,
            escape=way.escape,
        )
        ended, gap = exact_end(way, ended)
        if linear is not None and parts is not None:
            params = legs.tree_of(linear, ended.params)
            params = widened(params, self._used(), self.sizes[0])
            ended = ended._replace(params=params)
        return ended._replace(params=tree.cast(ended.params, "float32")), gap

    @property
    def linear(self) -> legs.Linear | None:
        """The fit as the linear engine sees it, where it may make the steps."""
        held, used = self.table.validation, self._used()
        if not choice.has_kernel(self.model, self.table.loss):
            return None
        return legs.Linear(
            self.model,
            self.table.loss,
            narrowed(legs.table_of(self.table.train), used),
            None if held is None else narrowed(legs.table_of(held), used),
            self.sizes[1],
            self.rule,
            self.numbers,
            self.stopping,
            self.blocks.batch_size,
            self.first,
            self.seed,
            self.to_optimum,
            self.average,
            self.measures,
        )

    @property
    def measures(self) -> bool:
        """Whether validation rows only tell the loss: an optimum is not left early."""
        kinks = choice.kinked(self.table.loss, self.numbers["objective"].get("l1", 0.0))
        return self.to_optimum and not kinks and self.stopping.patience is None

    def _used(self) -> Any:
        """The columns that a descent carries along; None for all."""
        if not self.table.features.sparse:
            return None
        return used_columns(legs.table_of(self.table.train))

    def _by_jax(self) -> Parts:
        source = TableSource(self.blocks)
        engine = JaxEngine(
            TableObjective(self.model, self.table.loss),
            self.rule,
            self.numbers,
            self._limits(source),
            path=False,
            stochastic=source.stochastic,
            precision="float32",
        )
        judge = TableJudge(engine, self.table.train, self.table.validation)
        return Parts(engine, source, self.stopping, (), judge)

    def _limits(self, source: TableSource) -> Limits:
        """With validation rows, patience is counted on them alone."""
        limits = self.stopping.limits(stochastic=source.stochastic)
        if self.table.validation is None:
            return limits
        return limits._replace(patience=None)

    @property
    def sizes(self) -> tuple[int, int]:
        """(inputs, outputs) of the model: an output a class from three classes on."""
        return self.table.features.width, _outputs(self.table)

    def fitted(self, ended: Ended, gap: Gap | None, settings: dict[str, Any]) -> Fitted:
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
            ended.stop,
            ended.trace,
            settings=settings,
            score=fitted.sentence(),
            metric=_metric(fitted),
        )
        if gap is not None:
            verdict = judge_rounded(
                verdict,
                ended.stop,
                gap,
                score=fitted.sentence(),
                validated=self.table.validation is not None,
            )
        params = tree.to_numpy(ended.params)
        fitted.run = make_run(ended, params=params, verdict=verdict, settings=settings)
        return fitted


def _outputs(table: TableData) -> int:
    """How many a model has: one a class from three classes on."""
    target, loss = table.target, table.loss
    by_class = target.task == "multiclass" or loss.tasks == ("multiclass",)
    return len(target.classes) if by_class else 1


def _own_loss(table: TableData, model: Model) -> Any:
    """The loss; one of the user's own once it is known how it can be used."""
    linear = isinstance(model, Linear)
    outputs = _outputs(table)
    return settled(table.loss, table.train.target, linear=linear, n_outputs=outputs)


def _metric(fitted: Fitted) -> tuple[float, float] | None:
    """(the model's, the baseline's) number of the metric that says most."""
    name, scores = HEADLINE[fitted.target.task], next(iter(fitted.metrics.values()))
    trivial = fitted.metrics["baseline"].get(name)
    return None if trivial is None or name not in scores else (scores[name], trivial)


def _model(model: Any) -> Model:
    if isinstance(model, str):
        name, options = parse_spec(model)
        return get_model(name, **options)
    return get_model(model)


def _settle(
    asked: dict[str, Any], optimizer: Any, schedule: Any, horizons: dict[str, Any]
) -> tuple[Rule, dict[str, Any]]:
    return settle(
        optimizer,
        asked["learning_rate"],
        schedule=asked["schedule"] if schedule is None else schedule,
        clip_norm=asked["clip_norm"],
        clip_value=asked["clip_value"],
        horizons=horizons,
        **asked["hyper"],
    )


def _check_epochs(epochs: Any) -> None:
    if epochs is not None and not (is_whole(epochs) and epochs >= 1):
        raise UsageError(f"epochs={epochs!r}: must be a whole number >= 1.")


def _penalties(asked: dict[str, Any]) -> dict[str, float]:
    found = {}
    for name in ("l1", "l2"):
        weight = asked[name]
        if name == "l2" and isinstance(asked[name], str) and asked[name] == "auto":
            continue
        if not is_number(weight) or not 0 <= weight < float("inf"):
            raise UsageError(f"{name}={weight!r}: must be >= 0 and finite.")
        if weight > 0:
            found[name] = float(weight)
    return found


def _penalised(fitting: Fitting, plan: Plan, l2: Any) -> Fitting:
    """The fit with the l2 that was left to us, where rows can tell it; else with 0."""
    linear = fitting.linear
    free = isinstance(l2, str) and plan.to_optimum and is_smooth(fitting.table.loss)
    if linear is None or not free or linear.l1:
        return fitting
    found = strength_of(linear)
    plan.chosen["l2"] = found.reason
    numbers = {**fitting.numbers, "objective": {"l2": found.l2}}
    return fitting._replace(numbers=numbers)


def _check_batches(gtol: float | None, rule: Rule, blocks: Blocks) -> None:
    """Refuse what only a full batch can give."""
    if blocks.full:
        return
    if rule.optimizer.full_gradient:
        raise UsageError(
            f"optimizer={rule.optimizer.name!r}: compares successive gradients, which "
            "batches blur; use batch_size='full', or adam."
        )
    if gtol is not None:
        raise UsageError(
            f"gtol={gtol:g}: the gradient of a batch is noisy and proves nothing; "
            "use batch_size='full', or patience with validation rows."
        )
