"""Stand-ins for VAST's SDK modules, which no package index has, so that functions that import them run unchanged.

    with sdk_modules():
        from vast.dataengine.sdk import Context, VastEvent, VastEventList, event_batching_handler
        from vast_runtime.vast_event import VastEvent

The modules exist only inside the block. An installed module is not replaced.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any, TypeVar

from dataengine_local.context import LocalContext
from dataengine_local.events import (
    ElementTriggerVastEvent,
    FunctionVastEvent,
    ScheduleVastEvent,
    VastEvent,
    VastEventList,
)

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK = "__event_batching__"


def event_batching_handler(handler: _Function) -> _Function:
    """Mark a handler that takes a list of events and returns a list of one result each."""
    setattr(handler, _MARK, True)
    return handler


def is_batching(handler: Callable[..., Any]) -> bool:
    """True when the handler carries the decorator, also below others that use `functools.wraps`."""
    return bool(getattr(handler, _MARK, False))


_MODULES = ("vast", "vast.dataengine", "vast.dataengine.sdk", "vast_runtime", "vast_runtime.vast_event")
_MEMBERS = {
    "Context": LocalContext,
    "VastEvent": VastEvent,
    "VastEventList": VastEventList,
    "ElementTriggerVastEvent": ElementTriggerVastEvent,
    "FunctionVastEvent": FunctionVastEvent,
    "ScheduleVastEvent": ScheduleVastEvent,
    "event_batching_handler": event_batching_handler,
}


class _StandIns:
    """Counts the users of the modules, since several runtimes may run in one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._added: list[str] = []

    def add(self) -> None:
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            for name in _MODULES:
                if not _is_importable(name):
                    self._added.append(name)
                    sys.modules[name] = _module(name)

    def remove(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                for name in self._added:
                    sys.modules.pop(name, None)
                self._added.clear()


_STAND_INS = _StandIns()


@contextmanager
def sdk_modules() -> Iterator[None]:
    """Make `vast.dataengine.sdk` and `vast_runtime.vast_event` importable while the body runs."""
    _STAND_INS.add()
    try:
        yield
    finally:
        _STAND_INS.remove()


def _is_importable(name: str) -> bool:
    if name in sys.modules:
        return True
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is absent
        return False


def _module(name: str) -> ModuleType:
    module = module_from_spec(ModuleSpec(name, None, is_package=True))
    if name.endswith((".sdk", ".vast_event")):
        vars(module).update(_MEMBERS)
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    return module
