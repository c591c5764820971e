"""Words: numbers with their nouns."""

from __future__ import annotations

_IRREGULAR = {"minimum": "minima", "maximum": "maxima"}


def plural(n: int, noun: str) -> str:
    """How many of something, in words that agree.

    Args:
        n: how many.
        noun: for one of them.

    >>> plural(1, "run"), plural(1200, "run"), plural(2, "distinct minimum")
    ('1 run', '1,200 runs', '2 distinct minima')
    """
    if n != 1:
        *before, last = noun.split(" ")
        noun = " ".join([*before, _IRREGULAR.get(last, f"{last}s")])
    return f"{n:,} {noun}"
