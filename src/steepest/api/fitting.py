"""One fit, from what was asked to the model that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from steepest.api import linear_legs as legs
from steepest.api.fit_plan import AUTO_OPTIMIZER, STOPPING, Plan, plan_of, stopping_of
from steepest.api.fitted import HEADLINE, Fitted
from steepest.api.linear_legs import Parts
from steepest.api.runs import make_run
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
from steepest.problems.models import Model, get_model
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
    "seed",
)
"""The options that shape the data."""


def fit_table(data: Any, target: str | None, asked: dict[str, Any]) -> Fitted:
    """Fit what `steepest.fit` was asked for; `asked` holds its options by name."""
    _check_epochs(asked["epochs"])
    stopping = Stopping(**{k: asked[k] for k in STOPPING}, max_epochs=asked["epochs"])
    random.check_seed(asked["seed"])
    recipe, penalties = _model(asked["model"]), _penalties(asked)
    auto = asked["optimizer"] == "auto"
    horizons = {"step": 1, "epoch": 1}
    # once for its checks alone, before any file is read
    _settle(asked, AUTO_OPTIMIZER if auto else asked["optimizer"], None, horizons)
    table = prepare(data, target, **{name: asked[name] for name in PREPARE})
    plan = plan_of(asked, recipe, table)
    blocks = Blocks(
        tuple(table.train),
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
        table, recipe, blocks, rule, numbers, stopping, asked["seed"], plan.first
    )
    watchers: list[Watcher] = [
        *progress_bar(asked["progress"], stopping, blocks.n_rows)
    ]
    with run_folder(asked["save"], model=True) as folder:
        if folder is not None:
            watchers.append(TraceFile(folder))
        ended = fitting.run(watchers)
    fitted = fitting.fitted(ended, _settings(fitting, plan, asked))
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
    first: legs.First | None = None

    def run(self, watchers: list[Watcher]) -> Ended:
        """Descend."""
        linear = self.linear
        parts = None if linear is None else legs.parts_of(linear)
        engine, source, stopping, then, judge = parts or self._by_jax()
        key = random.key(self.seed)
        params, stats = self.model.init(key, *self.sizes)
        state = engine.start(params, stats, key)
        ended = descend(
            engine, source, state, stopping, then=then, judge=judge, watchers=watchers
        )
        if linear is not None and parts is not None:
            ended = ended._replace(params=legs.tree_of(linear, ended.params))
        return ended._replace(params=tree.cast(ended.params, "float32"))

    @property
    def linear(self) -> legs.Linear | None:
        """The fit as the linear engine sees it, where it may make the steps."""
        held = self.table.validation
        if not legs.has_kernel(self.model, self.table.loss):
            return None
        return legs.Linear(
            self.model,
            self.table.loss,
            legs.table_of(self.table.train),
            None if held is None else legs.table_of(held),
            self.sizes[1],
            self.rule,
            self.numbers,
            self.stopping,
            self.blocks.batch_size,
            self.first,
            self.seed,
        )

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
        target, loss = self.table.target, self.table.loss
        by_class = target.task == "multiclass" or loss.tasks == ("multiclass",)
        outputs = len(target.classes) if by_class else 1
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
            ended.stop,
            ended.trace,
            settings=settings,
            score=fitted.sentence(),
            metric=_metric(fitted),
        )
        params = tree.to_numpy(ended.params)
        fitted.run = make_run(ended, params=params, verdict=verdict, settings=settings)
        return fitted


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
        if not is_number(weight) or not 0 <= weight < float("inf"):
            raise UsageError(f"{name}={weight!r}: must be >= 0 and finite.")
        if weight > 0:
            found[name] = float(weight)
    return found


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


def _settings(fitting: Fitting, plan: Plan, asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked, inferred and chosen, as plain data."""
    weights = asked["sample_weight"]
    return {
        **_data_settings(fitting, plan, asked["validation"]),
        **_rule_settings(fitting, plan),
        "model": fitting.model.to_json(),
        "penalty": fitting.numbers["objective"],
        "class_weight": _plain(asked["class_weight"]),
        "sample_weight": weights if isinstance(weights, str) else weights is not None,
        **{name: asked[name] for name in STOPPING},
        "seed": asked["seed"],
        "precision": "float32",
    }


def _data_settings(fitting: Fitting, plan: Plan, validation: Any) -> dict[str, Any]:
    table, blocks = fitting.table, fitting.blocks
    held = table.validation
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
        "validation_share": validation if isinstance(validation, int | float) else None,
        "batch_size": blocks.batch_size,
        "first": None if plan.first is None else plan.first.rule,
        "epochs": plan.epochs,
        "chosen": plan.chosen,
        "loss": str(table.loss),
    }


def _rule_settings(fitting: Fitting, plan: Plan) -> dict[str, Any]:
    rule, numbers = fitting.rule, fitting.numbers
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
