"""What is measured in each frame and compared between frames: noise, its pattern, flicker, samples, the values of layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exr_inspector.model import ColourLines, Seam, Severity
from exr_inspector.validation.facts.timecodes import Clock
from tests.unit.validation.sequences import GREY, Image, frame, judged, reported, seen

RAMP = np.linspace(1, 2, 16)
GROUND = np.apply_along_axis(np.convolve, 1, np.random.default_rng(7).random((16, 64)), np.ones(6) / 6, "same")


def moving(number: float, speed: float = 1.0) -> Image:
    """The small image of a camera that pans."""
    return np.outer(RAMP, 1 + np.sin(np.arange(16) + speed * number / 20) / 3)


def found(code: str, pixels: list[Any], **changed: Any) -> list[tuple[Severity, tuple[int, ...]]]:
    given = [frame(n, pixels=each, **changed) for n, each in enumerate(pixels, 1)]
    return [(each.severity, tuple(each.frames)) for each in reported(code, given)]


def with_noise(number: int, noise: float, *, bends: bytes = b"", speed: float = 1.0, **changed: Any) -> Any:
    lines = ColourLines((), np.float32(moving(number, speed)).tobytes(), noise=noise, bends=bends)
    return seen(lines=lines, means=GREY, **changed)


@pytest.mark.parametrize(
    ("odd", "noise", "luminance", "severity"),
    [
        ({8}, 2.5, 0.5, Severity.WARNING),
        ({8, 9, 10}, 2.5, 0.5, Severity.WARNING),
        ({8, 9}, 1.6, 0.5, Severity.INFO),
        ({8, 9, 10}, 200, 0.5, Severity.INFO),  # the scan lines of an effect
        ({8, 9}, 1.3, 0.5, None),
        ({8, 9}, 2.5, 0.6, None),  # there is more to see
        (set(range(9, 17)), 2.5, 0.5, None),  # a cut
        (set(range(1, 17, 2)), 2.5, 0.5, None),  # it changes all the time
    ],
)
def test_frames_with_more_noise(odd: set[int], noise: float, luminance: float, severity: Severity | None) -> None:
    given = [
        with_noise(n, 0.01 * noise, luminance=luminance) if n in odd else with_noise(n, 0.01) for n in range(1, 17)
    ]
    assert found("SEQ-NOISE", given) == [(severity, tuple(sorted(odd)))] * (severity is not None)


@pytest.mark.parametrize(
    ("beat", "is_found"),
    [
        ((1, 1, 0.71, 1, 1), True),
        ((1, 0.82, 0.72, 0.72, 0.82), True),  # 24 to 30 frames a second
        ((1, 0.71), True),
        ((1, 1, 0.9, 1, 1), False),
        ((1, 1, 1, 1, 1), False),
        ((*[1] * 9, 0.71), False),  # too few
    ],
)
def test_frames_that_are_mixed_from_their_neighbours(beat: tuple[float, ...], *, is_found: bool) -> None:
    given = [with_noise(n, beat[n % len(beat)] / 100) for n in range(20)]
    odd = tuple(n + 1 for n in range(20) if beat[n % len(beat)] < 0.85)
    assert found("SEQ-SOFT", given) == [(Severity.WARNING, odd)] * is_found


@pytest.mark.parametrize(
    ("is_fixed", "speed", "is_found"),
    [(True, 4.0, True), (False, 4.0, False), (True, 0.1, False)],  # a camera that stands still, and its texture
)
def test_noise_of_one_pattern(*, is_fixed: bool, speed: float, is_found: bool) -> None:
    patterns = [np.random.default_rng(0 if is_fixed else n).bytes(256) for n in range(16)]
    given = [with_noise(n, 0.01, bends=pattern, speed=speed) for n, pattern in enumerate(patterns)]
    assert found("SEQ-NOISE", given) == [(Severity.INFO, tuple(range(1, 17)))] * is_found


LIGHT = 1 + np.random.default_rng(2).normal(size=24) / 50


@pytest.mark.parametrize(
    ("light", "indirect", "direct", "severity"),
    [
        (LIGHT, LIGHT, np.ones(24), Severity.WARNING),
        (LIGHT, LIGHT, LIGHT, Severity.INFO),  # a fire
        (LIGHT, LIGHT, LIGHT[::-1], Severity.INFO),  # the other light flickers, too
        (LIGHT, LIGHT, 0 * LIGHT, Severity.INFO),  # there is no other light
        (1 + np.sin(np.arange(24) / 3) / 10, np.ones(24), np.ones(24), None),
        (np.ones(24), LIGHT, np.ones(24), None),  # hardly seen
        (LIGHT[np.arange(24) // 2], np.ones(24), np.ones(24), None),  # on twos
    ],
)
def test_light_that_flickers_a_little(light: Image, indirect: Image, direct: Image, severity: Severity | None) -> None:
    given = [
        seen(0.5 * each, shows=each * moving(n), lights={"VRayGlobalIllumination": one, "VRayLighting": other})
        for n, (each, one, other) in enumerate(zip(light, indirect, direct, strict=True))
    ]
    assert found("SEQ-FLASH", given) == [(severity, tuple(range(1, 25)))] * (severity is not None)


@pytest.mark.parametrize(("light", "is_stuck"), [(lambda n: 1 + n / 4, True), (lambda _: 2.5, False)])  # a strobe
def test_frames_with_the_light_of_the_first_one(light: Any, *, is_stuck: bool) -> None:
    odd = {8, 11, 16, 20, 25}
    given = [frame(n, pixels=seen(0.3 * (1 if n in {1, *odd} else light(n)), shows=moving(n))) for n in range(1, 31)]
    (finding,) = reported("SEQ-FLASH", given)
    assert (finding.severity, set(finding.frames) - {1}) == (Severity.INFO, odd)
    assert ("the light of frame 1:" in finding.message) is is_stuck


def test_areas_that_flicker_in_different_directions_are_motion() -> None:
    random = np.random.default_rng(5)
    given = [
        seen(0.5 * each, shows=moving(n) * (1 + random.normal(size=(16, 16)) / 20)) for n, each in enumerate(LIGHT)
    ]
    assert not found("SEQ-FLASH", given)


@pytest.mark.parametrize(
    ("counts", "odd"),
    [
        ([100] * 5 + [40] * 2 + [104] * 5, (6, 7)),
        ([100] * 5 + [60] * 2 + [104] * 5, ()),
        ([100] * 6 + [40] * 6, ()),  # a cut
        ([20, 60, 100, 140, 150, 70, 50, 140, 150, 150, 150], ()),  # smoke that grows and thins
    ],
)
def test_deep_frames_that_lost_samples(counts: list[int], odd: tuple[int, ...]) -> None:
    given = [seen(samples=1000 * count) for count in counts]
    assert found("SEQ-LAYER-BLACK", given, storage="deepscanline") == [(Severity.WARNING, odd)] * bool(odd)
    assert not found("SEQ-LAYER-BLACK", given)


@pytest.mark.parametrize(
    ("name", "held", "pauses", "is_found"),
    [
        ("Depth.Z", {6}, False, True),
        ("key.R", {6, 10}, False, True),
        ("A", {6}, False, False),  # coverage may be equal by chance
        ("Depth.Z", {6}, True, False),  # the camera stands still
        ("Depth.Z", {6, 7, 8, 10, 11}, False, False),  # so does what the layer shows
    ],
)
def test_layers_with_the_values_of_the_frame_before(name: str, held: set[int], *, pauses: bool, is_found: bool) -> None:
    shown = np.cumsum([not (pauses and n in held) for n in range(1, 17)])
    values = np.cumsum([n not in held for n in range(1, 17)])
    given = [
        seen(shows=moving(at), other_deviations={name: float(value)}) for at, value in zip(shown, values, strict=True)
    ]
    assert found("SEQ-DUP", given) == [(Severity.INFO, tuple(sorted(held)))] * is_found


@pytest.mark.parametrize(
    ("odd", "share", "is_found"),
    [
        ({4, 9}, 0.01, True),
        ({6}, 0.01, True),
        ({5, 6, 7}, 0.01, False),
        ({4, 9}, 0.001, False),
        ({1, 4}, 0.01, False),
        (set(range(2, 9)), 0.01, False),
    ],
)
def test_parts_that_turn_magenta(odd: set[int], share: float, *, is_found: bool) -> None:
    given = [seen(means=GREY, without_green=share if n in odd else 0.0) for n in range(1, 13)]
    assert found("SEQ-HUE", given) == [(Severity.WARNING, tuple(sorted(odd)))] * is_found


@pytest.mark.parametrize(
    ("speed", "odd", "severity"),
    [
        (1.0, {4, 6, 8}, Severity.WARNING),
        (0.0, {4, 6, 8}, Severity.INFO),
        (1.0, {4, 6}, Severity.INFO),
        (1.0, {4, 5, 6}, Severity.INFO),
    ],
)
def test_a_seam_at_one_place_of_an_image_that_moves(speed: float, odd: set[int], severity: Severity) -> None:
    given = [
        seen(lines=ColourLines((Seam(True, 960, "R", 0.9),) * (n in odd), np.float32(moving(n, speed)).tobytes()))
        for n in range(1, 13)
    ]
    assert found("SEQ-SEAM", given) == [(severity, tuple(sorted(odd)))]


@pytest.mark.parametrize(
    ("step", "severity", "words"),
    [(240, Severity.INFO, "advances by 240 frames"), (2, Severity.WARNING, "by 2"), (-1, Severity.WARNING, "reversed")],
)
def test_time_codes_that_advance_by_another_step(step: int, severity: Severity, words: str) -> None:
    counts = [86_400 + n * step for n in range(1, 11)]
    codes = [Clock(n // 86_400, n // 1440 % 60, n // 24 % 60, n % 24, is_drop_frame=False) for n in counts]
    given = [frame(n, time_code=code) for n, code in enumerate(codes, 1)]
    (finding,) = reported("TIM-TC-SEQ", given)
    assert (finding.severity, len(finding.frames)) == (severity, 10)
    assert words in finding.message


def panned(number: int) -> Image:
    """A window of 16 columns of a ground that passes."""
    at = number / 4
    return 1 + GROUND[:, int(at) : int(at) + 16] * (1 - at % 1) + GROUND[:, int(at) + 1 : int(at) + 17] * (at % 1)


@pytest.mark.parametrize(
    ("rows", "light", "frames", "severity"),
    [
        (slice(15, 16), 1.0, range(8, 13), Severity.INFO),
        (slice(12, 14), 1.0, range(8, 13), None),  # a light
        (slice(15, 16), 0.1, range(8, 13), None),
        (slice(15, 16), 1.0, range(12, 25), None),  # up to the end
    ],
)
def test_what_is_over_an_image_that_moves(rows: slice, light: float, frames: range, severity: Severity | None) -> None:
    images = [panned(n) for n in range(1, 25)]
    for n in frames:
        images[n - 1][rows, 2:9] += light
    given = [seen(shows=image) for image in images]
    assert found("SEQ-AREA", given) == [(severity, tuple(frames))] * (severity is not None)


@pytest.mark.parametrize(("lost", "severity"), [(0.05, Severity.WARNING), (0.0, Severity.INFO)])
def test_an_object_that_alpha_lacks_too(lost: float, severity: Severity) -> None:
    given = []
    for n in range(1, 13):
        image = moving(n, 0.1)
        image[4:8, 4:8] *= 0.3 if n == 6 else 1
        given.append(seen(shows=image, coverage=0.5 + n / 1000 - (lost if n == 6 else 0)))
    assert found("SEQ-AREA", given) == [(severity, (6,))]


@pytest.mark.parametrize(("red", "found"), [(0.4, [Severity.WARNING]), (0.6, [])])  # SEQ-HUE reports the other one
def test_a_coloured_light_all_over_the_image_is_no_watermark(red: float, found: list[Severity]) -> None:
    at = np.arange(16)
    scattered = np.where(np.outer(at % 4 == 0, at % 3 == 0), 1.5, 0)
    odd = {4, 12}
    given = [
        frame(
            n, pixels=seen(shows=moving(n, 0.1) + scattered * (n in odd), means={**GREY, "R": red if n in odd else 0.4})
        )
        for n in range(1, 17)
    ]
    assert [each.severity for each in judged(given) if each.code == "SEQ-AREA"] == found


def test_a_frame_of_another_lens_is_no_garbage() -> None:
    at = np.linspace(-4, 4, 16)
    near, far = (1 + 0.9 * np.outer(np.sin(1.7 * at * scale), np.cos(1.9 * at * scale)) for scale in (1, 1.2))
    given = [frame(n, pixels=seen(shows=far if n in {6, 7} else near)) for n in range(1, 17)]
    (finding,) = [each for each in judged(given) if each.code == "SEQ-AREA"]
    assert "as if the image was scaled by about 0.8" in finding.message


@pytest.mark.parametrize(("empty", "lost"), [({1, 6, 11}, (1, 6, 11)), ({1, 6}, (6,))])
def test_an_empty_matte_where_each_part_of_a_job_begins(empty: set[int], lost: tuple[int, ...]) -> None:
    black = {"is_black": True, "is_constant": True, "is_empty": True, "has_other_content": False, "coverage": 0.0}
    given = [seen(0.0, **black) if n in empty else seen(0.2, coverage=0.3) for n in range(1, 16)]
    assert (Severity.ERROR, lost) in found("SEQ-BLACK", given)


def test_frames_without_lines_have_no_noise() -> None:
    given = [replace(with_noise(n, 0.01), lines=None) for n in range(1, 17)]
    assert not found("SEQ-NOISE", given)
