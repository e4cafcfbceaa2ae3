"""The public API: its arguments, results and errors."""

from __future__ import annotations

import io
import json
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import exr_inspector as exr
from exr_inspector.delivery.patterns import parse_pattern
from exr_inspector.errors import CatalogError, NothingMatches, PatternError, PolicyError, SettingsError, SourceError
from exr_inspector.ingest.roots import record_roots
from exr_inspector.settings import Mount, load_settings
from tests.support.databases import empty_catalog
from tests.support.exrbytes import Part, build
from tests.support.faulty_s3 import FaultyS3
from vastdb_local import LocalVastDB, running_server
from vastdb_local.errors import LocalDatabaseError

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
LAYERS = SAMPLES / "layers.exr"


def test_a_path_bytes_and_a_file_object_give_the_same_inspection() -> None:
    data = LAYERS.read_bytes()
    with LAYERS.open("rb") as opened:
        results = [exr.inspect(LAYERS), exr.inspect(str(LAYERS)), exr.inspect(data), exr.inspect(opened)]
        assert not opened.closed
    assert [result.bucket for result in results] == ["file:", "file:", "memory:", "object:"]
    first, *others = [(result.header, result.pixels, result.findings, result.completeness) for result in results]
    assert others == [first] * 3


@pytest.mark.parametrize("name", ["tiled_mipmap.exr", "deep_scanline.exr", "truncated.exr", "parts_mixed.exr"])
def test_a_file_object_is_read_by_ranges_as_any_other_source(name: str) -> None:
    by_path, by_object = (
        exr.inspect(SAMPLES / name, stats="full"),
        exr.inspect(io.BytesIO((SAMPLES / name).read_bytes()), stats="full"),
    )
    assert (by_object.header, by_object.pixels, by_object.status) == (by_path.header, by_path.pixels, by_path.status)


def test_a_program_that_embeds_python_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "Nuke15.1"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    assert exr.inspect(LAYERS, stats="full").pixels is not None
    assert exr.check([str(LAYERS)]).files[0].fault == ""
    assert not (tmp_path / "started").exists()


def test_a_large_file_object_is_not_read_as_a_whole() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    opened = Counting(build([Part()]) + bytes(50_000_000))
    assert exr.inspect(opened, stats="off").status is exr.Status.INSPECTED
    assert opened.taken == 65_536


@pytest.mark.parametrize("wrong", [io.StringIO("text"), object()])
def test_what_is_no_binary_file_object_is_refused(wrong: object) -> None:
    with pytest.raises(exr.ArgumentError):
        exr.inspect(wrong)


def test_a_wrong_argument_is_named_with_what_is_expected() -> None:
    with pytest.raises(ValueError, match="expected off, sampled or full, found 'fast'"):
        exr.inspect(LAYERS, stats="fast")  # the mistake
    with pytest.raises(exr.ArgumentError, match=r"expected a path, .*, found 5"):
        exr.inspect(5)  # the mistake


def test_a_folder_without_files_passes_nothing_and_hashes_need_every_pixel(tmp_path: Path) -> None:
    report = exr.validate([str(LAYERS), str(tmp_path)])
    assert not report.passed()
    with pytest.raises(NothingMatches):
        list(exr.inspect_all(tmp_path))
    with pytest.raises(NothingMatches, match="inspect_all"):
        exr.inspect(tmp_path)
    with pytest.raises(ValueError, match="stats='full'"):
        exr.inspect(LAYERS, hash=True)


def test_a_closed_file_object_is_refused() -> None:
    opened = io.BytesIO(b"")
    opened.close()
    with pytest.raises(SourceError):
        exr.inspect(opened)


def test_results_are_frozen_and_leave_as_json_arrow_and_pandas() -> None:
    file = exr.inspect(LAYERS)
    with pytest.raises(FrozenInstanceError):
        file.bucket = "other"
    document = json.loads(file.to_json())
    tables, frames = file.to_arrow(), file.to_pandas()
    assert set(tables) == set(frames) <= set(document)
    for name, table in tables.items():
        assert table.num_rows == len(document[name]) == len(frames[name])
    assert tables["files"]["width"].to_pylist() == [document["files"][0]["width"]]


@pytest.mark.parametrize("name", ["none.exr", "none/", "none.####.exr"])
def test_a_target_that_is_not_there_is_one_error_or_one_fault(tmp_path: Path, name: str) -> None:
    missing = f"{tmp_path}/{name}"
    for call in (exr.inspect, lambda target: list(exr.inspect_all(target)), lambda target: list(exr.diff(EXR, target))):
        with pytest.raises(NothingMatches):
            call(missing)
    assert exr.validate(missing).faults[missing].startswith(NothingMatches.code)
    checked = exr.check(missing)
    assert dict(checked.faults)[missing].startswith(NothingMatches.code)
    assert pickle.loads(pickle.dumps(checked)) == checked


