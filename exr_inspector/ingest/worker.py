"""A process that inspects for an ingest run: takes tasks from a pipe, answers into it, ends when the pipe does.

What it needs to know, secrets included, comes through the pipe: nothing is in its arguments, nothing in a file. It makes the
rows of what it inspects, but storing them is none of its business, so it neither gets the keys of the database nor imports
its client. When the run ends, or is killed, so does the pipe, and with it this process, at once.
"""

from __future__ import annotations

import gc
import io
import os
import pickle
import signal
import sys
import threading
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any

from exr_inspector.errors import internal_fault
from exr_inspector.ingest.tasks import Answer, Dropped, Failure, Gang, Hands, Numbered, answered
from exr_inspector.inspector import Inspector
from exr_inspector.model import StatsMode
from exr_inspector.settings import Secret, Settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import Policy

Told = list[tuple[int, Answer]]  # numbers of tasks, and their answers


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
    hands = Hands(opener, Inspector.from_settings(begin.settings, stats=begin.stats), begin.policy)
    teller = _Teller(pipe)
    gang = Gang(begin.threads, hands, lambda found: teller.tell(answered(found)))
    gc.freeze()  # modules and rules stay: to go through them again and again is a tenth of the work
    teller.send(Ready())
    while True:
        message: list[Numbered] | Drop = pipe.recv()
        if isinstance(message, Drop):
            teller.tell([(number, Dropped()) for number in gang.drop()])
        else:
            gang.put(message)


class _Teller:
    """Writes to the pipe, for all threads."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, message: Ready | Told) -> None:
        """One message; ends the process when nobody reads it."""
        self._send(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))

    def tell(self, answers: Told) -> None:
        """Answers; one that cannot be written harms no other."""
        try:
            self.send(answers)
        except Exception as error:  # noqa: BLE001 - boundary of one object
            if len(answers) > 1:
                for answer in answers:
                    self.tell([answer])
            else:
                self.send([(number, Failure.of(internal_fault(error))) for number, _ in answers])

    def _send(self, raw: bytes) -> None:
        try:
            with self._lock:
                self._pipe.send_bytes(raw)
        except OSError:
            os._exit(0)
