"""Descent on tables: every row once, the same path as loops written by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steepest as sp
from steepest.data.blocks import Blocks
from steepest.data.orders import order

RNG = np.random.default_rng(3)
X = RNG.normal(size=(50, 3)).astype(np.float32)
Y = (X @ np.array([1.0, -2.0, 0.5]) + 0.3 + 0.1 * RNG.normal(size=50)).astype(
    np.float32
)


def fit(**options):
    # standardised columns and a scaled target would only blur the comparison
    plain = dict(validation=None, standardize=False, optimizer="gd", loss=squared)
    return sp.fit((X, Y), **{**plain, **options})


def squared(prediction, target):
    return jnp.square(prediction - target)  # for arrays: the jax engine takes it


def by_hand(batch_size, epochs, rate, seed=0, l2=0.0, l1=0.0):
    """Mini-batch descent on a line, in float64 NumPy."""
    weight, bias = np.zeros(3), 0.0
    for epoch in range(epochs):
        rows = order(50, seed=seed, epoch=epoch)
        if batch_size == 50:
            rows = np.arange(50)
        for start in range(0, 50, batch_size):
            batch = rows[start : start + batch_size]
            residual = X[batch] @ weight + bias - Y[batch]
            slope = 2 * X[batch].T @ residual / len(batch)
            bias -= rate * 2 * residual.mean()
            weight = weight - rate * (slope + l2 * weight + l1 * np.sign(weight))
    return weight, bias


@pytest.mark.parametrize("batch_size", [1, 7, 16, 32, 50])
@pytest.mark.parametrize("penalty", [{}, {"l2": 0.1, "l1": 0.05}])
def test_descent_follows_the_hand_written_loop(batch_size, penalty):
    fitted = fit(batch_size=batch_size, epochs=3, learning_rate=0.02, **penalty)
    weight, bias = by_hand(batch_size, 3, 0.02, **penalty)
    np.testing.assert_allclose(fitted.params["weight"][:, 0], weight, atol=1e-5)
    np.testing.assert_allclose(fitted.params["bias"], bias, atol=1e-5)
    assert fitted.run.steps == 3 * -(-50 // batch_size)


def test_full_batch_is_mini_batch_with_all_rows():
    full = fit(batch_size="full", epochs=20, learning_rate=0.1)
    large = fit(batch_size=50, epochs=20, learning_rate=0.1)
    np.testing.assert_array_equal(full.params["weight"], large.params["weight"])
    np.testing.assert_array_equal(full.run.trace.value, large.run.trace.value)


@settings(max_examples=60)
@given(
    n_rows=st.integers(1, 200),
    batch_size=st.integers(1, 220),
    epoch=st.integers(0, 5),
    fill=st.booleans(),
)
def test_every_row_is_in_exactly_one_batch(n_rows, batch_size, epoch, fill):
    arrays = (np.arange(n_rows), np.ones(n_rows))
    batch_size = min(batch_size, n_rows)
    blocks = Blocks(arrays, batch_size=batch_size, seed=1, fill=fill)
    seen, batch = [], 0
    while batch < blocks.batches_per_epoch:
        block = blocks.block(epoch, batch)
        assert block.first == batch
        rows, weight = (a[: block.n_batches] for a in block.arrays)
        assert (weight.sum(axis=1) > 0).all()
        seen.extend(rows[weight > 0])
        batch += block.n_batches
    assert sorted(seen) == list(range(n_rows))
    assert blocks.samples_at(blocks.batches_per_epoch) == n_rows


def test_a_block_is_the_same_from_wherever_it_is_entered():
    arrays = (np.arange(10**6), np.ones(10**6))
    blocks = Blocks(arrays, batch_size=100, seed=1)
    first = blocks.block(3, 0)
    again = Blocks(arrays, batch_size=100, seed=1)
    inside = again.block(3, first.n_batches - 1)
    np.testing.assert_array_equal(first.arrays[0], inside.arrays[0])


def test_rows_count_epochs_and_samples():
    run = fit(batch_size=16, epochs=2, learning_rate=0.01).run
    assert run.trace.step.tolist() == list(range(9))
    assert run.trace.epoch.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert run.trace.samples.tolist() == [0, 16, 32, 48, 50, 66, 82, 98, 100]
    assert run.trace.value[-1] == run.value


def test_last_row_is_the_objective_over_all_rows():
    fitted = fit(batch_size=16, epochs=2, learning_rate=0.01, l2=0.5)
    weight, bias = fitted.params["weight"][:, 0], fitted.params["bias"]
    residual = X @ weight + bias - Y
    value = np.mean(residual**2) + 0.25 * weight @ weight
    assert fitted.run.value == pytest.approx(value, rel=1e-5)
    slope = np.append(2 * X.T @ residual / 50 + 0.5 * weight, 2 * residual.mean())
    assert fitted.run.grad_norm == pytest.approx(np.linalg.norm(slope), rel=1e-4)


def test_long_fits_record_the_mean_of_each_stretch():
    fitted = fit(batch_size=1, epochs=40, learning_rate=1e-9)
    trace = fitted.run.trace
    late = trace.value[(trace.step >= 1024) & (trace.step < 2000)]
    # params hardly move: rows of 8 samples each, all 50 rows of an epoch in them
    assert len(late) == len(range(1024, 2000, 8))
    assert late.mean() == pytest.approx(np.mean(Y**2), rel=0.05)
    assert late.std() < np.std(Y**2) / 2


def test_three_ways_reach_the_least_squares_line():
    line = np.linalg.lstsq(np.column_stack([X, np.ones(50)]), Y, rcond=None)[0]
    ways = (
        dict(batch_size="full", epochs=400, learning_rate=0.2),
        dict(
            batch_size=10,
            epochs=600,
            learning_rate=0.1,
            schedule="inverse_time:decay=0.02",
        ),
        dict(
            batch_size=1,
            epochs=600,
            learning_rate=0.05,
            schedule="inverse_time:decay=0.02",
        ),
    )
    for options, tolerance in zip(ways, (1e-6, 2e-3, 5e-3), strict=True):
        params = fit(**options).params
        found = np.append(params["weight"][:, 0], params["bias"])
        np.testing.assert_allclose(found, line, atol=tolerance)


def test_a_line_equals_least_squares_to_a_millionth():
    x = np.linspace(-1, 2, 40)
    y = 1.7 * x - 0.4 + np.sin(9 * x)
    fitted = sp.fit(
        (x[:, None], y),
        validation=None,
        batch_size="full",
        optimizer="gd",
        learning_rate=0.3,
        epochs=500,
        standardize=False,
        loss=squared,
    )
    a, b = np.polyfit(x, y, 1)
    assert float(fitted.params["weight"][0, 0]) == pytest.approx(a, abs=1e-6)
    assert float(fitted.params["bias"][0]) == pytest.approx(b, abs=1e-6)


def test_gtol_ends_a_full_batch_fit_and_is_refused_for_batches():
    fitted = fit(batch_size="full", epochs=2000, learning_rate=0.2, gtol=1e-4)
    assert fitted.run.stop is sp.Stop.GRADIENT_SMALL
    assert fitted.run.converged
    with pytest.raises(sp.UsageError, match="gtol=0.001: the gradient of a batch"):
        fit(batch_size=10, gtol=1e-3)


def test_validation_keeps_the_best_epoch_and_patience_stops():
    fitted = sp.fit(
        (X, Y),
        model="mlp:hidden=32",
        epochs=500,
        patience=3,
        batch_size=5,
        learning_rate=0.05,
        optimizer="adam",
        validation=0.3,
    )
    run = fitted.run
    curve = run.trace.validation
    best = int(np.argmin(curve.loss))
    assert run.stop is sp.Stop.PATIENCE
    assert curve.epoch[0] == 0
    assert curve.epoch[-1] - curve.epoch[best] == 3
    assert run.best_step == curve.step[best]
    error = fitted.metrics["validation"]["rmse"] / fitted.target.scale
    assert error**2 == pytest.approx(curve.loss[best], rel=1e-4)


def test_a_rate_too_large_is_told_and_the_start_is_kept():
    fitted = fit(batch_size=10, epochs=50, learning_rate=5.0)
    run = fitted.run
    assert run.stop.failed
    assert "learning_rate=5" in run.verdict.headline
    assert all(np.isfinite(leaf).all() for leaf in fitted.params.values())
    assert np.isfinite(run.value)
    assert run.trace.value[-1] == run.value


def test_max_steps_and_max_seconds_end_a_fit():
    run = fit(batch_size=10, epochs=100, learning_rate=0.01, max_steps=7).run
    assert (run.stop, run.steps) == (sp.Stop.MAX_STEPS, 7)
    run = fit(batch_size=10, epochs=10**6, learning_rate=1e-6, max_seconds=0.3).run
    assert run.stop is sp.Stop.MAX_SECONDS


def test_batch_norm_learns_and_keeps_its_running_averages():
    fitted = sp.fit(
        (X, Y),
        model="mlp:hidden=16,norm=batch",
        epochs=60,
        batch_size=10,
        optimizer="adam",
        learning_rate=0.01,
        validation=0.2,
    )
    assert fitted.metrics["validation"]["r2"] > 0.8
    alone = np.concatenate([fitted.predict(X[i : i + 1]) for i in range(10)])
    np.testing.assert_allclose(alone, fitted.predict(X[:10]), rtol=1e-4, atol=1e-5)


def test_same_seed_same_bits_other_seed_other_path():
    def weights(seed):
        return fit(batch_size=8, epochs=3, learning_rate=0.02, seed=seed).params[
            "weight"
        ]

    np.testing.assert_array_equal(weights(1), weights(1))
    assert np.any(weights(1) != weights(2))


def test_weights_act_as_repeated_rows():
    weight = np.arange(50) % 3
    repeated = np.repeat(np.arange(50), weight)
    options = dict(
        validation=None,
        standardize=False,
        optimizer="gd",
        loss=squared,
        batch_size="full",
        epochs=30,
        learning_rate=0.1,
    )
    one = sp.fit((X, Y), sample_weight=weight, **options)
    two = sp.fit((X[repeated], Y[repeated]), **options)
    np.testing.assert_allclose(
        one.params["weight"], two.params["weight"], rtol=1e-4, atol=1e-5
    )


def test_a_long_full_batch_fit_without_validation_is_healthy():
    run = fit(batch_size="full", epochs=1500, learning_rate=0.1).run
    assert run.stop is sp.Stop.MAX_EPOCHS or run.stop is sp.Stop.PRECISION
    assert np.isfinite(run.trace.value).all()
    assert run.steps <= 1500


def test_a_full_batch_fit_is_validated_at_epochs_that_no_clock_chooses():
    options = {"batch_size": "full", "epochs": 3000, "learning_rate": 1e-4}
    curve = fit(validation=0.2, **options).run.trace.validation
    assert curve.epoch[:1001].tolist() == list(range(1001))
    assert curve.epoch[-1] == 3000
    assert set(np.diff(curve.epoch[1001:-1])) <= {4, 8, 16}


def test_an_epoch_cut_short_still_counts():
    run = fit(batch_size=1, epochs=5, learning_rate=0.01, validation=0.2, max_steps=30)
    assert run.run.best_step == 30
    assert run.metrics["validation"]["r2"] > 0.3
    np.testing.assert_array_equal(run.run.trace.validation.step, [0, 30])


def test_per_epoch_schedules_count_epochs_in_a_full_batch():
    run = fit(
        batch_size="full",
        epochs=30,
        learning_rate=0.1,
        schedule="exponential:decay=0.5,per=epoch",
    ).run
    np.testing.assert_allclose(
        run.trace.learning_rate[:-1], 0.1 * 0.5 ** np.arange(30), rtol=1e-5
    )


def test_a_rule_for_full_gradients_refuses_batches():
    with pytest.raises(sp.UsageError, match="adgd.*batch_size='full'"):
        fit(optimizer="adgd", batch_size=10)
    assert (
        fit(optimizer="adgd", batch_size="full", epochs=100).metrics["training"]["r2"]
        > 0.9
    )