def test_validate_reads_files_and_sequences_and_names_what_it_could_not_read(tmp_path: Path) -> None:
    report = exr.validate([SAMPLES / "shots", tmp_path / "none.exr"], stats="full")
    assert pickle.loads(pickle.dumps(report)).to_json() == report.to_json()
    assert len(report) == 6
    assert list(report.faults) == [str(tmp_path / "none.exr")]
    assert not report.passed(exr.Severity.ERROR)
    assert [result.is_sequence for result in report] == [False] * 5 + [True]
    assert report.to_arrow().num_rows == len(report.findings) == len(report.to_pandas())
    assert {result.unchecked for result in report} == {""}
    assert {result.unchecked for result in exr.validate(SAMPLES / "shots", stats="off", sequences=False)} == {"pixels"}
    assert "testsuite" in report.to_junit()
    assert json.loads(report.to_sarif())["version"] == "2.1.0"
    assert len(json.loads(report.to_json())) == 6


def test_a_policy_that_is_not_there_is_an_error() -> None:
    with pytest.raises(PolicyError):
        exr.validate(LAYERS, policy="archve")


def test_objects_of_a_bucket_by_url_prefix_and_pattern() -> None:
    with FaultyS3() as s3:
        for number in (1, 2, 3):
            s3.put("renders", f"shot/beauty.{number:04}.exr", build([Part()]))
        s3.put("renders", "shot/deep/beauty.0009.exr", build([Part()]))
        s3.put("renders", "shot/notes.txt", b"")
        s3.put("renders", "shot/odd[1].exr", build([Part()]))

        def keys(target: str) -> list[str]:
            return [file.key for file in exr.inspect_all(target, settings=s3.environ)]

        assert keys("s3://renders/shot/beauty.####.exr") == [f"shot/beauty.000{number}.exr" for number in (1, 2, 3)]
        assert len(keys("s3://renders/shot/")) == len(keys("s3://renders")) == 5
        assert keys("s3://renders/shot/*2.exr") == ["shot/beauty.0002.exr"]
        assert keys("s3://renders/shot/odd[1].exr") == ["shot/odd[1].exr"], "a key that exists is taken literally"


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("a.####.exr", "a.1001.exr", True),
        ("a.####.exr", "a.-5.exr", True),
        ("a.%04d.exr", "a.1.exr", True),
        ("a.@@@.exr", "a.12345.exr", True),
        ("a.$F4.exr", "a.0001.exr", True),
        ("a.####.exr", "a.x.exr", False),
        ("a.####.exr", "aX1001.exr", False),
        ("*_v003.exr", "sh_v003.exr", True),
        ("?b.exr", "bb.exr", True),
        ("[!b]b.exr", "bb.exr", False),
        ("[[]1.exr", "[1.exr", True),
        ("a[0-9].exr", "a7.exr", True),
        ("a+(b).*", "a+(b).exr", True),
    ],
)
def test_patterns_match_the_names_they_describe(pattern: str, name: str, fits: bool) -> None:
    assert parse_pattern(pattern).matches(name) is fits


def test_a_pattern_that_makes_no_sense_is_an_error() -> None:
    with pytest.raises(PatternError, match="not a pattern"):
        parse_pattern("[z-a].exr")


def test_a_local_catalog_keeps_its_rows_and_serves_many_threads(tmp_path: Path) -> None:
    path = empty_catalog(tmp_path / "renders.duckdb")
    with exr.open_catalog(path) as catalog:
        outcomes = [result.outcome.value for result in catalog.upsert(exr.inspect_all(SAMPLES / "shots"))]
    assert outcomes == ["inserted"] * 4
    with exr.open_catalog(path) as catalog, ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: catalog.table("files", ["path", "width"]).num_rows, range(8)))
        assert counts == [4] * 8
        with pytest.raises(exr.ArgumentError, match="path: expected"):
            catalog.file(None)
        some = catalog.table("channels", ["name", "file_path"], prefix=f"file:{SAMPLES}/shots/sh010/beauty.1001")
        assert some.column_names == ["name", "file_path"]
        assert some.num_rows == 4
        with pytest.raises(exr.ArgumentError, match="did you mean files"):
            catalog.table("fils")
        with pytest.raises(exr.ArgumentError, match="found 'x'"):
            catalog.table("files", ["x"])
        folder = f"file:{SAMPLES}/shots/"
        assert catalog.query("listing", prefix=folder, rows=2).num_rows == 2
        joined = "SELECT path FROM files JOIN channels USING (file_id) WHERE name = $name ORDER BY path"
        assert catalog.query(joined, name="R")["path"].to_pylist() == sorted(catalog.table("files")["path"].to_pylist())
        with pytest.raises(CatalogError, match="has no parameter 'x'"):
            catalog.query("listing", x=1)
        mounts = (Mount("shots", SAMPLES / "shots"),)
        settings = load_settings({}, secrets_dir=None).changed(mounts=mounts)
        record_roots(catalog._connection, settings, {"shots"})  # like an ingest of that folder
        catalog.upsert([exr.inspect(SAMPLES / "shots/sh010/beauty.1001.exr", stats="off")])
        (row,) = catalog.table("files", ["path", "key", "sequence"], prefix="shots/").to_pylist()
        assert row == {
            "path": "shots/sh010/beauty.1001.exr",
            "key": "sh010/beauty.1001.exr",
            "sequence": "shots/sh010/beauty.####.exr",
        }


