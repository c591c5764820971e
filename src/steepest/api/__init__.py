"""The doors: what users call."""

from steepest.api.fitted import Fitted, load
from steepest.api.functions import maximize, minimize
from steepest.api.tables import fit

__all__ = ["Fitted", "fit", "load", "maximize", "minimize"]
