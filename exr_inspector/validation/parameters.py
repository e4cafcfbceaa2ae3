"""Types of rule parameters, the values that a policy sets for the rules to compare with.

The parameters are fields of the parameter class of each rules module. Rules whose parameter is unset (null) find nothing. The
defaults fit any show; profiles and policies override them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Codec = Literal[
    "NONE", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB", "HTJ2K256", "HTJ2K32", "LJ2K", "ZSTD"
]  # fmt: skip
_LARGEST = 2**31 - 1


def as_tuple(value: object) -> object:
    """Convert a YAML list to a tuple; return other values unchanged, for pydantic to refuse."""
    return tuple(value) if isinstance(value, list) else value


def as_names(value: object) -> object:
    """Convert a list to a tuple, and a single text to a tuple of one."""
    return (value,) if isinstance(value, str) else as_tuple(value)


Pixels = Annotated[int, Field(ge=1, le=_LARGEST)]
Size = Annotated[tuple[Pixels, Pixels], BeforeValidator(as_tuple)]
_FrameNumber = Annotated[int, Field(ge=-999_999_999, le=999_999_999)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
NotPositive = Annotated[float, Field(le=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(as_tuple)]
Digits = Annotated[
    tuple[Annotated[int, Field(ge=1, le=20)], Annotated[int, Field(ge=1, le=20)]], BeforeValidator(as_tuple)
]
FrameRange = Annotated[tuple[_FrameNumber, _FrameNumber], BeforeValidator(as_tuple)]
Codecs = Annotated[tuple[Codec, ...], Field(min_length=1), BeforeValidator(as_tuple)]


class RuleParameters(BaseModel):
    """Base of the parameter classes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
