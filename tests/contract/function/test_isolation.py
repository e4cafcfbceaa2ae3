"""A crash of the OpenEXR library ends the decoding process, which fails at most one file and no other event."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from click.testing import CliRunner

from dataengine_local.context import LocalContext
from dataengine_local.events import element_event
from exr_inspector.cli.commands.check import command as check
from exr_inspector.errors import DeadlineExceeded, DecoderCrashed, DecoderKilled
from exr_inspector.function.handler import Service
from exr_inspector.function.telemetry import Telemetry
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection, StatsMode
from exr_inspector.pixels.decode import LIBRARY
from exr_inspector.pixels.strips import FileContext
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.shard import IngestContext, current_versions
from exr_inspector.validation import builtin_policy
from tests.chaos.stack import BUCKET, SAMPLES, LocalStack
from tests.support.decoders import end_shared_decoders
from tests.support.documented import Documented
from tests.support.faulty_s3 import Request
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
SAMPLED = ("layers.exr", "tiled.exr", "deep_scanline.exr", "scanline_zip.exr")
FULL = {"EXR_STATS": "full"}


@pytest.fixture(scope="module", autouse=True)
def _shared_decoders() -> None:
    """Here each pool starts and ends its own processes."""
    end_shared_decoders()


def service(stack: LocalStack, **changes: str) -> Service:
    return Service.from_settings(stack.settings(**changes), Telemetry(LocalContext("test")))


def created(key: str) -> dict[str, Any]:
    return element_event(BUCKET, key)


def decoders(parent: int | None = None) -> list[int]:
    """The decoding processes that are children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, ppid = stat.read_text().rsplit(")", 1)[1].split()[:2]
            line = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(ppid) == (parent or os.getpid()) and state != "Z" and b"decoder_process" in line:
            found.append(int(stat.parent.name))
    return found


@contextmanager
def each_decoder(sent: signal.Signals) -> Iterator[list[int]]:
    """Send a signal to every new decoding process as soon as it exists; returns their ids."""
    before = set(decoders())
    hit: list[int] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.002):
            for pid in decoders():
                if pid not in before.union(hit):
                    hit.append(pid)
                    os.kill(pid, sent)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield hit
    finally:
        is_over.set()
        watching.join()


def lasting(inspection: Inspection) -> str:
    return repr(replace(inspection, duration_ms=0.0, inspected_at=None))


def test_every_sample_is_equal_in_whichever_process_it_is_decoded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings({}, secrets_dir=None)
    opener, policy = SourceOpener(settings), builtin_policy("default")
    here, apart = (
        Inspector.from_settings(
            settings, stats=StatsMode.FULL, with_hash=True, with_zeros=True, is_isolated=is_isolated
        )
        for is_isolated in (False, True)
    )
    damaged = tmp_path / "damaged.exr"
    damaged.write_bytes((SAMPLES / "scanline_zip.exr").read_bytes()[:-500] + bytes(500))
    for path in (*(SAMPLES / name for name in SAMPLED), damaged):
        expected = here.inspect(opener.open_url(str(path)), policy)
        capfd.readouterr()
        found = apart.inspect(opener.open_url(str(path)), policy)
        assert lasting(found) == lasting(expected), path.name
        assert capfd.readouterr().err == "", "what the library writes about damaged chunks reaches the user"
    assert found.pixels.faults


def test_without_statistics_no_process_is_started_and_with_them_no_more_than_threads_that_decode(
    stack: LocalStack,
) -> None:
    stack.put("a.exr")
    before = set(decoders())  # processes of an earlier test may still be ending
    service(stack).handle(created("a.exr"))
    assert set(decoders()) <= before
    reading = service(stack, EXR_DECODE_THREADS="1", **FULL)
    for _ in range(3):
        reading.handle(created("a.exr"))
    (process,) = set(decoders()) - before
    assert resource.prlimit(process, resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY, "its memory is not limited"


@pytest.mark.failure(
    "process", "a decoding process is killed once", "another process decodes its chunks; `0` files fail", "nothing"
)
def test_a_process_that_is_killed_costs_no_file(stack: LocalStack, documented: Documented) -> None:
    keys = [f"{index}.exr" for index in range(6)]
    for key in keys:
        stack.put(key, "layers.exr")
    handling = service(stack, **FULL)
    handling.handle(created("0.exr"))
    killed: list[int] = []

    def kill(request: Request) -> None:
        if request.key == "3.exr" and not killed:
            killed.extend(decoders())
            for pid in killed:
                os.kill(pid, signal.SIGSEGV)

    stack.s3.hook = kill
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(handling.handle, map(created, keys)))
    assert killed
    assert [result["error_code"] for result in results] == [None] * 6
    documented(sum(result["status"] == "failed" for result in results))
    assert {row["stats_mode"] for row in stack.rows("files")} == {"full"}
    assert {row["decoder"] for row in stack.rows("files")} == {LIBRARY}


