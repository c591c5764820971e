"""Loops of PyTorch as everyone writes them; skips the tests where it is missing."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

mse = torch.nn.functional.mse_loss


def make_table():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x = torch.randn(40, 3)
    return x, x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.1 * torch.randn(40, 1)


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    )


def rule(model, name="SGD", **options):
    return getattr(torch.optim, name)(model.parameters(), **{"lr": 0.05, **options})


def train(model, optimizer, table, steps=5, *, look=None):
    """A loop as everyone writes it; `look` is told of each step before it is made."""
    x, y = table
    for _ in range(steps):
        optimizer.zero_grad()
        loss = mse(model(x), y)
        loss.backward()
        if look is not None:
            look(model, float(loss.detach()))
        optimizer.step()
