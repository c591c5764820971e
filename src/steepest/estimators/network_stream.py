"""NetworkStream: a network that learns from rows as they come."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core import random
from steepest.core.errors import DataError, UsageError
from steepest.core.tree import all_finite, to_numpy
from steepest.descent.jax_engine import JaxEngine
from steepest.descent.sources import ENDLESS, Stretch
from steepest.estimators.networks import Learnt, network_of, power_of_two
from steepest.estimators.scale import FLAT, Scale
from steepest.problems.losses import Loss
from steepest.problems.objectives import Batch, objective_of
from steepest.records import Stopping
from steepest.records.state import State
from steepest.steps import settle

Array = np.ndarray[Any, Any]
USUAL, BATCH = "adam", 32
"""Rule and rows a step, where they are left open."""
LOST = (
    "partial_fit: a weight became inf or nan; the columns or the target are too large, "
    "or learning_rate is. The network stays as it was."
)


class Moments(NamedTuple):
    """Mean and sum of squares about it, of columns that come in pieces."""

    weight: float
    mean: Array
    square: Array

    def met(self, values: Array, weight: Array) -> Moments:
        """With more rows (Chan, Golub, LeVeque 1983, equation 2.1)."""
        total = float(weight.sum())
        mean = weight @ values / total
        square = weight @ (values - mean) ** 2
        whole, apart = self.weight + total, mean - self.mean
        return Moments(
            whole,
            self.mean + apart * total / whole,
            self.square + square + apart**2 * self.weight * total / whole,
        )

    @property
    def size(self) -> Array:
        """Deviations; 1 for what does not vary."""
        size = np.sqrt(self.square / max(self.weight, 1.0))
        return np.where(size > FLAT * (np.abs(self.mean) + size), size, 1.0)


class NetworkStream:
    """Steps on batches of rows, in the order they come, with all that they remember.

    Columns are seen by the mean and deviation of all rows that were met, which move
    ever less.

    Args:
        asked: the options of the estimator, and its seed.
        learnt: a network to go on from.
        n_rows: sum of the weights of the rows it was learnt from.
    """

    def __init__(self, asked: dict[str, Any], learnt: Learnt, n_rows: float) -> None:
        self.asked, self.learnt = asked, learnt
        self.fitted, self.n_rows = n_rows > 0, n_rows
        self.opt_state: Any = None
        self.step = 0
        scale = learnt.scale
        self.columns = Moments(n_rows, scale.mean, n_rows * scale.size**2)
        centre, spread = np.array([scale.centre]), np.array([scale.spread])
        self.target = Moments(n_rows, centre, n_rows * spread**2)

    @classmethod
    def begin(
        cls, asked: dict[str, Any], n_inputs: int, n_outputs: int
    ) -> NetworkStream:
        """A stream of a fresh network."""
        recipe = network_of(asked)
        params, stats = recipe.init(random.key(asked["seed"]), n_inputs, n_outputs)
        scale = Scale(np.zeros(n_inputs), np.ones(n_inputs))
        params, stats = to_numpy((params, stats))
        return cls(asked, Learnt(recipe, params, stats, scale), 0.0)

    def learn(self, loss: Loss, X: Array, y: Array, weight: Array) -> None:
        """One pass over rows, in the order they come.

        Args:
            loss: of the steps.
            X: (n, d) rows.
            y: (n,) numbers, or class numbers.
            weight: (n,) >= 0, some above 0.

        Raises:
            DataError: a number became inf or nan; the network stays as it was.
            UsageError: options that steps on batches do not take.
        """
        keep = weight > 0
        X, y, weight = np.asarray(X[keep], float), y[keep], weight[keep]
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            columns, target = self._met(loss, X, y, weight)
            learnt = self._seen_by(loss, columns, target)
            rows = learnt.scale.rows(X), learnt.scale.target(y), weight
        state = self._steps(loss, learnt, rows)
        self.columns, self.target, self.step = columns, target, int(state.step)
        self.n_rows += float(weight.sum())
        self.opt_state = to_numpy(state.opt_state)
        params, stats = to_numpy((state.params, state.stats))
        self.learnt = learnt._replace(params=params, stats=stats)

    def _met(
        self, loss: Loss, X: Array, y: Array, weight: Array
    ) -> tuple[Moments, Moments]:
        """What is known of columns and target, with more rows."""
        columns, target = self.columns, self.target
        if self.asked["standardize"]:
            columns = columns.met(X, weight)
        if loss.scales_target:
            target = target.met(y[:, None], weight)
        return columns, target

    def _seen_by(self, loss: Loss, columns: Moments, target: Moments) -> Learnt:
        """The network under another scale; one that was fitted stays what it is."""
        scale = self.learnt.scale
        if self.asked["standardize"]:
            scale = scale._replace(mean=columns.mean, size=columns.size)
        if loss.scales_target:
            centre, spread = float(target.mean[0]), float(target.size[0])
            scale = scale._replace(centre=centre, spread=spread)
        fitted = self.learnt.rescaled if self.fitted else self.learnt._replace
        return fitted(scale=scale)

    def _steps(self, loss: Loss, learnt: Learnt, rows: tuple[Array, ...]) -> Any:
        """The State after steps on batches of the rows."""
        batches, n_steps = self._batches(loss, rows)
        engine, state = self._engine(loss, learnt)
        done, first = 0, int(state.step)
        with engine.scope():
            while done < n_steps:
                work = Stretch(batches, done, n_steps - done, ENDLESS)
                state, _, stop = engine.advance(state, work)
                if stop is not None:
                    raise DataError(LOST)
                done = int(state.step) - first
        if not bool(all_finite(state.params)):
            raise DataError(LOST)
        return state

    def _engine(self, loss: Loss, learnt: Learnt) -> tuple[JaxEngine, State]:
        """The engine, and the State to go on from."""
        rule, numbers = self._rule()
        engine = JaxEngine(
            objective_of(learnt.recipe, loss),
            rule,
            numbers,
            Stopping().limits(stochastic=True),
            path=False,
            stochastic=True,
            precision="float32",
        )
        key = random.key(self.asked["seed"])
        state = engine.start(learnt.params, learnt.stats, key)
        if self.opt_state is not None:
            kept = jax.tree.map(_in_corner, self.opt_state, state.opt_state)
            state = state._replace(opt_state=kept, step=jnp.int32(self.step))
        return engine, state

    def _rule(self) -> tuple[Any, dict[str, Any]]:
        asked = self.asked
        auto = isinstance(asked["optimizer"], str) and asked["optimizer"] == "auto"
        rule, numbers = settle(
            USUAL if auto else asked["optimizer"],
            asked["learning_rate"],
            schedule=asked["schedule"],
        )
        if rule.optimizer.full_gradient:
            raise UsageError(
                f"optimizer={rule.optimizer.name!r}: takes whole gradients, and "
                "partial_fit sees a piece of the rows at a time; use adam."
            )
        penalties = {name: asked[name] for name in ("l1", "l2") if asked[name]}
        if isinstance(asked["l2"], str):
            del penalties["l2"]
        return rule, {**numbers, "objective": penalties}

    def _batches(self, loss: Loss, rows: tuple[Array, ...]) -> tuple[Batch, int]:
        """(batches, how many count), both sizes filled up to share programs."""
        n, size = len(rows[1]), self.asked["batch_size"]
        if isinstance(size, str):
            size = BATCH if size == "auto" else power_of_two(n)
        steps = -(-n // size)
        filled = power_of_two(steps) * size
        labels = np.float32 if loss.tasks == ("regression",) else np.int32
        kinds = np.float32, labels, np.float32

        def fill(array: Array, kind: Any) -> Any:
            whole = np.zeros((filled, *array.shape[1:]), kind)
            with np.errstate(over="ignore"):
                whole[:n] = array
            return jnp.asarray(whole.reshape(-1, size, *array.shape[1:]))

        return Batch(*map(fill, rows, kinds)), steps

    @property
    def n_outputs(self) -> int:
        """One a class, or one."""
        return len(self.learnt.params.output.bias)

    def widen(self, n_outputs: int) -> None:
        """Outputs for labels that come later: they begin at 0."""
        last = self.learnt.params.output
        more = n_outputs - len(last.bias)
        weight = np.pad(last.weight, ((0, more), (0, 0)))
        self.learnt = self.learnt.ending_in(weight, np.pad(last.bias, (0, more)))


def _in_corner(old: Any, new: Any) -> Any:
    """What was remembered, with zeros for outputs that are new."""
    whole = np.zeros(np.shape(new), new.dtype)
    whole[tuple(slice(n) for n in np.shape(old))] = old
    return jnp.asarray(whole)
