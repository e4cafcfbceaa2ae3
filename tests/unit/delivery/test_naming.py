"""Which number of a name is the frame: decided by the other names or by a pattern, and never guessed."""

from __future__ import annotations

import doctest
from collections.abc import Iterable
from datetime import datetime
from random import Random
from time import thread_time
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exr_inspector.delivery import naming, patterns
from exr_inspector.delivery.naming import recognise
from exr_inspector.delivery.patterns import is_pattern, parse_frames, parse_pattern, united
from exr_inspector.delivery.sequences import check_frames
from exr_inspector.errors import PatternError
from exr_inspector.storage.sequences import sequence_name
from exr_inspector.validation import FrameSummary, builtin_policy
from exr_inspector.validation.frame_numbers import FrameNumbers
from tests.support.growth import steps_of


def found(*names: str) -> dict[str, tuple[int, ...]]:
    return {sequence.pattern: sequence.frames for sequence in recognise(names).sequences}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        # common names of frames
        (["sh010_comp_v003_1001.exr", "sh010_comp_v003_1002.exr"], {"sh010_comp_v003_####.exr": (1001, 1002)}),
        (["shot0001.exr", "shot0002.exr"], {"shot####.exr": (1, 2)}),
        (["render 12.exr", "render 13.exr"], {"render ##.exr": (12, 13)}),
        (["a-0010.exr", "a-0011.exr"], {"a-####.exr": (10, 11)}),
        (["a.-0001.exr", "a.0000.exr", "a.0001.exr"], {"a.####.exr": (-1, 0, 1)}),
        (["a_9.exr", "a_10.exr", "a_11.exr"], {"a_#.exr": (9, 10, 11)}),
        (["0001.exr", "0002.exr"], {"####.exr": (1, 2)}),
        (["a.0999.exr", "a.1000.exr", "a.10000.exr"], {"a.####.exr": (999, 1000, 10000)}),
        (["b.1001.left.exr", "b.1002.left.exr"], {"b.####.left.exr": (1001, 1002)}),
        (["b.left.1001.exr", "b.right.1001.exr"], {"b.left.####.exr": (1001,), "b.right.####.exr": (1001,)}),
        # the number that varies while the rest is constant
        (["0010_beauty.exr", "0011_beauty.exr"], {"####_beauty.exr": (10, 11)}),
        (
            ["sh010_1001.exr", "sh010_1002.exr", "sh020_1001.exr", "sh020_1002.exr"],
            {"sh010_####.exr": (1001, 1002), "sh020_####.exr": (1001, 1002)},
        ),
        (["b9_left.exr", "b10_left.exr"], {"b#_left.exr": (9, 10)}),
        (["b08_left.exr", "b10_left.exr"], {"b##_left.exr": (8, 10)}),
        (["codes8_half.exr", "codes10_half.exr"], {}),
        (["lut_8_bits.exr", "lut_10_bits.exr"], {}),
        (["a_2k_1001.exr", "a_2k_1002.exr"], {"a_2k_####.exr": (1001, 1002)}),
        (["a_1920x1080_7.exr", "a_1920x1080_8.exr"], {"a_1920x1080_#.exr": (7, 8)}),
        (["a_20260131_0001.exr", "a_20260131_0002.exr"], {"a_20260131_####.exr": (1, 2)}),
        # single names that are unambiguous
        (["beauty.1001.exr"], {"beauty.####.exr": (1001,)}),
        (["comp_v003_1001.exr"], {"comp_v003_####.exr": (1001,)}),
        # versions, takes, sizes and dates vary without being frames
        (["comp_v001.exr", "comp_v002.exr"], {}),
        (["comp_tk1.exr", "comp_tk2.exr"], {}),
        (["comp_take_1.exr", "comp_take_2.exr"], {}),
        (["comp_ver.01.exr", "comp_ver.02.exr"], {}),
        (["pl_t01.exr", "pl_t02.exr"], {}),
        (["sim_t001.exr", "sim_t002.exr"], {"sim_t###.exr": (1, 2)}),
        (["sh_wip01.exr", "sh_wip02.exr"], {}),
        (["render_16spp.exr", "render_64spp.exr"], {}),
        (["dwa_45.exr", "dwa_100.exr"], {}),
        (["hdr_ev-2.exr", "hdr_ev+0.exr", "hdr_ev+2.exr"], {}),
        (["20240501T123001.exr", "20240501T123002.exr"], {}),
        (["wedge_0.1001.exr", "wedge_1.1001.exr"], {"wedge_0.####.exr": (1001,), "wedge_1.####.exr": (1001,)}),
        # a shot's number in front of one frame; but a UDIM tile behind a run of frames
        (["sh010_a.1001.exr", "sh020_a.1001.exr"], {"sh010_a.####.exr": (1001,), "sh020_a.####.exr": (1001,)}),
        (
            ["sh0010_a.1001.exr", "sh0020_a.1001.exr", "sh0040_a.1001.exr"],
            {
                "sh0010_a.####.exr": (1001,),
                "sh0020_a.####.exr": (1001,),
                "sh0040_a.####.exr": (1001,),
            },
        ),
        (["anim_0001.1001.exr", "anim_0002.1001.exr"], {"anim_####.1001.exr": (1, 2)}),
        (["comp_take_1001.exr", "comp_take_1002.exr"], {"comp_take_####.exr": (1001, 1002)}),
        (["plate_2k.exr", "plate_4k.exr"], {}),
        (["plate_1920x1080.exr", "plate_3840x2160.exr"], {}),
        (["dump_20260130.exr", "dump_20260131.exr"], {}),
        (["htj2k32.exr", "htj2k256.exr"], {}),
        (["img9.exr", "img10.exr", "img11.exr"], {"img#.exr": (9, 10, 11)}),
        (["shot010.exr"], {}),
        (["image.exr", "other.exr"], {}),
        # dates with a time, places in a grid, tiles of a farm, exposures
        (["r_20240501_093000.exr", "r_20240501_101500.exr", "r_20240501_112345.exr"], {}),
        (["r_20240501_093000.exr"], {}),
        (["r_20240501_000001.exr", "r_20240501_000002.exr"], {"r_20240501_######.exr": (1, 2)}),
        (["r_2024-05-01.exr", "r_2024-05-02.exr"], {}),
        (["r_2024-05-01T12-30-01.exr", "r_2024-05-01T12-30-02.exr"], {}),
        (
            ["S_2024.05.01_12.30.15.0000.exr", "S_2024.05.01_12.30.15.0001.exr"],
            {"S_2024.05.01_12.30.15.####.exr": (0, 1)},
        ),
        (["skin_u1_v1.exr", "skin_u2_v1.exr", "skin_u1_v2.exr", "skin_u2_v2.exr"], {}),
        (["skin_u1_v1.exr", "skin_u2_v1.exr"], {}),
        (["t_x0_y0.exr", "t_x1_y0.exr", "t_x2_y0.exr"], {}),
        (["tile_0_0.exr", "tile_0_1.exr", "tile_1_0.exr", "tile_1_1.exr"], {}),
        (
            [f"s.{shot}.{frame}.exr" for shot in (1001, 1002) for frame in ("01", "02")],
            {"s.1001.##.exr": (1, 2), "s.1002.##.exr": (1, 2)},
        ),
        (["tile_2.0001.exr", "tile_2.0002.exr"], {"tile_2.####.exr": (1, 2)}),
        (["t_r0_c0.exr", "t_r0_c1.exr"], {}),
        (["t_x0_y0.1001.exr", "t_x0_y0.1002.exr"], {"t_x0_y0.####.exr": (1001, 1002)}),
        (
            ["s_1001_tile0.exr", "s_1002_tile0.exr", "s_1001_tile1.exr", "s_1002_tile1.exr"],
            {"s_####_tile0.exr": (1001, 1002), "s_####_tile1.exr": (1001, 1002)},
        ),
        (["b_-2ev.exr", "b_0ev.exr", "b_+2ev.exr"], {}),
        (["comp_vers1.exr", "comp_vers2.exr"], {}),
        # numbers with more digits than their padding
        (["r.9998.exr", "r.9999.exr", "r.10000.exr"], {"r.####.exr": (9998, 9999, 10000)}),
        (["r9998.exr", "r9999.exr", "r10000.exr"], {"r####.exr": (9998, 9999, 10000)}),
    ],
)
def test_frames_are_recognised_as_people_name_them(names: list[str], expected: dict[str, tuple[int, ...]]) -> None:
    assert found(*names) == expected
    assert found(*(f"s3://b/x/{name}" for name in reversed(names))) == {
        f"s3://b/x/{pattern}": frames for pattern, frames in expected.items()
    }


