"""What every test shares: a clean environment and a steady Hypothesis."""

from __future__ import annotations

import os
import shutil
import tempfile

from hypothesis import HealthCheck, settings

# The tests meet JAX, Rich and Click as they come, whatever the shell around them
# has switched on (64 bits, a compile cache, colours). This stands before JAX is
# first imported, and the commands that tests start inherit it.
_LEAVE_ALONE = {"JAX_PLATFORMS"}
_FOREIGN = ("JAX_", "XLA_FLAGS", "FORCE_COLOR", "NO_COLOR", "COLUMNS")
for _name in [name for name in os.environ if name.startswith(_FOREIGN)]:
    if _name not in _LEAVE_ALONE:
        del os.environ[_name]
# Numbers are compared with references worked out on a CPU.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

# A property that fails must fail for everyone, so examples are derived from the
# test, not drawn. The first example pays for a compilation: no deadline holds.
settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# To search further: pytest --hypothesis-profile=explore
settings.register_profile(
    "explore",
    parent=settings.get_profile("steady"),
    derandomize=False,
    max_examples=1000,
)
settings.load_profile("steady")

PROGRAMS = "STEEPEST_TEST_PROGRAMS"
"""Names the folder of compiled programs, for the workers that the tests run in."""


def pytest_configure(config):
    """Let all tests of a run share what they compile: it is most of their time."""
    import jax

    if not hasattr(config, "workerinput"):
        os.environ[PROGRAMS] = tempfile.mkdtemp(prefix="steepest-programs-")
    jax.config.update("jax_compilation_cache_dir", os.environ[PROGRAMS])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def pytest_unconfigure(config):
    """The programs go with the run."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(PROGRAMS, ""), ignore_errors=True)
