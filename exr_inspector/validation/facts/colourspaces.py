"""The colour spaces that a colorInteropID or chromaticities can name: constants and comparisons.

Sources: OpenEXR 3.5 `openexr_color_metadata.h` (the ids with primaries, the tolerance), ASWF Color Interop recommendations
03 (the ids, as OpenColorIO's ociocheck lists them, too) and 04 (how EXR files are tagged).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ctypes import c_float
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from exr_inspector.exr.header.parser import PartHeader

_D65 = (0.3127, 0.3290)
D50 = (0.3457, 0.3585)
_ACES_WHITE = (0.32168, 0.33767)


def _single(value: float) -> float:
    """Round to a 32-bit float, as the OpenEXR library stores and compares coordinates."""
    return c_float(value).value


TOLERANCE = _single(0.001)
_PRIMARIES: dict[str, tuple[float, ...]] = {
    "lin_rec709_scene": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65),
    "lin_ap0_scene": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, *_ACES_WHITE),
    "lin_ap1_scene": (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, *_ACES_WHITE),
    "lin_p3d65_scene": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *_D65),
    "lin_rec2020_scene": (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, *_D65),
    "lin_adobergb_scene": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65),
}
# id -> red, green, blue and white, CIE xy, as 32-bit floats
PRIMARIES = {name: tuple(map(_single, values)) for name, values in _PRIMARIES.items()}
# Spaces of cameras and cinema projectors, which have no id; the values are those of OpenColorIO's built-in transforms.
_WITHOUT_ID = {
    "ARRI Wide Gamut 3": (0.684, 0.313, 0.221, 0.848, 0.0861, -0.102, *_D65),
    "ARRI Wide Gamut 4": (0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, *_D65),
    "S-Gamut3": (0.73, 0.28, 0.14, 0.855, 0.1, -0.05, *_D65),
    "S-Gamut3.Cine": (0.766, 0.275, 0.225, 0.8, 0.089, -0.087, *_D65),
    "REDWideGamutRGB": (0.780308, 0.304253, 0.121595, 1.493994, 0.095612, -0.084589, *_D65),
    "V-Gamut": (0.73, 0.28, 0.165, 0.84, 0.1, -0.03, *_D65),
    "Canon Cinema Gamut": (0.74, 0.27, 0.17, 1.14, 0.08, -0.1, *_D65),
    "P3-DCI": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351),
}
_GAMUTS = {
    "lin_rec709_scene": "Rec.709",
    "lin_ap0_scene": "AP0, ACES2065-1",
    "lin_ap1_scene": "AP1, ACEScg",
    "lin_p3d65_scene": "P3-D65",
    "lin_rec2020_scene": "Rec.2020",
    "lin_adobergb_scene": "Adobe RGB",
}
# The chromaticities that OpenEXR's technical introduction gives for CIE XYZ pixels; there is no id for them.
CIE_XYZ = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, _single(1 / 3), _single(1 / 3))
ACES = "lin_ap0_scene"
# The cone responses of Bradford's chromatic adaptation, as ICC.1:2022 annex E gives them.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
DATA = "data"

# Published ids without a namespace; all others need one (`namespace:id`).
PUBLISHED = frozenset(PRIMARIES) | {
    "lin_ciexyzd65_scene", "srgb_rec709_scene", "g22_rec709_scene", "g18_rec709_scene", "srgb_ap1_scene",
    "g22_ap1_scene", "srgb_p3d65_scene", "g22_adobergb_scene", "srgb_rec709_display", "g24_rec709_display",
    "srgb_p3d65_display", "srgbe_p3d65_display", "pq_p3d65_display", "pq_rec2020_display", "hlg_rec2020_display",
    "g22_rec709_display", "g22_adobergb_display", "g26_p3d65_display", "g26_xyzd65_display", "pq_xyzd65_display",
    DATA, "unknown",
    "srgbx_p3d65_display",  # the former name of srgbe_p3d65_display
}  # fmt: skip

# Attributes in which single products store the colour space, and the ids of the names that they use.
OTHER_TAGS = (
    "oiio:ColorSpace", "colorSpace", "ColorSpace", "color_space", "colourSpace", "colorspace", "Colorspace", "colourspace",
    "py/exrio/Colorspace", "unreal/colorSpace/destination",
)  # fmt: skip
_ALIASES = {
    "acescg": "lin_ap1_scene",
    "aces - acescg": "lin_ap1_scene",
    "aces2065-1": "lin_ap0_scene",
    "aces 2065-1": "lin_ap0_scene",
    "aces - aces2065-1": "lin_ap0_scene",
    "lin_srgb": "lin_rec709_scene",
    "linear rec.709 (srgb)": "lin_rec709_scene",
    "linear rec.2020": "lin_rec2020_scene",
    "linear p3-d65": "lin_p3d65_scene",
    "srgb": "srgb_rec709_display",
    "rec709": "g24_rec709_display",
}
# Names of scene-linear spaces in file names, which OpenColorIO's file rules and Affinity Photo read.
_IN_FILE_NAME = re.compile(
    r"(?<![a-z0-9])(?:(?P<lin_ap1_scene>acescg|lin_ap1)|(?P<lin_ap0_scene>aces2065[-_. ]?1|lin_ap0)|lin(?:ear)?[-_. ]?(?:"
    r"(?P<lin_rec709_scene>rec[_.]?709|srgb)|(?P<lin_rec2020_scene>rec[_.]?2020)|(?P<lin_p3d65_scene>p3[-_]?d65)))(?![a-z0-9])"
)
# `_from_` or `_to_` before or behind the name of a space, for which `=` stands here
_CONVERSION = re.compile(r"(?<![a-z])(?:from|to)[-_. ]*=|=[-_. ]*(?:from|to)(?![a-z])")
# `Linear Rec.709`, `lin_rec709`, `scene_linear`, but not `non-linear`
_LINEAR = re.compile(r"(?<!(?i:non))(?<!(?i:non)[-_ ])(?:(?i:linear)|(?<![a-zA-Z])(?i:lin)(?![a-z]))")
_ENCODED = re.compile(r"srgb|^g\d\d|gamma|rec\.?709|bt\.?709|^pq|^hlg|display|output|log|acescct?$", re.IGNORECASE)


def other_tag(part: PartHeader) -> tuple[str, str] | None:
    """Attribute and colour space, if an attribute of a product names one; None for other parts."""
    for name in OTHER_TAGS:
        if name in part.by_name and (space := part.text(name)):
            return name, space[:80]
    return None


def id_of_name(name: str) -> str | None:
    """The id of a colour space by another name that software uses for it; None if the name is unknown."""
    text = name.strip().lower()
    ids = (text, f"{text}_scene")  # configurations of OpenColorIO also have `lin_rec709`
    return _ALIASES.get(text) or next((known for known in ids if known in PUBLISHED), None)


def meant_id(identifier: str) -> str | None:
    """The published id of the same transfer function and primaries, if one differs from an id in spelling alone."""
    text = _letters(identifier)
    found = []
    for known in sorted(PUBLISHED):
        space, _, image_state = known.rpartition("_")
        rest = text.removeprefix(_letters(space))
        if space and rest != text and (not rest or get_close_matches(rest, [image_state], 1)):
            found.append(known)
    return found[0] if len(found) == 1 else None


def _letters(identifier: str) -> str:
    return "".join(filter(str.isalnum, identifier.lower()))


def space_in_file_name(name: str) -> str | None:
    """The id of the scene-linear space that a file's name states, the last one if there are several; None if none.

    None, too, for the name of a conversion (`acescg_to_lin_rec709`, `srgb_from_acescg`): the image may be its input or result.
    """
    found = [match.lastgroup for match in _IN_FILE_NAME.finditer(name.lower())]
    is_conversion = _CONVERSION.search(_IN_FILE_NAME.sub("=", name.lower())) is not None
    return found[-1] if found and not is_conversion else None


def is_encoded_name(name: str) -> bool:
    """Whether the name of a colour space suggests a display, a gamma or a log encoding."""
    known = id_of_name(name)
    if known is not None:
        return is_non_linear(known)
    return _LINEAR.search(name[:80]) is None and _ENCODED.search(name[:80]) is not None


_TOKEN = r"[a-z0-9._~/*#%^+()\[\]|-]+"  # noqa: S105 - a piece of a grammar, not a secret
_ID = re.compile(rf"{_TOKEN}(?::{_TOKEN}|:(?:{_TOKEN})?:{_TOKEN})?")
_NON_LINEAR = re.compile(r"(srgb[ex]?|g\d\d|pq|hlg)_.*")


def is_well_formed(identifier: str) -> bool:
    """Whether an id follows the grammar: one to three tokens separated by colons, of which only a middle one may be empty."""
    return _ID.fullmatch(identifier) is not None


def base_of(identifier: str) -> str:
    """The id without its namespaces: the last token."""
    return identifier.rpartition(":")[2]


def is_non_linear(identifier: str) -> bool:
    """Whether an id names an encoding other than scene-linear, or a display."""
    base = base_of(identifier)
    return _NON_LINEAR.fullmatch(base) is not None or base.endswith("_display")


def are_close(values: Sequence[float], wanted: Sequence[float]) -> bool:
    """Whether all coordinates agree within the tolerance of the OpenEXR library, computed in 32-bit floats as there."""
    return all(_single(abs(value - other)) <= TOLERANCE for value, other in zip(values, wanted, strict=True))


def space_of(values: Sequence[float]) -> str | None:
    """The id of the colour space with these primaries and white point; None if there is none."""
    return next((name for name, wanted in PRIMARIES.items() if are_close(values, wanted)), None)


def with_gamut(values: Sequence[float]) -> str:
    """Eight coordinates for a message, with the name of their gamut if it is known.

    >>> with_gamut((0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329))
    '0.64 0.33 0.3 0.6 0.15 0.06 0.3127 0.329 (Rec.709)'
    """
    named = ((_GAMUTS[space], wanted) for space, wanted in PRIMARIES.items())
    gamut = next((name for name, wanted in (*named, *_WITHOUT_ID.items()) if are_close(values, wanted)), "")
    return " ".join(f"{value:.4g}" for value in values) + (f" ({gamut})" if gamut else "")


def space_with_primaries(values: Sequence[float]) -> str | None:
    """The id of the colour space with these primaries, whatever its white point; None if there is none."""
    return next((name for name, wanted in PRIMARIES.items() if are_close(values[:6], wanted[:6])), None)


def space_adapted(values: Sequence[float]) -> str | None:
    """The id of the colour space whose primaries, adapted to this white point as ICC profiles do, are these; None if none."""
    if not 0 < values[7] <= 1:
        return None
    return next(
        (name for name, of_space in PRIMARIES.items() if are_close(values[:6], _adapted(of_space, values[6:8]))), None
    )


def _adapted(of_space: Sequence[float], white: Sequence[float]) -> list[float]:
    """CIE x and y of a space's three primaries after adaptation of its white to another one by Bradford's matrix."""
    primaries, (own, wanted) = _xyz(of_space[:6]), (_BRADFORD @ _xyz(each) for each in (of_space[6:8], white))
    adapted = np.linalg.solve(_BRADFORD, wanted / own * (_BRADFORD @ primaries))
    return [float(value) for value in (adapted[:2] / adapted.sum(axis=0)).T.ravel()]


def _xyz(chromaticity: Sequence[float]) -> NDArray[np.float64]:
    """CIE XYZ, a column each, of colours with Y of 1 by their x and y."""
    x, y = np.reshape(chromaticity, (-1, 2)).T
    return np.array([x / y, np.ones_like(y), (1 - x - y) / y])


def is_published(values: Sequence[float]) -> bool:
    """Whether these are the chromaticities of a published colour space, with an id or without."""
    return space_of(values) is not None or any(are_close(values, wanted) for wanted in (CIE_XYZ, *_WITHOUT_ID.values()))
