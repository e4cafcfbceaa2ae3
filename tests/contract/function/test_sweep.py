"""Sweeps store and remove the rows of files that were added, changed, renamed or removed without an event."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from dataengine_local.events import element_event, schedule_event
from exr_inspector.catalog.outcomes import Removal
from exr_inspector.catalog.schema import SEQUENCE_VALIDATION, SWEEPS
from exr_inspector.catalog.sdk.work import rows_of
from exr_inspector.catalog.sweeps import claim, open_shards
from exr_inspector.deadline import Deadline
from exr_inspector.errors import BucketUnavailable, CatalogUnavailable, SourceUnavailable
from exr_inspector.function import sweep as sweeps
from exr_inspector.function import sweep_shard
from exr_inspector.function.handler import Service
from exr_inspector.function.telemetry import Telemetry
from exr_inspector.model import EventInfo, StatsMode
from exr_inspector.storage.keys import file_key
from tests.chaos.stack import BUCKET, LocalStack, sample
from tests.support.documented import Documented
from tests.support.faulty_s3 import Request, Status
from vastdb_local import CatalogEntry, Fault, FaultKind, entries_of_folder
from vastdb_local.faults import ANY

ROOT = "/studio/renders"


@pytest.fixture
def stack(stack: LocalStack) -> Iterator[LocalStack]:
    """The servers of the tests of functions, without positions of sweeps."""
    yield stack
    stack.catalog.connection.run("wipe", lambda work: work.delete(SWEEPS, [row["$row_id"] for row in sweep_rows(work)]))


def sweep_rows(work: Any) -> list[dict[str, Any]]:
    return rows_of(work.select(SWEEPS, SWEEPS.arrow.names, row_ids=True))


def rows(stack: LocalStack) -> list[dict[str, Any]]:
    return sorted(stack.catalog.connection.run("read", sweep_rows), key=lambda row: row["first_path"])


def service(stack: LocalStack, **changes: str) -> Service:
    changes = {"EXR_SWEEP": BUCKET, "EXR_SETTLE_SECONDS": "0", "EXR_SWEEP_SHARDS": "2", **changes}
    return Service.from_settings(stack.settings(**changes), Telemetry())


def swept(stack: LocalStack, **changes: str) -> dict[str, Any]:
    """Return the figures of one sweep that are not 0."""
    result = service(stack, **changes).handle(schedule_event())
    assert result.pop("status") == "swept"
    return {name: value for name, value in result.items() if value and name != "shards"}


# --- by listing a bucket ----------------------------------------------------------------------------------


@pytest.mark.failure(
    "no row", "a schedule event with EXR_SWEEP", "new and changed files are `stored`, deleted ones `removed`", "nothing"
)
def test_new_changed_and_removed_objects_of_a_bucket(stack: LocalStack, documented: Documented) -> None:
    for key in ("a/1.exr", "a/2.EXR", "b/c/3.exr", "top.exr", "b/notes.txt"):
        stack.put(key)
    assert swept(stack) == {"stored": 4}
    assert swept(stack) == {"unchanged": 4}
    stack.put("a/1.exr", "layers.exr")
    stack.put("d/new.exr", "not_an_exr.exr")
    stack.s3.delete(BUCKET, "top.exr")
    stack.s3.delete(BUCKET, "b/c/3.exr")
    tally = swept(stack)
    assert tally == {"stored": 2, "unchanged": 1, "removed": 2}
    documented(*tally.keys() & {"stored", "removed"})
    assert swept(stack) == {"unchanged": 3}
    by_name = {row["path"]: row["status"] for row in stack.rows("files")}
    assert by_name == {"renders/a/1.exr": "inspected", "renders/a/2.EXR": "inspected", "renders/d/new.exr": "failed"}
    assert not [fault for fault in stack.differences() if "a/2.EXR" not in fault]


def test_the_rows_are_those_that_events_make(stack: LocalStack) -> None:
    names = ("layers.exr", "deep_scanline.exr", "truncated.exr", "cryptomatte.exr")
    for name in names:
        stack.put(f"by_event/{name}", name)
        stack.put(f"by_sweep/{name}", name)
        records = {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": BUCKET}, "object": {"key": f"by_event/{name}"}}}]}  # fmt: skip # noqa: E501
        service(stack).handle(records)
    swept(stack, EXR_SWEEP=f"{BUCKET}/by_sweep")
    varies = {"file_id", "path", "key", "directory", "sequence", "content_key", "inspection_id", "mtime", "inspected_at", "duration_ms"}  # fmt: skip # noqa: E501
    files = {
        row["path"]: {key: value for key, value in row.items() if key not in varies} for row in stack.rows("files")
    }
    for name in names:
        assert files[f"{BUCKET}/by_event/{name}"] == files[f"{BUCKET}/by_sweep/{name}"]
    assert stack.differences() == []


def test_only_what_lies_below_the_prefix_is_touched(stack: LocalStack) -> None:
    for key in ("shot/1.exr", "shot2/1.exr"):
        stack.put(key)
    assert swept(stack, EXR_SWEEP=f"s3://{BUCKET}/shot") == {"stored": 1}
    swept(stack)
    stack.s3.delete(BUCKET, "shot2/1.exr")
    assert swept(stack, EXR_SWEEP=f"{BUCKET}/shot/") == {"unchanged": 1}
    assert len(stack.rows("files")) == 2


def test_a_prefix_is_divided_into_shards_that_go_on_where_they_stopped(stack: LocalStack) -> None:
    for folder in "abcdefg":
        stack.put(f"{folder}/1.exr")
    assert swept(stack, EXR_SWEEP_SHARDS="4") == {"stored": 7}
    assert [row["first_path"] for row in rows(stack)] == ["renders/", "renders/c/", "renders/e/", "renders/g/"]
    stack.put("h/1.exr")
    stack.put("bb/1.exr")
    assert swept(stack, EXR_SWEEP_SHARDS="16") == {"stored": 2, "unchanged": 7}
    assert len(rows(stack)) == 9, "it is divided further as folders are added"
    assert all(row["claimed_by"] is None and row["position"] is None for row in rows(stack))
    assert stack.differences() == []


def test_a_sweep_stops_before_its_deadline_and_the_next_one_goes_on(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "_RESERVE", 0.0)
    monkeypatch.setattr("exr_inspector.sync.window.WINDOW", 2)
    stack.s3.page_keys = 2
    for number in range(6):
        stack.put(f"a/{number}.exr")
    reads: list[str] = []

    def hold_up(request: Request) -> None:
        if request.method == "GET" and request.key and request.key not in reads:
            reads.append(request.key)
            if len(reads) == 3:
                monkeypatch.setattr(sweep_shard.ShardWorker, "_has_time", False)

    stack.s3.hook = hold_up
    assert swept(stack) == {"stored": 4, "unfinished": 1}
    (row,) = rows(stack)
    assert row["position"] == "renders/a/3.exr"
    monkeypatch.undo()
    monkeypatch.setattr("exr_inspector.sync.window.WINDOW", 2)
    assert swept(stack) == {"stored": 2}, "compared folders are not compared again"
    assert swept(stack) == {"unchanged": 6}
    assert stack.differences() == []
    stack.s3.page_keys = 1000


def test_what_has_not_settled_waits_and_holds_the_watermark(stack: LocalStack) -> None:
    stack.put("old.exr")
    stack.put("new.exr")
    stack.s3.age(BUCKET, "old.exr", timedelta(hours=1))
    late = stack.s3.find(BUCKET, "new.exr")
    assert swept(stack, EXR_SETTLE_SECONDS="600") == {"stored": 1, "waiting": 1}
    (row,) = rows(stack)
    assert row["watermark"] <= late.modified.replace(tzinfo=None)
    assert swept(stack) == {"stored": 1, "unchanged": 1}


@pytest.mark.failure(
    "no row",
    "a file that a sweep cannot read or store now",
    "counted as `failed` and named; the next sweep tries it again",
    "nothing; if it lasts, check the store",
)
def test_one_bad_file_stops_nothing_and_is_named(
    stack: LocalStack, caplog: pytest.LogCaptureFixture, documented: Documented
) -> None:
    for number in range(4):
        stack.put(f"a/{number}.exr")
    stack.put("b/1.exr")
    stack.s3.by_key["a/2.exr"] = Status(503)
    with caplog.at_level(logging.INFO):
        tally = swept(stack)
    assert tally == {"stored": 4, "failed": 1}
    documented(*tally.keys() & {"failed"})
    assert "[ERROR] s3://renders/a/2.exr" in caplog.text
    assert "[SWEEP] schedule | stored=4 " in caplog.text
    assert [(row["failed_files"], row["message"] is None) for row in rows(stack)] == [(1, False), (0, True)]
    stack.s3.by_key.clear()
    assert swept(stack) == {"stored": 1, "unchanged": 4}
    assert stack.differences() == []


@pytest.mark.failure(
    "no row",
    "a prefix that a sweep cannot list",
    "counted as `failed` and named; `0` rows are removed",
    "check the store and the rights of the keys",
)
@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_failed_listing_removes_nothing(stack: LocalStack, status: int, documented: Documented) -> None:
    stack.put("a/1.exr")
    swept(stack)
    stack.s3.delete(BUCKET, "a/1.exr")
    stack.s3.by_key[""] = Status(status)
    before = len(stack.rows("files"))
    documented(*swept(stack))
    documented(before - len(stack.rows("files")))
    assert before == 1
    stack.s3.by_key.clear()


def test_an_empty_store_removes_nothing(stack: LocalStack) -> None:
    stack.put("a/1.exr")
    swept(stack)
    stack.s3.delete(BUCKET, "a/1.exr")
    assert swept(stack) == {"failed": 1}
    stack.s3.put(BUCKET, "c/notes.txt", b"of another store")
    assert swept(stack) == {"failed": 1}
    assert len(stack.rows("files")) == 1
    stack.put("b/1.exr")
    assert swept(stack) == {"stored": 1, "removed": 1}


def test_a_database_that_is_away_is_raised_and_a_later_sweep_does_the_rest(stack: LocalStack) -> None:
    stack.put("a/1.exr")
    stack.database.faults.chance(ANY, 1.0, Fault(FaultKind.INTERNAL_ERROR))
    with pytest.raises(CatalogUnavailable):
        service(stack, EXR_DB_RETRY_SECONDS="0.1").handle(schedule_event())
    stack.database.faults.clear()
    assert swept(stack) == {"stored": 1}


def test_a_shard_that_another_invocation_has_is_left_to_it(stack: LocalStack) -> None:
    stack.put("a/1.exr")
    stack.put("b/1.exr")
    connection, deadline = stack.catalog.connection, Deadline.after(10)
    first, _ = open_shards(connection, "renders/", ["renders/a/", "renders/b/"], most=16, deadline=deadline)
    assert claim(connection, first, "other", seconds=60, deadline=deadline) is not None
    assert claim(connection, first, "third", seconds=60, deadline=deadline) is None
    assert swept(stack) == {"stored": 1, "unfinished": 1}
    assert [row["path"] for row in stack.rows("files")] == ["renders/b/1.exr"]


def test_a_claim_whose_holder_has_ended_passes_to_another(stack: LocalStack) -> None:
    stack.put("a/1.exr")
    connection, deadline = stack.catalog.connection, Deadline.after(10)
    (first,) = open_shards(connection, "renders/", ["renders/a/"], most=16, deadline=deadline)
    claim(connection, first, "gone", seconds=0, deadline=deadline)
    assert swept(stack) == {"stored": 1}


@pytest.mark.heavy
def test_sweeps_at_the_same_time_make_each_shard_once(stack: LocalStack) -> None:
    for folder in "abcdef":
        stack.put(f"{folder}/1.exr")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: swept(stack, EXR_SWEEP_SHARDS="16"), range(4)))
    assert len(rows(stack)) == 6
    assert sum(result.get("stored", 0) for result in results) == 6
    assert stack.differences() == []


def test_without_a_sweep_a_schedule_event_says_so_in_one_line(
    stack: LocalStack, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert service(stack, EXR_SWEEP="").handle(schedule_event())["status"] == "skipped"
    (line,) = [record.getMessage() for record in caplog.records if record.getMessage().startswith("[SKIP]")]
    assert "EXR_SWEEP" in line


# --- by listing a mounted folder --------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mount"
    for name in ("show_a/sh010/a.1001.exr", "show_a/sh010/a.1002.exr", "show_b/b.exr"):
        write(made, name)
    return made


def write(folder: Path, name: str, of: str = "scanline_zip.exr") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sample(of))


def stored(stack: LocalStack) -> set[str]:
    return {row["path"] for row in stack.rows("files")}


def test_renames_and_removals_on_a_share(stack: LocalStack, folder: Path) -> None:
    mount = {"EXR_MOUNTS": f"{BUCKET}={folder}"}
    assert swept(stack, **mount) == {"stored": 3}
    (folder / "show_a" / "sh010").rename(folder / "show_a" / "sh020")
    shutil.rmtree(folder / "show_b")
    write(folder, "show_c/ c\udcff.exr")
    assert swept(stack, **mount) == {"stored": 3, "removed": 3}
    assert swept(stack, **mount) == {"unchanged": 3}
    assert stored(stack) == {
        "renders/show_a/sh020/a.1001.exr",
        "renders/show_a/sh020/a.1002.exr",
        "renders/show_c/ c\\udcff.exr",
    }


@pytest.mark.heavy
def test_a_name_that_is_no_text_and_one_that_is_its_escape_are_two_files(stack: LocalStack, folder: Path) -> None:
    mount = {"EXR_MOUNTS": f"{BUCKET}={folder}"}
    names = ("a\udcff.exr", r"a\udcff.exr", r"a\x5cudcff.exr")
    for name in names:
        write(folder, f"show_c/{name}")
    assert swept(stack, **mount) == {"stored": 6}
    assert swept(stack, **mount) == {"unchanged": 6}
    for name in names[:2]:
        (folder / "show_c" / name).unlink()
        assert swept(stack, **mount)["removed"] == 1
        assert f"renders/show_c/{file_key(name)}" not in stored(stack)
    assert len(stored(stack)) == 4


def test_a_share_that_is_away_or_empty_removes_nothing(stack: LocalStack, folder: Path, tmp_path: Path) -> None:
    function = service(stack, EXR_MOUNTS=f"{BUCKET}={folder}")
    function.handle(schedule_event())
    folder.rename(tmp_path / "elsewhere")
    assert function.handle(schedule_event())["failed"] == 1
    folder.mkdir()
    assert function.handle(schedule_event())["failed"] == 1
    assert swept(stack, EXR_MOUNTS=f"{BUCKET}={folder}") == {"failed": 1}, "a function that starts then"
    assert len(stored(stack)) == 3


def test_a_share_that_is_away_removes_nothing_though_its_mount_point_is_not_empty(
    stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    mount = {"EXR_MOUNTS": f"{BUCKET}={folder}", "EXR_SETTLE_SECONDS": "0"}
    swept(stack, **mount)
    away = folder.rename(tmp_path / "elsewhere")
    write(folder, "lost+found/lost")
    assert swept(stack, **mount) == {"failed": 1}
    for name in ("ObjectCreated:Put", "ObjectRemoved:Delete"):
        with pytest.raises(BucketUnavailable):
            service(stack, **mount).handle(element_event(BUCKET, "show_b/b.exr", event_name=name))
    assert len(stored(stack)) == 3
    shutil.rmtree(folder)
    away.rename(folder)
    assert swept(stack, **mount) == {"unchanged": 3}


def test_files_that_are_deleted_one_by_one_lose_their_rows(stack: LocalStack, folder: Path) -> None:
    function = service(stack, EXR_MOUNTS=f"{BUCKET}={folder}")
    function.handle(schedule_event())
    for path in sorted(folder.rglob("*.exr")):
        path.unlink()
        event = element_event(BUCKET, str(path.relative_to(folder)), event_name="ObjectRemoved:Delete")
        assert function.handle(event)["status"] == "removed"
    assert stored(stack) == set()


@pytest.mark.heavy
def test_a_show_whose_own_share_is_away_keeps_its_rows(stack: LocalStack, folder: Path) -> None:
    mount = {"EXR_MOUNTS": f"{BUCKET}={folder}"}
    swept(stack, **mount)
    shutil.rmtree(folder / "show_a")
    for left in ("", "lost+found", "notes"):
        (folder / "show_a" / left).mkdir()
        assert swept(stack, **mount) == {"unchanged": 1, "failed": 1}
    assert len(stored(stack)) == 3
    shutil.rmtree(folder / "show_a" / "lost+found")
    (folder / "show_a" / "notes").rmdir()
    (folder / "show_a").rmdir()
    assert swept(stack, **mount) == {"unchanged": 1, "removed": 2}


def test_rows_of_keys_that_cannot_be_addressed_stay_without_a_word(stack: LocalStack, folder: Path) -> None:
    mount = {"EXR_MOUNTS": f"{BUCKET}={folder}"}
    keys = ("../x.exr", "sub//c.exr")
    handling = service(stack, **mount)
    assert {handling.handle(element_event(BUCKET, key))["error_code"] for key in keys} == {"SOURCE_KEY"}
    assert swept(stack, **mount) == {"stored": 3}
    assert swept(stack, **mount) == {"unchanged": 3}
    assert {f"{BUCKET}/{key}" for key in keys} < stored(stack)


def test_one_bad_folder_stops_nothing_and_keeps_its_rows(stack: LocalStack, folder: Path) -> None:
    function = service(stack, EXR_MOUNTS=f"{BUCKET}={folder}")
    function.handle(schedule_event())
    before = {row["first_path"]: row["compared_at"] for row in rows(stack)}
    shutil.rmtree(folder / "show_a")
    write(folder, "show_b/new.exr")
    write(folder, "show_a/sh010/a.1001.exr")
    (mounted,) = function._opener._mounts[BUCKET]
    real = mounted._scan

    def scan(place: str, *rest: Any, **options: Any) -> Any:
        if place == "show_a/sh010/":
            raise SourceUnavailable(f"{BUCKET}/{place}: the file system fails")
        return real(place, *rest, **options)

    mounted._scan = scan
    result = function.handle(schedule_event())
    assert (result["stored"], result["failed"], result["removed"]) == (1, 1, 0)
    assert len(stored(stack)) == 4
    after = {row["first_path"]: row["compared_at"] for row in rows(stack)}
    assert after["renders/"] == before["renders/"], "it is compared again at the next tick"
    assert after["renders/show_b/"] > before["renders/show_b/"]
    mounted._scan = real
    assert function.handle(schedule_event())["removed"] == 1


@pytest.mark.heavy
def test_links_that_are_not_followed_are_named_and_keep_neither_the_watermark_back_nor_rows_away(
    stack: LocalStack, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mount = {"EXR_MOUNTS": f"{BUCKET}={folder}"}
    swept(stack, **mount)
    before, names = {row["first_path"]: row["watermark"] for row in rows(stack)}, stored(stack)
    (folder / "show_a" / "sh010").rename(tmp_path / "elsewhere")
    (folder / "show_a" / "sh010").symlink_to(tmp_path / "elsewhere")
    for each in (folder / "show_b").rglob("*.exr"):
        each.unlink()
        each.symlink_to("nowhere")
    with caplog.at_level(logging.INFO):
        assert swept(stack, **mount) == {"failed": 2}
    assert stored(stack) == names
    assert {row["first_path"] for row in rows(stack) if row["watermark"] > before[row["first_path"]]} == set(before)
    assert "[ERROR] s3://renders/show_a/sh010/" in caplog.text
    caplog.clear()
    (folder / "show_b" / "new.exr").symlink_to("nowhere")
    with caplog.at_level(logging.INFO):
        assert swept(stack, **mount) == {"failed": 1, "unreadable": 2}
        assert swept(stack, **mount) == {"unreadable": 3}
    assert caplog.text.count("[ERROR]") == 1, "a fault is reported once"
    assert sum(row["failed_files"] for row in rows(stack)) == 3
    assert stored(stack) == names | {"renders/show_b/new.exr"}
    (folder / "show_b" / "new.exr").unlink()
    write(folder, "show_b/sound.exr")
    assert swept(stack, **mount) == {"stored": 1, "removed": 1, "unreadable": 2}
    (folder / "show_b" / "new.exr").symlink_to("nowhere")
    assert swept(stack, **mount) == {"unchanged": 1, "failed": 1, "unreadable": 2}, "it was readable in between"


def test_a_frame_behind_a_link_that_leads_nowhere_is_not_missing(stack: LocalStack, folder: Path) -> None:
    (folder / "show_a" / "sh010" / "a.1003.exr").symlink_to("nowhere")
    write(folder, "show_a/sh010/a.1004.exr")
    swept(stack, EXR_MOUNTS=f"{BUCKET}={folder}")
    checked = [row for row in stack.rows(SEQUENCE_VALIDATION.name) if row["directory"] == f"{BUCKET}/show_a/sh010"]
    assert [(row["file_count"], row["code"]) for row in checked] == [(4, None)]


# --- from the VAST Catalog --------------------------------------------------------------------------------


def cluster(folder: Path, **changes: str) -> dict[str, str]:
    """Settings that make a folder a view of a cluster with a VAST Catalog."""
    return {"EXR_MOUNTS": f"{BUCKET}={folder}", "EXR_VIEWS": f"{ROOT}={BUCKET}", "EXR_SWEEP_CATALOG": "on", "EXR_SWEEP": "", **changes}  # fmt: skip # noqa: E501


def snapshot(stack: LocalStack, folder: Path) -> None:
    stack.database.write_catalog(entries_of_folder(folder, root=ROOT))


def test_changes_come_from_the_catalog_and_removals_from_a_comparison(stack: LocalStack, folder: Path) -> None:
    snapshot(stack, folder)
    assert swept(stack, **cluster(folder)) == {"stored": 3}
    write(folder, "show_a/sh010/a.1003.exr")
    write(folder, "show_b/b.exr", "layers.exr")
    (folder / "show_a/sh010/a.1001.exr").rename(folder / "show_a/sh010/a.1009.exr")
    snapshot(stack, folder)
    changed = swept(stack, **cluster(folder))
    assert changed["stored"] == 3
    assert "renders/show_a/sh010/a.1001.exr" in stored(stack), "the Catalog does not show removals"
    assert swept(stack, **cluster(folder, EXR_SWEEP_FULL_HOURS="0"))["removed"] == 1
    assert stored(stack) == {f"renders/{path.relative_to(folder)}" for path in folder.rglob("*.exr")}


def test_a_change_that_keeps_size_and_time_is_found_by_its_ctime(stack: LocalStack, folder: Path) -> None:
    snapshot(stack, folder)
    swept(stack, **cluster(folder))
    path = folder / "show_b/b.exr"
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    snapshot(stack, folder)
    assert swept(stack, **cluster(folder))["stored"] == 1


def test_a_file_that_the_catalog_has_and_the_share_has_no_more(stack: LocalStack, folder: Path) -> None:
    snapshot(stack, folder)
    swept(stack, **cluster(folder))
    write(folder, "show_b/b.exr", "layers.exr")
    write(folder, "show_b/c.exr")
    snapshot(stack, folder)
    (folder / "show_b/b.exr").unlink()
    (folder / "show_b/c.exr").unlink()
    write(folder, "show_b/d.exr")
    assert swept(stack, **cluster(folder))["removed"] == 1
    assert stored(stack) == {"renders/show_a/sh010/a.1001.exr", "renders/show_a/sh010/a.1002.exr"}


def test_a_file_that_cannot_be_compared_now_is_counted_named_and_looked_at_again(
    stack: LocalStack, folder: Path
) -> None:
    """The row is as new as the change in the Catalog, so the store is asked for the ETag."""
    snapshot(stack, folder)
    function = service(stack, **cluster(folder))
    assert function.handle(schedule_event())["stored"] == 3
    entries = [replace(entry, ctime_ns=time.time_ns()) for entry in entries_of_folder(folder, root=ROOT)]
    stack.database.write_catalog(entries)
    (mounted,) = function._opener._mounts[BUCKET]
    real = mounted.head

    def head(key: str, call: Any) -> Any:
        if key.endswith("a.1002.exr"):
            raise SourceUnavailable("a disk fails")
        return real(key, call)

    mounted.head = head
    result = function.handle(schedule_event())
    assert (result["stored"], result["unchanged"], result["failed"]) == (0, 2, 1)
    assert any("a disk fails" in (row["message"] or "") for row in rows(stack))
    mounted.head = real
    result = function.handle(schedule_event())
    assert (result["unchanged"], result["failed"]) == (3, 0), "also those of some seconds before the watermark"


@pytest.mark.heavy
def test_the_watermark_waits_for_the_oldest_file_that_failed(stack: LocalStack, folder: Path) -> None:
    snapshot(stack, folder)
    swept(stack, **cluster(folder))
    failed_at = time.time_ns() - 100 * 10**9
    entries = list(entries_of_folder(folder, root=ROOT))
    for name, ctime in (("a.1002.exr", failed_at), ("z.exr", failed_at + 50 * 10**9)):
        write(folder, f"show_a/sh010/{name}", "layers.exr")
        state = (folder / f"show_a/sh010/{name}").stat()
        path = f"{ROOT}/show_a/sh010/{name}"
        entries = [entry for entry in entries if entry.path != path]
        entries.append(CatalogEntry(path, state.st_size, state.st_mtime_ns, ctime))
    stack.database.write_catalog(entries)
    function = service(stack, **cluster(folder))
    opener = function._opener
    (mounted,) = opener._mounts[BUCKET]
    real = mounted.fetch

    def fetch(key: str, *rest: Any) -> Any:
        if key.endswith("a.1002.exr"):
            raise OSError(5, "a disk fails")
        return real(key, *rest)

    mounted.fetch = fetch
    result = function.handle(schedule_event())
    assert (result["stored"], result["failed"]) == (1, 1)
    marks = {row["first_path"]: row["watermark"] for row in rows(stack)}
    assert marks["renders/"] <= datetime.fromtimestamp(failed_at / 1e9, timezone.utc).replace(tzinfo=None)
    mounted.fetch = real
    assert function.handle(schedule_event())["stored"] == 1


def test_a_path_that_no_view_covers_is_one_finding(
    stack: LocalStack, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = [CatalogEntry(f"/studio/other/{n}.exr", size=1, mtime_ns=4 * 10**18, ctime_ns=10**18) for n in range(3)]
    stack.database.write_catalog([*entries_of_folder(folder, root=ROOT), *other])
    settings = cluster(folder, EXR_SWEEP="/studio")
    assert swept(stack, **settings) == {"stored": 3}
    write(folder, "show_b/new.exr")
    late = [CatalogEntry(f"/studio/other/{n}.exr", size=1, mtime_ns=1, ctime_ns=4 * 10**18) for n in range(3)]
    stack.database.write_catalog([*entries_of_folder(folder, root=ROOT), *late])
    with caplog.at_level(logging.ERROR):
        result = swept(stack, **settings)
    assert (result["stored"], result["failed"]) == (1, 1)
    assert "3 files that changed are covered by no view" in caplog.text
    assert swept(stack, **cluster(folder, EXR_SWEEP="/elsewhere")) == {"failed": 1}


@pytest.mark.heavy
def test_requests_are_proportional_to_the_changes(stack: LocalStack, tmp_path: Path) -> None:
    folder = tmp_path / "big"
    for number in range(40):
        write(folder, f"show_{number % 4}/{number}.exr")
    still = [CatalogEntry(f"{ROOT}/show_{n % 4}/old/{n}.exr", size=1, mtime_ns=n, ctime_ns=n) for n in range(5_000)]
    stack.database.write_catalog([*still, *entries_of_folder(folder, root=ROOT)])
    swept(stack, **cluster(folder, EXR_SWEEP_SHARDS="4"))
    counts = []
    for changed in (10, 40):
        for number in range(changed):
            write(folder, f"show_{number % 4}/{number}.exr", "layers.exr" if changed == 10 else "cryptomatte.exr")
        stack.database.write_catalog([*still, *entries_of_folder(folder, root=ROOT)])
        stack.database.reset_counters()
        assert swept(stack, **cluster(folder, EXR_SWEEP_SHARDS="4"))["stored"] == changed
        counts.append(sum(stack.database.counters().values()))
    few, many = counts
    assert many < few * 1.5, "40 changes in 4 shards are 4 transactions, as 10 are"
    assert many < 320
    stack.database.write_catalog([])


@pytest.mark.heavy
def test_more_changes_than_are_taken_at_a_time(
    stack: LocalStack, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "MOST_CHANGES", 3)
    snapshot(stack, folder)
    swept(stack, **cluster(folder))
    start = time.time_ns() - 200 * 10**9
    entries = list(entries_of_folder(folder, root=ROOT))
    for number in range(10):
        write(folder, f"show_b/{number}.exr")
        state = (folder / f"show_b/{number}.exr").stat()
        at = start + number * 10**10
        entries.append(CatalogEntry(f"{ROOT}/show_b/{number}.exr", state.st_size, state.st_mtime_ns, at))
    stack.database.write_catalog(entries)
    made = [swept(stack, **cluster(folder)).get("stored", 0) for _ in range(10)]
    assert sum(made) == 10
    assert max(made) <= 3
    assert len(stored(stack)) == 13


def test_sequences_are_settled_and_validated_per_folder(stack: LocalStack) -> None:
    for frame in (1, 2, 4):
        stack.put(f"sh010/comp_v003_100{frame}.exr")
    swept(stack)
    assert {row["sequence"] for row in stack.rows("files")} == {"renders/sh010/comp_v003_####.exr"}
    assert {row["frame_number"] for row in stack.rows("files")} == {1001, 1002, 1004}

    def codes() -> set[str]:
        rows = stack.catalog.connection.run(
            "read", lambda work: rows_of(work.select(SEQUENCE_VALIDATION, ["code", "frames"]))
        )
        return {row["code"] for row in rows if row["frames"] == "1003"}

    assert len(codes()) == 1
    stack.put("sh010/comp_v003_1003.exr")
    swept(stack)
    assert codes() == set()
    stack.s3.delete(BUCKET, "sh010/comp_v003_1003.exr")
    stack.catalog.remove("renders/sh010/comp_v003_1003.exr")  # as by an event
    assert swept(stack) == {"unchanged": 3}
    assert len(codes()) == 1
    for frame in (1, 2, 4):
        stack.s3.delete(BUCKET, f"sh010/comp_v003_100{frame}.exr")
    stack.catalog.remove_all(
        [Removal(f"renders/sh010/comp_v003_100{frame}.exr", EventInfo(), is_seen=True) for frame in (1, 2, 4)]
    )
    assert swept(stack) == {}
    assert codes() == set(), "nothing is said of files that are gone"


def test_pixels_are_read_as_the_settings_say(stack: LocalStack) -> None:
    stack.put("a.exr")
    swept(stack, EXR_STATS="sampled")
    assert stack.differences(StatsMode.SAMPLED) == []
