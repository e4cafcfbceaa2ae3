"""All rules, collected once from their modules, and those of the catalogue that are left out, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from exr_inspector.validation.rule import Rule
from exr_inspector.validation.rules import (
    aces,
    channels,
    chunks,
    colour,
    colour_flags,
    compression,
    cryptomatte,
    cryptomatte_manifest,
    deep,
    delivery,
    pixels,
    sequence_pixels,
    sequences,
    structure,
    tiles,
    times,
    types,
    views,
    windows,
)

_MODULES = (
    structure,
    chunks,
    windows,
    channels,
    types,
    compression,
    colour_flags,
    colour,
    aces,
    cryptomatte,
    cryptomatte_manifest,
    views,
    deep,
    tiles,
    times,
    pixels,
    delivery,
    sequences,
    sequence_pixels,
)

# group -> what it is about, in the order in which people see them
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "STR": "Structure of the header",
        "CHK": "Chunks and completeness",
        "WIN": "Windows and geometry",
        "CHN": "Channels and layers",
        "TYP": "Pixel types",
        "CMP": "Compression",
        "COL": "Colour metadata",
        "ACE": "ACES containers (SMPTE ST 2065-4)",
        "CRY": "Cryptomatte",
        "VIEW": "Views",
        "DEEP": "Deep data",
        "TIL": "Tiles",
        "ENV": "Environment maps",
        "IDM": "Id manifests",
        "TIM": "Time and capture metadata",
        "PIX": "Pixel values",
        "DEL": "Published delivery specifications",
        "SEQ": "Sequences",
    }
)

# code -> why no rule has it
LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "STR-FLAGS-UNKNOWN": "reported as STR-VERSION: the reader stops there with one error for both",
        "CMP-RECOMPRESS": "needs the versions of an image before this one",
        "COL-SEQ-STALE": "needs the plate that an image was made of",
        "CRY-FILTERED": "needs single pixels; statistics do not keep them",
        "DEEP-STATE": "needs the order of samples within pixels",
        "DEEP-COUNTS": "reported as CHK-DECODE: running totals are looked at when chunks are decoded",
        "PIX-UNPREMULT": "needs colour and alpha of the same pixel",
        "PIX-BLACK-TILES": "needs the place of values; statistics do not keep it",
        "PIX-LINES": "needs the place of values; statistics do not keep it",
    }
)

# code -> what the catalogue asks of a rule besides what it does, and why that is not done
IN_PART: Mapping[str, str] = MappingProxyType(
    {
        "ACE-LINEORDER": "the attribute; where chunks lie is told by CHK-LINEORDER and CHK-GAPS",
        "CHK-SIZE-OUTLIER": "sizes; `.tmp` and `.part` files beside frames are never inspected",
        "CRY-COVERAGE": "ranges and means of ranks; the sum in one pixel needs single pixels",
        "CRY-MANIF-FILE": "the form of the path; rules read nothing, so nobody looks whether the file is there",
        "CRY-PIXEL-ID": "NaN and infinities; which ids there are needs single pixels",
        "CRY-SEQ": "keys and numbers of layers; names in manifests may come and go with objects",
        "DEEP-ZBACK": "sign and finiteness; ZBack below Z (a point sample) needs single samples",
        "DEL-NFX-LINEAR": "colour tags; pixels that look logarithmic are told by PIX-LOGLIKE",
        "DEL-NFX-NAMES": "characters and padding of each name; versions and repeated names need the whole delivery",
        "DEL-NFX-NUMBERING": "gaps; whether numbers match other assets needs these",
        "IDM-PARSE": "the manifest and its channels; which ids there are needs single pixels",
        "PIX-NORMAL-LENGTH": "components beyond 1; shorter normals need all three of one pixel",
        "TIM-FPS": "the value; an absent one means 24 and is no fault",
        "TIM-TC-SEQ": "rates up to 30; above, writers disagree about how frames are counted",
        "WIN-SCREEN": "numbers that are none; whether an image is two-dimensional nobody can tell",
    }
)


def _collect() -> Mapping[str, Rule]:
    found: dict[str, Rule] = {}
    for module in _MODULES:
        for rule in module.RULES:
            if rule.code in found:
                raise ValueError(f"two rules are called {rule.code}")
            found[rule.code] = rule
    order = list(GROUPS)
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: order.index(item[1].group))))


RULES: Mapping[str, Rule] = _collect()
