"""Versions and spellings in the names of sequences are compared with each other and with their folders."""

from __future__ import annotations

import doctest
from collections.abc import Iterable

import pytest

from exr_inspector.delivery import versions
from exr_inspector.model import Finding
from tests.unit.delivery.sequences import checked_sequences, numbered, summary


def findings(names: Iterable[str]) -> dict[str, list[Finding]]:
    return {each.pattern: [*each.findings] for each in checked_sequences(map(summary, names))}


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        (("comp/v003/a_comp_v002",), "v003"),
        (("comp/v003/exr/a_comp_v002",), "v003"),
        (("v003/beauty/a_beauty_v002", "v003/depth/a_depth_v002"), "v003"),
        (("comp_v003/a_comp_v002",), "comp_v003"),
        (("a_comp_v3/a_comp_N_v002",), "a_comp_v3"),
        (("V03/a_V2",), "V03"),
        (("version_4/a_v003",), "version_4"),
        (("v003/a_comp_v002", "v003/lens"), "v003"),
        (("v003/a_comp_v003",), ""),
        (("v3/a_comp_v003",), ""),
        (("a_v002/plate_v001",), ""),  # versions of two things
        (("a_v002/a_plate_v001",), ""),
        (("v003/a_comp_v002", "v003/b_comp_v003"), ""),
        (("v003/a_fg_v001", "v003/a_bg_v002"), ""),  # each with a version of its own
        (("v003/a_v003_plate_v001",), ""),
        (("v003/exr/2k/a_v002",), ""),
        (("rev003/a_v002",), ""),
        (("houdini_v19/a_v002",), ""),
        (("v003/a",), ""),
    ],
)
def test_files_in_the_folder_of_another_version(names: tuple[str, ...], folder: str) -> None:
    found = findings(path for name in names for path in numbered(f"{name}.{{}}.exr", 1001, 1004))
    stale = [each for every in found.values() for each in every if each.code == "SEQ-STALE-FRAME"]
    assert {each.expected for each in stale} == {folder} - {""}
    assert len(stale) == sum("_v" in name.lower().rpartition("/")[2] for name in names) * bool(folder)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("A.{}", 46992, 46999), ("A_{}", 47000, 47008)),
        (("beauty.{}", 1001, 1010), ("Beauty.{}", 1011, 1020)),
        (("a-b.{}", 1001, 1010), ("a_b.{}", 1011, 1013)),
        (("a_{}", 1001, 1010), ("a{}", 1012, 1020)),
    ],
)
def test_a_sequence_that_goes_on_in_another_spelling(one: tuple[str, int, int], other: tuple[str, int, int]) -> None:
    names = [path for form, first, last in (one, other) for path in numbered(f"x/{form}.exr", first, last)]
    found = findings(names)
    assert [[each.code for each in every] for every in found.values()] == [["SEQ-MISSING"], ["SEQ-MISSING"]]
    assert {each.found for every in found.values() for each in every} == {
        f"{first}-{last}" for _, first, last in (one, other)
    }
    assert all("Another spelling of this name" in each.message for every in found.values() for each in every)


@pytest.mark.parametrize(
    ("forms", "what"),
    [
        (("x-{}", "x_{}"), "spelling of this name"),
        (("x_v001.{}", "x_v002.{}"), "version"),
        (("x_V001.{}", "x_v001.{}"), "spelling of this name"),
    ],
)
def test_frames_under_another_name_are_not_rendered_again(forms: tuple[str, str], what: str) -> None:
    frames = dict(zip(forms, [(1001, 1002, 1003, 1007, 1009), (1004, 1005, 1006)], strict=True))
    names = [f"{form.format(number)}.exr" for form, numbers in frames.items() for number in numbers]
    one, _ = checked_sequences(map(summary, names))
    assert (one.missing.text, one.rerender.text) == ("1004-1006,1008", "1008")
    assert [each.message.partition(", ")[0] for each in one.findings if not each.frames] == [f"Another {what}"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a.{}", 1001, 1010), ("A.{}", 1001, 1010)),  # the same frames twice
        (("a.{}", 1001, 1010), ("A.{}", 2001, 2010)),
        (("a.{}", 1001, 1010), ("b.{}", 1011, 1020)),
        (("x/a.{}", 1001, 1010), ("y/A.{}", 1011, 1020)),
        (("a1.{}", 1001, 1010), ("a_1.{}", 1011, 1020)),
    ],
)
def test_names_that_are_no_spellings_of_one(one: tuple[str, int, int], other: tuple[str, int, int]) -> None:
    names = [path for form, first, last in (one, other) for path in numbered(f"{form}.exr", first, last)]
    assert all(not every for every in findings(names).values())


def test_frames_of_another_version_in_the_folder_of_one_that_lacks_them() -> None:
    older = [*numbered("c/v002/x_v002.{}.exr", 1001, 1008), *numbered("c/v003/x_v002.{}.exr", 1004, 1005)]
    newer = [*numbered("c/v003/x_v003.{}.exr", 1001, 1003), *numbered("c/v003/x_v003.{}.exr", 1006, 1008)]
    found = findings([*older, *newer])
    said = {
        pattern: [each.message for each in every if "Another version" in each.message]
        for pattern, every in found.items()
    }
    assert {pattern for pattern, every in said.items() if every} == {"c/v003/x_v002.####.exr", "c/v003/x_v003.####.exr"}


@pytest.mark.parametrize(("picture", "rerender"), [("old", "1004-1006"), ("new", "")])
def test_frames_that_are_copies_of_another_version_are_rendered_again(picture: str, rerender: str) -> None:
    places = [("c/v002/x_v002", 1001, 1009, "old"), ("c/v003/x_v002", 1004, 1006, picture)]
    places += [("c/v003/x_v003", 1001, 1003, "new"), ("c/v003/x_v003", 1007, 1009, "new")]
    files = [
        summary(path, pixel_hash=f"{kind}{number}")
        for name, first, last, kind in places
        for number, path in enumerate(numbered(f"{name}.{{}}.exr", first, last), first)
    ]
    found = {each.pattern: each.rerender.text for each in checked_sequences(files)}
    assert found["c/v003/x_v003.####.exr"] == rerender


def test_the_example_in_the_docstring_is_true() -> None:
    assert doctest.testmod(versions).failed == 0
