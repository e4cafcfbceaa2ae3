"""Inspections are returned one by one, in order, and hold their memory until the next one is requested."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exr_inspector.delivery.check import check_files
from exr_inspector.delivery.diff import pairs
from exr_inspector.delivery.files import FoldersUnavailable, expand, new_names
from exr_inspector.delivery.read_ahead import _MAX_FILES_AHEAD, READERS, inspect_each
from exr_inspector.errors import AccessDenied, LimitExceeded, NothingMatches, ObjectNotFound, SourceError
from exr_inspector.inspector import Inspector
from exr_inspector.memory import FileMemory, MemoryBudget
from exr_inspector.model import Inspection
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from tests.support.exrbytes import Part, attr, build

MIB = 1 << 20
POLICY = builtin_policy("default")
OPENER = SourceOpener(load_settings({}, secrets_dir=None, need=()))
LARGE = build([Part(extra=[attr("numbers", "floatvector", bytes(MIB // 8))])])  # takes some MiB in memory
SMALL = build([Part()])
NAMES = [f"{number}.exr" for number in range(20)]


def reader(budget: MemoryBudget, data: bytes):
    inspector = Inspector(memory=budget)

    def inspect(name: str, memory: FileMemory) -> Inspection:
        return inspector.inspect(OPENER.open_bytes(data, key=name), POLICY, memory=memory)

    return inspect


def test_a_file_holds_its_memory_until_the_next_one_is_asked_for() -> None:
    budget = MemoryBudget(256 * MIB)
    with closing(inspect_each(NAMES[:1], reader(budget, LARGE), budget)) as answers:
        next(answers)
        assert budget.files.used > MIB
        assert next(answers, None) is None
    assert budget.files.used == 0


def test_files_that_find_no_memory_are_read_once_more_when_it_is_their_turn() -> None:
    budget = MemoryBudget(32 * MIB)  # 8 for headers: enough for one of the files, not for two
    with closing(inspect_each(NAMES, reader(budget, LARGE), budget)) as answers:
        found = []
        for name, answer in answers:
            assert isinstance(answer, Inspection)
            assert answer.error_code is None
            assert budget.files.used > 0
            found.append(name)
    assert found == NAMES
    assert budget.files.used == 0


def test_a_reader_that_stops_early_gives_all_memory_back() -> None:
    budget = MemoryBudget(256 * MIB)
    answers = inspect_each(NAMES, reader(budget, SMALL), budget)
    next(answers)
    answers.close()
    assert budget.files.used == 0


@pytest.mark.parametrize("fault", [LimitExceeded("too large", limit="EXR_MEMORY_MIB"), ValueError("a bug")])
def test_a_file_that_fails_gives_its_memory_back(fault: Exception) -> None:
    budget = MemoryBudget(256 * MIB)

    def fail(_name: str, _memory: FileMemory) -> Inspection:
        raise fault

    answers = inspect_each(NAMES[:1], fail, budget)
    if isinstance(fault, ValueError):
        with pytest.raises(ValueError, match="a bug"):
            next(answers)
    else:
        assert [answer for _, answer in answers] == [fault]
    assert budget.files.used == 0


def test_after_ctrl_c_files_that_are_being_read_are_not_waited_for() -> None:
    is_read, may_end = threading.Event(), threading.Event()

    def inspect(name: str, _: FileMemory) -> Inspection:
        if name == "first":
            assert is_read.wait(20)
            raise KeyboardInterrupt
        is_read.set()
        assert may_end.wait(20)
        raise AssertionError("nobody asks for it")

    try:
        with pytest.raises(KeyboardInterrupt):
            list(inspect_each(["first", "second"], inspect, MemoryBudget(256 * MIB)))
        assert any(thread.name.startswith(READERS) for thread in threading.enumerate())
    finally:
        may_end.set()


def test_names_are_read_before_the_fault_that_ends_them_is_raised() -> None:
    def names() -> Iterator[str]:
        yield from ("a", "b")
        raise AccessDenied("a folder")

    read = []
    budget = MemoryBudget(64 * MIB)
    with pytest.raises(AccessDenied):  # noqa: PT012 - what came before the error counts
        for name, _ in inspect_each(names(), reader(budget, SMALL), budget):
            read.append(name)
    assert read == ["a", "b"]


def test_few_files_are_read_before_they_are_asked_for() -> None:
    started: list[str] = []

    def names() -> Iterator[str]:
        for number in range(200):
            started.append(f"{number}.exr")
            yield started[-1]

    budget = MemoryBudget(256 * MIB)
    with closing(inspect_each(names(), reader(budget, SMALL), budget)) as answers:
        for count in range(1, 6):
            next(answers)
            assert len(started) <= count + _MAX_FILES_AHEAD


def test_a_file_is_returned_once() -> None:
    seen: set[str] = set()
    assert list(new_names(["a/x.exr", "./a/x.exr", "s3://b/x", "s3://b/x"], seen)) == ["a/x.exr", "s3://b/x"]
    assert list(new_names(["a//x.exr", "y.exr"], seen)) == ["y.exr"]


def test_a_pipe_is_a_file_that_reading_names_and_a_folder_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "shot"
    (folder / "x.1002.exr").mkdir(parents=True)
    (folder / "x.1001.exr").touch()
    os.mkfifo(folder / "x.1003.exr")
    for target in (folder, folder / "x.####.exr"):
        found = expand(OPENER, str(target))
        assert [Path(path).name for path in found.paths] == ["x.1001.exr", "x.1003.exr"]
    with pytest.raises(ObjectNotFound):
        OPENER.open_url(str(folder / "x.1003.exr")).read(start=0, end=1)


def test_links_to_folders_elsewhere_are_named_and_those_that_lead_inside_are_not(tmp_path: Path) -> None:
    shot, elsewhere = tmp_path / "shot", tmp_path / "elsewhere"
    (shot / "v2").mkdir(parents=True)
    elsewhere.mkdir()
    for file in (shot / "a.1001.exr", shot / "v2" / "a.1001.exr", elsewhere / "b.1001.exr"):
        file.touch()
    (shot / "latest").symlink_to("v2")
    (shot / "v2" / "loop").symlink_to(shot)
    assert expand(OPENER, str(shot)).fault is None
    (shot / "linked").symlink_to(elsewhere)
    found = expand(OPENER, str(shot))
    assert str(shot / "linked") in str(found.fault)
    assert sorted(found.paths) == [str(shot / "a.1001.exr"), str(shot / "v2" / "a.1001.exr")]


def test_links_of_a_mounted_bucket_are_named_as_those_of_a_folder(tmp_path: Path) -> None:
    shot = tmp_path / "show" / "shot"
    for file in (shot / "a.1001.exr", tmp_path / "elsewhere" / "b.1001.exr"):
        file.parent.mkdir(parents=True)
        file.touch()
    (shot / "linked").symlink_to(tmp_path / "elsewhere")
    (shot / "a.1002.exr").symlink_to("moved.exr")
    (shot / "notes").symlink_to("moved")
    opener = SourceOpener(load_settings({"EXR_MOUNTS": f"show={tmp_path / 'show'}"}, secrets_dir=None, need=()))
    frames = ["s3://show/shot/a.1001.exr", "s3://show/shot/a.1002.exr"]
    found = expand(opener, "s3://show/shot/")
    assert sorted(found.paths) == frames
    assert "show/shot/linked/" in str(found.fault)
    found = expand(opener, "s3://show/shot/a.####.exr")
    assert (sorted(found.paths), found.fault) == (frames, None)


def _shots(tmp_path: Path) -> Path:
    """Two shots with a comp each, a plate in the first, a file in a snapshot, and a folder with brackets in its name."""
    names = ("sh010/comp/a.1001.exr", "sh010/comp/a.01002.exr", "sh010/plate/a.1001.exr", "sh020/comp/a.1001.exr")
    for name in (*names, ".snapshot/comp/a.1001.exr", "[v1]/comp/a.1001.exr"):
        file = tmp_path / "show" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(SMALL)
    return tmp_path / "show"


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("sh*/comp/a.####.exr", ["sh010/comp/a.01002.exr", "sh010/comp/a.1001.exr", "sh020/comp/a.1001.exr"]),
        ("sh0[2-9]0/*/a.1001.exr", ["sh020/comp/a.1001.exr"]),
        ("sh010/*/", ["sh010/comp/a.01002.exr", "sh010/comp/a.1001.exr", "sh010/plate/a.1001.exr"]),
        ("*/plate/*.exr", ["sh010/plate/a.1001.exr"]),
        ("*/comp/a.[1002-1009].exr", ["sh010/comp/a.01002.exr"]),
        ("[v1]/comp/*.exr", ["[v1]/comp/a.1001.exr"]),
        ("*/sh010/*.exr", []),
    ],
)
def test_patterns_match_folders_on_disk_and_in_buckets(tmp_path: Path, pattern: str, files: list[str]) -> None:
    show = _shots(tmp_path)
    mounted = SourceOpener(load_settings({"EXR_MOUNTS": f"show={show}"}, secrets_dir=None, need=()))
    for opener, start in ((OPENER, f"{show}/"), (mounted, "s3://show/")):
        if not files:
            with pytest.raises(NothingMatches):
                expand(opener, start + pattern)
            continue
        found = expand(opener, start + pattern)
        assert sorted(found.paths) == [start + file for file in files]
        folders = [sequence.pattern.rpartition("/")[0] for sequence in found.recognition.sequences]
        assert sorted(folders) == sorted({path.rpartition("/")[0] for path in found.paths})


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("**/none.exr", "name a folder"),
        ("none.**.exr", "name a folder"),
        ("{a,b}.exr", "name each"),
        ("none.{frame}.exr", "match [^;]*$"),
    ],
)
def test_tokens_that_patterns_do_not_have_are_explained_when_nothing_matches(
    tmp_path: Path, pattern: str, advice: str
) -> None:
    with pytest.raises(NothingMatches, match=advice):
        expand(OPENER, f"{tmp_path}/{pattern}")


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.EACCES, AccessDenied, "folders that may not be read"),
        (errno.EIO, FoldersUnavailable, "the file system fails (Input/output error) at folders"),
        (errno.ESTALE, FoldersUnavailable, "the file system fails (Stale file handle) at folders"),
    ],
)
def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[SourceError], words: str
) -> None:
    show = _shots(tmp_path)

    def failing(real: Callable[[Any], Any], folder: Any) -> Any:
        if Path(folder) == show / "sh020" / "comp":
            raise OSError(number, os.strerror(number), str(folder))
        return real(folder)

    monkeypatch.setattr(os, "listdir", partial(failing, os.listdir))
    monkeypatch.setattr(os, "scandir", partial(failing, os.scandir))
    found = expand(OPENER, f"{show}/sh*/comp/a.####.exr")
    assert [Path(path).parent for path in found.paths] == [show / "sh010" / "comp"] * 2
    for fault in (found.fault, expand(OPENER, f"{show}/").fault):
        assert type(fault) is kind
        assert f"{words}: {show}/sh020/comp" in str(fault)
    with pytest.raises(kind):
        expand(OPENER, f"{show}/sh020/comp/a.####.exr")


def test_files_of_several_folders_are_compared_by_their_path_below_the_pattern(tmp_path: Path) -> None:
    show = _shots(tmp_path)
    found = pairs(OPENER, f"{show}/sh*/comp/a.####.exr", f"{show}/*/comp/a.1001.exr")
    same = [f"{show}/{shot}/comp/a.1001.exr" for shot in ("sh010", "sh020")]
    assert [pair for pair in found if None not in pair] == [(file, file) for file in same]


def test_two_files_are_a_pair_and_sequences_are_paired_by_frame(tmp_path: Path) -> None:
    for name in ("v1/a.1001.exr", "v1/a.1002.exr", "v2/b.1002.exr", "v2/b.1003.exr", "v3/c.1.exr"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    one, other, third = (f"{tmp_path}/{folder}/" for folder in ("v1", "v2", "v3"))
    assert pairs(OPENER, f"{one}a.1001.exr", f"{other}b.1003.exr") == [(f"{one}a.1001.exr", f"{other}b.1003.exr")]
    assert pairs(OPENER, f"{one}a.####.exr", f"{other}b.####.exr") == [
        (f"{one}a.1001.exr", None),
        (f"{one}a.1002.exr", f"{other}b.1002.exr"),
        (None, f"{other}b.1003.exr"),
    ]
    for targets, common in (((one, other), "path within its folder"), ((f"{one}*", f"{third}*"), "frame or name")):
        with pytest.raises(NothingMatches, match=f"has the same {common}"):
            pairs(OPENER, *targets)


def test_files_are_paired_whatever_the_versions_in_their_names(tmp_path: Path) -> None:
    names = [f"{folder}/{aov}_{folder}.1001.exr" for folder in ("v001", "v002") for aov in ("beauty", "depth")]
    for name in (*names, "v003/beauty_v001.1001.exr", "v003/beauty_v002.1001.exr"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    one, other, several = (f"{tmp_path}/v00{number}" for number in (1, 2, 3))
    both = [(f"{one}/{aov}_v001.1001.exr", f"{other}/{aov}_v002.1001.exr") for aov in ("beauty", "depth")]
    assert pairs(OPENER, one, other) == both
    assert pairs(OPENER, f"{one}/*.exr", f"{other}/*.exr") == both
    assert pairs(OPENER, both[0][0], other) == both[:1]
    assert pairs(OPENER, one, several)[:2] == [
        (both[0][0], f"{several}/beauty_v001.1001.exr"),
        (None, f"{several}/beauty_v002.1001.exr"),
    ]


def test_files_are_paired_with_those_of_their_names_in_a_folder(tmp_path: Path) -> None:
    show = _shots(tmp_path)
    comp, plate = (f"{show}/sh010/{folder}" for folder in ("comp", "plate"))
    same = f"{comp}/a.1001.exr", f"{plate}/a.1001.exr"
    assert pairs(OPENER, same[0], plate) == [same]
    assert pairs(OPENER, plate, same[0]) == [same[::-1]]
    assert pairs(OPENER, f"{comp}/*.exr", plate) == [(f"{comp}/a.01002.exr", None), same]
    for targets in ((f"{comp}/a.01002.exr", plate), (plate, f"{comp}/a.01002.exr")):
        with pytest.raises(NothingMatches, match=r"plate holds no file of this name: a\.01002\.exr"):
            pairs(OPENER, *targets)
    for number in range(6):
        (show / f"new.{number:04}.exr").touch()
    with pytest.raises(NothingMatches, match=r"new\.0003\.exr and 2 more"):
        pairs(OPENER, f"{show}/new.####.exr", plate)


def test_names_expanded_by_a_shell_are_validated_as_their_folder(tmp_path: Path) -> None:
    comp = _shots(tmp_path) / "sh010" / "comp"
    files = sorted(map(str, comp.iterdir()))
    targets = ([str(comp)], [f"{comp}/*.exr"], files, [str(comp), files[0]])
    checks = [check_files(each, opener=OPENER, inspector=Inspector(), policy=POLICY) for each in targets]
    found = [(item.pattern, [file.frame for file in item.files]) for done in checks for item in done.sequences]
    assert found == [(f"{comp}/a.####.exr", [1001, 1002])] * len(checks)
