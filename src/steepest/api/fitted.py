"""Fitted: a trained model that reads tables, and can be saved and loaded."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.api import embedding
from steepest.api.own_losses import is_own
from steepest.api.sparse_fits import predicted
from steepest.api.table_data import Rows, encode_rows, sampled
from steepest.core import tree
from steepest.core.errors import DataError, UsageError
from steepest.core.files import read_json, sha256, write_atomic, write_json
from steepest.core.mapped import release
from steepest.data.features import Features
from steepest.data.reading import read_table
from steepest.data.target import Target
from steepest.problems.losses import LOSSES, Loss, get_loss
from steepest.problems.metrics import baseline, label_of, score
from steepest.problems.models import (
    Model,
    get_model,
    leaves_by_name,
    model_from_json,
    replace_leaves,
)
from steepest.problems.neighbours import nearest
from steepest.problems.objectives import objective_of
from steepest.records.folder import (
    ASKED,
    MODEL,
    PART,
    RUN,
    TRACE,
    find_run,
    finish_save,
    is_weights,
    load_run,
    new_folder,
    stage_run,
)
from steepest.records.run import Run

SCHEMA = "steepest.model/1"
MOST_SHOWN = 10_000
"""Numbers that `to_json` shows; beyond it they would only be noise."""
CHUNK = 16_384
"""Rows predicted at a time."""
ARRAYS = ("params", "stats", "centres")
"""What is saved as numbers."""
HEADLINE = {"regression": "r2", "binary": "roc_auc", "multiclass": "accuracy"}


@dataclass(repr=False)
class Fitted:
    """A trained model with all it needs to read a table as its user wrote it.

    Args:
        features: how columns become numbers.
        target: what is predicted, and how numbers become its values.
        model: the recipe.
        loss: what it was trained on.
        params: the trained numbers.
        stats: what the model measured (running averages of batch norm).
        metrics: {"validation" or "training": metrics, "baseline": the same metrics of
            the trivial prediction}.
        run: the descent that trained it.
    """

    features: Features
    target: Target
    model: Model
    loss: Loss
    params: Any
    stats: Any
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    run: Run | None = None
    centres: Any = None
    """(k, width) mean place of each class, where the model is an embedding"""

    def predict(self, data: Any) -> np.ndarray[Any, Any]:
        """Predictions in the units of the target, or labels.

        Args:
            data: any table that `fit` takes; the target column may be absent, order
                and extra columns do not matter.

        Returns:
            (n,) numbers, or labels of the target's own type; of an embedding the label
            whose rows are nearest in the mean.

        Raises:
            DataError: a column is missing or holds what it should not.
        """
        return self._read(self.raw(self.features.encode(read_table(data))))

    def predict_proba(self, data: Any) -> np.ndarray[Any, Any]:
        """Probabilities of the classes: (n, k), columns in the order of target.classes.

        Raises:
            UsageError: the target is a number, or the model an embedding.
            DataError: as `predict`.
        """
        if not self.target.classes:
            raise UsageError("predict_proba: needs classes; the task is regression.")
        if self.loss.embeds:
            raise UsageError(
                f"predict_proba: loss={self.loss} learns places of rows and no "
                "probabilities. transform gives the places, predict the nearest class."
            )
        raw = self.raw(self.features.encode(read_table(data)))
        found = self.readable(raw)
        if found.ndim == 1:  # 1 - it would be 0 where float32 says it is 1
            found = np.stack([self.readable(-raw), found], axis=1)
        return found / found.sum(axis=1, keepdims=True)

    def transform(self, data: Any) -> np.ndarray[Any, Any]:
        """The embedding of each row: (n, width), of length 1.

        Args:
            data: as for `predict`.

        Raises:
            UsageError: the loss was not one of embeddings.
            DataError: as `predict`.
        """
        if not self.loss.embeds:
            raise UsageError(
                f"transform: gives embeddings, which loss={self.loss} does not learn. "
                "Fit with loss='triplet' or 'contrastive', or use predict."
            )
        return self.readable(self.raw(self.features.encode(read_table(data))))

    def evaluate(self, data: Any) -> dict[str, float]:
        """The metrics on another table that has the target.

        Raises:
            DataError: as `predict`, or a target that does not fit.
        """
        return self._score(encode_rows(data, self.features, self.target))

    def raw(self, inputs: Any) -> np.ndarray[Any, Any]:
        """What the model returns for encoded rows: (n,) or (n, k)."""
        if self.features.sparse:
            return predicted(self.params, inputs)
        objective = objective_of(self.model, self.loss)
        size = min(CHUNK, len(inputs))
        parts = []
        for start in range(0, len(inputs), size):
            part = inputs[start : start + size]
            short = size - len(part)  # filled up, so that one program serves all
            rows = np.concatenate([part, np.repeat(part[:1], short, axis=0)])
            out = _predict(objective, self.params, self.stats, jnp.asarray(rows))
            parts.append(np.asarray(out)[: len(part)])
            release(part)
        return np.concatenate(parts)

    def readable(self, raw: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Raw predictions as means or probabilities, still in the encoded target."""
        link = self.loss.link
        if self.target.classes and is_own(self.loss):
            # a loss of the user's own: its predictions are taken for scores
            link = jax.nn.sigmoid if raw.ndim == 1 else jax.nn.softmax
        return np.asarray(_linked(link, raw), np.float64)

    def judge(self, train: Rows, validation: Rows | None) -> None:
        """Fill in the metrics: on validation rows, or on training rows without any."""
        if self.loss.embeds:
            classes = len(self.target.classes)
            found = embedding.judged(self._places, train, validation, classes)
            self.centres, self.metrics = found
            return
        train = sampled(train)
        rows = train if validation is None else sampled(validation)
        classes = len(self.target.classes) or None
        trivial = baseline(
            self.target.task, train.target, n_classes=classes, weights=train.weight
        )
        self.metrics = {
            "training" if validation is None else "validation": self._score(rows),
            "baseline": self._score(rows, trivial(len(rows.target))),
        }

    @property
    def headline(self) -> str:
        """The name of the metric that says most."""
        return embedding.METRIC if self.loss.embeds else HEADLINE[self.target.task]

    def sentence(self) -> str:
        """The metric that says most, beside the baseline's."""
        where, scores = next(iter(self.metrics.items()))
        name = self.headline
        if name not in scores:
            name = next(iter(scores))
        trivial = self.metrics["baseline"].get(name)
        beside = "" if trivial is None else f" (baseline {round(trivial, 3) + 0.0:.3f})"
        return f"{label_of(name)} {scores[name]:.3f}{beside} on {where} rows."

    def save(self, path: str | Path) -> Path:
        """Write the model, and its run, to a folder; a crash leaves the old or the new.

        model.json, written last, names the weights and the run that belong to it.

        Args:
            path: a new folder, or one of an earlier model or run, which is replaced.

        Raises:
            DataError: the folder cannot be written, or holds other things.
        """
        folder = new_folder(path, model=True)
        arrays = {name: getattr(self, name) for name in ARRAYS}
        weights = _to_bytes(arrays)
        digest = sha256(weights)
        name = f"weights-{digest[:12]}.safetensors"
        write_atomic(folder / name, weights)
        content = {
            "schema": SCHEMA,
            "features": self.features.to_json(),
            "target": self.target.to_json(),
            "model": self.model.to_json(),
            "loss": str(self.loss),
            "metrics": self.metrics,
            "weights": {"file": name, "sha256": digest},
            "run": None if self.run is None else stage_run(self.run, folder),
        }
        write_json(folder / MODEL, content)
        finish_save(folder)
        _sweep(folder, weights=name, run=self.run is not None)
        return folder

    def to_json(self) -> dict[str, Any]:
        """The run as plain data, with "metrics", "model" and "columns".

        "columns" names the rows of a linear model's weight, but the last ones where
        columns are hashed. The params of a large model are left out (null); `save`
        keeps them.
        """
        run = {} if self.run is None else self.run.to_json(trace=False)
        if tree.size(self.params) > MOST_SHOWN:
            run["params"] = None
        return {
            **run,
            "metrics": self.metrics,
            "model": self.model.to_json(),
            "columns": list(self.features.names),
        }

    def __repr__(self) -> str:
        """A few lines a person can read."""
        lines = [] if self.run is None else [self.run.verdict.headline]
        for where, scores in self.metrics.items():
            numbers = "  ".join(f"{k} {v:.4g}" for k, v in scores.items())
            lines.append(f"  {where:<11}{numbers}")
        return "\n".join(lines)

    def _places(self, inputs: Any) -> np.ndarray[Any, Any]:
        """The embedding of encoded rows."""
        return self.readable(self.raw(inputs))

    def _score(self, rows: Rows, prediction: Any = None) -> dict[str, float]:
        if self.loss.embeds:
            return embedding.scores(self._places(rows.inputs), rows, self.centres)
        if prediction is None:
            prediction = self.readable(self.raw(rows.inputs))
        truth = rows.target
        if not self.target.classes:
            prediction = self.target.decode(prediction)
            truth = self.target.decode(truth)
        return score(self.target.task, prediction, truth, weights=rows.weight)

    def _read(self, raw: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        readable = self.readable(raw)
        if self.loss.embeds:
            return self.target.decode(nearest(readable, self.centres))
        if not self.target.classes:
            return self.target.decode(readable)
        likeliest = readable > 0.5 if readable.ndim == 1 else readable.argmax(axis=1)
        return self.target.decode(likeliest)


def load(path: str | Path, *, model: Any = None, loss: Any = None) -> Any:
    """What a folder holds: the Fitted of a fit, or the Run of a minimize or maximize.

    Args:
        path: the folder that save= named, or that `Fitted.save` wrote.
        model: the Equinox module or (params, apply) it was fitted with, if it was not
            one of steepest's own.
        loss: the loss function it was fitted with, if it was your own.

    Raises:
        DataError: missing, damaged, of another schema, or of another model.

    >>> import numpy as np, steepest as sp, tempfile
    >>> line = sp.fit((np.arange(9.0)[:, None], np.arange(9.0)), validation=None)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = sp.load(line.save(folder))
    >>> x = np.array([[5.0]])
    >>> bool(again.predict(x) == line.predict(x))
    True
    """
    folder = Path(path).expanduser()
    begun = any((folder / name).is_file() for name in (RUN, ASKED))
    if begun and not (folder / MODEL).exists():
        return load_run(folder)
    content = read_json(folder / MODEL, schema=SCHEMA)
    features = Features.from_json(content["features"])
    target = Target.from_json(content["target"])
    recipe = model_from_json(content["model"]) if model is None else get_model(model)
    of = _loss(content["loss"], loss, target.task)
    outputs = embedding.outputs_of(recipe, of, target, features.width)
    params, stats = recipe.init(jax.random.PRNGKey(0), features.width, outputs)
    places = np.zeros((len(target.classes), outputs), np.float32) if of.embeds else None
    like = dict(zip(ARRAYS, (params, stats, places), strict=True))
    return Fitted(
        features=features,
        target=target,
        model=recipe,
        loss=of,
        **_from_file(folder, content["weights"], like),
        metrics=content["metrics"],
        run=find_run(folder),
    )


def _sweep(folder: Path, *, weights: str, run: bool) -> None:
    """Remove what the model no longer names."""
    old = [one for one in folder.glob("weights-*") if one.name != weights]
    unused = [one for one in old if is_weights(one)]
    trace = (folder / TRACE, folder / (TRACE + PART))
    for path in unused if run else [*unused, folder / RUN, *trace]:
        path.unlink(missing_ok=True)


def _loss(name: str, own: Any, task: str) -> Loss:
    """The loss a model was fitted with; one of the user's own is not in the file."""
    if own is None and name.partition(":")[0] not in LOSSES:
        raise DataError(
            f"this model was fitted with a loss of your own ({name}), which is not in "
            "the file: hand it over as loss=."
        )
    return get_loss(name if own is None else own, task=task)


def _to_bytes(arrays: Any) -> bytes:
    from safetensors.numpy import save

    return save({name: np.asarray(a) for name, a in leaves_by_name(arrays).items()})


def _from_file(folder: Path, weights: dict[str, str], like: Any) -> Any:
    from safetensors import SafetensorError
    from safetensors.numpy import load as read

    path = folder / weights["file"]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    if sha256(data) != weights["sha256"]:
        raise DataError(
            f"{path}: damaged, its checksum does not match; restore it from a copy."
        )
    try:
        return replace_leaves(like, read(data))
    except SafetensorError as error:
        raise DataError(f"{path}: damaged ({error}).") from error


@functools.partial(jax.jit, static_argnums=0)
def _predict(objective: Any, params: Any, stats: Any, inputs: Any) -> Any:
    return objective.predict(params, stats, inputs)[0]


@functools.partial(jax.jit, static_argnums=0)
def _linked(link: Any, raw: Any) -> Any:
    return link(raw)
