"""Chromaticities of the standards and of the makers' documents, and the published ids."""

from __future__ import annotations

import re

import pytest

from exr_inspector.validation.facts.colourspaces import (
    DATA,
    PUBLISHED,
    is_published,
    space_adapted,
    space_of,
    space_with_primaries,
)

D65 = (0.3127, 0.329)
ACES = (0.32168, 0.33767)  # SMPTE ST 2065-1


@pytest.mark.parametrize(
    ("primaries", "white", "space"),
    [
        ((0.64, 0.33, 0.3, 0.6, 0.15, 0.06), D65, "lin_rec709_scene"),  # ITU-R BT.709
        ((0.708, 0.292, 0.17, 0.797, 0.131, 0.046), D65, "lin_rec2020_scene"),  # ITU-R BT.2020
        ((0.68, 0.32, 0.265, 0.69, 0.15, 0.06), D65, "lin_p3d65_scene"),  # SMPTE EG 432-1
        ((0.64, 0.33, 0.21, 0.71, 0.15, 0.06), D65, "lin_adobergb_scene"),
        ((0.7347, 0.2653, 0, 1, 0.0001, -0.077), ACES, "lin_ap0_scene"),
        ((0.713, 0.293, 0.165, 0.83, 0.128, 0.044), ACES, "lin_ap1_scene"),
        ((0.684, 0.313, 0.221, 0.848, 0.0861, -0.102), D65, None),  # ARRI Wide Gamut 3
        ((0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308), D65, None),  # ARRI Wide Gamut 4
        ((0.73, 0.28, 0.14, 0.855, 0.1, -0.05), D65, None),  # Sony S-Gamut3
        ((0.766, 0.275, 0.225, 0.8, 0.089, -0.087), D65, None),  # Sony S-Gamut3.Cine
        ((0.780308, 0.304253, 0.121595, 1.493994, 0.095612, -0.084589), D65, None),  # REDWideGamutRGB
        ((0.73, 0.28, 0.165, 0.84, 0.1, -0.03), D65, None),  # Panasonic V-Gamut
        ((0.74, 0.27, 0.17, 1.14, 0.08, -0.1), D65, None),  # Canon Cinema Gamut
        ((0.68, 0.32, 0.265, 0.69, 0.15, 0.06), (0.314, 0.351), None),  # DCI-P3, SMPTE RP 431-2
        ((1, 0, 0, 1, 0, 0), (1 / 3, 1 / 3), None),  # CIE XYZ
    ],
)
def test_published_chromaticities_are_known(
    primaries: tuple[float, ...], white: tuple[float, float], space: str | None
) -> None:
    assert is_published((*primaries, *white))
    assert space_of((*primaries, *white)) == space
    assert space is None or space_with_primaries((*primaries, 0.3, 0.3)) == space
    assert not is_published((*primaries, 0.3, 0.3))


def test_primaries_adapted_to_the_white_of_icc_profiles() -> None:
    adapted = (0.6484, 0.3309, 0.3212, 0.5978, 0.1559, 0.066, 0.3457, 0.3585)  # those of sRGB profiles of the ICC
    assert space_adapted(adapted) == "lin_rec709_scene"
    assert space_adapted((*adapted[:6], *D65)) is None
    assert space_adapted((*adapted[:7], 0.0)) is None


def test_published_ids_name_encoding_primaries_and_image_state() -> None:
    odd = {name for name in PUBLISHED if not re.fullmatch(r"[a-z0-9]+_[a-z0-9]+_(scene|display)", name)}
    assert odd == {DATA, "unknown"}
