"""A plan is written completely or not at all, whatever the names of the files are."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from exr_inspector.errors import ArgumentError, BucketUnavailable, SourceError
from exr_inspector.ingest.plan import Lane, write_plan
from exr_inspector.ingest.run import Target
from exr_inspector.settings import Mount, load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.storage.keys import file_path
from tests.support.documented import Documented

NAMES = (
    b"a.exr",
    b"bad\xff.exr",
    b"bad\\xff.exr",
    "ä\udc00".encode(errors="surrogatepass") + b".exr",
    b"new\nline.exr",
)


@pytest.fixture
def show(tmp_path: Path) -> Path:
    folder = tmp_path / "show"
    folder.mkdir()
    for name in NAMES:
        (folder / os.fsdecode(name)).write_bytes(b"x")
    return folder


@contextmanager
def opened(show: Path) -> Iterator[SourceOpener]:
    with closing(SourceOpener(load_settings({}, secrets_dir=None).changed(mounts=(Mount("show", show),)))) as opener:
        yield opener


def plan(show: Path, folder: Path, *, lanes: int = 3, target: Target | None = None) -> list[int]:
    def refuse(path: str, error: SourceError) -> None:
        raise AssertionError((path, error))

    with opened(show) as opener:
        targets = [target or Target("show")]
        return write_plan(opener, targets, folder, lanes=lanes, mounts=(Mount("show", show),), report=refuse)


def keys(show: Path, folder: Path, lanes: int = 3) -> list[str]:
    with opened(show) as opener:
        read = [Lane.read(folder / str(lane)) for lane in range(lanes)]
        return [e.key for lane in read for listing in lane.listings for e in listing.entries(opener, lambda *_: None)]


@pytest.mark.failure(
    "ingest",
    "a file whose name is not UTF-8, in a plan",
    "planned and ingested like others: `b'bad\\xff.exr'`",
    "nothing",
)
def test_names_that_are_no_unicode_are_planned_like_others(show: Path, tmp_path: Path, documented: Documented) -> None:
    assert sum(plan(show, tmp_path / "plan")) == len(NAMES)
    found = [os.fsencode(file_path(key)) for key in keys(show, tmp_path / "plan")]
    assert sorted(found) == sorted(NAMES)
    documented(next(name for name in found if name == NAMES[1]))


def test_a_plan_may_lie_in_a_folder_whose_name_is_no_unicode(show: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"plan\xfe")
    plan(show, folder)
    assert len(keys(show, folder)) == len(NAMES)


def test_there_may_be_more_lanes_than_descriptors(show: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 20, hard))
    try:
        plan(show, tmp_path / "plan", lanes=100)
        assert len(keys(show, tmp_path / "plan", 100)) == len(NAMES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError, BucketUnavailable])
def test_a_plan_that_fails_leaves_nothing(show: Path, tmp_path: Path, fault: type[BaseException]) -> None:
    class Failing(Target):
        def entries(self, opener, report):
            yield from super().entries(opener, report)
            raise fault

    folder = tmp_path / "plan"
    with pytest.raises(fault):
        plan(show, folder, target=Failing("show"))
    assert not folder.exists()
    folder.mkdir()
    with pytest.raises(fault):
        plan(show, folder, target=Failing("show"))
    assert list(folder.iterdir()) == []


def test_what_a_killed_run_left_is_no_lane_and_is_in_nobodys_way(show: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    plan(show, folder)
    left = folder / ".unfinished-x"
    left.mkdir()
    for name in ("0", "1", "2"):
        (folder / name).rename(left / name)
    (folder / "plan.json").unlink()
    with pytest.raises(ArgumentError, match=r"plan\.json"):
        Lane.read(left / "0")
    plan(show, folder)
    assert not left.exists()
    assert len(keys(show, folder)) == len(NAMES)


@pytest.mark.failure(
    "ingest",
    "a lane without its plan.json, shortened, or of another plan",
    "`ARGUMENT`, exit code 2: no file is skipped silently",
    "run `./run ingest-plan` again, into a new folder",
)
def test_a_lane_that_is_not_whole_is_refused(show: Path, tmp_path: Path, documented: Documented) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    plan(show, one, lanes=1)
    plan(show, other, lanes=1)
    lane, whole = one / "0", (one / "0").read_bytes()
    with pytest.raises(ArgumentError, match="empty folder"):
        plan(show, one)
    lane.write_bytes(whole[:-100])
    with pytest.raises(ArgumentError, match=r"ingest-plan` again") as caught:
        Lane.read(lane)
    documented(caught.value.code)
    lane.write_bytes((other / "0").read_bytes())
    assert (other / "0").stat().st_size == len(whole)
    with pytest.raises(ArgumentError, match="another plan"):
        keys(show, one, 1)
    lane.write_bytes(whole[:-100] + b"\xff" * 100)
    with pytest.raises(ArgumentError, match="damaged"):
        keys(show, one, 1)
    lane.write_bytes(whole)
    stray = one / "1"
    stray.write_bytes(b"")
    for name in (stray, one / "plan.json"):
        with pytest.raises(ArgumentError, match="expected a lane"):
            Lane.read(name)
    (one / "plan.json").write_text(json.dumps([]))
    with pytest.raises(ArgumentError):
        Lane.read(lane)
    (one / "plan.json").unlink()
    with pytest.raises(ArgumentError, match="not finished"):
        Lane.read(lane)
