"""Sequence rules on the images of all views that a file holds: multi-part files, and single parts with `multiView`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from exr_inspector.catalog.read.frames import frame_of_row
from exr_inspector.catalog.rows.plain import file_rows
from exr_inspector.model import Severity
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.frames import FrameView
from exr_inspector.validation.inspected_frames import frame_of_inspection
from tests.support.exrbytes import FLOAT, Channel, Part, a_string, a_stringvector, build
from tests.unit.validation.judging import inspect
from tests.unit.validation.sequences import Image, frame, frame_of, judged, reported, seen, small, stored

SIZE = 64
WINDOW = (0, 0, SIZE - 1, SIZE - 1)
Write = Callable[[Image, Image], bytes]


def picture(number: int, shift: int) -> Image:
    """A textured image that moves by a pixel a frame, and is further to the left in the other eye."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.0
    noise = np.random.default_rng(number + 100 * shift).normal(0, 0.002, (SIZE, SIZE))
    return 0.5 + 0.2 * np.sin((x + number + shift) / 7) + 0.1 * np.cos((y + x + shift) / 11) + noise


def in_parts(left: Image, right: Image) -> bytes:
    channels = [Channel(name, FLOAT) for name in "BGR"]
    eyes = {"left": dict.fromkeys("BGR", left), "right": dict.fromkeys("BGR", right)}
    return build(
        [
            Part(name=n, channels=channels, pixels=p, data_window=WINDOW, extra=[a_string("view", n)])
            for n, p in eyes.items()
        ]
    )


def in_one_part(left: Image, right: Image) -> bytes:
    pixels = dict.fromkeys("BGR", left) | dict.fromkeys(("right.B", "right.G", "right.R"), right)
    channels = [Channel(name, FLOAT) for name in pixels]
    views = a_stringvector("multiView", ("left", "right"))
    return build([Part(channels=channels, pixels=pixels, data_window=WINDOW, extra=[views])])


def stereo(write: Write, *, swapped: tuple[int, ...] = (), seventh: Image | None = None) -> list[FrameSummary]:
    """Twelve frames of a stereo image, some with exchanged views, the seventh with another image of the right view."""
    found = []
    for number in range(1, 13):
        eyes = [picture(number, 0), picture(number, 6)]
        if number == 7 and seventh is not None:
            eyes[1] = seventh
        data = write(*reversed(eyes)) if number in swapped else write(*eyes)
        found.append(frame_of(data, f"shot/sh.{1000 + number}.exr"))
    return found


BLACK_AREA = picture(7, 6)
BLACK_AREA[:, :32] = 0
FAULTS = {
    "SEQ-BUCKET": BLACK_AREA,
    "SEQ-FLASH": 1.4 * picture(7, 6),
}


@pytest.mark.parametrize("write", [in_parts, in_one_part])
@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_of_the_other_view_is_found(code: str, write: Write) -> None:
    found = [each for each in judged(stereo(write, seventh=FAULTS[code])) if each.code == code]
    assert [(each.message.partition(":")[0], tuple(each.frames)) for each in found] == [("View right", (1007,))]


def test_a_view_that_repeats_a_frame_is_found_by_hashes_of_its_part_or_by_its_image() -> None:
    hashes = [FrameView(seen(), "the same" if number in {6, 7} else str(number)) for number in range(1, 13)]
    of_parts = [frame(n, pixels=seen(), other_views={"right": view}) for n, view in enumerate(hashes, 1)]
    for given in (of_parts, stereo(in_one_part, seventh=picture(6, 6))):
        (found,) = reported("SEQ-DUP", given)
        assert found.message.startswith("View right: Frame ")
        assert [number % 1000 for number in found.frames] == [7]


@pytest.mark.parametrize("write", [in_parts, in_one_part])
def test_views_that_change_places(write: Write) -> None:
    (found,) = reported("SEQ-VIEWS", stereo(write, swapped=(5, 6)))
    assert (found.severity, tuple(found.frames)) == (Severity.WARNING, (1005, 1006))
    assert not reported("SEQ-VIEWS", stereo(write))


def test_views_that_move_further_than_they_are_apart_are_not_compared() -> None:
    every = stereo(in_parts, swapped=(5, 6))
    assert not reported("SEQ-VIEWS", [replace(each, frame=1000 + number * 7 % 12) for number, each in enumerate(every)])


def test_a_fault_of_all_views_is_one_finding() -> None:
    images = [seen(1.5 if number == 5 else 1.0) for number in range(1, 11)]
    (found,) = judged([frame(n, pixels=i, other_views={"right": FrameView(i)}) for n, i in enumerate(images, 1)])
    assert (found.code, found.message.partition(":")[0]) == ("SEQ-FLASH", "Frame 5")


@pytest.mark.parametrize("write", [in_parts, in_one_part])
def test_rows_have_the_images_of_all_views_too(write: Write) -> None:
    inspection = inspect(write(picture(1, 0), picture(1, 6)), stats=True)
    known = frame_of_inspection(inspection)
    by_rows = frame_of_row(stored(inspection), file_rows(inspection)["parts"], (), inspection.pixels.channels)
    view = known.other_views["right"].pixels
    assert view.small.any()
    assert view.means == {name: pytest.approx(picture(1, 6).mean(), rel=1e-5) for name in "BGR"}
    assert by_rows.views == known.views == "left, right"
    assert by_rows.other_views["right"].pixels == replace(view, zeros=None, lines=None)


def test_the_size_of_a_file_says_nothing_of_one_view() -> None:
    given = [
        frame(n, size_bytes=600_000 if n == 6 else 1_000_000, pixels=seen(0.5, deviation=0.3 if n != 6 else 0.2))
        for n in range(1, 13)
    ]
    right = [seen(0.4, deviation=0.29 if n == 6 else 0.3) for n in range(1, 13)]
    views = [replace(each, other_views={"right": FrameView(image)}) for each, image in zip(given, right, strict=True)]
    assert [f.message.partition(":")[0] for f in reported("SEQ-SOFT", views)] == ["Frame 6"]


def test_frames_without_the_view_are_left_out() -> None:
    views = {"right": FrameView(seen(shows=small()))}
    given = [frame(n, pixels=seen(shows=small()), other_views=views if n % 2 else {}) for n in range(1, 9)]
    assert not judged(given)


def test_of_many_views_that_come_and_go_the_most_frequent_ones_are_compared() -> None:
    dark, lit = (FrameView(seen(level)) for level in (0.5, 0.9))
    given = [
        frame(n, pixels=seen(), other_views={f"a{n}": dark, "right": lit if n == 6 else dark}) for n in range(1, 61)
    ]
    assert [f.message.partition(":")[0] for f in judged(given)] == ["View right"]


def test_views_without_colour_and_views_without_a_name_have_no_image() -> None:
    pixels = dict.fromkeys(("R", "right.Z", ".R"), np.ones((4, 4)))
    extra = [a_stringvector("multiView", ("left", "right", ""))]
    data = build([Part(channels=[Channel(n) for n in pixels], pixels=pixels, data_window=(0, 0, 3, 3), extra=extra)])
    assert frame_of(data).other_views == {}
