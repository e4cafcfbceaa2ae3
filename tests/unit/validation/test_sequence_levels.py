"""Frames whose colours or noise differ from those around them, and good sequences in which they change, too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exr_inspector.catalog.read.frames import frame_of_row
from exr_inspector.catalog.rows.plain import file_rows
from exr_inspector.model import Severity
from exr_inspector.validation.frame_pixels import frame_pixels
from exr_inspector.validation.inspected_frames import frame_of_inspection
from tests.support.exrbytes import a_int, a_string
from tests.unit.validation.cases.blank import eyes
from tests.unit.validation.cases.made.colour import AP0, FLAG, REC709, anamorphic, extra, tag
from tests.unit.validation.cases.made.pixels import RAMP, flat, image
from tests.unit.validation.judging import EVERYTHING, inspect
from tests.unit.validation.sequences import (
    GREY,
    MAGENTA,
    frame,
    frame_of,
    grid,
    judged,
    noisy,
    pixels_of,
    reported,
    seen,
    small,
    stored,
)

Colour = tuple[float, float, float]
USUAL: Colour = (0.4, 0.4, 0.4)


def hues(*colours: Colour, luminance: float = 0.4) -> set[tuple[Severity, tuple[int, ...]]]:
    """The severity and the frames of the findings on sequences of frames with these means of R, G and B."""
    given = [
        frame(n, pixels=seen(luminance, means=dict(zip("RGB", colour, strict=True))))
        for n, colour in enumerate(colours, 1)
    ]
    found = judged(given)
    assert {each.code for each in found} <= {"SEQ-HUE"}
    return {(each.severity, tuple(each.frames)) for each in found}


@pytest.mark.parametrize(
    ("odd", "severity"),
    [
        ((0.5, 0.3, 0.5), Severity.WARNING),
        ((0.5, 0.4, 0.5), Severity.INFO),  # a light was added
        ((0.4, 0.3, 0.4), Severity.INFO),  # a light was off
        ((0.5, 0.3, 0.4), Severity.INFO),
        ((0.3, 0.4, 0.4), Severity.INFO),
        ((0.43, 0.4, 0.4), None),
        ((0.4, 0.4, 0.0), None),  # no ratio
    ],
)
def test_only_frames_that_turn_magenta_are_warnings(odd: Colour, severity: Severity | None) -> None:
    assert hues(*[USUAL] * 4, odd, odd, *[USUAL] * 4) == ({(severity, (5, 6))} if severity is not None else set())


@pytest.mark.parametrize("count", [3, 8])
def test_a_block_of_frames_that_a_machine_without_the_textures_rendered(count: int) -> None:
    colours = [*[USUAL] * 6, *[(0.5, 0.3, 0.5)] * count, *[USUAL] * 6]
    assert hues(*colours) == {(Severity.WARNING, (*range(7, 7 + count),))}
    assert hues(*[*[USUAL] * 6, *[(0.5, 0.4, 0.5)] * count, *[USUAL] * 6]) == set(), "another light"


FAST = range(4, 7)  # frames at which the image changes by more than at others
STATISTICS = (("R", 0.20, 0.10), ("G", 0.30, 0.12), ("B", 0.15, 0.13))


@pytest.mark.parametrize(
    ("odd", "order", "deviation", "severity"),
    [
        ({5, 6, 7}, "BGR", 1.0, Severity.WARNING),
        ({*FAST}, "BGR", 1.0, Severity.WARNING),
        ({5}, "BGR", 1.0, Severity.WARNING),
        ({9, 10}, "GBR", 1.0, Severity.WARNING),
        ({2, 4, 6, 8}, "BGR", 1.0, Severity.INFO),  # as with light that changes its colour
        ({5, 6, 7}, "BGR", 0.9, None),  # other colours
        ({5, 6, 7}, "RGB", 1.0, None),
    ],
)
def test_channels_that_are_exchanged(odd: set[int], order: str, deviation: float, severity: Severity | None) -> None:
    given = []
    for n in range(1, 11):
        names = order if n in odd else "RGB"
        light = 1.01 ** (n + 4 * sum(fast <= n for fast in FAST) * (odd == {*FAST}))
        means = {name: mean * light for name, (_, mean, _) in zip(names, STATISTICS, strict=True)}
        spread = {
            name: each * (deviation if n in odd else 1.0) for name, (_, _, each) in zip(names, STATISTICS, strict=True)
        }
        given.append(frame(n, pixels=seen(0.25, means=means, deviations=spread)))
    found = [each for each in judged(given) if "exchanged" in each.message]
    assert {(each.severity, frozenset(each.frames)) for each in found} == {(severity, frozenset(odd))} - {
        (None, frozenset(odd))
    }


def test_frames_at_the_ends_are_found_if_others_are_like_them() -> None:
    odd = (0.5, 0.3, 0.5)
    assert hues(*(odd if n in {1, 4, 9} else USUAL for n in range(1, 11))) == {(Severity.WARNING, (1, 4, 9))}
    assert hues(*(odd if n in {1, 9} else USUAL for n in range(1, 11))) == set(), "too few frames tell"


@pytest.mark.parametrize(
    "colours",
    [
        [USUAL if n < 6 else (0.5, 0.3, 0.5) for n in range(10)],  # a cut
        [(0.5, 0.3, 0.5) if 2 <= n < 8 else USUAL for n in range(10)],  # more than half
        [(0.5, 0.3, 0.5) if 4 <= n < 7 else USUAL if n < 4 else (0.4, 0.4, 0.5) for n in range(10)],  # three shots
        [(0.4 + n / 20, 0.4 - n / 50, 0.4 + n / 20) for n in range(10)],  # the light changes
        [(0.3 + n % 2 * 0.1, 0.4, 0.3 + n * 7 % 5 / 20) for n in range(10)],  # it flickers
        [(0.5, 0.3, 0.5) if n % 2 else USUAL for n in range(10)],
    ],
)
def test_colours_that_change_in_good_sequences(colours: list[Colour]) -> None:
    assert hues(*colours) == set()


@pytest.mark.parametrize(("means", "codes"), [(MAGENTA, {"SEQ-HUE"}), ({**GREY, "R": 0.9}, {"SEQ-FLASH"})])
def test_a_frame_whose_light_and_hue_differ_is_one_finding(means: dict[str, float], codes: set[str]) -> None:
    odd = seen(0.7, means=means)
    assert {
        f.code for f in judged([frame(n, pixels=odd if n == 5 else seen(means=GREY)) for n in range(1, 11)])
    } == codes


@pytest.mark.parametrize(
    ("size", "deviation", "luminance", "severity"),
    [
        (1.2, 0.3, 0.5, Severity.INFO),
        (1.6, 0.3, 0.5, Severity.INFO),
        (1.2, 0.3, 0.56, None),  # there is more to see
        (1.2, 0.201, 0.5, None),  # larger for another reason
        (1.05, 0.3, 0.5, None),
        (0.8, 0.3, 0.5, None),
    ],
)
def test_noise_makes_files_larger_at_the_same_luminance(
    size: float, deviation: float, luminance: float, severity: Severity | None
) -> None:
    for odd in ({5}, {5, 6}, {2, 5, 10}):
        given = [
            noisy(n, size, deviation, luminance=luminance) if n in odd else noisy(n, 1.0, 0.2) for n in range(1, 11)
        ]
        assert [(f.code, f.severity, {*f.frames}) for f in judged(given)] == [("SEQ-NOISE", severity, odd)] * (
            severity is not None
        )


@pytest.mark.parametrize(
    ("odd", "size", "luminance", "is_found"),
    [
        ({8, 9, 10}, 3.0, 0.5, True),
        ({1, 2}, 3.0, 0.5, True),
        ({4, 5, 6}, 3.0, 0.5, True),
        ({6, 7, 8, 9, 10}, 3.0, 0.5, True),
        ({8, 9, 10}, 1.5, 0.5, False),
        ({8, 9, 10}, 3.0, 0.4, False),  # a cut
        (set(range(4, 11)), 3.0, 0.5, False),  # most frames
    ],
)
def test_noise_in_a_run_of_frames(odd: set[int], size: float, luminance: float, *, is_found: bool) -> None:
    given = [noisy(n, size, 0.3, luminance=luminance) if n in odd else noisy(n, 1 + n / 50, 0.2) for n in range(1, 11)]
    assert [{*f.frames} for f in reported("SEQ-NOISE", given)] == [odd] * is_found


@pytest.mark.parametrize(
    "changed",
    [
        {"lit_pixels": {"fog": 0}},
        {"other_deviations": {"Z": 0.1}},
        {
            "other_deviations": {"Z": 0.2},
            "deviation": 0.1995,
        },  # what makes the file smaller may be in the other channel
        {"zeros": grid((1, 1))},
        {"means": {**GREY, "R": 0.5}},
    ],
)
def test_files_that_are_smaller_for_another_reason_are_not_soft(changed: dict[str, Any]) -> None:
    usual = {"lit_pixels": {"fog": 4}, "other_deviations": {"Z": 0.2}, "means": GREY}
    given = [
        noisy(n, 0.9 if n == 5 else 1.0, **{"deviation": 0.19 if n == 5 else 0.2} | usual | (changed if n == 5 else {}))
        for n in range(1, 11)
    ]
    assert not reported("SEQ-SOFT", given)


@pytest.mark.parametrize(
    ("odd", "size", "deviation", "luminance", "others", "is_found"),
    [
        ({5, 6, 7, 8}, 0.9, 0.19, 0.5, 0.005, True),
        ({5}, 0.9, 0.2, 0.5, 0.005, True),
        ({3, 4, 7}, 0.9, 0.2, 0.5, 0.005, True),
        ({5, 6}, 0.96, 0.2, 0.5, 0.005, False),
        ({5, 6}, 0.9, 0.2, 0.46, 0.005, False),  # an object leaves
        ({5, 6}, 0.9, 0.3, 0.5, 0.005, False),
        ({5, 6}, 0.9, 0.2, 0.5, 0.04, False),  # sizes that change in all frames
        ({8, 9, 10}, 0.9, 0.2, 0.5, 0.005, False),  # a cut
    ],
)
def test_soft_frames_have_smaller_files_at_the_same_luminance(
    odd: set[int], size: float, deviation: float, luminance: float, others: float, *, is_found: bool
) -> None:
    given = [
        noisy(n, size, deviation, luminance=luminance) if n in odd else noisy(n, 1 + n % 2 * others, 0.2)
        for n in range(1, 11)
    ]
    found = [(f.code, f.severity, {*f.frames}) for f in reported("SEQ-SOFT", given)]
    assert found == [("SEQ-SOFT", Severity.INFO, odd)] * is_found


@pytest.mark.parametrize(
    ("fast", "sizes", "severity"),
    [
        (0, (0.9, 0.9, 0.9), Severity.WARNING),
        (6, (0.9, 0.9, 0.9), Severity.INFO),
        (0, (0.9, 0.8, 0.9), Severity.INFO),  # a focus pull
    ],
)
def test_soft_frames_are_a_warning_unless_they_move_faster(
    fast: int, sizes: tuple[float, ...], severity: Severity
) -> None:
    ramp, given, shown = np.linspace(1, 2, 16), [], 0
    for n in range(1, 17):
        is_odd = n in {8, 9, 10}
        shown += 1 + fast * is_odd
        image = np.outer(ramp, 1 + np.sin(np.arange(16) + shown / 60) / 3)
        given.append(noisy(n, sizes[n - 8] if is_odd else 1.0, 0.19 if is_odd else 0.2, shows=image))
    assert {(f.severity, tuple(f.frames)) for f in reported("SEQ-SOFT", given)} == {(severity, (8, 9, 10))}


@pytest.mark.parametrize(("is_turned", "is_found"), [(False, True), (True, False)])
def test_frames_that_show_another_image_are_no_noise(*, is_turned: bool, is_found: bool) -> None:
    given = [
        noisy(
            n,
            1.2 if n == 5 else 1.0,
            0.3 if n == 5 else 0.2,
            shows=small(is_turned=is_turned and n == 5),
        )
        for n in range(1, 11)
    ]
    assert bool(reported("SEQ-NOISE", given)) is is_found


def test_frames_of_another_codec_are_no_noise() -> None:
    given = [noisy(n, 1.0, 0.2) if n != 5 else noisy(n) for n in range(1, 11)]
    given[4] = frame(5, size_bytes=given[4].size_bytes, pixels=given[4].pixels, compression="NONE")
    assert [found.code for found in judged(given)] == ["SEQ-COMPRESSION"]


@pytest.mark.parametrize(("name", "weight"), [("R", 0.2126), ("G", 0.7152), ("B", 0.0722), ("Y", 1.0)])
def test_the_luminance_of_a_frame_has_the_weights_of_rec_709(name: str, weight: float) -> None:
    others = {} if name == "Y" else dict.fromkeys("RGB", np.zeros((3, 4)))
    assert pixels_of(flat(**{**others, name: np.full((3, 4), 0.5)})).luminance == pytest.approx(0.5 * weight)


def test_y_beside_colour_is_that_of_normals() -> None:
    pixels = pixels_of(flat(**dict.fromkeys("XYZ", np.ones((3, 4))), **dict.fromkeys("RGB", np.zeros((3, 4)))))
    assert (pixels.luminance, pixels.is_black) == (0, True)


def test_the_z_of_normals_in_a_part_of_their_own_is_no_depth() -> None:
    report = inspect(flat(Z=np.full((3, 4), 9.0)), stats=True).pixels
    assert report
    (depth,) = report.channels
    found = frame_pixels([replace(depth, part=1), replace(depth, part=2)], parts={1: ("depth", ""), 2: ("N", "")})
    assert found
    assert list(found.extents) == ["depth.Z"]


def test_layers_of_parts_have_the_view_of_their_part_in_their_names_and_the_role_of_the_layer() -> None:
    report = inspect(flat(Z=np.full((3, 4), 9.0)), stats=True).pixels
    assert report
    (depth,) = report.channels
    channels = [
        replace(depth, part=n, channel=c) for n, c in ((1, "Z"), (2, "N.Z"), (3, "specular.R"), (4, "specular.R"))
    ]
    views = {1: ("depth", "left"), 2: ("", "left"), 3: ("", "left"), 4: ("specular", "right")}
    found = frame_pixels(channels, parts=views)
    assert found
    assert list(found.extents) == ["depth.left.Z"]
    assert set(found.lit_pixels) == {"depth.left", "N.left", "specular.left", "specular.right"}
    assert set(found.lights) == {"specular.left", "specular.right"}


def test_the_main_image_may_be_in_a_layer_of_that_name() -> None:
    steps = np.linspace(0.5, 2, 32 * 32).reshape(32, 32)
    names = {f"ViewLayer_{layer}_{colour}": steps for layer in ("Combined", "DiffCol") for colour in "RGB"}
    pixels = pixels_of(flat(**names, ViewLayer_Combined_A=steps * 0))
    assert pixels.means == dict.fromkeys("RGB", pytest.approx(1.25))
    assert pixels.small.mean() == pytest.approx(1.25, rel=0.05)
    assert pixels.coverage == 0
    assert pixels.lit_layers == {"", "ViewLayer.DiffCol"}


def test_frames_are_compared_by_each_tag_of_their_colour() -> None:
    tags = [(), (REC709,), (AP0,), (AP0, FLAG), (tag("lin_ap1_scene"),), (a_string("colorSpace", "ACEScg"),)]
    assert len({frame_of(extra(*attributes)).colour for attributes in tags}) == len(tags)


def test_attributes_that_rules_compare_are_read_by_every_policy() -> None:
    assert EVERYTHING.compared_attributes >= {
        "dwaCompressionLevel",
        "imageCounter",
        "nuke/node_hash",
        "wrapmodes",
        "shot",
        "software",
    }
    assert frame_of(extra(a_int("imageCounter", 7))).image_counter == 7


@pytest.mark.parametrize(("ratio", "compared"), [(2.0, 2.0), (0.0, None), (-1.0, None)])
def test_only_aspect_ratios_that_are_possible_are_compared(ratio: float, compared: float | None) -> None:
    made = inspect(anamorphic(ratio))
    for known in (frame_of_inspection(made), frame_of_row(stored(made))):
        assert known.pixel_aspect == compared


def test_rows_name_the_views_and_layers_of_parts_as_files_do() -> None:
    inspection = inspect(eyes(RAMP), stats=True)
    (by_inspection, by_row) = (
        frame_of_inspection(inspection),
        frame_of_row(stored(inspection), file_rows(inspection)["parts"], (), inspection.pixels.channels),
    )
    assert by_row.pixels == replace(by_inspection.pixels, zeros=None, lines=None)
    assert set(by_row.pixels.lit_pixels) == {"", "diffuse.left", "right"}


def test_means_and_deviation_of_files_and_of_rows() -> None:
    inspection = inspect(image(R=np.full((3, 4), 0.5)), stats=True)
    by_inspection = frame_of_inspection(inspection)
    by_row = frame_of_row(stored(inspection), stats=inspection.pixels.channels)
    assert by_row.pixels == replace(by_inspection.pixels, zeros=None, lines=None)
    assert by_inspection.pixels.means == {"B": pytest.approx(1, abs=1e-3), "G": pytest.approx(1, abs=1e-3), "R": 0.5}
    assert by_inspection.pixels.deviation == pytest.approx(float(np.std(RAMP)) * (2 / 3) ** 0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("larger", "luminance", "deviation", "is_found"),
    [
        ({1, 9, 17}, 0.4, 0.22, True),
        ({1, 9, 17}, 0.36, 0.195, True),  # darker, too: less light was gathered
        ({1, 9, 17}, 0.4, 0.19, False),
        ({1, 9}, 0.4, 0.22, False),
        ({2, 10, 18}, 0.4, 0.22, False),
        ({1, 9, 17, 18}, 0.4, 0.22, False),
    ],
)
def test_larger_files_at_the_start_of_each_part_of_a_job(
    larger: set[int], luminance: float, deviation: float, *, is_found: bool
) -> None:
    given = [
        frame(
            n,
            size_bytes=1_000_000 + 999 * (n % 5) + 40_000 * (n in larger),
            pixels=seen(luminance, deviation=deviation) if n in larger else seen(0.4, deviation=0.2),
        )
        for n in range(1, 25)
    ]
    found = [(each.code, tuple(each.frames)) for each in judged(given)]
    assert found == [("SEQ-NOISE", tuple(sorted(larger)))] * is_found
