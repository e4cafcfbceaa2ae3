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
