"""PyTorch runs, recorded and judged without a change to their loop.

torch is loaded when something is watched, not before.
"""

from steepest.torch.watching import Watch, watch

__all__ = ["Watch", "watch"]
