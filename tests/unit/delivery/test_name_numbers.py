"""Varying numbers in names that may be sizes, dates, times, shots or a copy of the frame number; copies of files."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.delivery.name_numbers import is_dense
from exr_inspector.delivery.naming import Recognition, recognise


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [({7}, True), ({1, 2}, True), ({1, 4}, True), ({1, 5}, False), ({1, 3, 6}, True), ({1, 3, 7}, False)],
)
def test_numbers_are_dense_if_half_of_their_range_is_there(numbers: set[int], *, expected: bool) -> None:
    assert is_dense(numbers) is expected


def found(recognition: Recognition) -> dict[str, tuple[int, ...]]:
    return {sequence.pattern: sequence.frames for sequence in recognition.sequences}


@pytest.mark.parametrize(
    "names",
    [
        ("env_512.exr", "env_1024.exr", "env_2048.exr"),
        ("env.512.exr", "env.1024.exr"),
        ("plate_720.exr", "plate_1080.exr", "plate_2160.exr"),
        ("ref_1920_a.exr", "ref_3840_a.exr"),
        ("cam1.exr", "cam2.exr"),
        ("rock_lod0.exr", "rock_lod1.exr"),
        ("IMG_0001-0003.exr", "IMG_0004-0006.exr", "IMG_0010-0012.exr"),
        ("2021_04_05_11_20_19_0.exr", "2021_04_05_11_20_20_1.exr", "2021_04_05_11_20_21_2.exr"),
    ],
)
def test_sizes_and_levels_are_no_frames_and_leave_nothing_open(names: tuple[str, ...]) -> None:
    recognition = recognise(names)
    assert (recognition.sequences, recognition.ambiguous) == ((), ())
    assert set(recognition.singles) == set(names)


@pytest.mark.parametrize(
    "names",
    [
        ("plate_240501.exr", "plate_240502.exr"),
        ("plate_010524.exr", "plate_150524.exr"),
        ("plate_24-05-01.exr", "plate_24-05-02.exr"),
        ("plate_01-05-2024.exr", "plate_02-05-2024.exr"),
        ("sh010_240501.exr", "sh020_240501.exr"),
        ("cap_123001.exr", "cap_123002.exr"),
        ("cap_093000.exr", "cap_124512.exr", "cap_174512.exr"),
        ("sh010_comp.exr", "sh020_comp.exr", "sh040_comp.exr"),
        ("pl_1001_0001.exr", "pl_1002_0002.exr", "pl_1003_0004.exr"),
    ],
)
def test_what_may_be_a_date_a_time_or_a_shot_is_left_open_with_the_names(names: tuple[str, ...]) -> None:
    recognition = recognise(names)
    assert (recognition.sequences, recognition.singles) == ((), ())
    assert recognition.ambiguous == (tuple(sorted(names)),)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a_1024.exr", "a_1080.exr"), {"a_####.exr": (1024, 1080)}),
        (("a-1-1001.exr", "a-1-1002.exr"), {"a-1-####.exr": (1001, 1002)}),
        (("2024_01_12.exr", "2024_01_13.exr"), {"2024_01_##.exr": (12, 13)}),
        (("a_0512.exr", "a_1024.exr"), {"a_####.exr": (512, 1024)}),
        (("a_1024.exr",), {"a_####.exr": (1024,)}),
        (("f_000101.exr", "f_000102.exr"), {"f_######.exr": (101, 102)}),
        (("f.240501.exr", "f.240502.exr"), {"f.######.exr": (240501, 240502)}),
        (("p_240501_0001.exr", "p_240502_0001.exr"), {"p_240501_####.exr": (1,), "p_240502_####.exr": (1,)}),
        (("t_512.1001.exr", "t_1024.1001.exr"), {"t_1024.####.exr": (1001,), "t_512.####.exr": (1001,)}),
        (("pl_1001_0001.exr", "pl_1002_0002.exr"), {"pl_####_####.exr": (1, 2)}),
        (("pl_9_0001.exr", "pl_10_0002.exr"), {"pl_#_####.exr": (1, 2)}),
        (("pl.1001.x_0001.exr", "pl.1002.x_0002.exr"), {"pl.####.x_####.exr": (1001, 1002)}),
        (("a_1001_1001.exr", "a_1002_1002.exr"), {"a_####_####.exr": (1001, 1002)}),
        (("c_v1_1001.exr", "c_v2_1002.exr"), {"c_v1_####.exr": (1001,), "c_v2_####.exr": (1002,)}),
    ],
)
def test_frames_that_look_like_sizes_dates_or_two_numbers(
    names: tuple[str, ...], expected: dict[str, tuple[int, ...]]
) -> None:
    recognition = recognise(names)
    assert found(recognition) == expected
    assert (recognition.singles, recognition.ambiguous) == ((), ())


@given(st.integers(1, 300_000), st.integers(40, 80), st.sampled_from(["env_{}.exr", "env_{}_a.exr"]))
def test_a_run_is_frames_whatever_sizes_dates_and_times_are_among_its_numbers(
    first: int, count: int, form: str
) -> None:
    numbers = tuple(range(first, first + count))
    (sequence,) = recognise(form.format(number) for number in numbers).sequences
    assert sequence.frames == numbers


@given(st.sets(st.sampled_from([128 << n for n in range(8)]), min_size=2), st.sampled_from("._- "))
def test_powers_of_two_are_sizes(sizes: set[int], separator: str) -> None:
    recognition = recognise(f"env{separator}{size}.exr" for size in sizes)
    assert (recognition.sequences, recognition.ambiguous, len(recognition.singles)) == ((), (), len(sizes))


@given(st.dates(date(2010, 1, 1), date(2049, 11, 1)), st.sets(st.integers(0, 30), min_size=2))
def test_days_are_never_frames_of_a_sequence(first: date, days: set[int]) -> None:
    names = {f"plate_{first + timedelta(day):%y%m%d}.exr" for day in days}
    assert recognise(names).ambiguous == (tuple(sorted(names)),)


@given(st.sets(st.times(time(1)).map(lambda each: f"{each:%H%M%S}"), min_size=2, max_size=3))
def test_a_few_times_of_day_are_never_frames_of_a_sequence(times: set[str]) -> None:
    assert recognise(f"cap_{each}.exr" for each in times).sequences == ()


@given(
    st.integers(0, 9_000),
    st.integers(0, 9_000),
    st.sets(st.integers(0, 200), min_size=2, max_size=12),
    st.sampled_from("_. "),
)
def test_two_numbers_with_one_difference_are_one_frame(one: int, other: int, steps: set[int], separator: str) -> None:
    names = [f"pl_{one + step:04}{separator}{other + step:04}.exr" for step in steps]
    (sequence,) = recognise(names).sequences
    assert sequence.pattern == f"pl_####{separator}####.exr"
    assert sequence.frames == tuple(sorted(other + step for step in steps))


FRAMES = ("x.1001.exr", "x.1002.exr", "x.1003.exr")


@pytest.mark.parametrize(
    "stray",
    [
        "x.1001 (1).exr", "x.1001(2).exr", "x.1001 copy.exr", "x.1001 copy 2.exr", "x.1001 - Copy.exr", "x.1001 - Copy (3).exr",
        "Copy of x.1001.exr", "x.1001 Kopie.exr", "x.1001.EXR", "x.1001.Exr", "._x.1001.exr", "._x.1004.exr",
        "x.1001_1.exr", "x.1001-2.exr", "x.1001 2.exr", "x.1001_v2.exr", "x.1001_copy.exr", "x.1001 (another copy).exr",
        "x.1001 (3rd copy).exr", "x.1001_dup.exr", "x.1001_fixed.exr", "x.1001_part.exr",
        "x.1002.old.exr", "x.####.exr", "x.$F4.exr", "x.%04d.exr", "x.<UDIM>.exr",
        "x.1002.sync-conflict-20160401-100237.exr", "x.1002.sync-conflict-20260401-100237-K3QX2AB.exr",
        "x.1003 (render-07's conflicted copy 2026-04-01).exr", "x.1003 (conflicted copy 2026-04-01 100237).exr",
    ],
)  # fmt: skip
def test_copies_and_files_of_another_spelling_are_strays_and_no_frames(stray: str) -> None:
    recognition = recognise([*FRAMES, stray])
    assert found(recognition) == {"x.####.exr": (1001, 1002, 1003)}
    assert recognition.singles == (stray,) == tuple(recognition.strays)


def test_single_frames_in_another_spelling_are_strays_if_they_fill_gaps() -> None:
    names = [f"B\u00fcro.{n}.exr" for n in range(1001, 1012, 2)]
    decomposed = [f"Bu\u0308ro.{n}.exr" for n in (1004, 1012)]
    recognition = recognise([*names, *decomposed, "b\u00fcro.1006.exr"])
    assert [each.frames for each in recognition.sequences] == [tuple(range(1001, 1012, 2))]
    assert {path: "Unicode form" in why for path, why in recognition.strays.items()} == {
        **dict.fromkeys(decomposed, True),
        "b\u00fcro.1006.exr": False,
    }
    assert recognition.strays["b\u00fcro.1006.exr"].endswith(": rename it to B\u00fcro.1006.exr")
    assert recognition.sequences[0].misspelt == (1004, 1006, 1012)
    assert len(recognise([*names, "b\u00fcro.1001.exr", "b\u00fcro.1003.exr"]).sequences) == 2
    odd = ["B\u00fcro.1004.exr.exr", "B\u00fcro .1006.exr", "B\u00fcro_1008.exr"]
    assert sorted(recognise([*names, *odd]).strays) == sorted(odd)
    assert not recognise(["Take_1.exr", "take_2.exr"]).strays


def test_a_file_with_another_extension_is_a_stray_beside_the_names_it_shares_although_more_have_a_third_spelling() -> (
    None
):
    names = [*(f"tree_A.{n}.exr" for n in range(1001, 1021)), *(f"tree_a.{n}.exr" for n in range(1001, 1011))]
    recognition = recognise([*names, "tree_a.1005.EXR"])
    assert {each.pattern: len(each.members) for each in recognition.sequences} == {
        "tree_A.####.exr": 20,
        "tree_a.####.exr": 10,
    }
    assert "that of tree_a.1005.exr" in recognition.strays["tree_a.1005.EXR"]


@pytest.mark.parametrize("numbers", [(1013, 1014), (1051, 1052, 1054), (1014,), (1004, 1005)])
def test_frames_in_another_spelling_that_fill_no_gap_or_follow_each_other_are_a_sequence(
    numbers: tuple[int, ...],
) -> None:
    names = [f"treeA.{n}.exr" for n in range(1001, 1013) if n not in numbers]
    recognition = recognise([*names, *(f"treea.{n}.exr" for n in numbers)])
    assert {each.pattern: each.frames for each in recognition.sequences}["treea.####.exr"] == numbers
    assert not recognition.strays


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        ("a_v{:03}.exr", "a-v004.exr"), ("a_2024-01-{:02}.exr", "a_2024_01_04.exr"), ("env_{}k.exr", "env-4k.exr"),
        ("sh{:02}0_comp.1001.exr", "sh040-comp.1001.exr"), ("plate_24050{}.exr", "plate-240504.exr"),
    ],
)  # fmt: skip
def test_names_of_another_version_date_or_size_are_no_strays(usual: str, other: str) -> None:
    assert not recognise([*map(usual.format, (1, 2, 3)), other]).strays


@pytest.mark.parametrize(
    ("copy", "numbers", "is_sequence"),
    [
        (" (1)", (1001, 1002, 1003), False),
        ("_copy", (1001, 1002, 1003), False),
        ("_1", (1001, 1002), False),
        ("_02", (1002, 1003), False),
        ("_v2", (1002, 1003), False),
        ("_1", (1001, 1002, 1003), True),  # a view or a version
        ("_1", (1003, 1004), True),
        ("_l", (1001, 1002), True),
    ],
)
def test_copies_of_several_frames_are_no_sequence(copy: str, numbers: tuple[int, ...], *, is_sequence: bool) -> None:
    recognition = recognise([*FRAMES, *(f"x.{number}{copy}.exr" for number in numbers)])
    assert (len(recognition.sequences), len(recognition.strays)) == ((2, 0) if is_sequence else (1, len(numbers)))


def test_a_frame_that_is_there_under_the_name_of_a_copy_alone_is_to_be_renamed() -> None:
    names = [f"x.{n}_N.exr" for n in range(1001, 1009) if n != 1004]
    recognition = recognise([*names, "x.1003_N_1.exr", "x.1004_N_1.exr"])
    assert {path: why.partition(":")[0] for path, why in recognition.strays.items()} == {
        "x.1003_N_1.exr": "a copy of x.1003_N.exr",
        "x.1004_N_1.exr": "there is no x.1004_N.exr",
    }
    assert not recognise([*names, "x.1009_N_1.exr"]).strays


def test_views_and_takes_with_a_number_behind_the_frame_are_no_copies() -> None:
    frames = [f"b.{n}.exr" for n in range(1001, 1007)]
    views = [f"b.{n}_{view}.exr" for n in range(1001, 1007) for view in (1, 2) if (n, view) != (1004, 2)]
    assert not recognise([*frames, *views]).strays
    take = [f"b.1001_{n:02}.exr" for n in range(1, 25)]
    assert found(recognise([*frames, *take]))["b.1001_##.exr"] == tuple(range(1, 25))


@pytest.mark.parametrize("first", [1, 6])
def test_frames_with_another_case_of_the_extension_belong_to_the_sequence(first: int) -> None:
    names = [f"a.{n}.{'EXR' if n > 5 else 'exr'}" for n in range(first, 11)]
    (sequence,) = recognise([*names, "a.7.Exr"]).sequences
    assert (sequence.pattern, sequence.frames) == ("a.#.exr" if first == 1 else "a.#.EXR", tuple(range(first, 11)))
    assert list(recognise([*names, "a.7.Exr"]).strays) == ["a.7.Exr"]


def test_what_looks_like_copies_without_the_originals_is_a_sequence() -> None:
    assert found(recognise(["render (1).exr", "render (2).exr"])) == {"render (#).exr": (1, 2)}
    assert found(recognise(["x.1001.EXR", "x.1002.EXR"])) == {"x.####.EXR": (1001, 1002)}


@pytest.mark.parametrize("other", ["sh020-beauty.{}.exr", "SH010_beauty.{}.exr"])
def test_as_many_files_in_another_spelling_are_a_sequence(other: str) -> None:
    names = [name for n in range(4) for name in (f"sh010_beauty.{1001 + n}.exr", other.format(1005 + n))]
    assert len(recognise(names).sequences) == 2
