r"""Determine which software wrote a file, and when and where, from the attributes that known software writes.

    >>> provenance_of(header)  # doctest: +SKIP
    Provenance(software='Nuke', software_version='15.1v3', ..., sources={'software': 'nuke/version', ...})

Names are compared without case, and without `exr/`, which Nuke puts before the attributes of its input. The first name of a
table that the file has is used; of names that are equal then, the one that is spelt as in the table. Bytes of texts that are
not UTF-8 are written `\xNN`. A value that no attribute gives is None.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from exr_inspector.exr.header.attributes import readable_text
from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.values import Attribute
from exr_inspector.model import Provenance, ProvenanceColumn

AttributeMap = Mapping[ProvenanceColumn, tuple[str, ...]]  # column of `files` -> names of attributes
_NO_MAP: AttributeMap = MappingProxyType({})

_TEXT_CHARACTERS = 400  # of a value; the rest is ignored
_NAME_CHARACTERS = 80  # of a product's name
_VERSION = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)+(?:[a-z]+\d*|\.[a-z]+)?|\d+)(?![\w.])", re.ASCII | re.IGNORECASE)
_FILLER = re.compile(
    r"^(?:version of|(?:created|developed|exported|generated|made|rendered|saved|written) (?:by|in|using|with)|image by)\s+"
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
    "software", "generatedBy", "writer", "generator", "creator", "application", "encoder", "creatorTool", "comment",
    "comments", "ImageDescription",
)  # fmt: skip
_COMMENTS = frozenset({"comment", "comments", "ImageDescription"})  # they name software if they begin as `_MADE_WITH`
_MADE_WITH = re.compile(
    r"((?:created|developed|exported|generated|made|rendered|saved|written) (?:in|using|with) [^\d\n]+\d+\.\S*)",
    re.IGNORECASE,
)
_BLENDERS_FORMAT = "BlenderMultiChannel"  # always "Blender V2.55.1 and newer"
_TEXTS_OF_PRODUCTS = frozenset(name.lower() for name in _WRITERS if name not in _COMMENTS)
_BETWEEN_PRODUCTS = re.compile(r"[,;|+&()\[\]\n]|\s[/-]\s|\s(?:and|with|via|using|on)\s", re.IGNORECASE)
_ONE_PRODUCT = re.compile(
    r"\s*([a-z][\w .-]*?)[\s:/-]+(?:version\s+|v\.?\s?)?(\d+(?:\.\d+)+(?:[a-z]+\d*)?)(?![\w-])",
    re.ASCII | re.IGNORECASE,
)
# Words before numbers that are no versions, or that differ from machine to machine.
_NO_PRODUCT = frozenset({
    "build", "built", "commit", "compiled", "date", "driver", "host", "ip", "job", "kernel", "linux", "node", "rev", "revision",
    "time", "windows",
})  # fmt: skip
# Attribute with a version -> product. Nuke is first, because it keeps the attributes of renderers. Where the first attribute of
# a product has a whole number or a name (`V-Ray for Maya Next`), another one with a version such as 4.30.00 is used.
_VERSIONS = {
    "nuke/version": "Nuke",
    "vrayInfo/vrayversion": "V-Ray",
    "vrayInfo/vraycore": "V-Ray",
    "arnold/version": "Arnold",
    _BLENDERS_FORMAT: "Blender",
    "version3dsMax": "3ds Max",
    "Version 3dsMax": "3ds Max",
}
# Word before `/version`, `:version`, `_version` ... -> product.
_PRODUCTS = {
    "karma": "Karma", "husk": "husk", "houdini": "Houdini", "mantra": "Mantra", "renderman": "RenderMan", "prman": "RenderMan",
    "rman": "RenderMan", "redshift": "Redshift", "rs": "Redshift", "octane": "Octane", "corona": "Corona", "cycles": "Cycles",
    "blender": "Blender", "guerilla": "Guerilla", "clarisse": "Clarisse", "appleseed": "appleseed", "mitsuba": "Mitsuba",
    "luxcore": "LuxCore", "fusion": "Fusion", "flame": "Flame", "resolve": "DaVinci Resolve", "natron": "Natron",
    "gaffer": "Gaffer", "unreal": "Unreal Engine", "katana": "Katana", "3delight": "3Delight", "moonray": "MoonRay",
    "nuke": "Nuke", "arnold": "Arnold", "vray": "V-Ray", "darktable": "darktable", "oiio": "OpenImageIO",
    "maxwell": "Maxwell", "vrayinfo": "V-Ray", "maya": "Maya", "3dsmax": "3ds Max", "c4d": "Cinema 4D", "cinema4d": "Cinema 4D",
}  # fmt: skip
_RENDERERS = frozenset({
    "3Delight", "Arnold", "Clarisse", "Corona", "Cycles", "Guerilla", "Karma", "LuxCore", "Mantra", "Maxwell", "Mitsuba",
    "MoonRay", "Octane", "Redshift", "RenderMan", "Unreal Engine", "V-Ray", "appleseed", "mental ray",
})  # fmt: skip
# Other names that renderers have in texts: `OctaneRender 2023.1.1`, `Karma (xpu)`.
_RENDERER_WORD = re.compile(
    "|".join(re.escape(name.lower()) for name in sorted(_RENDERERS)) + "|prman|pixar|luxrender", re.IGNORECASE
)
# Applications that run renderers and write their own version beside the renderer's: Gaffer writes `gaffer:version`.
_HOST_PRODUCTS = frozenset({
    "3ds Max", "Blender", "Cinema 4D", "Gaffer", "Houdini", "Katana", "Maya",
})  # fmt: skip
_DOTTED = re.compile(r"\d+\.")
_UPDATE = re.compile(r"\d+, update \d+(?:\.\d+)*", re.ASCII | re.IGNORECASE)  # of V-Ray: "5, update 2.3"
_PRODUCT = re.compile(r"([a-z0-9]+)[/:.]")
_VERSION_NAME = re.compile(r"(?:exr/)?([a-z0-9]+)[/:_. -]?(?:\w+[/:_.])?version", re.ASCII)
_FAMILIES = {"lavc": "lavc (FFmpeg)"}
_HOSTS = ("hostApplication", "host_application", "host_app", "rman/host", "arnold/host_app", "husk/host")
_TIMES = (
    "RenderTime", "arnold/stats/time/total", "arnold/stats/time/render", "render_time", "stats/render_time",
)  # fmt: skip
_MEMORIES = (
    "Memory", "vrayInfo/mem", "arnold/stats/memory/peak", "peakMemory", "peak_memory", "stats/peak_memory",
    "unreal/stats/memory/peakUsedPhysicalMB",
)  # fmt: skip
_COMPUTERS = (
    "Hostname", "HostComputer", "computerName", "Computer Name", "computer", "machine", "host", "arnold/host/name",
)  # fmt: skip
_ARNOLD_HOST = ("arnold/host/name", "arnold/host/version")
# Names such as `rs/hostname`, `husk:render_time`, `unreal/frameRenderDuration`, and `cycles.ViewLayer.total_time`.
_PRODUCT_NAME = re.compile(
    r"(?P<product>[a-z0-9]+)[/:.](?:.*[/:._])?(?:(?P<total>total_?time)|(?P<time>(?:frame)?render_?(?:time|duration))"
    r"|(?P<memory>peak_?memory)|(?P<host>(?:host|computer)_?name)|(?P<user>user(?:_?name)?|jobauthor))"
)
# Karma's statistics, a JSON object in one attribute: column -> position of its value.
_KARMA = "husk:render_stats"
_KARMA_FIGURES: Mapping[ProvenanceColumn, tuple[str, ...]] = {
    "render_seconds": ("system_time", "wallclock"),
    "peak_memory_mb": ("system_memory", "peak"),
    "render_user": ("username",),
}
_KARMA_CHARACTERS = 1 << 20
_USERS = ("user", "username", "artist", "Author")
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
        (_ARNOLD_HOST[1], _KARMA),
    )
    for name in names
}  # fmt: skip


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value[:_TEXT_CHARACTERS].strip("\0 \t\r\n") or None


def _readable(attribute: Attribute) -> Attribute:
    """The attribute with its text as value, also if that is not UTF-8."""
    text = readable_text(attribute) if isinstance(attribute.value, bytes) else None
    return attribute if text is None else attribute._replace(value=text)


def split_product(text: str) -> tuple[str, str | None]:
    """Split a text such as `OpenImageIO 3.2.2.0 : 4237AB` or `Mitsuba version 3.9.1` into product and version."""
    text = text[:_TEXT_CHARACTERS].strip()
    match = _VERSION.search(text)
    head = text[: match.start()] if match else text.partition(" : ")[0]
    product = _FILLER.sub("", head).strip() or text
    return product, match[1] if match and product != text else None


def products_of(attributes: Mapping[str, str]) -> dict[str, str]:
    """The version of each product that attributes name, in lists, too; other words, as of builds and machines, are left out.

    >>> products_of({"software": "Maya 2024.2, MtoA 5.4.0 (build 7f3a), Arnold 7.2.1.0", "nuke/version": "15.1v3"})
    {'Maya': '2024.2', 'MtoA': '5.4.0', 'Arnold': '7.2.1.0', 'Nuke': '15.1v3'}
    """
    found: dict[str, str] = {}
    for name, text in attributes.items():
        lower = name.lower()
        if lower in _TEXTS_OF_PRODUCTS:
            for piece in _BETWEEN_PRODUCTS.split(text[:_TEXT_CHARACTERS]):
                if (match := _ONE_PRODUCT.match(piece)) and _NO_PRODUCT.isdisjoint(match[1].lower().split()):
                    found.setdefault(_FILLER.sub("", match[1]), match[2])
        elif (match := _VERSION_NAME.fullmatch(lower)) and match[1] in _PRODUCTS:
            found.setdefault(_PRODUCTS[match[1]], split_product(f"x {text}")[1] or text[:40])
    return found


def _seconds(value: object) -> float | None:
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) and value >= 0 else None
    text = _text(value)
    if text is None:
        return None
    if parts := _PARTS_OF_TIME.findall(text):
        return sum(float(number) * _UNITS[unit.lower()] for number, unit in parts)
    total = 0.0
    for piece in text.removeprefix("+").split(":")[:4]:  # Unreal Engine writes +00:00:01.234
        if not re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", piece.strip(), re.ASCII):
            return None
        total = total * 60 + float(piece)
    return total


def _megabytes(value: object) -> float | None:
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) and value >= 0 else None
    match = _MEMORY.fullmatch(_text(value) or "")
    return float(match[1].replace(",", "")) * _MEGABYTES[match[2].lower()] if match else None


class _Stated(NamedTuple):
    """A product with its version, and the name of the attribute that states it."""

    product: str
    version: str | None
    source: str

    @property
    def text(self) -> str:
        """The product and its version."""
        return " ".join(filter(None, (self.product, self.version)))


class _Known(NamedTuple):
    """The attributes of a part that may say how it was made.

    Attributes:
        found: Those in `_NAMES`, by their name there.
        versions: Others whose names end in `version`.
        of_products: Those that `_PRODUCT_NAME` matches, by the group of their last word.
        prefixes: The first attribute of each product that its names begin with.
    """

    found: dict[str, Attribute]
    versions: list[Attribute]
    of_products: dict[str, list[Attribute]]
    prefixes: dict[str, str]


def _known(part: PartHeader) -> _Known:
    known = _Known({}, [], {}, {})
    ranks: dict[str, int] = {}
    for attribute in part.attributes:
        lower = attribute[0].lower()
        plain = lower.removeprefix("exr/")
        name = _NAMES.get(plain)
        rank = 0 if attribute[0] == name else 1 if plain == lower else 2
        if name is not None and rank < ranks.get(name, 3) and not (rank == 2 and name in _WRITERS):
            known.found[name], ranks[name] = _readable(attribute), rank
        elif name is None and lower.endswith("version") and len(lower) < 80:
            known.versions.append(_readable(attribute))
        if match := _PRODUCT.match(plain):
            product = _PRODUCTS.get(match[1])
            if product is not None:
                known.prefixes.setdefault(product, attribute[0])
                if found := _PRODUCT_NAME.fullmatch(plain):
                    known.of_products.setdefault(str(found.lastgroup), []).append(_readable(attribute))
    return known


def _by_version(known: _Known) -> list[_Stated]:
    """Products by attributes that hold a version, most reliable first."""
    stated: dict[str, _Stated] = {}
    for name, product in _VERSIONS.items():
        if name in known.found and (text := _text(known.found[name].value)):
            match = _UPDATE.search(text) or _VERSION.search(text) or re.search(r"\d[\w.]*", text, re.ASCII)
            version = match[0].replace(",", "") if match and match.re is _UPDATE else match and match[match.re.groups]
            if name == _BLENDERS_FORMAT:
                version = None
            is_precise = version is not None and _DOTTED.match(version) is not None
            if product not in stated or (is_precise and not _DOTTED.match(stated[product].version or "")):
                stated[product] = _Stated(product, version, known.found[name].name)
    for attribute in known.versions:
        match = _VERSION_NAME.fullmatch(attribute.name.lower())
        text = _text(attribute.value)
        if match and text and match[1] in _PRODUCTS:
            product = _PRODUCTS[match[1]]
            version = split_product(f"x {text}")[1] or text[:40]
            stated.setdefault(product, _Stated(product, version, attribute.name))
    return list(stated.values())


def _by_text(found: dict[str, Attribute]) -> list[_Stated]:
    """Products by attributes that name software, most reliable first."""
    stated = []
    for name in _WRITERS:
        text = _text(found[name].value) if name in found else None
        if text is None or (name in _COMMENTS and not (match := _MADE_WITH.match(text))):
            continue
        product, version = split_product(text[: match.end(1)] if name in _COMMENTS and match else text)
        product = _FAMILIES.get(product.lower(), product)[:_NAME_CHARACTERS]
        stated.append(_Stated(product, version, found[name].name))
    return stated


def _renderer(by_version: list[_Stated], by_text: list[_Stated], prefixes: Mapping[str, str]) -> _Stated | None:
    """The renderer: by its version, by a text that names it, or by the names of its attributes."""
    candidates = [
        *(each for each in by_version if each.product in _RENDERERS),
        *(each for each in by_text if _RENDERER_WORD.search(each.product)),
        *(_Stated(product, None, name) for product, name in prefixes.items() if product in _RENDERERS),
    ]
    return candidates[0] if candidates else None


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
            return f"{_plain_text(found[first].value)}-{_plain_text(found[last].value)}"[:80], found[first].name
    return None


def _is_arnolds_host_an_application(found: dict[str, Attribute]) -> bool:
    """Whether `arnold/host/name` is an application: it has a version or a known name. Otherwise it is the computer."""
    name, version = (found.get(each) for each in _ARNOLD_HOST)
    text = name and _text(name.value)
    return bool(text) and (version is not None or str(text).startswith(tuple(_HOST_PRODUCTS)))


def _application(
    known: _Known, by_version: list[_Stated], writer: _Stated | None, renderer: _Stated | None
) -> tuple[str, str] | None:
    """The application that hosts the renderer."""
    found = known.found
    if said := _first(found, _HOSTS, _text):
        return said
    if _is_arnolds_host_an_application(found):
        texts = (_plain_text(found[name].value) for name in _ARNOLD_HOST if name in found)
        return " ".join(filter(None, texts))[:80], found[_ARNOLD_HOST[0]].name
    said = _first(found, ("vrayInfo/vrayversion",), _text)
    match = _FOR_HOST.fullmatch(split_product(said[0])[0]) if said else None
    if match and said:
        return match[2].strip(), said[1]
    hosts = [each for each in by_version if not writer or each.product != writer.product]
    if writer and renderer and writer.product != renderer.product:  # as Cycles in Blender
        hosts.insert(0, writer)
    return next(((host.text, host.source) for host in hosts if host.product in _HOST_PRODUCTS), None)


def _of_products(known: _Known, groups: tuple[str, ...], read: Callable[[object], Any]) -> tuple[Any, str] | None:
    """The first readable value of a product's attributes; the sum of those that Cycles writes for each view layer."""
    for group in groups:
        values = [(read(each.value), each.name) for each in known.of_products.get(group, ())]
        values = [each for each in values if each[0] is not None]
        layers = [each for each in values if each[1].lower().startswith("cycles.")]
        if len(layers) > 1:
            return sum(value for value, _ in layers), layers[0][1]
        if values:
            return values[0]
    return None


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
        present = {name: _readable(part.by_name[name]) for name in names if name in part.by_name}
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
    known = _known(part)
    found = known.found
    mapped = _mapped(part, attribute_map) if attribute_map else {}
    by_text, by_version = _by_text(found), _by_version(known)
    renderer = _renderer(by_version, by_text, known.prefixes)
    # Converters write Software, and keep the attributes of the compositor or renderer that wrote the file before.
    is_sure = bool(by_text) and by_text[0].source.lower() in {"software", "generatedby", "writer"}
    writers = [*by_text, *by_version] if is_sure else [*by_version, *by_text]
    writer = None if "software" in mapped else writers[0] if writers else renderer
    computers = _COMPUTERS[:-1] if _is_arnolds_host_an_application(found) else _COMPUTERS
    said: dict[ProvenanceColumn, tuple[Any, str] | None] = {
        "software": (writer.product, writer.source) if writer else None,
        "software_version": (writer.version, writer.source) if writer and writer.version else None,
        "renderer": (renderer.text, renderer.source) if renderer else None,
        "host_application": _application(known, by_version, writer, renderer),
        "render_seconds": _first(found, _TIMES, _seconds) or _of_products(known, ("total", "time"), _seconds),
        "peak_memory_mb": _of_products(known, ("memory",), _megabytes) or _first(found, _MEMORIES, _megabytes),
        "render_host": _first(found, computers, _text) or _of_products(known, ("host",), _text),
        "render_user": _first(found, _USERS, _text) or _of_products(known, ("user",), _text),
        "frame_range": _range(found),
        **mapped,
    }
    for column, each in _karma(found).items():
        said[column] = said[column] or each
    values = {column: each[0] for column, each in said.items() if each}
    return Provenance(**values, sources={column: each[1] for column, each in said.items() if each})
