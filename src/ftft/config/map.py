"""How the data map is drawn, as a user may write it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ftft.config.section import Fraction, Section
from ftft.config.tasks import MEASURES, Measure
from ftft.config.values import BurnIn


class Map(Section):
    """How the data map is drawn from the dynamics."""

    burn_in: BurnIn = Field("auto", description="First points left out; auto: those of the rise.")
    ddof: Literal[0, 1] = Field(
        0, description="Degrees of freedom taken off in the variability; the ranking is the same."
    )
    region_fraction: Fraction = Field(
        0.33, description="Share of the training set called ambiguous on the map."
    )
    measure: Measure = Field(
        "inverse-perplexity",
        description="With task causal-lm, what counts as the probability of a completion: its "
        "inverse perplexity, or the mean of the probabilities of its tokens.",
    )

    def drawing(self) -> dict[str, Any]:
        """What ``DataMap.from_builder`` takes, of points that were measured and built like this."""
        return self.model_dump(exclude={"measure", "burn_in"})

    def stopping(self) -> dict[str, Any]:
        """What decides whether the map still changes, beside how much it may."""
        return {
            "fraction": self.region_fraction,
            "burn_in": self.burn_in,
            "measure": self.measure,
        }

    def inputs(self) -> dict[str, Any]:
        """What a map is made from; without the default measure, so that older maps stay valid."""
        return self.model_dump(exclude={"measure"} if self.measure == MEASURES[0] else None)
