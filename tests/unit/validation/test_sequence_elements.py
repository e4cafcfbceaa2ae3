"""Elements over nothing: frames in which they are empty, and alpha that is 1 everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exr_inspector.model import Finding, Severity
from exr_inspector.validation.frames import FramePixels
from exr_inspector.validation.inspected_frames import frame_of_inspection
from tests.unit.validation.cases.blank import eyes
from tests.unit.validation.cases.made.pixels import RAMP, ZERO, deep, flat, image
from tests.unit.validation.judging import PLAIN, inspect
from tests.unit.validation.sequences import HOLE, PIXELS, frame, grid, judged, pixels_of, reported, seen
from tests.unit.validation.test_sequence_images import panned

FULL = [1.0] * 8


def empty(**changed: Any) -> FramePixels:
    return seen(0.0, coverage=0.0, **PIXELS[True], **changed)


@pytest.mark.parametrize(
    ("levels", "severity"),
    [
        ([*FULL, *[0] * 4, *FULL], Severity.WARNING),
        ([*FULL, *[0] * 8, *FULL], Severity.WARNING),
        ([*FULL, *[0] * 4, *FULL, *[0] * 4, *FULL], Severity.WARNING),
        ([*[0] * 9, *FULL, *[0] * 4, *FULL, *[0] * 9], Severity.WARNING),
        ([1, 1.2, 0.9, 1.1, 0.8, 1.2, 0.9, *[0] * 5, *FULL], Severity.WARNING),  # fire
        ([*FULL, 0, 0, 0, *FULL], Severity.ERROR),
        ([*FULL, 0.8, 0.6, *[0] * 5, *FULL], Severity.INFO),  # it ends, and another one begins
        ([*FULL, *[0] * 5, 0.5, *FULL], Severity.INFO),
        ([*FULL, *[0] * 5, 1, 1, *[0] * 5, *FULL], Severity.INFO),  # flashes
        ([1, 1, 1, 1, 0, 0, 0, 0] * 4, Severity.INFO),  # it blinks
        ([*FULL, *[0] * 12, *FULL], Severity.INFO),
    ],
)
def test_an_element_that_is_empty_between_frames_that_are_not(levels: list[float], severity: Severity) -> None:
    given = [frame(n, pixels=seen(each, coverage=0.3) if each else empty()) for n, each in enumerate(levels, 1)]
    worst = max(each.severity for each in reported("SEQ-BLACK", given))
    assert worst is severity


@pytest.mark.parametrize(("sizes", "severity"), [((9, 9), Severity.WARNING), ((9, 4), Severity.INFO)])
def test_the_light_of_cropped_elements_is_that_of_their_window(sizes: tuple[int, int], severity: Severity) -> None:
    windows = dict.fromkeys(range(1, 21), (0, 0, 9, 9)) | {8: (0, 0, 9, sizes[0]), 9: (0, 0, 9, sizes[1])}
    windows |= dict.fromkeys(range(10, 15), (0, 0, 0, 0))
    given = [
        frame(n, data_window=window, pixels=empty() if 10 <= n < 15 else seen(coverage=0.5))
        for n, window in windows.items()
    ]
    assert [each.severity for each in reported("SEQ-BLACK", given)] == [severity]


@pytest.mark.parametrize("count", [1, 4])
def test_deep_frames_without_samples_are_one_finding(count: int) -> None:
    lost = range(5, 5 + count)
    void = empty(is_void=True, lit_pixels={"Z": 0})
    given = [frame(n, pixels=void if n in lost else seen(coverage=1.0, lit_pixels={"Z": 9})) for n in range(1, 16)]
    (found,) = judged(given)
    assert (found.code, tuple(found.frames)) == ("SEQ-BLACK", tuple(lost))
    assert "no samples" in found.message
    only_depth = [frame(n, pixels=seen(None, is_black=None, is_constant=None, is_void=n == 5, lit_pixels={"Z": 9 * (n != 5)}))
                  for n in range(1, 10)]  # fmt: skip
    (found,) = judged(only_depth)
    assert (found.code, "no samples" in found.message) == ("SEQ-LAYER-BLACK", True)


def test_parts_are_named_only_if_there_are_several() -> None:
    assert {*pixels_of(deep()).lit_pixels} == {"Z"}


def of_alpha(solid: set[int], covered: dict[int, float], **changed: Any) -> list[Finding]:
    """The findings on 18 frames, of which some have an alpha of 1 everywhere, with a matte of 0.3 of the image elsewhere."""
    given = [
        frame(
            n,
            pixels=seen(
                is_solid=n in solid,
                coverage=1.0 if n in solid else covered.get(n, 0.3),
                shows=panned(n),
            ),
            **changed,
        )
        for n in range(1, 19)
    ]
    return reported("SEQ-ALPHA", given)


@pytest.mark.parametrize(
    ("solid", "covered", "is_found"),
    [
        ({9}, {}, True),
        ({9, 10, 11}, {}, True),
        ({1, 2}, {}, True),
        ({16, 17, 18}, {}, True),
        ({4, 9, 14}, {}, True),
        ({9, 10}, dict.fromkeys(range(1, 19), 0.93), True),
        ({8, 9, 10}, {5: 0.45, 6: 0.6, 7: 0.8, 11: 0.8, 12: 0.6, 13: 0.45}, False),  # an object that grows
        ({15, 16, 17, 18}, {11: 0.4, 12: 0.5, 13: 0.65, 14: 0.8}, False),
        ({9, 10}, dict.fromkeys(range(1, 19), 0.98), False),
        (set(), {}, False),
        ({*range(1, 19)}, {}, False),
    ],
)
def test_alpha_that_is_1_everywhere_in_some_frames(
    solid: set[int], covered: dict[int, float], *, is_found: bool
) -> None:
    assert [{*each.frames} for each in of_alpha(solid, covered)] == [solid] * is_found


def test_a_matte_in_some_frames_of_opaque_images() -> None:
    (found,) = of_alpha({*range(1, 19)} - {7, 8}, {})
    assert tuple(found.frames) == (7, 8)
    lost = [frame(n, pixels=seen(is_solid=n != 5, coverage=0.8 if n == 5 else 1.0, zeros=HOLE if n == 5 else grid()))
            for n in range(1, 11)]  # fmt: skip
    assert {each.code for each in judged(lost)} == {"SEQ-BUCKET"}


@pytest.mark.parametrize(
    ("odd", "mean", "is_found"),
    [
        ({5}, 0.9995, True),
        ({5, 6}, 0.9995, True),
        ({3, 8}, 0.9995, True),
        ({5}, 0.998, False),  # a gap that comes into view
        ({5, 6, 7}, 0.9995, False),
        ({10}, 0.9995, False),
        ({*range(1, 11)}, 0.9995, False),
    ],
)
@pytest.mark.parametrize(("least", "name"), [(0.0, "env"), (0.995, "env"), (0.0, "env_matte")])
def test_holes_in_the_alpha_of_some_frames(
    odd: set[int], mean: float, least: float, name: str, *, is_found: bool
) -> None:
    alpha = {"A": (least, 1.0, mean, 0.02)}
    given = [
        frame(
            n,
            pixels=seen(is_solid=n not in odd, coverage=1.0, mattes=alpha if n in odd else {}),
            sequence=f"{name}.#.exr",
        )
        for n in range(1, 11)
    ]
    found = [{*each.frames} for each in reported("SEQ-ALPHA", given)]
    assert found == [odd] * (is_found and not least and name == "env")


@pytest.mark.parametrize("changed", [{"storage": "deepscanline"}, {"sequence": "b/shot/hero_matte.####.exr"}])
def test_alpha_is_not_compared_of_deep_images_and_mattes(changed: dict[str, Any]) -> None:
    assert not of_alpha({9, 10}, {}, **changed)


@pytest.mark.parametrize(
    ("phases", "is_found"),
    [({9: 2, 10: 2}, True), (dict.fromkeys(range(9, 19), 2), False)],  # the background is there, or another shot
)
def test_alpha_that_is_1_where_the_image_changes(phases: dict[int, float], *, is_found: bool) -> None:
    given = [
        frame(
            n,
            pixels=seen(is_solid=n in phases, coverage=1.0 if n in phases else 0.3, shows=panned(n, phases.get(n, 0))),
        )
        for n in range(1, 19)
    ]
    assert bool(reported("SEQ-ALPHA", given)) is is_found


@pytest.mark.parametrize(
    ("data", "is_solid"),
    [(image(), True), (image(A=np.full((3, 4), 0.5)), False), (deep(alpha=1.0), True), (PLAIN, None)],
)
def test_alpha_of_1_everywhere_is_known(data: bytes, *, is_solid: bool | None) -> None:
    assert pixels_of(data).is_solid is is_solid


def of_layer(name: str, dark: set[int], *, is_off: bool = False, least: float = 0.2, **changed: Any) -> list[Finding]:
    """The findings on 18 frames of a layer that is zero in some of them, with light from `least` on beside these."""
    given = []
    for n in range(1, 19):
        apart = min((abs(n - other) for other in dark), default=9)
        light = min(0.2, least * apart)
        level = 0.5 + 0.001 * n - (0.2 - light) * is_off
        given.append(frame(n, pixels=seen(level, lit_pixels={name: int(500 * light)}, lights={name: light}, **changed)))
    return reported("SEQ-LAYER-BLACK", given)


@pytest.mark.parametrize(
    ("dark", "changed", "severity"),
    [
        ({8, 9, 10, 11}, {}, Severity.WARNING),
        ({14, 15, 16, 17, 18}, {}, Severity.WARNING),
        ({1, 2, 3, 4}, {}, Severity.WARNING),
        ({8, 9, 10, 11}, {"is_off": True}, Severity.INFO),
        ({8}, {"is_off": True}, Severity.WARNING),
        ({4, 8, 12, 16}, {"is_off": True}, Severity.INFO),
        ({8, 9, 10, 11}, {"least": 0.03}, None),  # it falls to zero
        ({*range(1, 12)}, {}, None),
        ({8, 9, 10, 11}, {"name": "roto"}, None),
    ],
)
def test_layers_that_are_zero_in_longer_runs(
    dark: set[int], changed: dict[str, Any], severity: Severity | None
) -> None:
    found = of_layer(**{"name": "key", "dark": dark} | changed)
    assert [(each.severity, {*each.frames}) for each in found] == [(severity, dark)] * (severity is not None)


def test_a_view_that_is_black_in_one_frame_is_an_error() -> None:
    whole, black = (inspect(eyes(right), key="shot/a.1.exr", stats=True) for right in (RAMP, ZERO))
    pixels = [frame_of_inspection(each).pixels for each in (whole, black)]
    assert [each.lit_layers for each in pixels] == [{"", "diffuse.left", "right"}, {"", "diffuse.left"}]
    given = [frame(n, views="left, right", pixels=pixels[n == 5]) for n in range(1, 10)]
    (found,) = reported("SEQ-LAYER-BLACK", given)
    assert (found.severity, [*found.frames]) == (Severity.ERROR, [5])
    assert "the view right: zero in every pixel" in found.message


def test_vectors_that_are_zero_in_the_first_frame_as_in_others() -> None:
    assert not of_layer("motion", {1}, is_off=True, least=0.01)
    given = [frame(n, pixels=seen(lit_pixels={"motion": 9 * (n % 5 != 1)})) for n in range(1, 19)]
    (found,) = judged(given)
    assert [*found.frames] == [1, 6, 11, 16]


@pytest.mark.parametrize(
    ("odd", "covered", "named"),
    [
        ({9}, 0.2, {9}),
        ({9, 10, 11}, 0.2, {9, 10, 11}),
        ({9}, 0.482, set()),
        ({*range(14, 19)}, 0.2, set()),
        (set(), 0.2, set()),
    ],
)
def test_a_matte_that_is_inverted(odd: set[int], covered: float, named: set[int]) -> None:
    given = []
    for n in range(1, 19):
        mean = covered + 0.002 * n
        given.append(frame(n, pixels=seen(mattes={"roto.red": (0.0, 1.0, 1 - mean if n in odd else mean, 0.4)})))
    found = reported("SEQ-ALPHA", given)
    assert [{*each.frames} for each in found] == [named] * bool(named)


def test_mattes_are_known_by_their_names() -> None:
    half = np.linspace(0, 0.5, 2000).reshape(40, 50)
    layers = {"A": half, "R": half, "roto.red": half, "key.R": half, "key.A": 3 * half}
    pixels = pixels_of(flat(**layers))
    assert {*pixels.mattes} == {"A", "roto.red"}
    assert pixels.lights == {"key": pytest.approx(0.25, abs=1e-3)}
