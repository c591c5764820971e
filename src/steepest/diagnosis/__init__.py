"""What a run came to: evidence first, words after. Reads records, never an engine."""

from steepest.diagnosis.fits import judge_fit
from steepest.diagnosis.probes.active import on_bounds
from steepest.diagnosis.probes.curvature import Curvature, measure_curvature
from steepest.diagnosis.probes.survey import survey
from steepest.diagnosis.probes.ways import Way
from steepest.diagnosis.rates import overshoots
from steepest.diagnosis.verdicts import judge_point, worth_a_look

__all__ = [
    "Curvature",
    "Way",
    "judge_fit",
    "judge_point",
    "measure_curvature",
    "on_bounds",
    "overshoots",
    "survey",
    "worth_a_look",
]
