"""Ingest of whole prefixes on real servers: continued, interrupted, with faults; and the command."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from watchfiles import Change

from exr_inspector.catalog import Catalog, Outcome, UpsertResult
from exr_inspector.cli.__main__ import main
from exr_inspector.cli.catalog import open_tables
from exr_inspector.cli.commands.check import command as check
from exr_inspector.cli.commands.ingest import BlockedNotice, command, targets_of
from exr_inspector.cli.commands.validate import command as validate
from exr_inspector.cli.commands.watch import first_run, follow
from exr_inspector.errors import (
    ArgumentError,
    CatalogConflict,
    CatalogError,
    CatalogUnavailable,
    NothingMatches,
    SourceError,
    SourceUnavailable,
)
from exr_inspector.ingest.progress import Progress
from exr_inspector.ingest.run import Ingest, Target
from exr_inspector.ingest.watch import FolderWatch
from exr_inspector.inspector import Inspector
from exr_inspector.model import StatsMode
from exr_inspector.settings import Mount, load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.sequences import validate_folders
from exr_inspector.sync.shard import SHARD_OBJECTS, IngestContext
from exr_inspector.validation import builtin_policy
from tests.chaos.stack import BUCKET, SAMPLES, LocalStack, guard_held, impatient, local_stack
from tests.support.databases import empty_catalog, rows_of_catalog
from tests.support.documented import Documented
from tests.support.exrbytes import FLOAT, Channel, Part, a_idmanifest, a_string, build
from tests.support.exrbytes_idmanifest import ManifestGroup
from tests.support.faulty_s3 import Request, Stall, Status
from tests.support.terminal import shown_on_a_terminal
from tests.support.waiting import until
from tests.unit.validation.cases.made.metadata import declared, matte
from vastdb_local import Fault, FaultKind

ROOT = Path(__file__).resolve().parents[3]
GOOD = ("scanline_zip.exr", "layers.exr", "tiled.exr", "deep_scanline.exr")


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalStack]:
    with local_stack(S3_RETRIES="0") as made:
        yield made


@pytest.fixture
def stack(shared: LocalStack) -> Iterator[LocalStack]:
    yield shared
    shared.clear()


def made(
    stack: LocalStack,
    *,
    workers: int = 4,
    force: bool = False,
    catalog: Catalog | None = None,
    observe: Any = None,
    policy: str = "default",
    **limits: float,
) -> Ingest:
    settings = stack.settings(EXR_POLICY=policy)
    opener, tables = SourceOpener(settings), catalog or stack.catalog
    context = IngestContext.from_settings(settings, opener, tables, threads=workers, force=force)
    return Ingest(context, observe=observe, **limits)


def fill(stack: LocalStack, count: int) -> None:
    for index in range(count):
        stack.put(f"shot/beauty.{index:04}.exr", GOOD[index % len(GOOD)])


def test_a_prefix_is_brought_up_to_date_and_a_second_run_reads_nothing(stack: LocalStack) -> None:
    fill(stack, 30)
    stack.put("shot/bad.exr", "not_an_exr.exr")
    stack.put("shot/notes.txt")
    stack.put("other/a.exr")
    progress = made(stack).run([Target(BUCKET, "shot/")])
    assert (progress.listed, progress.skipped, progress.inspected, progress.stored, progress.failed) == (
        31,
        0,
        31,
        31,
        1,
    )
    assert progress.is_listed
    assert progress.by_status == {"inspected": 30, "EXR_MAGIC": 1}
    assert sum(progress.by_compression.values()) == 30
    assert stack.differences() == [f"{BUCKET}/other/a.exr: no row"]
    stack.put("shot/beauty.0003.exr", "tiled.exr" if GOOD[3] != "tiled.exr" else "layers.exr")
    before = stack.s3.count("GET")
    again = made(stack).run([Target(BUCKET, "")])
    assert (again.listed, again.skipped, again.stored) == (32, 30, 2)
    assert stack.s3.count("GET") - before == 1 + 2, "one page of the listing, and the changed object"
    assert stack.differences() == []


@pytest.mark.parametrize("prefix", ["checked/", "checked/be"])
def test_a_repeated_run_reads_the_rows_of_unchanged_files_once(stack: LocalStack, prefix: str) -> None:
    for number in range(4):
        stack.put(f"checked/beauty.{number:04}.exr")
    first = made(stack).run([Target(BUCKET, prefix)])
    assert first.directories == {f"{BUCKET}/checked"}
    assert len(list(validate_folders(stack.catalog.connection, first.directories, builtin_policy("default")))) == 1
    stack.database.reset_counters()
    again = made(stack).run([Target(BUCKET, prefix)])
    assert (again.skipped, again.directories, again.other_policies) == (4, set(), {})
    assert stack.database.counters()["begin"] == 3, "look for rows; when sequences were validated; the files"
    assert (first.has_previous_rows, again.has_previous_rows) == (False, True)
    other = made(stack, policy="strict").run([Target(BUCKET, prefix)])
    assert (other.skipped, other.other_policies) == (4, {builtin_policy("default").label: 4})


def test_a_new_prefix_takes_one_query(stack: LocalStack) -> None:
    asked: list[int] = []

    class Asked(Catalog):
        def current_versions(self, states: Any, **kwargs: Any) -> Any:
            asked.append(len(states))
            return super().current_versions(states, **kwargs)

    catalog = Asked(stack.catalog.connection.config)
    for key in ("new/a.exr", "new/b.exr", "newer/c.exr"):
        stack.put(key)
    assert made(stack, catalog=catalog).run([Target(BUCKET, "new/")]).stored == 2
    assert asked == []
    assert made(stack, catalog=catalog).run([Target(BUCKET, "newer/"), Target(BUCKET, "new")]).skipped == 2
    assert asked == [3], "`new` is what `new/` begins with"


def test_force_replaces_what_is_up_to_date(stack: LocalStack) -> None:
    fill(stack, 5)
    made(stack).run([Target(BUCKET)])
    before = {row["path"]: row["inspection_id"] for row in stack.rows("files")}
    progress = made(stack, force=True).run([Target(BUCKET)])
    after = {row["path"]: row["inspection_id"] for row in stack.rows("files")}
    assert (progress.skipped, progress.stored) == (0, 5)
    assert all(before[path] != after[path] for path in before)
    assert stack.differences() == []


@pytest.mark.failure(
    "ingest",
    "an object cannot be read because of a transient fault",
    "`SOURCE_UNAVAILABLE`, counted and named; the next run inspects it",
    "run it again",
)
def test_what_cannot_be_read_now_is_counted_and_done_by_the_next_run(stack: LocalStack, documented: Documented) -> None:
    fill(stack, 10)

    def lose_one(request: Request) -> None:
        if request.key.endswith("0004.exr"):
            raise ConnectionError

    stack.s3.hook = lose_one
    progress = made(stack).run([Target(BUCKET)])
    assert list(progress.errors.values()) == [1]
    documented(*progress.errors)
    assert progress.stored == 9
    stack.s3.hook = None
    assert made(stack).run([Target(BUCKET)]).stored == 1
    assert stack.differences() == []


def test_an_object_that_goes_between_listing_and_reading_leaves_no_row(stack: LocalStack) -> None:
    fill(stack, 4)

    def remove_one(request: Request) -> None:
        if request.key.endswith("0002.exr"):
            stack.s3.delete(BUCKET, "shot/beauty.0002.exr")

    stack.s3.hook = remove_one
    assert made(stack).run([Target(BUCKET)]).errors == {}
    assert stack.differences() == []


@pytest.mark.failure(
    "ingest", "an object is removed between listing, reading and storing", "`0` rows of it remain", "nothing"
)
def test_an_object_removed_before_it_is_stored_leaves_no_row(stack: LocalStack, documented: Documented) -> None:
    fill(stack, 4)
    upsert = stack.catalog.upsert

    class Slow(Catalog):
        def upsert(self, *args: Any, **kwargs: Any) -> list[UpsertResult]:
            stack.s3.delete(BUCKET, "shot/beauty.0001.exr")
            return upsert(*args, **kwargs)

    made(stack, catalog=Slow(stack.catalog.connection.config)).run([Target(BUCKET)])
    assert stack.differences() == []
    documented(len(stack.rows("files", f"{BUCKET}/shot/beauty.0001.exr")))


@pytest.mark.failure(
    "ingest",
    "the database rejects rows permanently",
    "`CATALOG`, counted and named; the others are stored",
    "report the message",
)
def test_rows_that_can_never_be_stored_do_not_stop_the_run(stack: LocalStack, documented: Documented) -> None:
    fill(stack, 8)

    class Picky(Catalog):
        def upsert(self, inspections: Any, **kwargs: Any) -> list[UpsertResult]:
            if any(inspection.key.endswith("0005.exr") for inspection in inspections):
                raise CatalogError("the database answered 400")
            return super().upsert(inspections, **kwargs)

    progress = made(stack, catalog=Picky(stack.catalog.connection.config)).run([Target(BUCKET)])
    assert (progress.stored, list(progress.errors.values())) == (7, [1])
    documented(*progress.errors)


@pytest.mark.failure(
    "ingest",
    "the rows of a file cannot be built",
    "`INTERNAL`, counted and named; the others are stored",
    "report the message, with the file if possible",
)
def test_an_inspection_that_can_have_no_rows_spoils_no_other(stack: LocalStack, documented: Documented) -> None:
    fill(stack, 8)
    ingest = made(stack)

    class Broken(Inspector):
        def inspect(self, source: Any, policy: Any, **kwargs: Any) -> Any:
            inspection = super().inspect(source, policy, **kwargs)
            return replace(inspection, policy=object()) if source.key.endswith("0005.exr") else inspection

    ingest._context.inspector = Broken()
    progress = ingest.run([Target(BUCKET)])
    assert (progress.stored, progress.errors) == (7, {"INTERNAL": 1})
    ((code, path, _),) = progress.examples
    assert (code, path) == ("INTERNAL", f"{BUCKET}/shot/beauty.0005.exr")
    documented(code)


def test_an_object_that_cannot_be_looked_at_once_more_does_not_stop_the_run(stack: LocalStack) -> None:
    fill(stack, 4)

    class Doubting(Catalog):
        def upsert(self, inspections: Any, **kwargs: Any) -> list[UpsertResult]:
            return [replace(result, outcome=Outcome.IGNORED_OLDER) for result in super().upsert(inspections, **kwargs)]

    def refuse_one(request: Request) -> None:
        if request.method == "HEAD" and request.key.endswith("0002.exr"):
            raise ConnectionError

    stack.s3.hook = refuse_one
    progress = made(stack, catalog=Doubting(stack.catalog.connection.config)).run([Target(BUCKET)])
    assert (progress.stored, progress.errors) == (3, {"SOURCE_UNAVAILABLE": 1})
    ((code, path, _),) = progress.examples
    assert (code, path) == ("SOURCE_UNAVAILABLE", f"{BUCKET}/shot/beauty.0002.exr")


@pytest.mark.failure(
    "ingest",
    "the database is down",
    "the run ends with `CATALOG_UNAVAILABLE`; stored rows remain",
    "run it again when the database is back",
)
def test_an_outage_of_the_database_ends_the_run_and_loses_nothing(stack: LocalStack, documented: Documented) -> None:
    fill(stack, 8)
    stack.database.faults.chance("insert", 1.0, Fault(FaultKind.INTERNAL_ERROR))
    with pytest.raises(CatalogUnavailable) as caught:
        made(stack).run([Target(BUCKET)])
    documented(caught.value.code)
    stack.database.faults.clear()
    assert made(stack).run([Target(BUCKET)]).stored == 8
    assert stack.differences() == []


def test_files_that_another_transaction_blocks_are_stored_when_it_ends(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SHARD_OBJECTS, StatsMode.OFF, 2)
    fill(stack, 6)
    said: list[str] = []
    with guard_held(stack, f"{BUCKET}/shot/beauty.0000.exr", seconds=60.0) as release:

        def say(sentence: str) -> None:
            said.append(sentence)
            release()

        progress = made(stack, catalog=impatient(stack), observe=BlockedNotice(say)).run([Target(BUCKET)])
    assert (progress.stored, progress.errors) == (6, {})
    assert [sentence.partition(":")[0] for sentence in said] == ["2 files cannot be stored yet"]
    assert stack.differences() == []


def test_a_forced_run_reads_blocked_files_again_whose_rows_are_up_to_date(stack: LocalStack) -> None:
    fill(stack, 2)
    made(stack).run([Target(BUCKET)])
    with guard_held(stack, f"{BUCKET}/shot/beauty.0000.exr", seconds=1.0):
        progress = made(stack, force=True, catalog=impatient(stack)).run([Target(BUCKET)])
    assert (progress.inspected, progress.stored, progress.errors) == (2, 2, {})


def test_a_run_that_only_waits_for_another_transaction_stops_at_once(stack: LocalStack) -> None:
    fill(stack, 2)
    asked_at: list[float] = []

    def stop_when_blocked(progress: Progress) -> None:
        if progress.blocked == 1 and progress.stored == 1:
            asked_at.append(time.monotonic())
            ingest.stop()

    with guard_held(stack, f"{BUCKET}/shot/beauty.0000.exr", seconds=60.0):
        ingest = made(stack, catalog=impatient(stack), observe=stop_when_blocked)
        progress = ingest.run([Target(BUCKET)])
        assert time.monotonic() - asked_at[0] < 10.0
    assert (progress.stopped, progress.stored, progress.blocked, progress.errors) == (True, 1, 1, {})


def test_an_unreadable_file_that_another_transaction_blocks_gets_its_row_when_it_ends(
    stack: LocalStack, tmp_path: Path
) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    (folder / "a.exr").symlink_to("nowhere.exr")
    settings, targets = targets_of([str(folder)], stack.settings(), None)
    context = IngestContext.from_settings(settings, SourceOpener(settings), impatient(stack))
    with guard_held(stack, "shots/a.exr", seconds=1.0):
        progress = Ingest(context).run(targets)
    assert progress.errors == {"SOURCE_NOT_FOUND": 1}
    assert list(stack.catalog.stored_at(["shots/a.exr"])) == ["shots/a.exr"]


def test_watch_says_what_its_first_run_waits_for_and_ends_when_asked(stack: LocalStack) -> None:
    fill(stack, 1)
    ended, said = threading.Event(), list[str]()

    def say(_: str, text: str) -> None:
        said.append(text)
        ended.set()

    context = IngestContext.from_settings(stack.settings(), SourceOpener(stack.settings()), impatient(stack))
    with guard_held(stack, f"{BUCKET}/shot/beauty.0000.exr", seconds=60.0):
        first_run(context, Target(BUCKET), ended, say)
    assert said[0].startswith("1 file cannot be stored yet: another transaction")
    assert said[1:] == ["0 stored, 0 up to date; stopped"]


@pytest.mark.failure(
    "ingest",
    "another transaction blocks some files for 15 minutes, such as one that a killed process has left open",
    "`CATALOG_CONFLICT` for these files alone, exit code 1; the others are stored",
    "run it again when the database has rolled the transaction back",
)
def test_files_that_stay_blocked_are_named_and_the_others_stored(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch, documented: Documented
) -> None:
    monkeypatch.setitem(SHARD_OBJECTS, StatsMode.OFF, 2)
    fill(stack, 4)
    blocked = f"{BUCKET}/shot/beauty.0000.exr"
    with guard_held(stack, blocked, seconds=60.0):
        progress = made(stack, catalog=impatient(stack), conflict_seconds=1.0).run([Target(BUCKET)])
    documented(*progress.errors)
    assert (progress.stored, progress.errors) == (3, {CatalogConflict.code: 1})
    assert progress.examples[0][1] == blocked
    assert made(stack).run([Target(BUCKET)]).stored == 1
    assert stack.differences() == []


@pytest.mark.failure("ingest", "the listing fails", "the run ends with `SOURCE_UNAVAILABLE`", "run it again")
def test_a_listing_that_fails_ends_the_run(stack: LocalStack, documented: Documented) -> None:
    fill(stack, 3)
    stack.s3.script(Status(500))
    with pytest.raises(SourceUnavailable) as caught:
        made(stack).run([Target(BUCKET)])
    documented(caught.value.code)


@pytest.mark.failure(
    "ingest",
    "one of several places cannot be listed",
    "counted as `SOURCE_UNAVAILABLE` and named; the others are stored",
    "run it again",
)
def test_a_place_that_cannot_be_listed_stops_no_other(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch, documented: Documented
) -> None:
    fill(stack, 6)
    stack.put("film/a.exr")
    monkeypatch.setattr("exr_inspector.ingest.run.LISTING_BATCH", 2)
    monkeypatch.setattr(stack.s3, "page_keys", 4)
    pages = iter([None, Status(500)])
    monkeypatch.setattr(
        stack.s3, "receive", lambda request: next(pages, None) if is_listing(request, "shot/") else None
    )
    progress = made(stack).run([Target(BUCKET, "shot/"), Target(BUCKET, "film/")])
    documented(*progress.errors)
    assert progress.listed == progress.stored == len(stack.rows("files")) == 5
    assert (progress.unlisted, progress.directories) == ({f"{BUCKET}/shot/"}, {f"{BUCKET}/film"})
    assert made(stack).run([Target(BUCKET, "shot/"), Target(BUCKET, "film/")]).directories == {f"{BUCKET}/shot"}
    assert stack.differences() == []


def is_listing(request: Request, prefix: str) -> bool:
    return "list-type" in request.query and request.query.get("prefix") == prefix


def test_stopping_finishes_and_stores_what_runs(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHARD_OBJECTS, StatsMode.OFF, 5)
    fill(stack, 60)
    told: list[Progress] = []

    def stop_after_some(progress: Progress) -> None:
        told.append(progress)
        if progress.inspected >= 10:
            ingest.stop()

    ingest = made(stack, workers=2, observe=stop_after_some)
    progress = ingest.run([Target(BUCKET)])
    assert progress.stopped
    assert 10 <= progress.stored == progress.inspected < 60
    assert len(stack.rows("files")) == progress.stored
    assert made(stack).run([Target(BUCKET)]).skipped == progress.stored
    assert stack.differences() == []


# --- the command -------------------------------------------------------------------------------------------


def line(*arguments: object, doing: str = "ingest") -> list[str]:
    return [sys.executable, "-m", "exr_inspector.cli", doing, *map(str, arguments)]


def called(*arguments: object, **environ: str) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments)], env=environ)


def paths(catalog: Path) -> list[str]:
    return [path for (path,) in rows_of_catalog(catalog, "select path from files order by path")]


def test_the_command_fills_a_catalog_from_a_folder_under_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "renders"
    (folder / "shot").mkdir(parents=True)
    for index, name in enumerate(GOOD):
        shutil.copy(SAMPLES / name, folder / "shot" / f"{index}.exr")
    catalog = empty_catalog(tmp_path / "c.duckdb")
    first = called(folder, "--catalog", catalog)
    assert first.exit_code == 0, first.output
    assert paths(catalog) == [f"renders/shot/{index}.exr" for index in range(4)]
    # A folder inside a mounted one belongs to that bucket, so that its files have the same rows.
    second = called(folder / "shot", "--catalog", catalog, EXR_MOUNTS=f"renders={folder}")
    assert second.exit_code == 0, second.output
    assert " 4  up to date" in second.output
    third = called(folder / "shot" / "1.exr", "--catalog", catalog, "--bucket", "named")
    assert third.exit_code == 0, third.output
    assert "named/1.exr" in paths(catalog)
    (folder / "shot").rename(tmp_path / "share")
    (folder / "NOT_MOUNTED").touch()
    away = called(folder, "--catalog", catalog)
    assert (away.exit_code, "SOURCE_BUCKET renders/" in away.output, len(paths(catalog))) == (1, True, 5), away.output


@pytest.mark.heavy
@pytest.mark.failure(
    "row",
    "pixels that do not fit into EXR_MEMORY_MIB",
    "`LIMIT_EXCEEDED`: the pixels are not read, no finding says that the file is damaged; check and validate exit with `2`",
    "raise EXR_MEMORY_MIB; the next `./run ingest` reads them",
)
def test_pixels_that_do_not_fit_into_memory_are_read_with_more(tmp_path: Path, documented: Documented) -> None:
    show, file = tmp_path / "show", empty_catalog(tmp_path / "show.duckdb")
    show.mkdir()
    part = Part(data_window=(0, 0, 100_000, 1), channels=[Channel("Y", FLOAT)])
    (show / "wide.exr").write_bytes(build([part]))

    def ingested(mib: str) -> tuple[int, bool]:
        done = called(show, "--catalog", file, "--stats", "full", EXR_MEMORY_MIB=mib)
        return done.exit_code, " 1  up to date" in done.output

    assert ingested("1") == (1, False)
    assert ingested("1") == (1, True)
    for each in (check, validate):
        done = CliRunner().invoke(each, [str(show), "--stats", "full"], env={"EXR_MEMORY_MIB": "1"})
        assert ("LIMIT_EXCEEDED" in done.output, "CHK-DECODE" in done.output) == (True, False), done.output
        documented("LIMIT_EXCEEDED", done.exit_code)
    assert ingested("2") == (1, False)
    assert ingested("1024") == (0, False)
    assert ingested("1024") == (0, True)
    assert ingested("1") == (0, True), "deeper rows stay"


@pytest.mark.failure(
    "row",
    "a file exceeds a limit of the installation: EXR_MEMORY_MIB, EXR_MAX_HEADER_BYTES, _ATTRIBUTES, _PARTS or _STRING_BYTES",
    "`LIMIT_EXCEEDED` without a finding, since the file may be sound; check and validate "
    "exit with `2` and do not list the frame to be rendered again",
    "raise the limit; the next `./run ingest` reads the file",
)
@pytest.mark.parametrize(
    ("small", "large"),
    [
        ({"EXR_MEMORY_MIB": "1"}, {}),
        pytest.param({"EXR_MAX_HEADER_BYTES": "100000"}, {"EXR_MAX_HEADER_BYTES": "200000"}, marks=pytest.mark.heavy),
        pytest.param({"EXR_MAX_ATTRIBUTES": "8"}, {"EXR_MAX_ATTRIBUTES": "9"}, marks=pytest.mark.heavy),
        pytest.param({"EXR_MAX_STRING_BYTES": "1000"}, {}, marks=pytest.mark.heavy),
    ],
    ids=lambda names: next(iter(names), "default"),
)
def test_a_file_beyond_a_limit_of_the_installation_is_read_with_a_higher_one(
    tmp_path: Path, documented: Documented, small: dict[str, str], large: dict[str, str]
) -> None:
    show, file = tmp_path / "show", empty_catalog(tmp_path / "show.duckdb")
    show.mkdir()
    for number in (1001, 1002, 1003):
        extra = [a_string("note", "x" * 150_000)] if number == 1002 else []
        (show / f"b.{number}.exr").write_bytes(build([Part(extra=extra)]))

    def ingested(environ: dict[str, str], *words: str) -> tuple[int, bool, bool]:
        done = called(show, "--catalog", file, *words, **environ)
        assert ("LIMIT_EXCEEDED show/b.1002.exr: " in done.output) == (done.exit_code == 1), done.output
        return done.exit_code, " 3  up to date" in done.output, " 1  inspected" in done.output

    small = {"COLUMNS": "1000", **small}
    assert ingested(small) == (1, False, False)
    assert ingested(small) == (1, True, False)
    for words in (("check", show, "--format", "json"), ("check", show), ("validate", show), ("inspect", show)):
        done = CliRunner().invoke(main, [*map(str, words), "--stats", "off"], env=small)
        documented("LIMIT_EXCEEDED", done.exit_code)
        assert "LIMIT_EXCEEDED" in done.output
        assert "STR-LIMIT" not in done.output
        if "json" in words:
            (sequence,) = json.loads(done.stdout)["sequences"]
            assert (sequence["unread_frames"], sequence["rerender_frames"]) == ("1002", "")
    assert {code for _, code, *_ in sequence_rows(file)[:2]} & {"SEQ-RES", "SEQ-MISSING"} == set()
    done = CliRunner().invoke(main, ["validate", str(show), "--catalog", str(file)], env=small)
    assert (done.exit_code, "LIMIT_EXCEEDED" in done.output) == (2, True), done.output
    assert ingested(large) == (0, False, True)
    assert ingested(large) == (0, True, False)


@pytest.mark.parametrize(
    ("image", "sidecar", "small", "stats"),
    [
        (
            build([Part(extra=[a_idmanifest([ManifestGroup(["id"], ["name"], {n: ["a"] for n in range(99)})])])]),
            {},
            {"EXR_MAX_MANIFEST_ENTRIES": "10"},
            "off",
        ),
        pytest.param(
            matte(declared("manifest", manif_file="m.json")),
            {"bunny": "13851a76", "x" * 2_000: "00000001"},
            {"EXR_MAX_STRING_BYTES": "1000"},
            "full",
            marks=pytest.mark.heavy,
        ),
    ],
    ids=["id manifest", "sidecar"],
)
def test_a_manifest_beyond_a_limit_is_read_with_a_higher_one(
    tmp_path: Path, image: bytes, sidecar: dict[str, str], small: dict[str, str], stats: str
) -> None:
    show, file = tmp_path / "show", empty_catalog(tmp_path / "show.duckdb")
    show.mkdir()
    (show / "a.exr").write_bytes(image)
    (show / "m.json").write_text(json.dumps(sidecar))

    def ingested(environ: dict[str, str]) -> tuple[int, bool]:
        done = called(show, "--catalog", file, "--stats", stats, **environ)
        assert (" 1  up to date" in done.output) != (" 1  stored" in done.output), done.output
        return done.exit_code, " 1  up to date" in done.output

    assert ingested(small) == (0, False)
    assert ingested(small) == (0, True)
    done = CliRunner().invoke(main, ["validate", str(show), "--catalog", str(file)])
    assert done.exit_code == 0, "the file itself was read"
    assert ingested({}) == (0, False)
    assert ingested({}) == (0, True)
    assert ingested(small) == (0, True), "the rows of the readable file stay"


def test_a_manifest_that_arrives_later_is_read_by_ingest_sweep_and_watch(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = tmp_path / "shot"
    (shot / "names").mkdir(parents=True)
    for name in ("names/a", "b", "c"):
        (shot / f"{name[-1]}.exr").write_bytes(matte(declared("manifest", manif_file=f"{name}.json")))

    def add(name: str) -> str:
        (shot / name).write_text(json.dumps({"bunny": "13851a76"}))
        return str(shot / name)

    monkeypatch.setattr("exr_inspector.ingest.watch.SETTLE_SECONDS", 0.0)
    settings = stack.settings(EXR_MOUNTS=f"show={tmp_path}")
    policy = builtin_policy("default")

    def ingested(stats: StatsMode = StatsMode.FULL) -> int:
        context = IngestContext(opener, Inspector.from_settings(settings, stats=stats), stack.catalog, policy)
        return Ingest(context).run([Target("show")]).stored

    def lacking() -> set[str]:
        return {row["file_path"] for row in stack.rows("validation") if row["code"] == "CRY-MANIF-FILE"}

    with contextlib.closing(SourceOpener(settings)) as opener:
        assert ingested() == 3
        (shot / "b.json").touch()
        assert ingested() == 0, "an empty manifest is not written yet"
        add("names/a.json")
        assert ingested(StatsMode.SAMPLED) == 0, "only full passes read manifests"
        assert ingested() == 1
        assert lacking() == {"show/shot/b.exr", "show/shot/c.exr"}
        inspector = Inspector.from_settings(settings, stats=StatsMode.FULL)
        context = IngestContext(opener, inspector, stack.catalog, policy)
        told: list[tuple[str, str]] = []
        watched = FolderWatch(context, Target("show"), Mount("show", tmp_path), report=lambda *line: told.append(line))
        watched.changed([add("b.json"), add("names/a.json")])
        watched.settle()
        assert told == [("show/shot/b.exr", "stored")]
        add("c.json")
        watched.changed([str(shot)])  # which is compared with its rows, as in a sweep
        watched.settle()
        assert told[1:] == [("show/shot/c.exr", "stored")]
        assert not lacking()


@pytest.mark.heavy
def test_watch_tries_again_what_another_transaction_blocks(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exr_inspector.ingest.watch.SETTLE_SECONDS", 0.0)
    monkeypatch.setitem(SHARD_OBJECTS, StatsMode.OFF, 1)
    files = [tmp_path / name for name in ("x/a.1001.exr", "x/a.1003.exr", "y/b.exr")]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        shutil.copy(SAMPLES / "layers.exr", file)
    mount = Mount("show", tmp_path)
    settings = stack.settings().changed(mounts=(mount,))
    context = IngestContext.from_settings(settings, SourceOpener(settings), impatient(stack))
    told: list[tuple[str, str]] = []

    def tell(path: str, text: str) -> None:
        told.append((path, text))
        if text.startswith("CATALOG_CONFLICT"):
            release()

    watched = FolderWatch(context, Target("show"), mount, report=tell)

    def changes() -> Iterator[list[tuple[Change, str]]]:
        yield [(Change.added, str(file)) for file in files]
        end = time.monotonic() + 60.0
        while watched._changed and time.monotonic() < end:
            yield []

    with guard_held(stack, "show/y/b.exr", seconds=60.0) as release:
        follow(watched, changes(), lambda text: tell("", text))
    assert told[:2] == [("show/x/a.1001.exr", "stored"), ("show/x/a.1003.exr", "stored")]
    assert told[2][1].startswith("CATALOG_CONFLICT: ")
    assert told[-2:] == [("show/y/b.exr", "stored"), ("show/x/a.####.exr", "frames to render again: 1002")]
    for _ in range(2):  # the second time, nothing new is reported of the sequence
        shutil.copy(SAMPLES / "layers.exr", tmp_path / "x" / "a.1002.exr")
        watched.changed([str(tmp_path / "x" / "a.1002.exr")])
        watched.settle()
    complete = [what for path, what in told if path == "show/x/a.####.exr"][1:]
    assert complete == ["all 3 frames 1001-1003 are there, none to render again"]


def test_places_that_overlap_are_listed_once(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    (folder / ".snapshot").mkdir()
    shutil.copy(SAMPLES / GOOD[0], folder / ".snapshot" / "kept.exr")
    settings = load_settings({}, secrets_dir=None)

    _, once = targets_of([str(folder)], settings, None)
    _, doubled = targets_of([str(folder), f"{folder}/.", str(folder)], settings, None)
    assert doubled == once
    mounted = settings.changed(mounts=(Mount("show", folder),))
    found = targets_of([str(folder / name) for name in ("sh010/a.exr", "", "sh010", ".snapshot")], mounted, None)[1]
    assert [target.prefix for target in found] == ["", ".snapshot/"]


def test_a_place_that_is_not_there_and_a_root_without_a_name_are_told(tmp_path: Path) -> None:
    for place, error in ((tmp_path / "missing", NothingMatches), (Path("/"), ArgumentError)):
        assert isinstance(called(place, "--catalog", tmp_path / "c.duckdb").exception, error)
    two = [tmp_path / "a" / "renders", tmp_path / "b" / "renders"]
    for folder in two:
        folder.mkdir(parents=True)
    assert isinstance(called(*two, "--catalog", tmp_path / "c.duckdb").exception, ArgumentError)


@pytest.mark.heavy
def test_on_a_terminal_progress_is_shown_and_the_end_is_reached(tmp_path: Path) -> None:
    folder = tmp_path / "renders"
    folder.mkdir()
    shutil.copy(SAMPLES / "layers.exr", folder / "a.exr")
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    shown = shown_on_a_terminal(line(folder, "--catalog", tmp_path / "c.duckdb"), ROOT, environ)
    assert b"1/1" in shown
    assert b"EXR files listed" in shown


# --- trees and stores as they are ---------------------------------------------------------------------------


def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "show"
    for key in ("sh010/a.exr", "sh015/b.exr", "sh020/c.exr", "zz/last.exr"):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLES / "layers.exr", folder / key)
    return folder


# Runs command lines one after another in one process, since each start of the program takes longer than the command.
ONE_BY_ONE = """
import json, sys
from click.testing import CliRunner
from exr_inspector.cli.__main__ import main
done = [CliRunner().invoke(main, line) for line in json.loads(sys.argv[1])]
print(json.dumps([(result.exit_code, result.stdout, result.stderr) for result in done]))
"""


def as_somebody(*lines: Sequence[object]) -> list[tuple[int, str, str]]:
    """Run commands as a user who may not read everything; returns exit code, standard output and standard error."""
    command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", sys.executable, "-c", ONE_BY_ONE]
    done = subprocess.run(
        [*command, json.dumps([list(map(str, words)) for words in lines])],
        cwd=ROOT,
        env={**os.environ, "HOME": "/tmp", "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that other users can enter: pytest closes its own at the start of every run."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


@pytest.mark.failure(
    "ingest",
    "a file may not be read, is archived or cannot be addressed, and has not changed since the run before",
    "it is named without being read; exit code `1`",
    "give the right and run `./run ingest PLACE --force`, or exclude it",
)
@pytest.mark.heavy
@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv, to try as somebody else"
)
def test_an_unreadable_folder_and_file_are_named_and_cost_no_other(open_folder: Path, documented: Documented) -> None:
    folder = tree(open_folder)
    (folder / "sh012_lost+found").mkdir()
    (folder / "sh012_lost+found").chmod(0o700)
    (folder / "sh015" / "b.exr").chmod(0o600)
    (folder / "sh015" / "notes.txt").write_text("nobody reads this")
    (folder / "sh015" / "notes.txt").chmod(0o600)
    (open_folder / "out").mkdir()
    (open_folder / "out").chmod(0o777)
    catalog = empty_catalog(open_folder / "out" / "c.duckdb")
    catalog.chmod(0o666)
    ingest = ("ingest", folder, "--catalog", catalog)
    ingested, checked, *others = as_somebody(
        ingest, ("check", folder, "--catalog", catalog), ("validate", folder), ("inspect", folder)
    )
    code, out, err = ingested
    assert code == 1, err
    assert "SOURCE_ACCESS_DENIED show/sh012_lost+found/: " in out
    assert "SOURCE_ACCESS_DENIED show/sh015/b.exr: " in out
    assert paths(catalog) == [f"show/{key}" for key in ("sh010/a.exr", "sh015/b.exr", "sh020/c.exr", "zz/last.exr")]
    code, out, err = checked
    assert code == 2, err
    assert f"folders that may not be read: {folder / 'sh012_lost+found'}" in out + err
    assert "4 files" in out
    for code, out, err in others:
        assert code == 2
        assert f"folders that may not be read: {folder / 'sh012_lost+found'}" in err
        assert all(name in out for name in ("a.exr", "c.exr", "last.exr"))
    (folder / "sh012_lost+found").rmdir()
    ((code, out, err),) = as_somebody(ingest)
    assert (code, " 0  inspected" in out) == (1, True), out + err
    assert "SOURCE_ACCESS_DENIED show/sh015/b.exr: " in out
    documented(code)


def test_two_folders_of_one_name_never_share_rows_and_rows_lead_back_to_their_files(tmp_path: Path) -> None:
    catalog = empty_catalog(tmp_path / "c.duckdb")
    first, second = tmp_path / "a" / "renders", tmp_path / "b" / "renders"
    for folder, name in ((first, "layers.exr"), (second, "tiled.exr")):
        (folder / "sh").mkdir(parents=True)
        shutil.copy(SAMPLES / name, folder / "sh" / "beauty.1001.exr")
    assert called(first, "--catalog", catalog).exit_code == 0
    refused = called(second, "--catalog", catalog)
    assert isinstance(refused.exception, ArgumentError)
    for words in (str(first), str(second), "--bucket"):
        assert words in str(refused.exception)
    assert paths(catalog) == ["renders/sh/beauty.1001.exr"]
    assert called(second, "--catalog", catalog, "--bucket", "renders-b").exit_code == 0
    found = rows_of_catalog(
        catalog,
        "select roots.root || '/' || files.key from files join roots on roots.bucket = files.bucket order by 1",
    )
    assert [Path(path) for (path,) in found] == [folder / "sh" / "beauty.1001.exr" for folder in (first, second)]
    first.rename(tmp_path / "a" / "moved")
    shutil.rmtree(tmp_path / "b")
    third = tmp_path / "c" / "renders"
    shutil.copytree(tmp_path / "a" / "moved", third)
    refused = called(third, "--catalog", catalog)
    assert isinstance(refused.exception, ArgumentError), "the first one may be on a share that is away"
    assert "--bucket renders" in str(refused.exception)
    moved = called(tmp_path / "a" / "moved", "--catalog", catalog, "--bucket", "renders")
    assert (moved.exit_code, " 1  EXR files listed" in moved.output) == (0, True), moved.output


def test_odd_files_and_names_are_ingested_once(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    names = [b"caf\xe9.exr", b"new\nline.exr", b"tab\t.exr", b"UPPER.EXR", b".exr", b"x.exr#1.exr", b"back\\s.exr"]
    for name in names:
        shutil.copy(SAMPLES / "layers.exr", os.fsdecode(os.fsencode(folder) + b"/" + name))
    (folder / "loop").symlink_to(folder)
    (folder / "sh010" / "notes").symlink_to("nope")
    os.mkfifo(folder / "pipe.exr")
    (folder / "folder.exr").mkdir()
    (folder / ".snapshot" / "daily").mkdir(parents=True)
    shutil.copy(SAMPLES / "layers.exr", folder / ".snapshot" / "daily" / "a.exr")
    os.utime(folder / "sh010" / "a.exr", ns=(0, -(10**9)))
    catalog = empty_catalog(tmp_path / "c.duckdb")
    first = called(folder, "--catalog", catalog, "--exclude", "z*")
    assert (first.exit_code, first.output.count("SOURCE_NOT_FOUND show/pipe.exr")) == (1, 1), first.output
    assert f" {3 + len(names)}  stored" in first.output
    assert not any(".snapshot" in path or "/zz/" in path for path in paths(catalog))
    second = called(folder, "--catalog", catalog)
    assert (second.exit_code, second.output.count("SOURCE_NOT_FOUND show/pipe.exr")) == (1, 1), second.output
    assert f" {3 + len(names)}  up to date" in second.output
    assert " 1  stored" in second.output, "the folder that was excluded before"


@pytest.mark.heavy
@pytest.mark.failure(
    "ingest",
    "a link of a local folder leads nowhere, out of the folder that is a bucket, or to a folder that is not ingested itself; or"
    " a pipe, a socket or a device has the name of a file",
    "`SOURCE_NOT_FOUND` or `SOURCE_ACCESS_DENIED`: the link is named by each run (by one sweep), its rows stay, and a file"
    " without rows gets a failed row, so that its frame is not missing; exit code `1`",
    "ingest what the link leads to as well, or remove the link; remove the pipe",
)
def test_links_that_are_not_followed_are_named_by_each_command_and_keep_their_rows(
    tmp_path: Path, documented: Documented
) -> None:
    folder, catalog, elsewhere = tree(tmp_path), empty_catalog(tmp_path / "c.duckdb"), tmp_path / "elsewhere"
    assert called(folder, "--catalog", catalog).exit_code == 0
    before = paths(catalog)
    (folder / "sh010").rename(elsewhere)
    (folder / "sh010").symlink_to(elsewhere)
    (folder / "sh015" / "b.exr").unlink()
    (folder / "sh015" / "b.exr").symlink_to("b.exr")
    (folder / "sh020").rename(tmp_path / "away")
    (folder / "sh020").symlink_to("nowhere")
    (folder / "zz" / "last.exr").rename(tmp_path / "last.exr")
    (folder / "zz" / "last.exr").symlink_to(tmp_path / "last.exr")
    named = {
        "show/sh010/": "SOURCE_ACCESS_DENIED",
        "show/sh015/b.exr": "SOURCE_NOT_FOUND",
        "show/zz/last.exr": "SOURCE_ACCESS_DENIED",
    }
    plan = ("ingest-plan", folder, "--lanes", 1, "--to", tmp_path / "plan")
    for words in (
        ("ingest", folder, "--catalog", catalog),
        ("ingest", folder, "--catalog", catalog),
        plan,
        ("db", "reconcile", folder, "--catalog", catalog),
        ("db", "reconcile", folder, "--catalog", catalog, "--fix", "--yes"),
    ):
        done = CliRunner().invoke(main, list(map(str, words)), env={"COLUMNS": "1000"})
        assert done.exit_code == 1, done.output
        said = done.output.replace(f": {tmp_path}/", " ")
        assert {path for path in named if said.count(f"{named[path]} {path}: ") == 1} == set(named), done.output
    assert paths(catalog) == before
    documented(*named.values(), done.exit_code)
    assert called(elsewhere, "--catalog", catalog).exit_code == 0


def test_a_frame_that_is_there_but_cannot_be_read_is_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that `check` reports as unread are unread in the tables too, whichever command stored them."""
    folder, outside = tmp_path / "show", tmp_path / "outside.exr"
    folder.mkdir()
    for frame in (1001, 1002, 1005):
        shutil.copy(SAMPLES / "layers.exr", folder / f"x.{frame}.exr")
    shutil.copy(SAMPLES / "layers.exr", outside)
    (folder / "x.1003.exr").symlink_to("nowhere")
    (folder / "x.1004.exr").symlink_to(outside)

    def run(*words: object) -> Result:
        return CliRunner().invoke(main, [*map(str, words)], env={"COLUMNS": "1000"})

    def checked(catalog: Path) -> tuple[dict[str, str | None], list[str | None]]:
        answer = run("query", "select path, error_code from files", "--catalog", catalog, "--format", "json")
        sequences = run("query", "select code from sequence_validation", "--catalog", catalog, "--format", "json")
        files = {row["path"][-8:-4]: row["error_code"] for row in json.loads(answer.stdout)}
        return files, [row["code"] for row in json.loads(sequences.stdout)]

    unread = {"1003": "SOURCE_NOT_FOUND", "1004": "SOURCE_ACCESS_DENIED"}
    right = ({**dict.fromkeys(("1001", "1002", "1005")), **unread}, [None])
    ingested = empty_catalog(tmp_path / "ingest.duckdb")
    assert run("ingest", folder, "--catalog", ingested).exit_code == 1
    assert checked(ingested) == right
    said = run("validate", folder, "--catalog", ingested)
    assert (said.exit_code, "SEQ-MISSING" in said.output, said.output.count("SOURCE_")) == (2, False, 2), said.output
    assert run("ingest", folder, "--catalog", ingested).exit_code == 1
    assert checked(ingested) == right
    run("db", "reconcile", folder, "--catalog", ingested, "--fix", "--yes")
    assert checked(ingested) == right
    watched = empty_catalog(tmp_path / "watch.duckdb")
    monkeypatch.setattr("exr_inspector.ingest.watch.SETTLE_SECONDS", 0.0)
    with open_tables(watched, create=True) as tables:
        tables.keeps_file = True
        settings, (target,) = targets_of([str(folder)], tables.settings, None)
        context = IngestContext.from_settings(settings, SourceOpener(settings), tables.catalog)
        watcher = FolderWatch(context, target, Mount("show", folder), report=lambda *_: None)
        watcher.changed(map(str, folder.iterdir()))
        watcher.settle()
    assert checked(watched) == right
    for frame in (1003, 1004):
        (folder / f"x.{frame}.exr").unlink()
        shutil.copy(SAMPLES / "layers.exr", folder / f"x.{frame}.exr")
    assert run("ingest", folder, "--catalog", ingested).exit_code == 0
    assert checked(ingested) == (dict.fromkeys(unread.keys() | {"1001", "1002", "1005"}), [None])


