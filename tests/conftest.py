"""What every test shares: a clean environment and a steady Hypothesis."""

from __future__ import annotations

import os

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