@pytest.mark.parametrize(
    ("form", "outer", "frames", "pattern"),
    [
        ("sh{}.{:03}", ("010", "020"), range(1000), "sh{}.###"),
        ("sh{}_{:03}", ("010", "020"), range(1000), "sh{}_###"),
        ("sh{}.{}", ("010", "020", "030"), range(10), "sh{}.#"),
        ("sc_{}.{:02}", ("01", "02", "03"), range(100), "sc_{}.##"),
        ("{}_{}", (1001, 1002, 1003), range(10), "{}_#"),
        ("a_{}.{}", ("001", "002"), (0, 5), "a_{}.#"),
        ("s.{}.{:02}", (1001, 1002), (0, 50), "s.{}.##"),
        ("sh010_crop_{}_{:02}", (2,), range(1, 30), "sh010_crop_{}_##"),
        ("plate_crop_{}.{:02}", (2,), range(1, 30), "plate_crop_{}.##"),
        ("sh010_region_{}_{:02}", (1,), range(1, 30), "sh010_region_{}_##"),
        ("crop_{}_{:02}", (10,), range(1, 30), "crop_{}_##"),
        ("tile_{}_{:02}", (1,), range(1, 25), "tile_{}_##"),
        ("tile_{}_{:02}", (1, 2), range(1, 25), "tile_{}_##"),
        ("tile_{}_{:02}", (1, 2, 3, 4), range(1, 9), "tile_{}_##"),
        ("tile_{}_{}", (1, 2), range(1, 25), "tile_{}_#"),
        ("tile_{}_{}", (1, 2), range(9), "tile_{}_#"),
        ("crop_{:02}_{:02}", (2, 3, 4), range(2, 10), "crop_{:02}_##"),
    ],
)
def test_frames_of_several_shots_and_crops_are_a_sequence_for_each(
    form: str, outer: tuple[object, ...], frames: Iterable[int], pattern: str
) -> None:
    numbers = tuple(frame for frame in frames if frame != 7)
    expected = {f"{pattern.format(each)}.exr": numbers for each in outer}
    assert found(*(f"{form.format(each, number)}.exr" for each in outer for number in numbers)) == expected


