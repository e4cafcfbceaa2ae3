"""Comparing files with their stored rows: differences, what is not compared, and exit codes as of diff(1)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from exr_inspector.cli.__main__ import main
from exr_inspector.errors import ArgumentError
from tests.support.databases import empty_catalog

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = ("layers", "stereo_parts", "tiled_mipmap", "deep_scanline", "nan_inf", "scanline_zip", "cropped", "metadata")


def called(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A catalog with hashes and statistics of all pixels, one with statistics alone, and one of headers."""
    folder = tmp_path_factory.mktemp("stored")
    renders = folder / "renders"
    renders.mkdir()
    for name in NAMES:
        shutil.copy(SAMPLES / f"{name}.exr", renders)
    with pytest.MonkeyPatch.context() as environ:
        for kind, stats, has_hash in (("hashed", "full", "on"), ("full", "full", "off"), ("off", "off", "off")):
            environ.setenv("EXR_HASH", has_hash)
            done = called("ingest", renders, "--stats", stats, "--catalog", empty_catalog(folder / f"{kind}.duckdb"))
            assert done.exit_code == 0, done.output
    return {kind: folder / f"{kind}.duckdb" for kind in ("hashed", "full", "off")}


@pytest.fixture
def renders(catalogs: dict[str, Path]) -> Path:
    folder = catalogs["off"].parent / "renders"
    for name in NAMES:  # as they were stored
        shutil.copy(SAMPLES / f"{name}.exr", folder)
    return folder


def compared(*arguments: object) -> tuple[int, list[dict[str, Any]]]:
    done = called("diff", *arguments, "--format", "json")
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("kind", "unchecked"), [("hashed", 0), ("full", 1), ("off", 1)])
def test_files_are_the_same_as_their_rows(catalogs: dict[str, Path], renders: Path, kind: str, unchecked: int) -> None:
    code, found = compared(renders, "--catalog", catalogs[kind])
    assert (code, len(found)) == (0, len(NAMES)), found
    parts = [part for item in found for part in item["parts"]]
    assert [len(part["unchecked"]) for part in parts] == [unchecked] * len(parts)


@pytest.mark.parametrize(("kind", "words"), [("hashed", "by their hash"), ("full", "maximum"), ("off", "file sizes")])
def test_another_image_of_the_same_name_differs(
    catalogs: dict[str, Path], renders: Path, kind: str, words: str
) -> None:
    shutil.copy(SAMPLES / "compression_dwaa.exr", renders / "scanline_zip.exr")
    code, (found,) = compared(renders / "scanline_zip.exr", "--catalog", catalogs[kind])
    assert (code, found["is_same"]) == (1, False)
    assert "compression" in {item["name"] for item in found["attributes"]}
    assert any(words in note for note in found["parts"][0]["notes"]), found
    _, (found,) = compared(renders / "scanline_zip.exr", "--catalog", catalogs[kind], "--pixels")
    assert not found["attributes"]


def test_parts_channels_and_windows_that_differ_are_told_of_the_rows(catalogs: dict[str, Path], renders: Path) -> None:
    shutil.copy(SAMPLES / "cropped.exr", renders / "layers.exr")
    code, (found,) = compared(renders / "layers.exr", "--catalog", catalogs["off"])
    assert code == 1
    (part,) = found["parts"]
    assert part["only_other"]
    assert any("data windows differ" in note for note in part["notes"])
    text = called("diff", renders / "layers.exr", "--catalog", catalogs["off"]).stdout
    assert "is only in the rows" in text


def test_a_file_that_was_cut_off_since_is_trouble_or_lacks_chunks(catalogs: dict[str, Path], renders: Path) -> None:
    whole = (renders / "scanline_zip.exr").read_bytes()
    (renders / "scanline_zip.exr").write_bytes(whole[: len(whole) * 3 // 4])
    code, (found,) = compared(renders / "scanline_zip.exr", "--catalog", catalogs["off"])
    assert code == 1
    assert any("chunks that are there" in note for note in found["parts"][0]["notes"])
    code, (found,) = compared(renders / "scanline_zip.exr", "--catalog", catalogs["hashed"])
    assert code == 1
    assert not found["is_same"]
    (renders / "scanline_zip.exr").write_bytes(b"no image")
    assert compared(renders / "scanline_zip.exr", "--catalog", catalogs["off"])[0] == 2


def test_rows_of_a_folder_without_a_file_are_trouble(catalogs: dict[str, Path], renders: Path, tmp_path: Path) -> None:
    moved = shutil.move(renders / "layers.exr", tmp_path / "layers.exr")
    try:
        code, every = compared(renders, "--catalog", catalogs["off"])
    finally:
        shutil.move(moved, renders / "layers.exr")
    assert code == 2
    (gone,) = [found for found in every if "is not there" in found["trouble"]]
    assert gone["one"] == "renders/layers.exr"
    assert not [
        found for found in compared(renders, "--catalog", catalogs["off"])[1] if "is not there" in found["trouble"]
    ]


def test_a_file_without_rows_is_trouble(catalogs: dict[str, Path], renders: Path, tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "tiled.exr", renders / "new.exr")
    try:
        code, (found,) = compared(renders / "new.exr", "--catalog", catalogs["off"])
    finally:
        (renders / "new.exr").unlink()
    assert (code, found["other"]) == (2, "renders/new.exr")
    assert "no rows" in found["trouble"]
    shutil.copy(SAMPLES / "tiled.exr", tmp_path / "elsewhere.exr")
    error = called("diff", tmp_path / "elsewhere.exr", "--catalog", catalogs["off"]).exception
    assert isinstance(error, ArgumentError)


def test_options_that_exclude_each_other_are_refused(tmp_path: Path) -> None:
    path = SAMPLES / "tiled.exr"
    for line in (
        (path,),
        (path, path, "--stored"),
        (path, "--stored", "--threshold", 1),
        (path, path, "--threshold", "nan"),
    ):
        done = called("diff", *line)
        assert (done.exit_code, "Usage" in done.stderr) == (2, True), line