@pytest.mark.heavy
def test_names_that_are_escapes_of_others_keep_their_own_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, catalog = tmp_path / "show", empty_catalog(tmp_path / "c.duckdb")
    folder.mkdir()
    byte, text = folder / "a\udcff.exr", folder / r"a\udcff.exr"
    shutil.copy(SAMPLES / "layers.exr", byte)
    shutil.copy(SAMPLES / "tiled.exr", text)

    def main_output(*words: object) -> str:
        done = CliRunner().invoke(main, [*map(str, words), "--catalog", str(catalog)])
        assert done.exit_code == 0, done.output
        return done.output

    main_output("ingest", folder)
    assert paths(catalog) == [r"show/a\udcff.exr", r"show/a\x5cudcff.exr"]
    assert "agree" in main_output("db", "reconcile", folder)
    assert "nothing to repair" in main_output("db", "repair", folder)
    monkeypatch.setattr("exr_inspector.ingest.watch.SETTLE_SECONDS", 0.0)
    with open_tables(catalog) as tables, contextlib.closing(SourceOpener(tables.settings)) as opener:
        context = IngestContext.from_settings(tables.settings, opener, tables.catalog)
        told: list[tuple[str, str]] = []
        watched = FolderWatch(context, Target("show"), Mount("show", folder), report=lambda *line: told.append(line))
        shutil.copy(SAMPLES / "scanline_zip.exr", text)
        watched.changed([str(byte), str(text)])
        watched.settle()
        assert told == [(r"show/a\x5cudcff.exr", "stored")]
        text.unlink()
        watched.changed([str(text)])
        watched.settle()
        assert told[1:] == [(r"show/a\x5cudcff.exr", "removed")]
    byte.unlink()
    shutil.copy(SAMPLES / "tiled.exr", text)
    said = main_output("db", "reconcile", folder, "--fix", "--yes")
    assert rf"no row: {folder}/a\x5cudcff.exr" in said
    assert rf"no object: {folder}/a\udcff.exr" in said
    assert paths(catalog) == [r"show/a\x5cudcff.exr"]


