"""Ingest by a real Ray cluster on this machine; a worker is killed, and the driver is killed and restarted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exr_inspector.errors import DecoderCrashed
from exr_inspector.ingest.engines import RayEngine
from exr_inspector.ingest.run import Ingest, Target
from exr_inspector.ingest.worker import WorkerConfig
from exr_inspector.model import StatsMode
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.shard import IngestContext
from tests.chaos.stack import BUCKET, LocalStack, local_stack
from tests.support.faulty_s3 import Request
from tests.support.waiting import until

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-heavy.txt")
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
GOOD = ("scanline_zip.exr", "layers.exr", "tiled.exr")
FILES = 700
AUTH = {"RAY_AUTH_MODE": "disabled"}  # otherwise Ray writes a token to the user's home folder
HEAD = """
import ray, sys
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster with two workers, which ends with its process."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("RAY_ADDRESS", None)
    environ |= AUTH
    head = subprocess.Popen(
        [sys.executable, "-c", HEAD], cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield head.stdout.readline().strip()
    head.stdin.close()
    head.wait(60)


@pytest.fixture
def stack() -> Iterator[LocalStack]:
    with local_stack(S3_TIMEOUT_SECONDS="20") as made:
        for index in range(FILES):
            made.put(f"shot/beauty.{index:04}.exr", GOOD[index % len(GOOD)])
        yield made


def ray_workers() -> list[int]:
    """The processes of this machine that run one of our shards for Ray."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"ray::ingest_in_worker" in line.read_bytes():
                found.append(int(line.parent.name))
        except OSError:
            continue
    return found


def ingest(stack: LocalStack) -> Ingest:
    settings = stack.settings()
    context = IngestContext.from_settings(settings, SourceOpener(settings), stack.catalog)
    config = WorkerConfig(settings, StatsMode.OFF, context.policy, threads=2)
    return Ingest(context, engine=lambda: RayEngine(config), engine_from=0)


def test_a_worker_killed_midway_and_a_file_that_kills_workers(
    cluster: str, stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**AUTH, "RAY_ADDRESS": cluster}.items():
        monkeypatch.setenv(name, value)
    stack.put("shot/deadly.exr")
    killed: list[int] = []

    def kill_workers(request: Request) -> None:
        first = request.key.endswith("0300.exr") and not killed
        if first or request.key == "shot/deadly.exr":
            for pid in ray_workers():
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

    stack.s3.hook = kill_workers
    progress = ingest(stack).run([Target(BUCKET)])
    stack.s3.hook = None
    assert killed
    assert progress.processes == 2
    assert (progress.stored, progress.errors) == (FILES + 1, {})
    assert progress.by_status[DecoderCrashed.code] == 1
    (row,) = stack.rows("files", f"{BUCKET}/shot/deadly.exr")
    assert row["error_code"] == DecoderCrashed.code
    assert [line for line in stack.differences() if "deadly" not in line] == []
    assert len(stack.rows("inspections")) == FILES + 1, "no audit row is doubled"


def test_a_driver_killed_and_started_again(cluster: str, stack: LocalStack) -> None:
    environ = {**os.environ, **stack.environ, "RAY_ADDRESS": cluster, **AUTH}
    line = [sys.executable, "-m", "exr_inspector.cli", "ingest", f"s3://{BUCKET}/", "--engine", "ray"]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            line, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    driver = start()
    until(lambda: len(stack.rows("files")) > 100 or driver.poll() is not None)
    driver.kill()
    driver.communicate(timeout=60)
    until(lambda: not ray_workers())
    stored = len(stack.rows("files"))
    assert 100 < stored < FILES, "killed midway"
    again = start()
    out, _ = again.communicate(timeout=200)
    assert again.returncode == 0, out
    assert f"{stored}  up to date" in out
    assert stack.differences() == []
    assert len(stack.rows("inspections")) == FILES, "no audit row is doubled"
