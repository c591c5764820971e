"""Did you mean: one wording for every unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: a near miss, or all there are.

    Args:
        name: what was typed.
        known: the names there are.

    >>> did_you_mean("adm", ["adam", "gd"])
    'Did you mean adam?'
    >>> did_you_mean("zzz", ["adam", "gd"])
    'Known: adam, gd.'
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Known: {', '.join(known)}."
