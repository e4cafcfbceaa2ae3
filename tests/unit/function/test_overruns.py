"""Which files are left alone because their own CPU time used up invocations."""

from __future__ import annotations

from datetime import datetime, timezone

from exr_inspector.function.overruns import Overruns
from exr_inspector.model import ObjectVersion

NOW = datetime(2026, 11, 28, tzinfo=timezone.utc)
FIRST, SECOND = (ObjectVersion(etag=etag, mtime=NOW, size_bytes=5) for etag in ("a", "b"))


def noted(*notes: tuple[ObjectVersion | None, float]) -> ObjectVersion | None:
    overruns = Overruns(deadline_seconds=10.0)
    for version, cpu_seconds in notes:
        overruns.note("b/k.exr", version, cpu_seconds)
    assert overruns.version_of("b/other.exr") is None
    return overruns.version_of("b/k.exr")


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
    overruns = Overruns(10.0)
    for number in range(2000):
        for _ in range(2):
            overruns.note(f"b/{number}.exr", FIRST, 9.0)
    assert overruns.version_of("b/0.exr") is None
    assert overruns.version_of("b/1999.exr") == FIRST
