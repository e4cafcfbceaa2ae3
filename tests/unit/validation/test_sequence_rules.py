"""Rules of sequences: each reports its fault and nothing in a good sequence; frames from files and from rows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from exr_inspector.catalog.read.frames import frame_of_row
from exr_inspector.catalog.rows.plain import file_rows
from exr_inspector.exr.cryptomatte.manifests import cryptomatte_id
from exr_inspector.model import ColourLines, Finding, Seam, Severity, ZeroGrid
from exr_inspector.sync.sequences import NOT_IN_ROWS
from exr_inspector.validation import (
    RULES,
    FrameSummary,
    validate_sequence,
)
from exr_inspector.validation.engine import MAX_FINDINGS_PER_CODE
from exr_inspector.validation.facts.sequences import Siblings, clock_of_numbers, expected_frames
from exr_inspector.validation.facts.timecodes import Clock, clock_at, clock_of_text, frame_count, is_dropped, shown_rate
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.frames import FramePixels, FrameView
from exr_inspector.validation.inspected_frames import frame_of_inspection
from exr_inspector.validation.rule import Scope
from exr_inspector.validation.rules.sequences.flashes import FrameLight
from tests.support.exrbytes import Channel, Part, a_int, a_rational, a_string, a_timecode, build, tv60
from tests.unit.validation.cases.made.colour import extra
from tests.unit.validation.cases.made.metadata import LAYERS, declared
from tests.unit.validation.cases.made.pixels import ZERO, image
from tests.unit.validation.judging import PLAIN, inspect, policy
from tests.unit.validation.sequences import (
    GREY,
    HOLE,
    MAGENTA,
    PIXELS,
    START,
    Image,
    frame,
    frame_of,
    frames,
    grid,
    judged,
    noisy,
    pixels_of,
    reported,
    seen,
    sequence_policy,
    small,
    stored,
)


def patch(level: float) -> FramePixels:
    return seen(level, is_constant=True, is_black=not level, has_other_content=False)


def with_pixels(odd: FramePixels) -> list[FrameSummary]:
    usual = {"Z": (20.0, 50.0, 60.0, 100.0)}
    return [frame(n, pixels=odd if n == 5 else seen(0.5 + n / 100, extents=usual)) for n in range(1, 11)]


def with_layers(*dark: int) -> list[FrameSummary]:
    """Ten frames with a layer that is zero in some of them."""
    return [frame(n, pixels=seen(lit_pixels={"diffuse": 64 * (n not in dark)})) for n in range(1, 11)]


def with_lost_tiles(*odd: int, lost: int = 256, layer: str = "diffuse", moving: int = 0) -> list[FrameSummary]:
    """Ten frames with a layer of 10,000 pixels, of which some lack `lost` pixels, while its content moves a little."""
    counts = {n: 10_000 - lost * (n in odd) - moving * (n % 3) for n in range(1, 11)}
    return [frame(n, pixels=seen(lit_pixels={layer: count})) for n, count in counts.items()]


def with_areas(*changed: int) -> list[FrameSummary]:
    """Frames whose small images change steadily, but for areas."""
    images = [small(changed=count, gain=1 + n / 500) for n, count in enumerate(changed)]
    return [frame(n, pixels=seen(shows=each)) for n, each in enumerate(images, 1)]


def two_views(number: int, *, is_swapped: bool) -> FrameSummary:
    """A frame of two views of which one has a dark side."""
    views = [seen(shows=small(changed=changed)) for changed in ((4, 0) if is_swapped else (0, 4))]
    return frame(number, pixels=views[0], other_views={"right": FrameView(views[1])})


def with_layer(number: int, *, is_turned: bool) -> FrameSummary:
    """A frame with a layer of light, which may be upside down."""
    layer = FrameView(seen(shows=small(is_turned=is_turned)), str(number))
    return frame(number, pixels=seen(shows=small(gain=1 + number / 500)), layers={"diffuse": layer})


BROKEN: list[tuple[str, list[FrameSummary], dict[str, Any]]] = [
    ("SEQ-MISSING", [f for f in frames() if f.frame not in {4, 5, 8}], {}),
    ("SEQ-MISSING", frames(), {"frame_range": [0, 10]}),
    ("SEQ-MISSING", frames(), {"frame_range": [1, 11]}),
    ("SEQ-PADDING", frames(padding=3, sequence="b/shot/beauty.###.exr"), {}),
    ("SEQ-RES", frames(display_window=(0, 0, 7, 2)), {}),
    ("SEQ-CHANNELS", frames(channels=("0:B HALF", "0:G HALF", "0:R UINT")), {}),
    ("SEQ-TYPES", frames(channels=("0:B HALF", "0:G HALF", "0:R FLOAT")), {}),
    ("SEQ-COMPRESSION", frames(compression="PIZ"), {}),
    ("SEQ-COMPRESSION", frames(storage="tiledimage 16x16 mode 0"), {}),
    (
        "SEQ-COMPRESSION",
        [
            frame(n, compression="DWAA", attributes={"dwaCompressionLevel": "300.0"} if n == 5 else {})
            for n in range(1, 11)
        ],
        {},
    ),
    ("SEQ-METADATA", frames(colour="untagged"), {}),
    ("SEQ-METADATA", frames(software="writer 2"), {}),
    ("SEQ-METADATA", frames(views="left, right"), {}),
    ("SEQ-DUP", frames(pixel_hash="h4"), {}),
    ("SEQ-STALE-FRAME", frames(mtime=START - timedelta(days=9)), {}),
    ("SEQ-STALE-FRAME", frames(embedded_frame=77), {}),
    ("CHK-SIZE-OUTLIER", frames(size_bytes=20_000), {}),
    ("SEQ-BLACK", with_pixels(seen(0.0, is_black=True, is_constant=True)), {}),
    ("SEQ-CONSTANT", with_pixels(seen(is_constant=True)), {}),
    ("SEQ-LAYER-BLACK", with_layers(5), {}),
    ("SEQ-LAYER-BLACK", with_layers(4, 5), {}),
    ("SEQ-LAYER-HOLE", with_lost_tiles(5), {}),
    ("SEQ-ALPHA", [frame(n, pixels=seen(is_solid=n == 5, coverage=1.0 if n == 5 else 0.3)) for n in range(1, 11)], {}),
    ("SEQ-METADATA", frames(frame_rate=None), {}),
    ("SEQ-METADATA", frames(time_code=None), {}),
    ("SEQ-RES", frames(pixel_aspect=2.0), {}),
    ("SEQ-REGIONS", frames()[3:5], {"siblings": Siblings(regions=("b/shot/other.####.exr",))}),
    ("SEQ-FLASH", with_pixels(seen(2.5)), {}),
    ("SEQ-FLASH", with_pixels(seen(0.1)), {}),
    ("SEQ-BUCKET", with_pixels(seen(zeros=HOLE)), {}),
    ("SEQ-HUE", [frame(n, pixels=seen(means=MAGENTA if n == 5 else GREY)) for n in range(1, 11)], {}),
    (
        "SEQ-HOST",
        [frame(n, host="abc"[n % 3], pixels=seen(0.43 if n % 3 == 2 else 0.4)) for n in range(1, 13)],
        {},
    ),
    ("SEQ-SEAM", with_pixels(seen(lines=ColourLines((Seam(True, 960, "R", 1.2),)))), {}),
    ("SEQ-FIELDS", with_pixels(seen(lines=ColourLines(row_steps=2.0))), {}),
    ("SEQ-MIRROR", [frame(n, pixels=seen(shows=small(is_turned=n == 5))) for n in range(1, 11)], {}),
    ("SEQ-DEPTH-SCALE", with_pixels(seen(0.55, extents={"Z": (0.2, 0.5, 0.6, 1.0)})), {}),
    ("SEQ-AREA", with_areas(0, 0, 0, 0, 3, 0, 0, 0, 0, 0), {}),
    ("SEQ-TONE", [frame(n, pixels=seen(shows=small(gain=2.0 if 4 <= n <= 6 else 1.0))) for n in range(1, 11)], {}),
    ("SEQ-NOISE", [noisy(n) if n == 5 else noisy(n, 1.0, 0.2) for n in range(1, 11)], {}),
    ("SEQ-SOFT", [noisy(n, 0.9, 0.2) if n == 5 else noisy(n, 1.0, 0.2) for n in range(1, 11)], {}),
    ("TIM-FPS-SEQ", frames(frame_rate=25.0), {}),
    ("TIL-UDIM", [replace(f, frame=1000 + f.frame) for f in frames(channels=("0:Y HALF",))], {}),
    ("TIM-TC-SEQ", frames(time_code=Clock(1, 0, 9, 0, is_drop_frame=False)), {}),
    ("TIM-COUNTER", frames(image_counter=4), {}),
    (
        "SHOW-STEADY",
        [frame(number, attributes={"show": "b" if number == 4 else "a"}) for number in range(1, 11)],
        {"attributes": [{"name": "show", "steady": True}]},
    ),
    ("SEQ-SOURCE", [frame(n, attributes={"shot": "sh020" if n == 4 else "sh010"}) for n in range(1, 11)], {}),
    ("CRY-SEQ", frames(cryptomattes=("abc: 2 layers",)), {}),
    ("SEQ-LAYER", [with_layer(n, is_turned=n == 5) for n in range(1, 11)], {}),
    ("SEQ-VIEWS", [two_views(n, is_swapped=n in {4, 5}) for n in range(1, 11)], {}),
    ("DEL-NFX-NUMBERING", [f for f in frames() if f.frame % 2], {"frame_step": 2}),
]


@pytest.mark.parametrize(("code", "given", "parameters"), BROKEN)
def test_every_sequence_rule_finds_its_fault_in_its_frames(
    code: str, given: list[FrameSummary], parameters: dict[str, Any]
) -> None:
    (finding,) = reported(code, given, **parameters)
    assert finding.severity is RULES[code].severity
    there = {each.frame for each in given}
    odd = {
        "DEL-NFX-NUMBERING": {2, 4, 6, 8},
        "SEQ-HOST": {2, 5, 8, 11},
        "SEQ-TONE": {4, 5, 6},
        "TIL-UDIM": {1005},
    }.get(code, {4, 5})
    assert finding.frames, "frames that the message names"
    assert set(finding.frames) <= odd if code != "SEQ-MISSING" else there.isdisjoint(finding.frames)


@pytest.mark.parametrize(
    ("given", "frames_named", "severity"),
    [
        (with_lost_tiles(5, 6), [5, 6], Severity.WARNING),
        (with_lost_tiles(5, lost=4096, layer=""), [5], Severity.WARNING),
        (with_lost_tiles(5, lost=400), [5], Severity.INFO),  # no whole tiles
        (with_lost_tiles(5, lost=512, moving=20), [5], Severity.INFO),
        (with_lost_tiles(1), [1], Severity.WARNING),
        (with_lost_tiles(1, lost=512, moving=20), [], None),
        (with_lost_tiles(5, lost=512, moving=20, layer=""), [], None),  # SEQ-BUCKET compares the image by place
        (with_lost_tiles(5, lost=512, moving=80), [], None),
        (with_lost_tiles(5, lost=192), [], None),
        (with_lost_tiles(5, lost=10_000), [], None),  # SEQ-LAYER-BLACK
        (with_lost_tiles(2, 5, 8), [], None),  # a light that goes on and off
        (with_lost_tiles(3)[:4], [], None),
    ],
)
def test_layers_with_more_zeros_than_in_other_frames(
    given: list[FrameSummary], frames_named: list[int], severity: Severity | None
) -> None:
    holes = reported("SEQ-LAYER-HOLE", given)
    assert [number for finding in holes for number in finding.frames] == frames_named
    assert {finding.severity for finding in holes} == ({severity} if severity else set())


def test_layers_that_lack_the_same_tiles_are_one_finding() -> None:
    both = {"diffuse": 10_000, "specular": 8_000}
    given = [
        frame(n, pixels=seen(lit_pixels={name: count - 1024 * (n == 5) for name, count in both.items()}))
        for n in range(1, 11)
    ]
    (finding,) = reported("SEQ-LAYER-HOLE", given)
    assert "diffuse, specular: zero in 1024 pixels more" in finding.message


def test_no_frame_is_lost_when_findings_are_capped() -> None:
    given = [frame(number, pixels=seen(zeros=HOLE if number % 5 == 0 else None)) for number in range(1, 401)]
    holes = reported("SEQ-BUCKET", given)
    assert len(holes) == MAX_FINDINGS_PER_CODE + 1
    assert {number for finding in holes for number in finding.frames} == set(range(5, 401, 5))


def test_a_good_sequence_has_no_findings() -> None:
    assert judged(frames(100), frame_range=[1, 100]) == ()


@pytest.mark.parametrize(
    "given",
    [
        [frame(n, pixels=seen(1.0 + n % 2 + n % 3 / 2)) for n in range(1, 11)],  # a plate that flickers
        [frame(n, pixels=seen(0.5 if n < 6 else 1.2)) for n in range(1, 11)],  # a cut
        [frame(n, pixels=seen(0.5 * 0.8**n)) for n in range(1, 11)],  # a slow fade
        with_pixels(seen(zeros=grid((2, 1), (3, 1), (2, 2), (4, 1)))),  # not a rectangle
        with_pixels(seen(zeros=grid((2, 1)))),  # a single cell may be a shadow
        [frame(number, pixels=seen(zeros=HOLE)) for number in range(1, 11)],  # the neighbouring frames have it, too
        [frame(number, pixels=seen(0.0, is_black=True, has_other_content=False)) for number in range(1, 11)],
        [frame(number, pixels=seen(is_constant=True)) for number in range(1, 11)],
        [frame(number, pixels=seen(0.1 * 2**number)) for number in range(1, 11)],  # a fade
        [frame(n, pixels=seen(1.2 if n == 1 else 0.5)) for n in range(1, 11)],  # a slate
        [frame(1, pixels=seen()), frame(2, pixels=seen(zeros=HOLE))],  # neither tells what the other lacks
        with_layers(4, 5, 6),  # a light that is switched off
        with_layers(2),
        with_layers(10),
        with_layers(*range(1, 11)),
        with_layers(*range(1, 11, 2)),  # a light that flickers
        [
            frame(number, pixels=patch(level)) for number, level in enumerate((0.0, 0.9, 0.1, 0.8), 1)
        ],  # patches of colour
    ],
)
def test_pixels_of_good_sequences_have_no_findings(given: list[FrameSummary]) -> None:
    assert judged(given) == ()


@pytest.mark.parametrize(
    ("code", "given"),
    [
        # an image that grows
        ("CHK-SIZE-OUTLIER", [frame(n, size_bytes=10_000 if n < 7 else 90_000) for n in range(1, 11)]),
        # another data window
        (
            "SEQ-LAYER-HOLE",
            [replace(each, data_window=(0, 0, 3, 2 + (each.frame == 5))) for each in with_lost_tiles(5, layer="")],
        ),
        # a crop that moves
        ("SEQ-FLASH", [frame(n, pixels=seen(8 / (n % 4 + 1)), data_window=(0, 0, n % 4, 0)) for n in range(1, 11)]),
        # numbers that outgrow their padding
        (
            "SEQ-PADDING",
            [
                frame(n, padding=len(str(n)), sequence=f"b/shot/beauty.{'#' * len(str(n))}.exr", time_code=None)
                for n in range(9_998, 10_002)
            ],
        ),
        # node hashes that differ in most frames
        ("SEQ-STALE-FRAME", [frame(n, attributes={"nuke/node_hash": f"{n}"}) for n in range(1, 6)]),
    ],
)
def test_good_sequences_that_look_odd(code: str, given: list[FrameSummary]) -> None:
    assert not reported(code, given)


@pytest.mark.parametrize(
    ("holes", "found"),
    [
        ({1}, [1]),
        ({10}, [10]),
        ({4, 5}, [4, 5]),
        ({1, 5, 9, 10}, [1, 5]),  # at an end, two in a row may be the image
        ({4, 5, 6}, []),
    ],
)
def test_holes_at_the_ends_and_in_two_frames_in_a_row(holes: set[int], found: list[int]) -> None:
    given = [frame(number, pixels=seen(zeros=HOLE if number in holes else None)) for number in range(1, 11)]
    assert [number for finding in judged(given) for number in finding.frames] == found


@pytest.mark.parametrize("level", [0.45, 0.6, 1.5])
@pytest.mark.parametrize("odd", [{5}, {5, 6}, {3, 8}, {9, 10}])
def test_small_steps_of_one_or_two_frames_among_steady_ones(odd: set[int], level: float) -> None:
    given = [frame(n, pixels=seen(level if n in odd else 1 + n / 100)) for n in range(1, 13)]
    assert {number for finding in judged(given) for number in finding.frames if finding.code == "SEQ-FLASH"} == odd


@pytest.mark.parametrize(
    ("levels", "black"),
    [
        ((1, 1, 1, 0.6, 0.01, 0, 0), Severity.INFO),
        ((1, 1, 1, 0.75, 0.5, 0.25, 0, 0.3, 0.6, 0.9), Severity.INFO),
        ((1, 1, 1, 1, 1, 0.4, 0, 0, 0.4, 1, 1), Severity.INFO),
        ((1, 1, 1, 1, 0, 0), Severity.WARNING),
        ((1, 1, 1, 1, 0.6, 0.4, 0, 0, 0, 0), Severity.INFO),
        ((1, 1, 1, 1, 0, 0, 1, 1), Severity.ERROR),
        ((1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1), Severity.ERROR),
    ],
)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_fade_ends_in_black(levels: tuple[float, ...], black: Severity, *, is_reversed: bool) -> None:
    order = levels[::-1] if is_reversed else levels
    given = [
        frame(
            n,
            pixel_hash=f"{n if level else 0}",
            size_bytes=10_000 if level else 10,
            pixels=seen(level, **PIXELS[not level]),
        )
        for n, level in enumerate(order, 1)
    ]
    assert [(f.code, f.severity) for f in judged(given)] == [("SEQ-BLACK", black)]


@pytest.mark.parametrize(
    ("levels", "flash"),
    [
        ((1, 1, 0.75, 0.5, 0.25, 0, 1, 1, 1), Severity.WARNING),
        ((1, 1, 6, 4, 2.5, 0, 1.3, 1, 1), Severity.INFO),
    ],
)
def test_a_lost_frame_within_light_that_decays_is_no_fade(levels: tuple[float, ...], flash: Severity) -> None:
    found = judged([frame(n, pixels=seen(level, **PIXELS[not level])) for n, level in enumerate(levels, 1)])
    assert {f.code: f.severity for f in found} == {"SEQ-BLACK": Severity.ERROR, "SEQ-FLASH": flash}


def test_a_flash_behind_the_black_frames_of_a_fade() -> None:
    levels = (1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0, 0, 10, 1, 1, 1)
    found = judged([frame(n, pixels=seen(level, **PIXELS[not level])) for n, level in enumerate(levels, 1)])
    assert [tuple(f.frames) for f in found if f.code == "SEQ-FLASH"] == [(11,)]


def test_a_message_names_only_the_frames_that_have_the_usual_value() -> None:
    three = [frame(n, compression={1: "PIZ", 2: "RLE"}.get(n, "ZIP")) for n in range(1, 11)]
    assert {f.message.rpartition(", ")[2] for f in judged(three)} == {"in 8 frames ZIP"}
    (found,) = judged(frames(compression="PIZ"))
    assert found.message.endswith("in the other frames ZIP")


def test_the_rate_of_time_codes_is_that_of_most_frames() -> None:
    given = [frame(n, frame_rate=25.0 if n == 1 else 24.0) for n in range(1, 11)]
    assert [(f.code, tuple(f.frames)) for f in judged(given)] == [("TIM-FPS-SEQ", (1,))]


def test_a_misnumbered_frame_beside_every_second_one_is_reported() -> None:
    found = reported("SEQ-MISSING", [frame(n) for n in (*range(1, 100, 2), 9001)])
    assert [(f.severity, tuple(f.frames)) for f in found] == [(Severity.WARNING, ()), (Severity.WARNING, (9001,))]


@pytest.mark.parametrize(
    ("embedded", "odd", "expected"),
    [
        ({n: n - 3 for n in range(1, 10)} | {5: 5}, (5,), "the number of the name -3"),
        ({1: 1, 2: 7}, (2,), "the number of the name"),
        (dict.fromkeys(range(1, 10), 77), tuple(range(1, 10)), "the number of the name"),
    ],
)
def test_the_expected_number_is_that_of_most_frames(
    embedded: dict[int, int], odd: tuple[int, ...], expected: str
) -> None:
    given = [frame(n, embedded_frame=number) for n, number in embedded.items()]
    (found,) = reported("SEQ-STALE-FRAME", given)
    assert (tuple(found.frames), found.expected) == (odd, expected)


def test_cryptomattes_in_another_order_are_the_same() -> None:
    one, other = declared(key="aaa"), declared(key="bbb", name="other")
    made = [inspect(extra(*both), key="shot/sh.1001.exr") for both in ((*one, *other), (*other, *one))]
    by_rows = [frame_of_row(stored(each), file_rows(each)["parts"], ("0:R HALF",)) for each in made]
    for first, second in (map(frame_of_inspection, made), by_rows):
        assert first.cryptomattes == second.cryptomattes
        assert len(first.cryptomattes or ()) == 2


def test_steps_in_many_frames_are_a_hint() -> None:
    once = [frame(n, pixels=seen(0.7 if n in {4, 5} else 1.0)) for n in range(1, 10)]
    assert {(f.code, f.severity) for f in judged(once)} == {("SEQ-FLASH", Severity.WARNING)}
    given = [frame(n, pixels=seen(0.7 if n % 3 == 0 else 1.0)) for n in range(1, 15)]
    assert {(f.code, f.severity, *f.frames) for f in judged(given)} == {("SEQ-FLASH", Severity.INFO, 3, 6, 9, 12)}
    alternating = [frame(n, pixels=seen(0.7 if n % 2 else 1.0)) for n in range(1, 15)]
    assert {(f.code, f.severity, *f.frames) for f in judged(alternating)} == {
        ("SEQ-FLASH", Severity.INFO, *range(2, 15, 2))
    }


def flashes(*levels: float, **parameters: Any) -> set[tuple[Severity, tuple[int, ...]]]:
    """The severity and the frames of the findings on frames with these luminances."""
    found = judged([frame(n, pixels=seen(level)) for n, level in enumerate(levels, 1)], **parameters)
    assert {each.code for each in found} <= {"SEQ-FLASH"}
    return {(each.severity, tuple(each.frames)) for each in found}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((1, 1, 0.4, 1, 1, 1.9, 1, 1, 1, 1), {(Severity.WARNING, (3,)), (Severity.WARNING, (6,))}),
        (
            (1, 1.05, 0.4, 1, 0.97, 1.9, 1, 0.5, 1.02, 1, 2.3, 0.98, 1, 0.45, 1, 1),
            {(Severity.WARNING, (3, 8, 14)), (Severity.WARNING, (6, 11))},
        ),
        ((1, 1, 1, 1, 6.5, 3.4, 1.2, 4.8, 1.5, 1, 1, 1), {(Severity.INFO, (5, 6, 8, 9))}),  # lightning
        ((1, 1, 1, 1, 1, 5, 2.6, 1.4, 1, 1, 1, 1), {(Severity.INFO, (6, 7))}),
        ((1, 1, 1, 1, 1, 21, 14, 8, 4, 2, 1, 1, 1, 1, 1, 12, 1, 1, 1), {(Severity.INFO, (6, 7, 16))}),
        ((1, 1, 1, 1, 1, 21, 14, 1, 1, 1, 1, 1), {(Severity.WARNING, (6, 7))}),
        ((1, 1, 1, 1, 0.75, 0.5, 1, 1, 1, 1), set()),  # a shadow
        ((1, 0.4, 1, 1, 1, 1, 1), {(Severity.WARNING, (2,))}),
        ((1, 1, 2, 1, 1, 1.3), {(Severity.WARNING, (3,))}),  # and the last frame is slightly brighter
        ((1, 1, 1, 3.5, 1, 1, 3.5, 1, 3.5, 3.5, 1, 1), {(Severity.INFO, (4, 7, 9, 10))}),  # a strobe
        ((9, 9, 0.1, 0.1, 0.1) * 5, {(Severity.INFO, (6, 7, 11, 12, 16, 17, 21, 22))}),
        (
            (1, 2, 1, 2, 1, 1, 1, 1, 2, 2, 1, 2, 1, 2, 2, 2, 1, 2),
            {(Severity.INFO, (2, 4)), (Severity.INFO, (11, 13, 17))},
        ),
        ((1, 1, 1, 0.8, 0.3, 0.1, 0.5, 0.9, 1, 1, 1), set()),  # something passes before the lens
        ((1, 1, 1, 0.8, 0.3, 0.1, 0.12, 0.4, 0.9, 1, 1, 1), set()),
        ((1, 1, 1, 0.9, 0.1, 0.9, 1, 1, 1), {(Severity.WARNING, (5,))}),
        ((1, 0.5, 1, 0.5, 1, 1, 1, 1, 0.5, 1, 0.5), {(Severity.INFO, (2, 4, 9, 11))}),
        (
            (1, 0.7, 1.3, 0.8, 1.2, 0.65, 1.4, 0.9, 0.6, 1.3, 0.75, 1.2),
            {(Severity.INFO, (2, 6, 9)), (Severity.INFO, (3, 7, 10, 12))},
        ),
        ((1, 1, 1, 1, 9, 9, 9, 9), set()),  # a cut
        ((0.01, 0.2, 0.4, 0.6, 0.8, 1, 1, 1), set()),  # a fade
    ],
)
def test_flashes_near_each_other_and_flicker(
    levels: tuple[float, ...], expected: set[tuple[Severity, tuple[int, ...]]]
) -> None:
    assert flashes(*levels) == expected


@pytest.mark.parametrize(
    ("image", "deviation", "is_slate"),
    [(small(is_turned=True), 0.1, True), (small(), 0.1, False), (None, 0.5, True), (None, 0.04, False)],
)
@pytest.mark.parametrize("at", [1, 9])
def test_a_first_frame_with_another_image_may_be_a_slate(
    image: Image | None, deviation: float, at: int, *, is_slate: bool
) -> None:
    is_slate = is_slate and at == 1
    hole = grid(*((x, y) for x in range(1, 7) for y in range(1, 5)))
    odd = seen(0.1, zeros=hole, shows=image, deviation=deviation)
    usual = seen(shows=small(), deviation=0.2)
    given = [frame(n, pixels=usual) for n in range(1, 10) if n != at]
    first = frame(at, pixels=odd, size_bytes=9)
    outside = reported("SEQ-MISSING", [*given, first], frame_range=[2, 9])
    assert [each.severity for each in outside] == [Severity.INFO if is_slate else Severity.WARNING]
    found = judged([*given, first])
    assert {each.code for each in found if each.severity > Severity.INFO} == (
        set() if is_slate else {"CHK-SIZE-OUTLIER", "SEQ-BUCKET"}
    )
    assert is_slate is (("SEQ-AREA", (at,)) in {(each.code, tuple(each.frames)) for each in found})


@pytest.mark.parametrize("rows", [5, 4])
def test_a_first_frame_of_which_most_is_lost_is_no_slate(rows: int) -> None:
    lost = grid(*((x, y) for x in range(10) for y in range(6 - rows, 6)))
    odd = seen(0.1, zeros=lost, shows=small(is_turned=True), deviation=0.1)
    usual = seen(shows=small(), deviation=0.2)
    found = judged([frame(1, pixels=odd, size_bytes=9), *(frame(n, pixels=usual) for n in range(2, 10))])
    assert {each.code for each in found if each.severity > Severity.INFO} >= {"CHK-SIZE-OUTLIER", "SEQ-BUCKET"}


@pytest.mark.parametrize(
    ("flat", "small", "is_found"), [((1, 2, 3), 4, False), ((8, 9, 10), 7, False), ((1, 2), 6, True)]
)
def test_small_files_beside_empty_frames_are_an_effect_that_begins_or_ends(
    flat: tuple[int, ...], small: int, *, is_found: bool
) -> None:
    black = seen(0.0, **PIXELS[True])
    sizes = {**dict.fromkeys(flat, 900), small: 20_000}
    given = [
        frame(n, size_bytes=sizes.get(n, 10**6 + n), pixels=black if n in flat else seen(coverage=0.3))
        for n in range(1, 11)
    ]
    assert [tuple(f.frames) for f in reported("CHK-SIZE-OUTLIER", given)] == [(small,)] * is_found


@pytest.mark.parametrize(
    ("sizes", "odd"),
    [
        ({1: 20_000, 2: 45_000, 3: 100_000, 4: 220_000, 5: 500_000}, ()),  # an image that grows
        ({9: 400_000, 10: 150_000}, (10,)),
        ({4: 20_000, 5: 22_000, 6: 21_000}, (4, 5, 6)),  # cut, one like the other
        ({9: 20_000, 10: 21_000}, (9, 10)),
    ],
)
def test_small_files_beside_files_of_like_sizes(sizes: dict[int, int], odd: tuple[int, ...]) -> None:
    given = [frame(n, size_bytes=sizes.get(n, 10**6 + n)) for n in range(1, 15)][: 10 if max(sizes) == 10 else 14]
    assert [tuple(f.frames) for f in reported("CHK-SIZE-OUTLIER", given)] == [odd] * bool(odd)


@pytest.mark.parametrize(
    ("lit", "severity"),
    [
        ({8, 16, 24}, Severity.INFO),
        ({1, 13, 25}, Severity.WARNING),
        ({6, 12, 19}, Severity.WARNING),
        ({9, 17}, Severity.WARNING),
    ],
)
def test_steps_at_equal_distances_are_a_beacon(lit: set[int], severity: Severity) -> None:
    found = judged([frame(n, pixels=seen(1.5 if n in lit else 1.0)) for n in range(1, 25)])
    assert {(f.code, f.severity) for f in found} == {("SEQ-FLASH", severity)}


@pytest.mark.parametrize(("level", "codes"), [(5.0, {"SEQ-FLASH", "SEQ-RES"}), (0.5, {"SEQ-RES"})])
def test_a_flash_within_a_window_that_follows_the_image(level: float, codes: set[str]) -> None:
    given = [frame(n, pixels=seen(level if n == 5 else 0.5), data_window=(0, 0, 90 + n % 7, 99)) for n in range(1, 11)]
    assert {f.code for f in judged(given)} == codes


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ((2.0, 100), (1.0, 100), 2.0),
        ((2.0, 50), (1.0, 100), 1.0),
        ((1.0, 50), (1.0, 100), 1.0),
        ((3.0, 100), (1.0, 50), 3.0),
    ],
)
def test_frames_differ_by_their_light_or_its_mean_whichever_is_less(
    one: tuple[float, int], other: tuple[float, int], distance: float
) -> None:
    assert FrameLight(*one).distance(FrameLight(*other)) == pytest.approx(np.log(distance))
    assert FrameLight(*other).distance(FrameLight(*one)) == pytest.approx(np.log(distance))


@pytest.mark.parametrize("window", [(0, 0, 1, 0), (0, 0, 15, 10)])
def test_a_frame_of_another_size_is_one_finding(window: tuple[int, int, int, int]) -> None:
    given = frames(odd=5, display_window=window, data_window=window)
    assert [f.code for f in judged([replace(each, pixels=seen()) for each in given])] == ["SEQ-RES"]


@pytest.mark.parametrize(("left", "codes"), [(0.75, {"SEQ-BUCKET"}), (0.3, {"SEQ-BUCKET", "SEQ-FLASH"})])
def test_what_a_hole_takes_from_the_light_is_no_flash(left: float, codes: set[str]) -> None:
    odd = seen(0.5 * left, zeros=grid(*((x, y) for x in range(4) for y in range(4))))
    assert {f.code for f in judged([frame(n, pixels=odd if n == 5 else seen()) for n in range(1, 11)])} == codes


LEFT_TOP = [(x, y) for x in range(5) for y in range(3)]


@pytest.mark.parametrize(
    ("cells", "around", "found"),
    [
        (LEFT_TOP, [], True),
        ([*LEFT_TOP, *((x + 6, y + 3) for x, y in LEFT_TOP if x < 4)], [], True),
        ([*LEFT_TOP, (8, 5)], [], False),  # an element in a corner
        (LEFT_TOP[3:], [], False),
        ([(x, y) for x in range(10) for y in (0, 5)], [], False),  # letterbox
        (LEFT_TOP, LEFT_TOP, False),  # a contact sheet, or an element, in all frames
        (LEFT_TOP, LEFT_TOP[:1], False),  # a wipe
    ],
)
def test_quarters_that_are_black_in_many_frames(
    cells: list[tuple[int, int]], around: list[tuple[int, int]], *, found: bool
) -> None:
    for odd in (range(4, 8), range(4, 11)):
        given = [frame(n, pixels=seen(zeros=grid(*(cells if n in odd else around)))) for n in range(1, 11)]
        findings = judged(given)
        assert [(f.code, f.severity) for f in findings] == [("SEQ-BUCKET", Severity.WARNING)] * found
        assert all(tuple(f.frames) == tuple(odd) for f in findings)


@pytest.mark.parametrize(("count", "is_found"), [(2, False), (3, True)])
def test_black_quarters_are_reported_from_three_frames(count: int, *, is_found: bool) -> None:
    given = [frame(n, pixels=seen(zeros=grid(*(LEFT_TOP if n == 2 else ())))) for n in range(1, count + 1)]
    assert bool(reported("SEQ-BUCKET", given)) is is_found


def areas(*each: tuple[int, int, int, int]) -> ZeroGrid:
    """40 x 24 cells, of which those in areas (x, y, width, height) are zero."""
    cells = np.zeros((24, 40), np.bool_)
    for x, y, width, height in each:
        cells[y : y + height, x : x + width] = True
    return ZeroGrid(40, 24, 8, np.packbits(cells).tobytes())


LETTERBOX = [(0, 0, 40, 3), (0, 21, 40, 3)]


@pytest.mark.parametrize(
    ("lost", "around", "found"),
    [
        ([(0, 16, 40, 8), (24, 8, 16, 8)], [], "70% of 316 x 125 pixels at (0, 64)"),  # the render was aborted
        ([(7, 7, 7, 5), (15, 13, 6, 6)], [(0, 0, 2, 2)], "56 x 40 pixels at (56, 56), 48 x 48 pixels at (120, 104)"),
        ([(8, 0, 8, 8), *LETTERBOX], LETTERBOX, "64 x 40 pixels at (64, 24)"),
        ([(7, 7, 4, 3)], [], "32 x 24 pixels at (56, 56)"),
        ([(7, 7, 4, 3), (0, 0, 2, 2)], [(0, 0, 2, 2)], ""),  # a gap of an element
        ([(7, 7, 8, 2), (8, 9, 6, 2), (9, 11, 4, 2)], [], ""),  # something round
        ([(8, 8, 8, 8)], [(17, 8, 8, 8)], ""),  # something black that moves
        (
            [(8, 8, 8, 8), (28, 2, 8, 2), (29, 4, 6, 2), (30, 6, 4, 2), (31, 8, 2, 2)],
            [(17, 8, 8, 8)],
            "",
        ),  # beside a shadow
        ([(8, 8, 8, 8)], [(8, 0, 8, 8), (8, 16, 8, 8), (0, 8, 8, 8), (16, 8, 8, 8)], ""),  # the last part of an element
    ],
)
def test_lost_buckets_have_straight_edges_in_an_image_that_goes_on(
    lost: list[tuple[int, int, int, int]], around: list[tuple[int, int, int, int]], found: str
) -> None:
    window = (0, 0, 315, 188)  # the last cells reach beyond it
    given = [
        frame(n, data_window=window, pixels=seen(zeros=areas(*(lost if n == 5 else around)))) for n in range(1, 11)
    ]
    assert [(f.code, f.severity, f.found) for f in judged(given)] == [("SEQ-BUCKET", Severity.ERROR, found)] * bool(
        found
    )


def test_a_black_object_that_passes_is_no_lost_bucket_but_a_few_tiles_in_each_of_three_frames_are() -> None:
    for places, found in (([(2, 3), (13, 3), (26, 3)], []), ([(0, 0), (16, 8), (32, 16)], [4, 5, 6])):
        zeros = {n: areas((x, y, 8, 8 if found else 7)) for n, (x, y) in enumerate(places, 4)}
        given = [frame(n, pixels=seen(zeros=zeros.get(n, areas()))) for n in range(1, 10)]
        assert [number for each in judged(given) for number in each.frames] == found
    bars = [
        frame(n, pixels=seen(zeros=areas((0, 9, 40, 1), (9, 0, 1, 24)) if n == 5 else areas())) for n in range(1, 10)
    ]
    assert not judged(bars), "thin"


def test_bars_that_close_before_black_frames_are_no_lost_buckets() -> None:
    bars = seen(zeros=areas((0, 0, 40, 8), (0, 16, 40, 8)))
    dark = {4: bars, 5: seen(0.0, zeros=areas((0, 0, 40, 24)), **PIXELS[True]), 6: bars}
    assert [f.code for f in judged([frame(n, pixels=dark.get(n, seen())) for n in range(1, 10)])] == ["SEQ-BLACK"]


@pytest.mark.parametrize(
    ("changed", "odd"),
    [
        ((0, 1, 0, 0, 0, 3, 0, 0, 0, 0), {2, 6}),
        ((0, 1, 0, 2, 0, 3, 0, 0, 0, 0), set()),  # a light that flickers
        ((0, 0, 0, 0, 14, 0, 0, 0, 0, 0), {5}),  # a light that is off: another image
        ((0, 0, 0, 0, 1, 2, 2, 2, 2, 2), set()),  # one that goes off
        ((0, 0, 0, 2, 0, 0, 0), set()),  # few frames
    ],
)
def test_areas_that_differ_in_single_frames(changed: tuple[int, ...], odd: set[int]) -> None:
    found = judged(with_areas(*changed))
    assert {number for each in found for number in each.frames} == odd
    assert {each.code for each in found} <= {"SEQ-AREA"}


def test_areas_are_not_reported_beside_what_a_more_specific_rule_says() -> None:
    given = [replace(each, pixels=replace(each.pixels, luminance=0.1 if each.frame == 5 else 0.5)) for each in
             with_areas(0, 0, 0, 0, 2, 0, 0, 0, 0, 0) if each.pixels]  # fmt: skip
    assert [f.code for f in judged(given)] == ["SEQ-FLASH"]


@pytest.mark.parametrize(
    ("coverage", "of_black", "black", "severity"),
    [
        (0.3, 0.0, {1, 2}, Severity.INFO),  # an effect that has not begun
        (0.3, 0.0, {10}, Severity.INFO),
        (0.3, 0.0, {4, 5, 6, 7}, Severity.INFO),
        (0.3, 0.0, {2, 6, 9}, Severity.INFO),  # flashes
        (0.3, 0.0, {5}, Severity.ERROR),
        (0.3, 1.0, {1, 2}, Severity.ERROR),  # opaque before an element
        (1.0, 0.0, {1}, Severity.ERROR),
        (1.0, 1.0, {1}, Severity.WARNING),
        (None, 0.0, {4, 5, 6, 7}, Severity.INFO),  # cropped to a pixel
        (None, None, {1, 2, 3, 4}, Severity.INFO),  # a leader
        (None, None, {4, 5, 6, 7}, Severity.ERROR),
    ],
)
def test_an_element_may_be_empty(
    coverage: float | None, of_black: float | None, black: set[int], severity: Severity
) -> None:
    empty = seen(0.0, coverage=of_black, **PIXELS[True])
    found = judged([frame(n, pixels=empty if n in black else seen(coverage=coverage)) for n in range(1, 11)])
    assert [(f.code, f.severity, set(f.frames)) for f in found] == [("SEQ-BLACK", severity, black)]


@pytest.mark.parametrize(
    ("black", "cut", "severity"), [({6}, 6, "info"), ({1}, 6, "info"), ({4}, 6, "error"), ({6}, 99, "error")]
)
def test_frames_between_scenes_may_be_black(black: set[int], cut: int, severity: str) -> None:
    scenes = [seen(shows=small(is_turned=is_second)) for is_second in (False, True)]
    empty = seen(0.0, **PIXELS[True])
    found = judged([frame(n, pixels=empty if n in black else scenes[n >= cut]) for n in range(1, 12)])
    assert [(f.code, f.severity.label) for f in found] == [("SEQ-BLACK", severity)]


WHITE, BLUE, MIDDLE = ((1.0, 1.0, 1.0), (0.02, 0.05, 0.6), (0.3, 0.25, 0.2))
IN_ONE_SHOT = [MIDDLE] * 5


def coloured(means: Sequence[float]) -> FramePixels:
    """A frame of one colour, black or other, or an image of grey or of another colour."""
    if not any(means):
        return seen(0.0, **PIXELS[True], means=dict(zip("RGB", means, strict=True)))
    is_flat = means in (WHITE, BLUE)
    level = float(np.dot(means, (0.2126, 0.7152, 0.0722)))
    return seen(
        level,
        is_constant=is_flat,
        has_other_content=False,
        means=dict(zip("RGB", means, strict=True)),
        deviation=0.0 if is_flat else 0.1 * abs(1 - level),
        shows=None if is_flat else small(is_turned=means[0] > means[2], gain=level),
    )


@pytest.mark.parametrize(
    ("levels", "name", "severities"),
    [
        ([*IN_ONE_SHOT, WHITE, *IN_ONE_SHOT], "beauty", {"error"}),
        ([*IN_ONE_SHOT, BLUE, BLUE, *IN_ONE_SHOT], "beauty", {"error"}),
        ([*IN_ONE_SHOT, BLUE], "beauty", {"warning"}),
        ([*IN_ONE_SHOT, BLUE, BLUE], "beauty", {"info"}),
        ([WHITE, *IN_ONE_SHOT], "beauty", {"info"}),
        ([(0, 0, 0)] * 4 + [WHITE, (0, 0, 0), *IN_ONE_SHOT], "beauty", {"info"}),  # a leader
        ([MIDDLE[::-1]] * 4 + [BLUE, *IN_ONE_SHOT], "beauty", {"info"}),  # bars, and a blue frame
        (
            [*IN_ONE_SHOT, (0.5, 0.5, 0.4), (0.75, 0.7, 0.7), (0.95, 0.95, 0.9), WHITE, WHITE],
            "beauty",
            {"info"},
        ),  # a fade
        ([(n, n, n) for n in (0.8, 0.9, 0.7)] + [WHITE] * 4 + [(0.9, 0.9, 0.9)] * 3, "beauty", {"info"}),  # a grey pass
        ([(n, n, n) for n in (0.8, 0.7, 0.6, 0.7)] + [WHITE] + [(0.7, 0.7, 0.7)] * 4, "beauty", {"warning"}),
        ([*IN_ONE_SHOT, WHITE, *IN_ONE_SHOT], "hero_matte", {"warning"}),
        ([*IN_ONE_SHOT, *[WHITE] * 4, *IN_ONE_SHOT], "hero_matte", {"info"}),
        ([BLUE] * 4, "sky", {"info"}),
    ],
)
def test_frames_of_one_colour_that_are_meant(levels: list[tuple[float, ...]], name: str, severities: set[str]) -> None:
    given = [
        frame(n, pixels=coloured(means), pixel_hash=str(means if means in (WHITE, BLUE) else n), size_bytes=10**6 + n,
              sequence=f"b/shot/{name}.####.exr")
        for n, means in enumerate(levels, 1)
    ]  # fmt: skip
    found = [f for f in judged(given) if f.code in {"SEQ-CONSTANT", "SEQ-DUP", "CHK-SIZE-OUTLIER"}]
    assert [(f.code, {f.severity.label}) for f in found] == [("SEQ-CONSTANT", severities)]


def test_long_black_runs_in_a_shot_that_changes_may_lie_between_scenes() -> None:
    given = [seen(0.0, **PIXELS[True]) if 6 <= n < 11 else seen(shows=small(gain=1 + n * 0.03)) for n in range(17)]
    found = judged([frame(n, pixels=pixels) for n, pixels in enumerate(given, 1)])
    assert [(f.code, f.severity) for f in found] == [("SEQ-BLACK", Severity.WARNING)]


def test_every_sequence_rule_is_tried() -> None:
    assert {code for code, _, _ in BROKEN} == {c for c, rule in RULES.items() if rule.scope is Scope.SEQUENCE}


def test_time_codes_that_count_at_another_rate_than_the_attribute_says() -> None:
    codes = [Clock(1, 0, 0, 23, False), Clock(1, 0, 0, 24, False), Clock(1, 0, 1, 0, False), Clock(1, 0, 1, 1, False)]
    given = [frame(n, time_code=code, frame_rate=24.0) for n, code in enumerate(codes, 1)]
    (finding,) = reported("TIM-TC-SEQ", given)
    assert (finding.found, finding.expected) == ("25 frames a second", "24")


@pytest.mark.parametrize("has_flag", [True, False])
def test_a_frame_field_that_counts_above_39_is_said(*, has_flag: bool) -> None:
    codes = [Clock(1, 0, n // 50, n % 50 % 40, has_flag and n % 50 >= 40) for n in range(30, 60)]
    given = [frame(n, time_code=code, frame_rate=50.0) for n, code in enumerate(codes, 1)]
    (finding,) = reported("TIM-TC-SEQ", given)
    assert (tuple(finding.frames), finding.expected) == (tuple(range(11, 21)), "01:00:00:40")
    assert finding.message.endswith("holds at most 39")


def test_time_codes_of_another_reel_are_said() -> None:
    given = [
        frame(n, time_code=Clock(1, 0, n > 7, n, False), frame_rate=24.0, attributes={"reelName": "AB"[n > 7]})
        for n in range(1, 11)
    ]
    (finding,) = reported("TIM-TC-SEQ", given)
    assert finding.message.endswith("; their reelName is B, that of the others A")


def test_time_codes_are_checked_at_the_rate_that_they_count() -> None:
    codes = [Clock(1, 0, 0, 22, False), Clock(1, 0, 0, 23, False), Clock(1, 0, 1, 0, False), Clock(1, 0, 5, 1, False)]
    given = [frame(n, time_code=code, frame_rate=None, timecode_rate=24) for n, code in enumerate(codes, 1)]
    (finding,) = reported("TIM-TC-SEQ", given)
    assert tuple(finding.frames) == (4,)
    assert finding.message.endswith("4 has 01:00:05:01, 96 frames later than expected (01:00:01:01)")
    unknown = [replace(each, timecode_rate=None) for each in given]
    assert not reported("TIM-TC-SEQ", unknown)


def test_a_repeated_time_code_is_named() -> None:
    given = [frame(n, time_code=Clock(1, 0, 0, n - (n > 3), False), frame_rate=24.0) for n in range(1, 10)]
    (finding,) = reported("TIM-TC-SEQ", given)
    assert tuple(finding.frames) == (1, 2, 3)
    assert finding.message.endswith("; 4 repeats that of the frame before")


@pytest.mark.parametrize(
    ("rate", "first", "source", "odd"),
    [
        (24, 24 * 86_400 - 20, lambda n: n, ()),  # midnight
        (25, 90_007, lambda n: n, ()),
        (30, 1790, lambda n: n, ()),  # a minute of which drop frame skips two codes
        (30, 1798, lambda n: n, ()),
        (15, 54_000, lambda n: n, ()),
        (30, 108_000, lambda n: n // 2, ()),  # 60 frames a second, of which the field counts pairs
        (24, 86_400, lambda n: n // 2 * 2, ()),  # on twos
        (24, 86_400, lambda n: min(n, 31), ()),  # a hold
        (24, 86_400, lambda n: n + (n > 10), range(1, 11)),
        (25, 90_007, lambda n: n + 3 * (n == 19), (19,)),
        (24, 86_400, lambda n: n - (n == 9), (9,)),
        (24, 86_400, lambda n: n + (n > 25), range(26, 41)),
        (24, 86_400, lambda n: {5: 6, 6: 5}.get(n, n), (5, 6)),
        (24, 86_400, lambda n: n - 2400 * (n == 30), (30,)),
        (24, 24 * 86_400 - 20, lambda n: n + 2 * (n == 30), (30,)),
        (30, 1790, lambda n: n - 3 * (n == 16), (16,)),
        (24, 86_400, lambda n: n - n // 5, range(5, 41, 5)),
    ],
)
@pytest.mark.parametrize(
    "numbers", [range(1, 41), range(1, 20), [n for n in range(1, 41) if n not in {14, 22, 23, 24}]]
)
def test_time_codes_show_the_rate_that_they_count(
    rate: int, first: int, source: Callable[[int], int], odd: Sequence[int], numbers: Sequence[int]
) -> None:
    drop = first < 1800
    day = frame_count(Clock(24, 0, 0, 0, drop), rate)
    codes = {n: clock_at((first + source(n)) % day, rate, is_drop_frame=drop) for n in numbers}
    with_rate, without = (
        [f for f in judged([frame(n, time_code=code, frame_rate=given) for n, code in codes.items()]) if "TC" in f.code]
        for given in (float(rate), None)
    )
    assert without == (with_rate if odd else [])
    assert not odd or numbers != range(1, 41) or [*without[0].frames] == [*odd]


@pytest.mark.parametrize(
    ("counts", "rate"),
    [
        (dict(enumerate(range(3))), None),
        (dict(enumerate(range(4))), 24),
        (dict(enumerate([*range(10, 21), 29, 22, 23])), 24),  # 00:00:01:05 behind 00:00:00:20
        (dict(enumerate([*range(10), *range(40, 48)])), None),  # another take
        (dict(zip([*range(10, 23), *range(26, 52)], [*range(10, 23), *range(24, 50)], strict=True)), 24),
    ],
)
def test_the_rate_that_few_time_codes_show(counts: dict[int, int], rate: int | None) -> None:
    assert shown_rate([(number, clock_at(count, 24, is_drop_frame=False)) for number, count in counts.items()]) == rate


@pytest.mark.parametrize(
    ("source", "rate", "odd", "what"),
    [
        (lambda n: n - n // 5, 24.0, {5, 10, 15, 20}, "repeats that of the frame before, in a regular beat"),
        (lambda n: 20 + n - n // 5, 30.0, {5, 10, 15, 20}, "repeats that of the frame before, in a regular beat"),
        (
            lambda n: 20 + n * 2 // 5,
            60.0,
            {2, 4, 6, 7, 9, 11, 12, 14, 16, 17, 19, 21},
            "repeats that of the frame before",
        ),
        (lambda n: n + n // 4, 24.0, {4, 8, 12, 16, 20}, "jumps, in a regular beat"),
        (lambda n: n - (n in {5, 9, 16}), 24.0, {5, 9, 16}, "does not follow the frame number"),
    ],
)
def test_time_codes_of_frames_that_were_converted_to_another_rate(
    source: Callable[[int], int], rate: float, odd: set[int], what: str
) -> None:
    given = [
        frame(n, time_code=Clock(1, 0, *divmod(source(n), 24), False), frame_rate=rate, pixel_hash=f"h{source(n)}")
        for n in range(1, 22)
    ]
    found = {each.code: each for each in judged(given)}
    assert {*found["TIM-TC-SEQ"].frames} == odd
    assert what in found["TIM-TC-SEQ"].message
    assert "SEQ-DUP" not in found or {*found["SEQ-DUP"].frames} == odd


def test_messages_name_runs_of_frames() -> None:
    given = [f for f in frames(30) if f.frame not in {4, 5, 6, 20}]
    (finding,) = reported("SEQ-MISSING", given)
    assert "4-6, 20" in finding.message
    assert finding.expected == "1-30"


@pytest.mark.parametrize(
    ("rate", "last", "drop"), [(24.0, 23, False), (25.0, 24, False), (30_000 / 1001, 29, True), (30.0, 29, False)]
)
def test_time_codes_go_on_behind_midnight(rate: float, last: int, *, drop: bool) -> None:
    codes = [
        Clock(23, 59, 59, last - 1, drop),
        Clock(23, 59, 59, last, drop),
        Clock(0, 0, 0, 0, drop),
        Clock(0, 0, 0, 1, drop),
    ]
    given = [frame(n, time_code=code, frame_rate=rate) for n, code in enumerate(codes, 1)]
    assert not reported("TIM-TC-SEQ", given)
    given[2] = frame(3, time_code=Clock(0, 0, 1, 0, drop), frame_rate=rate)
    assert reported("TIM-TC-SEQ", given)


@pytest.mark.parametrize(
    ("code", "value"), [("TIM-TC-SEQ", {"time_code": Clock(1, 0, 9, 0, False)}), ("TIM-COUNTER", {"image_counter": 4})]
)
def test_what_all_frames_were_given_is_a_hint(code: str, value: dict[str, Any]) -> None:
    given = [frame(n, frame_rate=24.0, **value) for n in range(1, 4)]
    (finding,) = reported(code, given)
    assert (finding.severity, tuple(finding.frames)) == (Severity.INFO, (1, 2, 3))
    assert not reported(code, given[:1])
    assert [each.severity for each in reported(code, given[:2])] == [Severity.INFO]


@pytest.mark.parametrize(("first", "severity"), [(1, Severity.INFO), (4, Severity.WARNING), (8, Severity.INFO)])
def test_images_of_another_shot_may_be_handles_or_a_leader_at_the_ends(first: int, severity: Severity) -> None:
    others = Siblings(foreign=dict.fromkeys(range(first, first + 3), "b/other/beauty.####.exr"))
    (finding,) = reported("SEQ-DUP", frames(), others)
    assert (finding.severity, "beauty.####.exr" in finding.message) == (severity, True)


def test_one_missing_frame_is_one_frame() -> None:
    (finding,) = reported("SEQ-MISSING", [f for f in frames() if f.frame != 4])
    assert finding.message == "1 frame is missing between 1 and 10: 4"


def test_far_apart_frames_cost_nothing() -> None:
    (finding,) = reported("SEQ-MISSING", [frame(1), frame(2_000_000_000)])
    assert finding.message.startswith("1999999998 frames")


def test_a_gap_is_reported_once_by_the_rule_of_the_archival_master() -> None:
    gap = {"SEQ-MISSING", "DEL-NFX-NUMBERING"}
    given = [frame(n) for n in (1, 2, 4, 2_000_000_000)]
    assert {f.code for f in judged(given, nam="on") if f.code in gap} == {"DEL-NFX-NUMBERING"}
    assert {f.code for f in judged(given, nam="info") if f.code in gap} == gap
    every_second = judged([f for f in frames() if f.frame % 2], nam="on")  # of these, SEQ-MISSING names no frames
    assert {f.code for f in every_second if f.code in gap} == gap


def gaps(*numbers: int, required: tuple[range, ...] = (), **parameters: Any) -> dict[Severity, str]:
    given = [frame(number) for number in numbers]
    findings = validate_sequence(given, sequence_policy(**parameters), required=required)
    return {f.severity: FrameNumbers.of(f.frames).text for f in findings if f.code == "SEQ-MISSING"}


@pytest.mark.parametrize(
    ("there", "parameters", "found"),
    [
        ((1, 3, 5, 7, 9), {"frame_step": 2}, {}),
        ((1, 2, 4, 5), {"frame_step": 2, "frame_range": [1, 5]}, {Severity.ERROR: "3", Severity.WARNING: "2,4"}),
        ((1, 3, 5), {"frame_step": 2, "frame_range": [1, 6]}, {}),
        ((1, 3, 9), {"frame_step": 2}, {Severity.ERROR: "5,7"}),
        ((1, 9), {"frame_step": 2}, {Severity.ERROR: "3-7x2"}),
        ((0, 1, 3, 5, 9), {"frame_step": 2}, {Severity.ERROR: "7", Severity.WARNING: "0"}),
        ((-3, 0, 3), {"frame_step": 3, "frame_range": [-3, 6]}, {Severity.ERROR: "6"}),
        # without a step of a policy: one finding, unless a range is required or a frame is missing
        ((1, 3, 5, 7), {}, {Severity.WARNING: ""}),
        ((1, 6, 11, 16), {}, {Severity.WARNING: ""}),
        ((1, 3, 5), {}, {Severity.ERROR: "2,4"}),
        ((1, 3, 5, 9), {}, {Severity.ERROR: "2,4,6-8"}),
        ((1, 3, 5, 7), {"frame_range": [1, 7]}, {Severity.ERROR: "2,4,6"}),
    ],
)
def test_frames_on_twos(there: tuple[int, ...], parameters: dict[str, Any], found: dict[Severity, str]) -> None:
    assert gaps(*there, **parameters) == found


@pytest.mark.parametrize(
    "every", ["second", "third", "4th", "5th", "11th", "12th", "13th", "20th", "21st", "22nd", "23rd", "100th"]
)
def test_a_step_is_named_in_words_or_by_its_number(every: str) -> None:
    step = {"second": 2, "third": 3}.get(every) or int(every[:-2])
    (finding,) = reported("SEQ-MISSING", [frame(n) for n in range(1, 5 * step, step)])
    assert f"every {every} frame" in finding.message


def test_what_a_check_asks_for_holds_instead_of_the_policy() -> None:
    required = (range(1, 4), range(11, 13))
    assert gaps(1, 2, 11, 12, required=required, frame_range=[1, 20]) == {Severity.ERROR: "3"}
    assert gaps(1, 2, 3, 7, 11, required=required) == {Severity.ERROR: "12", Severity.WARNING: "7"}


def test_a_moving_data_window_is_info() -> None:
    moving = [frame(n, data_window=(n % 2, 0, n % 3, 2)) for n in range(1, 11)]
    (finding,) = reported("SEQ-RES", moving)
    assert finding.severity is Severity.INFO
    empty = [frame(n, data_window=(1, 1, 1, 1) if n > 8 else (0, 0, 3, 2)) for n in range(1, 11)]
    assert [f.severity for f in reported("SEQ-RES", empty)] == [Severity.INFO]


@pytest.mark.parametrize(("whole", "region"), [((0, 0, 3, 2), (1, 1, 2, 2)), ((4, 3), (2, 2))])
def test_frames_of_which_only_a_region_was_rendered(whole: tuple[int, ...], region: tuple[int, ...]) -> None:
    given = [frame(n, data_window=region if n in {4, 5} else whole) for n in range(1, 11)]
    (finding,) = reported("SEQ-RES", given)
    assert (finding.severity, tuple(finding.frames)) == (Severity.WARNING, (4, 5))


@pytest.mark.parametrize(
    ("usual", "other", "severity"),
    [
        ((-4, -4, 103, 103), (-5, -4, 102, 103), Severity.WARNING),
        ((-4, -4, 103, 103), (-5, -4, 103, 103), Severity.INFO),  # it holds more of the image
        ((10, 10, 40, 40), (11, 10, 41, 40), Severity.INFO),  # it follows the image
        ((0, 0, 99, 99), (1, 0, 100, 99), Severity.INFO),
    ],
)
def test_overscan_that_is_shifted(usual: tuple[int, ...], other: tuple[int, ...], severity: Severity) -> None:
    given = [frame(n, data_window=other if n in {4, 7} else usual, display_window=(0, 0, 99, 99)) for n in range(1, 11)]
    assert [(f.severity, (*f.frames,)) for f in reported("SEQ-RES", given)] == [(severity, (4, 7))]


@pytest.mark.parametrize(
    ("count", "odd", "window"),
    [(24, range(15, 25), (1, 1, 8, 8)), (24, range(1, 5), (1, 1, 8, 8)), (3, range(2, 3), (1, 1, 8, 8)),
     (24, range(9, 10), (0, 0, 99, 98)), (24, range(9, 16), (1, 1, 8, 8))],
)  # fmt: skip
def test_a_window_that_follows_the_image_is_no_region(count: int, odd: range, window: tuple[int, ...]) -> None:
    given = [frame(n, data_window=window if n in odd else (0, 0, 99, 99)) for n in range(1, count + 1)]
    assert [f.severity for f in reported("SEQ-RES", given)] == [Severity.INFO]


def test_a_frame_that_is_there_with_two_paddings_is_one_finding() -> None:
    twice = [*frames(), frame(4, padding=6, sequence="b/shot/beauty.######.exr")]
    (finding,) = reported("SEQ-PADDING", twice)
    assert [*finding.frames] == [4]


@pytest.mark.parametrize(("digits", "is_reported"), [(3, False), (4, False), (2, True)])
def test_the_sign_of_a_number_may_stand_for_a_digit(digits: int, is_reported: bool) -> None:
    for end in (1, 3):  # frame 0 alone tells the padding, too
        given = [frame(n, padding=digits if n < 0 else 4, path=f"b/shot/{n}", time_code=None) for n in range(-2, end)]
        assert bool(reported("SEQ-PADDING", given)) is is_reported


@pytest.mark.parametrize(
    ("drop", "rate", "codes", "said"),
    [
        (
            True,
            30_000 / 1001,
            [(0, 59, 29), (1, 0, 2), (1, 0, 5), (1, 0, 4)],
            "2 frames later than expected (01:01:00;03)",
        ),
        (False, 60.0, [(0, 59, 29), (0, 59, 29), (1, 0, 1), (1, 0, 0)], "2 frames later than expected (01:01:00:00)"),
        (False, 48.0, [(0, 0, 5), (0, 0, 1), (0, 0, 6), (0, 0, 7)], "10 frames earlier than expected (01:00:00:06)"),
        (False, 24.0, [(0, 0, 4), (0, 0, 5), (0, 0, 2), (0, 0, 7)], "4 frames earlier than expected (01:00:00:06)"),
    ],
)
def test_a_time_code_is_compared_with_the_expected_one(
    drop: bool, rate: float, codes: list[tuple[int, int, int]], said: str
) -> None:
    given = [frame(n, time_code=Clock(1, *code, drop), frame_rate=rate) for n, code in enumerate(codes, 1)]
    (finding,) = reported("TIM-TC-SEQ", given)
    assert finding.message.endswith(said)


@pytest.mark.parametrize(
    ("ages", "said"),
    [
        ({3: -9}, "Frame 3: older than most frames, written 9 days before them"),
        ({1: 4, 2: 6}, "Frames 1-2: newer than most frames, written 4 days to 6 days after them"),
    ],
)
def test_frames_of_another_time_are_older_or_newer(ages: dict[int, int], said: str) -> None:
    given = [frame(n, mtime=START + timedelta(days=ages.get(n, 0))) for n in range(1, 11)]
    (finding,) = reported("SEQ-STALE-FRAME", given)
    assert finding.message.startswith(said)


def test_exchanged_views_are_named() -> None:
    given = [frame(n, views="right" if n in {4, 5} else "left") for n in range(1, 11)]
    (finding,) = reported("SEQ-METADATA", given)
    assert finding.message == "Frames 4-5: the view is right, in the other frames left: left and right are exchanged"


def test_a_node_hash_that_few_frames_have_is_a_hint() -> None:
    given = [frame(n, attributes={"nuke/node_hash": "a72f" if n == 3 else "1d15"}) for n in range(1, 5)]
    (finding,) = reported("SEQ-STALE-FRAME", given)
    assert (list(finding.frames), finding.severity) == ([3], Severity.INFO)


def test_policies_follow_the_path() -> None:
    by_path = policy("name: x\npaths: [{match: 'b/other/**', rules: {SEQ-COMPRESSION: error}}]")
    for folder, severity in (("shot", Severity.WARNING), ("other", Severity.ERROR)):
        given = [replace(f, path=f"b/{folder}/{f.frame}") for f in frames(compression="PIZ")]
        findings = validate_sequence(given, by_path)
        assert [f.severity for f in findings if f.code == "SEQ-COMPRESSION"] == [severity]


@pytest.mark.heavy
@pytest.mark.slow
def test_ten_thousands_of_frames() -> None:
    given = frames(30_000)
    del given[100:200]
    assert {finding.code for finding in judged(given)} >= {"SEQ-MISSING"}


def real(number: int, **changed: Any) -> bytes:
    extra = [
        a_timecode("timeCode", tv60(1, 0, 0, number)),
        a_rational("framesPerSecond", 24, 1),
        a_string("software", "writer 1"),
        a_int("frame", number),
        a_int("imageCounter", number),
        *declared(),
    ]
    return build([Part(channels=[*(Channel(c) for c in "BGR"), *LAYERS], extra=extra, **changed)])


def test_frames_of_inspections_and_of_rows_agree_where_rows_tell() -> None:
    for number in (1, 2):
        inspection = inspect(real(number), key=f"shot/beauty.{number:04}.exr", stats=True)
        by_inspection = frame_of_inspection(inspection)
        by_row = frame_of_row(stored(inspection))
        assert by_inspection.frame == by_row.frame == number
        assert by_inspection.embedded_frame == number
        assert (by_inspection.pixels.zeros is None, by_inspection.pixels.lines is None) == (False, False)
        assert by_inspection.cryptomattes
        assert "crypto_object00.r FLOAT" in str(by_inspection.channels)
        for name in (
            "sequence",
            "padding",
            "size_bytes",
            "mtime",
            "status",
            "compression",
            "views",
            "software",
            "frame_rate",
        ):
            assert getattr(by_inspection, name) == getattr(by_row, name), name
        assert by_inspection.time_code == by_row.time_code == Clock(1, 0, 0, number, is_drop_frame=False)


def test_drift_is_found_in_rows() -> None:
    rows = [
        stored(inspect(real(n, compression=3 if n == 2 else 0), key=f"shot/beauty.{n:04}.exr")) for n in range(1, 5)
    ]
    given = [summary for row in rows if (summary := frame_of_row(row))]
    assert {finding.code for finding in judged(given)} == {"SEQ-COMPRESSION"}


@pytest.mark.parametrize("newer", [range(1, 6), range(6, 11)])
def test_of_two_halves_the_one_written_first_is_named(newer: range) -> None:
    given = [
        frame(n, compression="ZIP" if n < 6 else "PIZ", mtime=START + timedelta(hours=n in newer, minutes=n))
        for n in range(1, 11)
    ]
    (found,) = reported("SEQ-COMPRESSION", given)
    assert tuple(found.frames) == tuple(n for n in range(1, 11) if n not in newer)


def test_of_two_halves_that_were_written_in_one_go_neither_is_certain() -> None:
    (found,) = [
        f for f in judged([frame(n, frame_rate=24.0 if n < 6 else 25.0) for n in range(1, 11)]) if f.found != ""
    ]
    assert (found.code, tuple(found.frames)) == ("TIM-FPS-SEQ", ())
    assert found.message.endswith("in the other frames 25 (6-10): as many have each, so that either can be wrong")


def test_the_attribute_with_another_frame_number_is_named() -> None:
    given = [frame(n, embedded_frame=n + (n > 6), attributes={"Frame": f"{n + (n > 6):04}"}) for n in range(1, 11)]
    (found,) = reported("SEQ-STALE-FRAME", given)
    assert found.message == "Frames 7-10: Frame gives another frame number, 8 in frame 7"


@pytest.mark.parametrize(
    ("old", "step", "stale"),
    [
        (range(1, 5), 1.3, True),
        (range(8, 11), 1.3, True),
        (range(4, 7), 1.3, True),
        (range(4, 7), 1.01, False),  # rendered again
        (range(0), 1.3, False),  # a cut
        ((1, 2, 5, 6), 1.3, False),  # neither at one end nor between others
    ],
)
def test_frames_of_another_run_are_stale_where_the_luminance_jumps(
    old: Sequence[int], step: float, *, stale: bool
) -> None:
    given = [
        frame(
            n,
            mtime=START + timedelta(minutes=n, hours=-20 * (n in old)),
            pixels=seen(step if n in old or (not old and n < 5) else 1.0),
        )
        for n in range(1, 11)
    ]
    found = [tuple(f.frames) for f in reported("SEQ-STALE-FRAME", given)]
    assert found == [tuple(old)] * stale


@pytest.mark.parametrize(("rate", "minute", "drop"), [(24, 0, False), (30, 1, True), (25, 10, False), (60, 59, False)])
@pytest.mark.parametrize("lost", [None, 4])
def test_frame_numbers_that_are_time_codes(rate: int, minute: int, lost: int | None, *, drop: bool) -> None:
    start = frame_count(Clock(1, minute - 1, 59, 0, drop) if minute else Clock(1, 0, 0, 0, drop), rate)
    codes = [
        Clock(1, minutes, seconds, each, drop)
        for minutes, seconds in ([(minute - 1, 59), (minute, 0)] if minute else [(0, 0), (0, 1)])
        for each in range(2 * (drop and seconds == 0), rate)
    ]
    assert [frame_count(code, rate) - start for code in codes] == [*range(len(codes))]
    given = [
        frame(
            ((code.hours * 100 + code.minutes) * 100 + code.seconds) * 100 + code.frame,
            time_code=code if rate < 60 else code._replace(frame=code.frame // 2),
            frame_rate=rate,
        )
        for index, code in enumerate(codes)
        if index != lost
    ]
    found = [f for f in judged(given) if f.code in {"SEQ-MISSING", "TIM-TC-SEQ"}]
    assert [f.code for f in found] == ["SEQ-MISSING"] * (lost is not None)
    assert [len(f.frames) for f in found] == [1] * len(found)


def test_a_gap_between_takes_is_no_time_code() -> None:
    assert clock_of_numbers([*range(1000, 1024), *range(1100, 1124)]) is None
    assert expected_frames([1000021, 1000022, 1000100], (), None, 1).count == 80


def test_drift_of_a_colour_space_that_only_an_attribute_of_a_product_names() -> None:
    seen = [
        inspect(extra(a_string("oiio:ColorSpace", "ACEScg" if n < 4 else "lin_rec709")), key=f"shot/b.{n:04}.exr")
        for n in range(1, 5)
    ]
    for given in ([frame_of_inspection(each) for each in seen], [frame_of_row(stored(each)) for each in seen]):
        found = judged([frame for frame in given if frame is not None])
        assert [(f.code, tuple(f.frames)) for f in found] == [("SEQ-METADATA", (4,))]


def test_a_file_without_a_number_is_no_frame() -> None:
    inspection = inspect(PLAIN, key="shot/still.exr")
    assert frame_of_inspection(inspection) is None
    assert frame_of_row(file_rows(inspection)["files"][0]) is None


def test_a_damaged_frame_still_counts_as_a_frame() -> None:
    given = [frame_of_inspection(inspect(data, key=f"s/a.{n:04}.exr")) for n, data in enumerate((PLAIN, b"", PLAIN))]
    codes = {finding.code for finding in judged([summary for summary in given if summary])}
    assert codes.isdisjoint({"SEQ-MISSING", "CHK-SIZE-OUTLIER"})


def test_sizes_that_stand_out_are_what_was_found() -> None:
    found = [
        f for f in judged([*frames(size_bytes=20_000), frame(11, size_bytes=30_000_000)]) if f.code.startswith("CHK")
    ]
    assert [(f.found, tuple(f.frames)) for f in found] == [("20000 bytes", (5,)), ("30000000 bytes", (11,))]


def test_frames_outside_the_range_that_is_asked_for() -> None:
    found = {f.severity: tuple(f.frames) for f in reported("SEQ-MISSING", frames(), frame_range=[2, 12])}
    assert found == {Severity.ERROR: (11, 12), Severity.WARNING: (1,)}


def test_a_still_is_a_hint() -> None:
    (found,) = reported("SEQ-DUP", [frame(n, pixel_hash="h") for n in range(1, 6)])
    assert (found.severity, tuple(found.frames)) == (Severity.INFO, (2, 3, 4, 5))
    given = [frame(1), *(frame(n, pixel_hash="h") for n in range(2, 6)), frame(6)]
    (found,) = reported("SEQ-DUP", given)
    assert (found.severity, tuple(found.frames)) == (Severity.WARNING, (3, 4, 5))


def test_a_copy_of_an_earlier_frame_is_found_wherever_it_is() -> None:
    (found,) = reported("SEQ-DUP", frames(odd=8, pixel_hash="h3"))
    assert (found.severity, tuple(found.frames)) == (Severity.WARNING, (8,))
    cycle = [frame(n, pixel_hash=f"h{n % 4}") for n in range(1, 13)]
    (found,) = reported("SEQ-DUP", cycle)
    assert (found.severity, tuple(found.frames)) == (Severity.INFO, tuple(range(5, 13)))


TWOS, RETIME, THREES = "aabbccddee", "abbcddeffghhi", "abbcccdddeee"


@pytest.mark.parametrize(
    ("images", "severity"),
    [
        (TWOS, "info"),
        (RETIME, "info"),
        (THREES, "info"),
        ("abccdefgghijkk", "info"),  # every fourth frame is held
        ("aaaabcdefg", "info"),  # a hold at the head
        ("abcdefgggg", "info"),
        ("abcdeffghij", "warning"),
        ("abbcdefgghij", "warning"),
        ("abcdddefghij", "warning"),
        ("abcdefghii", "warning"),
        ("aaaabcdeefgh", "info warning"),
        ("abcdedcbf", "info"),  # back again
        ("abcdefbcd", "warning"),
    ],
)
def test_copies_that_are_meant(images: str, severity: str) -> None:
    found = reported("SEQ-DUP", [frame(n, pixel_hash=h) for n, h in enumerate(images, 1)])
    assert sorted(f.severity.label for f in found) == severity.split()


@pytest.mark.parametrize("slows", [0, 0.97])
@pytest.mark.parametrize("is_lost", [False, True])
def test_behind_lost_frames_the_image_has_changed_by_more(*, is_lost: bool, slows: float) -> None:
    images = [n - (n % 6 == 5) for n in range(30)] if is_lost else [n - n // 6 for n in range(1, 31)]
    gains = {each: 1 + (1 - slows**each if slows else each / 50) for each in images}
    given = [
        frame(n, pixel_hash=f"h{each}", pixels=seen(shows=small(gain=gains[each]))) for n, each in enumerate(images, 1)
    ]
    assert [f.severity for f in reported("SEQ-DUP", given)] == [Severity.WARNING if is_lost else Severity.INFO]


@pytest.mark.parametrize(("ends", "severity"), [((0.3, 0.6), "info"), ((0.99, 0.98), "warning")])
def test_a_title_is_held_between_fades(ends: tuple[float, ...], severity: str) -> None:
    levels = (*ends, 1.0, 1.0, 1.0, 1.0, *[each * 1.01 for each in ends[::-1]])
    given = [frame(n, pixels=seen(level), pixel_hash=f"{level}") for n, level in enumerate(levels, 1)]
    assert [f.severity.label for f in reported("SEQ-DUP", given)] == [severity]


@pytest.mark.parametrize(("is_other", "severity"), [(True, Severity.INFO), (False, Severity.WARNING)])
def test_a_title_is_held_between_cuts(*, is_other: bool, severity: Severity) -> None:
    images = {n: n if n not in range(5, 10) else 5 for n in range(1, 15)}
    given = [
        frame(n, pixel_hash=f"h{at}", pixels=seen(shows=small(is_turned=is_other and at == 5, gain=1 + at / 500)))
        for n, at in images.items()
    ]
    assert [f.severity for f in reported("SEQ-DUP", given)] == [severity]


@pytest.mark.parametrize(("is_lost", "severity"), [(False, Severity.INFO), (True, Severity.WARNING)])
def test_a_hold_behind_which_the_motion_goes_on(*, is_lost: bool, severity: Severity) -> None:
    images = [n if n < 6 else 6 if n < 10 else n if is_lost else n - 3 for n in range(16)]
    given = [
        frame(n, pixel_hash=f"h{at}", pixels=seen(shows=small(gain=1 + at / 50))) for n, at in enumerate(images, 1)
    ]
    assert [f.severity for f in reported("SEQ-DUP", given)] == [severity]


@pytest.mark.parametrize(("name", "severity"), [("hero_roto", Severity.INFO), ("hero", Severity.WARNING)])
def test_a_matte_of_alpha_alone_may_be_held(name: str, severity: Severity) -> None:
    held = dict.fromkeys(range(4, 7), "held")
    given = [
        frame(
            n,
            path=f"b/{name}.{n:04}.exr",
            pixel_hash=held.get(n, f"h{n}"),
            pixels=seen(is_constant=None, is_black=None),
        )
        for n in range(1, 11)
    ]
    assert [f.severity for f in reported("SEQ-DUP", given)] == [severity]


@pytest.mark.parametrize(("less", "is_moved"), [(0, False), (3, True), (1000, False)])
def test_the_frames_of_a_leader_are_slates(less: int, *, is_moved: bool) -> None:
    leader = {"pixels": seen(shows=small(is_turned=True)), "pixel_hash": "bars", "size_bytes": 9_000}
    shot = {"pixels": seen(shows=small())}
    given = [frame(n, embedded_frame=n - less, **(leader if n < 4 else shot)) for n in range(1, 12)]
    found = {(f.code, f.severity, tuple(f.frames)) for f in judged(given) if f.code != "SEQ-DUP"}
    moved = {("SEQ-STALE-FRAME", Severity.WARNING, ())} if is_moved else set()
    assert found == {("SEQ-AREA", Severity.INFO, (1, 2, 3)), *moved}


@pytest.mark.parametrize("is_empty", [False, True])
def test_black_frames_are_compared_if_they_have_other_content(*, is_empty: bool) -> None:
    black = seen(0.0, is_black=True, is_constant=True, has_other_content=False, is_empty=is_empty)
    odd = {"pixel_hash": "h4", "size_bytes": 20_000}
    given = [frame(n, pixels=black, **odd if n == 5 else {}) for n in range(1, 11)]
    assert [f.code for f in judged(given)] == ["CHK-SIZE-OUTLIER", "SEQ-DUP"] * (not is_empty)


def test_alpha_and_depth_are_content_of_a_black_frame_but_not_if_they_are_flat() -> None:
    def is_empty(**planes: Any) -> bool:
        data = image([Channel(c) for c in "ABGRZ"], **dict.fromkeys("RGB", ZERO), **{"Z": ZERO + np.inf, **planes})
        return pixels_of(data).is_empty

    gradient = np.linspace(0, 1, ZERO.size).reshape(ZERO.shape)
    assert is_empty()
    assert is_empty(A=ZERO + 1)
    assert not is_empty(A=gradient)
    assert not is_empty(Z=gradient)


def test_depth_and_flat_layers_are_no_other_content_of_a_black_frame() -> None:
    gradient = np.linspace(0, 1, ZERO.size).reshape(ZERO.shape)
    planes = {"A": gradient, "depth.Z": gradient, "mask.R": ZERO + 1}
    for more, has_content in (({}, False), ({"N.X": gradient}, True)):
        made = dict.fromkeys("RGB", ZERO) | planes | more
        pixels = pixels_of(image([Channel(c) for c in sorted(made)], **made))
        assert (pixels.has_other_content, pixels.coverage) == (has_content, 1 - 1 / ZERO.size)


def test_a_single_black_pixel_covers_nothing() -> None:
    for channels, size, coverage in (("RGB", 1, 0.0), ("RGB", 2, None), ("ARGB", 1, 0.0)):
        window = (0, 0, size - 1, 0)
        planes = {name: np.zeros((1, size), np.float32) for name in channels}
        part = Part(channels=[Channel(c) for c in sorted(channels)], pixels=planes, data_window=window)
        assert pixels_of(build([part])).coverage == coverage


@pytest.mark.parametrize(
    "copied",
    [{"embedded_frame": 5}, {"time_code": Clock(1, 0, 0, 5, False)}, {"mtime": START + timedelta(hours=1)}, {}],
)
@pytest.mark.parametrize("distance", [1, 5])
def test_of_two_equal_frames_the_copy_is_named(copied: dict[str, Any], distance: int) -> None:
    given = [frame(n, **{"pixel_hash": "h9", **copied} if n == 9 - distance else {}) for n in range(1, 11)]
    if "embedded_frame" in copied:
        given[8 - distance] = replace(given[8 - distance], embedded_frame=9)
    (found,) = reported("SEQ-DUP", given)
    copy, original = (9 - distance, 9) if copied else (9, 9 - distance)
    assert tuple(found.frames) == (copy,)
    assert f"as frame {original}" in found.message


def test_a_broken_frame_that_was_written_late_does_not_change_which_copy_is_named() -> None:
    late = START + timedelta(hours=1)
    given = [frame(n, mtime=late, pixel_hash="h8") if n == 4 else frame(n) for n in range(1, 11)]
    given[1] = frame(2, mtime=late, pixel_hash=None, status="failed")
    (found,) = reported("SEQ-DUP", given)
    assert tuple(found.frames) == (4,)


def test_files_in_any_order_of_writing_say_nothing_of_copies() -> None:
    given = [frame(n, pixel_hash=f"h{max(n, 5)}", mtime=START + timedelta(minutes=n * 7 % 11)) for n in range(1, 11)]
    (found,) = reported("SEQ-DUP", given)
    assert tuple(found.frames) == (2, 3, 4, 5)


@pytest.mark.parametrize(
    ("there", "missing", "far"),
    [
        ((*range(1001, 1061), 10_006), "", (10_006,)),
        ((*range(1001, 1006), *range(1007, 1061), 10_006), "1006", (10_006,)),
        ((106, *range(1001, 1051)), "", (106,)),
        ((*range(1001, 1061), 1150), "1061-1149", ()),
        ((1, 2, *range(1001, 1005)), "3-1000", ()),
        ((1, 2, 3_000), "3-2999", ()),
    ],
)
def test_a_frame_far_outside_the_others_is_misnumbered(there: tuple[int, ...], missing: str, far: tuple[int]) -> None:
    found = {f.severity: f for f in reported("SEQ-MISSING", [frame(n, time_code=None) for n in there])}
    gap, odd = found.get(Severity.ERROR), found.get(Severity.WARNING)
    assert FrameNumbers.of(gap.frames if gap else ()).text == missing
    assert tuple(odd.frames if odd else ()) == far
    assert odd is None or f"beauty.{far[0]:04}.exr" in odd.message
    assert not expected_frames(there, (), (there[0], there[-1]), 1).far, "a required range applies"


@pytest.mark.parametrize(
    ("text", "rate", "count"),
    [("00:00:01:00", 24.0, 24), ("00:01:00;02", 30_000 / 1001, 1800), ("00:10:00;00", 30_000 / 1001, 17_982)],
)
def test_time_codes_become_counts_of_frames(text: str, rate: float, count: int) -> None:
    clock = clock_of_text(text)
    assert clock.text == text
    assert frame_count(clock, rate) == count


def test_codes_that_drop_frame_skips_are_known() -> None:
    rate = 30_000 / 1001
    assert is_dropped(Clock(0, 1, 0, 1, is_drop_frame=True), rate)
    assert not is_dropped(Clock(0, 10, 0, 1, is_drop_frame=True), rate)
    assert clock_of_text("1:2:3:4") is None


@pytest.mark.parametrize(
    ("there", "first", "last", "step", "missing"),
    [
        ([1, 2, 3], 1, 3, 1, ()),
        ([1, 3], 1, 3, 1, (2,)),
        ([2, 3], 1, 3, 1, (1,)),
        ([1, 2], 1, 3, 1, (3,)),
        ([3], 1, 5, 1, (1, 2, 4, 5)),
        ([-1, 1], -1, 1, 1, (0,)),
        ([1, 5], 1, 7, 2, (3, 7)),
        ([1, 2, 5], 1, 6, 2, (3,)),
        ([0, 1, 2, 9], 1, 2, 1, ()),
    ],
)
def test_a_missing_frame_is_found_wherever_it_is(
    there: list[int], first: int, last: int, step: int, missing: tuple[int, ...]
) -> None:
    expected = expected_frames(there, (), (first, last), step)
    assert tuple(expected.missing(there)) == missing
    assert expected.count - len(missing) == sum(number in range(first, last + 1, step) for number in there)


def test_channels_of_another_type_and_in_other_parts() -> None:
    usual = ("0:B HALF", "0:G HALF", "1:CG.R HALF")

    def found(*channels: str) -> Finding:
        given = [frame(1, channels=usual), frame(2, channels=usual), frame(3, channels=channels)]
        findings = validate_sequence(given, policy())
        return next(each for each in findings if each.code == "SEQ-CHANNELS")

    moved = found("0:B HALF", "0:G HALF", "2:CG.R HALF")
    assert moved.severity is Severity.WARNING
    retyped = found("0:B FLOAT", "0:G FLOAT", "1:Z FLOAT")
    assert retyped.severity is Severity.ERROR
    for words in ("B, G FLOAT instead of HALF", "without CG.R HALF", "with additional Z FLOAT"):
        assert words in retyped.message


@pytest.mark.parametrize(
    ("usual", "odd", "numbers", "code"),
    [
        (("0:R HALF", "0:Z FLOAT"), ("0:R FLOAT", "0:Z FLOAT"), range(1, 4), "SEQ-TYPES"),
        (("0:R FLOAT",), ("0:R HALF",), range(1, 4), "SEQ-CHANNELS"),  # values are lost
        (("0:R HALF",), ("0:R FLOAT",), range(6, 11), "SEQ-TYPES"),  # five each: HALF is expected
        (("0:R HALF",), ("0:R FLOAT",), range(1, 6), "SEQ-TYPES"),
        (("0:A HALF", "0:spec.R HALF"), ("0:A FLOAT", "0:spec.R FLOAT"), range(1, 4), "SEQ-TYPES"),
        (("0:Z FLOAT",), ("0:Z HALF",), range(1, 4), "SEQ-CHANNELS"),  # values are lost
        (("0:R HALF", "0:Z FLOAT"), ("0:R FLOAT", "0:Z HALF"), range(1, 4), "SEQ-CHANNELS"),
        (("0:B HALF", "0:R HALF"), ("0:R FLOAT",), range(1, 4), "SEQ-CHANNELS"),
        (("0:R HALF",), ("0:R UINT",), range(1, 4), "SEQ-CHANNELS"),
    ],
)
def test_colour_of_another_type_is_converted_and_everything_else_rendered_again(
    usual: tuple[str, ...], odd: tuple[str, ...], numbers: Iterable[int], code: str
) -> None:
    given = [frame(n, channels=odd if n in numbers else usual) for n in range(1, 11)]
    (finding,) = [each for each in judged(given) if each.code in {"SEQ-CHANNELS", "SEQ-TYPES"}]
    assert (finding.code, list(finding.frames)) == (code, list(numbers))


RGB = ("0:B HALF", "0:G HALF", "0:R HALF")
WITH_Z = (*RGB, "0:Z FLOAT")


@pytest.mark.parametrize(
    ("count", "more", "named", "word"),
    [
        (20, range(1, 10), range(10, 21), "without"),
        (20, range(1, 11), range(11, 21), "without"),
        (20, range(5, 8), [*range(1, 5), *range(8, 21)], "without"),  # more than a tenth
        (20, range(1, 3), range(1, 3), "with additional"),
        (20, (7,), (7,), "with additional"),
        (8, (6, 7), [*range(1, 6), 8], "without"),
        (8, (7,), (7,), "with additional"),  # one frame is never several
    ],
)
def test_frames_with_more_channels_are_odd_only_if_they_are_few(
    count: int, more: Iterable[int], named: Iterable[int], word: str
) -> None:
    given = [frame(n, channels=WITH_Z if n in [*more] else RGB) for n in range(1, count + 1)]
    (finding,) = reported("SEQ-CHANNELS", given)
    assert (list(finding.frames), f"{word} Z FLOAT" in finding.message) == (list(named), True)


def test_missing_parts_with_the_channel_names_of_others_are_counted() -> None:
    eyes = ("0:R HALF", "1:R HALF")
    (finding,) = reported("SEQ-CHANNELS", [frame(n, channels=eyes[:1] if n == 4 else eyes) for n in range(1, 10)])
    assert finding.message == "Frame 4: without R HALF, in 1 part instead of 2"


def test_of_three_sets_of_channels_the_fullest_of_the_frequent_ones_is_expected() -> None:
    of = {1: (*WITH_Z, "0:id UINT"), **dict.fromkeys(range(2, 10), WITH_Z)}
    found = {tuple(each.frames): each for each in judged([frame(n, channels=of.get(n, RGB)) for n in range(1, 21)])}
    assert sorted(found) == [(1,), tuple(range(10, 21))]
    assert "with additional id UINT" in found[1,].message


def layered(*names: str, number: int = 1) -> FrameSummary:
    """A frame with one part for each layer, as Nuke and V-Ray write them."""
    found = frame_of(build([Part(name=name) for name in names]), f"shot/sh.{number:04}.exr")
    return replace(found, pixels=None)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (("rgba", "diff"), "without diffuse.B HALF, diffuse.G HALF, diffuse.R HALF, with additional diff.B HALF"),
        (("rgba",), "without diffuse.B HALF"),
        (("rgba", "diffuse", "extra"), "with additional extra.B HALF"),
        (("beauty", "diffuse"), ""),  # another name of the main image
        (("diffuse", "rgba"), "the same channels in other parts"),
    ],
)
def test_a_part_that_is_a_layer_is_compared_by_its_name(odd: Sequence[str], words: str) -> None:
    given = [layered(*(odd if n == 4 else ("rgba", "diffuse")), number=n) for n in range(1, 8)]
    found = {each.code: each for each in judged(given) if each.code.startswith("SEQ")}
    assert found.keys() == ({"SEQ-CHANNELS"} if words else set()), "one fact is one finding"
    assert words in (found["SEQ-CHANNELS"].message if words else "")


def test_parts_that_are_named_after_their_files_are_the_same() -> None:
    assert judged([layered(f"a.{n:04}.exr", f"b.{n:04}.exr", number=n) for n in range(1, 5)]) == ()


def test_the_level_of_dwa_is_compared_where_dwa_compresses() -> None:
    for codec, expected in (("DWAB", {"SEQ-COMPRESSION"}), ("ZIP", set())):
        given = [
            frame(n, compression=codec, attributes={"dwaCompressionLevel": "9.0" if n == 5 else "45.0"})
            for n in range(1, 11)
        ]
        assert {f.code for f in judged(given)} == expected


def test_a_small_file_with_a_small_data_window_is_no_outlier() -> None:
    def sized(number: int, size: int, side: int) -> FrameSummary:
        return frame(number, size_bytes=size, data_window=(0, 0, side - 1, side - 1), display_window=(0, 0, 99, 99))

    growing = [sized(1, 100_000, 30), *(sized(n, 1_000_000, 100) for n in range(2, 9))]
    assert {each.code for each in judged(growing)} == {"SEQ-RES"}
    cut = [sized(1, 100_000, 100), *growing[1:]]
    assert {each.code for each in judged(cut)} == {"CHK-SIZE-OUTLIER"}


def test_two_data_windows_are_named_with_their_frames() -> None:
    given = [frame(n, data_window=(1, 1, 2, 2) if n > 6 else (0, 0, 3, 2)) for n in range(1, 11)]
    (found,) = judged(given)
    assert (found.code, found.severity, tuple(found.frames)) == ("SEQ-RES", Severity.INFO, (7, 8, 9, 10))
    assert "(1, 1)-(2, 2), in the other frames (0, 0)-(3, 2): only a region was rendered?" in found.message
    (found,) = judged([replace(each, display_window=(1, 1, 2, 2)) for each in given])
    assert "the overscan was lost?" in found.message


def test_a_deep_image_without_samples_is_an_empty_element() -> None:
    def smoke(number: int, samples: int) -> FrameSummary:
        data = build(
            [Part(kind="deepscanline", channels=[Channel(name) for name in "ABGRZ"], counts=np.full((3, 4), samples))]
        )
        return frame_of(data, f"shot/smoke.{number:04}.exr")

    found = judged([smoke(n, 0 if n < 3 else 2) for n in range(1, 9)])
    assert [(each.code, each.severity, tuple(each.frames)) for each in found] == [("SEQ-BLACK", Severity.INFO, (1, 2))]


def test_the_extension_is_that_of_the_sequence() -> None:
    given = [replace(each, path=each.path.replace(".exr", ".EXR")) if each.frame > 5 else each for each in frames()]
    (finding,) = judged(given)
    assert (finding.code, finding.severity, list(finding.frames)) == ("SEQ-PADDING", Severity.WARNING, [6, 7, 8, 9, 10])


def test_a_file_named_for_its_data_has_no_beauty() -> None:
    black = image(R=ZERO, G=ZERO, B=ZERO)
    assert [pixels_of(black, f"shot/{name}.1001.exr").is_black for name in ("sh", "sh_velocity")] == [True, None]


def test_rules_that_rows_cannot_repeat_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows have neither regions of zeros nor small images, so that findings of these rules must be kept.

    No rule needs the package then, which the function does not have.
    """
    package = "exr_inspector.validation.small_images"
    for name in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    lost = set()
    for code, given, parameters in BROKEN:
        by_rows = [
            replace(each, pixels=replace(each.pixels, zeros=None, lines=None), other_views={}, layers={})
            if each.pixels
            else each
            for each in given
        ]
        if not reported(code, by_rows, **parameters):
            lost.add(code)
    assert lost | {"CRY-SEQ"} == NOT_IN_ROWS, "the one compares the names of objects, too, which summaries by rows lack"


