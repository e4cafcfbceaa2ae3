"""Views and AOVs of one image must have the same frames, in one folder and in folders of their own."""

from __future__ import annotations

import doctest
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest
import yaml

from exr_inspector.delivery import siblings, strays
from exr_inspector.delivery.copies import with_copies
from exr_inspector.delivery.naming import recognise
from exr_inspector.delivery.sequences import CheckedSequence, check_frames, check_sequence
from exr_inspector.delivery.siblings import siblings_of
from exr_inspector.model import ColourLines, Finding, Severity
from exr_inspector.validation import FrameSummary, load_policy
from exr_inspector.validation.facts.roles import layer_of_file
from exr_inspector.validation.facts.sequences import NO_SIBLINGS
from exr_inspector.validation.facts.timecodes import clock_at
from exr_inspector.validation.frames import FramePixels
from tests.unit.delivery.sequences import DEFAULT, checked_sequences, numbered, summary


def checked(
    names: Iterable[str], size: tuple[int, int] | None = None, **parameters: object
) -> dict[str, CheckedSequence]:
    policy = load_policy(yaml.safe_dump({"name": "x", "parameters": parameters}), origin="x")
    files = [summary(name, display_window=size) for name in names]
    return {each.pattern: each for each in checked_sequences(files, policy)}


@pytest.mark.parametrize(
    ("one", "other", "odd", "candidates"),
    [
        ("left", "right", "r", 1), ("left", "right", "l", 0), ("beauty", "specular", "spec", 1), ("beauty", "specular", "N", 0),
    ],
)  # fmt: skip
def test_a_frame_under_another_name_is_a_candidate(one: str, other: str, odd: str, candidates: int) -> None:
    names = [f"sh_{each}.{n}.exr" for each in (one, other) for n in range(1001, 1006)]
    found = checked(name if name != f"sh_{other}.1003.exr" else f"sh_{odd}.1003.exr" for name in names)
    gaps = [each.message for sequence in found.values() for each in sequence.findings if each.code == "SEQ-MISSING"]
    assert [message.count(f"sh_{odd}.####.exr") for message in gaps] == [candidates]


@pytest.mark.parametrize(
    ("count", "range_of_policy", "fuller"), [(8, {}, 40), (15, {}, 40), (8, {"frame_range": [1, 8]}, 0)]
)
def test_an_aov_of_few_frames_names_the_frames_of_the_fuller_one(
    count: int, range_of_policy: dict[str, list[int]], fuller: int
) -> None:
    names = [f"b_{aov}.{n:04}.exr" for aov, last in (("beauty", 40), ("N", count)) for n in range(1, last + 1)]
    found = checked(names, **range_of_policy)
    assert [each.fuller_count for each in found.values()] == [fuller, 0]
    assert found["b_N.####.exr"].fuller == "b_beauty.####.exr" * bool(fuller)


@pytest.mark.parametrize(("form", "one", "other"), [("b.{}.{}.exr", "left", "right"), ("{}/b_{}.exr", "L", "R")])
def test_a_frame_that_one_view_lacks_is_missing(form: str, one: str, other: str) -> None:
    names = [form.format(view, n) for view, last in ((one, 1006), (other, 1005)) for n in range(1001, last + 1)]
    found = checked(names)
    assert [(each.missing.text, each.rerender.text) for each in found.values()] == [("", ""), ("1006", "1006")]
    assert [finding.code for each in found.values() for finding in each.findings if each.missing] == ["SEQ-MISSING"]


def test_views_keep_their_step_and_the_range_of_the_policy() -> None:
    names = [f"b.left.{n}.exr" for n in range(1001, 1012, 2)] + [f"b.right.{n}.exr" for n in range(1001, 1010, 2)]
    assert [each.missing.text for each in checked(names).values()] == ["", "1011"]
    assert [each.missing.text for each in checked(names, frame_range=[1001, 1002]).values()] == ["1002", "1002"]


