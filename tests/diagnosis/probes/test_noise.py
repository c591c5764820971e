"""The gradient noise scale, against the covariance of the rows' own gradients."""

import numpy as np
import pytest
from ends import trace

from steepest.diagnosis.probes.noise import noise_of

N, B = 4000, 20


def measured(seed=0, batches=200):
    """(what the trace tells, tr(Sigma) / |G|^2 of the rows' gradients)."""
    rng = np.random.default_rng(seed)
    grads = rng.normal(size=(N, 3)) * [1.0, 2.0, 0.5] + [0.3, 0.0, 0.1]
    full = grads.mean(axis=0)
    drawn = [grads[rng.choice(N, B, replace=False)].mean(0) for _ in range(batches)]
    norms = [*np.linalg.norm(drawn, axis=1), np.linalg.norm(full)]
    found = noise_of(trace(values=np.ones(len(norms)), grads=norms), B, N)
    return found, np.cov(grads.T).trace() / (full @ full)


def test_the_scale_and_its_interval_hold_the_truth():
    inside = []
    for seed in range(20):
        found, truth = measured(seed)
        inside.append(found.low <= truth <= found.high)
        assert found.scale == pytest.approx(truth, rel=0.4)
    assert sum(inside) >= 17  # 95 % of 20 are 19


def test_batches_without_noise_have_none():
    found = noise_of(trace(values=np.ones(50), grads=np.full(50, 2.0)), B, N)
    assert (found.scale, found.low, found.high, found.batch) == (0, 0, 0, 0)


def test_where_batches_do_not_differ_or_are_few_nothing_is_known():
    rows = trace(values=np.ones(50), grads=np.ones(50))
    assert noise_of(rows, N, N) is None
    assert noise_of(trace(values=np.ones(6), grads=np.ones(6)), B, N) is None
    lost = trace(values=np.ones(50), grads=np.full(50, np.nan))
    assert noise_of(lost, B, N) is None


def test_huge_gradients_do_not_warn():
    found = noise_of(trace(values=np.ones(50), grads=[*[1e200] * 49, 1.0]), B, N)
    assert found is None
