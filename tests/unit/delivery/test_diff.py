"""A file compared with another one or with its rows, in this process: what differs, where, and what was not compared."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from exr_inspector.delivery.diff import FileDiff, diff_files
from exr_inspector.delivery.stored_diff import diff_stored
from exr_inspector.inspector import Inspector, InspectorConfig
from exr_inspector.model import StatsMode
from exr_inspector.pixels.comparing import Plane
from exr_inspector.pixels.config import PixelConfig
from exr_inspector.pixels.difference import DifferencePicture
from exr_inspector.pixels.rows import PartRows
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from tests.support.exrbytes import FLOAT, HALF, Channel, Part, Tiles, a_int, a_string, build

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
RGB = tuple(Channel(name, HALF) for name in "BGR")
POLICY = builtin_policy("default")
OPENER = SourceOpener(load_settings({}, secrets_dir=None, need=()))


def one(left: Path, right: Path, **options: object) -> FileDiff:
    return diff_files(OPENER, Inspector(), str(left), str(right), **options)


def written(folder: Path, name: str, *parts: Part) -> Path:
    path = folder / name
    path.write_bytes(build(list(parts)))
    return path


def image(window: tuple[int, int, int, int] = (0, 0, 99, 79)) -> Part:
    shape = window[3] - window[1] + 1, window[2] - window[0] + 1
    noise = np.random.default_rng(5)
    return Part(
        channels=RGB, data_window=window, pixels={name: noise.random(shape).astype(np.float16) for name in "BGR"}
    )


def changed(part: Part, x: int, y: int, value: float) -> Part:
    pixels = {name: array.copy() for name, array in (part.pixels or {}).items()}
    pixels["G"][y, x] = value
    return dataclasses.replace(part, pixels=pixels)


def pictured(left: Path, right: Path) -> Plane:
    picture = DifferencePicture()
    one(left, right, picture=picture)
    found = picture.result()
    return found.pixels


@pytest.mark.parametrize("tiles", [Tiles(16, 8), Tiles(64, 64)])
def test_chunks_make_no_difference(tmp_path: Path, tiles: Tiles) -> None:
    lines = written(tmp_path, "lines.exr", dataclasses.replace(image(), compression=3))
    tiled = written(tmp_path, "tiled.exr", dataclasses.replace(image(), kind="tiledimage", tiles=tiles))
    found = one(lines, tiled)
    assert "tiles" in {item.name for item in found.attributes}
    assert found.parts[0].is_same
    assert [channel.samples for channel in found.parts[0].channels] == [8000] * 3
    assert one(lines, tiled, header=False).exit_code == 0


def test_one_sample_is_found_where_it_is(tmp_path: Path) -> None:
    window = (-20, 30, 79, 109)
    left = written(tmp_path, "a.exr", image(window))
    right = written(tmp_path, "b.exr", changed(image(window), 60, 70, 3.0))
    found = one(left, right)
    by_name = {channel.channel: channel for channel in found.parts[0].channels}
    green = by_name["G"]
    assert (green.differing, green.over, green.max_at, green.samples) == (1, 1, (40, 100), 8000)
    assert by_name["R"].differing == by_name["B"].differing == 0
    assert found.exit_code == 1
    assert one(left, right, threshold=5.0).is_same


def test_windows_that_differ_are_compared_where_they_meet(tmp_path: Path) -> None:
    whole = image()
    inner = dataclasses.replace(
        whole, data_window=(10, 20, 49, 59), pixels={name: array[20:60, 10:50] for name, array in whole.pixels.items()}
    )
    found = one(written(tmp_path, "a.exr", whole), written(tmp_path, "b.exr", inner))
    (part,) = found.parts
    assert part.window == (10, 20, 49, 59)
    assert [channel.samples for channel in part.channels] == [1600] * 3
    assert all(channel.is_same for channel in part.channels)
    assert len(part.notes) == 1
    assert found.exit_code == 1
    apart = dataclasses.replace(whole, data_window=(1000, 0, 1099, 79))
    assert one(written(tmp_path, "a.exr", whole), written(tmp_path, "c.exr", apart)).parts[0].window is None


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [
        ((0, 0), 0.0, "all 0"),
        ((0, 0), 1.0, "not all 0"),
        ((79, 99), 1.0, "not all 0"),
        ((30, 0), 1.0, "not all 0"),
        *((beside, 1.0, "not all 0") for beside in ((19, 30), (60, 30), (40, 9), (40, 50), (63, 30), (64, 30))),
    ],
)
def test_what_lies_around_a_crop(
    at: tuple[int, int], value: float, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    decode = PartRows._decode
    monkeypatch.setattr(PartRows, "_decode", lambda rows, run, *rest: decoded.extend(run) or decode(rows, run, *rest))
    whole, inner = image(), (10, 20, 49, 59)
    cropped = {name: array[20:60, 10:50].copy() for name, array in whole.pixels.items()}
    around = {name: np.zeros_like(array) for name, array in whole.pixels.items()}
    for name, array in around.items():
        array[20:60, 10:50] = cropped[name]
    around["R"][at] = value
    files = (
        written(tmp_path, "a.exr", dataclasses.replace(whole, pixels=around)),
        written(tmp_path, "b.exr", dataclasses.replace(whole, data_window=inner, pixels=cropped)),
    )
    (part,) = one(*files).parts
    assert part.notes[0].endswith(f"; the others of the first file are {says}")
    assert len(decoded) == 80 + 40, "each row once"
    assert one(*reversed(files)).parts[0].notes[0].endswith(f"; the others of the second file are {says}")
    assert all(channel.is_same for channel in part.channels)


def test_channels_types_parts_and_attributes_that_differ(tmp_path: Path) -> None:
    first = written(
        tmp_path,
        "a.exr",
        dataclasses.replace(image(), name="x", extra=[a_string("owner", "me")]),
        dataclasses.replace(image(), name="y"),
    )
    other = Part(channels=(Channel("G", FLOAT), Channel("Z", FLOAT)), data_window=(0, 0, 99, 79), name="x")
    found = one(first, written(tmp_path, "b.exr", other, dataclasses.replace(image(), name="z")))
    assert (found.only_one, found.only_other) == (("y",), ("z",))
    (part,) = found.parts
    assert (part.only_one, part.only_other) == (("B", "R"), ("Z",))
    assert [channel.channel for channel in part.channels] == ["G"]
    assert part.channels[0].max_ulp is None
    assert ("owner", "me", None) in [(item.name, item.one, item.other) for item in found.attributes]


def test_single_parts_are_a_pair_whatever_their_names(tmp_path: Path) -> None:
    named = [written(tmp_path, f"{name}.exr", dataclasses.replace(image((0, 0, 3, 2)), name=name)) for name in "xy"]
    found = one(*named)
    assert (found.only_one, found.only_other, [part.part for part in found.parts]) == ((), (), ["x"])
    both = written(tmp_path, "both.exr", *(dataclasses.replace(image((0, 0, 3, 2)), name=name) for name in "yz"))
    assert [(each.only_one, each.only_other) for each in (one(named[0], both), one(both, named[1]))] == [
        (("x",), ("y", "z")),
        (("z",), ()),
    ]


def test_parts_of_one_name_are_compared_each(tmp_path: Path) -> None:
    twice = [dataclasses.replace(image((0, 0, 3, 2)), name="rgba") for _ in range(2)]
    paths = written(tmp_path, "a.exr", *twice), written(tmp_path, "b.exr", changed(twice[0], 1, 1, 9.0), twice[1])
    found = one(*paths)
    assert (found.exit_code, [part.is_same for part in found.parts]) == (1, [False, True])


def test_an_attribute_of_another_type_is_shown_with_it(tmp_path: Path) -> None:
    one_type, other_type = (
        written(tmp_path, name, dataclasses.replace(image(), extra=[extra]))
        for name, extra in (("a.exr", a_string("take", "7")), ("b.exr", a_int("take", 7)))
    )
    (found,) = one(one_type, other_type).attributes
    assert (found.one, found.other) == ("7 (string)", "7 (int)")


def test_subsampled_and_deep_parts_have_an_answer() -> None:
    path = SAMPLES / "luminance_chroma.exr"
    assert one(path, path).is_same
    deep = one(SAMPLES / "deep_scanline.exr", SAMPLES / "deep_scanline.exr")
    assert deep.is_same
    assert deep.parts[0].unchecked
    mipmap = one(SAMPLES / "tiled_mipmap.exr", SAMPLES / "tiled_mipmap.exr")
    assert (mipmap.is_same, len(mipmap.parts[0].unchecked)) == (True, 1)


def test_rows_that_cannot_be_read_are_named_and_the_others_are_compared(tmp_path: Path) -> None:
    whole, truncated = SAMPLES / "scanline_zip.exr", SAMPLES / "truncated.exr"
    for files, which in (((whole, truncated), "second"), ((truncated, whole), "first")):
        found = one(*files)
        (part,) = found.parts
        assert (found.exit_code, found.is_same) == (2, False)
        assert part.faults == (f"chunks 1 to 2 of the {which} file (rows 16 to 47): EXR_DECODE: the chunk is missing",)
        assert [(channel.samples, channel.is_same) for channel in part.channels] == [(64 * 16, True)] * len(
            part.channels
        )
    image_of_chunks = dataclasses.replace(image((0, 0, 99, 49)), compression=3, compress=True)
    data = bytearray(written(tmp_path, "a.exr", image_of_chunks).read_bytes())
    last = len(data) - 100
    data[last:] = bytes(100)
    (tmp_path / "b.exr").write_bytes(data)
    (part,) = one(tmp_path / "a.exr", tmp_path / "b.exr").parts
    assert [fault.partition(": ")[0] for fault in part.faults] == ["chunk 3 of the second file (rows 48 to 49)"]
    assert {channel.samples for channel in part.channels} == {100 * 48}
    for name in ("not_an_exr.exr", "none.exr"):
        found = one(whole, SAMPLES / name)
        assert (found.exit_code, found.is_same, found.parts, bool(found.trouble)) == (2, False, (), True)


def test_channels_of_another_sampling_are_not_compared(tmp_path: Path) -> None:
    pixels = {"B": np.ones((4, 2)), "G": np.ones((4, 4)), "R": np.ones((4, 4))}
    half = Part(channels=(Channel("B", HALF, 2, 1), *RGB[1:]), data_window=(0, 0, 3, 3), pixels=pixels)
    full = Part(channels=RGB, data_window=(0, 0, 3, 3), pixels=pixels | {"B": np.ones((4, 4))})
    (part,) = one(written(tmp_path, "a.exr", half), written(tmp_path, "b.exr", full)).parts
    assert part.notes == ("channel B is sampled in another way, and not compared",)
    assert [channel.channel for channel in part.channels] == ["G", "R"]
    assert not part.is_same


def test_a_picture_of_windows_that_differ_is_magenta_where_one_is_alone(tmp_path: Path) -> None:
    left = written(tmp_path, "a.exr", image())
    right = written(tmp_path, "b.exr", dataclasses.replace(image((50, 20, 149, 99)), display_window=(0, 0, 99, 79)))
    shown = pictured(left, right)
    alone = (shown == (255, 0, 255)).all(axis=-1)
    assert not alone[20:, 50:].any()
    assert alone[:20].all()
    assert alone[:, :50].all()


def test_the_size_of_a_picture_is_bounded_and_its_pixels_are_means(tmp_path: Path) -> None:
    wide = Part(channels=(Channel("Y", HALF),), data_window=(0, 0, 4095, 1))
    steps = np.zeros((2, 4096), np.float16)
    steps[:, 0] = 1.0  # a quarter of the first pixel's box
    steps[:, 8:12] = 0.5
    left = written(tmp_path, "a.exr", dataclasses.replace(wide, pixels={"Y": steps * 0}))
    right = written(tmp_path, "b.exr", dataclasses.replace(wide, pixels={"Y": steps}))
    shown = pictured(left, right)
    assert shown.shape[1] == 1024
    assert shown[0, :4, 0].tolist() == [128, 0, 255, 0]


FULL = Inspector(InspectorConfig(stats=StatsMode.FULL, pixels=PixelConfig(hash_pixels=True)))


def with_rows(left: Path, right: Path, inspector: Inspector = FULL) -> FileDiff:
    """The first file, compared with the rows of the second one."""
    stored = FULL.inspect(OPENER.open_url(str(right)), POLICY)
    return diff_stored(OPENER, inspector, POLICY, str(left), stored, path="s/b.exr")


def test_a_file_and_its_rows_are_equal_and_each_difference_is_named(tmp_path: Path) -> None:
    window = (-20, 30, 79, 109)
    twice = [dataclasses.replace(image(window), name=name) for name in ("x", "y")]
    whole = written(tmp_path, "a.exr", *twice)
    assert with_rows(whole, whole).is_same
    other = written(tmp_path, "b.exr", twice[0], changed(twice[1], 60, 70, 3.0))
    found = with_rows(whole, other)
    assert [part.is_same for part in found.parts] == [True, False]
    (hashed, green) = found.parts[1].notes
    assert hashed == "pixels differ by their hash"
    assert green.startswith("channel G differs: maximum ")
    moved = written(tmp_path, "c.exr", *(dataclasses.replace(part, data_window=(0, 0, 99, 79)) for part in twice))
    assert "data windows differ: (-20, 30) - (79, 109) and (0, 0) - (99, 79)" in with_rows(whole, moved).parts[0].notes
    renamed = with_rows(whole, written(tmp_path, "d.exr", twice[0], dataclasses.replace(twice[1], name="z")))
    assert (renamed.only_one, renamed.only_other, renamed.exit_code) == (("y",), ("z",), 1)


def test_chunks_that_are_missing_or_damaged_since_are_those_of_their_part(tmp_path: Path) -> None:
    two = [dataclasses.replace(image((0, 0, 99, 31)), name=name, compression=3, compress=True) for name in ("x", "y")]
    whole, other = written(tmp_path, "a.exr", *two), tmp_path / "b.exr"
    other.write_bytes(whole.read_bytes()[:-700])
    first, second = with_rows(other, whole).parts
    assert first.is_same
    assert "chunks that are there differ: 1 of 2, in the rows 2 of 2" in second.notes
    other.write_bytes(whole.read_bytes()[:-700] + bytes(700))
    found = with_rows(other, whole)
    assert found.parts[0].is_same
    (fault,) = found.parts[1].faults
    assert fault.startswith("chunk 1 (rows 16 to 31): EXR_DECODE: ")
    assert found.exit_code == 2
    few = Inspector(InspectorConfig(stats=StatsMode.FULL, pixels=PixelConfig(max_faults=1)))
    assert "not all pixels were read: faults" in with_rows(other, whole, few).parts[1].unchecked


def test_channels_of_rows_and_what_only_some_figures_say(tmp_path: Path) -> None:
    left = written(tmp_path, "a.exr", dataclasses.replace(image(), extra=[a_string("owner", "me")]))
    other = Part(channels=(Channel("G", FLOAT), Channel("Z", FLOAT)), data_window=(0, 0, 99, 79))
    found = with_rows(left, written(tmp_path, "b.exr", other), Inspector())
    (part,) = found.parts
    assert (part.only_one, part.only_other) == (("B", "R"), ("Z",))
    assert "channel G has other types: HALF and FLOAT" in part.notes
    assert ("owner", "me", None) in [(item.name, item.one, item.other) for item in found.attributes]
    assert len(part.unchecked) == 1


def test_a_picture_of_subsampled_values_shows_them_where_they_lie(tmp_path: Path) -> None:
    window, steps = (4, 6, 13, 13), np.zeros((4, 5), np.float16)
    half = Part(channels=(Channel("Y", HALF, 2, 2),), data_window=window, pixels={"Y": steps.copy()})
    steps[1, 2] = 1
    shown = pictured(
        written(tmp_path, "a.exr", half), written(tmp_path, "b.exr", dataclasses.replace(half, pixels={"Y": steps}))
    )
    assert shown[2:4, 4:6].min() == 255
    assert np.count_nonzero(shown[..., 0]) == 4
