"""The interface of sources, tested on moto's S3, on our own S3 server, and on a local folder."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from exr_inspector.deadline import Deadline
from exr_inspector.delivery.files import expand
from exr_inspector.errors import BudgetExceeded, ObjectChanged, ObjectNotFound, UnsupportedKey
from exr_inspector.model import Cost
from exr_inspector.settings import load_settings
from exr_inspector.storage import RangeSource, ReadBudget, SourceOpener
from tests.support.faulty_s3 import FaultyS3
from tests.support.s3 import s3_server

BUCKET = "renders"
DATA = bytes(index * 7 % 251 for index in range(5000))


@dataclass
class Place:
    """A bucket to write to, and the opener that reads from it."""

    name: str
    opener: SourceOpener
    put: Callable[[str, bytes], Any]
    delete: Callable[[str], Any]


@contextlib.contextmanager
def place(name: str, environ: dict[str, str], put: Callable[..., Any], delete: Callable[..., Any]) -> Iterator[Place]:
    with contextlib.closing(SourceOpener(load_settings(environ, secrets_dir=None, need=("objects",)))) as opener:
        yield Place(name, opener, put, delete)


@pytest.fixture(scope="module", params=["moto", "loopback", "folder"])
def store(request, tmp_path_factory):
    if request.param == "moto":
        with (
            s3_server(BUCKET) as s3,
            place(
                "moto", s3.environ, lambda key, data: s3.put(BUCKET, key, data), lambda key: s3.delete(BUCKET, key)
            ) as made,
        ):
            yield made
    elif request.param == "loopback":
        with (
            FaultyS3() as s3,
            place(
                "loopback", s3.environ, lambda key, data: s3.put(BUCKET, key, data), lambda key: s3.delete(BUCKET, key)
            ) as made,
        ):
            yield made
    else:
        root = tmp_path_factory.mktemp("bucket")

        def put(key: str, data: bytes) -> None:
            (root / key).parent.mkdir(parents=True, exist_ok=True)
            (root / key).write_bytes(data)

        with place("folder", {"EXR_MOUNTS": f"{BUCKET}={root}"}, put, lambda key: (root / key).unlink()) as made:
            yield made


def test_one_request_brings_bytes_size_etag_and_time(store):
    store.put("one.exr", DATA)
    source: RangeSource = store.opener.open(BUCKET, "one.exr")
    assert source.version is None
    assert source.cost == Cost()
    assert source.read(start=0, end=1000) == DATA[:1000]
    assert source.cost == Cost(requests=1, bytes_read=1000)
    assert source.version.size_bytes == len(DATA)
    if store.name != "folder":
        assert source.version.etag == hashlib.md5(DATA).hexdigest()
    assert '"' not in source.version.etag
    assert source.version.mtime.utcoffset() == timedelta(0)
    assert abs(source.version.mtime - datetime.now(timezone.utc)) < timedelta(minutes=5)
    assert (source.bucket, source.key, source.path) == (BUCKET, "one.exr", "renders/one.exr")


def test_reads_are_short_only_at_the_end(store):
    store.put("short.exr", DATA)
    source = store.opener.open(BUCKET, "short.exr")
    assert source.read(start=4990, end=6000) == DATA[4990:]
    assert source.read(start=0, end=9999) == DATA
    assert source.read(start=100, end=100) == b""
    requests = source.cost.requests
    assert source.read(start=5000, end=5001) == b""
    assert source.read(start=7000, end=7001) == b""
    assert source.cost.requests == requests


@pytest.mark.parametrize(("start", "size"), [(0, 0), (10, 0), (10, 10), (10, 5)])
def test_a_first_read_beyond_the_end_learns_the_version(store, start, size):
    store.put("edge.exr", DATA[:size])
    source = store.opener.open(BUCKET, "edge.exr")
    assert source.read(start=start, end=start + 100) == b""
    assert source.version.size_bytes == size
    assert source.cost == Cost(requests=1 if store.name == "folder" else 2, bytes_read=0)
    assert source.read_many([(0, 3), (start, start + 1)], coalesce_bytes=0) == [DATA[: min(3, size)], b""]


def test_ranges_are_merged_pinned_and_given_back_in_order(store):
    store.put("many.exr", DATA)
    source = store.opener.open(BUCKET, "many.exr")
    ranges = [(3000, 3100), (0, 10), (20, 30), (3050, 3200), (4990, 6000), (5, 5), (7000, 7001)]
    assert source.read_many(ranges, coalesce_bytes=10) == [DATA[start:end] for start, end in ranges]
    assert source.cost == Cost(requests=3, bytes_read=30 + 200 + 10)


def test_wrong_ranges_are_the_callers_mistake(store):
    source = store.opener.open(BUCKET, "many.exr")
    for start, end in ((-1, 1), (2, 1)):
        with pytest.raises(ValueError, match="range"):
            source.read(start=start, end=end)


def test_a_missing_object_is_not_found(store):
    store.put("there.exr", DATA)  # an empty folder might be a share that is not mounted
    with pytest.raises(ObjectNotFound):
        store.opener.open(BUCKET, "nope.exr").read(start=0, end=1)
    assert store.opener.head(BUCKET, "nope.exr") is None


def test_head_is_the_version_that_reading_finds(store):
    store.put("head.exr", DATA)
    source = store.opener.open(BUCKET, "head.exr")
    source.read(start=0, end=1)
    assert store.opener.head(BUCKET, "head.exr") == source.version


def test_an_overwritten_object_is_never_mixed(store):
    store.put("changing.exr", DATA)
    source = store.opener.open(BUCKET, "changing.exr")
    source.read(start=0, end=10)
    store.put("changing.exr", DATA[::-1])
    with pytest.raises(ObjectChanged):
        source.read(start=10, end=20)
    with pytest.raises(ObjectChanged):
        source.read_many([(100, 110), (4000, 4010)], coalesce_bytes=0)


def test_a_deleted_object_is_not_found(store):
    store.put("kept.exr", DATA)  # an empty folder counts as a share that is not mounted
    store.put("deleted.exr", DATA)
    source = store.opener.open(BUCKET, "deleted.exr")
    source.read(start=0, end=10)
    store.delete("deleted.exr")
    with pytest.raises(ObjectNotFound):
        source.read(start=10, end=20)


KEYS = [
    "a b.exr", " a.exr", "a.exr ", "a%20b.exr", "a%.exr", "%", "a+b.exr", "ä.exr", "a\u0308.exr", "日本/ö ß.exr", "a#b.exr",
    "a\\b.exr", "a?b.exr", "a&b=c.exr", "a;b,c.exr", "a'b\".exr", "a<b>.exr", "a^|`{}~[]b.exr", "a:b@c$!*().exr", "😀.exr",
    "...", "a..b/.c/..d", "A.EXR",
]  # fmt: skip


def test_keys_are_literal(store):
    for key in KEYS:
        store.put(f"keys/{key}", key.encode())
    for key in KEYS:
        assert store.opener.open(BUCKET, f"keys/{key}").read(start=0, end=100) == key.encode(), key
        assert store.opener.open_url(f"s3://{BUCKET}/keys/{key}").read(start=0, end=100) == key.encode(), key
        assert store.opener.head(BUCKET, f"keys/{key}").size_bytes == len(key.encode())
    assert {entry.key for entry in store.opener.list(BUCKET, "keys/")} == {f"keys/{key}" for key in KEYS}


def test_keys_that_would_be_read_as_another_are_refused(store):
    store.put("x/y.exr", DATA)
    for key in ("/x/y.exr", "x/y.exr/", "x//y.exr", "x/./y.exr", "x/../x/y.exr", "../renders/x/y.exr"):
        with pytest.raises(UnsupportedKey):
            store.opener.open(BUCKET, key)


def test_a_listing_has_the_versions_of_all_keys_below_a_prefix(store):
    for index in range(30):
        store.put(f"list/shot{index % 3}/{index:04}.exr", DATA[:index])
    found = {entry.key: entry for entry in store.opener.list(BUCKET, "list/shot1/")}
    assert sorted(found) == [f"list/shot1/{index:04}.exr" for index in range(1, 30, 3)]
    for entry in found.values():
        version = store.opener.head(BUCKET, entry.key)
        assert (entry.version.etag, entry.version.size_bytes) == (version.etag, version.size_bytes)
        assert abs(entry.version.mtime - version.mtime) < timedelta(seconds=1)
    assert len(list(store.opener.list(BUCKET, "list/shot1/000"))) == 3
    assert len(list(store.opener.list(BUCKET, "list/"))) == 30
    assert list(store.opener.list(BUCKET, "nothing/here")) == []
    keys = [entry.key for entry in store.opener.list(BUCKET, "list/")]
    assert [entry.key for entry in store.opener.list(BUCKET, "list/", after=keys[11])] == keys[12:]
    assert store.opener.folders(BUCKET, "list/") == sorted({f"{key.rpartition('/')[0]}/" for key in keys})


def test_a_budget_is_refused_before_the_request(store):
    store.put("budget.exr", DATA)
    source = store.opener.open(BUCKET, "budget.exr").limited(ReadBudget(requests=2, bytes=2000))
    source.read(start=0, end=1000)
    with pytest.raises(BudgetExceeded):
        source.read(start=1000, end=2001)
    with pytest.raises(BudgetExceeded):
        source.read_many([(0, 1), (2, 3)], coalesce_bytes=0)
    assert source.cost == Cost(requests=1, bytes_read=1000)
    source.read(start=1000, end=2000)
    with pytest.raises(BudgetExceeded):
        source.read(start=0, end=1)


def test_bytes_beyond_the_end_cost_no_budget(store):
    store.put("small.exr", DATA[:100])
    source = store.opener.open(BUCKET, "small.exr").limited(ReadBudget(bytes=1000))
    source.read(start=0, end=1000)
    assert source.read(start=0, end=900) == DATA[:100]


def test_a_limited_reader_shares_version_and_cost(store):
    store.put("limited.exr", DATA)
    source = store.opener.open(BUCKET, "limited.exr").limited(ReadBudget(requests=3))
    source.read(start=0, end=10)
    limited = source.limited(ReadBudget(requests=1))
    assert limited.version == source.version
    limited.read(start=0, end=10)
    with pytest.raises(BudgetExceeded):
        limited.read(start=0, end=10)
    source.read(start=0, end=10)
    assert source.cost == limited.cost == Cost(requests=3, bytes_read=30)
    with pytest.raises(BudgetExceeded):
        source.read(start=0, end=10)


def test_one_source_and_one_opener_in_many_threads(store):
    for index in range(4):
        store.put(f"threads/{index}.exr", DATA[index:])
    shared = store.opener.open(BUCKET, "threads/0.exr", deadline=Deadline.after(60))
    barrier = threading.Barrier(10)

    def work(number: int) -> None:
        barrier.wait()
        own = store.opener.open(BUCKET, f"threads/{number % 4}.exr")
        for step in range(5):
            start = (number * 97 + step * 31) % 4000
            assert shared.read(start=start, end=start + 50) == DATA[start : start + 50]
            start += number % 4
            pieces = own.read_many([(start, start + 9), (0, 5)], coalesce_bytes=3)
            assert pieces == [DATA[number % 4 :][start : start + 9], DATA[number % 4 :][:5]]

    with ThreadPoolExecutor(10) as pool:
        for future in [pool.submit(work, number) for number in range(10)]:
            future.result()
    assert shared.cost == Cost(requests=50, bytes_read=2500)


def test_of_a_pattern_in_the_names_of_folders_each_folder_that_matches_costs_one_request() -> None:
    with FaultyS3() as s3:
        for shot in ("sh010", "sh020", "other"):
            for name in ("comp/a.1001.exr", "plate/b.1001.exr", "comp/v1/a.1001.exr"):
                s3.put("show", f"shots/{shot}/{name}", b"")
        opener = SourceOpener(load_settings(s3.environ, secrets_dir=None))
        found = expand(opener, "s3://show/shots/sh*/comp/a.####.exr")
        assert found.paths == ("s3://show/shots/sh010/comp/a.1001.exr", "s3://show/shots/sh020/comp/a.1001.exr")
        assert s3.count() == 3
