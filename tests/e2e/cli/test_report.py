"""`report` on real files: the page is written completely or not at all, and mistakes give one line with the next step."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import exr_inspector as exr
from exr_inspector.cli.__main__ import main
from exr_inspector.delivery import check as delivery_check
from exr_inspector.errors import ArgumentError, ExrInspectorError, NothingMatches, SourceUnavailable
from tests.support import exrbytes as ex
from tests.support.exrbytes import Channel, Part


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sequences of three frames, one with a NaN, and a file that is not a frame."""
    root = tmp_path_factory.mktemp("delivery")
    for name in ("beauty", "matte"):
        for number in range(1001, 1004):
            pixels = {"R": np.full((8, 12), number / 2_000, np.float16)}
            pixels["R"][1, 2] = np.nan if (name, number) == ("matte", 1002) else 0.25
            part = Part(data_window=(0, 0, 11, 7), channels=[Channel("R")], pixels=pixels)
            (root / f"{name}.{number}.exr").write_bytes(ex.build([part]))
    (root / "slate.exr").write_bytes(ex.build([Part()]))
    return root


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, words)])


def test_one_file_holds_all_sequences(delivery: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = run(delivery, "--to", page)
    assert result.exit_code == 0, result.output
    assert "7 files (6 of them in 2 sequences)" in result.output
    text = page.read_text(encoding="utf-8")
    assert all(name in text for name in ("beauty.####.exr", "matte.####.exr", "slate.exr", "PIX-NAN"))
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_folder_gets_an_index_and_a_page_a_sequence(delivery: Path, tmp_path: Path) -> None:
    assert run(delivery, "--to", tmp_path / "out").exit_code == 0
    pages = sorted((tmp_path / "out").iterdir())
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert len(pages) == 3
    assert all(f'href="{page.name}"' in index for page in pages if page.name != "index.html")
    assert "<script>" not in index
    assert "<div>COL-UNTAGGED: " in index, "of the file that is not a frame"


def test_the_pictures_of_both_eyes_are_shown(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(1001, 1004):
        colours = {"left": 0.75, "right": 0.25 if number == 1002 else 0.75}
        parts = [
            Part(
                name=view,
                data_window=(0, 0, 11, 7),
                channels=[Channel(name) for name in "BGR"],
                pixels={name: np.full((8, 12), colour, np.float16) for name in "BGR"},
                extra=[ex.a_string("view", view)],
            )
            for view, colour in colours.items()
        ]
        (tmp_path / "in" / f"a.{number}.exr").write_bytes(ex.build(parts))
    catalog = tmp_path / "catalog.duckdb"
    done = CliRunner().invoke(main, ["check", str(tmp_path / "in"), "--catalog", str(catalog)])
    assert done.exit_code in {0, 1}, done.output
    assert run(tmp_path / "in", "--to", tmp_path / "files.html").exit_code == 0
    assert run("--catalog", catalog, "--to", tmp_path / "rows.html").exit_code == 0
    for name in ("files.html", "rows.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        pictures = re.findall(r'<figure><img src="([^"]+)"[^>]*><figcaption>(\w+)</figcaption>', text)
        assert [view for _, view in pictures] == ["left", "right"] * 3
        assert [pictures[n][0] == pictures[n + 1][0] for n in (0, 2, 4)] == [True, False, True]


def test_the_index_counts_checked_files_and_names_frames_that_could_not_be_read(delivery: Path, tmp_path: Path) -> None:
    broken = tmp_path / "in"
    shutil.copytree(delivery, broken)
    (broken / "notes.txt").write_text("read me", encoding="utf-8")
    (broken / "beauty.1004.exr").symlink_to(tmp_path / "gone")
    assert run(broken, "--to", tmp_path / "out").exit_code == 2
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "8 files, policy" in index
    assert "beauty.####.exr: could not read 1 frame, 1004" in index


def test_the_index_names_warnings_that_nearly_all_frames_have(delivery: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(1, 7):
        shutil.copy(Path(__file__).parents[3] / "samples" / "luminance_chroma.exr", folder / f"a.{number:04}.exr")
    assert run(folder, "--to", tmp_path / "out").exit_code == 0
    assert "CHN-LUMA-CHROMA in nearly all frames" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_pages_are_not_written_among_the_files_of_a_delivery(delivery: Path, tmp_path: Path) -> None:
    for target in (delivery, delivery / "matte.####.exr"):
        assert isinstance(run(target, "--to", delivery).exception, ArgumentError)
    assert not list(delivery.glob("*.html"))
    (tmp_path / "a.1001.exr").write_bytes((delivery / "matte.1001.exr").read_bytes())
    assert f"lies in {tmp_path}" in run(tmp_path, "--stats", "off", "--to", tmp_path / "page.html").stderr


def test_the_library_returns_the_check(delivery: Path, tmp_path: Path) -> None:
    done = exr.write_report(delivery / "matte.####.exr", tmp_path / "a.html", frames=(1001, 1004))
    assert done.sequences[0].rerender.text == "1002,1004"


@pytest.mark.parametrize(
    ("named", "error", "said"),
    [
        (("empty", "a.html"), NothingMatches, "no .exr files below"),
        (("absent", "a.html"), NothingMatches, "there is no file or folder"),
        (("files/slate.exr", "a.html"), NothingMatches, "no sequence recognised among slate.exr: give a pattern"),
        (("files", "none/a.html"), ArgumentError, "create it first"),
        (("files", "none/out"), ArgumentError, "create it first"),
        (("files", "taken.html"), ArgumentError, "is a folder"),
        (("files", "note.txt"), ArgumentError, "expected a file that ends in .html, or a folder"),
        (("files", "page.pdf"), ArgumentError, "expected a file that ends in .html, or a folder"),
    ],
)
def test_a_mistake_leaves_nothing_behind(
    named: tuple[str, str], error: type[ExrInspectorError], said: str, delivery: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken.html").mkdir()
    (tmp_path / "note.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "files").symlink_to(delivery)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error) as told:
        exr.write_report(tmp_path / named[0], tmp_path / named[1])
    assert said in str(told.value)
    assert "\n" not in str(told.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_store_that_does_not_answer_is_not_a_folder_without_files(tmp_path: Path) -> None:
    away = {"S3_ENDPOINT_URL": "http://127.0.0.1:9", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "s", "S3_RETRIES": "0"}
    with pytest.raises(SourceUnavailable):
        exr.write_report("s3://renders/shot/", tmp_path / "a.html", settings=away)


def test_too_many_sequences_for_one_file(delivery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exr_inspector.library.reporting._MOST_IN_ONE_FILE", 1)
    with pytest.raises(ArgumentError, match=r"2 sequences are too many for one file.*name a folder"):
        exr.write_report(delivery, tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


def test_ctrl_c_leaves_nothing_behind(delivery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(delivery_check, "checked_file", interrupted)
    result = run(delivery, "--to", tmp_path / "a.html")
    assert result.exit_code == 130
    assert "stopped: nothing was written" in result.output
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_leaves_the_old_page(
    delivery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "a.html"
    page.write_text("old", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        exr.write_report(delivery, page)
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
    assert page.read_text(encoding="utf-8") == "old"


def test_a_page_that_cannot_be_made_is_named_as_the_user_named_it(delivery: Path, tmp_path: Path) -> None:
    page = tmp_path / f"{'x' * 300}.html"
    with pytest.raises(OSError, match=r"x\.html") as caught:
        exr.write_report(delivery, page)
    assert caught.value.filename == str(page)
