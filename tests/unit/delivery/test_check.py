"""Checking a delivery: what is said of files that belong to no sequence, of missing frames, and of what was not checked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exr_inspector.delivery.check import DeliveryCheck, check_files, checked_file, not_checked
from exr_inspector.errors import LimitExceeded, ObjectNotFound
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection, PixelFault, Severity, StatsMode
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy, load_policy
from tests.support.exrbytes import Part, build
from tests.unit.validation.judging import PLAIN, inspect

OPENER = SourceOpener(load_settings({}, secrets_dir=None, need=()))


def checked(*targets: Path, frames: tuple[range, ...] = (), **options: Any) -> DeliveryCheck:
    names, policy = [str(target) for target in targets], options.pop("policy", builtin_policy("default"))
    return check_files(names, opener=OPENER, inspector=Inspector(), policy=policy, frames=frames, **options)


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
    why = {
        Path(file.path).name: each.message for file in found.files for each in file.findings if each.code == "SEQ-STRAY"
    }
    assert "a folder that holds a sequence" in why["slate.exr"]
    assert "copy" in why["a.1001 (1).exr"]


def test_the_entries_of_a_policy_for_paths_count_for_local_files(tmp_path: Path) -> None:
    folder = shot(tmp_path, "pl/a.0998.exr", "pl/a.0999.exr", "pl/a.1000.exr", "pl/lut.cube")
    entry = "{match: 'shot/pl/**', rules: {SEQ-STRAY: off}, parameters: {frame_range: [997, 1000]}}"
    policy = load_policy(f"name: x\nparameters: {{frame_range: [999, 1000]}}\npaths: [{entry}]", origin="x.yaml")
    found = checked(folder, policy=policy)
    (sequence,) = found.sequences
    assert (sequence.missing.text, sequence.rerender.text, found.others) == ("997", "997", ())


def test_a_target_without_a_sequence_cannot_have_all_frames(tmp_path: Path) -> None:
    folder = shot(tmp_path, "a.1001.exr", "a.1002.exr", "one/slate.exr")
    found = checked(folder / "a.####.exr", folder / "one", frames=(range(1001, 1003),))
    assert [Path(target).name for target, _ in found.faults] == ["one"]
    assert [sequence.findings for sequence in found.sequences] == [()]


def test_a_check_says_what_it_found_and_what_it_did_not_look_for(tmp_path: Path) -> None:
    folder = shot(tmp_path, "a.1001.exr", "a.1003.exr", "b_0001_0007.exr", "b_0002_0009.exr")
    (folder / "a.1003.exr").write_bytes(b"no image")
    steps: list[tuple[int, int]] = []
    seen: dict[str, Inspection] = {}
    found = checked(folder, tmp_path / "gone", progress=lambda *step: steps.append(step), observe=seen.setdefault)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert sorted(Path(name).name for name in seen) == sorted(file.name for file in folder.iterdir())
    assert [target for target, _ in found.faults] == [str(tmp_path / "gone")]
    assert found.faults[0][1].startswith("NO_FILES: ")
    assert [[Path(path).name for path in group] for group in found.ambiguous] == [
        ["b_0001_0007.exr", "b_0002_0009.exr"]
    ]
    assert (found.words, found.checked, found.total, found.unread) == ("4 files (2 of them in 1 sequence)", 4, 4, 0)
    assert found.worst is Severity.ERROR
    assert repr(found) == (
        "<Check: 4 files, 1 sequence, worst severity error, 2 frames to render again, 1 target could not be read>"
    )
    assert found.not_checked[1:] == ("No sequence was recognised among 2 files: give a pattern such as name_####.exr.",)
    assert found.folders == {str(folder)}
    document = json.loads(found.to_json())
    (sequence,) = document.pop("sequences")
    assert {key: sequence[key] for key in ("first", "last", "expected_frames", "missing_frames", "missing_count")} == {
        "first": 1001,
        "last": 1003,
        "expected_frames": "1001-1003",
        "missing_frames": "1002",
        "missing_count": 1,
    }
    assert (sequence["rerender_frames"], sequence["rerender_count"]) == ("1002-1003", 2)
    assert [(file["frame"], file["worst_severity"], file["fault"]) for file in sequence["files"]] == [
        (1001, "info", None),
        (1003, "error", None),
    ]
    assert (document["files_total"], document["files_checked"], document["stopped"]) == (4, 4, False)
    assert (document["policy"], document["worst_severity"]) == (found.policy, "error")
    assert document["not_checked"] == list(found.not_checked)
    assert document["faults"] == [{"target": target, "reason": reason} for target, reason in found.faults]
    assert document["ambiguous"] == [list(group) for group in found.ambiguous]


def test_a_check_that_is_interrupted_keeps_what_was_checked(tmp_path: Path) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    found = checked(shot(tmp_path, *(f"a.{n}.exr" for n in range(1001, 1005))), frames=(range(1, 3),), progress=stop)
    assert (found.stopped, found.checked, found.total, found.faults) == (True, 2, 4, ())
    assert found.words == "2 files in 1 sequence"
    (sequence,) = found.sequences
    assert (sequence.missing.text, sequence.unchecked.text) == ("1-2", "1003-1004")
    assert json.loads(found.to_json())["sequences"][0]["unchecked_frames"] == "1003-1004"
    assert found.not_checked[-1] == "The check was stopped: 2 of 4 files were checked."


def test_without_a_finding_there_is_no_worst_severity(tmp_path: Path) -> None:
    found = checked(shot(tmp_path, "a.exr"))
    quiet = replace(found, files=tuple(replace(file, findings=()) for file in found.files))
    assert (quiet.words, quiet.worst) == ("1 file", None)
    assert repr(quiet) == "<Check: 1 file, 0 sequences, no findings>"
    other = replace(quiet, others=(replace(found.files[0], path="a.txt"),), total=2)
    assert (other.checked, other.worst) == (1, Severity.INFO), "other files are not checked, but reported"


def test_frames_are_required_by_the_pattern_or_by_the_caller_who_may_not_contradict_each_other(tmp_path: Path) -> None:
    folder = shot(tmp_path, "a.1001.exr", "a.1002.exr")
    asked: list[tuple[Path, tuple[range, ...]]] = [
        (folder / "a.####[1001-1003].exr", ()),
        (folder, (range(1001, 1004),)),
        (folder, ()),
    ]
    assert [checked(target, frames=frames).sequences[0].missing.text for target, frames in asked] == [
        "1003",
        "1003",
        "",
    ]
    target = folder / "a.####[1001-1002].exr"
    assert checked(target, frames=(range(1001, 1003),)).faults == ()
    ((_, reason),) = checked(target, frames=(range(1001, 1004),)).faults
    assert "the pattern asks for frames 1001-1002, the argument frames for 1001-1003" in reason


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("b_0001_0007.exr", "b_0002_0009.exr"), "no sequence was recognised among b_0001_0007.exr, b_0002_0009.exr"),
        (("a.1001.exr", "a.1002.exr"), ""),
        (("slate.exr",), "but no sequence was recognised"),
    ],
)
def test_frames_are_looked_up_in_the_sequences_of_each_target(
    tmp_path: Path, names: tuple[str, ...], words: str
) -> None:
    folder = shot(tmp_path, *names)
    found = checked(folder, frames=(range(1001, 1003),))
    assert [words in reason for _, reason in found.faults] == [True] * bool(words)
    assert all(reason.startswith("NO_FILES: frames 1001-1002 were asked for, but ") for _, reason in found.faults)


def test_what_could_not_be_read_of_a_file_is_its_fault() -> None:
    whole = inspect(build([Part(name="rgba"), Part(name="Z")]))
    assert checked_file("a.exr", 7, whole).parts == ("rgba", "Z")
    assert (checked_file("a.exr", 7, whole).frame, checked_file("a.exr", 7, whole).fault) == (7, "")
    pixels = inspect(PLAIN, stats=True).pixels
    assert pixels is not None
    refused = PixelFault(0, 0, 0, 2, LimitExceeded.code, "too large")
    limited = checked_file("a.exr", None, replace(whole, pixels=replace(pixels, faults=(refused,))))
    assert limited.fault == "LIMIT_EXCEEDED: pixels not read: too large"
    assert limited.findings
    for answer, fault in (
        (replace(whole, error_code="SOURCE_UNAVAILABLE", error_message="no answer"), "SOURCE_UNAVAILABLE: no answer"),
        (ObjectNotFound("a.exr: no such file"), "SOURCE_NOT_FOUND: a.exr: no such file"),
    ):
        unread = checked_file("a.exr", 7, answer)
        assert (unread.frame, unread.fault, unread.findings, unread.parts) == (7, fault, (), ())
