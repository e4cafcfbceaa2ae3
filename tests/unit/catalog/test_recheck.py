"""Compare a stored version with the object: times by the second, content by ETag, or by size and time."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from exr_inspector.catalog.outcomes import Outcome, UpsertResult
from exr_inspector.catalog.recheck import confirm, is_same
from exr_inspector.errors import BucketUnavailable, ExrInspectorError, ObjectChanged
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection, ObjectVersion
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy

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
    """Write the file, with a time this many milliseconds after a full second."""
    moment = SECOND * 1_000_000_000 + milliseconds * 1_000_000
    (folder / "a.exr").write_bytes(content)
    os.utime(folder / "a.exr", ns=(moment, moment))


def stored(folder: Path) -> Inspection:
    """An inspection of the file as it is now."""
    version = opener(folder).head("renders", "a.exr")
    assert version is not None
    return Inspector().refused("renders", "a.exr", ExrInspectorError(""), builtin_policy("default"), version=version)


@dataclass
class Removals:
    """Records of which files rows are removed."""

    paths: list[str] = field(default_factory=list)

    def remove(self, path: str, **_: Any) -> UpsertResult:
        self.paths.append(path)
        return UpsertResult("", path, None, "", Outcome.REMOVED)


def confirmed(opener: SourceOpener, inspection: Inspection) -> list[str]:
    """The paths whose rows are removed."""
    removals = Removals()
    confirm(opener, removals, inspection)
    return removals.paths


@pytest.mark.parametrize(
    ("content", "milliseconds", "is_overwritten"),
    [
        (b"first", 100, False),
        (b"longer than the first", 100, True),
        (b"longer than the first", 900, True),
        (b"longer than the first", 1_100, False),
        (b"longer than the first", -900, False),
    ],
    ids=["untouched", "same moment", "same second", "a second later", "a second earlier"],
)
def test_only_what_was_written_in_the_same_second_is_taken_for_overwritten(
    folder: Path, content: bytes, milliseconds: int, is_overwritten: bool
) -> None:
    write(folder, b"first", 100)
    before = stored(folder)
    if content != b"first":
        write(folder, content, milliseconds)
    if is_overwritten:
        with pytest.raises(ObjectChanged):
            confirmed(opener(folder), before)
    else:
        assert confirmed(opener(folder), before) == []


def test_the_rows_of_what_is_gone_are_removed_and_those_of_what_may_not_be_read_stay(folder: Path) -> None:
    write(folder, b"first", 100)
    before = stored(folder)
    forbidden = opener(folder, EXR_ALLOWED_PREFIXES="renders/other/")
    (folder / "a.exr").unlink()
    assert confirmed(forbidden, before) == []
    assert confirmed(opener(folder), before) == ["renders/a.exr"]


def test_a_share_that_is_not_mounted_says_nothing_of_the_object(folder: Path) -> None:
    write(folder, b"first", 100)
    before = stored(folder)
    looking = opener(folder)
    assert confirmed(looking, before) == []
    folder.rename(folder.with_name("unmounted"))
    with pytest.raises(BucketUnavailable):
        confirmed(looking, before)


def test_the_fraction_of_a_second_tells_versions_apart_only_without_etags() -> None:
    """S3 returns whole seconds in the header of an answer, and milliseconds in a listing."""
    late = NOON + timedelta(milliseconds=700)
    assert is_same(ObjectVersion("e", 5, NOON), ObjectVersion("e", 5, late))
    assert not is_same(ObjectVersion("e", 5, NOON), ObjectVersion("f", 5, NOON))
    assert not is_same(ObjectVersion("e", 5, NOON), ObjectVersion("e", 6, NOON))
    assert not is_same(ObjectVersion("e", 5, NOON), ObjectVersion("e", 5, NOON + timedelta(seconds=1)))
    assert is_same(ObjectVersion(None, 5, NOON), ObjectVersion(None, 5, NOON))
    assert not is_same(ObjectVersion(None, 5, NOON), ObjectVersion(None, 5, late))
