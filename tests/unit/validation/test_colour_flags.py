"""The COL-C rules against the OpenEXR library's own check of colour metadata, up to the edge of its tolerance."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import OpenEXR
import pytest

from exr_inspector.validation.facts.colourspaces import PRIMARIES
from tests.support.exrbytes import Attr, Part, a_chromaticities, a_float, a_int, a_string, a_vector, build
from tests.unit.validation.judging import judge, policy

_WARNINGS = OpenEXR.ColorMetadataWarning
CODES = {
    "COL-C-EMPTY-ID": _WARNINGS.EMPTY_INTEROP_ID,
    "COL-C-CHROMA-DIFFER": _WARNINGS.CHROMATICITIES_DIFFER,
    "COL-C-DATA-CHROMA": _WARNINGS.DATA_HAS_CHROMATICITIES,
    "COL-C-DATA-WHITE": _WARNINGS.DATA_HAS_WHITE_LUMINANCE,
    "COL-C-DATA-NEUTRAL": _WARNINGS.DATA_HAS_ADOPTED_NEUTRAL,
    "COL-C-ID-NOT-SHARED": _WARNINGS.INTEROP_ID_NOT_SHARED,
    "COL-C-ACES-NOT-ONE": _WARNINGS.ACES_FLAG_NOT_ONE,
    "COL-C-ACES-ID": _WARNINGS.ACES_FLAG_INTEROP_ID_NOT_AP0,
    "COL-C-ACES-NO-CHROMA": _WARNINGS.ACES_FLAG_NO_CHROMATICITIES,
    "COL-C-ACES-CHROMA": _WARNINGS.ACES_FLAG_CHROMATICITIES_NOT_AP0,
}
IDS = [None, "", "data", "unknown", "acescg", "show:lin_ap0_scene", *PRIMARIES]
Header = dict[str, Any]


def attributes(header: Header) -> list[Attr]:
    made = []
    for name, value in header.items():
        if name == "colorInteropID":
            made.append(a_string(name, value))
        elif name == "chromaticities":
            made.append(a_chromaticities(name, value))
        elif name == "adoptedNeutral":
            made.append(a_vector(name, "v2f", value))
        else:
            made.append(a_float(name, value) if isinstance(value, float) else a_int(name, value))
    return made


# Without the rules that report the same facts.
FLAGS = policy("name: flags\nextends: null\nrules: {'*': off, 'COL-C-*': on}")


def ours(headers: list[Header]) -> list[set[str]]:
    """Return the codes by part."""
    parts = [
        Part(name=f"p{index}" if len(headers) > 1 else None, extra=attributes(h)) for index, h in enumerate(headers)
    ]
    found: list[set[str]] = [set() for _ in headers]
    for finding in judge(build(parts), FLAGS):
        if finding.code in CODES:
            assert finding.part is not None
            found[finding.part].add(finding.code)
    return found


def theirs(headers: list[Header]) -> list[set[str]]:
    made = []
    for header in headers:
        library = dict(header)
        if "adoptedNeutral" in library:
            library["adoptedNeutral"] = np.array(library["adoptedNeutral"], np.float32)
        made.append(library)
    flags = [OpenEXR.checkColorMetadata(h, made[0]) if i else OpenEXR.checkColorMetadata(h) for i, h in enumerate(made)]
    return [{code for code, warning in CODES.items() if flag & int(warning)} for flag in flags]


def some_header(dice: random.Random) -> Header:
    header: Header = {}
    if (identifier := dice.choice(IDS)) is not None:
        header["colorInteropID"] = identifier
    if dice.random() < 0.6:
        values = list(PRIMARIES[dice.choice(list(PRIMARIES))])
        for _ in range(dice.randrange(3)):
            values[dice.randrange(8)] += dice.choice([0.001, -0.001, 0.0009, 0.0011, 0.1, -1e-7])
        header["chromaticities"] = tuple(float(np.float32(value)) for value in values)
    for name, values in (("whiteLuminance", [100.0]), ("adoptedNeutral", [(0.3, 0.3)])):
        if dice.random() < 0.3:
            header[name] = dice.choice(values)  # of either kind
    if dice.random() < 0.4:
        header["acesImageContainerFlag"] = dice.choice([1, 1, 0, 2, -1, 1.0])
    return header


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_single_parts_agree_with_the_library(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(10):
        headers = [some_header(dice)]
        assert ours(headers) == theirs(headers), headers


@pytest.mark.parametrize("seed", range(10))
def test_further_parts_agree_with_the_library(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(10):
        headers = [some_header(dice) for _ in range(3)]
        assert ours(headers) == theirs(headers), headers


@pytest.mark.parametrize("name", PRIMARIES)
def test_every_coordinate_has_the_library_s_tolerance(name: str) -> None:
    for index in range(8):
        for step in (0.001, -0.001, 0.00101, -0.00101, 0.00099, -0.00099):
            values = [float(value) for value in np.float32(PRIMARIES[name])]
            values[index] = float(np.float32(values[index]) + np.float32(step))
            headers = [{"colorInteropID": name, "chromaticities": tuple(values)}]
            assert ours(headers) == theirs(headers), (index, step)


def test_numbers_that_are_none_are_no_primaries() -> None:
    for odd in (float("nan"), float("inf"), -3e38):
        headers = [{"colorInteropID": "lin_ap0_scene", "chromaticities": (odd, *PRIMARIES["lin_ap0_scene"][1:])}]
        assert ours(headers) == theirs(headers) == [{"COL-C-CHROMA-DIFFER"}]
