"""Partners in a batch and the losses with them, against loops in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.problems.losses import get_loss
from steepest.problems.losses.mining import mined, partners, squared_distances
from steepest.problems.models import Linear
from steepest.problems.objectives import Batch, EmbeddingObjective, objective_of

RNG = np.random.default_rng(0)
ROWS, WIDTH = 24, 3


def unit(places):
    return places / np.linalg.norm(places, axis=1, keepdims=True)


def batch(classes=4, seed=1):
    """Places on the sphere, labels, and weights of which some are 0."""
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 2.0, ROWS) * (rng.random(ROWS) < 0.8)
    return unit(rng.normal(size=(ROWS, WIDTH))), rng.integers(0, classes, ROWS), weight


def by_loops(places, labels, weight, *, semi_hard):
    """(like, unlike) of each row, None where a row has not both."""
    n, found = len(labels), []
    for a in range(n):
        after = [(a + step) % n for step in range(1, n)]
        likes = [b for b in after if labels[b] == labels[a] and weight[b] > 0]
        others = [b for b in range(n) if labels[b] != labels[a] and weight[b] > 0]
        if not likes or not others or weight[a] == 0:
            found.append(None)
            continue
        far = {b: float(np.sum((places[a] - places[b]) ** 2)) for b in range(n)}
        unlike = min(others, key=far.get)
        if semi_hard:
            beyond = [b for b in others if far[b] > far[likes[0]]]
            unlike = min(beyond, key=far.get) if beyond else max(others, key=far.get)
        found.append((likes[0], unlike))
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("semi_hard", [False, True])
def test_partners_are_those_of_a_loop(seed, semi_hard):
    places, labels, weight = batch(seed=seed)
    far = squared_distances(jnp.asarray(places))
    like, unlike, found = map(
        np.asarray,
        partners(far, jnp.asarray(labels), jnp.asarray(weight), semi_hard=semi_hard),
    )
    want = by_loops(places, labels, weight, semi_hard=semi_hard)
    assert found.tolist() == [pair is not None for pair in want]
    for a, pair in enumerate(want):
        if pair is not None:
            assert (like[a].argmax(), unlike[a].argmax()) == pair
            assert like[a].sum() == unlike[a].sum() == 1


@pytest.mark.parametrize(("name", "margin"), [("triplet", 0.2), ("contrastive", 1.0)])
def test_losses_are_the_formula_on_the_partners(name, margin):
    places, labels, weight = batch()
    losses, weights = mined(
        get_loss(name), jnp.asarray(places), jnp.asarray(labels), jnp.asarray(weight)
    )
    pairs = by_loops(places, labels, weight, semi_hard=name == "triplet")
    for a, pair in enumerate(pairs):
        if pair is None:
            assert losses[a] == weights[a] == 0
            continue
        near, far = (np.linalg.norm(places[a] - places[b]) for b in pair)
        want = max(0.0, near**2 - far**2 + margin)
        if name == "contrastive":
            want = (near**2 + max(0.0, margin - far) ** 2) / 4
        np.testing.assert_allclose(losses[a], want, rtol=1e-5, atol=1e-6)
        assert weights[a] == pytest.approx(weight[a])


def test_rows_that_weigh_nothing_change_nothing():
    places, labels, weight = batch()
    loss = get_loss("triplet", task="multiclass")
    some = weight > 0

    def mean(places, labels, weight):
        rows = map(jnp.asarray, (places, labels, weight))
        losses, weights = mined(loss, *rows)
        return float(jnp.sum(losses * weights) / jnp.sum(weights))

    moved = np.where(some[:, None], places, -places)
    whole = mean(places, labels, weight)
    assert whole == pytest.approx(mean(moved, labels, weight))
    assert whole == pytest.approx(mean(places[some], labels[some], weight[some]))


@pytest.mark.parametrize("name", ["triplet", "contrastive"])
def test_the_slope_of_the_objective_against_differences(name):
    with jax.enable_x64(True):
        inputs, (_, labels, weight) = RNG.normal(size=(ROWS, 5)), batch()
        model = Linear(outputs=WIDTH)
        objective = objective_of(model, get_loss(name, task="multiclass"))
        rows = Batch(*map(jnp.asarray, (inputs, labels, weight)))
        params = {
            "bias": jnp.asarray(RNG.normal(size=WIDTH)),
            "weight": jnp.asarray(RNG.normal(size=(5, WIDTH))),
        }
        numbers = {"l2": 0.1}

        def value(params):
            return objective(params, (), rows, numbers)[0]

        slope = jax.grad(value)(params)
        for name_of, at in (("weight", (2, 1)), ("bias", (0,))):
            step = jnp.zeros_like(params[name_of]).at[at].set(1e-6)
            up, down = (
                float(value({**params, name_of: params[name_of] + sign * step}))
                for sign in (1, -1)
            )
            assert float(slope[name_of][at]) == pytest.approx(
                (up - down) / 2e-6, rel=1e-4, abs=1e-7
            )


def test_a_batch_of_one_class_has_nothing_to_tell():
    objective = EmbeddingObjective(Linear(outputs=2), get_loss("triplet"))
    params, stats = objective.model.init(jax.random.key(0), 3, 2)
    rows = Batch(jnp.ones((4, 3)), jnp.zeros(4, int), jnp.ones(4))
    value, slope = jax.value_and_grad(lambda p: objective(p, stats, rows, {})[0])(
        params
    )
    assert value == 0.0
    assert not np.any(slope["weight"])
    assert objective.total(params, stats, rows) == (0.0, 0.0)


def test_rows_in_one_place_have_finite_slopes():
    for name in ("triplet", "contrastive"):
        loss = get_loss(name, task="multiclass")

        def total(raw, loss=loss):
            rows = jnp.array([0, 0, 1, 1]), jnp.ones(4)
            losses, weights = mined(loss, loss.link(raw), *rows)
            return jnp.sum(losses * weights)

        for raw in (jnp.zeros((4, 2)), jnp.ones((4, 2))):
            assert np.isfinite(jax.grad(total)(raw)).all()


def test_the_link_is_of_length_1():
    raw = RNG.normal(size=(6, 4)) * 10.0 ** np.arange(-3, 3)[:, None]
    link = get_loss("triplet").link
    np.testing.assert_allclose(link(jnp.asarray(raw)), unit(raw), rtol=1e-5)
    assert not np.any(link(jnp.zeros((2, 4))))
