"""When a reference has recorded enough."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ftft.cartography.burn_in import BurnIn
from ftft.dynamics.values import FIRST_MEASURE
from ftft.transfer.preflight import GOOD, preflight, signals_of
from ftft.transfer.stability import FollowedMap


@dataclass(frozen=True)
class StopWhenStable:
    """When a reference has recorded enough for its selection.

    Attributes:
        share: Share of the ambiguous selection that a recording point must leave as it was, in
            (0, 1].
        fraction: Share of the examples selected, in (0, 1].
        burn_in: First recording points left out, or ``auto``.
        measure: What counts as the probability of a right answer.
    """

    share: float
    fraction: float
    burn_in: BurnIn
    measure: str = FIRST_MEASURE

    def to_dict(self) -> dict[str, Any]:
        """What a training with it is made from; an older one knows no measure but the first."""
        known = asdict(self)
        return known if known.pop("measure") == FIRST_MEASURE else asdict(self)

    def is_reached(self, recorded: FollowedMap) -> bool:
        """Whether the last recording point left the selection all but as it was.

        That alone would not do. While the hard examples have not been learnt, the selection can
        stand still, and it turns over when they are (docs/transfer.md): so the reference must
        have learnt its data, too.

        Args:
            recorded: What was recorded so far, with this burn-in. With fewer than three points
                after it it is not enough.

        Raises:
            DynamicsError: A recording point cannot be read.
        """
        if len(recorded.used) < 3:
            return False
        found = signals_of(recorded, self.fraction)
        assert found.steady is not None, "three points make two selections"
        return found.steady >= self.share and preflight(found).verdict == GOOD