def test_a_catalog_that_another_process_served_goes_on_when_that_one_ends(tmp_path: Path) -> None:
    path = empty_catalog(tmp_path / "renders.duckdb")
    with LocalVastDB(path):
        one, other = exr.open_catalog(path), exr.open_catalog(path)
        one.table("files")
    assert one.upsert(exr.inspect(LAYERS, stats="off"))[0].outcome.value == "inserted"
    assert other.table("files").num_rows == 1
    one.close()
    assert other.table("files").num_rows == 1, "whichever of them served the file"
    other.close()
    assert running_server(path) is None


def test_a_catalog_whose_file_was_deleted_with_its_server_is_not_created_again(tmp_path: Path) -> None:
    path = empty_catalog(tmp_path / "renders.duckdb")
    with LocalVastDB(path) as server:
        address = running_server(path)
        server.discard()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(LocalDatabaseError, match="there is no file"):
        LocalVastDB(path, in_place_of=address)
    assert list(tmp_path.iterdir()) == []


def test_what_a_catalog_returns_is_one_line_and_is_exported(tmp_path: Path) -> None:
    file = empty_catalog(tmp_path / "c.duckdb")
    with exr.open_catalog(file) as catalog:
        catalog.upsert([exr.inspect(LAYERS, stats="off")])
        full = catalog.file(f"file:{LAYERS}")
        assert repr(full).startswith(f"<FullFile file:{LAYERS}: inspected, ")
        assert json.loads(full.inspection.to_json())["files"][0]["path"] == full.inspection.path
        assert repr(catalog) == f"<OpenCatalog {file}: open>"
    assert repr(catalog) == f"<OpenCatalog {file}: closed>"


def test_a_closed_catalog_says_so(tmp_path: Path) -> None:
    catalog = exr.open_catalog(tmp_path / "renders.duckdb")
    with pytest.raises(CatalogError, match="there is no column bad in the table files"):
        catalog.query("select bad from files")
    catalog.close()
    catalog.close()
    calls: list[Callable[[], object]] = [
        lambda: catalog.file("bucket/a.exr"),
        lambda: catalog.table("files"),
        lambda: catalog.query("listing"),
        lambda: catalog.upsert([]),
    ]
    for call in calls:
        with pytest.raises(CatalogError, match="the catalog was closed") as closed:
            call()
        assert not closed.value.retryable


def test_a_catalog_that_is_not_configured_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAST_DB_ENDPOINT", raising=False)
    with pytest.raises(SettingsError, match="VAST_DB_ENDPOINT"):
        exr.open_catalog()


