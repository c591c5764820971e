"""Strength: the l2 of a linear model, by rows held out in turn."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes, make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold

import steepest as sp
from steepest import DescentClassifier, DescentRegressor
from steepest.api import strength
from steepest.api.strength import Tried, best, is_smooth
from steepest.core.errors import UsageError
from steepest.problems.losses import get_loss

NOISY = make_classification(
    n_samples=300, n_features=60, n_informative=5, flip_y=0.2, random_state=0
)


def test_noise_is_penalised_as_cross_validation_of_scikit_learn_says():
    rows, y = NOISY
    rows = (rows - rows.mean(0)) / rows.std(0)
    found = DescentClassifier().fit(rows, y).run_.settings["penalty"]["l2"] * len(y)

    def held_out(strength):
        parts = KFold(5, shuffle=True, random_state=0).split(rows)
        return np.mean(
            [
                log_loss(
                    y[out],
                    LogisticRegression(C=1 / strength, max_iter=1000)
                    .fit(rows[kept], y[kept])
                    .predict_proba(rows[out]),
                )
                for kept, out in parts
            ]
        )

    losses = [held_out(strength) for strength in (found, 1.0, 1e-2, 1e3)]
    assert losses[0] < 0.98 * losses[1] < losses[2]
    assert losses[0] < 1.01 * losses[3]


def test_the_fit_is_the_ridge_of_the_chosen_strength():
    rows, y = load_diabetes(return_X_y=True)
    model = DescentRegressor().fit(rows, y)
    l2 = model.run_.settings["penalty"]["l2"]
    assert "left out one at a time" in model.run_.settings["chosen"]["l2"]
    # (p - y)^2 + l2 / 2 |w|^2 on the mean, columns of deviation 1
    size = rows.std(0)
    theirs = Ridge(alpha=l2 / 2 * len(y)).fit(rows / size, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_ / size, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(
    ("rows", "columns", "reason"), [(19, 3, "too few"), (4000, 3, "many")]
)
def test_where_it_cannot_be_told_or_does_not_matter_a_row_s_worth(
    rows, columns, reason
):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, columns))
    run = DescentRegressor().fit(X, X[:, 0] + rng.normal(size=rows)).run_
    assert run.settings["penalty"] == {"l2": pytest.approx(1 / rows)}
    assert reason in run.settings["chosen"]["l2"]


def test_it_is_the_same_again_and_for_sparse_rows():
    rows, y = NOISY
    rows = np.where(abs(rows) < 1, 0.0, rows)
    kinds = rows, rows, csr_array(rows)
    plain = dict(fit_intercept=False, standardize=False)
    runs = [DescentClassifier(**plain).fit(X, y).run_ for X in kinds]
    first, again, sparse = (run.settings["penalty"]["l2"] for run in runs)
    assert first == again
    assert sparse == pytest.approx(first, rel=1e-3)


@pytest.mark.parametrize(
    "options", [dict(l2=0.3), dict(loss="hinge"), dict(optimizer="adam"), dict(l1=0.01)]
)
def test_what_was_named_is_left_alone(options):
    run = DescentClassifier(**options).fit(*NOISY).run_
    assert run.settings["chosen"] == {}
    assert run.settings["penalty"]["l2"] == options.get("l2", 1 / 300)


def test_only_losses_that_we_know_are_smooth():
    assert is_smooth(get_loss("huber:2", task="regression"))
    assert not is_smooth(get_loss("absolute", task="regression"))
    assert not is_smooth(lambda prediction, target: (prediction - target) ** 2)


def tried(*means, noise=1.0):
    """Strengths from strong to weak, with losses of rows that differ by noise."""
    rng = np.random.default_rng(0)
    found = []
    for i, mean in enumerate(means):
        off = rng.standard_normal(100)
        losses = mean + noise * (off - off.mean()) / off.std()
        found.append(Tried(10.0**-i, losses, np.ones(100)))
    return found


def test_the_least_loss_is_taken_where_a_parabola_has_it():
    assert best(tried(3.0, 1.0, 3.0, noise=0.0)) == pytest.approx(0.1)
    assert best(tried(3.0, 1.0, 1.5, noise=0.0)) == pytest.approx(10**-1.25)
    assert best(tried(3.0, 2.0, 1.0, noise=0.0)) == pytest.approx(0.01)


def test_a_stronger_one_that_cannot_be_told_from_the_best_is_taken():
    # a standard error of differences is about sqrt(2) / 10, a quarter of it 0.035
    assert best(tried(3.0, 1.02, 1.0, 1.2)) == pytest.approx(0.1)
    assert best(tried(3.0, 1.2, 1.0, 1.2)) == pytest.approx(0.01)


def test_folds_serve_where_params_are_many(monkeypatch):
    rows, y = NOISY
    by_row = DescentClassifier().fit(rows, y).run_.settings["penalty"]["l2"]
    monkeypatch.setattr(strength, "MOST_NUMBERS", 10)
    settings = DescentClassifier().fit(rows, y).run_.settings
    assert "held out in turn" in settings["chosen"]["l2"]
    assert 0.1 < settings["penalty"]["l2"] / by_row < 10
    monkeypatch.setattr(strength, "MOST_VALUES", 10)
    one = DescentClassifier().fit(rows, y).run_.settings["penalty"]["l2"]
    assert 0.01 < one / by_row < 100


def test_of_many_rows_some_are_drawn(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 30))
    y = X @ rng.normal(size=30) + 20 * rng.normal(size=2000)
    whole = DescentRegressor().fit(X, y).run_.settings["penalty"]["l2"]
    monkeypatch.setattr(strength, "MOST_ROWS", 500)
    some = [DescentRegressor(random_state=0).fit(X, y) for _ in range(2)]
    first, again = (model.run_.settings["penalty"]["l2"] for model in some)
    assert first == again
    assert 0.05 < first / whole < 20
    monkeypatch.setattr(strength, "MOST_WORK", 31**2 * 400)
    assert DescentRegressor(random_state=0).fit(X, y).run_.converged


def test_fit_takes_it_too_and_tells_why():
    rows, y = NOISY
    fitted = sp.fit((rows, y), task="binary", validation=None, progress=False)
    settings = fitted.run.settings
    ours = DescentClassifier().fit(rows, y).run_.settings
    assert settings["penalty"]["l2"] == pytest.approx(ours["penalty"]["l2"], rel=1e-3)
    assert settings["chosen"]["l2"] == ours["chosen"]["l2"]


@pytest.mark.parametrize(
    "options",
    [
        dict(l2=0.0),
        dict(loss="hinge"),
        dict(optimizer="adam"),
        dict(l1=0.01),
        dict(batch_size=32),
        dict(model="mlp:hidden=2", epochs=2, optimizer="adam"),
        dict(optimizer="normalized"),
    ],
    ids=str,
)
def test_fit_penalises_nothing_elsewhere(options):
    rows, y = NOISY
    run = sp.fit((rows, y), task="binary", progress=False, **options).run
    assert "l2" not in run.settings["penalty"]
    assert "l2" not in run.settings["chosen"]


def test_another_word_for_l2_is_refused():
    with pytest.raises(UsageError, match="l2='strong': must be >= 0"):
        sp.fit(NOISY, l2="strong")


def test_on_the_way_to_an_optimum_validation_rows_only_measure():
    rows, y = NOISY
    told = dict(task="binary", progress=False, l2=0.0)
    measured = sp.fit((rows, y), **told)
    assert measured.run.grad_norm < 1e-5
    assert len(measured.run.trace.validation.loss) > 2
    assert "best on validation" not in measured.run.verdict.headline
    chosen = sp.fit((rows, y), patience=50, **told)
    curve = chosen.run.trace.validation.loss
    assert chosen.metrics["validation"]["log_loss"] == pytest.approx(
        curve.min(), rel=1e-4
    )
    assert curve.min() < 0.99 * curve[-1]
    assert chosen.run.grad_norm > 1e-3


def test_trials_of_a_search_are_not_held_against_it():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5)) * [1, 5, 1, 1, 1]
    y = rng.poisson(np.exp(3 + X @ [0.5, 0.5, 0.2, 0.1, 0.1])).astype(float)
    run = sp.fit((X, y), loss="poisson", progress=False).run
    assert run.converged
    assert np.diff(run.trace.validation.loss).max() < run.trace.validation.loss[0]