@pytest.mark.parametrize("parts", [("00", "50"), ("00", "25", "50", "75"), ("0", "5"), ("000", "333", "666")])
def test_few_fractions_of_a_run_of_frames_are_sub_frames(parts: tuple[str, ...]) -> None:
    names = [f"smoke.{frame}.{part}.exr" for frame in range(1001, 1013) for part in parts if frame != 1007]
    frames = (*range(1001, 1007), *range(1008, 1013))
    assert found(*names) == {f"smoke.####.{part}.exr": frames for part in parts}


@pytest.mark.parametrize("parts", [range(10), (25, 50), (0, 25, 30), (5, 10)])
def test_other_numbers_behind_a_run_of_frames_are_ambiguous(parts: Iterable[int]) -> None:
    names = [f"smoke.{frame}.{part}.exr" for frame in range(1001, 1013) for part in parts]
    assert recognise(names).ambiguous == (tuple(sorted(names)),)


def test_fractions_behind_a_number_that_is_no_run_of_frames_are_ambiguous() -> None:
    names = [f"s_{frame}_{take}.{part}.exr" for frame in range(1001, 1009) for take in (1, 2) for part in ("00", "50")]
    assert recognise(names).ambiguous == (tuple(sorted(names)),)


@pytest.mark.parametrize("form", ["tile_{}_{}", "region.{}.{}", "a_crop_{:02}_{:02}", "tile-{}-{}", "bucket{}_{}"])
@pytest.mark.parametrize("start", [0, 1])
def test_tiles_of_a_grid_are_no_frames_even_if_some_are_missing(form: str, start: int) -> None:
    places = [(row, column) for row in range(start, start + 3) for column in range(start, start + 4)]
    names = [f"{form.format(*place)}.exr" for place in places]
    assert recognise(names).singles == tuple(sorted(names))
    del names[4:6]
    assert recognise(names).singles == tuple(sorted(names))
    names = [f"{form.format(*place)}.{frame}.exr" for place in places for frame in (1001, 1002)]
    assert found(*names) == {f"{form.format(*place)}.####.exr": (1001, 1002) for place in places}


