"""watch beside loops of PyTorch: what it sees, and that it changes nothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from loops import make_table, mse, network, rule, torch, train

from steepest.torch import watch
from steepest.torch.flat import Flat


@pytest.fixture
def table():
    return make_table()


def flat(tensors):
    return np.concatenate([t.detach().double().numpy().ravel() for t in tensors])


def seen_by_hand(model, optimizer, table, steps=5):
    """(value, gradient, params) before each step, and the params after the last."""
    told = []

    def look(model, loss):
        grads = flat(p.grad for p in model.parameters())
        told.append((loss, grads, flat(model.parameters())))

    train(model, optimizer, table, steps, look=look)
    return told, flat(model.parameters())


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_rows_by_hand(table, name):
    model = network()
    told, end = seen_by_hand(model, rule(model, name), table)
    model = network()
    optimizer = rule(model, name)
    with watch(model, optimizer) as seen:
        train(model, optimizer, table)
    rows, path = seen.trace.rows, [params for _, _, params in told] + [end]
    np.testing.assert_array_equal(rows.value, [value for value, _, _ in told])
    grads = [grad for _, grad, _ in told]
    norms = np.array([np.linalg.norm(g) for g in grads])
    np.testing.assert_allclose(rows.grad_norm, norms, rtol=1e-6)
    sizes = [np.linalg.norm(p) for p in path[:-1]]
    np.testing.assert_allclose(rows.param_norm, sizes, rtol=1e-6)
    steps = [np.linalg.norm(b - a) for a, b in itertools.pairwise(path)]
    np.testing.assert_allclose(rows.update_norm, steps, rtol=1e-5)
    cosine = [a @ b for a, b in itertools.pairwise(grads)]
    cosine = np.array(cosine) / norms[1:] / norms[:-1]
    np.testing.assert_allclose(rows.cosine, [np.nan, *cosine], rtol=1e-5)
    np.testing.assert_allclose(rows.learning_rate, 0.05)
    quality = -np.diff(rows.value) / (0.05 * norms[:-1] ** 2)
    expected = [np.nan, *quality] if name == "SGD" else [np.nan] * 5
    np.testing.assert_allclose(rows.step_quality, expected, rtol=1e-4)
    assert rows.samples.tolist() == [0, 40, 80, 120, 160]
    assert rows.evals.tolist() == [1, 2, 3, 4, 5]
    layers = seen.trace.layers
    assert layers.names == ("0.weight", "2.weight")
    whole = (layers.grad_norm**2).sum(axis=1)
    assert (whole <= rows.grad_norm**2 * (1 + 1e-6)).all()  # biases are left out
    first = np.linalg.norm(grads[0][:24])
    assert layers.grad_norm[0, 0] == pytest.approx(first, rel=1e-6)


def test_nothing_is_changed(table):
    ends = []
    backward, scale = torch.autograd.backward, torch.amp.GradScaler.scale
    for watched in (False, True):
        model = network()
        optimizer = rule(model, "Adam")
        if watched:
            seen = watch(model, optimizer)
            train(model, optimizer, table)
            seen.close()
        else:
            train(model, optimizer, table)
        ends.append(flat(model.parameters()))
    np.testing.assert_array_equal(*ends)
    assert torch.autograd.backward is backward
    assert torch.amp.GradScaler.scale is scale
    assert not model._forward_pre_hooks
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    train(model, optimizer, table)
    assert len(seen.trace) == 5
    seen.close()  # a second time is no harm


def test_it_is_closed_whatever_ends_the_block(table):
    model = network()
    optimizer, backward = rule(model), torch.autograd.backward
    seen = watch(model, optimizer)

    def loop():
        with seen:
            train(model, optimizer, table, 2)
            raise KeyError

    with pytest.raises(KeyError):
        loop()
    assert torch.autograd.backward is backward
    assert len(seen.trace) == 2


def test_two_at_once_are_closed_in_any_order(table):
    backward = torch.autograd.backward
    one, two = network(), network()
    rules = rule(one), rule(two, lr=0.01)
    first, second = watch(one, rules[0]), watch(two, rules[1])
    x, y = table
    for _ in range(3):
        for model, optimizer, factor in ((one, rules[0], 1.0), (two, rules[1], 7.0)):
            optimizer.zero_grad()
            (factor * mse(model(x), y)).backward()
            optimizer.step()
    first.close()
    assert torch.autograd.backward is not backward
    second.close()
    assert torch.autograd.backward is backward
    assert second.trace.value[0] == pytest.approx(7 * first.trace.value[0])
    assert len(first.trace) == len(second.trace) == 3


def test_each_of_two_models_has_its_own_loss(table):
    x, y = table
    model, judge = network(), torch.nn.Linear(1, 1)
    rules = rule(model), rule(judge)
    with watch(model, rules[0]) as seen, watch(judge, rules[1]) as other:
        for _ in range(3):
            rules[1].zero_grad()
            judging = mse(judge(model(x).detach()), y) + 100
            judging.backward()
            rules[1].step()
            rules[0].zero_grad()
            loss = judge(model(x)).mean()
            loss.backward()
            rules[0].step()
    assert (other.trace.value > 100).all()
    assert (np.abs(seen.trace.value) < 100).all()


def test_accumulated_gradients_are_of_the_sum(table):
    model = network()
    x, y = table
    for none in (True, False):
        optimizer = rule(model)
        with watch(model, optimizer) as seen:
            for _ in range(3):
                optimizer.zero_grad(set_to_none=none)
                total = 0.0
                for part in (slice(0, 20), slice(20, 40)):
                    loss = mse(model(x[part]), y[part]) / 2
                    loss.backward()
                    total += float(loss.detach())
                optimizer.step()
        assert seen.trace.value[-1] == pytest.approx(total, rel=1e-6)
        assert seen.trace.samples.tolist() == [0, 40, 80]
        assert seen.trace.evals.tolist() == [1, 2, 3]
        assert np.isnan(seen.trace.step_quality).all()


def test_lbfgs_and_its_closure(table):
    model = network()
    x, y = table
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)
    calls, starts = [], []

    def closure():
        optimizer.zero_grad()
        loss = mse(model(x), y)
        loss.backward()
        calls.append(float(loss.detach()))
        return loss

    with watch(model, optimizer) as seen:
        for _ in range(3):
            starts.append(len(calls))
            optimizer.step(closure)
    assert len(calls) > 3
    np.testing.assert_array_equal(seen.trace.value, [calls[k] for k in starts])
    first = network()
    grads = torch.autograd.grad(mse(first(x), y), list(first.parameters()))
    assert seen.trace.grad_norm[0] == pytest.approx(np.linalg.norm(flat(grads)))
    assert (seen.trace.update_norm > 0).all()
    optimizer = rule(model)
    with watch(model, optimizer) as seen:
        optimizer.step(closure=closure)
    assert seen.trace.value[0] == calls[-1]


def test_groups_schedules_and_frozen_params(table):
    model = network()
    model[0].bias.requires_grad_(False)
    groups = [
        {"params": model[0].parameters(), "lr": 0.03},
        {"params": model[2].parameters(), "lr": 0.5},
    ]
    optimizer = torch.optim.SGD(groups)
    falls = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    with watch(model, optimizer) as seen:
        for _ in range(3):
            train(model, optimizer, table, 1)
            falls.step()
    np.testing.assert_allclose(seen.trace.learning_rate, [0.03, 0.015, 0.0075])
    assert np.isnan(seen.trace.step_quality).all()
    norm = np.linalg.norm(flat([model[0].weight, *model[2].parameters()]))
    assert seen.trace.param_norm[-1] == pytest.approx(norm, rel=0.1)


def test_batches_tell_no_step_quality(table):
    x, y = table
    model = network()
    optimizer = rule(model)
    with watch(model, optimizer) as seen:
        for k in range(6):
            train(model, optimizer, (x[k : k + 8], y[k : k + 8]), 1)
    assert np.isnan(seen.trace.step_quality).all()
    assert seen.trace.samples.tolist() == [0, 8, 16, 24, 32, 40]


def test_dropout_tells_none_either(table):
    model = torch.nn.Sequential(network(), torch.nn.Dropout(0.1))
    optimizer = rule(model)
    with watch(model, optimizer) as seen:
        train(model, optimizer, table)
    assert np.isnan(seen.trace.step_quality).all()


def test_every_nth_step(table):
    model = network()
    optimizer = rule(model)
    with watch(model, optimizer) as all_:
        train(model, optimizer, table, 10)
    model = network()
    optimizer = rule(model)
    with watch(model, optimizer, every=3) as seen:
        train(model, optimizer, table, 10)
    rows = seen.trace.rows
    assert rows.step.tolist() == [0, 3, 6, 9]
    for name in ("value", "grad_norm", "update_norm", "cosine", "step_quality"):
        expected = getattr(all_.trace, name)[::3]
        np.testing.assert_allclose(getattr(rows, name), expected, rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"fused": True}])
def test_scaled_losses_are_told_unscaled(table, options):
    model = network()
    told, _ = seen_by_hand(model, rule(model, "Adam", lr=1e-3), table)
    model = network()
    optimizer = rule(model, "Adam", lr=1e-3, **options)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    x, y = table
    with watch(model, optimizer) as seen:
        for k in range(5):
            optimizer.zero_grad()
            loss = mse(model(x), y)
            scaler.scale(loss * (math.inf if k == 2 else 1.0)).backward()
            scaler.step(optimizer)
            scaler.update()
    rows = seen.trace.rows
    assert rows.step.tolist() == [0, 1, 2, 3]  # one was skipped
    values = [value for value, _, _ in told]
    np.testing.assert_allclose(rows.value, values[:4], rtol=1e-5)
    norms = [np.linalg.norm(grad) for _, grad, _ in told]
    np.testing.assert_allclose(rows.grad_norm, norms[:4], rtol=1e-5)


def test_sparse_and_missing_gradients():
    words, unused = torch.nn.Embedding(5, 2, sparse=True), torch.nn.Linear(2, 2)
    model = torch.nn.ModuleList([words, unused])
    optimizer = rule(model)
    before = words.weight.detach().clone()
    with watch(model, optimizer) as seen:
        words(torch.tensor([1, 1, 3])).sum().backward()
        optimizer.step()
    assert seen.trace.grad_norm[0] == pytest.approx(math.sqrt(2 * 4 + 2))
    moved = (words.weight - before).norm().item()
    assert seen.trace.update_norm[0] == pytest.approx(moved, rel=1e-6)
    assert np.isnan(seen.trace.cosine[0])


def test_a_device_without_numpy_tells_the_same(table):
    x, y = table
    model = network()
    named = list(model.named_parameters())
    found = []
    for wide in (True, False):
        looks = Flat(named, wide=wide)
        told = []
        for k in range(2):
            model.zero_grad()
            mse(model(x[k:]), y[k:]).backward()
            told += [*looks.grads(k, 0.5), looks.params()]
            with torch.no_grad():
                for p in model.parameters():
                    p.add_(0.25)
            square, layers = looks.update()
            with torch.no_grad():
                for p in model.parameters():
                    p.sub_(0.25)
            told += [square, *np.ravel(layers)]
        found.append(told)
    np.testing.assert_allclose(*found, rtol=1e-5)
    assert found[0][4] == pytest.approx(0.25**2 * 41, rel=1e-4)