@pytest.mark.parametrize(
    ("form", "one", "other"),
    [
        ("sh010_{}_v003.{}.exr", "beauty", "depth"),
        ("{}.{}.exr", "rgba", "N"),
        ("sh010/{}/sh010_{}.exr", "beauty", "diffuse_direct"),
        ("sh010_{}.{}.exr", "specular", "crypto_object"),
        ("{}.{}.exr", "beauty", "beauty_key"),
        ("sh010{}.{}.exr", "", ".VRayCryptomatte"),
        ("sh010{}_v003.{}.exr", "", "_depth"),
    ],
)
def test_a_frame_that_one_aov_lacks_is_missing(form: str, one: str, other: str) -> None:
    names = [form.format(aov, n) for aov, first in ((one, 1001), (other, 1003)) for n in range(first, 1011)]
    found = sorted(checked(names).values(), key=lambda each: len(each.missing))
    assert [(each.missing.text, each.rerender.text) for each in found] == [("", ""), ("1001-1002", "1001-1002")]
    (gap,) = [each for each in found[1].findings if each.code == "SEQ-MISSING"]
    assert one in gap.message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sh010_beauty_v003", "sh010_depth_v002"),  # another version
        ("sh010_beauty", "sh020_depth"),  # another shot
        ("sh010_v003", "sh010_lighting_v003"),  # a department
        ("sh010_smoke", "sh010_dust"),  # elements need not be in all frames
        ("plateA", "plateB"),
        ("beauty/sh010", "beauty/sh020"),
        ("spectre_comp", "special_comp"),  # no words
        ("p_comp", "n_comp"),
    ],
)
def test_sequences_that_are_no_aovs_of_one_image(one: str, other: str) -> None:
    names = [f"{name}.{n}.exr" for name, last in ((one, 1010), (other, 1006)) for n in range(1001, last)]
    assert all(not each.missing for each in checked(names).values())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (numbered("sh010.{}.exr", 1001, 1020), ["sh010_uv.1001.exr"]),  # a lens map
        (numbered("sh010.{}.exr", 1001, 1003), numbered("sh010_uv.{}.exr", 1001, 1002)),
        (numbered("take_P.{}.exr", 1001, 1010), numbered("take_N.{}.exr", 2001, 2010)),
        (numbered("take_P.{}.exr", 1001, 1010), numbered("take_N.{}.exr", 1008, 1017)),
        (numbered("sh010_P/a.{}.exr", 1001, 1010), numbered("sh010_Z/a.{}.exr", 1006, 1015)),
    ],
)
def test_sequences_that_share_few_frames_are_not_compared(one: list[str], other: list[str]) -> None:
    assert [each.findings for each in checked([*one, *other]).values()] == [(), ()]


@pytest.mark.parametrize(
    ("form", "last", "severity"), [("{}_depth", 1009, 2), ("{}_depth", 1005, 1), ("{}.right", 1009, 2)]
)
def test_a_view_or_aov_of_few_frames_may_be_meant(form: str, last: int, severity: int) -> None:
    one, other = "sh010.left" if "right" in form else "sh010", form.format("sh010")
    whole, part = checked([*numbered(one + ".{}.exr", 1001, 1020), *numbered(other + ".{}.exr", 1001, last)]).values()
    whole, part = sorted((whole, part), key=lambda each: len(each.findings))
    assert (whole.findings, part.missing.text, part.rerender.text) == ((), "", "")
    (finding,) = part.findings
    assert (finding.code, finding.severity, finding.found) == ("SEQ-MISSING", severity, f"1001-{last}")
    assert "of the 20 frames" in finding.message
    assert f"{one}.####.exr" in finding.message


@pytest.mark.parametrize(
    ("aov", "count", "is_found"), [("crypto_object", 1, True), ("uv", 1, False), ("depth", 2, False)]
)
def test_an_aov_of_which_every_frame_was_written_to_one_name(aov: str, count: int, *, is_found: bool) -> None:
    beauty = numbered("a_beauty.{}.exr", 1001, 1010)
    found = checked([*beauty, *numbered(f"a_{aov}.{{}}.exr", 1001, 1000 + count)])[f"a_{aov}.####.exr"].findings
    assert [(each.code, each.severity) for each in found] == [("SEQ-MISSING", Severity.WARNING)] * is_found


@pytest.mark.parametrize(
    ("one", "other", "last", "is_found"),
    [
        ("clip_obj1", "clip_obj2", 1013, True),
        ("matte/mask_01", "matte/mask_02", 1009, True),
        ("sh_matte_hero_v002", "sh_matte_car_v002", 1015, True),
        ("sh_hero_roto", "sh_car_roto", 1010, True),
        ("objA", "objB", 1012, True),
        ("sh_char01_matte", "sh_char02_matte", 1012, True),
        ("sh_mask_char1_v002", "sh_mask_char2_v002", 1012, True),
        ("sq01_sh02_matte", "sq01_sh03_matte", 1012, False),
        ("sh_matte_v2", "sh_matte_v3", 1012, False),
        ("obj1/clip", "obj2/clip", 1012, True),
        ("clip_obj1", "clip_obj2", 1008, False),  # half: an object that comes into the image
        ("clip_obj1", "clip_obj2", 1016, False),
        ("matte_sh010", "matte_sh020", 1013, False),
        ("sh01_matte", "sh02_matte", 1013, False),
        ("forest_mask", "river_mask", 1013, False),  # perhaps two clips
        ("clip1_obj1", "clip2_obj2", 1013, False),
        ("clip", "clip_obj2", 1013, False),  # a plate with handles
        ("clip_smoke", "clip_dust", 1013, False),
    ],
)
def test_a_matte_that_lacks_frames_of_another_object(one: str, other: str, last: int, *, is_found: bool) -> None:
    found = checked([*numbered(f"{one}.{{}}.exr", 1001, 1016), *numbered(f"{other}.{{}}.exr", 1001, last)])
    whole, part = found[f"{one}.####.exr"], found[f"{other}.####.exr"]
    assert (whole.findings, part.missing.text, part.rerender.text) == ((), "", "")
    warned = [each for each in part.findings if each.severity > Severity.INFO]  # a part of an older version is info
    assert [(each.severity, each.expected) for each in warned] == [(Severity.WARNING, "1001-1016")] * is_found


