"""What has been measured of the method, as far as it bears on the data at hand."""

from __future__ import annotations

ENOUGH_EXAMPLES = 5_000
"""With fewer training examples no gain has been measured; docs/results.md has the figures."""


def notes_on_size(examples: int) -> list[str]:
    """What to say of training data of this size: one sentence, or nothing.

    Args:
        examples: Training examples.
    """
    if examples >= ENOUGH_EXAMPLES:
        return []
    return [
        f"note: with fewer than {ENOUGH_EXAMPLES:,} training examples no gain of FTFT over ERM has "
        f"been measured (docs/results.md); here there are {examples:,}"
    ]
