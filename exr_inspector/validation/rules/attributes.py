"""STR: attributes that are nearly standard ones. What is wrong with standard attributes is found by `exr.conformance`."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache

from exr_inspector.exr.header.standard import STANDARD
from exr_inspector.exr.header.values import Attribute
from exr_inspector.model import Severity
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.parameters import RuleParameters
from exr_inspector.validation.rule import Found, Results, part_rule
from exr_inspector.validation.rules.channels import listed

_STANDARD = "OpenEXR standard attributes"
_SEPARATORS = re.compile(r"[\s_.-]+")
_NAMESPACES = ("exr/", "exr:", "openexr/", "openexr:")
_LONGEST = 40  # no standard name is longer
_SHORTEST = 6  # of names that are compared letter by letter
_BY_LETTERS = {_SEPARATORS.sub("", name).lower(): name for name in STANDARD}


@lru_cache(maxsize=4096)
def near_miss(name: str) -> str | None:
    """The standard attribute that a name is nearly called like, None for all else.

    Names differ by case (`colorInteropId`), separators (`time_code`), a namespace (`exr/owner`), or a letter (`chromaticites`).
    """
    lower = name.lower()
    for namespace in _NAMESPACES:
        lower = lower.removeprefix(namespace)
    letters = _SEPARATORS.sub("", lower)
    if letters in _BY_LETTERS:
        return _BY_LETTERS[letters]
    if len(letters) < _SHORTEST or not letters.isalpha():
        return None
    close = get_close_matches(letters, _BY_LETTERS, 1, 0.92)
    # A plural or a longer word is a name of its own: `comment`, `cameraMakeNote`.
    if not close or close[0].startswith(letters) or letters.startswith(close[0]):
        return None
    return _BY_LETTERS[close[0]]


def _shown(attribute: Attribute) -> str:
    """Type and, where it is short, the value."""
    value = attribute.value
    if isinstance(value, str):
        return f"{attribute.type_name} {value[:40]!r}"
    return f"{attribute.type_name} {value:g}" if isinstance(value, (int, float)) else attribute.type_name


@part_rule(
    "STR-NEAR-MISS",
    Severity.INFO,
    "Attributes that are nearly called like a standard one are called exactly like it",
    why="Readers look for the exact name: the attribute has no effect.",
    source=_STANDARD,
    fix="Write the attribute with the exact name and type of the standard, or choose a clearly different name.",
    command="oiiotool IN.exr --eraseattrib OLD --attrib NEW VALUE -o OUT.exr",
)
def near_misses(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Names that differ from a standard one by case, spelling or namespace."""
    found = []
    for attribute in part.part.attributes:
        name = attribute[0]
        if name in STANDARD or len(name) > _LONGEST or (meant := near_miss(name)) is None:
            continue
        other = part.part.by_name.get(meant)
        beside = f" (there, too: {_shown(other)})" if other else ""
        message = f"Attribute {name!r} ({_shown(attribute)}) has no effect: did you mean {meant}{beside}?"
        found.append(Found(message, name, meant, offset=attribute.offset))
    return found


@part_rule(
    "STR-CASE-TWINS",
    Severity.INFO,
    "No two attributes have names that differ by case alone",
    why="Readers that ignore case take either of them. Columns take the one that is spelt exactly as the attribute they name.",
    source=f"{_STANDARD}; OpenImageIO",
    fix="Remove one of the two.",
    command="oiiotool IN.exr --eraseattrib NAME -o OUT.exr",
)
def case_twins(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Groups of names that are equal in lower case."""
    by_lower: dict[str, set[str]] = {}
    for attribute in part.part.attributes:
        by_lower.setdefault(attribute[0].lower(), set()).add(attribute[0])
    twins = [sorted(names) for names in by_lower.values() if len(names) > 1]
    return [
        Found(f"Attributes {' and '.join(names)} differ by case alone", listed(names), "one of them") for names in twins
    ]
