"""Loads a function's `main.py` from its folder, with the checks that VAST's command line makes before it builds one."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dataengine_local.batch import sdk_stand_in
from dataengine_local.errors import LocalRuntimeError

# `vastde functions build` looks for these as text: an annotated signature is refused.
_REQUIRED_TEXT = ("def init(ctx)", "def handler(ctx, event)")


@dataclass(frozen=True, slots=True)
class LoadedFunction:
    """A function's two entry points, and the name of its folder."""

    name: str
    init: Callable[..., Any]
    handler: Callable[..., Any]


def load_function(directory: Path) -> LoadedFunction:
    """Import `main.py` of a folder, as the container does: with that folder first on the import path.

    VAST's SDK modules are importable while `main.py` is imported, installed or not.

    Raises:
        LocalRuntimeError: There is no `main.py`, it lacks an entry point written as the platform's check wants it, or its
            import fails.
    """
    folder = directory.resolve()
    path = folder / "main.py"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalRuntimeError(
            f"{path}: cannot be read ({type(error).__name__}); name the function's folder"
        ) from error
    for required in _REQUIRED_TEXT:
        if required not in text:
            raise LocalRuntimeError(f"{path}: lacks `{required}`, which VAST's build looks for to the letter")
    module = _import(path)
    for name in ("init", "handler"):
        if not callable(getattr(module, name, None)):
            del sys.modules[module.__name__]
            raise LocalRuntimeError(f"{path}: has no function {name}")
    return LoadedFunction(folder.name, module.init, module.handler)


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
        with sdk_stand_in():
            spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise LocalRuntimeError(f"{path}: import failed, {type(error).__name__}: {error}") from error
    return module
