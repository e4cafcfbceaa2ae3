"""Ingest by processes: they do what threads do, get secrets over their pipe alone, and none that dies costs a file."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from exr_inspector.catalog import Outcome
from exr_inspector.catalog.look import Sight
from exr_inspector.catalog.rows.groups import audit_table, tables_of
from exr_inspector.errors import WorkerDied
from exr_inspector.ingest import run as ingest_module
from exr_inspector.ingest.processes import ProcessCrew
from exr_inspector.ingest.run import Ingest, Target
from exr_inspector.ingest.tasks import Answer, Dropped, Failure, Inspected, Look, Read, Task, answered
from exr_inspector.ingest.worker import Begin, sealed
from exr_inspector.inspector import Inspector
from exr_inspector.model import StatsMode
from exr_inspector.settings import Secret, Settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from tests.chaos.house import BUCKET, SAMPLES, House, house
from tests.contract.catalog_model import START
from tests.support.faulty_s3 import Request

ROOT = Path(__file__).resolve().parents[2]
SLOW = "slow.exr"


@pytest.fixture(scope="module")
def home() -> Iterator[House]:
    with house(S3_RETRIES="0", S3_TIMEOUT_SECONDS="60", EXR_MOUNTS=f"samples={SAMPLES}") as made:
        yield made


def begin(settings: Settings, stats: StatsMode = StatsMode.OFF) -> Begin:
    return Begin(settings, stats, builtin_policy("default"), threads=1)


@contextmanager
def crew_of(settings: Settings, *, processes: int = 1, threads: int = 2) -> Iterator[ProcessCrew]:
    crew = ProcessCrew(begin(settings), processes=processes, threads=threads)
    try:
        until(lambda: crew.is_ready)
        yield crew
    finally:
        crew.close(wait=True)
        assert all(member.process.returncode is not None for member in crew._members)


def until(come: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.005)


def answers(crew: ProcessCrew, disturb: Callable[[], None] = lambda: None) -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    end = time.monotonic() + 60
    while crew.busy and time.monotonic() < end:
        disturb()
        found.update((task.key, answer) for task, answer in crew.done(0.05))
    assert not crew.busy
    return found


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


# --- what passes through the pipe ---------------------------------------------------------------------------


def test_a_worker_learns_the_settings_with_the_keys_of_the_store_and_without_those_of_the_database(home: House) -> None:
    settings = home.settings(EXR_STATS="full")
    message = sealed(begin(settings, StatsMode.FULL))
    learned: Begin = pickle.loads(message)
    assert learned.settings == replace(settings, catalog=None)
    assert learned.policy.label == builtin_policy("default").label
    assert dict(learned.policy.layer.parameters) == dict(builtin_policy("default").layer.parameters)
    assert home.database.secret_key.encode() not in message
    assert learned.settings.require_s3().secret_key.reveal() == home.s3.environ["S3_SECRET_KEY"]
    with pytest.raises(TypeError):
        pickle.dumps(Secret("told nobody else"))


def test_no_argument_and_no_variable_of_a_worker_holds_what_the_pipe_tells(home: House) -> None:
    with crew_of(home.settings()) as crew:
        (member,) = crew._members
        told = b"".join(Path(f"/proc/{member.process.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    for secret in (home.s3.environ["S3_SECRET_KEY"], home.database.secret_key):
        assert secret.encode() not in told


def test_every_sample_is_inspected_as_by_a_thread(home: House) -> None:
    settings = home.settings(EXR_STATS="full")
    opener, inspector = SourceOpener(settings), Inspector.from_settings(settings)
    keys = [entry.key for entry in opener.list("samples") if entry.key.endswith(".exr")]
    crew = ProcessCrew(begin(settings, StatsMode.FULL), processes=2, threads=2)
    try:
        until(lambda: crew.is_ready)
        found: dict[str, Answer] = {}
        for key in keys:
            while not crew.wants:
                found.update((task.key, answer) for task, answer in crew.done(0.05))
            crew.give(Read("samples", key))
        found.update(answers(crew))
    finally:
        crew.close(wait=True)
    assert found.keys() == set(keys)
    for key in keys:
        here = inspector.inspect(opener.open("samples", key), builtin_policy("default"))
        there = found[key]
        assert _lasting(there) == _lasting(answered([(0, here)])[0][1])


def _lasting(answer: Answer) -> dict[str, object]:
    """All that is stored and counted of an object, besides what is measured anew each time."""
    assert isinstance(answer, Inspected), answer
    ours = answer.prepared
    common = {"recorded_at": START, "schema_version": 1}
    tables = tables_of([ours], ["id"]) | {"inspections": audit_table([ours], ["id"], [Outcome.INSERTED], common)}
    measured = {"inspected_at", "duration_ms"}
    rows = {name: table.drop_columns(measured & {*table.column_names}).to_pylist() for name, table in tables.items()}
    place = (ours.path, ours.file_id, ours.version, ours.event, replace(ours.standing, inspected_at=START))
    return {"rows": rows, "place": place, "count": ours.row_count, "tally": answer.tally}


def test_a_process_looks_at_stored_objects_and_tells_of_errors(home: House) -> None:
    home.put("a.exr")
    opener = SourceOpener(home.settings())
    there = opener.head(BUCKET, "a.exr")
    assert there is not None
    with crew_of(home.settings()) as crew:
        for task in (
            Look(BUCKET, "a.exr", there),
            Look(BUCKET, "gone.exr", there),
            Read("no such bucket/", "b.exr"),
        ):
            crew.give(task)
        found = answers(crew)
    assert (found["a.exr"], found["gone.exr"]) == (Sight.STANDS, Sight.GONE)
    assert isinstance(found["b.exr"], Failure)


# --- processes that die -------------------------------------------------------------------------------------


def slow_for(home: House, seconds: float) -> None:
    def hook(request: Request) -> None:
        if request.key == SLOW:
            time.sleep(seconds)

    home.s3.hook = hook


def holding(crew: ProcessCrew, key: str) -> list[subprocess.Popen[bytes]]:
    return [m.process for m in crew._members if any(task.key == key for task in m.given.values()) and not m.unsent]


def test_what_a_killed_process_had_is_done_by_another(home: House) -> None:
    keys = [f"{index}.exr" for index in range(10)]
    for key in (*keys, SLOW):
        home.put(key)
    slow_for(home, 0.5)
    killed: list[int] = []

    def kill_once() -> None:
        for process in holding(crew, SLOW) if not killed else ():
            process.kill()
            killed.append(process.pid)

    with crew_of(home.settings()) as crew:
        for key in (SLOW, *keys):
            crew.give(Read(BUCKET, key))
        crew.done(0)  # sent
        found = answers(crew, kill_once)
    home.s3.hook = None
    assert len(killed) == 1
    assert all(isinstance(found[key], Inspected) for key in (*keys, SLOW)), found


def test_a_file_that_kills_whoever_reads_it_is_told_and_costs_no_other(home: House) -> None:
    keys = [f"{index}.exr" for index in range(10)]
    for key in (*keys, SLOW):
        home.put(key)
    slow_for(home, 5)

    def kill() -> None:
        for process in holding(crew, SLOW):
            process.kill()

    with crew_of(home.settings(), processes=2) as crew:
        for key in (SLOW, *keys):
            crew.give(Read(BUCKET, key))
        crew.done(0)
        found = answers(crew, kill)
    home.s3.hook = None
    failure = found.pop(SLOW)
    assert isinstance(failure, Failure)
    assert failure.code == WorkerDied.code
    assert "exit code -9" in failure.message
    assert found.keys() == set(keys)
    assert all(isinstance(answer, Inspected) for answer in found.values()), found


def test_processes_that_cannot_begin_end_the_run_with_the_reason(home: House) -> None:
    settings = home.settings()
    # The folder is gone when the processes come to look at their settings.
    crew = ProcessCrew(begin(replace(settings, mounts=(("b", Path("/nowhere")),))), processes=1, threads=1)
    with pytest.raises(WorkerDied, match="before they begin"):
        until(lambda: crew.is_ready)
    crew.close(wait=True)


def test_what_nobody_has_begun_is_dropped_and_looks_are_not(home: House) -> None:
    for key in (SLOW, "a.exr"):
        home.put(key)
    there = SourceOpener(home.settings()).head(BUCKET, "a.exr")
    assert there is not None
    slow_for(home, 0.3)
    with crew_of(home.settings(), threads=1) as crew:
        tasks: list[Task] = [
            Read(BUCKET, SLOW),
            Read(BUCKET, "b.exr"),
            Look(BUCKET, "a.exr", there),
            Read(BUCKET, "c.exr"),
        ]
        for task in tasks:
            crew.give(task)
        crew.done(0.1)
        crew.drop()
        found = answers(crew)
    home.s3.hook = None
    assert isinstance(found[SLOW], Inspected)
    assert isinstance(found["b.exr"], Dropped)
    assert isinstance(found["c.exr"], Dropped)
    assert found["a.exr"] is Sight.STANDS


# --- whole runs ---------------------------------------------------------------------------------------------


def test_a_run_changes_over_to_processes_when_there_is_much_to_do(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "PROCESSES_FROM", 50)
    for index in range(400):
        home.put(f"run/{index:04}.exr")
    settings = home.settings()
    recruited: list[ProcessCrew] = []

    def recruit() -> ProcessCrew:
        recruited.append(ProcessCrew(begin(settings), processes=2, threads=4))
        until(lambda: recruited[0].is_ready)
        return recruited[0]

    def run(prefix: str) -> Ingest:
        made = Ingest(
            SourceOpener(settings),
            Inspector.from_settings(settings),
            home.catalog,
            builtin_policy("default"),
            workers=2,
            recruit=recruit,
        )
        made.run([Target(BUCKET, prefix)])
        return made

    progress = run("run/").progress
    assert (progress.processes, progress.stored, dict(progress.errors)) == (2, 400, {})
    assert sorted(row["path"] for row in home.rows("files") if "/run/" in row["path"]) == [
        f"{BUCKET}/run/{index:04}.exr" for index in range(400)
    ]
    assert run("run/").progress.skipped == 400
    assert len(recruited) == 1, "nothing to do needs no processes"


def ingesting(tmp_path: Path, files: int) -> subprocess.Popen[str]:
    """The command at work on many files, with its processes up."""
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
    with duckdb.connect(str(catalog), read_only=True) as connection:
        (schema,) = connection.execute("select view_schema from _vast.schemas").fetchall()[0]
        ((count,),) = connection.execute(f'select count(*) from "{schema}".files').fetchall()
    return int(count)


def has_stored_some(tmp_path: Path) -> bool:
    grown = tmp_path / "c.duckdb.wal"
    return grown.exists() and grown.stat().st_size > 500_000


def test_the_first_interrupt_stores_what_runs_and_the_next_run_goes_on(tmp_path: Path) -> None:
    running = ingesting(tmp_path, 1_500)
    processes = children(running.pid)
    until(lambda: has_stored_some(tmp_path))
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to everybody in the foreground
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, "")
    assert "stopped; the same command goes on" in out
    stored = stored_files(tmp_path / "c.duckdb")
    assert 0 < stored < 1_500
    assert f"{stored}  stored" in out
    assert processes
    until(lambda: not any(map(alive, processes)))


def test_no_process_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    running = ingesting(tmp_path, 1_500)
    processes = children(running.pid)
    running.kill()
    running.communicate(timeout=60)
    assert processes
    until(lambda: not any(map(alive, processes)))


def test_a_second_interrupt_ends_the_run_at_once_and_loses_nothing(tmp_path: Path) -> None:
    running = ingesting(tmp_path, 1_500)
    processes = children(running.pid)
    until(lambda: has_stored_some(tmp_path))
    for _ in range(2):
        running.send_signal(signal.SIGINT)
        time.sleep(0.05)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in err
    until(lambda: not any(map(alive, processes)))
    if "stopped" not in out:  # else it had come to its end in good order between the two
        assert "ended at once" in err