@pytest.mark.parametrize("is_leaving", [False, True])
def test_a_matte_that_ends_where_its_object_leaves(*, is_leaving: bool) -> None:
    def matte(name: str, n: int, last: int) -> FrameSummary:
        area = (last - n) / 10 if is_leaving else 0.4
        pixels = FramePixels(None, None, None, False, 0, None, coverage=area)
        return summary(f"{name}.{n}.exr", pixels=pixels)

    files = [matte(name, n, last) for name, last in (("a_obj1", 1016), ("a_obj2", 1012)) for n in range(1001, last + 1)]
    _, part = checked_sequences(files)
    assert len(part.findings) == (not is_leaving)


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ({"sh_beauty": (960, 540), "sh_N": (480, 270)}, {"sh_N": 2}),
        ({"sh": (960, 540), "sh_N": (480, 270), "sh_Z": (480, 270)}, {"sh_N": 2, "sh_Z": 2}),
        ({"left/sh": (960, 540), "right/sh": (960, 540)}, {}),
        ({"left/sh": (960, 540), "right/sh": (1024, 540)}, {"right/sh": 2}),
        ({"sh": (960, 540), "sh_uv": (1056, 594)}, {}),  # a lens map
        ({"full/sh": (960, 540), "half/sh": (480, 270)}, {}),
        ({"plate/sh_plate": (960, 540), "matte/sh_matte": (1024, 540)}, {"matte/sh_matte": 1}),
        ({"plate/sh_v001": (960, 540), "matte/sh_obj1_v003": (1024, 540)}, {"matte/sh_obj1_v003": 1}),
        ({"plate/sh": (960, 540), "sh_matte": (1024, 540)}, {"sh_matte": 1}),
        ({"a/sh_plate": (960, 540), "a/sh_v2_plate": (480, 270), "a/sh_matte": (1024, 540)}, {"a/sh_matte": 1}),
        ({"sh010_plate": (960, 540), "sh020_matte": (1024, 540)}, {}),
        ({"sh_smoke": (960, 540), "sh_dust": (1024, 540)}, {}),
        ({"body_diffuse": (512, 512), "body_spec": (256, 256)}, {}),  # perhaps UDIM tiles
    ],
)
def test_a_sequence_of_another_size_than_its_image(sizes: dict[str, tuple[int, int]], found: dict[str, int]) -> None:
    files = [
        summary(path, display_window=(0, 0, width - 1, height - 1))
        for name, (width, height) in sizes.items()
        for path in numbered(f"{name}.{{}}.exr", 1001, 1004)
    ]
    said = {
        sequence.pattern.partition(".##")[0]: each.severity
        for sequence in checked_sequences(files)
        for each in sequence.findings
    }
    assert said == found


WHOLE, CROP = (0, 0, 99, 49), (10, 10, 89, 39)


@pytest.mark.parametrize(
    ("windows", "found"),
    [
        ({"sh_beauty": [CROP] * 3, "sh_N": [WHOLE] * 3}, {"sh_N"}),
        ({"sh": [WHOLE] * 3, "sh_N": [CROP] * 3, "sh_Z": [CROP] * 3}, {"sh_N", "sh_Z"}),
        ({"sh": [CROP] * 3, "sh_N": [CROP] * 3}, set()),
        ({"sh": [WHOLE] * 3, "sh_N": [CROP, (11, 10, 90, 39), CROP]}, set()),  # crops that follow the content
        ({"sh": [WHOLE] * 3, "sh_uv": [(-8, -8, 107, 57)] * 3}, set()),  # a lens map
        ({"sh": [WHOLE] * 3, "other": [CROP] * 3}, set()),
    ],
)
def test_aovs_with_another_data_window(windows: dict[str, list[tuple[int, int, int, int]]], found: set[str]) -> None:
    said = {
        pattern.partition(".##")[0]
        for pattern, each in findings_of_windows(windows)
        if "another view or AOV of the image" in each.message and each.severity is Severity.INFO
    }
    assert said == found


def findings_of_windows(windows: dict[str, list[tuple[int, int, int, int]]]) -> Iterator[tuple[str, Finding]]:
    """The findings of sequences of three frames with these data windows."""
    files = [
        summary(path, display_window=WHOLE, data_window=window)
        for name, each in windows.items()
        for path, window in zip(numbered(f"{name}.{{}}.exr", 1001, 1003), each, strict=True)
    ]
    for sequence in checked_sequences(files):
        for finding in sequence.findings:
            yield sequence.pattern, finding


