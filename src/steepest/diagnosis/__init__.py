"""What a run came to: evidence first, words after. Reads records, never an engine."""

from steepest.diagnosis.curvature import Curvature, measure_curvature
from steepest.diagnosis.verdicts import judge_fit, judge_point

__all__ = ["Curvature", "judge_fit", "judge_point", "measure_curvature"]
