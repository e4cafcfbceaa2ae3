"""The look of machines and the scale of depth: what flickers in a sequence, and good sequences that change, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exr_inspector.catalog.read.frames import frame_of_row
from exr_inspector.model import ColourLines, Seam, Severity
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.inspected_frames import frame_of_inspection
from tests.support.exrbytes import a_string
from tests.unit.validation.cases.made.colour import extra
from tests.unit.validation.cases.made.pixels import flat
from tests.unit.validation.judging import inspect
from tests.unit.validation.sequences import frame, judged, pixels_of, reported, seen, stored


def rendered(hosts: str, levels: dict[str, float], *, step: float = 0.0, noise: float = 0.0) -> list[FrameSummary]:
    """Frames of hosts that are named by letters, each with its light, which also changes by `step` from frame to frame."""
    light = np.random.default_rng(1).uniform(1 - noise, 1 + noise, len(hosts))
    return [
        frame(n, host=host, pixels=seen(0.4 * levels.get(host, 1.0) * light[n - 1] * (1 + step) ** n))
        for n, host in enumerate(hosts, 1)
    ]


@pytest.mark.parametrize(
    ("given", "odd"),
    [
        (rendered("abcabcabcabc", {"c": 1.06}), "c"),
        (rendered("abcabcabcabc", {"a": 0.96}), "a"),
        (rendered("aaabaaabaaabaaab", {"b": 1.1}), "b"),
        (rendered("ababaababaabab", {"b": 1.05}, step=0.01), "b"),
        (rendered("abcabcabcabcabcabc", {"c": 1.06}, noise=0.005), "c"),
        (rendered("abcabcabcabc", {}, noise=0.05), ""),  # fire
        (rendered("abcabcabcabc", {}, step=0.05), ""),  # a lamp is dimmed
        (rendered("aaaaaabbbbbb", {"b": 1.3}), ""),  # a cut
        (rendered("aabbaacccc", {"b": 1.3}), ""),  # lightning
        (rendered("abcabcabcabc", {"c": 1.01}), ""),
        (rendered("aaaaaaaaaaaa", {}), ""),
    ],
)
def test_a_machine_with_another_look_is_named(given: list[FrameSummary], odd: str) -> None:
    found = reported("SEQ-HOST", given)
    assert [tuple(each.frames) for each in found] == [tuple(f.frame for f in given if f.host == odd)] * bool(odd)


@pytest.mark.parametrize(
    ("given", "odd"),
    [
        (rendered("abcabcabcabc", {"a": 1.09, "c": 0.94}), "ac"),
        (rendered("abccabacbbcaabc", {"b": 1.06, "c": 1.12}, step=0.01), "ac"),
        (rendered("abcabcabcabc", {"a": 1.09, "c": 0.94}, noise=0.05), ""),
        (rendered("aaaabbbbcccc", {"a": 1.09, "c": 0.94}), ""),  # cuts
        (rendered("ab" * 12 + "cccccc", {"c": 0.5}), ""),  # a cut before the only frames of a machine
    ],
)
def test_several_machines_with_levels_of_their_own_are_named(given: list[FrameSummary], odd: str) -> None:
    found = [tuple(each.frames) for each in reported("SEQ-HOST", given)]
    assert sorted(found) == sorted(tuple(f.frame for f in given if f.host == each) for each in odd)


def test_levels_of_machines_that_take_turns_are_info_since_a_blinking_light_has_such() -> None:
    levels = {"a": 1.0, "b": 1.2, "c": 0.8, "d": 0.9}
    found = {hosts: judged(rendered(hosts, levels)) for hosts in ("abcd" * 4, "abcdbadcabdcacbd")}
    severities = [{each.severity for each in findings if each.code == "SEQ-HOST"} for findings in found.values()]
    assert severities == [{Severity.INFO}, {Severity.WARNING}]


def test_the_machine_is_known_from_files_and_rows() -> None:
    made = inspect(extra(a_string("hostComputer", "render-07")), key="shot/sh.1001.exr")
    for known in (frame_of_inspection(made), frame_of_row(stored(made))):
        assert known.host == "render-07"


UNIT = np.linspace(0, 1, 2000).reshape(40, 50)


@pytest.mark.parametrize(
    ("depth", "is_unit"),
    [
        (UNIT, True),
        (np.clip(UNIT * 3 - 2, 0, 1), True),  # the sky is 0
        (np.clip(UNIT * 3, 0, 1), True),  # or 1
        (UNIT * 0.9, False),
        (np.clip(UNIT * 3 - 1, 0, 1), False),
        (np.round(UNIT), False),
        (UNIT * 40, False),
    ],
)
def test_depth_that_is_scaled_frame_by_frame(depth: np.ndarray, *, is_unit: bool) -> None:
    for key, name in (("shot/sh.1001.exr", "Z"), ("shot/sh_depth.1001.exr", "R")):
        assert pixels_of(flat(**{name: depth}), key).unit_channels == ({name} if is_unit else set())


METRES = (2.0, 5.0, 6.0, 1e10)


@pytest.mark.parametrize(
    ("extents", "odd", "luminance", "is_found"),
    [
        ((0.2, 0.5, 0.6, 1.0), {5, 6, 7, 8}, 0.5, True),
        ((0.0, 0.0, 1.0, 1.0), {9, 10}, 0.5, True),
        ((0.0, 0.0, 1.0, 1.0), {5}, 0.9, True),
        ((0.0, 0.0, 0.9, 0.95), {5, 6}, 0.5, True),  # inverted
        ((0.0, 0.0, 0.9, 0.95), {5, 6}, 0.0, True),
        ((0.2, 0.5, 0.6, 0.9), {5, 6}, 0.9, False),
        ((200.0, 500.0, 600.0, 1e10), {5, 6}, 0.5, True),
        ((200.0, 500.0, 600.0, 1e10), {5, 6}, 0.9, False),  # a shot between others
        ((0.2, 5.0, 6.0, 1e10), {5, 6}, 0.5, False),  # an object passes near the camera
        ((0.2, 0.5, 3.0, 9.0), {5, 6}, 0.5, False),
        ((0.1, 0.9, 1.0, 9.0), {5, 6}, 0.5, False),
        ((2.0, 5.0, 6.0, 50.0), {5, 6}, 0.5, False),  # no background
        ((0.0, 0.0, 0.0, 0.0), {5, 6}, 0.5, False),  # SEQ-LAYER-BLACK reports it
    ],
)
def test_frames_with_another_scale_of_depth(
    extents: tuple[float, ...], odd: set[int], luminance: float, *, is_found: bool
) -> None:
    given = [
        frame(n, pixels=seen(luminance if n in odd else 0.5, extents={"Z": extents if n in odd else METRES}))
        for n in range(1, 11)
    ]
    found = [(f.severity, {*f.frames}) for f in reported("SEQ-DEPTH-SCALE", given)]
    assert found == [(Severity.WARNING, odd)] * is_found


def test_extents_of_depth_and_motion() -> None:
    depth, motion = (UNIT.astype(np.float32) * scale for scale in (-40, 3))
    pixels = pixels_of(flat(R=UNIT, Z=depth, velocity_x=motion))
    assert pixels.extents == {"Z": pytest.approx((30, 20, 10, 40), rel=0.01), "velocity.x": (3.0,)}
    assert [*pixels.other_deviations.values()] == pytest.approx([np.std(depth), np.std(motion)])


@pytest.mark.parametrize(
    ("x", "y", "is_unit"),
    [
        (UNIT, UNIT / 2 - 0.1, True),
        (UNIT / 3, 1 - 2 * UNIT, True),
        (UNIT, UNIT * 1.2, False),  # longer
        (UNIT / 2, np.round(UNIT), False),  # a mask
        (UNIT * 0.9, UNIT / 2, False),
    ],
)
def test_motion_that_is_scaled_frame_by_frame(x: np.ndarray, y: np.ndarray, *, is_unit: bool) -> None:
    pixels = pixels_of(flat(R=x, G=y, B=0 * x), "shot/sh_motion_vectors.1001.exr")
    assert pixels.unit_channels == (frozenset("RG") if is_unit else frozenset())


def test_channels_of_another_scale_in_the_same_frames_are_one_finding() -> None:
    far = {"fog.Z": (3.0, 4.0, 5.0, 10.0)}
    usual, odd = {**far, "Z": METRES, "zed.Z": METRES}, {**far, **dict.fromkeys(("Z", "zed.Z"), (0.2, 0.5, 0.6, 1.0))}
    given = [frame(n, pixels=seen(0.5 + n / 100, extents=odd if n in {5, 6} else usual)) for n in range(1, 11)]
    (found,) = reported("SEQ-DEPTH-SCALE", given)
    assert (tuple(found.frames), found.found, found.expected) == ((5, 6), "up to 1", "up to 1e+10")


@pytest.mark.parametrize(("others", "is_found"), [(frozenset({"Z"}), True), (frozenset(), False)])
def test_depth_of_one_scale_reaches_its_ends_in_few_frames(others: frozenset[str], *, is_found: bool) -> None:
    given = [frame(n, pixels=seen(unit_channels=frozenset({"Z"}) if n == 3 else others)) for n in range(1, 6)]
    assert [(f.code, f.severity) for f in judged(given)] == [("SEQ-DEPTH-SCALE", Severity.INFO)] * is_found
    still = [frame(n, pixel_hash="h", pixels=seen(unit_channels=others)) for n in range(1, 6)]
    assert not reported("SEQ-DEPTH-SCALE", still)


def test_a_seam_in_all_frames_is_one_finding() -> None:
    seams = (Seam(True, 960, "R", 1.2), Seam(False, 540, "G", 0.9))
    given = [frame(n, pixels=seen(lines=ColourLines(seams[: 1 + n % 2]))) for n in range(1, 7)]
    found = {tuple(f.frames): (f.found, f.severity) for f in reported("SEQ-SEAM", given)}
    assert found == {(1, 2, 3, 4, 5, 6): ("column 960", Severity.INFO), (1, 3, 5): ("row 540", Severity.INFO)}


@pytest.mark.parametrize(
    ("combed", "severity"),
    [
        ({3, 4, 8, 9, 13}, Severity.WARNING),
        ({5, 6, 10, 11}, Severity.WARNING),
        ({3, 8}, Severity.INFO),
        ({3, 5, 8}, Severity.INFO),
        ({*range(1, 16)}, Severity.INFO),
    ],
)
def test_fields_in_the_cadence_of_pulldown_are_a_warning(combed: set[int], severity: Severity) -> None:
    given = [frame(n, pixels=seen(lines=ColourLines(row_steps=2.0 * (n in combed)))) for n in range(1, 16)]
    assert [({*f.frames}, f.severity) for f in judged(given) if f.code == "SEQ-FIELDS"] == [(combed, severity)]


def test_pulldown_is_recognised_beside_a_missing_frame() -> None:
    numbers = [n for n in range(1, 31) if n != 10]
    given = [frame(n, pixels=seen(lines=ColourLines(row_steps=2.0 * (n % 5 in {3, 4})))) for n in numbers]
    assert [f.severity for f in judged(given) if f.code == "SEQ-FIELDS"] == [Severity.WARNING]


def test_stripes_in_every_fifth_frame_of_a_render_are_no_pulldown() -> None:
    given = [frame(n, pixels=seen(lines=ColourLines(row_steps=2.0))) for n in range(1000, 1060, 5)]
    assert [f.severity for f in judged(given) if f.code == "SEQ-FIELDS"] == [Severity.INFO]


@pytest.mark.parametrize(
    ("sharp", "factor", "is_found"),
    [({1, 9, 17}, 1.04, True), ({1, 9, 17}, 1.02, False), ({1, 9}, 1.04, False), ({2, 10, 18}, 1.04, False)],
)
def test_stronger_edges_at_the_start_of_each_part_of_a_job(sharp: set[int], factor: float, *, is_found: bool) -> None:
    given = [
        frame(n, pixels=seen(lines=ColourLines((), IMAGE.tobytes(), edges=0.1 * (factor if n in sharp else 1))))
        for n in range(1, 25)
    ]
    assert [{*f.frames} for f in judged(given) if f.code == "SEQ-AREA"] == [sharp] * is_found


IMAGE = np.random.default_rng(3).random((16, 16), dtype=np.float32)


@pytest.mark.parametrize(
    ("turn", "words"),
    [(np.flipud, "upside down"), (np.fliplr, "mirrored"), (lambda image: image[::-1, ::-1], "180 degrees")],
)
@pytest.mark.parametrize(("odd", "found"), [({4, 5}, (4, 5)), ({3, 8}, (3, 8)), ({6, 7, 8, 9, 10}, ())])
def test_frames_that_are_turned(turn: Any, words: str, odd: set[int], found: tuple[int, ...]) -> None:
    light = np.linspace(0.9, 1.1, 11, dtype=np.float32)
    given = [frame(n, pixels=seen(shows=light[n] * (turn(IMAGE) if n in odd else IMAGE))) for n in range(1, 11)]
    seams = reported("SEQ-MIRROR", given)
    assert [tuple(f.frames) for f in seams] == [found] * bool(found)
    severity = Severity.INFO if (words, odd) == ("mirrored", {3, 8}) else Severity.WARNING  # two lights that take turns
    assert all(words in f.message and f.severity is severity for f in seams)


def test_lights_that_change_places_are_info() -> None:
    left = (IMAGE + IMAGE[:, ::-1]) / 20
    left[4:12, 1:5] += 3
    given = [frame(n, pixels=seen(shows=left[:, ::-1] if n in {4, 5} else left)) for n in range(1, 11)]
    assert [f.severity for f in reported("SEQ-MIRROR", given)] == [Severity.INFO]


def test_another_image_for_a_while_is_not_turned() -> None:
    other = np.random.default_rng(4).random((16, 16), dtype=np.float32)
    even = (IMAGE + IMAGE[::-1]) / 2
    for one, two in ((IMAGE, other), (even, even[::-1])):
        given = [frame(n, pixels=seen(shows=two if n in {4, 5} else one)) for n in range(1, 11)]
        assert not reported("SEQ-MIRROR", given)


@pytest.mark.parametrize(
    ("odd", "of_host", "is_named"),
    [
        ({5}, {5}, True),
        ({5, 6}, {5, 6}, True),
        ({5}, {5, 9}, False),  # it rendered another frame well
        ({5, 9}, {5}, False),
    ],
)
def test_a_computer_that_rendered_just_the_frames_of_a_finding(
    odd: set[int], of_host: set[int], *, is_named: bool
) -> None:
    def host(number: int) -> str:
        return "z" if number in of_host else "ab"[number % 2]

    flashes = [frame(n, host=host(n), pixels=seen(2.5 if n in odd else 0.5)) for n in range(1, 13)]
    errors = [frame(n, host=host(n), error_codes=("PIX-NAN",) if n in odd else ()) for n in range(1, 13)]
    for given in (flashes, errors):
        found = reported("SEQ-HOST", given)
        assert [(each.severity, {*each.frames}) for each in found] == [(Severity.INFO, of_host)] * is_named


def test_frames_of_a_computer_each_name_no_computer() -> None:
    given = [frame(n, host=f"{n}", pixels=seen(2.5 if n == 5 else 0.5)) for n in range(1, 13)]
    assert {each.code for each in judged(given)} == {"SEQ-FLASH"}