LEFT, RIGHT, LOW_RIGHT = (0, 0, 49, 49), (50, 0, 99, 24), (50, 25, 99, 49)


@pytest.mark.parametrize(
    ("names", "windows", "found"),
    [
        ("r1 r2 r3", [LEFT, RIGHT, LOW_RIGHT], [("r1", Severity.WARNING)]),
        ("r1 r2 r3 z1 z2 z3", [LEFT, RIGHT, LOW_RIGHT] * 2, [("r1", Severity.WARNING), ("z1", Severity.WARNING)]),
        ("r1 r2 r3 a", [LEFT, RIGHT, LOW_RIGHT, WHOLE], [("r1", Severity.INFO)]),
        ("r1_v1 r2_v2 r3_v2", [LEFT, RIGHT, LOW_RIGHT], []),
        ("sky land sea", [LEFT, RIGHT, LOW_RIGHT], []),
        ("r1 r2", [LEFT, RIGHT], []),
        ("r1 r2 r3", [LEFT, RIGHT, (50, 24, 99, 49)], []),
        ("r1 r2 r3", [LEFT, RIGHT, (51, 25, 100, 49)], []),
        ("r1 r2 r3", [LEFT, (50, 0, 99, 48), (50, 0, 99, 0)], []),
        ("r1 r2", [WHOLE, WHOLE], []),
    ],
)
def test_regions_of_an_image_that_were_not_assembled(
    names: str, windows: list[tuple[int, int, int, int]], found: list[tuple[str, Severity]]
) -> None:
    given = {f"sh/{name}": [window] * 3 for name, window in zip(names.split(), windows, strict=True)}
    said = [(p[3:5], each.severity) for p, each in findings_of_windows(given) if each.code == "SEQ-REGIONS"]
    assert said == found
    elsewhere = {f"{number}/{name[3:]}": each for number, (name, each) in enumerate(given.items())}
    assert not [each for _, each in findings_of_windows(elsewhere) if each.code == "SEQ-REGIONS"]


def coloured(name: str, picture: str, means: dict[str, float]) -> FrameSummary:
    number = int(name[-8:-4])
    pixels = FramePixels(0.3, False, False, False, 0, None, means={} if layer_of_file(name, "RGB") else means)
    return FrameSummary(name, "?", number, 4, pixel_hash=f"{picture}{number}", pixels=pixels)


COLOURS = {"R": 0.3, "G": 0.2, "B": 0.1}


@pytest.mark.parametrize(
    ("image", "data", "pictures", "means", "count"),
    [
        ("image_{}", "depth_{}", "aaaaa", COLOURS, 5),
        ("rgb/{}", "depth/{}", "aaaaa", COLOURS, 5),
        ("image_{}", "depth_{}", "aabaa", COLOURS, 0),
        ("image_{}", "depth_{}", "aaaaa", dict.fromkeys("RGB", 0.2), 0),  # depth under another name
        ("image_{}", "take_{}", "aaaaa", COLOURS, 0),
        ("one/a/image_{}", "two/a/depth_{}", "aaaaa", COLOURS, 0),
    ],
)
def test_data_that_hold_the_pixels_of_the_image(
    image: str, data: str, pictures: str, means: dict[str, float], count: int
) -> None:
    numbers = range(1001, 1006)
    files = {f"{image.format(n)}.exr": "a" for n in numbers} | {
        f"{data.format(n)}.exr": picture for n, picture in zip(numbers, pictures, strict=True)
    }
    frames = {name: coloured(name, picture, means) for name, picture in files.items()}
    found = siblings_of([(each, [frames[m.path] for m in each.members]) for each in recognise(frames).sequences])
    assert sum(len(each.copies) for each in found.values()) == count


@pytest.mark.parametrize(
    ("one", "other", "ends"),
    [
        ("comp", "comp.baking02", "995"),
        ("comp_v003", "comp_v003_bg", "995"),
        ("b/comp", "b/comp.baking01", "995"),
        ("comp", "comp_v002", ""),  # a version
        ("comp", "comp_02", ""),
        ("b/comp", "c/comp.baking01", ""),
        ("compA", "compB", ""),
    ],
)
def test_outputs_of_one_script_with_other_first_frames(one: str, other: str, ends: str) -> None:
    found = checked([*numbered(one + ".{:04}.exr", 995, 1010), *numbered(other + ".{:04}.exr", 996, 1010)])
    said = [each for each in found[f"{other}.####.exr"].findings if each.code == "SEQ-MISSING"]
    assert [(each.severity, each.expected) for each in said] == [(Severity.INFO, "995-1010")] * bool(ends)
    assert (found[f"{one}.####.exr"].findings, found[f"{other}.####.exr"].missing.text) == ((), "")


