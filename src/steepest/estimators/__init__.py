"""scikit-learn estimators: linear models by descent, no learning rate needed."""

from __future__ import annotations

from steepest.estimators.classifier import DescentClassifier
from steepest.estimators.regressor import DescentRegressor

__all__ = ["DescentClassifier", "DescentRegressor"]
