"""Determine which software wrote a file, and when and where, from the attributes that known software writes.

    >>> provenance_of(header)  # doctest: +SKIP
    Provenance(software='Nuke', software_version='15.1v3', ..., sources={'software': 'nuke/version', ...})

Names are compared without case. The first name of a table that the file has is used; of names that differ only by case, the one
that is spelt as in the table. A value that no attribute gives is None.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.values import Attribute
from exr_inspector.model import Provenance, ProvenanceColumn

AttributeMap = Mapping[ProvenanceColumn, tuple[str, ...]]  # column of `files` -> names of attributes
_NO_MAP: AttributeMap = MappingProxyType({})

_TEXT_CHARACTERS = 400  # of a value; the rest is ignored
_NAME_CHARACTERS = 80  # of a product's name
_VERSION = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)+(?:[a-z]+\d*|\.[a-z]+)?|\d+)(?![\w.])", re.ASCII | re.IGNORECASE)
_FILLER = re.compile(
    r"^(?:version of|developed (?:using|with)|(?:created|written|rendered|generated|made) (?:by|with|using)|image by)\s+"
    r"|[\s:,/-]*(?:\bversion\b|\bv\b|\bver\.?)?[\s:,/(-]*$",
    re.IGNORECASE,
)
_FOR_HOST = re.compile(r"^(.*?)\s+for\s+([A-Z0-9][\w ]*)$")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PARTS_OF_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[hms])", re.ASCII | re.IGNORECASE)
_MEMORY = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*([kmgt]?)i?b?", re.ASCII | re.IGNORECASE)
_MEGABYTES = {"": 1.0, "k": 1 / 1024, "m": 1.0, "g": 1024.0, "t": 1024.0**2}

# Attributes whose text names software, most reliable first; the rest of the text (hashes, command lines) is left out.
_WRITERS = (
    "software",
    "generatedBy",
    "writer",
    "generator",
    "creator",
    "application",
    "encoder",
    "creatorTool",
    "comment",
)
# Attribute with a version -> product. Nuke is first, because it keeps the attributes of renderers.
_VERSIONS = {
    "nuke/version": "Nuke",
    "vrayInfo/vrayversion": "V-Ray",
    "vrayInfo/vraycore": "V-Ray",
    "arnold/version": "Arnold",
    "BlenderMultiChannel": "Blender",
}
# Word before `/version`, `:version`, `_version` ... -> product.
_PRODUCTS = {
    "karma": "Karma", "husk": "husk", "houdini": "Houdini", "mantra": "Mantra", "renderman": "RenderMan", "prman": "RenderMan",
    "rman": "RenderMan", "redshift": "Redshift", "octane": "Octane", "corona": "Corona", "cycles": "Cycles",
    "blender": "Blender", "guerilla": "Guerilla", "clarisse": "Clarisse", "appleseed": "appleseed", "mitsuba": "Mitsuba",
    "luxcore": "LuxCore", "fusion": "Fusion", "flame": "Flame", "resolve": "DaVinci Resolve", "natron": "Natron",
    "gaffer": "Gaffer", "unreal": "Unreal Engine", "katana": "Katana", "3delight": "3Delight", "moonray": "MoonRay",
    "nuke": "Nuke", "arnold": "Arnold", "vray": "V-Ray", "darktable": "darktable", "oiio": "OpenImageIO",
}  # fmt: skip
_VERSION_NAME = re.compile(r"(?:exr/)?([a-z0-9]+)[/:_. -]?(?:\w+[/:_.])?version", re.ASCII)
_FAMILIES = {"lavc": "lavc (FFmpeg)"}
_HOSTS = ("hostApplication", "host_application", "host_app", "rman/host", "arnold/host_app", "husk/host")
_TIMES = (
    "RenderTime", "vrayInfo/rendertime", "arnold/stats/time/total", "arnold/stats/time/render", "render_time",
    "husk:render_time", "husk/render_time", "karma/render_time", "renderman/rendertime", "rman/rendertime",
    "redshift/rendertime", "redshift/render_time", "octane/rendertime", "stats/render_time",
)  # fmt: skip
_MEMORIES = (
    "Memory", "vrayInfo/mem", "arnold/stats/memory/peak", "peakMemory", "peak_memory", "husk:peak_memory",
    "husk/peak_memory", "karma/peak_memory", "redshift/peak_memory", "rman/peak_memory", "stats/peak_memory",
)  # fmt: skip
_COMPUTERS = (
    "Hostname", "HostComputer", "vrayInfo/computername", "computerName", "computer", "machine", "husk:hostname",
    "husk/hostname", "host", "arnold/host/name",
)  # fmt: skip
# Karma's statistics, a JSON object in one attribute: column -> position of its value.
_KARMA = "husk:render_stats"
_KARMA_FIGURES: Mapping[ProvenanceColumn, tuple[str, ...]] = {
    "render_seconds": ("system_time", "wallclock"),
    "peak_memory_mb": ("system_memory", "peak"),
    "render_user": ("username",),
}
_KARMA_CHARACTERS = 1 << 20
_USERS = ("user", "username", "vrayInfo/user", "arnold/user", "husk:user", "husk/user", "rman/user", "artist", "Author")
_RANGES = ("frameRange", "frame_range", "FrameRange", "husk:frame_range", "rman/frame_range")
_BOUNDS = (
    ("startFrame", "endFrame"),
    ("start_frame", "end_frame"),
    ("first_frame", "last_frame"),
    ("firstFrame", "lastFrame"),
)
_NAMES = {
    name.lower(): name
    for names in (
        _WRITERS, _VERSIONS, _HOSTS, _TIMES, _MEMORIES, _COMPUTERS, _USERS, _RANGES, *_BOUNDS,
        ("arnold/host/version", _KARMA),
    )
    for name in names
}  # fmt: skip


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value[:_TEXT_CHARACTERS].strip("\0 \t\r\n") or None


def split_product(text: str) -> tuple[str, str | None]:
    """Split a text such as `OpenImageIO 3.2.2.0 : 4237AB` or `Mitsuba version 3.9.1` into product and version."""
    text = text[:_TEXT_CHARACTERS].strip()
    match = _VERSION.search(text)
    head = text[: match.start()] if match else text.partition(" : ")[0]
    product = _FILLER.sub("", head).strip() or text
    return product, match[1] if match and product != text else None


def _seconds(value: object) -> float | None:
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) and value >= 0 else None
    text = _text(value)
    if text is None:
        return None
    if parts := _PARTS_OF_TIME.findall(text):
        return sum(float(number) * _UNITS[unit.lower()] for number, unit in parts)
    total = 0.0
    for piece in text.split(":")[:4]:
        if not re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", piece.strip(), re.ASCII):
            return None
        total = total * 60 + float(piece)
    return total


def _megabytes(value: object) -> float | None:
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) and value >= 0 else None
    match = _MEMORY.fullmatch(_text(value) or "")
    return float(match[1].replace(",", "")) * _MEGABYTES[match[2].lower()] if match else None


def _known(part: PartHeader) -> tuple[dict[str, Attribute], list[Attribute]]:
    """The attributes in `_NAMES`, by their name there, and other attributes whose names end in `version`."""
    found: dict[str, Attribute] = {}
    versions = []
    for attribute in part.attributes:
        lower = attribute[0].lower()
        name = _NAMES.get(lower)
        if name is not None and (name not in found or attribute[0] == name):
            found[name] = attribute
        elif name is None and lower.endswith("version") and len(lower) < 80:
            versions.append(attribute)
    return found, versions


def _by_version(found: dict[str, Attribute], versions: list[Attribute]) -> tuple[str, str | None, str] | None:
    """Product, version and name of the attribute, from attributes that hold a version."""
    for name, product in _VERSIONS.items():
        if name in found and (text := _text(found[name].value)):
            match = _VERSION.search(text) or re.search(r"\d[\w.]*", text, re.ASCII)
            return product, match[1] if match and match.re is _VERSION else match and match[0], found[name].name
    for attribute in versions:
        match = _VERSION_NAME.fullmatch(attribute.name.lower())
        text = _text(attribute.value)
        if match and text and match[1] in _PRODUCTS:
            return _PRODUCTS[match[1]], split_product(f"x {text}")[1] or text[:40], attribute.name
    return None


def _by_text(found: dict[str, Attribute]) -> tuple[str, str | None, str] | None:
    """Product, version and name of the attribute, from attributes that name software."""
    for name in _WRITERS:
        text = _text(found[name].value) if name in found else None
        if text is None or (name == "comment" and not text.lower().startswith("developed using")):
            continue
        product, version = split_product(text)
        return _FAMILIES.get(product.lower(), product)[:_NAME_CHARACTERS], version, found[name].name
    return None


def _first(
    found: dict[str, Attribute], names: tuple[str, ...], read: Callable[[object], Any]
) -> tuple[Any, str] | None:
    for name in names:
        if name in found and (value := read(found[name].value)) is not None:
            return value, found[name].name
    return None


def _range(found: dict[str, Attribute]) -> tuple[str, str] | None:
    if said := _first(found, _RANGES, _text):
        return said
    for first, last in _BOUNDS:
        if first in found and last in found:
            return f"{found[first].value!s}-{found[last].value!s}"[:80], found[first].name
    return None


def _application(found: dict[str, Attribute]) -> tuple[str, str] | None:
    """The application that hosts the renderer. `arnold/host/name` is the computer unless `arnold/host/version` exists."""
    if said := _first(found, _HOSTS, _text):
        return said
    name, version = found.get("arnold/host/name"), found.get("arnold/host/version")
    if name is not None and version is not None and isinstance(name.value, str):
        return f"{name.value} {version.value!s}"[:80], name.name
    said = _first(found, ("vrayInfo/vrayversion",), _text)
    match = _FOR_HOST.fullmatch(split_product(said[0])[0]) if said else None
    return (match[2].strip(), said[1]) if match and said else None


def _karma(found: dict[str, Attribute]) -> dict[ProvenanceColumn, tuple[Any, str]]:
    """The values in Karma's statistics; empty if they are not a JSON object. Karma gives memory in bytes."""
    attribute = found.get(_KARMA)
    if attribute is None or not isinstance(attribute.value, str) or len(attribute.value) > _KARMA_CHARACTERS:
        return {}
    try:
        figures = json.loads(attribute.value)
    except (ValueError, RecursionError):
        return {}
    said: dict[ProvenanceColumn, tuple[Any, str]] = {}
    for column, path in _KARMA_FIGURES.items():
        value = figures
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        read = _text(value) if column == "render_user" else _seconds(value) if isinstance(value, (int, float)) else None
        if read is not None:
            said[column] = (
                (read / 2**20 if isinstance(read, float) and column == "peak_memory_mb" else read),
                attribute.name,
            )
    return said


