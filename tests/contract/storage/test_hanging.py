"""File systems that hang: system calls do not return, but callers do."""

import contextlib
import ctypes
import fcntl
import os
import signal
import threading
import time

import pytest

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, SourceUnavailable
from exr_inspector.storage import helpers as helpers_module
from exr_inspector.storage.helpers import MOST_STUCK, Helpers
from tests.contract.storage.conftest import DATA
from tests.support.waiting import until

SOON = 0.2
IN_TIME = 5.0
_MNT_DETACH = 2


def helpers_alive():
    return sum(thread.name == "exr-mount" for thread in threading.enumerate())


@pytest.fixture
def hang(folder):
    """A FUSE file system below the bucket that does not answer: each call waits in the kernel until it is ended."""
    place = folder / "away"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"no FUSE here: {error}")
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    if libc.mount(b"hang", bytes(place), b"fuse", 0, options.encode()):
        os.close(device)
        pytest.skip(f"may not mount here: {os.strerror(ctypes.get_errno())}")
    ended = contextlib.ExitStack()
    ended.callback(os.close, device)  # which ends all calls with an error
    with ended:
        yield ended.close
    libc.umount2(bytes(place), _MNT_DETACH)


@pytest.mark.failure(
    "raised",
    "a file server behind EXR_MOUNTS hangs",
    "`DEADLINE`",
    "bring the file server back; mount with `soft` and a time-out",
)
def test_a_mounted_file_system_that_hangs_ends_with_the_deadline(opener, hang, documented):
    for ask in (
        lambda deadline: opener.open("b", "away/x.exr", deadline=deadline).read(start=0, end=10),
        lambda deadline: opener.head("b", "away/x.exr", deadline=deadline),
    ):
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="does not answer") as caught:
            ask(Deadline.after(SOON))
        documented(caught.value.code)
        assert SOON <= time.monotonic() - started < IN_TIME
    assert opener.open("b", "a.exr", deadline=Deadline.after(IN_TIME)).read(start=0, end=300) == DATA
    hang()
    with pytest.raises(SourceUnavailable):
        opener.open("b", "away/x.exr", deadline=Deadline.after(IN_TIME)).read(start=0, end=10)


@pytest.mark.failure(
    "raised",
    "a file server keeps hanging: 8 calls have not returned",
    "`SOURCE_UNAVAILABLE`, at once",
    "bring the file server back",
)
def test_a_mount_that_goes_on_hanging_fails_at_once_and_is_asked_again_when_it_is_back(opener, hang, documented):
    source = opener.open("b", "away/x.exr", deadline=Deadline.after(SOON))
    before = helpers_alive()

    def give_up():
        with pytest.raises(DeadlineExceeded):
            source.read(start=0, end=9)

    callers = [threading.Thread(target=give_up) for _ in range(MOST_STUCK)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(IN_TIME)
    for _ in range(50):
        started = time.monotonic()
        with pytest.raises(SourceUnavailable, match="hangs") as caught:
            opener.open("b", "a.exr", deadline=Deadline.after(60)).read(start=0, end=10)
        documented(caught.value.code)
        assert time.monotonic() - started < IN_TIME
    assert helpers_alive() - before <= MOST_STUCK
    hang()
    (bucket,) = opener._mounts["b"]
    until(lambda: bucket.helpers._stuck == 0)
    assert opener.open("b", "a.exr", deadline=Deadline.after(IN_TIME)).read(start=0, end=300) == DATA


@pytest.mark.failure(
    "raised",
    "opening a file would block, since another program holds a lease",
    "`SOURCE_UNAVAILABLE`, at once",
    "end the program that holds the lease",
)
def test_a_file_that_would_hang_when_it_is_opened_is_refused_at_once(folder, opener, documented):
    with (folder / "a.exr").open("r+b") as file:
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # ignored, because the default action would end this process
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)  # opening the file waits until the lease is released
        except OSError as error:
            pytest.skip(f"no leases here: {error}")
        for deadline in (None, Deadline.after(60)):
            started = time.monotonic()
            with pytest.raises(SourceUnavailable, match="lease") as caught:
                opener.open("b", "a.exr", deadline=deadline).read(start=0, end=10)
            documented(caught.value.code)
            assert time.monotonic() - started < IN_TIME
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    assert opener.open("b", "a.exr", deadline=Deadline.after(IN_TIME)).read(start=0, end=300) == DATA


def test_helpers_are_as_many_as_callers_and_stuck_calls(tmp_path, monkeypatch):
    monkeypatch.setattr(helpers_module, "MOST_STUCK", 2)
    helpers, pipe, made = Helpers(), tmp_path / "pipe", []
    os.mkfifo(pipe)

    def hangs():  # open(2) of a pipe waits for a writer
        made.append(os.open(pipe, os.O_RDONLY))

    before = helpers_alive()
    for _ in range(2):
        with pytest.raises(DeadlineExceeded):
            helpers.run(hangs, deadline=Deadline.after(SOON), doing="looking")
    assert helpers._stuck == 2
    with pytest.raises(SourceUnavailable):
        helpers.run(lambda: made.append(-1), deadline=Deadline.after(SOON), doing="looking")
    assert made == []
    writer = os.open(pipe, os.O_WRONLY)
    until(lambda: helpers._stuck == 0)
    for descriptor in (*made, writer):
        os.close(descriptor)
    for number in range(20):
        answer = helpers.run(lambda number=number: number, deadline=Deadline.after(IN_TIME), doing="looking")
        assert answer == number
    assert helpers_alive() - before == 2, "helpers are used again"


def test_what_a_helper_s_call_raises_is_raised_and_nothing_begins_when_the_time_is_over():
    helpers, began = Helpers(), []

    def timed_out():  # the file system's own error, not ours
        raise TimeoutError

    with pytest.raises(TimeoutError):
        helpers.run(timed_out, deadline=Deadline.after(IN_TIME), doing="looking")
    with pytest.raises(DeadlineExceeded):
        helpers.run(lambda: began.append(1), deadline=Deadline.after(0), doing="looking")
    assert began == []
    assert helpers._stuck == 0
