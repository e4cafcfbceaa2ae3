"""Find attribute names that are almost standard ones, and names that differ only by upper and lower case.

Results are cached by the list of names, because the frames of a sequence have the same attributes.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from exr_inspector.exr.header.standard import STANDARD

_SEPARATORS = re.compile(r"[\s_.-]+")
_NAMESPACE = re.compile(r"(?:exr|openexr|oiio|smpte)[/:]", re.IGNORECASE)
# OpenImageIO reads attributes of the structure as `openexr:lineOrder`, and time codes as `smpte:TimeCode`. When it writes the
# image again, it makes the standard attributes from them, and keeps some of the others beside these.
_OF_OPENIMAGEIO = re.compile(r"(?:openexr|oiio|smpte):", re.IGNORECASE)
_LONGEST = 40  # no standard name is longer
_KEPT_NAMES = 400  # longer lists are not cached: hostile headers must not fill the memory
_SHORTEST = 6  # shorter names are not compared by similarity
_BY_LETTERS = {_SEPARATORS.sub("", name).lower(): name for name in STANDARD}


@lru_cache(maxsize=4096)
def near_miss(name: str) -> str | None:
    """The standard attribute that a name almost equals; None if there is none.

    The name may differ by case (`colorInteropId`), separators (`time_code`), a namespace (`exr/owner`) or a letter
    (`chromaticites`).
    """
    letters = _SEPARATORS.sub("", name[len(namespace_of(name)) :].lower())
    if letters in _BY_LETTERS:
        return _BY_LETTERS[letters]
    if len(letters) < _SHORTEST or not letters.isalpha():
        return None
    close = get_close_matches(letters, _BY_LETTERS, 1, 0.92)
    # A plural or a longer word is a different name: `comment`, `cameraMakeNote`.
    if not close or close[0].startswith(letters) or letters.startswith(close[0]):
        return None
    return _BY_LETTERS[close[0]]


def namespace_of(name: str) -> str:
    """The namespace of OpenEXR or OpenImageIO that a name begins with: `exr/` of `exr/owner`; empty for other names."""
    match = _NAMESPACE.match(name)
    return match[0] if match else ""


def _is_usual(name: str, meant: str, names: Container[str]) -> bool:
    """Whether OpenImageIO writes the name beside the standard attribute, or with a standard attribute of the structure."""
    return _OF_OPENIMAGEIO.match(name) is not None and (meant in names or STANDARD[meant].group == "structure")


class OddNames(NamedTuple):
    """Names that are almost standard ones, each with the standard name, and groups that differ only by upper and lower case."""

    near: tuple[tuple[str, str], ...]
    twins: tuple[tuple[str, ...], ...]


def _find_odd(names: tuple[str, ...]) -> OddNames:
    short = [name for name in names if name not in STANDARD and len(name) <= _LONGEST]
    near = tuple(
        (name, meant) for name in short if (meant := near_miss(name)) is not None and not _is_usual(name, meant, names)
    )
    if len({name.lower() for name in names}) == len(names):
        return OddNames(near, ())
    by_lower: dict[str, list[str]] = {}
    for name in names:
        by_lower.setdefault(name.lower(), []).append(name)
    return OddNames(near, tuple(tuple(sorted(group)) for group in by_lower.values() if len(group) > 1))


_kept_odd = lru_cache(maxsize=128)(_find_odd)


def odd_names(names: Mapping[str, object]) -> OddNames:
    """Find the suspicious names among the attributes of a part."""
    ordered = tuple(names)
    return _kept_odd(ordered) if len(ordered) <= _KEPT_NAMES else _find_odd(ordered)
