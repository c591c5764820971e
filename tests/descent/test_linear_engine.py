"""The linear engine beside the jax engine: the same numbers, row by row."""

import jax
import numpy as np
import pytest

from steepest.core import random
from steepest.data.blocks import Blocks
from steepest.data.orders import Chunks, order
from steepest.descent.jax_engine import JaxEngine
from steepest.descent.kernels import Csr, Plan
from steepest.descent.linear_engine import LinearEngine, RowSource, due_row
from steepest.descent.linear_tables import Table
from steepest.descent.loop import descend
from steepest.descent.rows import due_from
from steepest.descent.sources import TableSource
from steepest.problems.losses import LOSSES
from steepest.problems.models import Linear
from steepest.problems.objectives import TableObjective
from steepest.records import Stopping
from steepest.records.stop import Stop
from steepest.steps import settle

RNG = np.random.default_rng(0)
N, D = 60, 4
X = RNG.normal(size=(N, D))
LINE = X @ RNG.normal(size=D)
WEIGHT = RNG.uniform(0.5, 2.0, N)
RULES = ("gd", "momentum", "adagrad", "adam")
KERNELS = [name for name in LOSSES if name not in ("contrastive", "triplet")]


def target_of(loss):
    tasks = LOSSES[loss].tasks
    if tasks == ("multiclass",):
        return np.digitize(LINE, [-1.0, 1.0])
    if "binary" in tasks:
        return (LINE > 0).astype(int)
    return np.abs(LINE) if loss == "poisson" else LINE


class Judge:
    validates = restores = False

    def epoch(self, state):
        return None

    def end(self, params, stats):
        return 0.0, 0.0


def source_of(table, batch, *, later=0):
    """All rows in one chunk, in the order of each epoch, or of one that is later."""

    def visited(n, epoch, chunk):
        return order(n, epoch=epoch + later, chunk=chunk).astype(np.int64)

    return RowSource(table, batch, Chunks(N, N, seed=0), visited)


def both(loss, rule, batch, dtype, *, steps, l2=0.0, schedule=None, weight=WEIGHT):
    """(kernels, jax): the ends of two runs over the same rows in the same order."""
    precision = np.dtype(dtype).name
    rule_, numbers = settle(rule, 0.05, schedule=schedule, horizons={"step": steps})
    numbers["objective"] = {"l2": l2} if l2 else {}
    y = target_of(loss)
    k = int(y.max()) + 1 if LOSSES[loss].tasks == ("multiclass",) else 1
    params = {"bias": np.zeros(k, dtype), "weight": np.zeros((D, k), dtype)}
    objective = TableObjective(Linear(), LOSSES[loss])
    stopping = Stopping(max_steps=steps)
    parameter = LOSSES[loss].parameter
    plan = Plan(
        loss=loss,
        parameter=parameter.value if parameter else 1.0,
        rule=rule,
        batch_size=batch,
        l2=l2,
        **numbers["hyper"],
    )
    engine = LinearEngine(objective, plan, rule_, numbers, dtype=dtype)
    table = Table(X.astype(dtype), y.astype(dtype), weight.astype(dtype), D)
    source = source_of(table, batch)
    key = random.key(0)
    ends = []
    for made, read in (
        (engine, source),
        (
            JaxEngine(
                objective,
                rule_,
                numbers,
                stopping.limits(stochastic=True),
                path=False,
                stochastic=True,
                precision=precision,
            ),
            None,
        ),
    ):
        with made.scope():
            if read is None:
                rows = (X.astype(dtype), y, weight.astype(dtype))
                rows = (rows[0], y if k > 1 else y.astype(dtype), rows[2])
                read = TableSource(Blocks(rows, batch_size=batch, seed=0))
            state = made.start(params, (), key)
            ends.append(descend(made, read, state, stopping, judge=Judge()))
    return ends


COLUMNS = ("value", "grad_norm", "update_norm", "param_norm", "learning_rate", "cosine")


def agree(ours, theirs, rtol):
    for name in COLUMNS:
        # the last row stands at the returned params, where only the judge has been
        mine, other = getattr(ours.trace, name)[:-1], getattr(theirs.trace, name)[:-1]
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol, err_msg=name)
    for name in ("step", "epoch", "samples", "finite"):
        np.testing.assert_array_equal(
            getattr(ours.trace, name), getattr(theirs.trace, name), name
        )
    mine, other = jax.device_get((ours.params, theirs.params))
    for name, part in mine.items():
        np.testing.assert_allclose(part, other[name], rtol=rtol, atol=rtol)


@pytest.mark.parametrize("loss", KERNELS)
@pytest.mark.parametrize("batch", [1, 20])
def test_every_loss_goes_the_way_of_the_jax_engine(loss, batch):
    agree(*both(loss, "gd", batch, np.float64, steps=90), 1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_rule_does_and_so_do_schedules_and_penalties(rule, dtype):
    rtol = 1e-12 if dtype is np.float64 else 2e-5
    options = {"steps": 50, "l2": 0.1, "schedule": "cosine"}
    agree(*both("log", rule, 7, dtype, **options), rtol)


def test_later_rows_tell_the_mean_since_the_row_before():
    ours, theirs = both("squared", "gd", 5, np.float64, steps=1500, weight=np.ones(N))
    assert ours.trace.step[-3] > 1008
    agree(ours, theirs, 1e-9)


def test_rows_fall_due_at_the_same_steps():
    for step in (0, 1, 999, 1000, 1001, 1024, 5000, 123456, 2**30):
        assert due_row(step) == int(due_from(np.int32(step)))


def test_a_number_that_is_lost_stops_the_run_at_its_step():
    rows = X.copy()
    lost = int(order(N, epoch=1)[17])
    rows[lost, 2] = np.nan
    table = Table(rows, LINE, None, D)
    rule, numbers = settle("gd", 0.05)
    engine = LinearEngine(
        TableObjective(Linear(), LOSSES["squared"]),
        Plan(loss="squared"),
        rule,
        numbers,
        dtype=np.float64,
    )
    source = source_of(table, 1, later=1)
    params = {"bias": np.zeros(1), "weight": np.zeros((D, 1))}
    state = engine.start(params, (), random.key(0))
    ended = descend(engine, source, state, Stopping(max_epochs=1), judge=Judge())
    assert (ended.stop, int(ended.state.step)) == (Stop.NONFINITE, 17)
    assert np.isfinite(ended.params["weight"]).all()


def test_sparse_rows_go_the_same_way():
    dense = np.where(RNG.random(X.shape) < 0.5, X, 0.0)
    where = dense != 0
    csr = Csr(
        dense[where],
        np.nonzero(where)[1].astype(np.int32),
        np.concatenate([[0], np.cumsum(where.sum(axis=1))]),
    )
    ends = []
    for inputs in (dense, csr):
        rule, numbers = settle("gd", 0.05)
        plan = Plan(loss="squared", batch_size=4)
        engine = LinearEngine(None, plan, rule, numbers, dtype=np.float64)
        engine.objective = TableObjective(Linear(), LOSSES["squared"])
        source = source_of(Table(inputs, LINE, None, D), 4)
        params = {"bias": np.zeros(1), "weight": np.zeros((D, 1))}
        state = engine.start(params, (), random.key(0))
        ends.append(
            descend(engine, source, state, Stopping(max_epochs=2), judge=Judge())
        )
    agree(*ends, 1e-12)
