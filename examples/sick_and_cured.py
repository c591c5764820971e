"""Four descents that go wrong: what the verdict says, and what its remedy makes of it.

python examples/sick_and_cured.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer

import steepest as sp

CELLS = load_breast_cancer(return_X_y=True)
DEEP = "mlp:hidden=" + "/".join(["12"] * 30) + ",activation=sigmoid"
WAVE = np.linspace(-2.0, 2.0, 200)[:, None]
FIT: dict[str, Any] = {"epochs": 30, "batch_size": 32}

CASES: dict[str, Callable[[], Any]] = {
    "30 layers of sigmoid": lambda: sp.fit(CELLS, model=DEEP, **FIT),
    "exploding": lambda: sp.fit(
        (WAVE, np.sin(3 * WAVE[:, 0])),
        model="mlp:hidden=16/16",
        optimizer="gd",
        learning_rate=5.0,
        **FIT,
    ),
    "dying ReLU": lambda: sp.fit(
        CELLS,
        model="mlp:hidden=16/16",
        optimizer="adam",
        learning_rate=10.0,
        **FIT,
    ),
    "a saddle": lambda: sp.minimize(
        "x**2 - y**2 + y**4/4", {"x": 1.0, "y": 0.0}, optimizer="gd", learning_rate=0.1
    ),
}


def main() -> None:
    """Make each run, ask what ails it, and try what is advised."""
    for name, sick in CASES.items():
        found = sp.diagnose(sick(), remedy=True)
        print(f"{name}\n{found!r}")
        if found.best_run is not None and found.kept:
            print(f"  cured    {found.best_run.verdict.headline}")
        print()


if __name__ == "__main__":
    main()