@pytest.mark.parametrize(
    ("usual", "other", "severity"),
    [
        ("a:body a:hair set", "a1:body a1:hair set", Severity.WARNING),
        ("body set", "set body1", Severity.WARNING),
        ("/a/body set", "/b/body set", Severity.WARNING),
        ("a:body set", "a:body b:body set", None),  # an object enters
        ("a:body b:body", "b:body", None),
        ("crowd_1/body set", "crowd_2/body set", None),  # one leaves, and one enters
        ("car set", "bird set", None),
        (" ".join(f"a:o{n}" for n in range(40)), " ".join(f"c:o{n}" for n in range(40)), Severity.WARNING),
        (" ".join(f"a:o{n}" for n in range(40)), " ".join(f"a:o{n}" for n in range(60)), None),
    ],
)
def test_objects_of_a_cryptomatte_that_are_renamed(usual: str, other: str, severity: Severity | None) -> None:
    objects = {
        text: {"m": tuple(sorted((f"{cryptomatte_id(name):08x}", name) for name in text.split())[:16])}
        for text in (usual, other)
    }
    given = [frame(n, objects=objects[other if n > 7 else usual]) for n in range(1, 11)]
    found = reported("CRY-SEQ", given)
    assert [(each.severity, tuple(each.frames)) for each in found] == [(severity, (8, 9, 10))] * (severity is not None)


