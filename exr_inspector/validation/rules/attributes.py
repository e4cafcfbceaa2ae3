"""STR: attributes whose names are almost standard ones. `exr.conformance` checks the standard attributes themselves."""

from __future__ import annotations

import math

from exr_inspector.exr.header.as_json import value_number
from exr_inspector.exr.header.values import Attribute, Box2f, Box2i, Rational
from exr_inspector.model import Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.facts.near_misses import namespace_of, odd_names
from exr_inspector.validation.rule import Found, Remedy, Results, listed, part_rule

_STANDARD = "OpenEXR standard attributes"
_ROUNDED = 1e-3  # of numbers in a text: 23.976 for 24000/1001

_NUMBERS = frozenset(
    {"float", "double", "v2f", "v2d", "v3f", "v3d", "m33f", "m33d", "m44f", "m44d", "box2i", "box2f", "floatvector"}
)
# Standard attributes with a rule of their own: WIN-INVALID, WIN-PAR-RANGE, WIN-SCREEN, COL-WHITELUM.
_CHECKED = frozenset(
    {"dataWindow", "displayWindow", "pixelAspectRatio", "screenWindowCenter", "screenWindowWidth", "whiteLuminance"}
)


def _shown(attribute: Attribute) -> str:
    """The type of an attribute and, if it is short, its value."""
    value = attribute.value
    if isinstance(value, str):
        return f"{attribute.type_name} {value[:40]!r}"
    number = value.value if isinstance(value, Rational) else value
    return f"{attribute.type_name} {number:g}" if isinstance(number, (int, float)) else attribute.type_name


@part_rule(
    "STR-NEAR-MISS",
    Severity.INFO,
    "No attribute's name is almost that of a standard attribute",
    why="Readers look for the exact name, so the value has no effect.",
    source=_STANDARD,
    fix="Write the value with the standard's exact name and type, or choose a clearly different name.",
    when=t.ODD_NAMES,
    command='exrstdattr -string NAME "VALUE" IN.exr OUT.exr',
    remedy=Remedy.EDIT,
)
def near_misses(part: PartFacts, _: object) -> Results:
    """Report names that differ from a standard one by case, spelling or namespace; those of one namespace together.

    Compositing software can copy dozens of attributes of its input as `exr/...`. Another number than that of the standard
    attribute, beside a name that differs by case alone, is a warning.
    """
    found = []
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, meant in odd_names(part.part.by_name).near:
        groups.setdefault(namespace_of(name) or name, []).append((name, meant))
    for start, names in groups.items():
        name, meant = names[0]
        attribute, other = part.part.by_name[name], part.part.by_name.get(meant)
        if len(names) > 1:
            all_meant = listed(dict.fromkeys(meant for _, meant in names))
            listed_names = listed(repr(name) for name, _ in names)
            message = f"{len(names)} attributes whose names begin with {start} have no effect: {listed_names}; "
            message += f"did you mean {all_meant}?"
            found.append(Found(message, listed(name for name, _ in names), all_meant, offset=attribute.offset))
            continue
        readers = "; readers that ignore case take either" if name.lower() == meant.lower() else ""
        message, severity = f"Attribute {name!r} ({_shown(attribute)}) has no effect", None
        if other and readers and _disagree(attribute, other):
            message, severity = f"{message}, and disagrees with {meant} ({_shown(other)}){readers}", Severity.WARNING
        else:
            beside = f" ({_shown(other)} there, too{readers})" if other else ""
            message += f": did you mean {meant}{beside}?"
        found.append(Found(message, name, meant, offset=attribute.offset, severity=severity))
    return found


def _disagree(attribute: Attribute, other: Attribute) -> bool:
    """Whether two attributes hold different numbers, as such or as text."""
    numbers = [_number(each) for each in (attribute, other)]
    return None not in numbers and not math.isclose(*numbers, rel_tol=_ROUNDED)  # type: ignore[arg-type]  # no None


def _number(attribute: Attribute) -> float | None:
    if not isinstance(attribute.value, str):
        return value_number(attribute)
    if "_" in attribute.value:  # which Python's numbers may contain
        return None
    try:
        number = float(attribute.value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


@part_rule(
    "STR-ATTR-FINITE",
    Severity.INFO,
    "Numbers in attributes are finite, and boxes not empty",
    why="Software that calculates with NaN or an infinity, such as a camera's matrix or an exposure, makes the image black or "
    "places it nowhere. A box whose minimum is above its maximum was never set.",
    source="AliceVision#2150 (exposure of -inf); openexr#1943 (box2f of the greatest numbers)",
    fix="Correct the software that computes the number, or remove the attribute.",
    command="oiiotool IN.exr -a --eraseattrib NAME -o OUT.exr",
    remedy=Remedy.EDIT,
)
def attribute_numbers(part: PartFacts, _: object) -> Results:
    """Report attributes with a NaN or an infinity, and empty boxes, once each for all of a part.

    Long float vectors are not looked at, nor the windows, which WIN checks.
    """
    numbers = [
        attribute
        for attribute in part.part.attributes
        if attribute.type_name in _NUMBERS and attribute.name not in _CHECKED
    ]
    odd = [attribute for attribute in numbers if not _is_finite(attribute.value)]
    boxes = [attribute for attribute in numbers if _is_empty_box(attribute.value)]
    found = []
    if odd:
        names = listed(f"{each.name} ({_shown(each)})" for each in odd)
        message = (
            f"{'An attribute holds' if len(odd) == 1 else f'{len(odd)} attributes hold'} NaN or an infinity: {names}"
        )
        found.append(Found(message, names, "finite numbers", offset=odd[0].offset))
    if boxes:
        names = listed(each.name for each in boxes)
        message = f"{'A box is' if len(boxes) == 1 else f'{len(boxes)} boxes are'} empty, as if never set: {names}"
        found.append(Found(message, names, "a minimum below the maximum", offset=boxes[0].offset))
    return found


def _is_empty_box(value: object) -> bool:
    """Whether the minimum of a box is above its maximum in x or y."""
    return isinstance(value, (Box2i, Box2f)) and (value.x_min > value.x_max or value.y_min > value.y_max)


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, tuple) or all(math.isfinite(each) for each in value if isinstance(each, float))


@part_rule(
    "STR-CASE-TWINS",
    Severity.INFO,
    "No two attribute names differ only by upper and lower case",
    why="Readers that ignore case use either of them. Columns use the one that is spelt exactly as the "
    "attribute they are documented for.",
    source=f"{_STANDARD}; OpenImageIO",
    fix="Remove one of the two.",
    when=t.ODD_NAMES,
    command="oiiotool IN.exr -a --eraseattrib NAME -o OUT.exr",
    remedy=Remedy.EDIT,
)
def case_twins(part: PartFacts, _: object) -> Results:
    """Report names that are equal in lower case. Groups with a standard attribute are left to STR-NEAR-MISS."""
    odd = odd_names(part.part.by_name)
    near = {name for name, _ in odd.near}
    return [
        Found(f"Attributes {' and '.join(names)} differ only by upper and lower case", listed(names), "one of them")
        for names in odd.twins
        if near.isdisjoint(names)
    ]
