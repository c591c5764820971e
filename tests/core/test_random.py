"""Randomness comes from seeds alone."""

import numpy as np
import pytest

from steepest.core import random
from steepest.core.errors import UsageError


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1, np.int64(7)])
def test_a_seed(seed):
    assert random.check_seed(seed) == seed
    assert type(random.check_seed(seed)) is int


@pytest.mark.parametrize(
    "seed", [-1, 2**31, 1.0, 0.5, float("nan"), True, "1", None, [1], np.array([1])]
)
@pytest.mark.parametrize("use", [random.check_seed, random.key])
def test_no_seed(use, seed):
    with pytest.raises(UsageError, match=r"seed=.*whole number from 0 to 2\*\*31 - 1"):
        use(seed)


def test_a_key_is_plain_numbers_and_depends_on_the_seed():
    assert random.key(3).dtype == "uint32"
    assert (random.key(3) == random.key(3)).all()
    assert (random.key(3) != random.key(4)).any()
