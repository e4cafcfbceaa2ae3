"""The decoder process of `isolation`: decodes the chunks that its parent sends, until the parent ends.

Imports few modules, since each process has to load them, and none that read settings or access stores.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.decode import DeepPayload
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.memory_file import SharedFile
from exr_inspector.pixels.mini_file import Payload
from exr_inspector.pixels.work import StripWork, decode_strip

_PR_SET_PDEATHSIG = 1
_LONGEST_SECONDS = 86_400.0  # damaged sizes can ask for more time than a timer takes
# Memory in addition to the estimate for decoding: samples kept for percentiles, and codecs that need more than estimated.
_SPARE_BYTES = 256 << 20


def serve(arguments: tuple[int, int, int, int, int]) -> None:
    """Decode jobs one after another.

    Args:
        arguments: Descriptors of the connection, of the file with packed chunks and of the file for results; memory budget in
            bytes; process id of the parent.
    """
    connected, inbox, outbox, memory_bytes, parent = arguments
    _end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # first, so that a Ctrl-C during the start is ignored
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _silence_library()
    budget = DecodeBudget(workers=1, memory_bytes=memory_bytes)
    _limit_memory(budget.decoded.capacity + _SPARE_BYTES)
    packed, decoded = SharedFile(inbox), SharedFile(outbox)
    with Connection(connected) as connection, suppress(EOFError, ConnectionError):
        while True:
            work, sizes, memory, cpu_seconds = connection.recv()
            with _cpu_time(cpu_seconds):
                answer = _answer(connection, budget, work, _payloads(packed, sizes), decoded)
            connection.send(answer)
            del answer
            budget.trim(memory)


def _answer(
    connection: Connection,
    budget: DecodeBudget,
    work: StripWork,
    payloads: Sequence[Payload | DeepPayload],
    outbox: SharedFile,
) -> tuple[Any, ...]:
    def take(block: DecodedBlock) -> None:
        connection.send(("block", *outbox.put(block)))
        connection.recv()

    def report_decoded() -> None:
        connection.send(("decoded",))

    try:
        chunks = work.chunks(payloads)
        figures = decode_strip(work, chunks, budget, decoded=report_decoded, take=take if work.is_taken else None)
        return "figures", *outbox.put(figures)
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - a bug of this program, which the parent raises
        return "failed", f"{type(error).__name__}: {error}"


def _payloads(inbox: SharedFile, sizes: Sequence[Any]) -> list[Payload | DeepPayload]:
    view = inbox.view(sum(size if isinstance(size, int) else size[0] + size[1] for size in sizes))
    payloads: list[Payload | DeepPayload] = []
    start = 0
    for size in sizes:
        if isinstance(size, int):
            payloads.append(view[start : start + size])
            start += size
        else:
            table, data, unpacked = size
            payloads.append(
                DeepPayload(view[start : start + table], view[start + table : start + table + data], unpacked)
            )
            start += table + data
    return payloads


@contextmanager
def _cpu_time(seconds: float) -> Iterator[None]:
    """Kill this process by SIGPROF if the `with` block uses more CPU time; no exception, as the library may hold the GIL."""
    signal.setitimer(signal.ITIMER_PROF, min(seconds, _LONGEST_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _silence_library() -> None:
    """Discard the library's messages about damaged chunks, which become findings; Python's own errors are still written."""
    with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
        os.dup2(nowhere.fileno(), 2)


def _end_with(parent: int) -> None:
    """Make Linux kill this process when its parent ends, even inside the library; other systems rely on the closed pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()


def _limit_memory(size: int) -> None:
    """Make allocations fail that exceed the current memory of this process by more than `size` bytes."""
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
        most = pages * os.sysconf("SC_PAGE_SIZE") + size
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))
