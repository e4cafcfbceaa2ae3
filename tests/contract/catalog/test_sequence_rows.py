"""Rows of `sequence_validation` are replaced as a whole, guarded, and independent of how the files were stored."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.admin.setup import check_tables, setup
from exr_inspector.catalog.outcomes import Removal
from exr_inspector.catalog.schema import FILES, SEQUENCE_VALIDATION
from exr_inspector.catalog.sdk.work import Work, rows_of
from exr_inspector.delivery.sequences import NOTHING, check_frames
from exr_inspector.errors import CatalogConflict
from exr_inspector.exr.header.values import Compression
from exr_inspector.library.stored import store_sequences
from exr_inspector.library.validating import Frames
from exr_inspector.model import Finding, Inspection, Severity, Status
from exr_inspector.storage.sequences import sequence_name
from exr_inspector.sync.sequences import outdated_folders, store_folder, validate_folders
from exr_inspector.validation import builtin_policy, load_policy
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.inspected_frames import frame_of_inspection
from tests.contract.catalog.model import connect, inspection, ready
from tests.support.databases import empty_tables
from tests.support.exrbytes import Part, a_float, a_int, a_string, build
from tests.unit.validation.judging import inspect
from vastdb_local import LocalVastDB

POLICY = builtin_policy("default")
FOLDER = "renders/sh010"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with LocalVastDB(empty_tables(tmp_path / "catalog.duckdb")) as server:
        made = connect(server)
        yield made
        made.close()


def named(*names: str) -> list[Inspection]:
    """Store the files of the folder, each with the sequence of its own name, like an event."""
    made = [inspection(f"sh010/{name}") for name in names]
    return [replace(item, name=sequence_name(item.bucket, item.key)) for item in made]


def validate(catalog: Catalog) -> None:
    assert len(list(validate_folders(catalog.connection, [FOLDER], POLICY))) == 1


def rows(catalog: Catalog, table: Any, *columns: str) -> list[tuple[Any, ...]]:
    def read(work: Work) -> list[tuple[Any, ...]]:
        return sorted(tuple(row.values()) for row in rows_of(work.select(table, columns)))

    return catalog.connection.run("read", read)


def settled(catalog: Catalog) -> list[tuple[Any, ...]]:
    return rows(catalog, FILES, "path", "sequence", "frame_number", "frame_padding")


def test_a_folder_is_settled_validated_and_validated_again(catalog: Catalog) -> None:
    pattern = f"{FOLDER}/sh010_comp_v003_####.exr"
    catalog.upsert(named("sh010_comp_v003_1001.exr", "sh010_comp_v003_1004.exr", "notes_v001.exr"))
    assert {row[1] for row in settled(catalog)} == {None}, "an event knows no other file"
    validate(catalog)
    assert [row[1:] for row in settled(catalog)] == [(None, None, 0), (pattern, 1001, 4), (pattern, 1004, 4)]
    columns = ("sequence", "code", "frames", "frame_count", "missing_frames", "rerender_frames", "policy")
    missing = (pattern, "SEQ-MISSING", "1002-1003", 2, "1002-1003", "1002-1003", POLICY.label)
    assert missing in rows(catalog, SEQUENCE_VALIDATION, *columns)
    catalog.upsert(named("sh010_comp_v003_1002.exr", "sh010_comp_v003_1003.exr"))
    validate(catalog)
    validate(catalog)
    found = rows(catalog, SEQUENCE_VALIDATION, "sequence", "finding_index", "missing_count", "file_count")
    assert [row[:2] for row in found] == [(pattern, index) for index in range(len(found))]
    assert {row[2:] for row in found} == {(0, 4)}
    for row in settled(catalog):
        catalog.remove(row[0])
    validate(catalog)
    assert rows(catalog, SEQUENCE_VALIDATION, "sequence") == []


def test_folders_are_outdated_from_a_change_of_their_files_until_they_are_validated(catalog: Catalog) -> None:
    files = named("a.1001.exr", "a.1002.exr", "notes_v001.exr")
    catalog.upsert(files)
    assert outdated_folders(catalog.connection, "renders/") == {FOLDER}, "never validated"
    validate(catalog)
    assert outdated_folders(catalog.connection, "renders/") == set()
    catalog.upsert([replace(files[1], inspected_at=catalog.connection.config.clock())], force=True)
    assert outdated_folders(catalog.connection, "renders/") == {FOLDER}, "inspected again"
    catalog.remove_all([Removal(item.path, item.event, is_seen=True) for item in files])
    now = catalog.connection.config.clock()
    store_sequences(
        catalog.connection, ["renders/"], Frames([]), NOTHING, now, policy=POLICY
    )  # as `validate --catalog`
    assert rows(catalog, SEQUENCE_VALIDATION, "sequence") == [], "no frame is left"


def test_a_clean_sequence_has_one_row_without_a_code(catalog: Catalog) -> None:
    first, second = named("a.1001.exr", "a.1002.exr")
    catalog.upsert([first, second])
    text = "name: x\nparameters: {frame_range: [1001, 1002]}"
    policy = load_policy(text, origin="x")
    list(validate_folders(catalog.connection, [FOLDER], policy))
    found = rows(catalog, SEQUENCE_VALIDATION, "finding_index", "code", "severity_rank", "first_frame", "last_frame")
    assert found == [(0, None, None, 1001, 1002)]


def test_a_broken_frame_whose_header_is_known_is_compared_by_it(catalog: Catalog) -> None:
    first, second, third = named("a.1001.exr", "a.1002.exr", "a.1003.exr")
    catalog.upsert([first, replace(second, status=Status.FAILED, error_code="WIN-PAR-RANGE"), third])
    validate(catalog)
    codes = {code for (code,) in rows(catalog, SEQUENCE_VALIDATION, "code")}
    assert codes & {"SEQ-RES", "SEQ-CHANNELS", "SEQ-COMPRESSION"} == set()


def test_what_was_read_later_stays_and_what_only_pixels_tell_is_kept(catalog: Catalog) -> None:
    files = named("a.1001.exr", "a.1002.exr", "a.1003.exr")
    catalog.upsert(files)
    frames = {item.path: frame for item in files if (frame := frame_of_inspection(item))}
    made = check_frames(frames, POLICY)
    bucket = Finding("SEQ-BUCKET", Severity.ERROR, "a hole", frames=(1002,))
    seam = Finding("SEQ-SEAM", Severity.WARNING, "Frames 1001-1002: a seam", frames=(1001, 1002))
    mirror = Finding("SEQ-MIRROR", Severity.WARNING, "Frame 1003: upside down", frames=(1003,))
    (sequence,) = made.sequences
    known = replace(sequence, findings=(bucket, seam, mirror), rerender=FrameNumbers.of([1002]))
    checked = replace(made, sequences=(known,))
    now = catalog.connection.config.clock()
    assert store_folder(catalog.connection, FOLDER, checked, frames, now)
    assert not store_folder(catalog.connection, FOLDER, made, frames, now - timedelta(seconds=1))
    validate(catalog)
    found = rows(catalog, SEQUENCE_VALIDATION, "code", "frames", "rerender_frames")
    assert {("SEQ-BUCKET", "1002", "1002"), ("SEQ-SEAM", "1001-1002", "1002"), ("SEQ-MIRROR", "1003", "1002")} <= {
        *found
    }
    changed = replace(files[1], inspected_at=catalog.connection.config.clock() + timedelta(seconds=1))
    catalog.upsert([changed], force=True)
    validate(catalog)
    left = {
        row
        for row in rows(catalog, SEQUENCE_VALIDATION, "code", "message")
        if row[0] in {"SEQ-BUCKET", "SEQ-MIRROR", "SEQ-SEAM"}
    }
    assert left == {("SEQ-SEAM", "Frame 1001: a seam")}


def test_attributes_are_compared_by_the_rows_of_all_frames(catalog: Catalog) -> None:
    policy = load_policy("name: x\nparameters: {attributes: [{name: owner, steady: true}]}", origin="x")

    def frame(number: int, counter: int, level: float = 45.0, owner: str = "a") -> Inspection:
        attributes = (a_int("imageCounter", counter), a_float("dwaCompressionLevel", level), a_string("owner", owner))
        made = inspect(build([Part(compression=Compression.DWAA, extra=attributes)]))
        name = sequence_name("renders", f"sh010/a.{number}.exr")
        now = catalog.connection.config.clock()
        return replace(made, bucket="renders", key=f"sh010/a.{number}.exr", name=name, inspected_at=now)

    def found(*written: Inspection) -> dict[str, str]:
        catalog.upsert(written, force=True)
        list(validate_folders(catalog.connection, [FOLDER], policy))
        codes = {"SEQ-COMPRESSION", "SHOW-STEADY", "TIM-COUNTER"}
        return {code: frames for code, frames in rows(catalog, SEQUENCE_VALIDATION, "code", "frames") if code in codes}

    first = (frame(1, 1), frame(2, 2, level=100.0), frame(3, 9), frame(4, 4, owner="b"), frame(5, 5))
    assert found(*first) == {"SEQ-COMPRESSION": "2", "SHOW-STEADY": "4", "TIM-COUNTER": "4"}
    assert found(frame(3, 3)) == {"SEQ-COMPRESSION": "2", "SHOW-STEADY": "4"}, "frame 4 was right"
    assert found(*(frame(number, number, level=100.0) for number in (1, 3, 4, 5))) == {}


def test_requests_of_validating_a_folder() -> None:
    with ready() as (server, catalog):
        catalog.upsert(named("a.1001.exr", "a.1002.exr"))
        counts = []
        for _ in range(2):
            server.reset_counters()
            validate(catalog)
            counts.append(sum(server.counters().values()))
    assert counts == [17, 18]  # six begin and end transactions; the second time the rows are deleted first


def test_two_validations_of_one_folder_conflict(catalog: Catalog) -> None:
    catalog.upsert(named("a.1001.exr", "a.1002.exr"))
    other = Catalog(replace(catalog.connection.config, retry_seconds=0.0))

    def meanwhile(work: Work) -> None:
        from exr_inspector.catalog.stored import touch_guards  # noqa: PLC0415
        from exr_inspector.catalog.versions import file_id  # noqa: PLC0415

        touch_guards(work, [file_id(f"{FOLDER}/")], "other", catalog.connection.config)
        with pytest.raises(CatalogConflict):
            list(validate_folders(other.connection, [FOLDER], POLICY))

    catalog.connection.run("hold the guard", meanwhile)
    other.close()
    validate(catalog)


@pytest.mark.heavy
@pytest.mark.parametrize(
    "names",
    [
        ("a_v003_1001.exr", "a_v003_1002.exr", "a_v004_1001.exr", "a_v004_1003.exr"),
        ("render 1.exr", "render 2.exr", "render 10.exr"),
        ("x.-0001.exr", "x.0000.exr", "x.0001.exr", "x.7.exr"),
        ("beauty.1001.left.exr", "beauty.1002.left.exr", "beauty.1001.right.exr"),
        ("s1_c1.exr", "s1_c2.exr", "s2_c1.exr", "plate_2048x1556.exr", "20260131.exr"),
    ],
)
def test_any_order_and_way_ends_in_the_same_rows(catalog: Catalog, names: Sequence[str]) -> None:
    files = named(*names)
    random.Random(7).shuffle(files)
    for item in files:  # one event after another; sequences are validated in between
        catalog.upsert([item])
        validate(catalog)
    one_by_one = settled(catalog), rows(catalog, SEQUENCE_VALIDATION, "sequence", "code", "frames", "missing_frames")
    catalog.upsert(files, force=True)  # repeated events write the sequence of the file's own name
    validate(catalog)
    at_once = settled(catalog), rows(catalog, SEQUENCE_VALIDATION, "sequence", "code", "frames", "missing_frames")
    assert one_by_one == at_once


def test_set_up_adds_the_table_to_catalogs_that_lack_it(catalog: Catalog) -> None:
    config = catalog.connection.config
    with catalog.connection.session().transaction() as tx:
        tx.bucket(config.bucket).schema(config.schema).table(SEQUENCE_VALIDATION.name).drop()
    catalog.connection.forget()
    assert not check_tables(catalog.connection).is_good
    assert setup(catalog.connection).changes == ("table sequence_validation sorted by sequence",)
    validate(catalog)
