"""What all parts of an experiment file have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
MOST = 2**31 - 1
"""The highest whole number that a setting may be: what libraries keep in 32 bits."""

PositiveInt = Annotated[int, Field(ge=1, le=MOST)]


class Section(BaseModel):
    """A part of the experiment: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
