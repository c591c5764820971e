"""One fit, from what was asked to the model that comes of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from steepest.api import linear_choice as choice
from steepest.api import linear_legs as legs
from steepest.api.asked import Asked
from steepest.api.embedding import (
    MOST_JUDGED,
    left_open,
    mixed,
    outputs_of,
    with_width,
)
from steepest.api.fit_case import case_of
from steepest.api.fit_checks import (
    check_batches,
    check_epochs,
    check_fits,
    penalties_of,
    recipe_of,
    rule_of,
)
from steepest.api.fit_plan import AUTO_OPTIMIZER, STOPPING, Plan, plan_of, stopping_of
from steepest.api.fit_settings import settings_of
from steepest.api.fitted import Fitted
from steepest.api.gathering import gathered, streams
from steepest.api.keeping import bound_of, keeping, record_of
from steepest.api.linear_legs import Parts
from steepest.api.linear_rules import check_average, check_jax, rule_for
from steepest.api.own_losses import settled
from steepest.api.rounding import exact_end
from steepest.api.runs import make_run, recorded
from steepest.api.sparse_fits import (
    check_bits_of,
    check_sparse,
    narrowed,
    used_columns,
    widened,
)
from steepest.api.strength import is_smooth, strength_of
from steepest.api.table_data import TableData
from steepest.api.table_judge import CHUNK, TableJudge
from steepest.core import random, tree
from steepest.data.blocks import Blocks
from steepest.descent.jax_engine import JaxEngine, is_long
from steepest.descent.loop import descend
from steepest.descent.parts import Ended, Watcher
from steepest.descent.snapshot import Snapshot
from steepest.descent.sources import TableSource
from steepest.descent.watchers import progress_bar
from steepest.diagnosis import judge_fit
from steepest.diagnosis.rounding import Gap, judge_rounded
from steepest.diagnosis.stored import measured_json
from steepest.problems.models import Linear, Model
from steepest.problems.objectives import objective_of
from steepest.records import Stopping
from steepest.records.stop import Limits
from steepest.steps import Rule

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
    "stream",
    "cache",
    "progress",
)
"""The options that shape the data."""


def fit_table(
    data: Any,
    target: str | None,
    asked: dict[str, Any],
    resumed: Asked | None = None,
) -> Fitted:
    """Fit what `steepest.fit` was asked for; `asked` holds its options by name.

    A fit that is resumed goes on from what its folder holds.
    """
    given = asked
    check_epochs(asked["epochs"])
    Stopping(**{k: asked[k] for k in STOPPING}, max_epochs=asked["epochs"])
    random.check_seed(asked["seed"])
    recipe = recipe_of(asked["model"])
    penalties_of(asked)
    check_bits_of(asked, recipe)
    asked = {**asked, "optimizer": rule_for(asked["optimizer"], recipe)}
    check_average(
        *(asked["average"], recipe, asked["optimizer"]),
        *(asked["batch_size"], asked["learning_rate"]),
    )
    auto = isinstance(asked["optimizer"], str) and asked["optimizer"] == "auto"
    horizons = {"step": 1, "epoch": 1}
    # once for its checks alone, before any file is read
    rule_of(asked, AUTO_OPTIMIZER if auto else asked["optimizer"], None, horizons)
    # settled once: it depends on how much memory is free
    stream = {"stream": streams(data, asked["stream"], asked["cache"])}
    record = resumed or record_of("fit", data, {**given, **stream}, target=target)
    prepared = {name: asked[name] for name in PREPARE}
    table = gathered(data, target, **{**prepared, **stream})
    fitting, plan = fitting_of(table, recipe, asked)
    bar = progress_bar(asked["progress"], fitting.stopping, fitting.blocks.n_rows)
    settings = settings_of(fitting, plan, asked)
    bound = bound_of(record, settings, table)
    with keeping(record, asked, bound, model=True, resumed=resumed is not None) as kept:
        ended, gap = fitting.run([*bar, *kept.watchers], kept.snapshot)
        fitted = fitting.fitted(ended, gap, settings)
        assert fitted.run is not None  # noqa: S101  it was made just now
        fitted.run = recorded(fitted.run, record)
        kept.save(fitted.save, ended.stop)
    return fitted


def fitting_of(
    table: TableData, recipe: Model, asked: dict[str, Any]
) -> tuple[Fitting, Plan]:
    """What was asked, with everything settled, and what was chosen.

    Args:
        table: prepared rows.
        recipe: what is fitted.
        asked: the options of `fit`, checked.
    """
    recipe = with_width(recipe, table.loss, table.features.width)
    table = table._replace(loss=_own_loss(table, recipe))
    why: dict[str, str] = {}
    if table.loss.embeds:
        asked, why = left_open(asked, table)
    plan = plan_of(asked, recipe, table, _outputs(table, recipe))
    plan.chosen.update(why)
    blocks = Blocks(
        tuple(table.train)[table.features.sparse :],  # kernels pick sparse rows
        batch_size=plan.batch_size,
        seed=asked["seed"],
        fill=not recipe.rows_meet,
    )
    stopping = stopping_of(asked, plan)
    steps = plan.epochs * blocks.batches_per_epoch
    horizons = {"step": steps, "epoch": plan.epochs}
    rule, numbers = rule_of(asked, plan.optimizer, plan.schedule, horizons)
    check_batches(asked["gtol"], rule, blocks)
    numbers["objective"] = penalties_of(asked) | ({"l2": plan.l2} if plan.l2 else {})
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
    return _penalised(fitting, plan, asked["l2"]), plan


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
    start: Any = None
    """(params, stats) to go on from; None for fresh ones"""
    precision: str = "float32"

    def run(
        self, watchers: list[Watcher], snapshot: Snapshot | None = None
    ) -> tuple[Ended, Gap | None]:
        """Descend; with kinks that were rounded off, what that leaves open."""
        linear = self.linear
        whole = self.table.features.sparse
        parts = None if linear is None else legs.parts_of(linear, whole=whole)
        if parts is None:
            check_jax(self.rule, self.numbers, self.table.loss, average=self.average)
        way = parts or self._by_jax()
        key = random.key(self.seed)
        inputs = None if linear is None else linear.train.n_columns
        params, stats = self.fresh(inputs)
        ended = descend(
            way.engine,
            way.source,
            way.engine.start(params, stats, key),
            way.stopping,
            then=way.then,
            judge=way.judge,
            watchers=watchers,
            escape=way.escape,
            resume=snapshot,
        )
        ended, gap = exact_end(way, ended)
        if linear is not None and parts is not None:
            params = legs.tree_of(linear, ended.params)
            params = widened(params, self._used(), self.sizes[0])
            ended = ended._replace(params=params)
        if self.precision == "float32":  # the linear engine adds up in float64
            ended = ended._replace(params=tree.cast(ended.params, "float32"))
        return ended, gap

    def fresh(self, inputs: int | None = None) -> tuple[Any, Any]:
        """(params, stats) before the first step; of so many inputs, None for all."""
        width, outputs = self.sizes
        key = random.key(self.seed)
        return self.start or self.model.init(key, inputs or width, outputs)

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
        check_fits(self.blocks)
        source = TableSource(self.blocks)
        epochs = self.stopping.max_epochs or 0
        engine = JaxEngine(
            objective_of(self.model, self.table.loss),
            self.rule,
            self.numbers,
            self._limits(source),
            path=False,
            stochastic=source.stochastic,
            precision=self.precision,
            long=is_long(source.step_at(epochs), epochs * self.blocks.n_rows),
        )
        train, held = self.table.train, self.table.validation
        most = CHUNK
        if self.table.loss.embeds:  # as many rows meet as in a step, and of all classes
            train, held = mixed(train, self.seed), held and mixed(held, self.seed)
            most = min(self.blocks.batch_size, MOST_JUDGED)
        judge = TableJudge(engine, train, held, most=most)
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
        return self.table.features.width, _outputs(self.table, self.model)

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
        case = case_of(self, ended, settings, fitted)
        verdict = judge_fit(case, score=fitted.sentence())
        if gap is not None:
            verdict = judge_rounded(
                verdict,
                ended.stop,
                gap,
                score=fitted.sentence(),
                validated=self.table.validation is not None,
            )
        params = tree.to_numpy(ended.params)
        fitted.run = make_run(
            ended,
            params=params,
            verdict=verdict,
            settings=settings,
            measured=measured_json(case),
        )
        return fitted


def _outputs(table: TableData, model: Model) -> int:
    return outputs_of(model, table.loss, table.target, table.features.width)


def _own_loss(table: TableData, model: Model) -> Any:
    """The loss; one of the user's own once it is known how it can be used."""
    linear = isinstance(model, Linear)
    outputs = _outputs(table, model)
    return settled(table.loss, table.train.target, linear=linear, n_outputs=outputs)


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
