"""What the tables of a SPEC file have in common."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field


class Table(BaseModel):
    """A TOML table: unknown keys are refused, values are never coerced, instances do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


NonNegative: TypeAlias = Annotated[float, Field(ge=0)]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Files: TypeAlias = str | tuple[str, ...]
State: TypeAlias = str | int | tuple[int, int]