@pytest.mark.parametrize(
    ("image", "matte", "first", "is_found"),
    [
        ("beauty/a_beauty", "matte/a_matte", 1002, True),
        ("plates/a_pl01_v001", "mattes/a_matte_v003", 1002, True),
        ("comp/mattes/a_comp", "comp/mattes/a_matte", 1002, True),
        ("a", "a_mask_hero", 1002, True),
        ("a_beauty", "b_matte", 1002, False),
        ("a_beauty", "a_matte", 1001, False),
        ("a_beauty", "a_matte", 1009, False),  # a plate with handles
        ("matte/a_plate", "matte/a_comp", 1002, False),
    ],
)
def test_a_matte_that_begins_behind_its_image(image: str, matte: str, first: int, *, is_found: bool) -> None:
    files = [*numbered(f"{image}.{{}}.exr", 1001, 1020), *numbered(f"{matte}.{{}}.exr", first, 1020)]
    said = [said for each in checked(files).values() for said in each.findings if "belongs to it" in said.message]
    assert [each.severity for each in said] == [Severity.INFO] * is_found


def test_outputs_are_compared_with_all_outputs_that_have_nearly_the_same_frames() -> None:
    ranges = {"": (1002, 1020), "_bg": (1001, 1020), "_fg": (1002, 1022), "_smoke": (1009, 1020)}
    found = checked(name for word, ends in ranges.items() for name in numbered(f"a{word}.{{}}.exr", *ends))
    assert {each.pattern: [said.expected for said in each.findings] for each in found.values()} == {
        "a.####.exr": ["1001-1020", "1002-1022"],
        "a_bg.####.exr": ["1001-1022"],
        "a_fg.####.exr": ["1001-1022"],
        "a_smoke.####.exr": [],
    }


@pytest.mark.parametrize(
    ("names", "older"),
    [
        (("a_beauty_v003", "a_passes_v003", "a_data_v002"), {"a_data_v002": 2}),
        (("a_v010", "a_N_v009", "a_crypto_v009"), {"a_N_v009": 1, "a_crypto_v009": 1}),
        (("a.left.v2", "a.right.v1"), {"a.right.v1": 1}),
        (("a_beauty_v002", "a_beauty_v003", "a_N_v003"), {}),  # the version before is there, too
        (("a_beauty_v002", "a_beauty_v003", "a_N_v002"), {"a_N_v002": 1}),
        (("a_smoke_v003", "a_fire_v003", "a_dust_v002"), {}),  # elements have versions of their own
        (("v003/a_beauty_v003", "v002/a_N_v002"), {}),
        (("a_beauty_v003", "b_N_v002"), {}),
    ],
)
def test_an_aov_that_was_left_at_an_older_version(names: tuple[str, ...], older: dict[str, int]) -> None:
    found = checked(f"{name}.{n}.exr" for name in names for n in range(1001, 1005))
    assert {each.code for sequence in found.values() for each in sequence.findings} == (
        {"SEQ-STALE-FRAME"} if older else set()
    )
    left = {name.partition(".##")[0]: each.findings[0] for name, each in found.items() if each.findings}
    assert {name: finding.message.count(".####.exr") for name, finding in left.items()} == older
    assert all(finding.severity is Severity.INFO for finding in left.values())


def test_aovs_of_other_frames_may_have_other_versions() -> None:
    names = [*numbered("a_beauty_v003.{}.exr", 1001, 1010), *numbered("a_N_v002.{}.exr", 1008, 1017)]
    assert [each.findings for each in checked(names).values()] == [(), ()]


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (set(), {(*range(1001, 1006),): Severity.WARNING}),
        ({1003}, {}),
        ({1001, 1002, 1003}, {(1004, 1005): Severity.INFO}),
        ({*range(1001, 1006)}, {}),
    ],
)
def test_a_version_with_images_of_the_one_before_it(
    changed: set[int], found: Mapping[tuple[int, ...], Severity]
) -> None:
    files = [
        summary(f"{version}/a_{version}.{n}.exr", pixel_hash=f"{n}{version if n in changed else ''}")
        for version in ("v001", "v002")
        for n in range(1001, 1006)
    ]
    _, later = checked_sequences(files)
    assert {tuple(each.frames): each.severity for each in later.findings} == found


@pytest.mark.parametrize(
    ("first", "second", "is_reported"),
    [((1001, 1005), (1006, 1010), True), ((1001, 1005), (1004, 1010), False), ((1001, 1005), (1007, 1010), False)],
)
@pytest.mark.parametrize("form", ["a_{}.{{}}.exr", "{0}/a_{0}.{{}}.exr"])
def test_versions_that_have_one_range_together(
    form: str, first: tuple[int, int], second: tuple[int, int], *, is_reported: bool
) -> None:
    one, two = checked([*numbered(form.format("v001"), *first), *numbered(form.format("v002"), *second)]).values()
    found = [(each.code, each.severity) for each in (*one.findings, *two.findings)]
    assert found == [("SEQ-MISSING", 2), ("SEQ-MISSING", 2)] * is_reported
    assert not is_reported or "a_v002.####.exr, goes on with 1006-1010" in one.findings[0].message
    assert (one.rerender.text, two.rerender.text) == ("", "")


