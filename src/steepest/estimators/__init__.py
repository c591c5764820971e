"""scikit-learn estimators: linear models by descent, and rows for them by hashing."""

from __future__ import annotations

from steepest.estimators.classifier import DescentClassifier
from steepest.estimators.hashing import HashingEncoder
from steepest.estimators.regressor import DescentRegressor

__all__ = ["DescentClassifier", "DescentRegressor", "HashingEncoder"]
