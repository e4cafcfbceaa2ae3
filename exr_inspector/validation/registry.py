"""All rules, collected once from their modules, and the rules that are not implemented, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import MappingProxyType, ModuleType

from exr_inspector.validation.rule import Rule
from exr_inspector.validation.rules import (
    aces,
    alpha,
    attributes,
    blank,
    channels,
    chunks,
    colour,
    colour_flags,
    compression,
    cryptomatte,
    cryptomatte_manifest,
    cryptomatte_pixels,
    data_values,
    deep,
    delivery,
    encodings,
    pixels,
    show,
    structure,
    tiles,
    times,
    types,
    views,
    windows,
)
from exr_inspector.validation.rules.sequences import (
    alphas,
    comparison,
    files,
    flat,
    headers,
    layers,
    levels,
    noise,
    numbers,
    small_images,
    sources,
    steady,
    udims,
)  # fmt: skip
from exr_inspector.validation.rules.sequences import times as sequence_times

_MODULES = (
    structure, attributes, chunks, windows, channels, types, compression, colour_flags, colour, aces, cryptomatte,
    cryptomatte_manifest, cryptomatte_pixels, views, deep, tiles, times, pixels, blank, alpha, encodings,
    data_values, delivery, numbers, headers, files, sequence_times, flat, small_images, layers, alphas, levels, noise, steady,
    sources, udims, show,
)  # fmt: skip

# Rules on what only commands make of an image. The function's folder does not have their module, but its policies may name
# them.
OF_IMAGES = frozenset(
    {
        "PIX-BLACK-BORDER",
        "PIX-BLACK-LINE",
        "PIX-BLACK-TILES",
        "PIX-BORDER-FADE",
        "PIX-ENLARGED",
        "PIX-REGION",
        "PIX-STRIPES",
    }
)
_OF_IMAGES = "exr_inspector.validation.rules.black_areas"

# group -> title, in the order of documentation and output
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
        "SHOW": "Requirements of a show",
    }
)

# code -> why there is no such rule
LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "STR-FLAGS-UNKNOWN": "reported as STR-VERSION: the reader stops with the same error for both",
        "ACE-REQUIRED": "reported as ACE-FLAG, ACE-CHROMA, and STR-REQ-MISSING for the attributes that every file needs",
        "CMP-RECOMPRESS": "needs earlier versions of the image",
        "COL-SEQ-STALE": "needs the plate from which the image was made",
        "CRY-FILTERED": "needs single pixels, which statistics do not keep",
        "DEEP-COUNTS": "reported as CHK-DECODE: decoding a chunk checks its cumulative sample counts",
    }
)


def rules_of(module: ModuleType) -> list[Rule]:
    """The rules that a module declares."""
    own = [value for value in vars(module).values() if isinstance(value, Rule)]
    return [*own, *getattr(module, "REPORTED", ())]


def _collect() -> dict[str, Rule]:
    """The rules of this package, then those of other packages, whose modules are entry points of `exr_inspector.rules`."""
    order = list(GROUPS)
    modules = [*_MODULES, *([import_module(_OF_IMAGES)] if find_spec(_OF_IMAGES) else [])]
    ours = [rule for module in modules for rule in rules_of(module)]
    ours.sort(key=lambda rule: order.index(rule.group))
    found: dict[str, Rule] = {}
    added = [rule for point in entry_points(group=ENTRY_POINTS) for rule in rules_of(point.load())]
    for rule in (*ours, *added):
        if rule.code in found:
            raise ValueError(f"two rules are called {rule.code}")
        found[rule.code] = rule
    return found


ENTRY_POINTS = "exr_inspector.rules"
_RULES = _collect()
RULES: Mapping[str, Rule] = MappingProxyType(_RULES)


def add_rule(rule: Rule) -> None:
    """Add a rule, or replace the one of its code."""
    _RULES[rule.code] = rule


class Parameters(
    show.ShowParameters,
    windows.WindowParameters,
    channels.ChannelParameters,
    types.TypeParameters,
    compression.CompressionParameters,
    colour.ColourParameters,
    aces.AcesParameters,
    pixels.PixelParameters,
    deep.DeepParameters,
    delivery.DeliveryParameters,
    comparison.SequenceParameters,
):
    """The parameters of all rules."""
