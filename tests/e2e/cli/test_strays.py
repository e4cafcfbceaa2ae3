"""A folder with copies, unfinished and other files beside the frames: none counts as a frame, all are reported."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result

from exr_inspector.cli.__main__ import main
from exr_inspector.delivery.strays import files_beside
from exr_inspector.model import Severity
from exr_inspector.validation import builtin_policy
from tests.support.databases import empty_catalog
from tests.unit.validation.cases.made.metadata import declared, matte

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "compression_none.exr"
COPIES = ("x.1001 (1).exr", "x.1002 copy.exr", "x.1001.EXR", "x_depth.exr")
OTHERS = ("x.1001.exr.part", "x.1004.exr.tmp", "x.1002.exr~", "._x.1001.exr", "x.1003.tmp", ".x.1003.exr.Qk3f9a")
HARMLESS = ("Thumbs.db", "notes.txt")


def run(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["check", *map(str, words), "--stats", "off"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shot"
    made.mkdir()
    for name in ("x.1001.exr", "x.1002.exr", "x.1003.exr", "ref.exr", *COPIES):
        shutil.copy(SAMPLE, made / name)
    for name in (*OTHERS, *HARMLESS):
        (made / name).write_bytes(b"x")
    return made


def test_strays_are_reported_and_are_no_frames(folder: Path) -> None:
    document = json.loads(run(folder, "--format", "json").stdout)
    (sequence,) = document["sequences"]
    assert [file["frame"] for file in sequence["files"]] == [1001, 1002, 1003]
    assert document["files_checked"] == 3 + len(COPIES) + 1
    strays = {
        Path(file["path"]).name: finding["severity"]
        for file in (*document["files"], *document["other_files"])
        for finding in file["findings"]
        if finding["code"] == "SEQ-STRAY"
    }
    assert strays == dict.fromkeys((*COPIES, *OTHERS), "warning") | dict.fromkeys(("ref.exr", *HARMLESS), "info")


def test_the_text_names_copies_in_one_line_and_frames_as_a_message_does(tmp_path: Path) -> None:
    for name in ("x.-002.exr", "x.-001.exr", "x.0000.exr", "x.-002 (1).exr", "x.-001 (1).exr", "ref.exr", "a.exr"):
        shutil.copy(SAMPLE, tmp_path / name)
    text = run(tmp_path, "--info").stdout
    assert (text.count("SEQ-STRAY"), "x.-001 (1).exr, x.-002 (1).exr" in text) == (3, True)
    assert text.count("-2 to 0") > 1


def test_the_manifest_that_a_cryptomatte_names_belongs_to_the_delivery(tmp_path: Path) -> None:
    for frame in (1, 2):
        (tmp_path / f"m.{frame:04}.exr").write_bytes(matte(declared("manifest", manif_file="m.json")))
    for name in ("m.json", "other.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    document = json.loads(run(tmp_path, "--format", "json").stdout)
    assert [Path(file["path"]).name for file in document["other_files"]] == ["other.json"]


def test_every_form_names_them(folder: Path) -> None:
    text = run(folder).stdout
    table = {Path(row["path"]).name for row in csv.DictReader(io.StringIO(run(folder, "--format", "csv").stdout))}
    junit, sarif = (run(folder, "--format", form).stdout for form in ("junit", "sarif"))
    for name in (*COPIES, *OTHERS):
        assert name in table
        assert name in junit
        assert quote(name) in sarif
    for name in (*COPIES, "Thumbs.db", "._x.1001.exr"):
        assert name in text
    assert run(folder, "--fail-on", "warning").exit_code == 1


def test_every_command_takes_the_same_files_for_images(tmp_path: Path) -> None:
    """AppleDouble files, and copies in snapshot folders, are read when they are named, and not as part of a folder."""
    folder = tmp_path / "shot"
    (folder / ".snapshot").mkdir(parents=True)
    for name in ("x.1001.exr", "x.1002.exr", ".snapshot/x.1001.exr"):
        shutil.copy(SAMPLE, folder / name)
    for name in ("._x.1001.exr", "._x.1002.EXR"):
        (folder / name).write_bytes(b"\x00\x05\x16\x07")

    def files(*words: object) -> list[str]:
        result = CliRunner().invoke(main, [*map(str, words), "--format", "json"])
        document = json.loads(result.stdout)
        found = document["sequences"][0]["files"] if words[0] == "check" else document
        return [Path(file["path"]).name for file in found]

    images = ["x.1001.exr", "x.1002.exr"]
    for target in (folder, folder / "*.exr"):
        for command in ("check", "validate"):
            assert files(command, target) == images, (command, target)
    catalog = empty_catalog(tmp_path / "c.duckdb")
    ingested = CliRunner().invoke(main, ["ingest", str(folder), "--catalog", str(catalog)])
    assert ingested.exit_code == 0, ingested.output
    assert files("query", "select path from files order by path", "--catalog", catalog) == images
    assert CliRunner().invoke(main, ["validate", str(folder / "._x.1001.exr")]).exit_code == 1


def test_a_folder_of_nothing_else_names_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "x.1001.exr.part").write_bytes(b"x")
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "x.1001.exr.part" in result.output


def test_a_policy_may_leave_them_out(folder: Path, tmp_path: Path) -> None:
    policy = tmp_path / "quiet.yaml"
    policy.write_text('name: quiet\nextends: default\nrules:\n  SEQ-STRAY: "off"\n', encoding="utf-8")
    document = json.loads(run(folder, "--policy", policy, "--format", "json").stdout)
    assert "SEQ-STRAY" not in json.dumps(document)
    assert len(list(files_beside([str(folder / "x.tmp")], builtin_policy("default")))) == 1


def test_checksums_and_pictures_of_frames_are_not_unfinished() -> None:
    names = [
        "x.1001.exr.md5",
        "x.1001.exr.sha256",
        "x.1001.exr.json",
        "x.1001.exr.JPG",
        "x.1001.exr.part",
        "x.1001.exr.1",
    ]
    found = files_beside(names, builtin_policy("default"))
    assert [each.worst for each in found] == [Severity.INFO] * 4 + [Severity.WARNING] * 2


def test_a_frame_outside_the_range_is_not_to_be_rendered_again(folder: Path) -> None:
    (folder / "x.1009.exr").write_bytes(b"")
    document = json.loads(run(folder, "--frames", "1001-1004", "--format", "json").stdout)
    (sequence,) = document["sequences"]
    assert sequence["rerender_frames"] == "1004"
    assert 1009 in {file["frame"] for file in sequence["files"] if file["worst_severity"] == "error"}