def test_content_changed_with_size_and_time_kept_is_read_again(tmp_path: Path) -> None:
    folder, catalog = tree(tmp_path), empty_catalog(tmp_path / "c.duckdb")
    assert called(folder, "--catalog", catalog).exit_code == 0
    path = folder / "sh010" / "a.exr"
    times, body = path.stat(), bytearray(path.read_bytes())
    body[-1] ^= 1
    with path.open("r+b") as file:
        file.write(body)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = called(folder, "--catalog", catalog)
    assert (again.exit_code, " 1  stored" in again.output) == (0, True), again.output


def test_odd_keys_of_a_store_are_named_by_each_run_and_markers_are_no_files(stack: LocalStack) -> None:
    fill(stack, 3)
    stack.put("shot//double.exr")
    stack.put("shot/bell\x07.exr")
    stack.s3.put(BUCKET, "shot/folder.exr/", b"")
    progress = made(stack).run([Target(BUCKET)])
    assert (progress.listed, progress.stored, dict(progress.errors)) == (5, 5, {"SOURCE_KEY": 2})
    assert {path for _, path, _ in progress.examples} == {f"{BUCKET}/shot//double.exr", f"{BUCKET}/shot/bell\x07.exr"}
    again = made(stack).run([Target(BUCKET)])
    assert (again.skipped, again.inspected, dict(again.errors)) == (5, 0, {"SOURCE_KEY": 2})


