"""Objects of Cryptomattes: coverage by id equals a count pixel by pixel, for any strips and parts, within limits."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.exr.cryptomatte.manifests import cryptomatte_id, id_as_float, manifest_hash
from exr_inspector.inspector import Inspector, InspectorConfig
from exr_inspector.model import MatteObjects, StatsMode
from exr_inspector.pixels import objects
from exr_inspector.pixels.objects import CountedMatte, Counting, ObjectCounter, StripObjects
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.validation import builtin_policy
from tests.support.exrbytes import FLOAT, HALF, Channel, Part, Tiles, a_string, a_stringvector, build
from tests.unit.validation.cases.made.metadata import NAME, declared, manifest
from tests.unit.validation.judging import opener

Array = np.ndarray[Any, Any]
HEIGHT, WIDTH = 40, 24
NAMES = ("bunny", "floor", "ärmel", "sky")
LIST_ALL = PixelConfig(max_objects=1 << 20, strip_bytes=4_000, read_bytes=3_000)
POLICY = builtin_policy("default")


def reference_id(name: str) -> int:
    """MurmurHash3_x86_32 with seed 0, step by step as its author wrote it, and Cryptomatte's exponent."""
    data, mask = name.encode(), 0xFFFFFFFF

    def mixed(block: int) -> int:
        block = block * 0xCC9E2D51 & mask
        return (block << 15 | block >> 17) & mask

    hashed, whole = 0, len(data) // 4 * 4
    for start in range(0, whole, 4):
        hashed ^= mixed(struct.unpack_from("<I", data, start)[0]) * 0x1B873593 & mask
        hashed = (hashed << 13 | hashed >> 19) & mask
        hashed = (hashed * 5 + 0xE6546B64) & mask
    if rest := data[whole:]:
        hashed ^= mixed(int.from_bytes(rest, "little")) * 0x1B873593 & mask
    hashed ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        hashed = ((hashed ^ hashed >> shift) * factor) & mask
    return hashed ^ 1 << 23 if hashed >> 23 & 0xFF in {0, 255} else hashed


@given(st.text(max_size=40))
def test_ids_are_murmur_hashes_clear_of_odd_floats(name: str) -> None:
    assert cryptomatte_id(name) == reference_id(name)
    value = id_as_float(cryptomatte_id(name))
    assert math.isfinite(value)
    assert abs(value) >= 2.0**-126


def test_ids_of_the_specification() -> None:
    assert (cryptomatte_id("default"), cryptomatte_id("bunny")) == (0x42C9679F, 0x13851A76)