def _plain_text(value: object) -> str | None:
    """Convert a text or a number to text: shows write versions and frames as either."""
    return str(value) if isinstance(value, (int, float)) else _text(value)


# Column -> function that reads its attributes; all other columns are texts.
_READERS: Mapping[ProvenanceColumn, Callable[[object], Any]] = {
    "render_seconds": _seconds,
    "peak_memory_mb": _megabytes,
}


def _mapped(part: PartHeader, attribute_map: AttributeMap) -> dict[ProvenanceColumn, tuple[Any, str]]:
    """Column -> value and name of the attribute, for the columns that the show maps to an attribute of this part."""
    said: dict[ProvenanceColumn, tuple[Any, str]] = {}
    for column, names in attribute_map.items():
        present = {name: part.by_name[name] for name in names if name in part.by_name}
        if found := _first(present, names, _READERS.get(column, _plain_text)):
            said[column] = found
    if "software" in said:
        text, name = said["software"]
        product, version = split_product(text)
        said["software"] = product[:_NAME_CHARACTERS], name
        if version:
            said.setdefault("software_version", (version, name))
    return said


def provenance_of(header: Header | None, attribute_map: AttributeMap = _NO_MAP) -> Provenance:
    """Determine the provenance of a file from the attributes of its first part.

    Args:
        header: The header; None if the file has none.
        attribute_map: A show's own attributes, which take precedence: column of `files` -> names of attributes, of which the
            first with a readable value is used.
    """
    if header is None or not header.parts:
        return Provenance()
    part = header.parts[0]
    found, versions = _known(part)
    mapped = _mapped(part, attribute_map) if attribute_map else {}
    if not found and not versions and not mapped:
        return Provenance()
    text, version = _by_text(found), _by_version(found, versions)
    # Converters write Software, and keep the attributes of the compositor or renderer that wrote the file before.
    is_generic = text is not None and text[2].lower() not in {"software", "generatedby", "writer"}
    writer = None if "software" in mapped else version if version and (text is None or is_generic) else text or version
    computers = tuple(name for name in _COMPUTERS if name != "arnold/host/name" or "arnold/host/version" not in found)
    said: dict[ProvenanceColumn, tuple[Any, str] | None] = {
        "software": (writer[0], writer[2]) if writer else None,
        "software_version": (writer[1], writer[2]) if writer and writer[1] else None,
        "host_application": _application(found),
        "render_seconds": _first(found, _TIMES, _seconds),
        "peak_memory_mb": _first(found, _MEMORIES, _megabytes),
        "render_host": _first(found, computers, _text),
        "render_user": _first(found, _USERS, _text),
        "frame_range": _range(found),
        **mapped,
    }
    for column, each in _karma(found).items():
        said[column] = said[column] or each
    values = {column: each[0] for column, each in said.items() if each}
    return Provenance(**values, sources={column: each[1] for column, each in said.items() if each})