@pytest.mark.parametrize(
    "fault", [Status(403, "InvalidAccessKeyId"), Status(403, "RequestTimeTooSkewed"), Status(200, body=b"<html>")]
)
def test_a_store_that_refuses_the_keys_ends_the_run_and_changes_nothing(stack: LocalStack, fault: Status) -> None:
    fill(stack, 3)
    made(stack).run([Target(BUCKET)])
    stack.s3.chance(1.0, fault, seed=1)
    with pytest.raises(SourceError):
        made(stack).run([Target(BUCKET)])
    stack.s3.chance(0.0, seed=1)
    assert stack.differences() == []


@pytest.mark.parametrize(("name", "code"), [("InvalidObjectState", 403), ("InvalidRequest", 400)])
def test_an_archived_object_has_a_row_that_says_so_and_is_named_by_each_run(
    stack: LocalStack, name: str, code: int
) -> None:
    fill(stack, 2)
    stack.s3.by_key["shot/beauty.0001.exr"] = Status(code, name)
    progress = made(stack).run([Target(BUCKET)])
    assert (progress.stored, dict(progress.errors)) == (2, {"SOURCE_UNREADABLE": 1})
    (row,) = stack.rows("files", f"{BUCKET}/shot/beauty.0001.exr")
    assert (row["status"], row["error_code"]) == ("failed", "SOURCE_UNREADABLE")
    again = made(stack).run([Target(BUCKET)])
    assert (again.skipped, again.inspected, dict(again.errors)) == (2, 0, {"SOURCE_UNREADABLE": 1})


