"""Bring handwritten digits together by kind: an embedding in place of 64 pixels.

python examples/digits_by_distance.py
"""

from __future__ import annotations

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import steepest as sp


def main() -> None:
    """Fit on some digits, and look for the nearest of others."""
    pixels, labels = load_digits(return_X_y=True)
    train, new, y, truth = train_test_split(pixels, labels, random_state=0)
    fitted = sp.fit((train, y), model="mlp:hidden=64,outputs=8", loss="triplet")
    places = fitted.transform(new)
    found = fitted.evaluate((new, truth))["recall_at_1"]
    lines = (
        str(fitted),
        f"{len(new)} new digits as {places.shape[1]} numbers each:",
        f"the nearest other one is of their kind for {found:.1%} of them.",
    )
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
