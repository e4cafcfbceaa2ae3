"""Cryptomatte manifests: names to ids, and the hash that makes an id of a name. Knows nothing of headers.

Source: Cryptomatte specification 1.2.0 and its reference utilities: MurmurHash3_x86_32 with seed 0 over the UTF-8 name; an
exponent of 0 or 255, which would make a denormal, an infinity or a NaN, has its lowest bit (bit 23) toggled.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping

import mmh3
import xxhash

from exr_inspector.exr.header.text import encode_name

_EIGHT_HEX = re.compile(r"[0-9a-f]{8}")
# A byte that is not UTF-8, as `decode_name` writes it; an even number of backslashes before it belongs to JSON.
_BYTE = re.compile(r"(?<!\\)((?:\\\\)*)\\(x[89a-f][0-9a-f])")


class ManifestError(ValueError):
    """A manifest is not what the specification asks for; never leaves this package and its callers.

    Attributes:
        is_truncated: Whether it ends too early.
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
    """The float that stands for an id in the pixels: the same 32 bits."""
    as_float: float = struct.unpack("<f", struct.pack("<I", value))[0]
    return as_float


def manifest_hash(text: str) -> str:
    """XXH3-128 of a manifest's text, 32 hexadecimal digits: frames that repeat a manifest share its names."""
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


def parse_manifest(text: str) -> dict[str, str]:
    r"""A manifest's names and their ids as text.

    Bytes that are not UTF-8, which `decode_name` wrote as `\xNN`, stay so in the names: JSON has no such escape.

    Raises:
        ManifestError: If it is no JSON object of names to eight lower-case hexadecimal digits.
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
        raise ManifestError(f"a JSON {type(parsed).__name__}, not an object")
    for number, value in enumerate(parsed.values(), 1):
        if not isinstance(value, str) or not _EIGHT_HEX.fullmatch(value):
            # Nothing of the text is repeated: a sidecar may be any JSON file beside the image, also one with secrets.
            raise ManifestError(f"the id of entry {number} is not eight lower-case hexadecimal digits")
    return parsed


def is_sidecar_path(path: str) -> bool:
    """Whether `manif_file` is what the specification asks for: a relative path, in the folder or below it, to a .json file."""
    return (
        path.endswith(".json") and "\\" not in path and path[1:2] != ":" and {"", ".", ".."}.isdisjoint(path.split("/"))
    )


def wrong_names(manifest: Mapping[str, str]) -> list[str]:
    """Names whose id is neither the hash of the name, nor that of the bytes of which `decode_name` made it."""
    return [
        name
        for name, value in manifest.items()
        if f"{cryptomatte_id(name):08x}" != value
        if "\\x" not in name or f"{_id_of(encode_name(name)):08x}" != value
    ]


def collisions(manifest: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of names that share an id."""
    owner: dict[str, str] = {}
    return [(first, name) for name, value in manifest.items() if (first := owner.setdefault(value, name)) != name]