def test_many_versions_with_a_part_of_one_range_each_are_a_convention() -> None:
    def siblings_found(count: int) -> int:
        names = [f"w_v{n:03}.{2 * n + k:04}.exr" for n in range(count) for k in (0, 1)]
        return len(siblings_of([(sequence, ()) for sequence in recognise(names).sequences]))

    assert (siblings_found(16), siblings_found(17)) == (16, 0)


@pytest.mark.parametrize("same", [(1003,), (1001, 1002), tuple(range(1001, 1006))])
def test_frames_of_one_view_in_the_place_of_the_other(same: tuple[int, ...]) -> None:
    files = [
        summary(f"{view}/a.{n}.exr", pixel_hash=f"{n}" if n in same else f"{view}{n}")
        for view in ("left", "right")
        for n in range(1001, 1006)
    ]
    left, right = checked_sequences(files)
    found = [(each.code, each.severity, tuple(each.frames)) for each in right.findings]
    assert (left.findings, found) == ((), [("SEQ-DUP", Severity.WARNING, same)])
    assert "left/a.####.exr" in right.findings[0].message


@pytest.mark.parametrize(
    ("same", "eye", "severity"),
    [
        (range(1, 6), 0, Severity.INFO),
        (range(1, 5), 0, Severity.WARNING),
        (range(8, 11), 0, Severity.WARNING),
        (range(8, 15), 0.5, Severity.WARNING),  # where the other eye begins is no cut
    ],
)
def test_a_title_is_in_both_views(same: range, eye: float, severity: Severity) -> None:
    rows, columns = np.mgrid[:16, :16] / 16
    images = {n: 2 + np.sin(9 * columns + n / 20 + eye * (n in same) if n > 5 else 20 * rows) for n in range(1, 15)}
    pixels = {
        n: FramePixels(0.5, False, False, False, 0, None, lines=ColourLines((), np.float32(image).tobytes()))
        for n, image in images.items()
    }
    files = [
        summary(f"{view}/a.{n:04}.exr", pixel_hash=f"{n}" if n in same else f"{view}{n}", pixels=pixels[n])
        for view in ("left", "right")
        for n in images
    ]
    _, right = checked_sequences(files)
    found = [(each.severity, tuple(each.frames)) for each in right.findings if each.code == "SEQ-DUP"]
    assert found == [(severity, tuple(same))]


@pytest.mark.parametrize("last", [1002, 1005])
@pytest.mark.parametrize("form", ["body{}.{{}}.exr", "body{}_v002.{{}}.exr"])
@pytest.mark.parametrize(("one", "other"), [("_diffuse", "_spec"), ("", "_transmission")])
def test_udim_tiles_of_several_maps_need_not_be_the_same(form: str, one: str, other: str, last: int) -> None:
    names = numbered(form.format(one), 1001, 1006) + numbered(form.format(other), 1001, last)
    assert all(not each.findings for each in checked(names, (3000, 3000)).values())
    missing = [each.missing.text for each in checked(names, (1920, 1080)).values()]
    assert sorted(missing) == ["", "1006" if last == 1005 else ""]


@pytest.mark.parametrize(
    ("name", "black", "severity"),
    [
        ("emission", range(1, 11), Severity.INFO),
        ("emission", range(3, 8), Severity.INFO),
        ("emission", range(3, 4), Severity.ERROR),
        ("depth", range(3, 8), Severity.ERROR),
        ("depth", range(1, 11), None),  # the files tell
    ],
)
def test_aovs_of_light_may_be_black(name: str, black: range, severity: Severity | None) -> None:
    lit = FramePixels(0.5, False, False, False, 0, None)
    dark = FramePixels(0.0, True, True, False, 0, None, is_empty=True)
    files = [
        summary(f"{aov}/sh_{aov}.{n:04}.exr", pixels=dark if n in black and aov == name else lit)
        for aov in ("beauty", name)
        for n in range(1, 11)
    ]
    found = [each for sequence in checked_sequences(files) for each in sequence.findings]
    assert [(each.code, each.severity) for each in found] == [("SEQ-BLACK", severity)] * (severity is not None)


def test_what_is_no_view_stands_alone() -> None:
    names = ["b.bright.1001.exr", "b.bright.1002.exr", "b.left.1001.exr", "c.right.1001.exr", "c.right.1002.exr"]
    assert all(not each.missing for each in checked(names).values())
    assert siblings_of([]) == {}


