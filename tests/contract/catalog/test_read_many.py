"""Reading many files at once returns what single reads return, in a constant number of requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.read.frames import frame_of_row
from exr_inspector.catalog.read.inspections import StoredInspection, stored_inspections
from exr_inspector.catalog.read.pages import stored_frames
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.schema import ATTRIBUTES
from exr_inspector.catalog.sdk.work import ROW_ID, Work, rows_of
from exr_inspector.model import Finding, Inspection, Severity, StatsMode
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.inspected_frames import frame_of_inspection
from tests.contract.catalog.model import damaged, inspection, ready, requests
from vastdb_local import LocalVastDB

SEQUENCE = "renders/shot/beauty.####.exr"


def frame(number: int, **options: Any) -> Inspection:
    values: dict[str, Any] = {"sequence": SEQUENCE, "frame": number, "mode": StatsMode.FULL} | options
    return inspection(f"shot/beauty.{number:04}.exr", **values)


def scene() -> list[Inspection]:
    """Frames with statistics, a stereo file, a long text, findings, and a file that cannot be read."""
    found = replace(
        frame(3, channels=("B", "G", "R", "Z")),
        findings=(Finding("CHK-GAPS", Severity.INFO, "12 bytes", part=0, channel="R", found="12", offset=99),),
    )
    stereo = inspection("still/stereo.exr", views=("left", "right"), mode=StatsMode.SAMPLED)
    long = inspection("still/long.exr", texts={"manifest": "x" * 300_000})
    return [frame(1), frame(2), found, stereo, long, damaged("still/no.exr"), inspection("shot2/a.exr")]


@pytest.fixture
def filled() -> Iterator[tuple[LocalVastDB, Catalog]]:
    with ready() as (server, catalog):
        catalog.upsert(scene())
        server.reset_counters()
        yield server, catalog


@pytest.mark.heavy
@pytest.mark.parametrize("page_files", [1, 2, 3, 1_000])
def test_what_comes_back_is_what_single_reads_give(filled: tuple[LocalVastDB, Catalog], page_files: int) -> None:
    _, catalog = filled
    stored = list(stored_inspections(catalog.connection, page_files=page_files))
    assert [item.path for item in stored] == sorted(item.path for item in scene())
    for item in stored:
        single = Reader(catalog.connection).file(item.path)
        assert item.inspection == single.inspection
        assert not item.fault


def test_prefixes_in_any_spelling(filled: tuple[LocalVastDB, Catalog]) -> None:
    _, catalog = filled

    def paths(prefix: str) -> list[str]:
        return [item.path for item in stored_inspections(catalog.connection, prefix)]

    assert paths("s3://renders/shot/") == paths("renders/shot/") == paths("/renders/shot/")
    assert len(paths("renders/shot/")) == 3
    assert len(paths("renders/shot")) == 4
    assert paths("renders/none") == paths("shot") == []


def test_requests_do_not_grow_with_the_files_of_a_page(filled: tuple[LocalVastDB, Catalog]) -> None:
    server, catalog = filled
    # begin, one request for each table, commit: twice, for the list and for the page
    for files in (7, 40):
        server.reset_counters()
        assert sum(1 for _ in stored_inspections(catalog.connection)) == files
        assert requests(server) == (2 + 1) + (2 + 5)
        server.reset_counters()
        assert sum(1 for _ in stored_frames(catalog.connection)) == files
        assert requests(server) == (2 + 1) + (2 + 4)
        catalog.upsert([frame(number) for number in range(10, 43)])
    server.reset_counters()
    assert sum(1 for _ in stored_inspections(catalog.connection, page_files=10)) == 40
    assert requests(server) == (2 + 1) + 4 * (2 + 5)


def test_pages_are_divided_by_the_size_of_their_rows(filled: tuple[LocalVastDB, Catalog]) -> None:
    server, catalog = filled
    assert sum(1 for _ in stored_inspections(catalog.connection, page_bytes=1)) == 7
    assert requests(server) == (2 + 1) + 7 * (2 + 5)


def test_an_empty_catalog_takes_one_request(filled: tuple[LocalVastDB, Catalog]) -> None:
    server, catalog = filled
    assert list(stored_inspections(catalog.connection, "nowhere/")) == []
    assert list(stored_frames(catalog.connection, "nowhere/")) == []
    assert requests(server) == 2 * (2 + 1)


@pytest.mark.heavy
def test_a_file_that_is_replaced_or_removed_meanwhile_is_never_mixed(filled: tuple[LocalVastDB, Catalog]) -> None:
    _, catalog = filled
    reading = stored_inspections(catalog.connection, page_files=1)
    first = next(reading)
    catalog.upsert([frame(3, revision=2, channels=("Y",))])
    catalog.remove("renders/still/long.exr")
    rest = {item.path: item for item in reading}
    assert "renders/still/long.exr" not in rest
    assert first.path == "renders/shot/beauty.0001.exr"
    for item in rest.values():
        single = Reader(catalog.connection).file(item.path)
        assert item.inspection == single.inspection


def _spoil(catalog: Catalog, path: str) -> str:
    """Spoil the value of an attribute; returns its name."""

    def body(work: Work) -> str:
        (row, *_) = rows_of(work.select(ATTRIBUTES, ["name"], lambda t: t["file_path"] == path, row_ids=True))
        work.update(ATTRIBUTES, [row[ROW_ID]], {"value": pa.array(["no JSON"], pa.string())})
        return str(row["name"])

    return catalog.connection.run("spoil", body)


def test_rows_that_make_no_sense_are_one_file_s_fault(filled: tuple[LocalVastDB, Catalog]) -> None:
    _, catalog = filled
    name = _spoil(catalog, "renders/shot/beauty.0002.exr")
    stored = {item.path: item for item in stored_inspections(catalog.connection)}
    bad = stored.pop("renders/shot/beauty.0002.exr")
    assert bad == StoredInspection(bad.path, None, bad.fault)
    assert bad.fault.startswith("CATALOG: stored rows cannot be read")
    assert all(item.inspection for item in stored.values())
    frames = {rows.file["path"]: rows.attributes for rows in stored_frames(catalog.connection, attributes=[name])}
    assert frames.pop(bad.path) is None
    assert None not in frames.values()


@pytest.mark.parametrize("page_files", [1, 1_000])
def test_frames_by_rows_are_frames_by_inspection(filled: tuple[LocalVastDB, Catalog], page_files: int) -> None:
    _, catalog = filled
    stored = stored_frames(catalog.connection, attributes=["owner", "imageCounter"], page_files=page_files)
    made = [frame_of_row(rows.file, rows.parts, rows.channels, rows.stats, rows.attributes) for rows in stored]
    by_rows = [frame for frame in made if frame is not None]
    by_inspection = [frame_of_inspection(item) for item in scene()[:3]]
    assert len(by_rows) == 3
    for rows, whole in zip(by_rows, by_inspection, strict=True):
        assert isinstance(rows, FrameSummary)
        owner = {"owner": (whole.attributes or {})["owner"]}
        assert rows == replace(whole, cryptomattes=(), is_complete=None, attributes=owner)


def test_tiled_frames_and_hashes_by_rows_are_those_by_inspection() -> None:
    rows = {
        "file_id": "x",
        "path": "b/a.1.exr",
        "status": "inspected",
        "sequence": "b/a.#.exr",
        "frame_number": 1,
        "frame_padding": 1,
    }
    part = {
        "part_type": "tiledimage",
        "tiling": '{"xSize":64,"ySize":32,"mode":1}',
        "pixel_hash": "h",
        "compression": "ZIP",
    }
    made = frame_of_row(rows, [part, part | {"cryptomattes": "crypto"}], ("0:R HALF", "1:R HALF"))
    assert made.storage == "tiledimage 64x32 mode 1, tiledimage 64x32 mode 1"
    assert made.pixel_hash == "h h"
    assert made.compression == "ZIP, ZIP"
    assert made.cryptomattes == ("crypto",)
    assert made.channels == ("0:R HALF", "1:R HALF")
    without = frame_of_row(rows, [part, part | {"pixel_hash": None}])
    assert without.pixel_hash is None
