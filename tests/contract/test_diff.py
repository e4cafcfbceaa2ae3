"""Comparing two files: differences equal those of oiiotool, and equal files have none."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import exr_inspector as exr
from exr_inspector.cli.commands.diff import command
from exr_inspector.delivery.diff import FileDiff
from exr_inspector.errors import ArgumentError, ExrInspectorError, NothingMatches, PatternError, SettingsError
from exr_inspector.pixels.comparing import ChannelComparison, Plane
from exr_inspector.pixels.rows import PartRows
from tests.support.exrbytes import FLOAT, HALF, UINT, Channel, Part, Tiles, a_int, a_string, build

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
RGB = tuple(Channel(name, HALF) for name in "BGR")


def one(left: Path | str, right: Path | str, **options: object) -> FileDiff:
    (found,) = exr.diff(left, right, **options)  # type: ignore[arg-type]
    return found


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


@pytest.mark.parametrize("name", ["compression_dwaa", "compression_b44", "compression_zip", "out_of_range"])
def test_figures_are_those_of_openimageio(name: str) -> None:
    oiio = pytest.importorskip("OpenImageIO", reason="OpenImageIO is not installed")
    paths = [SAMPLES / "compression_none.exr", SAMPLES / f"{name}.exr"]
    theirs = oiio.ImageBufAlgo.compare(*(oiio.ImageBuf(str(path)) for path in paths), 0.001, 0.001)
    found = one(*paths, threshold=0.001)
    (part,) = found.parts
    if part.only_one or part.only_other or part.notes:
        assert not found.is_same
        return
    assert max(channel.max_error for channel in part.channels) == pytest.approx(theirs.maxerror, rel=1e-6)
    assert np.mean([channel.mean_error for channel in part.channels]) == pytest.approx(theirs.meanerror, rel=1e-4)
    squares = np.mean([channel.rms_error**2 for channel in part.channels])
    assert squares**0.5 == pytest.approx(theirs.rms_error, rel=1e-4)
    worst = [channel for channel in part.channels if channel.max_error == max(c.max_error for c in part.channels)]
    assert not theirs.maxerror or (theirs.maxx, theirs.maxy) in [channel.max_at for channel in worst]


def test_a_file_is_the_same_as_itself(tmp_path: Path) -> None:
    path = SAMPLES / "nan_inf.exr"
    copy = tmp_path / "copy.exr"
    shutil.copy(path, copy)
    found = one(path, copy)
    assert (found.is_same, found.exit_code, found.attributes) == (True, 0, ())


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


def test_a_nan_counts_but_is_no_error(tmp_path: Path) -> None:
    left = written(tmp_path, "a.exr", image())
    right = written(tmp_path, "b.exr", changed(image(), 1, 2, float("nan")))
    green = one(left, right, threshold=100.0).parts[0].channels[1]
    assert (green.channel, green.differing, green.over, green.unlike, green.max_error) == ("G", 1, 1, 1, 0.0)
    wide = CliRunner(env={"COLUMNS": "200"})
    assert "NaN/inf" in wide.invoke(command, [str(left), str(right)]).stdout
    assert "NaN/inf" not in wide.invoke(command, [str(left), str(SAMPLES / "layers.exr")]).stdout


def test_windows_that_differ_are_compared_where_they_meet(tmp_path: Path) -> None:
    whole = image()
    assert whole.pixels is not None
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
    ("at", "value", "says"), [((0, 0), 0.0, "all 0"), ((79, 99), 1.0, "not all 0"), ((30, 0), 1.0, "not all 0")]
)
def test_what_lies_around_a_crop(
    at: tuple[int, int], value: float, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    decode = PartRows._decode
    monkeypatch.setattr(PartRows, "_decode", lambda rows, run, *rest: decoded.extend(run) or decode(rows, run, *rest))
    whole, inner = image(), (10, 20, 49, 59)
    assert whole.pixels is not None
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


def test_parts_of_one_name_are_compared_each(tmp_path: Path) -> None:
    twice = [dataclasses.replace(image((0, 0, 3, 2)), name="rgba") for _ in range(2)]
    paths = written(tmp_path, "a.exr", *twice), written(tmp_path, "b.exr", changed(twice[0], 1, 1, 9.0), twice[1])
    found = one(*paths)
    assert (found.exit_code, [part.is_same for part in found.parts]) == (1, [False, True])


def test_frames_in_two_paddings_are_compared_each(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in ("x.1.exr", "x.0001.exr", "x.0002.exr"):
            written(tmp_path / folder, name, image((0, 0, 3, 2)))
    found = exr.diff(tmp_path / "a" / "x.####.exr", tmp_path / "b" / "x.####.exr")
    assert len(list(found)) == 3


def test_it_says_that_no_pixel_differs_if_only_something_else_does(tmp_path: Path) -> None:
    base = written(tmp_path, "a.exr", image())
    others = {
        "attribute": dataclasses.replace(image(), extra=[a_string("owner", "me")]),
        "type": dataclasses.replace(image(), channels=tuple(Channel(name, FLOAT) for name in "BGR")),
        "pixel": changed(image(), 5, 7, 9.0),
    }
    said = {}
    for name, part in others.items():
        result = CliRunner().invoke(command, [str(base), str(written(tmp_path, f"{name}.exr", part))])
        said[name] = (result.exit_code, "no pixel differs: 3 channels compared" in result.output)
    assert said == {"attribute": (1, True), "type": (1, True), "pixel": (1, False)}
    same = CliRunner().invoke(command, [str(base), str(base)])
    assert (same.exit_code, "no pixel differs" in same.output) == (0, False)


def test_it_says_that_no_pixel_was_compared_if_no_part_is_in_both() -> None:
    text = CliRunner().invoke(command, [str(SAMPLES / "stereo_parts.exr"), str(SAMPLES / "scanline_zip.exr")]).output
    assert "no pixel was compared, since the files have no part in common" in text


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


def test_what_cannot_be_read_is_trouble(tmp_path: Path) -> None:
    found = one(SAMPLES / "scanline_zip.exr", SAMPLES / "truncated.exr")
    (part,) = found.parts
    assert (found.exit_code, found.is_same) == (2, False)
    assert part.faults == ("chunks 1 to 2 of the second file (rows 16 to 47): EXR_DECODE: the chunk is missing",)
    assert all(channel.samples == 64 * 16 and channel.is_same for channel in part.channels)
    assert one(SAMPLES / "scanline_zip.exr", SAMPLES / "not_an_exr.exr").exit_code == 2
    with pytest.raises(ExrInspectorError):
        one(SAMPLES / "scanline_zip.exr", tmp_path / "none.exr")


def test_sequences_frame_by_frame(tmp_path: Path) -> None:
    for folder, frames in (("v1", (1001, 1002, 1003)), ("v2", (1002, 1003, 1004))):
        (tmp_path / folder).mkdir()
        for frame in frames:
            written(tmp_path / folder, f"{folder}.{frame}.exr", image())
    found = list(exr.diff(tmp_path / "v1" / "v1.####.exr", tmp_path / "v2" / "v2.####.exr"))
    assert [item.exit_code for item in found] == [2, 0, 0, 2]
    for frame in (1002, 1003):
        shutil.copy(tmp_path / "v1" / f"v1.{frame}.exr", tmp_path / "v2" / f"v1.{frame}.exr")
    by_name = list(exr.diff(tmp_path / "v1", tmp_path / "v2"))
    assert [item.exit_code for item in by_name].count(0) == 2


def pictured(target: Path, left: Path, right: Path) -> tuple[FileDiff, Plane]:
    found = one(left, right, picture=target)
    with Image.open(target) as picture:
        return found, np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_picture_shows_where_and_how_much_they_differ(tmp_path: Path, kind: str) -> None:
    window = (-20, 30, 79, 109)
    noise = dataclasses.replace(image(window), compression=3)
    assert noise.pixels is not None
    pixels = {name: array.copy() for name, array in noise.pixels.items()}
    pixels["G"][40, 60] += np.float16(0.5)
    pixels["R"][10, 20] += np.float16(0.25)
    pixels["B"][79, 99] = np.nan
    left = written(tmp_path, "a.exr", noise)
    right = written(tmp_path, "b.exr", dataclasses.replace(noise, pixels=pixels))
    found, shown = pictured(tmp_path / f"difference.{kind}", left, right)
    assert shown.shape == (80, 100, 3)
    assert shown[40, 60].tolist() == [0, 255, 0]
    assert shown[10, 20].tolist() == [pytest.approx(128, abs=1), 0, 0]
    assert shown[79, 99].tolist() == [255, 0, 255]
    assert np.count_nonzero(shown.any(axis=-1)) == 3
    assert (found.exit_code, "times 2" in found.picture) == (1, True), found.picture
    found, shown = pictured(tmp_path / f"same.{kind}", left, left)
    assert (found.exit_code, bool(shown.any())) == (0, False)


def test_a_picture_of_windows_that_differ_is_magenta_where_one_is_alone(tmp_path: Path) -> None:
    left = written(tmp_path, "a.exr", image())
    right = written(tmp_path, "b.exr", dataclasses.replace(image((50, 20, 149, 99)), display_window=(0, 0, 99, 79)))
    _, shown = pictured(tmp_path / "difference.png", left, right)
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
    _, shown = pictured(tmp_path / "difference.png", left, right)
    assert shown.shape[1] == 1024
    assert shown[0, :4, 0].tolist() == [128, 0, 255, 0]


def test_no_picture_is_left_where_none_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left, deep = SAMPLES / "scanline_zip.exr", SAMPLES / "deep_scanline.exr"
    found = one(left, deep, picture=tmp_path / "none.png")
    assert (found.exit_code, "no picture" in found.trouble) == (2, True)
    assert one(left, SAMPLES / "not_an_exr.exr", picture=tmp_path / "none.png").exit_code == 2
    for target in ("none.exr", "none.jpg", "nowhere/none.png"):
        with pytest.raises(ArgumentError):
            one(left, left, picture=tmp_path / target)
    with pytest.raises(PatternError):
        next(exr.diff(SAMPLES, SAMPLES, picture=tmp_path / "none.png"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(
        SettingsError, match=r"a picture needs the package Pillow: pip install '(exr-inspector|\.)\[report\]'"
    ):
        one(left, left, picture=tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_compared_with_the_one_of_its_name_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "v002"
    folder.mkdir()
    for name in ("a.exr", "b.exr"):
        shutil.copy(SAMPLES / "layers.exr", folder / name)
        shutil.copy(SAMPLES / "layers.exr", tmp_path / name)
    for pair in ((tmp_path / "a.exr", folder), (folder, tmp_path / "a.exr")):
        found = one(*pair)
        assert found.is_same
        assert {Path(found.one).name, Path(found.other).name} == {"a.exr"}
    assert len(list(exr.diff(str(tmp_path / "?.exr"), folder))) == 2
    (folder / "a.exr").rename(folder / "c.exr")
    with pytest.raises(NothingMatches, match=r"v002 holds no file of this name: a\.exr"):
        one(tmp_path / "a.exr", folder)
    for number in range(6):
        (tmp_path / f"new.{number:04}.exr").touch()
    with pytest.raises(NothingMatches, match=r"new\.0003\.exr and 2 more"):
        list(exr.diff(str(tmp_path / "new.####.exr"), folder))


def test_steps_and_relative_errors() -> None:
    comparison = ChannelComparison("R", (HALF, HALF), 0.0)
    left = np.array([[1.0, -0.0, 2.0, np.inf]], np.float16)
    right = np.array([[np.nextafter(np.float16(1), np.float16(2)), 0.0, -2.0, np.inf]], np.float16)
    comparison.add(left, right, (0, 0), (1, 1))
    found = comparison.result()
    assert (found.differing, found.unlike, found.max_error, found.max_relative, found.max_at) == (
        2,
        0,
        4.0,
        2.0,
        (2, 0),
    )
    assert found.max_ulp == 2 * 0x4000
    ids = ChannelComparison("id", (UINT, UINT), 0.0)
    ids.add(np.array([[7, 2**32 - 1]], np.uint32), np.array([[7, 2**32 - 2]], np.uint32), (0, 0), (1, 1))
    assert (ids.result().differing, ids.result().max_error) == (1, 1.0)
