"""Converts attribute values to JSON and back without loss, and to text and numbers for people and queries.

Bytes become `{"base64": ...}`, non-finite floats the strings `NaN`, `Infinity`, `-Infinity`; integers are exact. A vector of
more than 4,096 floats becomes `{"float32": ...}`, the base64 of its bytes. Field names are OpenEXR's. Only the payload of a NaN
is lost.
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

from exr_inspector.exr.header.attributes import decode_floatvector, readable_strings
from exr_inspector.exr.header.timecode import read_timecode
from exr_inspector.exr.header.values import (
    Attribute,
    AttributeValue,
    Box2f,
    Box2i,
    Bytes,
    Channel,
    Chromaticities,
    Compression,
    DeepImageState,
    Envmap,
    FloatVector,
    IdManifest,
    KeyCode,
    LevelMode,
    LevelRoundingMode,
    LineOrder,
    Preview,
    Rational,
    TileDesc,
    TimeCode,
    code_name,
)

_WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_PIECE = 10_000
MAX_ITEMS = 4_096
_F32 = struct.Struct("<f")
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_CODES: dict[str, type[IntEnum]] = {
    "compression": Compression,
    "deepImageState": DeepImageState,
    "envmap": Envmap,
    "lineOrder": LineOrder,
}
_STRUCTS: dict[str, type[Any]] = {
    "box2f": Box2f,
    "box2i": Box2i,
    "chromaticities": Chromaticities,
    "keycode": KeyCode,
    "rational": Rational,
    "tiledesc": TileDesc,
    "timecode": TimeCode,
}


def _camel(field: str) -> str:
    return "count" if field == "key_count" else re.sub(r"_(\w)", lambda match: match[1].upper(), field)


_FIELD_NAMES = {name: tuple(_camel(field) for field in kind._fields) for name, kind in _STRUCTS.items()}


def float_to_json(value: float) -> float | str:
    """A float as a JSON value: the number itself, or the string `NaN`, `Infinity` or `-Infinity`."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _float_from_json(value: float | str) -> float:
    return _NON_FINITE[value] if isinstance(value, str) else float(value)


def _number(value: float) -> float | str:
    return value if isinstance(value, int) else float_to_json(value)


def _blob(raw: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(raw).decode("ascii")}


def _raw(value: dict[str, str]) -> bytes:
    return base64.b64decode(value["base64"], validate=True)


def _channel_to_json(channel: Channel) -> dict[str, object]:
    return {
        "name": channel.name,
        "pixelType": channel.pixel_type,
        "pLinear": channel.p_linear,
        "reserved": channel.reserved.hex(),
        "xSampling": channel.x_sampling,
        "ySampling": channel.y_sampling,
    }


def _channel_from_json(value: dict[str, Any]) -> Channel:
    return Channel(
        value["name"],
        value["pixelType"],
        value["pLinear"],
        bytes.fromhex(value["reserved"]),
        value["xSampling"],
        value["ySampling"],
    )


_TO_JSON: dict[str, Callable[[Any], object]] = {
    "bytes": lambda value: {"typeHint": value.type_hint.decode("latin-1"), "data": _blob(value.data)},
    "chlist": lambda value: [_channel_to_json(channel) for channel in value],
    "idmanifest": lambda value: {"inflatedBytes": value.inflated_bytes, "deflated": _blob(value.deflated)},
    "preview": lambda value: {"width": value.width, "height": value.height, "rgba": _blob(value.rgba)},
    "stringvector": list,
}

_FROM_JSON: dict[str, Callable[[Any], AttributeValue]] = {
    "bytes": lambda value: Bytes(value["typeHint"].encode("latin-1"), _raw(value["data"])),
    "chlist": lambda value: tuple(_channel_from_json(channel) for channel in value),
    "floatvector": lambda value: (
        decode_floatvector(base64.b64decode(value["float32"], validate=True))
        if isinstance(value, dict)
        else tuple(map(_float_from_json, value))
    ),
    "idmanifest": lambda value: IdManifest(value["inflatedBytes"], _raw(value["deflated"])),
    "preview": lambda value: Preview(value["width"], value["height"], _raw(value["rgba"])),
    "stringvector": tuple,
}


def to_json(attribute: Attribute) -> object:
    """The value as an object that `json.dumps(..., allow_nan=False)` accepts."""
    value = attribute.value
    if isinstance(value, bytes):
        return _blob(value)
    if attribute.type_name in _FIELD_NAMES:
        fields: tuple[float, ...] = value  # type: ignore[assignment]  # decode() returns a named tuple of numbers
        return dict(zip(_FIELD_NAMES[attribute.type_name], map(_number, fields), strict=True))
    if isinstance(value, FloatVector):
        return {"float32": base64.b64encode(value.packed).decode("ascii")}
    special = _TO_JSON.get(attribute.type_name)
    if special:
        return special(value)
    if isinstance(value, tuple):
        numbers: tuple[float, ...] = value  # type: ignore[assignment]  # vectors and matrices contain only numbers
        return list(numbers) if all(map(math.isfinite, numbers)) else [_number(item) for item in numbers]
    return value if isinstance(value, (int, str)) else float_to_json(value)


def compact_json(value: object) -> str:
    """The value as compact JSON text. Raises ValueError for NaN and infinities."""
    return _WRITER.encode(value)


def to_json_text(attribute: Attribute) -> str:
    """The attribute's value as compact JSON text."""
    value = to_json(attribute)
    if not isinstance(value, list) or len(value) <= _PIECE:
        return compact_json(value)
    # The encoder keeps the text of every item in memory, so a list of millions is encoded in pieces.
    pieces = (compact_json(value[start : start + _PIECE])[1:-1] for start in range(0, len(value), _PIECE))
    return f"[{','.join(pieces)}]"


