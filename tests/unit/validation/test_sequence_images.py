"""Small images of frames: single frames of another shot, and blocks of frames with another tone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from exr_inspector.model import Severity
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.frames import FramePixels
from tests.unit.validation.sequences import GREY, PIXELS, Image, frame, grid, judged, reported, seen

ROWS, COLUMNS = np.mgrid[:16, :16] / 16


def panned(number: float, phase: float = 0) -> Image:
    """The image that a slow pan over a plate shows in a frame; another phase is another plate."""
    across = COLUMNS + number / 60
    return 1.2 + np.sin(7 * across + 3 * ROWS + phase) + 0.2 * np.sin(17 * ROWS - 5 * across + 2 * phase)


def found(of: Callable[[int], Image], count: int = 16) -> set[tuple[str, Severity, tuple[int, ...]]]:
    given = [frame(n, pixels=seen(shows=of(n))) for n in range(1, count + 1)]
    return {(each.code, each.severity, tuple(each.frames)) for each in judged(given)}


@pytest.mark.parametrize(
    ("odd", "frames"),
    [
        (lambda n: panned(n, 2) if n == 7 else panned(n), {(7,)}),
        (lambda n: panned(n) * 3 if n == 7 else panned(n), set()),  # a flash
        (lambda n: panned(n, 2) if n > 7 else panned(n), set()),  # a cut
        (lambda n: panned(n, 2) if n % 3 == 0 else panned(n), set()),  # too many
        (panned, set()),
    ],
)
def test_a_single_frame_of_another_shot_is_a_warning(odd: Callable[[int], Image], frames: set[tuple[int, ...]]) -> None:
    assert found(odd) == {("SEQ-AREA", Severity.WARNING, each) for each in frames}


@pytest.mark.parametrize(
    ("odd", "is_found"),
    [({7}, True), ({7, 8}, True), ({7, 8, 9}, True), ({*range(7, 13)}, False), ({4, 8, 12, 15}, False)],
)
def test_a_few_frames_of_another_shot_are_a_warning(odd: set[int], *, is_found: bool) -> None:
    shots = found(lambda n: panned(n, 2 if n in odd else 0))
    assert {each for each in shots if each[1] is Severity.WARNING and each[0] == "SEQ-AREA"} == (
        {("SEQ-AREA", Severity.WARNING, tuple(sorted(odd)))} if is_found else set()
    )


def test_a_light_on_half_of_the_image_for_three_frames_is_no_other_shot() -> None:
    lit = found(lambda n: panned(n) + 2 * (COLUMNS < 0.5) * (n in {6, 7, 8}))
    assert {each[1] for each in lit} <= {Severity.INFO}


SCATTERED = (ROWS * 16 % 4 == 0) & (COLUMNS * 16 % 3 == 0)
BLOCK = (ROWS < 0.25) & (COLUMNS < 0.25)


@pytest.mark.parametrize(
    ("where", "odd", "severity"),
    [
        (SCATTERED, {7, 8, 14}, Severity.WARNING),  # a watermark
        (SCATTERED, {4, 12}, Severity.WARNING),
        (SCATTERED, {7, 8}, Severity.INFO),
        (BLOCK, {7, 8, 14}, Severity.INFO),  # a lamp
        (BLOCK, {7, 8, 9}, Severity.INFO),
        (BLOCK, {4, 7, 10, 13, 16}, Severity.INFO),
        (BLOCK, {*range(6, 14)}, None),
        (BLOCK, {*range(3, 20, 3)}, None),
    ],
)
def test_areas_that_differ_in_a_few_frames_are_one_finding(
    where: Image, odd: set[int], severity: Severity | None
) -> None:
    areas = found(lambda n: panned(n) + 1.5 * where * (n in odd), count=20)
    expected = {("SEQ-AREA", severity, tuple(sorted(odd)))} if severity is not None else set()
    assert {each for each in areas if each[0] == "SEQ-AREA"} == expected


TEXTURE = np.random.default_rng(1).uniform(0.5, 2, (16, 120))


def moved(at: float) -> Image:
    """The part of a plate with much texture that begins at a column."""
    first, part = int(at), at % 1
    return TEXTURE[:, first : first + 16] * (1 - part) + TEXTURE[:, first + 1 : first + 17] * part


@pytest.mark.parametrize("odd", [{7, 15}, set()])
def test_several_areas_that_differ_are_found_where_few_others_twinkle(odd: set[int]) -> None:
    bucket, places = np.isin(np.arange(256).reshape(16, 16), range(100, 124)), np.arange(8) * 41

    def image(n: int) -> Image:
        twinkle = np.isin(np.arange(256).reshape(16, 16), (places + 17 * n) % 256)
        return panned(n) * (1 + 0.12 * twinkle) * (1 - 0.8 * bucket * (n in odd))

    assert found(image, count=24) == {("SEQ-AREA", Severity.INFO, tuple(sorted(odd))) for _ in range(bool(odd))}


@pytest.mark.parametrize("speed", [3, 4.5, 6, 7.5])
def test_a_whip_pan_is_no_garbage(speed: float) -> None:
    assert found(lambda n: moved(min(max(0, n - 10), 5) * speed), count=30) == set()


def test_a_frame_of_another_shot_has_other_colours_too() -> None:
    means = {False: GREY, True: {**GREY, "G": 0.3}}
    given = [
        frame(
            n,
            pixels=seen(means=means[n == 7], shows=panned(n, 2 * (n == 7))),
        )
        for n in range(1, 17)
    ]
    assert {(each.code, each.severity) for each in judged(given)} == {("SEQ-AREA", Severity.WARNING)}


@pytest.mark.parametrize(
    ("tone", "is_found"),
    [
        (lambda image: 2 * image**0.45, True),
        (lambda image: image * 1.8, True),
        (lambda image: image * 0.5, True),
        (lambda image: image * 1.3, False),
        (lambda image: image * 1.1, False),
        (lambda image: image + 2 * (np.arange(16) < 8), False),  # another light
        (lambda image: image[::-1] * 1.8, False),
    ],
)
def test_a_block_with_another_tone_is_a_warning(tone: Callable[[Image], Image], *, is_found: bool) -> None:
    block = found(lambda n: tone(panned(n)) if 6 <= n <= 8 else panned(n))
    warned = {each for each in block if each[1] > Severity.INFO and each[0] != "SEQ-AREA"}
    assert warned == ({("SEQ-TONE", Severity.WARNING, (6, 7, 8))} if is_found else set())
    assert found(lambda n: panned(n) * (1 + n / 8)) == set(), "light that rises"


@pytest.mark.parametrize(
    ("lit", "severity"),
    [
        ({"R": 0.8, "G": 0.4, "B": 0.1}, Severity.INFO),  # a red light instead of a blue one
        ({"R": 0.8, "G": 0.7, "B": 0.6}, Severity.WARNING),
    ],
)
def test_a_block_of_light_of_another_colour_is_info(lit: dict[str, float], severity: Severity) -> None:
    def pixels(n: int) -> FramePixels:
        is_lit = 6 <= n <= 8
        return seen(means=lit if is_lit else GREY, shows=panned(n) * (1.8 if is_lit else 1))

    block = reported("SEQ-TONE", [frame(n, pixels=pixels(n)) for n in range(1, 17)])
    assert [each.severity for each in block] == [severity]


@pytest.mark.parametrize(
    ("tone", "hint"),
    [
        (lambda image: 2 * image**0.45, "with less contrast"),
        (lambda image: image**2.2, "with more contrast"),
        (lambda image: image * 1.8, ""),
        (lambda image: image + 3 * (COLUMNS < 0.5), ""),  # a light on half of the image
        (lambda image: image / 4 + 1 + 1.2 * (COLUMNS * 16 % 2 < 1), ""),  # a veil, lit through blinds
    ],
)
def test_a_flash_says_whether_the_tone_curve_differs(tone: Callable[[Image], Image], hint: str) -> None:
    images = {n: tone(panned(n)) if n in {6, 12} else panned(n) for n in range(1, 17)}
    given = [frame(n, pixels=seen(float(image.mean()), shows=image)) for n, image in images.items()]
    (flash,) = reported("SEQ-FLASH", given)
    assert flash.message.partition("; ")[2].partition(": ")[0] == hint


@pytest.mark.parametrize(("odd", "is_beat"), [({6, 11, 16}, True), ({6, 11}, False), ({5, 10, 15}, False)])
def test_odd_frames_at_equal_distances_from_the_first_one_may_begin_parts_of_a_job(
    odd: set[int], *, is_beat: bool
) -> None:
    images = {n: panned(n) + 2 * BLOCK * (n in odd) for n in range(1, 19)}
    given = [frame(n, pixels=seen(shows=each)) for n, each in images.items()]
    (area,) = reported("SEQ-AREA", given)
    assert ("Every 5 frames from the first one on" in area.message) is is_beat


@pytest.mark.filterwarnings("error")
def test_frames_whose_areas_are_alike_have_no_tone() -> None:
    ramp = np.linspace(0.5, 2, 256).reshape(16, 16)
    assert "SEQ-TONE" not in {each[0] for each in found(lambda n: ramp * (1 + n / 99) if n > 6 else ramp**0)}


@pytest.mark.parametrize(
    ("tone", "is_found"),
    [
        (lambda image: 2 * image**0.45, True),
        (lambda image: np.minimum(image, 2) ** 0.45, True),
        (lambda image: image * 1.8, False),
        (lambda image: image * 0.5, False),
        (lambda image: image + 1, False),
        (lambda image: image / 2 + 0.5, False),  # fog
        (lambda image: image + 2 * (np.arange(16) < 8), False),
        (lambda image: image[::-1] ** 0.45, False),
    ],
)
def test_a_tone_that_stays_is_a_warning_if_the_light_is_raised_to_a_power(
    tone: Callable[[Image], Image], *, is_found: bool
) -> None:
    assert found(lambda n: tone(panned(n)) if n >= 6 else panned(n)) == {
        ("SEQ-TONE", Severity.WARNING, (*range(6, 17),)) for _ in range(is_found)
    }
    assert found(lambda n: tone(panned(n)) if n < 6 else panned(n)) == {
        ("SEQ-TONE", Severity.WARNING, (*range(1, 6),)) for _ in range(is_found)
    }


@pytest.mark.parametrize(
    ("jump", "light", "frames"),
    [
        (0.2, 1.0, {(7,)}),  # an object in another place
        (0.0, 1.0, set()),
        (0.0, 40.0, set()),  # a highlight that moves from area to area
    ],
)
def test_an_object_in_another_place_in_a_frame_is_info(jump: float, light: float, frames: set[tuple[int, ...]]) -> None:
    def moved(n: int) -> Image:
        at, row = 0.2 + n / 40, 0.5 - jump * (n == 7)
        side = 0.08 if light == 1 else 0.03
        return panned(0) + light * np.exp(-((COLUMNS - at) ** 2 + (ROWS - row) ** 2) / side**2)

    assert found(moved) == {("SEQ-AREA", Severity.INFO, each) for each in frames}


@pytest.mark.parametrize(
    ("odd", "frames"),
    [({7, 8}, {(7, 8)}), ({7, 8, 12}, {(7, 8)})],
)
def test_an_object_of_another_colour_in_two_frames(odd: set[int], frames: set[tuple[int, ...]]) -> None:
    """Of a small object that has moved in frame 12, few areas change."""

    def lit(n: int) -> Image:
        side = 0.1 if n != 12 else 0.04
        light = 0.6 * (n in odd) * (np.exp(-((COLUMNS - 0.5) ** 2 + (ROWS - 0.5) ** 2) / side**2))
        return panned(0) * (1 + n / 2000 + light)

    assert found(lit) == {("SEQ-AREA", Severity.INFO, each) for each in frames}


def test_flashes_near_each_other_make_no_block_of_the_frames_between_them() -> None:
    flashing = found(lambda n: panned(n) * (1.8 if n in {5, 6, 11} else 1))
    assert {code for code, _, _ in flashing} <= {"SEQ-FLASH"}


def test_images_of_data_windows_that_move_are_not_compared() -> None:
    given = [
        frame(n, data_window=(n, 0, n + 9, 9), pixels=seen(shows=panned(n, 2 if n == 7 else 0))) for n in range(1, 17)
    ]
    assert {each.code for each in judged(given)} == {"SEQ-RES"}


@pytest.mark.parametrize(
    "levels",
    [
        [1, 0, 1.5],  # too few frames tell a cut from motion
        [1, 0.3, 1, 0.3, 0, 0.3, 1, 0.3, 1],  # the light flickers
        [-1, -1.1, -1.2, 0, -1.3, -1.4, -1.5],
    ],
)
def test_a_black_frame_that_nothing_explains_is_lost(levels: list[float]) -> None:
    given = [
        frame(n, pixels=seen(level, means=dict.fromkeys("RGB", level), **PIXELS[level == 0]))
        for n, level in enumerate(levels, 1)
    ]
    found = {(each.code, each.severity) for each in judged(given)}
    assert ("SEQ-BLACK", Severity.ERROR) in found


def test_windows_without_an_area_and_depth_with_zeros_end_no_rule() -> None:
    given = [frame(n, data_window=(0, 0, -1, 9) if n == 4 else (0, 0, 9, 9)) for n in range(1, 11)]
    depth = [frame(n, pixels=seen(0.5, extents={"Z": (1.0, 0.0, 1.0, 5.0 if n == 4 else 50.0)})) for n in range(1, 11)]
    judged(given)
    judged(depth)


@pytest.mark.filterwarnings("error")
def test_very_bright_images_are_compared_without_overflow() -> None:
    bright = seen(3e38, shows=np.full((16, 16), 3e38))
    judged([frame(n, pixels=seen(0.0, **PIXELS[True]) if 4 <= n <= 7 else bright) for n in range(1, 13)])


def noisy(number: int, shown: float, phase: float = 0) -> Image:
    """A frame of the pan with noise of its own."""
    return panned(shown, phase) * (1 + 0.002 * np.sin(number * (1 + 16 * ROWS + COLUMNS)))


@pytest.mark.parametrize(
    ("shown", "stuck"),
    [
        (lambda n: 7 if 7 <= n <= 10 else n, {(8, 9, 10)}),
        (lambda n: 7 if 7 <= n <= 8 else n, {(8,)}),
        (lambda n: (7 if n == 8 else n) ** 3 / 100, {(8,)}),  # the motion becomes faster
        (lambda n: 2 * abs(n - 7.5), set()),  # it turns back
        (lambda n: 7 if 7 <= n <= 10 else n - 3 * (n > 10), set()),  # a hold, behind which the motion goes on
        (lambda n: 7 if 7 <= n <= 10 else n + 30 * (n > 10), set()),  # a hold before a cut
        (lambda n: n // 2 * 2, set()),
        (lambda n: n // 3 * 3, set()),
        (lambda n: min(n, 9), set()),
        (lambda n: max(n, 9), set()),
        (lambda n: 7, set()),
        (lambda n: n, set()),
    ],
)
def test_a_frozen_image_with_noise_is_a_warning_if_it_jumps_from_there(
    shown: Callable[[int], float], stuck: set[tuple[int, ...]]
) -> None:
    assert found(lambda n: noisy(n, shown(n))) == {("SEQ-DUP", Severity.WARNING, each) for each in stuck}


def test_light_that_comes_back_is_no_motion_behind_a_frozen_image() -> None:
    lights = {8: 18, 9: 12, 10: 6, 11: 2.4, 12: 0.8, 19: 10, 20: 20, 21: 6, 22: 1.6}
    storm = found(lambda n: noisy(n, n) * (1 + lights.get(n, 0)), 28)
    assert not {each for each in storm if each[0] == "SEQ-DUP"}


def test_images_of_other_frames_amid_motion_that_grows_faster() -> None:
    moved = found(lambda n: noisy(n, ({7: 2, 12: 15}.get(n, n)) ** 2 / 8))
    assert ("SEQ-DUP", Severity.WARNING, (7, 12)) in moved


@pytest.mark.parametrize("has_noise", [False, True])
@pytest.mark.parametrize(
    "shown",
    [
        {8: 16},
        {16: 8},
        {12: 8},
        {8: 16, 9: 17, 10: 18},
        {1: 9},
        {20: 9},
        {6: 18, 12: 18},
    ],
)
def test_frames_with_the_image_of_another_one_are_named_not_the_original(
    shown: dict[int, int], *, has_noise: bool
) -> None:
    given = [
        frame(n, pixel_hash=f"{n if has_noise else at}", pixels=seen(shows=each))
        for n in range(1, 21)
        for at in [shown.get(n, n)]
        for each in [noisy(n, at) if has_noise else panned(at)]
    ]
    (found,) = [each for each in judged(given) if each.severity > Severity.INFO]
    assert (found.code, {*found.frames}) == ("SEQ-DUP", {*shown})
    assert FrameNumbers.of(shown.values()).words in found.message


@pytest.mark.parametrize(
    "shown",
    [
        lambda n: 10 * np.sin(n / 3),  # a pendulum
        lambda n: n * (n < 16) + 8 * (n == 16) + 4 * (n > 16),
        lambda n: [1, 8, 20, 34, 40, 36, 31, 26, 22, 20, 18, 16, 14, 12, 10, 8, 7, 6, 5, 4][
            n - 1
        ],  # up fast, slowly down
        lambda n: [8, 20, 24, 25, 26, 25, 24, 22, 20, 11, 10, 8, 7, 6, 5, 4, 3, 2, 1, 0][n - 1],
        lambda n: 30 if n in {5, 13} else n,  # things that flash
        lambda n: {5: 30, 13: 30, 14: 31}.get(n, n),
    ],
)
def test_motion_that_comes_back_is_no_copy(shown: Callable[[int], float]) -> None:
    assert "SEQ-DUP" not in {code for code, _, _ in found(lambda n: noisy(n, shown(n)), 20)}


def test_of_equal_frames_that_both_fit_it_is_unclear_which_is_the_copy() -> None:
    images = {n: np.float32(1 + ROWS * np.cos(n / 19 * 2 * np.pi)) for n in range(20)}
    loop = [frame(n, pixel_hash=f"{n % 19}", pixels=seen(shows=image)) for n, image in images.items()]
    (found,) = reported("SEQ-DUP", loop)
    assert (tuple(found.frames), found.message.rpartition("; ")[2]) == ((19,), "one of the two is the copy")


def with_object(number: int, row: int) -> Image:
    """The pan, with a bright object in some row."""
    return panned(number) + 3 * np.exp(-60 * ((ROWS - row / 16) ** 2 + (COLUMNS - 0.5) ** 2))


@pytest.mark.parametrize(
    ("row", "odd"),
    [
        (lambda n: 12 if n in {5, 11} else 4, {(5, 11)}),
        (lambda n: 12 if n > 8 else 4, set()),  # it stays there
        (lambda n: 4 + n / 2, set()),
        (lambda n: 4 + 8 * (n % 2), set()),  # in too many frames
    ],
)
def test_a_single_frame_with_an_object_in_another_place_is_info(
    row: Callable[[int], int], odd: set[tuple[int, ...]]
) -> None:
    assert found(lambda n: with_object(n, row(n))) == {("SEQ-AREA", Severity.INFO, each) for each in odd}


def with_blocks(number: int, *, darkest: float, spread: int) -> Image:
    """The pan, with blocks of other light over a part of the image; the lower `darkest`, the more are darker."""
    image, levels = panned(number), np.linspace(darkest, 3, 12)
    for at, level in enumerate(levels):
        row, column = divmod(at * 5 % 16 + 16 * (at * spread), 16)
        image[row % 16 : row % 16 + 2, column : column + 2] *= level
    return image


@pytest.mark.parametrize(
    ("odd", "darkest", "spread", "severity"),
    [
        ({7}, 0.05, 4, Severity.WARNING),
        ({5, 11}, 0.05, 4, Severity.WARNING),
        ({7}, 1.6, 4, Severity.INFO),  # light that is added
        ({7}, 0.05, 0, Severity.INFO),  # in a single place
        ({5, 6, 7, 8, 9}, 0.05, 4, None),  # too many
    ],
)
def test_blocks_of_garbage_are_a_warning(odd: set[int], darkest: float, spread: int, severity: Severity | None) -> None:
    shown = found(lambda n: with_blocks(n, darkest=darkest, spread=spread) if n in odd else panned(n))
    assert {each[1] for each in shown if each[0] == "SEQ-AREA"} == {severity} - {None}


@pytest.mark.parametrize(
    ("shown", "exchanged"),
    [
        ({7: 8, 8: 7}, {(7, 8)}),
        ({7: 8, 8: 7, 11: 12, 12: 11}, set()),  # it moves to and fro
        ({7: 9, 8: 10, 9: 7, 10: 8}, set()),
        ({}, set()),
    ],
)
def test_two_frames_in_each_others_place_are_info(shown: dict[int, int], exchanged: set[tuple[int, ...]]) -> None:
    assert found(lambda n: panned(shown.get(n, n) / 3)) == {("SEQ-AREA", Severity.INFO, each) for each in exchanged}


@pytest.mark.parametrize(
    ("odd", "severity"),
    [
        ({4, 9, 10, 14}, Severity.WARNING),
        ({4, 9, 14}, Severity.INFO),  # a beat
        ({4, 9}, Severity.INFO),
        ({4, 5, 6, 9, 12, 15}, None),  # too many
        (set(), None),
    ],
)
def test_single_frames_with_another_tone_curve(odd: set[int], severity: Severity | None) -> None:
    curve = found(lambda n: 1.3 * panned(n / 6) ** 0.6 if n in odd else panned(n / 6))
    expected = {("SEQ-TONE", severity, tuple(sorted(odd)))} if severity else set()
    assert {each for each in curve if each[0] != "SEQ-AREA"} == expected


@pytest.mark.parametrize(
    ("light", "severity"),
    [
        (lambda n: 1.6 * panned(n), Severity.WARNING),
        (lambda n: 0.6 * panned(n), Severity.WARNING),
        (lambda n: panned(n) + 1, Severity.INFO),  # a light is added
    ],
)
def test_flashes_at_equal_distances_from_the_first_frame_on_are_those_of_jobs(
    light: Callable[[int], Image], severity: Severity
) -> None:
    def level(n: int) -> Image:
        return light(n) if n % 5 == 1 else panned(n)

    def judged_from(first: int) -> list[tuple[Severity, bool]]:
        given = [frame(n, pixels=seen(float(level(n).mean()), shows=level(n))) for n in range(first, 22)]
        return [(each.severity, "every 5 frames" in each.message) for each in reported("SEQ-FLASH", given)]

    assert judged_from(1) == [(severity, severity > Severity.INFO)]
    assert judged_from(3) == [(Severity.INFO, False)], "a beacon"


@pytest.mark.parametrize(
    ("factor", "lit", "every", "worst"),
    [
        (8, 2, 5, Severity.INFO),
        (1.6, 2, 5, Severity.INFO),
        (80, 1, 4, Severity.INFO),
        (80, 3, 6, Severity.INFO),  # near black, by turns
        (2, 4, 8, Severity.WARNING),  # parts of a job
        (1.6, 1, 5, Severity.WARNING),
    ],
)
def test_a_light_that_is_on_for_some_frames_and_off_for_some(
    factor: float, lit: int, every: int, worst: Severity
) -> None:
    images = {n: np.float32(panned(n / 6) * (factor if (n - 1) % every < lit else 1)) for n in range(1, 34)}
    given = [frame(n, pixels=seen(float(each.mean()), shows=each)) for n, each in images.items()]
    found = [each for each in judged(given) if each.code in {"SEQ-FLASH", "SEQ-TONE"}]
    assert max(each.severity for each in found) is worst


def test_an_element_that_comes_back_is_not_compared_with_its_earlier_frames() -> None:
    lit = {3: 0.5, 6: 0.5, 7: 0.5, 10: 1.5, 11: 0.5, 15: 0.5, 16: 0.5}
    empty = seen(0.0, is_black=True, is_constant=True, has_other_content=False, coverage=0.0)
    given = [frame(n, pixels=seen(lit[n], coverage=0.1) if n in lit else empty) for n in range(1, 19)]
    assert not reported("SEQ-FLASH", given)


@pytest.mark.parametrize("speed", [1, 6])
def test_motion_that_turns_back_is_no_frame_of_another_shot(speed: int) -> None:
    wide = np.random.default_rng(3).random((16, 200)).cumsum(axis=1) % 5 + 1
    turned = found(lambda n: wide[:, speed * abs(n - 8) :][:, :16])
    assert Severity.WARNING not in {severity for _, severity, _ in turned}


def test_an_image_that_the_shot_has_too_is_no_slate() -> None:
    lit = found(lambda n: panned(n / 10, 2) if n in {1, 12} else panned(n / 10))
    assert lit == {("SEQ-AREA", Severity.WARNING, (12,))}


def test_a_first_frame_that_lost_half_of_the_image_is_no_slate() -> None:
    whole = [frame(n, pixels=seen(shows=panned(n / 6))) for n in range(2, 17)]
    half = np.float32(panned(1 / 6)) * (COLUMNS >= 0.5)
    hole = grid(*((x, y) for x in range(5) for y in range(6)))
    first = frame(1, pixels=seen(zeros=hole, shows=half))
    assert not reported("SEQ-AREA", [first, *whole])
