"""Compiled programs are kept on disk: the same command compiles nothing again."""

from __future__ import annotations

import os
import warnings

LARGEST = 256 * 2**20
"""Bytes that the programs may take; the least used give way."""
SETTINGS = "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"
"""Whoever sets one of these has decided alone."""


def keep_programs() -> None:
    """Let jax, when it is imported, keep what it compiles in the user's cache folder.

    A folder that cannot be written to costs nothing but the gain.
    """
    if any(name in os.environ for name in SETTINGS):
        return
    from platformdirs import user_cache_path

    folder = user_cache_path("steepest") / "programs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    warnings.filterwarnings("ignore", "Error .* persistent compilation cache")
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(LARGEST),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.02",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
