"""A fit that learns an embedding, by the command."""

from __future__ import annotations

import numpy as np
import pytest

WORDS = ("--target", "kind", "--loss", "triplet", "--epochs", 30)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Three kinds of points around their own middle, and a column of noise."""
    rng = np.random.default_rng(0)
    lines = ["a,b,noise,kind"]
    for k in range(150):
        a, b = np.array([(0, 0), (4, 0), (0, 4)][k % 3]) + rng.normal(size=2) / 2
        lines.append(f"{a:.4f},{b:.4f},{rng.normal():.4f},{'xyz'[k % 3]}")
    path = tmp_path_factory.mktemp("kinds") / "kinds.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_it_shows_recall_and_predicts_the_nearest_kind(steepest, kinds, tmp_path):
    model = tmp_path / "model"
    told = steepest(
        "fit", kinds, *WORDS, "--model", "mlp:hidden=8,outputs=2", "--save", model
    )
    assert told.exit_code == 0, told.stderr
    assert "recall@1" in told.stdout.splitlines()[0]
    assert "  recall@1 " in told.stdout
    assert "loss triplet:0.2" in told.stdout
    labels = steepest("predict", model, kinds)
    assert labels.exit_code == 0, labels.stderr
    assert labels.stdout.splitlines()[:4] == ["prediction", "x", "y", "z"]
    assert "recall@1" in labels.stderr
    shares = steepest("predict", model, kinds, "--proba")
    assert shares.exit_code == 2
    assert "no probabilities" in shares.stderr


def test_json_and_bad_words(steepest, answer, kinds):
    data, code = answer("fit", kinds, *WORDS, "--model", "linear:outputs=2")
    assert code == 0
    assert data["metrics"]["validation"]["recall_at_1"] > 0.8
    assert data["model"] == {"kind": "linear", "bias": True, "outputs": 2}
    for words, told in (
        (("--loss", "triplet:-1"), "margin must be"),
        (("--batch-size", 1), "compares rows of a batch"),
        (("--task", "regression", "--target", "a"), "numbers make none"),
    ):
        result = steepest("fit", kinds, *WORDS, *words)
        assert result.exit_code in (2, 5), result.stderr
        assert told in result.stderr
