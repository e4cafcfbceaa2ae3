"""The source of the policy on a real S3 server: cached, checked again, and never replaced by an invalid one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from exr_inspector.errors import ObjectNotFound, PolicyError
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation.policies.source import MAX_POLICY_BYTES, REFRESH_SECONDS, PolicySource
from tests.support.documented import Documented
from tests.support.faulty_s3 import FaultyS3, Stall, Status
from tests.support.waiting import until

BUCKET, KEY = "show", "policy.yaml"
URL = f"s3://{BUCKET}/{KEY}"


def text(name: str) -> bytes:
    return f"name: {name}\nversion: 1\nextends: default\n".encode()


@pytest.fixture
def s3() -> Iterator[FaultyS3]:
    with FaultyS3() as server:
        yield server


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def source(s3: FaultyS3, clock: Clock, name: str = URL) -> PolicySource:
    settings = load_settings({**s3.environ, "S3_RETRIES": "0", "S3_TIMEOUT_SECONDS": "2"}, need=(), secrets_dir=None)
    return PolicySource(name, SourceOpener(settings), clock=clock)


def test_a_built_in_policy_needs_no_request(s3: FaultyS3) -> None:
    clock = Clock()
    policies = source(s3, clock, "strict")
    clock.now += 10 * REFRESH_SECONDS
    assert policies.current().name == "strict"
    assert s3.count() == 0


def test_an_object_is_read_once_a_minute_and_a_newer_one_taken(s3: FaultyS3) -> None:
    s3.put(BUCKET, KEY, text("one"))
    clock = Clock()
    policies = source(s3, clock)
    first = policies.current()
    clock.now += REFRESH_SECONDS - 1
    assert policies.current() is first
    assert s3.count() == 1
    clock.now += 2
    assert policies.current() is first, "the same ETag is the same policy"
    s3.put(BUCKET, KEY, text("two"))
    assert policies.current() is first, "not before the next look"
    clock.now += REFRESH_SECONDS + 1
    assert policies.current().name == "two"
    assert s3.count() == 3


@pytest.mark.failure(
    "no row",
    "the policy cannot be read, or is invalid, after `init`",
    "the last valid policy, here `good`, stays; logged",
    "correct the object at EXR_POLICY; it is read again automatically",
)
@pytest.mark.parametrize("trouble", ["gone", "wrong", "no text", "denied", "too long"])
def test_a_policy_that_goes_bad_leaves_the_last_good_one(
    s3: FaultyS3, trouble: str, caplog: pytest.LogCaptureFixture, documented: Documented
) -> None:
    s3.put(BUCKET, KEY, text("good"))
    clock = Clock()
    policies = source(s3, clock)
    good = policies.current()
    bad = {"wrong": b"policy: [", "no text": b"\xff\xfe", "too long": b"#" * (MAX_POLICY_BYTES + 1)}
    if trouble in bad:
        s3.put(BUCKET, KEY, bad[trouble])
    elif trouble == "gone":
        s3.delete(BUCKET, KEY)
    else:
        s3.script(Status(403))
    clock.now += REFRESH_SECONDS + 1
    with caplog.at_level(logging.ERROR):
        assert policies.current() is good
        documented(policies.current().name)
    assert "[ERROR]" in caplog.text
    s3.put(BUCKET, KEY, text("mended"))
    clock.now += REFRESH_SECONDS + 1
    assert policies.current().name == "mended"


def test_without_any_good_policy_the_error_is_raised(s3: FaultyS3) -> None:
    with pytest.raises(ObjectNotFound):
        source(s3, Clock())
    s3.put(BUCKET, KEY, b"rules: 3")
    with pytest.raises(PolicyError):
        source(s3, Clock())


def test_one_thread_looks_and_the_others_go_on(s3: FaultyS3) -> None:
    s3.put(BUCKET, KEY, text("one"))
    clock = Clock()
    policies = source(s3, clock)
    clock.now += REFRESH_SECONDS + 1
    s3.script(Stall(2.0))
    looking = threading.Thread(target=policies.current)
    looking.start()
    until(lambda: s3.count() == 2)
    started = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        names = {policy.name for policy in pool.map(lambda _: policies.current(), range(100))}
    assert time.monotonic() - started < 1.8
    assert names == {"one"}
    looking.join()
    assert s3.count() == 2


def test_a_policy_lies_where_the_settings_say_whatever_events_may_name(s3: FaultyS3) -> None:
    s3.put(BUCKET, KEY, text("of-the-show"))
    settings = load_settings(
        {**s3.environ, "EXR_POLICY": URL, "EXR_ALLOWED_BUCKETS": "renders"}, need=(), secrets_dir=None
    )
    assert PolicySource.from_settings(settings).current().name == "of-the-show"
    s3.put(BUCKET, "other.yaml", text("other"))
    other = PolicySource.from_settings(settings, f"s3://{BUCKET}/other.yaml")
    assert other.current().name == "other"
