"""What a run came to: evidence first, words after. Reads records, never an engine."""

from steepest.diagnosis.active import on_bounds
from steepest.diagnosis.curvature import Curvature, measure_curvature
from steepest.diagnosis.fits import judge_fit
from steepest.diagnosis.probes import Way, survey
from steepest.diagnosis.rates import overshoots
from steepest.diagnosis.verdicts import at_floor, judge_point

__all__ = [
    "Curvature",
    "Way",
    "at_floor",
    "judge_fit",
    "judge_point",
    "measure_curvature",
    "on_bounds",
    "overshoots",
    "survey",
]
