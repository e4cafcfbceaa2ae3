"""Loads a function's `main.py` from its folder."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dataengine_local.errors import LocalRuntimeError
from dataengine_local.sdk import sdk_modules

# `vastde functions build` 5.4 searches for these texts, which an annotated signature does not have.
_TEXT_OF_BUILD_5_4 = ("def init(ctx)", "def handler(ctx, event)")


@dataclass(frozen=True, slots=True)
class LoadedFunction:
    """A function's two entry points.

    Attributes:
        name: The name of its folder.
        init: Called once with `ctx`.
        handler: Called with `ctx` and an event, or a list of events; plain or `async`.
        warnings: One sentence for each thing that runs here but is refused by some version of the platform.
    """

    name: str
    init: Callable[..., Any]
    handler: Callable[..., Any]
    warnings: tuple[str, ...] = ()


def load_function(directory: Path) -> LoadedFunction:
    """Import `main.py` of a folder, as the container does: with that folder first on the import path.

    VAST's SDK modules are importable while `main.py` is imported, installed or not. Every published form of the signatures is
    accepted: `def init(ctx: Context)`, `async def handler(ctx, event: VastEvent)`, `def handler(ctx, events_list)`.

    Raises:
        LocalRuntimeError: There is no `main.py`, its import fails, or an entry point is missing or takes other arguments.
    """
    folder = directory.resolve()
    path = folder / "main.py"
    if not path.exists():
        raise LocalRuntimeError(f"{folder}: there is no main.py in it: expected the folder of a function, with main.py")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LocalRuntimeError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise LocalRuntimeError(f"{path}: not UTF-8 at byte {error.start}") from error
    module = _import(path)
    for name, arguments in (("init", ("ctx",)), ("handler", ("ctx", "event"))):
        problem = _signature_problem(getattr(module, name, None), arguments)
        if problem:
            del sys.modules[module.__name__]
            raise LocalRuntimeError(f"{path}: {problem}, expected def {name}({', '.join(arguments)})")
    warnings = tuple(
        f"main.py lacks the text `{wanted}`, which `vastde functions build` 5.4 looks for; newer versions do not"
        for wanted in _TEXT_OF_BUILD_5_4
        if wanted not in text
    )
    return LoadedFunction(folder.name, module.init, module.handler, warnings)


def _signature_problem(entry_point: object, arguments: tuple[str, ...]) -> str | None:
    if entry_point is None:
        return "no such function"
    if not callable(entry_point):
        return f"a {type(entry_point).__name__} instead of a function"
    try:
        signature = inspect.signature(entry_point)
    except ValueError:  # callables written in C have no signature
        return None
    try:
        signature.bind(*arguments)
    except TypeError:
        return f"found {signature}"
    return None


def _import(path: Path) -> ModuleType:
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    # Several functions may be loaded in one process: each main.py is a module of its own.
    name = f"dataengine_local_function_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LocalRuntimeError(f"{path}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with sdk_modules():
            spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise LocalRuntimeError(f"{path}: import failed, {type(error).__name__}: {error}") from error
    return module