EXR = str(LAYERS)
TAKE_TARGETS: dict[str, Callable[..., Any]] = {
    "inspect_all": lambda *given, **options: list(exr.inspect_all(*given, **options)),
    "check": exr.check,
    "validate": exr.validate,
    "write_report": lambda *given, **options: exr.write_report(*given, "/tmp/never.html", **options),
}
FRAMES: tuple[object, ...] = ("abc", "2-1", (1, 10**12), (1, 2, 3), (2, 1), (1.5, 2), 7, ("1", "2"))
MISUSE: dict[str, Callable[[], object]] = {
    **{
        f"{name} {wrong} {options}": partial(call, wrong, **options)
        for name, call in TAKE_TARGETS.items()
        for wrong, options in (
            (None, {}),
            (5, {}),
            ([EXR, 5], {}),
            (b"bytes", {}),
            (EXR, {"stats": "x"}),
            (EXR, {"stats": None}),
            (EXR, {"policy": 5}),
            (EXR, {"policy": None}),
            (EXR, {"settings": 5}),
            (EXR, {"settings": {"EXR_STATS": 5}}),
            (EXR, {"settings": {"EXR_STAT": "full"}}),
            (EXR, {"settings": {"BOGUS": "full"}}),
        )
    },
    **{
        f"inspect {wrong} {options}": partial(exr.inspect, wrong, **options)
        for wrong, options in (
            (None, {}),
            ("", {}),
            (5, {}),
            (EXR, {"stats": "x"}),
            (EXR, {"levels": "some"}),
            (EXR, {"policy": 5}),
            (EXR, {"settings": "x"}),
            (EXR, {"hash": True}),
            (EXR, {"objects": True}),
            (EXR, {"hash": "no", "stats": "full"}),
            (EXR, {"objects": 1, "stats": "full"}),
        )
    },
    **{f"check {frames}": partial(exr.check, EXR, frames=frames) for frames in FRAMES},
    **{f"write_report {frames}": partial(exr.write_report, EXR, "/tmp/never.html", frames=frames) for frames in FRAMES},
    "validate nothing": lambda: exr.validate([]),
    "check nothing": lambda: exr.check([]),
    "inspect all nothing": lambda: list(exr.inspect_all(" ")),
    "validate no name": lambda: exr.validate(["", EXR]),
    "check no name": lambda: exr.check(""),
    "diff no name": lambda: list(exr.diff(EXR, "")),
    "diff None": lambda: list(exr.diff(None, EXR)),
    "diff -1": lambda: list(exr.diff(EXR, EXR, threshold=-1)),
    "diff NaN": lambda: list(exr.diff(EXR, EXR, threshold=float("nan"))),
    "diff x": lambda: list(exr.diff(EXR, EXR, threshold="x")),
    "diff picture": lambda: list(exr.diff(EXR, EXR, picture=5)),
    "diff header": lambda: list(exr.diff(EXR, EXR, header="no")),
    "report to": lambda: exr.write_report(EXR, None),
    "passed": lambda: exr.validate(EXR, stats="off").passed(fail_on="warn"),
    "passed None": lambda: exr.validate(EXR, stats="off").passed(fail_on=None),
    "junit": lambda: exr.validate(EXR, stats="off").to_junit(fail_on=7),
    "catalog": lambda: exr.open_catalog(5),
    "catalog settings": lambda: exr.open_catalog(settings={"VAST_DB_ENDPONT": "http://127.0.0.1:9"}),
    "catalog schema": lambda: exr.open_catalog("a.duckdb", schema=5),
}


@pytest.mark.parametrize("call", MISUSE.values(), ids=MISUSE)
def test_a_wrong_argument_is_one_error(call: Callable[[], object]) -> None:
    with pytest.raises(exr.ArgumentError, match="expected") as raised:
        call()
    assert isinstance(raised.value, exr.ExrInspectorError)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    ("name", "near"),
    [("ENDPOINT", "S3_ENDPOINT_URL"), ("AWS_ACCESS_KEY_ID", "S3_ACCESS_KEY"), ("S3_REGIO", "S3_REGION")],
)
def test_the_error_of_an_unknown_setting_names_what_comes_close(name: str, near: str) -> None:
    with pytest.raises(exr.ArgumentError, match=f"did you mean .*{near}.*found '{name}'"):
        exr.inspect(EXR, settings={name: "hidden"})


def test_a_wrong_argument_of_a_catalog_is_one_error_with_the_name_that_comes_close(tmp_path: Path) -> None:
    with exr.open_catalog(empty_catalog(tmp_path / "c.duckdb")) as catalog:
        wrong: dict[str, Callable[[], object]] = {
            "sequence_gaps": lambda: catalog.query("sequence_gap"),
            "SQL": lambda: catalog.query(5),
            "files": lambda: catalog.table("file"),
            "path": lambda: catalog.table("files", ["pat"]),
            "several": lambda: catalog.table("files", "path"),
            "prefix": lambda: catalog.table("files", prefix=5),
            "inspected": lambda: catalog.upsert([1]),
            "as `inspect`": lambda: catalog.upsert(None),
        }
        for words, call in wrong.items():
            with pytest.raises(exr.ArgumentError, match=words):
                call()
        assert len(catalog.upsert([exr.inspect(LAYERS, stats="off")])) == 1


def test_a_severity_may_be_given_by_its_name() -> None:
    report = exr.validate(EXR, stats="off")
    assert report.passed("error") == report.passed(exr.Severity.ERROR)


def test_a_file_that_is_no_catalog_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "c.duckdb").write_bytes(b"x" * 5_000)
    with pytest.raises(CatalogError):
        exr.open_catalog(tmp_path / "c.duckdb")
    with pytest.raises(exr.ExrInspectorError):
        exr.open_catalog(tmp_path)


def test_a_place_where_no_file_can_be_made_is_an_error_of_ours() -> None:
    with pytest.raises(CatalogError, match=r"lock file x.duckdb.lock cannot be written"):
        exr.open_catalog("/proc/x.duckdb")
