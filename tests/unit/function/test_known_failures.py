"""Which files are not read again because their own CPU time used up invocations."""

from __future__ import annotations

from datetime import datetime, timezone

from exr_inspector.errors import CpuTimeExceeded, DecoderCrashed
from exr_inspector.function.known_failures import KnownFailures
from exr_inspector.model import ObjectVersion

NOW = datetime(2026, 11, 28, tzinfo=timezone.utc)
FIRST, SECOND = (ObjectVersion(etag=etag, mtime=NOW, size_bytes=5) for etag in ("a", "b"))


def noted(*notes: tuple[ObjectVersion | None, float]) -> ObjectVersion | None:
    failures = KnownFailures(deadline_seconds=10.0)
    for version, cpu_seconds in notes:
        failures.note_overrun("b/k.exr", version, cpu_seconds)
    assert failures.of("b/other.exr") is None
    known = failures.of("b/k.exr")
    assert known is None or known[1].code == CpuTimeExceeded.code
    return known and known[0]


def test_a_version_is_left_alone_after_its_second_overrun() -> None:
    assert noted((FIRST, 9.0)) is None
    assert noted((FIRST, 9.0), (FIRST, 5.0)) == FIRST


def test_a_file_that_had_to_wait_is_never_left_alone() -> None:
    assert noted(*[(FIRST, 4.9)] * 5) is None
    assert noted((None, 9.0), (None, 9.0)) is None


def test_another_version_begins_anew() -> None:
    assert noted((FIRST, 9.0), (SECOND, 9.0)) is None
    assert noted((FIRST, 9.0), (SECOND, 9.0), (SECOND, 9.0)) == SECOND


def test_only_the_latest_files_are_remembered() -> None:
    failures = KnownFailures(10.0)
    for number in range(2000):
        for _ in range(2):
            failures.note_overrun(f"b/{number}.exr", FIRST, 9.0)
    assert failures.of("b/0.exr") is None
    assert [version for version, _ in filter(None, [failures.of("b/1999.exr")])] == [FIRST]


def test_a_version_that_ended_processes_is_left_alone_at_once() -> None:
    failures = KnownFailures(10.0)
    failures.note_crash("b/k.exr", None, "no version was read")
    assert failures.of("b/k.exr") is None
    failures.note_crash("b/k.exr", FIRST, "by SIGSEGV")
    known = failures.of("b/k.exr")
    assert known is not None
    assert (known[0], known[1].code, str(known[1])) == (FIRST, DecoderCrashed.code, "by SIGSEGV")