def pixels(
    seed: int = 0, layers: Sequence[str] = (f"{NAME}00", f"{NAME}01"), names: Sequence[str] = NAMES
) -> dict[str, Array]:
    """Ids of random names, runs of them, and coverage in quarters, half of it zero."""
    dice = np.random.default_rng(seed)
    known = np.array([cryptomatte_id(name) for name in names], np.uint32).view(np.float32)
    found = {}
    for layer in layers:
        for ids, coverage in ("rg", "ba"):
            found[f"{layer}.{ids}"] = np.repeat(dice.choice(known, (HEIGHT, WIDTH // 4)), 4, axis=1)
            found[f"{layer}.{coverage}"] = (
                dice.integers(0, 5, (HEIGHT, WIDTH)) * dice.integers(0, 2, (HEIGHT, WIDTH)) / 4
            )
    return found


def counted(*images: dict[str, Array]) -> dict[int, tuple[float, int]]:
    """The coverage and pixels of each id, computed one value at a time."""
    found: dict[int, list[float]] = defaultdict(list)
    for image in images:
        for name, ids in image.items():
            if name[-1] in "rb":
                coverage = image[name[:-1] + ("g" if name[-1] == "r" else "a")]
                for value, share in zip(
                    ids.reshape(-1).view(np.uint32).tolist(), coverage.reshape(-1).tolist(), strict=True
                ):
                    if share > 0:
                        found[value].append(share)
    return {value: (sum(shares), len(shares)) for value, shares in found.items()}


def part(image: dict[str, Array], **changes: Any) -> Part:
    channels = [Channel(name, FLOAT) for name in image]
    return Part(data_window=(0, 0, WIDTH - 1, HEIGHT - 1), channels=channels, pixels=image, **changes)


def mattes(data: bytes, config: PixelConfig = LIST_ALL, mode: StatsMode = StatsMode.FULL) -> tuple[MatteObjects, ...]:
    inspector = Inspector(InspectorConfig(stats=mode, pixels=config))
    found = inspector.inspect(opener().open_bytes(data), POLICY)
    return found.pixels.mattes


def listed(found: MatteObjects) -> dict[int, tuple[float, int]]:
    return {one.id: (one.coverage, one.pixels) for one in found.objects}


@pytest.mark.parametrize(
    "changes", [{}, {"kind": "tiledimage", "tiles": Tiles(7, 9)}, {"compression": 3, "compress": True}]
)
def test_every_object_has_its_coverage(changes: dict[str, Any]) -> None:
    image = pixels()
    (found,) = mattes(build([part(image, extra=declared(manifest=manifest([*NAMES, "hidden"])), **changes)]))
    assert listed(found) == counted(image)
    assert (found.id_count, found.name_count, found.unnamed_count, found.unseen_count) == (4, 5, 0, 1)
    assert (found.part, found.name, found.view) == (0, NAME, None)
    assert found.first_unseen == ("hidden",)
    assert found.manifest_hash == manifest_hash(manifest([*NAMES, "hidden"]))
    assert found.is_complete
    assert [one.coverage for one in found.objects] == sorted((one.coverage for one in found.objects), reverse=True)


def test_ranks_of_several_parts_are_one_cryptomatte() -> None:
    first, second = pixels(1, [f"{NAME}00"]), pixels(2, [f"{NAME}01"])
    bare = {name.rpartition(".")[2]: values for name, values in second.items()}
    data = build([part(first, name="crypto", extra=declared()), part(bare, name=f"{NAME}01")])
    (found,) = mattes(data)
    assert listed(found) == counted(first, second)


def test_views_are_counted_each_for_itself() -> None:
    left, right = pixels(3, [f"{NAME}00.left"]), pixels(4, [f"{NAME}00.right"])
    views = a_stringvector("multiView", ["left", "right"])
    found = mattes(build([part({**left, **right}, extra=[*declared(), views])]))
    assert {one.view: listed(one) for one in found} == {"left": counted(left), "right": counted(right)}


def test_what_is_no_object_is_not_counted() -> None:
    image = pixels(5, [f"{NAME}00"])
    for row, value in enumerate((0.0, -0.0, np.nan, np.inf, id_as_float(1))):
        image[f"{NAME}00.r"][row] = value
        image[f"{NAME}00.g"][row] = 1
    for row, value in enumerate((np.nan, np.inf, -1.0), start=5):
        image[f"{NAME}00.g"][row] = value
    kept = {name: values[8:] if name[-1] in "rg" else values for name, values in image.items()}
    (found,) = mattes(build([part(image, extra=declared())]))
    assert listed(found) == counted(kept)
    assert found.impossible_count == 3 * WIDTH
    (found,) = mattes(build([part(dict.fromkeys(image, np.zeros((HEIGHT, WIDTH))), extra=declared())]))
    assert (found.id_count, found.objects, found.is_complete) == (0, (), True)


def test_nothing_is_counted_of_a_sample_and_of_what_are_no_ids() -> None:
    data = build([part(pixels(), extra=declared())])
    assert mattes(data, mode=StatsMode.SAMPLED) == ()
    image = {name: values * 0 for name, values in pixels().items()}
    half = [Channel(name, HALF) for name in image]
    assert mattes(build([replace(part(image, extra=declared()), channels=half)])) == ()
    assert mattes(build([Part(extra=declared())])) == ()


def test_without_a_manifest_nothing_is_said_of_names() -> None:
    for attributes in (declared("manifest"), declared(manifest="{}"), declared(manifest='{"bunny')):
        (found,) = mattes(build([part(pixels(), extra=attributes)]))
        assert (found.id_count, found.name_count, found.unseen_count, found.unnamed_count) == (4, None, None, 0)
        assert found.manifest_hash is None


def test_a_second_declaration_of_a_name_is_not_counted_again() -> None:
    again = a_string("cryptomatte/abc/name", NAME)
    assert len(mattes(build([part(pixels(), extra=[*declared(), again])]))) == 1


def test_a_rank_whose_ids_and_coverage_lie_in_two_parts_is_not_counted() -> None:
    image = pixels(6, [f"{NAME}00"])
    ids = {name: values for name, values in image.items() if name.endswith(".r")}
    rest = {name: values for name, values in image.items() if name not in ids}
    (found,) = mattes(build([part(ids, name="a", extra=declared()), part(rest, name="b")]))
    assert listed(found) == counted({name: values for name, values in rest.items() if name[-1] in "ba"})


def test_names_are_not_missed_where_chunks_are_missing() -> None:
    data = build([part(pixels(), extra=declared(manifest=manifest([*NAMES, "hidden"])))])
    (found,) = mattes(data[:-100])
    assert (found.is_complete, found.unseen_count, found.first_unseen) == (False, None, ())


def strip(ids: Array, coverage: float) -> StripObjects:
    found = objects.FoundObjects(ids.astype(np.uint32), np.full(len(ids), coverage), np.ones(len(ids), np.int64))
    return StripObjects(0, found, 0)


def counter(most: int) -> ObjectCounter:
    matte = CountedMatte(_Declared(), None, frozenset({0}))
    return ObjectCounter(Counting((matte,), {}), most)


class _Declared:
    """The parts of a `Matte` that results are made of."""

    part, manifest = 0, None

    class declared:  # noqa: N801 - an attribute of `Matte`
        key, name, manifest = "k", "n", None


def test_ids_beyond_the_limit_are_given_up_the_least_first() -> None:
    kept = counter(100)
    kept.add([strip(np.arange(90), 5.0)])
    for start in range(1_000, 400_000, 1_000):
        kept.add([strip(np.arange(start, start + 1_000), 0.5)])
        assert kept._kept + kept._pending <= 2 * objects._LEAST_PENDING
    (found,) = kept.results(frozenset({0}), 1_000)
    assert (found.id_count, found.is_complete) == (100, False)
    assert set(range(90)) <= {one.id for one in found.objects}


def test_objects_are_listed_up_to_their_own_limit() -> None:
    data = build([part(pixels(), extra=declared())])
    (all_of_them,) = mattes(data)
    (found,) = mattes(data, replace(LIST_ALL, max_objects=2))
    assert found.objects == all_of_them.objects[:2]
    assert (found.id_count, found.is_complete) == (4, True)
    views = a_stringvector("multiView", ["left", "right"])
    both = {**pixels(3, [f"{NAME}00.left"]), **pixels(4, [f"{NAME}00.right"])}
    two = mattes(build([part(both, extra=[*declared(), views])]), replace(LIST_ALL, max_objects=5))
    assert [len(each.objects) for each in two] == [4, 1], "the limit is that of all Cryptomattes together"
