"""Plans and lanes as a render farm runs them: separate commands, at the same time, restarted at any moment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from exr_inspector.catalog.schema import LEAST_GUARDS
from exr_inspector.catalog.versions import file_id, guard_id
from exr_inspector.cli.__main__ import main
from exr_inspector.errors import ArgumentError
from exr_inspector.ingest.plan import Lane, lane_of
from exr_inspector.settings import Mount
from exr_inspector.storage import SourceOpener
from tests.chaos.stack import BUCKET, SAMPLES, LocalStack, local_stack
from tests.support.documented import Documented

ROOT = Path(__file__).resolve().parents[3]
GOOD = ("scanline_zip.exr", "layers.exr", "tiled.exr")


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with local_stack() as made:
        for index in range(30):
            made.put(f"shot/beauty.{index:04}.exr", GOOD[index % len(GOOD)])
        made.put("shot/notes.txt")
        made.put("other/odd.EXR")
        yield made


def started(environ: Mapping[str, str], *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "exr_inspector.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def called(environ: Mapping[str, str], *arguments: object) -> Result:
    return CliRunner(env=environ).invoke(main, list(map(str, arguments)))


@pytest.mark.failure(
    "ingest", "a lane of a plan is run again", "`0` objects are listed or read again, no second audit row", "nothing"
)
@pytest.mark.heavy
def test_lanes_that_run_together_store_every_file_once_and_again_nothing(
    stack: LocalStack, tmp_path: Path, documented: Documented
) -> None:
    plan = tmp_path / "plan"
    planned = called(stack.environ, "ingest-plan", f"s3://{BUCKET}/", "--lanes", 2, "--to", plan)
    assert (planned.exit_code, planned.stderr) == (0, "")
    assert planned.stdout.startswith("31 EXR files in 2 lanes of ")
    assert sorted(path.name for path in plan.iterdir()) == ["0", "1", "plan.json"]
    lanes = [started(stack.environ, "ingest-lane", plan / str(number)) for number in range(2)]
    told = [lane.communicate(timeout=120) for lane in lanes]
    assert [lane.returncode for lane in lanes] == [0, 0], told
    assert all("openjd_progress: 100\n" in out for out, _ in told)
    differences = [line for line in stack.differences() if "odd.EXR" not in line]
    assert differences == []
    assert len(stack.rows("files")) == len(stack.rows("inspections")) == 31
    reads = stack.s3.count("GET")
    again = called(stack.environ, "ingest-lane", plan / "1")
    assert again.exit_code == 0, again.output
    assert " 0  stored" in again.stdout
    documented(stack.s3.count("GET") - reads)
    assert len(stack.rows("inspections")) == 31
    assert stack.rows("sequence_validation") == [], "each lane has only some of the frames"
    whole = called(stack.environ, "ingest", f"s3://{BUCKET}/")
    assert whole.exit_code == 0, whole.output
    assert "31  up to date" in whole.stdout
    assert "1 sequence checked" in whole.stdout
    assert {row["file_count"] for row in stack.rows("sequence_validation")} == {30}


def test_files_that_share_a_guard_row_share_a_lane() -> None:
    guards: dict[int, set[int]] = {}
    lanes = 7
    counts = [0] * lanes
    for index in range(20_000):
        path = f"renders/shot/beauty.{index:05}.exr"
        lane = lane_of(path, lanes)
        counts[lane] += 1
        guards.setdefault(guard_id(file_id(path), LEAST_GUARDS), set()).add(lane)
    assert all(len(found) == 1 for found in guards.values())
    assert len(guards) <= LEAST_GUARDS
    assert max(counts) < 1.2 * min(counts)


def test_a_lane_knows_its_objects_versions_and_mounted_folders(tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    views = {"EXR_VIEWS": f"/studio/show=all/show|{SAMPLES}"}
    planned = called(views, "ingest-plan", SAMPLES, "--lanes", 2, "--to", plan)
    assert (planned.exit_code, planned.stderr) == (0, "")
    lanes = [Lane.read(plan / "0"), Lane.read(plan / "1")]
    assert all(lane.mounts == (Mount("all", SAMPLES, "show/"),) for lane in lanes)
    opener = SourceOpener.__new__(SourceOpener)  # the files are not listed again
    found = [entry for lane in lanes for listing in lane.listings for entry in listing.entries(opener, print)]
    assert sum(lane.size for lane in lanes) == len(found)
    here = {f"show/{path.relative_to(SAMPLES).as_posix()}": path.stat().st_size for path in SAMPLES.rglob("*.exr")}
    assert {entry.key: entry.version.size_bytes for entry in found} == here
    assert all(entry.version.etag and entry.version.mtime.tzinfo for entry in found)


@pytest.mark.failure(
    "ingest",
    "files of a plan are gone when their lane is run",
    "`1  gone since they were listed`, exit code 0",
    "nothing",
)
def test_a_lane_says_which_files_are_gone(tmp_path: Path, documented: Documented) -> None:
    show = tmp_path / "show"
    show.mkdir()
    for name in GOOD:
        (show / name).write_bytes((SAMPLES / name).read_bytes())
    assert called({}, "ingest-plan", show, "--lanes", 1, "--to", tmp_path / "plan").exit_code == 0
    (show / GOOD[0]).unlink()
    done = called({}, "ingest-lane", tmp_path / "plan/0", "--catalog", tmp_path / "c.duckdb")
    assert done.exit_code == 0, done.output
    assert "openjd_progress: 100\n" in done.stdout
    assert "2 stored, 0 up to date, 1 gone, 0 errors" in done.stdout
    documented(next(line.strip() for line in done.stdout.splitlines() if "gone since" in line))


def test_a_lane_without_files_says_so(tmp_path: Path) -> None:
    (tmp_path / "show").mkdir()
    shutil.copy(SAMPLES / GOOD[0], tmp_path / "show")
    assert called({}, "ingest-plan", tmp_path / "show", "--lanes", 2, "--to", tmp_path / "plan").exit_code == 0
    found = [called({}, "ingest-lane", tmp_path / "plan" / lane, "--catalog", tmp_path / "c.duckdb") for lane in "01"]
    assert sorted("this lane has no files" in each.output for each in found) == [False, True]
    assert {each.exit_code for each in found} == {0}


def test_what_is_no_lane_and_a_folder_that_holds_something_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no lane")
    with pytest.raises(ArgumentError, match="ingest-plan"):
        Lane.read(tmp_path / "text")
    refused = called({}, "ingest-plan", SAMPLES, "--lanes", 2, "--to", tmp_path).exception
    assert isinstance(refused, ArgumentError)
    assert "expected an empty folder" in str(refused)
