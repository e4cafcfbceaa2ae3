"""Ingest by processes stores what threads store, sends secrets through pipes alone, and survives killed processes."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.schema import DOCUMENT, INSPECTIONS
from exr_inspector.deadline import Deadline
from exr_inspector.errors import DecoderCrashed, MemoryBusy, SettingsError, WorkerDied
from exr_inspector.ingest.engines import Engine, PoolEngine
from exr_inspector.ingest.progress import Progress
from exr_inspector.ingest.run import SHARD_OBJECTS, Ingest, Target
from exr_inspector.ingest.worker import WorkerConfig
from exr_inspector.memory import FileMemory
from exr_inspector.model import StatsMode
from exr_inspector.settings import Mount, Secret, Settings
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.figures import Figures
from exr_inspector.sync.shard import IngestContext, Shard, ingest_shard
from exr_inspector.validation import builtin_policy
from tests.chaos.stack import BUCKET, SAMPLES, LocalStack, guard_held, impatient, local_stack
from tests.support.databases import rows_of_catalog, wipe
from tests.support.documented import Documented
from tests.support.faulty_s3 import Request
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
SLOW = "slow.exr"


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalStack]:
    with local_stack(S3_RETRIES="0", S3_TIMEOUT_SECONDS="60", EXR_MOUNTS=f"samples={SAMPLES}") as made:
        yield made


@pytest.fixture
def stack(shared: LocalStack) -> Iterator[LocalStack]:
    yield shared
    shared.clear()


def config_of(settings: Settings, stats: StatsMode = StatsMode.OFF, threads: int = 2) -> WorkerConfig:
    return WorkerConfig(settings, stats, builtin_policy("default"), threads=threads)


def context_of(stack: LocalStack, settings: Settings, catalog: Catalog | None = None) -> IngestContext:
    return IngestContext.from_settings(settings, SourceOpener(settings), catalog or stack.catalog)


@contextmanager
def engine_of(settings: Settings, *, processes: int = 1) -> Iterator[PoolEngine]:
    engine = PoolEngine(config_of(settings), processes=processes)
    try:
        yield engine
    finally:
        engine.close()


def shard_of(stack: LocalStack, bucket: str, prefix: str = "") -> Shard:
    opener = SourceOpener(stack.settings())
    return Shard(bucket, tuple(entry for entry in opener.list(bucket, prefix) if entry.key.endswith(".exr")))


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def workers(pid: int) -> list[int]:
    """The worker processes of a run, without the standard library's resource tracker."""
    return [child for child in children(pid) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


# --- what passes through the pipe ---------------------------------------------------------------------------


def test_a_work_order_holds_all_that_a_process_needs_and_nothing_else_writes_a_secret(stack: LocalStack) -> None:
    settings = stack.settings(EXR_STATS="full")
    config: WorkerConfig = pickle.loads(config_of(settings, StatsMode.FULL).pickled())
    assert config.settings == settings
    assert config.policy.label == builtin_policy("default").label
    assert dict(config.policy.layer.parameters) == dict(builtin_policy("default").layer.parameters)
    assert config.settings.require_s3().secret_key.reveal() == stack.s3.environ["S3_SECRET_KEY"]
    assert stack.s3.environ["S3_SECRET_KEY"] not in repr(config)
    with pytest.raises(TypeError):
        pickle.dumps(Secret("told nobody else"))


def test_no_argument_and_no_variable_of_a_worker_holds_what_the_pipe_tells(stack: LocalStack) -> None:
    stack.put("a.exr")
    with engine_of(stack.settings()) as engine:
        engine.submit(shard_of(stack, BUCKET)).result(60)
        told = b"".join(
            Path(f"/proc/{pid}/{name}").read_bytes() for pid in workers(os.getpid()) for name in ("cmdline", "environ")
        )
    assert told
    for secret in (stack.s3.environ["S3_SECRET_KEY"], stack.database.secret_key):
        assert secret.encode() not in told


MEASURED = {"inspection_id", "inspected_at", "recorded_at", "duration_ms", "worker"}


def lasting(stack: LocalStack, bucket: str) -> dict[str, list[dict[str, Any]]]:
    """All stored rows of a bucket, without ids and measured times."""
    found = {}
    for table in (*DOCUMENT, INSPECTIONS):
        path = "path" if table.name == "files" else "file_path"
        kept = [
            {name: cell for name, cell in row.items() if name not in MEASURED}
            for row in stack.rows(table.name)
            if row[path].startswith(f"{bucket}/")
        ]
        found[table.name] = sorted(kept, key=repr)
    found[INSPECTIONS.name] = [
        row for row, _ in groupby(found[INSPECTIONS.name])
    ]  # `wipe` leaves the rows of earlier runs
    return found


@pytest.mark.heavy
def test_every_sample_is_ingested_as_by_a_thread(stack: LocalStack) -> None:
    settings = stack.settings(EXR_STATS="full")
    shard = shard_of(stack, "samples")
    figures = ingest_shard(context_of(stack, settings), shard)
    here = lasting(stack, "samples")
    wipe(stack.catalog)
    engine = PoolEngine(config_of(settings, StatsMode.FULL), processes=2)
    try:
        futures = [engine.submit(piece) for piece in replace(shard).split(2)]
        there = [future.result(120) for future in futures]
    finally:
        engine.close()
    assert here["files"]
    assert lasting(stack, "samples") == here
    assert sum(one.stored for one in there) == figures.stored == len(shard.entries)
    assert there[0].by_status + there[1].by_status == figures.by_status


def test_files_that_had_no_memory_are_stored_together_once_one_of_them_has_some(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        stack.put(f"busy/{number}.exr")
    context = context_of(stack, stack.settings())
    shard = shard_of(stack, BUCKET, "busy/")
    given, refused = context.inspector.memory.file, iter(range(6))

    def file(deadline: Deadline | None = None, *, may_wait: bool = True) -> FileMemory:
        if not may_wait and next(refused, None) is not None:
            raise MemoryBusy("others have it")
        return given(deadline, may_wait=may_wait)

    monkeypatch.setattr(context.inspector.memory, "file", file)
    stack.database.reset_counters()
    assert ingest_shard(context, shard).stored == 8
    assert stack.database.counters()["begin"] == 3, "two files, the one that waited, the other five"


@pytest.mark.failure("ingest", "a shard runs twice", "`0` objects are read again, no second audit row", "nothing")
def test_a_shard_that_was_stored_already_is_not_read_and_gets_no_second_audit_row(
    stack: LocalStack, documented: Documented
) -> None:
    stack.put("a.exr")
    stack.put("b.exr")
    context, shard = context_of(stack, stack.settings()), shard_of(stack, BUCKET)
    audits = len(stack.rows("inspections"))
    ingest_shard(context, shard)
    before = stack.s3.count("GET")
    (again,) = shard.split(1)
    figures = ingest_shard(context, again)
    assert figures.stored == 2
    documented(figures.inspected)
    assert stack.s3.count("GET") == before
    assert len(stack.rows("inspections")) == audits + 2


# --- processes that die -------------------------------------------------------------------------------------


def run_with(stack: LocalStack, processes: int = 1, prefix: str = "") -> Progress:
    settings = stack.settings()
    made: list[PoolEngine] = []

    def engine() -> Engine:
        made.append(PoolEngine(config_of(settings), processes=processes))
        return made[0]

    return Ingest(context_of(stack, settings), engine=engine, engine_from=0).run([Target(BUCKET, prefix)])


def kill_readers_of(stack: LocalStack, key: str, times: int | None = None) -> list[int]:
    """Kill every process that reads an object, this many times; returns the killed processes."""
    killed: list[int] = []

    def hook(request: Request) -> None:
        if request.key == key and request.method == "GET" and (times is None or len(killed) < times):
            for pid in workers(os.getpid()):
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

    stack.s3.hook = hook
    return killed


@pytest.mark.heavy
@pytest.mark.failure("ingest", "a worker process is killed", "another process inspects its files; `0` fail", "nothing")
def test_what_a_killed_process_had_is_done_by_another(stack: LocalStack, documented: Documented) -> None:
    for key in (*(f"{index}.exr" for index in range(10)), SLOW):
        stack.put(key)
    audits = len(stack.rows("inspections"))
    killed = kill_readers_of(stack, SLOW, times=1)
    progress = run_with(stack)
    assert len(killed) == 1
    assert (progress.stored, progress.errors) == (11, {})
    documented(progress.failed)
    stack.s3.hook = None
    assert stack.differences() == []
    assert len(stack.rows("inspections")) == audits + 11


@pytest.mark.heavy
@pytest.mark.failure(
    "ingest",
    "a file ends the process that reads it, twice when it is read alone",
    "a row with `DECODER_CRASHED`; the others are inspected",
    "write the file again; report it if it is valid",
)
def test_a_file_that_kills_every_process_that_reads_it_becomes_a_row_and_fails_no_other(
    stack: LocalStack, documented: Documented
) -> None:
    keys = [f"{index:02}.exr" for index in range(40)]
    for key in (*keys, SLOW):
        stack.put(key)
    audits = len(stack.rows("inspections"))
    killed = kill_readers_of(stack, SLOW)
    progress = run_with(stack)
    stack.s3.hook = None
    assert len(killed) >= 3, "with others, alone, and alone again"
    assert (progress.stored, progress.failed, progress.errors) == (41, 1, {})
    assert progress.by_status[DecoderCrashed.code] == 1
    (row,) = stack.rows("files", f"{BUCKET}/{SLOW}")
    assert row["status"] == "failed"
    documented(row["error_code"])
    assert "exit code -9" in row["error_message"]
    assert row["etag"] == stack.s3.contents()[SLOW][1]
    assert len(stack.rows("inspections")) == audits + 41
    assert run_with(stack).skipped == 41, "the same object is not tried again"


class DiesTogether:
    """An engine whose running tasks all fail when one of them reads the deadly object."""

    processes = 3
    capacity = 4

    def __init__(self, context: IngestContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._running: dict[Future[Figures], Shard] = {}
        self.beside_one_alone: list[int] = []  # shards that ran while another one ran alone, or were added then
        self._has_one_alone = False

    def submit(self, shard: Shard) -> Future[Figures]:
        return self._start(shard, is_alone=False)

    def submit_alone(self, shard: Shard) -> Future[Figures]:
        return self._start(shard, is_alone=True)

    def _start(self, shard: Shard, *, is_alone: bool) -> Future[Figures]:
        future: Future[Figures] = Future()
        with self._lock:
            if is_alone or self._has_one_alone:
                self.beside_one_alone.append(len(self._running))
            self._has_one_alone = is_alone
            self._running[future] = shard
        threading.Timer(0.02, self._end, (future, shard)).start()
        return future

    def _end(self, future: Future[Figures], shard: Shard) -> None:
        with self._lock:
            if future not in self._running:
                return
            is_deadly = any(entry.key == SLOW for entry in shard.entries)
            ending = list(self._running) if is_deadly else [future]
            for one in ending:
                del self._running[one]
            self._has_one_alone = False
        for one in ending:
            if is_deadly:
                one.set_exception(WorkerDied("killed"))
            else:
                one.set_result(ingest_shard(self._context, shard))

    def close(self) -> None:
        pass


@pytest.mark.failure(
    "ingest",
    "a worker process is killed while it, or another one, reads other files",
    "each file is read again; only a file that ends two new processes while nothing else runs gets the row: `1` of them",
    "write the file again; report it if it is valid",
)
def test_an_object_is_blamed_only_for_a_process_that_did_nothing_else(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch, documented: Documented
) -> None:
    monkeypatch.setitem(SHARD_OBJECTS, StatsMode.OFF, 3)
    for key in (*(f"{index:02}.exr" for index in range(12)), SLOW, "z1.exr", "z2.exr"):
        stack.put(key)
    context = context_of(stack, stack.settings())
    engine = DiesTogether(context)
    progress = Ingest(context, engine=lambda: engine, engine_from=0).run([Target(BUCKET)])
    assert engine.beside_one_alone
    assert set(engine.beside_one_alone) == {0}
    assert (progress.stored, progress.errors) == (15, {})
    documented(progress.failed)
    assert progress.by_status[DecoderCrashed.code] == 1
    assert [line for line in stack.differences() if SLOW not in line] == []


def test_a_file_that_ends_its_process_and_is_blocked_gets_its_row_when_the_other_transaction_ends(
    stack: LocalStack,
) -> None:
    stack.put(SLOW)
    context = context_of(stack, stack.settings(), impatient(stack))
    engine = DiesTogether(context)
    with guard_held(stack, f"{BUCKET}/{SLOW}", seconds=1.0):
        progress = Ingest(context, engine=lambda: engine, engine_from=0).run([Target(BUCKET)])
    assert (progress.stored, progress.by_status, progress.errors) == (1, {DecoderCrashed.code: 1}, {})


@pytest.mark.heavy
def test_each_shard_that_is_carried_out_alone_gets_a_new_process(stack: LocalStack) -> None:
    stack.put("a.exr")
    shard = shard_of(stack, BUCKET)
    with engine_of(stack.settings()) as engine:
        engine.submit(shard).result(60)
        seen = set(workers(os.getpid()))
        for _ in range(2):
            engine.submit_alone(shard).result(60)
            before, seen = seen, seen | set(workers(os.getpid()))
            assert len(seen) == len(before) + 1


@pytest.mark.failure(
    "ingest",
    "worker processes cannot use the settings",
    "the run ends with `SETTINGS` and the reason",
    "correct what the message names",
)
def test_settings_that_no_process_can_use_end_the_run_with_the_reason(
    stack: LocalStack, documented: Documented
) -> None:
    stack.put("a.exr")
    # The folder is gone when the processes check their settings.
    settings = stack.settings().changed(mounts=(Mount("b", Path("/nowhere")),))
    with engine_of(settings) as engine, pytest.raises(SettingsError, match="/nowhere") as caught:
        engine.submit(shard_of(stack, BUCKET)).result(60)
    documented(caught.value.code)


# --- whole runs ---------------------------------------------------------------------------------------------


@pytest.mark.heavy
def test_a_run_changes_over_to_processes_when_there_is_much_to_do(stack: LocalStack) -> None:
    for index in range(400):
        stack.put(f"run/{index:04}.exr")
    settings = stack.settings()
    made: list[PoolEngine] = []

    def engine() -> Engine:
        made.append(PoolEngine(config_of(settings), processes=2))
        return made[0]

    def run(prefix: str) -> Progress:
        return Ingest(context_of(stack, settings), engine=engine, engine_from=50).run([Target(BUCKET, prefix)])

    progress = run("run/")
    assert (progress.processes, progress.stored, dict(progress.errors)) == (2, 400, {})
    assert stack.differences() == []
    assert run("run/").skipped == 400
    assert len(made) == 1, "nothing to do needs no processes"


def ingesting(tmp_path: Path, files: int) -> subprocess.Popen[str]:
    """The command, working on many files, with its processes started."""
    folder = tmp_path / "renders"
    folder.mkdir()
    body = (SAMPLES / "layers.exr").read_bytes()
    for index in range(files):
        (folder / f"beauty.{index:05}.exr").write_bytes(body)
    line = [sys.executable, "-m", "exr_inspector.cli", "ingest", str(folder), "--catalog", str(tmp_path / "c.duckdb")]
    running = subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until(lambda: children(running.pid) or running.poll() is not None)
    return running


def stored_files(catalog: Path) -> int:
    ((count,),) = rows_of_catalog(catalog, "select count(*) from files")
    return int(count)


def has_stored_some(tmp_path: Path) -> bool:
    grown = tmp_path / "c.duckdb.wal"
    return grown.exists() and grown.stat().st_size > 500_000


@pytest.mark.failure(
    "ingest", "Ctrl-C", "running shards are finished and stored; exit code `130`", "run it again to continue"
)
@pytest.mark.heavy
def test_the_first_interrupt_stores_what_runs_and_the_next_run_goes_on(tmp_path: Path, documented: Documented) -> None:
    running = ingesting(tmp_path, 2_500)
    processes = children(running.pid)
    until(lambda: has_stored_some(tmp_path))
    os.killpg(running.pid, signal.SIGINT)  # like a terminal: to all processes in the foreground
    out, err = running.communicate(timeout=60)
    assert err == f"catalog: {tmp_path / 'c.duckdb'}\n"
    documented(running.returncode)
    assert "stopped; run the same command again" in out
    assert "sequence" not in out, "an incomplete sequence must not be reported as complete"
    stored = stored_files(tmp_path / "c.duckdb")
    assert 0 < stored < 2_500
    assert f"{stored}  stored" in out
    assert processes
    until(lambda: not any(map(alive, processes)))


@pytest.mark.heavy
@pytest.mark.failure("ingest", "the main process is killed", "`0` of its processes remain", "run it again to continue")
def test_no_process_outlives_a_run_that_is_killed(tmp_path: Path, documented: Documented) -> None:
    running = ingesting(tmp_path, 1_500)
    processes = children(running.pid)
    running.kill()
    running.communicate(timeout=60)
    assert processes
    until(lambda: not any(map(alive, processes)))
    documented(sum(map(alive, processes)))


@pytest.mark.heavy
@pytest.mark.failure(
    "ingest",
    "Ctrl-C twice",
    "the run ends at once with exit code `130`",
    "run it again for the rest",
)
def test_a_second_interrupt_ends_the_run_at_once_and_loses_nothing(tmp_path: Path, documented: Documented) -> None:
    running = ingesting(tmp_path, 1_500)
    processes = children(running.pid)
    until(lambda: has_stored_some(tmp_path))
    for _ in range(2):
        running.send_signal(signal.SIGINT)
        time.sleep(0.05)
    out, err = running.communicate(timeout=60)
    documented(running.returncode)
    assert "Traceback" not in err
    until(lambda: not any(map(alive, processes)))
    if "stopped" not in out:  # otherwise it ended regularly between the two signals
        assert "run the same command again" in err