def test_a_missing_frame_of_underscored_names_is_seen() -> None:
    names = [f"sh010_comp_v003_{n}.exr" for n in (1001, 1002, 1003, 1005, 1006)]
    (sequence,) = recognise(names).sequences
    assert sequence.frames == (1001, 1002, 1003, 1005, 1006)


def test_folders_keep_sequences_apart() -> None:
    assert found("a/x.1.exr", "a/x.2.exr", "b/x.1.exr", "b/x.2.exr") == {"a/x.#.exr": (1, 2), "b/x.#.exr": (1, 2)}


def test_two_versions_of_a_sequence_are_two_sequences() -> None:
    names = [f"c_v{v}.{n}.exr" for v in (1, 2) for n in (1001, 1002)]
    assert found(*names) == {"c_v1.####.exr": (1001, 1002), "c_v2.####.exr": (1001, 1002)}


def test_names_that_leave_the_frame_open_are_reported() -> None:
    recognition = recognise(["a_1_7.exr", "a_2_9.exr", "a_5_3.exr"])
    assert recognition.sequences == ()
    assert recognition.ambiguous == (("a_1_7.exr", "a_2_9.exr", "a_5_3.exr"),)


@pytest.mark.parametrize("form", ["b.{frame}.{moment:02}.exr", "b.{frame}_mb{moment}.exr", "b_{frame}_{moment:03}.exr"])
def test_sub_frames_are_ambiguous_and_never_a_sequence_for_each_frame(form: str) -> None:
    names = [form.format(frame=frame, moment=moment) for frame in range(1001, 1009) for moment in (0, 1, 2)]
    result = recognise(names)
    assert (result.sequences, result.singles) == ((), ())
    assert result.ambiguous == (tuple(sorted(names)),)


