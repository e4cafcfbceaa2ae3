"""What frames were made from: other scenes, shots, settings and products in some frames, and attributes that may change."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import pytest

from exr_inspector.model import Severity
from tests.unit.validation.sequences import frame, judged, reported


def found(given: dict[int, dict[str, str]]) -> set[tuple[str, Severity, tuple[int, ...]]]:
    every: dict[str, Any] = {"embedded_frame": None, "image_counter": None, "time_code": None}
    frames = [frame(n, attributes=attributes, **every) for n, attributes in given.items()]
    return {(each.code, each.severity, tuple(each.frames)) for each in judged(frames)}


def of(name: str, value: Callable[[int], str], count: int = 18) -> set[tuple[str, Severity, tuple[int, ...]]]:
    return found({n: {name: value(n)} for n in range(1001, 1001 + count)})


ISLAND = (1010, 1011, 1012)


@pytest.mark.parametrize(
    ("name", "value", "other", "severity"),
    [
        ("pipeline/scenefile", "/a/sh_light_v015.ma", "/a/sh_light_v014.ma", Severity.WARNING),
        ("maya/scene", "/a/sh.0015.ma", "/a/sh.0014.ma", Severity.WARNING),
        ("hip", "/a/v003/shot.hip", "/a/v004/shot.hip", Severity.WARNING),
        ("scene", "P:\\a\\s_v004.max", "P:\\a\\s_v003.max", Severity.WARNING),
        ("File", "//sh010.blend", "//sh020.blend", Severity.WARNING),
        ("sceneVersion", "15", "14", Severity.WARNING),
        ("publish", "char_hero_v014", "char_hero_v015", Severity.WARNING),
        ("shotName", "sh010", "sh020", Severity.WARNING),
        ("reelName", "A001", "A002", Severity.WARNING),
        ("nuke/input/filename", "/a/pl_v001.####.exr", "/a/pl_v002.####.exr", Severity.WARNING),
        ("nuke/input/filename", "/a/pl.####.exr", "/a/bg.####.exr", Severity.INFO),
        ("cycles.ViewLayer.samples", "512", "16", Severity.WARNING),
        ("renderman/spp", "512", "1024", Severity.INFO),
        ("Camera", "shotcam", "persp", Severity.INFO),
        ("scene", "/tmp/h1/s_v004.hip", "/tmp/h2/s_v004.hip", None),  # another folder of a machine
        ("hostname", "rn_v2", "rn_v3", None),
        ("arnold/stats/samples", "100", "10", None),
        ("anything", "a", "b", None),
    ],
)
def test_an_attribute_with_another_value_in_some_frames(
    name: str, value: str, other: str, severity: Severity | None
) -> None:
    expected = {("SEQ-SOURCE", severity, ISLAND)} if severity is not None else set()
    assert of(name, lambda n: (other if n in ISLAND else value).replace("####", f"{n + 85399}")) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shot", lambda n: "sh010" if n < 1010 else "sh020"),  # an edit
        ("reelName", lambda n: "A001" if n < 1012 else "A004" if n < 1014 else "B001"),
        ("reelName", lambda n: "A004" if 1004 <= n < 1006 else "B001" if 1006 <= n < 1012 else "A001"),
        ("shot", lambda n: f"sh{n // 4}"),
        ("samples", lambda n: f"{n * 7 % 13}"),  # adaptive
        ("arnold/ass", lambda n: f"/a/sh_v004.{n}.ass"),
    ],
)
def test_attributes_that_change_from_frame_to_frame_or_from_shot_to_shot(
    name: str, value: Callable[[int], str]
) -> None:
    assert of(name, value) == set()


@pytest.mark.parametrize(
    ("value", "odd"),
    [
        (lambda n: "sh010" if n < 1017 else "sh020", (1017, 1018)),  # too short for a shot
        (lambda n: f"sh_v00{1 + (n >= 1009)}.ma", (*range(1001, 1009),)),  # two versions of one scene
    ],
)
def test_a_part_at_an_end_from_another_source(value: Callable[[int], str], odd: tuple[int, ...]) -> None:
    assert of("scene", value) == {("SEQ-SOURCE", Severity.WARNING, odd)}


def test_attributes_that_differ_in_the_same_frames_are_one_finding() -> None:
    given = {n: {"shot": f"{n == 1005}", "scene": f"{n == 1005}.ma"} for n in range(1001, 1011)}
    assert found(given) == {("SEQ-SOURCE", Severity.WARNING, (1005,))}


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        (lambda n: f"Maya 2024.2, MtoA 5.4.0, Arnold 7.{2 + (n in ISLAND)}.1.0", ISLAND),
        (lambda n: f"Houdini 20.5.410 / Karma 1.2.{n in ISLAND:d}", ISLAND),
        (lambda n: f"Cinema 4D 2025.3 (Redshift 2025.{n in ISLAND:d}.0)", ISLAND),
        (lambda n: f"Maya 2024.2, MtoA 5.4.0 build {n % 3}.1, driver 535.{n % 3}", ()),
        (lambda n: f"Arnold 7.3.0.0 on rn-{n % 4} 10.0.0.{n % 4}, 2026-05-03 10.{n % 5}", ()),
    ],
)
def test_versions_of_all_products_in_a_list(text: Callable[[int], str], odd: Container[int]) -> None:
    assert of("software", text) == ({("SEQ-METADATA", Severity.WARNING, odd)} if odd else set())


def test_half_of_the_frames_do_not_tell_which_source_is_right() -> None:
    assert of("nuke/input/filename", lambda n: f"/a/pl_v00{1 + (n < 1010)}.{n}.exr") == set()


def test_what_differs_is_shown_and_not_the_number_of_the_frame() -> None:
    given = [
        frame(n, attributes={"nuke/input/filename": f"/srv/v00{1 + (n == 5)}/pl.{n:04}.exr"}, embedded_frame=None)
        for n in range(1, 11)
    ]
    (finding,) = reported("SEQ-SOURCE", given)
    assert (finding.found, finding.expected) == ("/srv/v002/pl.0005.exr", "/srv/v001/pl.0001.exr")
