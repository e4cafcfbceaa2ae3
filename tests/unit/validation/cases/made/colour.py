"""Files for the rules COL, ACE and DEL."""

from __future__ import annotations

from exr_inspector.validation.facts.colourspaces import PRIMARIES
from tests.support.exrbytes import (
    Attr,
    Part,
    a_chromaticities,
    a_float,
    a_int,
    a_string,
    build,
)

AP0 = a_chromaticities("chromaticities", PRIMARIES["lin_ap0_scene"])
REC709 = a_chromaticities("chromaticities", PRIMARIES["lin_rec709_scene"])
FLAG = a_int("acesImageContainerFlag", 1)
DATA = a_string("colorInteropID", "data")


def tag(identifier: str) -> Attr:
    return a_string("colorInteropID", identifier)


def extra(*attributes: Attr) -> bytes:
    return build([Part(extra=attributes)])


def parts(*identifiers: str) -> bytes:
    return build([Part(name=f"p{i}", extra=[tag(text)]) for i, text in enumerate(identifiers)])


def container(*more: Attr, **changed: object) -> bytes:
    return build([Part(extra=[FLAG, AP0, *more], **changed)])  # fields of Part by name


SMALL = {"minimum_resolution": [5, 3]}
LARGE = build([Part(data_window=(0, 0, 4, 2))])
NAMES = ("shot/beauty plate.1001.exr", "shot/beauty_plate.1001.exr")


def anamorphic(aspect: float) -> bytes:
    return build([Part(replace=[a_float("pixelAspectRatio", aspect)])])
