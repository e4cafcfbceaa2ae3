"""UDIM tiles that nothing in the files marks as textures are recognised by names, numbers and sizes."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from exr_inspector.delivery.judgement import judge_frames
from exr_inspector.validation import FrameSummary, builtin_policy

SPARSE = (1001, 1002, 1003, 1011, 1012, 1021)


def frame(path: str, side: int = 1024, **facts: object) -> FrameSummary:
    return FrameSummary(path, "?", 0, 0, display_window=(0, 0, side - 1, (side or 1080) - 1), **facts)  # type: ignore[arg-type]


def sequences(*names: str, numbers: Iterable[int] = SPARSE, **facts: object) -> list[str]:
    """The patterns that are not textures, of names that all have the same numbers."""
    files = {path: frame(path, **facts) for name in names for number in numbers for path in [name.format(number)]}
    return [each.pattern for each in judge_frames(files, builtin_policy("default")).sequences]


@pytest.mark.parametrize(
    ("name", "numbers", "sides", "is_texture"),
    [
        ("rock_BaseColor.{}.exr", (1001, 1002, 1011, 1012), (4096,), True),
        ("T_Head_NM_{}.exr", (1001, 1002, 1003), (4096, 1024, 2048), True),
        ("rock_BaseColor.{}.exr", (1001, 1002, 1011), (4000,), False),
        ("rock_BaseColor.{}.exr", (1001, 1003), (4096,), False),
        ("rock_BaseColor.{}.exr", range(1001, 1025), (4096,), False),
        ("rock_BaseColor.{}.exr", (1, 2, 11), (4096,), False),
        ("sh010_beauty.{}.exr", (1001, 1002, 1011), (1024,), False),
        ("body_diff.{}.exr", (1001, 1002, 1003, 1011), (1024,), True),
        ("body_diff.{}.exr", (1001, 1002, 1003), (1024,), False),
        ("body_diff.{}.exr", (1001, 1002, 1003, 1011), (1000,), False),
        ("rock_baseColor_ACEScg.{}.exr", SPARSE, (1024,), True),
        ("wood_col_v2.{}.exr", SPARSE, (1024, 2048), True),
        ("rock_4k_rough_raw_{}.exr", (1001, 1002, 1011), (4096,), True),
        ("Normal_OpenGL.{}.exr", SPARSE, (3000,), True),  # two gaps say more than one
        ("wood_col_v2.{}.exr", SPARSE, (0,), False),
        ("rock_height.{}.exr", (1001, 1002, 1004, 1011, 1013), (1024,), True),  # holes in the rows
        ("body_diff.{}.exr", (1001, 1002, 1004, 1011, 1013), (1024,), False),
        ("rock_height.{}.exr", (*range(1001, 1010), *range(1011, 1017), *range(1018, 1030)), (1024,), False),
        ("body_diff.{}.exr", (1001, 1002, 1003), (1024, 512), True),
        ("hero.{}.exr", SPARSE, (1024,), True),
        ("hero_beauty.{}.exr", SPARSE, (1024,), False),
        ("hero.{}.exr", SPARSE, (1000,), False),
        ("hero.{}.exr", (*range(1001, 1009), *range(1011, 1020), *range(1021, 1030)), (1024,), False),
        ("hero.{}.exr", range(1001, 1042, 10), (1024,), False),
        ("colony.{}.exr", (1001, 1002, 1011), (1024,), False),
    ],
)
def test_untiled_udims_are_no_image_sequence(
    name: str, numbers: Iterable[int], sides: tuple[int, ...], *, is_texture: bool
) -> None:
    files = {}
    for index, number in enumerate(numbers):
        side = sides[index % len(sides)]
        path = f"d/{name.format(number)}"
        files[path] = frame(path, side)
    assert (judge_frames(files, builtin_policy("default")).sequences == ()) is is_texture


def test_squares_beside_textures_with_the_same_word_and_numbers_are_textures() -> None:
    few = (1001, 1002, 1011)
    names = ["tex/rock_height.{}.exr", "tex/rock_dirt01.{}.exr", "tex/flag_anim.{}.exr"]
    assert sequences(*names, numbers=few) == ["tex/flag_anim.####.exr"]
    names = ["tex/bump/rock.{}.exr", "tex/rock_bump.{}.exr", "other/a/rock.{}.exr"]
    assert sequences(*names, numbers=few) == ["other/a/rock.####.exr"]
    files = {f"rock_height.{n}.exr": frame(f"rock_height.{n}.exr") for n in (1001, 1011)}
    files |= {f"rock_dirt.{n}.exr": frame(f"rock_dirt.{n}.exr") for n in few}
    assert [each.pattern for each in judge_frames(files, builtin_policy("default")).sequences] == ["rock_dirt.####.exr"]


def test_an_attribute_of_textures_is_as_good_as_a_name() -> None:
    few = (1001, 1002, 1011)
    assert sequences("a.{}.exr", numbers=few, attributes={"wrapmodes": "periodic"}) == []
    assert sequences("a.{}.exr", numbers=few, attributes={"comments": "periodic"}) == ["a.####.exr"]


@pytest.mark.parametrize(("other", "is_texture"), [("beauty", False), ("crypto_asset", False), ("opacity", True)])
def test_an_aov_is_no_texture_if_the_image_has_the_frames_in_its_gaps(other: str, *, is_texture: bool) -> None:
    files = {name: frame(name) for n in SPARSE for name in [f"sh_diffuse.{n}.exr"]}
    files |= {name: frame(name) for n in range(1001, 1022) for name in [f"sh_{other}.{n}.exr"]}
    found = {each.pattern: each.missing.text for each in judge_frames(files, builtin_policy("default")).sequences}
    assert found.get("sh_diffuse.####.exr", "") == ("" if is_texture else "1004-1010,1013-1020")
