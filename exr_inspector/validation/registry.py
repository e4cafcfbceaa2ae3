"""All rules, collected once from their modules, and the rules that are not implemented, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from inspect import signature
from pathlib import Path
from types import MappingProxyType, ModuleType

from exr_inspector.errors import PolicyError
from exr_inspector.model import Severity
from exr_inspector.validation.rule import Remedy, Rule
from exr_inspector.validation.rules import (
    aces,
    alpha,
    attributes,
    black_areas,
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
    numbers,
    small_images,
    sources,
    steady,
)  # fmt: skip
from exr_inspector.validation.rules.sequences import times as sequence_times

_MODULES = (
    structure, attributes, chunks, windows, channels, types, compression, colour_flags, colour, aces, cryptomatte,
    cryptomatte_manifest, cryptomatte_pixels, views, deep, tiles, times, pixels, blank, black_areas, alpha, encodings,
    data_values, delivery, numbers, headers, files, sequence_times, flat, small_images, layers, alphas, levels, steady, sources,
    show,
)  # fmt: skip

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
        "PIX-LINES": "needs the position of values, which statistics do not keep",
    }
)


def _rules_of(module: ModuleType) -> list[Rule]:
    own = [value for value in vars(module).values() if isinstance(value, Rule)]
    return [*own, *getattr(module, "REPORTED", ())]


def _collect() -> dict[str, Rule]:
    """The rules of this package, then those of other packages, whose modules are entry points of `exr_inspector.rules`."""
    order = list(GROUPS)
    ours = [rule for module in _MODULES for rule in _rules_of(module)]
    ours.sort(key=lambda rule: order.index(rule.group))
    found: dict[str, Rule] = {}
    added = [rule for point in entry_points(group=ENTRY_POINTS) for rule in _rules_of(point.load())]
    for rule in (*ours, *added):
        if rule.code in found:
            raise ValueError(f"two rules are called {rule.code}")
        found[rule.code] = rule
    return found


ENTRY_POINTS = "exr_inspector.rules"
_RULES = _collect()
RULES: Mapping[str, Rule] = MappingProxyType(_RULES)


def add_rules_of_file(path: Path) -> str:
    """Add the rules of a Python file. They apply only to policies that name this file.

    Returns:
        The `origin` of these rules.

    Raises:
        PolicyError: The file cannot be executed, or a rule is not declared as rules are.
    """
    origin = str(path.resolve())
    try:
        module = ModuleType(f"exr_inspector_rules_{path.stem}")
        code = compile(path.read_bytes(), origin, "exec")
        exec(code, vars(module))  # noqa: S102 - the user's own file, named in the user's own local policy
    except Exception as error:
        raise PolicyError(f"{path}: {type(error).__name__}: {error}") from error
    for rule in _rules_of(module):
        if not isinstance(rule.severity, Severity):
            raise PolicyError(
                f"{path}: the severity of {rule.code} is {rule.severity!r}, expected Severity.INFO, WARNING or ERROR"
            )
        if not isinstance(rule.remedy, Remedy):
            raise PolicyError(
                f"{path}: the remedy of {rule.code} is {rule.remedy!r}, expected a Remedy, such as Remedy.EDIT"
            )
        if (fault := _wrong_parameters(rule)) is not None:
            raise PolicyError(f"{path}{fault}")
        known = _RULES.get(rule.code)
        if known is not None and known.origin != origin:
            raise PolicyError(
                f"{path}: a rule is called {rule.code} already; choose a code of your own, such as SHOW-..."
            )
        _RULES[rule.code] = replace(rule, origin=origin)
    return origin


def _wrong_parameters(rule: Rule) -> str | None:
    """What is wrong with the parameters of a rule's function, with its line; None if it can be called."""
    if rule.check is None:
        return None
    try:
        signature(rule.check, follow_wrapped=False).bind(None, None)
    except TypeError:
        code = getattr(rule.check, "__code__", None)
        line = f":{code.co_firstlineno}" if code else ""
        subject = rule.scope.name.lower()
        return f"{line}: the function of {rule.code} must take two arguments, ({subject}, parameters)"
    return None


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