def from_json(type_name: str, value: Any) -> AttributeValue:
    """The attribute value that `to_json` converted to `value`.

    Raises:
        KeyError, TypeError, ValueError: If `value` is not the JSON form of a value of that type.
    """
    if isinstance(value, dict) and "base64" in value:
        return _raw(value)
    if type_name in _STRUCTS:
        fields = [value[name] for name in _FIELD_NAMES[type_name]]
        made: AttributeValue = _STRUCTS[type_name](
            *(item if isinstance(item, int) else _float_from_json(item) for item in fields)
        )
        return made
    special = _FROM_JSON.get(type_name)
    if special:
        return special(value)
    if isinstance(value, list):
        return tuple(item if isinstance(item, int) else _float_from_json(item) for item in value)
    if type_name in {"float", "double"}:
        return _float_from_json(value)
    return value  # type: ignore[no-any-return]  # int or str


def value_number(attribute: Attribute) -> float | None:
    """The value as one finite number, for queries; None if it is not one."""
    value = attribute.value
    if isinstance(value, Rational):
        return value.value
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return None


def _single(value: float) -> str:
    """The shortest decimal that reads back as this 32-bit float: `0.64` instead of `0.6399999856948853`."""
    for layout in ("{:.6g}", "{:.7g}", "{:.8g}"):
        text = layout.format(value)
        try:
            if _F32.unpack(_F32.pack(float(text)))[0] == value:
                return text
        except OverflowError:
            pass  # rounded up beyond the largest float
    return f"{value:.9g}"


def _singles(values: Sequence[float]) -> str:
    return " ".join([_single(value) for value in values])


def _exact(value: float) -> str:
    return repr(value).removesuffix(".0")


def _words(values: Sequence[object]) -> str:
    return " ".join(map(str, values))


def _box_text(low: str, high: str) -> str:
    return f"({low}) - ({high})"


def _chromaticities_text(value: Chromaticities) -> str:
    names = ("red", "green", "blue", "white")
    return ", ".join(f"{name} {_singles(value[2 * n : 2 * n + 2])}" for n, name in enumerate(names))


def _keycode_text(key: KeyCode) -> str:
    film = f"mfc {key.film_mfc_code}, type {key.film_type}, prefix {key.prefix}, count {key.key_count}"
    return f"{film}, offset {key.perf_offset}, {key.perfs_per_frame} perfs/frame, {key.perfs_per_count} perfs/count"


def _tiles_text(tiles: TileDesc) -> str:
    mode, rounding = code_name(LevelMode, tiles.level_mode), code_name(LevelRoundingMode, tiles.rounding_mode)
    return f"{tiles.x_size} x {tiles.y_size} {mode} {rounding}"


def _rational_text(value: Rational) -> str:
    quotient = "" if value.value is None or value.denominator == 1 else f" = {value.value:.6g}"
    return f"{value.numerator}/{value.denominator}{quotient}"


def _bytes_text(value: Bytes) -> str:
    hint = value.type_hint[:MAX_ITEMS].decode("latin-1") or "no stated kind"
    return f"{len(value.data)} bytes of {hint}"


_TEXT: dict[str, Callable[[Any], str]] = {
    "box2f": lambda value: _box_text(_singles(value[:2]), _singles(value[2:])),
    "box2i": lambda value: _box_text(_words(value[:2]), _words(value[2:])),
    "bytes": _bytes_text,
    "chlist": lambda value: ", ".join([channel.name for channel in value[:MAX_ITEMS]]),
    "chromaticities": _chromaticities_text,
    "double": _exact,
    "float": _single,
    "floatvector": lambda value: _singles(
        value.first(MAX_ITEMS) if isinstance(value, FloatVector) else value[:MAX_ITEMS]
    ),
    "idmanifest": lambda value: f"id manifest of {value.inflated_bytes} bytes",
    "keycode": _keycode_text,
    "m33f": _singles,
    "m44f": _singles,
    "preview": lambda value: f"{value.width} x {value.height} RGBA",
    "rational": _rational_text,
    "string": str,
    "stringvector": lambda value: "\n".join(value[:MAX_ITEMS]),
    "tiledesc": _tiles_text,
    "timecode": lambda value: read_timecode(value).text,
    "v2f": _singles,
    "v3f": _singles,
}


def code_text(attribute: Attribute) -> str | None:
    """The name of a code, such as `ZIP` of a compression; None for values that are no codes."""
    codes, value = _CODES.get(attribute.type_name), attribute.value
    return code_name(codes, value) if codes and isinstance(value, int) else None


def value_text(attribute: Attribute) -> str | None:
    r"""The value as text, for people and for text search; None for bytes. A list is cut after MAX_ITEMS items.

    Bytes that are not valid UTF-8 are written `\xNN`.
    """
    value = attribute.value
    if isinstance(value, bytes):
        texts = readable_strings(attribute.type_name, value)
        return None if texts is None else "\n".join(texts[:MAX_ITEMS])
    if (name := code_text(attribute)) is not None:
        return name
    special = _TEXT.get(attribute.type_name)
    if special:
        return special(value)
    if isinstance(value, tuple):
        return " ".join([_exact(item) if isinstance(item, float) else str(item) for item in value])
    return str(value)


def short_text(attribute: Attribute) -> str:
    """The value for a message: the start of its text, or its size and type if it has no text."""
    text = value_text(attribute)
    return f"{attribute.size} bytes of {attribute.type_name[:64]}" if text is None else text[:200]