def test_a_signal_ends_a_listing_that_hangs(stack: LocalStack) -> None:
    stack.put("a.exr")
    stack.s3.chance(1.0, Stall(100), seed=1)
    environ = {**os.environ, **stack.environ, "S3_TIMEOUT_SECONDS": "100"}
    running = subprocess.Popen(
        line(f"s3://{BUCKET}/"), cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    before = stack.s3.count()
    until(lambda: stack.s3.count() > before)
    running.send_signal(signal.SIGTERM)
    began = time.monotonic()
    out, _ = running.communicate(timeout=60)
    assert time.monotonic() - began < 20
    assert running.returncode == 128 + signal.SIGTERM
    assert "stopped" in out


def sequence_rows(catalog: Path) -> list[tuple[Any, ...]]:
    checked = "select sequence, code, frames, missing_frames from sequence_validation order by all"
    settled = "select path, sequence, frame_number from files order by all"
    return [*rows_of_catalog(catalog, checked), *rows_of_catalog(catalog, settled)]


@pytest.mark.heavy
def test_folders_that_a_killed_run_left_unvalidated_are_validated_by_the_next(tmp_path: Path) -> None:
    for folder, sample in (("a", "scanline_zip.exr"), ("b", "scanline_zip.exr"), ("textures", "tiled_mipmap.exr")):
        (tmp_path / "renders" / folder).mkdir(parents=True)
        for number in (1001, 1002, 1004):
            shutil.copy(SAMPLES / sample, tmp_path / "renders" / folder / f"comp_{number}.exr")
            shutil.copy(SAMPLES / sample, tmp_path / "renders" / folder / f"tex.{number}.exr")
    disturbed, undisturbed = (
        empty_catalog(tmp_path / "disturbed.duckdb"),
        empty_catalog(tmp_path / "undisturbed.duckdb"),
    )
    assert called(tmp_path / "renders", "--catalog", undisturbed).exit_code == 0
    with open_tables(disturbed, create=True) as tables:
        settings, (target,) = targets_of([str(tmp_path / "renders")], tables.settings, None)
        with contextlib.closing(SourceOpener(settings)) as opener:
            context = IngestContext.from_settings(settings, opener, tables.catalog)
            Ingest(context).run([target])  # as a killed process leaves it, before it validates the sequences
            tables.keeps_file = True
            again = Ingest(context).run([target])
            assert (again.skipped, sorted(again.directories)) == (18, ["renders/a", "renders/b", "renders/textures"])
    found = called(tmp_path / "renders", "--catalog", disturbed)
    assert (found.exit_code, "4 sequences checked" in found.output) == (0, True), found.output
    assert sequence_rows(disturbed) == sequence_rows(undisturbed)
    again = called(tmp_path / "renders", "--catalog", disturbed)
    assert "sequences checked" not in again.output
