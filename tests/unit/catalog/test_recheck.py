"""A stored version against the object as it is now: times count by the second, content by ETag, or by size and time."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from exr_inspector.catalog.recheck import Recheck, is_same, recheck_object
from exr_inspector.errors import BucketUnavailable
from exr_inspector.model import ObjectVersion
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener

SECOND = 1_780_300_000
NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "renders"
    made.mkdir()
    (made / "other.exr").touch()  # an empty folder is taken for a share that is not mounted
    return made


def opener(folder: Path, **changes: str) -> SourceOpener:
    environ = {"EXR_MOUNTS": f"renders={folder}", **changes}
    return SourceOpener(load_settings(environ, secrets_dir=None, need=("objects",)))


def write(folder: Path, content: bytes, milliseconds: int) -> None:
    """Write the file, as of so many milliseconds after a full second."""
    moment = SECOND * 1_000_000_000 + milliseconds * 1_000_000
    (folder / "a.exr").write_bytes(content)
    os.utime(folder / "a.exr", ns=(moment, moment))


def version(folder: Path) -> ObjectVersion:
    found = opener(folder).head("renders", "a.exr")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("content", "milliseconds", "expected"),
    [
        (b"first", 100, Recheck.CURRENT),
        (b"longer than the first", 100, Recheck.OVERWRITTEN),
        (b"longer than the first", 900, Recheck.OVERWRITTEN),
        (b"longer than the first", 1_100, Recheck.CURRENT),
        (b"longer than the first", -900, Recheck.CURRENT),
    ],
    ids=["untouched", "same moment", "same second", "a second later", "a second earlier"],
)
def test_only_what_was_written_in_the_same_second_is_taken_for_overwritten(
    folder: Path, content: bytes, milliseconds: int, expected: Recheck
) -> None:
    write(folder, b"first", 100)
    stored = version(folder)
    if content != b"first":
        write(folder, content, milliseconds)
    assert recheck_object(opener(folder), "renders", "a.exr", stored) is expected


def test_what_is_gone_is_deleted_and_what_may_not_be_read_is_current(folder: Path) -> None:
    write(folder, b"first", 100)
    stored = version(folder)
    forbidden = opener(folder, EXR_ALLOWED_PREFIXES="renders/other/")
    assert recheck_object(forbidden, "renders", "a.exr", stored) is Recheck.CURRENT
    (folder / "a.exr").unlink()
    assert recheck_object(opener(folder), "renders", "a.exr", stored) is Recheck.DELETED


def test_a_share_that_is_not_mounted_says_nothing_of_the_object(folder: Path) -> None:
    write(folder, b"first", 100)
    stored = version(folder)
    looking = opener(folder)
    assert recheck_object(looking, "renders", "a.exr", stored) is Recheck.CURRENT
    folder.rename(folder.with_name("unmounted"))
    with pytest.raises(BucketUnavailable):
        recheck_object(looking, "renders", "a.exr", stored)


def test_the_fraction_of_a_second_tells_versions_apart_only_without_etags() -> None:
    """S3 gives whole seconds in the header of an answer, and milliseconds in a listing."""
    late = NOON + timedelta(milliseconds=700)
    assert is_same(ObjectVersion("e", 5, NOON), ObjectVersion("e", 5, late))
    assert not is_same(ObjectVersion("e", 5, NOON), ObjectVersion("f", 5, NOON))
    assert not is_same(ObjectVersion("e", 5, NOON), ObjectVersion("e", 6, NOON))
    assert not is_same(ObjectVersion("e", 5, NOON), ObjectVersion("e", 5, NOON + timedelta(seconds=1)))
    assert is_same(ObjectVersion(None, 5, NOON), ObjectVersion(None, 5, NOON))
    assert not is_same(ObjectVersion(None, 5, NOON), ObjectVersion(None, 5, late))