@pytest.mark.parametrize(
    ("name", "step", "severity"),
    [
        (lambda n, each: f"proto_{chr(64 + n)}/tree_{each}", 1, Severity.WARNING),
        (lambda n, each: f"proto_{n}/tree_{each}", 2, Severity.INFO),  # or sparks, which live for one frame
        (lambda n, each: f"proto_{n}/tree_{each}", 5, None),
        (lambda n, each: f"tree_{each + n}", 1, None),  # objects enter and leave
        (lambda n, each: f"tree_{each}" if n % 2 else f"proto_{n}/tree_{each}", 1, None),
    ],
)
def test_objects_of_a_cryptomatte_that_have_other_names_in_each_frame(
    name: Callable[[int, int], str], step: int, severity: Severity | None
) -> None:
    names = {n: [name(n, each) for each in range(6)] for n in range(1, 10 * step + 1, step)}
    objects = {n: {"m": tuple(sorted((f"{cryptomatte_id(each):08x}", each) for each in names[n]))} for n in names}
    findings = judged([frame(n, objects=objects[n]) for n in names])
    assert [f.severity for f in findings if f.code == "CRY-SEQ"] == [severity] * (severity is not None)


@pytest.mark.parametrize(("values", "lit", "is_found"), [(2, 12, True), (2, 2, False), (5, 12, False), (0, 12, False)])
def test_frames_of_few_colours_within_a_shot_are_placeholders(values: int, lit: int, *, is_found: bool) -> None:
    odd = seen(values=values, lit_pixels={"": lit})
    given = [frame(n, pixels=odd if n in {5, 6} else seen(values=3000, lit_pixels={"": 12})) for n in range(1, 11)]
    found = [(f.code, f.severity, {*f.frames}) for f in judged(given)]
    assert found == [("SEQ-CONSTANT", Severity.WARNING, {5, 6})] * is_found


@pytest.mark.parametrize(("nameless", "is_found"), [({4, 5}, True), (set(), False), ({*range(1, 7)}, False)])
def test_ids_that_have_names_in_other_frames_only(nameless: set[int], *, is_found: bool) -> None:
    given = [frame(n, objects={"m": () if n in nameless else (("01", "body"),)}) for n in range(1, 11)]
    assert [{*f.frames} for f in reported("CRY-SEQ", given)] == [nameless] * is_found


def test_a_summary_has_the_objects_with_the_lowest_ids() -> None:
    names = [f"o{n}" for n in range(30)]
    manifest = json.dumps({name: f"{cryptomatte_id(name):08x}" for name in names})
    found = frame_of(build([Part(channels=LAYERS, extra=declared(manifest=manifest))]))
    assert [*found.objects.values()] == [tuple(sorted((f"{cryptomatte_id(n):08x}", n) for n in names)[:16])]
