"""What a run ran on: versions and machine, as plain data."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

PACKAGES = ("steepest", "jax", "jaxlib", "optax", "equinox", "numpy")


def environment() -> dict[str, Any]:
    """Versions of Python and of the packages that numbers depend on.

    >>> sorted(environment())
    ['cores', 'machine', 'packages', 'python', 'system']
    """
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }
