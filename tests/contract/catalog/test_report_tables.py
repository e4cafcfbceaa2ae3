"""A report from the tables equals the report from the files, and reads no file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import exr_inspector as exr
from exr_inspector.cli.__main__ import main
from exr_inspector.errors import AccessDenied, NothingMatches
from exr_inspector.inspector import Inspector
from exr_inspector.library.reporting import StoredReport, write_stored_report
from exr_inspector.library.tables import OpenCatalog
from exr_inspector.model import StatsMode
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.sequences import validate_folders
from exr_inspector.validation import builtin_policy
from tests.support import exrbytes as ex
from tests.support.databases import empty_catalog
from tests.support.exrbytes import Channel, Part

POLICY = builtin_policy("default")


@dataclass(frozen=True)
class Given:
    """Rows, and the report of their files, which were deleted since.

    Attributes:
        catalog: The rows, checked.
        file: Where they are.
        from_files: The report of shot sh010.
    """

    catalog: OpenCatalog
    file: Path
    from_files: Path


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """Two shots with a missing frame each, one with a NaN; and one with a frame that may not be read."""
    root = tmp_path_factory.mktemp("given")
    shots = root / "shots"
    for shot in ("sh010", "sh020"):
        (shots / shot).mkdir(parents=True)
        for number in (1001, 1002, 1004):
            pixels = {"R": np.full((8, 12), number / 2_000, np.float16)}
            pixels["R"][1, 2] = np.nan if (shot, number) == ("sh010", 1002) else 0.25
            part = Part(data_window=(0, 0, 11, 7), channels=[Channel("R")], pixels=pixels)
            (shots / shot / f"beauty.{number}.exr").write_bytes(ex.build([part]))
    (shots / "sh020" / "beauty.crypto.1003.exr").write_bytes(ex.build([Part()]))
    exr.write_report(shots / "sh010", root / "files.html")
    settings = load_settings({"EXR_MOUNTS": f"shots={shots}"}, secrets_dir=None, need=())
    inspector, opener = Inspector.from_settings(settings, stats=StatsMode.FULL), SourceOpener(settings)
    with exr.open_catalog(empty_catalog(root / "catalog.duckdb")) as catalog:
        names = [f"s3://shots/{path.relative_to(shots)}" for path in sorted(shots.rglob("*.exr"))]
        catalog.upsert(inspector.inspect(opener.open_url(name), POLICY) for name in names)
        catalog.upsert(
            inspector.refused("away", f"a.{n}.exr", AccessDenied("no right to read it"), POLICY) for n in (1, 2)
        )
        list(validate_folders(catalog._connection, ["shots/sh010", "shots/sh020", "away"], POLICY))
        shutil.rmtree(shots)
        yield Given(catalog, root / "catalog.duckdb", root / "files.html")


def findings(page: Path) -> set[tuple[str, ...]]:
    """Return the rule and the frames of each finding."""
    rows = re.findall(r'<tr data-severity="(?:error|warning)">(.*?)</tr>', page.read_text(encoding="utf-8"), re.DOTALL)
    return {(re.findall("<code>(.*?)</code>", row)[0], *re.findall('data-cell="\\d+">(.*?)</a>', row)) for row in rows}


def test_tables_and_files_make_one_report(given: Given, tmp_path: Path) -> None:
    assert write_stored_report(given.catalog._connection, ["shots/sh010/"], tmp_path / "rows.html") == StoredReport(
        1, 0
    )
    assert findings(tmp_path / "rows.html") == findings(given.from_files)
    assert ("SEQ-MISSING", "1003") in findings(tmp_path / "rows.html")
    text = (tmp_path / "rows.html").read_text(encoding="utf-8")
    assert "<code>1002-1003</code>" in text, "to render again"
    assert "No pixel was read" not in text


def test_a_whole_catalog_is_an_index_and_a_page_a_sequence(given: Given, tmp_path: Path) -> None:
    assert write_stored_report(given.catalog._connection, [""], tmp_path / "out") == StoredReport(4, 2)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "index.html",
        "away_a.html",
        "shots_sh010_beauty.html",
        "shots_sh020_beauty.html",
        "shots_sh020_beauty.crypto.html",
    }


def test_an_index_says_of_which_files_it_shows_no_pixel_or_no_page(tmp_path: Path) -> None:
    settings = load_settings({"EXR_MOUNTS": f"shots={tmp_path}"}, secrets_dir=None, need=())
    opener = SourceOpener(settings)
    with exr.open_catalog(empty_catalog(tmp_path / "catalog.duckdb")) as catalog:
        for folder, stats in (("full", StatsMode.FULL), ("off", StatsMode.OFF)):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "a.1001.exr").write_bytes(ex.build([Part()]))
            source = opener.open_url(f"s3://shots/{folder}/a.1001.exr")
            catalog.upsert([Inspector.from_settings(settings, stats=stats).inspect(source, POLICY)])
        list(validate_folders(catalog._connection, ["shots/full", "shots/off"], POLICY))
        write_stored_report(catalog._connection, [""], tmp_path / "out")
        text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
        assert "No pixel of 1 file was read" in text
        assert "pixels off and full" in text
        catalog._catalog.remove("shots/off/a.1001.exr")
        write_stored_report(catalog._connection, [""], tmp_path / "rest")
        assert {path.name for path in (tmp_path / "rest").iterdir()} == {"index.html", "shots_full_a.html"}
        assert "shots/off/a.####.exr: " in (tmp_path / "rest" / "index.html").read_text(encoding="utf-8")
        with pytest.raises(NothingMatches):
            write_stored_report(catalog._connection, ["shots/off/"], tmp_path / "none.html")


def test_one_sequence_is_named_by_its_pattern(given: Given, tmp_path: Path) -> None:
    done = write_stored_report(given.catalog._connection, ["shots/sh020/beauty.%04d.exr"], tmp_path / "one.html")
    assert done == StoredReport(1, 0)
    text = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert "shots/sh020/beauty.####.exr" in text
    assert "<dd>3 <small>of 4" in text, "the files of other sequences whose names begin alike are not its frames"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, words)])


def test_the_command_takes_a_catalog_file(given: Given, tmp_path: Path) -> None:
    result = run("--catalog", given.file, "s3://shots/", "--to", tmp_path / "a.html")
    assert result.exit_code == 0, result.output
    assert "a.html: 3 sequences" in result.output
    assert run("--catalog", given.file, "s3://away/", "--to", tmp_path / "away.html").exit_code == 2
    assert "SOURCE_ACCESS_DENIED" in (tmp_path / "away.html").read_text(encoding="utf-8")
    nothing = run("--catalog", given.file, "s3://elsewhere/", "--to", tmp_path / "b.html")
    assert "no validated sequence below elsewhere/" in str(nothing.exception)
    assert not (tmp_path / "b.html").exists()


def test_what_only_files_have_is_refused_for_rows(tmp_path: Path) -> None:
    result = run("--catalog", tmp_path / "c.duckdb", "--frames", "1-2", "--to", tmp_path / "a.html")
    assert result.exit_code == 2
    assert "--frames is for reading files" in result.output
    assert run("--to", tmp_path / "a.html").exit_code == 2
