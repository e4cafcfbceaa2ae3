"""UDIM tiles that nothing in the files marks as textures are recognised by names, numbers and sizes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import Any

import pytest

from exr_inspector.delivery.naming import recognise
from exr_inspector.delivery.patterns import parse_pattern
from exr_inspector.delivery.sequences import check_sequence
from exr_inspector.delivery.siblings import siblings_of
from exr_inspector.delivery.textures import textures_among
from exr_inspector.model import Severity
from exr_inspector.validation import FrameSummary, builtin_policy, validate_sequence
from exr_inspector.validation.facts.sequences import NO_SIBLINGS
from tests.unit.delivery.sequences import checked_sequences

SPARSE = (1001, 1002, 1003, 1011, 1012, 1021)


def frame(path: str, side: int = 1024, **facts: object) -> FrameSummary:
    given = {"sequence": "?", "frame": 0, "display_window": (0, 0, side - 1, (side or 1080) - 1), **facts}
    return FrameSummary(path, padding=0, **given)


def sequences(*names: str, numbers: Iterable[int] = SPARSE, **facts: object) -> list[str]:
    """The patterns that are not textures, of names that all have the same numbers."""
    files = [frame(name.format(number), **facts) for name in names for number in numbers]
    return [each.pattern for each in checked_sequences(files)]


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
    files = [frame(f"d/{name.format(number)}", side) for number, side in zip(numbers, cycle(sides), strict=False)]
    assert (checked_sequences(files) == ()) is is_texture


def test_tiles_without_a_header_hide_no_texture() -> None:
    files = [frame(f"d/rock_BaseColor.{number}.exr") for number in SPARSE]
    files[2] = frame(files[2].path, display_window=None, status="failed")
    assert checked_sequences(files) == ()


def test_squares_beside_textures_with_the_same_word_and_numbers_are_textures() -> None:
    few = (1001, 1002, 1011)
    names = ["tex/rock_height.{}.exr", "tex/rock_dirt01.{}.exr", "tex/flag_anim.{}.exr"]
    assert sequences(*names, numbers=few) == ["tex/flag_anim.####.exr"]
    names = ["tex/bump/rock.{}.exr", "tex/rock_bump.{}.exr", "other/a/rock.{}.exr"]
    assert sequences(*names, numbers=few) == ["other/a/rock.####.exr"]
    files = [frame(f"rock_height.{n}.exr") for n in (1001, 1011)] + [frame(f"rock_dirt.{n}.exr") for n in few]
    assert [each.pattern for each in checked_sequences(files)] == ["rock_dirt.####.exr"]


def test_an_attribute_of_textures_is_as_good_as_a_name() -> None:
    few = (1001, 1002, 1011)
    assert sequences("a.{}.exr", numbers=few, attributes={"wrapmodes": "periodic"}) == []
    assert sequences("a.{}.exr", numbers=few, attributes={"comments": "periodic"}) == ["a.####.exr"]


@pytest.mark.parametrize(("other", "is_texture"), [("beauty", False), ("crypto_asset", False), ("opacity", True)])
def test_an_aov_is_no_texture_if_the_image_has_the_frames_in_its_gaps(other: str, *, is_texture: bool) -> None:
    files = [frame(f"sh_diffuse.{n}.exr") for n in SPARSE] + [frame(f"sh_{other}.{n}.exr") for n in range(1001, 1022)]
    found = {each.pattern: each.missing.text for each in checked_sequences(files)}
    assert found.get("sh_diffuse.####.exr", "") == ("" if is_texture else "1004-1010,1013-1020")


def tile_findings(tiles: dict[str, Iterable[int]], **facts: object) -> dict[str, list[tuple[int, str]]]:
    """Severity and what was found, by the names of textures that have findings of their own."""
    files = [f"{name}.{number:04}.exr" for name, numbers in tiles.items() for number in numbers]
    known = [
        (each, [frame(m.path, sequence=each.pattern, frame=m.number, **facts) for m in each.members])
        for each in recognise(files).sequences
    ]
    textures = textures_among(known)
    assert textures == {each.pattern for each, _ in known}
    siblings = siblings_of(known, textures)
    policy = builtin_policy("default")
    checked = {
        each.pattern.partition(".##")[0]: check_sequence(
            each, frames, policy, siblings=siblings.get(each.pattern, NO_SIBLINGS), is_texture=True
        ).findings
        for each, frames in known
    }
    return {name: [(f.severity, f.message) for f in found] for name, found in checked.items() if found}


@pytest.mark.parametrize("facts", [{"is_texture": True}, {}])
@pytest.mark.parametrize(
    ("number", "is_found"), [(10, True), (1000, True), (2001, True), (101, True), (1999, False), (1013, False)]
)
def test_numbers_that_are_no_udim_tiles(number: int, *, is_found: bool, facts: dict[str, object]) -> None:
    found = tile_findings({"a_BaseColor": (*SPARSE, number)}, **facts)
    assert [severity for severity, _ in found.get("a_BaseColor", [])] == [Severity.WARNING] * is_found
    assert not is_found or found["a_BaseColor"][0][1].startswith(
        f"a_BaseColor.{number:04}.exr: no number of a UDIM tile"
    )


@pytest.mark.parametrize("numbers", [range(996, 1006), range(1, 9)])
def test_animated_textures_have_other_numbers(numbers: range) -> None:
    assert tile_findings({"a_BaseColor": numbers}, is_texture=True) == {}


@pytest.mark.parametrize(
    ("tiles", "found"),
    [
        ({"BaseColor": SPARSE, "Normal": SPARSE[:-1], "Roughness": SPARSE}, {"h_Normal": Severity.WARNING}),
        ({"BaseColor_ACEScg": SPARSE, "Normal_raw": SPARSE[1:], "disp": SPARSE}, {"h_Normal_raw": Severity.WARNING}),
        ({"BaseColor": SPARSE, "Normal": SPARSE[:-1]}, {"h_Normal": Severity.INFO}),
        ({"BaseColor": SPARSE, "Emission": SPARSE[:-1], "Roughness": SPARSE}, {"h_Emission": Severity.INFO}),
        ({"BaseColor": SPARSE, "Emission": SPARSE[:2], "Roughness": SPARSE}, {}),
        ({"BaseColor": SPARSE, "Normal": SPARSE, "Roughness": SPARSE}, {}),
        ({"BaseColor_v1": SPARSE[:-1], "BaseColor_v2": SPARSE, "Roughness": SPARSE}, {}),
    ],
)
def test_tiles_that_one_map_lacks(tiles: dict[str, tuple[int, ...]], found: dict[str, Severity]) -> None:
    said = tile_findings({f"h_{name}": numbers for name, numbers in tiles.items()}, is_texture=True)
    assert {name: every[0][0] for name, every in said.items()} == found


@pytest.mark.parametrize(
    ("changed", "severity"),
    [
        ({"channels": ("0:A HALF", "0:B HALF", "0:G HALF", "0:R HALF")}, Severity.INFO),
        ({"channels": ("0:B FLOAT", "0:G FLOAT", "0:R FLOAT")}, Severity.INFO),
        ({"channels": ("0:R HALF",)}, Severity.WARNING),
        ({"colour": "AP1"}, Severity.WARNING),
        ({"frame": 1, "channels": ("0:R HALF",)}, None),  # a numbered texture
    ],
)
def test_tiles_that_differ(changed: dict[str, Any], severity: Severity | None) -> None:
    usual = {"channels": ("0:B HALF", "0:G HALF", "0:R HALF"), "colour": "Rec.709"}
    tiles = [frame("a.exr", **{**usual, "frame": n, **(changed if n == 1003 else {})}) for n in SPARSE]
    found = validate_sequence(tiles, builtin_policy("texture"), is_texture=True)
    assert [each.severity for each in found] == [severity] * (severity is not None)


def test_a_udim_pattern_also_takes_numbers_that_are_no_tiles() -> None:
    names = [f"a/x.{number}.exr" for number in ("0010", "1001", "1002", "1003", "10")]
    (known,) = parse_pattern("a/x.<UDIM>.exr").recognise(names).sequences
    assert known.frames == (10, 1001, 1002, 1003)
    assert siblings_of([(known, ())], {known.pattern})[known.pattern].no_tiles == (10,)