def test_the_example_in_the_docstring_is_true() -> None:
    assert doctest.testmod(siblings).failed == doctest.testmod(strays).failed == 0


def test_the_sequences_of_several_folders_are_divided_by_folder() -> None:
    names = [
        *(f"s/{folder}/a.{n}.exr" for folder in ("v1", "v2") for n in (1001, 1002)),
        "s/v1/ref.exr",
        "s/v3/ref.exr",
    ]
    names += ["s/v4/b_0001_0007.exr", "s/v4/b_0002_0009.exr"]
    every = check_frames({name: summary(name) for name in names}, DEFAULT)
    found = every.by_directory()
    assert sorted(found) == ["s/v1", "s/v2", "s/v4"], "folders with a sequence or with names that are not clear"
    for folder in ("s/v1", "s/v2"):
        assert [each.pattern for each in found[folder].sequences] == [f"{folder}/a.####.exr"]
        assert sorted(found[folder].frames) == [f"{folder}/a.1001.exr", f"{folder}/a.1002.exr"]
        assert found[folder].ambiguous == ()
    assert (found["s/v4"].sequences, found["s/v4"].ambiguous) == ((), (tuple(names[-2:]),))


@pytest.mark.parametrize(
    ("original", "derived", "last", "lacking"),
    [
        ("sh/beauty/sh_beauty.{}.exr", "sh/denoise/sh_beauty_denoised.{}.exr", 1017, {"derived"}),
        ("sh/a.{}.exr", "sh/a_dn.{}.exr", 1019, {"derived"}),
        ("sh/a.{}.exr", "sh/a_noisefree.{}.exr", 1023, {"original"}),
        ("sh/a_v003.{}.exr", "sh/a_clean_v003.{}.exr", 1017, {"derived"}),
        ("sh/full/a.{}.exr", "sh/proxy/a.{}.exr", 1017, {"derived"}),
        ("sh/a.{}.exr", "sh/a_dn.{}.exr", 1020, set()),
        ("sh/a_plate.{}.exr", "sh/a_plate_clean.{}.exr", 1010, set()),
        ("sh/a_cg.{}.exr", "sh/a_fx_sparks.{}.exr", 1017, set()),
        ("sh/a.{}.exr", "sh/denoise/b.{}.exr", 1017, set()),
        ("sh/cg/a.{}.exr", "sh/cg_denoise/a.{}.exr", 1017, {"derived"}),
        ("sh020/park.{}.exr", "sh010_denoise_test/park.{}.exr", 1017, set()),
    ],
)
def test_an_image_that_was_made_from_another_has_its_frames(
    original: str, derived: str, last: int, lacking: set[str]
) -> None:
    names = {"original": (original, 1020), "derived": (derived, last)}
    found = checked(name.format(n) for name, end in names.values() for n in range(1001, end + 1))
    warned = {
        what
        for what, (name, _) in names.items()
        if {each.severity for each in found[name.format("####")].findings if each.code == "SEQ-MISSING"}
        == {Severity.WARNING}
    }
    assert warned == lacking


def clocked(name: str, ahead: int, rate: float, *, slips: bool = False) -> list[FrameSummary]:
    counts = {n: 86_400 + n + ahead + slips * (n == 1003) for n in range(1001, 1009)}
    return [
        summary(name.format(n), frame_rate=rate, time_code=clock_at(count, rate, is_drop_frame=False))
        for n, count in counts.items()
    ]


@pytest.mark.parametrize(
    ("one", "other", "ahead", "found"),
    [
        ("plate/sh010_pl01_v001.{}.exr", "comp/sh010_comp_v004.{}.exr", 1, {"comp/sh010_comp_v004.####.exr": 1}),
        ("sh010/scan/v001/a.{}.exr", "sh010/roto/v002/b.{}.exr", -2, {"sh010/roto/v002/b.####.exr": -2}),
        ("a_left.{}.exr", "a_right.{}.exr", 3, {"a_right.####.exr": 3}),
        ("plate/sh010_pl01.{}.exr", "comp/sh010_comp.{}.exr", 0, {}),
        ("plate/sh010_pl01.{}.exr", "comp/sh010_comp.{}.exr", 500, {}),  # another clock
        ("plate/sh010_pl01.{}.exr", "comp/sh020_comp.{}.exr", 1, {}),
        ("sh010_pl01.{}.exr", "sh010_pl02.{}.exr", 1, {}),  # two cameras
        ("sh010_comp.{}.exr", "sh010_fx.{}.exr", 1, {}),
    ],
)
def test_time_codes_that_are_later_than_those_of_the_plate(
    one: str, other: str, ahead: int, found: dict[str, int]
) -> None:
    def offsets(files: list[FrameSummary]) -> dict[str, int]:
        return {
            each.pattern: int(finding.found)
            for each in checked_sequences(files)
            for finding in each.findings
            if finding.code == "TIM-TC-SEQ" and not finding.frames
        }

    assert offsets(clocked(one, 0, 24) + clocked(other, ahead, 24)) == found
    assert offsets(clocked(one, 0, 24) + clocked(other, ahead, 25)) == {}
    assert offsets(clocked(one, 0, 24) + clocked(other, ahead, 24, slips=True)) == {}


