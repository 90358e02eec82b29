"""What is selected from a data map, as a user may write it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ftft.config.section import Fraction, PositiveInt, Section

Strategy = Literal[
    "ambiguous",
    "hard-to-learn",
    "easy-to-learn",
    "random",
    "ambiguous+easy",
    "loss-clusters",
    "correctness",
    "forgetting",
    "threshold-closeness",
    "late-learnt",
]


class Selection(Section):
    """Which examples the main model is trained on; see ``ftft.selection.select``."""

    strategy: Strategy = "ambiguous"
    fraction: Fraction = 0.33
    keep_label_proportions: bool = Field(False, description="The same share of every label.")
    balance_labels: bool = Field(False, description="The same number of every label.")
    exclude_label_errors: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of the examples left out first, as likeliest to be mislabelled."
    )
    easy_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="Share of the selection that is easy, for ambiguous+easy."
    )
    num_clusters: PositiveInt = Field(100, description="Clusters of loss-clusters.")
    other_end: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Share of the selection from the other end of the strategy's score."
    )
    random_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Share of the selection drawn at random from what the strategy leaves."
    )
    balance_by: str | None = Field(
        None, description="A slice of the training data; the same number of each of its values."
    )

    @model_validator(mode="after")
    def _one_way_to_balance(self) -> Self:
        if self.keep_label_proportions + self.balance_labels + (self.balance_by is not None) > 1:
            raise ValueError(
                "keep_label_proportions, balance_labels and balance_by exclude each other"
            )
        return self

    @model_validator(mode="after")
    def _has_another_end(self) -> Self:
        without = ("easy-to-learn", "random", "ambiguous+easy", "loss-clusters", "late-learnt")
        if self.other_end and self.strategy in without:
            raise ValueError(f"other_end: the strategy {self.strategy} has no other end")
        return self