@pytest.mark.parametrize(
    ("pattern", "name", "frame"),
    [
        ("a.####.exr", "a.1001.exr", 1001),
        ("a.####.exr", "a.10001.exr", 10001),
        ("a.####.exr", "a.001.exr", 1),
        ("a.####.exr", "a.-0010.exr", -10),
        ("a.#.exr", "a.7.exr", 7),
        ("image_####.exr", "image_0998.exr", 998),
        ("a.@@@@.exr", "a.1001.exr", 1001),
        ("a.@@@@.exr", "a.10001.exr", 10001),
        ("a.%04d.exr", "a.0001.exr", 1),
        ("a.%d.exr", "a.12.exr", 12),
        ("a.$F4.exr", "a.0012.exr", 12),
        ("a.$F.exr", "a.3.exr", 3),
        ("t.<UDIM>.exr", "t.1011.exr", 1011),
        ("t.<udim>.exr", "t.1011.exr", 1011),
        ("t.%(UDIM)d.exr", "t.1011.exr", 1011),
        ("v.%V.####.exr", "v.left.0001.exr", 1),
        ("v.%V.####.exr", "v.middle.0001.exr", None),
        ("*_####.exr", "beauty_0004.exr", 4),
        ("a.####[1001-1010].exr", "a.1011.exr", None),
        ("a.####[1001-1010].exr", "a.1010.exr", 1010),
        ("a.[1001-1010].exr", "a.1010.exr", 1010),
        ("a.[1001-1010].exr", "a.1011.exr", None),
        ("v003_2k_####.exr", "v003_2k_0001.exr", 1),
        ("a.[9998..10000].exr", "a.10000.exr", 10000),
        ("a.[1-100].exr", "a.0042.exr", 42),
        ("a.####[-5-10].exr", "a.-0005.exr", -5),
        ("a.[-5-5].exr", "a.-0005.exr", -5),
        ("a.[-5-5].exr", "a.6.exr", None),
        ("a.[-9--5].exr", "a.-7.exr", -7),
        ("a.[-5..5].exr", "a.0000.exr", 0),
        ("a.-5-5#.exr", "a.-5.exr", -5),
        ("a.[0001-0010].exr", "a.0010.exr", 10),
        ("a.[-_x].####.exr", "a.-.1001.exr", 1001),
        ("a.[1-10x2].exr", "a.0003.exr", 3),
        ("a.[1-10x2].exr", "a.0004.exr", None),
        ("a.1001-1010x3#.exr", "a.1004.exr", 1004),
        ("a.1001-1010x3#.exr", "a.1005.exr", None),
        ("a.####[1001,1005-1007].exr", "a.1006.exr", 1006),
        ("a.####[1001,1005-1007].exr", "a.1002.exr", None),
        ("a.[-4..4x4].exr", "a.-4.exr", -4),
        ("a_[axy].####.exr", "a_x.1001.exr", 1001),
        ("a.#[1-9].exr", "a.12.exr", None),
        ("a.#[1-9].exr", "a.9.exr", 9),
        ("a.0[0-9].#.exr", "a.07.12.exr", 12),
        ("a.9998-10000#.exr", "a.9998.exr", 9998),
        ("a.9998-10000@@@@.exr", "a.10001.exr", None),
        ("a.<f4>.exr", "a.0012.exr", 12),
        ("a.<frame>.exr", "a.12.exr", 12),
        ("{frame}_a.exr", "0007_a.exr", 7),
    ],
)
def test_an_explicit_pattern_decides(pattern: str, name: str, frame: int | None) -> None:
    assert is_pattern(pattern)
    got = parse_pattern(f"dir/{pattern}").frame_of(f"dir/{name}")
    assert (got and got.number) == frame


def test_a_pattern_takes_frames_with_another_case_of_the_extension_unless_one_as_written_is_there() -> None:
    names = ["a.2.EXR", "a.3.EXR", "a.1.exr", "a.3.exr", "a.4.Exr"]
    (sequence,) = parse_pattern("a.#.exr").recognise(names).sequences
    assert (sequence.pattern, [frame.path for frame in sequence.members]) == (
        "a.#.exr",
        ["a.1.exr", "a.2.EXR", "a.3.exr", "a.4.Exr"],
    )
    assert not parse_pattern("a.#.exr").matches("a.1.exr.EXR")
    for pattern in ("a.#.exr", "a.#.*"):
        (sequence,) = parse_pattern(pattern).recognise(["a.1.EXR", "a.2.EXR"]).sequences
        assert sequence.pattern == "a.#.EXR"


def test_a_pattern_takes_what_names_alone_would_not() -> None:
    recognition = parse_pattern("d/comp_v###.exr").recognise(["d/comp_v001.exr", "d/comp_v002.exr", "d/x.exr"])
    assert {s.pattern: s.frames for s in recognition.sequences} == {"d/comp_v###.exr": (1, 2)}


