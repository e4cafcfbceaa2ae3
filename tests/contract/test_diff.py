"""Comparing files by the public API and the command: figures equal those of oiiotool; frames, folders, pictures and texts."""

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
from exr_inspector.errors import ArgumentError, ExrInspectorError, PatternError, SettingsError
from exr_inspector.pixels.comparing import Plane
from tests.support.exrbytes import FLOAT, Channel, a_string
from tests.unit.delivery.test_diff import changed, image, written

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def one(left: Path | str, right: Path | str, **options: object) -> FileDiff:
    (found,) = exr.diff(left, right, **options)
    return found


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


def test_a_nan_counts_but_is_no_error(tmp_path: Path) -> None:
    left = written(tmp_path, "a.exr", image())
    right = written(tmp_path, "b.exr", changed(image(), 1, 2, float("nan")))
    green = one(left, right, threshold=100.0).parts[0].channels[1]
    assert (green.channel, green.differing, green.over, green.unlike, green.max_error) == ("G", 1, 1, 1, 0.0)
    wide = CliRunner(env={"COLUMNS": "200"})
    assert "NaN/inf" in wide.invoke(command, [str(left), str(right)]).stdout
    assert "NaN/inf" not in wide.invoke(command, [str(left), str(SAMPLES / "layers.exr")]).stdout


def test_frames_in_two_paddings_are_compared_each(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in ("x.1.exr", "x.0001.exr", "x.0002.exr"):
            written(tmp_path / folder, name, image((0, 0, 3, 2)))
    found = exr.diff(tmp_path / "a" / "x.####.exr", tmp_path / "b" / "x.####.exr")
    assert len(list(found)) == 3
    written(tmp_path / "b", "x.0002.exr", changed(image((0, 0, 3, 2)), 0, 0, 9.0))
    lines = CliRunner().invoke(command, [str(tmp_path / "a"), str(tmp_path / "b")]).stdout.splitlines()
    assert lines[-1] == "3 pairs: 2 the same, 1 different"
    deep = str(SAMPLES / "deep*.exr")
    lines = CliRunner().invoke(command, [deep, deep]).stdout.splitlines()
    assert lines[-1] == "2 pairs: 2 the same; 2 of them compared in part (see above)"


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


def test_what_cannot_be_read_is_trouble(tmp_path: Path) -> None:
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
    found = one(tmp_path / "a.exr", folder)
    assert (found.is_same, found.one, found.other) == (True, str(tmp_path / "a.exr"), str(folder / "a.exr"))
    assert len(list(exr.diff(str(tmp_path / "?.exr"), folder))) == 2