@pytest.mark.failure(
    "row",
    "the OpenEXR library ends the decoding process, and then two new ones while nothing else is decoded",
    "`DECODER_CRASHED`, with the header's rows",
    "write the file again; report it if other readers open it",
)
def test_a_file_that_ends_every_process_that_decodes_it_gets_a_row_and_costs_no_other_event(
    stack: LocalStack, documented: Documented
) -> None:
    stack.put("deadly.exr")
    stack.put("sound.exr", "layers.exr")
    handling = service(stack, EXR_DECODE_THREADS="1", **FULL)
    with each_decoder(signal.SIGABRT) as hit:
        result = handling.handle(created("deadly.exr"))
    assert len(hit) >= 3, "with others, alone, and alone again"
    assert result["status"] == "failed"
    documented(result["error_code"])
    assert handling.handle(created("sound.exr"))["status"] == "inspected"
    (row,) = stack.rows("files", f"{BUCKET}/deadly.exr")
    assert (row["etag"], row["decoder"]) == (stack.s3.contents()["deadly.exr"][1], LIBRARY)
    assert "SIGABRT" in row["error_message"]
    assert row["part_rows"] == 1, "the header's values are kept"

    started = decoders()
    assert handling.handle(created("deadly.exr"))["status"] == "unchanged"
    assert decoders() == started, "it is not decoded again"
    stack.put("deadly.exr", "tiled.exr")
    assert handling.handle(created("deadly.exr"))["status"] == "inspected", "another version is decoded"


@pytest.mark.failure(
    "raised",
    "decoding processes are killed from outside again and again (out of memory, SIGTERM)",
    "`DECODER_KILLED`",
    "give the container more memory, or lower EXR_MEMORY_MIB and EXR_DECODE_THREADS",
)
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_processes_that_are_killed_from_outside_fail_no_file(
    stack: LocalStack, documented: Documented, sent: signal.Signals
) -> None:
    stack.put("sound.exr", "scanline_zip.exr")
    handling = service(stack, EXR_DECODE_THREADS="1", **FULL)
    with each_decoder(sent) as hit, pytest.raises(DecoderKilled) as caught:
        handling.handle(created("sound.exr"))
    documented(caught.value.code)
    assert len(hit) >= 3
    assert stack.rows("files") == []
    assert handling.handle(created("sound.exr"))["status"] == "inspected"


def test_exr_retry_failed_and_another_library_try_again(stack: LocalStack) -> None:
    stack.put("deadly.exr")
    handling = service(stack, EXR_RETRY_FAILED="on", EXR_DECODE_THREADS="1", **FULL)
    with each_decoder(signal.SIGSEGV):
        assert handling.handle(created("deadly.exr"))["error_code"] == DecoderCrashed.code
    context = IngestContext(
        SourceOpener(stack.settings()),
        Inspector.from_settings(stack.settings(**FULL)),
        stack.catalog,
        builtin_policy("default"),
    )
    entries = list(context.opener.list(BUCKET))
    assert current_versions(context, BUCKET, entries) != [None]
    retrying = replace(context, inspector=Inspector.from_settings(stack.settings(EXR_RETRY_FAILED="on", **FULL)))
    assert current_versions(retrying, BUCKET, entries) == [None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exr_inspector.sync.shard.LIBRARY", "OpenEXR 99")
        assert current_versions(context, BUCKET, entries) == [None]
    assert handling.handle(created("deadly.exr"))["status"] == "inspected"


@pytest.mark.failure(
    "row",
    "decoding takes more CPU time than EXR_DECODE_SECONDS",
    "`DECODER_CRASHED`",
    "write the file again, or raise EXR_DECODE_SECONDS",
)
def test_a_library_that_computes_for_ever_costs_one_file(
    stack: LocalStack, tmp_path: Path, documented: Documented
) -> None:
    header = {"compression": OpenEXR.PIZ_COMPRESSION, "type": OpenEXR.scanlineimage}
    noise = np.random.default_rng(1).random((1024, 1024), np.float32)
    OpenEXR.File(header, dict.fromkeys("RGB", noise)).write(str(tmp_path / "endless.exr"))
    stack.s3.put(BUCKET, "endless.exr", (tmp_path / "endless.exr").read_bytes())
    result = service(stack, EXR_DECODE_SECONDS="0.001", EXR_DECODE_THREADS="1", **FULL).handle(created("endless.exr"))
    documented(result["error_code"])
    (row,) = stack.rows("files")
    assert "EXR_DECODE_SECONDS" in row["error_message"]


@pytest.mark.failure(
    "raised",
    "the OpenEXR library hangs without computing",
    "`DEADLINE`; its process is ended",
    "report the file if it lasts",
)
def test_the_deadline_ends_a_library_that_hangs(stack: LocalStack, documented: Documented) -> None:
    stack.put("hanging.exr")
    handling = service(stack, EXR_DEADLINE_SECONDS="2", EXR_DB_RETRY_SECONDS="1", **FULL)
    with each_decoder(signal.SIGSTOP) as hit, pytest.raises(DeadlineExceeded) as caught:
        handling.handle(created("hanging.exr"))
    documented(caught.value.code)
    assert hit
    assert not set(hit) & set(decoders()), "it was ended"
    assert stack.rows("files") == []


def test_a_frame_that_ends_its_processes_is_one_finding_of_check(tmp_path: Path) -> None:
    for frame in (1, 2, 3):
        shutil.copy(SAMPLES / ("scanline_zip.exr" if frame == 2 else "header_only.exr"), tmp_path / f"a.{frame:04}.exr")
    with each_decoder(signal.SIGSEGV):
        done = CliRunner().invoke(check, [str(tmp_path), "--format", "json", "--stats", "full"])
    assert done.exit_code == 1, done.output
    assert "CHK-DECODE" in done.output
    assert "SIGSEGV" in done.output


def test_a_process_that_decodes_knows_no_secret(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.put("a.exr")
    secrets = (stack.s3.environ["S3_SECRET_KEY"], stack.database.secret_key)
    monkeypatch.setenv("S3_SECRET_KEY", secrets[0])
    monkeypatch.setenv("VAST_DB_SECRET_KEY", secrets[1])
    before = decoders()
    handling = service(stack, **FULL)
    handling.handle(created("a.exr"))
    (pid, *_) = set(decoders()) - set(before)
    content = b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    assert b"PATH" in content
    for secret in secrets:
        assert secret.encode() not in content


def test_a_fault_of_this_program_in_a_process_is_raised_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    real = FileContext.work
    monkeypatch.setattr(FileContext, "work", lambda *given, **about: replace(real(*given, **about), picks="many"))
    settings = load_settings({}, secrets_dir=None)
    inspector = Inspector.from_settings(settings, stats=StatsMode.FULL, is_isolated=True)
    source = SourceOpener(settings).open_url(str(SAMPLES / "layers.exr"))
    with pytest.raises(RuntimeError, match=r"the process that decodes failed: .*Error: "):
        inspector.inspect(source, builtin_policy("default"))


HANGING = """
import os, signal, sys, threading, time
from pathlib import Path
from exr_inspector.inspector import Inspector
from exr_inspector.model import StatsMode
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy

settings = load_settings({}, secrets_dir=None)
inspector = Inspector.from_settings(settings, stats=StatsMode.FULL, is_isolated=True)
inspector.inspect(SourceOpener(settings).open_url(sys.argv[1]), builtin_policy("default"))
print("decoded", flush=True)
time.sleep(60)
"""


@pytest.mark.failure(
    "process", "the container ends while the OpenEXR library hangs", "`0` decoding processes remain", "nothing"
)
def test_no_process_outlives_the_one_that_started_it(documented: Documented) -> None:
    line = [sys.executable, "-c", HANGING, str(SAMPLES / "layers.exr")]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "decoded\n"
        started = decoders(parent.pid)
        assert started
        for pid in started:
            os.kill(pid, signal.SIGSTOP)  # as if the library kept it
        parent.kill()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))
    documented(sum(Path(f"/proc/{pid}").exists() for pid in started))


