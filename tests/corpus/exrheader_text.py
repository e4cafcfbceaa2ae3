"""Format attributes like OpenEXR's `exrheader`, and parse its output."""

import re
from collections.abc import Callable
from typing import Any

from exr_inspector.exr.header.values import (
    Attribute,
    Box2i,
    Channel,
    Chromaticities,
    Compression,
    Envmap,
    LineOrder,
    Preview,
    Rational,
    TileDesc,
)

_PIXEL_TYPES = ("32-bit unsigned integer", "16-bit floating-point", "32-bit floating-point")
_LINE_ORDERS = {
    LineOrder.INCREASING_Y: "increasing y",
    LineOrder.DECREASING_Y: "decreasing y",
    LineOrder.RANDOM_Y: "random y",
}
_ENVMAPS = {Envmap.LATLONG: "latitude-longitude map", Envmap.CUBE: "cube-face map"}
_LEVELS = ("single level", "mip-map", "rip-map")
_OPAQUE = {"deepImageState", "idmanifest"}  # it prints only the type of these


def _g(value: float) -> str:
    return f"{value:g}"


def _vector(value: tuple[float, ...]) -> list[str]:
    return ["(" + " ".join(map(_g, value)) + ")"]


def _box(value: Box2i) -> list[str]:
    return [f"({value[0]} {value[1]}) - ({value[2]} {value[3]})"]


def _chlist(value: tuple[Channel, ...]) -> list[str]:
    return [""] + [
        f"    {c.name}, {_PIXEL_TYPES[c.pixel_type]}, sampling {c.x_sampling} {c.y_sampling}"
        + (", plinear" if c.p_linear else "")
        for c in sorted(value)
    ]


def _chromaticities(value: Chromaticities) -> list[str]:
    names = ("red  ", "green", "blue ", "white")
    return [""] + [f"    {n} ({_g(value[2 * i])} {_g(value[2 * i + 1])})" for i, n in enumerate(names)]


def _matrix(value: tuple[float, ...]) -> list[str]:
    rows = [" ".join(map(_g, value[i : i + 4])) for i in range(0, 16, 4)]
    return ["", f"   ({rows[0]}", f"    {rows[1]}", f"    {rows[2]}", f"    {rows[3]})"]


def _tiles(value: TileDesc) -> list[str]:
    lines = ["", f"    {_LEVELS[value.level_mode]}", f"    tile size {value.x_size} by {value.y_size} pixels"]
    if value.level_mode:
        lines.append(f"    level sizes rounded {'up' if value.rounding_mode else 'down'}")
    return lines


def _rational(value: Rational) -> list[str]:
    return [f"{value.numerator}/{value.denominator} ({_g(value.value or 0.0)})"]


def _preview(value: Preview) -> list[str]:
    return [f"{value.width} by {value.height} pixels"]


_TEXT: dict[str, Callable[[Any], list[str]]] = {
    "box2i": _box,
    "chlist": _chlist,
    "chromaticities": _chromaticities,
    "compression": lambda value: [Compression(value).name.lower()],
    "envmap": lambda value: [_ENVMAPS[value]],
    "float": lambda value: [_g(value)],
    "int": lambda value: [str(value)],
    "lineOrder": lambda value: [_LINE_ORDERS[value]],
    "m44f": _matrix,
    "preview": _preview,
    "rational": _rational,
    "string": lambda value: f'"{value}"'.split("\n"),
    "stringvector": lambda value: [""] + [f'    "{text}"' for text in value],
    "tiledesc": _tiles,
    "v2f": _vector,
    "v3f": _vector,
}


def as_exrheader(attribute: Attribute) -> list[str]:
    """The lines of a value; none for a type that exrheader does not print."""
    if attribute.type_name in _OPAQUE or isinstance(attribute.value, bytes):
        return []
    return _TEXT[attribute.type_name](attribute.value)


_ENTRY = re.compile(r"^(\S.*?) \(type ([^)]*)\)(?:: ?(.*))?$")
_PART = re.compile(r"^ part \d+(?: \(incomplete\))?:$")


def parse_exrheader(text: str) -> list[dict[str, tuple[str, list[str]]]]:
    """One dictionary for each part: attribute name -> (type name, lines of the value)."""
    parts: list[dict[str, tuple[str, list[str]]]] = [{}]
    lines: list[str] = []
    for line in text.split("\n"):
        entry = _ENTRY.match(line)
        if line.startswith(("# rc=", "# stderr")):
            break
        if _PART.match(line):
            if parts[-1]:
                parts.append({})
        elif entry:
            lines = [] if entry[3] is None else [entry[3]]
            value = lines
            if entry[2] == "compression":
                value = [entry[3].partition(":")[0]]
            parts[-1][entry[1]] = (entry[2], value)
        elif parts[-1]:
            lines.append(line)
    for part in parts:
        for _, value in part.values():
            while len(value) > 1 and not value[-1]:
                value.pop()
    return parts