def test_a_pattern_without_a_frame_number_leaves_no_file_to_be_validated_twice() -> None:
    summaries = {f"d/a_{n}.exr": FrameSummary(f"d/a_{n}.exr", "?", 0, 0) for n in (1001, 1002)}
    summaries |= {f"e/a_{n}.exr": FrameSummary(f"e/a_{n}.exr", "?", 0, 0) for n in (1001, 1003)}
    steps = check_frames(summaries, builtin_policy("default"), [parse_pattern("d/a_[1001-1009x4,1012].exr")]).sequences[
        0
    ]
    assert (steps.expected.text, steps.missing.text) == ("1001-1009x4,1012", "1005,1009,1012")
    for pattern in ("d/a_*.exr", "d/a_10??.exr", "d/a_####[1001-1002].exr"):
        checked = check_frames(summaries, builtin_policy("default"), [parse_pattern(pattern)])
        assert [sequence.pattern for sequence in checked.sequences] == ["d/a_####.exr", "e/a_####.exr"]
        assert [sequence.required.text for sequence in checked.sequences] == ["1001-1002" if "[" in pattern else "", ""]


def test_of_a_pattern_with_two_numbers_the_names_decide() -> None:
    recognition = parse_pattern("d/pl_####_####.exr").recognise(["d/pl_1001_0001.exr", "d/pl_1002_0002.exr", "d/x.exr"])
    assert {s.pattern: s.frames for s in recognition.sequences} == {"d/pl_####_####.exr": (1, 2)}


def test_tiles_of_uv_space_are_no_frames() -> None:
    recognition = parse_pattern("d/skin_<UVTILE>.exr").recognise(
        ["d/skin_u1_v1.exr", "d/skin_u2_v1.exr", "d/skin_u1.exr"]
    )
    assert (recognition.sequences, recognition.singles) == ((), ("d/skin_u1_v1.exr", "d/skin_u2_v1.exr"))


def test_digits_of_other_scripts_are_no_frame_numbers() -> None:
    names = ["a.\N{ARABIC-INDIC DIGIT ONE}\N{ARABIC-INDIC DIGIT ONE}.exr", "a.\N{ARABIC-INDIC DIGIT ONE}.exr"]
    assert recognise(names).sequences == ()
    for pattern in ("a.####.exr", "a.[1001-1010].exr", "a.%04d.exr", "a.<UDIM>.exr", "*####.exr"):
        assert not parse_pattern(pattern).matches(names[0])


def test_a_number_too_large_for_a_frame_is_refused_unless_a_range_leaves_it_out() -> None:
    assert parse_pattern("a.####[1-9].exr").recognise(["a.1.exr", "a.20260131120000.exr"]).sequences[0].frames == (1,)
    with pytest.raises(PatternError, match="20260131120000"):
        parse_pattern("a.####.exr").recognise(["a.1.exr", "a.20260131120000.exr"])


def test_ranges_are_united_where_they_touch() -> None:
    assert united([range(11, 21), range(1, 11), range(15, 18)]) == (range(1, 21),)
    assert united([range(12, 21), range(1, 11)]) == (range(1, 11), range(12, 21))
    assert united([range(12, 21), range(1, 12, 2)]) == (range(1, 12, 2), range(12, 21))


@pytest.mark.parametrize(
    "pattern",
    [
        "a.####.%04d[1-10].exr",
        "a.####.<UDIM>.exr",
        "a.[5--5].exr",
        "a.[10-5].exr",
        "a.####[1010-1001].exr",
        "a.[1001-1060x0].exr",
        "a.[1-9x2,2-8x2].exr",
        "a.[1001-1060x].exr",
        "a.[1001-2147483648].exr",
        "a.1-9999999999#.exr",
        "a.<UDIM>[1001-1010].exr",
    ],
)
def test_patterns_that_make_no_sense_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match=r"found"):
        parse_pattern(pattern)


_STEM = st.text("abcXYZ_-. v", min_size=1, max_size=12).filter(lambda stem: not f"{stem}_".startswith("._"))


