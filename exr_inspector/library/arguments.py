"""Checks of the arguments of the public API. An `ArgumentError` names the argument, what was found and what was expected."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TypeVar

from exr_inspector.delivery.patterns import parse_frames
from exr_inspector.errors import ArgumentError, PatternError
from exr_inspector.model import Severity, StatsMode
from exr_inspector.settings import NAMES
from exr_inspector.texts import did_you_mean, page

Given = TypeVar("Given")
_LISTED = 20  # names in a message


def wrong(name: str, expected: str, found: object) -> ArgumentError:
    """The error for a wrong argument."""
    text = repr(found)
    return ArgumentError(f"{name}: expected {expected}, found {text if len(text) <= 80 else type(found).__name__}")


def instance(name: str, value: object, kind: type[Given], expected: str) -> Given:
    """The value, which must have the given type.

    Raises:
        ArgumentError: It is not.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise wrong(name, expected, value)
    return value


def truth(name: str, value: object) -> bool:
    """The value, which must be True or False.

    Raises:
        ArgumentError: It is not.
    """
    return instance(name, value, bool, "True or False")


def settings_by_name(settings: object) -> Mapping[str, str]:
    """The settings that a caller gives; empty for None.

    Raises:
        ArgumentError: It is no mapping, a name is not that of a setting, or a value is no text.
    """
    given = instance("settings", {} if settings is None else settings, Mapping, "settings by name")  # type: ignore[type-abstract]
    for name, value in given.items():
        if name not in NAMES:
            hint = did_you_mean(str(name), NAMES) or f"{page('settings')} lists all"
            raise wrong("settings", f"names of settings ({hint})", name)
        if not isinstance(value, str):  # the value is not shown, since it may be a secret
            raise ArgumentError(f"settings: expected a text for {name}, such as '1', found {type(value).__name__}")
    return given


def path_text(name: str, value: object) -> str:
    """A path or URL as text.

    Raises:
        ArgumentError: It is neither a text nor a path, or empty.
    """
    text = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text.strip():
        raise wrong(name, "a path, an s3:// URL or a pattern", value)
    return text


def target_names(targets: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[str]:
    """One target or several as texts.

    Raises:
        ArgumentError: There is none, or one is neither a text nor a path.
    """
    if isinstance(targets, (str, os.PathLike)):
        return [path_text("targets", targets)]
    if isinstance(targets, (bytes, Mapping)) or not isinstance(targets, Iterable):
        raise wrong("targets", "a path, an s3:// URL, a pattern, or several of these", targets)
    names = [path_text("targets", target) for target in targets]
    if not names:
        raise wrong("targets", "at least one path, s3:// URL or pattern", targets)
    return names


def one_of(name: str, value: object, choices: Iterable[str]) -> str:
    """The value, which must be one of the choices.

    Raises:
        ArgumentError: It is not.
    """
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        near = did_you_mean(value, known) if isinstance(value, str) else ""
        hint = f" ({near})" if near else ""
        listed = f"{', '.join(known[:-1])} or {known[-1]}" if len(known) <= _LISTED else f"one of {len(known)} names"
        raise wrong(name, f"{listed}{hint}", value)
    return value


def stats_mode(value: object) -> StatsMode:
    """The mode with this name.

    Raises:
        ArgumentError: There is no such mode.
    """
    return StatsMode(
        one_of("stats", value.value if isinstance(value, StatsMode) else value, [m.value for m in StatsMode])
    )


def severity(name: str, value: object) -> Severity:
    """A severity, given as such or by its label.

    Raises:
        ArgumentError: There is none of that name.
    """
    if isinstance(value, Severity):
        return value
    labels = {each.label: each for each in Severity}
    return labels[one_of(name, value, labels)]


def frame_ranges(value: object) -> tuple[range, ...]:
    """The required frames: of a first and a last one, or of a text such as `1001-1010,1020-1040x2`; empty for None.

    Raises:
        ArgumentError: It is neither a pair of numbers in ascending order nor such a text.
    """
    if value is None:
        return ()
    try:
        return parse_frames(value if isinstance(value, str) else _range_text(value))
    except PatternError as error:
        raise ArgumentError(f"frames: {error}") from error


def _range_text(value: object) -> str:
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not all(type(each) is int for each in value):
        raise wrong("frames", "the first and the last frame, such as (1001, 1060), or '1001-1010,1020'", value)
    first, last = value
    if first > last:
        raise wrong("frames", f"the first frame before the last, such as ({last}, {first})", value)
    return f"{first}-{last}"