@pytest.mark.parametrize(
    ("one", "other", "pictures", "severity"),
    [
        ("sh010/c_{}", "sh030/c_{}", "abcde", Severity.WARNING),
        ("sh010_fg_{}", "sh010_bg_{}", "abcde", Severity.WARNING),
        ("sh010_fg_{}", "sh010_bg_{}", "abc", Severity.WARNING),  # a part of the frames
        ("sh010_fg_{}", "sh010_bg_{}", "bacde", None),
        ("sh010_fg_{}", "sh010_bg_{}", "aaaaa", None),
        ("work/sh010_{}", "publish/sh010_{}", "abcde", Severity.INFO),
        ("d_20260101/a_{}", "d_20260102/a_{}", "abcde", Severity.INFO),
        ("sh010_{}", "a/proxy/sh010_{}", "abcde", None),
    ],
)
def test_a_sequence_with_the_images_of_another_one(
    one: str, other: str, pictures: str, severity: Severity | None
) -> None:
    files = {f"{one.format(n)}.exr": each for n, each in zip(range(1001, 1006), "abcde", strict=True)}
    files |= {f"{other.format(n)}.exr": each for n, each in zip(range(1001, 1006), pictures, strict=False)}
    assert copies(files) == {severity} - {None}


@pytest.mark.parametrize(
    ("other", "pictures", "is_found"),
    [
        ("sh020/sh020_c", "ABCDEFgh", False),  # two images may be a slate
        ("sh020/sh020_c", "ABCDEfgh", True),
        ("sh020/sh020_c", "ABCDEhhh", False),  # one image
        ("sh020/sh020_c", "ABCdefgh", False),  # most of them
        ("sh020/sh020_c", "ABCDEhgf", False),
        ("sh010/sh010_c_v002", "ABCDEfgh", False),
        ("d_2/sh010_c", "ABCDEfgh", False),  # a delivery of the same shot
        ("sh020/sh020_comp", "ABCDEfgh", False),
    ],
)
def test_frames_with_the_images_of_another_shot(other: str, pictures: str, *, is_found: bool) -> None:
    files = {f"sh010/sh010_c.{n}.exr": each for n, each in enumerate("abcdefgh", 1001)}
    files |= {f"{other}.{n}.exr": each for n, each in enumerate(pictures, 1001)}
    known = [
        (each, [replace(summary(m.path, pixel_hash=files[m.path]), frame=m.number) for m in each.members])
        for each in recognise(files).sequences
    ]
    foreign = {name: [*each.foreign] for name, each in with_copies({}, known).items() if each.foreign}
    assert foreign == ({"sh020/sh020_c.####.exr": [1006, 1007, 1008]} if is_found else {})


def copies(files: dict[str, str], time: datetime | None = None) -> set[Severity]:
    """The severities of the findings on sequences with the images of another one."""
    frames = {name: summary(name, pixel_hash=each, mtime=time) for name, each in files.items()}
    known = [(each, [frames[m.path] for m in each.members]) for each in recognise(frames).sequences]
    found = with_copies({}, known)
    checked = [
        check_sequence(
            each,
            [replace(frames[m.path], frame=m.number) for m in each.members],
            DEFAULT,
            siblings=found.get(each.pattern, NO_SIBLINGS),
        )
        for each, _ in known
    ]
    return {said.severity for each in checked for said in each.findings if "have the pixels of" in said.message}


def test_a_linked_folder_is_no_copy() -> None:
    files = {f"{folder}/a_{n}.exr": f"p{n}" for folder in ("latest", "one") for n in range(1001, 1006)}
    assert copies(files, datetime(2026, 1, 1, tzinfo=timezone.utc)) == set()
    assert copies(files) == {Severity.INFO}


def test_a_part_of_the_version_before_and_the_frames_of_a_newer_aov() -> None:
    found = checked([*numbered("a_v011.{}.exr", 1001, 1020), *numbered("a_v012.{}.exr", 1001, 1008)])
    said = [(each.severity, each.message) for sequence in found.values() for each in sequence.findings]
    assert [severity for severity, _ in said] == [Severity.INFO]
    assert "8 of the 20 frames" in said[0][1]
    found = checked([*numbered("beauty_v004.{}.exr", 1001, 1020), *numbered("specular_v003.{}.exr", 1001, 1016)])
    said = [(each.severity, each.message) for sequence in found.values() for each in sequence.findings]
    assert [severity for severity, _ in said] == [Severity.WARNING]
    assert "1017-1020, which this one lacks" in said[0][1]