@given(_STEM, st.integers(0, 9000), st.integers(2, 30), st.integers(1, 6))
def test_a_range_of_frames_is_one_sequence(stem: str, first: int, count: int, padding: int) -> None:
    names = [f"{stem}_f.{n:0{padding}d}.exr" for n in range(first, first + count)]
    (sequence,) = recognise(names).sequences
    assert sequence.frames == tuple(range(first, first + count))
    assert [frame.path for frame in sequence.members] == names


_HABITS = (
    "sh010_comp_v001.{0:04d}.exr",  # Nuke
    "shot.mantra_ipr.{0:04d}.exr",  # Houdini
    "masterLayer_{0:04d}.exr",  # Maya
    "untitled{0:04d}.exr",  # Blender
    "LevelSequence_Shot0010.{0:04d}.exr",  # Unreal
    "Timeline 1_{0:08d}.exr",  # Resolve
    "A001C003_240501_R1AB.{0:07d}.exr",  # ARRI
    "A003_C012_0912XY_001.{0:07d}.exr",  # RED
    "SHOW_101_010_0010_comp_ABC_v0001_{0:04d}.exr",  # Netflix
    "Comp 1_[{0:05d}].exr",  # After Effects
    "shot.RGB_color.{0:04d}.exr",  # V-Ray
    "beauty_{0:04d}_AOV.exr",  # Redshift
    "plate_23.976fps.{0:04d}.exr",
    "plate_ACES2065-1.{0:04d}.exr",
    "shot_region1_{0:04d}.exr",  # Deadline
    "render ({0}).exr",
    "skin_u1_v2.{0:04d}.exr",
    "scan_2024-05-01_12-30.{0:04d}.exr",
)


@given(st.sampled_from(_HABITS), st.integers(0, 9_000), st.integers(2, 20), st.integers(1, 10))
def test_frames_in_the_style_of_every_application_are_found_with_any_step(
    habit: str, first: int, count: int, step: int
) -> None:
    numbers = tuple(range(first, first + count * step, step))
    (sequence,) = recognise(habit.format(number) for number in numbers).sequences
    assert sequence.frames == numbers


@given(st.sampled_from(["u{0}_v{1}", "x{0}_y{1}", "r{0}c{1}", "row{0}_col{1}"]), st.integers(1, 5), st.integers(1, 5))
def test_a_grid_is_no_sequence_whatever_its_size(form: str, columns: int, rows: int) -> None:
    names = [f"t_{form.format(x, y)}.exr" for x in range(columns) for y in range(rows)]
    recognition = recognise(names)
    assert (recognition.sequences, recognition.ambiguous, len(recognition.singles)) == ((), (), columns * rows)


@given(st.lists(st.datetimes(), min_size=2, max_size=6, unique_by=lambda moment: moment.replace(microsecond=0)))
def test_moments_are_no_frames(moments: list[datetime]) -> None:
    moments = [moment.replace(year=2000 + moment.year % 100, second=0) for moment in moments]
    for form in ("%Y-%m-%d", "%Y-%m-%d_%H-%M", "%Y.%m.%d_%H.%M.%S", "%Y%m%d"):
        assert recognise(f"r_{moment:{form}}.exr" for moment in moments).sequences == ()


@given(st.lists(st.text(max_size=30), max_size=12))
def test_every_path_is_somewhere_once(paths: list[str]) -> None:
    recognition = recognise(paths)
    frames = [frame.path for sequence in recognition.sequences for frame in sequence.members]
    unclear = [path for group in recognition.ambiguous for path in group]
    assert sorted([*frames, *recognition.singles, *unclear]) == sorted(set(paths))
    assert recognise(reversed(paths)) == recognition


@pytest.mark.slow
def test_work_grows_with_the_names_and_with_their_numbers_only() -> None:
    def calls(count: int, numbers: int) -> int:
        names = ["_".join(["7"] * numbers) + f"_{n}.exr" for n in range(count)]
        (sequence,) = recognise(names).sequences
        assert len(sequence.members) == count
        return steps_of(lambda: recognise(names))

    assert calls(200, 40) < 2.5 * calls(100, 40)
    assert calls(100, 80) < 2.5 * calls(100, 40)


