"""A process that inspects for an ingest run: takes tasks from a pipe, answers into it, ends when the pipe does.

What it needs to know, secrets included, comes through the pipe: nothing is in its arguments, nothing in a file. The tables
are none of its business, so it neither gets the keys of the database nor imports its client. When the run ends, or is killed,
so does the pipe, and with it this process, at once.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any

from exr_inspector.assembly import inspector_from
from exr_inspector.ingest_tasks import Answer, Failure, Gang, Hands, Numbered, Task
from exr_inspector.model import StatsMode
from exr_inspector.service_faults import internal_fault
from exr_inspector.settings import Secret, Settings
from exr_inspector.sources import SourceOpener
from exr_inspector.validation import Policy

Told = tuple[int, bytes | None]  # a task's number and its answer, pickled; None when it was dropped


@dataclass(frozen=True, slots=True)
class Begin:
    """The first message to a worker: what to be."""

    settings: Settings
    stats: StatsMode
    policy: Policy
    threads: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The first message from a worker: it has begun."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Message to a worker: begin no more reading."""


class _Sealed(pickle.Pickler):
    """Writes what else is not written: secrets, for the process at the other end of the pipe alone, and read-only mappings."""

    def reducer_override(self, obj: Any) -> Any:
        """How an object is made anew."""
        if isinstance(obj, Secret):
            return Secret, (obj.reveal(),)
        if isinstance(obj, MappingProxyType):
            return _read_only, (dict(obj),)
        return NotImplemented


def _read_only(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(items)


def sealed(begin: Begin) -> bytes:
    """The message, without what a worker need not know: the keys of the database."""
    buffer = io.BytesIO()
    _Sealed(buffer, pickle.HIGHEST_PROTOCOL).dump(replace(begin, settings=replace(begin.settings, catalog=None)))
    return buffer.getvalue()


def serve(descriptor: int) -> None:
    """What the process does, until the pipe of this descriptor ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr  # the OpenEXR module prints warnings of damaged chunks there
    try:
        _answer(Connection(descriptor))
    except (EOFError, OSError):  # the run is over, or was killed: nobody waits for what is still being read
        os._exit(0)


def _answer(pipe: Connection) -> None:
    begin: Begin = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from the process that started this one, over its pipe
    opener = SourceOpener(begin.settings)
    hands = Hands(opener, inspector_from(begin.settings, stats=begin.stats), begin.policy)
    gang: Gang[bytes | None] = Gang(begin.threads, _packing(hands), _telling(pipe))
    pipe.send(Ready())
    while True:
        message: list[Numbered] | Drop = pipe.recv()
        if isinstance(message, Drop):
            gang.tell((number, None) for number in gang.drop())
        else:
            gang.put(message)


def _packing(hands: Hands) -> Callable[[Task], bytes]:
    """Answers as bytes, each on its own, so that one that cannot be written harms no other."""

    def pack(task: Task) -> bytes:
        answer: Answer = hands(task)
        try:
            return pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001 - boundary of one object
            return pickle.dumps(Failure.of(internal_fault(error)), pickle.HIGHEST_PROTOCOL)

    return pack


def _telling(pipe: Connection) -> Callable[[list[Told]], None]:
    def tell(told: list[Told]) -> None:
        try:
            pipe.send(told)
        except OSError:
            os._exit(0)

    return tell
