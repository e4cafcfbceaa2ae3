"""Checking a delivery: what is told of files that belong to no sequence, of missing frames, and of what was not checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from exr_inspector.delivery.check import Check, check_files, not_checked
from exr_inspector.inspector import Inspector
from exr_inspector.model import Severity, StatsMode
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from tests.unit.validation.judging import PLAIN

OPENER = SourceOpener(load_settings({}, secrets_dir=None, need=()))


def checked(*targets: Path, frames: tuple[range, ...] = ()) -> Check:
    names = [str(target) for target in targets]
    return check_files(names, opener=OPENER, inspector=Inspector(), policy=builtin_policy("default"), frames=frames)


def shot(tmp_path: Path, *names: str) -> Path:
    for name in names:
        file = tmp_path / "shot" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(PLAIN)
    return tmp_path / "shot"


@pytest.mark.parametrize(
    ("stats", "unread", "words"),
    [
        (StatsMode.FULL, None, ""),
        (StatsMode.FULL, 0, ""),
        (StatsMode.OFF, 0, ""),
        (StatsMode.FULL, 1, "Not all pixels of 1 file were read"),
        (StatsMode.SAMPLED, None, "Not all pixels were read"),
        (StatsMode.OFF, None, "No pixel was read"),
        (StatsMode.OFF, 2, "No pixel of 2 files was read"),
    ],
)
def test_what_was_not_checked_is_said_unless_all_pixels_were_read(
    stats: StatsMode, unread: int | None, words: str
) -> None:
    assert [sentence.partition(":")[0] for sentence in not_checked(stats, unread)] == [words] * bool(words)


def test_files_beside_a_sequence_are_reported_and_files_elsewhere_are_not(tmp_path: Path) -> None:
    names = ("a.1001.exr", "a.1002.exr", "a.1001 (1).exr", "slate.exr", "ref/hdri.exr")
    found = checked(shot(tmp_path, *names))
    strays = {
        Path(file.path).name: [each.severity for each in file.findings if each.code == "SEQ-STRAY"]
        for file in found.files
    }
    assert strays == {"a.1001 (1).exr": [Severity.WARNING], "slate.exr": [Severity.INFO], "hdri.exr": []}
    assert not found.stopped


def test_a_target_without_a_sequence_cannot_have_all_frames(tmp_path: Path) -> None:
    folder = shot(tmp_path, "a.1001.exr", "a.1002.exr", "one/slate.exr")
    found = checked(folder / "a.####.exr", folder / "one", frames=(range(1001, 1003),))
    assert [Path(target).name for target, _ in found.faults] == ["one"]
    assert [sequence.findings for sequence in found.sequences] == [()]
