"""Parses Cryptomatte manifests, which map names to ids, and computes ids from names. Independent of headers.

Source: Cryptomatte specification 1.2.0 and its reference utilities: an id is the MurmurHash3_x86_32 of the UTF-8 name with seed
0. If its float exponent is 0 or 255 (a denormal, an infinity or a NaN), the exponent's lowest bit (bit 23) is toggled.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping

import mmh3
import xxhash

from exr_inspector.exr.header.text import encode_name

_EIGHT_HEX = re.compile(r"[0-9a-fA-F]{8}")
# An invalid UTF-8 byte as `decode_name` writes it; an even number of backslashes before it are JSON escapes.
_BYTE = re.compile(r"(?<!\\)((?:\\\\)*)\\(x[89a-f][0-9a-f])")


class ManifestError(ValueError):
    """A manifest does not follow the specification. Always caught by the callers of this package.

    Attributes:
        is_truncated: Whether the manifest ends too early.
    """

    def __init__(self, message: str, *, is_truncated: bool = False) -> None:
        super().__init__(message)
        self.is_truncated = is_truncated


def cryptomatte_id(name: str) -> int:
    """The 32-bit id of a name."""
    return _id_of(name.encode("utf-8", "surrogatepass"))


def _id_of(name: bytes) -> int:
    hashed = mmh3.hash(name, 0, signed=False)
    exponent = (hashed >> 23) & 0xFF
    return hashed ^ (1 << 23) if exponent in (0, 255) else hashed


def id_as_float(value: int) -> float:
    """The float with the same 32 bits as an id, as stored in pixels."""
    as_float: float = struct.unpack("<f", struct.pack("<I", value))[0]
    return as_float


def manifest_hash(text: str) -> str:
    """The XXH3-128 of a manifest's text, 32 hexadecimal digits; frames with the same manifest share its stored names."""
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


def parse_manifest(text: str) -> dict[str, str]:
    r"""The names of a manifest and their ids as text of lower case; readers take upper case, too.

    Invalid UTF-8 bytes, which `decode_name` writes as `\xNN`, keep this form in the names, since JSON has no such escape.

    Raises:
        ManifestError: If it is not a JSON object that maps names to eight hexadecimal digits.
    """
    try:
        parsed = json.loads(text if "\\x" not in text else _BYTE.sub(r"\1\\\\\2", text))
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise ManifestError(f"truncated after {len(text)} characters: {error}", is_truncated=True) from error
        raise ManifestError(f"not valid JSON: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"not valid JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise ManifestError(f"a JSON {_json_type(parsed)}, not an object")
    for number, value in enumerate(parsed.values(), 1):
        if not isinstance(value, str) or not _EIGHT_HEX.fullmatch(value):
            # The message quotes no text: a sidecar may be any JSON file next to the image, even one with secrets.
            raise ManifestError(f"a JSON object, but the id of entry {number} is not eight hexadecimal digits")
    return {name: value.lower() for name, value in parsed.items()}


def _json_type(value: object) -> str:
    names = ((bool, "true or false"), (str, "string"), ((int, float), "number"), (list, "array"))
    return next((name for types, name in names if isinstance(value, types)), "null")


def is_sidecar_path(path: str) -> bool:
    """Whether `manif_file` follows the specification: a relative path to a .json file in the image's folder or below it."""
    return (
        path.endswith(".json") and "\\" not in path and path[1:2] != ":" and {"", ".", ".."}.isdisjoint(path.split("/"))
    )


def wrong_names(manifest: Mapping[str, str]) -> list[str]:
    """The names whose id is neither the hash of the name nor the hash of the bytes that `decode_name` converted to it."""
    return [
        name
        for name, value in manifest.items()
        if f"{cryptomatte_id(name):08x}" != value
        if "\\x" not in name or f"{_id_of(encode_name(name)):08x}" != value
    ]


def collisions(manifest: Mapping[str, str]) -> list[tuple[str, str]]:
    """The pairs of names with the same id."""
    owner: dict[str, str] = {}
    return [(first, name) for name, value in manifest.items() if (first := owner.setdefault(value, name)) != name]
