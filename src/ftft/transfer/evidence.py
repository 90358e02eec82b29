"""What has been measured of the method, as far as it bears on the data at hand."""

from __future__ import annotations

ENOUGH_EXAMPLES = 10_000
"""With fewer the ambiguous lost far more to ERM than with more; docs/results.md has the figures."""


def notes_on_size(examples: int) -> list[str]:
    """What to say of training data of this size: one sentence, or nothing.

    Args:
        examples: Training examples.
    """
    if examples >= ENOUGH_EXAMPLES:
        return []
    return [
        f"note: on real data of fewer than {ENOUGH_EXAMPLES:,} training examples the ambiguous "
        f"lost far more to ERM than on more (docs/results.md); here there are {examples:,}"
    ]
