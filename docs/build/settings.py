"""Generate `docs/settings.md` from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from exr_inspector.settings import Mount, Secret, Settings, View, field_group, field_unit, is_needed, setting_name
from exr_inspector.settings.values import Url

_INTRODUCTION = """# Settings

Every setting is an environment variable, a key in one of the platform's secrets, or a file below `/secrets` (flat, or in one
folder per secret). Secrets take precedence over files, files over the environment, the environment over the defaults below;
what a command or a function of the library is given, such as the database of `--catalog FILE`, over all of them.
An empty text counts as not set. `EXR_SECRET_NAME` itself is read from the environment only; without it, a key that several
secrets have with different values is an error. All errors in settings that a command uses are reported together, by name;
values of secrets are never shown.

The function needs every setting marked *database*, and either every one marked *objects* or at least one mounted folder.
Inspecting a local file needs none.

| Setting | Type | Default | Unit | Needed for | Secret | Meaning |
|---|---|---|---|---|---|---|
"""

_LISTS = {str: "names", Mount: "folders", View: "views"}


def render() -> str:
    """Render the page."""
    return _INTRODUCTION + "".join(_row(field) for field in Settings.model_fields.values())


def _row(field: FieldInfo) -> str:
    cells = (
        f"`{setting_name(field)}`",
        "URL" if Url in get_args(field.annotation) else _kind(field.annotation),
        _default(field.default),
        field_unit(field),
        field_group(field) if is_needed(field) else "",
        "yes" if _is_secret(field.annotation) else "",
        field.description or "",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _is_secret(annotation: Any) -> bool:
    return annotation is Secret or Secret in get_args(annotation) or any(map(_is_secret, get_args(annotation)))


def _kind(annotation: Any) -> str:
    """Describe the type of a setting's value in words."""
    if get_origin(annotation) is Literal:
        return _either(get_args(annotation))
    for type_, words in ((bool, "on or off"), (int, "whole number"), (float, "number"), (Path, "file")):
        if annotation is type_ or type_ in get_args(annotation):
            return words
    if get_origin(annotation) is tuple:
        return _LISTS[get_args(annotation)[0]]
    inner = [item for item in get_args(annotation) if get_origin(item) is not None]
    return _kind(get_args(inner[0])[0]) if inner else "text"


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _default(default: Any) -> str:
    if default is None or default == ():
        return ""
    if isinstance(default, bool):
        return "`on`" if default else "`off`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