@pytest.mark.parametrize("form", ["a{}.exr", "a_{}_part.exr", "{{frame{}.exr"])
def test_work_grows_with_the_length_of_a_name(form: str) -> None:
    def seconds(count: int, text: str) -> float:
        names = [form.format(text * count)]
        times = []
        for _ in range(5):
            start = thread_time()
            recognise(names)
            times.append(thread_time() - start)
        return min(times)

    text = "{frame" if form.startswith("{") else "7"
    assert seconds(4000, text) < 10 * seconds(1000, text)


@pytest.mark.parametrize("module", [naming, patterns])
def test_the_examples_in_the_docstrings_are_true(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


_NUMBER = st.sampled_from(["1", "2", "7", "12", "0007", "1001", "1002", "-0001", "20260131"])
_SHAPE = st.sampled_from(
    ["{0}.exr", "a.{0}.exr", "a_{0}.exr", "a{0}.exr", "a {0}.exr", "a.{0}.left.exr", "a.{0}.v003.exr", "a_{0}_{1}.exr",
     "v{0}_{1}.exr", "a_{0}.{1}.exr", "a_{0}k_{1}.exr"]
)  # fmt: skip
_NAME = st.builds(str.format, _SHAPE, _NUMBER, _NUMBER)
_FOLDERS = st.lists(st.tuples(st.sampled_from(["b/x", "b/x/y", "b/z"]), _NAME), min_size=1, max_size=12, unique=True)


def _places(paths: Iterable[str]) -> dict[str, tuple[str, int, int]]:
    return {
        frame.path: (sequence.pattern, frame.number, frame.padding)
        for sequence in recognise(paths).sequences
        for frame in sequence.members
    }


@given(_FOLDERS, st.randoms())
def test_the_order_of_names_and_other_folders_do_not_change_the_frames(
    files: list[tuple[str, str]], random: Random
) -> None:
    paths = [f"{folder}/{name}" for folder, name in files]
    settled = _places(paths)
    random.shuffle(paths)
    assert _places(paths) == settled
    folder_by_folder: dict[str, tuple[str, int, int]] = {}
    for folder in {folder for folder, _ in files}:
        folder_by_folder |= _places(path for path in paths if path.rpartition("/")[0] == folder)
    assert folder_by_folder == settled


@example("7.exr")
@given(st.one_of(_NAME, st.text(max_size=20).map(lambda text: f"{text}.exr")))
def test_what_an_event_stores_is_what_the_name_says_without_siblings(name: str) -> None:
    alone = sequence_name("b", f"x/{name}")
    if alone.frame is not None:
        path = f"{alone.directory}/{alone.file_name}"
        assert _places([path]) == {path: (alone.sequence, alone.frame, alone.padding)}


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("1001-1060", (range(1001, 1061),)),
        ("10 - 12, 20", (range(10, 13), range(20, 21))),
        ("20-24x2,1-3", (range(1, 4), range(20, 25, 2))),
        ("1-9:2", (range(1, 10, 2),)),
        ("-5--3", (range(-5, -2),)),
    ],
)
def test_frames_are_read_as_they_are_printed(text: str, ranges: tuple[range, ...]) -> None:
    assert parse_frames(text) == ranges
    assert parse_frames(FrameNumbers(ranges).text) == ranges


@pytest.mark.parametrize("text", ["", "a", "1 2", "1-", "1,,2", "3-1", "1-9x0", "1-9x2,3-20x2", "1-99999999999"])
def test_what_are_no_frames(text: str) -> None:
    with pytest.raises(PatternError):
        parse_frames(text)


@pytest.mark.parametrize("text", ["", " "])
def test_frames_that_are_empty_are_called_so(text: str) -> None:
    with pytest.raises(PatternError, match="found an empty text, expected frames such as 1001-1060"):
        parse_frames(text)
