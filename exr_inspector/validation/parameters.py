"""What a policy may set for the rules to compare with: a show's resolution, codecs, colour space, limits.

A parameter that is unset (null) demands nothing: rules about it stay silent. Defaults here are those of no show at all;
profiles and policies lay theirs over them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

Codec = Literal[
    "NONE", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB", "HTJ2K256", "HTJ2K32", "LJ2K", "ZSTD"
]  # fmt: skip
_LARGEST = 2**31 - 1


def _tuple(value: object) -> object:
    """A YAML list is what these fields hold as a tuple; nothing else is taken for one."""
    return tuple(value) if isinstance(value, list) else value


Pixels = Annotated[int, Field(ge=1, le=_LARGEST)]
Size = Annotated[tuple[Pixels, Pixels], BeforeValidator(_tuple)]
Frame = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
NotPositive = Annotated[float, Field(le=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_tuple)]


class Parameters(BaseModel):
    """Every parameter of every rule."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    # Geometry
    show_resolution: Size | None = Field(
        None, description="Width and height that the display window must have (WIN-SHOW-RES)."
    )
    minimum_resolution: Size | None = Field(
        None, description="Least width and height of the display window (DEL-NFX-WIDTH, DEL-NFX-NAM, DEL-FOX-EXR)."
    )
    pixel_aspect_ratio: Positive = Field(1.0, description="Pixel aspect ratio of the show (WIN-PAR-NOT-ONE).")
    max_dimension_px: Pixels = Field(65_536, description="Largest width or height of a window (WIN-TOO-LARGE).")
    max_overscan: NotNegative = Field(
        0.5, description="Overscan on one side as a share of the display window's size (WIN-OVERSCAN-BIG)."
    )
    # Channels
    expected_layers: Names | None = Field(
        None, description="Layers that must be there; '' is the base layer. Others are reported as info (CHN-EXPECTED)."
    )
    expected_channels: Names | None = Field(None, description="Full channel names that must be there (CHN-EXPECTED).")
    alpha_expected: bool = Field(False, description="Whether the base layer must have A (CHN-ALPHA-MISSING).")
    beauty_pixel_type: Literal["HALF", "FLOAT"] | None = Field(
        None, description="Pixel type that the base layer's colour should have (TYP-COLOR-FLOAT)."
    )
    # Compression
    codecs: Annotated[tuple[Codec, ...], Field(min_length=1), BeforeValidator(_tuple)] | None = Field(
        None, description="Compressions that are welcome (CMP-SHOW-CODEC)."
    )
    receiver_openexr: Annotated[str, Field(pattern=r"^\d+\.\d+$")] | None = Field(
        None, description="OpenEXR version of the receiver; codecs it has are not reported (CMP-NEW-CODEC)."
    )
    # Colour
    colour_space: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Color interop id of the show, such as lin_ap1_scene (COL-SHOW-SPACE)."
    )
    aces_container: bool = Field(
        False, description="Judge every file as an ACES container, not only those that say so."
    )
    # Pixels
    firefly_limit: Positive = Field(1000.0, description="Colour values above are fireflies (PIX-FIREFLY).")
    negative_limit: NotPositive = Field(
        -0.1, description="Colour values below are an error, others below zero a warning (PIX-NEGATIVE)."
    )
    infinite_depth: bool = Field(False, description="Whether +Inf is the background of depth channels (PIX-INF).")
    half_max_share: Share = Field(
        0.0, description="Share of values at 65504 and above that is still accepted (PIX-HALF-MAX)."
    )
    max_deep_samples: Pixels = Field(1000, description="Most samples in one deep pixel (DEEP-MAXSAMPLES).")
    # Time
    frame_rate: Positive | None = Field(None, description="Frames per second of the show (TIM-FPS, TIM-TC-RANGE).")
    # Sequences
    frame_range: Annotated[tuple[Frame, Frame], BeforeValidator(_tuple)] | None = Field(
        None, description="First and last frame that must exist (SEQ-MISSING)."
    )
    frame_step: Pixels = Field(1, description="Difference of neighbouring frame numbers (SEQ-MISSING).")
    flash_factor: Annotated[float, Field(gt=1, allow_inf_nan=False)] = Field(
        3.0, description="How many times brighter or darker than its neighbours a frame may be (SEQ-FLASH)."
    )
    size_outlier: Annotated[float, Field(gt=1, allow_inf_nan=False)] = Field(
        5.0, description="Factor by which a frame's size may differ from the sequence's median (CHK-SIZE-OUTLIER)."
    )
    stale_hours: Positive = Field(
        72.0, description="Hours by which one frame may be older or newer than the median (SEQ-STALE-FRAME)."
    )

    @field_validator("frame_range")
    @classmethod
    def _in_order(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError(f"the first frame {value[0]} is above the last {value[1]}")
        return value