def test_memory_beyond_the_budget_is_refused_to_a_process_that_decodes() -> None:
    line = (
        "from exr_inspector.pixels.decoder_process import _limit_memory\n"
        "import numpy as np\n"
        "_limit_memory(64 << 20)\n"
        "np.ones(4 << 20)\n"
        "try: np.ones(64 << 20)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("refused\n", "")


@pytest.mark.parametrize(("codec", "lines"), [("ZIP", 16), ("HTJ2K256", 256), ("ZSTD", 1)])
def test_memory_that_the_system_refuses_is_no_damage(codec: str, lines: int, tmp_path: Path) -> None:
    """If memory is refused, these codecs report it, report a corrupt chunk, or end the process."""
    noise = np.zeros((lines, (2 << 20) // lines), np.uint16)
    noise[:, ::4] = np.random.default_rng(1).integers(0, 3000, noise[:, ::4].shape)
    header = {"compression": getattr(OpenEXR, f"{codec}_COMPRESSION"), "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, dict.fromkeys("RGBA", noise.view(np.float16))).write(str(tmp_path / "noise.exr"))
    line = """
import sys
from exr_inspector.inspector import Inspector
from exr_inspector.model import StatsMode
from exr_inspector.pixels.decoder_process import _limit_memory
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
settings = load_settings({"EXR_DECODE_THREADS": "1"}, secrets_dir=None)
inspector, opener = Inspector.from_settings(settings, stats=StatsMode.FULL), SourceOpener(settings)
for name in sys.argv[1:]:
    found = inspector.inspect(opener.open_url(name), builtin_policy("default"))
    is_damaged = any(one.counts for one in found.completeness)
    print(found.status.value, *{fault.code for fault in found.pixels.faults}, is_damaged)
    _limit_memory(40 << 20)
"""
    names = [str(SAMPLES / "tiled.exr"), str(tmp_path / "noise.exr")]
    done = subprocess.run([sys.executable, "-c", line, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["inspected False", "inspected LIMIT_EXCEEDED False"]


def test_a_ctrl_c_while_a_process_starts_is_dropped() -> None:
    code = """
import os, signal, socket
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
os.kill(os.getpid(), signal.SIGINT)
from exr_inspector.pixels.decoder_process import serve
one, other = socket.socketpair()
other.close()
serve((one.detach(), os.memfd_create("in"), os.memfd_create("out"), 1 << 26, os.getppid()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
